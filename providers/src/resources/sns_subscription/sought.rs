//! Which subscription a look is for, and how SNS shows one.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sns::types::Subscription;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Proof};
use serde_json::{Value, json};

use super::{PROTOCOL, Spec};
use crate::aws::arn::Arn;
use crate::port::{Locator, Seen};

/// What is no ARN stands for a subscription that is not confirmed: `pending confirmation`, `PendingConfirmation`.
pub(super) fn is_subscription(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.service == "sns" && arn.resource.contains(':'))
}

/// A subscription of a function, as SNS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct There {
    pub(super) arn: String,
    pub(super) topic_arn: String,
    pub(super) function: String,
    /// What others have set on it, as far as it was asked for: lists do not tell.
    pub(super) attributes: BTreeMap<String, String>,
}

/// Those of a subscription's attributes that somebody must have set: none of them is there by itself.
pub(super) fn additions(all: &HashMap<String, String>) -> BTreeMap<String, String> {
    let set = |name: &str| {
        let empty = |value: &&String| !matches!(value.as_str(), "" | "{}" | "false" | "null");
        all.get(name).filter(empty).cloned()
    };
    let names = [
        "DeliveryPolicy",
        "FilterPolicy",
        "RawMessageDelivery",
        "RedrivePolicy",
    ];
    let mut found: BTreeMap<_, _> = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), set(name)?)))
        .collect();
    // The scope of no filter is none.
    if let (true, Some(scope)) = (found.contains_key("FilterPolicy"), set("FilterPolicyScope")) {
        found.insert("FilterPolicyScope".to_owned(), scope);
    }
    found
}

impl There {
    /// From a list. One that is not confirmed has no ARN there.
    pub(super) fn listed(one: &Subscription) -> Option<Self> {
        let arn = one.subscription_arn().filter(|arn| is_subscription(arn))?;
        Some(Self {
            arn: arn.to_owned(),
            topic_arn: one.topic_arn()?.to_owned(),
            function: one
                .endpoint()
                .filter(|_| one.protocol() == Some(PROTOCOL))?
                .to_owned(),
            attributes: BTreeMap::new(),
        })
    }
}

/// The subscriptions to a topic, one page of them.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) there: Vec<There>,
    pub(super) next: Option<String>,
}

impl Page {
    /// The subscription of `function` on this page.
    pub(super) fn of(self, function: &str) -> Option<There> {
        self.there.into_iter().find(|one| one.function == function)
    }
}

/// What a look is for, as far as it is known.
pub(super) struct Sought {
    /// The subscription.
    pub(super) arn: Option<String>,
    pub(super) topic_arn: Option<String>,
    pub(super) function: Option<String>,
    /// The subscription as recorded.
    pub(super) recorded: Option<There>,
    /// What the project calls its topics, by their ARNs: first as recorded, then as wished.
    names: Vec<(Option<String>, String)>,
}

impl Sought {
    pub(super) fn new(at: &Locator<'_>) -> Self {
        let output = |name: &str| {
            at.record
                .and_then(|record| record.outputs.get(name))
                .and_then(Value::as_str)
        };
        let wished = |name: &str| at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
        let known = |text: Option<&str>| text.filter(|text| !has_stand_in(text)).map(ToOwned::to_owned);
        let recorded = at.record.filter(|record| is_subscription(&record.handle.0));
        let recorded = recorded.and_then(|record| {
            Some(There {
                arn: record.handle.0.clone(),
                topic_arn: known(output("topic_arn"))?,
                function: known(output("function_arn"))?,
                attributes: BTreeMap::new(),
            })
        });
        Self {
            recorded,
            arn: at
                .handle
                .map(|handle| handle.0.clone())
                .filter(|arn| is_subscription(arn)),
            topic_arn: known(wished("topic_arn")).or_else(|| known(output("topic_arn"))),
            function: known(wished("function")).or_else(|| known(output("function_arn"))),
            names: [
                known(output("topic")).map(|name| (known(output("topic_arn")), name)),
                known(wished("topic")).map(|name| (known(wished("topic_arn")), name)),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }

    pub(super) fn seen(&self, there: There) -> Seen<Spec> {
        let name = || there.topic_arn.rsplit(':').next().unwrap_or_default().to_owned();
        let called =
            |(arn, _): &&(Option<String>, String)| arn.as_ref().is_none_or(|arn| *arn == there.topic_arn);
        let topic = self
            .names
            .iter()
            .find(called)
            .map_or_else(name, |(_, name)| name.clone());
        let proof = if self.function.as_ref() == Some(&there.function) {
            Proof::Ours
        } else {
            Proof::NameOnly
        };
        let spec = Spec {
            topic,
            topic_arn: there.topic_arn,
            function: there.function,
            attributes: there.attributes,
        };
        seen(there.arn, spec, proof)
    }
}

pub(super) fn seen(arn: String, spec: Spec, proof: Proof) -> Seen<Spec> {
    let outputs = [
        ("arn", &arn),
        ("topic", &spec.topic),
        ("topic_arn", &spec.topic_arn),
        ("function_arn", &spec.function),
    ];
    Seen {
        outputs: outputs.map(|(name, text)| (name.to_owned(), json!(text))).into(),
        handle: Handle(arn),
        proof,
        additions: spec.attributes.keys().cloned().collect(),
        spec,
    }
}
