//! Findings as sentences: what is proven, what is only claimed by the relay, what is not shown. Each sentence says whose
//! word a thing hangs on. A peer's words stand in quotes, escaped and isolated, so that none can pass for a sentence of ours.

use std::fmt::Write as _;

use super::super::timeline::{BodyShown, Note, Words};
use super::findings::{
    Act, Bound, By, CheckpointFinding, Deed, Findings, KeyChain, KeyFinding, RecipientFinding, Said, Silence,
    Standing,
};
use crate::domain::{KeyId, Specific};

/// What a check tells, in paragraphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    /// What the file is, and what it is proven against.
    pub summary: Vec<String>,
    /// By signatures that lead to what the verifier trusts.
    pub proven: Vec<String>,
    /// By the relay's word, or by keys that lead to nothing that the verifier trusts.
    pub claimed: Vec<String>,
    /// What is left open.
    pub not_shown: Vec<String>,
}

impl Findings {
    /// The findings as sentences.
    pub fn sentences(&self) -> Sentences {
        let mut proven = Vec::new();
        let mut claimed = Vec::new();
        let mut put = |standing, sentence| match standing {
            Standing::Proven => proven.push(sentence),
            Standing::ClaimedByRelay => claimed.push(sentence),
        };
        for act in &self.acts {
            put(act.standing, self.act(act));
        }
        for recipient in &self.recipients {
            let (shown, rest) = silence(recipient);
            let standing = match recipient.silence.proven_to {
                Some(_) => Standing::Proven,
                None => Standing::ClaimedByRelay,
            };
            put(standing, shown);
            if let Some(rest) = rest {
                put(Standing::ClaimedByRelay, rest);
            }
        }
        for key in &self.keys {
            let standing = match key.chain.is_proven() {
                true => Standing::Proven,
                false => Standing::ClaimedByRelay,
            };
            put(standing, key_sentence(key));
        }
        put(Standing::ClaimedByRelay, self.relay_clock());
        Sentences {
            summary: self.summary(),
            proven,
            claimed,
            not_shown: self.not_shown.iter().map(|it| it.sentence.clone()).collect(),
        }
    }

    fn summary(&self) -> Vec<String> {
        let warning = &self.warning;
        let mut about = format!(
            "This file verifies under the policy that was given. It is about one warning: {} {} {}, id {}, digest {}.",
            warning.status, warning.precedence, warning.warning_type, warning.id, warning.digest
        );
        if warning.status != crate::domain::Status::Actual {
            let _ = write!(
                about,
                " It was not sent as real: its status is {}.",
                warning.status
            );
        }
        if let Some(territory) = &warning.territory {
            let _ = write!(about, " It is about the territory of {territory}.");
        }
        if let Some(expires) = warning.expires {
            let _ = write!(about, " As signed, it expires at {expires}.");
        }
        let mut all = vec![about];
        if let Some(sealed) = sealed(warning.body) {
            all.push(sealed.to_owned());
        }
        for words in warning.headlines.iter().flatten() {
            all.push(format!("Its headline, as signed: {}.", quoted(words)));
        }
        all.push(format!(
            "All of it is proven to be in the log {}, as the log's key has signed it with {} records and the root {}. {}",
            self.origin,
            self.checkpoint.size,
            self.checkpoint.root,
            witnesses(&self.checkpoint)
        ));
        if let (None, Some(it)) = (self.checkpoint.quorum, self.witnessed) {
            all.push(format!(
                "Its first {} records have the policy's quorum, since {}, by an earlier checkpoint in this file, which is proven to be of \
                 this log: so far it is the same for everybody. What comes after record {} hangs on the log's key alone.",
                it.size,
                it.since,
                it.size.saturating_sub(1)
            ));
        }
        for it in &self.timestamps {
            if let Some(root) = &it.root {
                all.push(format!(
                    "A timestamp authority, {}, signed that its checkpoint of {} records existed by {}; its certificate leads to the \
                     root {}, which you trust.",
                    isolated(&it.authority),
                    it.size,
                    it.time,
                    isolated(root)
                ));
            }
        }
        let all_recipients = if self.all_recipients {
            "These are all recipients that the relay accepted the warning for"
        } else {
            "Other recipients, if there are any, are not shown"
        };
        let recipients: Vec<String> = self
            .recipients
            .iter()
            .map(|recipient| {
                let claimed = match recipient.standing {
                    Standing::Proven => "",
                    Standing::ClaimedByRelay => ", which is only claimed",
                };
                format!("{} ({}{claimed})", recipient.desk, recipient.step)
            })
            .collect();
        all.push(format!(
            "Shown are the records about {}. {all_recipients}. The step is the highest of which there is evidence.",
            listed(&recipients)
        ));
        all
    }

