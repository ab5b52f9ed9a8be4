//! A project that both tools deploy to one account, and what a story asks of it.

use std::collections::{BTreeMap, BTreeSet};

use grail_tests::account::Account;
use grail_tests::chalice::Chalice;
use grail_tests::cli::Grail;
use grail_tests::difference::assert_same;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::Fixture;
use grail_tests::project::Project;
use grail_tests::proxy::{Fault, On, Proxy};
use grail_tests::world::World;
use serde_json::{Value, json};

/// A project in a stage, and an account that both tools work on.
pub(super) struct Stand {
    _moto: Moto,
    pub(super) proxy: Proxy,
    account: Account,
    pub(super) project: Project,
    fixture: Fixture,
    pub(super) stage: &'static str,
    before: World,
}

impl Stand {
    pub(super) fn new(fixture: Fixture, stage: &'static str) -> Stand {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let account = Account::at(&proxy.quiet_endpoint());
        let project = fixture.prepared(&account);
        Stand {
            before: World::read(&account),
            proxy,
            account,
            project,
            fixture,
            stage,
            _moto: moto,
        }
    }

    pub(super) fn chalice(&self) -> Chalice {
        Chalice::new(&self.project, &self.proxy.endpoint())
    }

    pub(super) fn grail(&self) -> Grail {
        Grail::new(env!("CARGO_BIN_EXE_grail"), &self.project, &self.proxy.endpoint())
    }

    pub(super) fn world(&self) -> World {
        World::read(&self.account)
    }

