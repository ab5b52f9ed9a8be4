//! The pass of a stage that a service carries: a whole deployment, as each pass of `watch` is, that speaks to the board.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use grail_providers::aws::Pacers;
use grail_providers::resources::label;
use grail_state::{Digest, Report};

use super::told::Told;
use crate::cli::args::{Follow, Global, GuardArgs, LockArgs, OnDrift, PassArgs, WishArgs};
use crate::cli::commands::history::{by_change, phrase};
use crate::cli::commands::watch::gate::{Gate, Verdict};
use crate::cli::commands::watch::{end_of, end_of_refused, goal_of};
use crate::cli::deployment::{Deployed, Deployment, Oversight, Stop};
use crate::cli::environment::Environment;
use crate::cli::exit::Exit;
use crate::cli::goal::Terms;
use crate::cli::guard::required;
use crate::cli::refusal::Refusal;
use crate::cli::serve_toml::{GitSource, Source, StageOptions, without_credentials};
use crate::cli::settings::Settings;
use crate::cli::stage::Stage;
use crate::cli::wish::{Remark, Remarks};
use crate::engine::StopSignal;
use crate::event::{Event, EventSink, Outcome};
use crate::graph::Graph;
use crate::plan::{Plan, Why};
use crate::serve::{Desk, History, StageKey};
use crate::source::git::{Git, GitError, Held, Remote};
use crate::watch::follow::{Follower, Means};
use crate::watch::{End, Pass, PassOutcome, Turn, project};

/// How much of the past is shown.
const KEPT: usize = 50;

/// A stage as the configuration names it.
pub(super) struct Carried {
    pub(super) key: StageKey,
    pub(super) source: Source,
    pub(super) options: StageOptions,
    pub(super) global: Global,
    pub(super) environment: Environment,
    pub(super) pacers: Pacers,
    pub(super) told: Arc<Told>,
}

/// Makes its passes.
pub(super) struct CarriedPass {
    carried: Arc<Carried>,
    desk: Desk,
    follower: Follower,
    git: Git,
    /// The past was shown, and nothing was done since.
    shown: bool,
    said: Arc<Said>,
}

/// What was remarked about the project. A remark goes to the log once, until a pass does not make it.
struct Said {
    desk: Desk,
    carried: Arc<Carried>,
    /// By the pass before, and by the one that is being made.
    remarks: Mutex<(BTreeSet<String>, BTreeSet<String>)>,
}

impl Said {
    fn begin(&self) {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.0 = std::mem::take(&mut remarks.1);
    }

    fn say(&self, code: &str, text: String, warning: bool) {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = remarks.1.insert(text.clone()) && !remarks.0.contains(&text);
        drop(remarks);
        if is_new {
            self.carried
                .told
                .remarked(&self.carried.key, code, &text, warning);
        }
        let code = code.to_owned();
        self.desk.event(&Event::Said { code, text, warning });
    }
}

/// What a pass has found out by the time it ends.
struct Found {
    goal: Option<Digest>,
    gate: Gate,
}

impl CarriedPass {
    pub(super) fn new(carried: Arc<Carried>, desk: Desk) -> Self {
        let means = match (&carried.source, carried.options.follow) {
            (Source::Git(_), _) | (_, Follow::Off) => Means::Nothing,
            (_, Follow::Notify) => Means::Notifications,
            (_, Follow::Poll) => Means::Looking(Duration::from_secs(1)),
        };
        Self {
            follower: Follower::new(means, desk.bell().clone()),
            git: Git::new(carried.environment.surroundings()),
            said: Arc::new(Said {
                desk: desk.clone(),
                carried: Arc::clone(&carried),
                remarks: Mutex::default(),
            }),
            carried,
            desk,
            shown: false,
        }
    }

    /// The project's folder, with the commit in it that is deployed, and what keeps others out of it.
    async fn folder(&mut self) -> Result<(PathBuf, Option<Held>), Refusal> {
        match &self.carried.source {
            Source::Folder(path) => {
                let followed = project::followed(path, &self.carried.key.stage);
                if let Some(trouble) = self.follower.refresh(&followed) {
                    self.said.say("watch.looking", trouble, true);
                }
                Ok((path.clone(), None))
            }
            Source::Git(git) => {
                let tree = self.tree(git)?;
                let (commit, held) = self.git.check_out(&remote(git), &tree).await?;
                self.desk.revision(&commit);
                let folder = match &git.subdirectory {
                    Some(inside) => tree.join(inside),
                    None => tree,
                };
                match (folder.is_dir(), &git.subdirectory) {
                    (false, Some(inside)) => Err(GitError::NoFolder {
                        commit,
                        folder: inside.clone(),
                    }
                    .into()),
                    _ => Ok((folder, Some(held))),
                }
            }
        }
    }

