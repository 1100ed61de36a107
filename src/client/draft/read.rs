//! From the tree of a draft to a [`Draft`]: each key is read or told as a fault, unknown ones with the names that they
//! are near to. Nothing stops at the first fault, and nothing is guessed.

use super::Draft;
use super::body::{read_area, read_body};
use super::fault::{Faults, Position};
use super::fields::Fields;
use super::yaml;
use crate::domain::{
    Address, Assertions, Attribution, Body, Category, Certainty, Country, Digest, Form, Handling, Harm,
    Known, NotifyVictim, Onward, PayloadId, Precedence, Reference, Severity, Specifics, Status, Tlp, Urgency,
    WarningType,
};

/// The keys of a draft, in the order of its template.
const KEYS: &[&str] = &[
    "to",
    "exclude",
    "status",
    "type",
    "precedence",
    "category",
    "expires",
    "onset",
    "onset_until",
    "harm",
    "assert",
    "specifics",
    "urgency",
    "severity",
    "certainty",
    "handling",
    "territory",
    "victims_of",
    "references",
    "area",
    "office",
    "authoritative",
    "text",
];
const SPECIFICS: &[&str] = &["place", "time", "method", "target", "perpetrator"];
const HANDLING: &[&str] = &["tlp", "onward", "notify_victim", "personal_data", "attribution"];
const REFERENCE: &[&str] = &["id", "digest"];
const ASSERTIONS: &[&str] = &["credible", "specific", "impending"];

/// Where each key of a draft stands, for faults that are found later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(pub(super) Vec<(String, Position)>);

impl Positions {
    /// The position of a key (`handling.tlp`), or of the nearest one above it.
    pub fn of(&self, path: &str) -> Position {
        let mut path = path;
        loop {
            if let Some((_, at)) = self.0.iter().find(|(key, _)| key == path) {
                return *at;
            }
            match path.rsplit_once('.') {
                Some((above, _)) => path = above,
                None => return Position::START,
            }
        }
    }
}

/// Reads a draft, and where its keys stand.
pub(super) fn read(text: &str) -> Result<(Draft, Positions), Faults> {
    let mut faults = Faults::default();
    let root = yaml::read(text, &mut faults);
    let mut positions = Positions::default();
    let draft = root.and_then(|root| {
        let mut fields = Fields::of(&root, "", KEYS, &mut faults, &mut positions)?;
        fields.hint_misplaced(&[
            ("handling", HANDLING),
            ("specifics", SPECIFICS),
            ("assert", ASSERTIONS),
        ]);
        read_draft(&mut fields)
    });
    match draft {
        Some(draft) if faults.is_empty() => Ok((draft, positions)),
        _ => Err(faults.sorted()),
    }
}

/// Every key is read before the first `?`, so that every fault is told.
fn read_draft(fields: &mut Fields<'_>) -> Option<Draft> {
    let to = fields.required("to", |f, node| f.list(node, Fields::address));
    let exclude = fields.or("exclude", Vec::new(), |f, node| f.list(node, Fields::address));
    let status = fields.required("status", |f, node| f.word(node, Status::ALL, Status::word));
    let warning_type = fields.or("type", WarningType::Alert, |f, node| {
        f.word(node, WarningType::ALL, WarningType::word)
    });
    let precedence = fields.required("precedence", |f, node| {
        f.word(node, Precedence::ALL, Precedence::word)
    });
    let category = fields.or("category", Category::Security, |f, node| {
        f.word(node, Category::ALL, Category::word)
    });
    let expires = fields.required("expires", Fields::when);
    let onset = fields.optional("onset", Fields::when);
    let onset_until = fields.optional("onset_until", Fields::when);
    let harm = fields.or("harm", Vec::new(), |f, node| {
        f.list(node, |f, node| f.word(node, Harm::ALL, Harm::word))
    });
    let assertions = fields.or("assert", Vec::new(), |f, node| {
        f.list(node, |f, node| f.word(node, ASSERTIONS, |name| name))
    });
    let specifics = fields.or("specifics", UNKNOWN, read_specifics);
    let urgency = fields.or("urgency", Urgency::Unknown, |f, node| {
        f.word(node, Urgency::ALL, Urgency::word)
    });
    let severity = fields.or("severity", Severity::Unknown, |f, node| {
        f.word(node, Severity::ALL, Severity::word)
    });
    let certainty = fields.or("certainty", Certainty::Unknown, |f, node| {
        f.word(node, Certainty::ALL, Certainty::word)
    });
    let handling = fields.or("handling", MOST_RESTRICTIVE, read_handling);
    let territory = fields.optional("territory", |f, node| f.parsed::<Country>(node));
    let victims_of = fields.or("victims_of", Vec::new(), |f, node| {
        f.list(node, |f, node| f.parsed::<Country>(node))
    });
    let references = fields.or("references", Vec::new(), |f, node| f.list(node, read_reference));
    let area = fields.or("area", Default::default(), read_area);
    let office = fields.or("office", String::new(), Fields::line);
    let blocks = read_body(fields);
    let (to, exclude, harm) = (to?, exclude?, harm?);
    let (victims_of, assertions) = (victims_of?, assertions?);
    fields.no_repeats("harm", &harm, |it| it.word().to_owned());
    fields.no_repeats("assert", &assertions, |it| (*it).to_owned());
    fields.no_repeats("victims_of", &victims_of, Country::to_string);
    fields.no_repeats("to", &to, Address::to_string);
    fields.no_repeats("exclude", &exclude, Address::to_string);
    let mut victims_of = victims_of;
    victims_of.sort();
    let (authoritative, blocks) = blocks?;
    Some(Draft {
        to,
        exclude,
        status: status?,
        warning_type: warning_type?,
        precedence: precedence?,
        category: category?,
        expires: expires?,
        harm,
        assertions: Assertions {
            credible: assertions.contains(&"credible"),
            specific: assertions.contains(&"specific"),
            impending: assertions.contains(&"impending"),
        },
        specifics: specifics?,
        handling: handling?,
        territory: territory?,
        victims_of,
        references: references?,
        office: office?,
        form: Form::Sealed,
        onset: onset?,
        onset_until: onset_until?,
        body: Body {
            urgency: urgency?,
            severity: severity?,
            certainty: certainty?,
            authoritative,
            blocks,
            area: area?,
            onset: None,
            onset_until: None,
        },
    })
}

