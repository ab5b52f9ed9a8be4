//! One account, one state, one stage of an application: what a command finds, and the commands.

use std::sync::Arc;
use std::time::Duration;

use grail_providers::fake::{
    Bucket, Cloud, Entry, Mapping, Notifications, Physics, Role, Subscription, Twice, World, catalog,
    function_arn, twice,
};
use grail_providers::port::Catalog;
use grail_state::DesiredState;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::store::memory::MemoryStore;
use grail_state::store::{Holder, Wait};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::app::{App, queue_arn, stack, stream_arn, topic_arn};
use super::beside::ChaliceFile;
use super::disk::Disk;
use super::tally::count_command;
use crate::engine::{
    Approval, Clock, Engine, EngineError, Limits, NoEvents, NoProjection, OnFailure, Ports, Session,
    StopSignal,
};
use crate::event::{Event, Outcome};
use crate::plan::Consent;

/// The next command.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a few of them at a time, in tests")]
pub(super) enum Command {
    Deploy(App),
    Delete,
    Rollback,
}

#[derive(Clone)]
pub(super) struct Ground {
    pub(super) cloud: Cloud,
    pub(super) store: MemoryStore,
    pub(super) artifacts: MemoryArtifacts,
    pub(super) limits: Limits,
    twice: Option<Twice>,
    pub(super) keys: Keys,
    clock: Clock,
    /// Chalice's file, where there is one.
    pub(super) beside: Option<ChaliceFile>,
    pub(super) disk: Disk,
}

impl Ground {
    pub(super) fn new() -> Self {
        Self::with(Physics::default())
    }

