//! WebSocket APIs: their deployments, and which one a stage serves.
//!
//! moto 5.2.5 has no deployments and no UpdateStage in version 2. The proxy keeps deployments and what stages are told, and
//! leaves APIs, routes, integrations and the stages themselves to moto.
//!
//! As on AWS: an API without routes cannot be deployed, a deployment that a stage serves cannot be deleted, a route key exists
//! once, and an integration that a route leads to cannot be deleted.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::super::lock;
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::memory::Memory;
use super::{done, rewritten, told};

/// What the proxy keeps of the APIs of version 2.
#[derive(Debug, Clone, Default)]
pub(super) struct WebSockets {
    kept: Memory<Kept>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    /// How many deployments were made: names and times come from it.
    made: usize,
    /// Deployments by the API's id, oldest first.
    deployments: BTreeMap<String, Vec<Value>>,
    /// What stages were told that moto does not keep, by the API's id and the stage's name.
    stages: BTreeMap<(String, String), Map<String, Value>>,
}

/// What of a stage moto does not keep, or does not change.
const STAGE_FIELDS: [&str; 3] = ["deploymentId", "description", "stageVariables"];

impl WebSockets {
    pub(super) async fn answer(&self, name: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let (api, last) = places(&asked);
        match name {
            "CreateDeployment" => self.deploy(&api, upstream, asked).await,
            "GetDeployments" => told(200, &json!({ "items": self.deployments(&api) })),
            "GetDeployment" | "UpdateDeployment" => self.deployment(&api, &last, &asked),
            "DeleteDeployment" => self.undeploy(&api, &last),
            "CreateStage" => self.create_stage(&api, upstream, asked).await,
            "GetStage" | "GetStages" => self.shown(&api, upstream.send(asked).await),
            "UpdateStage" => self.update_stage(&api, &last, upstream, asked).await,
            "DeleteStage" => {
                let answer = if_there(upstream, asked).await;
                if answer.status().is_success() {
                    lock(&self.kept).stages.remove(&(api, last));
                }
                answer
            }
            "DeleteApi" => {
                let answer = if_there(upstream, asked).await;
                if answer.status().is_success() {
                    let mut kept = lock(&self.kept);
                    kept.deployments.remove(&api);
                    kept.stages.retain(|(of, _), _| *of != api);
                }
                answer
            }
            "CreateRoute" => {
                let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
                if routes(upstream, &asked, &api)
                    .await
                    .iter()
                    .any(|one| one["routeKey"] == body["routeKey"])
                {
                    let key = body["routeKey"].as_str().unwrap_or_default();
                    return conflict(&format!("Route with key {key} already exists for this API"));
                }
                upstream.send(asked).await
            }
            "DeleteRoute" => if_there(upstream, asked).await,
            "DeleteIntegration" => {
                let target = format!("integrations/{last}");
                if routes(upstream, &asked, &api)
                    .await
                    .iter()
                    .any(|one| one["target"] == *target)
                {
                    return conflict(&format!(
                        "Cannot delete Integration '{last}' due to its reference on a Route"
                    ));
                }
                if_there(upstream, asked).await
            }
            _ => upstream.send(asked).await,
        }
    }

