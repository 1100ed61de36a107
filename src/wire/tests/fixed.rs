//! One fixed value of each thing that is signed or stored, with every field filled that may be. Golden bytes are made
//! of them, so they never change.

use bytes::Bytes;

use crate::domain::*;
use crate::seal::PayloadKind;
use crate::time::Timestamp;

/// A name that parses.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

pub(crate) fn id(n: u8) -> PayloadId {
    PayloadId::from_parts(1_711_130_340_000 + u64::from(n), [n; 10])
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_711_130_340_000 + ms)
}

pub(crate) fn signer(principal: &str, role: KeyRole) -> Signer {
    let principal: Principal = parsed(principal);
    Signer {
        desk: principal
            .agency()
            .map(|agency| parsed(&format!("{agency}/aviation"))),
        principal,
        role,
        office: "duty officer".to_owned(),
        seen: Some(Seen {
            size: 300,
            root: Hash([0x5e; 32]),
        }),
    }
}

pub(crate) fn common(n: u8, principal: &str, role: KeyRole) -> Common {
    Common {
        origin: parsed("relay.example.invalid/2024"),
        id: id(n),
        sent: at(i64::from(n)),
        signer: SignedBy::Named(signer(principal, role)),
    }
}

fn extensions() -> Vec<Extension> {
    vec![Extension {
        id: "example.note".to_owned(),
        critical: true,
        value: vec![1, 2, 3],
    }]
}

fn part(length: u32, byte: u8) -> PartReference {
    PartReference {
        form: Form::Clear,
        suite: 0,
        length,
        digest: [byte; 32],
        plaintext_commitment: None,
    }
}

pub(crate) fn warning() -> Warning {
    Warning {
        common: common(1, "us.ctc", KeyRole::Originate),
        status: Status::Exercise,
        warning_type: WarningType::Alert,
        precedence: Precedence::Flash,
        category: Category::Security,
        expires: Some(at(172_800_000)),
        deadlines: Some(Deadlines {
            received_ms: 60_000,
            opened_ms: 120_000,
            answered_ms: 300_000,
        }),
        harm: vec![Harm::IntentionalKilling, Harm::Kidnapping],
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
            personal_data: true,
            attribution: Attribution::Named,
        },
        territory: Some(parsed("ru")),
        victims_of: vec![parsed("am"), parsed("ru")],
        references: vec![Reference {
            id: id(9),
            digest: Digest([0x09; 32]),
        }],
        body: part(418, 0xb0),
        reply_key: Some(ReplyKey {
            suite: 1,
            key: vec![0x4b; 4],
        }),
        audience: (1..=8).map(|n| [n; 32]).collect(),
        extensions: extensions(),
        outcome: None,
    }
}

/// A warning with nothing in it that need not be, its sender hidden and its body sealed.
pub(crate) fn sparse_warning() -> Warning {
    Warning {
        common: Common {
            signer: SignedBy::Committed([0xc0; 32]),
            ..common(2, "us.ctc", KeyRole::Originate)
        },
        expires: None,
        deadlines: None,
        harm: Vec::new(),
        assertions: Assertions::default(),
        territory: None,
        victims_of: Vec::new(),
        references: Vec::new(),
        body: PartReference {
            form: Form::Sealed,
            suite: 1,
            plaintext_commitment: Some([0xcc; 32]),
            ..part(5, 0xb1)
        },
        reply_key: None,
        extensions: Vec::new(),
        outcome: Some(Outcome::NotObserved),
        ..warning()
    }
}

pub(crate) fn acknowledgement() -> Acknowledgement {
    Acknowledgement {
        common: common(3, "ru.ctc", KeyRole::Officer),
        warning_id: id(1),
        warning_digest: Digest([0xd1; 32]),
        kind: AcknowledgementKind::Refused,
        assessment: Some(Assessment::TooVague),
        missing: vec![Specific::Place, Specific::Time],
        reason: Some(RefusalReason::Busy),
        until: Some(at(3_600_000)),
        to: Some(parsed("competence:ru/aviation-security")),
        text: Some(part(24, 0x7e)),
        extensions: extensions(),
    }
}

