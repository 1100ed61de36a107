//! What is written is golden.

use super::profile_is_golden;
use super::values::Values;
use crate::client::directory_cache::{self, DirectoryCache};
use crate::client::inbox::Inbox;
use crate::client::inbox_state::InboxState;
use crate::client::keys::{certificate_path, write_request};
use crate::client::outbox::{Outbox, OutboxKind};
use crate::client::profile::ProfileDir;
use crate::client::receipts;
use crate::client::receive::as_stored;
use crate::client::trust::install_checkpoint;
use crate::domain::KeyRole;

/// A profile with everything in it that one can hold, written by the same functions as write it every day.
#[test]
fn a_profile_is_written_as_it_always_was() {
    let directory = tempfile::tempdir().unwrap();
    let profile = ProfileDir::new(directory.path());
    let values = Values::new();
    values.settings.write(&profile).unwrap();
    let operator = ProfileDir::new(directory.path().join("operator"));
    values.sparse_settings.write(&operator).unwrap();
    values
        .welcome
        .write(&directory.path().join("welcome.json"))
        .unwrap();
    install_checkpoint(&profile, &values.checkpoint).unwrap();

    let (mut cache, mut known) = DirectoryCache::open(&profile, &values.settings.log).unwrap();
    // In two pages, as a directory that grows.
    let chain = values.chain();
    let (first, second) = chain.split_at(chain.len() / 2);
    cache.append(first).unwrap();
    cache.append(second).unwrap();
    known.take_in(&chain, &values.settings.log).unwrap();
    let keys: Vec<_> = known
        .directory()
        .keys()
        .filter(|key| key.role == KeyRole::Originate)
        .cloned()
        .collect();
    directory_cache::confirm(&profile, &mut known, &keys).unwrap();

    let outbox = Outbox::of(&profile);
    for entry in &values.outbox {
        outbox.put(entry).unwrap();
        match entry.kind {
            OutboxKind::Suspension => {
                outbox.drop_entry(entry).unwrap();
            }
            OutboxKind::Warning | OutboxKind::Desks => {
                outbox.note_refusal(entry, &values.refusal).unwrap();
            }
            _ => {}
        }
    }

    let inbox = Inbox::of(&profile);
    for (name, delivery) in &values.deliveries {
        inbox.store(name, &as_stored(delivery)).unwrap();
        inbox.mark(name, InboxState::Shown).unwrap();
        if !name.desk.is_duty() {
            inbox.mark(name, InboxState::Handled).unwrap();
            inbox.mark(name, InboxState::Received).unwrap();
            inbox.mark_answered(name).unwrap();
        }
    }

    let (accepted, routed) = values.receipts();
    receipts::keep(&profile, &values.submission.hint.id.to_string(), accepted, routed).unwrap();

    let requests = directory.path().join("requests");
    std::fs::create_dir(&requests).unwrap();
    let request = requests.join("originate.json");
    write_request(values.request, &request).unwrap();
    write_request(values.certificate, &certificate_path(&request)).unwrap();
    profile_is_golden(directory.path());
}
