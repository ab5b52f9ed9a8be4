//! The text of a file of requirements: its lines, and what a line begins with.

/// The form of a package's name by which it is compared (PEP 503).
pub(crate) fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.extend(c.to_lowercase());
        }
    }
    normal
}

/// Text of a file as pip reads it: by its byte order mark, else UTF-8.
pub(super) fn decode(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Lines with their numbers, joined where they end in a backslash, without comments and blanks.
pub(super) fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(start) if !is_comment => {
                joined.push_str(start);
                open = Some((number, joined));
            }
            _ => {
                if !is_comment {
                    joined.push_str(line);
                }
                lines.push((number, joined));
            }
        }
    }
    lines.extend(open);
    lines
        .into_iter()
        .map(|(number, line)| (number, without_comment(&line).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// A `#` begins a comment at the start or after a blank; elsewhere it belongs to an address.
fn without_comment(line: &str) -> &str {
    let starts =
        |(at, _): &(usize, char)| *at == 0 || line[..*at].ends_with(|before: char| before.is_whitespace());
    match line.char_indices().filter(|(_, c)| *c == '#').find(starts) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

/// The value of an option in one of its forms: `-r x`, `-rx`, `--requirement x`, `--requirement=x`.
pub(super) fn option<'a>(line: &'a str, short: &str, long: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix(long) {
        let value = rest
            .strip_prefix('=')
            .or_else(|| rest.strip_prefix(char::is_whitespace))?;
        return Some(value.trim());
    }
    if line.starts_with("--") {
        return None;
    }
    line.strip_prefix(short)
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// The normal form of the package name with which a requirement begins.
pub(super) fn leading_name(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let name = &text[..end];
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        .then(|| normal_name(name))
}

/// Whether a requirement is an address or a path instead of a name.
pub(super) fn is_place(text: &str) -> bool {
    if text.contains("://") {
        return true;
    }
    let text = text.split_once(';').map_or(text, |(text, _)| text).trim();
    let path = text.split('[').next().unwrap_or(text);
    path.starts_with('.') || path.contains('/') || path.ends_with(".whl")
}
