//! YAML 1.2 (and JSON, which is YAML) as a tree in which every node knows its line and column. Plain scalars are told
//! apart by the core schema, so `no` is a text and `012` a number; anchors, tags and directives are refused, since a
//! draft is read by people who must see what it says where it says it.

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::fault::{Faults, Position};
use crate::limits;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A scalar by the core schema (YAML 1.2.2 §10.3). Numbers stay text: a draft has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
}

/// A key, where it stands, and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

impl Node {
    /// What it is, for people.
    pub(super) fn what(&self) -> &'static str {
        match &self.value {
            Value::Scalar(Scalar::Null) => "nothing",
            Value::Scalar(Scalar::Bool(_)) => "true or false",
            Value::Scalar(Scalar::Number(_)) => "a number",
            Value::Scalar(Scalar::Text(_)) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads the one document of `text`. Duplicate keys are told in `faults` and the first one stays; what is no YAML at
/// all ends the reading, and gives none.
pub(super) fn read(text: &str, faults: &mut Faults) -> Option<Node> {
    if text.len() > limits::DRAFT_BYTES_MAX {
        let sentence = format!(
            "a draft has at most {} KiB, this one has {} bytes",
            limits::DRAFT_BYTES_MAX / 1024,
            text.len()
        );
        faults.push(Position::START, "", sentence);
        return None;
    }
    let mut builder = Builder {
        open: Vec::new(),
        root: None,
        documents: 0,
    };
    for next in Parser::new_from_str_with_options(text, options()) {
        let (event, at) = match next {
            Ok((event, span)) => (event, position(&span.start)),
            Err(error) => {
                faults.push(position(error.marker()), "", not_yaml(&error));
                return None;
            }
        };
        if let Err(sentence) = builder.on(event, at, faults) {
            faults.push(at, "", sentence);
            return None;
        }
    }
    if builder.root.is_none() {
        faults.push(Position::START, "", "the draft is empty");
    }
    builder.root
}

fn options() -> granit_parser::Options {
    let mut options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: limits::DRAFT_NESTING_MAX,
        block_nesting_limit: limits::DRAFT_NESTING_MAX,
    };
    options.set_emit_comments(false);
    options
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col().saturating_add(1),
    }
}

/// The parser's words describe its grammar; what people do wrong most is a missing quote or bad indentation.
fn not_yaml(error: &ScanError) -> String {
    format!("this is no YAML: {}", error.kind())
}

/// Puts the parser's events together. The parser itself bounds how deep they nest.
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

/// A list or map that has not ended.
enum Open {
    List(Position, Vec<Node>),
    Map(Position, Vec<Entry>, Option<(String, Position)>),
}

impl Builder {
    fn on(&mut self, event: Event<'_>, at: Position, faults: &mut Faults) -> Result<(), String> {
        match event {
            Event::DocumentStart(..) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    return Err("a draft is one YAML document; here a second begins".to_owned());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain_node(anchor, tag.is_some())?;
                let scalar = match style {
                    ScalarStyle::Plain => core_schema(&text),
                    _ => Scalar::Text(text.into_owned()),
                };
                self.place(scalar_node(scalar, at), faults)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                plain_node(anchor, tag.is_some())?;
                self.open.push(Open::List(at, Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                plain_node(anchor, tag.is_some())?;
                self.open.push(Open::Map(at, Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(at, items)) => Node {
                        at,
                        value: Value::List(items),
                    },
                    Some(Open::Map(at, entries, _)) => Node {
                        at,
                        value: Value::Map(entries),
                    },
                    None => return Ok(()),
                };
                self.place(node, faults)?;
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => return Err(NO_ANCHORS.to_owned()),
            // Nothing in these: not asked for, or only the stream's brackets.
            _ => {}
        }
        Ok(())
    }

    /// A finished node goes into what is open: as an item, as a key, as the value of the key before it.
    fn place(&mut self, node: Node, faults: &mut Faults) -> Result<(), String> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                // Each is compared with those before it, and unknown ones with the names that they may be near to.
                None if entries.len() >= limits::DRAFT_KEYS_MAX => {
                    return Err(format!(
                        "a map of a draft has at most {} keys",
                        limits::DRAFT_KEYS_MAX
                    ));
                }
                None => *key = Some((key_text(&node)?, node.at)),
                Some((name, at)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == name) {
                        let sentence =
                            format!("the key {name:?} stands twice; first in line {}", first.at.line);
                        faults.push(at, &name, sentence);
                    } else {
                        entries.push(Entry {
                            key: name,
                            at,
                            value: node,
                        });
                    }
                }
            },
        }
        Ok(())
    }
}

const NO_ANCHORS: &str = "anchors, aliases and tags are not taken in a draft: write the value out";

fn plain_node(anchor: usize, tagged: bool) -> Result<(), String> {
    if anchor == 0 && !tagged {
        Ok(())
    } else {
        Err(NO_ANCHORS.to_owned())
    }
}

fn scalar_node(scalar: Scalar, at: Position) -> Node {
    Node {
        at,
        value: Value::Scalar(scalar),
    }
}

