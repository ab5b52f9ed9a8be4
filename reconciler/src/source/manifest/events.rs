//! What may call a function.
//!
//! An event is known by its function and its kind. Where a function has several of one kind, all but one need a `name`, so
//! that each stays the same whatever order they stand in.

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::{Brief, Document, Word};
use super::shape::{FILTER_ID, NAME};

/// Something that calls a function.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// At times: `rate(5 minutes)`, `cron(0 12 * * ? *)`.
    Schedule(Brief<Schedule, Word>),
    /// On events of the account's bus.
    Pattern(Pattern),
    /// When something happens to objects of a bucket: in a word, the bucket.
    S3(Brief<Bucket, Word>),
    /// On messages of a topic: in a word, its name or ARN.
    Sns(Brief<Topic, Word>),
    /// With messages of a queue: in a word, its name or ARN.
    Sqs(Brief<Queue, Word>),
    /// With records of a Kinesis stream: in a word, its name or ARN.
    Kinesis(Brief<Stream, Word>),
    /// With changes of a table: in a word, the ARN of its stream.
    Dynamodb(Brief<Stream, Word>),
    /// On requests to a REST API: in a word, `GET /things/{id}`.
    Http(Brief<Http, Word>),
    /// On messages over a WebSocket API: in a word, the route's key.
    Websocket(Brief<Websocket, Word>),
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// `rate(5 minutes)`, `cron(0 12 * * ? *)`.
    pub expression: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Whether it fires.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Its name in AWS; without it `<app>-<stage>-<function>-event`.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub rule: Option<String>,
}

/// Events of a pattern.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// Which events: an object of EventBridge's pattern language.
    pub event: Document,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Whether it fires.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Its name in AWS; without it `<app>-<stage>-<function>-event`.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub rule: Option<String>,
}

/// Notifications of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// A bucket of this manifest, or one by its name.
    #[schemars(length(min = 1, max = 63))]
    pub bucket: String,
    /// What happens; without it `s3:ObjectCreated:*`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub events: Option<Vec<String>>,
    /// How keys begin.
    #[serde(default)]
    #[schemars(length(max = 1024), extend("pattern" = FILTER_ID))]
    pub prefix: Option<String>,
    /// How keys end.
    #[serde(default)]
    #[schemars(length(max = 1024), extend("pattern" = FILTER_ID))]
    pub suffix: Option<String>,
}

/// Messages of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// A topic of this manifest, or one by its name, of this account and region, or by its ARN.
    #[schemars(length(min = 1, max = 400))]
    pub topic: String,
}

/// Messages of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// A queue of this manifest, or one by its name, of this account and region, or by its ARN.
    #[schemars(length(min = 1, max = 400))]
    pub queue: String,
    /// How many messages come at once, at most; without it 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: Option<u32>,
    /// How long a batch is gathered, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 300))]
    pub batching_window: Option<u32>,
    /// How many instances of the function it keeps busy, at most.
    #[serde(default)]
    #[schemars(range(min = 2, max = 1000))]
    pub maximum_concurrency: Option<u32>,
    /// How long a message is hidden once it was taken, in seconds, where the queue is known to say so: it must be no less
    /// than the function's `timeout`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 43200))]
    pub visibility_timeout: Option<u32>,
    /// Whether it is polled.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// Records of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Which of several.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// A stream or a table of this manifest, the name of a Kinesis stream, of this account and region, or an ARN.
    #[schemars(length(min = 1, max = 400))]
    pub stream: String,
    /// How many records come at once, at most; without it 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: Option<u32>,
    /// How long a batch is gathered, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 300))]
    pub batching_window: Option<u32>,
    /// Where reading begins; without it at the newest record.
    #[serde(default)]
    pub starting_position: Option<Position>,
    /// Whether it is polled.
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// Where reading of a stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// At the next record.
    #[default]
    Latest,
    /// At the oldest record that is kept.
    Oldest,
}

impl Position {
    /// Lambda's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "LATEST",
            Self::Oldest => "TRIM_HORIZON",
        }
    }
}

/// A route of a REST API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Method and path: `GET /things/{id}`. `ANY` stands for every method.
    #[schemars(length(min = 3))]
    pub route: String,
    /// The API; without it the only one, or one called `rest_api` that is made for it.
    #[serde(default)]
    pub api: Option<String>,
    /// Whether a key is asked for.
    #[serde(default)]
    pub api_key_required: Option<bool>,
    /// Who decides on requests: an authorizer of the API, or `aws_iam`.
    #[serde(default)]
    pub authorizer: Option<String>,
    /// Scopes that the authorizer asks for.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Whether pages of other origins may call it.
    #[serde(default)]
    pub cors: Option<bool>,
}

/// A route of a WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Websocket {
    /// `$connect`, `$disconnect`, `$default`, or what the messages name.
    #[schemars(length(min = 1, max = 128))]
    pub route: String,
    /// The API; without it the only one, or one called `websocket_api` that is made for it.
    #[serde(default)]
    pub api: Option<String>,
}
