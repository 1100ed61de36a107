//! A timeline as data: one object a warning, in stable snake_case. Times are RFC 3339 and say whose claim they are by
//! their names; hashes and keys are lower-case hex; what is not known is null.

use serde_json::{Value, json};

use super::timeline::{
    Answer, Event, Hand, Note, Recipient, Refusal, Start, Timeline, WarningTimeline, What, Words,
};
use crate::domain::{DeskAddress, Erased};
use crate::time::Timestamp;

impl Timeline {
    /// What it is all drawn from.
    pub fn source_json(&self) -> Value {
        json!({
            "origin": self.origin.as_str(),
            "checkpoint_size": self.size,
            "checkpoint_root": self.root.to_string(),
            "out_of_scope": self.out_of_scope,
        })
    }

    /// One warning; the words of people are as they were signed.
    pub fn warning_json(&self, warning: &WarningTimeline) -> Value {
        let sent = warning.sent.as_ref();
        json!({
            "source": self.source_json(),
            "digest": warning.digest.to_string(),
            "id": sent.map(|sent| sent.id.to_string()),
            "status": sent.map(|sent| sent.status.word()),
            "type": sent.map(|sent| sent.warning_type.word()),
            "precedence": sent.map(|sent| sent.precedence.word()),
            "territory": sent.and_then(|sent| sent.territory.as_ref()).map(|territory| territory.as_str()),
            "signed_by": sent.map(|sent| hand(&sent.by)),
            "sent_by_signer": sent.map(|sent| time(sent.sent)),
            "expires": sent.and_then(|sent| sent.expires).map(time),
            "sealed": warning.sealed,
            "body": sent.map(|sent| sent.body.word()),
            "body_erased_by_record": warning.body_erased(),
            "headline": sent.and_then(|sent| sent.headline.as_ref()).map(words),
            "translations": sent.map(|sent| sent.translations.iter().map(words).collect::<Vec<_>>()),
            "events": warning.events.iter().map(event).collect::<Vec<_>>(),
            "outages": self.outages_of(warning).map(start_json).collect::<Vec<_>>(),
            "recipients": warning
                .recipients
                .iter()
                .map(|(desk, recipient)| self.recipient(desk, recipient))
                .collect::<Vec<_>>(),
        })
    }

    /// A refusal on the record.
    pub fn refusal_json(&self, refusal: &Refusal) -> Value {
        json!({
            "index": refusal.index,
            "time_by_relay": time(refusal.time),
            "refused": refusal.code,
            "principal": refusal.principal.to_string(),
            "payload_type": refusal.payload_type,
            "id": refusal.id.to_string(),
        })
    }

    fn recipient(&self, desk: &DeskAddress, recipient: &Recipient) -> Value {
        json!({
            "desk": desk.to_string(),
            "step": recipient.step.word(),
            "answer": recipient.answer.map(|answer| answer.word()),
            "silent": recipient.is_silent(),
            "silence_shown_up_to_record": recipient.is_silent().then(|| self.size.saturating_sub(1)),
            "handover_records": recipient.handovers,
            "handovers_unrecorded": recipient.unrecorded,
        })
    }
}

fn event(event: &Event) -> Value {
    let mut object = json!({
        "index": event.index,
        "time_by_relay": time(event.time),
        "desk": event.desk.as_ref().map(ToString::to_string),
        "seen_by": event.seen_by.as_ref().map(|seen_by| json!({
            "index": seen_by.index,
            "principal": seen_by.principal.to_string(),
        })),
        "what": event.what.word(),
    });
    let more = match &event.what {
        What::Accepted | What::Routed => Value::Null,
        What::HandedOver {
            tls_keyid,
            unrecorded,
        } => json!({
            "tls_keyid": tls_keyid.to_string(),
            "unrecorded": unrecorded,
        }),
        What::Acknowledged(said) => answer(said),
        What::Erased(erased) => erased_json(erased),
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// What was erased, and by which rule.
pub(super) fn erased_json(erased: &Erased) -> Value {
    json!({
        "erased_record": erased.index,
        "retention_class": erased.bucket.class().word(),
        "rule_days": erased.days,
        "rule_day": erased.bucket.day(),
        "rule": erased.rule(),
    })
}

fn answer(said: &Answer) -> Value {
    let (note, absent, sealed) = match &said.note {
        Note::None => (None, false, false),
        Note::Kept(note) => (Some(words(note)), false, false),
        Note::Sealed => (None, false, true),
        Note::Absent => (None, true, false),
    };
    json!({
        "signed_by": hand(&said.by),
        "sent_by_signer": time(said.sent),
        "assessment": said.assessment.map(|it| it.word()),
        "missing": said.missing.iter().map(|it| it.word()).collect::<Vec<_>>(),
        "reason": said.reason.map(|it| it.word()),
        "until": said.until.map(time),
        "to": said.to.as_ref().map(ToString::to_string),
        "note": note,
        "note_absent": absent,
        "note_sealed": sealed,
    })
}

fn hand(hand: &Hand) -> Value {
    json!({
        "principal": hand.principal.to_string(),
        "role": hand.role.as_str(),
        "office": hand.office,
        "keyid": hand.keyid.to_string(),
        "seen_size": hand.seen,
    })
}

fn words(words: &Words) -> Value {
    json!({ "language": words.language, "text": words.text })
}

fn start_json(start: &Start) -> Value {
    json!({
        "index": start.index,
        "stopped_at_by_relay": start.stopped_at.map(time),
        "started_at_by_relay": time(start.time),
        "version": start.version,
    })
}

fn time(time: Timestamp) -> String {
    time.to_string()
}
