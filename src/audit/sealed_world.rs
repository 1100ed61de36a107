//! What the small world (`world.rs`) does once bodies are sealed and erased: keys to seal to, a sealed warning and a sealed
//! text, an auditor's hold, the relay's `ERASED`. Nothing here is really encrypted, so that the same calls give the same bytes:
//! whoever has no key sees of a sealed part only its length.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use bytes::Bytes;
use zeroize::Zeroizing;

use super::world::{AUDITOR, Says, World, envelope, parsed, secret};
use crate::domain::*;
use crate::ledger::{Command, Erasure, ThreadKey, admit};
use crate::limits::{SEALED_BODY_CLASSES, SEALED_TAG_BYTES, SEALED_TEXT_CLASSES};
use crate::seal::{
    PayloadKind, SEALED_BODY_SUITE, SealSecretKey, SealSuite, body_digest, plaintext_commitment, text_digest,
};
use crate::time::Clock as _;
use crate::wire::{self, Recorded};

/// The salts of what was sealed.
pub(crate) const BODY_SALT: [u8; 32] = [0x33; 32];
pub(crate) const TEXT_SALT: [u8; 32] = [0x44; 32];
pub(crate) const HEADLINE: &str = "Attack on a concert hall";
pub(crate) const REFUSAL: &str = "Too vague.";

/// The key that an agency opens with: always the same.
pub(crate) fn seal_key(agency: &str) -> SealSecretKey {
    let seed = crate::seal::h("test-seal-key", &[agency.as_bytes()]);
    SealSecretKey::from_secret(SealSuite::X25519, Zeroizing::new(seed))
}

/// A text as it was before it was sealed.
pub(crate) fn text_of(language: &str, text: &str) -> Bytes {
    wire::encode_text(&Text {
        language: parsed(language),
        text: text.to_owned(),
    })
}

/// Of a sealed part nobody without a key sees more than its length and its suite.
fn opaque(first: Option<u8>, length: usize) -> Bytes {
    let mut bytes = vec![0x5a; length];
    if let (Some(first), Some(place)) = (first, bytes.first_mut()) {
        *place = first;
    }
    bytes.into()
}

fn signed(part: &DetachedPart, suite: u32, digest: [u8; 32], commitment: [u8; 32]) -> PartReference {
    PartReference {
        form: Form::Sealed,
        suite,
        length: part.content.len() as u32,
        digest,
        plaintext_commitment: Some(commitment),
    }
}

impl World {
    /// us.ctc and ru.ctc have keys to seal to, and an auditor that both admit holds what could be erased, until a day is over.
    pub(crate) fn sealing() -> Self {
        let mut world = Self::of(&[
            ("ru", "ru.ctc", AgencyKind::Agency),
            ("us", "us.ctc", AgencyKind::Agency),
            ("ch", AUDITOR, AgencyKind::Auditor),
        ]);
        let rules = RetentionRules {
            exercise_days: 7,
            ..RetentionRules::default()
        };
        let stopped = Some(world.clock.now());
        world.start_with(stopped, Some(rules));
        for agency in ["ru.ctc", "us.ctc"] {
            world.mandate(agency);
            let key = seal_key(agency).public_key().as_bytes().to_vec();
            world.publish(agency, KeyRole::Seal, key);
        }
        let officer = secret(AUDITOR, KeyRole::Officer, 0).public_key();
        world.publish(AUDITOR, KeyRole::Officer, officer.as_bytes().to_vec());
        let seen = world.seen();
        let until = world.clock.now().saturating_add_ms(24 * 3_600_000);
        let hold = Hold {
            common: world.common(AUDITOR, KeyRole::Officer, "inspector", Some(seen)),
            until,
            reason: "An inquiry.".to_owned(),
            warnings: Vec::new(),
            agencies: vec![parsed("ru.ctc")],
            extensions: Vec::new(),
        };
        let key = secret(AUDITOR, KeyRole::Officer, 0);
        let signed = envelope(PayloadKind::Hold, wire::encode_hold(&hold), &[key]);
        let admitted = admit::hold(&world.directory, &parsed(AUDITOR), signed).unwrap();
        world.does(Command::PlaceHold(admitted));
        world
    }

