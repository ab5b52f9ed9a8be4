//! A stage of a WebSocket API: which snapshot of its routes callers meet. The one small step that makes a change live.
//!
//! **Calls.** `CreateDeployment` (1 per 5 s) takes a snapshot, `CreateStage` or `UpdateStage` points the stage to it,
//! `DeleteStage` ends it. Chalice deploys once, when it makes the API, and never again: its changes are not live
//! (`chalice-app.md` A.3, 10). A stage that deploys by itself would show half a change, so that is turned off where somebody
//! turned it on.
//!
//! **Comparison.** As `api_stage`: a deployment's description bears the attempt and the digest of the definition that it was
//! made from, and a deployment never changes, so while the stage points to the recorded one, one read is enough. Chalice's
//! deployments bear no mark: their definition is "deployment <id>", which no wish equals.
//!
//! **A lost answer.** The newest deployment of all is taken if it bears the wanted digest. An older one is not, although our
//! routes in it are the same: strangers' routes may have come since, and pointing back would take them away.
//!
//! **Way back, deletion, old deployments, identity:** as `api_stage`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::{Deployment, DeploymentStatus};
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, StepToken, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api_stage::deployments::{Marked, retired};
use super::rest_api::mark::{Mark, is_digest};
use super::rest_api::patiently;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome, wait};
use crate::port::{
    Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen, Sight,
    Undelete,
};

/// The definition of a stage that shows no deployment.
const NOT_DEPLOYED: &str = "not deployed";

/// The stage of a WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The id of the API.
    pub api: String,
    /// The name of the stage; the first part of the URL's path.
    pub stage: String,
    /// The digest of the definition that callers meet.
    pub definition: String,
    /// A deployment to point to, whatever its definition: set where a stage is brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

/// The resource type.
#[derive(Debug)]
pub struct WebsocketStage {
    context: Arc<Context>,
}

impl WebsocketStage {
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
            // Clients of WebSockets ask the system for an address, and not every system knows the names under `.localhost`.
            Some(cloud) => {
                format!("ws://127.0.0.1:{}/_aws/execute-api/{api}/{stage}/", cloud.port)
            }
            None => format!("wss://{api}.execute-api.{region}.{dns_suffix}/{stage}/"),
        }
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

    async fn deployments(&self, api: &str) -> Result<Vec<Deployment>, Failure> {
        let client = self.context.clients.apigatewayv2.read();
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let request = client.get_deployments().api_id(api).set_next_token(next);
            let page = request.send().await.read("apigateway:GET")?;
            all.extend(page.items.unwrap_or_default());
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// The definition that `deployment` is of: a digest, or a text that no wish equals.
    async fn definition_of(&self, api: &str, deployment: &str) -> Result<String, Failure> {
        let client = self.context.clients.apigatewayv2.read();
        let asked = client.get_deployment().api_id(api).deployment_id(deployment);
        let found = asked.send().await.found("apigateway:GET")?;
        let description = found.and_then(|found| found.description).unwrap_or_default();
        Ok(Mark::read(&description).map_or_else(|| format!("deployment {deployment}"), |mark| mark.digest))
    }

    /// The deployment that `spec` wants: the one that it names, the newest of all if it is of the wanted definition, or a
    /// new one; none for a stage that showed none. With it our deployments before it.
    async fn deployed(
        &self,
        spec: &Spec,
        token: &StepToken,
        sequence: &mut Sequence,
    ) -> Result<(Option<String>, Vec<Marked>), Failure> {
        if spec.deployment.is_some() || spec.definition == NOT_DEPLOYED {
            return Ok((spec.deployment.clone(), Vec::new()));
        }
        if !is_digest(&spec.definition) {
            let text = format!("`{}` is no definition that can be deployed", spec.definition);
            return Err(Failure::refused(text));
        }
        let all = self.deployments(&spec.api).await?;
        // Of two of the same second that of others counts as the newer one.
        let newest = all.iter().max_by(|one, other| {
            let theirs = |one: &Deployment| marked(one).is_none();
            made(one)
                .total_cmp(&made(other))
                .then_with(|| theirs(one).cmp(&theirs(other)))
        });
        let newest = newest
            .and_then(marked)
            .filter(|one| one.digest == spec.definition);
        let mut ours: Vec<_> = all.iter().filter_map(marked).collect();
        Marked::sort(&mut ours);
        if let Some(newest) = newest {
            return Ok((Some(newest.id), ours));
        }
        let mark = Mark {
            token: token.clone(),
            digest: spec.definition.clone(),
        };
        let id = self.deploy(&spec.api, &mark, sequence).await?;
        Ok((Some(id), ours))
    }

    async fn deploy(&self, api: &str, mark: &Mark, sequence: &mut Sequence) -> Result<String, Failure> {
        let sent = self.context.clients.apigatewayv2.write().create_deployment();
        let answer = sent.api_id(api).description(mark.on("")).send().await;
        let wait = (
            "API Gateway, which makes one deployment in 5 s",
            Duration::from_secs(5),
        );
        let made = sequence.step(patiently(answer, "apigateway:POST", wait))?;
        let nameless = || Failure::maybe("the new deployment has no id", Duration::from_secs(1));
        let id = sequence.look(made.deployment_id.ok_or_else(nameless))?;
        let is_ready = ready(
            made.deployment_status.as_ref(),
            made.deployment_status_message.as_deref(),
        );
        if !sequence.look(is_ready)? {
            let look = || async {
                let client = self.context.clients.apigatewayv2.read();
                let asked = client.get_deployment().api_id(api).deployment_id(&id);
                let now = asked.send().await.read("apigateway:GET")?;
                let is_ready = ready(
                    now.deployment_status.as_ref(),
                    now.deployment_status_message.as_deref(),
                )?;
                Ok(is_ready.then_some(()))
            };
            sequence.look(wait::until("the deployment of the WebSocket API", look).await)?;
        }
        Ok(id)
    }

    async fn point(&self, spec: &Spec, deployment: &str) -> Result<(), Failure> {
        let sent = self.context.clients.apigatewayv2.write().update_stage();
        let answer = sent
            .api_id(&spec.api)
            .stage_name(&spec.stage)
            .deployment_id(deployment)
            .auto_deploy(false)
            .send()
            .await;
        answer.wrote("apigateway:PATCH").map(drop)
    }

    /// Removes our deployments that have had their day. What cannot be removed stays: API Gateway refuses to take away a
    /// deployment that another stage shows, and the next change tries again.
    async fn retire(&self, api: &str, known: Vec<Marked>, in_use: &[&str]) {
        for old in retired(known, in_use) {
            let sent = self.context.clients.apigatewayv2.write().delete_deployment();
            let answer = sent.api_id(api).deployment_id(&old.id).send().await;
            if let Err(failure) = answer.gone("apigateway:DELETE") {
                tracing::debug!(
                    deployment = old.id,
                    why = failure.chain(),
                    "an old deployment stays"
                );
            }
        }
    }
}

