//! What others have made in a REST API of ours beyond its definition: stages, and resources without any method. And the way
//! out for all that they have made in it.
//!
//! What goes from an API goes from what callers see with the next deployment of a stage, as anything in API Gateway does; a
//! stage that goes, goes at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::RestApi;
use super::foreign::{drop_defaults, told};
use super::reading::{Depth, authorizers, extras, resources};
use super::whole::routes_defined;
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::{Examined, Failure, Kin, Removal, Resource};
use crate::resources::api_stage::ApiStage;

pub(super) const METHOD: &str = "method ";
pub(super) const RESPONSE: &str = "gateway response ";
pub(super) const AUTHORIZER: &str = "authorizer ";
pub(super) const MODEL: &str = "model ";
pub(super) const VALIDATOR: &str = "request validator ";
pub(super) const STAGE: &str = "stage ";
pub(super) const RESOURCE: &str = "resource without methods ";

impl RestApi {
    /// Looks for stages and bare resources, and for models and validators, where an ordinary look has no reason to: four calls
    /// for an API.
    pub(super) async fn others(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        let mut found = Examined::default();
        let api = have.handle.0.as_str();
        let (stages, bare, extras) = futures::join!(
            self.stages(api, kin),
            self.bare(api),
            self.extras(api, have.outputs.get("baseline").and_then(Value::as_str))
        );
        found.add(stages);
        found.add(bare);
        found.add(extras);
        found
    }

    /// A definition that has models or validators is read with them at each look, which tells those of others.
    async fn extras(&self, api: &str, baseline: Option<&str>) -> Result<Vec<String>, Failure> {
        if Depth::of_baseline(baseline) == Depth::Whole {
            return Ok(Vec::new());
        }
        let mut extras: Map<_, _> = extras(&self.context, api).await?.into_iter().collect();
        drop_defaults(&mut extras);
        Ok(told(&Value::Object(extras)))
    }

    async fn stages(&self, api: &str, kin: &Kin) -> Result<Vec<String>, Failure> {
        let client = self.context.clients.apigateway.read();
        let answer = client.get_stages().rest_api_id(api).send().await;
        let stages = answer.found("apigateway:GET")?.and_then(|answer| answer.item);
        let names = stages
            .unwrap_or_default()
            .into_iter()
            .filter_map(|one| one.stage_name);
        let others = names.filter(|name| !kin.has(&ApiStage::KIND, &format!("{api}/{name}")));
        Ok(others.map(|name| format!("{STAGE}{name}")).collect())
    }

    /// Paths at which nothing can be called, nor below them.
    async fn bare(&self, api: &str) -> Result<Vec<String>, Failure> {
        let all = resources(&self.context, api).await?.unwrap_or_default();
        let parents: BTreeSet<_> = all.iter().filter_map(|one| one.parent_id()).collect();
        let bare = all.iter().filter(|one| {
            let called = one.resource_methods().is_some_and(|methods| !methods.is_empty());
            let leaf = one.id().is_some_and(|id| !parents.contains(id));
            leaf && !called && one.path() != Some("/")
        });
        Ok(bare
            .filter_map(|one| Some(format!("{RESOURCE}{}", one.path()?)))
            .collect())
    }

    /// Removes additions: stages, then methods and bare resources, then what methods use.
    pub(super) async fn prune_others(&self, api: &str, children: &[String]) -> Result<(), Failure> {
        let order = [STAGE, METHOD, RESOURCE, AUTHORIZER, VALIDATOR, RESPONSE, MODEL];
        let after = |child: &&String| order.iter().position(|words| child.starts_with(words));
        let mut children: Vec<_> = children.iter().collect();
        children.sort_by_key(after);
        let paths = self.ids_by_path(api).await?;
        let mut requests = Sequence::default();
        let resource = |child: &&&String| child.starts_with(RESOURCE);
        for child in children.iter().filter(|child| !resource(child)) {
            requests.step(self.prune_one(api, child, &paths).await)?;
        }
        // A method that was the only one of its resource takes it along: it was made for it.
        let methods = children.iter().filter_map(|child| child.strip_prefix(METHOD));
        let emptied = methods.filter_map(|rest| Some(rest.split_once(' ')?.1));
        let told = children.iter().filter_map(|child| child.strip_prefix(RESOURCE));
        let may_go: BTreeSet<_> = told.chain(emptied).collect();
        if may_go.is_empty() {
            return Ok(());
        }
        // Somebody may have given a method to one of them since.
        let bare = requests.look(self.bare(api).await)?;
        for child in bare.iter().filter(|child| {
            let path = child.strip_prefix(RESOURCE);
            path.is_some_and(|path| may_go.contains(path))
        }) {
            requests.step(self.prune_one(api, child, &paths).await)?;
        }
        Ok(())
    }

