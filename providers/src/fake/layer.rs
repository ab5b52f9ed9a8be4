//! A version of a layer: PublishLayerVersion. The service chooses its number, and nothing of it can be changed, so every
//! change publishes another beside it. The mark stands in the description.

use grail_state::digest::Digester;
use grail_state::{Kind, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{by_mark, names, seen, whole};
use super::physics::Progress;
use super::world::{Layer, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Secured, Seen, Sight, Undelete};

pub(super) struct ModelLayer(pub(super) Cloud);

/// The form of a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    runtime: String,
    architecture: String,
    code: Code,
}

/// What is in it: named by the digest of its contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Code {
    content: String,
}

impl Resource for ModelLayer {
    const KIND: Kind = Kind::new("lambda_layer");
    const IMMUTABLE: &'static [&'static str] = &["name", "runtime", "architecture", "code"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        handle: Some("layer_version_arn"),
        ..Wire::to("lambda_layer")
    }];
    type Spec = Spec;

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        json!({
            "name": spec.name, "runtime": spec.runtime, "architecture": spec.architecture, "code": spec.code.content,
        })
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let found = self.0.find("GetLayerVersionByArn", names(&at, None), see).await?;
        match (found, at.token) {
            (None, Some(token)) => self.marked(&token.0).await,
            (found, _) => Ok(found),
        }
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let token = request.token.0.clone();
        if let Some(there) = self.marked(&token).await? {
            return Ok(there);
        }
        let spec = request.spec.clone();
        let mut progress = Progress::default();
        let made = self
            .0
            .write("PublishLayerVersion", &request.spec.name, move |world, _| {
                let number = world.fresh_id("");
                let arn = format!(
                    "arn:aws:lambda:eu-west-1:123456789012:layer:{}:{number}",
                    spec.name
                );
                let layer = Layer {
                    name: spec.name,
                    runtime: spec.runtime,
                    architecture: spec.architecture,
                    content: spec.code.content,
                    mark: Some(token),
                };
                world.layers.insert(arn.clone(), layer);
                Ok(arn)
            });
        let arn = progress.step(made.await)?;
        self.0.left("GetLayerVersionByArn", &arn, &progress, see).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let arn = &request.handle.0;
        self.0
            .left("GetLayerVersionByArn", arn, &Progress::default(), see)
            .await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let arn = request.handle.0.clone();
        let gone = self
            .0
            .write("DeleteLayerVersion", &request.handle.0, move |world, _| {
                world.layers.remove(&arn);
                Ok(())
            });
        Ok(gone.await?)
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        whole(&seen.spec)
    }
}

impl ModelLayer {
    async fn marked(&self, token: &str) -> Result<Sight<Spec>, Failure> {
        let found = |world: &World| {
            let mut all = world.layers.iter();
            let (arn, _) = all.find(|(_, layer)| layer.mark.as_deref() == Some(token))?;
            see(world, arn)
        };
        self.0.read("ListLayerVersions", "", found).await
    }
}

fn see(world: &World, arn: &str) -> Option<Seen<Spec>> {
    let layer = world.layers.get(arn)?;
    let spec = Spec {
        name: layer.name.clone(),
        runtime: layer.runtime.clone(),
        architecture: layer.architecture.clone(),
        code: Code {
            content: layer.content.clone(),
        },
    };
    let version = arn.rsplit(':').next();
    Some(seen(
        arn,
        spec,
        [("arn", json!(arn)), ("version", json!(version))],
        by_mark(layer.mark.as_ref()),
    ))
}
