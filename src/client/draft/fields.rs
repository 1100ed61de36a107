//! The keys of one map of a draft, and how each kind of value is read: a word of a closed list, a name, a time, a line
//! of text. Every reader that finds a fault tells it with its place and with what would be right, and gives none.

use std::fmt::Display;
use std::str::FromStr;

use super::When;
use super::fault::{Faults, Position};
use super::read::Positions;
use super::when::parse_when;
use super::yaml::{Entry, Node, Scalar, Value};
use crate::domain::Address;
use crate::limits::{self, NEAR_NAMES_MAX};

/// One map, its known keys, and where faults go.
pub(super) struct Fields<'a> {
    entries: &'a [Entry],
    at: Position,
    path: String,
    keys: &'a [&'a str],
    faults: &'a mut Faults,
    positions: &'a mut Positions,
}

impl<'a> Fields<'a> {
    /// The entries of `node`, if it is a map; unknown keys are told at once.
    pub(super) fn of(
        node: &'a Node,
        path: &str,
        keys: &'a [&'a str],
        faults: &'a mut Faults,
        positions: &'a mut Positions,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let sentence = format!(
                "{} stands where a map with the keys {} belongs",
                node.what(),
                keys.join(", ")
            );
            faults.push(node.at, path, sentence);
            return None;
        };
        let mut fields = Self {
            entries,
            at: node.at,
            path: path.to_owned(),
            keys,
            faults,
            positions,
        };
        fields.note_positions();
        Some(fields)
    }

    /// The map that is the value of a key of this one (`node`), with keys of its own.
    pub(super) fn inside<'b>(&'b mut self, node: &'b Node, keys: &'b [&'b str]) -> Option<Fields<'b>> {
        let path = self.path_of(node);
        let mut inner = Fields::of(node, &path, keys, self.faults, self.positions)?;
        inner.hint_misplaced(&[]);
        Some(inner)
    }

    /// The map that is the value of `key`, a key of a map in this one (a language in `text`).
    pub(super) fn inside_of<'b>(
        &'b mut self,
        node: &'b Node,
        key: &str,
        keys: &'b [&'b str],
    ) -> Option<Fields<'b>> {
        let path = join(&self.path_of(node), key);
        self.positions.0.push((path.clone(), node.at));
        let mut inner = Fields::of(node, &path, keys, self.faults, self.positions)?;
        inner.hint_misplaced(&[]);
        Some(inner)
    }

    fn note_positions(&mut self) {
        for entry in self.entries {
            let path = join(&self.path, &entry.key);
            self.positions.0.push((path, entry.value.at));
        }
    }

    /// The path of a node that is a value here (or an item of one): the key at or before it.
    fn path_of(&self, node: &Node) -> String {
        let holder = self.entries.iter().filter(|entry| entry.value.at <= node.at);
        match holder.max_by_key(|entry| entry.value.at) {
            Some(entry) => join(&self.path, &entry.key),
            None => self.path.clone(),
        }
    }

    /// Tells every unknown key: which it is near to, or in which of the maps `elsewhere` it belongs.
    pub(super) fn hint_misplaced(&mut self, elsewhere: &[(&str, &[&str])]) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.keys.contains(&key) {
                continue;
            }
            let place = elsewhere.iter().find(|(_, keys)| keys.contains(&key));
            let hint = match place {
                Some((map, _)) => format!("it belongs under {map}"),
                None => match near(key, self.keys).as_slice() {
                    [] => format!("known here are {}", self.keys.join(", ")),
                    names => format!("did you mean {}?", names.join(" or ")),
                },
            };
            let sentence = format!("there is no key {}: {hint}", shown(key));
            self.faults.push(entry.at, &self.path, sentence);
        }
    }

    fn entry(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        match self.entry(key) {
            Some(node) => read(self, node),
            None => {
                let path = join(&self.path, key);
                self.faults
                    .push(self.at, &path, format!("the key {key} is missing"));
                None
            }
        }
    }

    /// A key that may be absent. The outer option is none if it is there and wrong.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.entry(key) {
            Some(node) => read(self, node).map(Some),
            None => Some(None),
        }
    }

    /// A key that has a value when it is absent.
    pub(super) fn or<T>(
        &mut self,
        key: &str,
        absent: T,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        match self.entry(key) {
            Some(node) => read(self, node),
            None => Some(absent),
        }
    }

    /// The entries themselves, where the keys are not ours (languages, code systems).
    pub(super) fn entries_of<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                self.wrong(node, expected);
                None
            }
        }
    }

    /// A list, each item read.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::List(items) = &node.value else {
            match &node.value {
                Value::Scalar(Scalar::Text(text)) if !text.contains('\n') => {
                    let sentence = format!("a text stands where a list belongs: write [{}]", shorten(text));
                    self.fault(node, &sentence);
                }
                _ => self.wrong(node, "a list"),
            }
            return None;
        };
        // All are read before the first fault counts, so that every fault is told.
        let read: Vec<Option<T>> = items.iter().map(|item| read(self, item)).collect();
        read.into_iter().collect()
    }

    /// A text, which a number or `true` is not: it would be ambiguous which text is meant.
    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(Scalar::Text(text)) => Some(text),
            Value::Scalar(Scalar::Number(_) | Scalar::Bool(_)) => {
                let sentence = format!("{} stands where a text belongs: put it into quotes", node.what());
                self.fault(node, &sentence);
                None
            }
            Value::Scalar(Scalar::Null) | Value::List(_) | Value::Map(_) => {
                self.wrong(node, "a text");
                None
            }
        }
    }

    /// A text of one line.
    pub(super) fn line(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?.trim();
        if text.contains('\n') {
            self.fault(node, "this is one line, not several");
            return None;
        }
        Some(text.to_owned())
    }

    /// A text of several lines; what ends it (a YAML block ends with a newline) is cut off.
    pub(super) fn lines(&mut self, node: &Node) -> Option<String> {
        Some(self.text(node)?.trim_end().to_owned())
    }

    /// A line that says something.
    pub(super) fn full_line(&mut self, node: &Node) -> Option<String> {
        let text = self.line(node)?;
        self.full(node, text)
    }

    /// Lines that say something.
    pub(super) fn full_lines(&mut self, node: &Node) -> Option<String> {
        let text = self.lines(node)?;
        self.full(node, text)
    }

    fn full(&mut self, node: &Node, text: String) -> Option<String> {
        if text.trim().is_empty() {
            self.fault(node, "this must say something");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Scalar(Scalar::Bool(value)) => Some(*value),
            _ => {
                self.wrong(node, "true or false");
                None
            }
        }
    }

    /// A word of a closed list, exactly as the list writes it.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let words: Vec<&str> = all.iter().map(|it| word(*it)).collect();
        let text = match &node.value {
            Value::Scalar(Scalar::Text(text)) => text,
            _ => {
                self.wrong(node, &format!("one of {}", words.join(", ")));
                return None;
            }
        };
        let found = all.iter().copied().find(|it| word(*it) == text);
        if found.is_none() {
            let hint = match near(text, &words).as_slice() {
                [name] => format!("; did you mean {name}?"),
                _ => String::new(),
            };
            let sentence = format!("{} is none of {}{hint}", shown(text), words.join(", "));
            self.fault(node, &sentence);
        }
        found
    }

    /// A name that parses or fails.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, node: &Node) -> Option<T> {
        let text = self.text(node)?.to_owned();
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(node, &error.to_string());
                None
            }
        }
    }

    /// An address.
    pub(super) fn address(&mut self, node: &Node) -> Option<Address> {
        self.parsed(node)
    }

    /// A span from the moment of signing, or a time with its offset.
    pub(super) fn when(&mut self, node: &Node) -> Option<When> {
        let text = match &node.value {
            Value::Scalar(Scalar::Text(text)) => text.as_str(),
            Value::Scalar(Scalar::Number(number)) => {
                let sentence = format!("{number} has no unit: write {number}h, {number}m or {number}d");
                self.fault(node, &sentence);
                return None;
            }
            _ => {
                self.wrong(node, WHEN);
                return None;
            }
        };
        let when = parse_when(text);
        if when.is_none() {
            let sentence = format!("{} is not {WHEN}", shown(text));
            self.fault(node, &sentence);
        }
        when
    }

    /// Tells each value that stands twice in the list under `key`.
    pub(super) fn no_repeats<T>(&mut self, key: &str, items: &[T], name: impl Fn(&T) -> String) {
        let mut seen = std::collections::HashSet::new();
        for item in items {
            let name = name(item);
            if let Some(node) = self.entry(key).filter(|_| seen.contains(&name)) {
                self.fault(node, &format!("{} stands twice", shown(&name)));
            }
            seen.insert(name);
        }
    }

    /// A fault about `node`.
    pub(super) fn fault(&mut self, node: &Node, sentence: &str) {
        let path = self.path_of(node);
        self.faults.push(node.at, &path, sentence);
    }

    /// A fault about `key`, at its value or where it would belong.
    pub(super) fn fault_at(&mut self, key: &str, sentence: &str) {
        let path = join(&self.path, key);
        let at = self.entry(key).map_or(self.at, |node| node.at);
        self.faults.push(at, &path, sentence);
    }

    fn wrong(&mut self, node: &Node, expected: &str) {
        let sentence = format!("{} stands where {expected} belongs", node.what());
        self.fault(node, &sentence);
    }
}

