//! A stage of a REST API: which snapshot of the API its callers see. The one small step that makes a change live.
//!
//! **Calls.** `CreateDeployment` (1 per 5 s) takes a snapshot and, given a stage's name, makes the stage or points it there
//! in the same call, which is also how Chalice does it. `UpdateStage` points back. `DeleteStage` ends it.
//!
//! **Comparison.** A deployment's description bears the digest of the definition that it was made from ([`mark`]). A
//! deployment never changes, so while the stage points to the recorded one, the recorded digest holds and one read is
//! enough. Chalice's deployments bear no mark: their definition is "deployment <id>", which no wish equals.
//!
//! **A lost answer.** The newest deployment of all is taken if it bears the wanted digest. An older one is not, although our
//! part of it is the same: others may have deployed theirs since (a gateway response, from the console), and pointing back
//! would take that away.
//!
//! **Way back.** What restoring needs is the id of the deployment that the stage pointed to: one call, exact, nothing is
//! uploaded. A spec that names a deployment is pointed there and never makes one.
//!
//! **Given up.** A stage that is deleted and made again on a way back has none of what others had set on it (variables,
//! throttling, logs, a cache).
//!
//! **Old deployments.** After each change the deployments with our mark are retired but for the [`KEPT`] newest and the one
//! that the stage came from: a transaction may go back over several attempts. Chalice's stay, as it never removes any.
//!
//! **Identity.** API id and stage name. A stage of an API that is ours is ours.
//!
//! [`mark`]: super::rest_api::mark

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use aws_sdk_apigateway::types::{Op, PatchOperation};
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, StepToken, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rest_api::mark::{Mark, is_digest};
use super::rest_api::patiently;
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen, Sight,
    Undelete,
};

pub(super) mod deployments;

use deployments::Deployments;
pub use deployments::KEPT;

/// The stage of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The id of the API.
    pub api: String,
    /// The name of the stage; the first part of the URL's path.
    pub stage: String,
    /// The digest of the definition that callers see.
    pub definition: String,
    /// Whether X-Ray traces its requests.
    #[serde(default)]
    pub tracing: bool,
    /// A deployment to point to, whatever its definition: set where a stage is brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// The resource type.
#[derive(Debug)]
pub struct ApiStage {
    context: Arc<Context>,
}

/// Where an API of the local cloud on `port` answers. Names under `.localhost` are loopback to curl and to browsers.
fn local_url(port: u16, api: &str, stage: &str) -> String {
    format!("http://{api}.execute-api.localhost:{port}/{stage}/")
}

impl ApiStage {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn url(&self, api: &str, stage: &str) -> String {
        let Context {
            region,
            dns_suffix,
            local,
            ..
        } = &*self.context;
        match local {
            Some(cloud) => local_url(cloud.port, api, stage),
            None => format!("https://{api}.execute-api.{region}.{dns_suffix}/{stage}/"),
        }
    }

    async fn stage(&self, api: &str, stage: &str) -> Result<Option<GetStageOutput>, Failure> {
        let client = self.context.clients.apigateway.read();
        let answer = client.get_stage().rest_api_id(api).stage_name(stage).send().await;
        answer.found("apigateway:GET")
    }

    fn seen(&self, spec: &Spec, deployment: &str) -> Seen<Spec> {
        let Spec { api, stage, .. } = spec;
        let outputs = [
            ("url", json!(self.url(api, stage))),
            ("deployment_id", json!(deployment)),
        ];
        Seen {
            handle: Handle(format!("{api}/{stage}")),
            spec: Spec {
                deployment: Some(deployment.to_owned()),
                ..spec.clone()
            },
            outputs: outputs.map(|(key, value)| (key.to_owned(), value)).into(),
            proof: Proof::Ours,
            additions: Vec::new(),
        }
    }

    /// Takes a snapshot of the API as it is now, and points the stage to it.
    async fn deploy(&self, spec: &Spec, token: &StepToken) -> Result<String, Failure> {
        if !is_digest(&spec.definition) {
            let text = format!("`{}` is no definition that can be deployed", spec.definition);
            return Err(Failure::refused(text));
        }
        let mark = Mark {
            token: token.clone(),
            digest: spec.definition.clone(),
        };
        let sent = self.context.clients.apigateway.write().create_deployment();
        let answer = sent
            .rest_api_id(&spec.api)
            .stage_name(&spec.stage)
            .description(mark.on(""))
            .tracing_enabled(spec.tracing)
            .send()
            .await;
        let wait = (
            "API Gateway, which makes one deployment in 5 s",
            Duration::from_secs(5),
        );
        let made = patiently(answer, "apigateway:POST", wait)?;
        let nameless = || Failure::maybe("the new deployment has no id", Duration::from_secs(1)).answered();
        made.id.ok_or_else(nameless)
    }

    /// Emulators leave the stage's tracing as it was, whatever the deployment said.
    async fn insist_on_tracing(&self, spec: &Spec) -> Result<(), Failure> {
        let stage = self.stage(&spec.api, &spec.stage).await?;
        if stage.is_none_or(|stage| stage.tracing_enabled == spec.tracing) {
            return Ok(());
        }
        self.patch(spec, vec![tracing(spec)]).await
    }

    async fn patch(&self, spec: &Spec, patches: Vec<PatchOperation>) -> Result<(), Failure> {
        let sent = self.context.clients.apigateway.write().update_stage();
        let answer = sent
            .rest_api_id(&spec.api)
            .stage_name(&spec.stage)
            .set_patch_operations(Some(patches))
            .send()
            .await;
        answer.wrote("apigateway:PATCH").map(|_| ())
    }

