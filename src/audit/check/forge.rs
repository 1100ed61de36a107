//! A log that a dishonest relay writes: an honest one in which records or what was signed in them were changed, left out or
//! added. Its bundle has it linked anew and proven (`forge_bundle`). What is wrong in it is then what was changed, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use prost::Message;
use serde_json::Value;

use super::super::tampering::record_of;
use super::super::world::{Says, World, envelope, parsed, secret, tls_key};
use crate::domain::*;
use crate::seal::{PayloadKind, SecretKey};
use crate::wire::{self, v1};

/// Where records stand in [`Forged::answered`]; up to `ROUTED` also in [`Forged::warned`].
pub(super) const GENESIS: usize = 0;
pub(super) const STARTED: usize = 1;
pub(super) const STATE: usize = 8;
pub(super) const AGENCY: usize = 9;
pub(super) const ACCEPTED: usize = 14;
pub(super) const ROUTED: usize = 15;
pub(super) const HANDED_OVER: usize = 16;
pub(super) const RECEIVED: usize = 17;
pub(super) const REFUSED: usize = 18;

/// What is done to something, if anything is.
type Change<T> = Option<Box<dyn Fn(&mut T)>>;

/// Where a bundle has a record.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    Directory,
    Accepted,
    Thread(String),
    Nowhere,
}

pub(super) struct Item {
    pub(super) record: Record,
    pub(super) place: Place,
    pub(super) text: Option<DetachedPart>,
    /// What is done to it once it is linked, before others link to it.
    pub(super) linked: Change<Record>,
    /// What is done to its bytes.
    pub(super) bytes: Change<Vec<u8>>,
}

pub(super) struct Forged {
    pub(super) world: World,
    pub(super) items: Vec<Item>,
    pub(super) warning: SignedEnvelope,
    pub(super) body: Option<DetachedPart>,
    /// The record that links to the one after it, and not the other way round.
    pub(super) crossed: Option<usize>,
    /// What is done to the bundle in the end.
    pub(super) shown: Change<Value>,
}

impl Forged {
    /// us.ctc has warned ru.ctc.
    pub(super) fn warned() -> Self {
        let mut world = World::small();
        world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
        Self::of(world)
    }

    /// The same, handed over, received and refused with a text.
    pub(super) fn answered() -> Self {
        let mut world = World::small();
        let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
        world.hand_over(warning, "ru.ctc", 0);
        world.answer(warning, "ru.ctc", AcknowledgementKind::Received, Says::default());
        let says = Says {
            reason: Some(RefusalReason::Other),
            note: Some(("en", "Too vague.")),
            ..Says::default()
        };
        world.answer(warning, "ru.ctc", AcknowledgementKind::Refused, says);
        Self::of(world)
    }

    /// All of a world in which one warning was sent.
    pub(super) fn of(world: World) -> Self {
        let (mut warning, mut items) = (None, Vec::new());
        for shown in &world.shown {
            let record = record_of(shown);
            let mut text = shown.part.clone();
            let place = match (&record.kind, &record.directory, &record.thread) {
                (RecordKind::Accepted(accepted), _, _) => {
                    warning = Some((accepted.warning.clone(), text.take()));
                    Place::Accepted
                }
                (_, Some(_), _) => Place::Directory,
                (_, _, Some(link)) => Place::Thread(link.desk.to_string()),
                (_, None, None) => Place::Nowhere,
            };
            items.push(Item {
                record,
                place,
                text,
                linked: None,
                bytes: None,
            });
        }
        let (warning, body) = warning.unwrap();
        Self {
            world,
            items,
            warning,
            body,
            crossed: None,
            shown: None,
        }
    }

    /// A record of the directory, at an index.
    pub(super) fn insert(&mut self, at: usize, kind: RecordKind) {
        let before = &self.items[at - 1].record;
        let record = Record {
            nonce: [0x70 + u8::try_from(self.items.len()).unwrap(); 16],
            time: before.time,
            thread: None,
            directory: Some(DirectoryLink { seq: 0, prev: None }),
            kind,
        };
        let item = Item {
            record,
            place: Place::Directory,
            text: None,
            linked: None,
            bytes: None,
        };
        self.items.insert(at, item);
    }

    /// The relay's start stands at an index, which no bundle shows.
    pub(super) fn pauses(&mut self, at: usize) {
        let started = self.items[STARTED].record.kind.clone();
        self.insert(at, started);
        self.items[at].place = Place::Nowhere;
        self.items[at].record.directory = None;
    }

