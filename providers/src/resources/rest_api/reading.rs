//! Reads an API as it is and brings the reading into a form that is equal for equal APIs.
//!
//! Server-made ids, which every put renews, are replaced by paths and names; what is empty is left out; sets are sorted. The
//! description is left out, since the mark in it changes with every attempt. `GetExport` would be one call, but it shows
//! what a stage serves and not the API, and one emulator answers it without integrations.
//!
//! The digest of our part of a reading is its *baseline*. Models and request validators cost a call each and are read only
//! for an API whose definition has some ([`Depth::Whole`]), and before a put, which would wipe them; the baseline says which
//! kind of reading it is of. Gateway responses are always read: people make them by hand, and want to know that they stay.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::types::{Authorizer, Integration, Method, Resource};
use futures::future::{try_join, try_join3};
use grail_state::Digest;
use serde_json::{Map, Value, json};

use super::head::Head;
use crate::aws::{Context, Outcome};
use crate::port::Failure;

/// The most that API Gateway gives in one page.
const PAGE: i32 = 500;

/// How much of an API is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// The API, its methods, authorizers and gateway responses: four calls.
    Core,
    /// Also models and request validators: six calls.
    Whole,
}

impl Depth {
    /// What has to be read so that a change of what `document` defines is seen.
    ///
    /// Chalice's documents have the one model `Empty`, which has no effect and is not watched.
    pub(super) fn for_document(document: &Value) -> Self {
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        let has_models = schemas.is_some_and(|schemas| schemas.keys().any(|name| name != "Empty"));
        if has_models || document.get("x-amazon-apigateway-request-validators").is_some() {
            Self::Whole
        } else {
            Self::Core
        }
    }

    /// How the reading of `baseline` was made.
    pub(super) fn of_baseline(baseline: Option<&str>) -> Self {
        match baseline {
            Some(text) if text.starts_with("whole:") => Self::Whole,
            _ => Self::Core,
        }
    }
}

/// An API as it is.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The API itself.
    pub(super) head: Head,
    /// Everything, normalised.
    pub(super) form: Value,
    depth: Depth,
}

impl Reading {
    /// Reads the API `id`; `None` if there is none.
    pub(super) async fn take(context: &Context, id: &str, depth: Depth) -> Result<Option<Self>, Failure> {
        let client = context.clients.apigateway.read();
        let api = async {
            let answer = client.get_rest_api().rest_api_id(id).send().await;
            answer.found("apigateway:GET")
        };
        let body = try_join3(
            resources(context, id),
            authorizers(context, id),
            gateway_responses(context, id),
        );
        let (api, (resources, authorizers, gateway_responses)) = try_join(api, body).await?;
        let (Some(api), Some(resources), Some(authorizers)) = (api, resources, authorizers) else {
            return Ok(None);
        };
        let head = Head::from(api);
        let mut form = Map::from_iter([
            ("api".to_owned(), head.form()),
            ("authorizers".to_owned(), authorizers_form(&authorizers)),
            ("paths".to_owned(), paths_form(&resources, &authorizers)),
            ("gateway_responses".to_owned(), gateway_responses),
        ]);
        if depth == Depth::Whole {
            form.extend(extras(context, id).await?);
        }
        Ok(Some(Self {
            head,
            form: pruned(Value::Object(form)),
            depth,
        }))
    }

    /// The digest of `own`, our part of the reading, and how the reading was made.
    pub(super) fn baseline(&self, own: &Value) -> String {
        let how = match self.depth {
            Depth::Core => "core",
            Depth::Whole => "whole",
        };
        format!("{how}:{}", Digest::of_value(own))
    }

    /// Every integration's URI.
    pub(super) fn uris(&self) -> impl Iterator<Item = &str> {
        let paths = self.form.get("paths").and_then(Value::as_object);
        paths
            .into_iter()
            .flat_map(|paths| paths.values())
            .filter_map(Value::as_object)
            .flat_map(|methods| methods.values())
            .filter_map(|method| method.pointer("/integration/uri"))
            .filter_map(Value::as_str)
    }
}

