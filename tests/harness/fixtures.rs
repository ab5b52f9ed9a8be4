//! The fixture projects under `tests/fixtures`, and what must be in an account before they can be deployed there.
//!
//! | Fixture | What is in it |
//! | --- | --- |
//! | `rest` | plain REST: path parameters, several methods, CORS, api keys, content types, docstrings, a generated policy |
//! | `rest-auth` | all four kinds of authorizer, scopes, forms of CORS, binary types; stages `regional` and `private` |
//! | `functions` | functions alone: memory, timeout, environment, tags, layer, concurrency, tracing, log retention |
//! | `blueprints` | blueprints with prefixes, a role for each function, merged tags and environment, VPC, a borrowed role |
//! | `settings` | every setting of a function at each place where it can stand; stages `lent` and `files` for its role |
//! | `schedules` | schedules in every form, event patterns |
//! | `buckets` | bucket notifications, several on one bucket, beside those of others |
//! | `topics` | subscriptions, by name and by ARN |
//! | `queues` | queues by name and by ARN, FIFO, scaling |
//! | `streams` | Kinesis and DynamoDB |
//! | `websocket` | a WebSocket API alone |
//! | `domains` | custom domains of both kinds of API, edge and regional, at the root and under prefixes |
//! | `layered` | dependencies in a layer, other layers, another architecture, a private API for one endpoint |
//! | `private-api` | private APIs, functions in a network |
//! | `everything` | every decorator at once, from the app and from a blueprint |
//!
//! `tests/COVERAGE.md` says which decorator, keyword and setting stands where; a test writes and compares it.

use std::io::Write;

use aws_sdk_s3::types::{
    Event, EventBridgeConfiguration, FilterRule, FilterRuleName, LambdaFunctionConfiguration,
};
use aws_sdk_s3::types::{
    NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration, S3KeyFilter,
};

use crate::account::Account;
use crate::project::Project;
use crate::runtime;

/// One fixture: its folder and the stages it can be deployed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixture {
    /// Folder under `tests/fixtures`.
    pub name: &'static str,
    /// Stages of its `config.json`.
    pub stages: &'static [&'static str],
}

