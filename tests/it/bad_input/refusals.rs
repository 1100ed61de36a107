//! What must come of a row: the status with its details, what the log holds afterwards, and the same again.

use std::fmt::{Debug, Display};

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};
use wardline::domain::{Receipt, Record, RecordKind};
use wardline::error::{ErrorCode, SideEffect};
use wardline::transparency::{TlogProof, leaf_hash};
use wardline::wire::{self, v1};

use super::row::{Request, Row};
use super::stage::Stage;

/// What was not as it must be: all of it is told at the end, not only the first.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<String>);

impl Faults {
    pub(super) fn add(&mut self, row: &str, what: impl Display) {
        self.0.push(format!("{row}: {what}"));
    }

    pub(super) fn same<T: PartialEq + Debug>(&mut self, row: &str, what: &str, found: T, expected: T) {
        if found != expected {
            self.add(row, format_args!("{what} is {found:?}, not {expected:?}"));
        }
    }

    /// Fails the test if there is any.
    pub(super) fn tell(&self) {
        assert!(
            self.0.is_empty(),
            "{} faults\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

/// What a refusal said, as far as it must be the same the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: i32,
    pub(super) side_effect: i32,
    /// The index of the `REJECTED` record.
    pub(super) rejection: Option<u64>,
}

impl Stage {
    /// Sends a row twice, and what puts it right.
    pub(super) async fn refuse(&self, row: &Row, faults: &mut Faults) -> Option<Told> {
        let before = self.checkpoint().await.size();
        let told = self.refused(row, true, faults).await;
        let recorded = self.recorded(before).await;
        self.check_recorded(row, told, &recorded, faults);
        let after = before + recorded.len() as u64;
        let again = self.refused(row, false, faults).await;
        faults.same(row.name, "the second refusal", again, told);
        if let Some((session, request)) = &row.put_right {
            let put_right = self.send(session, request).await;
            match &put_right {
                Ok(_) => {}
                Err(status) => faults.add(row.name, format_args!("put right, it was refused: {status:?}")),
            }
            self.check_put_right(row, request, after, faults).await;
        } else {
            let second = self.recorded(after).await;
            faults.same(row.name, "what the second time recorded", second.len(), 0);
        }
        told
    }

    async fn refused(&self, row: &Row, first: bool, faults: &mut Faults) -> Option<Told> {
        let Err(status) = self.send(row.session, &row.request).await else {
            faults.add(row.name, "it was not refused");
            return None;
        };
        let refusal = self.check_status(row, &status, faults)?;
        // A refusal that comes again from the record says no more than the record does.
        if first {
            let near: Vec<&str> = refusal.near.iter().map(String::as_str).collect();
            faults.same(row.name, "what is near", near.as_slice(), row.near);
            if let Some(field) = row.field {
                faults.same(row.name, "the field", refusal.field.as_str(), field);
            }
        }
        Some(self.check_refusal(row, refusal, faults))
    }

    /// The code for tools and the reason; the refusal beside them.
    fn check_status(&self, row: &Row, status: &Status, faults: &mut Faults) -> Option<v1::Refusal> {
        let name = row.name;
        faults.same(name, "the gRPC code", status.code(), grpc_code(row.code));
        let (Some(info), Some(refusal)) = (status.get_details_error_info(), refusal_of(status)) else {
            faults.add(name, format_args!("no ErrorInfo or no Refusal in {status:?}"));
            return None;
        };
        faults.same(name, "the domain", info.domain.as_str(), "wardline.v1");
        faults.same(name, "the reason", info.reason.as_str(), row.code.name());
        let side_effect = match row.rejected {
            Some(_) => "REJECTION_RECORDED",
            None => "NONE",
        };
        let index = refusal
            .rejection
            .as_ref()
            .map(|receipt| receipt.index.to_string());
        for (key, expected) in [
            ("retryable", Some("false")),
            ("side_effect", Some(side_effect)),
            ("rejection_index", index.as_deref()),
        ] {
            faults.same(name, key, info.metadata.get(key).map(String::as_str), expected);
        }
        Some(refusal)
    }

    /// The refusal itself, which is the same in a status and in a stream.
    pub(super) fn check_refusal(&self, row: &Row, refusal: v1::Refusal, faults: &mut Faults) -> Told {
        let name = row.name;
        let code = ErrorCode::from_number(refusal.code);
        faults.same(name, "the refusal's code", code, Some(row.code));
        faults.same(name, "retryable", refusal.retryable, false);
        faults.same(
            name,
            "what to do",
            refusal.what_to_do.as_str(),
            row.code.what_to_do(),
        );
        let side_effect = match row.rejected {
            Some(_) => SideEffect::RejectionRecorded,
            None => SideEffect::None,
        };
        faults.same(name, "the side effect", refusal.side_effect, side_effect.number());
        if refusal.sentence.is_empty() {
            faults.add(name, "no sentence says what is wrong");
        }
        let shown = refusal.rejection.is_some();
        faults.same(
            name,
            "whether a rejection is shown",
            shown,
            row.rejected.is_some(),
        );
        let told = Told {
            code: refusal.code,
            side_effect: refusal.side_effect,
            rejection: refusal.rejection.as_ref().map(|receipt| receipt.index),
        };
        if let Some(rejection) = refusal.rejection {
            self.check_proof(row, rejection, faults);
        }
        told
    }

    /// The rejection is in a signed tree, and says what was refused. On a stream the checkpoint stands beside it.
    fn check_proof(&self, row: &Row, rejection: v1::Receipt, faults: &mut Faults) {
        let note = rejection.checkpoint.clone();
        let receipt = Receipt::try_from(rejection).unwrap();
        let leaf = leaf_hash(&receipt.record);
        let proof = TlogProof {
            index: receipt.index,
            hashes: receipt.inclusion_proof,
            checkpoint_note: String::from_utf8(note.to_vec()).unwrap(),
            extra: None,
        };
        if !note.is_empty()
            && let Err(error) = proof.verify(&leaf, &self.log)
        {
            faults.add(row.name, format_args!("its receipt proves nothing: {error}"));
        }
        match wire::record(&receipt.record).unwrap().kind {
            RecordKind::Rejected(rejected) => {
                faults.same(row.name, "the proven digest", Some(rejected.digest), row.rejected);
            }
            other => faults.add(row.name, format_args!("its receipt is of {other:?}")),
        }
    }

    /// Exactly one `REJECTED` of these bytes, which the refusal proves; or nothing at all.
    fn check_recorded(&self, row: &Row, told: Option<Told>, recorded: &[(u64, Record)], faults: &mut Faults) {
        let Some(digest) = row.rejected else {
            faults.same(row.name, "how much was recorded", recorded.len(), 0);
            return;
        };
        let [(index, record)] = recorded else {
            faults.add(
                row.name,
                format_args!("{} records instead of one REJECTED", recorded.len()),
            );
            return;
        };
        let RecordKind::Rejected(rejected) = &record.kind else {
            faults.add(row.name, format_args!("recorded was {:?}", record.kind));
            return;
        };
        faults.same(row.name, "the rejected digest", rejected.digest, digest);
        faults.same(
            row.name,
            "the recorded code",
            rejected.code.as_str(),
            row.code.name(),
        );
        let principal = rejected.principal.to_string();
        faults.same(row.name, "whose rejection it is", principal.as_str(), row.session);
        faults.same(
            row.name,
            "where it is",
            told.and_then(|told| told.rejection),
            Some(*index),
        );
    }

    async fn check_put_right(&self, row: &Row, request: &Request, from: u64, faults: &mut Faults) {
        let recorded = self.recorded(from).await;
        let kinds: Vec<&str> = recorded
            .iter()
            .map(|(_, record)| match record.kind {
                RecordKind::Accepted(_) => "ACCEPTED",
                RecordKind::Routed(_) => "ROUTED",
                RecordKind::Acknowledged(_) => "ACKNOWLEDGED",
                _ => "another",
            })
            .collect();
        let expected: &[&str] = match request {
            Request::Submit(_) => &["ACCEPTED", "ROUTED"],
            _ => &["ACKNOWLEDGED"],
        };
        faults.same(
            row.name,
            "what was recorded once put right",
            kinds.as_slice(),
            expected,
        );
    }
}

/// Our own detail of a status.
fn refusal_of(status: &Status) -> Option<v1::Refusal> {
    let details = pb::Status::decode(status.details()).ok()?;
    let any = details
        .details
        .iter()
        .find(|any| any.type_url.ends_with("/wardline.v1.Refusal"))?;
    v1::Refusal::decode(any.value.as_slice()).ok()
}

/// What tools are told that know gRPC only; written here once more, because a client may depend on it.
fn grpc_code(code: ErrorCode) -> Code {
    use ErrorCode as E;
    match code {
        E::UnknownCertificate => Code::Unauthenticated,
        E::UncertifiedKey
        | E::WrongKeyRole
        | E::UnknownSigner
        | E::RevokedKey
        | E::Suspended
        | E::SessionSignerMismatch
        | E::NotYours
        | E::PermissionDenied => Code::PermissionDenied,
        E::SeenNotOnLog
        | E::Expired
        | E::SentAhead
        | E::AcknowledgementsExhausted
        | E::NotEnrolled
        | E::NoChange => Code::FailedPrecondition,
        E::UnknownRecipient | E::NotFound => Code::NotFound,
        E::IdReused | E::KeyAlreadyEnrolled | E::AlreadyEnrolled => Code::AlreadyExists,
        E::SealedUnsupported | E::Unsupported | E::CriticalExtension => Code::Unimplemented,
        _ => Code::InvalidArgument,
    }
}