    fn act(&self, act: &Act) -> String {
        let index = act.index;
        let desk = act.desk.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut text = match (&act.what, &act.by) {
            (Deed::Warned { accepted }, Some(by)) => {
                let recorded = match accepted {
                    true => "and the relay recorded that it accepted it",
                    false => "and the relay recorded it by its digest",
                };
                format!("Record {index}: {} signed the warning, {recorded}.", hand(by))
            }
            (Deed::Said(said), Some(by)) => {
                format!("Record {index}: {} signed {}.", hand(by), said_sentence(said))
            }
            (Deed::Warned { .. } | Deed::Said(_), None) => {
                format!("Record {index}: somebody unnamed signed.")
            }
            (Deed::Routed, _) => format!(
                "Record {index}: the relay routed the warning to {desk}, whom the originator's signed audience names. That is \
                 no receipt of {desk}."
            ),
            (
                Deed::HandedOver {
                    tls_keyid,
                    unrecorded,
                },
                _,
            ) => {
                let more = match unrecorded {
                    0 => String::new(),
                    more => format!(", and {more} times before that without a record"),
                };
                format!(
                    "Record {index}: the relay says that it wrote the warning to a session of {desk}, whose TLS key was {}{more}. \
                     It is no receipt: {desk} has signed nothing by it.",
                    short(tls_keyid)
                )
            }
            (Deed::Erased(erased), _) => {
                let what = match erased.index <= self.warning.index {
                    true => "the warning's body".to_owned(),
                    false => format!("the words that went with record {}", erased.index),
                };
                format!(
                    "Record {index}: the relay says that by {} (its clock) it had erased {what}, which lay beside record {}, by the rule \
                     for {}. That nothing of it is left anywhere is its word. Every signature and proof of it stands.",
                    act.relay_time,
                    erased.index,
                    erased.rule()
                )
            }
            (Deed::Unknown, _) => format!("Record {index}: a record of a later version, about {desk}."),
        };
        if let Some(by) = &act.by
            && act.standing == Standing::ClaimedByRelay
        {
            let _ = write!(
                text,
                " That the key is {}'s is only what the relay's directory says.",
                by.principal
            );
        }
        if act.by.is_some() && act.index > self.directory.last {
            let _ = write!(
                text,
                " That the key was not revoked after record {} is the relay's word: the directory is shown so far.",
                self.directory.last
            );
        }
        bracket(&mut text, act);
        text
    }

    fn relay_clock(&self) -> String {
        let times = self.acts.iter().map(|act| (act.index, act.relay_time));
        let mut times: Vec<_> = times.collect();
        times.dedup();
        let times: Vec<String> = times
            .iter()
            .map(|(index, time)| format!("record {index} at {time}"))
            .collect();
        format!("The relay's clock: {}.", listed(&times))
    }
}

fn witnesses(checkpoint: &CheckpointFinding) -> String {
    if !checkpoint.witnesses_required {
        return "The policy asks for no witnesses: that everybody is shown this same log is the relay's word.".to_owned();
    }
    let said: Vec<String> = checkpoint
        .witnesses
        .iter()
        .map(|word| format!("{} (at {})", word.name, word.time))
        .collect();
    match checkpoint.quorum {
        Some(time) => format!(
            "Cosigned by {}; since {time} that is enough for the policy. Each of them says that this log had only grown since it \
             first saw it, and that this was the largest tree of it that it knew.",
            listed(&said)
        ),
        None if said.is_empty() => "No witness that the policy names has cosigned it.".to_owned(),
        None => format!(
            "Cosigned by {}, which is not enough for the policy.",
            listed(&said)
        ),
    }
}

