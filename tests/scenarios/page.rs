//! The status page in a browser: the app with every decorator, in the middle of a pass, stuck, calm and live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grail::engine::StopSignal;
use grail::event::Event;
use grail::graph::{Condition, Graph};
use grail::plan::{Plan, Step};
use grail::serve::http::{HttpSettings, listen};
use grail::serve::{
    Board, Configuration, Control, History, LastPass, Next, Refused, Running, StageKey, StageReport, Standing,
};
use grail::watch::{End, Wake};
use grail_tests::account::Account;
use grail_tests::browser;
use grail_tests::cli::Grail;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::EVERYTHING;
use grail_tests::proxy::Proxy;
use grail_tests::runtime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

fn key(stage: &str) -> StageKey {
    StageKey {
        project: "bazaar".to_owned(),
        stage: stage.to_owned(),
    }
}

/// The plan of a first deploy of everything.
fn plan() -> Plan {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let project = EVERYTHING.prepared(&Account::at(&proxy.quiet_endpoint()));
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, &proxy.endpoint()).with_shared_cache();
    let words = ["plan", "--format", "json", "--stage", EVERYTHING.stages[0]];
    let document: Value = serde_json::from_str(&grail.run(&words).expect_success().stdout).unwrap();
    serde_json::from_value(document).unwrap()
}

/// The stage as it is when the plan has been carried out.
fn at_rest(plan: &Plan) -> Graph {
    let mut graph = Graph::of_plan("bazaar", plan, &BTreeMap::new(), None, &|_, _| None);
    for node in graph.nodes.values_mut() {
        node.condition = Condition::Unchanged;
        node.why = None;
    }
    graph
}

fn report(stage: &str, standing: Standing, end: End, why: &[&str]) -> StageReport {
    let mut report = StageReport::new(key(stage), "https://code.example/bazaar.git");
    report.revision = Some("9f1c2ab4".to_owned());
    report.standing = standing;
    report.holder = Some("grail-0".to_owned());
    report.last = Some(LastPass {
        number: 2,
        because: [Wake::Timer].into(),
        end,
        why: why.iter().map(|line| (*line).to_owned()).collect(),
        began: ago(340),
        took_ms: 12_400,
    });
    report.next = Some(Next {
        at: ago(-260),
        wake: Wake::Timer,
    });
    report
}

fn history() -> Vec<History> {
    let one = |serial, seconds, command: &str, by: Option<&str>, said: &str| History {
        serial,
        at: ago(seconds),
        command: command.to_owned(),
        by: by.map(str::to_owned),
        said: said.to_owned(),
    };
    vec![
        one(
            14,
            340,
            "serve",
            Some("grail-0"),
            "done in 12.4 s\nupdated: lambda_function.checkout, rest_api.rest_api",
        ),
        one(
            13,
            9_000,
            "deploy",
            Some("ada@workshop"),
            "failed and rolled back in 48 s\nbecause: the role was refused",
        ),
        one(
            12,
            200_000,
            "deploy",
            None,
            "done in 131 s\ncreated: 77 resources",
        ),
    ]
}

fn started(step: &Step) -> Event {
    Event::Started {
        step: step.id,
        id: step.resource.clone(),
        action: "create".to_owned(),
        label: step.label.clone(),
    }
}

fn finished(step: &Step) -> Event {
    Event::Finished {
        step: step.id,
        id: step.resource.clone(),
        action: "create".to_owned(),
        took: Duration::from_millis(840),
    }
}

/// A pass in its middle: half of the steps are done, some are under way, one waits, one failed.
fn half_way(board: &Board, key: &StageKey, plan: &Plan, running: StageReport) {
    board.report(running, Timestamp::now());
    let tell = |event: &Event| board.event(key, event, Timestamp::now());
    tell(&Event::Planned {
        plan: Box::new(plan.clone()),
    });
    let half = plan.build.len() / 2;
    for step in &plan.build[..half] {
        tell(&started(step));
        tell(&finished(step));
    }
    for step in &plan.build[half..half + 4] {
        tell(&started(step));
    }
    tell(&Event::Waiting {
        id: plan.build[half].resource.clone(),
        on: "the role to be known everywhere".to_owned(),
    });
    tell(&Event::Failed {
        id: plan.build[half + 1].resource.clone(),
        why: "the account allows no more of them".to_owned(),
        hint: Some("ask for a higher limit".to_owned()),
    });
}

