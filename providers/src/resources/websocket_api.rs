//! A WebSocket API of API Gateway: the API, its integrations and its routes as one resource, changed route by route.
//!
//! **Calls.** `CreateApi`, then `CreateIntegration` and `CreateRoute` for each handler, make it, with exactly Chalice's
//! attributes (`chalice-deployer.md` 3.10). A change makes the integration that is lacking, points the route to it
//! (`UpdateRoute`), and only then removes the integration that is used no more: at no moment is a route away that should be
//! there. (Chalice wipes all routes first.) All calls of API Gateway share 10 a second, burst 40. Nothing here is visible to
//! a caller of the API: that is `websocket_stage`'s doing.
//!
//! **Comparison.** Only routes that are whole are seen: the route leads to an integration that calls a function just as
//! Chalice's do. So an API that was cut off between `CreateApi` and its last `CreateRoute` lacks what it lacks, and the next
//! plan completes it. An integration of ours that was left without its route, by an update that was cut off between the two,
//! shows as such, and the next plan leads a route there or removes it. A route of ours that was changed by hand shows as "changed outside", and is pointed back.
//!
//! **Strangers.** Routes under other keys than Chalice's three, and integrations of another form than Chalice's, belong to
//! somebody else. They are told and kept, and `definition_digest` leaves them out: a stranger's draft is no reason for a deployment of
//! ours, which would make it live before its time. It goes live with the next deployment of anybody.
//!
//! **Identity.** The id; else the mark in the description; else the name together with an integration that calls a function
//! of this stack. Names are not unique: an API with our name alone is somebody else's.
//!
//! **Way back.** The form that is kept names the integrations, so that a route which led elsewhere leads there again: such
//! integrations are never removed. What somebody set on a route of ours besides (an authorizer) is not brought back.
//!
//! **Given up:** tags, models, route responses and the route selection expression are neither read nor repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_state::digest::Digester;
use grail_state::{Digest, Handle, Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::reading::Reading;
use super::rest_api::mark::Mark;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen, Sight,
    Undelete,
};
use crate::resources::websocket_stage::WebsocketStage;

mod find;
mod others;
mod reading;
mod writing;

/// The routes that Chalice can make, with the descriptions of their integrations.
const HANDLERS: [(&str, &str); 3] = [
    ("$connect", "connect"),
    ("$default", "message"),
    ("$disconnect", "disconnect"),
];

/// What stands behind the function of an integration that no route leads to.
const NO_ROUTE: &str = " (no route leads there)";

/// A route, and what it calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The ARN of the function.
    pub function: String,
    /// The description of the integration.
    pub description: String,
    /// The id of an integration to lead to, whatever it calls: set where a route is brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
}

/// A WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its routes, by key.
    pub routes: BTreeMap<String, Route>,
}

impl Spec {
    /// What of it can be compared.
    fn plain(&self) -> Self {
        let mut plain = self.clone();
        for route in plain.routes.values_mut() {
            route.integration = None;
        }
        plain
    }

    /// The digest of what a deployment of it would show: the routes.
    fn definition_digest(&self) -> Digest {
        Digest::of_value(&json!({"routes": self.plain().routes}))
    }
}

/// The resource type.
#[derive(Debug)]
pub struct WebsocketApi {
    context: Arc<Context>,
}

impl WebsocketApi {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn seen(&self, id: &str, spec: Spec, proof: Proof) -> Seen<Spec> {
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        let outputs = [
            ("id", json!(id)),
            (
                "execution_arn",
                json!(format!("arn:{partition}:execute-api:{region}:{account}:{id}")),
            ),
            ("definition_digest", json!(spec.definition_digest())),
        ];
        Seen {
            handle: Handle(id.to_owned()),
            outputs: outputs.map(|(key, value)| (key.to_owned(), value)).into(),
            proof,
            spec,
            additions: Vec::new(),
        }
    }

    /// What a reading says, seen from `at`.
    fn interpret(&self, reading: &Reading, at: &Locator<'_>) -> Seen<Spec> {
        let known = keys(at.spec)
            .chain(keys(at.record.map(|record| &record.spec)))
            .collect();
        let ours = self.functions_of(at);
        let spec = Spec {
            name: reading.head.name.clone(),
            routes: reading.routes(&self.context, &known, |function| ours.contains(function)),
        };
        let proof = if reading.calls(&self.context, |function| ours.contains(function)) {
            Proof::Ours
        } else {
            match Mark::read(&reading.head.description) {
                Some(mark) => Proof::Mark(mark.token),
                None => Proof::NameOnly,
            }
        };
        Seen {
            additions: reading.others(&spec.routes),
            ..self.seen(&reading.head.id, spec, proof)
        }
    }