fn hand(by: &By) -> String {
    let desk = by.desk.as_ref().filter(|desk| !desk.is_duty());
    let desk = desk.map_or_else(String::new, |desk| format!(" for the desk {desk}"));
    let office = match by.office.as_str() {
        "" => String::new(),
        office => format!(" as {}", isolated(office)),
    };
    format!(
        "{}{office}{desk} ({} key {})",
        by.principal,
        by.role,
        short(&by.keyid)
    )
}

fn said_sentence(said: &Said) -> String {
    let mut text = said.kind.word().to_owned();
    if let Some(assessment) = said.assessment {
        let _ = write!(text, ", with the assessment {assessment}");
    }
    if !said.missing.is_empty() {
        let missing: Vec<String> = said.missing.iter().map(Specific::to_string).collect();
        let _ = write!(text, " (missing: {})", missing.join(", "));
    }
    if let Some(reason) = said.reason {
        let _ = write!(text, ", for the reason {reason}");
        if let Some(meaning) = reason.meaning() {
            let _ = write!(text, ": it {meaning}");
        }
    }
    if let Some(until) = said.until {
        let _ = write!(text, ", until {until}");
    }
    if let Some(to) = &said.to {
        let _ = write!(text, ", and named {to} as competent");
    }
    match &said.note {
        Note::None => {}
        Note::Kept(words) => {
            let _ = write!(text, ", with the words {}", quoted(words));
            if said.sealed {
                text.push_str(", which were sealed to the warning's originator and are opened in this file");
            }
        }
        Note::Sealed => text.push_str(", with words that are sealed; not opened in this file"),
        Note::Absent => text.push_str(", with words that are not shown"),
    }
    text
}

/// What a reader is told of a body that was sealed.
const fn sealed(body: BodyShown) -> Option<&'static str> {
    match body {
        BodyShown::Sealed => Some(
            "Its body is sealed; not opened in this bundle. It is there as it was signed, and whoever has the key can open it.",
        ),
        BodyShown::Opened => Some(
            "Its body was sealed, and is opened in this bundle: what is shown of it here is what its originator had signed.",
        ),
        BodyShown::Clear | BodyShown::Absent => None,
    }
}

/// What was signed when, and when it came into the log.
fn bracket(text: &mut String, act: &Act) {
    if let Some(by) = &act.by {
        let _ = write!(text, " Its signer dated it {}, by its own clock.", by.sent);
        if let Some(seen) = by.seen {
            let which = match seen.compared {
                true => "of this log: it was signed after those were in it",
                false => "of a log that is not compared with this one",
            };
            let _ = write!(
                text,
                " It names the root of the first {} records {which}",
                seen.seen.size
            );
            match &act.bracket.signed_not_before {
                Some(bound) if seen.compared => {
                    let _ = write!(text, "; until {}.", not_yet(bound, "that much"));
                }
                Some(_) | None => text.push('.'),
            }
        }
    }
    if let Some(bound) = &act.bracket.not_before {
        let _ = write!(text, " Until {}.", not_yet(bound, "this record"));
    }
    let after = act.bracket.not_after.as_ref();
    if let Some((bound, authority)) = after.and_then(|bound| Some((bound, bound.authority.as_ref()?))) {
        let _ = write!(
            text,
            " It was in the log by {}, when the timestamp authority {} dated {} that holds it.",
            bound.time,
            isolated(authority),
            logs(&bound.checkpoints)
        );
    } else if let Some(bound) = after {
        let _ = write!(
            text,
            " It was in the log by {}, when {} had cosigned {} that {} it.",
            bound.time,
            listed(&bound.witnesses),
            logs(&bound.checkpoints),
            match bound.checkpoints.len() {
                1 => "holds",
                _ => "hold",
            }
        );
    }
}

