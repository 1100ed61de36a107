//! The page that a screen is written on: our lines, a peer's lines behind the gutter, labels in a column, two texts side
//! by side. The only place that decides what a line looks like.

use super::style::{Colours, Tone};
use super::text;
use super::words;
use crate::domain::{ContentBlock, Status};

/// Stands before every line of a peer's text, and nowhere else.
const GUTTER: &str = "│ ";
/// Columns of the labels.
const LABEL: usize = 11;

/// The lines so far.
pub(super) struct Page {
    width: usize,
    colours: Colours,
    out: String,
}

impl Page {
    pub(super) fn new(width: usize, colours: Colours) -> Self {
        Self {
            width,
            colours,
            out: String::new(),
        }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// The status, over the whole width.
    pub(super) fn status_line(&mut self, status: Status) {
        let unit = format!("{} {status} ", words::fill(status));
        let line: String = unit.chars().cycle().take(self.width).collect();
        let painted = self.colours.paint(Tone::Status(status), &line);
        self.push(&painted);
    }

    pub(super) fn blank(&mut self) {
        self.push("");
    }

    /// A sentence of ours, wrapped.
    pub(super) fn ours(&mut self, tone: Tone, sentence: &str) {
        for line in plain_lines(sentence, self.width.saturating_sub(1)) {
            let painted = self.colours.paint(tone, &line);
            self.push(&format!(" {painted}"));
        }
    }

    /// A line to be copied: never wrapped by us.
    pub(super) fn command(&mut self, command: &str) {
        self.push(&format!("   {command}"));
    }

    /// A label and a value of ours.
    pub(super) fn field(&mut self, label: &str, value: &str) {
        self.labelled(label, value, None);
    }

    /// The same, for what this machine has verified.
    pub(super) fn checked(&mut self, label: &str, value: &str) {
        self.labelled(label, &format!("✓ {value}"), Some(Tone::Good));
    }

    /// The same, for what wants attention.
    pub(super) fn alarm(&mut self, label: &str, value: &str) {
        self.labelled(label, value, Some(Tone::Alarm));
    }

    /// A label and a peer's text; nothing if the peer says nothing.
    pub(super) fn peer(&mut self, label: &str, said: &str) {
        let width = self.width.saturating_sub(1 + LABEL + text::width_of(GUTTER));
        let lines = if said.trim().is_empty() {
            Vec::new()
        } else {
            text::lines(said, width)
        };
        for (index, line) in lines.iter().enumerate() {
            let label = self.label(if index == 0 { label } else { "" });
            self.push(&format!(" {label}{GUTTER}{line}"));
        }
    }

    /// One language version.
    pub(super) fn block(&mut self, title: &str, block: &ContentBlock) {
        let title = self.colours.paint(Tone::Quiet, title);
        self.push(&format!(" {title}"));
        for line in block_lines(block, self.width.saturating_sub(3)) {
            self.push(&format!(" {}", self.behind_gutter(&line)));
        }
        self.blank();
    }

    /// Two language versions side by side, each with its own gutter.
    pub(super) fn beside(&mut self, left: (&str, &ContentBlock), right: (&str, &ContentBlock)) {
        let column = (self.width.saturating_sub(7)) / 2;
        let blank = Line {
            text: String::new(),
            strong: false,
        };
        let (mut lefts, mut rights) = (block_lines(left.1, column), block_lines(right.1, column));
        let rows = lefts.len().max(rights.len());
        lefts.resize(rows, blank.clone());
        rights.resize(rows, blank);
        let pad = " ".repeat((column + 3).saturating_sub(text::width_of(left.0)));
        let (title_left, title_right) = (
            self.colours.paint(Tone::Quiet, left.0),
            self.colours.paint(Tone::Quiet, right.0),
        );
        self.push(&format!(" {title_left}{pad} {title_right}"));
        for (left, right) in lefts.iter().zip(&rights) {
            let pad = " ".repeat((column + 1).saturating_sub(text::width_of(&left.text)));
            let (left, right) = (self.behind_gutter(left), self.behind_gutter(right));
            self.push(&format!(" {left}{pad} {right}"));
        }
        self.blank();
    }

    fn behind_gutter(&self, line: &Line) -> String {
        let said = if line.strong {
            self.colours.paint(Tone::Strong, &line.text)
        } else {
            line.text.clone()
        };
        format!("{GUTTER}{said}")
    }

    fn labelled(&mut self, label: &str, value: &str, tone: Option<Tone>) {
        let lines = plain_lines(value, self.width.saturating_sub(1 + LABEL));
        for (index, line) in lines.iter().enumerate() {
            let label = self.label(if index == 0 { label } else { "" });
            let value = tone.map_or_else(|| line.clone(), |tone| self.colours.paint(tone, line));
            self.push(&format!(" {label}{value}"));
        }
    }

    /// Padded before it is painted: what colours a text takes no column.
    fn label(&self, label: &str) -> String {
        let padded = format!("{label:<LABEL$}");
        if label.is_empty() {
            padded
        } else {
            self.colours.paint(Tone::Quiet, &padded)
        }
    }

    fn push(&mut self, line: &str) {
        self.out.push_str(line.trim_end_matches(' '));
        self.out.push('\n');
    }
}

/// A line of a peer's text, isolated.
#[derive(Clone)]
struct Line {
    text: String,
    strong: bool,
}

/// Event and headline, the description, the instruction, with an empty line between.
fn block_lines(block: &ContentBlock, width: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let parts = [
        (&block.event, false),
        (&block.headline, true),
        (&block.description, false),
        (&block.instruction, false),
    ];
    for (index, (part, strong)) in parts.into_iter().enumerate() {
        if part.trim().is_empty() {
            continue;
        }
        if index >= 2 {
            lines.push(Line {
                text: String::new(),
                strong: false,
            });
        }
        lines.extend(
            text::lines(part, width)
                .into_iter()
                .map(|text| Line { text, strong }),
        );
    }
    lines
}

/// Our own words, wrapped at spaces.
fn plain_lines(sentence: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let grown = text::width_of(line) + 1 + text::width_of(word);
        if line.is_empty() {
            line.push_str(word);
        } else if grown <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
