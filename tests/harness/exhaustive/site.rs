//! Where a case happens: an account behind a proxy, and a project in which grail runs. On moto it can be copied whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::Subject;
use crate::account::Account;
use crate::cli::{Grail, LocalCloudEnd, Run, Running};
use crate::emulator::Moto;
use crate::project::Project;
use crate::proxy::Proxy;
use crate::world::World;

/// Longer than any run that ends: the worst waits for half a minute a few times.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Which emulator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// moto, with the gaps that the proxy fills.
    Moto,
    /// MiniStack as grail's local cloud starts it.
    MiniStack,
}

#[derive(Debug)]
enum Emulator {
    Moto(Moto),
    MiniStack {
        // Dropped first: it needs the project's folder.
        _end: LocalCloudEnd,
        _project: Project,
        endpoint: String,
    },
}

impl Emulator {
    fn start(cloud: Cloud, binary: &Path) -> Emulator {
        if cloud == Cloud::Moto {
            return Emulator::Moto(Moto::start());
        }
        let project = Project::example("rest-api");
        let grail = Grail::local(&binary.to_string_lossy(), &project);
        let end = grail.ends_local_cloud("dev");
        let up = grail
            .run(&["local-cloud", "up", "--output", "json"])
            .expect_success();
        let port = up.events().pop().and_then(|event| event["port"].as_u64());
        let port = port.unwrap_or_else(|| panic!("the local cloud does not tell its port: {up}"));
        Emulator::MiniStack {
            _end: end,
            _project: project,
            endpoint: format!("http://127.0.0.1:{port}"),
        }
    }

    fn proxy(&self) -> Proxy {
        match self {
            Emulator::Moto(moto) => Proxy::before_moto(&moto.endpoint()),
            Emulator::MiniStack { endpoint, .. } => Proxy::before(endpoint),
        }
    }
}

/// An account and a project.
#[derive(Debug)]
pub struct Site {
    binary: PathBuf,
    stage: &'static str,
    emulator: Emulator,
    pub(super) proxy: Proxy,
    account: Account,
    pub(super) project: Project,
}

impl Site {
    /// An account in which the subject can be deployed. `binary` is grail.
    pub fn of(subject: &Subject, cloud: Cloud, binary: &Path) -> Site {
        let emulator = Emulator::start(cloud, binary);
        let proxy = emulator.proxy();
        let account = Account::at(&proxy.quiet_endpoint());
        Site {
            binary: binary.into(),
            stage: subject.stage,
            project: subject.prepared(&account),
            emulator,
            proxy,
            account,
        }
    }

    /// A copy of everything, where the emulator can be copied. Nothing may be asked of this site meanwhile.
    #[must_use]
    pub fn twin(&self) -> Option<Site> {
        let Emulator::Moto(moto) = &self.emulator else {
            return None;
        };
        let moto = moto.twin();
        let proxy = self.proxy.twin(&moto.endpoint());
        Some(Site {
            binary: self.binary.clone(),
            stage: self.stage,
            account: Account::at(&proxy.quiet_endpoint()),
            project: self.project.twin(),
            proxy,
            emulator: Emulator::Moto(moto),
        })
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
