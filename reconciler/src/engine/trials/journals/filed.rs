//! The state of a stage in files, beside its account.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use grail_state::store::file::FileStore;
use grail_state::store::memory::{Content, MemoryStore, Numbered};
use grail_state::store::{StateStore, Wait};
use grail_state::{Entry, Snapshot, Version};
use tempfile::TempDir;

use super::failing::Failing;
use crate::engine::trials::app::stack;
use crate::engine::trials::crashes::Next;
use crate::engine::trials::faults::Scene;
use crate::engine::trials::ground::{Command, Ground, carry_out, holder};
use crate::engine::trials::oracle::{assert_same, check_recorded, check_still};
use crate::engine::{Engine, EngineError, NoEvents, NoProjection, Ports, StopSignal};
use crate::event::Outcome;

/// An account, and files that tell of it.
pub(super) struct Filed {
    pub(super) ground: Ground,
    pub(super) files: FileStore,
    #[expect(dead_code, reason = "held for its drop")]
    folder: TempDir,
}

impl Filed {
    /// Before the command of the scene.
    pub(super) async fn before(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = FileStore::new(folder.path().join("dev"), stack());
        let ground = scene.ground.fork();
        if let Some(snapshot) = ground.store.content().snapshot {
            let lease = files.acquire(holder(), Wait::No).await.unwrap();
            files.swap(&lease, &Version::default(), &snapshot).await.unwrap();
        }
        Self {
            ground,
            files,
            folder,
        }
    }

    pub(super) fn engine(&self, store: Arc<dyn StateStore>) -> Engine {
        Engine {
            store,
            ..self.ground.engine()
        }
    }

    /// Runs a command that dies in the append after so many, or in the swap.
    pub(super) async fn die_in(&self, command: &Command, appends: usize, eighths: usize) {
        let store = Arc::new(Failing::dying_in(appends, eighths, &self.files));
        let ended = run(&self.engine(store), command).await;
        assert!(!matches!(ended, Ok(Outcome::Done)), "{ended:?}");
    }

    pub(super) async fn run(&self, command: &Command) -> Result<Outcome, EngineError> {
        run(&self.engine(Arc::new(self.files.clone())), command).await
    }

    /// The same account with what the files say, as the oracles take it.
    pub(super) async fn as_read(&self) -> Ground {
        let loaded = self.files.load().await.unwrap();
        let epoch = loaded.snapshot.folded.epoch + 1;
        let journal = (0..).zip(loaded.journal);
        let content = Content {
            snapshot: (loaded.version != Version::default()).then_some(loaded.snapshot),
            journal: journal
                .map(|(seq, entry)| Numbered { epoch, seq, entry })
                .collect(),
            epoch,
        };
        let mut ground = self.ground.clone();
        ground.store = MemoryStore::restored(stack(), content);
        ground
    }

    /// True if the files hold the commit of the new state.
    async fn is_committed(&self, scene: &Scene) -> bool {
        let loaded = self.files.load().await.unwrap();
        let before = scene.ground.store.content().snapshot;
        let is_commit = |entry: &Entry| matches!(entry, Entry::Commit { .. });
        loaded.journal.iter().any(is_commit)
            || loaded.snapshot.committed != before.and_then(|snapshot| snapshot.committed)
    }

    /// Goes on with `next`, or back where there is none, and sees that all is well.
    pub(super) async fn go_on(&self, scene: &Scene, next: Option<&Next>, case: &str) {
        let committed = self.is_committed(scene).await;
        let command = next.map_or(&Command::Rollback, |next| &next.command);
        let outcome = self.run(command).await.unwrap();
        self.ground.settle().await;
        let ground = self.as_read().await;
        let world = ground.cloud.world();
        match next {
            Some(next) => assert_same(&next.world, &world.facts(false), case),
            None if committed => assert_same(&scene.worlds.new, &world.facts(false), case),
            None => assert_same(&scene.worlds.old, &world.facts(true), case),
        }
        let back = |outcome: &Outcome| matches!(outcome, Outcome::RolledBack { .. });
        let is_well = match next {
            Some(next) if next.name == "old" && back(&outcome) => true,
            Some(_) => matches!(outcome, Outcome::Done | Outcome::Unchanged),
            None => back(&outcome) || matches!(outcome, Outcome::Done | Outcome::Unchanged),
        };
        assert!(is_well, "{case}: ended as {outcome:?}");
        check_recorded(&ground, case);
        let still = match next {
            Some(next) => &next.command,
            None if committed => &scene.command,
            None => &scene.back,
        };
        check_still(&ground, still, case).await;
    }

    pub(super) fn state_path(&self) -> PathBuf {
        self.files.folder().join("state.json")
    }

    pub(super) fn journal_path(&self) -> PathBuf {
        self.files.folder().join("journal.ndjson")
    }

    /// State and journal as they lie there.
    pub(super) fn content(&self) -> [Option<Vec<u8>>; 2] {
        [self.state_path(), self.journal_path()].map(|path| fs::read(path).ok())
    }
}

/// One command, without Chalice's file.
pub(super) async fn run(engine: &Engine, command: &Command) -> Result<Outcome, EngineError> {
    let mut session = engine.open(holder(), Wait::No).await?;
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    carry_out(&mut session, command, &mut ports).await
}

/// The snapshot of a stage of another application, or another stage of the same one.
pub(super) fn snapshot_of(app: &str, stage: &str) -> Snapshot {
    Snapshot::empty(grail_state::StackId {
        app: app.into(),
        stage: stage.into(),
    })
}
