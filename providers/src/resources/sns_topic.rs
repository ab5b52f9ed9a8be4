//! A topic of SNS.
//!
//! Calls: to look `GetTopicAttributes` and `ListTagsForResource`; to make `CreateTopic`, which takes form and tags at once; to
//! change `SetTopicAttributes` (one attribute a call), `TagResource`, `UntagResource`; to remove `DeleteTopic`. Calls for tags
//! have 10 a second, most others 30 and more.
//!
//! Identity: the name and the tags ([`declared`](super::declared)); the ARN follows from the name. `CreateTopic` gives the topic
//! that is there without a word, so that each birth looks first.
//!
//! A deletion takes the subscriptions of others with it, and so it is protected.
//!
//! What it does not know: the topic's policy, its encryption and how deliveries are told. They stay as they are.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sns::types::Tag;
use grail_state::{Kind, StackId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::declared::{self, Declared, Tags, plain_tags, tag_changes, tag_problem};
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// The ending of the names of FIFO topics.
const FIFO: &str = ".fifo";

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name; that of a FIFO topic ends in `.fifo`.
    pub name: String,
    /// Whether messages keep their order and come once.
    #[serde(default)]
    pub fifo: bool,
    /// Whether two messages with the same contents are one, in a FIFO topic.
    #[serde(default)]
    pub content_deduplication: bool,
    /// What mails and text messages say that it is called.
    #[serde(default)]
    pub display_name: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The resource type.
#[derive(Debug)]
pub struct SnsTopic {
    context: Arc<Context>,
}

impl SnsTopic {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn write(&self) -> &aws_sdk_sns::Client {
        self.context.clients.sns.write()
    }

    fn arn(&self, name: &str) -> String {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        format!("arn:{partition}:sns:{region}:{account}:{name}")
    }

    fn is(&self, spec: &Spec) -> Seen<Spec> {
        self.seen(spec.clone(), &spec.tags, &[("arn", json!(self.arn(&spec.name)))])
    }
}

impl Spec {
    fn told(name: &str, told: &HashMap<String, String>, tags: Tags) -> Self {
        let holds = |attribute: &str| {
            told.get(attribute)
                .is_some_and(|text| text.eq_ignore_ascii_case("true"))
        };
        Self {
            name: name.to_owned(),
            fifo: holds("FifoTopic"),
            content_deduplication: holds("ContentBasedDeduplication"),
            display_name: told.get("DisplayName").cloned().unwrap_or_default(),
            tags,
        }
    }

    fn attributes(&self) -> HashMap<String, String> {
        let mut all = HashMap::new();
        if self.fifo {
            all.insert("FifoTopic".to_owned(), "true".to_owned());
            all.insert(
                "ContentBasedDeduplication".to_owned(),
                self.content_deduplication.to_string(),
            );
        }
        if !self.display_name.is_empty() {
            all.insert("DisplayName".to_owned(), self.display_name.clone());
        }
        all
    }

    /// What SNS would refuse (API reference, `CreateTopic`).
    fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let name = &self.name;
        let plain = name.strip_suffix(FIFO).unwrap_or(name);
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        demand(
            !plain.is_empty() && name.len() <= 256 && plain.chars().all(legal),
            "name",
            format!("`{name}`: the name of a topic is up to 256 letters, digits, `-` and `_`"),
        );
        demand(
            name.ends_with(FIFO) == self.fifo,
            "name",
            format!("`{name}`: the name of a FIFO topic, and of no other, ends in `{FIFO}`"),
        );
        demand(
            self.fifo || !self.content_deduplication,
            "content_deduplication",
            "only a FIFO topic knows which messages are the same".to_owned(),
        );
        let length = self.display_name.chars().count();
        demand(
            length <= 100,
            "display_name",
            format!("has {length} characters, and SNS takes 100"),
        );
        if let Some(why) = tag_problem(&self.tags) {
            demand(false, "tags", why);
        }
        problems
    }
}

fn sent(tags: &Tags) -> Vec<Tag> {
    let each = tags.iter();
    each.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}

impl Declared for SnsTopic {
    const SILENT: bool = true;

    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let (sns, arn) = (self.context.clients.sns.read(), self.arn(name));
        let form = sns.get_topic_attributes().topic_arn(&arn).send().await;
        let Some(form) = form.found("sns:GetTopicAttributes")? else {
            return Ok(None);
        };
        let tags = sns.list_tags_for_resource().resource_arn(&arn).send().await;
        let Some(tags) = tags.found("sns:ListTagsForResource")? else {
            return Ok(None);
        };
        let tags = tags.tags.unwrap_or_default().into_iter();
        let tags = plain_tags(tags.map(|tag| (tag.key, tag.value)));
        Ok(Some(self.is(&Spec::told(
            name,
            &form.attributes.unwrap_or_default(),
            tags,
        ))))
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        let attributes = want.attributes();
        let call = self
            .write()
            .create_topic()
            .name(&want.name)
            .set_attributes((!attributes.is_empty()).then_some(attributes))
            .set_tags(Some(sent(&want.tags)));
        requests.step(call.send().await.wrote("sns:CreateTopic"))?;
        Ok(Some(self.is(want)))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let (have, arn) = (have.spec, self.arn(&want.name));
        let once = want.content_deduplication.to_string();
        for (differs, attribute, value) in [
            (
                have.display_name != want.display_name,
                "DisplayName",
                &want.display_name,
            ),
            (
                have.content_deduplication != want.content_deduplication,
                "ContentBasedDeduplication",
                &once,
            ),
        ] {
            if differs {
                let call = self.write().set_topic_attributes().topic_arn(&arn);
                let call = call.attribute_name(attribute).attribute_value(value);
                requests.step(call.send().await.wrote("sns:SetTopicAttributes"))?;
            }
        }
        let (set, spare) = tag_changes(&have.tags, &want.tags);
        if !set.is_empty() {
            let call = self.write().tag_resource().resource_arn(&arn);
            requests.step(
                call.set_tags(Some(sent(&set)))
                    .send()
                    .await
                    .wrote("sns:TagResource"),
            )?;
        }
        if !spare.is_empty() {
            let call = self.write().untag_resource().resource_arn(&arn);
            requests.step(
                call.set_tag_keys(Some(spare))
                    .send()
                    .await
                    .wrote("sns:UntagResource"),
            )?;
        }
        Ok(self.is(want))
    }
}

impl Resource for SnsTopic {
    const KIND: Kind = Kind::new("sns_topic");
    const IMMUTABLE: &'static [&'static str] = &["fifo", "name"];
    const UNDELETE: Undelete = Undelete::Never;
    const KEEPS: bool = true;
    const ACTIONS: &'static [&'static str] = &[
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "sns:SetTopicAttributes",
        "sns:TagResource",
        "sns:UntagResource",
    ];
    const READS: Cost = Cost {
        each: 2,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        declared::observe(self, at).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        declared::create(self, request).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        declared::update(self, request).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let call = self.write().delete_topic().topic_arn(self.arn(&request.handle.0));
        call.send().await.gone("sns:DeleteTopic")
    }
}