    /// Runs grail, and returns the names of its write calls in alphabetical order.
    #[track_caller]
    pub(super) fn writes_of(&self, arguments: &[&str]) -> Vec<String> {
        self.proxy.forget_calls();
        let all = [arguments, &["--stage", self.stage]].concat();
        self.grail().run(&all).expect_success();
        let calls = self.proxy.calls().writes();
        let mut names: Vec<String> = calls.names().into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// A deploy of grail makes these write calls, in whatever order, and the next one none.
    #[track_caller]
    pub(super) fn deploys_with(&self, writes: &[&str]) {
        assert_eq!(self.writes_of(&["deploy"]), sorted(writes));
        self.is_at_rest();
    }

    /// A deploy of grail finds nothing to do and touches nothing, not even a file of Chalice's.
    #[track_caller]
    pub(super) fn is_at_rest(&self) {
        let (world, record) = (self.world(), self.exact_record());
        assert_eq!(
            self.writes_of(&["deploy"]),
            [""; 0],
            "an unchanged redeploy writes"
        );
        self.world().assert_untouched_since(&world);
        assert_eq!(
            self.exact_record(),
            record,
            "an unchanged redeploy rewrites the state file"
        );
    }

    /// The plan of a deploy: what each step does to which resource.
    #[track_caller]
    pub(super) fn plan(&self) -> Vec<String> {
        let (world, record) = (self.world(), self.record());
        let run = self
            .grail()
            .run(&["plan", "--format", "json", "--stage", self.stage])
            .expect_success();
        let plan: Value = serde_json::from_str(&run.stdout).unwrap();
        self.world().assert_untouched_since(&world);
        assert_eq!(self.record(), record, "a plan rewrites the state file");
        steps(&plan)
    }

    /// Chalice's file, but for the number of a layer's version: publishing anew is how a layer changes.
    pub(super) fn record(&self) -> String {
        let text = self.exact_record();
        let lines = text.lines().map(|line| match line.split_once("managed-layer:") {
            Some((before, _)) => format!("{before}managed-layer:<number>\n"),
            None => format!("{line}\n"),
        });
        lines.collect()
    }

    fn exact_record(&self) -> String {
        self.project.deployed_text(self.stage).unwrap_or_default()
    }

    /// Chalice's file but for the name of the API handler's log group, which Chalice gets wrong.
    pub(super) fn record_but_for_logs(&self) -> String {
        without_logs(&self.record())
    }

    /// The account holds just these things, log groups aside: nothing was made twice.
    #[track_caller]
    pub(super) fn holds(&self, names: &BTreeMap<String, Vec<String>>) {
        let (mut now, mut expected) = (self.world().names(), names.clone());
        now.remove("log_groups");
        expected.remove("log_groups");
        assert_eq!(now, expected);
        for (name, function) in self.world().exact()["functions"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let policy = function["policy"].as_array().cloned().unwrap_or_default();
            let distinct: BTreeSet<String> = policy.iter().map(without_id).collect();
            assert_eq!(
                policy.len(),
                distinct.len(),
                "{name} has a permission twice: {policy:#?}"
            );
        }
    }

    /// What both tools say is the URL; none where there is no REST API.
    #[track_caller]
    pub(super) fn urls(&self) -> Option<String> {
        let arguments = ["url", "--stage", self.stage];
        let (theirs, ours) = (self.chalice().run(&arguments), self.grail().run(&arguments));
        if self.world().names()["rest_apis"].is_empty() {
            assert_ne!(ours.code, Some(0), "{ours}");
            return None;
        }
        let [theirs, ours] = [theirs, ours].map(|run| run.expect_success().stdout);
        assert_eq!(theirs, ours);
        Some(ours)
    }

    /// The account is what one deployment of the project as it is now makes of an untouched one. Log groups stay aside:
    /// what was made once stays.
    #[track_caller]
    pub(super) fn is_as_deployed_at_once(&self) {
        let clean = Stand::new(self.fixture, self.stage);
        for (file, content) in self.project.files() {
            let text = String::from_utf8_lossy(&content).into_owned();
            let name = file.to_string_lossy().into_owned();
            if !["grail/", "deployed", "deployments"]
                .iter()
                .any(|ours| name.contains(ours))
            {
                clean.project.write(&name, &text);
            }
        }
        self.fixture.fit(&clean.account, &clean.project);
        clean.writes_of(&["deploy"]);
        let [now, clean] = [self.world(), clean.world()].map(|world| {
            let mut value = world.comparable();
            value["log_groups"] = Value::Null;
            value
        });
        assert_same(("now", "deployed at once"), &now, &clean);
    }

    /// Chalice deploys and is refused at the call that `on` takes; it records nothing.
    #[track_caller]
    pub(super) fn fails_in_chalice(&self, on: On) {
        let rule = self.proxy.inject(on, Fault::access_denied());
        let run = self.chalice().run(&["deploy", "--stage", self.stage]);
        assert_ne!(run.code, Some(0), "{run}");
        assert_eq!(rule.struck(), 1);
        self.proxy.heal();
        assert_eq!(self.record(), "", "Chalice recorded something");
    }

    /// The account is as it was before anything was deployed, and Chalice's file records nothing.
    #[track_caller]
    pub(super) fn is_empty(&self) {
        assert_eq!(self.project.deployed(self.stage)["resources"], json!([]));
        let (before, mut now) = (self.before.comparable(), self.world().comparable());
        // A log group stays for its logs, with either tool; its retention goes.
        let kept = now["log_groups"].as_object().cloned().unwrap_or_default();
        for (name, group) in kept {
            assert_eq!(group["retention_days"], Value::Null, "{name} keeps its retention");
        }
        now["log_groups"] = before["log_groups"].clone();
        assert_same(("before", "after the deletion"), &before, &now);
    }

    #[track_caller]
    pub(super) fn deletes(&self) {
        self.writes_of(&["delete"]);
        self.is_empty();
        assert_eq!(self.writes_of(&["delete"]), [""; 0], "a second deletion writes");
    }
}

/// A state file with one word for the name of the API handler's log group.
pub(super) fn without_logs(record: &str) -> String {
    let mut of_api = false;
    let lines = record.lines().map(|line| {
        let words = line.trim();
        if words.starts_with("\"name\":") {
            of_api = words.contains("api_handler-log-group");
        }
        if of_api && words.starts_with("\"log_group_name\":") {
            "<log group of the API handler>\n".to_owned()
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

/// A state file without the TLS versions of domains: of all that is recorded, an edit of a story changes these alone.
pub(super) fn without_tls(record: &str) -> String {
    let recorded = record
        .lines()
        .filter(|line| !line.contains("\"security_policy\":"));
    recorded.map(|line| format!("{line}\n")).collect()
}

/// A statement without its id, which either tool chooses.
fn without_id(statement: &Value) -> String {
    let mut statement = statement.clone();
    if let Some(fields) = statement.as_object_mut() {
        fields.remove("identity");
        fields.remove("Sid");
    }
    statement.to_string()
}

/// Names in alphabetical order; ` x3` behind a name means three of them.
fn sorted(names: &[&str]) -> Vec<String> {
    let each = names.iter().flat_map(|word| {
        let (name, times) = word.split_once(" x").unwrap_or((word, "1"));
        let times = times.parse().unwrap_or_else(|_| panic!("{word} has no number"));
        std::iter::repeat_n(name.to_owned(), times)
    });
    let mut names: Vec<String> = each.collect();
    names.sort_unstable();
    names
}

fn steps(plan: &Value) -> Vec<String> {
    let halves = ["build", "sweep"].map(|half| plan[half].as_array().cloned().unwrap_or_default());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let each = halves.iter().flatten().map(|step| {
        let (resource, action) = (word(&step["resource"]), word(&step["action"]["action"]));
        format!("{resource}: {action}, {}", word(&step["why"]))
    });
    each.collect()
}