    /// The stage's own folder in the cache, another for each remote.
    fn tree(&self, git: &GitSource) -> Result<PathBuf, Refusal> {
        let Carried { key, environment, .. } = &*self.carried;
        let cache = environment.cache.clone().ok_or_else(|| {
            Refusal::new("there is no cache folder for this user").hint("set HOME, or GRAIL_CACHE_DIR")
        })?;
        let remote = Digest::of(without_credentials(&git.url).as_bytes()).to_string();
        let short = remote.get(..12).unwrap_or(&remote);
        Ok(cache
            .join("serve")
            .join("git")
            .join(format!("{}-{short}", key.project))
            .join(&key.stage))
    }

    async fn deploy(
        &mut self,
        turn: &Turn,
        mut stop: StopSignal,
    ) -> (Result<Outcome, Refusal>, Option<Found>) {
        let folder = tokio::select! {
            biased;
            why = stop.stopped() => Err(Refusal::new(why)),
            folder = self.folder() => folder,
        };
        let carried = Arc::clone(&self.carried);
        let mut held = None;
        let settings = folder.and_then(|(folder, alone)| {
            held = alone;
            let global = Global {
                project_dir: folder,
                ..carried.global.clone()
            };
            Settings::resolve("serve", &global, carried.environment.clone())
        });
        let settings = match settings {
            Ok(mut settings) => {
                settings.pacers = Some(carried.pacers.clone());
                settings
            }
            Err(refusal) => return (Err(refusal), None),
        };
        let options = &carried.options;
        let mut found = Found {
            gate: Gate::new(
                turn.spared.clone(),
                options.on_drift == OnDrift::Report,
                required(&settings, options.require_approval),
            ),
            goal: None,
        };
        let done = self.carry_out(&settings, stop, &mut found).await;
        drop(held);
        (done, Some(found))
    }

    async fn carry_out(
        &mut self,
        settings: &Settings,
        mut stop: StopSignal,
        found: &mut Found,
    ) -> Result<Outcome, Refusal> {
        let args = pass_args(&self.carried.options);
        let terms = Terms::from(&args.wish);
        let begun = tokio::select! {
            biased;
            why = stop.stopped() => Err(Refusal::new(why)),
            begun = Deployment::begin(settings, &args, &terms, remarks(&self.said)) => begun,
        };
        let deployment = begun?;
        let mut events = Events {
            desk: self.desk.clone(),
            resumed: found.gate.resumed(),
        };
        let Found { goal, gate } = found;
        let oversight = Oversight {
            stop: Stop::Given(stop),
            consent: terms.consent(),
            approval: Some(gate),
            events: &mut events,
            wanted: &mut |desired| *goal = Some(goal_of(desired)),
        };
        let done = deployment.carry_out(oversight).await;
        let calls = deployment.goal.connected.cloud.context.calls();
        self.desk.called(&calls.sent(), &calls.throttled());
        let unchanged = matches!(
            &done,
            Ok(Deployed {
                outcome: Outcome::Unchanged,
                ..
            })
        );
        if !unchanged || !self.shown {
            self.shown = self.show(&deployment.goal.connected.stage).await.is_ok();
        }
        Ok(done?.outcome)
    }

    /// Shows what is recorded by now, and what was done so far.
    async fn show(&self, stage: &Stage) -> Result<(), Refusal> {
        self.desk.draw(Graph::of_state(&stage.txn().await?, &label));
        let reports = stage.store.reports().await?;
        let numbered = (1..).zip(&reports);
        let newest = numbered.collect::<Vec<_>>().into_iter().rev().take(KEPT);
        self.desk.remember(
            newest
                .map(|(serial, report)| remembered(serial, report))
                .collect(),
        );
        Ok(())
    }
}

#[async_trait(?Send)]
impl Pass for CarriedPass {
    async fn run(&mut self, turn: &Turn, stop: StopSignal) -> PassOutcome {
        let mut stopped = stop.clone();
        self.said.begin();
        let (done, found) = self.deploy(turn, stop).await;
        let is_stopped = stopped.stopped().now_or_never().is_some();
        let (goal, mut gate) = found.map_or((None, None), |found| (found.goal, Some(found.gate)));
        let verdict = gate.as_mut().and_then(|gate| gate.verdict.take());
        let end = match (verdict, done) {
            (Some(Verdict::Spared), _) => End::Spared,
            (Some(Verdict::Reported(plan)), _) => {
                self.desk.drift(drifted(&plan));
                End::Reported
            }
            (None, Ok(outcome)) => {
                self.desk.because(unwell(&outcome));
                end_of(&outcome)
            }
            (None, Err(refusal)) if is_stopped => End::Stopped {
                open: refusal.exit == Exit::Open,
            },
            (None, Err(refusal)) => {
                self.desk.because(lines(&refusal));
                end_of_refused(&refusal)
            }
        };
        PassOutcome {
            end: match end {
                End::Open if is_stopped => End::Stopped { open: true },
                End::Refused { .. } if is_stopped => End::Stopped { open: false },
                end => end,
            },
            goal,
            plan: gate.and_then(|gate| gate.plan),
        }
    }
}

