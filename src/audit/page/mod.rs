//! The evidence of one warning as a page for people who will never run a command: self-contained, without scripts and
//! without anything from outside, for the screen and for paper. It is made of a bundle that was checked, and of nothing
//! else; it reads no clock, and the same bundle under the same policy gives the same bytes.
//!
//! The page proves nothing. It says so, names the bundle by its SHA-256, and tells how to check that. Another's words come in
//! through [`text`] only, and every `<` through [`markup`].

mod acts;
mod axis;
mod checking;
mod deadline;
mod marks;
mod markup;
mod picture;
mod sections;
mod text;
mod times;
mod warning;

#[cfg(test)]
pub(super) mod strict;
#[cfg(test)]
mod tests;

use super::beside;
use super::bundle::Bundle;
use super::check::Findings;
use crate::domain::{Body, Handling, Status, Warning};
use crate::wire::{self, Recorded};

use markup::{Node, all, el, style_sheet};

/// What the page says of its own making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageContext {
    /// SHA-256 of the bundle's bytes, hex: the page is made of these.
    pub bundle_sha256: String,
    /// The name of its file.
    pub bundle_name: String,
    /// Whom it was checked under.
    pub basis: Basis,
}

/// Under what a bundle was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A policy that was given.
    Policy,
    /// The key of the log that the maker's own profile holds; no witnesses, no roots.
    OwnProfile,
}

/// All that the page tells.
struct Told<'a> {
    findings: &'a Findings,
    context: &'a PageContext,
    header: Option<Warning>,
    body: Option<Body>,
}

/// The page of a bundle and of what its check found.
pub fn page(bundle: &Bundle, findings: &Findings, context: &PageContext) -> String {
    Told::of(bundle, findings, context).page()
}

impl<'a> Told<'a> {
    fn of(bundle: &Bundle, findings: &'a Findings, context: &'a PageContext) -> Self {
        // The check has read all of these already; what it could not read would have been a fault.
        let header = wire::warning(&Recorded(&bundle.envelope)).ok();
        let clear = |header| beside::body_of(header, bundle.body.as_ref()).ok().flatten();
        let opened = bundle.opened.body.as_ref();
        let body = opened
            .and_then(|opened| wire::body(&opened.content).ok())
            .or_else(|| header.as_ref().and_then(clear));
        Self {
            findings,
            context,
            header,
            body,
        }
    }

    fn handling(&self) -> Option<&Handling> {
        self.header.as_ref().map(|header| &header.handling)
    }

    fn page(&self) -> String {
        let warning = &self.findings.warning;
        let name = |name: &'static str, content: &'static str| {
            el("meta").attr("name", name).attr("content", content)
        };
        let title = format!("{} · What became of warning {}", warning.status, warning.id);
        let head = el("head")
            .with(el("meta").attr("charset", "utf-8"))
            .with(el("meta").attr("http-equiv", "Content-Security-Policy").attr(
                "content",
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            ))
            .with(name("viewport", "width=device-width, initial-scale=1"))
            .with(name("referrer", "no-referrer"))
            .with(name("robots", "noindex"))
            .with(el("title").say(title))
            .with(style_sheet(include_str!("style.css")));
        let main = el("main")
            .with(sections::opening(self))
            .with(warning::warning(self))
            .with(acts::recipients(self))
            .with(sections::sentences(self))
            .with(checking::checking(self))
            .with(checking::keys(self));
        let sheet = el("div").class("sheet").with(self.banner()).with(main);
        let html = el("html")
            .attr("lang", "en")
            .attr("dir", "ltr")
            .with(head)
            .with(el("body").with(sheet));
        format!("<!DOCTYPE html>\n{}\n", Node::from(html).into_text())
    }

    /// What stands on top of each sheet: whether this was real, and who may read it.
    fn banner(&self) -> Node {
        let (class, words) = match self.findings.warning.status {
            Status::Actual => ("banner actual", "sent as a real warning"),
            Status::Exercise => ("banner unreal", "not a real warning: sent to practise"),
            Status::System => ("banner unreal", "not a real warning: a check of communications"),
            Status::Test => ("banner unreal", "not a real warning: sent to test the system"),
        };
        let tlp = self.handling().map(|handling| {
            let tlp = handling.tlp.word().replace('_', "+");
            el("span").class("tlp").say(format_args!("TLP:{tlp}"))
        });
        let status = el("strong").say(self.findings.warning.status);
        all([el("div")
            .class(class)
            .attr("role", "note")
            .with(el("p").with(status).say(format_args!(" — {words}")).maybe(tlp))])
    }
}
