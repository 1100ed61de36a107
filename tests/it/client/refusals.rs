//! What a lying relay's refusals may do, and what they may not: one that is not proven, or is proven and could never be
//! recorded, ends nothing; and an honest one about our own key convicts nobody.

use wardline::client::{Outcome, VerificationError};
use wardline::domain::{Record, RecordKind, Rejected, Submission};
use wardline::error::{ErrorCode, Refused, SideEffect};
use wardline::time::{Clock as _, SystemClock};
use wardline::transparency::{EMPTY_ROOT, leaf_hash};
use wardline::wire::{self, encode_record, v1};

use super::malicious::found_out;
use super::tamper::{lied_to, stolen_log_key};
use crate::support::{World, in_clear};
use crate::world::parsed;

/// A refusal that passes, on the record of a log that the relay signs: nothing of the kind is ever recorded, so the lie is
/// found out, kept, and what was signed stays in the outbox. The record of a refusal for good is what ends an entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_overload_ends_nothing() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    for (code, ends) in [
        (ErrorCode::Overloaded, false),
        (ErrorCode::Quota, false),
        (ErrorCode::Unavailable, false),
        (ErrorCode::BadSignature, false),
        (ErrorCode::Expired, true),
    ] {
        // Nothing was verified yet, so the relay needs no proof for the log that it makes up.
        let log = stolen_log_key(&world);
        let empty = log.sign_checkpoint(0, EMPTY_ROOT);
        std::fs::write(world.profile("us.ctc").checkpoint(), empty).unwrap();
        let (us, meddler) = lied_to(&world, "us.ctc").await;
        meddler.refused(move |asked| {
            let submission: Submission = asked.submission.clone().unwrap().try_into().unwrap();
            let envelope = submission.envelope;
            let record = encode_record(&Record {
                nonce: [7; 16],
                time: SystemClock.now(),
                thread: None,
                directory: None,
                kind: RecordKind::Rejected(Rejected {
                    digest: envelope.digest(),
                    payload_type: envelope.payload_type.to_string(),
                    principal: parsed("us.ctc"),
                    keyid: envelope.signatures[0].keyid,
                    id: submission.hint.id,
                    code: code.name().to_owned(),
                }),
            });
            let note = log.sign_checkpoint(1, leaf_hash(&record));
            let receipt = v1::Receipt {
                index: 0,
                record,
                inclusion_proof: Vec::new(),
                checkpoint: note.into_bytes().into(),
            };
            let refused = Refused::new(code, "come back later");
            wire::refusal(&refused, SideEffect::RejectionRecorded, Some(receipt))
        });
        let error = us.submit(&in_clear(&["ru.ctc"])).await.unwrap_err();
        assert_eq!(us.outbox().list().unwrap().is_empty(), ends, "{code}: {error}");
        for entry in us.outbox().list().unwrap() {
            us.outbox().drop_entry(&entry).unwrap();
        }
        if ends {
            assert_eq!(error.outcome(), Outcome::Refused, "{error}");
        } else {
            let (error, evidence) = found_out::<()>(Err(error));
            assert!(
                matches!(error, VerificationError::OtherRecord { .. }),
                "{error:?}"
            );
            assert!(evidence.unwrap().join("answer.pb").exists());
        }
    }
}

/// A proof that is refused to us because of our own key convicts nobody: it is a refusal, and nothing is kept as evidence.
/// One that is refused for another reason is a proof that the relay does not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_convicts_nobody() {
    let world = World::with(&["us.ctc"]).await;
    let (us, meddler) = lied_to(&world, "us.ctc").await;
    us.checkpoint().await.unwrap();
    for (code, newcomer, convicts) in [
        (ErrorCode::UnknownCertificate, "ru.ctc", false),
        (ErrorCode::RevokedKey, "be.ctc", false),
        (ErrorCode::PermissionDenied, "fr.ctc", false),
        (ErrorCode::NotFound, "de.ctc", true),
    ] {
        meddler.unproven(move |_| wire::refusal(&Refused::new(code, "because"), SideEffect::None, None));
        // Something new, so that there is something to prove.
        world.enrol(&world.operator(), newcomer).await;
        let asked = us.checkpoint().await;
        if convicts {
            let (error, _) = found_out(asked);
            assert!(
                matches!(error, VerificationError::NotConsistent { .. }),
                "{error:?}"
            );
        } else {
            let error = asked.unwrap_err();
            assert_eq!((error.outcome(), error.code()), (Outcome::Refused, Some(code)));
            assert!(!world.profile("us.ctc").evidence().exists(), "{code}");
        }
    }
}
