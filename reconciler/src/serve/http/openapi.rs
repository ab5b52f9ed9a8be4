//! The OpenAPI 3.1 document, made from the table of routes and the types that are served.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answer::json as answer;
use super::forms::Gap;
use super::probes::VERSION;
use super::problem::{PROBLEM_JSON, Problem};
use super::routes::{Operation, Who, operations};
use super::site::{Door, Site};

const ABOUT: &str = "What `grail serve` knows of its stages, and what may be asked of it. On loopback nobody is asked who they \
are; elsewhere every request shows the token or, where authorities are configured, a certificate. A browser that has signed in \
at `/login` has a session instead. Problems are told as RFC 9457 says; `type` stays the same.";

const STREAM: &str = "Server-sent events. The data of each is a notice as JSON, its name is `notice`, and its id is to be sent \
back as `Last-Event-ID` (or `?after=`) to go on from there. An event `gap` (see its schema) says that some were lost: then ask \
for the stage again.";

/// `GET /api/v1/openapi.json`
pub(super) async fn served(State(site): State<Arc<Site>>) -> Response {
    answer(&document(matches!(site.keys().door, Door::Guarded { .. })))
}

/// The document; `guarded` where visitors must show something.
pub(super) fn document(guarded: bool) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations() {
        let described = described(&operation, &mut schemas, guarded);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = described;
    }
    schemas.subschema_for::<Gap>();
    schemas.subschema_for::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {"title": "grail serve", "version": VERSION, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
                "signature": {
                    "type": "apiKey", "in": "header", "name": "X-Hub-Signature-256",
                    "description": "`sha256=` and HMAC-SHA256 of the body under the webhook's secret, in hexadecimal digits."
                },
            },
        },
    })
}

fn described(operation: &Operation, schemas: &mut SchemaGenerator, guarded: bool) -> Value {
    let mut responses = Map::new();
    responses.insert(operation.answer.code.to_string(), good(operation, schemas));
    let by_gate: &[u16] = match operation.who {
        Who::Visitor if guarded => &[401, 403],
        Who::Visitor => &[403],
        Who::Everybody | Who::Signed => &[],
    };
    let problem = schemas.subschema_for::<Problem>();
    for code in operation.problems.iter().chain(by_gate) {
        let content = json!({PROBLEM_JSON: {"schema": problem}});
        responses.insert(
            code.to_string(),
            json!({"description": phrase(*code), "content": content}),
        );
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": responses,
        "security": security(operation.who, guarded),
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    described
}

fn good(operation: &Operation, schemas: &mut SchemaGenerator) -> Value {
    let media = operation.answer.media;
    let schema = operation.answer.schema.map(|schema| schema(schemas));
    if media == "text/event-stream" {
        let content = json!({media: {"schema": {"type": "string"}, "x-event-data": schema}});
        return json!({"description": STREAM, "content": content});
    }
    let schema = match (schema, media) {
        (Some(schema), _) => schema.to_value(),
        (None, "application/json") => json!({"type": "object"}),
        (None, _) => json!({"type": "string"}),
    };
    json!({"description": phrase(operation.answer.code), "content": {media: {"schema": schema}}})
}

fn security(who: Who, guarded: bool) -> Value {
    match who {
        Who::Visitor if guarded => json!([{"token": []}, {"certificate": []}]),
        Who::Signed => json!([{"signature": []}]),
        Who::Everybody | Who::Visitor => json!([]),
    }
}

/// The names in braces, and where an event stream begins.
fn parameters(operation: &Operation) -> Vec<Value> {
    let names = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next());
    let named =
        |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let mut all: Vec<Value> = names.map(named).collect();
    if operation.answer.media == "text/event-stream" {
        let text = json!({"type": "string"});
        all.push(json!({"name": "Last-Event-ID", "in": "header", "schema": text}));
        all.push(json!({"name": "after", "in": "query", "schema": text}));
    }
    all
}

fn phrase(code: u16) -> &'static str {
    match code {
        200 => "As asked.",
        202 => "It is going to happen.",
        401 => "Who asks has not shown who they are.",
        403 => "Not from here, or not by this name.",
        404 => "There is no such thing.",
        409 => "The stage is paused.",
        413 => "The body is too large.",
        _ => "Not now.",
    }
}
