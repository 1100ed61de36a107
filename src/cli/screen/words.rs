//! The closed words of a warning as sentences for whoever must act on them.

use crate::domain::{
    Handling, Harm, Known, NotifyVictim, Onward, Specific, Specifics, Status, Tlp, WarningType,
};

/// What a status means for the reader.
pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Actual => "This is real.",
        Status::Exercise => "An exercise. Nobody is in danger.",
        Status::System => "A check of the channel. Nobody is in danger.",
        Status::Test => "A technical test. Nobody is in danger.",
    }
}

/// What fills the status line, so that it is told apart without colours too.
pub(super) const fn fill(status: Status) -> &'static str {
    match status {
        Status::Actual => "████",
        Status::Exercise => "▒▒▒▒",
        Status::System => "····",
        Status::Test => "----",
    }
}

/// What a type asks of the reader.
pub(super) const fn warning_type(kind: WarningType) -> &'static str {
    match kind {
        WarningType::Alert => "It warns of a threat to people.",
        WarningType::Notice => "Intelligence below the threshold of a warning: no harm is asserted.",
        WarningType::Question => "It asks, and wants an ANSWER.",
        WarningType::Answer => "It answers a QUESTION of yours.",
        WarningType::Update => "A new version of an earlier warning.",
        WarningType::Cancel => "It withdraws an earlier warning.",
        WarningType::Extend => "It moves the expiry of an earlier warning.",
        WarningType::Outcome => "It says what became of an earlier warning.",
    }
}

/// A harm.
pub(super) const fn harm(harm: Harm) -> &'static str {
    match harm {
        Harm::IntentionalKilling => "intentional killing",
        Harm::SeriousBodilyInjury => "serious bodily injury",
        Harm::Kidnapping => "kidnapping",
    }
}

/// What the reader may do with it, in sentences. `sender` is ours: a parsed id.
pub(super) fn handling(handling: &Handling, sender: &str) -> String {
    let tlp = match handling.tlp {
        Tlp::Red => "TLP:RED, for those addressed and nobody else.",
        Tlp::AmberStrict => "TLP:AMBER+STRICT, for your organisation only.",
        Tlp::Amber => "TLP:AMBER, for your organisation and those that it serves, as far as they need it.",
        Tlp::Green => "TLP:GREEN, for your community, not for the public.",
        Tlp::Clear => "TLP:CLEAR, for everybody.",
    };
    let onward = match handling.onward {
        Onward::None => "Do not pass it on to another agency.".to_owned(),
        Onward::AskOriginator => format!("Ask {sender} before you pass it on."),
        Onward::WithinState => "You may pass it on to agencies of your state.".to_owned(),
    };
    let victim = match handling.notify_victim {
        NotifyVictim::May => "Those threatened may be told.",
        NotifyVictim::MustNot => "Those threatened must not be told.",
    };
    let personal = if handling.personal_data {
        " It contains personal data: delete it when it is no longer needed."
    } else {
        ""
    };
    format!("{tlp} {onward} {victim}{personal}")
}

/// `place KNOWN, time PARTLY, …`.
pub(super) fn specifics(specifics: &Specifics) -> String {
    let each = each_specific(specifics)
        .map(|(specific, known)| format!("{} {known}", specific.word().to_ascii_lowercase()));
    each.join(", ")
}

/// Those that are not known, as `--missing` takes them.
pub(super) fn missing(specifics: &Specifics) -> String {
    let each = each_specific(specifics).into_iter();
    let missing: Vec<String> = each
        .filter(|(_, known)| *known != Known::Known)
        .map(|(specific, _)| specific.word().to_ascii_lowercase())
        .collect();
    if missing.is_empty() {
        "time".to_owned()
    } else {
        missing.join(",")
    }
}

const fn each_specific(specifics: &Specifics) -> [(Specific, Known); 5] {
    [
        (Specific::Place, specifics.place),
        (Specific::Time, specifics.time),
        (Specific::Method, specifics.method),
        (Specific::Target, specifics.target),
        (Specific::Perpetrator, specifics.perpetrator),
    ]
}