/// The resources of an API with their methods; `None` if there is no such API.
pub(super) async fn resources(context: &Context, id: &str) -> Result<Option<Vec<Resource>>, Failure> {
    let client = context.clients.apigateway.read();
    let (mut all, mut position) = (Vec::new(), None);
    loop {
        let request = client
            .get_resources()
            .rest_api_id(id)
            .limit(PAGE)
            .embed("methods");
        let answer = request.set_position(position).send().await;
        let Some(page) = answer.found("apigateway:GET")? else {
            return Ok(None);
        };
        all.extend(page.items.unwrap_or_default());
        match page.position {
            Some(next) => position = Some(next),
            None => return Ok(Some(all)),
        }
    }
}

/// The authorizers of an API; `None` if there is no such API.
pub(super) async fn authorizers(context: &Context, id: &str) -> Result<Option<Vec<Authorizer>>, Failure> {
    let client = context.clients.apigateway.read();
    let (mut all, mut position) = (Vec::new(), None);
    loop {
        let request = client.get_authorizers().rest_api_id(id).limit(PAGE);
        let answer = request.set_position(position).send().await;
        let Some(page) = answer.found("apigateway:GET")? else {
            return Ok(None);
        };
        all.extend(page.items.unwrap_or_default());
        match page.position {
            Some(next) => position = Some(next),
            None => return Ok(Some(all)),
        }
    }
}

/// The gateway responses that somebody has made, without the defaults. One page: there are some twenty types of them.
async fn gateway_responses(context: &Context, id: &str) -> Result<Value, Failure> {
    let client = context.clients.apigateway.read();
    let request = client.get_gateway_responses().rest_api_id(id).limit(PAGE);
    let answers = request.send().await.found("apigateway:GET")?;
    let answers = answers.and_then(|page| page.items).unwrap_or_default();
    let made = answers.into_iter().filter(|answer| !answer.default_response);
    let forms = made.filter_map(|answer| {
        let kind = answer.response_type?.as_str().to_owned();
        let form = json!({
            "status": answer.status_code,
            "parameters": answer.response_parameters.map(sorted),
            "templates": answer.response_templates.map(sorted),
        });
        Some((kind, marked_present(form)))
    });
    Ok(Value::Object(forms.collect()))
}

/// Models and request validators. One page of each: an API has at most 400 models.
pub(super) async fn extras(context: &Context, id: &str) -> Result<Vec<(String, Value)>, Failure> {
    let client = context.clients.apigateway.read();
    let models = client.get_models().rest_api_id(id).limit(PAGE).send().await;
    let models = models.read("apigateway:GET")?.items.unwrap_or_default();
    let models = models.into_iter().filter_map(|model| {
        let schema = model.schema.unwrap_or_default();
        let schema = serde_json::from_str(&schema).unwrap_or(Value::String(schema));
        Some((
            model.name?,
            json!({"content_type": model.content_type, "schema": schema}),
        ))
    });
    let validators = client.get_request_validators().rest_api_id(id).limit(PAGE);
    let validators = validators.send().await.read("apigateway:GET")?.items;
    let validators = validators.unwrap_or_default().into_iter().filter_map(|one| {
        let form = json!({
            "id": one.id, "body": one.validate_request_body, "parameters": one.validate_request_parameters,
        });
        Some((one.name?, form))
    });
    Ok(vec![
        ("models".to_owned(), Value::Object(models.collect())),
        (
            "request_validators".to_owned(),
            Value::Object(validators.collect()),
        ),
    ])
}

fn authorizers_form(authorizers: &[Authorizer]) -> Value {
    let named = authorizers.iter().filter_map(|one| {
        let mut providers = one.provider_arns.clone().unwrap_or_default();
        providers.sort();
        let form = json!({
            "type": one.r#type.as_ref().map(|kind| kind.as_str()),
            "auth_type": one.auth_type,
            "uri": one.authorizer_uri,
            "credentials": one.authorizer_credentials,
            "identity_source": one.identity_source,
            "validation": one.identity_validation_expression,
            "ttl": one.authorizer_result_ttl_in_seconds,
            "providers": providers,
        });
        Some((one.name.clone()?, form))
    });
    Value::Object(named.collect())
}

