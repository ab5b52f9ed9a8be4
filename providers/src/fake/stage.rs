//! A stage of a REST API: the deployment of the wanted digest is found or made, then the stage is pointed at it. An undo is
//! the pointer back.

use std::collections::BTreeMap;

use grail_state::{Handle, Kind, Proof};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::physics::{Progress, Refused};
use super::world::{Deployment, Stage};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelStage(pub(super) Cloud);

/// The form of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    api: String,
    stage: String,
    definition: String,
    tracing: bool,
}

impl Resource for ModelStage {
    const KIND: Kind = Kind::new("api_stage");
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
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let by_handle = at
            .handle
            .and_then(|handle| handle.0.split_once('/'))
            .map(|(api, stage)| (api.to_owned(), stage.to_owned()));
        let field = |name| at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
        let by_spec = field("api")
            .zip(field("stage"))
            .map(|(api, stage)| (api.to_owned(), stage.to_owned()));
        for (api, stage) in by_handle.into_iter().chain(by_spec) {
            if let Some(seen) = self.see(&api, &stage).await {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.point("CreateStage", request.spec).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.point("UpdateStage", request.want).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let (api, stage) = request
            .handle
            .0
            .split_once('/')
            .unwrap_or((&request.handle.0, ""));
        let (id, stage) = (api.to_owned(), stage.to_owned());
        let gone = self.0.write("DeleteStage", &request.handle.0, move |world, _| {
            if let Some(api) = world.apis.get_mut(&id) {
                api.stages.remove(&stage);
            }
            Ok(())
        });
        Ok(gone.await?)
    }
}

impl ModelStage {
    async fn point(&self, operation: &'static str, spec: &Spec) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        let digest = spec.definition.clone();
        let found = self
            .0
            .read("GetDeployments", &spec.api, |world| {
                let api = world.apis.get(&spec.api)?;
                let (id, _) = api
                    .deployments
                    .iter()
                    .find(|(_, deployment)| deployment.digest == digest)?;
                Some(id.clone())
            })
            .await;
        let deployment = match found {
            Some(id) => id,
            None => {
                let id = spec.api.clone();
                let made = self.0.write("CreateDeployment", &spec.api, move |world, _| {
                    let fresh = world.fresh_id("deployment");
                    let api = world.apis.get_mut(&id).ok_or(Refused::NotFound(id))?;
                    let digest = api.digest();
                    api.deployments.insert(fresh.clone(), Deployment { digest });
                    Ok(fresh)
                });
                progress.step(made.await)?
            }
        };
        let want = spec.clone();
        let pointed = self.0.write(operation, &spec.api, move |world, _| {
            let api = world.apis.get_mut(&want.api).ok_or(Refused::NotFound(want.api))?;
            let stage = Stage {
                deployment,
                tracing: want.tracing,
            };
            api.stages.insert(want.stage, stage);
            Ok(())
        });
        progress.step(pointed.await)?;
        let gone = || {
            let soon = std::time::Duration::from_millis(100);
            progress.fail(Failure::maybe("the stage is gone", soon).answered())
        };
        self.see(&spec.api, &spec.stage).await.ok_or_else(gone)
    }

    async fn see(&self, api: &str, stage: &str) -> Option<Seen<Spec>> {
        self.0
            .read("GetStage", api, |world| {
                let found = world.apis.get(api)?;
                let there = found.stages.get(stage)?;
                let digest = found
                    .deployments
                    .get(&there.deployment)
                    .map(|deployment| deployment.digest.clone());
                Some(Seen {
                    handle: Handle(format!("{api}/{stage}")),
                    spec: Spec {
                        api: api.to_owned(),
                        stage: stage.to_owned(),
                        definition: digest.unwrap_or_default(),
                        tracing: there.tracing,
                    },
                    outputs: BTreeMap::from([
                        ("url".to_owned(), json!(format!("https://{api}/{stage}/"))),
                        ("deployment_id".to_owned(), json!(there.deployment)),
                    ]),
                    proof: Proof::Ours,
                    additions: Vec::new(),
                })
            })
            .await
    }
}
