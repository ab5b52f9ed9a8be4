//! Making and changing a table.

use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types as dynamodb;

use super::DynamodbTable;
use super::form::{Capacity, Index, Key, Projection, Spec};
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::{Failure, Seen};
use crate::resources::declared::{Tags, tag_changes};

/// A request that lacks something that it needs: the form was not looked at.
fn incomplete(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::refused(error)
}

fn attributes(spec: &Spec) -> Result<Vec<dynamodb::AttributeDefinition>, Failure> {
    let each = spec.attributes.iter().map(|(name, scalar)| {
        dynamodb::AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(scalar.as_str().into())
            .build()
            .map_err(incomplete)
    });
    each.collect()
}

fn schema(key: &Key) -> Result<Vec<dynamodb::KeySchemaElement>, Failure> {
    let parts = [
        (Some(&key.partition), dynamodb::KeyType::Hash),
        (key.sort.as_ref(), dynamodb::KeyType::Range),
    ];
    let each = parts.into_iter().filter_map(|(name, kind)| Some((name?, kind)));
    let each = each.map(|(name, kind)| {
        dynamodb::KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .map_err(incomplete)
    });
    each.collect()
}

fn projection(of: &Projection) -> dynamodb::Projection {
    let (kind, names) = match of {
        Projection::All => (dynamodb::ProjectionType::All, None),
        Projection::Keys => (dynamodb::ProjectionType::KeysOnly, None),
        Projection::Some(names) => (
            dynamodb::ProjectionType::Include,
            Some(names.iter().cloned().collect()),
        ),
    };
    dynamodb::Projection::builder()
        .projection_type(kind)
        .set_non_key_attributes(names)
        .build()
}

fn throughput(capacity: Option<Capacity>) -> Result<Option<dynamodb::ProvisionedThroughput>, Failure> {
    let Some(capacity) = capacity else { return Ok(None) };
    dynamodb::ProvisionedThroughput::builder()
        .read_capacity_units(capacity.read.into())
        .write_capacity_units(capacity.write.into())
        .build()
        .map(Some)
        .map_err(incomplete)
}

fn billing(spec: &Spec) -> dynamodb::BillingMode {
    match spec.capacity {
        Some(_) => dynamodb::BillingMode::Provisioned,
        None => dynamodb::BillingMode::PayPerRequest,
    }
}

fn stream(view: Option<&str>) -> Result<dynamodb::StreamSpecification, Failure> {
    dynamodb::StreamSpecification::builder()
        .stream_enabled(view.is_some())
        .set_stream_view_type(view.map(dynamodb::StreamViewType::from))
        .build()
        .map_err(incomplete)
}

fn sent(tags: &Tags) -> Vec<dynamodb::Tag> {
    let each = tags.iter();
    each.filter_map(|(key, value)| dynamodb::Tag::builder().key(key).value(value).build().ok())
        .collect()
}

impl DynamodbTable {
    /// `CreateTable`; false where there is one of that name.
    pub(super) async fn send_create(&self, want: &Spec, requests: &mut Sequence) -> Result<bool, Failure> {
        let mut call = self
            .write()
            .create_table()
            .table_name(&want.name)
            .set_attribute_definitions(Some(attributes(want)?))
            .set_key_schema(Some(schema(&want.key)?))
            .billing_mode(billing(want))
            .set_provisioned_throughput(throughput(want.capacity)?)
            .deletion_protection_enabled(want.deletion_protection)
            .set_tags(Some(sent(&want.tags)));
        for (name, index) in &want.indexes {
            let built = dynamodb::GlobalSecondaryIndex::builder()
                .index_name(name)
                .set_key_schema(Some(schema(&index.key)?))
                .projection(projection(&index.projection))
                .set_provisioned_throughput(throughput(want.capacity)?);
            call = call.global_secondary_indexes(built.build().map_err(incomplete)?);
        }
        if let Some(view) = &want.stream {
            call = call.stream_specification(stream(Some(view))?);
        }
        let made = call.send().await.made("dynamodb:CreateTable")?;
        if made.is_some() {
            requests.step(Ok(()))?;
        }
        Ok(made.is_some())
    }

