//! The whole surface, through the router or through sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::listener::Peer;
use super::settings::HttpSettings;
use super::site::{Clock, Site};
use super::{Secret, routes};
use crate::cli::report::plan::tests::{created, deleted, planned, updated};
use crate::engine::StopSignal;
use crate::event::Event;
use crate::graph::{Condition, Graph, Node};
use crate::plan::{Plan, StepId};
use crate::serve::board::{
    Board, Configuration, Control, History, LastPass, Next, Refused, Running, StageKey, StageReport, Standing,
};
use crate::watch::{End, Wake};

mod api;
mod events;
mod gate;
mod hostile;
mod metrics;
mod openapi;
mod page;
mod sockets;

/// What time it is in every test.
pub(super) const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

fn key(project: &str, stage: &str) -> StageKey {
    StageKey {
        project: project.into(),
        stage: stage.into(),
    }
}

fn shop() -> StageKey {
    key("shop", "dev")
}

/// Writes down what it is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Vec<String>>);

impl Asked {
    fn add(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Control for Asked {
    fn reconcile(&self, key: &StageKey) -> Result<(), Refused> {
        match (&*key.project, &*key.stage) {
            ("shop", "paused") => Err(Refused::Paused),
            ("shop", _) => {
                self.add(format!("reconcile {key}"));
                Ok(())
            }
            _ => Err(Refused::Unknown),
        }
    }

    fn pause(&self, key: &StageKey, paused: bool) -> Result<(), Refused> {
        if key.project != "shop" {
            return Err(Refused::Unknown);
        }
        self.add(format!("{} {key}", if paused { "pause" } else { "resume" }));
        Ok(())
    }

    fn wake(&self, project: &str) -> Result<(), Refused> {
        self.add(format!("wake {project}"));
        Ok(())
    }

    fn waiting(&self) -> usize {
        3
    }
}

/// A plan with one of everything.
fn plan() -> Plan {
    planned(
        vec![
            created(0, "iam_role.default-role", json!({"name": "shop-dev"})),
            updated(
                1,
                "lambda_function.door",
                json!({"name": "shop-dev-door", "memory": 256}),
                json!({"name": "shop-dev-door", "memory": 128}),
            ),
        ],
        vec![deleted(2, "sqs_queue.old", "old")],
    )
}

fn last(end: End, why: &[&str]) -> LastPass {
    LastPass {
        number: 7,
        because: [Wake::Timer, Wake::Changed].into(),
        end,
        why: why.iter().map(|line| (*line).to_owned()).collect(),
        began: at(-120),
        took_ms: 4200,
    }
}

/// A board with a stage of each standing, and one in the middle of a pass.
fn board() -> Arc<Board> {
    let board = Board::default();
    board.configured(Configuration {
        at: at(-900),
        refused: None,
    });
    for (name, standing) in [
        ("calm", Standing::Converged),
        ("drifted", Standing::Drifted),
        ("back", Standing::RolledBack),
        ("refused", Standing::Refused),
        ("open", Standing::Open),
        ("stuck", Standing::Stuck),
        ("elsewhere", Standing::Elsewhere),
        ("paused", Standing::Converged),
    ] {
        let mut report = StageReport::new(key("shop", name), "https://code.example/shop.git");
        report.standing = standing;
        report.paused = name == "paused";
        report.last = Some(last(End::Converged { changed: true }, &[]));
        if name == "drifted" {
            report.drift = vec!["lambda_function.door: memory 128 -> 512".into()];
        }
        if name == "stuck" {
            report.failures = 3;
            report.last = Some(last(
                End::Stuck,
                &["rest_api.rest_api could not be deleted", "look at it"],
            ));
        }
        report.holder = Some(if name == "elsewhere" { "two" } else { "one" }.into());
        report.next = Some(Next {
            at: at(60),
            wake: Wake::Timer,
        });
        board.report(report, at(-100));
    }
    let mut report = StageReport::new(shop(), "/srv/shop");
    report.revision = Some("0123abc".into());
    report.standing = Standing::Converged;
    report.running = Some(Running {
        number: 8,
        because: [Wake::Changed].into(),
        files: ["app.py".into()].into(),
        began: at(-10),
    });
    board.report(report, at(-10));
    board.draw(&shop(), graph());
    board.remember(
        &shop(),
        vec![History {
            serial: 4,
            at: at(-4000),
            command: "deploy".into(),
            by: Some("ada".into()),
            said: "done in 4.2 s".into(),
        }],
    );
    let happens = |event: Event, seconds| board.event(&shop(), &event, at(seconds));
    happens(
        Event::Planned {
            plan: Box::new(plan()),
        },
        -9,
    );
    happens(
        Event::Started {
            step: StepId(0),
            id: "iam_role.default-role".parse().unwrap(),
            action: "create".into(),
            label: None,
        },
        -8,
    );
    happens(
        Event::Finished {
            step: StepId(0),
            id: "iam_role.default-role".parse().unwrap(),
            action: "create".into(),
            took: Duration::from_millis(900),
        },
        -7,
    );
    happens(
        Event::Retrying {
            id: "lambda_function.door".parse().unwrap(),
            why: "too many requests".into(),
            after: Duration::from_secs(2),
        },
        -6,
    );
    board.passed(
        &key("shop", "calm"),
        End::Converged { changed: true },
        Duration::from_millis(4200),
        at(-5),
    );
    Arc::new(board)
}

fn graph() -> Graph {
    let node = |needs: &[&str]| Node {
        needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
        ..Node::default()
    };
    let mut graph = Graph {
        title: "shop-dev".into(),
        nodes: Default::default(),
    };
    graph.nodes.insert(
        "lambda_function.door".parse().unwrap(),
        node(&["iam_role.default-role"]),
    );
    graph.nodes.insert("sqs_queue.old".parse().unwrap(), node(&[]));
    let drifted = Node {
        condition: Condition::Drifted,
        ..node(&["lambda_function.door"])
    };
    graph.nodes.insert("event_rule.daily".parse().unwrap(), drifted);
    graph
}

/// A listener without a socket.
pub(super) struct World {
    pub(super) site: Arc<Site>,
    pub(super) board: Arc<Board>,
    asked: Arc<Asked>,
    stop: watch::Sender<Option<String>>,
    app: Router,
}

fn settings(address: &str) -> HttpSettings {
    HttpSettings {
        replica: "one".into(),
        clock: Clock::new(|| at(0)),
        ..HttpSettings::at(address.parse().unwrap())
    }
}

const TOKEN: &str = "a token of some length";

impl World {
    fn new(settings: HttpSettings) -> Self {
        Self::over(settings, board())
    }

    pub(super) fn over(settings: HttpSettings, board: Arc<Board>) -> Self {
        let (sender, stop) = StopSignal::new();
        let asked = Arc::new(Asked::default());
        let address = settings.listen;
        let site = Site::new(
            settings,
            address,
            Arc::clone(&board),
            Arc::clone(&asked) as _,
            stop,
        );
        let site = Arc::new(site.unwrap());
        Self {
            app: routes::router(Arc::clone(&site)),
            site,
            board,
            asked,
            stop: sender,
        }
    }

    /// On loopback, with a webhook.
    fn local() -> Self {
        let mut settings = settings("127.0.0.1:7373");
        settings
            .webhooks
            .insert("shop".into(), Secret::new("It's a Secret to Everybody"));
        Self::new(settings)
    }

    /// For everybody who has the token.
    fn guarded() -> Self {
        let mut settings = settings("0.0.0.0:7373");
        settings.token = Some(Secret::new(TOKEN));
        Self::new(settings)
    }

    async fn ask(&self, request: Request<Body>) -> Reply {
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            code: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask(request("GET", path, &[], "")).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.ask(request("POST", path, headers, body)).await
    }
}

/// A request as a program on this machine makes it.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:7373");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.extension(Peer { certified: false });
    request.body(Body::from(body.to_owned())).unwrap()
}

#[derive(Debug)]
struct Reply {
    code: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn expect_problem(&self, code: u16, kind: &str) -> Value {
        let problem = self.json();
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(
            (&problem["type"], &problem["status"]),
            (&json!(format!("urn:grail:{kind}")), &json!(code))
        );
        problem
    }
}
