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

use super::carried::{Carried, CarriedPass, lines};
use super::listening::Opening;
use super::polled::Polls;
use super::told::Told;
use crate::cli::args::Global;
use crate::cli::environment::Environment;
use crate::cli::serve_toml::{ServeToml, Source, StageOptions};
use crate::cli::systemd::Systemd;
use crate::engine::StopSignal;
use crate::serve::http::Renewal;
use crate::serve::{Board, Configuration, Posting, Service, Slots, StageKey};
use crate::source::git::Git;
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

/// What a configuration is read for.
pub(super) struct Context {
    /// The file.
    pub(super) config: PathBuf,
    /// The flags.
    pub(super) global: Global,
    /// The environment of the process. What projects run gets it without what the listener's secrets are in.
    pub(super) environment: Environment,
    /// Whose stages they are.
    pub(super) service: Service,
    /// Where it is told how the reading went,
    pub(super) board: Arc<Board>,
    /// and to whom.
    pub(super) told: Arc<Told>,
    /// Who is told that it is being read.
    pub(super) systemd: Systemd,
}

/// Reads the configuration anew whenever it is run.
pub(super) struct Reload {
    context: Context,
    pacers: Pacers,
    current: Option<ServeToml>,
    polls: Polls,
    follower: Option<Follower>,
    listener: Option<(Opening, Renewal)>,
}

impl Reload {
    pub(super) fn new(context: Context) -> Self {
        Self {
            polls: Polls::new(context.service.clone()),
            context,
            pacers: Pacers::default(),
            current: None,
            follower: None,
            listener: None,
        }
    }

    /// Has the listener take up its secrets and certificates again with each reading.
    pub(super) fn renews(&mut self, opening: Opening, renewal: Renewal) {
        self.listener = Some((opening, renewal));
    }

    fn renew(&mut self) {
        let Some((opening, renewal)) = &mut self.listener else {
            return;
        };
        match opening.renew(renewal) {
            Ok(false) => {}
            Ok(true) => self.context.told.renewed(),
            Err(refusal) => self.context.told.not_renewed(&refusal),
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
        let service = &self.context.service;
        let (all, each) = share(&toml);
        service.slots().resize(all, each);
        // A variable that was named once holds a secret for as long as the process lives.
        let environment = self.context.environment.clone();
        self.context.environment = environment.without(toml.http.variables());
        let postings = self.postings(&toml);
        let stages = postings.len();
        let changes = self.context.service.apply(postings);
        // When all of its stages are on the board: who asks whether they were looked at must not miss one.
        self.read(None);
        let git = Git::new(self.context.environment.surroundings());
        self.polls.follow(&toml, &git);
        let restart = self
            .current
            .as_ref()
            .map(|old| of_the_start(old, &toml))
            .unwrap_or_default();
        self.context.told.reloaded(&changes, stages, &restart);
        self.current = Some(toml);
        self.context.systemd.ready(&format!("{stages} stages"));
    }

    /// How the reading went, for who asks whether all is well.
    fn read(&self, refused: Option<String>) {
        self.context.board.configured(Configuration {
            at: Timestamp::now(),
            refused,
        });
    }

    fn postings(&self, toml: &ServeToml) -> Vec<Posting> {
        let folder = self.context.config.parent().unwrap_or(Path::new("/"));
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
                profile: options
                    .profile
                    .clone()
                    .or_else(|| self.context.global.profile.clone()),
                region: options
                    .region
                    .clone()
                    .or_else(|| self.context.global.region.clone()),
                ..self.context.global.clone()
            },
            environment: self.context.environment.clone(),
            pacers: self.pacers.clone(),
            told: Arc::clone(&self.context.told),
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
        let secrets = self.listener.iter().flat_map(|(opening, _)| opening.files());
        let files = std::iter::once(self.context.config.clone()).chain(secrets);
        let followed = Followed {
            root: self
                .context
                .config
                .parent()
                .unwrap_or(Path::new("/"))
                .to_path_buf(),
            files: files.collect(),
            trees: BTreeSet::new(),
        };
        if let Some(follower) = &mut self.follower
            && let Some(trouble) = follower.refresh(&followed)
        {
            tracing::warn!("{trouble}");
        }
        // After it is followed, so that no change falls between the two.
        self.renew();
        let end = match ServeToml::read(&self.context.config) {
            Ok(toml) if self.current.as_ref() == Some(&toml) => {
                // A mistake was taken back.
                self.read(None);
                End::Converged { changed: false }
            }
            Ok(toml) => {
                self.context.systemd.reloading();
                self.put(toml);
                End::Converged { changed: true }
            }
            Err(refusal) => {
                self.context.told.refused(&refusal);
                self.read(Some(lines(&refusal).join("\n")));
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