    /// What one says who had seen the genesis; a root, of whom nobody asks it, has seen nothing.
    pub(super) fn common(&mut self, by: &str, role: KeyRole) -> Common {
        let seen = Seen {
            size: 1,
            root: super::stage::root_at(&self.world, 1),
        };
        let seen = Some(seen).filter(|_| role != KeyRole::Root);
        self.world.common(by, role, "", seen)
    }

    /// What `by` certifies: the key of a generation. `keys` sign it.
    pub(super) fn certificate(
        &mut self,
        (of, role, generation): (&str, KeyRole, u8),
        (by, by_role): (&str, KeyRole),
        keys: &[SecretKey],
    ) -> SignedEnvelope {
        let certificate = KeyCertificate {
            common: self.world.common(by, by_role, "", None),
            principal: parsed(of),
            role,
            public_key: match role {
                KeyRole::Tls => tls_key(&format!("{of} {generation}")),
                _ => secret(of, role, generation).public_key().as_bytes().to_vec(),
            },
            label: String::new(),
            extensions: Vec::new(),
        };
        let payload = wire::encode_key_certificate(&certificate);
        envelope(PayloadKind::KeyCertificate, payload, keys)
    }

    /// The revocation of a key of the first generation.
    pub(super) fn revocation(
        &mut self,
        (of, role): (&str, KeyRole),
        (by, by_role): (&str, KeyRole),
    ) -> RecordKind {
        let keyid = match role {
            KeyRole::Tls => super::super::world::tls_keyid(of),
            _ => secret(of, role, 0).public_key().keyid(),
        };
        let revocation = KeyRevocation {
            common: self.common(by, by_role),
            principal: parsed(of),
            keyid,
            reason: RevocationReason::Retired,
            extensions: Vec::new(),
        };
        let payload = wire::encode_key_revocation(&revocation);
        let key = secret(by, by_role, 0);
        RecordKind::KeyRevoked(envelope(PayloadKind::KeyRevocation, payload, &[key]))
    }

    /// What was signed in a record is another, signed anew by the same keys.
    pub(super) fn says<M: Message + Default>(&mut self, at: usize, change: impl FnOnce(&mut M)) {
        resaid(envelope_in(&mut self.items[at].record), change);
    }

    /// What was signed in a record is signed by others.
    pub(super) fn signed(&mut self, at: usize, keys: &[SecretKey]) {
        let it = envelope_in(&mut self.items[at].record);
        *it = signed_by(it, keys);
    }

    /// The warning is another: all that names it names that.
    pub(super) fn warns(&mut self, change: impl FnOnce(&mut SignedEnvelope)) {
        let before = self.warning.digest();
        change(&mut self.warning);
        let (warning, digest) = (self.warning.clone(), self.warning.digest());
        for item in &mut self.items {
            if let Some(link) = item.record.thread.as_mut().filter(|link| link.warning == before) {
                link.warning = digest;
            }
            if let RecordKind::Accepted(accepted) = &mut item.record.kind {
                accepted.warning = warning.clone();
            } else if let RecordKind::Routed(routed) = &mut item.record.kind {
                routed.warning = digest;
            } else if let RecordKind::Acknowledged(said) = &mut item.record.kind {
                resaid(said, |said: &mut v1::Acknowledgement| {
                    said.warning_digest = Bytes::copy_from_slice(digest.as_bytes());
                });
            }
        }
    }

    /// The warning's header is another, signed anew by the same keys.
    pub(super) fn header(&mut self, change: impl FnOnce(&mut v1::Warning)) {
        self.warns(|warning| resaid(warning, change));
    }

    pub(super) fn accepted(&mut self, change: impl FnOnce(&mut Accepted)) {
        let all = self.items.iter_mut().map(|item| &mut item.record.kind);
        let mut all = all.filter_map(|kind| match kind {
            RecordKind::Accepted(accepted) => Some(accepted),
            _ => None,
        });
        change(all.next().unwrap());
    }

    pub(super) fn routed(&mut self, change: impl FnOnce(&mut Routed)) {
        let RecordKind::Routed(routed) = &mut self.items[ROUTED].record.kind else {
            panic!("no ROUTED")
        };
        change(routed);
    }

