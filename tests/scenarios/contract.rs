//! The rules that every type of resource must keep to, tried on the real ones against both emulators.
//!
//! The rules are `grail_providers::contract`'s, the same that the model kinds are held to. A kind that has several faces (a
//! domain of either protocol, a mapping of a queue and of a stream) is tried in each of them. Each is tried in an account of
//! its own. Where an emulator is not as AWS, [`gaps`] says so; what fails and does not stand there fails the test, and so
//! does what stands there and does not fail.

mod account;
mod gaps;
mod samples;
pub(crate) mod strangers;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::contract::{Rule, Verdict, judge_one};
use grail_providers::resources;
use grail_state::Kind;
use grail_tests::runtime::block_on;

use self::account::Ours;
use self::gaps::{GAPS, SILENT};
use crate::emulated::Emulator;

/// Every kind in each of its faces: what the kind is called, and which of its forms is tried.
const FACES: [(&str, &str); 38] = [
    ("api_mapping", "rest"),
    ("api_mapping", "several parts"),
    ("api_mapping", "websocket"),
    ("api_stage", ""),
    ("custom_domain", "edge"),
    ("custom_domain", "regional"),
    ("custom_domain", "websocket"),
    ("dynamodb_table", ""),
    ("event_bus", ""),
    ("event_rule", "pattern"),
    ("event_rule", "schedule"),
    ("event_source_mapping", "dynamodb"),
    ("event_source_mapping", "kinesis"),
    ("event_source_mapping", "sqs"),
    ("function_url", ""),
    ("iam_role", ""),
    ("iam_role", "with a boundary"),
    ("kinesis_stream", ""),
    ("lambda_alias", ""),
    ("lambda_function", ""),
    ("lambda_function", "of a manifest"),
    ("lambda_function", "with dead letters"),
    ("lambda_layer", ""),
    ("lambda_permission", ""),
    ("lambda_version", ""),
    ("log_group", ""),
    ("provisioned_concurrency", ""),
    ("rest_api", "edge"),
    ("rest_api", "regional"),
    ("s3_bucket", ""),
    ("s3_notification", ""),
    ("sns_subscription", ""),
    ("sns_topic", ""),
    ("sns_topic", "fifo"),
    ("sqs_queue", ""),
    ("sqs_queue", "fifo"),
    ("websocket_api", ""),
    ("websocket_stage", ""),
];

/// The kind and the face, as they are told.
fn told(kind: &str, face: &str) -> String {
    format!("{kind} {face}").trim_end().to_owned()
}

/// What came of every rule on one face of one kind.
fn verdicts(emulator: Emulator, kind: &str, face: &'static str) -> BTreeMap<Rule, Verdict> {
    let mut account = Ours::on(emulator, face);
    let kind = Kind::named(kind);
    let judged = Rule::ALL.map(|rule| {
        let verdict = block_on(judge_one(&account, &kind, rule));
        if let Verdict::Broken(_) = verdict {
            // What it has left behind is in nobody's way.
            account = Ours::on(emulator, face);
        }
        (rule, verdict)
    });
    judged.into()
}

/// What is wrong with the verdicts on one face, and how many rules it kept.
fn wrong(emulator: Emulator, kind: &str, face: &'static str) -> (Vec<String>, usize) {
    let mut problems = Vec::new();
    let mut kept = 0;
    let name = told(kind, face);
    for (rule, verdict) in verdicts(emulator, kind, face) {
        let gap = GAPS
            .iter()
            .find(|gap| (gap.emulator, gap.kind, gap.rule) == (emulator, &*name, rule));
        let silent = SILENT
            .iter()
            .any(|(of, rules, _)| *of == kind && rules.contains(&rule));
        match (&verdict, gap, silent) {
            (Verdict::Kept, None, false) => kept += 1,
            (Verdict::Silent, None, true) | (Verdict::Broken(_), Some(_), _) => {}
            (Verdict::Broken(how), None, _) => {
                problems.push(format!("{name} breaks {rule:?} on {emulator:?}: {how}"));
            }
            (_, Some(gap), _) => problems.push(format!(
                "{name}, {rule:?} on {emulator:?} is {verdict:?}: it is no gap any more that {}",
                gap.reason
            )),
            (Verdict::Kept, None, true) => problems.push(format!("{name}, {rule:?} is not silent any more")),
            (Verdict::Silent, None, false) => problems.push(format!("{name}: {rule:?} says nothing")),
        }
    }
    (problems, kept)
}

#[expect(clippy::print_stdout, reason = "what was tried is told")]
fn every_kind_keeps_every_rule(emulator: Emulator) {
    let (mut problems, mut kept) = (Vec::new(), 0);
    for (kind, face) in FACES {
        let (more, here) = wrong(emulator, kind, face);
        problems.extend(more);
        kept += here;
    }
    let gaps = GAPS.iter().filter(|gap| gap.emulator == emulator).count();
    println!("{emulator:?}: {kept} rules kept, {gaps} gaps of the emulator");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_kind_keeps_every_rule_on_moto() {
    every_kind_keeps_every_rule(Emulator::Moto);
}

#[test]
fn every_kind_keeps_every_rule_on_ministack() {
    every_kind_keeps_every_rule(Emulator::MiniStack);
}

#[test]
fn no_kind_is_left_out() {
    let faces: BTreeSet<&str> = FACES.iter().map(|(kind, _)| *kind).collect();
    let kinds: BTreeSet<String> = resources::reads().keys().map(ToString::to_string).collect();
    assert_eq!(faces, kinds.iter().map(String::as_str).collect());
    for gap in GAPS {
        let known = FACES.iter().any(|(kind, face)| told(kind, face) == gap.kind);
        assert!(known, "there is no {}", gap.kind);
        assert!(!gap.reason.is_empty());
    }
}
