//! A function's subscription to a topic.
//!
//! Calls: to look `GetSubscriptionAttributes`, or `ListSubscriptionsByTopic` where no subscription's ARN is known (30 a
//! second); to make and remove `Subscribe` and `Unsubscribe` (100 a second). They go to the topic's region, which is in its
//! ARN and need not be ours.
//!
//! Identity: topic and function together: SNS has one subscription for a pair, and `Subscribe` gives the one that is there.
//! So nothing is lost where the topic is another account's and its subscriptions may not be listed: it counts as absent,
//! and subscribing again changes nothing. Chalice compares a topic's name with what the project says, which may be an ARN,
//! and then subscribes at every deploy (`chalice-deployer.md` 3.7); here ARNs are compared.
//!
//! The subscription to a topic of another account may likewise be hidden from us although it is ours: then it counts as
//! there, as recorded. Should it be gone, that is seen by nobody but the topic's owner.
//!
//! What others have set on it (a filter, a queue for what could not be delivered) stays and is told; where it was deleted,
//! the way back has it.
//!
//! A subscription that its owner has not confirmed counts as there. What the project calls the topic is not to be had from
//! SNS and stands in the outputs alone, so a change of it makes no call.

#[cfg(test)]
mod properties;
mod sought;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sns::config::{Builder, Region};
use aws_sdk_sns::error::ProvideErrorMetadata;
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::sought::{Page, Sought, There, is_subscription, seen};
use crate::aws::arn::{Arn, function_name};
use crate::aws::outcome::{Verdict, verdict};
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Effect, Failure, Invalid, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// The protocol of a subscription of a function.
const PROTOCOL: &str = "lambda";

/// A function's subscription to a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The topic as the project writes it: its name or its ARN.
    pub topic: String,
    /// The topic's ARN.
    pub topic_arn: String,
    /// The function's ARN.
    pub function: String,
    /// Attributes that others have set, by SNS's names. No wish has any; set where a subscription is brought back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// The resource type.
#[derive(Debug)]
pub struct SnsSubscription {
    context: Arc<Context>,
}

/// Sends a request to the region of `arn`, wherever the client is.
fn region_of(arn: &str) -> Builder {
    let region = Arn::parse(arn)
        .map(|arn| arn.region)
        .filter(|region| !region.is_empty());
    let mut config = Builder::new();
    config.set_region(region.map(|region| Region::new(region.to_owned())));
    config
}

impl SnsSubscription {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_sns::Client {
        self.context.clients.sns.read()
    }

    /// True if `arn` is of our own account.
    fn is_in_our_account(&self, arn: &str) -> bool {
        Arn::parse(arn).is_some_and(|arn| arn.account == self.context.account)
    }

    /// The subscription of this ARN, if it is one of a function. One of another account that is not for us to look at is
    /// there as `recorded`.
    async fn by_arn(&self, arn: &str, recorded: Option<There>) -> Result<Option<There>, Failure> {
        let request = self
            .read()
            .get_subscription_attributes()
            .subscription_arn(arn)
            .customize();
        let answer = request.config_override(region_of(arn)).send().await;
        let denied = matches!(&answer, Err(error) if verdict(error) == Verdict::Denied);
        if denied && !self.is_in_our_account(arn) {
            return Ok(recorded);
        }
        let Some(attributes) = answer
            .found("sns:GetSubscriptionAttributes")?
            .and_then(|answer| answer.attributes)
        else {
            return Ok(None);
        };
        let attribute = |name: &str| attributes.get(name).cloned();
        if attribute("PendingConfirmation").as_deref() == Some("true") {
            tracing::warn!(
                subscription = arn,
                "the subscription waits to be confirmed and delivers nothing until then"
            );
        }
        let there = attribute("TopicArn")
            .zip(attribute("Endpoint"))
            .map(|(topic_arn, function)| There {
                arn: arn.to_owned(),
                topic_arn,
                function,
                attributes: sought::additions(&attributes),
            });
        Ok(there.filter(|_| attribute("Protocol").as_deref() == Some(PROTOCOL)))
    }

