//! A subscription of a function to a topic: Subscribe, which answers a second time with what is there. Topic and function
//! together are its identity. How the topic was written in the source is remembered in the record, and a change of that alone
//! needs no call.

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{names, seen, text};
use super::physics::{Progress, Refused};
use super::world::{Subscription, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelSubscription(pub(super) Cloud);

/// The form of a subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    topic: String,
    topic_arn: String,
    function: String,
}

impl Resource for ModelSubscription {
    const KIND: Kind = Kind::new("sns_subscription");
    const IMMUTABLE: &'static [&'static str] = &["topic_arn", "function"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["topic"];
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

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let recorded = at
            .record
            .and_then(|record| record.outputs.get("topic"))
            .and_then(Value::as_str);
        let written = recorded.or(text(at.spec, "topic")).map(ToOwned::to_owned);
        let natural = match (text(at.spec, "topic_arn"), text(at.spec, "function")) {
            (Some(topic), Some(function)) if at.handle.is_none_or(|_| at.record.is_none()) => {
                self.0
                    .read("ListSubscriptionsByTopic", topic, |world| {
                        subscribed(world, topic, function)
                    })
                    .await?
            }
            _ => None,
        };
        let see = |world: &World, arn: &str| see(world, arn, written.as_deref());
        self.0
            .find("GetSubscriptionAttributes", names(&at, natural), see)
            .await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec.clone();
        let mut progress = Progress::default();
        let made = self
            .0
            .write("Subscribe", &request.spec.topic_arn, move |world, _| {
                if let Some(there) = subscribed(world, &spec.topic_arn, &spec.function) {
                    return Ok(there);
                }
                let arn = world.fresh_id(&format!("{}:", spec.topic_arn));
                let topic = world
                    .topics
                    .get_mut(&spec.topic_arn)
                    .ok_or(Refused::NotFound(spec.topic_arn))?;
                let subscription = Subscription {
                    endpoint: spec.function,
                };
                topic.insert(arn.clone(), subscription);
                Ok(arn)
            });
        let arn = progress.step(made.await)?;
        let see = |world: &World, arn: &str| see(world, arn, Some(&request.spec.topic));
        self.0
            .left("GetSubscriptionAttributes", &arn, &progress, see)
            .await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let see = |world: &World, arn: &str| see(world, arn, Some(&request.want.topic));
        let arn = &request.handle.0;
        self.0
            .left("GetSubscriptionAttributes", arn, &Progress::default(), see)
            .await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let arn = request.handle.0.clone();
        let gone = self.0.write("Unsubscribe", &request.handle.0, move |world, _| {
            for topic in world.topics.values_mut() {
                topic.remove(&arn);
            }
            Ok(())
        });
        Ok(gone.await?)
    }
}

fn subscribed(world: &World, topic: &str, function: &str) -> Option<String> {
    let mut there = world.topics.get(topic)?.iter();
    let ours = there.find(|(_, subscription)| subscription.endpoint == function);
    ours.map(|(arn, _)| arn.clone())
}

fn see(world: &World, arn: &str, written: Option<&str>) -> Option<Seen<Spec>> {
    let (topic_arn, subscriptions) = world.topics.iter().find(|(_, there)| there.contains_key(arn))?;
    let function = &subscriptions.get(arn)?.endpoint;
    let topic = written.unwrap_or(topic_arn);
    let spec = Spec {
        topic: topic.to_owned(),
        topic_arn: topic_arn.clone(),
        function: function.clone(),
    };
    let outputs = [
        ("arn", json!(arn)),
        ("topic", json!(topic)),
        ("topic_arn", json!(topic_arn)),
        ("function_arn", json!(function)),
    ];
    Some(seen(arn, spec, outputs, Proof::Ours))
}