    /// Brings the table to the wanted form; the ARN of its stream. What it is like is asked once more before the table itself is
    /// changed, since a change of it may have been begun by a try before.
    pub(super) async fn bring(
        &self,
        have: &Seen<Spec>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Option<String>, Failure> {
        let had = &have.spec;
        let table = had.attributes != want.attributes
            || had.indexes != want.indexes
            || had.capacity != want.capacity
            || had.stream != want.stream
            || had.deletion_protection != want.deletion_protection;
        let known = have.outputs.get("stream_arn").and_then(serde_json::Value::as_str);
        let mut stream = known.filter(|arn| !arn.is_empty()).map(ToOwned::to_owned);
        if table {
            stream = self.bring_table(want, requests).await?;
        }
        if had.ttl != want.ttl {
            self.send_ttl(had.ttl.as_deref(), want, requests).await?;
        }
        if had.point_in_time_recovery != want.point_in_time_recovery {
            self.send_recovery(want, requests).await?;
        }
        let (set, spare) = tag_changes(&had.tags, &want.tags);
        let arn = self.arn(&want.name);
        if !set.is_empty() {
            let call = self.write().tag_resource().resource_arn(&arn);
            requests.step(
                call.set_tags(Some(sent(&set)))
                    .send()
                    .await
                    .wrote("dynamodb:TagResource"),
            )?;
        }
        if !spare.is_empty() {
            let call = self.write().untag_resource().resource_arn(&arn);
            requests.step(
                call.set_tag_keys(Some(spare))
                    .send()
                    .await
                    .wrote("dynamodb:UntagResource"),
            )?;
        }
        Ok(stream)
    }

    async fn bring_table(&self, want: &Spec, requests: &mut Sequence) -> Result<Option<String>, Failure> {
        let there = requests.look(self.ready(&want.name, false).await)?;
        let mut stream_arn = there.stream_arn().map(ToOwned::to_owned);
        if there.0.deletion_protection_enabled().unwrap_or(false) != want.deletion_protection {
            let call = self
                .update_of(want)
                .deletion_protection_enabled(want.deletion_protection);
            self.changed(call, want, requests).await?;
        }
        let indexes = there.indexes();
        for (name, _) in indexes
            .iter()
            .filter(|(name, index)| want.indexes.get(*name) != Some(index))
        {
            let delete = dynamodb::DeleteGlobalSecondaryIndexAction::builder().index_name(name);
            let delete = delete.build().map_err(incomplete)?;
            let update = dynamodb::GlobalSecondaryIndexUpdate::builder()
                .delete(delete)
                .build();
            self.changed(
                self.update_of(want).global_secondary_index_updates(update),
                want,
                requests,
            )
            .await?;
        }
        if there.capacity() != want.capacity {
            let mut call = self
                .update_of(want)
                .billing_mode(billing(want))
                .set_provisioned_throughput(throughput(want.capacity)?);
            for name in indexes
                .keys()
                .filter(|name| want.capacity.is_some() && want.indexes.get(*name) == indexes.get(*name))
            {
                let action = dynamodb::UpdateGlobalSecondaryIndexAction::builder()
                    .index_name(name)
                    .set_provisioned_throughput(throughput(want.capacity)?);
                let action = action.build().map_err(incomplete)?;
                let update = dynamodb::GlobalSecondaryIndexUpdate::builder()
                    .update(action)
                    .build();
                call = call.global_secondary_index_updates(update);
            }
            self.changed(call, want, requests).await?;
        }
        for (name, index) in want
            .indexes
            .iter()
            .filter(|(name, index)| indexes.get(*name) != Some(index))
        {
            self.send_index(name, index, want, requests).await?;
        }
        if there.stream() != want.stream {
            if there.stream().is_some() {
                let call = self.update_of(want).stream_specification(stream(None)?);
                stream_arn = self.changed(call, want, requests).await?;
            }
            if let Some(view) = &want.stream {
                let call = self.update_of(want).stream_specification(stream(Some(view))?);
                stream_arn = self.changed(call, want, requests).await?;
            }
        }
        Ok(stream_arn)
    }

    fn update_of(&self, want: &Spec) -> UpdateTableFluentBuilder {
        self.write().update_table().table_name(&want.name)
    }

    /// Sends a change and waits for its end; the ARN of the stream then.
    async fn changed(
        &self,
        call: UpdateTableFluentBuilder,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<Option<String>, Failure> {
        requests.step(call.send().await.wrote("dynamodb:UpdateTable"))?;
        let ready = requests.look(self.ready(&want.name, false).await)?;
        Ok(ready.stream_arn().map(ToOwned::to_owned))
    }

    /// A new index, with the types of all keys.
    async fn send_index(
        &self,
        name: &str,
        index: &Index,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<(), Failure> {
        let action = dynamodb::CreateGlobalSecondaryIndexAction::builder()
            .index_name(name)
            .set_key_schema(Some(schema(&index.key)?))
            .projection(projection(&index.projection))
            .set_provisioned_throughput(throughput(want.capacity)?);
        let action = action.build().map_err(incomplete)?;
        let call = self
            .update_of(want)
            .set_attribute_definitions(Some(attributes(want)?))
            .global_secondary_index_updates(
                dynamodb::GlobalSecondaryIndexUpdate::builder()
                    .create(action)
                    .build(),
            );
        self.changed(call, want, requests).await.map(drop)
    }

    /// `UpdateTimeToLive`. Another attribute asks for the old one to be given up first.
    pub(super) async fn send_ttl(
        &self,
        had: Option<&str>,
        want: &Spec,
        requests: &mut Sequence,
    ) -> Result<(), Failure> {
        let steps = [(had, false), (want.ttl.as_deref(), true)];
        for (attribute, enabled) in steps {
            let Some(attribute) = attribute else { continue };
            let told = dynamodb::TimeToLiveSpecification::builder()
                .attribute_name(attribute)
                .enabled(enabled)
                .build()
                .map_err(incomplete)?;
            let call = self.write().update_time_to_live().table_name(&want.name);
            let answer = call.time_to_live_specification(told).send().await;
            requests.step(answer.wrote("dynamodb:UpdateTimeToLive"))?;
        }
        Ok(())
    }

    pub(super) async fn send_recovery(&self, want: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let told = dynamodb::PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(want.point_in_time_recovery)
            .build()
            .map_err(incomplete)?;
        let call = self.write().update_continuous_backups().table_name(&want.name);
        let answer = call.point_in_time_recovery_specification(told).send().await;
        requests
            .step(answer.wrote("dynamodb:UpdateContinuousBackups"))
            .map(drop)
    }
}
