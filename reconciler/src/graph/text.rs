//! Texts in a picture: how wide they are at most, what is left of those that are too long, and what may not stand in any.
//!
//! Which font draws a picture is not known here, so each character counts as wide as in the widest of the usual sans-serif
//! fonts (Verdana, DejaVu Sans).

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Font {
    /// In pixels.
    pub(super) size: i32,
    /// Bold letters are wider.
    pub(super) bold: bool,
}

impl Font {
    /// The widest that `text` can be, in pixels.
    pub(super) fn width(self, text: &str) -> i32 {
        self.pixels(text.chars().map(advance).sum())
    }

    /// The text, or its beginning and its end with `…` between them where it would be wider than `most` pixels.
    pub(super) fn fitted(self, text: &str, most: i32) -> String {
        if self.width(text) <= most {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        let (mut head, mut tail, mut wide) = (0, 0, advance('…'));
        loop {
            // The end of a name tells more than its beginning, which it shares with others.
            let (at, from_end) = if tail <= head {
                (letters.len() - 1 - tail, true)
            } else {
                (head, false)
            };
            let wider = wide + advance(letters[at]);
            if head + tail + 1 >= letters.len() || self.pixels(wider) > most {
                break;
            }
            wide = wider;
            if from_end {
                tail += 1;
            } else {
                head += 1;
            }
        }
        let start: String = letters[..head].iter().collect();
        let end: String = letters[letters.len() - tail..].iter().collect();
        format!("{start}…{end}")
    }

    fn pixels(self, thousandths: i64) -> i32 {
        let wider = if self.bold { 115 } else { 100 };
        let pixels = (thousandths * i64::from(self.size) * wider + 99_999) / 100_000;
        i32::try_from(pixels).unwrap_or(i32::MAX)
    }
}

/// How wide a character is at most, in thousandths of the font's size.
fn advance(c: char) -> i64 {
    match c {
        'i' | 'l' => 280,
        'j' | 'f' | 't' | ' ' | '.' | ',' | '\'' => 400,
        'I' | 'r' | ':' | ';' | '/' | '\\' | '-' | '(' | ')' | '[' | ']' | '|' | '!' | '·' => 460,
        'm' => 980,
        'w' | '~' | '+' | '=' | '<' | '>' | '^' | '#' => 840,
        'W' | 'M' | '@' | '…' => 1000,
        '%' => 1080,
        'a'..='z' | '0'..='9' | '_' | '"' | '*' | '?' | '$' | '`' | '{' | '}' => 640,
        'A'..='Z' | '&' => 790,
        // Words that are written as one character.
        '\u{fdf0}'..='\u{fdff}' => 14_000,
        '\u{a0}'..='\u{24f}' | '\u{370}'..='\u{52f}' => 1000,
        _ => 1600,
    }
}

/// The text without what no document may hold, and without what makes a text look like another one: controls and marks that turn
/// the direction of writing become `\u{fffd}`.
pub(super) fn clean(text: &str) -> String {
    let fine = |c: char| {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        if hidden { '\u{fffd}' } else { c }
    };
    text.chars().map(fine).collect()
}

/// The text as XML holds it, in content and in attributes.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        let font = Font {
            size: 10,
            bold: false,
        };
        assert_eq!(font.fitted("short", 100), "short");
        let fitted = font.fitted("a-very-long-name-that-ends-in-sales", 100);
        assert_eq!(fitted, "a-very-l…-in-sales");
        assert!(font.width(&fitted) <= 100);
        assert_eq!(font.fitted("wide", 1), "…");
    }

    proptest! {
        #[test]
        fn what_is_fitted_fits(text in ".{0,80}", most in 20..300_i32) {
            let font = Font { size: 11, bold: true };
            prop_assert!(font.width(&font.fitted(&text, most)) <= most);
        }
    }
}
