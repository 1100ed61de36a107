//! The admission of warnings and acknowledgements.
//!
//! What lies beside the signature is checked first wherever it can be, so that a wrong hint or session never uses up an
//! id; what the signature covers and is wrong gives a [`Condemned`], which `decide` records.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Admitted;
use super::signed::{Signed, check_origin, check_session, check_signer, single_signer};
use crate::domain::{
    Acknowledgement, AcknowledgementSubmission, AgencyId, AudienceKind, AudienceOpening, Common,
    DetachedPart, Digest, Form, Hint, KeyId, KeyRole, Lane, PartReference, PayloadId, Principal,
    SignedEnvelope, Submission, Warning, Wrap,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::directory::Directory;
use crate::ledger::facts::IdKey;
use crate::ledger::refusal::{Leaves, leaves};
use crate::ledger::rules;
use crate::limits;
use crate::seal::{
    OpenedAudience, PayloadKind, Verified, WrapKind, body_digest, open_audience, sealed_text_shape,
    text_digest, wrap_shape,
};
use crate::wire;

/// A warning and what lies beside it.
#[derive(Debug, Clone)]
pub struct SentWarning {
    /// The header.
    pub header: Warning,
    /// Its audience, every entry opened.
    pub audience: OpenedAudience,
    /// The body; it matches its digest and, in clear, parses.
    pub body: DetachedPart,
    /// The key of a sealed body; each has the length that it should, and stands once.
    pub wraps: SentWraps,
}

/// The key of a sealed body, as it was wrapped; none, of a body in clear.
#[derive(Debug, Clone, Default)]
pub struct SentWraps {
    /// For the agencies that it goes to.
    pub recipients: BTreeMap<AgencyId, Bytes>,
    /// For the originator, with the key to open answers with.
    pub originator: Option<Bytes>,
}

/// An acknowledgement and what lies beside it.
#[derive(Debug, Clone)]
pub struct SentAcknowledgement {
    /// What was signed.
    pub acknowledgement: Acknowledgement,
    /// The text, if what was signed names one; it matches its digest and parses.
    pub text: Option<DetachedPart>,
}

/// Validly signed by an enrolled key of the right role, and refused for what the signature covers. The proof that a
/// `REJECTED` record is due: only this module makes one.
#[derive(Debug, Clone)]
pub struct Condemned {
    key: IdKey,
    digest: Digest,
    keyid: KeyId,
    refused: Refused,
}

impl Condemned {
    /// What its id is used up under.
    pub fn id_key(&self) -> &IdKey {
        &self.key
    }

    /// The digest of what was signed.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The key that signed.
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// Why.
    pub fn refused(&self) -> &Refused {
        &self.refused
    }
}

/// Why something is not admitted.
#[derive(Debug, Clone)]
pub enum NotAdmitted {
    /// Nothing is recorded.
    Refused(Refused),
    /// To be recorded: hand it to `decide` as [`Command::Reject`](crate::ledger::Command::Reject).
    Condemned(Box<Condemned>),
}

impl From<Refused> for NotAdmitted {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Admits a warning that came over a session of `session`.
pub fn warning(
    directory: &Directory,
    session: &Principal,
    submission: Submission,
) -> Result<Admitted<SentWarning>, NotAdmitted> {
    let Submission {
        envelope,
        hint,
        openings,
        body,
        wraps,
    } = submission;
    few_enough(&wraps, &openings)?;
    let signed = single_signer(directory, envelope, PayloadKind::Warning)?;
    let header = match wire::warning(&signed.verified) {
        Ok(header) => header,
        Err(refused) => {
            return Err(unparsable(
                directory,
                session,
                &signed,
                hint,
                &[KeyRole::Originate],
                refused,
            ));
        }
    };
    let roles = header.warning_type.signing_roles();
    let key = beside(session, &signed, &header.common, hint, roles)?;
    check_lane(hint, Lane::of(header.status, header.precedence))?;
    let wraps = sorted(wraps, &key.principal, header.body.form)?;
    let judged = check_origin(directory, &header.common)
        .and_then(|()| rules::body_form(&header.body))
        .and_then(|()| open(&header, openings))
        .and_then(|audience| {
            let bounds = Bounds {
                bytes_max: limits::BODY_BYTES_MAX,
                too_large: ErrorCode::BodyTooLarge,
                mismatch: ErrorCode::BodyMismatch,
                digest: body_digest,
                name: "body",
            };
            bounds.check(&header.body, &body)?;
            if header.body.form == Form::Clear {
                wire::body(&body.content)?;
            }
            Ok(audience)
        });
    match judged {
        Ok(audience) => {
            let common = header.common.clone();
            let content = SentWarning {
                header,
                audience,
                body,
                wraps,
            };
            Ok(Admitted::new(signed.verified, key, common, content))
        }
        Err(refused) => Err(judge(&signed.verified, key, refused)),
    }
}

/// Admits an acknowledgement that came over a session of `session`.
pub fn acknowledgement(
    directory: &Directory,
    session: &Principal,
    submission: AcknowledgementSubmission,
) -> Result<Admitted<SentAcknowledgement>, NotAdmitted> {
    let AcknowledgementSubmission { envelope, hint, text } = submission;
    const ROLES: [KeyRole; 2] = [KeyRole::Receive, KeyRole::Officer];
    short_enough(&envelope)?;
    let signed = single_signer(directory, envelope, PayloadKind::Acknowledgement)?;
    let acknowledgement = match wire::acknowledgement(&signed.verified) {
        Ok(acknowledgement) => acknowledgement,
        Err(refused) => return Err(unparsable(directory, session, &signed, hint, &ROLES, refused)),
    };
    let role = acknowledgement.kind.signing_role();
    let key = beside(session, &signed, &acknowledgement.common, hint, &[role])?;
    let judged = check_origin(directory, &acknowledgement.common)
        .and_then(|()| check_text(acknowledgement.text.as_ref(), text.as_ref()));
    match judged {
        Ok(()) => {
            let common = acknowledgement.common.clone();
            let content = SentAcknowledgement {
                acknowledgement,
                text,
            };
            Ok(Admitted::new(signed.verified, key, common, content))
        }
        Err(refused) => Err(judge(&signed.verified, key, refused)),
    }
}

/// Whoever looks at a warning gets all of its acknowledgements: what is beyond the bound is not looked at.
pub(in crate::ledger) fn short_enough(acknowledgement: &SignedEnvelope) -> Result<(), Refused> {
    let bytes = acknowledgement.payload.len();
    if bytes <= limits::ACKNOWLEDGEMENT_BYTES_MAX {
        return Ok(());
    }
    let bound = limits::ACKNOWLEDGEMENT_BYTES_MAX;
    let sentence = format!("the signed acknowledgement has {bytes} bytes, more than {bound}");
    Err(Refused::new(ErrorCode::PayloadTooLarge, sentence).about("payload"))
}

/// Signer, session and hint: nothing of it is recorded.
fn beside(
    session: &Principal,
    signed: &Signed<'_>,
    common: &Common,
    hint: Hint,
    roles: &[KeyRole],
) -> Result<IdKey, Refused> {
    check_signer(common, signed.key, roles)?;
    check_session(session, &signed.key.principal)?;
    check_hint(hint, &common.id)?;
    Ok(IdKey {
        principal: signed.key.principal.clone(),
        kind: signed.verified.kind(),
        id: common.id,
    })
}

fn check_hint(hint: Hint, id: &PayloadId) -> Result<(), Refused> {
    if hint.id == *id {
        return Ok(());
    }
    let sentence = format!("the hint says id {}, the payload {id}", hint.id);
    Err(Refused::new(ErrorCode::HintMismatch, sentence).about("hint.id"))
}

fn check_lane(hint: Hint, lane: Lane) -> Result<(), Refused> {
    if hint.lane == Some(lane) {
        return Ok(());
    }
    let sentence = match hint.lane {
        Some(hinted) => format!("the hint says lane {hinted}, the payload is for {lane}"),
        None => format!("the hint names no lane, the payload is for {lane}"),
    };
    Err(Refused::new(ErrorCode::HintMismatch, sentence).about("hint.lane"))
}

/// A payload that is validly signed and does not parse is recorded if its `Common` can be read: without an id there is
/// nothing to use up.
fn unparsable(
    directory: &Directory,
    session: &Principal,
    signed: &Signed<'_>,
    hint: Hint,
    roles: &[KeyRole],
    refused: Refused,
) -> NotAdmitted {
    let Some(common) = wire::common(signed.verified.kind(), signed.verified.payload()) else {
        return NotAdmitted::Refused(refused);
    };
    match beside(session, signed, &common, hint, roles) {
        Ok(key) => {
            let refused = check_origin(directory, &common).err().unwrap_or(refused);
            judge(&signed.verified, key, refused)
        }
        Err(refused) => NotAdmitted::Refused(refused),
    }
}

fn judge(verified: &Verified, key: IdKey, refused: Refused) -> NotAdmitted {
    match leaves(refused.code) {
        Leaves::Nothing => NotAdmitted::Refused(refused),
        Leaves::Rejected => NotAdmitted::Condemned(Box::new(Condemned {
            key,
            digest: verified.digest(),
            keyid: verified.keyid(),
            refused,
        })),
    }
}

fn open(header: &Warning, openings: Vec<AudienceOpening>) -> Result<OpenedAudience, Refused> {
    if openings.len() > header.audience.len() {
        // More openings than entries: one of them can only repeat or match nothing.
        return Err(Refused::new(
            ErrorCode::AudienceMismatch,
            "there are more openings than entries of the audience",
        )
        .about("openings"));
    }
    open_audience(&header.audience, openings)
        .map_err(|error| Refused::new(error.code(), error.to_string()).about("audience"))
}

/// An address leads to one agency, so there is a wrap for each at most, and the originator's. What is more is refused before anything
/// is verified or queued.
fn few_enough(wraps: &[Wrap], openings: &[AudienceOpening]) -> Result<(), Refused> {
    let addressed = openings.iter().filter(|it| it.kind == AudienceKind::To).count();
    if wraps.len() <= addressed.saturating_add(1) {
        return Ok(());
    }
    let sentence = format!(
        "{} wraps for {addressed} addresses and the originator",
        wraps.len()
    );
    Err(Refused::new(ErrorCode::WrapsMismatch, sentence).about("wraps"))
}

/// Those for the agencies and that for the originator. They are not signed, so whatever is wrong with them is not recorded:
/// the same signed bytes may come again with others.
fn sorted(wraps: Vec<Wrap>, signer: &Principal, form: Form) -> Result<SentWraps, Refused> {
    let mismatch = |sentence: String| Err(Refused::new(ErrorCode::WrapsMismatch, sentence).about("wraps"));
    if form == Form::Clear && !wraps.is_empty() {
        return mismatch("a body in clear has no key that could be wrapped".to_owned());
    }
    let mut sorted = SentWraps::default();
    for Wrap { agency, wrapped } in wraps {
        let again = match wrap_shape(&wrapped) {
            Ok((_, WrapKind::Recipient)) => sorted.recipients.insert(agency.clone(), wrapped),
            Ok((_, WrapKind::Originator)) if signer.agency() == Some(&agency) => {
                sorted.originator.replace(wrapped)
            }
            Ok((_, WrapKind::Originator)) => {
                return mismatch(format!("the wrap for {agency} is one for the originator"));
            }
            Err(error) => return mismatch(format!("the wrap for {agency}: {error}")),
        };
        if again.is_some() {
            return mismatch(format!("{agency} has two wraps"));
        }
    }
    Ok(sorted)
}

fn check_text(reference: Option<&PartReference>, part: Option<&DetachedPart>) -> Result<(), Refused> {
    let mismatch = |sentence: &str| Err(Refused::new(ErrorCode::TextMismatch, sentence).about("text"));
    match (reference, part) {
        (None, None) => Ok(()),
        (Some(reference), Some(part)) => {
            let bounds = Bounds {
                bytes_max: limits::TEXT_BYTES_MAX,
                too_large: ErrorCode::TextTooLarge,
                mismatch: ErrorCode::TextMismatch,
                digest: text_digest,
                name: "text",
            };
            bounds.check(reference, part)?;
            rules::text_form(reference)?;
            match reference.form {
                Form::Clear => wire::text(&part.content).map(drop),
                Form::Sealed => sealed_text(reference, part),
            }
        }
        (Some(_), None) => mismatch("the signed text is missing"),
        (None, Some(_)) => mismatch("there is a text, and none is signed"),
    }
}

fn sealed_text(reference: &PartReference, part: &DetachedPart) -> Result<(), Refused> {
    let invalid = |sentence: String| Err(Refused::new(ErrorCode::InvalidValue, sentence).about("text"));
    match sealed_text_shape(&part.content) {
        Ok(suite) if u32::from(suite.byte()) == reference.suite => Ok(()),
        Ok(suite) => invalid(format!(
            "the text is sealed by suite {}, signed is {}",
            suite.byte(),
            reference.suite
        )),
        Err(error) => invalid(error.to_string()),
    }
}

/// What is the same for a body and a text.
struct Bounds {
    bytes_max: usize,
    too_large: ErrorCode,
    mismatch: ErrorCode,
    digest: fn(&[u8; 32], &[u8]) -> [u8; 32],
    name: &'static str,
}

impl Bounds {
    /// The length is judged as it was signed; only then the bytes beside.
    fn check(&self, reference: &PartReference, part: &DetachedPart) -> Result<(), Refused> {
        let signed = usize::try_from(reference.length).unwrap_or(usize::MAX);
        if signed > self.bytes_max {
            let sentence = format!(
                "the {} has {signed} bytes, more than {}",
                self.name, self.bytes_max
            );
            return Err(Refused::new(self.too_large, sentence).about(self.name));
        }
        if part.content.len() != signed {
            let sentence = format!(
                "the {} has {} bytes, signed are {signed}",
                self.name,
                part.content.len()
            );
            return Err(Refused::new(self.mismatch, sentence).about(self.name));
        }
        if (self.digest)(&part.salt, &part.content) != reference.digest {
            let sentence = format!("the {} does not match its digest", self.name);
            return Err(Refused::new(self.mismatch, sentence).about(self.name));
        }
        Ok(())
    }
}
