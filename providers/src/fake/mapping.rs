//! An event source mapping: the service chooses its id, and there is only one of a function and a source at a time. It is
//! `Creating`, `Updating` or `Deleting` for a while, and a call waits until its own mapping is through with that. A stream's
//! position is lost with it.

use std::time::Duration;

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::cloud::Cloud;
use super::look::{names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{Mapping, World, function_name, service_of};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelMapping(pub(super) Cloud);

/// The form of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    service: String,
    source_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    function: String,
    batch_size: u32,
    maximum_batching_window: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starting_position: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

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

impl Resource for ModelMapping {
    const KIND: Kind = Kind::new("event_source_mapping");
    const IMMUTABLE: &'static [&'static str] = &["service", "source_arn", "starting_position"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[
        wire(
            "sqs_event",
            "sqs",
            &[
                ("queue_arn", "source_arn"),
                ("queue", "name"),
                ("lambda_arn", "function_arn"),
            ],
        ),
        wire(
            "kinesis_event",
            "kinesis",
            &[
                ("kinesis_arn", "source_arn"),
                ("stream", "name"),
                ("lambda_arn", "function_arn"),
            ],
        ),
        wire(
            "dynamodb_event",
            "dynamodb",
            &[("stream_arn", "source_arn"), ("lambda_arn", "function_arn")],
        ),
    ];
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        if let Some(seen) = self
            .0
            .find("GetEventSourceMapping", names(&at, None), see)
            .await?
        {
            return Ok(Some(seen));
        }
        let (Some(function), Some(source)) = (text(at.spec, "function"), text(at.spec, "source_arn")) else {
            return Ok(None);
        };
        self.between(function, source).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        if let Some(there) = self.between(&want.function, &want.source_arn).await? {
            self.until_settled(&there.handle.0, &Progress::default()).await?;
            return Ok(there);
        }
        let (spec, busy) = (want.clone(), self.0.physics().busy);
        let mut progress = Progress::default();
        let made = self
            .0
            .write("CreateEventSourceMapping", &want.source_arn, move |world, now| {
                may_be_mapped(world, &spec, now)?;
                let uuid = world.fresh_id("mapping-");
                let mapping = Mapping {
                    source: spec.source_arn,
                    function: spec.function,
                    batch_size: spec.batch_size,
                    window: spec.maximum_batching_window,
                    concurrency: spec.maximum_concurrency,
                    position: spec.starting_position,
                    enabled: spec.enabled,
                    busy: Some(now + busy),
                    gone: None,
                };
                world.mappings.insert(uuid.clone(), mapping);
                Ok(uuid)
            });
        let uuid = progress.step(made.await)?;
        self.until_settled(&uuid, &progress).await?;
        self.0.left("GetEventSourceMapping", &uuid, &progress, see).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let uuid = request.handle.0.clone();
        let (want, busy) = (request.want.clone(), self.0.physics().busy);
        let mut progress = Progress::default();
        self.until_settled(&uuid, &progress).await?;
        let changed = self.change("UpdateEventSourceMapping", &uuid, move |mapping, now| {
            mapping.function = want.function;
            mapping.batch_size = want.batch_size;
            mapping.window = want.maximum_batching_window;
            mapping.concurrency = want.maximum_concurrency;
            mapping.enabled = want.enabled;
            mapping.busy = Some(now + busy);
        });
        progress.step(changed.await)?;
        self.until_settled(&uuid, &progress).await?;
        self.0.left("GetEventSourceMapping", &uuid, &progress, see).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let (uuid, busy) = (request.handle.0.clone(), self.0.physics().busy);
        let mut progress = Progress::default();
        self.until_settled(&uuid, &progress).await?;
        let gone = self.change("DeleteEventSourceMapping", &uuid, move |mapping, now| {
            mapping.gone = Some(now + busy);
        });
        match gone.await {
            Err(Written::Refused(Refused::NotFound(_))) => Ok(()),
            other => {
                progress.step(other)?;
                self.until_settled(&uuid, &progress).await
            }
        }
    }
}

impl ModelMapping {
    /// The living mapping of a source to a function.
    async fn between(&self, function: &str, source: &str) -> Result<Sight<Spec>, Failure> {
        let found = |world: &World| {
            let mut all = world.mappings.iter();
            let (uuid, _) =
                all.find(|(_, one)| one.function == function && one.source == source && one.gone.is_none())?;
            see(world, uuid)
        };
        self.0.read("ListEventSourceMappings", function, found).await
    }

    /// Waits until the mapping is neither created, changed nor deleted by an earlier call.
    async fn until_settled(&self, uuid: &str, progress: &Progress) -> Result<(), Failure> {
        let busy = |world: &World| {
            let (mapping, now) = (world.mappings.get(uuid)?, Instant::now());
            (mapping.is_busy(now) && !mapping.is_gone(now)).then_some(())
        };
        let look = async || self.0.read("GetEventSourceMapping", uuid, busy).await;
        while look().await.map_err(|failure| progress.fail(failure))?.is_some() {
            sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    async fn change(
        &self,
        operation: &'static str,
        uuid: &str,
        change: impl FnOnce(&mut Mapping, Instant) + Send + 'static,
    ) -> Result<(), Written> {
        let named = uuid.to_owned();
        self.0
            .write(operation, uuid, move |world, now| {
                match world.mappings.get_mut(&named) {
                    Some(mapping) if mapping.is_gone(now) => Err(Refused::NotFound(named)),
                    None => Err(Refused::NotFound(named)),
                    Some(mapping) if mapping.is_busy(now) => Err(Refused::Busy(named)),
                    Some(mapping) => {
                        change(mapping, now);
                        Ok(())
                    }
                }
            })
            .await
    }
}

/// There must be a function and a source, and no other mapping of the two, not even one that is going.
fn may_be_mapped(world: &mut World, spec: &Spec, now: Instant) -> Result<(), Refused> {
    world.mappings.retain(|_, mapping| !mapping.is_gone(now));
    if !world.functions.contains_key(function_name(&spec.function)) {
        return Err(Refused::NotFound(spec.function.clone()));
    }
    if !world.sources.contains(&spec.source_arn) {
        return Err(Refused::NotFound(spec.source_arn.clone()));
    }
    let mut all = world.mappings.values();
    match all.find(|one| one.function == spec.function && one.source == spec.source_arn) {
        Some(going) if going.gone.is_some() => Err(Refused::Busy(spec.source_arn.clone())),
        Some(_) => Err(Refused::Exists(spec.source_arn.clone())),
        None => Ok(()),
    }
}

fn see(world: &World, uuid: &str) -> Option<Seen<Spec>> {
    let mapping = world
        .mappings
        .get(uuid)
        .filter(|mapping| mapping.gone.is_none())?;
    let (service, name) = service_of(&mapping.source);
    let outputs = [
        ("uuid", json!(uuid)),
        ("service", json!(service)),
        ("source_arn", json!(mapping.source)),
        ("name", json!(name)),
        ("function_arn", json!(mapping.function)),
    ];
    let spec = Spec {
        service,
        source_arn: mapping.source.clone(),
        name,
        function: mapping.function.clone(),
        batch_size: mapping.batch_size,
        maximum_batching_window: mapping.window,
        maximum_concurrency: mapping.concurrency,
        starting_position: mapping.position.clone(),
        enabled: mapping.enabled,
    };
    Some(seen(uuid, spec, outputs, Proof::Ours))
}
