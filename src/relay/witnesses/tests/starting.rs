//! What witnesses say at a start, and whether the relay starts (docs/operations.md, "What a start asks").

use super::super::begin::{BehindWitnesses, Heard, judge};
use super::*;
use crate::domain::{Hash, KeyId};
use crate::journal::Journal as _;
use crate::relay::OpenError;
use crate::transparency::SignedCheckpoint;

fn signed(size: u64, root: u8) -> SignedCheckpoint {
    let key = log_key(&World::new().origin);
    let note = key.sign_checkpoint(size, Hash([root; 32]));
    key.verifier().open(&note).unwrap()
}

/// What three witnesses said, of which two are a quorum: a table. A log of 50 records.
#[tokio::test]
async fn what_was_heard_is_judged() {
    let stage = Stage::empty().await;
    let mut fakes = Vec::new();
    for n in 1..=3 {
        fakes.push(Fake::start(n, Manner::Honest, &stage.world.origin, &stage.clock).await);
    }
    let key = |fake: &Fake| -> KeyId { fake.verifier().public_key().keyid() };
    let policies = |threshold: &str| Policy::parse(policy(&fakes, threshold).as_bytes()).unwrap();
    let two = policies("2");
    let text = policy(&fakes, "2").replace("quorum g", "quorum none");
    let none = Policy::parse(text.as_bytes()).unwrap();
    let shows = |size| Heard::Shows(Box::new(signed(size, 7)));
    let signed = |n: usize, size| {
        Err(BehindWitnesses::Signed {
            by: format!("the witness w{n}"),
            size,
        })
    };
    let quorum = |size| Err(BehindWitnesses::Quorum { size, own: 50 });
    use Heard::{Agrees, Contradicts, Larger, Nothing};
    for (policy, heard, verdict) in [
        (&two, [Agrees, Agrees, Agrees], Ok(3)),
        (&two, [Nothing, Nothing, Nothing], Ok(0)),
        (&two, [Larger(51), Agrees, Agrees], Ok(3)),
        (&two, [Larger(51), Nothing, Nothing], Ok(1)),
        (&two, [Larger(60), Agrees, Larger(51)], quorum(51)),
        (&two, [Larger(60), Nothing, Larger(51)], quorum(51)),
        (&none, [Larger(60), Larger(51), Larger(51)], Ok(3)),
        (&two, [Contradicts(50), Contradicts(50), Contradicts(50)], Ok(3)),
        (&two, [Agrees, shows(51), Agrees], signed(2, 51)),
        (&two, [Nothing, Nothing, shows(50)], signed(3, 50)),
        (&none, [shows(9), Nothing, Nothing], signed(1, 9)),
        (&two, [Larger(51), Larger(51), shows(9)], signed(3, 9)),
    ] {
        let heard: Vec<_> = fakes
            .iter()
            .zip(heard)
            .map(|(fake, heard)| (format!("the witness {}", fake.name()), key(fake), heard))
            .collect();
        assert_eq!(judge(policy, 50, &heard), verdict, "{heard:?}");
    }
}

/// The same over the network, with two witnesses of which both are the quorum: who says or shows what, and whether the relay
/// starts; a table.
#[tokio::test]
async fn a_relay_that_is_behind_does_not_start() {
    let honest = Manner::Honest;
    // What the first shows: a size beyond the log's and a root of nobody's.
    type Shown = Option<(u64, u8)>;
    let refused_signed = |error: &OpenError| matches!(error, OpenError::BehindWitnesses(BehindWitnesses::Signed { by, .. }) if by == "the witness w1");
    let refused_quorum =
        |error: &OpenError| matches!(error, OpenError::BehindWitnesses(BehindWitnesses::Quorum { .. }));
    type Refused<'a> = Option<&'a dyn Fn(&OpenError) -> bool>;
    let rows: [(Manner, Manner, Shown, Refused<'_>, u32); 8] = [
        (honest, honest, None, None, 2),
        (Manner::Larger, honest, None, None, 2),
        (Manner::Larger, Manner::Larger, None, Some(&refused_quorum), 0),
        (Manner::Disputes, honest, None, None, 2),
        (Manner::Silent, Manner::Status(500), None, None, 0),
        (honest, honest, Some((1_000, 1)), Some(&refused_signed), 0),
        (honest, honest, Some((2, 1)), Some(&refused_signed), 0),
        (
            Manner::Status(500),
            Manner::Silent,
            Some((2, 1)),
            Some(&refused_signed),
            0,
        ),
    ];
    for (first, second, shown, refused, reached) in rows {
        let stage = Stage::new().await;
        let (origin, clock) = (&stage.world.origin, &stage.clock);
        let fakes = [
            Fake::start(1, first, origin, clock).await,
            Fake::start(2, second, origin, clock).await,
        ];
        if let Some((size, root)) = shown {
            fakes[0].show(signed(size, root).note());
        }
        let size = stage.size();
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("cosigned.redb");
        let text = policy(&fakes, "all");
        let opened = stage.witnessed(options(&text, Some(store), TIMES)).await;
        match (opened, refused) {
            (Ok(stage), None) => {
                let (_, started) = stage.relay.engine.record_at(size).await.unwrap();
                let RecordKind::RelayStarted(started) = started.kind else {
                    panic!("{started:?}")
                };
                assert_eq!(started.witnesses_reached, reached, "{first:?} {second:?}");
            }
            (Err((error, journal)), Some(refused)) => {
                assert!(refused(&error), "{error}");
                assert_eq!(journal.head().await.unwrap().size, size);
                // The proof is kept.
                let kept = directory.path().join("cosigned.contradictions");
                assert_eq!(kept.exists(), shown.is_some());
            }
            (Ok(_), _) => panic!("{first:?} {second:?} {shown:?}: it started"),
            (Err((error, _)), _) => panic!("{first:?} {second:?} {shown:?}: {error}"),
        }
    }
}

/// An old note of this very log is no contradiction.
#[tokio::test]
async fn an_old_note_is_no_contradiction() {
    let mut stage = Stage::new().await;
    let old = stage.relay.checkpoint();
    stage.accepted("us.ctc", &["ru.ctc"]).await;
    let fake = Fake::start(1, Manner::Honest, &stage.world.origin, &stage.clock).await;
    fake.show(&old);
    let text = policy(std::slice::from_ref(&fake), "all");
    started(stage.witnessed(options(&text, None, TIMES)).await);
}