/// What is not said is not known.
const UNKNOWN: Specifics = Specifics {
    place: Known::Unknown,
    time: Known::Unknown,
    method: Known::Unknown,
    target: Known::Unknown,
    perpetrator: Known::Unknown,
};

/// Unmarked means the most restrictive. Personal data is a fact, not a marking: not said means none.
const MOST_RESTRICTIVE: Handling = Handling {
    tlp: Tlp::Red,
    onward: Onward::None,
    notify_victim: NotifyVictim::MustNot,
    personal_data: false,
    attribution: Attribution::Named,
};

fn read_specifics(fields: &mut Fields<'_>, node: &yaml::Node) -> Option<Specifics> {
    let mut inner = fields.inside(node, SPECIFICS)?;
    let mut one = |key| {
        inner.or(key, Known::Unknown, |f, node| {
            f.word(node, Known::ALL, Known::word)
        })
    };
    let (place, time, method) = (one("place"), one("time"), one("method"));
    let (target, perpetrator) = (one("target"), one("perpetrator"));
    Some(Specifics {
        place: place?,
        time: time?,
        method: method?,
        target: target?,
        perpetrator: perpetrator?,
    })
}

fn read_handling(fields: &mut Fields<'_>, node: &yaml::Node) -> Option<Handling> {
    let mut inner = fields.inside(node, HANDLING)?;
    let tlp = inner.or("tlp", MOST_RESTRICTIVE.tlp, |f, node| {
        f.word(node, Tlp::ALL, Tlp::word)
    });
    let onward = inner.or("onward", MOST_RESTRICTIVE.onward, |f, node| {
        f.word(node, Onward::ALL, Onward::word)
    });
    let notify_victim = inner.or("notify_victim", MOST_RESTRICTIVE.notify_victim, |f, node| {
        f.word(node, NotifyVictim::ALL, NotifyVictim::word)
    });
    let personal_data = inner.or("personal_data", MOST_RESTRICTIVE.personal_data, Fields::boolean);
    let attribution = inner.or("attribution", MOST_RESTRICTIVE.attribution, |f, node| {
        f.word(node, Attribution::ALL, Attribution::word)
    });
    Some(Handling {
        tlp: tlp?,
        onward: onward?,
        notify_victim: notify_victim?,
        personal_data: personal_data?,
        attribution: attribution?,
    })
}

fn read_reference(fields: &mut Fields<'_>, node: &yaml::Node) -> Option<Reference> {
    let mut inner = fields.inside(node, REFERENCE)?;
    let id = inner.required("id", |f, node| f.parsed::<PayloadId>(node));
    let digest = inner.required("digest", |f, node| f.parsed::<Digest>(node));
    Some(Reference {
        id: id?,
        digest: digest?,
    })
}
