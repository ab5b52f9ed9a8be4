//! The document of the REST API, in OpenAPI 3.0.1.
//!
//! Chalice sends Swagger 2.0. This document says the same in the newer language, which both AWS and the emulators take. How
//! the parts correspond, with the spelling that API Gateway's own documentation and exports give for OpenAPI 3:
//!
//! | Swagger 2.0, as Chalice writes it | here |
//! | --- | --- |
//! | `swagger: "2.0"` | `openapi: "3.0.1"` |
//! | `info.version`, `info.title` | the same; besides `info.description`, empty, in whose place the provider puts its mark |
//! | `schemes: [https]` | nothing: a REST API has no other scheme |
//! | `definitions.Empty` | `components.schemas.Empty` |
//! | `securityDefinitions.<name>` | `components.securitySchemes.<name>`, with the same fields and extensions |
//! | `paths.<path>.<method>` | the same, with `summary`, `description`, `security` as they are |
//! | `consumes: [..]` of a method | nothing: without a body parameter API Gateway makes nothing of it, and a `requestBody` would add request models that Chalice's API does not have |
//! | `produces: [application/json]` with `responses.200.schema` | `responses.200.content."application/json".schema` |
//! | `responses.200.headers.<h>: {type: string}` | `responses.200.headers.<h>: {schema: {type: string}}` |
//! | `parameters: [{name, in: path, required, type}]` | `[{name, in, required, schema: {type}}]` |
//! | `$ref: "#/definitions/Empty"` | `$ref: "#/components/schemas/Empty"` |
//! | `x-amazon-apigateway-integration` | the same, field by field |
//! | `x-amazon-apigateway-binary-media-types`, `x-amazon-apigateway-policy` | the same, at the top |
//! | `x-amazon-apigateway-endpoint-configuration` at the top | the same inside the only element of `servers`, where API Gateway looks for it in OpenAPI 3 |
//!
//! The compression size, which Chalice sets by a call of its own, stands here too: it is part of what a deployment of the API
//! takes a snapshot of, so a change of it must be a change of the document, or no caller would ever see it.
//!
//! The scopes of an authorizer stay in `security`, although OpenAPI 3.0 knows them for other schemes only: API Gateway reads
//! them there in both languages. The mock integration of a preflight has no `uri` and no `httpMethod`, as in Chalice: AWS
//! wants neither.
//!
//! ARNs of functions are not known here. The caller gives a function from a logical name to the value that stands for the
//! address at which API Gateway calls it. A built-in authorizer goes by the name under which its function is registered, which
//! is unique: where a blueprint is registered with a prefix, two of them may have one name of their own, and under that the one
//! would stand in for the other. (Chalice dies of a prefix. Without one both names are the same.)

use serde_json::{Map, Value, json};

use super::app::{App, Authorizer, AuthorizerKind, Route, RouteAuthorizer};
use super::config::API_HANDLER;

const EMPTY: &str = "#/components/schemas/Empty";
const API_KEY: &str = "api_key";

/// What the configuration adds to the app.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The resource policy.
    pub policy: Option<Value>,
    /// VPC endpoints of a private API.
    pub vpc_endpoints: Vec<String>,
    /// Answers of this many bytes and more are compressed.
    pub minimum_compression: Option<u64>,
}

/// The document of the app's REST API. `address` gives what stands for the address of a function, by logical name.
pub fn document(app: &App, settings: &Settings, address: &dyn Fn(&str) -> Value) -> Value {
    let mut paths = Map::new();
    let mut schemes = Map::new();
    for (path, routes) in app.paths() {
        for route in &routes {
            security_schemes(app, route, address, &mut schemes);
        }
        paths.insert(path.to_owned(), path_item(&routes, address));
    }
    let mut components = json!({"schemas": {"Empty": {"type": "object", "title": "Empty Schema"}}});
    if !schemes.is_empty() {
        components["securitySchemes"] = Value::Object(schemes);
    }
    let mut document = json!({
        "openapi": "3.0.1",
        "info": {"version": "1.0", "title": app.app_name, "description": ""},
        "paths": paths,
        "components": components,
        "x-amazon-apigateway-binary-media-types": app.api.binary_types,
    });
    if let Some(policy) = &settings.policy {
        document["x-amazon-apigateway-policy"] = policy.clone();
    }
    if let Some(size) = settings.minimum_compression {
        document["x-amazon-apigateway-minimum-compression-size"] = json!(size);
    }
    if !settings.vpc_endpoints.is_empty() {
        let endpoint = json!({"vpcEndpointIds": settings.vpc_endpoints});
        document["servers"] = json!([{"url": "/", "x-amazon-apigateway-endpoint-configuration": endpoint}]);
    }
    document
}

/// The address at which API Gateway calls a function, from the parts that make it up.
///
/// Source: the `uri` of `x-amazon-apigateway-integration` for Lambda.
pub fn invocation_prefix(partition: &str, region: &str) -> String {
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/")
}

/// What follows the function's ARN in that address.
pub const INVOCATION_SUFFIX: &str = "/invocations";

