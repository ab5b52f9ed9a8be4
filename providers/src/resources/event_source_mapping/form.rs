//! The form of a mapping, its limits, and what the ARN of a source says.

use grail_state::template::has_stand_in;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::arn::Arn;
use crate::port::Invalid;

/// The largest batch of any source but a FIFO queue (API reference, `CreateEventSourceMapping`).
const LARGEST_BATCH: i32 = 10_000;
/// The largest batch of a FIFO queue, and the largest that needs no window.
const SMALL_BATCH: i32 = 10;
/// The longest window, in seconds.
const LONGEST_WINDOW: i32 = 300;
/// The least and the most that a queue's concurrency can be limited to.
const CONCURRENCY: (i32, i32) = (2, 1000);
/// What makes a queue one that keeps the order.
const FIFO: &str = ".fifo";

/// What is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// A queue of SQS.
    Sqs,
    /// A stream of Kinesis.
    Kinesis,
    /// The stream of a DynamoDB table.
    Dynamodb,
}

/// A mapping of a source to a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What is polled.
    pub service: Service,
    /// The ARN of the queue or stream.
    pub source_arn: String,
    /// The name of the queue or Kinesis stream, as it stands in the ARN; none for the stream of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The ARN of the function.
    pub function: String,
    /// How many records the function is given at once, at most: 1 to 10,000, for a FIFO queue to 10.
    pub batch_size: i32,
    /// How long Lambda gathers a batch, in seconds: 0 to 300.
    #[serde(default)]
    pub maximum_batching_window: i32,
    /// How many of the function's instances a queue may keep busy, at most: 2 to 1,000. Queues only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_concurrency: Option<i32>,
    /// Where reading of a stream begins: `TRIM_HORIZON` or `LATEST`. Streams only. Counts when the mapping is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_position: Option<String>,
    /// Whether the source is polled.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// What the ARN of a source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    pub(super) service: Service,
    /// The name of the queue, the Kinesis stream, or the table.
    pub(super) name: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
}

impl<'a> Source<'a> {
    /// Takes the ARN of a queue, a Kinesis stream or a table's stream apart; `None` for all others.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let (service, name) = match arn.service {
            "sqs" => (Service::Sqs, arn.resource),
            "kinesis" => (Service::Kinesis, arn.resource.strip_prefix("stream/")?),
            "dynamodb" => {
                let (table, label) = arn.resource.strip_prefix("table/")?.split_once("/stream/")?;
                (Service::Dynamodb, (!label.is_empty()).then_some(table)?)
            }
            _ => return None,
        };
        let account = arn.account.len() == 12 && arn.account.bytes().all(|c| c.is_ascii_digit());
        let whole = !arn.partition.is_empty() && !arn.region.is_empty() && account;
        (whole && is_name(service, name)).then_some(Self {
            service,
            name,
            region: arn.region,
            account: arn.account,
        })
    }

    /// The name as Chalice's file has it.
    pub(super) fn shown_name(&self) -> Option<&'a str> {
        (self.service != Service::Dynamodb).then_some(self.name)
    }
}

fn is_name(service: Service, name: &str) -> bool {
    let (plain, longest, dots) = match service {
        Service::Sqs => (name.strip_suffix(FIFO).unwrap_or(name), 80, false),
        Service::Kinesis => (name, 128, true),
        Service::Dynamodb => (name, 255, true),
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (dots && c == '.');
    !plain.is_empty() && name.len() <= longest && plain.chars().all(legal)
}

impl Service {
    /// What it is, and the form of its ARN.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::Sqs => ("a queue", "arn:aws:sqs:REGION:ACCOUNT:NAME"),
            Self::Kinesis => ("a Kinesis stream", "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"),
            Self::Dynamodb => (
                "a table's stream",
                "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL",
            ),
        }
    }
}

fn invalid(field: &str, why: impl Into<String>) -> Invalid {
    Invalid {
        field: field.to_owned(),
        why: why.into(),
    }
}

