//! A mapping that has Lambda poll a queue or a stream and hand what it finds to a function: SQS, Kinesis, DynamoDB.
//!
//! Calls to look: `ListEventSourceMappings`, whose answers hold all that a wish can name, so that one call serves a hundred
//! mappings; `GetEventSourceMapping` for one alone and while one is waited for. To make, change and end:
//! `CreateEventSourceMapping`, `UpdateEventSourceMapping`, `DeleteEventSourceMapping`. All share 15 calls a second with the
//! rest of Lambda. Each of the three only begins something: it is over when the mapping's state says so.
//!
//! Identity: the UUID, else function and source. Lambda keeps one mapping of a function to a source and refuses a second
//! one, so what the state has lost is found again and never made twice. A mapping is ours if its function is; it bears no
//! mark, since the lists do not show tags.
//!
//! A mapping on its way out counts as absent, and a new one in its place waits until it is gone.
//!
//! The function can be changed, and the mapping then goes on where it was: so a handler that is renamed loses nothing of its
//! stream. The source cannot: a new mapping is made beside the old one, which goes after the commit, because a stream's
//! position is lost with its mapping. For the same reason every deletion waits for the commit, that of a queue's
//! mapping too, where nothing would be lost: how well a deletion can be taken back is said of a kind, not of a form.
//!
//! The starting position counts at birth alone, as in Chalice: a living mapping has read on since, so that another wish is
//! no difference.
//!
//! What it does not know: filters, destinations, retries and all else that Chalice cannot say. They stay as they are.

mod form;
mod listing;
mod mapping;
mod sources;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;

use grail_state::digest::Digester;
use grail_state::{Kind, Wire};
use serde_json::Value;

pub use form::{Service, Spec};

use self::listing::Sought;
use self::mapping::{Mapping, Standing};
use self::writing::seen;
use crate::aws::arn::function_name;
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen, Sight,
    Undelete,
};

/// The resource type.
#[derive(Debug)]
pub struct EventSourceMapping {
    context: Arc<Context>,
}

impl EventSourceMapping {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_lambda::Client {
        self.context.clients.lambda.read()
    }

    fn write(&self) -> &aws_sdk_lambda::Client {
        self.context.clients.lambda.write()
    }
}

/// The entries of Chalice's file for one of the services. The order of the keys is Chalice's (`chalice-deployer.md` 1.2).
const fn wire(
    resource_type: &'static str,
    service: &'static str,
    keys: &'static [(&'static str, &'static str)],
) -> Wire {
    Wire {
        keys,
        handle: Some("event_uuid"),
        when: Some(("service", service)),
        ..Wire::to(resource_type)
    }
}

impl Resource for EventSourceMapping {
    const KIND: Kind = Kind::new("event_source_mapping");
    const IMMUTABLE: &'static [&'static str] = &["service", "source_arn"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:GetEventSourceMapping",
        "lambda:ListEventSourceMappings",
        "lambda:UpdateEventSourceMapping",
        "sqs:GetQueueUrl",
    ];
    /// Pages of all mappings in the account and region. In an account with many strangers' mappings listing ends after as
    /// many pages as there are mappings to look at; what was not seen by then is asked for alone.
    const READS: Cost = Cost {
        each: 0,
        lists: 1,
        page: listing::PAGE,
    };
    const WIRES: &'static [Wire] = &[
        wire(
            "sqs_event",
            "sqs",
            &[
                ("queue_arn", "source_arn"),
                ("event_uuid", "uuid"),
                ("queue", "name"),
                ("lambda_arn", "function_arn"),
            ],
        ),
        wire(
            "kinesis_event",
            "kinesis",
            &[
                ("kinesis_arn", "source_arn"),
                ("event_uuid", "uuid"),
                ("stream", "name"),
                ("lambda_arn", "function_arn"),
            ],
        ),
        wire(
            "dynamodb_event",
            "dynamodb",
            &[
                ("stream_arn", "source_arn"),
                ("event_uuid", "uuid"),
                ("lambda_arn", "function_arn"),
            ],
        ),
    ];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        spec.projected()
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        let source = field("name").or_else(|| field("source_arn"))?;
        Some(format!("{source} to {}", function_name(field("function")?)))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        self.look(&Sought::new(&at)).await
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        let sought: Vec<_> = at.iter().map(Sought::new).collect();
        self.look_at_all(&sought).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        let Some(made) = self.send_create(want).await? else {
            return self.made_before(want).await;
        };
        if made.standing(want.enabled) != Standing::Reached {
            let settled = self.settled(&made.uuid, want.enabled).await;
            settled.map_err(Failure::after_change)?;
        }
        Ok(seen(&made.uuid, want))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (uuid, want) = (&request.handle.0, request.want);
        let changed: Mapping = self.send_update(uuid, want, request.diff).await?;
        if changed.standing(want.enabled) != Standing::Reached {
            let settled = self.settled(uuid, want.enabled).await;
            settled.map_err(Failure::after_change)?;
        }
        Ok(seen(uuid, want))
    }

    /// When it was last changed: one call.
    async fn examine(&self, have: Removal<'_>, _kin: &Kin) -> Examined {
        let client = self.context.clients.lambda.read();
        let asked = client
            .get_event_source_mapping()
            .uuid(&have.handle.0)
            .send()
            .await;
        let there = asked.found("lambda:GetEventSourceMapping");
        Examined::dated(there.map(|there| there?.last_modified))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let uuid = &request.handle.0;
        if self.send_delete(uuid).await? {
            self.until_gone(uuid).await.map_err(Failure::after_change)?;
        }
        Ok(())
    }

    /// The starting position besides, which the projected form leaves out and a form of a stream must have. Of a mapping
    /// that began at a time, which no wish can say, the one that loses no record.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let mut whole = seen.spec.clone();
        let known = matches!(
            whole.starting_position.as_deref(),
            Some("LATEST" | "TRIM_HORIZON")
        );
        if whole.service != Service::Sqs && !known {
            whole.starting_position = Some("TRIM_HORIZON".to_owned());
        }
        let spec = serde_json::to_value(&whole)
            .map_err(|error| Failure::refused(format!("the mapping cannot be written down: {error}")))?;
        Ok(Some(Secured {
            spec,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }

    async fn verify(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        self.source_problems(spec).await
    }
}
