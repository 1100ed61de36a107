//! Markup that no text can leave. An element is made with a name and attributes of ours and closes itself; whatever it
//! says goes through one escape. Nothing else in the page writes a `<`, so the page is well-formed as HTML and as XML.

use std::fmt::{Display, Write as _};

pub(super) use crate::domain::is_unseen;

/// Elements that have no content, and are written so.
const VOID: [&str; 9] = [
    "br", "meta", "col", "path", "line", "rect", "circle", "polyline", "polygon",
];

/// A piece of the page. Only this file makes one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node(String);

impl Node {
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// An element that is being written.
#[derive(Debug, Clone)]
pub(super) struct El {
    tag: &'static str,
    attributes: String,
    inner: String,
}

/// An element of this name.
pub(super) fn el(tag: &'static str) -> El {
    El {
        tag,
        attributes: String::new(),
        inner: String::new(),
    }
}

/// Words of ours, escaped all the same.
pub(super) fn text(words: impl Display) -> Node {
    Node(escaped(&words.to_string()))
}

/// Several pieces, one after the other.
pub(super) fn all<N: Into<Node>>(nodes: impl IntoIterator<Item = N>) -> Node {
    Node(nodes.into_iter().map(|node| node.into().0).collect())
}

/// The page's own style. It is no peer's text and holds nothing that markup is made of; a test sees to that.
pub(super) fn style_sheet(css: &'static str) -> Node {
    Node(format!("<style>{css}</style>"))
}

impl El {
    /// An attribute.
    pub(super) fn attr(mut self, name: &'static str, value: impl Display) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", escaped(&value.to_string()));
        self
    }

    pub(super) fn class(self, name: &'static str) -> Self {
        self.attr("class", name)
    }

    /// A piece inside.
    pub(super) fn with(mut self, child: impl Into<Node>) -> Self {
        self.inner.push_str(&child.into().0);
        self
    }

    /// A piece inside, if there is one.
    pub(super) fn maybe(self, child: Option<impl Into<Node>>) -> Self {
        match child {
            Some(child) => self.with(child),
            None => self,
        }
    }

    /// Pieces inside.
    pub(super) fn each<N: Into<Node>>(self, children: impl IntoIterator<Item = N>) -> Self {
        self.with(all(children))
    }

    /// Words of ours inside.
    pub(super) fn say(self, words: impl Display) -> Self {
        self.with(text(words))
    }
}

impl From<El> for Node {
    fn from(element: El) -> Self {
        let El {
            tag,
            attributes,
            inner,
        } = element;
        let line = match tag {
            "tr" | "p" | "li" | "h1" | "h2" | "h3" | "section" | "table" | "figure" | "svg" | "g" | "dt"
            | "dd" | "ul" | "dl" | "div" | "thead" | "tbody" | "body" | "head" | "main" => "\n",
            _ => "",
        };
        Self(if VOID.contains(&tag) {
            format!("<{tag}{attributes}/>{line}")
        } else {
            format!("<{tag}{attributes}>{inner}</{tag}>{line}")
        })
    }
}

/// Text as markup has it; what cannot be seen, or stand in XML, by its number.
fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        if is_unseen(c) {
            let _ = write!(out, "[{}]", number(c));
        } else {
            put(&mut out, c);
        }
    }
    out
}

/// One character that can be seen.
pub(super) fn put(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

/// `U+202E`.
pub(super) fn number(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// What a peer wrote, character by character; for [`super::text`] alone, which isolates it.
pub(super) fn peers(markup: String) -> Node {
    Node(markup)
}