    /// Makes the stage anew on a deployment that exists.
    async fn bring_back(&self, spec: &Spec, deployment: &str) -> Result<(), Failure> {
        let sent = self.context.clients.apigateway.write().create_stage();
        let answer = sent
            .rest_api_id(&spec.api)
            .stage_name(&spec.stage)
            .deployment_id(deployment)
            .tracing_enabled(spec.tracing)
            .send()
            .await;
        match answer.made("apigateway:POST")? {
            Some(_) => Ok(()),
            None => self.patch(spec, vec![pointer(deployment), tracing(spec)]).await,
        }
    }

    /// Points the stage to a deployment of the wanted definition: the named one, the newest of all, or a new one.
    async fn point(&self, request: &Change<'_, Spec>) -> Result<String, Failure> {
        let want = request.want;
        let mut patches = Vec::new();
        if request.diff.touches("tracing") {
            patches.push(tracing(want));
        }
        if let Some(named) = &want.deployment {
            patches.insert(0, pointer(named));
            self.patch(want, patches).await?;
            return Ok(named.clone());
        }
        let before = deployment_in(request.outputs);
        let Deployments { newest, ours } = self.deployments(&want.api).await?;
        let pointed = match newest.filter(|one| one.digest == want.definition) {
            Some(found) => {
                patches.insert(0, pointer(&found.id));
                self.patch(want, patches).await?;
                found.id
            }
            None => {
                let made = self.deploy(want, request.token).await?;
                if request.diff.touches("tracing") {
                    let insisted = self.insist_on_tracing(want).await;
                    insisted.map_err(Failure::after_change)?;
                }
                made
            }
        };
        self.retire(&want.api, ours, &[&pointed, before]).await;
        Ok(pointed)
    }
}

fn deployment_in(outputs: &BTreeMap<String, Value>) -> &str {
    let id = outputs.get("deployment_id").and_then(Value::as_str);
    id.unwrap_or_default()
}

fn pointer(deployment: &str) -> PatchOperation {
    replace("/deploymentId", deployment)
}

fn tracing(spec: &Spec) -> PatchOperation {
    replace("/tracingEnabled", if spec.tracing { "true" } else { "false" })
}

fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// API and stage of a locator: from the handle, else from the spec as far as it is known.
fn place(at: &Locator<'_>) -> Option<(String, String)> {
    if let Some((api, stage)) = at.handle.and_then(|handle| handle.0.split_once('/')) {
        return Some((api.to_owned(), stage.to_owned()));
    }
    let field = |key| {
        let value = at.spec.and_then(|spec| spec.get(key)).and_then(Value::as_str);
        value.filter(|text| !has_stand_in(text)).map(ToOwned::to_owned)
    };
    Some((field("api")?, field("stage")?))
}

impl Resource for ApiStage {
    const KIND: Kind = Kind::new("api_stage");
    const IMMUTABLE: &'static [&'static str] = &["api", "stage"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const VOLATILE: &'static [&'static str] = &["deployment_id"];
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ];
    /// The stage; its deployment too where the state does not know it.
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("rest_api_url", "url")],
        ..Wire::to("rest_api")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if has_stand_in(&spec.stage) || (!spec.stage.is_empty() && spec.stage.chars().all(legal)) {
            return Vec::new();
        }
        vec![Invalid {
            field: "stage".to_owned(),
            why: "must be of letters, digits, `_` and `-`".to_owned(),
        }]
    }

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        let projected = Spec {
            deployment: None,
            ..spec.clone()
        };
        serde_json::to_value(projected).unwrap_or(Value::Null)
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("stage").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let Some((api, stage)) = place(&at) else {
            return Ok(None);
        };
        let Some(found) = self.stage(&api, &stage).await? else {
            return Ok(None);
        };
        let deployment = found.deployment_id.unwrap_or_default();
        let record = at
            .record
            .filter(|record| !deployment.is_empty() && deployment_in(&record.outputs) == deployment);
        let recorded = record
            .and_then(|record| record.spec.get("definition"))
            .and_then(Value::as_str);
        let definition = match recorded {
            Some(text) => text.to_owned(),
            None => self.definition_of(&api, &deployment).await?,
        };
        let spec = Spec {
            api,
            stage,
            definition,
            tracing: found.tracing_enabled,
            deployment: None,
        };
        Ok(Some(self.seen(&spec, &deployment)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let deployment = match &spec.deployment {
            Some(named) => {
                self.bring_back(spec, named).await?;
                named.clone()
            }
            None => {
                let made = self.deploy(spec, request.token).await?;
                if spec.tracing {
                    let insisted = self.insist_on_tracing(spec).await;
                    insisted.map_err(Failure::after_change)?;
                }
                made
            }
        };
        Ok(self.seen(spec, &deployment))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let deployment = if request.diff.touches("definition") {
            self.point(&request).await?
        } else {
            self.patch(request.want, vec![tracing(request.want)]).await?;
            deployment_in(request.outputs).to_owned()
        };
        Ok(self.seen(request.want, &deployment))
    }

    /// When it was last changed: one call.
    async fn examine(&self, have: Removal<'_>, _kin: &Kin) -> Examined {
        let (api, stage) = have.handle.0.split_once('/').unwrap_or_default();
        let there = self.stage(api, stage).await;
        Examined::dated(there.map(|there| there?.last_updated_date))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some((api, stage)) = request.handle.0.split_once('/') else {
            return Err(Failure::refused(format!(
                "`{}` names no stage of an API",
                request.handle
            )));
        };
        let sent = self.context.clients.apigateway.write().delete_stage();
        let answer = sent.rest_api_id(api).stage_name(stage).send().await;
        answer.gone("apigateway:DELETE")
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        Ok(Some(Secured {
            spec: serde_json::to_value(&seen.spec).map_err(Failure::refused)?,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests;