fn paths_form(resources: &[Resource], authorizers: &[Authorizer]) -> Value {
    let names: BTreeMap<_, _> = authorizers
        .iter()
        .filter_map(|one| Some((one.id.as_deref()?, one.name.as_deref()?)))
        .collect();
    let paths = resources.iter().filter_map(|resource| {
        let methods = resource.resource_methods.as_ref()?;
        let own_id = resource.id.as_deref();
        let methods = methods
            .iter()
            .map(|(verb, method)| (verb.clone(), method_form(method, own_id, &names)));
        Some((resource.path.clone()?, Value::Object(methods.collect())))
    });
    Value::Object(paths.collect())
}

fn method_form(method: &Method, resource_id: Option<&str>, authorizers: &BTreeMap<&str, &str>) -> Value {
    let authorizer = method.authorizer_id.as_deref();
    let mut scopes = method.authorization_scopes.clone().unwrap_or_default();
    scopes.sort();
    let responses = method.method_responses.iter().flatten().map(|(status, answer)| {
        let form = json!({
            "parameters": answer.response_parameters.clone().map(sorted),
            "models": answer.response_models.clone().map(sorted),
        });
        // An answer without anything is still an answer: `pruned` must not drop it.
        (status.clone(), marked_present(form))
    });
    json!({
        "authorization": method.authorization_type,
        "authorizer": authorizer.map(|id| authorizers.get(id).copied().unwrap_or(id)),
        "scopes": scopes,
        "api_key_required": method.api_key_required,
        "operation_name": method.operation_name,
        "request_parameters": method.request_parameters.clone().map(sorted),
        "request_models": method.request_models.clone().map(sorted),
        "request_validator": method.request_validator_id,
        "responses": Value::Object(responses.collect()),
        "integration": method.method_integration.as_ref().map(|one| integration_form(one, resource_id)),
    })
}

fn integration_form(one: &Integration, resource_id: Option<&str>) -> Value {
    let responses = one
        .integration_responses
        .iter()
        .flatten()
        .map(|(status, answer)| {
            let form = json!({
                "pattern": answer.selection_pattern,
                "parameters": answer.response_parameters.clone().map(sorted),
                "templates": answer.response_templates.clone().map(sorted),
                "content_handling": answer.content_handling.as_ref().map(|how| how.as_str()),
            });
            (status.clone(), marked_present(form))
        });
    let namespace = one.cache_namespace.as_deref();
    json!({
        "type": one.r#type.as_ref().map(|kind| kind.as_str()),
        "http_method": one.http_method,
        "uri": one.uri,
        "connection_type": one.connection_type.as_ref().map(|kind| kind.as_str()),
        "connection": one.connection_id,
        "credentials": one.credentials,
        "request_parameters": one.request_parameters.clone().map(sorted),
        "request_templates": one.request_templates.clone().map(sorted),
        "passthrough": one.passthrough_behavior,
        "content_handling": one.content_handling.as_ref().map(|how| how.as_str()),
        "timeout_ms": Some(one.timeout_in_millis).filter(|time| *time > 0),
        // By default the namespace is the id of the resource, which every put renews.
        "cache_namespace": namespace.filter(|own| Some(*own) != resource_id),
        "cache_keys": one.cache_key_parameters,
        "insecure_tls": one.tls_config.as_ref().map(|tls| tls.insecure_skip_verification),
        "responses": Value::Object(responses.collect()),
    })
}

fn marked_present(mut form: Value) -> Value {
    if let Value::Object(object) = &mut form {
        object.insert("present".to_owned(), Value::Bool(true));
    }
    form
}

fn sorted<V>(map: HashMap<String, V>) -> BTreeMap<String, V> {
    map.into_iter().collect()
}

/// Without what is empty: AWS leaves out what emulators give as `""`, `[]` or `{}`.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.into_iter().map(|(key, item)| (key, pruned(item)));
            Value::Object(kept.filter(|(_, item)| !is_empty(item)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(pruned).collect()),
        plain => plain,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}
