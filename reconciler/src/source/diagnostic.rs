//! What is wrong with a project, in the words and at the place where its author can mend it.
//!
//! A check adds every problem that it finds to a list and goes on; only at the end of a stage of reading is the list judged
//! ([`judge`]). So a user sees all problems at once. A [`Problem`] carries its place as data (file, line, column), so that a
//! machine-readable report and the drawn one say the same.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::{Serialize, Serializer};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can be planned until it is mended.
    Error,
    /// Worth a look; the plan goes on.
    Warning,
}

/// A line of a file, and where known the column and the text around it.
#[derive(Clone)]
pub struct Place {
    file: PathBuf,
    line: usize,
    column: Option<usize>,
    shown: Option<(Arc<NamedSource<String>>, Range<usize>)>,
}

impl Place {
    /// Line `line` (from 1) of `file`, which is relative to the project where it lies inside.
    pub fn line(file: impl Into<PathBuf>, line: usize) -> Self {
        Self {
            file: file.into(),
            line,
            column: None,
            shown: None,
        }
    }

    /// Line and column (from 1) of `file`, without the text.
    pub fn point(file: impl Into<PathBuf>, line: usize, column: usize) -> Self {
        Self {
            file: file.into(),
            line,
            column: Some(column),
            shown: None,
        }
    }

    /// The bytes `span` of `source`, where the span starts at `line` and `column` (from 1).
    pub fn span(source: Arc<NamedSource<String>>, line: usize, column: usize, span: Range<usize>) -> Self {
        let file = PathBuf::from(source.name());
        Self {
            file,
            line,
            column: Some(column),
            shown: Some((source, span)),
        }
    }

    /// Line `line` (from 1) of `file` in `project`, with its text where the file can be read.
    pub fn source_line(project: &Path, file: &str, line: usize) -> Self {
        let text = std::fs::read_to_string(project.join(file)).ok();
        let found = text.and_then(|text| {
            let start = text
                .split_inclusive('\n')
                .take(line.checked_sub(1)?)
                .map(str::len)
                .sum::<usize>();
            let length = text.get(start..)?.lines().next()?.trim_end().len();
            Some((text, start..start + length))
        });
        match found {
            Some((text, span)) => {
                let source = Arc::new(NamedSource::new(file, text));
                Self {
                    file: file.into(),
                    line,
                    column: None,
                    shown: Some((source, span)),
                }
            }
            None => Self::line(file, line),
        }
    }

    /// A whole file, for what cannot be said more exactly.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: None,
            shown: None,
        }
    }

    /// The file, relative to the project where it lies inside.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// The line from 1, or 0 for the whole file.
    pub fn line_number(&self) -> usize {
        self.line
    }

    /// The column from 1, counted in characters, where it is known.
    pub fn column(&self) -> Option<usize> {
        self.column
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            file: &'a Path,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            column: Option<usize>,
        }
        let line = (self.line > 0).then_some(self.line);
        Form {
            file: &self.file,
            line,
            column: self.column,
        }
        .serialize(serializer)
    }
}

/// One thing that is wrong, or looks wrong.
#[derive(Debug, Clone, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for this sort of problem, such as `config::unknown-key`.
    pub code: &'static str,
    /// What is wrong, as a sentence without the place.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it stands.
    pub place: Option<Box<Place>>,
}

impl Problem {
    /// A problem that stops the work.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            hint: None,
            place: None,
        }
    }

    /// A problem that is only told.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a place, where one is known.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into().map(Box::new).or(self.place);
        self
    }
}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let (source, _) = self.place.as_ref()?.shown.as_ref()?;
        Some(source.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, span) = self.place.as_ref()?.shown.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span.clone()))))
    }
}

/// Problems of which at least one is an error.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the project has {}", counted(.0))]
pub struct Problems(
    /// All of them, warnings included, in the order of their places.
    pub Vec<Problem>,
);

impl Problems {
    /// The problems that stop the work.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.0
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// The warnings, where there is no error.
///
/// # Errors
/// All the problems, where one of them is an error.
pub fn judge(mut problems: Vec<Problem>) -> Result<Vec<Problem>, Problems> {
    problems.sort_by_key(|problem| {
        let place = problem.place.as_ref();
        place.map(|place| (place.file.clone(), place.line, place.column))
    });
    match problems.iter().any(|problem| problem.severity == Severity::Error) {
        true => Err(Problems(problems)),
        false => Ok(problems),
    }
}

/// The name among `known` that a reader may have meant by `given`.
pub(crate) fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (best.0 >= 0.85).then_some(best.1)
}

fn counted(problems: &[Problem]) -> String {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let words = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    match problems.len() - errors {
        0 => words(errors, "problem"),
        warnings => format!("{} and {}", words(errors, "problem"), words(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_come_together_in_the_order_of_the_file() {
        let late = Problem::error("x::late", "late").at(Place::point("config.json", 9, 1));
        let early = Problem::warning("x::early", "early").at(Place::point("config.json", 2, 5));
        let Err(problems) = judge(vec![late, early]) else {
            panic!("an error must stop the work")
        };
        assert_eq!(problems.to_string(), "the project has 1 problem and 1 warning");
        assert_eq!(
            problems.0.iter().map(|p| p.code).collect::<Vec<_>>(),
            ["x::early", "x::late"]
        );
        assert_eq!(problems.errors().count(), 1);
    }

    #[test]
    fn warnings_alone_let_the_work_go_on() {
        let warnings = judge(vec![Problem::warning("x::w", "w")]).unwrap();
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn a_suggestion_is_made_only_for_a_near_miss() {
        let known = ["lambda_timeout", "lambda_memory_size", "tags"];
        assert_eq!(closest("lambda_timout", known), Some("lambda_timeout"));
        assert_eq!(closest("colour", known), None);
    }
}