fn key_text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Scalar(Scalar::Text(text) | Scalar::Number(text)) => Ok(text.clone()),
        Value::Scalar(Scalar::Bool(value)) => Ok(value.to_string()),
        Value::Scalar(Scalar::Null) => Ok(String::new()),
        Value::List(_) | Value::Map(_) => Err("a key is a text, not a list or a map".to_owned()),
    }
}

/// YAML 1.2.2 §10.3.2, rule by rule.
fn core_schema(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ if is_number(text) => Scalar::Number(text.to_owned()),
        _ => Scalar::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    fn all(text: &str, is: fn(&u8) -> bool) -> bool {
        !text.is_empty() && text.bytes().all(|byte| is(&byte))
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return all(octal, |byte| (b'0'..=b'7').contains(byte));
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return all(hex, u8::is_ascii_hexdigit);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let digits = |text: &str| all(text, u8::is_ascii_digit);
    let mantissa_fits = match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", after)) => digits(after),
        Some((before, after)) => digits(before) && (after.is_empty() || digits(after)),
    };
    mantissa_fits && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn scalar_of(text: &str) -> Scalar {
        let mut faults = Faults::default();
        let node = read(&format!("k: {text}\n"), &mut faults).unwrap_or_else(|| panic!("{text}: {faults}"));
        let Value::Map(entries) = node.value else {
            panic!("{text}")
        };
        match entries.into_iter().next().unwrap().value.value {
            Value::Scalar(scalar) => scalar,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// The core schema of YAML 1.2, not the surprises of 1.1; a table of what trips people up.
    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for text in [
            "no",
            "No",
            "on",
            "off",
            "yes",
            "y",
            "n",
            "NO",
            "48h",
            "2024-03-08",
            "12:30:00",
            "1_000",
            "tRue",
            "0o8",
            "+",
            ".",
            "e1",
            "1e",
            "-.",
            "0b1",
            "<<",
            "=",
        ] {
            assert_eq!(scalar_of(text), Scalar::Text(text.to_owned()), "{text}");
        }
        for text in [
            "012", "0", "-1", "+12", "0o17", "0xFf", "1.5", ".5", "5.", "1e3", "-1.5E-3", ".inf", "-.INF",
            ".NaN",
        ] {
            assert_eq!(scalar_of(text), Scalar::Number(text.to_owned()), "{text}");
        }
        for text in ["", "~", "null", "Null", "NULL", "# a comment"] {
            assert_eq!(scalar_of(text), Scalar::Null, "{text}");
        }
        for (text, value) in [("true", true), ("True", true), ("FALSE", false)] {
            assert_eq!(scalar_of(text), Scalar::Bool(value), "{text}");
        }
        for text in ["\"no\"", "'true'", "\"012\"", "|\n  null"] {
            assert!(matches!(scalar_of(text), Scalar::Text(_)), "{text}");
        }
    }

    /// JSON is YAML: its escapes, its pairs of surrogates, its tabs and its long lines read the same.
    #[test]
    fn json_is_yaml() {
        let long = "x".repeat(5_000);
        let text = format!(
            "{{\n\t\"k\": \"a\\u00e9\\ud83d\\ude00\\n\\/\",\"l\":\"{long}\", \"m\": [true, null, 1]}}"
        );
        let mut faults = Faults::default();
        let node = read(&text, &mut faults).unwrap_or_else(|| panic!("{faults}"));
        let Value::Map(entries) = node.value else { panic!() };
        let texts: Vec<String> = entries
            .iter()
            .map(|entry| format!("{}={:?}", entry.key, entry.value.value))
            .collect();
        assert_eq!(texts.first().unwrap(), "k=Scalar(Text(\"aé😀\\n/\"))");
        assert_eq!(texts.len(), 3);
    }

    /// What is no draft ends with one fault that says where; a table of texts and beginnings of sentences.
    #[test]
    fn what_is_not_taken_says_where() {
        for (text, fault) in [
            ("", "1:1: the draft is empty"),
            ("# only a comment\n", "1:1: the draft is empty"),
            (
                "a: 1\na: 2\n",
                "2:1: a: the key \"a\" stands twice; first in line 1",
            ),
            (
                "a: {b: 1, b: 2}\n",
                "1:11: b: the key \"b\" stands twice; first in line 1",
            ),
            ("a: &x 1\n", "1:7: anchors"),
            ("a: *x\n", "1:4: this is no YAML"),
            ("a: !!str 1\n", "1:10: anchors"),
            ("%YAML 1.1\n---\na: 1\n", "1:1: this is no YAML"),
            ("a: 1\n---\nb: 2\n", "2:1: a draft is one YAML document"),
            ("a: [1\n", "1:4: this is no YAML"),
            ("[[[[[[[[[1]]]]]]]]]", "1:9: this is no YAML"),
            ("? [a]\n: b\n", "1:5: a key is a text"),
        ] {
            let mut faults = Faults::default();
            let _ = read(text, &mut faults);
            assert!(faults.to_string().starts_with(fault), "{text:?}\n{faults}");
        }
    }
}