pub(crate) fn key_certificate() -> KeyCertificate {
    KeyCertificate {
        common: Common {
            signer: SignedBy::Named(Signer {
                principal: parsed("root:ru"),
                role: KeyRole::Root,
                desk: None,
                office: String::new(),
                seen: None,
            }),
            ..common(4, "us.ctc", KeyRole::Root)
        },
        principal: parsed("ru.ctc"),
        role: KeyRole::Originate,
        public_key: vec![0x0e; 32],
        label: "duty room, 2024".to_owned(),
        extensions: extensions(),
    }
}

pub(crate) fn key_revocation() -> KeyRevocation {
    KeyRevocation {
        common: common(5, "ru.ctc", KeyRole::Originate),
        principal: parsed("ru.ctc"),
        keyid: KeyId([0x1d; 32]),
        reason: RevocationReason::Compromised,
        extensions: extensions(),
    }
}

pub(crate) fn root_succession() -> RootSuccession {
    RootSuccession {
        common: common(6, "root:ru", KeyRole::Root),
        state: parsed("ru"),
        public_key: vec![0x0f; 32],
        extensions: extensions(),
    }
}

pub(crate) fn state_enrolment() -> StateEnrolment {
    StateEnrolment {
        common: common(7, "operator:alice", KeyRole::Operator),
        state: parsed("int.un"),
        root_certificate_digest: Digest([0x5a; 32]),
        home_origin: "other.example.invalid".to_owned(),
        extensions: extensions(),
    }
}

pub(crate) fn agency_enrolment() -> AgencyEnrolment {
    AgencyEnrolment {
        common: common(8, "operator:alice", KeyRole::Operator),
        agency: parsed("ru.ctc"),
        name: "Counter-Terrorism Centre".to_owned(),
        kind: AgencyKind::Agency,
        certificate_digests: vec![Digest([2; 32]), Digest([1; 32])],
        home_origin: "other.example.invalid".to_owned(),
        extensions: extensions(),
    }
}

pub(crate) fn desks() -> Desks {
    Desks {
        common: common(10, "be.ctc", KeyRole::Officer),
        desks: vec![
            Desk {
                address: parsed("be.ctc"),
                name: "Duty desk".to_owned(),
                competences: Vec::new(),
                languages: vec![parsed("fr"), parsed("nl")],
            },
            Desk {
                address: parsed("be.ctc/aviation"),
                name: String::new(),
                competences: vec!["airports".to_owned(), "aviation-security".to_owned()],
                languages: vec![parsed("en")],
            },
        ],
        extensions: extensions(),
    }
}

pub(crate) fn hold() -> Hold {
    Hold {
        common: common(13, "int.un.audit", KeyRole::Officer),
        until: at(86_400_000),
        reason: "An inquiry.".to_owned(),
        warnings: vec![Digest([0xd1; 32]), Digest([0xd2; 32])],
        agencies: vec![parsed("ru.ctc"), parsed("us.ctc")],
        extensions: extensions(),
    }
}

pub(crate) fn erasure_attestation() -> ErasureAttestation {
    let bucket = Bucket::new(RetentionClass::PersonalData, 10).unwrap();
    let common = common(14, "be.ctc", KeyRole::Officer);
    ErasureAttestation {
        erased_at: common.sent,
        common,
        warning_digest: Digest([0xd1; 32]),
        desk: parsed("be.ctc/aviation"),
        bucket,
        days: 90,
        extensions: extensions(),
    }
}

pub(crate) fn onward_transfer() -> OnwardTransfer {
    OnwardTransfer {
        common: common(15, "be.ctc", KeyRole::Officer),
        warning_digest: Digest([0xd1; 32]),
        desk: parsed("be.ctc/aviation"),
        to: parsed("ru.ctc"),
        wrap_digest: [0xd2; 32],
        originator_agreed: true,
        extensions: extensions(),
    }
}

pub(crate) fn mandate() -> Mandate {
    Mandate {
        common: common(11, "be.ctc", KeyRole::Officer),
        auditor: parsed("int.un.audit"),
        withdrawn: true,
        extensions: extensions(),
    }
}

