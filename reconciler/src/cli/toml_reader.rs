//! Reads settings in TOML, strictly: every key is known or refused, with its place and the key that may have been meant, and all
//! that is wrong is said at once.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use miette::NamedSource;
use toml_edit::{Document, Item, TableLike};

use super::args::{self, RequireApproval};
use crate::source::diagnostic::{Place, Problem, Problems, closest, judge};

/// A file that is being read, with what was found to be wrong so far.
pub(super) struct Reader {
    file: String,
    text: String,
    source: Arc<NamedSource<String>>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Has `root` read the table that the text of `file` is.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub(super) fn read(
        file: &str,
        text: String,
        root: impl FnOnce(&mut Self, &dyn TableLike),
    ) -> Result<(), Problems> {
        let mut reader = Self {
            file: file.to_owned(),
            source: Arc::new(NamedSource::new(file, text.clone())),
            text,
            problems: Vec::new(),
        };
        match Document::parse(reader.text.clone()) {
            Ok(document) => root(&mut reader, document.as_table()),
            Err(error) => {
                let message = error.message().trim().replace('\n', ", ");
                reader.problem("toml::syntax", message, error.span(), None);
            }
        }
        judge(reader.problems).map(drop)
    }

    /// A text that is not empty and `fits`; `form` says what it is to be.
    pub(super) fn text(
        &mut self,
        item: &Item,
        path: &str,
        form: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        match item.as_str().filter(|text| !text.is_empty() && fits(text)) {
            Some(text) => Some(text.to_owned()),
            None => {
                self.wrong(item, &format!("`{path}`: {form}"));
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn names(&mut self, item: &Item, path: &str) -> Option<Vec<String>> {
        let names = item.as_array().and_then(|array| {
            let texts = array
                .iter()
                .map(|value| value.as_str().filter(|text| !text.trim().is_empty()));
            texts
                .map(|text| text.map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        });
        if names.is_none() {
            self.wrong(item, &format!("`{path}` is a list of texts that are not empty"));
        }
        names
    }

    /// A number.
    pub(super) fn count(&mut self, item: &Item, path: &str) -> Option<usize> {
        let count = item.as_integer().and_then(|count| usize::try_from(count).ok());
        if count.is_none() {
            self.wrong(item, &format!("`{path}` is a number, 0 or more"));
        }
        count
    }

    /// What a person has to agree to.
    pub(super) fn approval(&mut self, item: &Item, path: &str) -> Option<RequireApproval> {
        self.one_of(item, path)
    }

    /// A time of at least `least`, written as people do.
    pub(super) fn time(&mut self, item: &Item, path: &str, least: Duration) -> Option<Duration> {
        let wrong = match item.as_str().map(args::duration) {
            Some(Ok(time)) if time >= least => return Some(time),
            Some(Err(why)) => why,
            Some(Ok(_)) => format!("it is {least:?} at least"),
            None => "a time is written `90s`, `10m` or `1h 30m`".to_owned(),
        };
        self.wrong(item, &format!("`{path}`: {wrong}"));
        None
    }

    /// One of the names that a flag of the command line takes.
    pub(super) fn one_of<T: clap::ValueEnum>(&mut self, item: &Item, path: &str) -> Option<T> {
        let named = item.as_str().and_then(|text| T::from_str(text, false).ok());
        if named.is_none() {
            let names = T::value_variants().iter().filter_map(T::to_possible_value);
            let mut names: Vec<_> = names.map(|value| format!("`\"{}\"`", value.get_name())).collect();
            let last = names.pop().unwrap_or_default();
            self.wrong(item, &format!("`{path}` is {} or {last}", names.join(", ")));
        }
        named
    }

    /// Yes or no.
    pub(super) fn choice(&mut self, item: &Item, path: &str) -> Option<bool> {
        let choice = item.as_bool();
        if choice.is_none() {
            self.wrong(item, &format!("`{path}` is `true` or `false`"));
        }
        choice
    }

    /// There is no such key.
    pub(super) fn unknown(&mut self, table: &dyn TableLike, key: &str, within: &str, known: &[&str]) {
        let span = table.get_key_value(key).and_then(|(key, _)| key.span());
        let hint = match closest(key, known.iter().copied()) {
            Some(near) => format!("`{within}{near}` may be meant"),
            None => format!("known here: {}", known.join(", ")),
        };
        let said = format!("there is no setting `{within}{key}`");
        self.problem("toml::unknown-key", said, span, Some(hint));
    }

    /// The value is not what it should be.
    pub(super) fn wrong(&mut self, item: &Item, said: &str) {
        self.problem("toml::value", said.to_owned(), item.span(), None);
    }

    /// Something is wrong at `span`.
    pub(super) fn problem(
        &mut self,
        code: &'static str,
        said: String,
        span: Option<Range<usize>>,
        hint: Option<String>,
    ) {
        let mut problem = Problem::error(code, said).at(self.place(span));
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn place(&self, span: Option<Range<usize>>) -> Place {
        let Some(span) = span else {
            return Place::file(&self.file);
        };
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::span(Arc::clone(&self.source), line, column, span)
    }
}

/// Whatever text it is.
pub(super) fn any(_: &str) -> bool {
    true
}
