//! A peer's text on a terminal that the peer does not own: nothing in it can move the cursor, reorder what stands
//! beside it, hide, or look like ours. Every line of it comes out of [`lines`], and nothing else of a peer's is printed.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::domain::is_hidden;

/// First strong isolate: what follows takes its own direction and cannot reorder what stands before it.
const FSI: char = '\u{2068}';
/// Pop directional isolate.
const PDI: char = '\u{2069}';
/// Marks on one character beyond this are not writing (Hebrew and Arabic need four).
const MARKS_MAX: usize = 8;

/// The text in lines of at most `width` columns, neutral, each one isolated. At least one line, if there is any text.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let neutral = neutral(text);
    let wrapped = neutral.lines().flat_map(|line| wrap(line, width));
    wrapped
        .map(|line| {
            if line.is_empty() {
                line
            } else {
                format!("{FSI}{line}{PDI}")
            }
        })
        .collect()
}

/// The text on one line, for tables and sentences of ours: neutral and isolated.
pub(crate) fn one_line(text: &str) -> String {
    format!("{FSI}{}{PDI}", neutral(text).replace('\n', " "))
}

/// A few words inside a sentence of ours, neutral and isolated, at most `columns_max` columns and an ellipsis. They are
/// never broken over two lines, of which the second would stand without its isolation.
pub(crate) fn name(text: &str, columns_max: usize) -> String {
    let mut name = String::new();
    for c in neutral(text).trim().chars() {
        if name.width().saturating_add(c.width().unwrap_or(0)) > columns_max {
            name.push('…');
            break;
        }
        name.push(if matches!(c, ' ' | '\n') { '\u{a0}' } else { c });
    }
    format!("{FSI}{name}{PDI}")
}

/// How many columns a line takes.
pub(crate) fn width_of(line: &str) -> usize {
    line.width()
}

/// The text without anything but characters that stand still: controls and format controls become visible, ends of
/// lines become newlines. Kept are the joiners and the marks of direction (LRM, RLM, ALM), which honest text needs
/// and which do not reach out of an isolate.
pub(super) fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_mark(c) {
            marks = marks.saturating_add(1);
            match marks.cmp(&(MARKS_MAX + 1)) {
                std::cmp::Ordering::Less => out.push(c),
                std::cmp::Ordering::Equal => out.push_str("‹marks›"),
                std::cmp::Ordering::Greater => {}
            }
            continue;
        }
        marks = 0;
        match c {
            '\n' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\t' => out.push_str("    "),
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('␀')),
            '\u{7f}' => out.push('␡'),
            _ if is_hidden(c) => out.push_str(&format!("‹U+{:04X}›", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

/// What takes no column of its own and stands on the character before it.
fn is_mark(c: char) -> bool {
    c.width() == Some(0) && !is_hidden(c) && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Breaks one line, of ours or neutral, at spaces, and inside of a word only where the word alone is too long. Never before a mark.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        // A word that is longer than any line begins on this one, if there is room for its first character.
        let needed = if word.width() <= width { word.width() } else { 2 };
        if !current.is_empty() {
            if current.width().saturating_add(1).saturating_add(needed) > width {
                lines.push(std::mem::take(&mut current));
            } else {
                current.push(' ');
            }
        }
        for c in word.chars() {
            let grown = current.width().saturating_add(c.width().unwrap_or(0));
            if grown > width && c.width() != Some(0) {
                lines.push(std::mem::take(&mut current));
            }
            current.push(c);
        }
    }
    if !current.is_empty() || lines.is_empty() {
        lines.push(current);
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What moves, reorders or hides becomes visible; what is writing stays; a table.
    #[test]
    fn nothing_moves_reorders_or_hides() {
        for (text, shown) in [
            ("plain", "plain"),
            ("\u{1b}[2J\u{1b}]0;t\u{7}", "␛[2J␛]0;t␇"),
            ("a\u{9b}31mb", "a‹U+009B›31mb"),
            ("a\u{7f}\u{8}", "a␡␈"),
            ("a\r\nb\rc\u{b}\u{c}", "a\nb␍c␋␌"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a\nb\nc‹U+0085›d"),
            ("\u{202e}gnp.exe\u{202c}", "‹U+202E›gnp.exe‹U+202C›"),
            ("\u{2066}a\u{2069}\u{2069}", "‹U+2066›a‹U+2069›‹U+2069›"),
            ("a\u{200b}b\u{feff}c\u{ad}d", "a‹U+200B›b‹U+FEFF›c‹U+00AD›d"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("👩\u{200d}🚒 ✔\u{fe0f}", "👩\u{200d}🚒 ✔\u{fe0f}"),
            ("שלום\u{200f}!", "שלום\u{200f}!"),
            ("\u{e0041}\u{f8ff}\u{10ffff}", "‹U+E0041›‹U+F8FF›‹U+10FFFF›"),
            ("a\tb", "a    b"),
        ] {
            assert_eq!(neutral(text), shown, "{text:?}");
        }
        let zalgo = format!("a{}b", "\u{301}".repeat(30));
        assert_eq!(
            neutral(&zalgo),
            format!("a{}‹marks›b", "\u{301}".repeat(MARKS_MAX))
        );
    }

    /// A name in a sentence is one word, and no longer than asked.
    #[test]
    fn a_name_is_one_word() {
        assert_eq!(name(" duty officer\n", 20), "\u{2068}duty\u{a0}officer\u{2069}");
        assert_eq!(name("duty officer", 4), "\u{2068}duty…\u{2069}");
        assert_eq!(name("\u{202e}x", 20), "\u{2068}‹U+202E›x\u{2069}");
    }

    /// Lines break at spaces, long words inside, wide characters by their two columns, and never before a mark.
    #[test]
    fn lines_are_wrapped_by_columns() {
        for (line, width, wrapped) in [
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 13, vec!["one two three"]),
            ("abcdefghij kl", 4, vec!["abcd", "efgh", "ij", "kl"]),
            ("汉字汉字汉", 4, vec!["汉字", "汉字", "汉"]),
            (
                "e\u{301}e\u{301}e\u{301}",
                2,
                vec!["e\u{301}e\u{301}", "e\u{301}"],
            ),
            ("abcd \u{200f}\u{200f}", 4, vec!["abcd", "\u{200f}\u{200f}"]),
            ("ab cdefghij", 5, vec!["ab cd", "efghi", "j"]),
            ("", 10, vec![""]),
            ("   ", 10, vec![""]),
        ] {
            assert_eq!(wrap(line, width), wrapped, "{line}");
        }
    }
}
