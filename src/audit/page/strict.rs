//! A strict reader of the page, for the tests: it takes no more of HTML than the page may have, and all of it well-formed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::markup;

/// The elements that the page may have.
const ELEMENTS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "main",
    "section",
    "h1",
    "h2",
    "h3",
    "p",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "colgroup",
    "col",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "b",
    "strong",
    "span",
    "code",
    "pre",
    "bdi",
    "br",
    "figure",
    "svg",
    "desc",
    "pattern",
    "linearGradient",
    "stop",
    "g",
    "rect",
    "line",
    "path",
    "polyline",
    "text",
];

/// The attributes: none of them runs or loads anything.
const ATTRIBUTES: &[&str] = &[
    "lang",
    "dir",
    "class",
    "role",
    "scope",
    "charset",
    "http-equiv",
    "content",
    "name",
    "id",
    "aria-labelledby",
    "aria-hidden",
    "viewBox",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "d",
    "points",
    "transform",
    "fill",
    "text-anchor",
    "patternUnits",
    "patternTransform",
    "offset",
    "stop-opacity",
];

/// What the reader finds: elements as they begin, text, elements as they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum Piece {
    Begin(String, Vec<(String, String)>),
    Text(String),
    End(String),
}

/// Reads a page strictly, as XML without a prologue; panics at anything that is not well-formed or not known.
pub(in crate::audit) fn read(page: &str) -> Vec<Piece> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let (mut pieces, mut open): (Vec<Piece>, Vec<String>) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        if !rest.starts_with('<') {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            pieces.push(Piece::Text(unescaped(text)));
            rest = after;
            continue;
        }
        let (tag, after) = rest[1..].split_once('>').expect("a tag without an end");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "an element ends that is not open"
            );
            pieces.push(Piece::End(name.to_owned()));
            continue;
        }
        let (tag, is_void) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, mut listed) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&name), "unknown element {name:?}");
        let mut attributes: Vec<(String, String)> = Vec::new();
        while !listed.is_empty() {
            let (key, value) = listed.split_once("=\"").expect("an attribute without a value");
            let (value, after) = value.split_once('"').expect("an attribute without an end");
            assert!(ATTRIBUTES.contains(&key), "unknown attribute {key:?}");
            assert!(attributes.iter().all(|(other, _)| other != key), "{key} twice");
            assert!(!value.contains('<'), "{value}");
            attributes.push((key.to_owned(), unescaped(value)));
            listed = after.strip_prefix(' ').unwrap_or(after);
        }
        pieces.push(Piece::Begin(name.to_owned(), attributes));
        if is_void {
            pieces.push(Piece::End(name.to_owned()));
        } else {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    pieces
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) = after.split_once(';').expect("a bare ampersand");
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => panic!("unknown entity {other:?}"),
        });
        rest = after;
    }
    out.push_str(rest);
    let unseen = out.chars().find(|c| *c != '\n' && markup::is_unseen(*c));
    assert_eq!(unseen, None, "{out:?}");
    out
}

/// The pieces without what stands in another's frames: the page's own skeleton.
pub(super) fn skeleton(page: &str) -> Vec<Piece> {
    let mut depth = 0;
    let mut kept = Vec::new();
    for piece in read(page) {
        let is_peer = |attributes: &[(String, String)]| attributes.contains(&("class".into(), "peer".into()));
        match &piece {
            Piece::Begin(_, attributes) if depth > 0 || is_peer(attributes) => depth += 1,
            Piece::End(_) if depth > 0 => depth -= 1,
            Piece::Begin(..) | Piece::Text(_) | Piece::End(_) if depth == 0 => kept.push(piece),
            Piece::Begin(..) | Piece::Text(_) | Piece::End(_) => {}
        }
    }
    kept
}

/// The text of the page, tags taken out.
pub(super) fn words(page: &str) -> String {
    let texts = read(page).into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Begin(..) | Piece::End(_) => None,
    });
    texts.collect()
}
