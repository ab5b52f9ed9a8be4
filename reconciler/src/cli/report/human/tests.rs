//! What a person sees of a run, stream by stream.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use super::{Place, Style, Terminal, seconds};
use crate::cli::report::plan::tests::{created, deleted, planned, rich, updated};
use crate::cli::settings::Verbosity;
use crate::event::{Event, EventSink, Outcome};
use crate::plan::{Plan, Step, StepId};

/// A writer that several hold.
#[derive(Clone, Default)]
pub(in crate::cli::report) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(in crate::cli::report) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Both streams after the events.
fn seen(verbosity: Verbosity, draws: bool, events: &[Event]) -> String {
    let (out, err) = (Shared::default(), Shared::default());
    let elapsed = Box::new(|| Duration::from_millis(3250));
    let place = Place {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        elapsed,
    };
    let mut terminal = Terminal::new(
        "deploy",
        Style {
            verbosity,
            colour: false,
            draws,
        },
        place,
    );
    events.iter().for_each(|event| terminal.emit(event));
    assert!(
        terminal.bar.is_none() || !matches!(events.last(), Some(Event::Ended { .. })),
        "the bar goes"
    );
    format!("stdout:\n{}stderr:\n{}", out.text(), err.text())
}

fn plan() -> Plan {
    planned(
        vec![
            created(0, "iam_role.default-role", json!({"name": "shop-dev"})),
            created(1, "lambda_function.api_handler", json!({"name": "shop-dev"})),
            updated(
                2,
                "rest_api.rest_api",
                json!({"name": "shop"}),
                json!({"name": "shop", "x": 1}),
            ),
            created(3, "lambda_permission.api_handler/rest_api", json!({})),
            deleted(4, "log_group.old-log-group", "/aws/lambda/old"),
        ],
        vec![deleted(
            5,
            "lambda_function.old",
            "arn:aws:lambda:us-east-1:1:function:shop-dev-old",
        )],
    )
}

fn step(at: u32) -> Step {
    plan()
        .steps()
        .find(|known| known.id == StepId(at))
        .unwrap()
        .clone()
}

fn started(at: u32) -> Event {
    let step = step(at);
    Event::Started {
        step: step.id,
        id: step.resource,
        action: "create".into(),
        label: step.label,
    }
}

fn finished(at: u32) -> Event {
    let took = Duration::from_millis(u64::from(at) * 500 + 120);
    Event::Finished {
        step: StepId(at),
        id: step(at).resource,
        action: "create".into(),
        took,
    }
}

fn swept() -> Event {
    Event::Swept {
        id: step(5).resource,
        handle: step(5).have.unwrap().handle,
    }
}

fn run() -> Vec<Event> {
    let mut events = vec![
        Event::Said {
            code: "python.prepared".into(),
            text: "Prepared Python 3.12".into(),
            warning: false,
        },
        Event::Said {
            code: "warning.policy".into(),
            text: "no table for `x`".into(),
            warning: true,
        },
        Event::Planned {
            plan: Box::new(plan()),
        },
    ];
    for at in 0..5 {
        events.push(started(at));
        if at == 1 {
            let id = step(1).resource;
            let waiting = Event::Waiting {
                id: id.clone(),
                on: "the role to be usable".into(),
            };
            events.extend([waiting.clone(), waiting]);
            events.push(Event::Retrying {
                id,
                why: "slow down".into(),
                after: Duration::from_secs(2),
            });
        }
        events.push(finished(at));
    }
    events.extend([
        Event::Committed,
        swept(),
        Event::Ended {
            outcome: Outcome::Done,
        },
    ]);
    events
}

