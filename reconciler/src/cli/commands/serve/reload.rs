//! The configuration as it is now, and another in its place.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grail_providers::aws::Pacers;
use grail_state::Digest;
use jiff::Timestamp;

use super::carried::{Carried, CarriedPass};
use super::polled::Polls;
use super::told::Told;
use crate::cli::args::Global;
use crate::cli::environment::Environment;
use crate::cli::serve_toml::{ServeToml, Source, StageOptions};
use crate::cli::systemd::Systemd;
use crate::engine::StopSignal;
use crate::serve::{Board, Configuration, Posting, Service, Slots, StageKey};
use crate::watch::follow::{Followed, Follower};
use crate::watch::{End, Onlooker, Pass, PassOutcome, Pause, Rhythm, Turn};

/// How many passes at once, where nothing is said, at least: most of a pass is waiting.
const AT_ONCE: usize = 4;

/// The turns as the configuration divides them.
pub(super) fn slots(toml: &ServeToml) -> Slots {
    let (all, each) = share(toml);
    Slots::new(all, each)
}

fn share(toml: &ServeToml) -> (usize, usize) {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let all = toml.concurrency.unwrap_or(processors.max(AT_ONCE));
    (all, toml.per_project.unwrap_or(all))
}

/// Reads the configuration anew whenever it is run.
pub(super) struct Reload {
    config: PathBuf,
    global: Global,
    environment: Environment,
    service: Service,
    board: Arc<Board>,
    told: Arc<Told>,
    systemd: Systemd,
    pacers: Pacers,
    current: Option<ServeToml>,
    polls: Polls,
    follower: Option<Follower>,
}

impl Reload {
    pub(super) fn new(
        config: PathBuf,
        global: Global,
        environment: Environment,
        service: Service,
        board: Arc<Board>,
        told: Arc<Told>,
        systemd: Systemd,
    ) -> Self {
        Self {
            board,
            config,
            global,
            polls: Polls::new(service.clone(), &environment),
            environment,
            service,
            told,
            systemd,
            pacers: Pacers::default(),
            current: None,
            follower: None,
        }
    }

    /// Follows the file by this.
    pub(super) fn follow(&mut self, follower: Follower) {
        self.follower = Some(follower);
    }

    /// Carries what the first configuration names.
    pub(super) fn begin(&mut self, toml: ServeToml) {
        self.put(toml);
    }

    fn put(&mut self, toml: ServeToml) {
        self.read(None);
        let (all, each) = share(&toml);
        self.service.slots().resize(all, each);
        let postings = self.postings(&toml);
        let stages = postings.len();
        let changes = self.service.apply(postings);
        self.polls.follow(&toml);
        let restart = self
            .current
            .as_ref()
            .map(|old| of_the_start(old, &toml))
            .unwrap_or_default();
        self.told.reloaded(&changes, stages, &restart);
        self.current = Some(toml);
        self.systemd.ready(&format!("{stages} stages"));
    }

    /// How the reading went, for who asks whether all is well.
    fn read(&self, refused: Option<String>) {
        self.board.configured(Configuration {
            at: Timestamp::now(),
            refused,
        });
    }

    fn postings(&self, toml: &ServeToml) -> Vec<Posting> {
        let folder = self.config.parent().unwrap_or(Path::new("/"));
        let mut postings = Vec::new();
        for (name, project) in &toml.projects {
            let source = match &project.source {
                // Relative to the file, wherever this process was started.
                Source::Folder(path) => Source::Folder(folder.join(path)),
                git => git.clone(),
            };
            for (stage, options) in &project.stages {
                let key = StageKey {
                    project: name.clone(),
                    stage: stage.clone(),
                };
                postings.push(self.posting(key, &source, options));
            }
        }
        postings
    }

    fn posting(&self, key: StageKey, source: &Source, options: &StageOptions) -> Posting {
        // Beside what is shown of a source, its credentials may have changed.
        let address = match source {
            Source::Folder(path) => path.display().to_string(),
            Source::Git(git) => git.url.clone(),
        };
        let fingerprint = Digest::of(format!("{address}\n{source:?}\n{options:?}").as_bytes());
        let carried = Carried {
            key: key.clone(),
            source: source.clone(),
            options: options.clone(),
            global: Global {
                stage: key.stage.clone(),
                profile: options.profile.clone().or_else(|| self.global.profile.clone()),
                region: options.region.clone().or_else(|| self.global.region.clone()),
                ..self.global.clone()
            },
            environment: self.environment.clone(),
            pacers: self.pacers.clone(),
        };
        let carried = Arc::new(carried);
        Posting {
            key,
            source: source.to_string(),
            fingerprint,
            rhythm: Rhythm {
                interval: Some(options.interval),
                ..Rhythm::default()
            },
            paused: options.paused,
            make: Arc::new(move |desk| Box::new(CarriedPass::new(Arc::clone(&carried), desk))),
        }
    }
}

/// What of a configuration a process takes up only when it starts.
fn of_the_start(old: &ServeToml, new: &ServeToml) -> Vec<&'static str> {
    let differs = [
        ("`name`", old.name != new.name),
        ("`state`", old.state != new.state),
        ("`local_cloud`", old.local_cloud != new.local_cloud),
        ("`endpoint_url`", old.endpoint_url != new.endpoint_url),
        ("`[http]` and webhooks", old.http != new.http),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name)
        .collect()
}

#[async_trait(?Send)]
impl Pass for Reload {
    async fn run(&mut self, _turn: &Turn, _stop: StopSignal) -> PassOutcome {
        let followed = Followed {
            root: self.config.parent().unwrap_or(Path::new("/")).to_path_buf(),
            files: [self.config.clone()].into(),
            trees: BTreeSet::new(),
        };
        if let Some(follower) = &mut self.follower
            && let Some(trouble) = follower.refresh(&followed)
        {
            tracing::warn!("{trouble}");
        }
        let end = match ServeToml::read(&self.config) {
            Ok(toml) if self.current.as_ref() == Some(&toml) => {
                // A mistake was taken back.
                self.read(None);
                End::Converged { changed: false }
            }
            Ok(toml) => {
                self.systemd.reloading();
                self.put(toml);
                End::Converged { changed: true }
            }
            Err(refusal) => {
                self.told.refused(&refusal);
                self.read(Some(refusal.to_string()));
                End::Refused { lasting: true }
            }
        };
        PassOutcome {
            end,
            goal: None,
            plan: None,
        }
    }
}

/// Looks at nothing: what is to be said is said by the pass.
pub(super) struct Quiet;

impl Onlooker for Quiet {
    fn began(&mut self, _turn: &Turn) {}

    fn ended(&mut self, _turn: &Turn, _outcome: &PassOutcome, _took: Duration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn pauses(&mut self, _pause: &Pause) {}
}
