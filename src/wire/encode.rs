//! What a client signs, and what lies beside it, from the domain to bytes. Fields are written in the order of their
//! numbers, defaults are left out and nothing here is a map: the same value always gives the same bytes. Once signed,
//! bytes are stored and forwarded as they are and never encoded anew.

use bytes::Bytes;
use prost::Message;

use super::fields::unix_ms_or_zero;
use super::v1;
use crate::domain::{
    Acknowledgement, AgencyEnrolment, Area, Body, Common, ContentBlock, Deadlines, Desk, Desks,
    ErasureAttestation, Extension, Hold, KeyCertificate, KeyRevocation, Mandate, OnwardTransfer, Outcome,
    PartReference, RootSuccession, SignedBy, Signer, StateEnrolment, Suspension, Text, Warning,
};

macro_rules! encoders {
    ($($(#[$doc:meta])* $name:ident: $from:ty => $to:ty;)+) => {
        $($(#[$doc])*
        pub fn $name(value: &$from) -> Bytes {
            <$to>::from(value).encode_to_vec().into()
        })+
    };
}

encoders! {
    /// The header of a warning, to be signed.
    encode_warning: Warning => v1::Warning;
    /// An acknowledgement, to be signed.
    encode_acknowledgement: Acknowledgement => v1::Acknowledgement;
    /// A key's certificate, to be signed.
    encode_key_certificate: KeyCertificate => v1::KeyCertificate;
    /// A key's revocation, to be signed.
    encode_key_revocation: KeyRevocation => v1::KeyRevocation;
    /// A root's successor, to be signed.
    encode_root_succession: RootSuccession => v1::RootSuccession;
    /// A state's enrolment, to be signed.
    encode_state_enrolment: StateEnrolment => v1::StateEnrolment;
    /// An agency's enrolment, to be signed.
    encode_agency_enrolment: AgencyEnrolment => v1::AgencyEnrolment;
    /// An agency's desks, to be signed.
    encode_desks: Desks => v1::Desks;
    /// An auditor's mandate, to be signed.
    encode_mandate: Mandate => v1::Mandate;
    /// An auditor's hold, to be signed.
    encode_hold: Hold => v1::Hold;
    /// An attestation of an erasure, to be signed.
    encode_erasure_attestation: ErasureAttestation => v1::ErasureAttestation;
    /// A statement of an onward transfer, to be signed.
    encode_onward_transfer: OnwardTransfer => v1::OnwardTransfer;
    /// A suspension, to be signed.
    encode_suspension: Suspension => v1::Suspension;
    /// A reinstatement, to be signed.
    encode_reinstatement: Suspension => v1::Reinstatement;
    /// A body, to be named by its digest.
    encode_body: Body => v1::Body;
    /// A text, to be named by its digest.
    encode_text: Text => v1::Text;
}

impl From<&Common> for v1::Common {
    fn from(common: &Common) -> Self {
        use v1::common::By;
        Self {
            origin: common.origin.as_str().to_owned(),
            id: Bytes::copy_from_slice(common.id.as_bytes()),
            sent_unix_ms: common.sent.unix_ms(),
            by: Some(match &common.signer {
                SignedBy::Named(signer) => By::Signer(signer.into()),
                SignedBy::Committed(commitment) => By::SignerCommitment(Bytes::copy_from_slice(commitment)),
            }),
        }
    }
}

impl From<&Signer> for v1::Signer {
    fn from(signer: &Signer) -> Self {
        Self {
            principal: signer.principal.to_string(),
            role: i32::from(signer.role.number()),
            desk: signer.desk.as_ref().map(ToString::to_string).unwrap_or_default(),
            office: signer.office.clone(),
            seen: signer.seen.map(|seen| v1::Seen {
                size: seen.size,
                root: Bytes::copy_from_slice(seen.root.as_bytes()),
            }),
        }
    }
}

impl From<&Warning> for v1::Warning {
    fn from(warning: &Warning) -> Self {
        let (specifics, handling) = (&warning.specifics, &warning.handling);
        Self {
            common: Some((&warning.common).into()),
            status: warning.status.number(),
            r#type: warning.warning_type.number(),
            precedence: warning.precedence.number(),
            category: warning.category.number(),
            expires_unix_ms: unix_ms_or_zero(warning.expires),
            deadlines: warning.deadlines.map(v1::Deadlines::from),
            harm: warning.harm.iter().map(|harm| harm.number()).collect(),
            assertions: Some(v1::Assertions {
                credible: warning.assertions.credible,
                specific: warning.assertions.specific,
                impending: warning.assertions.impending,
            }),
            specifics: Some(v1::Specifics {
                place: specifics.place.number(),
                time: specifics.time.number(),
                method: specifics.method.number(),
                target: specifics.target.number(),
                perpetrator: specifics.perpetrator.number(),
            }),
            handling: Some(v1::Handling {
                tlp: handling.tlp.number(),
                onward: handling.onward.number(),
                notify_victim: handling.notify_victim.number(),
                personal_data: handling.personal_data,
                attribution: handling.attribution.number(),
            }),
            territory: warning
                .territory
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            victims_of: warning.victims_of.iter().map(ToString::to_string).collect(),
            references: warning
                .references
                .iter()
                .map(|reference| v1::Reference {
                    id: Bytes::copy_from_slice(reference.id.as_bytes()),
                    digest: Bytes::copy_from_slice(reference.digest.as_bytes()),
                })
                .collect(),
            body: Some((&warning.body).into()),
            reply_key: warning.reply_key.as_ref().map(|reply| v1::ReplyKey {
                suite: reply.suite,
                key: reply.key.clone().into(),
            }),
            audience: warning
                .audience
                .iter()
                .map(|entry| Bytes::copy_from_slice(entry))
                .collect(),
            extensions: extensions(&warning.extensions),
            outcome: warning.outcome.map_or(0, Outcome::number),
        }
    }
}

impl From<Deadlines> for v1::Deadlines {
    fn from(deadlines: Deadlines) -> Self {
        Self {
            received_ms: deadlines.received_ms,
            opened_ms: deadlines.opened_ms,
            answered_ms: deadlines.answered_ms,
        }
    }
}

impl From<&PartReference> for v1::PartReference {
    fn from(part: &PartReference) -> Self {
        Self {
            form: part.form.number(),
            suite: part.suite,
            length: part.length,
            digest: Bytes::copy_from_slice(&part.digest),
            plaintext_commitment: part
                .plaintext_commitment
                .map(|commitment| Bytes::copy_from_slice(&commitment))
                .unwrap_or_default(),
        }
    }
}

fn extensions(extensions: &[Extension]) -> Vec<v1::Extension> {
    extensions
        .iter()
        .map(|extension| v1::Extension {
            id: extension.id.clone(),
            critical: extension.critical,
            value: extension.value.clone().into(),
        })
        .collect()
}

impl From<&Acknowledgement> for v1::Acknowledgement {
    fn from(acknowledgement: &Acknowledgement) -> Self {
        Self {
            common: Some((&acknowledgement.common).into()),
            warning_id: Bytes::copy_from_slice(acknowledgement.warning_id.as_bytes()),
            warning_digest: Bytes::copy_from_slice(acknowledgement.warning_digest.as_bytes()),
            kind: acknowledgement.kind.number(),
            assessment: acknowledgement.assessment.map_or(0, |it| it.number()),
            missing: acknowledgement.missing.iter().map(|it| it.number()).collect(),
            reason: acknowledgement.reason.map_or(0, |it| it.number()),
            until_unix_ms: unix_ms_or_zero(acknowledgement.until),
            to: acknowledgement
                .to
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            text: acknowledgement.text.as_ref().map(v1::PartReference::from),
            extensions: extensions(&acknowledgement.extensions),
        }
    }
}

impl From<&KeyCertificate> for v1::KeyCertificate {
    fn from(certificate: &KeyCertificate) -> Self {
        Self {
            common: Some((&certificate.common).into()),
            principal: certificate.principal.to_string(),
            role: i32::from(certificate.role.number()),
            public_key: certificate.public_key.clone().into(),
            label: certificate.label.clone(),
            extensions: extensions(&certificate.extensions),
        }
    }
}

impl From<&KeyRevocation> for v1::KeyRevocation {
    fn from(revocation: &KeyRevocation) -> Self {
        Self {
            common: Some((&revocation.common).into()),
            principal: revocation.principal.to_string(),
            keyid: revocation.keyid.to_string(),
            reason: revocation.reason.number(),
            extensions: extensions(&revocation.extensions),
        }
    }
}

impl From<&RootSuccession> for v1::RootSuccession {
    fn from(succession: &RootSuccession) -> Self {
        Self {
            common: Some((&succession.common).into()),
            state: succession.state.to_string(),
            public_key: succession.public_key.clone().into(),
            extensions: extensions(&succession.extensions),
        }
    }
}

impl From<&StateEnrolment> for v1::StateEnrolment {
    fn from(enrolment: &StateEnrolment) -> Self {
        Self {
            common: Some((&enrolment.common).into()),
            state: enrolment.state.to_string(),
            root_certificate_digest: Bytes::copy_from_slice(enrolment.root_certificate_digest.as_bytes()),
            home_origin: enrolment.home_origin.clone(),
            extensions: extensions(&enrolment.extensions),
        }
    }
}

impl From<&AgencyEnrolment> for v1::AgencyEnrolment {
    fn from(enrolment: &AgencyEnrolment) -> Self {
        Self {
            common: Some((&enrolment.common).into()),
            agency: enrolment.agency.to_string(),
            name: enrolment.name.clone(),
            kind: enrolment.kind.number(),
            certificate_digests: enrolment
                .certificate_digests
                .iter()
                .map(|digest| Bytes::copy_from_slice(digest.as_bytes()))
                .collect(),
            home_origin: enrolment.home_origin.clone(),
            extensions: extensions(&enrolment.extensions),
        }
    }
}

impl From<&Desks> for v1::Desks {
    fn from(desks: &Desks) -> Self {
        Self {
            common: Some((&desks.common).into()),
            desks: desks.desks.iter().map(v1::Desk::from).collect(),
            extensions: extensions(&desks.extensions),
        }
    }
}

impl From<&Desk> for v1::Desk {
    fn from(desk: &Desk) -> Self {
        Self {
            address: desk.address.to_string(),
            name: desk.name.clone(),
            competences: desk.competences.clone(),
            languages: desk.languages.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&Hold> for v1::Hold {
    fn from(hold: &Hold) -> Self {
        let digests = hold.warnings.iter();
        Self {
            common: Some((&hold.common).into()),
            until_unix_ms: hold.until.unix_ms(),
            reason: hold.reason.clone(),
            warnings: digests.map(|it| Bytes::copy_from_slice(it.as_bytes())).collect(),
            agencies: hold.agencies.iter().map(ToString::to_string).collect(),
            extensions: extensions(&hold.extensions),
        }
    }
}

impl From<&ErasureAttestation> for v1::ErasureAttestation {
    fn from(attestation: &ErasureAttestation) -> Self {
        Self {
            common: Some((&attestation.common).into()),
            warning_digest: Bytes::copy_from_slice(attestation.warning_digest.as_bytes()),
            desk: attestation.desk.to_string(),
            retention_class: attestation.bucket.class().number(),
            days: attestation.days,
            day: attestation.bucket.day(),
            erased_at_unix_ms: attestation.erased_at.unix_ms(),
            extensions: extensions(&attestation.extensions),
        }
    }
}

impl From<&OnwardTransfer> for v1::OnwardTransfer {
    fn from(transfer: &OnwardTransfer) -> Self {
        Self {
            common: Some((&transfer.common).into()),
            warning_digest: Bytes::copy_from_slice(transfer.warning_digest.as_bytes()),
            desk: transfer.desk.to_string(),
            to: transfer.to.to_string(),
            wrap_digest: Bytes::copy_from_slice(&transfer.wrap_digest),
            originator_agreed: transfer.originator_agreed,
            extensions: extensions(&transfer.extensions),
        }
    }
}

impl From<&Mandate> for v1::Mandate {
    fn from(mandate: &Mandate) -> Self {
        Self {
            common: Some((&mandate.common).into()),
            auditor: mandate.auditor.to_string(),
            withdrawn: mandate.withdrawn,
            extensions: extensions(&mandate.extensions),
        }
    }
}

impl From<&Suspension> for v1::Suspension {
    fn from(suspension: &Suspension) -> Self {
        Self {
            common: Some((&suspension.common).into()),
            agency: suspension.agency.to_string(),
            reason: suspension.reason.clone(),
            extensions: extensions(&suspension.extensions),
        }
    }
}

impl From<&Suspension> for v1::Reinstatement {
    fn from(suspension: &Suspension) -> Self {
        let message = v1::Suspension::from(suspension);
        Self {
            common: message.common,
            agency: message.agency,
            reason: message.reason,
            extensions: message.extensions,
        }
    }
}

impl From<&Body> for v1::Body {
    fn from(body: &Body) -> Self {
        Self {
            urgency: body.urgency.number(),
            severity: body.severity.number(),
            certainty: body.certainty.number(),
            authoritative_language: body.authoritative.to_string(),
            blocks: body.blocks.iter().map(v1::ContentBlock::from).collect(),
            area: (body.area != Area::default()).then(|| v1::Area {
                polygons: body.area.polygons.clone(),
                circles: body.area.circles.clone(),
                geocodes: body
                    .area
                    .geocodes
                    .iter()
                    .map(|(name, value)| v1::Geocode {
                        name: name.clone(),
                        value: value.clone(),
                    })
                    .collect(),
            }),
            onset_unix_ms: unix_ms_or_zero(body.onset),
            onset_until_unix_ms: unix_ms_or_zero(body.onset_until),
        }
    }
}

impl From<&ContentBlock> for v1::ContentBlock {
    fn from(block: &ContentBlock) -> Self {
        Self {
            language: block.language.to_string(),
            event: block.event.clone(),
            headline: block.headline.clone(),
            description: block.description.clone(),
            instruction: block.instruction.clone(),
            area: block.area.clone(),
            target: block.target.clone(),
        }
    }
}

impl From<&Text> for v1::Text {
    fn from(text: &Text) -> Self {
        Self {
            language: text.language.to_string(),
            text: text.text.clone(),
        }
    }
}