#[test]
fn a_run_that_goes_well() {
    assert_snapshot!(seen(Verbosity::Normal, false, &run()), @r"
    stdout:
    Creating IAM role: shop-dev
    Creating lambda function: shop-dev
    Updating rest API
    Deleting retention policy for log group: /aws/lambda/old
    Deleting function: arn:aws:lambda:us-east-1:1:function:shop-dev-old
    stderr:
    Prepared Python 3.12
    warning: no table for `x`
    Plan: 3 to create, 1 to update, 2 to delete, 4 unchanged.
      + iam_role.default-role (shop-dev) created in 0.1s
      . lambda_function.api_handler waits for the role to be usable
      ! lambda_function.api_handler is tried again in 2.0s: slow down
      + lambda_function.api_handler (shop-dev) created in 0.6s
      ~ rest_api.rest_api (shop) updated in 1.1s
      + lambda_permission.api_handler/rest_api created in 1.6s
      - log_group.old-log-group deleted in 2.1s
      - lambda_function.old deleted
    Done: 3 created, 1 updated, 2 deleted, 4 unchanged in 3.2s.
    ");
}

#[test]
fn a_quiet_run_that_goes_well_says_nothing() {
    assert_eq!(seen(Verbosity::Quiet, false, &run()), "stdout:\nstderr:\n");
}

#[test]
fn a_verbose_run_shows_the_plan() {
    let events = [
        Event::Planned {
            plan: Box::new(rich()),
        },
        Event::Committed,
    ];
    let seen = seen(Verbosity::Verbose, false, &events);
    assert!(seen.contains(super::plan::human(&rich(), false).trim_end()) && seen.ends_with("Committed.\n"));
}

#[test]
fn nothing_to_do() {
    let plan = Box::new(planned(vec![], vec![]));
    let events = [
        Event::Planned { plan },
        Event::Ended {
            outcome: Outcome::Unchanged,
        },
    ];
    assert_snapshot!(seen(Verbosity::Normal, false, &events), @r"
    stdout:
    stderr:
    No changes: 4 resources are as they should be (3.2s).
    ");
}

fn turned_back() -> Vec<Event> {
    vec![
        Event::Planned {
            plan: Box::new(plan()),
        },
        started(0),
        finished(0),
        started(1),
        Event::Failed {
            id: step(1).resource,
            why: "CreateFunction was refused:\nthe code is too large".into(),
            hint: Some("leave out what is not needed".into()),
        },
        Event::TurningBack {
            because: "lambda_function.api_handler: the code is too large".into(),
        },
        Event::Restored {
            id: step(0).resource,
            lost: Some("a tag of somebody else's is gone".into()),
        },
        Event::Ended {
            outcome: Outcome::RolledBack {
                why: "the code is too large".into(),
            },
        },
    ]
}

#[test]
fn a_run_that_turns_back() {
    assert_snapshot!(seen(Verbosity::Normal, false, &turned_back()), @r"
    stdout:
    Creating IAM role: shop-dev
    Creating lambda function: shop-dev
    stderr:
    Plan: 3 to create, 1 to update, 2 to delete, 4 unchanged.
      + iam_role.default-role (shop-dev) created in 0.1s
      x lambda_function.api_handler failed: CreateFunction was refused:
          the code is too large
          next: leave out what is not needed
    Going back, because of lambda_function.api_handler: the code is too large
      < iam_role.default-role is as it was
          but: a tag of somebody else's is gone
    Failed: the code is too large
      Everything but what is named above is as it was before (1 resource restored), after 3.2s.
      next: mend the cause, then run `grail deploy` again
    ");
}

#[test]
fn a_quiet_run_still_says_what_failed() {
    assert_snapshot!(seen(Verbosity::Quiet, false, &turned_back()), @r"
    stdout:
    stderr:
      x lambda_function.api_handler failed: CreateFunction was refused:
          the code is too large
          next: leave out what is not needed
    Going back, because of lambda_function.api_handler: the code is too large
      iam_role.default-role is as it was, but: a tag of somebody else's is gone
    Failed: the code is too large
      Everything but what is named above is as it was before (1 resource restored), after 3.2s.
      next: mend the cause, then run `grail deploy` again
    ");
}

#[test]
fn every_end_says_what_to_do_next() {
    let at = || {
        vec![(
            "rest_api.rest_api".parse().unwrap(),
            "it is in use\nby a domain".to_owned(),
        )]
    };
    let ends = [
        Outcome::Refused {
            why: "no credentials".into(),
        },
        Outcome::Unswept { left: at() },
        Outcome::Stuck { at: at() },
        Outcome::Open {
            why: "interrupted".into(),
        },
    ];
    let events: Vec<_> = ends.into_iter().map(|outcome| Event::Ended { outcome }).collect();
    assert_snapshot!(seen(Verbosity::Normal, false, &events), @r"
    stdout:
    stderr:
    Failed: no credentials
      Nothing was changed.
    All else is done, but these could not be deleted:
      rest_api.rest_api: it is in use
          by a domain
      next: mend the cause; the next `grail deploy` or `grail delete` goes on with them
    The way back is blocked at:
      rest_api.rest_api: it is in use
          by a domain
      next: mend the cause, then run `grail rollback`; `grail status` shows where it stands
    Stopped in the middle: interrupted
      next: run `grail deploy` to go on, or `grail rollback` to go back; `grail status` shows where it stands
    ");
}

#[test]
fn an_open_transaction_is_taken_up() {
    let touched = vec![step(0).resource];
    let phases = ["building", "sweeping", "aborting"];
    let events = phases.map(|phase| Event::Resumed {
        phase: phase.into(),
        touched: touched.clone(),
    });
    let stuck = Event::Stuck {
        id: step(0).resource,
        why: "no rights".into(),
    };
    let events: Vec<_> = events.into_iter().chain([stuck]).collect();
    assert_snapshot!(seen(Verbosity::Normal, false, &events), @r"
    stdout:
    stderr:
    Going on with a deployment that was interrupted (1 touched so far)
    Going on with deletions that were left over (1 touched so far)
    Going on with a way back that was interrupted (1 touched so far)
      x iam_role.default-role is stuck: no rights
    ");
}

#[test]
fn a_bar_changes_no_line() {
    assert_eq!(
        seen(Verbosity::Normal, true, &run()),
        seen(Verbosity::Normal, false, &run())
    );
}

#[test]
fn times_are_short() {
    let shown = [40, 999, 59_940, 60_000, 185_000].map(|time| seconds(Duration::from_millis(time)));
    assert_eq!(shown, ["0.0s", "1.0s", "59.9s", "1m 00s", "3m 05s"]);
}
