//! `grail watch`: deployment after deployment, in the foreground. Each pass is a whole `deploy` ([`Deployment`]); when it is made
//! is [`crate::watch`]'s; what people and programs see is `watch/view.rs`, what the plan may not do `watch/gate.rs`.
//!
//! The settings, the configuration, the credentials and the account are read anew by each pass, and the lock is held during it
//! alone. What was loaded once and stays is the environment of this process. The interpreter that imports the app is a new one
//! each time: a warm one would remember modules, and its answer for unchanged files is at hand without it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grail_state::{DesiredState, Digest};
use jiff::Timestamp;

use crate::cli::args::{Follow, Global, OnDrift, OnFailure, WatchArgs};
use crate::cli::deployment::{Deployed, Deployment, Oversight, Stop};
use crate::cli::exit::Exit;
use crate::cli::goal::Terms;
use crate::cli::guard::required;
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::cli::{report, signals, words};
use crate::engine::{Clock, StopSignal};
use crate::event::Outcome;
use crate::watch::follow::{Follower, Means};
use crate::watch::{Agenda, Bell, End, Pass, PassOutcome, Rhythm, StageLoop, Turn, project};

pub(super) mod gate;
mod seen;
mod view;

use gate::{Gate, Verdict};
use seen::{Calm, Told};
use view::View;

/// Watches until it is asked to stop, or until what it was to wait for has come.
///
/// # Errors
/// None of a pass: what keeps one from going well is told, and the next comes.
pub async fn run(settings: &Settings, global: &Global, args: &WatchArgs) -> Result<Exit, Refusal> {
    let bell = Bell::default();
    signals::rings_at_hangup(bell.clone());
    let too_late = Arc::new(AtomicBool::new(false));
    let stop = until(signals::listen(None), args.timeout, Arc::clone(&too_late));
    let means = match args.follow {
        Follow::Notify => Means::Notifications,
        Follow::Poll => Means::Looking(Duration::from_secs(1)),
        Follow::Off => Means::Nothing,
    };
    let rhythm = Rhythm {
        quiet: args.debounce,
        unrest: args.debounce.saturating_mul(40).max(Rhythm::default().unrest),
        interval: Some(args.interval),
        ..Rhythm::default()
    };
    let mut pass = DeployPass {
        settings: settings.clone(),
        global: global.clone(),
        args: args.clone(),
        follower: Follower::new(means, bell.clone()),
        told: Told::default(),
    };
    let mut view = View::new(settings, enough(args));
    view.begins(args.interval);
    let agenda = Agenda::new(rhythm, seed(settings), Duration::ZERO);
    let mut stage = StageLoop::new(agenda, bell, Clock::starting_at(Timestamp::now()));
    let last = stage.run(&mut pass, &mut view, stop).await;
    let end = last.map(|last| last.end);
    view.ends(end, missed(args, end, too_late.load(Ordering::Acquire)));
    Ok(exit(args.until_converged, end))
}

/// The time within which what was waited for has not come. A last pass that was under way when it was over may have come there.
fn missed(args: &WatchArgs, last: Option<End>, too_late: bool) -> Option<Duration> {
    let rested = last.is_some_and(enough(args));
    args.timeout.filter(|_| too_late && !rested)
}

/// Which ends of a pass end the watch.
fn enough(args: &WatchArgs) -> impl Fn(End) -> bool + Send + 'static {
    let (until, keeps) = (args.until_converged, args.pass.on_failure == OnFailure::Keep);
    move |end| {
        until
            && match end {
                End::Converged { .. } | End::Reported | End::Spared | End::RolledBack | End::Stuck => true,
                End::Refused { lasting } => lasting,
                End::Open => keeps,
                End::Locked | End::Stopped { .. } => false,
            }
    }
}

