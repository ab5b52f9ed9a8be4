//! A project with something of every kind, deployed, and the account behind grail's back.

use std::collections::{BTreeMap, BTreeSet};

use grail_tests::account::Account;
use grail_tests::cli::Run;
use grail_tests::fixtures::EVERYTHING;
use grail_tests::runtime;
use serde_json::Value;

use super::Fields;
use crate::ground::Ground;

/// The stage, and what is recorded in it.
pub(crate) struct Scene {
    pub(crate) ground: Ground,
    handles: BTreeMap<String, String>,
}

/// A manifest beside the project.
const LEDGER: &str = "\
grail: 1
app: bazaar
functions:
  ledger:
    runtime: python3.12
    handler: ledger.handler
    description: keeps the books
    ephemeral_storage: 1024
    role: {boundary: \"arn:aws:iam::aws:policy/PowerUserAccess\"}
    publish: true
    aliases: {live: {}}
    url: {auth: none, cors: {origins: [\"https://bazaar.example.com\"]}}
    code: {inline: \"def handler(event, context): return event\\n\"}
queues: {errands: {}}
topics: {cries: {}}
tables: {stalls: {attributes: {id: S, who: S}, key: {partition: id}, indexes: {by-who: {partition: who}}, stream: new}}
buckets: {crates: {}}
streams: {carts: {shards: 1}}
buses: {gate: {tags: {team: bazaar}}}
";

/// Calls of a thorough look that moto has not, or answers wrongly. The kinds' own tests have them.
const NOT_IN_MOTO: [&str; 2] = [
    "apigateway:GET failed: status 500 without a word",
    "lambda:ListFunctionEventInvokeConfigs",
];

/// Calls that are the test's own: what fails, fails the test.
#[track_caller]
pub(crate) fn done<T: Send, E: std::fmt::Debug + Send>(call: impl Future<Output = Result<T, E>> + Send) -> T {
    runtime::block_on(call).unwrap()
}

impl Scene {
    /// Everything, deployed.
    pub(crate) fn deployed() -> Scene {
        let ground = Ground::prepared(EVERYTHING);
        // A layer of our own, and a size from which answers are compressed.
        ground.project.write("vendor/scales/__init__.py", "WEIGHT = 1\n");
        ground.project.configure(|config| {
            config["automatic_layer"] = true.into();
            config["minimum_compression_size"] = 2048.into();
        });
        // A function that states what Chalice's cannot.
        ground.project.write("grail.yaml", LEDGER);
        ground.run(&["deploy"]).expect_success();
        let status = ground.status();
        let resources = status["resources"].as_array().unwrap().iter();
        let handles = resources.map(|one| {
            let text = |field: &str| one[field].as_str().unwrap().to_owned();
            (text("id"), text("handle"))
        });
        Scene {
            handles: handles.collect(),
            ground,
        }
    }

    pub(crate) fn account(&self) -> &Account {
        &self.ground.account
    }

    /// The handle of a resource.
    pub(crate) fn handle(&self, id: &str) -> &str {
        &self.handles[id]
    }

    /// The resources of a kind, with their handles.
    pub(crate) fn all(&self, kind: &str) -> Vec<(String, String)> {
        let start = format!("{kind}.");
        let all = self.handles.iter().filter(|(id, _)| id.starts_with(&start));
        let all: Vec<_> = all.map(|(id, handle)| (id.clone(), handle.clone())).collect();
        assert!(!all.is_empty(), "there is no {kind}");
        all
    }

    /// One of a kind, chosen by its number: another one for each number as long as there are enough.
    pub(crate) fn one(&self, kind: &str, number: usize) -> (String, String) {
        let all = self.all(kind);
        all[number % all.len()].clone()
    }

    /// What `grail drift` reports, whose exit code is `code`.
    #[track_caller]
    pub(crate) fn drift(&self, code: i32) -> (Run, Value) {
        let run = self.ground.run(&["drift", "--output", "json"]).expect_code(code);
        let report = run.events().into_iter().find(|event| event["event"] == "drift");
        let report = report.unwrap_or_else(|| panic!("no report in {run}"));
        assert_eq!(report["unseen"], serde_json::json!([]), "{run}");
        let unexamined = report["unexamined"].as_array().unwrap().iter();
        for one in unexamined {
            let why = one["why"].as_str().unwrap();
            assert!(NOT_IN_MOTO.iter().any(|call| why.contains(call)), "{why}\n{run}");
        }
        (run, report)
    }

    #[track_caller]
    pub(crate) fn assert_no_drift(&self) {
        let (run, report) = self.drift(0);
        assert_eq!(report["drifted"], serde_json::json!([]), "{run}");
        self.ground.run(&["plan", "--detailed-exitcode"]).expect_code(0);
    }

    /// What `drift` tells of others, by resource.
    pub(crate) fn children(&self) -> Fields {
        let run = self.ground.run(&["drift", "--output", "json"]);
        let report = run
            .events()
            .into_iter()
            .find(|event| event["event"] == "drift")
            .unwrap();
        let all = report["additions"].as_array().unwrap().iter();
        all.map(|one| {
            let words = one["additions"].as_array().unwrap().iter();
            let words: BTreeSet<_> = words.map(|words| words.as_str().unwrap().to_owned()).collect();
            (one["id"].as_str().unwrap().to_owned(), words)
        })
        .collect()
    }

    /// Fails unless exactly these children are told.
    #[track_caller]
    pub(crate) fn expect_children(&self, children: &Fields) {
        assert_eq!(&self.children(), children);
    }

    /// A plan that has something to do.
    #[track_caller]
    pub(crate) fn plan(&self, more: &[&str]) -> (Run, Value) {
        let words = ["plan", "--detailed-exitcode", "--output", "json"];
        let run = self.ground.run(&[&words, more].concat()).expect_code(2);
        let planned = run.events().into_iter().find(|event| event["event"] == "planned");
        let plan = planned.unwrap()["plan"].clone();
        (run, plan)
    }

    /// The fields that a plan would change because they were changed outside, whatever it takes; fails if it would do anything
    /// else.
    #[track_caller]
    pub(crate) fn planned(&self) -> Fields {
        let (run, plan) = self.plan(&[]);
        let list = |name: &str| plan[name].as_array().unwrap().clone();
        let steps = [list("build"), list("sweep")].concat();
        let mut fields = Fields::new();
        for step in &steps {
            let action = &step["action"];
            if action["replaced_by"].is_u64() {
                continue;
            }
            assert_eq!(step["why"], "changed_outside", "{run}");
            let paths = match action["action"].as_str().unwrap() {
                "update" => {
                    let fields = action["diff"]["fields"].as_array().unwrap().iter();
                    fields
                        .map(|field| field["path"].as_str().unwrap().to_owned())
                        .collect()
                }
                _ => {
                    let old = steps.iter().find(|old| old["id"] == action["replaces"]).unwrap();
                    differing(&step["wanted"], &old["have"]["spec"])
                }
            };
            fields.insert(step["resource"].as_str().unwrap().to_owned(), paths);
        }
        fields
    }
}

/// The fields of two forms that differ.
fn differing(one: &Value, other: &Value) -> BTreeSet<String> {
    let keys = |form: &Value| form.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let all = keys(one).into_iter().chain(keys(other));
    all.filter(|key| one[key.as_str()] != other[key.as_str()])
        .collect()
}
