//! Warnings and acknowledgements, as a client would send them; each closure may spoil them before they are signed.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wardline::domain::*;
use wardline::seal::{self, PayloadKind};
use wardline::wire;

use super::{World, parsed};

/// A warning before it is signed: its header, and what lies beside.
#[derive(Debug)]
pub struct Draft {
    pub header: Warning,
    pub openings: Vec<AudienceOpening>,
    pub body: DetachedPart,
    /// Of a sealed body: its key, to be wrapped when the header is signed, and the key to open answers with.
    pub sealed: Option<(seal::BodyKey, seal::SealSecretKey)>,
}

impl World {
    /// An EXERCISE ALERT from an agency, for two days.
    pub fn draft(&mut self, from: &str, to: &[&str], excluded: &[&str]) -> Draft {
        let body = self.body("A large gathering may be attacked.");
        let common = self.common(from, KeyRole::Originate);
        let (audience, openings) = audience(&common.id, to, excluded);
        let header = Warning {
            expires: common.sent.checked_add_ms(48 * 3_600_000),
            common,
            status: Status::Exercise,
            warning_type: WarningType::Alert,
            precedence: Precedence::Flash,
            category: Category::Security,
            deadlines: None,
            harm: vec![Harm::IntentionalKilling],
            assertions: Assertions {
                credible: true,
                specific: true,
                impending: true,
            },
            specifics: Specifics {
                place: Known::Known,
                time: Known::Partly,
                method: Known::Unknown,
                target: Known::Known,
                perpetrator: Known::Partly,
            },
            handling: Handling {
                tlp: Tlp::Red,
                onward: Onward::None,
                notify_victim: NotifyVictim::May,
                personal_data: false,
                attribution: Attribution::Named,
            },
            territory: Some(parsed("ru")),
            victims_of: vec![parsed("ru")],
            references: Vec::new(),
            body: part_reference(&body, seal::body_digest),
            reply_key: None,
            outcome: None,
            audience,
            extensions: Vec::new(),
        };
        Draft {
            header,
            openings,
            body,
            sealed: None,
        }
    }

    /// A clear body with this description.
    pub fn body(&self, description: &str) -> DetachedPart {
        let body = Body {
            urgency: Urgency::Expected,
            severity: Severity::Extreme,
            certainty: Certainty::Likely,
            authoritative: parsed("en"),
            blocks: vec![ContentBlock {
                language: parsed("en"),
                event: "attack".to_owned(),
                headline: "A gathering may be attacked".to_owned(),
                description: description.to_owned(),
                instruction: String::new(),
                area: String::new(),
                target: String::new(),
            }],
            area: Area::default(),
            onset: None,
            onset_until: None,
        };
        DetachedPart {
            salt: salt("body", description),
            content: wire::encode_body(&body),
        }
    }

    /// A warning, sent as it should be.
    pub fn warning(&mut self, from: &str, to: &[&str]) -> Submission {
        self.draft(from, to, &[]).sign(from)
    }

    /// An acknowledgement of a warning by a desk (`ru.ctc/aviation`), with the key of the right role.
    pub fn acknowledgement(
        &mut self,
        desk: &str,
        of: &Submission,
        kind: AcknowledgementKind,
        spoil: impl FnOnce(&mut Acknowledgement),
    ) -> AcknowledgementSubmission {
        self.acknowledgement_of(desk, (of.hint.id, of.envelope.digest()), kind, spoil)
    }

    /// The same of a warning by id and digest.
    pub fn acknowledgement_of(
        &mut self,
        desk: &str,
        of: (PayloadId, Digest),
        kind: AcknowledgementKind,
        spoil: impl FnOnce(&mut Acknowledgement),
    ) -> AcknowledgementSubmission {
        let desk: DeskAddress = parsed(desk);
        let agency = desk.agency().to_string();
        let role = match kind {
            AcknowledgementKind::Received => KeyRole::Receive,
            _ => KeyRole::Officer,
        };
        let mut common = self.common(&agency, role);
        if !desk.is_duty() {
            super::signer_mut(&mut common).desk = Some(desk);
        }
        let later = common.sent.checked_add_ms(3_600_000);
        let mut acknowledgement = Acknowledgement {
            common,
            warning_id: of.0,
            warning_digest: of.1,
            kind,
            assessment: None,
            missing: Vec::new(),
            reason: (kind == AcknowledgementKind::Refused).then_some(RefusalReason::Busy),
            until: later.filter(|_| kind == AcknowledgementKind::Deferred),
            to: None,
            text: None,
            extensions: Vec::new(),
        };
        spoil(&mut acknowledgement);
        let key = World::key(&agency, role, 0);
        let hint = Hint {
            lane: None,
            id: acknowledgement.common.id,
        };
        let payload = wire::encode_acknowledgement(&acknowledgement);
        AcknowledgementSubmission {
            envelope: World::sign(PayloadKind::Acknowledgement, payload, &[&key]),
            hint,
            text: None,
        }
    }