    pub(super) fn with(physics: Physics) -> Self {
        let cloud = Cloud::new(physics);
        cloud.meddle(strangers);
        Self {
            cloud,
            store: MemoryStore::new(stack()),
            artifacts: MemoryArtifacts::default(),
            limits: Limits::default(),
            twice: None,
            keys: Keys::from_master(&[7; 32]),
            clock: Clock::starting_at("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap()),
            beside: None,
            disk: Disk::default(),
        }
    }

    pub(super) fn engine(&self) -> Engine {
        let digester = Arc::new(self.keys.digester.clone());
        let mut all: Catalog = catalog(&self.cloud, &digester);
        if let Some(which) = &self.twice {
            all = twice(&all, which);
        }
        Engine {
            catalog: Arc::new(all),
            store: Arc::new(self.disk.under(&self.store)),
            artifacts: Arc::new(self.artifacts.clone()),
            sealer: Arc::new(self.keys.sealer.clone()),
            limits: self.limits.clone(),
            clock: self.clock,
            home: None,
        }
    }

    pub(super) async fn run(&self, command: &Command) -> Result<Outcome, EngineError> {
        self.run_heard(command, &mut Vec::new(), StopSignal::never())
            .await
    }

    /// The same, with a command that could not even begin taken for a refusal: nothing was changed.
    pub(super) async fn try_run(&self, command: &Command) -> Outcome {
        let tried = self.run(command).await;
        tried.unwrap_or_else(|error| Outcome::Refused {
            why: error.to_string(),
        })
    }

    pub(super) async fn run_heard(
        &self,
        command: &Command,
        events: &mut Vec<Event>,
        stop: StopSignal,
    ) -> Result<Outcome, EngineError> {
        count_command();
        let engine = self.engine();
        let mut session = engine.open(holder(), Wait::No).await?;
        let mut beside = self.beside.clone();
        if let Some(file) = &beside {
            file.name_to(&mut session, &engine).await?;
        }
        let mut nowhere = NoProjection;
        let mut ports = Ports {
            records: match &mut beside {
                Some(file) => file,
                None => &mut nowhere,
            },
            events,
            stop,
        };
        carry_out(&mut session, command, &mut ports).await
    }

    pub(super) async fn deploy_desired(&self, desired: &DesiredState) -> Outcome {
        let consent = Consent::default();
        let deployed = self.deploy_with(desired, &consent, OnFailure::Rollback, None);
        deployed.await.unwrap()
    }

    /// The whole of what a deployment can be told.
    pub(super) async fn deploy_with(
        &self,
        desired: &DesiredState,
        consent: &Consent,
        on_failure: OnFailure,
        approval: Option<&mut dyn Approval>,
    ) -> Result<Outcome, EngineError> {
        let engine = self.engine();
        let mut session = engine.open(holder(), Wait::No).await?;
        let mut ports = Ports {
            records: &mut NoProjection,
            events: &mut NoEvents,
            stop: StopSignal::never(),
        };
        session
            .deploy(desired, consent, on_failure, approval, &mut ports)
            .await
    }

    pub(super) async fn deploy(&self, app: &App) -> Outcome {
        self.run(&Command::Deploy(app.clone())).await.unwrap()
    }

    /// With calls that come twice.
    pub(super) fn doubling(mut self, which: &Twice) -> Self {
        self.twice = Some(which.clone());
        self
    }

    /// The same account and state, each for itself from now on.
    pub(super) fn fork(&self) -> Self {
        let world = self.cloud.world();
        let fork = Self {
            cloud: Cloud::new(self.cloud.physics().clone()),
            store: MemoryStore::restored(stack(), self.store.content()),
            twice: None,
            beside: self.beside.as_ref().map(ChaliceFile::copy),
            disk: Disk::default(),
            ..self.clone()
        };
        fork.cloud.meddle(|there| *there = world);
        fork
    }

    /// What the next process finds: the same account, with what is still on its way to it, and the state.
    pub(super) fn revived(&self) -> Self {
        Self {
            store: MemoryStore::restored(stack(), self.store.content()),
            ..self.clone()
        }
    }

    /// The same with a wall clock that was set meanwhile.
    pub(super) fn revived_when_clocks_say(&self, later: SignedDuration) -> Self {
        let wall = self.clock.wall().checked_add(later).unwrap();
        Self {
            clock: Clock::starting_at(wall),
            ..self.revived()
        }
    }

    /// The same account, and a state that knows nothing of it.
    pub(super) fn forgotten(&self) -> Self {
        Self {
            store: MemoryStore::new(stack()),
            ..self.clone()
        }
    }

    /// Chalice's file as it would be if Chalice had made all that is recorded.
    pub(super) fn as_chalice_tells(&self) -> ChaliceFile {
        let records = self.store.content().snapshot.unwrap().records;
        ChaliceFile::of(&records, self.engine().catalog.wires())
    }

    /// The same account as if Chalice had made all of it: only its file tells what there is.
    pub(super) fn made_by_chalice(&self) -> Self {
        Self {
            beside: Some(self.as_chalice_tells()),
            ..self.forgotten()
        }
    }

    /// Another stack in the same account.
    pub(super) fn neighbour(&self, app: &App) -> Self {
        Self {
            store: MemoryStore::new(app.desired().stack),
            ..self.clone()
        }
    }

    /// Waits until nothing that was sent can still arrive.
    pub(super) async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

pub(super) fn holder() -> Holder {
    Holder {
        who: "ann".into(),
        host: "here".into(),
        pid: 1,
        command: "deploy".into(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    }
}

/// What others have in the same account, some of it under names that look like ours.
fn strangers(world: &mut World) {
    let role = |owner: Option<&str>| Role {
        trust: json!("theirs"),
        policies: [("main".to_owned(), json!("theirs"))].into(),
        mark: None,
        owner: owner.map(ToOwned::to_owned),
        ready: None,
    };
    world.roles.insert("app-prod".into(), role(Some("other-prod")));
    world.roles.insert("app-dev-old".into(), role(None));
    world.groups.insert("/other/app-dev".into(), Some(3));
    world.apis.insert(
        "api0".into(),
        grail_providers::fake::Api {
            name: "app".into(),
            mark: None,
            endpoint_type: "EDGE".into(),
            minimum_compression: None,
            definition: json!({"theirs": true}),
            stages: Default::default(),
        },
    );
    strange_events(world);
}

/// Buckets, topics, queues and streams of which others too want to be told, and a domain that others use.
fn strange_events(world: &mut World) {
    let entry = |id: &str, function: &str, prefix: &str| Entry {
        id: id.into(),
        function: function_arn(function),
        events: vec!["s3:ObjectCreated:*".into()],
        prefix: Some(prefix.into()),
        suffix: None,
    };
    for bucket in ["photos", "papers"] {
        let notifications = Notifications {
            functions: vec![
                entry("x", "other-prod-a", "theirs/"),
                entry("y", "other-prod-b", "more/"),
            ],
            others: [(
                "QueueConfigurations".to_owned(),
                json!([{"Id": "q", "Events": ["s3:ObjectRemoved:*"]}]),
            )]
            .into(),
        };
        world.buckets.insert(bucket.into(), Bucket { notifications });
    }
    for topic in ["news", "alarms"] {
        let theirs = Subscription {
            endpoint: function_arn("other-prod-a"),
        };
        let arn = topic_arn(topic);
        world
            .topics
            .insert(arn.clone(), [(format!("{arn}:theirs"), theirs)].into());
    }
    world.sources.extend(["jobs", "chores"].map(queue_arn));
    world.sources.extend(["clicks", "views"].map(stream_arn));
    let theirs = Mapping {
        source: queue_arn("jobs"),
        function: function_arn("other-prod-a"),
        batch_size: 7,
        window: 0,
        concurrency: None,
        position: None,
        enabled: true,
        busy: None,
        gone: None,
    };
    world.mappings.insert("mapping-theirs".into(), theirs);
}

/// One command in a session of its own.
pub(super) async fn carry_out(
    session: &mut Session<'_>,
    command: &Command,
    ports: &mut Ports<'_>,
) -> Result<Outcome, EngineError> {
    let consent = Consent {
        replace: true,
        ..Consent::default()
    };
    match command {
        Command::Deploy(app) => {
            let wanted = app.desired();
            session
                .deploy(&wanted, &consent, OnFailure::Rollback, None, ports)
                .await
        }
        Command::Delete => session.delete(&consent, ports).await,
        Command::Rollback => session.rollback(ports).await,
    }
}
