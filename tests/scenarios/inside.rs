//! grail without its command line: the engine over the real types of resources, in this process.

use std::sync::Arc;

use grail::engine::{
    Clock, Engine, EngineError, Limits, NoEvents, NoProjection, OnFailure, Ports, StopSignal,
};
use grail::event::Outcome;
use grail::plan::Consent;
use grail_providers::fake::{Twice, twice};
use grail_state::StackId;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::store::memory::MemoryStore;
use grail_state::store::{Holder, Wait};
use grail_tests::runtime;
use jiff::Timestamp;

use crate::emulated::Cloud;
use crate::mall::Mall;

/// How a command ended; an error where nothing was begun.
pub(crate) type Ended = Result<Outcome, Box<EngineError>>;

/// What one stage knows.
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    artifacts: MemoryArtifacts,
    engine: Engine,
}

impl Stage {
    /// A stage in which nothing was done yet.
    pub(crate) fn of(stack: StackId, cloud: &Cloud) -> Stage {
        let store = MemoryStore::new(stack.clone());
        let artifacts = MemoryArtifacts::default();
        let keys = Keys::from_master(&[7; 32]);
        let engine = Engine {
            catalog: Arc::new(cloud.catalog(stack, &artifacts, keys.digester.clone())),
            store: Arc::new(store.clone()),
            artifacts: Arc::new(artifacts.clone()),
            sealer: Arc::new(keys.sealer),
            limits: Limits::loopback(),
            clock: Clock::starting_at(Timestamp::UNIX_EPOCH),
            home: None,
        };
        Stage {
            store,
            artifacts,
            engine,
        }
    }

    /// Deploys the project, or with none deletes what there is.
    pub(crate) fn bring(&self, to: Option<&Mall>) -> Ended {
        self.bring_by(&self.engine, to)
    }

    /// The same with steps that come twice.
    pub(crate) fn bring_doubling(&self, to: Option<&Mall>, which: &Twice) -> Ended {
        let doubled = Engine {
            catalog: Arc::new(twice(&self.engine.catalog, which)),
            ..self.engine.clone()
        };
        self.bring_by(&doubled, to)
    }

    fn bring_by(&self, engine: &Engine, to: Option<&Mall>) -> Ended {
        let ended = runtime::shared().block_on(async {
            let mut session = engine.open(holder(), Wait::No).await?;
            let mut ports = Ports {
                records: &mut NoProjection,
                events: &mut NoEvents,
                stop: StopSignal::never(),
            };
            let consent = Consent {
                replace: true,
                ..Consent::default()
            };
            match to {
                Some(mall) => {
                    let desired = mall.desired(&self.artifacts);
                    let back = OnFailure::Rollback;
                    session.deploy(&desired, &consent, back, None, &mut ports).await
                }
                None => session.delete(&consent, &mut ports).await,
            }
        });
        ended.map_err(Box::new)
    }

    /// The same where nothing goes wrong.
    #[track_caller]
    pub(crate) fn must(&self, to: Option<&Mall>, when: &str) {
        let outcome = self.bring(to);
        assert!(
            matches!(outcome, Ok(Outcome::Done | Outcome::Unchanged)),
            "{when}: {outcome:?}"
        );
    }
}

fn holder() -> Holder {
    Holder {
        who: "ann".to_owned(),
        host: "here".to_owned(),
        pid: 1,
        command: "deploy".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    }
}