fn not_yet(bound: &Bound, what: &str) -> String {
    format!(
        "{} {} had not been shown {what}, but {}",
        bound.time,
        listed(&bound.witnesses),
        logs(&bound.checkpoints)
    )
}

fn logs(sizes: &[u64]) -> String {
    let numbers: Vec<String> = sizes.iter().map(u64::to_string).collect();
    match numbers.as_slice() {
        [one] => format!("a log of {one} records"),
        several => format!("logs of {} records", listed(several)),
    }
}

/// What the thread shows of silence; and, where enough witnesses vouch for a part of it only, what the rest hangs on.
fn silence(recipient: &RecipientFinding) -> (String, Option<String>) {
    let Silence {
        from,
        to,
        answered,
        lasted,
        proven_to,
    } = &recipient.silence;
    let desk = &recipient.desk;
    let mut text = match answered {
        Some(answered) => format!(
            "{desk} answered by record {answered}. Before that, from record {from} (ROUTED) to record {to}, its thread is \
             unbroken and holds no answer."
        ),
        None => format!(
            "{desk} gave no answer from record {from} (ROUTED) to record {to}, the last that is shown: its thread is unbroken so \
             far and holds none."
        ),
    };
    let between = lasted.as_ref().map(|(since, until)| {
        format!(
            " No answer of {desk} was in the log that {} had been shown between {} and {}.",
            listed(&until.witnesses),
            since.time,
            until.time
        )
    });
    match proven_to {
        Some(proven_to) if proven_to != to => {
            let mut proven = format!(
                "{desk} gave no answer from record {from} (ROUTED) to record {proven_to}: so far its thread is unbroken in the part of the \
                 log that enough witnesses have cosigned."
            );
            proven.push_str(&between.unwrap_or_default());
            let _ = write!(
                text,
                " That the relay shows everybody this same thread after record {proven_to} is its word."
            );
            (proven, Some(text))
        }
        Some(_) => {
            text.push_str(&between.unwrap_or_default());
            (text, None)
        }
        None => {
            text.push_str(&between.unwrap_or_default());
            text.push_str(" That the relay shows everybody this same thread is its word.");
            (text, None)
        }
    }
}

fn key_sentence(key: &KeyFinding) -> String {
    let KeyFinding {
        keyid,
        principal,
        role,
        from,
        until,
        chain,
    } = key;
    let mut text = match chain {
        KeyChain::Trusted(roots) => {
            let (root, older) = roots
                .split_first()
                .map_or((None, &[][..]), |(root, older)| (Some(root), older));
            let mut by = root.map(KeyId::to_string).unwrap_or_default();
            for root in older {
                let _ = write!(by, ", the named successor of {root}");
            }
            format!(
                "Key {keyid} is a key of {principal} in the role {role}: it was certified by the root {by}, which you trust."
            )
        }
        KeyChain::Untrusted { certified_by } => format!(
            "Key {keyid} is said to be a key of {principal} in the role {role}: the directory calls the key {certified_by}, \
             which certified it, the root of that state, and you do not trust that key or any before it."
        ),
        KeyChain::NoRoots { certified_by } => format!(
            "Key {keyid} is said to be a key of {principal} in the role {role}: the directory calls the key {certified_by}, \
             which certified it, the root of that state, and you named no roots that you trust."
        ),
    };
    let _ = write!(text, " It is valid from record {from} on");
    match until {
        Some((until, why)) => {
            let _ = write!(text, ", and ended with record {until} ({}).", why.word());
        }
        None => text.push_str("; its end is not shown."),
    }
    text
}

fn short(keyid: &KeyId) -> String {
    keyid.to_string().chars().take(16).collect()
}

/// "a", "a and b", "a, b and c".
pub(in crate::audit) fn listed(items: &[String]) -> String {
    match items {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// A person's words, with their language.
fn quoted(words: &Words) -> String {
    format!("{} ({})", isolated(&words.text), isolated(&words.language))
}

/// A peer's words in quotes: what is hidden, reorders or breaks a line is escaped, the rest keeps its own direction.
fn isolated(text: &str) -> String {
    format!("\u{2068}{text:?}\u{2069}")
}
