//! What triggers ring. Never blocks and never grows: what was not heard yet is merged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// How many names of files are kept for whoever hears it next.
const NAMED: usize = 16;

/// A bell that any thread may ring, and one stage hears.
#[derive(Clone, Debug, Default)]
pub struct Bell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: Mutex<Rung>,
    heard: Notify,
}

/// What was rung for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rung {
    /// Files have changed; some of them.
    pub(super) changed: Option<BTreeSet<PathBuf>>,
    /// Somebody asked.
    pub(super) asked: bool,
}

impl Bell {
    /// A file has changed, or, without one, something has that nobody could name.
    pub fn changed(&self, file: Option<&Path>) {
        self.ring(|rung| {
            let files = rung.changed.get_or_insert_default();
            if files.len() < NAMED {
                files.extend(file.map(Path::to_path_buf));
            }
        });
    }

    /// Somebody asks for a pass.
    pub fn ask(&self) {
        self.ring(|rung| rung.asked = true);
    }

    /// Forgets what it was rung for: somebody else has seen to it.
    pub fn forget(&self) {
        drop(self.take());
    }

    fn ring(&self, with: impl FnOnce(&mut Rung)) {
        with(&mut self.0.rung.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.heard.notify_one();
    }

    /// Waits until it rings, or returns at once where it has since this was last waited for.
    pub(super) async fn rings(&self) {
        self.0.heard.notified().await;
    }

    /// What it was rung for since this was last asked.
    pub(super) fn take(&self) -> Rung {
        std::mem::take(&mut *self.0.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