impl Spec {
    /// What the source's ARN says, once it is known.
    pub(super) fn source(&self) -> Option<Source<'_>> {
        Source::parse(&self.source_arn)
    }

    /// Two mappings are equal if these are: the name is what the ARN says.
    pub(super) fn projected(&self) -> Value {
        let mut plain = self.clone();
        if let Some(source) = self.source() {
            plain.name = source.shown_name().map(ToOwned::to_owned);
        }
        // A mapping that has begun to read is past it.
        plain.starting_position = None;
        serde_json::to_value(plain).unwrap_or(Value::Null)
    }

    /// All that AWS would refuse.
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems: Vec<_> = self.arn_problem().into_iter().collect();
        problems.extend(self.batch_problem());
        problems.extend(self.window_problem());
        problems.extend(self.concurrency_problem());
        problems.extend(self.position_problem());
        problems
    }

    fn arn_problem(&self) -> Option<Invalid> {
        if has_stand_in(&self.source_arn) {
            return None;
        }
        let source = self.source().filter(|source| source.service == self.service);
        let Some(source) = source else {
            let (what, shape) = self.service.shape();
            let why = format!("`{}` is no ARN of {what} ({shape})", self.source_arn);
            return Some(invalid("source_arn", why));
        };
        let named = self.name.as_deref().filter(|name| !has_stand_in(name));
        let wrong = named.is_some() && named != source.shown_name();
        wrong.then(|| invalid("name", format!("is not the name in `{}`", self.source_arn)))
    }

    fn is_fifo(&self) -> bool {
        self.service == Service::Sqs && self.source_arn.ends_with(FIFO)
    }

    fn batch_problem(&self) -> Option<Invalid> {
        let size = self.batch_size;
        let (most, of) = if self.is_fifo() {
            (SMALL_BATCH, " of a FIFO queue")
        } else {
            (LARGEST_BATCH, "")
        };
        if !(1..=most).contains(&size) {
            return Some(invalid(
                "batch_size",
                format!("a batch{of} has 1 to {most} records, not {size}"),
            ));
        }
        let windowless =
            self.service == Service::Sqs && size > SMALL_BATCH && self.maximum_batching_window == 0;
        windowless.then(|| {
            let why = format!(
                "a queue's batch of more than {SMALL_BATCH} needs a batching window of at least 1 second"
            );
            invalid("batch_size", why)
        })
    }

    fn window_problem(&self) -> Option<Invalid> {
        let seconds = self.maximum_batching_window;
        let field = "maximum_batching_window";
        if !(0..=LONGEST_WINDOW).contains(&seconds) {
            let why = format!("a window lasts 0 to {LONGEST_WINDOW} seconds, not {seconds}");
            return Some(invalid(field, why));
        }
        (self.is_fifo() && seconds > 0).then(|| invalid(field, "a FIFO queue has no batching window"))
    }

    fn concurrency_problem(&self) -> Option<Invalid> {
        let limit = self.maximum_concurrency?;
        let (least, most) = CONCURRENCY;
        if self.service != Service::Sqs {
            return Some(invalid(
                "maximum_concurrency",
                "only a queue's concurrency can be limited",
            ));
        }
        (!(least..=most).contains(&limit)).then(|| {
            let why = format!("must be {least} to {most}, not {limit}");
            invalid("maximum_concurrency", why)
        })
    }

    fn position_problem(&self) -> Option<Invalid> {
        let why = match (self.service, self.starting_position.as_deref()) {
            (Service::Sqs, None) | (_, Some("LATEST" | "TRIM_HORIZON")) if self.fits_a_position() => {
                return None;
            }
            (Service::Sqs, _) => "a queue is read from its front and has no starting position".to_owned(),
            (_, None) => "a stream needs a starting position: `LATEST` or `TRIM_HORIZON`".to_owned(),
            (Service::Kinesis, Some("AT_TIMESTAMP")) => {
                "`AT_TIMESTAMP` needs a time, which cannot be said here: use `LATEST` or `TRIM_HORIZON`"
                    .to_owned()
            }
            (_, Some(other)) => format!("`{other}` is no starting position: use `LATEST` or `TRIM_HORIZON`"),
        };
        Some(invalid("starting_position", why))
    }

    /// Streams have a position, queues have none.
    fn fits_a_position(&self) -> bool {
        self.starting_position.is_some() != (self.service == Service::Sqs)
    }
}
