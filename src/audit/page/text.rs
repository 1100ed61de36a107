//! Another's words in the page: each isolated from what stands beside it, with its language and its direction, framed by
//! the style sheet so that none can pass for ours, and with nothing in it that cannot be seen.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::markup::{El, Node, el, is_unseen, number, peers, put, text};

/// Marks on one character beyond this are not writing (Hebrew and Arabic need four), and are drawn over the lines beside.
const MARKS_MAX: usize = 8;

/// Another's words within a sentence. A line break in them is shown as one that is not taken.
pub(super) fn peer(words: &str, language: Option<&str>) -> Node {
    framed(el("bdi").class("peer"), words, language)
        .with(peers(shown(words, "<span class=\"unseen\">\u{2424}</span>")))
        .into()
}

/// Another's words as a block of their own, with their lines.
pub(super) fn peer_block(words: &str, language: Option<&str>) -> Node {
    framed(el("div").class("peer"), words, language)
        .with(peers(shown(words, "<br/>")))
        .into()
}

fn framed(element: El, words: &str, language: Option<&str>) -> El {
    // Without a language of its own it would have the page's.
    let element = element.attr("lang", language.unwrap_or(""));
    element.attr("dir", direction(words, language))
}

/// A sentence of ours; others' words in it stand between U+2068 and U+2069, as `Findings::sentences` writes them.
pub(super) fn sentence(words: &str) -> Node {
    let mut pieces = words.split('\u{2068}');
    let first = pieces.next().unwrap_or_default();
    let mut nodes = vec![text(first)];
    for piece in pieces {
        match piece.split_once('\u{2069}') {
            Some((theirs, ours)) => nodes.extend([peer(theirs, None), text(ours)]),
            None => nodes.push(peer(piece, None)),
        }
    }
    super::markup::all(nodes)
}

fn shown(words: &str, line_break: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut marks = 0;
    let words = words.replace("\r\n", "\n");
    for c in words.chars() {
        let is_mark = !c.is_ascii() && c.width() == Some(0) && !is_unseen(c);
        marks = if is_mark { marks + 1 } else { 0 };
        match c {
            '\n' => out.push_str(line_break),
            '\t' => out.push(' '),
            c if is_unseen(c) || marks > MARKS_MAX => {
                let _ = write!(out, "<span class=\"unseen\">{}</span>", number(c));
            }
            c => put(&mut out, c),
        }
    }
    out
}

/// Right to left if the language is written so and the text has such a letter, or else by its first letter.
fn direction(words: &str, language: Option<&str>) -> &'static str {
    let letters = || words.chars().filter(|c| c.is_alphabetic());
    let rtl = if language.is_some_and(is_written_from_the_right) {
        letters().any(is_of_the_right)
    } else {
        letters().next().is_some_and(is_of_the_right)
    };
    if rtl { "rtl" } else { "ltr" }
}

/// By its script, if the tag names one, or else by the language (CLDR's default scripts).
fn is_written_from_the_right(language: &str) -> bool {
    let language = language.to_ascii_lowercase();
    let mut subtags = language.split('-');
    let primary = subtags.next().unwrap_or_default();
    if let Some(script) = subtags.find(|subtag| {
        subtag.len() == 4 && subtag.is_ascii() && !subtag.starts_with(|c: char| c.is_ascii_digit())
    }) {
        return matches!(
            script,
            "arab" | "aran" | "hebr" | "syrc" | "thaa" | "nkoo" | "adlm" | "rohg" | "mand" | "samr"
        );
    }
    matches!(
        primary,
        "ar" | "arc"
            | "azb"
            | "bal"
            | "ckb"
            | "dv"
            | "fa"
            | "glk"
            | "he"
            | "iw"
            | "ji"
            | "ks"
            | "lrc"
            | "mzn"
            | "nqo"
            | "pnb"
            | "prs"
            | "ps"
            | "sd"
            | "skr"
            | "syr"
            | "ug"
            | "ur"
            | "yi"
    )
}