const WHEN: &str = "a span (90m, 48h, 2d) or a time with its offset (2024-03-09T21:00:00+03:00)";

/// The names that `text` is near to, nearest first.
pub(super) fn near<'n>(text: &str, names: &[&'n str]) -> Vec<&'n str> {
    if text.len() > limits::ID_CHARS_MAX {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    let mut found: Vec<(usize, &str)> = names
        .iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .collect();
    found.sort();
    let nearest = found.first().map_or(0, |(distance, _)| *distance);
    let found = found.into_iter().take_while(|(distance, _)| *distance == nearest);
    found.map(|(_, name)| name).take(NEAR_NAMES_MAX).collect()
}

/// A key or value as a sentence shows it: quoted, escaped, short.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", shorten(text))
}

fn shorten(text: &str) -> String {
    text.chars().take(limits::ID_CHARS_MAX).collect()
}

fn join(path: &str, key: &str) -> String {
    let key = shorten(key);
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slip of the finger leads to the right name, case does not matter, and nothing near is said of nonsense.
    #[test]
    fn near_names() {
        let names = ["status", "territory", "FLASH", "to", "type"];
        for (text, expected) in [
            ("statsu", vec!["status"]),
            ("flash", vec!["FLASH"]),
            ("teritory", vec!["territory"]),
            ("colour", vec![]),
        ] {
            assert_eq!(near(text, &names), expected, "{text}");
        }
    }
}
