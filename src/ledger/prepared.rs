//! A record with what can be checked of it out of order, on any thread: its signatures under keys that are known by their
//! ids, what was signed, and its audience.
//!
//! It is a proof by how it is made: what stands beside the record comes from that record, and from an envelope of which
//! `seal` has verified every signature strictly. It loosens nothing. Whether those keys are enrolled, in which role and valid
//! at which index is asked in order, as ever; and where nothing was checked ahead, all of it is checked in order.

use std::sync::Arc;

use crate::domain::{Accepted, Acknowledgement, Digest, KeyId, Record, RecordKind, SignedEnvelope, Warning};
use crate::error::Refused;
use crate::seal::{AudienceError, PayloadKind, PublicKey, Verified, opened_places, verify_envelope_as};
use crate::wire;

/// A record, and what was checked of it ahead.
#[derive(Debug, Clone)]
pub struct Prepared {
    record: Box<Record>,
    ahead: Ahead,
}

impl Prepared {
    /// Checks what needs no order. `find_key` gives the keys that are known, enrolled or not.
    pub fn ahead_of_order(
        record: impl Into<Box<Record>>,
        find_key: impl FnMut(&KeyId) -> Option<PublicKey>,
    ) -> Self {
        let record = record.into();
        let ahead = Ahead::of(&record, find_key);
        Self { record, ahead }
    }

    /// Nothing was checked.
    pub fn unchecked(record: impl Into<Box<Record>>) -> Self {
        let (record, ahead) = (record.into(), Ahead::default());
        Self { record, ahead }
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The record alone.
    pub fn into_record(self) -> Record {
        *self.record
    }

    /// The header of an accepted warning whose signature was verified ahead, if it is a header.
    pub fn warning(&self) -> Option<&Arc<Warning>> {
        self.ahead.warning().map(|(_, header)| header)
    }

    /// An acknowledgement whose signature was verified ahead, if it is one.
    pub fn acknowledgement(&self) -> Option<&Arc<Acknowledgement>> {
        self.ahead.acknowledgement().map(|(_, said)| said)
    }

    pub(super) fn ahead(&self) -> &Ahead {
        &self.ahead
    }
}

/// What was checked ahead.
#[derive(Debug, Clone, Default)]
pub(super) enum Ahead {
    /// Nothing: another kind of record, or a signature that does not verify, or by a key that was not known.
    #[default]
    Nothing,
    /// A warning.
    Warning(Box<SignedWarning>),
    /// An acknowledgement.
    Acknowledgement(Box<Signed<Acknowledgement>>),
}

/// What was signed, under which keys.
#[derive(Debug, Clone)]
pub(super) struct Signed<T> {
    pub(super) verified: Verified,
    pub(super) content: Result<Arc<T>, Refused>,
}

/// A warning and its audience.
#[derive(Debug, Clone)]
pub(super) struct SignedWarning {
    pub(super) signed: Signed<Warning>,
    /// How many entries were opened, and whether the openings stand in the header's order; none without a header.
    pub(super) audience: Option<Result<OpenedEntries, AudienceError>>,
}

/// What the openings of an acceptance show.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenedEntries {
    pub(super) entries: usize,
    pub(super) in_order: bool,
}

impl OpenedEntries {
    /// Opens a header's audience with the openings of its acceptance.
    pub(super) fn of(header: &Warning, accepted: &Accepted) -> Result<Self, AudienceError> {
        let places = opened_places(&header.audience, &accepted.openings)?;
        Ok(Self {
            entries: places.len(),
            in_order: places.is_sorted(),
        })
    }
}

impl Ahead {
    fn of(record: &Record, find_key: impl FnMut(&KeyId) -> Option<PublicKey>) -> Self {
        match &record.kind {
            RecordKind::Accepted(accepted) => {
                let parse = |verified: &Verified| wire::warning(verified);
                let Some(signed) = Signed::of(&accepted.warning, PayloadKind::Warning, find_key, parse)
                else {
                    return Self::Nothing;
                };
                let header = signed.content.as_ref().ok();
                let audience = header.map(|header| OpenedEntries::of(header, accepted));
                Self::Warning(Box::new(SignedWarning { signed, audience }))
            }
            RecordKind::Acknowledged(envelope) => {
                let parse = |verified: &Verified| wire::acknowledgement(verified);
                match Signed::of(envelope, PayloadKind::Acknowledgement, find_key, parse) {
                    Some(signed) => Self::Acknowledgement(Box::new(signed)),
                    None => Self::Nothing,
                }
            }
            RecordKind::Genesis(_)
            | RecordKind::RelayStarted(_)
            | RecordKind::StateEnrolled { .. }
            | RecordKind::AgencyEnrolled(_)
            | RecordKind::KeyPublished(_)
            | RecordKind::KeyRevoked(_)
            | RecordKind::RootSucceeded(_)
            | RecordKind::DesksPublished(_)
            | RecordKind::MandatePublished(_)
            | RecordKind::HoldPlaced(_)
            | RecordKind::AgencySuspended(_)
            | RecordKind::AgencyReinstated(_)
            | RecordKind::OperatorKeyPublished(_)
            | RecordKind::Rejected(_)
            | RecordKind::Routed(_)
            | RecordKind::HandedOver(_)
            | RecordKind::Erased(_)
            | RecordKind::Unknown => Self::Nothing,
        }
    }

    /// A warning's digest and header.
    pub(super) fn warning(&self) -> Option<(Digest, &Arc<Warning>)> {
        match self {
            Self::Warning(it) => it.signed.parsed(),
            Self::Acknowledgement(_) | Self::Nothing => None,
        }
    }

    /// An acknowledgement's digest and content.
    pub(super) fn acknowledgement(&self) -> Option<(Digest, &Arc<Acknowledgement>)> {
        match self {
            Self::Acknowledgement(it) => it.parsed(),
            Self::Warning(_) | Self::Nothing => None,
        }
    }
}

impl<T> Signed<T> {
    fn of(
        envelope: &SignedEnvelope,
        kind: PayloadKind,
        find_key: impl FnMut(&KeyId) -> Option<PublicKey>,
        parse: impl FnOnce(&Verified) -> Result<T, Refused>,
    ) -> Option<Self> {
        let verified = verify_envelope_as(envelope.clone(), kind, find_key).ok()?;
        let content = parse(&verified).map(Arc::new);
        Some(Self { verified, content })
    }

    fn parsed(&self) -> Option<(Digest, &Arc<T>)> {
        Some((self.verified.digest(), self.content.as_ref().ok()?))
    }
}