fn made(deployment: &Deployment) -> f64 {
    deployment.created_date.map_or(0.0, |date| date.as_secs_f64())
}

fn marked(deployment: &Deployment) -> Option<Marked> {
    Marked::new(
        deployment.deployment_id.clone()?,
        deployment.description.as_deref()?,
        made(deployment),
    )
}

/// Whether a deployment can be pointed to.
fn ready(status: Option<&DeploymentStatus>, said: Option<&str>) -> Result<bool, Failure> {
    match status {
        Some(DeploymentStatus::Failed) => {
            let why = said.unwrap_or("no reason is given");
            Err(Failure::refused(format!("the deployment failed: {why}")))
        }
        Some(DeploymentStatus::Pending) => Ok(false),
        _ => Ok(true),
    }
}

fn deployment_in(outputs: &BTreeMap<String, Value>) -> &str {
    let id = outputs.get("deployment_id").and_then(Value::as_str);
    id.unwrap_or_default()
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

impl Resource for WebsocketStage {
    const KIND: Kind = Kind::new("websocket_stage");
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
        keys: &[("websocket_api_url", "url")],
        ..Wire::to("websocket_api")
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
        let client = self.context.clients.apigatewayv2.read();
        let asked = client.get_stage().api_id(&api).stage_name(&stage);
        let Some(found) = asked.send().await.found("apigateway:GET")? else {
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
            _ if found.auto_deploy == Some(true) => "deployed by itself".to_owned(),
            Some(text) => text.to_owned(),
            None if deployment.is_empty() => NOT_DEPLOYED.to_owned(),
            None => self.definition_of(&api, &deployment).await?,
        };
        let spec = Spec {
            api,
            stage,
            definition,
            deployment: None,
        };
        Ok(Some(self.seen(&spec, &deployment)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let mut sequence = Sequence::default();
        let (deployment, _) = self.deployed(spec, request.token, &mut sequence).await?;
        let sent = self.context.clients.apigatewayv2.write().create_stage();
        let answer = sent
            .api_id(&spec.api)
            .stage_name(&spec.stage)
            .set_deployment_id(deployment.clone())
            .send()
            .await;
        let made = sequence.step(answer.made("apigateway:POST"))?;
        if let (None, Some(deployment)) = (made, &deployment) {
            let pointed = self.point(spec, deployment).await;
            sequence.step(pointed)?;
        }
        Ok(self.seen(spec, &deployment.unwrap_or_default()))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let before = deployment_in(request.outputs);
        let mut sequence = Sequence::default();
        let (deployment, known) = self.deployed(want, request.token, &mut sequence).await?;
        // Nothing takes a deployment away from a stage: one that showed none keeps what it has.
        let Some(deployment) = deployment else {
            return Ok(self.seen(want, before));
        };
        let pointed = self.point(want, &deployment).await;
        sequence.step(pointed)?;
        self.retire(&want.api, known, &[&deployment, before]).await;
        Ok(self.seen(want, &deployment))
    }

    /// When it was last changed: one call.
    async fn examine(&self, have: Removal<'_>, _kin: &Kin) -> Examined {
        let (api, stage) = have.handle.0.split_once('/').unwrap_or_default();
        let client = self.context.clients.apigatewayv2.read();
        let asked = client.get_stage().api_id(api).stage_name(stage).send().await;
        let there = asked.found("apigateway:GET");
        Examined::dated(there.map(|there| there?.last_updated_date))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some((api, stage)) = request.handle.0.split_once('/') else {
            return Err(Failure::refused(format!(
                "`{}` names no stage of an API",
                request.handle
            )));
        };
        let sent = self.context.clients.apigatewayv2.write().delete_stage();
        let answer = sent.api_id(api).stage_name(stage).send().await;
        answer.gone("apigateway:DELETE")
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let named = seen.spec.deployment.clone().filter(|id| !id.is_empty());
        let spec = Spec {
            deployment: named,
            ..seen.spec.clone()
        };
        Ok(Some(Secured {
            spec: serde_json::to_value(spec).map_err(Failure::refused)?,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests;