    /// A text, and how an acknowledgement names it.
    pub fn text(&self, text: &str) -> (DetachedPart, PartReference) {
        let content = wire::encode_text(&Text {
            language: parsed("en"),
            text: text.to_owned(),
        });
        let part = DetachedPart {
            salt: salt("text", text),
            content,
        };
        let reference = part_reference(&part, seal::text_digest);
        (part, reference)
    }
}

impl Draft {
    /// Changes the header.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Warning)) -> Self {
        change(&mut self.header);
        self
    }

    /// Another body, named in the header.
    #[must_use]
    pub fn with_body(mut self, body: DetachedPart) -> Self {
        self.header.body = part_reference(&body, seal::body_digest);
        self.body = body;
        self
    }

    /// Seals the body; it is wrapped for the sender and for the agencies that it is addressed to when it is signed.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        let common = &self.header.common;
        let sealed = seal::seal_body(&common.origin, &common.id, &self.body.content).unwrap();
        let reply = seal::SealSecretKey::generate(seal::SealSuite::X25519).unwrap();
        self.body.content = sealed.content.into();
        self.header.body = PartReference {
            form: Form::Sealed,
            suite: seal::SEALED_BODY_SUITE,
            plaintext_commitment: Some(sealed.commitment),
            ..part_reference(&self.body, seal::body_digest)
        };
        self.header.reply_key = Some(ReplyKey {
            suite: u32::from(reply.suite().byte()),
            key: reply.public_key().key().to_vec(),
        });
        self.sealed = Some((sealed.key, reply));
        self
    }

    /// Signs it with the sender's first `originate` key.
    pub fn sign(self, from: &str) -> Submission {
        self.sign_with(&World::key(from, KeyRole::Originate, 0))
    }

    /// Signs it with a key.
    pub fn sign_with(self, key: &seal::SecretKey) -> Submission {
        let header = &self.header;
        let lane = Some(Lane::of(header.status, header.precedence));
        let hint = Hint {
            lane,
            id: header.common.id,
        };
        let envelope = World::sign(PayloadKind::Warning, wire::encode_warning(header), &[key]);
        let mut wraps = Vec::new();
        if let Some((body_key, reply)) = &self.sealed {
            let wrap = |agency: &AgencyId, reply: Option<&seal::SealSecretKey>| {
                let to = World::seal_key(agency.as_str(), 0);
                let digest = envelope.digest();
                let wrapped = seal::wrap_key(to.public_key(), &digest, agency, body_key, reply).unwrap();
                Wrap {
                    agency: agency.clone(),
                    wrapped: wrapped.into(),
                }
            };
            let named = header.common.named().unwrap();
            wraps.push(wrap(named.principal.agency().unwrap(), Some(reply)));
            let to = self.openings.iter().filter(|it| it.kind == AudienceKind::To);
            let desks = to.map(|it| parsed::<DeskAddress>(&it.address));
            let agencies: std::collections::BTreeSet<AgencyId> =
                desks.map(|desk| desk.agency().clone()).collect();
            wraps.extend(agencies.iter().map(|agency| wrap(agency, None)));
        }
        Submission {
            envelope,
            hint,
            openings: self.openings,
            body: self.body,
            wraps,
        }
    }
}

/// A padded audience with salts that follow from the id: the entries, and their openings in the same order.
pub fn audience(id: &PayloadId, to: &[&str], excluded: &[&str]) -> (Vec<[u8; 32]>, Vec<AudienceOpening>) {
    let size = seal::padded_size(to.len() + excluded.len()).unwrap();
    let to = to.iter().map(|address| (AudienceKind::To, *address));
    let excluded = excluded.iter().map(|address| (AudienceKind::Excluded, *address));
    let padding = std::iter::repeat((AudienceKind::Pad, ""));
    let mut pairs: Vec<_> = to
        .chain(excluded)
        .chain(padding)
        .take(size)
        .enumerate()
        .map(|(n, (kind, address))| {
            let opening = AudienceOpening {
                kind,
                salt: salt(&id.to_string(), &n.to_string()),
                address: address.to_owned(),
            };
            (seal::audience_commitment(kind, &opening.salt, address), opening)
        })
        .collect();
    pairs.sort_by_key(|pair| pair.0);
    pairs.into_iter().unzip()
}

fn part_reference(part: &DetachedPart, digest: fn(&[u8; 32], &[u8]) -> [u8; 32]) -> PartReference {
    PartReference {
        form: Form::Clear,
        suite: 0,
        length: part.content.len() as u32,
        digest: digest(&part.salt, &part.content),
        plaintext_commitment: None,
    }
}

fn salt(what: &str, of: &str) -> [u8; 32] {
    Sha256::digest(format!("{what} {of}").as_bytes()).into()
}