/// How the process ends after a last pass that ended so.
fn exit(until_converged: bool, last: Option<End>) -> Exit {
    match last {
        Some(End::Stuck) => Exit::Stuck,
        Some(End::Open | End::Stopped { open: true }) => Exit::Open,
        _ if !until_converged => Exit::Done,
        Some(End::Converged { .. }) => Exit::Done,
        Some(End::Reported) => Exit::Changes,
        Some(End::RolledBack | End::Spared) => Exit::RolledBack,
        Some(End::Refused { lasting: true }) => Exit::Failed,
        Some(End::Refused { lasting: false } | End::Locked | End::Stopped { open: false }) | None => {
            Exit::Open
        }
    }
}

/// The same request to stop, which also comes by itself after this time.
fn until(mut stop: StopSignal, timeout: Option<Duration>, too_late: Arc<AtomicBool>) -> StopSignal {
    let Some(timeout) = timeout else { return stop };
    let (sender, sooner) = StopSignal::new();
    tokio::spawn(async move {
        let why = tokio::select! {
            biased;
            why = stop.stopped() => why,
            () = tokio::time::sleep(timeout) => {
                too_late.store(true, Ordering::Release);
                format!("stopped after {}", report::human::seconds(timeout))
            }
        };
        let _over = sender.send(Some(why));
    });
    sooner
}

/// Stages that are started at the same time do not look at the same times.
fn seed(settings: &Settings) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&settings.project, &settings.stage, std::process::id()).hash(&mut hasher);
    hasher.finish()
}

/// A pass that deploys the project.
struct DeployPass {
    settings: Settings,
    global: Global,
    args: WatchArgs,
    follower: Follower,
    told: Told,
}

/// What a pass has found out by the time it ends.
struct Found {
    goal: Option<Digest>,
    gate: Gate,
}

#[async_trait(?Send)]
impl Pass for DeployPass {
    async fn run(&mut self, turn: &Turn, stop: StopSignal) -> PassOutcome {
        self.told.next_pass();
        let followed = project::followed(&self.settings.project, &self.settings.stage);
        if let Some(trouble) = self.follower.refresh(&followed) {
            words::notice(&self.settings, &trouble);
        }
        let mut found = Found {
            gate: Gate::new(
                turn.spared.clone(),
                self.args.on_drift == OnDrift::Report,
                required(&self.settings, self.args.pass.require_approval),
            ),
            goal: None,
        };
        let mut stopped = stop.clone();
        let done = self.deploy(stop, &mut found).await;
        let is_stopped = futures::FutureExt::now_or_never(stopped.stopped()).is_some();
        let end = match (found.gate.verdict.take(), done) {
            (Some(Verdict::Spared), _) => End::Spared,
            (Some(Verdict::Reported(plan)), _) => {
                self.told.drift(&self.settings, &plan, found.gate.plan.as_ref());
                End::Reported
            }
            (None, Ok(outcome)) => end_of(&outcome),
            (None, Err(refusal)) if is_stopped => End::Stopped {
                open: refusal.exit == Exit::Open,
            },
            (None, Err(refusal)) => {
                self.told.refused(&self.settings, &refusal);
                end_of_refused(&refusal)
            }
        };
        let end = match end {
            End::Open if is_stopped => End::Stopped { open: true },
            End::Refused { .. } if is_stopped => End::Stopped { open: false },
            end => end,
        };
        PassOutcome {
            end,
            goal: found.goal,
            plan: found.gate.plan,
        }
    }
}

