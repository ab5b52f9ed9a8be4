//! REST APIs: the document, the API, the permissions to call functions, the stage.
//!
//! The document is OpenAPI 3.0.1, made of the routes of functions in the form that Chalice gives its own
//! ([`crate::source::chalice::openapi`]), or one of the project's. The stage comes last, when everything that a caller can
//! reach is in place.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Map, Value, json};

use super::apis::{Route, api_of, http};
use super::{Lowering, arn_of, function_id, map, object};
use crate::source::chalice::{openapi, policy};
use crate::source::manifest::apis::{Authorizer, Cors, DEFAULT_STAGE, Endpoint, RestApi};
use crate::source::manifest::events::{Event, Http};
use crate::source::manifest::references::marks;

pub(super) const REST_API: Kind = Kind::new("rest_api");
pub(super) const API_STAGE: Kind = Kind::new("api_stage");

/// What functions say of one API: the function, its route, and the event in full.
type Routes = Vec<(String, Route, Http)>;

impl Lowering<'_> {
    pub(super) fn rest_apis(&mut self) {
        let mut routes = self.http_routes();
        let declared = self.form.rest_apis.clone();
        for (name, api) in &declared {
            let Some(api) = api else { continue };
            let own = routes.remove(name).unwrap_or_default();
            self.rest_api(name, api, &own, &["rest_apis", name]);
        }
        // Those that nobody declared.
        for (name, own) in routes {
            let path = own
                .first()
                .map(|(function, ..)| function.clone())
                .unwrap_or_default();
            self.rest_api(&name, &RestApi::default(), &own, &["functions", &path, "events"]);
        }
    }

    /// The routes of each API, in the order of functions and events.
    fn http_routes(&self) -> BTreeMap<String, Routes> {
        let names = self.form.names("rest_apis");
        let mut routes: BTreeMap<String, Routes> = BTreeMap::new();
        for (name, function) in self.form.functions() {
            for event in function.events.iter().flatten() {
                let Event::Http(brief) = event else { continue };
                let event = http(brief);
                let api = api_of("rest_apis", &names, event.api.as_deref());
                if let (Ok(api), Ok(route)) = (api, Route::parse(&event.route)) {
                    routes
                        .entry(api)
                        .or_default()
                        .push((name.to_owned(), route, event));
                }
            }
        }
        routes
    }

    fn rest_api(&mut self, name: &str, api: &RestApi, routes: &Routes, path: &[&str]) {
        let physical = api.name.clone().unwrap_or_else(|| self.physical(None, name));
        let (definition, called) = match self.manifest.documents.get(name) {
            Some(document) => self.given_document(&physical, api, document.to_json(), path),
            None => self.made_document(&physical, api, routes, path),
        };
        let id = ResourceId::new(REST_API, name);
        let mut plain = json!({
            "name": physical,
            "endpoint_type": api.endpoint.unwrap_or_default().name(),
        });
        if let (Some(fields), Some(size)) = (plain.as_object_mut(), api.minimum_compression) {
            fields.insert("minimum_compression".to_owned(), json!(size));
        }
        let spec = object(plain, [("definition", definition)]);
        self.add(id.clone(), spec, BTreeSet::new(), path);
        let permissions: BTreeSet<_> = called
            .iter()
            .map(|function| self.api_permission(function, &id, path))
            .collect();
        let stage = api.stage.as_deref().unwrap_or(DEFAULT_STAGE);
        let spec = object(
            json!({"stage": stage, "tracing": api.tracing.unwrap_or(false)}),
            [
                ("api", Template::reference(id.clone(), "id")),
                ("definition", Template::reference(id, "definition_digest")),
            ],
        );
        let functions = called.iter().map(|function| function_id(function));
        let after = functions.chain(permissions).collect();
        self.add(ResourceId::new(API_STAGE, name), spec, after, path);
    }

    /// The project's own document, and the functions that it calls.
    fn given_document(
        &mut self,
        physical: &str,
        api: &RestApi,
        document: Value,
        path: &[&str],
    ) -> (Template, BTreeSet<String>) {
        let mut document = document;
        let mut called: BTreeSet<String> = api.calls.iter().flatten().cloned().collect();
        functions_in(&document, &mut called);
        super::super::settle(&mut document, self.account);
        if let Some(fields) = document.as_object_mut() {
            let info = fields.remove("info");
            let mut info = info
                .and_then(|info| info.as_object().cloned())
                .unwrap_or_default();
            info.insert("title".to_owned(), json!(physical));
            for (key, default) in [("version", "1.0"), ("description", "")] {
                info.entry(key).or_insert_with(|| json!(default));
            }
            fields.insert("info".to_owned(), Value::Object(info));
            if let Some(types) = &api.binary_types {
                fields.insert("x-amazon-apigateway-binary-media-types".to_owned(), json!(types));
            }
            if let Some(size) = api.minimum_compression {
                fields.insert(
                    "x-amazon-apigateway-minimum-compression-size".to_owned(),
                    json!(size),
                );
            }
        }
        if let (Some(fields), Some(servers)) = (document.as_object_mut(), servers(api)) {
            fields.insert("servers".to_owned(), servers);
        }
        let policy = self.api_policy(api, path);
        let mut entries = match self.value(&document) {
            Template::Map(entries) => entries,
            Template::Lit(Value::Object(entries)) => entries
                .into_iter()
                .map(|(key, value)| (key, Template::Lit(value)))
                .collect(),
            other => return (other, called),
        };
        entries.extend(policy.map(|policy| ("x-amazon-apigateway-policy".to_owned(), policy)));
        (map(entries), called)
    }

    /// The document of the routes, and the functions that it calls.
    fn made_document(
        &mut self,
        physical: &str,
        api: &RestApi,
        routes: &Routes,
        path: &[&str],
    ) -> (Template, BTreeSet<String>) {
        let mut called: BTreeSet<String> = routes.iter().map(|(function, ..)| function.clone()).collect();
        let mut by_path: BTreeMap<&str, Vec<&(String, Route, Http)>> = BTreeMap::new();
        for route in routes {
            by_path.entry(&route.1.path).or_default().push(route);
        }
        let mut paths = Map::new();
        for (path, routes) in by_path {
            paths.insert(path.to_owned(), self.path_item(api, &routes));
        }
        let used: BTreeSet<_> = routes
            .iter()
            .filter_map(|route| route.2.authorizer.as_deref())
            .collect();
        let mut schemes = Map::new();
        for (name, authorizer) in api.authorizers.iter().flatten() {
            if used.contains(name.as_str()) {
                called.extend(authorizer.function.clone());
                schemes.insert(name.clone(), self.scheme(authorizer));
            }
        }
        if used.contains("aws_iam") {
            schemes.insert("aws_iam".to_owned(), iam_scheme());
        }
        if routes.iter().any(|route| route.2.api_key_required == Some(true)) {
            let scheme = json!({"type": "apiKey", "name": "x-api-key", "in": "header"});
            schemes.insert("api_key".to_owned(), scheme);
        }
        let mut components = json!({"schemas": {"Empty": {"type": "object", "title": "Empty Schema"}}});
        if !schemes.is_empty() {
            components["securitySchemes"] = Value::Object(schemes);
        }
        let mut document = json!({
            "openapi": "3.0.1",
            "info": {"version": "1.0", "title": physical, "description": ""},
            "paths": paths,
            "components": components,
            "x-amazon-apigateway-binary-media-types": api.binary_types.clone().unwrap_or_default(),
        });
        if let Some(size) = api.minimum_compression {
            document["x-amazon-apigateway-minimum-compression-size"] = json!(size);
        }
        if let Some(servers) = servers(api) {
            document["servers"] = servers;
        }
        if let Some(policy) = self.api_policy(api, path) {
            document["x-amazon-apigateway-policy"] = policy.to_value();
        }
        (Template::from_value(document), called)
    }

    fn api_policy(&mut self, api: &RestApi, path: &[&str]) -> Option<Template> {
        if let Some(policy) = &api.policy {
            let below: Vec<_> = path.iter().copied().chain(["policy"]).collect();
            return Some(self.policy(policy, &below));
        }
        let private = api.endpoint == Some(Endpoint::Private);
        let endpoints = api.vpc_endpoints.as_ref().filter(|_| private)?;
        Some(Template::Lit(policy::private_api(&json!(endpoints))))
    }

    /// Where API Gateway calls a function, in the written form of a template.
    fn address(&self, function: &str) -> Value {
        let prefix = openapi::invocation_prefix(&self.account.partition, &self.account.region);
        let parts = [
            json!(prefix).into(),
            arn_of(function),
            json!(openapi::INVOCATION_SUFFIX).into(),
        ];
        Template::Join(parts.into()).to_value()
    }

    fn path_item(&self, api: &RestApi, routes: &[&(String, Route, Http)]) -> Value {
        let mut item = Map::new();
        for (function, route, event) in routes {
            let key = match route.method.as_str() {
                "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                method => method.to_lowercase(),
            };
            item.insert(key, self.operation(function, route, event));
        }
        let with_cors = routes.iter().filter(|route| route.2.cors == Some(true));
        let methods: Vec<_> = with_cors.map(|route| route.1.method.as_str()).collect();
        if !methods.is_empty() && !item.contains_key("options") {
            let methods = match methods.contains(&"ANY") {
                true => "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT".to_owned(),
                false => methods
                    .into_iter()
                    .chain(["OPTIONS"])
                    .collect::<Vec<_>>()
                    .join(","),
            };
            let headers = cors_headers(api.cors.as_ref());
            let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
            item.insert("options".to_owned(), openapi::preflight(headers, &methods));
        }
        Value::Object(item)
    }

    fn operation(&self, function: &str, route: &Route, event: &Http) -> Value {
        let mut operation = json!({
            "responses": {"200": openapi::ok_response()},
            "x-amazon-apigateway-integration": {
                "responses": {"default": {"statusCode": "200"}},
                "uri": self.address(function),
                "passthroughBehavior": "when_no_match",
                "httpMethod": "POST",
                "contentHandling": "CONVERT_TO_TEXT",
                "type": "aws_proxy",
            },
        });
        let mut security = Vec::new();
        if event.api_key_required == Some(true) {
            security.push(json!({"api_key": []}));
        }
        if let Some(authorizer) = &event.authorizer {
            let scopes = json!(event.scopes.clone().unwrap_or_default());
            security.push(Value::Object(Map::from_iter([(authorizer.clone(), scopes)])));
        }
        if !security.is_empty() {
            operation["security"] = json!(security);
        }
        let parameters: Vec<_> = route
            .parameters()
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        operation
    }

    fn scheme(&self, authorizer: &Authorizer) -> Value {
        let header = authorizer.header.as_deref().unwrap_or("Authorization");
        let mut details = match &authorizer.function {
            Some(function) => json!({"type": "token", "authorizerUri": self.address(function)}),
            None => {
                let pools = authorizer.user_pools.iter().flatten();
                let pools: Vec<_> = pools.map(|pool| self.phrase(&pool.0).to_value()).collect();
                json!({"type": "cognito_user_pools", "providerARNs": pools})
            }
        };
        if let Some(seconds) = authorizer.ttl {
            details["authorizerResultTtlInSeconds"] = json!(seconds);
        }
        let sort = match authorizer.function {
            Some(_) => "custom",
            None => "cognito_user_pools",
        };
        json!({
            "in": "header",
            "type": "apiKey",
            "name": header,
            "x-amazon-apigateway-authtype": sort,
            "x-amazon-apigateway-authorizer": details,
        })
    }
}

