//! Where a case happens: an account behind a proxy, and a project in which grail runs. It can be copied whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Subject;
use crate::account::Account;
use crate::cli::{Grail, Run, Running};
use crate::emulator::Moto;
use crate::project::Project;
use crate::proxy::Proxy;
use crate::world::World;

/// Longer than any run that ends: the worst waits for half a minute a few times.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// An account and a project.
#[derive(Debug)]
pub struct Site {
    binary: PathBuf,
    stage: &'static str,
    moto: Moto,
    pub(super) proxy: Proxy,
    account: Account,
    pub(super) project: Project,
}

impl Site {
    /// An account in which the subject can be deployed. `binary` is grail.
    pub fn of(subject: &Subject, binary: &Path) -> Site {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let account = Account::at(&proxy.quiet_endpoint());
        Site {
            binary: binary.into(),
            stage: subject.stage,
            project: subject.prepared(&account),
            moto,
            proxy,
            account,
        }
    }

    /// A copy of everything. Nothing may be asked of this site meanwhile.
    #[must_use]
    pub fn twin(&self) -> Site {
        let moto = self.moto.twin();
        let proxy = self.proxy.twin(&moto.endpoint());
        Site {
            binary: self.binary.clone(),
            stage: self.stage,
            account: Account::at(&proxy.quiet_endpoint()),
            project: self.project.twin(),
            proxy,
            moto,
        }
    }

    /// Starts grail with these words.
    pub(super) fn start(&self, words: &[&str]) -> Running {
        let words = [words, &["--stage", self.stage]].concat();
        Grail::new(
            &self.binary.to_string_lossy(),
            &self.project,
            &self.proxy.endpoint(),
        )
        .with_shared_cache()
        .start(&words)
    }

    /// Runs grail with these words.
    ///
    /// # Errors
    /// Where it does not end.
    pub(super) fn run(&self, words: &[&str]) -> Result<Run, String> {
        let run = self.start(words).wait_at_most(PATIENCE);
        run.map_err(|run| format!("it did not end within {} s: {run}", PATIENCE.as_secs()))
    }

    /// The account as it is.
    pub(super) fn world(&self) -> World {
        World::read(&self.account)
    }

    /// Chalice's file without the ids of servers; nothing where there is none.
    pub(super) fn record(&self) -> Option<String> {
        let there = self.project.deployed_file(self.stage).exists();
        there.then(|| self.project.deployed_without_ids(self.stage))
    }

    /// grail's own memory of the stage: the snapshot, or null, and the number of lines in the journal.
    pub(super) fn memory(&self) -> (Value, usize) {
        let folder = self.project.root().join(".chalice/grail").join(self.stage);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let snapshot = serde_json::from_str(&read("state.json")).unwrap_or_default();
        (snapshot, read("journal.ndjson").lines().count())
    }
}
