//! Text of others in Markdown, such that it stays text: nobody is mentioned, nothing is linked, no cell, span or block ends
//! before its time. Everything that is not ours stands in a code span, in `<code>`, or in a fenced block.

/// A text as a code span. Not for a table: a `|` would end the cell.
pub(super) fn code(text: &str) -> String {
    let text = visible(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    let touches = |letter| text.starts_with(letter) || text.ends_with(letter);
    let pad = if touches('`') || touches(' ') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A text as code in a cell of a table. What would have a meaning for the table is written as entities, which have none.
pub(super) fn cell(text: &str) -> String {
    if !text.contains(['|', '\\']) {
        return code(text);
    }
    let visible = visible(text);
    let letters = visible.chars().map(|letter| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '-' => letter.to_string(),
        other => format!("&#{};", u32::from(other)),
    });
    format!("<code>{}</code>", letters.collect::<String>())
}

/// A text inside an HTML element.
pub(super) fn html(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A fenced block of lines that were made [`visible`]. A fence is longer than any run of backticks inside, and so closed by
/// nothing that a line says.
pub(super) fn fenced(language: &str, lines: &str) -> String {
    let fence = "`".repeat(longest_run(lines).max(2) + 1);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// The same text on one line, with what cannot be seen, or would turn the line around, spelled out.
pub(super) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() || is_unseen(letter) {
            visible.extend(letter.escape_unicode());
        } else {
            visible.push(letter);
        }
    }
    visible
}

/// Separators of lines, marks of direction, and what has no width.
fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
