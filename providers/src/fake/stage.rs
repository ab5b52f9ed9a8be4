//! A stage of a REST or a WebSocket API: the deployment of the wanted digest is found or made, then the stage is pointed at
//! it. An undo is the pointer back.

use std::marker::PhantomData;

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cloud::Cloud;
use super::look::{halves, names, seen, text};
use super::physics::{Progress, Refused};
use super::world::{Deployment, Stage, Stages, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

/// What the two protocols differ in.
pub(super) trait Protocol: Send + Sync + 'static {
    const KIND: Kind;
    const WIRES: &'static [Wire];
    /// Whether its stages can trace requests.
    const TRACES: bool;
    /// How its URLs begin.
    const SCHEME: &'static str;

    /// The digest of what stands in the API now, and its stages.
    fn open<'a>(world: &'a mut World, api: &str) -> Option<(String, &'a mut Stages)>;
}

/// `api_stage`.
pub(super) struct Rest;

/// `websocket_stage`.
pub(super) struct WebSocket;

impl Protocol for Rest {
    const KIND: Kind = Kind::new("api_stage");
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("rest_api_url", "url")],
        ..Wire::to("rest_api")
    }];
    const TRACES: bool = true;
    const SCHEME: &'static str = "https";

    fn open<'a>(world: &'a mut World, api: &str) -> Option<(String, &'a mut Stages)> {
        let api = world.apis.get_mut(api)?;
        Some((api.digest(), &mut api.stages))
    }
}

impl Protocol for WebSocket {
    const KIND: Kind = Kind::new("websocket_stage");
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("websocket_api_url", "url")],
        ..Wire::to("websocket_api")
    }];
    const TRACES: bool = false;
    const SCHEME: &'static str = "wss";

    fn open<'a>(world: &'a mut World, api: &str) -> Option<(String, &'a mut Stages)> {
        let socket = world.sockets.get_mut(api)?;
        Some((socket.digest(), &mut socket.stages))
    }
}

pub(super) struct ModelStage<P>(Cloud, PhantomData<P>);

impl<P> ModelStage<P> {
    pub(super) fn new(cloud: &Cloud) -> Self {
        Self(cloud.clone(), PhantomData)
    }
}

/// The form of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    api: String,
    stage: String,
    definition: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracing: Option<bool>,
}

impl<P: Protocol> Resource for ModelStage<P> {
    const KIND: Kind = P::KIND;
    const IMMUTABLE: &'static [&'static str] = &["api", "stage"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["deployment_id"];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = P::WIRES;
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let (api, stage) = (text(at.spec, "api"), text(at.spec, "stage"));
        let natural = api.zip(stage).map(|(api, stage)| format!("{api}/{stage}"));
        self.0.find("GetStage", names(&at, natural), see::<P>).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.point("CreateStage", request.spec).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.point("UpdateStage", request.want).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let (api, stage) = halves(&request.handle.0);
        let (id, stage) = (api.to_owned(), stage.to_owned());
        let gone = self.0.write("DeleteStage", &request.handle.0, move |world, _| {
            if let Some((_, stages)) = P::open(world, &id) {
                stages.stages.remove(&stage);
            }
            Ok(())
        });
        Ok(gone.await?)
    }
}

impl<P: Protocol> ModelStage<P> {
    async fn point(&self, operation: &'static str, spec: &Spec) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        let found = self
            .0
            .read("GetDeployments", &spec.api, |world| {
                let mut deployments = world.stages_of(&spec.api)?.deployments.iter();
                let made = deployments.find(|(_, deployment)| deployment.digest == spec.definition);
                made.map(|(id, _)| id.clone())
            })
            .await?;
        let deployment = match found {
            Some(id) => id,
            None => {
                let id = spec.api.clone();
                let made = self.0.write("CreateDeployment", &spec.api, move |world, _| {
                    let fresh = world.fresh_id("deployment");
                    let (digest, stages) = P::open(world, &id).ok_or(Refused::NotFound(id))?;
                    stages.deployments.insert(fresh.clone(), Deployment { digest });
                    Ok(fresh)
                });
                progress.step(made.await)?
            }
        };
        let want = spec.clone();
        let pointed = self.0.write(operation, &spec.api, move |world, _| {
            let (_, stages) = P::open(world, &want.api).ok_or(Refused::NotFound(want.api))?;
            let stage = Stage {
                deployment,
                tracing: want.tracing.unwrap_or_default(),
            };
            stages.stages.insert(want.stage, stage);
            Ok(())
        });
        progress.step(pointed.await)?;
        let handle = format!("{}/{}", spec.api, spec.stage);
        self.0.left("GetStage", &handle, &progress, see::<P>).await
    }
}

fn see<P: Protocol>(world: &World, handle: &str) -> Option<Seen<Spec>> {
    let (api, name) = halves(handle);
    let stages = world.stages_of(api)?;
    let stage = stages.stages.get(name)?;
    let spec = Spec {
        api: api.to_owned(),
        stage: name.to_owned(),
        definition: stages.serves(stage).cloned().unwrap_or_default(),
        tracing: P::TRACES.then_some(stage.tracing),
    };
    let outputs = [
        ("url", json!(format!("{}://{api}/{name}/", P::SCHEME))),
        ("deployment_id", json!(stage.deployment)),
    ];
    Some(seen(handle, spec, outputs, Proof::Ours))
}
