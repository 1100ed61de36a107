//! Findings as data: one object in stable snake_case. Times are RFC 3339 and say whose word they are by their names; hashes
//! and keys are lower-case hex; what is not known or not said is null.

use crate::audit::timeline_json::erased_json;
use serde_json::{Value, json};

use super::super::timeline::{BodyShown, Note, Words};
use super::findings::{
    Act, Bound, By, Deed, Findings, KeyChain, KeyFinding, RecipientFinding, Said, Silence,
};

impl Findings {
    /// The findings as one JSON object, with their sentences.
    pub fn to_json(&self) -> Value {
        let (checkpoint, warning) = (&self.checkpoint, &self.warning);
        let witnesses = checkpoint.witnesses.iter().map(|word| {
            json!({
                "name": word.name,
                "keyid": word.keyid.to_string(),
                "time_by_witness": word.time.to_string(),
            })
        });
        let headlines = warning.headlines.as_ref();
        let not_shown = self
            .not_shown
            .iter()
            .map(|it| json!({ "what": it.what.word(), "sentence": it.sentence }));
        let timestamps = self.timestamps.iter().map(|it| {
            json!({
                "size": it.size,
                "existed_by": it.time.to_string(),
                "authority": it.authority,
                "root": it.root,
            })
        });
        let sentences = self.sentences();
        json!({
            "verified": true,
            "origin": self.origin.as_str(),
            "log_vkey": self.log_vkey,
            "checkpoint": {
                "size": checkpoint.size,
                "root": checkpoint.root.to_string(),
                "witnesses": witnesses.collect::<Vec<_>>(),
                "witnesses_required": checkpoint.witnesses_required,
                "quorum_since": checkpoint.quorum.map(|time| time.to_string()),
            },
            "witnessed": self.witnessed.map(|it| json!({
                "size": it.size,
                "quorum_since": it.since.to_string(),
            })),
            "warning": {
                "digest": warning.digest.to_string(),
                "id": warning.id.to_string(),
                "status": warning.status.word(),
                "type": warning.warning_type.word(),
                "precedence": warning.precedence.word(),
                "territory": warning.territory.as_ref().map(ToString::to_string),
                "expires": warning.expires.map(|time| time.to_string()),
                "sealed": warning.sealed,
                "body": warning.body.word(),
                "body_erased_by_record": self.body_erased(),
                "headlines": headlines.map(|all| all.iter().map(words).collect::<Vec<_>>()),
                "index": warning.index,
            },
            "acts": self.acts.iter().map(|it| act(it, self.directory.last)).collect::<Vec<_>>(),
            "recipients": self.recipients.iter().map(recipient).collect::<Vec<_>>(),
            "all_recipients": self.all_recipients,
            "keys": self.keys.iter().map(key).collect::<Vec<_>>(),
            "roots_given": self.roots_given,
            "timestamps": timestamps.collect::<Vec<_>>(),
            "deadlines": self.deadlines.map(|within| json!({
                "received_ms": within.received_ms,
                "opened_ms": within.opened_ms,
                "answered_ms": within.answered_ms,
            })),
            "directory": {
                "records": self.directory.records,
                "last_index": self.directory.last,
            },
            "not_shown": not_shown.collect::<Vec<_>>(),
            "sentences": {
                "summary": sentences.summary,
                "proven": sentences.proven,
                "claimed_by_relay": sentences.claimed,
                "not_shown": sentences.not_shown,
            },
        })
    }
}