    fn publish(&mut self, agency: &str, role: KeyRole, public_key: Vec<u8>) {
        let root = format!("root:{}", parsed::<AgencyId>(agency).state());
        let certificate = KeyCertificate {
            common: self.common(&root, KeyRole::Root, "", None),
            principal: parsed(agency),
            role,
            public_key,
            label: String::new(),
            extensions: Vec::new(),
        };
        let mut keys = vec![secret(&root, KeyRole::Root, 0)];
        if role.signs() {
            keys.push(secret(agency, role, 0));
        }
        let payload = wire::encode_key_certificate(&certificate);
        let signed = envelope(PayloadKind::KeyCertificate, payload, &keys);
        let admitted = admit::key_statement(&self.directory, signed).unwrap();
        self.does(Command::PublishKey(admitted));
    }

    /// Sends a sealed warning; its digest, and its body as it was before.
    pub(crate) fn send_sealed(&mut self, from: &str, to: &[&str]) -> (Digest, Bytes) {
        let mut submission = self.warning(from, to, HEADLINE);
        let mut header = wire::warning(&Recorded(&submission.envelope)).unwrap();
        let plain = submission.body.content.clone();
        submission.body.content = opaque(None, SEALED_BODY_CLASSES[0] + SEALED_TAG_BYTES);
        let body = &submission.body;
        let digest = body_digest(&body.salt, &body.content);
        let commitment = plaintext_commitment(&BODY_SALT, &plain);
        header.body = signed(body, SEALED_BODY_SUITE, digest, commitment);
        let reply = seal_key("reply");
        header.reply_key = Some(ReplyKey {
            suite: u32::from(reply.suite().byte()),
            key: reply.public_key().key().to_vec(),
        });
        let key = secret(from, KeyRole::Originate, 0);
        submission.envelope = envelope(PayloadKind::Warning, wire::encode_warning(&header), &[key]);
        // One byte more is the originator's own, with the reply key's secret.
        let overhead = SealSuite::X25519.overhead();
        let wrap = |agency: &str, bytes: usize| Wrap {
            agency: parsed(agency),
            wrapped: opaque(Some(SealSuite::X25519.byte()), bytes + overhead),
        };
        submission.wraps = to.iter().map(|agency| wrap(agency, 32)).collect();
        submission.wraps.push(wrap(from, 65));
        (self.submit(from, submission), plain)
    }

    /// An answer whose note, if it has one, is sealed.
    pub(crate) fn answer_sealed(
        &mut self,
        warning: Digest,
        by: &str,
        kind: AcknowledgementKind,
        says: Says,
    ) -> u64 {
        let (mut said, mut text) = self.acknowledgement(warning, by, kind, says);
        if let Some(part) = &mut text {
            let suite = SealSuite::X25519;
            let commitment = plaintext_commitment(&TEXT_SALT, &part.content);
            part.content = opaque(Some(suite.byte()), SEALED_TEXT_CLASSES[0] + suite.overhead());
            let digest = text_digest(&part.salt, &part.content);
            said.text = Some(signed(part, u32::from(suite.byte()), digest, commitment));
        }
        self.acknowledge(by, said, text)
    }

    /// The relay says that it has erased what was said in a record, by the rule of exercises, on the first day it may.
    pub(crate) fn erase(&mut self, warning: Digest, desk: &str, index: u64) -> u64 {
        let fact = self
            .facts
            .warnings()
            .find(|(digest, _)| **digest == warning)
            .unwrap()
            .1;
        let bucket = Bucket::of(fact.retention, fact.expires, fact.expires);
        let (erased, now) = (
            Erased {
                index,
                bucket,
                days: 7,
            },
            self.clock.now(),
        );
        let wait = bucket.due(erased.days).ms_since(now).max(0);
        self.clock.advance_ms(wait);
        let thread = ThreadKey {
            warning,
            desk: parsed(desk),
        };
        let looked = self.directory.position();
        self.does(Command::Erase(Erasure {
            thread,
            erased,
            looked,
            begun: false,
        }))
    }
}