    pub(super) fn handed_over(&mut self, tls_keyid: KeyId) {
        let RecordKind::HandedOver(it) = &mut self.items[HANDED_OVER].record.kind else {
            panic!("no HANDED_OVER")
        };
        it.tls_keyid = tls_keyid;
    }

    /// What is done to a record once it is linked.
    pub(super) fn linked(&mut self, at: usize, change: impl Fn(&mut Record) + 'static) {
        self.items[at].linked = Some(Box::new(change));
    }

    /// It is of a kind that only a later version knows.
    pub(super) fn later(&mut self, at: usize) {
        self.items[at].record.kind = RecordKind::Unknown;
        self.items[at].bytes = Some(Box::new(|bytes| bytes.extend([0xc2, 0x02, 0])));
    }

    /// What is done to the bundle in the end.
    pub(super) fn shows(&mut self, change: impl Fn(&mut Value) + 'static) {
        self.shown = Some(Box::new(change));
    }
}

pub(super) fn envelope_in(record: &mut Record) -> &mut SignedEnvelope {
    match &mut record.kind {
        RecordKind::StateEnrolled { enrolment, .. } => enrolment,
        RecordKind::Accepted(accepted) => &mut accepted.warning,
        RecordKind::AgencyEnrolled(it)
        | RecordKind::KeyPublished(it)
        | RecordKind::KeyRevoked(it)
        | RecordKind::RootSucceeded(it)
        | RecordKind::DesksPublished(it)
        | RecordKind::MandatePublished(it)
        | RecordKind::HoldPlaced(it)
        | RecordKind::AgencySuspended(it)
        | RecordKind::AgencyReinstated(it)
        | RecordKind::OperatorKeyPublished(it)
        | RecordKind::Acknowledged(it) => it,
        kind => panic!("{kind:?} has no envelope"),
    }
}

/// The secret of a key of this world.
fn secret_of(keyid: KeyId) -> SecretKey {
    let principals = [
        "operator:main",
        "root:ru",
        "root:us",
        "ru.ctc",
        "us.ctc",
        "int.un.x",
        super::super::world::AUDITOR,
    ];
    let roles = [
        KeyRole::Root,
        KeyRole::Originate,
        KeyRole::Receive,
        KeyRole::Officer,
        KeyRole::Operator,
    ];
    let all = principals.iter().flat_map(|principal| {
        roles
            .iter()
            .flat_map(move |role| (0..2).map(move |generation| secret(principal, *role, generation)))
    });
    all.into_iter()
        .find(|key| key.public_key().keyid() == keyid)
        .unwrap()
}

/// The same, signed by these keys.
pub(super) fn signed_by(it: &SignedEnvelope, keys: &[SecretKey]) -> SignedEnvelope {
    let mut signed = SignedEnvelope {
        signatures: Default::default(),
        ..it.clone()
    };
    let pae = signed.pae();
    signed.signatures = keys
        .iter()
        .map(|key| EnvelopeSignature {
            keyid: key.public_key().keyid(),
            sig: key.sign(&pae),
        })
        .collect();
    signed
}

/// The same of another type or other contents, signed anew by the same keys.
pub(super) fn resigned(it: &mut SignedEnvelope, change: impl FnOnce(&mut SignedEnvelope)) {
    let keys: Vec<SecretKey> = it.signatures.iter().map(|by| secret_of(by.keyid)).collect();
    change(it);
    *it = signed_by(it, &keys);
}

pub(super) fn resaid<M: Message + Default>(it: &mut SignedEnvelope, change: impl FnOnce(&mut M)) {
    resigned(it, |it| {
        let mut message = M::decode(it.payload.clone()).unwrap();
        change(&mut message);
        it.payload = message.encode_to_vec().into();
    });
}

/// Who a payload says has signed it.
pub(super) fn signer(common: &mut Option<v1::Common>) -> &mut v1::Signer {
    match common.as_mut().and_then(|common| common.by.as_mut()) {
        Some(v1::common::By::Signer(signer)) => signer,
        other => panic!("{other:?}"),
    }
}

/// A payload says that another has signed it; a root, who says nothing of it, has seen nothing.
pub(super) fn signs(common: &mut Option<v1::Common>, (of, role): (&str, KeyRole)) {
    let signer = signer(common);
    (signer.principal, signer.role) = (of.to_owned(), i32::from(role.number()));
    if role == KeyRole::Root {
        signer.seen = None;
    }
}