/// What is followed of a remote.
pub(super) fn remote(git: &GitSource) -> Remote {
    Remote {
        url: git.url.clone(),
        shown: without_credentials(&git.url),
        reference: git.reference.clone(),
    }
}

/// Events of a pass, for the board.
struct Events {
    desk: Desk,
    resumed: Arc<AtomicBool>,
}

impl EventSink for Events {
    fn emit(&mut self, event: &Event) {
        if let Event::Resumed { .. } = event {
            self.resumed.store(true, Ordering::Release);
        }
        self.desk.event(event);
    }
}

fn pass_args(options: &StageOptions) -> PassArgs {
    PassArgs {
        wish: WishArgs {
            allow_replace: options.allow_replace,
            ..WishArgs::default()
        },
        guard: GuardArgs {
            max_deletes: options.max_deletes,
        },
        require_approval: options.require_approval,
        on_failure: options.on_failure,
        parallelism: options.parallelism,
        connection_timeout: None,
        lock: LockArgs::default(),
    }
}

/// Remarks of the source are events of the pass. That something was built is no news here.
fn remarks(said: &Arc<Said>) -> Remarks {
    let said = Arc::clone(said);
    Arc::new(move |remark| match remark {
        Remark::Notice(text) => said.say("notice", text, false),
        Remark::Problem(problem) => {
            let place = problem
                .place
                .as_ref()
                .map(|place| format!("{place}: "))
                .unwrap_or_default();
            said.say("problem", format!("{place}{problem}"), true);
        }
        Remark::AppSaid(text) => said.say("app.printed", text, false),
        Remark::Packaged { .. } => {}
    })
}

/// What others have changed, a line each.
fn drifted(plan: &Plan) -> Vec<String> {
    let ours = |why: Why| matches!(why, Why::Missing | Why::ChangedOutside);
    let steps = plan.steps().filter(|step| ours(step.why));
    let pruned = plan
        .prune
        .keys()
        .map(|id| format!("{id}: others have added to it"));
    steps
        .map(|step| format!("{}: {}", step.resource, step.why))
        .chain(pruned)
        .collect()
}

/// Why a pass that ended so did not go well.
fn unwell(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Unchanged | Outcome::Done => Vec::new(),
        Outcome::Refused { why } | Outcome::RolledBack { why } => vec![why.clone()],
        Outcome::Open { why } => vec![why.clone()],
        Outcome::Unswept { left } => left
            .iter()
            .map(|(id, why)| format!("{id} could not be deleted: {why}"))
            .collect(),
        Outcome::Stuck { at } => at
            .iter()
            .map(|(id, why)| format!("{id} could not be brought back: {why}"))
            .collect(),
    }
}

/// A refusal as lines.
pub(super) fn lines(refusal: &Refusal) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in refusal.problems.iter().flat_map(|problems| &problems.0) {
        let place = problem
            .place
            .as_ref()
            .map(|place| format!("{place}: "))
            .unwrap_or_default();
        lines.push(format!("{place}{problem}"));
        lines.extend(problem.hint.as_ref().map(|hint| format!("next: {hint}")));
    }
    for fault in &refusal.faults {
        let origin = fault
            .origin
            .as_ref()
            .map(|origin| format!("{origin}: "))
            .unwrap_or_default();
        lines.push(format!("{origin}{fault}"));
        lines.extend(fault.hint.as_ref().map(|hint| format!("next: {hint}")));
    }
    lines
}

fn remembered(serial: u64, report: &Report) -> History {
    let did = by_change(&report.changes)
        .into_iter()
        .map(|(what, ids)| format!("{what} {}", ids.len()));
    let did: Vec<_> = did.collect();
    let mut said = phrase(&report.outcome).to_owned();
    if !did.is_empty() {
        said.push_str(&format!(": {}", did.join(", ")));
    }
    if let Some(why) = &report.why {
        said.push_str(&format!(" (because: {why})"));
    }
    History {
        serial,
        at: report.ended,
        command: report.command.clone(),
        by: Some(format!("{} on {}", report.who, report.host)),
        said,
    }
}