fn path_item(routes: &[&Route], address: &dyn Fn(&str) -> Value) -> Value {
    let mut item = Map::new();
    for route in routes {
        item.insert(route.method.to_lowercase(), operation(route, address));
    }
    // All views with CORS on one path have equal settings (validated), so any of them serves; Chalice takes the last.
    let with_cors: Vec<_> = routes.iter().filter(|route| route.cors.is_some()).collect();
    if let Some(cors) = with_cors.last().and_then(|route| route.cors.as_ref()) {
        let methods = with_cors
            .iter()
            .map(|route| route.method.as_str())
            .chain(["OPTIONS"]);
        item.insert(
            "options".to_owned(),
            preflight(
                cors.response_headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
                &methods.collect::<Vec<_>>().join(","),
            ),
        );
    }
    Value::Object(item)
}

fn operation(route: &Route, address: &dyn Fn(&str) -> Value) -> Value {
    let mut operation = json!({
        "responses": {"200": ok_response()},
        "x-amazon-apigateway-integration": {
            "responses": {"default": {"statusCode": "200"}},
            "uri": address(API_HANDLER),
            "passthroughBehavior": "when_no_match",
            "httpMethod": "POST",
            "contentHandling": "CONVERT_TO_TEXT",
            "type": "aws_proxy",
        },
    });
    if let Some((summary, rest)) = route.doc.split_first() {
        operation["summary"] = json!(summary);
        if !rest.is_empty() {
            operation["description"] = json!(rest.join("\n").trim_matches('\n'));
        }
    }
    let security = security(route);
    if !security.is_empty() {
        operation["security"] = json!(security);
    }
    if !route.view_args.is_empty() {
        let parameter = |name: &String| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        operation["parameters"] = route.view_args.iter().map(parameter).collect();
    }
    operation
}

/// The one answer that a method declares.
pub(crate) fn ok_response() -> Value {
    json!({"description": "200 response", "content": {"application/json": {"schema": {"$ref": EMPTY}}}})
}

/// The method that answers to a browser which asks whether a page of another origin may call: `headers`, and the `methods`.
pub(crate) fn preflight<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, methods: &'a str) -> Value {
    let mut declared = Map::new();
    let mut sent = Map::new();
    let allow_methods = ("Access-Control-Allow-Methods", methods);
    for (name, value) in std::iter::once(allow_methods).chain(headers) {
        declared.insert(name.to_owned(), json!({"schema": {"type": "string"}}));
        sent.insert(
            format!("method.response.header.{name}"),
            json!(format!("'{value}'")),
        );
    }
    let mut response = ok_response();
    response["headers"] = Value::Object(declared);
    json!({
        "responses": {"200": response},
        "x-amazon-apigateway-integration": {
            "responses": {"default": {"statusCode": "200", "responseParameters": sent}},
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "passthroughBehavior": "when_no_match",
            "type": "mock",
            "contentHandling": "CONVERT_TO_TEXT",
        },
    })
}

fn security(route: &Route) -> Vec<Value> {
    let mut security = Vec::new();
    if route.api_key_required {
        security.push(json!({API_KEY: []}));
    }
    if let Some(authorizer) = &route.authorizer {
        security.push(Value::Object(Map::from_iter([(
            scheme_name(authorizer).to_owned(),
            json!(authorizer.scopes),
        )])));
    }
    security
}

/// Adds what the route's `security` refers to. One scheme serves all routes that use it; the last definition counts.
fn security_schemes(
    app: &App,
    route: &Route,
    address: &dyn Fn(&str) -> Value,
    schemes: &mut Map<String, Value>,
) {
    if let Some(authorizer) = &route.authorizer {
        schemes.insert(
            scheme_name(authorizer).to_owned(),
            security_scheme(app, authorizer, address),
        );
    }
    // After the authorizer: an authorizer called `api_key` would lose, as in Chalice.
    if route.api_key_required
        || route
            .authorizer
            .as_ref()
            .is_some_and(|authorizer| scheme_name(authorizer) == API_KEY)
    {
        schemes.insert(
            API_KEY.to_owned(),
            json!({"type": "apiKey", "name": "x-api-key", "in": "header"}),
        );
    }
}

/// What an authorizer is called in the document.
fn scheme_name(used: &RouteAuthorizer) -> &str {
    match (used.kind, &used.function) {
        (AuthorizerKind::Builtin, Some(registered)) => registered,
        _ => &used.name,
    }
}

fn security_scheme(app: &App, used: &RouteAuthorizer, address: &dyn Fn(&str) -> Value) -> Value {
    let function = used
        .function
        .as_deref()
        .filter(|_| used.kind == AuthorizerKind::Builtin);
    let registered = function.and_then(|name| app.authorizers.iter().find(|one| one.name == name));
    match registered {
        Some(authorizer) => builtin_scheme(authorizer, address),
        None => used.security_scheme.clone().unwrap_or(Value::Null),
    }
}

fn builtin_scheme(authorizer: &Authorizer, address: &dyn Fn(&str) -> Value) -> Value {
    let mut details = json!({"type": "token", "authorizerUri": address(&authorizer.name)});
    if let Some(role) = &authorizer.execution_role {
        details["authorizerCredentials"] = json!(role);
    }
    if let Some(seconds) = authorizer.ttl_seconds {
        details["authorizerResultTtlInSeconds"] = json!(seconds);
    }
    json!({
        "in": "header",
        "type": "apiKey",
        "name": authorizer.header,
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": details,
    })
}

#[cfg(test)]
pub(crate) mod tests;
