//! Whether a text is what it claims to be: small readers of XML, DOT and Mermaid, strict where names could do harm.

use std::collections::BTreeSet;

/// Reads XML; the values of all `id` attributes.
#[track_caller]
pub(super) fn xml(text: &str) -> BTreeSet<String> {
    let (mut ids, mut open, mut rest, mut roots) = (BTreeSet::new(), Vec::new(), text, 0);
    while let Some(at) = rest.find('<') {
        content(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, behind) = closing.split_once('>').expect("a tag ends");
            assert_eq!(open.pop(), Some(name), "tags are closed in order");
            rest = behind;
            continue;
        }
        let name = &rest[..rest.find([' ', '>', '/', '\n']).expect("a tag has an end")];
        assert!(
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
            "the tag {name:?}"
        );
        rest = &rest[name.len()..];
        loop {
            rest = rest.trim_start_matches([' ', '\n']);
            if let Some(behind) = rest.strip_prefix("/>") {
                rest = behind;
                break;
            }
            if let Some(behind) = rest.strip_prefix('>') {
                roots += usize::from(open.is_empty());
                open.push(name);
                rest = behind;
                break;
            }
            let (attribute, behind) = rest.split_once("=\"").expect("an attribute has a value");
            assert!(
                attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "the attribute {attribute:?}"
            );
            let (value, behind) = behind.split_once('"').expect("a value ends");
            assert!(!value.contains('<'));
            content(value);
            if attribute == "id" {
                assert!(ids.insert(value.to_owned()), "the id {value} twice");
            }
            rest = behind;
        }
    }
    content(rest);
    assert!(open.is_empty() && roots == 1 && rest.trim().is_empty());
    ids
}

/// Text between tags and in quotes: only known entities, no character that XML has no place for.
#[track_caller]
fn content(text: &str) {
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        assert!(
            known.iter().any(|entity| text[at..].starts_with(entity)),
            "a bare ampersand"
        );
    }
    assert!(
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && c != '\u{fffe}' && c != '\u{ffff}')
    );
}

/// Reads DOT of the form that is written here: one statement a line, quoted names, `key=value` attributes.
#[track_caller]
pub(super) fn dot(text: &str) {
    let mut lines = text.lines();
    assert_eq!(words(lines.next().unwrap()), ["digraph", "\"", "{"]);
    let mut ended = false;
    for line in lines {
        let words = words(line);
        ended = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["}"] => true,
            ["graph" | "node" | "edge" | "\"", "[", attributes @ .., "]", ";"] => {
                check_attributes(attributes);
                false
            }
            ["\"", "->", "\"", ";"] => false,
            ["\"", "->", "\"", "[", attributes @ .., "]", ";"] => {
                check_attributes(attributes);
                false
            }
            other => panic!("no statement: {other:?} in {line}"),
        };
    }
    assert!(ended && text.ends_with("}\n"));
}

#[track_caller]
fn check_attributes(words: &[&str]) {
    for attribute in words.split(|word| *word == ",") {
        let [key, "=", value] = attribute else {
            panic!("no attribute: {attribute:?}");
        };
        assert!(key.chars().all(|c| c.is_ascii_lowercase()));
        assert!(*value == "\"" || value.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'));
    }
}

/// The words of a line; each quoted text is one quote.
#[track_caller]
fn words(line: &str) -> Vec<String> {
    let (mut words, mut letters) = (Vec::new(), line.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '"' => {
                loop {
                    match letters.next().expect("a quoted text ends") {
                        '\\' => assert!(matches!(letters.next(), Some('\\' | '"' | 'n' | 'l'))),
                        '"' => break,
                        other => assert!(!other.is_control()),
                    }
                }
                words.push("\"".to_owned());
            }
            '-' if letters.peek() == Some(&'>') => {
                letters.next();
                words.push("->".to_owned());
            }
            '[' | ']' | '{' | '}' | ';' | ',' | '=' => words.push(letter.to_string()),
            other => {
                let mut word = other.to_string();
                while let Some(more) = letters.next_if(|c| c.is_ascii_alphanumeric() || *c == '.') {
                    word.push(more);
                }
                words.push(word);
            }
        }
    }
    words
}

/// Reads Mermaid of the form that is written here.
#[track_caller]
pub(super) fn mermaid(text: &str) {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("flowchart TB"));
    for line in lines.map(str::trim_start) {
        if line.starts_with("accTitle: ")
            || line.starts_with("accDescr: ")
            || line.starts_with("classDef is-")
        {
            assert!(!line.contains(['"', '%', '{', '}', '<', '>']), "{line}");
            continue;
        }
        let is_node = |name: &str| {
            name.strip_prefix('n')
                .is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
        };
        if let Some((from, to)) = line.split_once(" --> ").or_else(|| line.split_once(" -.-> ")) {
            assert!(is_node(from) && is_node(to), "{line}");
            continue;
        }
        let (name, label) = line
            .split_once("[\"")
            .unwrap_or_else(|| panic!("no statement: {line}"));
        let (label, class) = label.split_once("\"]:::is-").expect("a label ends");
        assert!(is_node(name) && class.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        let label = label.replace("<br/>", "");
        assert!(
            !label.contains(['"', '<', '>', '%', '`', '{', '[', '\n']),
            "{line}"
        );
    }
}
