//! The part of a draft that becomes the body: the texts by language, and where in figures (CAP 1.2 §3.2.4). What a
//! text or an area may hold is `wire`'s rule, asked by [`super::Draft::refusals`].

use super::fields::{Fields, shown};
use super::yaml::{Entry, Node};
use crate::domain::{Area, ContentBlock, Language};
use crate::limits;

const TEXT: &[&str] = &[
    "event",
    "headline",
    "description",
    "instruction",
    "area",
    "target",
];
const AREA: &[&str] = &["polygon", "circle", "geocode"];

/// The texts, and which language counts where they differ: said, or the only one.
pub(super) fn read_body(fields: &mut Fields<'_>) -> Option<(Language, Vec<ContentBlock>)> {
    let said = fields.optional("authoritative", |f, node| f.parsed::<Language>(node));
    let blocks = fields.required("text", read_texts)?;
    let said = said?;
    match (said, blocks.as_slice()) {
        (Some(language), _) => {
            let there = blocks.iter().any(|block| block.language == language);
            if !there {
                let languages: Vec<String> = blocks.iter().map(|block| block.language.to_string()).collect();
                let sentence = format!("there is no text in {language}, only in {}", languages.join(", "));
                fields.fault_at("authoritative", &sentence);
            }
            there.then_some((language, blocks))
        }
        (None, [only]) => Some((only.language.clone(), blocks)),
        (None, _) => {
            fields.fault_at(
                "authoritative",
                "say which language counts where the texts differ",
            );
            None
        }
    }
}

fn read_texts(fields: &mut Fields<'_>, node: &Node) -> Option<Vec<ContentBlock>> {
    let entries = fields.entries_of(node, "a map from languages to texts ({en: {event: …}})")?;
    if entries.is_empty() {
        fields.fault(node, "there is no text in any language");
        return None;
    }
    if entries.len() > limits::LANGUAGES_MAX {
        fields.fault(
            node,
            &format!("a warning has at most {} languages", limits::LANGUAGES_MAX),
        );
        return None;
    }
    let mut languages: Vec<String> = Vec::new();
    let mut blocks = Vec::new();
    for entry in entries {
        let lower = entry.key.to_ascii_lowercase();
        if languages.contains(&lower) {
            fields.fault(
                &entry.value,
                &format!("the language {} stands twice", shown(&entry.key)),
            );
        }
        languages.push(lower);
        blocks.push(read_block(fields, entry));
    }
    blocks.into_iter().collect()
}

fn read_block(fields: &mut Fields<'_>, entry: &Entry) -> Option<ContentBlock> {
    let language = match entry.key.parse::<Language>() {
        Ok(language) => Some(language),
        Err(error) => {
            fields.fault(&entry.value, &error.to_string());
            None
        }
    };
    let mut inner = fields.inside_of(&entry.value, &entry.key, TEXT)?;
    let event = inner.required("event", Fields::full_line);
    let headline = inner.required("headline", Fields::full_line);
    let description = inner.required("description", Fields::full_lines);
    let instruction = inner.or("instruction", String::new(), Fields::lines);
    let area = inner.or("area", String::new(), Fields::lines);
    let target = inner.or("target", String::new(), Fields::lines);
    Some(ContentBlock {
        language: language?,
        event: event?,
        headline: headline?,
        description: description?,
        instruction: instruction?,
        area: area?,
        target: target?,
    })
}

/// `{polygon: […], circle: […], geocode: {SYSTEM: CODE}}`.
pub(super) fn read_area(fields: &mut Fields<'_>, node: &Node) -> Option<Area> {
    let mut inner = fields.inside(node, AREA)?;
    let polygons = inner.or("polygon", Vec::new(), |f, node| f.list(node, Fields::line));
    let circles = inner.or("circle", Vec::new(), |f, node| f.list(node, Fields::line));
    let geocodes = inner.or("geocode", Vec::new(), |f, node| {
        let entries = f.entries_of(node, "a map from code systems to codes ({ISO 3166-2: RU-MOS})")?;
        let codes = entries
            .iter()
            .map(|entry| Some((entry.key.clone(), f.line(&entry.value)?)));
        codes.collect::<Vec<_>>().into_iter().collect()
    });
    Some(Area {
        polygons: polygons?,
        circles: circles?,
        geocodes: geocodes?,
    })
}
