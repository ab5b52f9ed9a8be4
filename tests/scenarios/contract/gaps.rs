//! Where the emulators are not as AWS, and which rules say nothing of which kinds.

use grail_providers::contract::Rule;

use crate::emulated::Emulator;

/// A rule that cannot be kept on an emulator, and why that is the emulator's doing.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) emulator: Emulator,
    /// The kind with its face.
    pub(super) kind: &'static str,
    pub(super) rule: Rule,
    /// What the emulator does, in a sentence's end: "it is a gap that ...".
    pub(super) reason: &'static str,
}

/// Every one of them.
pub(super) const GAPS: &[Gap] = &[
    second_mapping("event_source_mapping dynamodb"),
    second_mapping("event_source_mapping kinesis"),
    second_mapping("event_source_mapping sqs"),
    no_dead_letters(Rule::CreateCreate),
    no_dead_letters(Rule::CreateRead),
    no_dead_letters(Rule::UpdateRead),
    no_dead_letters(Rule::DeleteCreate),
    no_dead_letters(Rule::SecureRestore),
    no_dead_letters(Rule::Projection),
    no_dead_letters(Rule::Wires),
    nothing_ready(Rule::CreateCreate),
    nothing_ready(Rule::CreateRead),
    nothing_ready(Rule::UpdateRead),
    nothing_ready(Rule::UpdateGone),
    nothing_ready(Rule::DeleteRead),
    nothing_ready(Rule::DeleteDelete),
    nothing_ready(Rule::DeleteCreate),
    nothing_ready(Rule::Marks),
    nothing_ready(Rule::LooksOnly),
    nothing_ready(Rule::SecureRestore),
    nothing_ready(Rule::Projection),
    nothing_ready(Rule::Lenient),
];

/// moto's published versions.
const fn nothing_ready(rule: Rule) -> Gap {
    Gap {
        emulator: Emulator::Moto,
        kind: "provisioned_concurrency",
        rule,
        reason: "moto keeps no instances ready",
    }
}

/// moto's functions.
const fn no_dead_letters(rule: Rule) -> Gap {
    Gap {
        emulator: Emulator::Moto,
        kind: "lambda_function with dead letters",
        rule,
        reason: "moto forgets where dead letters go, and leaves the ephemeral storage of a living function as it is",
    }
}

/// MiniStack's mappings.
const fn second_mapping(kind: &'static str) -> Gap {
    Gap {
        emulator: Emulator::MiniStack,
        kind,
        rule: Rule::CreateCreate,
        reason: "MiniStack makes a second mapping of a source to a function, where Lambda refuses it and names the first",
    }
}

const NO_CHANGE: &[Rule] = &[Rule::UpdateRead, Rule::UpdateGone];
const NOBODY_ELSE: &[Rule] = &[Rule::Foreign];

/// The rules that say nothing of a kind, and why; the same for every emulator and for the model kinds.
pub(super) const SILENT: &[(&str, &[Rule], &str)] = &[
    ("lambda_layer", NO_CHANGE, "a version never changes"),
    (
        "lambda_layer",
        &[Rule::SecureRestore],
        "it goes after the commit alone, and never comes back",
    ),
    ("lambda_layer", NOBODY_ELSE, "the service numbers versions"),
    (
        "sns_subscription",
        NO_CHANGE,
        "topic and function are all there is of it",
    ),
    (
        "sns_subscription",
        NOBODY_ELSE,
        "there is one for a pair, of which the function is ours",
    ),
    (
        "websocket_stage",
        NO_CHANGE,
        "API, name and contents are all there is of it",
    ),
    ("websocket_stage", NOBODY_ELSE, "it is part of an API of ours"),
    ("api_stage", NOBODY_ELSE, "it is part of an API of ours"),
    (
        "event_source_mapping",
        NOBODY_ELSE,
        "it is part of a function of ours",
    ),
    ("log_group", NOBODY_ELSE, "it is named after a function of ours"),
    ("rest_api", NOBODY_ELSE, "the service chooses the id"),
    ("websocket_api", NOBODY_ELSE, "the service chooses the id"),
    (
        "s3_notification",
        NOBODY_ELSE,
        "entries of others lie beside ours, not in their place",
    ),
    ("lambda_permission", NOBODY_ELSE, "its id says that it is ours"),
    (
        "lambda_permission",
        &[Rule::Wires],
        "Chalice's file does not know of it",
    ),
    ("lambda_version", NO_CHANGE, "a version never changes"),
    (
        "lambda_version",
        &[Rule::SecureRestore],
        "it goes after the commit alone, and never comes back",
    ),
    ("lambda_version", NOBODY_ELSE, "the service numbers versions"),
    ("lambda_version", &[Rule::Wires], "Chalice has none"),
    ("lambda_alias", NOBODY_ELSE, "it is part of a function of ours"),
    ("lambda_alias", &[Rule::Wires], "Chalice has none"),
    (
        "provisioned_concurrency",
        NOBODY_ELSE,
        "it is part of a function of ours",
    ),
    ("provisioned_concurrency", &[Rule::Wires], "Chalice has none"),
    ("function_url", NOBODY_ELSE, "it is part of a function of ours"),
    ("function_url", &[Rule::Wires], "Chalice has none"),
    ("dynamodb_table", &[Rule::Wires], "Chalice makes none"),
    ("event_bus", &[Rule::Wires], "Chalice makes none"),
    ("kinesis_stream", &[Rule::Wires], "Chalice makes none"),
    ("s3_bucket", &[Rule::Wires], "Chalice makes none"),
    ("sns_topic", &[Rule::Wires], "Chalice makes none"),
    ("sqs_queue", &[Rule::Wires], "Chalice makes none"),
];
