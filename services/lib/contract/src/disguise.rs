//! Characters that make text look like something else.

/// Whether a character begins another line, commands a terminal (C0, delete, C1) or turns the direction of text (the `Bidi_Control` characters of
/// UAX #9): wherever somebody's text is shown, none of these is.
pub fn is_disguise(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is nothing to programs that compare as a language does, as CI agents do that look for their commands.
pub fn is_unseen(c: char) -> bool {
    let is_mark = matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    let is_variation = matches!(c, '\u{180B}'..='\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E0FFF}');
    is_mark || is_variation || c.is_control() || matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}')
}

/// Lines as they are, without such characters inside of them; tabs stay.
pub(crate) fn undisguised(text: &str) -> String {
    let shown = |c| if is_disguise(c) && c != '\n' && c != '\t' { ' ' } else { c };
    text.chars().map(shown).collect()
}

/// The same for source, where every character must stay as long as it is.
pub(crate) fn undisguised_in_place(text: &str) -> String {
    let shown = |c: char| match c.len_utf8() {
        _ if !is_disguise(c) => c,
        // The renderer has pictures for these.
        1 => c,
        2 => '\u{BF}',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_and_what_turns_is_told_from_text() {
        for bad in [
            "\u{1b}", "\u{9b}", "\u{7f}", "\r", "\u{85}", "\u{2028}", "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}",
        ] {
            assert!(bad.chars().all(is_disguise), "{bad:?}");
            assert_eq!(undisguised(bad), " ");
            let shown = undisguised_in_place(bad);
            assert_eq!(shown.len(), bad.len(), "{bad:?}");
            assert!(shown == *bad && shown.is_ascii() || !shown.chars().any(is_disguise), "{bad:?}");
        }
        // Persian needs a joiner of no width, and pictures of families another.
        let fine = "Grün\tمی\u{200c}خواهم 👩\u{200d}👧 “x”\n";
        assert_eq!(undisguised(fine), fine);
        assert_eq!(undisguised_in_place(fine), fine);
    }
}