    async fn deploy(&self, api: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let there = upstream
            .ask(&asked, Method::GET, &format!("/v2/apis/{api}"), Bytes::new())
            .await;
        if !there.status().is_success() {
            return there;
        }
        if routes(upstream, &asked, api).await.is_empty() {
            let message = "At least one route is required before deploying the Api.";
            return refusal("apigateway", 400, "BadRequestException", message);
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let mut kept = lock(&self.kept);
        kept.made += 1;
        let made = kept.made;
        let deployment = json!({
            "deploymentId": format!("d{made:05}"),
            "description": body["description"].as_str().unwrap_or_default(),
            "autoDeployed": false,
            "deploymentStatus": "DEPLOYED",
            "createdDate": format!("2026-01-01T{:02}:{:02}:{:02}Z", made / 3600, made / 60 % 60, made % 60),
        });
        kept.deployments
            .entry(api.to_owned())
            .or_default()
            .push(deployment.clone());
        if let Some(stage) = body["stageName"].as_str() {
            let told = kept.stages.entry((api.to_owned(), stage.to_owned())).or_default();
            told.insert("deploymentId".to_owned(), deployment["deploymentId"].clone());
        }
        told(201, &deployment)
    }

    fn deployments(&self, api: &str) -> Vec<Value> {
        lock(&self.kept).deployments.get(api).cloned().unwrap_or_default()
    }

    fn deployment(&self, api: &str, id: &str, asked: &Asked) -> Answer {
        let mut kept = lock(&self.kept);
        let all = kept.deployments.get_mut(api).into_iter().flatten();
        let Some(found) = all.into_iter().find(|one| one["deploymentId"] == *id) else {
            return no_deployment();
        };
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if asked.parts.method == Method::PATCH && body["description"].is_string() {
            found["description"] = body["description"].clone();
        }
        told(200, found)
    }

    fn undeploy(&self, api: &str, id: &str) -> Answer {
        let mut kept = lock(&self.kept);
        let serves = |told: &Map<String, Value>| told.get("deploymentId").is_some_and(|served| served == id);
        if kept
            .stages
            .iter()
            .any(|((of, _), told)| of == api && serves(told))
        {
            let message = "Active stages pointing to this deployment must be moved or deleted";
            return refusal("apigateway", 400, "BadRequestException", message);
        }
        let all = kept.deployments.entry(api.to_owned()).or_default();
        let before = all.len();
        all.retain(|one| one["deploymentId"] != *id);
        if all.len() == before {
            no_deployment()
        } else {
            done(204)
        }
    }

    fn has(&self, api: &str, deployment: &Value) -> bool {
        deployment.is_null()
            || self
                .deployments(api)
                .iter()
                .any(|one| one["deploymentId"] == *deployment)
    }

    async fn create_stage(&self, api: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let name = body["stageName"].as_str().unwrap_or_default().to_owned();
        let path = format!("/v2/apis/{api}/stages/{name}");
        if upstream
            .ask(&asked, Method::GET, &path, Bytes::new())
            .await
            .status()
            .is_success()
        {
            return conflict("Stage already exists");
        }
        if !self.has(api, &body["deploymentId"]) {
            return no_deployment();
        }
        let mut answer = upstream.send(asked).await;
        if answer.status().is_success() {
            self.tell(api, &name, &body);
            *answer.status_mut() = hyper::StatusCode::CREATED;
        }
        self.shown(api, answer)
    }

    async fn update_stage(&self, api: &str, name: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if !self.has(api, &body["deploymentId"]) {
            return no_deployment();
        }
        let path = asked.parts.uri.path().to_owned();
        let answer = upstream.ask(&asked, Method::GET, &path, Bytes::new()).await;
        if answer.status().is_success() {
            self.tell(api, name, &body);
        }
        self.shown(api, answer)
    }

    fn tell(&self, api: &str, stage: &str, body: &Value) {
        let mut kept = lock(&self.kept);
        let told = kept.stages.entry((api.to_owned(), stage.to_owned())).or_default();
        for field in STAGE_FIELDS.iter().filter(|field| !body[**field].is_null()) {
            told.insert((*field).to_owned(), body[*field].clone());
        }
    }

    /// Writes what moto does not keep into an answer that shows one or many stages.
    fn shown(&self, api: &str, answer: Answer) -> Answer {
        let kept = lock(&self.kept);
        let complete = |stage: &mut Value| {
            let name = stage["stageName"].as_str().unwrap_or_default().to_owned();
            let told = kept.stages.get(&(api.to_owned(), name));
            for (field, value) in told.into_iter().flatten() {
                stage[field] = value.clone();
            }
        };
        rewritten(answer, |body| {
            match body.get_mut("items").and_then(Value::as_array_mut) {
                Some(stages) => stages.iter_mut().for_each(complete),
                None => complete(body),
            }
        })
    }
}

/// The API's id and the last part of a path `/v2/apis/<api>/<things>/<last>`.
fn places(asked: &Asked) -> (String, String) {
    let words: Vec<&str> = asked.parts.uri.path().split('/').skip(3).collect();
    let word = |at: usize| super::super::call::decoded(words.get(at).copied().unwrap_or_default());
    (word(0), word(2))
}

/// Sends a deletion only where there is something: moto says yes to everything.
async fn if_there(upstream: &Upstream, asked: Asked) -> Answer {
    let path = asked.parts.uri.path().to_owned();
    let there = upstream.ask(&asked, Method::GET, &path, Bytes::new()).await;
    if there.status().is_success() {
        upstream.send(asked).await
    } else {
        there
    }
}

async fn routes(upstream: &Upstream, asked: &Asked, api: &str) -> Vec<Value> {
    let answer = upstream
        .ask(
            asked,
            Method::GET,
            &format!("/v2/apis/{api}/routes"),
            Bytes::new(),
        )
        .await;
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    body["items"].as_array().cloned().unwrap_or_default()
}

fn conflict(message: &str) -> Answer {
    refusal("apigateway", 409, "ConflictException", message)
}

fn no_deployment() -> Answer {
    let message = "Unable to find Deployment by that identifier";
    refusal("apigateway", 404, "NotFoundException", message)
}
