//! `${...}`: what is put in from outside the manifest, and references to resources in it.
//!
//! | Written | Is |
//! | --- | --- |
//! | `${stage}`, `${app}` | the stage in use, the application's name |
//! | `${env:NAME}` | the environment variable, which must be set |
//! | `${file:PATH}` | the text of a file of the project, without the line break at its end |
//! | `${env:NAME, other}`, `${file:PATH, other}` | the same, or `other` where it is not set or not there; `other` may be empty |
//! | `${account}`, `${region}`, `${partition}` | of the account that is deployed to |
//! | `${functions.resize.arn}` | an attribute of another resource ([`references`](super::references)) |
//! | `$${` | the two characters `${` |
//!
//! A value that consists of one variable may stand where a number or `true` is asked for. What a variable gives is never read
//! for variables again. Keys hold none. Variables do not nest: a manifest is no program.
//!
//! What is not known before the account is (`${account}`, references) stays in the text as a [`MARK`], which no file and no
//! variable can hold.

use std::path::Path;

use super::node::{Content, Node, Text};
use super::{reading, references};
use crate::source::diagnostic::{Problem, closest};

/// Begins what is known later.
pub(super) const MARK: char = '\u{1}';
/// Ends it.
pub(super) const END: char = '\u{2}';

/// The largest file that a variable puts in, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// What is known only of the account.
pub(super) const OF_ACCOUNT: [&str; 3] = ["account", "partition", "region"];

/// What variables are taken from.
pub struct Scope<'a> {
    /// The application.
    pub app: &'a str,
    /// The stage in use.
    pub stage: &'a str,
    /// The project's folder.
    pub project: &'a Path,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The text is a document of another language, where a variable that is none of ours means something there
    /// (`${stageVariables.name}`).
    pub document: bool,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// `${`, once written `$${`.
    Escape,
    /// What stands between the braces.
    Variable(&'a str),
}

/// Takes a text apart.
///
/// # Errors
/// What is wrong with a variable in it.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            pieces.push(Piece::Text(before));
            pieces.push(Piece::Escape);
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        pieces.push(Piece::Text(before));
        let inner = from.get(2..).unwrap_or_default();
        let Some(end) = inner.find('}') else {
            return Err("a `${` is not closed".to_owned());
        };
        let (variable, after) = inner.split_at(end);
        if variable.contains("${") {
            return Err("variables do not nest".to_owned());
        }
        pieces.push(Piece::Variable(variable.trim()));
        rest = after.get(1..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Ok(pieces)
}

/// Puts in every variable below `node` whose value is known.
pub(super) fn substitute(node: &mut Node, scope: &Scope<'_>, problems: &mut Vec<Problem>) {
    match &mut node.content {
        Content::List(items) => items
            .iter_mut()
            .for_each(|item| substitute(item, scope, problems)),
        Content::Map(entries) => entries
            .iter_mut()
            .for_each(|entry| substitute(&mut entry.value, scope, problems)),
        Content::Text(text) => match filled(&text.text, scope) {
            Ok(None) => {}
            Ok(Some(filled)) => *text = filled,
            Err(problem) => problems.push(problem.at(node.at.place())),
        },
        _ => {}
    }
}

/// The text with its variables put in; `None` where it has none.
fn filled(text: &str, scope: &Scope<'_>) -> Result<Option<Text>, Problem> {
    if text.contains([MARK, END]) {
        return Err(Problem::error(
            "manifest::control-character",
            "a text here holds no control characters of the numbers 1 and 2",
        ));
    }
    if !text.contains("${") {
        return Ok(None);
    }
    let broken = |what: String| {
        Problem::error("manifest::variable", what)
            .hint("a variable is written `${env:NAME}`; write `$${` for the characters `${` themselves")
    };
    let mut whole = String::new();
    let (mut given, mut outside) = (false, Vec::new());
    for piece in pieces(text).map_err(broken)? {
        match piece {
            Piece::Text(text) => whole.push_str(text),
            Piece::Escape => whole.push_str("${"),
            Piece::Variable(variable) => {
                given = true;
                let value = value(variable, scope)?;
                whole.push_str(&value);
                if variable.contains(':') && !value.is_empty() {
                    outside.push(value);
                }
            }
        }
    }
    Ok(Some(Text {
        text: whole,
        given,
        outside,
    }))
}

