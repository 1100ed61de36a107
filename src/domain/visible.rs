//! Which characters of a peer's text are not what they seem: those that show nothing, or reorder what stands beside them.
//! Whatever shows a person another's words asks here first, so that all agree.

/// C1, format controls (Cf) and other characters that show nothing or whatever a font likes, but for those that
/// honest text needs: ZWNJ, ZWJ, LRM, RLM, ALM and the variation selectors of emoji.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\u{200c}'..='\u{200f}' | '\u{61c}' | '\u{fe00}'..='\u{fe0f}' => false,
        // Arabic numbers' and verses' own signs are Cf, and are drawn.
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{890}'..='\u{891}' | '\u{8e2}' => false,
        '\u{80}'..='\u{9f}' => true,
        '\u{ad}' | '\u{34f}' | '\u{70f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' => true,
        '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bcaf}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' => true,
        _ => u32::from(c) & 0xfffe == 0xfffe,
    }
}

/// Whether a character must be shown by a mark or its number: it is hidden, controls what shows it, ends a line, or may not stand
/// in XML. Line feeds are among them: who keeps lines asks for these first.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_hidden(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The marks of direction (LRM, RLM, ALM): honest text needs them, and where it is not isolated they reach what stands beside it.
pub const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table: what shows nothing, or is obeyed, is unseen; what honest text needs is not.
    #[test]
    fn what_shows_nothing_is_unseen() {
        let unseen = "\0\n\u{1b}\u{7f}\u{9b}\u{ad}\u{115f}\u{200b}\u{2028}\u{2029}\u{202e}\u{2066}\u{2069}\u{3164}\u{e000}\u{feff}\u{e0041}";
        let seen = "aé \u{5d0}\u{600}\u{61c}\u{200c}\u{200d}\u{200e}\u{200f}\u{fe0f}\u{1f600}";
        assert_eq!(unseen.chars().find(|c| !is_unseen(*c)), None);
        assert_eq!(seen.chars().find(|c| is_unseen(*c)), None);
        assert_eq!(seen.chars().filter(|c| is_direction_mark(*c)).count(), 3);
    }
}