pub(crate) fn suspension() -> Suspension {
    Suspension {
        common: common(12, "operator:alice", KeyRole::Operator),
        agency: parsed("ru.ctc"),
        reason: "Keys under review.\nSince Friday.".to_owned(),
        extensions: extensions(),
    }
}

pub(crate) fn body() -> Body {
    let block = |language: &str, event: &str, target: &str| ContentBlock {
        language: parsed(language),
        event: event.to_owned(),
        headline: format!("{event}!"),
        description: format!("{event}.\nTwo lines."),
        instruction: String::new(),
        area: "Moscow".to_owned(),
        target: target.to_owned(),
    };
    Body {
        urgency: Urgency::Expected,
        severity: Severity::Extreme,
        certainty: Certainty::Likely,
        authoritative: parsed("en"),
        blocks: vec![
            block("en", "Attack on a gathering", "Concert halls"),
            block("ru", "Нападение", "Концертные залы"),
            block("ar", "هجوم", ""),
        ],
        area: Area {
            polygons: vec!["55.8,37.3 55.9,37.4 55.7,37.5 55.8,37.3".to_owned()],
            circles: vec!["55.82,37.39 2.5".to_owned()],
            geocodes: vec![("ISO 3166-2".to_owned(), "RU-MOS".to_owned())],
        },
        onset: Some(at(1)),
        onset_until: Some(at(172_800_000)),
    }
}

pub(crate) fn text() -> Text {
    Text {
        language: parsed("en"),
        text: "Too general to act on.\nWhich hall?".to_owned(),
    }
}

pub(crate) fn envelope(kind: PayloadKind, payload: Bytes) -> SignedEnvelope {
    SignedEnvelope {
        payload,
        payload_type: kind.payload_type().into(),
        signatures: smallvec::smallvec![
            EnvelopeSignature {
                keyid: KeyId([0xa1; 32]),
                sig: [0x51; 64],
            },
            EnvelopeSignature {
                keyid: KeyId([0xa2; 32]),
                sig: [0x52; 64],
            },
        ],
    }
}

pub(crate) fn opening(n: u8, kind: AudienceKind, address: &str) -> AudienceOpening {
    AudienceOpening {
        kind,
        salt: [n; 32],
        address: address.to_owned(),
    }
}

/// A start that says the rules of retention; that of [`records`] is of a version that erased nothing.
pub(crate) fn started_with_retention() -> Record {
    Record {
        nonce: [0x77; 16],
        time: at(77),
        thread: None,
        directory: None,
        kind: RecordKind::RelayStarted(RelayStarted {
            version: "0.2.0".to_owned(),
            configuration_digest: [0xce; 32],
            stopped_at: Some(at(-7)),
            witnesses_reached: 1,
            retention: Some(RetentionRules {
                ordinary_days: 730,
                personal_data_days: 90,
                exercise_days: 30,
            }),
        }),
    }
}

