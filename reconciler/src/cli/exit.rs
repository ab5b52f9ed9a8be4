//! Exit codes: part of the outside contract, each with one meaning.

use std::process::ExitCode;

use crate::event::Outcome;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Failed, and nothing was changed.
    Failed = 1,
    /// `plan --detailed-exitcode` or `drift` found changes.
    Changes = 2,
    /// Failed, and everything is as it was at the last commit.
    RolledBack = 3,
    /// Some resource could be brought neither forward nor back, or could not be deleted. See `grail status`.
    Stuck = 4,
    /// Somebody else holds the stage.
    Locked = 5,
    /// Stopped with an open transaction that the next command takes up.
    Open = 6,
    /// The command line is wrong.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Unchanged | Outcome::Done => Self::Done,
            Outcome::Refused { .. } => Self::Failed,
            Outcome::RolledBack { .. } => Self::RolledBack,
            Outcome::Unswept { .. } | Outcome::Stuck { .. } => Self::Stuck,
            Outcome::Open { .. } => Self::Open,
        }
    }
}
