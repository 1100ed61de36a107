//! What the relay would refuse in a draft, told before anything is signed: the rules that need nothing but the
//! warning itself, all of them at once, and the very parser that the relay uses. Whether an address is enrolled and who
//! may sign is not known offline.

use super::Draft;
use crate::domain::{
    Address, Attribution, Common, KeyRole, NotifyVictim, PayloadId, Precedence, Principal, Seen, SignedBy,
    Signer, Specifics, Status, Warning, WarningType,
};
use crate::error::{ErrorCode, Refused};
use crate::ledger::offline_rules;
use crate::limits;
use crate::seal::{self, PayloadKind, SecretKey};
use crate::time::Timestamp;
use crate::wire;

use super::prepare::PrepareError;

impl Draft {
    /// Everything that the relay would refuse, if this were signed and sent at `sent`. Each names the key of the draft
    /// (`handling.tlp`) that it is about. Empty: as far as it can be told offline, it would be accepted.
    pub fn refusals(&self, sent: Timestamp) -> Vec<Refused> {
        let mut found = Vec::new();
        let mut refuse = |code, field: &str, sentence: &str| {
            found.push(Refused::new(code, sentence).about(field));
        };
        self.audience_rules(&mut refuse);
        self.supported(&mut refuse);
        self.expiry(sent, &mut refuse);
        self.type_rules(&mut refuse);
        // What only the relay's own parser and rules find; what was told above is not told again.
        if let Err(refused) = self.as_the_relay_would(sent)
            && !found
                .iter()
                .any(|other| other.code == refused.code || other.field == refused.field)
        {
            found.push(refused);
        }
        found
    }