/// Each kind of record, by the name of its field in the proto, and one of a kind that is not known.
pub(crate) fn records() -> Vec<(&'static str, Record)> {
    let small = |kind: PayloadKind| envelope(kind, Bytes::from_static(b"payload"));
    let openings = vec![
        opening(1, AudienceKind::To, "ru.ctc"),
        opening(2, AudienceKind::Excluded, "be.ctc/aviation"),
        opening(3, AudienceKind::Pad, ""),
    ];
    let kinds = vec![
        (
            "genesis",
            RecordKind::Genesis(Genesis {
                origin: parsed("relay.example.invalid/2024"),
                log_public_key: [0x10; 32],
                format_version: 1,
                operator_certificates: vec![small(PayloadKind::KeyCertificate)],
                deadlines: vec![(
                    Precedence::Flash,
                    Deadlines {
                        received_ms: 120_000,
                        opened_ms: 300_000,
                        answered_ms: 600_000,
                    },
                )],
                predecessor: Some((parsed("relay.example.invalid/2023"), b"a signed note\n".to_vec())),
            }),
        ),
        (
            "relay_started",
            RecordKind::RelayStarted(RelayStarted {
                version: "0.1.0".to_owned(),
                configuration_digest: [0xcf; 32],
                stopped_at: Some(at(-5)),
                witnesses_reached: 2,
                retention: None,
            }),
        ),
        (
            "state_enrolled",
            RecordKind::StateEnrolled {
                enrolment: small(PayloadKind::StateEnrolment),
                root_certificate: small(PayloadKind::KeyCertificate),
            },
        ),
        (
            "agency_enrolled",
            RecordKind::AgencyEnrolled(small(PayloadKind::AgencyEnrolment)),
        ),
        (
            "key_published",
            RecordKind::KeyPublished(small(PayloadKind::KeyCertificate)),
        ),
        (
            "key_revoked",
            RecordKind::KeyRevoked(small(PayloadKind::KeyRevocation)),
        ),
        (
            "root_succeeded",
            RecordKind::RootSucceeded(small(PayloadKind::RootSuccession)),
        ),
        (
            "desks_published",
            RecordKind::DesksPublished(small(PayloadKind::Desks)),
        ),
        (
            "mandate_published",
            RecordKind::MandatePublished(small(PayloadKind::Mandate)),
        ),
        (
            "agency_suspended",
            RecordKind::AgencySuspended(small(PayloadKind::Suspension)),
        ),
        (
            "agency_reinstated",
            RecordKind::AgencyReinstated(small(PayloadKind::Reinstatement)),
        ),
        (
            "operator_key_published",
            RecordKind::OperatorKeyPublished(small(PayloadKind::KeyCertificate)),
        ),
        (
            "accepted",
            RecordKind::Accepted(Accepted {
                warning: small(PayloadKind::Warning),
                openings: openings.clone(),
                routed: vec![Hash([0x31; 32]), Hash([0x32; 32])],
            }),
        ),
        (
            "rejected",
            RecordKind::Rejected(Rejected {
                digest: Digest([0xd2; 32]),
                code: "HARM_NOT_ASSERTED".to_owned(),
                principal: parsed("us.ctc"),
                payload_type: PayloadKind::Warning.payload_type().into(),
                id: id(1),
                keyid: KeyId([0xa1; 32]),
            }),
        ),
        (
            "routed",
            RecordKind::Routed(Routed {
                warning: Digest([0xd1; 32]),
                desk: parsed("ru.ctc"),
                openings: openings.into_iter().take(1).collect(),
                directory: DirectoryPosition {
                    seq: 7,
                    head: Hash([0x33; 32]),
                },
                inbox_commitment: [0x1b; 32],
                wrap_digest: Some([0x3a; 32]),
            }),
        ),
        (
            "handed_over",
            RecordKind::HandedOver(HandedOver {
                session_id: [0x5e; 16],
                tls_keyid: KeyId([0x71; 32]),
                unrecorded: 3,
            }),
        ),
        (
            "acknowledged",
            RecordKind::Acknowledged(small(PayloadKind::Acknowledgement)),
        ),
        ("unknown", RecordKind::Unknown),
        (
            "erased",
            RecordKind::Erased(Erased {
                index: 300,
                bucket: Bucket::new(RetentionClass::PersonalData, 20_000).unwrap(),
                days: 90,
            }),
        ),
        ("hold_placed", RecordKind::HoldPlaced(small(PayloadKind::Hold))),
    ];
    kinds
        .into_iter()
        .zip(0u8..)
        .map(|((name, kind), n)| {
            let first = n % 2 == 0;
            let record = Record {
                nonce: [n; 16],
                time: at(i64::from(n)),
                thread: (n % 3 != 1).then(|| ThreadLink {
                    warning: Digest([0xd1; 32]),
                    desk: parsed("ru.ctc/aviation"),
                    seq: if first { 0 } else { u64::from(n) },
                    prev: (!first).then_some(Hash([0x34; 32])),
                }),
                directory: (n % 3 != 2).then_some(DirectoryLink {
                    seq: if first { 0 } else { 1 << 40 },
                    prev: (!first).then_some(Hash([0x35; 32])),
                }),
                kind,
            };
            (name, record)
        })
        .collect()
}