fn value(variable: &str, scope: &Scope<'_>) -> Result<String, Problem> {
    match variable {
        "stage" => return Ok(scope.stage.to_owned()),
        "app" => return Ok(scope.app.to_owned()),
        known if OF_ACCOUNT.contains(&known) => return Ok(format!("{MARK}{known}{END}")),
        _ => {}
    }
    let outside = variable.split_once(':').map(|(source, rest)| {
        let (name, other) = match rest.split_once(',') {
            Some((name, other)) => (name.trim(), Some(other.trim())),
            None => (rest.trim(), None),
        };
        (source, name, other)
    });
    let found = match outside {
        Some(("env", name, other)) => environment(name, other, scope),
        Some(("file", path, other)) => file(path, other, scope),
        _ if scope.document && !references::is_reference(variable) => return Ok(format!("${{{variable}}}")),
        Some((source, ..)) => Err(unknown(source, &["env", "file"])),
        None if references::is_reference(variable) => return Ok(format!("{MARK}{variable}{END}")),
        None => Err(unknown(
            variable,
            &["stage", "app", "account", "region", "partition", "env:", "file:"],
        )),
    }?;
    if found.contains([MARK, END]) {
        let said = format!("what `${{{variable}}}` gives holds a control character of the number 1 or 2");
        return Err(Problem::error("manifest::control-character", said));
    }
    Ok(found)
}

fn environment(name: &str, other: Option<&str>, scope: &Scope<'_>) -> Result<String, Problem> {
    let set = (scope.environment)(name).or_else(|| other.map(ToOwned::to_owned));
    set.ok_or_else(|| {
        Problem::error(
            "manifest::unset",
            format!("the environment variable `{name}` is not set"),
        )
        .hint(format!(
            "set it, or give what counts without it: `${{env:{name}, ...}}`"
        ))
    })
}

fn file(path: &str, other: Option<&str>, scope: &Scope<'_>) -> Result<String, Problem> {
    let hint = "its path begins at the project's folder; what counts without it can follow after a comma";
    let cannot = |why: &str| {
        let said = format!("the file `{path}` cannot be used: {why}");
        Problem::error("manifest::unset", said).hint(hint)
    };
    let Some(inside) = reading::inside(path) else {
        return Err(cannot("it is no file of the project"));
    };
    let whole = scope.project.join(inside);
    if let (Some(other), false) = (other, whole.exists()) {
        return Ok(other.to_owned());
    }
    let text = reading::text(&whole, MAX_FILE).map_err(|why| cannot(&why))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn unknown(given: &str, known: &[&str]) -> Problem {
    let problem = Problem::error(
        "manifest::variable",
        format!("there is no variable `${{{given}}}`"),
    );
    let sections = references::SECTIONS.iter().map(|section| section.0);
    match closest(given, known.iter().copied().chain(sections)) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(
            "there are `${env:NAME}`, `${file:PATH}`, `${stage}`, `${app}`, `${account}`, `${region}`, `${partition}` and \
             references such as `${functions.NAME.arn}`; write `$${` for the characters `${` themselves",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        use Piece::{Escape, Text, Variable};
        assert_eq!(
            pieces("a-${stage}-$${x}-${ env:A, b }").unwrap(),
            [
                Text("a-"),
                Variable("stage"),
                Text("-"),
                Escape,
                Text("x}-"),
                Variable("env:A, b"),
            ]
        );
        assert_eq!(pieces("costs $5").unwrap(), [Text("costs $5")]);
        assert!(pieces("${stage").is_err() && pieces("${a${b}}").is_err());
    }
}