/// Through which VPC endpoints a private API is reached.
fn servers(api: &RestApi) -> Option<Value> {
    let endpoints = api.vpc_endpoints.as_ref().filter(|all| !all.is_empty())?;
    let endpoint = json!({"vpcEndpointIds": endpoints});
    Some(json!([{"url": "/", "x-amazon-apigateway-endpoint-configuration": endpoint}]))
}

/// The headers of an answer to a page of another origin.
fn cors_headers(cors: Option<&Cors>) -> Vec<(&'static str, String)> {
    let default = Cors::default();
    let cors = cors.unwrap_or(&default);
    let mut allowed: BTreeSet<&str> = [
        "Authorization",
        "Content-Type",
        "X-Amz-Date",
        "X-Amz-Security-Token",
        "X-Api-Key",
    ]
    .into();
    allowed.extend(cors.headers.iter().flatten().map(String::as_str));
    let allowed: Vec<_> = allowed.into_iter().collect();
    let mut headers = vec![
        (
            "Access-Control-Allow-Origin",
            cors.origin.clone().unwrap_or_else(|| "*".to_owned()),
        ),
        ("Access-Control-Allow-Headers", allowed.join(",")),
    ];
    if let Some(exposed) = &cors.expose {
        headers.push(("Access-Control-Expose-Headers", exposed.join(",")));
    }
    if let Some(seconds) = cors.max_age {
        headers.push(("Access-Control-Max-Age", seconds.to_string()));
    }
    if cors.credentials == Some(true) {
        headers.push(("Access-Control-Allow-Credentials", "true".to_owned()));
    }
    headers
}

fn iam_scheme() -> Value {
    json!({
        "in": "header",
        "type": "apiKey",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
    })
}

/// The functions to which a document refers.
fn functions_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            for mark in marks(text) {
                let name = mark
                    .strip_prefix("functions.")
                    .and_then(|rest| rest.rsplit_once('.'));
                found.extend(name.map(|(name, _)| name.to_owned()));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| functions_in(item, found)),
        Value::Object(entries) => entries.values().for_each(|value| functions_in(value, found)),
        _ => {}
    }
}