impl DeployPass {
    async fn deploy(&mut self, mut stop: StopSignal, found: &mut Found) -> Result<Outcome, Refusal> {
        let environment = self.settings.environment.clone();
        let settings = Settings::resolve(self.settings.command, &self.global, environment)?;
        let terms = Terms::from(&self.args.pass.wish);
        let remarks = self.told.remarks(&settings);
        let begun = tokio::select! {
            biased;
            why = stop.stopped() => Err(Refusal::new(why)),
            begun = Deployment::begin(&settings, &self.args.pass, &terms, remarks) => begun,
        };
        let deployment = begun?;
        let mut events = Calm::before(
            report::sink(&settings),
            &settings,
            &self.told,
            found.gate.resumed(),
        );
        let Found { goal, gate } = found;
        let oversight = Oversight {
            stop: Stop::Given(stop),
            consent: terms.consent(),
            approval: Some(gate),
            events: &mut events,
            wanted: &mut |desired| *goal = Some(goal_of(desired)),
        };
        let Deployed { outcome, entries } = deployment.carry_out(oversight).await?;
        if outcome == Outcome::Done {
            super::deploy::show(&settings, &entries);
        }
        Ok(outcome)
    }
}

/// The digest of what is wanted, whatever line of which file it stands in.
pub(super) fn goal_of(desired: &DesiredState) -> Digest {
    let wanted = desired.resources.values();
    let wanted: Vec<_> = wanted.map(|one| (&one.id, &one.spec, &one.after)).collect();
    Digest::of_written(&wanted)
}

pub(super) fn end_of(outcome: &Outcome) -> End {
    match outcome {
        Outcome::Unchanged => End::Converged { changed: false },
        Outcome::Done => End::Converged { changed: true },
        Outcome::Refused { .. } => End::Refused { lasting: false },
        Outcome::RolledBack { .. } => End::RolledBack,
        Outcome::Unswept { .. } | Outcome::Stuck { .. } => End::Stuck,
        Outcome::Open { .. } => End::Open,
    }
}

pub(super) fn end_of_refused(refusal: &Refusal) -> End {
    match refusal.exit {
        Exit::Locked => End::Locked,
        Exit::Open => End::Open,
        Exit::Stuck => End::Stuck,
        _ => End::Refused {
            lasting: refusal.lasts,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_as_the_table_of_exit_codes_says() {
        let all = [
            (None, 0, 6),
            (Some(End::Converged { changed: true }), 0, 0),
            (Some(End::Reported), 0, 2),
            (Some(End::Spared), 0, 3),
            (Some(End::RolledBack), 0, 3),
            (Some(End::Open), 6, 6),
            (Some(End::Stuck), 4, 4),
            (Some(End::Locked), 0, 6),
            (Some(End::Refused { lasting: true }), 0, 1),
            (Some(End::Refused { lasting: false }), 0, 6),
            (Some(End::Stopped { open: true }), 6, 6),
            (Some(End::Stopped { open: false }), 0, 6),
        ];
        for (end, watching, until) in all {
            assert_eq!(
                (exit(false, end) as u8, exit(true, end) as u8),
                (watching, until),
                "{end:?}"
            );
        }
    }

    #[test]
    fn a_last_pass_that_came_to_rest_after_its_time_has_missed_nothing() {
        use clap::Parser as _;

        use crate::cli::args::{Command, CommandLine};

        let words = ["grail", "watch", "--until-converged", "--timeout", "3s"];
        let Command::Watch(args) = CommandLine::try_parse_from(words).unwrap().command else {
            panic!("another command");
        };
        let converged = Some(End::Converged { changed: true });
        assert_eq!(missed(&args, converged, true), None);
        assert_eq!(missed(&args, Some(End::Locked), true), args.timeout);
        assert_eq!(missed(&args, None, true), Some(Duration::from_secs(3)));
        assert_eq!(missed(&args, None, false), None);
    }

    #[test]
    fn a_refusal_that_lasts_is_told_from_one_that_may_pass() {
        let problem = crate::source::chalice::diagnostic::Problem::error("app::syntax", "no Python");
        let problems = crate::source::chalice::diagnostic::Problems(vec![problem]);
        assert_eq!(end_of_refused(&problems.into()), End::Refused { lasting: true });
        assert_eq!(
            end_of_refused(&Refusal::new("no network")),
            End::Refused { lasting: false }
        );
        let locked = Refusal::new("locked").exit(Exit::Locked);
        assert_eq!(end_of_refused(&locked), End::Locked);
    }
}