    /// One page of the subscriptions to a topic; empty if there is no such topic, or if it is not for us to list them.
    async fn page(&self, topic_arn: &str, next: Option<String>) -> Result<Page, Failure> {
        let request = self
            .read()
            .list_subscriptions_by_topic()
            .topic_arn(topic_arn)
            .set_next_token(next)
            .customize();
        let answer = request.config_override(region_of(topic_arn)).send().await;
        match answer {
            Err(error) if verdict(&error) == Verdict::Denied && !self.is_in_our_account(topic_arn) => {
                Ok(Page::default())
            }
            answer => Ok(answer
                .found("sns:ListSubscriptionsByTopic")?
                .map_or_else(Page::default, |page| Page {
                    there: page.subscriptions().iter().filter_map(There::listed).collect(),
                    next: page.next_token,
                })),
        }
    }

    /// The subscription of a function to a topic.
    async fn by_pair(&self, topic_arn: &str, function: &str) -> Result<Option<There>, Failure> {
        let mut next = None;
        loop {
            let page = self.page(topic_arn, next.take()).await?;
            let following = page.next.clone();
            if let Some(found) = page.of(function) {
                return Ok(Some(found));
            }
            match following {
                Some(token) => next = Some(token),
                None => return Ok(None),
            }
        }
    }

    async fn look(&self, sought: &Sought) -> Result<Sight<Spec>, Failure> {
        if let Some(arn) = &sought.arn
            && let Some(there) = self.by_arn(arn, sought.recorded.clone()).await?
        {
            return Ok(Some(sought.seen(there)));
        }
        let (Some(topic_arn), Some(function)) = (&sought.topic_arn, &sought.function) else {
            return Ok(None);
        };
        Ok(self
            .by_pair(topic_arn, function)
            .await?
            .map(|there| sought.seen(there)))
    }

    async fn subscribe(&self, spec: &Spec) -> Result<String, Failure> {
        let attributes: HashMap<_, _> = spec.attributes.clone().into_iter().collect();
        let request = self
            .context
            .clients
            .sns
            .write()
            .subscribe()
            .topic_arn(&spec.topic_arn)
            .protocol(PROTOCOL)
            .endpoint(&spec.function)
            .set_attributes((!attributes.is_empty()).then_some(attributes))
            .return_subscription_arn(true)
            .customize();
        let answer = request.config_override(region_of(&spec.topic_arn)).send().await;
        let missing = matches!(&answer, Err(error) if verdict(error) == Verdict::NotFound);
        let answer = answer.wrote("sns:Subscribe").map_err(|failed| match missing {
            true => failed.with_hint(format!(
                "make the topic `{}` first: a project names its topics and does not make them",
                spec.topic_arn
            )),
            false => failed,
        })?;
        answer
            .subscription_arn
            .filter(|arn| is_subscription(arn))
            .ok_or_else(|| Failure {
                effect: Effect::Maybe,
                ..Failure::awaiting(
                    format!(
                        "the subscription to {} has no ARN before it is confirmed",
                        spec.topic_arn
                    ),
                    Duration::from_secs(5),
                    "the subscription to be confirmed",
                )
            })
    }

    async fn unsubscribe(&self, arn: &str) -> Result<(), Failure> {
        let request = self
            .context
            .clients
            .sns
            .write()
            .unsubscribe()
            .subscription_arn(arn)
            .customize();
        let answer = request.config_override(region_of(arn)).send().await;
        if let Err(error) = &answer
            && error
                .message()
                .is_some_and(|message| message.contains("pending confirmation"))
        {
            // SNS does not remove such a one, and drops it by itself after three days.
            tracing::warn!(
                subscription = arn,
                "the subscription was never confirmed; SNS will drop it"
            );
            return Ok(());
        }
        answer.gone("sns:Unsubscribe")
    }
}

