//! The screen of a delivered warning on this terminal: its width, its colours, the machine's time zone, what the profile's
//! directory knows of the key, and the command lines as this profile takes them.

use jiff::tz::TimeZone;

use super::{Checked, Colours, Passing, ScreenInput, render};
use crate::cli::{Context, invocation};
use crate::client::{Client, Delivered, PassedOn};
use crate::domain::{KeyId, Principal};
use crate::ledger::Directory;
use crate::time::{Clock as _, SystemClock};

/// What `watch` prints of a warning.
pub(crate) async fn screen(client: &Client, delivered: &Delivered, context: &Context) -> String {
    let known = client.known_directory().await;
    let settings = client.settings();
    let own_desk = client.own_desk().ok();
    let program = invocation::with_profile(context);
    // What cannot be told is not told; the screen of the warning matters more.
    let erased = client.inbox().erased(&delivered.inbox_name()).unwrap_or_default();
    let input = ScreenInput {
        warning: &delivered.warning,
        digest: delivered.digest,
        content: &delivered.content,
        erased: erased.as_ref(),
        desk: &delivered.desk,
        passed_on: None,
        name_desk: own_desk.as_ref() != Some(&delivered.desk),
        checked: Checked {
            key: delivered.keyid,
            key_confirmed: delivered.key_confirmed,
            root: root_of(known.directory(), &delivered.keyid),
            index: delivered.routed.index(),
            routed_at: delivered.routed_at,
            log_size: delivered.routed.checkpoint().size(),
        },
        so_far: &[],
        languages: &settings.languages,
        now: SystemClock.now(),
        program: &program,
        office: None,
    };
    let text = render(&input, width(), Colours::of_stdout(), &TimeZone::system());
    text.trim_end_matches('\n').to_owned()
}

/// What `onward read` prints of a warning that another agency handed over.
pub(crate) async fn passed_on_screen(client: &Client, passed_on: &PassedOn) -> String {
    let known = client.known_directory().await;
    let transfer = &passed_on.transfer;
    let barred = passed_on.barred.map(|bar| bar.to_string());
    let passing = Passing {
        to: &transfer.to,
        office: transfer.common.named().map_or("", |signer| &signer.office),
        at: transfer.common.sent,
        key: passed_on.by_key,
        key_confirmed: passed_on.by_key_confirmed,
        originator_agreed: transfer.originator_agreed,
        barred: barred.as_deref(),
    };
    let input = ScreenInput {
        warning: &passed_on.warning,
        digest: passed_on.digest,
        content: &passed_on.content,
        erased: None,
        desk: &transfer.desk,
        passed_on: Some(&passing),
        name_desk: false,
        checked: Checked {
            key: passed_on.keyid,
            key_confirmed: passed_on.key_confirmed,
            root: root_of(known.directory(), &passed_on.keyid),
            index: passed_on.routed.index(),
            routed_at: passed_on.routed.record().time,
            log_size: passed_on.routed.checkpoint().size(),
        },
        so_far: &[],
        languages: &client.settings().languages,
        now: SystemClock.now(),
        program: "",
        office: None,
    };
    let text = render(&input, width(), Colours::of_stdout(), &TimeZone::system());
    text.trim_end_matches('\n').to_owned()
}

/// The root that was valid when the key was enrolled.
fn root_of(directory: &Directory, keyid: &KeyId) -> Option<KeyId> {
    let key = directory.key(keyid)?;
    let state = Principal::Root(key.principal.agency()?.state());
    let root = directory
        .keys_of(&state)
        .find(|root| root.is_valid_at(key.from))?;
    Some(root.keyid)
}

/// The terminal's columns; else what `COLUMNS` says; else 80.
fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let columns = size
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0);
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    columns.or_else(said).unwrap_or(80)
}
