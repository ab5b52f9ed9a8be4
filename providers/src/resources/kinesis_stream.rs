//! A stream of Kinesis.
//!
//! Calls: to look `DescribeStreamSummary` and `ListTagsForStream`; to make `CreateStream` with tags; to change `UpdateStreamMode`,
//! `UpdateShardCount`, `IncreaseStreamRetentionPeriod` or `DecreaseStreamRetentionPeriod`, `AddTagsToStream`,
//! `RemoveTagsFromStream`, each of which leaves the stream busy for a while, which is waited for; to remove `DeleteStream`, with its
//! consumers. Most have 5 a second, `DescribeStreamSummary` 20.
//!
//! Identity: the name and the tags ([`declared`](super::declared)). Where the service has made a stream and left out its tags,
//! they are added.
//!
//! `UpdateShardCount` goes to twice or half of what there is at most, and ten times in 24 hours; `UpdateStreamMode` twice in 24
//! hours (API reference). A wish that goes further is led there by steps.
//!
//! What it does not know: encryption, enhanced metrics, consumers, policies. They stay as they are.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types as kinesis;
use grail_state::{Kind, StackId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::declared::{self, Declared, Tags, plain_tags, tag_changes, tag_problem};
use crate::aws::outcome::{Sequence, Verdict, verdict};
use crate::aws::{Context, Outcome, wait};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// How many shards it has; without it as many as there is need of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// For how long a record is kept, in hours.
    #[serde(default = "a_day")]
    pub retention: u32,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

fn a_day() -> u32 {
    24
}

/// The resource type.
#[derive(Debug)]
pub struct KinesisStream {
    context: Arc<Context>,
}

impl KinesisStream {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_kinesis::Client {
        self.context.clients.kinesis.read()
    }

    fn write(&self) -> &aws_sdk_kinesis::Client {
        self.context.clients.kinesis.write()
    }

    fn arn(&self, name: &str) -> String {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        format!("arn:{partition}:kinesis:{region}:{account}:stream/{name}")
    }

    fn is(&self, spec: &Spec) -> Seen<Spec> {
        self.seen(spec.clone(), &spec.tags, &[("arn", json!(self.arn(&spec.name)))])
    }

    async fn summary(&self, name: &str) -> Result<Option<kinesis::StreamDescriptionSummary>, Failure> {
        let call = self.read().describe_stream_summary().stream_name(name);
        let answer = call.send().await.found("kinesis:DescribeStreamSummary")?;
        Ok(answer.and_then(|answer| answer.stream_description_summary))
    }

    /// Waits until the stream, which was `made` just now or before, can be changed.
    async fn ready(&self, name: &str, made: bool) -> Result<kinesis::StreamDescriptionSummary, Failure> {
        let active = |summary: &kinesis::StreamDescriptionSummary| {
            summary.stream_status == kinesis::StreamStatus::Active
        };
        let on = "the stream to become ready";
        declared::until_ready(name, on, made, || self.summary(name), active).await
    }

    async fn tags(&self, name: &str) -> Result<Tags, Failure> {
        let (mut all, mut after) = (Tags::new(), None);
        loop {
            let call = self.read().list_tags_for_stream().stream_name(name);
            let call = call.set_exclusive_start_tag_key(after.take());
            let Some(page) = call.send().await.found("kinesis:ListTagsForStream")? else {
                return Ok(all);
            };
            let last = page.tags.last().map(|tag| tag.key.clone());
            let tags = page.tags.into_iter();
            all.extend(plain_tags(
                tags.map(|tag| (tag.key, tag.value.unwrap_or_default())),
            ));
            match last.filter(|_| page.has_more_tags) {
                Some(key) => after = Some(key),
                None => return Ok(all),
            }
        }
    }

    async fn send_tags(
        &self,
        name: &str,
        have: &Tags,
        want: &Tags,
        requests: &mut Sequence,
    ) -> Result<(), Failure> {
        let (set, spare) = tag_changes(have, want);
        if !set.is_empty() {
            let call = self.write().add_tags_to_stream().stream_name(name);
            let call = call.set_tags(Some(set.into_iter().collect()));
            requests.step(call.send().await.wrote("kinesis:AddTagsToStream"))?;
        }
        if !spare.is_empty() {
            let call = self.write().remove_tags_from_stream().stream_name(name);
            let call = call.set_tag_keys(Some(spare));
            requests.step(call.send().await.wrote("kinesis:RemoveTagsFromStream"))?;
        }
        Ok(())
    }

    async fn send_retention(&self, have: u32, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let hours = i32::try_from(want.retention).unwrap_or(i32::MAX);
        if want.retention > have {
            let call = self.write().increase_stream_retention_period();
            let call = call.stream_name(&want.name).retention_period_hours(hours);
            requests.step(call.send().await.wrote("kinesis:IncreaseStreamRetentionPeriod"))?;
        } else if want.retention < have {
            let call = self.write().decrease_stream_retention_period();
            let call = call.stream_name(&want.name).retention_period_hours(hours);
            requests.step(call.send().await.wrote("kinesis:DecreaseStreamRetentionPeriod"))?;
        } else {
            return Ok(());
        }
        requests.look(self.ready(&want.name, false).await).map(drop)
    }

    /// Brings mode and number of shards to what is wanted, from how it is now.
    async fn send_shards(&self, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let mut now = requests.look(self.ready(&want.name, false).await)?;
        if shards(&now).is_some() != want.shards.is_some() {
            let told = mode(want.shards).build().map_err(Failure::refused)?;
            let call = self.write().update_stream_mode().stream_arn(self.arn(&want.name));
            let call = call.stream_mode_details(told);
            requests.step(call.send().await.wrote("kinesis:UpdateStreamMode"))?;
            now = requests.look(self.ready(&want.name, false).await)?;
        }
        while let Some((have, wanted)) = shards(&now)
            .zip(want.shards)
            .filter(|(have, wanted)| have != wanted)
        {
            let next = wanted.clamp(have.div_ceil(2), have.saturating_mul(2)).max(1);
            let call = self.write().update_shard_count().stream_name(&want.name);
            let call = call
                .target_shard_count(i32::try_from(next).unwrap_or(i32::MAX))
                .scaling_type(kinesis::ScalingType::UniformScaling);
            requests.step(call.send().await.wrote("kinesis:UpdateShardCount"))?;
            now = requests.look(self.ready(&want.name, false).await)?;
            if shards(&now) == Some(have) {
                let said = format!("`{}` still has {have} shards", want.name);
                return Err(Failure::later(said, std::time::Duration::from_secs(5)).after_change());
            }
        }
        Ok(())
    }
}

/// The number of shards that was asked for, where it was.
fn shards(told: &kinesis::StreamDescriptionSummary) -> Option<u32> {
    let mode = told.stream_mode_details().map(|details| &details.stream_mode);
    let fixed = mode != Some(&kinesis::StreamMode::OnDemand);
    fixed.then(|| u32::try_from(told.open_shard_count).unwrap_or_default())
}

fn mode(shards: Option<u32>) -> kinesis::builders::StreamModeDetailsBuilder {
    kinesis::StreamModeDetails::builder().stream_mode(match shards {
        Some(_) => kinesis::StreamMode::Provisioned,
        None => kinesis::StreamMode::OnDemand,
    })
}

impl Declared for KinesisStream {
    fn stack(&self) -> &StackId {
        &self.context.stack
    }

    fn name(spec: &Spec) -> &str {
        &spec.name
    }

    async fn there(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let Some(told) = self.summary(name).await? else {
            return Ok(None);
        };
        if told.stream_status == kinesis::StreamStatus::Deleting {
            return Ok(None);
        }
        let spec = Spec {
            name: name.to_owned(),
            shards: shards(&told),
            retention: u32::try_from(told.retention_period_hours).unwrap_or_else(|_| a_day()),
            tags: self.tags(name).await?,
        };
        Ok(Some(self.is(&spec)))
    }

    async fn make(&self, want: &Spec, requests: &mut Sequence) -> Result<Sight<Spec>, Failure> {
        let told = mode(want.shards).build().map_err(Failure::refused)?;
        let call = self
            .write()
            .create_stream()
            .stream_name(&want.name)
            .set_shard_count(want.shards.and_then(|shards| i32::try_from(shards).ok()))
            .stream_mode_details(told)
            .set_tags(Some(want.tags.clone().into_iter().collect()));
        let answer = call.send().await;
        // Of a stream that is to be made this says nothing else, whatever its words.
        let taken =
            answer.as_ref().err().and_then(ProvideErrorMetadata::code) == Some("ResourceInUseException");
        if taken || answer.made("kinesis:CreateStream")?.is_none() {
            return Ok(None);
        }
        requests.step(Ok(()))?;
        requests.look(self.ready(&want.name, true).await)?;
        let tags = requests.look(self.tags(&want.name).await)?;
        self.send_tags(&want.name, &tags, &want.tags, requests).await?;
        self.send_retention(a_day(), want, requests).await?;
        Ok(Some(self.is(want)))
    }

    async fn settle(
        &self,
        have: Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Seen<Spec>, Failure> {
        let have = have.spec;
        if have.shards != want.shards {
            self.send_shards(want, requests).await?;
        }
        if have.retention != want.retention {
            // A try before may have gone so far.
            let now = requests.look(self.ready(&want.name, false).await)?;
            let hours = u32::try_from(now.retention_period_hours).unwrap_or(have.retention);
            self.send_retention(hours, want, requests).await?;
        }
        self.send_tags(&want.name, &have.tags, &want.tags, requests)
            .await?;
        Ok(self.is(want))
    }
}

impl Resource for KinesisStream {
    const KIND: Kind = Kind::new("kinesis_stream");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Never;
    const KEEPS: bool = true;
    const ACTIONS: &'static [&'static str] = &[
        "kinesis:AddTagsToStream",
        "kinesis:CreateStream",
        "kinesis:DecreaseStreamRetentionPeriod",
        "kinesis:DeleteStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:IncreaseStreamRetentionPeriod",
        "kinesis:ListTagsForStream",
        "kinesis:RemoveTagsFromStream",
        "kinesis:UpdateShardCount",
        "kinesis:UpdateStreamMode",
    ];
    const READS: Cost = Cost {
        each: 2,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    /// What Kinesis would refuse (API reference, `CreateStream`).
    fn check(spec: &Spec) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut demand = |holds: bool, field: &str, why: String| {
            if !holds {
                let field = field.to_owned();
                problems.push(Invalid { field, why });
            }
        };
        let name = &spec.name;
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        demand(
            (1..=128).contains(&name.len()) && name.chars().all(legal),
            "name",
            format!("`{name}`: the name of a stream is up to 128 letters, digits, `-`, `_` and `.`"),
        );
        demand(
            spec.shards.is_none_or(|shards| (1..=10_000).contains(&shards)),
            "shards",
            "a stream has 1 to 10000 shards".to_owned(),
        );
        demand(
            (24..=8760).contains(&spec.retention),
            "retention",
            format!("{} h: Kinesis keeps a record for 24 to 8760", spec.retention),
        );
        if let Some(why) = tag_problem(&spec.tags) {
            demand(false, "tags", why);
        }
        problems
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
        let name = &request.handle.0;
        let call = self.write().delete_stream().stream_name(name);
        let answer = call.enforce_consumer_deletion(true).send().await;
        if matches!(&answer, Err(error) if verdict(error) == Verdict::NotFound) {
            return Ok(());
        }
        answer.wrote("kinesis:DeleteStream")?;
        let gone = wait::until("the stream to be gone", || async {
            Ok(self.summary(name).await?.is_none().then_some(()))
        });
        gone.await.map_err(Failure::after_change)
    }
}
