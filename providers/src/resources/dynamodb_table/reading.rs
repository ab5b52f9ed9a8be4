//! A table as DynamoDB tells it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_dynamodb::types::{IndexStatus, TableStatus};

use super::DynamodbTable;
use super::form::{Capacity, Index, Key, Projection, Spec};
use crate::aws::Outcome;
use crate::port::{Failure, Sight};
use crate::resources::declared::{Tags, plain_tags, until_ready};

/// What `DescribeTable` says.
#[derive(Debug)]
pub(super) struct Described(pub(super) dynamodb::TableDescription);

impl Described {
    pub(super) fn stream_arn(&self) -> Option<&str> {
        let enabled = self
            .0
            .stream_specification()
            .is_some_and(|stream| stream.stream_enabled);
        self.0.latest_stream_arn().filter(|_| enabled)
    }

    /// True once the table and all of its indexes can be changed again.
    fn is_ready(&self) -> bool {
        let active = |index: &dynamodb::GlobalSecondaryIndexDescription| {
            matches!(index.index_status(), None | Some(IndexStatus::Active))
        };
        matches!(self.0.table_status(), None | Some(TableStatus::Active))
            && self.0.global_secondary_indexes().iter().all(active)
    }

    pub(super) fn indexes(&self) -> BTreeMap<String, Index> {
        let all = self.0.global_secondary_indexes().iter();
        all.filter(|index| index.index_status() != Some(&IndexStatus::Deleting))
            .filter_map(|index| {
                let told = Index {
                    key: key(index.key_schema())?,
                    projection: projection(index.projection()),
                };
                Some((index.index_name()?.to_owned(), told))
            })
            .collect()
    }

    pub(super) fn capacity(&self) -> Option<Capacity> {
        let mode = self
            .0
            .billing_mode_summary()
            .and_then(|summary| summary.billing_mode());
        let throughput = self.0.provisioned_throughput()?;
        let number = |units: Option<i64>| u32::try_from(units.unwrap_or_default()).unwrap_or(u32::MAX);
        let capacity = Capacity {
            read: number(throughput.read_capacity_units()),
            write: number(throughput.write_capacity_units()),
        };
        // A table that never paid by request has no word on it.
        let by_request = mode == Some(&dynamodb::BillingMode::PayPerRequest);
        (!by_request && capacity.read > 0).then_some(capacity)
    }

    pub(super) fn stream(&self) -> Option<String> {
        let stream = self
            .0
            .stream_specification()
            .filter(|stream| stream.stream_enabled)?;
        Some(stream.stream_view_type()?.as_str().to_owned())
    }
}

fn key(schema: &[dynamodb::KeySchemaElement]) -> Option<Key> {
    let part = |kind: dynamodb::KeyType| {
        let mut parts = schema.iter().filter(|part| part.key_type == kind);
        parts.next().map(|part| part.attribute_name.clone())
    };
    Some(Key {
        partition: part(dynamodb::KeyType::Hash)?,
        sort: part(dynamodb::KeyType::Range),
    })
}

fn projection(told: Option<&dynamodb::Projection>) -> Projection {
    match told.and_then(|told| told.projection_type()) {
        Some(dynamodb::ProjectionType::KeysOnly) => Projection::Keys,
        Some(dynamodb::ProjectionType::Include) => {
            let names = told.map(|told| told.non_key_attributes()).unwrap_or_default();
            Projection::Some(names.iter().cloned().collect())
        }
        _ => Projection::All,
    }
}

impl DynamodbTable {
    /// `DescribeTable`; nothing of a table that is being deleted.
    pub(super) async fn described(&self, name: &str) -> Result<Option<Described>, Failure> {
        let answer = self.read().describe_table().table_name(name).send().await;
        let table = answer
            .found("dynamodb:DescribeTable")?
            .and_then(|answer| answer.table);
        Ok(table.map(Described))
    }

    /// Waits until the table, which was `made` just now or before, can be changed.
    pub(super) async fn ready(&self, name: &str, made: bool) -> Result<Described, Failure> {
        let on = "the table to become ready";
        until_ready(name, on, made, || self.described(name), Described::is_ready).await
    }

    pub(super) async fn whole(&self, name: &str) -> Result<Sight<Spec>, Failure> {
        let Some(table) = self.described(name).await? else {
            return Ok(None);
        };
        if table.0.table_status() == Some(&TableStatus::Deleting) {
            return Ok(None);
        }
        let (ttl, recovery, tags) =
            futures::future::try_join3(self.ttl(name), self.recovery(name), self.tags(name)).await?;
        let attributes = table.0.attribute_definitions().iter();
        let attributes =
            attributes.map(|one| (one.attribute_name.clone(), one.attribute_type.as_str().to_owned()));
        let Some(key) = key(table.0.key_schema()) else {
            return Ok(None);
        };
        let spec = Spec {
            name: name.to_owned(),
            attributes: attributes.collect(),
            key,
            indexes: table.indexes(),
            capacity: table.capacity(),
            stream: table.stream(),
            ttl,
            point_in_time_recovery: recovery,
            deletion_protection: table.0.deletion_protection_enabled().unwrap_or(false),
            tags,
        };
        Ok(Some(self.is(&spec, table.stream_arn())))
    }

    async fn ttl(&self, name: &str) -> Result<Option<String>, Failure> {
        let answer = self.read().describe_time_to_live().table_name(name).send().await;
        let told = answer.found("dynamodb:DescribeTimeToLive")?;
        let told = told.and_then(|told| told.time_to_live_description);
        Ok(told.and_then(|told| {
            let holds = matches!(
                told.time_to_live_status(),
                Some(dynamodb::TimeToLiveStatus::Enabled | dynamodb::TimeToLiveStatus::Enabling)
            );
            told.attribute_name.filter(|_| holds)
        }))
    }

    async fn recovery(&self, name: &str) -> Result<bool, Failure> {
        let answer = self
            .read()
            .describe_continuous_backups()
            .table_name(name)
            .send()
            .await;
        let told = answer.found("dynamodb:DescribeContinuousBackups")?;
        let told = told.and_then(|told| told.continuous_backups_description);
        let told = told.and_then(|told| told.point_in_time_recovery_description);
        let status = told.and_then(|told| told.point_in_time_recovery_status);
        Ok(status == Some(dynamodb::PointInTimeRecoveryStatus::Enabled))
    }

    async fn tags(&self, name: &str) -> Result<Tags, Failure> {
        let (mut all, mut next) = (Tags::new(), None);
        loop {
            let call = self.read().list_tags_of_resource().resource_arn(self.arn(name));
            let answer = call.set_next_token(next).send().await;
            let Some(page) = answer.found("dynamodb:ListTagsOfResource")? else {
                return Ok(all);
            };
            let tags = page.tags.unwrap_or_default().into_iter();
            all.extend(plain_tags(tags.map(|tag| (tag.key, tag.value))));
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }
}
