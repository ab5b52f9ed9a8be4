//! What is found, in no service's words yet.

use std::path::PathBuf;

use crate::event::Outcome;

/// One problem for reviewers. Holds no secret: it is made from what is printed anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// An error; else a warning.
    pub severe: bool,
    /// What kind of problem, for programs.
    pub code: String,
    /// The problem.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file that it is about, relative to the repository.
    pub file: Option<PathBuf>,
    /// The line from 1; 0 for none.
    pub line: usize,
    /// The column from 1.
    pub column: Option<usize>,
}

impl Finding {
    /// An error without a place.
    pub(super) fn error(what: &str, why: &str, hint: Option<&str>) -> Self {
        Self {
            severe: true,
            code: "grail".to_owned(),
            text: format!("{what}: {why}"),
            hint: hint.map(str::to_owned),
            file: None,
            line: 0,
            column: None,
        }
    }

    /// A warning without a place.
    pub(super) fn warning(code: &str, text: &str) -> Self {
        Self {
            severe: false,
            code: code.to_owned(),
            ..Self::error("", text, None).said(text)
        }
    }

    fn said(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// The problem and what to do about it.
    pub(super) fn message(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\nnext: {hint}", self.text),
            None => self.text.clone(),
        }
    }
}

/// An outcome in words.
pub(super) fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "Nothing was to be done.",
        Outcome::Done => "Done.",
        Outcome::Refused { .. } => "**Failed**, and nothing was changed.",
        Outcome::RolledBack { .. } => "**Failed, and rolled back**: everything is as it was before.",
        Outcome::Unswept { .. } => "Done, **but something could not be deleted**.",
        Outcome::Stuck { .. } => "**Stuck**: see `grail status`.",
        Outcome::Open { .. } => "**Stopped with an open transaction**: the next `grail deploy` goes on.",
    }
}
