//! The document that the probe writes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::AppFailure;
use crate::source::chalice::app::App;

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) python: (u32, u32, u32),
    pub(super) executable: PathBuf,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(super) enum Outcome {
    App { app: Box<App>, read: Read },
    Error { error: Box<AppFailure> },
}

/// What the import read: the answer holds while all of this is as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Read {
    /// SHA-256 of files; `None` for one that was looked for and missing.
    pub(super) files: BTreeMap<PathBuf, Option<String>>,
    /// Names in folders.
    pub(super) folders: BTreeMap<PathBuf, Option<Vec<String>>>,
    /// Names that were asked for: `file`, `folder` or `none`.
    pub(super) asked: BTreeMap<PathBuf, String>,
    /// Time stamps (nanoseconds) of the folders that installed packages lie in.
    pub(super) packages: BTreeMap<PathBuf, Option<String>>,
    /// Environment variables; `*` for all of them.
    pub(super) variables: Vec<String>,
    /// What it did that no note can cover.
    pub(super) volatile: Vec<String>,
}