/// Whether a letter belongs to a script that is written from the right.
fn is_of_the_right(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x1_0800..=0x1_0fff | 0x1_e800..=0x1_efff
    )
}

/// A language by its name, for those that are common here; the tag stands beside it.
pub(super) fn language_name(tag: &str) -> Option<&'static str> {
    let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    Some(match primary.as_str() {
        "am" => "Amharic",
        "ar" => "Arabic",
        "be" => "Belarusian",
        "bn" => "Bengali",
        "de" => "German",
        "el" => "Greek",
        "en" => "English",
        "es" => "Spanish",
        "fa" | "prs" => "Persian",
        "fr" => "French",
        "he" => "Hebrew",
        "hi" => "Hindi",
        "id" => "Indonesian",
        "it" => "Italian",
        "ja" => "Japanese",
        "ka" => "Georgian",
        "kk" => "Kazakh",
        "ko" => "Korean",
        "nl" => "Dutch",
        "pl" => "Polish",
        "ps" => "Pashto",
        "pt" => "Portuguese",
        "ro" => "Romanian",
        "ru" => "Russian",
        "so" => "Somali",
        "sw" => "Swahili",
        "tg" => "Tajik",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "ur" => "Urdu",
        "uz" => "Uzbek",
        "vi" => "Vietnamese",
        "zh" => "Chinese",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which way a text runs; a table: the language decides where the text has its letters, else the first letter.
    #[test]
    fn text_runs_its_own_way() {
        for (words, language, runs) in [
            ("Attack", Some("en"), "ltr"),
            ("هجوم", Some("ar"), "rtl"),
            ("ISIS-K هجوم", Some("ar"), "rtl"),
            ("ISIS-K هجوم", Some("en"), "ltr"),
            ("Attack", Some("ar"), "ltr"),
            ("12 !", Some("he"), "ltr"),
            ("פיגוע", None, "rtl"),
            ("Hücum", Some("az-Latn"), "ltr"),
            ("هجوم", Some("az-Arab-IR"), "rtl"),
            ("ޙަމަލާ", Some("dv"), "rtl"),
            ("", None, "ltr"),
        ] {
            assert_eq!(direction(words, language), runs, "{words} {language:?}");
        }
    }

    /// What a character becomes; a table: markup is escaped, what is hidden or reorders is shown by its number, a ninth
    /// mark on one letter too, and honest text is left alone.
    #[test]
    fn others_words_are_shown_and_do_nothing() {
        let marked = format!("a{}", "\u{301}".repeat(9));
        let marked_inner = format!("a{}<span class=\"unseen\">U+0301</span>", "\u{301}".repeat(8));
        for (words, inner) in [
            ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"),
            ("a\u{202e}b", "a<span class=\"unseen\">U+202E</span>b"),
            (
                "\u{2069}\u{0}",
                "<span class=\"unseen\">U+2069</span><span class=\"unseen\">U+0000</span>",
            ),
            ("a\r\nb\tc", "a<span class=\"unseen\">\u{2424}</span>b c"),
            (&marked, &marked_inner),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("👩\u{200d}🚒", "👩\u{200d}🚒"),
        ] {
            let node = peer(words, None).into_text();
            let (_, rest) = node.split_once('>').unwrap_or_default();
            assert_eq!(rest.strip_suffix("</bdi>"), Some(inner), "{words:?}");
        }
    }

    /// In a sentence of ours, what stands between the isolates is theirs, whatever they wrote.
    #[test]
    fn a_sentence_keeps_theirs_apart() {
        let node = sentence("as \u{2068}\"boss\"\u{2069} said; \u{2068}open").into_text();
        assert_eq!(
            node,
            "as <bdi class=\"peer\" lang=\"\" dir=\"ltr\">&quot;boss&quot;</bdi> said; \
             <bdi class=\"peer\" lang=\"\" dir=\"ltr\">open</bdi>"
        );
    }
}