fn running(mut report: StageReport) -> StageReport {
    report.running = Some(Running {
        number: 3,
        because: [Wake::Changed, Wake::Asked].into(),
        files: ["app.py".into(), "chalicelib/prices.py".into()].into(),
        began: ago(20),
    });
    report
}

/// Makes a pass of a stage that is asked for.
struct Loops {
    board: Arc<Board>,
    plan: Plan,
}

impl Control for Loops {
    fn reconcile(&self, key: &StageKey) -> Result<(), Refused> {
        let report = self.board.stage(key).ok_or(Refused::Unknown)?;
        half_way(&self.board, key, &self.plan, running((*report).clone()));
        Ok(())
    }

    fn pause(&self, key: &StageKey, paused: bool) -> Result<(), Refused> {
        let mut report = (*self.board.stage(key).ok_or(Refused::Unknown)?).clone();
        report.paused = paused;
        self.board.report(report, Timestamp::now());
        Ok(())
    }

    fn wake(&self, _project: &str) -> Result<(), Refused> {
        Ok(())
    }

    fn waiting(&self) -> usize {
        0
    }
}

fn board(plan: &Plan) -> Board {
    let board = Board::default();
    board.configured(Configuration {
        at: ago(4000),
        refused: None,
    });
    let converged = End::Converged { changed: false };
    let mut drifted = report("drifted", Standing::Drifted, End::Reported, &[]);
    drifted.drift = vec![
        "lambda_function.checkout: memory 128 -> 512".to_owned(),
        "s3_notification.uploads: a stranger's entry was added".to_owned(),
    ];
    let why = [
        "rest_api.rest_api: could not be brought back: AccessDenied",
        "let the role of grail call apigateway:PUT, then `grail rollback`",
    ];
    let mut stuck = report("stuck", Standing::Stuck, End::Stuck, &why);
    stuck.failures = 3;
    let mut elsewhere = report("two", Standing::Elsewhere, End::Locked, &[]);
    elsewhere.holder = Some("grail-1".to_owned());
    let mut fresh = StageReport::new(key("fresh"), "https://code.example/bazaar.git");
    fresh.paused = true;
    for report in [
        drifted,
        stuck,
        elsewhere,
        fresh,
        report(
            "back",
            Standing::RolledBack,
            End::RolledBack,
            &["lambda_function.checkout: too large"],
        ),
        report(
            "refused",
            Standing::Refused,
            End::Refused { lasting: true },
            &["app.py:12: no such module"],
        ),
        report("calm", Standing::Converged, converged, &[]),
        report("live", Standing::Converged, converged, &[]),
        report("dev", Standing::Converged, converged, &[]),
    ] {
        let of = report.key.clone();
        board.report(report, ago(300));
        if of.stage != "fresh" {
            board.draw(&of, at_rest(plan));
            board.remember(&of, history());
        }
    }
    half_way(
        &board,
        &key("dev"),
        plan,
        running((*board.stage(&key("dev")).unwrap()).clone()),
    );
    board
}

/// What is wrong with the page in Chromium: by the rules of accessibility, in light and dark, on a phone, with the keyboard
/// alone, without scripts, and live. The pictures are left under the target directory, to be looked at.
#[test]
fn the_page_can_be_read_and_used_by_everybody() {
    let plan = plan();
    assert!(plan.build.len() > 60, "{}", plan.build.len());
    let board = Arc::new(board(&plan));
    let control = Arc::new(Loops {
        board: Arc::clone(&board),
        plan,
    });
    let (stop, signal) = StopSignal::new();
    let mut settings = HttpSettings::at(([127, 0, 0, 1], 0).into());
    settings.replica = "grail-0".to_owned();
    let listening = runtime::block_on(listen(settings, board, control, signal)).unwrap();
    let look = browser::look(&format!("http://{}", listening.address));
    assert!(
        look.wrong.is_empty(),
        "{}\n{}",
        look.wrong.join("\n"),
        look.folder.display()
    );
    assert!(look.seen.len() > 40, "{:#?}", look.seen);
    stop.send(Some("the end".to_owned())).unwrap();
    runtime::block_on(listening.task).unwrap();
}
