//! The repository's own source files, for rules that no compiler checks.
//!
//! [`Source::code`] is a Rust file without comments, without the content of strings, and without test code, so that a rule
//! about a word is about what the program does.

use std::fs;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use crate::python::repository;

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

impl Source {
    /// Its code alone; see the module.
    pub fn code(&self) -> String {
        without_test_modules(&without_comments_and_strings(&self.text))
    }
}

/// Every text file of the repository except what tools write: `target`, `.git`, caches.
pub fn all() -> Vec<Source> {
    let root = repository();
    let wanted = |entry: &DirEntry| entry.depth() == 0 || !is_not_ours(entry);
    let entries = WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(wanted);
    let files = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| read(&root, entry.path())).collect()
}

/// The Rust files of the product, test-only files left out: those of `state`, `providers` and `reconciler`.
pub fn product() -> Vec<Source> {
    let rust: Vec<Source> = all()
        .into_iter()
        .filter(|source| is_product(&source.path))
        .collect();
    let tests_only: Vec<String> = rust.iter().flat_map(test_only_modules).collect();
    let is_test = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        tests_only
            .iter()
            .any(|module| stem == module || stem.starts_with(&format!("{module}/")))
    };
    rust.into_iter().filter(|source| !is_test(&source.path)).collect()
}

/// Whether code uses a word: it stands there whole, with nothing that belongs to a name before or behind it.
pub fn uses(code: &str, word: &str) -> bool {
    let belongs = |neighbour: Option<char>| neighbour.is_some_and(|it| it.is_alphanumeric() || it == '_');
    code.match_indices(word).any(|(at, _)| {
        let (before, behind) = (
            code[..at].chars().next_back(),
            code[at + word.len()..].chars().next(),
        );
        let starts_name = word.starts_with(|it: char| it.is_alphanumeric() || it == '_');
        let ends_name = word.ends_with(|it: char| it.is_alphanumeric() || it == '_');
        !(starts_name && belongs(before) || ends_name && belongs(behind))
    })
}

/// The modules of its own crate that code names, such as `engine` in `crate::engine::drive` and in `crate::{engine, plan}`.
pub fn crate_modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(name_at(rest)),
        }
    }
    found
}

fn first_names(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut starts = vec![0];
    for (at, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts
        .into_iter()
        .filter_map(|at| name_at(group[at..].trim_start()))
        .collect()
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|it| it.is_alphanumeric() || *it == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

fn read(root: &Path, path: &Path) -> Option<Source> {
    let inside = path.strip_prefix(root).ok()?;
    let parts: Vec<String> = inside
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    // What is no text is no source.
    let text = fs::read_to_string(path).ok()?;
    Some(Source {
        path: parts.join("/"),
        text,
    })
}

fn is_not_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    matches!(
        name.as_ref(),
        "target" | ".git" | "__pycache__" | ".venv" | ".idea" | ".vscode"
    )
}

fn is_product(path: &str) -> bool {
    path.ends_with(".rs")
        && ["state/src/", "providers/src/", "reconciler/src/"]
            .iter()
            .any(|top| path.starts_with(top))
}

/// Paths, without `.rs`, of the modules that this file declares for tests only.
fn test_only_modules(source: &Source) -> Vec<String> {
    let code = without_comments_and_strings(&source.text);
    let folder = source.path.trim_end_matches(".rs");
    let folder = folder
        .strip_suffix("/lib")
        .or_else(|| folder.strip_suffix("/main"))
        .unwrap_or(folder);
    let mut found = Vec::new();
    for (at, attribute) in code.match_indices("#[cfg(test)]") {
        let declared = code[at + attribute.len()..].trim_start();
        let declared = declared.strip_prefix("pub(crate) ").unwrap_or(declared);
        if let Some(name) = declared.strip_prefix("mod ").and_then(name_at) {
            found.push(format!("{folder}/{name}"));
        }
    }
    found
}

fn without_test_modules(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match (rest.find('{'), rest.find(';')) {
            (Some(open), semicolon) if semicolon.is_none_or(|it| open < it) => closing(rest, open) + 1,
            (_, Some(semicolon)) => semicolon + 1,
            _ => rest.len(),
        };
        rest = rest.get(end..).unwrap_or_default();
    }
    kept + rest
}

/// Where the brace that opens at `open` closes; the end of the text where it does not.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, sign) in text[open..].char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at,
            '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// Rust without comments and with empty strings.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        match skipped {
            Some(length) => {
                code.push_str(if first == '/' { " " } else { "\"\"" });
                rest = &rest[length..];
            }
            None => {
                code.push(first);
                rest = &rest[first.len_utf8()..];
                // A raw string's `r` only counts at the start of a word: skip the rest of one.
                if first.is_alphanumeric() || first == '_' {
                    let word = rest
                        .find(|it: char| !(it.is_alphanumeric() || it == '_'))
                        .unwrap_or(rest.len());
                    code.push_str(&rest[..word]);
                    rest = &rest[word..];
                }
            }
        }
    }
    code
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(next) = text[at..].find(['/', '*']) {
        at += next;
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(text.len())
}

fn string(text: &str) -> Option<usize> {
    let prefix = text.find(|it: char| !matches!(it, 'b' | 'c' | 'r'))?;
    let raw = text[..prefix].contains('r');
    if prefix > 2 {
        return None;
    }
    let hashes = if raw {
        text[prefix..].chars().take_while(|it| *it == '#').count()
    } else {
        0
    };
    let body = text[prefix + hashes..].strip_prefix('"')?;
    let start = prefix + hashes + 1;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(body.find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    let mut escaped = false;
    for (at, sign) in body.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// A character literal, which may hold a quote or a brace; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let end = body.char_indices().skip(2).find(|(_, sign)| *sign == '\'')?.0;
        return Some(end + 2);
    }
    body[first.len_utf8()..]
        .starts_with('\'')
        .then_some(first.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source {
            path: "state/src/lib.rs".into(),
            text: text.into(),
        }
        .code()
    }

    #[test]
    fn only_code_is_left() {
        let text = r##"
            //! tokio in a comment
            /* and /* nested */ tokio */
            fn f<'a>(s: &'a str) -> char { let _ = ("tokio \" tokio", r#"tokio"#, b"tokio", '{'); '"' }
            #[cfg(test)]
            mod tests { fn g() { tokio(); } }
            #[cfg(test)]
            mod more;
            fn after() {}
        "##;
        let code = code(text);
        assert!(!uses(&code, "tokio"), "{code}");
        assert!(uses(&code, "after") && uses(&code, "f"), "{code}");
    }

    #[test]
    fn words_stand_whole() {
        assert!(uses("let x = rand::random();", "rand"));
        assert!(!uses("let operand = brand;", "rand"));
        assert!(uses("println!()", "println!"));
        assert!(uses("std::env::var(x)", "env::var"));
        assert!(!uses("std::env::var_os(x)", "env::var"));
    }

    #[test]
    fn modules_are_found_alone_and_in_groups() {
        assert_eq!(
            crate_modules("use crate::engine::drive; use crate::{plan::{Plan, Step}, event};"),
            ["engine", "plan", "event"]
        );
    }

    #[test]
    fn test_only_files_are_recognised() {
        let source = Source {
            path: "state/src/store.rs".into(),
            text: "#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod testing;\nmod file;".into(),
        };
        assert_eq!(
            test_only_modules(&source),
            ["state/src/store/tests", "state/src/store/testing"]
        );
    }
}