    /// What the sender may have overlooked, one sentence each. None of it is refused.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let asserted = self.assertions.credible && self.assertions.specific && self.assertions.impending;
        if self.warning_type == WarningType::Alert
            && self.status != Status::Actual
            && (!asserted || self.harm.is_empty())
        {
            notes.push("As ACTUAL it would be refused: an ALERT then names its harm and asserts credible, specific and impending.".to_owned());
        }
        let Specifics {
            place,
            time,
            method,
            target,
            perpetrator,
        } = self.specifics;
        if [place, time, method, target, perpetrator]
            .iter()
            .all(|known| *known == crate::domain::Known::Unknown)
        {
            notes.push(
                "Nothing is said to be known of it (specifics): the recipient may well answer TOO_VAGUE."
                    .to_owned(),
            );
        }
        if self.warning_type == WarningType::Alert && self.handling.notify_victim == NotifyVictim::MustNot {
            notes.push("The recipient may not tell the victims (notify_victim MUST_NOT, which also holds when nothing is said).".to_owned());
        }
        if self.handling.personal_data {
            notes.push("It contains personal data: it is kept for less time and not passed on.".to_owned());
        }
        notes
    }

    fn audience_rules(&self, refuse: &mut impl FnMut(ErrorCode, &str, &str)) {
        if self.to.is_empty() {
            refuse(ErrorCode::NoRecipient, "to", "nobody is addressed");
        }
        if self.to.len().saturating_add(self.exclude.len()) > limits::AUDIENCE_MAX {
            let sentence = format!(
                "at most {} addresses, those excluded with them",
                limits::AUDIENCE_MAX
            );
            refuse(ErrorCode::TooManyRecipients, "to", &sentence);
        }
        for (field, addresses) in [("to", &self.to), ("exclude", &self.exclude)] {
            for (index, address) in addresses.iter().enumerate() {
                if matches!(address, Address::Competence { .. } | Address::Group(_)) {
                    refuse(
                        ErrorCode::Unsupported,
                        field,
                        &format!("{address}: only agencies and desks can be addressed yet"),
                    );
                }
                if addresses.iter().take(index).any(|earlier| earlier == address) {
                    refuse(
                        ErrorCode::AudienceRepeated,
                        field,
                        &format!("{address} stands twice"),
                    );
                }
            }
        }
        let left = self
            .to
            .iter()
            .any(|address| !self.exclude.iter().any(|exclusion| excludes(exclusion, address)));
        if !self.to.is_empty() && !left {
            refuse(
                ErrorCode::NoRecipient,
                "exclude",
                "all who are addressed are excluded",
            );
        }
    }

    fn supported(&self, refuse: &mut impl FnMut(ErrorCode, &str, &str)) {
        match self.warning_type {
            WarningType::Alert | WarningType::Notice | WarningType::Question | WarningType::Answer => {}
            kind @ (WarningType::Update
            | WarningType::Cancel
            | WarningType::Extend
            | WarningType::Outcome) => {
                refuse(
                    ErrorCode::Unsupported,
                    "type",
                    &format!("{kind} is not supported yet"),
                );
            }
        }
        match self.handling.attribution {
            Attribution::Named => {}
            Attribution::ViaRelay => {
                refuse(
                    ErrorCode::Unsupported,
                    "handling.attribution",
                    "VIA_RELAY is not supported yet",
                );
            }
        }
    }

    fn expiry(&self, sent: Timestamp, refuse: &mut impl FnMut(ErrorCode, &str, &str)) {
        let expires = self.expires.from(sent);
        if expires <= sent {
            refuse(ErrorCode::ExpiresBeforeSent, "expires", "it has expired already");
        } else if expires.ms_since(sent) > limits::LIFETIME_MS_MAX {
            refuse(
                ErrorCode::InvalidValue,
                "expires",
                "it expires more than a year (366 days) after it is sent",
            );
        }
    }

    fn type_rules(&self, refuse: &mut impl FnMut(ErrorCode, &str, &str)) {
        let asserted = self.assertions;
        match self.warning_type {
            WarningType::Alert if self.status == Status::Actual => {
                if self.harm.is_empty() {
                    refuse(
                        ErrorCode::HarmNotAsserted,
                        "harm",
                        "an ACTUAL ALERT names the harm that is foreseen",
                    );
                }
                if !(asserted.credible && asserted.specific && asserted.impending) {
                    let sentence = "an ACTUAL ALERT is asserted to be credible, specific and impending; what is below that is a NOTICE";
                    refuse(ErrorCode::HarmNotAsserted, "assert", sentence);
                }
            }
            WarningType::Notice => {
                if matches!(self.precedence, Precedence::Flash | Precedence::Immediate) {
                    refuse(
                        ErrorCode::InvalidValue,
                        "precedence",
                        "a NOTICE has precedence PRIORITY at most",
                    );
                }
                if !self.harm.is_empty() {
                    refuse(ErrorCode::InvalidValue, "harm", "a NOTICE asserts no harm");
                }
                if asserted.credible || asserted.specific || asserted.impending {
                    refuse(ErrorCode::InvalidValue, "assert", "a NOTICE asserts nothing");
                }
            }
            WarningType::Answer => {
                if self.references.is_empty() {
                    refuse(
                        ErrorCode::InvalidAnswer,
                        "references",
                        "an ANSWER refers to the QUESTION that it answers",
                    );
                }
            }
            WarningType::Alert
            | WarningType::Question
            | WarningType::Update
            | WarningType::Cancel
            | WarningType::Extend
            | WarningType::Outcome => {}
        }
    }

    /// What the relay's own parser says to header and body, signed by nobody's key, and its rules to the header. The
    /// first only: it stops there.
    fn as_the_relay_would(&self, sent: Timestamp) -> Result<(), Refused> {
        wire::body(&wire::encode_body(&self.body_at(sent))).map_err(|mut refused| {
            refused.field = self.path_in_draft(&refused.field);
            refused
        })?;
        let mut salt = 0u64;
        let salts = || {
            salt = salt.wrapping_add(1);
            Ok(seal::body_digest(&[0; 32], &salt.to_be_bytes()))
        };
        let Some(nobody) = nobody(sent) else {
            return Ok(());
        };
        let prepared = match self.prepare(nobody, salts) {
            Ok(prepared) => prepared,
            // Each of these has been told by the rules above, or does not happen without randomness.
            Err(PrepareError::Audience(_) | PrepareError::BodyTooLarge(_) | PrepareError::Random(_)) => {
                return Ok(());
            }
            Err(error @ PrepareError::Seal(_)) => {
                return Err(Refused::new(ErrorCode::BodyTooLarge, error.to_string()).about("text"));
            }
        };
        let header = parse(prepared.payload).and_then(|header| offline_rules(&header, sent));
        header.map_err(|mut refused| {
            refused.field = match refused.field.as_str() {
                "common.signer.office" => "office".to_owned(),
                "assertions" => "assert".to_owned(),
                _ => refused.field,
            };
            refused
        })
    }

    /// `blocks[1].headline` is `text.ru.headline`, `onset_until_unix_ms` is `onset_until`.
    fn path_in_draft(&self, field: &str) -> String {
        let inner = field
            .strip_prefix("blocks[")
            .and_then(|rest| rest.split_once(']'));
        if let Some((index, rest)) = inner {
            let block = index
                .parse()
                .ok()
                .and_then(|index: usize| self.body.blocks.get(index));
            let language = block.map(|block| block.language.as_str()).unwrap_or_default();
            return format!("text.{language}{rest}");
        }
        match field {
            "authoritative_language" => "authoritative".to_owned(),
            "blocks" => "text".to_owned(),
            _ if field.starts_with("area.polygons") => "area.polygon".to_owned(),
            _ if field.starts_with("area.circles") => "area.circle".to_owned(),
            _ if field.starts_with("area.geocodes") => "area.geocode".to_owned(),
            _ => field.strip_suffix("_unix_ms").unwrap_or(field).to_owned(),
        }
    }
}

/// An excluded agency is excluded with all of its desks.
fn excludes(exclusion: &Address, address: &Address) -> bool {
    match (exclusion, address) {
        (Address::Desk(out), Address::Desk(desk)) => {
            out == desk || (out.is_duty() && out.agency() == desk.agency())
        }
        _ => exclusion == address,
    }
}

/// Where nobody signs, for the parser alone; never leaves this directory.
pub(super) fn nobody(sent: Timestamp) -> Option<Common> {
    Some(Common {
        origin: "draft.invalid".parse().ok()?,
        id: PayloadId::from_parts(0, [0; 10]),
        sent,
        signer: SignedBy::Named(Signer {
            principal: Principal::Agency("zz.nobody".parse().ok()?),
            role: KeyRole::Originate,
            desk: None,
            office: String::new(),
            seen: Some(Seen {
                size: 1,
                root: crate::domain::Hash([0; 32]),
            }),
        }),
    })
}

fn parse(payload: bytes::Bytes) -> Result<Warning, Refused> {
    let key = SecretKey::from_seed(&[0; 32]);
    let mut envelope = seal::unsigned(PayloadKind::Warning, payload);
    let sig = key.sign(&envelope.pae());
    let keyid = key.public_key().keyid();
    envelope
        .signatures
        .push(crate::domain::EnvelopeSignature { keyid, sig });
    let verified = seal::verify_envelope_as(envelope, PayloadKind::Warning, |_| Some(key.public_key()));
    let verified = verified.map_err(|error| Refused::new(error.code(), error.to_string()))?;
    wire::warning(&verified)
}