fn act(act: &Act, directory_last: u64) -> Value {
    let bracket = &act.bracket;
    let mut object = json!({
        "index": act.index,
        "part": act.part,
        "seq": act.seq,
        "desk": act.desk.as_ref().map(ToString::to_string),
        "what": act.what.word(),
        "signed_by": act.by.as_ref().map(by),
        "standing": act.standing.word(),
        "key_shown_valid": act.by.is_none() || act.index <= directory_last,
        "time_by_relay": act.relay_time.to_string(),
        "bracket": {
            "unknown_to_witnesses_until": bracket.not_before.as_ref().map(bound),
            "in_log_by": bracket.not_after.as_ref().map(bound),
            "what_signer_saw_unknown_to_witnesses_until": bracket.signed_not_before.as_ref().map(bound),
        },
    });
    if let Some(members) = object.as_object_mut() {
        match &act.what {
            Deed::Warned { accepted } => {
                members.insert("acceptance_shown".to_owned(), json!(accepted));
            }
            Deed::HandedOver {
                tls_keyid,
                unrecorded,
            } => {
                members.insert("tls_keyid".to_owned(), json!(tls_keyid.to_string()));
                members.insert("unrecorded".to_owned(), json!(unrecorded));
            }
            Deed::Said(said) => {
                members.insert("said".to_owned(), self::said(said));
            }
            Deed::Erased(erased) => {
                if let Value::Object(erased) = erased_json(erased) {
                    members.extend(erased);
                }
            }
            Deed::Routed | Deed::Unknown => {}
        }
    }
    object
}

fn said(said: &Said) -> Value {
    json!({
        "assessment": said.assessment.map(|it| it.word()),
        "missing": said.missing.iter().map(|it| it.word()).collect::<Vec<_>>(),
        "reason": said.reason.map(|it| it.word()),
        "until": said.until.map(|it| it.to_string()),
        "to": said.to.as_ref().map(ToString::to_string),
        "has_text": said.note != Note::None,
        "text": match &said.note {
            Note::Kept(text) => words(text),
            Note::None | Note::Sealed | Note::Absent => Value::Null,
        },
        "text_sealed": said.sealed,
        "text_shown": match &said.note {
            Note::None => Value::Null,
            Note::Kept(_) if said.sealed => json!(BodyShown::Opened.word()),
            Note::Kept(_) => json!(BodyShown::Clear.word()),
            Note::Sealed => json!(BodyShown::Sealed.word()),
            Note::Absent => json!(BodyShown::Absent.word()),
        },
    })
}

fn by(by: &By) -> Value {
    json!({
        "principal": by.principal.to_string(),
        "role": by.role.to_string(),
        "desk": by.desk.as_ref().map(ToString::to_string),
        "office": by.office,
        "keyid": by.keyid.to_string(),
        "time_by_signer": by.sent.to_string(),
        "seen": by.seen.map(|it| json!({
            "size": it.seen.size,
            "root": it.seen.root.to_string(),
            "compared": it.compared,
        })),
    })
}

fn bound(bound: &Bound) -> Value {
    json!({
        "time": bound.time.to_string(),
        "witnesses": bound.witnesses,
        "authority": bound.authority,
        "checkpoints": bound.checkpoints,
    })
}

fn recipient(recipient: &RecipientFinding) -> Value {
    let Silence {
        from,
        to,
        answered,
        lasted,
        proven_to,
    } = &recipient.silence;
    json!({
        "desk": recipient.desk.to_string(),
        "step": recipient.step.word(),
        "standing": recipient.standing.word(),
        "answer": recipient.answer.map(|it| it.kind.word()),
        "answer_index": recipient.answer.map(|it| it.index),
        "answer_standing": recipient.answer.map(|it| it.standing.word()),
        "silence": {
            "from_index": from,
            "to_index": to,
            "answered_index": answered,
            "lasted_from": lasted.as_ref().map(|(since, _)| bound(since)),
            "lasted_until": lasted.as_ref().map(|(_, until)| bound(until)),
            "standing": recipient.silence.standing().word(),
            "proven_to_index": proven_to,
        },
        "last_index": recipient.last,
    })
}

fn key(key: &KeyFinding) -> Value {
    let (standing, certified_by) = match &key.chain {
        KeyChain::Trusted(roots) => ("TRUSTED", roots.clone()),
        KeyChain::Untrusted { certified_by } => ("UNTRUSTED", vec![*certified_by]),
        KeyChain::NoRoots { certified_by } => ("NO_ROOTS_GIVEN", vec![*certified_by]),
    };
    json!({
        "keyid": key.keyid.to_string(),
        "principal": key.principal.to_string(),
        "role": key.role.to_string(),
        "from_index": key.from,
        "until_index": key.until.map(|(index, _)| index),
        "ended": key.until.map(|(_, why)| why.word()),
        "chain": standing,
        "roots": certified_by.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn words(words: &Words) -> Value {
    json!({ "language": words.language, "text": words.text })
}