const fn fixture(name: &'static str, stages: &'static [&'static str]) -> Fixture {
    Fixture { name, stages }
}

/// Plain REST.
pub const REST: Fixture = fixture("rest", &["dev", "prod"]);
/// Authorizers, scopes, forms of CORS, endpoint types.
pub const REST_AUTH: Fixture = fixture("rest-auth", &["dev", "regional", "private"]);
/// Functions alone.
pub const FUNCTIONS: Fixture = fixture("functions", &["dev"]);
/// Blueprints, a role for each function, merged settings, VPC.
pub const BLUEPRINTS: Fixture = fixture("blueprints", &["dev"]);
/// Every setting of a function at each place where it can stand.
pub const SETTINGS: Fixture = fixture("settings", &["dev", "lent", "files"]);
/// Schedules and event patterns.
pub const SCHEDULES: Fixture = fixture("schedules", &["dev", "prod"]);
/// Bucket notifications.
pub const BUCKETS: Fixture = fixture("buckets", &["dev"]);
/// Subscriptions to topics.
pub const TOPICS: Fixture = fixture("topics", &["dev"]);
/// Queues.
pub const QUEUES: Fixture = fixture("queues", &["dev"]);
/// Kinesis and DynamoDB streams.
pub const STREAMS: Fixture = fixture("streams", &["dev"]);
/// A WebSocket API.
pub const WEBSOCKET: Fixture = fixture("websocket", &["dev"]);
/// Custom domains.
pub const DOMAINS: Fixture = fixture("domains", &["dev", "prod", "both"]);
/// A managed layer.
pub const LAYERED: Fixture = fixture("layered", &["dev", "plain"]);
/// Private APIs.
pub const PRIVATE_API: Fixture = fixture("private-api", &["dev", "office"]);
/// Every decorator at once.
pub const EVERYTHING: Fixture = fixture("everything", &["dev"]);
/// Every fixture.
pub const ALL: [Fixture; 15] = [
    REST,
    REST_AUTH,
    FUNCTIONS,
    BLUEPRINTS,
    SETTINGS,
    SCHEDULES,
    BUCKETS,
    TOPICS,
    QUEUES,
    STREAMS,
    WEBSOCKET,
    DOMAINS,
    LAYERED,
    PRIVATE_API,
    EVERYTHING,
];

/// The role that `blueprints` borrows.
pub const BORROWED_ROLE: &str = "lent-to-fleet";
/// The certificates that projects name, each with the seed that makes moto name it so.
const CERTIFICATES: [(u32, &str); 2] = [
    (1, "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    (2, "d95bafc8-f2a4-427b-9cf4-bb99f4bea973"),
];
/// What they are for.
const CERTIFIED: [&str; 3] = ["*.example.com", "*.window.example.com", "*.bazaar.example.com"];
/// How the ARN of a table's stream goes on after the table's name.
const STREAM: &str = "/stream/";

impl Fixture {
    /// A copy of the project.
    pub fn project(&self) -> Project {
        Project::fixture(self.name)
    }

    /// Puts into the account what the project takes for granted, and gives a copy of the project that names it.
    pub fn prepared(&self, account: &Account) -> Project {
        self.prepare(account);
        let project = self.project();
        self.fit(account, &project);
        project
    }

    /// Puts into the account what the project takes for granted.
    pub fn prepare(&self, account: &Account) {
        let layers = |names: &[&str]| {
            for name in names {
                let arn = account.publish_layer(name);
                assert!(arn.ends_with(":1"), "prepare each account once: {arn}");
            }
        };
        let certificates = || {
            for (seed, id) in CERTIFICATES {
                let arn = account.issue_certificate(seed, &CERTIFIED);
                assert!(
                    arn.ends_with(id),
                    "moto names the certificate of seed {seed} {arn}"
                );
            }
        };
        match self.name {
            "functions" => layers(&["shared"]),
            "blueprints" => _ = account.make_role(BORROWED_ROLE),
            "settings" => {
                layers(&["shared", "extra"]);
                for role in ["lent-to-tuned", "lent-to-one"] {
                    account.make_role(role);
                }
            }
            "buckets" => make_buckets(account),
            "topics" => {
                for topic in ["herald-news", "herald-weather"] {
                    account.make_topic(topic);
                }
            }
            "queues" => {
                for queue in ["mill-grain", "mill-flour", "mill-bran", "mill-orders.fifo"] {
                    account.make_queue(queue);
                }
            }
            "streams" => {
                for stream in ["river-boats", "river-fish"] {
                    account.make_stream(stream);
                }
                account.make_table("river-levels");
            }
            "domains" => certificates(),
            "layered" => layers(&["shared", "extra"]),
            "everything" => {
                certificates();
                account.make_bucket("bazaar-goods");
                account.make_topic("bazaar-bell");
                account.make_queue("bazaar-queue");
                account.make_stream("bazaar-crowd");
                account.make_table("bazaar-prices");
            }
            _ => {}
        }
    }

    /// Makes the project's configuration name the streams of this account's tables, whose ARNs have the time of their making.
    pub fn fit(&self, account: &Account, project: &Project) {
        const FILE: &str = ".chalice/config.json";
        for table in ["river-levels", "bazaar-prices"] {
            let text = project.read(FILE);
            let start = format!(":table/{table}{STREAM}");
            if let Some((before, after)) = text.split_once(&start) {
                let stream = account.stream_of_table(table).unwrap_or_default();
                let made = stream.rsplit(STREAM).next().unwrap_or_default();
                let after = after.split_once('"').map_or("", |(_, after)| after);
                project.write(FILE, &format!("{before}{start}{made}\"{after}"));
            }
        }
    }
}

/// Three buckets, of which one tells others already: a queue, another function, EventBridge.
fn make_buckets(account: &Account) {
    for bucket in ["album-photos", "album-archive", "album-words"] {
        account.make_bucket(bucket);
    }
    let queue = account.make_queue("album-audit");
    let function = account.make_function("album-indexer");
    account.let_bucket_call("album-photos", "album-indexer");
    let prefix = FilterRule::builder().name(FilterRuleName::Prefix).value("index/");
    let filter = NotificationConfigurationFilter::builder()
        .key(S3KeyFilter::builder().filter_rules(prefix.build()).build())
        .build();
    let indexed = LambdaFunctionConfiguration::builder()
        .id("index")
        .lambda_function_arn(function)
        .events(Event::S3ObjectCreated)
        .filter(filter);
    let audited = QueueConfiguration::builder()
        .id("audit")
        .queue_arn(queue)
        .events(Event::from("s3:ObjectRestore:*"));
    let (indexed, audited) = (indexed.build(), audited.build());
    let theirs = NotificationConfiguration::builder()
        .lambda_function_configurations(indexed.expect("an entry with function and events is whole"))
        .queue_configurations(audited.expect("an entry with queue and events is whole"))
        .event_bridge_configuration(EventBridgeConfiguration::builder().build());
    let asked = account
        .s3()
        .put_bucket_notification_configuration()
        .bucket("album-photos");
    let put = runtime::block_on(asked.notification_configuration(theirs.build()).send());
    put.unwrap_or_else(|error| panic!("configuring the notifications of others: {error:?}"));
}

/// A zip archive of these files, as one that a test uploads itself.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        let started = writer.start_file(*name, zip::write::SimpleFileOptions::default());
        started.expect("starting a file of an archive in memory");
        writer
            .write_all(text.as_bytes())
            .expect("writing an archive in memory");
    }
    writer
        .finish()
        .expect("finishing an archive in memory")
        .into_inner()
}