impl Resource for SnsSubscription {
    const KIND: Kind = Kind::new("sns_subscription");
    const IMMUTABLE: &'static [&'static str] = &["function", "topic_arn"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const VOLATILE: &'static [&'static str] = &["topic"];
    const ACTIONS: &'static [&'static str] = &[
        "sns:GetSubscriptionAttributes",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:Subscribe",
        "sns:Unsubscribe",
    ];
    /// One `GetSubscriptionAttributes`. Lists would save calls only where several functions of a stack share a topic, and cost
    /// a page for each hundred subscriptions of others.
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[
            ("topic", "topic"),
            ("lambda_arn", "function_arn"),
            ("topic_arn", "topic_arn"),
        ],
        handle: Some("subscription_arn"),
        ..Wire::to("sns_event")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let invalid = |field: &str, why: String| Invalid {
            field: field.to_owned(),
            why,
        };
        let mut problems = Vec::new();
        if let Some(why) = why_no_topic(&spec.topic_arn) {
            problems.push(invalid("topic", format!("`{}` {why}", spec.topic)));
        }
        let is_function = Arn::parse(&spec.function).is_some_and(|arn| arn.service == "lambda");
        if !is_function && !has_stand_in(&spec.function) {
            problems.push(invalid(
                "function",
                format!("`{}` is not the ARN of a function", spec.function),
            ));
        }
        problems
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        json!({"topic": spec.topic, "topic_arn": spec.topic_arn, "function": spec.function})
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        Some(format!(
            "{} to {}",
            function_name(field("function")?),
            field("topic")?
        ))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        self.look(&Sought::new(&at)).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let arn = self.subscribe(request.spec).await?;
        Ok(seen(arn, request.spec.clone(), Proof::Ours))
    }

    /// Only what the project calls the topic can change.
    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        Ok(seen(request.handle.0.clone(), request.want.clone(), Proof::Ours))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        if is_subscription(&request.handle.0) {
            return self.unsubscribe(&request.handle.0).await;
        }
        // Recorded by Chalice before it was confirmed.
        let output = |name: &str| request.outputs.get(name).and_then(Value::as_str);
        let found = match (output("topic_arn"), output("function_arn")) {
            (Some(topic_arn), Some(function)) => self.by_pair(topic_arn, function).await?,
            _ => None,
        };
        match found {
            Some(there) => self.unsubscribe(&there.arn).await,
            None => Ok(()),
        }
    }

    /// The attributes besides, which the projected form leaves out.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        Ok(Some(Secured {
            spec: serde_json::to_value(&seen.spec).map_err(Failure::refused)?,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }

    /// A topic that may not be looked at may still be subscribed to.
    async fn verify(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        if has_stand_in(&spec.topic_arn) {
            return Ok(Vec::new());
        }
        let request = self
            .read()
            .get_topic_attributes()
            .topic_arn(&spec.topic_arn)
            .customize();
        let answer = request.config_override(region_of(&spec.topic_arn)).send().await;
        let why = match &answer {
            Err(error) => match verdict(error) {
                Verdict::Denied => return Ok(Vec::new()),
                Verdict::NotFound => "a project names its topics and does not make them".to_owned(),
                Verdict::Refused if error.code() == Some("InvalidParameter") => {
                    error.message().unwrap_or("its ARN is not valid").to_owned()
                }
                _ => return answer.read("sns:GetTopicAttributes").map(|_| Vec::new()),
            },
            Ok(_) => return Ok(Vec::new()),
        };
        Ok(vec![Invalid {
            field: "topic".to_owned(),
            why: format!("there is no topic {}: {why}", spec.topic_arn),
        }])
    }
}

/// Why no function can be subscribed to the topic of this ARN, as its form shows.
fn why_no_topic(arn: &str) -> Option<&'static str> {
    if has_stand_in(arn) {
        return None;
    }
    let Some(arn) = Arn::parse(arn).filter(|arn| arn.service == "sns") else {
        return Some("is not a topic's ARN");
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = arn.resource.strip_suffix(".fifo").unwrap_or(arn.resource);
    if arn.account.len() != 12 || !arn.account.chars().all(|c| c.is_ascii_digit()) || arn.region.is_empty() {
        Some("is not a topic's ARN: region or account are missing or wrong")
    } else if name.is_empty() || arn.resource.len() > 256 || !name.chars().all(plain) {
        Some("is not a topic's name: 1 to 256 letters, digits, `-` and `_`")
    } else if name.len() < arn.resource.len() {
        Some("is a FIFO topic, which delivers to queues only")
    } else {
        None
    }
}