    /// Makes an API without routes, unless an earlier try of this attempt did. What is there then.
    async fn born(&self, request: &Birth<'_, Spec>, sequence: &mut Sequence) -> Result<Reading, Failure> {
        if let Some(head) = self.made_before(request).await? {
            let reading = Reading::of(&self.context, head).await?;
            return reading.ok_or_else(|| Failure::refused("the WebSocket API is gone"));
        }
        let mark = Mark {
            token: request.token.clone(),
            digest: request.spec.definition_digest().0,
        };
        let made = self.make(&request.spec.name, &mark.on("")).await;
        Ok(Reading::newborn(sequence.step(made)?))
    }
}

/// The keys of the routes in a form of any age.
fn keys(spec: Option<&Value>) -> impl Iterator<Item = &str> {
    let routes = spec
        .and_then(|spec| spec.get("routes"))
        .and_then(Value::as_object);
    routes
        .into_iter()
        .flat_map(|routes| routes.keys().map(String::as_str))
}

/// The functions in a form of any age, stand-ins included.
fn functions(spec: Option<&Value>) -> impl Iterator<Item = &str> {
    let routes = spec
        .and_then(|spec| spec.get("routes"))
        .and_then(Value::as_object);
    let each = routes.into_iter().flat_map(|routes| routes.values());
    each.filter_map(|route| route.get("function")?.as_str())
}

/// What was there before a change.
#[derive(Debug, Default)]
struct Before<'a> {
    /// The keys of our routes, half removed ones included.
    keys: BTreeSet<&'a str>,
    /// The functions of our integrations that no route leads to.
    left: BTreeSet<&'a str>,
}

impl<'a> Before<'a> {
    fn of(have: &'a Value) -> Self {
        Self {
            keys: keys(Some(have)).collect(),
            left: functions(Some(have))
                .filter_map(|function| function.strip_suffix(NO_ROUTE))
                .collect(),
        }
    }
}

impl Resource for WebsocketApi {
    const KIND: Kind = Kind::new("websocket_api");
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const VOLATILE: &'static [&'static str] = &["definition_digest"];
    const PRUNES: &'static [&'static str] = &[others::ROUTE, others::STAGE, others::AUTHORIZER];
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ];
    /// The API, its routes, its integrations. One that is looked for costs pages of APIs instead.
    const READS: Cost = Cost {
        each: 3,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("websocket_api_id", "id")],
        handle: Some("websocket_api_id"),
        ..Wire::to("websocket_api")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let empty = |field: &str, text: &str| {
            text.is_empty().then(|| Invalid {
                field: field.to_owned(),
                why: "must not be empty".to_owned(),
            })
        };
        let routes = spec.routes.iter();
        let routes =
            routes.filter_map(|(key, route)| empty(&format!("routes.{key}.function"), &route.function));
        empty("name", &spec.name).into_iter().chain(routes).collect()
    }

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        serde_json::to_value(spec.plain()).unwrap_or(Value::Null)
    }

    fn defines(spec: &Spec, addition: &str) -> bool {
        let key = addition.strip_prefix(others::ROUTE);
        key.is_some_and(|key| spec.routes.contains_key(key))
    }

    fn child(handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        let stage = addition.strip_prefix(others::STAGE)?;
        Some((WebsocketStage::KIND, Handle(format!("{handle}/{stage}"))))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        if let Some(handle) = at.handle
            && let Some(reading) = Reading::take(&self.context, &handle.0).await?
        {
            return Ok(Some(self.interpret(&reading, &at)));
        }
        let found = self.find(&at).await?;
        Ok(found.map(|reading| self.interpret(&reading, &at)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let mut sequence = Sequence::default();
        let reading = self.born(&request, &mut sequence).await?;
        let id = reading.head.id.clone();
        if reading.head.name != spec.name {
            let renamed = self.rename(&id, &spec.name).await;
            sequence.step(renamed)?;
        }
        let none = Before::default();
        let routes = self.converge(reading, &spec.routes, &none, &mut sequence).await?;
        let made = Spec {
            name: spec.name.clone(),
            routes,
        };
        Ok(self.seen(&id, made, Proof::Mark(request.token.clone())))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (id, want) = (&request.handle.0, request.want);
        let mut sequence = Sequence::default();
        if request.diff.touches("name") {
            let renamed = self.rename(id, &want.name).await;
            sequence.step(renamed)?;
        }
        let mut made = want.clone();
        if request.diff.touches("routes") {
            let reading = sequence.look(Reading::take(&self.context, id).await)?;
            let gone = || Failure::refused(format!("the WebSocket API {id} is gone"));
            let reading = sequence.look(reading.ok_or_else(gone))?;
            let had = Before::of(request.have);
            made.routes = self.converge(reading, &want.routes, &had, &mut sequence).await?;
        }
        Ok(self.seen(id, made, Proof::Ours))
    }

    async fn examine(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        self.others(&have.handle.0, kin).await
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        self.prune_others(&have.handle.0, children).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let sent = self.context.clients.apigatewayv2.write().delete_api();
        let answer = sent.api_id(&request.handle.0).send().await;
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