    /// Whether `document` defines what an addition of this name would be.
    pub(super) fn defined(document: &Value, addition: &str) -> bool {
        let has = |place: &str, name: &str| {
            let there = document.pointer(place).and_then(Value::as_object);
            there.is_some_and(|there| there.contains_key(name))
        };
        if let Some((verb, path)) = addition
            .strip_prefix(METHOD)
            .and_then(|rest| rest.split_once(' '))
        {
            let path = path.trim_end_matches('/');
            return routes_defined(document).any(|(at, method)| at == path && method == verb);
        }
        if let Some(path) = addition.strip_prefix(RESOURCE) {
            let below = |at: &str| {
                at.strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            return routes_defined(document).any(|(at, _)| below(&at));
        }
        let parts = [
            (RESPONSE, "/x-amazon-apigateway-gateway-responses"),
            (VALIDATOR, "/x-amazon-apigateway-request-validators"),
            (MODEL, "/components/schemas"),
            (AUTHORIZER, "/components/securitySchemes"),
        ];
        let mut parts = parts
            .iter()
            .filter_map(|(words, place)| Some((addition.strip_prefix(words)?, place)));
        parts.any(|(name, place)| has(place, name))
    }

    async fn prune_one(
        &self,
        api: &str,
        child: &str,
        paths: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let client = self.context.clients.apigateway.write();
        if let Some(stage) = child.strip_prefix(STAGE) {
            let call = client.delete_stage().rest_api_id(api).stage_name(stage);
            return call.send().await.gone("apigateway:DELETE");
        }
        if let Some((verb, path)) = child.strip_prefix(METHOD).and_then(|rest| rest.split_once(' ')) {
            let Some(resource) = paths.get(path) else {
                return Ok(());
            };
            let call = client.delete_method().rest_api_id(api).resource_id(resource);
            return call.http_method(verb).send().await.gone("apigateway:DELETE");
        }
        if let Some(path) = child.strip_prefix(RESOURCE) {
            let Some(resource) = paths.get(path) else {
                return Ok(());
            };
            let call = client.delete_resource().rest_api_id(api).resource_id(resource);
            return call.send().await.gone("apigateway:DELETE");
        }
        if let Some(kind) = child.strip_prefix(RESPONSE) {
            let call = client.delete_gateway_response().rest_api_id(api);
            return call
                .response_type(kind.into())
                .send()
                .await
                .gone("apigateway:DELETE");
        }
        if let Some(model) = child.strip_prefix(MODEL) {
            let call = client.delete_model().rest_api_id(api).model_name(model);
            return call.send().await.gone("apigateway:DELETE");
        }
        let read = self.context.clients.apigateway.read();
        if let Some(name) = child.strip_prefix(AUTHORIZER) {
            let all = authorizers(&self.context, api).await?.unwrap_or_default();
            let mut named = all.iter().filter(|one| one.name() == Some(name));
            let Some(id) = named.find_map(|one| one.id()) else {
                return Ok(());
            };
            let call = client.delete_authorizer().rest_api_id(api).authorizer_id(id);
            return call.send().await.gone("apigateway:DELETE");
        }
        if let Some(name) = child.strip_prefix(VALIDATOR) {
            let all = read
                .get_request_validators()
                .rest_api_id(api)
                .limit(500)
                .send()
                .await;
            let all = all
                .found("apigateway:GET")?
                .and_then(|all| all.items)
                .unwrap_or_default();
            let mut named = all.iter().filter(|one| one.name() == Some(name));
            let Some(id) = named.find_map(|one| one.id()) else {
                return Ok(());
            };
            let call = client
                .delete_request_validator()
                .rest_api_id(api)
                .request_validator_id(id);
            return call.send().await.gone("apigateway:DELETE");
        }
        Ok(())
    }

    async fn ids_by_path(&self, api: &str) -> Result<BTreeMap<String, String>, Failure> {
        let all = resources(&self.context, api).await?.unwrap_or_default();
        let pairs = all.into_iter().filter_map(|one| Some((one.path?, one.id?)));
        Ok(pairs.collect())
    }
}
