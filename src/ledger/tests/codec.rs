//! Facts as bytes: what is written is read back, and nothing else is.

use proptest::prelude::*;

use crate::domain::*;
use crate::error::ErrorCode;
use crate::ledger::{AcceptanceFact, Hourly, IdFact, IdKey, TextFact, ThreadFact, ThreadKey, WarningFact};
use crate::seal::{PayloadKind, SealSuite};
use crate::time::Timestamp;
use crate::world::parsed;

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

prop_compose! {
    fn id_fact()(
        digest in any::<[u8; 32]>(), index in any::<u64>(), records in any::<u32>(),
        rejected in prop::option::of(one_of(ErrorCode::ALL)),
    ) -> IdFact {
        IdFact { digest: Digest(digest), index, records, rejected }
    }
}

prop_compose! {
    fn warning_fact()(
        accepted in any::<u64>(), routed in any::<u32>(), id in any::<[u8; 10]>(),
        status in one_of(Status::ALL), warning_type in one_of(WarningType::ALL), precedence in one_of(Precedence::ALL),
        sent in any::<i64>(), expires in any::<i64>(), retention in one_of(RetentionClass::ALL),
    ) -> WarningFact {
        WarningFact {
            accepted, routed, originator: parsed("int.un.audit"), id: PayloadId::from_parts(7, id), status, warning_type,
            precedence, sent: Timestamp::from_unix_ms(sent), expires: Timestamp::from_unix_ms(expires), retention,
        }
    }
}

prop_compose! {
    fn thread_fact()(
        numbers in any::<[u64; 3]>(), prev in any::<[u8; 32]>(), step in one_of(Step::ALL),
        answer in prop::option::of(one_of(AcknowledgementKind::ALL)), acknowledgements in any::<u32>(),
        received in prop::option::of(any::<(u64, [u8; 32])>()), hour in any::<i64>(), count in any::<u32>(),
        acceptance in prop::option::of((any::<u16>(), any::<u16>(), 1u32..4, any::<u16>(), 0u8..3)),
        (body_absent, body_erased) in any::<(bool, bool)>(), texts in prop::collection::vec(any::<(u64, u32, bool)>(), 0..3),
    ) -> ThreadFact {
        let [routed, inbox_number, seq] = numbers;
        let acceptance = acceptance.filter(|of| u64::from(of.0) <= routed).map(|(before, routed_all, class, day, suite)| {
            std::sync::Arc::new(AcceptanceFact {
                accepted: routed - u64::from(before), routed: routed_all.into(), originator: parsed("int.un.audit"),
                bucket: Bucket::from_number(class << 24 | u32::from(day)).unwrap(), sealed: SealSuite::from_byte(suite),
            })
        });
        ThreadFact {
            routed, inbox_number, seq, prev: Hash(prev), step, answer, acknowledgements,
            received: received.map(|(index, digest)| (index, Digest(digest))), handovers: Hourly { hour, count },
            acceptance, body_absent, body_erased,
            texts: texts.into_iter().map(|(index, day, absent)| TextFact { index, day, absent }).collect(),
        }
    }
}

proptest! {
    /// Each fact reads back, and with a byte more or less it is refused (a text may be longer, and is then another).
    #[test]
    fn facts_read_back(id in id_fact(), warning in warning_fact(), thread in thread_fact()) {
        let bytes = id.to_bytes();
        prop_assert_eq!(IdFact::from_bytes(&bytes), Ok(id));
        prop_assert!(IdFact::from_bytes(&bytes[1..]).is_err());
        let bytes = warning.to_bytes();
        prop_assert_eq!(WarningFact::from_bytes(&bytes), Ok(warning));
        prop_assert!(WarningFact::from_bytes(&bytes[..50]).is_err());
        let bytes = thread.to_bytes();
        prop_assert_eq!(ThreadFact::from_bytes(&bytes), Ok(thread.clone()));
        prop_assert!(ThreadFact::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        let hourly = thread.handovers;
        prop_assert_eq!(Hourly::from_bytes(&hourly.to_bytes()), Ok(hourly));
        prop_assert!(Hourly::from_bytes(&hourly.to_bytes()[1..]).is_err());
    }

    /// Any bytes are read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let _ = IdFact::from_bytes(&bytes);
        let _ = WarningFact::from_bytes(&bytes);
        let _ = ThreadFact::from_bytes(&bytes);
        let _ = Hourly::from_bytes(&bytes);
        let _ = ThreadKey::from_bytes(&bytes);
    }
}

/// The bytes of a thread stay what they are: whoever changes them gives the index and the auditor's state another version.
#[test]
fn a_thread_is_written_as_it_always_was() {
    let fact = ThreadFact {
        routed: 0x0102,
        inbox_number: 3,
        seq: 4,
        prev: Hash([5; 32]),
        step: Step::Opened,
        answer: Some(AcknowledgementKind::Accepted),
        acknowledgements: 6,
        received: Some((7, Digest([8; 32]))),
        handovers: Hourly { hour: 9, count: 10 },
        acceptance: Some(std::sync::Arc::new(AcceptanceFact {
            accepted: 0x0100,
            routed: 11,
            originator: parsed("us.ctc"),
            bucket: Bucket::from_number(0x0300_000c).unwrap(),
            sealed: Some(SealSuite::XWing),
        })),
        body_absent: true,
        body_erased: true,
        texts: vec![TextFact {
            index: 13,
            day: 14,
            absent: true,
        }],
    };
    let step = u8::try_from(fact.step.number()).unwrap();
    let answer = u8::try_from(AcknowledgementKind::Accepted.number()).unwrap();
    let expected = [
        &[
            0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4,
        ][..],
        &[5; 32],
        &[step, answer, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 10, 15],
        &[0, 0, 0, 0, 0, 0, 0, 7],
        &[8; 32],
        &[0, 2, 0, 11, 3, 0, 0, 12, 2, 6],
        b"us.ctc",
        &[0, 0, 0, 0, 0, 0, 0, 13, 0, 0, 0, 14, 1],
    ]
    .concat();
    assert_eq!(fact.to_bytes(), expected);
    assert_eq!(ThreadFact::from_bytes(&expected), Ok(fact));
}

/// Keys are different for different things, and a thread's reads back.
#[test]
fn keys_tell_things_apart() {
    let key = ThreadKey {
        warning: Digest([3; 32]),
        desk: parsed("be.ctc/aviation"),
    };
    assert_eq!(ThreadKey::from_bytes(&key.to_bytes()), Ok(key));
    let mut keys = std::collections::HashSet::new();
    for principal in ["ru.ctc", "root:ru", "operator:ru"] {
        for kind in PayloadKind::ALL {
            let id = PayloadId::from_parts(1, [1; 10]);
            assert!(
                keys.insert(
                    IdKey {
                        principal: parsed(principal),
                        kind,
                        id
                    }
                    .to_bytes()
                )
            );
        }
    }
}
