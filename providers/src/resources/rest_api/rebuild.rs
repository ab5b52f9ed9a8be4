//! From a reading back to a document that makes the same API: the way back to what we did not send ourselves.
//!
//! The reading must be a whole one, since a put wipes what its document does not say. Not rebuilt: documentation parts, and
//! descriptions of models, which no reading has.

use serde_json::{Map, Value, json};

/// The OpenAPI 3.0.1 document of a normalised reading.
pub(super) fn document(form: &Value) -> Value {
    let api = part(form, "api");
    let (schemas, schemes) = (schemas(form), security_schemes(form));
    let entries = [
        ("openapi", json!("3.0.1")),
        (
            "info",
            json!({"title": api["name"], "version": api.get("version").unwrap_or(&json!("1.0"))}),
        ),
        (
            "x-amazon-apigateway-binary-media-types",
            api["binary_types"].clone(),
        ),
        ("x-amazon-apigateway-policy", api["policy"].clone()),
        ("x-amazon-apigateway-api-key-source", api["key_source"].clone()),
        ("servers", servers(&api)),
        ("x-amazon-apigateway-gateway-responses", gateway_responses(form)),
        ("x-amazon-apigateway-request-validators", validators(form)),
        ("paths", paths(form)),
        (
            "components",
            object([("schemas", schemas), ("securitySchemes", schemes)]),
        ),
    ];
    let mut document = object(entries);
    // A document without paths is no document.
    if document.get("paths").is_none() {
        document["paths"] = json!({});
    }
    document
}

/// An object of those entries that hold something.
fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let held = entries.into_iter().filter(|(_, value)| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(inner) => !inner.is_empty(),
        _ => true,
    });
    Value::Object(held.map(|(key, value)| (key.to_owned(), value)).collect())
}

fn part(form: &Value, key: &str) -> Value {
    form.get(key).cloned().unwrap_or_else(|| json!({}))
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// In OpenAPI 3 the endpoint's configuration stands at the server.
fn servers(api: &Value) -> Value {
    let configuration = object([
        ("vpcEndpointIds", api["vpc_endpoints"].clone()),
        (
            "disableExecuteApiEndpoint",
            api.get("disabled")
                .filter(|one| **one == json!(true))
                .cloned()
                .unwrap_or_default(),
        ),
    ]);
    match configuration.as_object() {
        Some(settings) if !settings.is_empty() => {
            json!([{"url": "/", "x-amazon-apigateway-endpoint-configuration": configuration}])
        }
        _ => Value::Null,
    }
}

fn gateway_responses(form: &Value) -> Value {
    let responses = entries(&form["gateway_responses"]).map(|(kind, one)| {
        let answer = object([
            ("statusCode", one["status"].clone()),
            ("responseParameters", one["parameters"].clone()),
            ("responseTemplates", one["templates"].clone()),
        ]);
        (kind.clone(), answer)
    });
    Value::Object(responses.collect())
}

fn validators(form: &Value) -> Value {
    let validators = entries(&form["request_validators"]).map(|(name, one)| {
        let checks = json!({
            "validateRequestBody": one["body"] == json!(true),
            "validateRequestParameters": one["parameters"] == json!(true),
        });
        (name.clone(), checks)
    });
    Value::Object(validators.collect())
}

/// The models, and an empty one for each that is only named.
fn schemas(form: &Value) -> Value {
    let mut schemas = Map::new();
    for method in methods(form) {
        let named = entries(&method["responses"]).flat_map(|(_, answer)| entries(&answer["models"]));
        for (_, model) in named.chain(entries(&method["request_models"])) {
            if let Some(name) = model.as_str() {
                schemas.insert(name.to_owned(), json!({"type": "object"}));
            }
        }
    }
    for (name, model) in entries(&form["models"]) {
        schemas.insert(name.clone(), model["schema"].clone());
    }
    Value::Object(schemas)
}

fn methods(form: &Value) -> impl Iterator<Item = &Value> {
    entries(&form["paths"]).flat_map(|(_, methods)| entries(methods).map(|(_, method)| method))
}

fn security_schemes(form: &Value) -> Value {
    let mut schemes: Map<_, _> = entries(&form["authorizers"])
        .map(|(name, one)| (name.clone(), authorizer(one)))
        .collect();
    if methods(form).any(|method| text(method, "authorization") == "AWS_IAM") {
        let scheme = json!({
            "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
        });
        schemes.insert("sigv4".to_owned(), scheme);
    }
    if methods(form).any(|method| method["api_key_required"] == json!(true)) {
        schemes.insert(
            "api_key".to_owned(),
            json!({"type": "apiKey", "name": "x-api-key", "in": "header"}),
        );
    }
    Value::Object(schemes)
}

fn authorizer(one: &Value) -> Value {
    let source = text(one, "identity_source");
    let header = source.strip_prefix("method.request.header.").unwrap_or("Unused");
    let kind = text(one, "type").to_ascii_lowercase();
    let settings = object([
        ("type", json!(kind)),
        ("authorizerUri", one["uri"].clone()),
        ("authorizerCredentials", one["credentials"].clone()),
        ("identityValidationExpression", one["validation"].clone()),
        ("authorizerResultTtlInSeconds", one["ttl"].clone()),
        ("providerARNs", one["providers"].clone()),
        (
            "identitySource",
            if kind == "request" {
                one["identity_source"].clone()
            } else {
                Value::Null
            },
        ),
    ]);
    let default = if kind == "cognito_user_pools" {
        "cognito_user_pools"
    } else {
        "custom"
    };
    let auth_type = one.get("auth_type").cloned().unwrap_or_else(|| json!(default));
    json!({
        "type": "apiKey", "name": header, "in": "header",
        "x-amazon-apigateway-authtype": auth_type, "x-amazon-apigateway-authorizer": settings,
    })
}

fn paths(form: &Value) -> Value {
    let paths = entries(&form["paths"]).map(|(path, methods)| {
        let operations = entries(methods).map(|(verb, method)| {
            let verb = match verb.as_str() {
                "ANY" => "x-amazon-apigateway-any-method".to_owned(),
                verb => verb.to_ascii_lowercase(),
            };
            (verb, operation(method, form))
        });
        (path.clone(), Value::Object(operations.collect()))
    });
    Value::Object(paths.collect())
}

fn operation(method: &Value, form: &Value) -> Value {
    let responses =
        entries(&method["responses"]).map(|(status, one)| (status.clone(), response(status, one)));
    let mut operation = object([
        ("operationId", method["operation_name"].clone()),
        ("requestBody", request_body(method)),
        ("x-amazon-apigateway-request-validator", validator(method, form)),
        (
            "x-amazon-apigateway-integration",
            integration(&method["integration"]),
        ),
    ]);
    operation["responses"] = Value::Object(responses.collect());
    for (key, list) in [("parameters", parameters(method)), ("security", security(method))] {
        if !list.is_empty() {
            operation[key] = Value::Array(list);
        }
    }
    operation
}

fn parameters(method: &Value) -> Vec<Value> {
    let parameter = |(source, required): (&String, &Value)| {
        let (place, name) = source.strip_prefix("method.request.")?.split_once('.')?;
        let place = if place == "querystring" { "query" } else { place };
        let schema = json!({"type": "string"});
        Some(json!({"name": name, "in": place, "required": required, "schema": schema}))
    };
    entries(&method["request_parameters"])
        .filter_map(parameter)
        .collect()
}

fn request_body(method: &Value) -> Value {
    match content(&method["request_models"]) {
        Value::Null => Value::Null,
        content => json!({"content": content, "required": true}),
    }
}

fn content(models: &Value) -> Value {
    let kinds: Map<_, _> = entries(models)
        .map(|(kind, model)| {
            let place = format!("#/components/schemas/{}", model.as_str().unwrap_or_default());
            (kind.clone(), json!({"schema": {"$ref": place}}))
        })
        .collect();
    if kinds.is_empty() {
        Value::Null
    } else {
        Value::Object(kinds)
    }
}

fn validator(method: &Value, form: &Value) -> Value {
    let id = &method["request_validator"];
    let named = entries(&form["request_validators"]).find(|(_, one)| !id.is_null() && one["id"] == *id);
    named.map_or(Value::Null, |(name, _)| json!(name))
}

fn security(method: &Value) -> Vec<Value> {
    let scopes = method.get("scopes").cloned().unwrap_or_else(|| json!([]));
    let mut needed = Vec::new();
    match (
        text(method, "authorization"),
        method.get("authorizer").and_then(Value::as_str),
    ) {
        ("AWS_IAM", _) => needed.push(json!({"sigv4": []})),
        (_, Some(name)) => needed.push(Value::Object(Map::from_iter([(name.to_owned(), scopes)]))),
        _ => {}
    }
    if method["api_key_required"] == json!(true) {
        needed.push(json!({"api_key": []}));
    }
    needed
}

fn response(status: &str, one: &Value) -> Value {
    let headers: Map<_, _> = entries(&one["parameters"])
        .filter_map(|(name, _)| name.strip_prefix("method.response.header."))
        .map(|name| (name.to_owned(), json!({"schema": {"type": "string"}})))
        .collect();
    let mut response = object([
        ("headers", Value::Object(headers)),
        ("content", content(&one["models"])),
    ]);
    response["description"] = json!(format!("{status} response"));
    response
}

fn integration(one: &Value) -> Value {
    if one.is_null() {
        return Value::Null;
    }
    let responses = entries(&one["responses"]).map(|(status, answer)| {
        let pattern = answer.get("pattern").and_then(Value::as_str).unwrap_or("default");
        let form = object([
            ("statusCode", json!(status)),
            ("responseParameters", answer["parameters"].clone()),
            ("responseTemplates", answer["templates"].clone()),
            ("contentHandling", answer["content_handling"].clone()),
        ]);
        (pattern.to_owned(), form)
    });
    let tls = object([("insecureSkipVerification", one["insecure_tls"].clone())]);
    object([
        ("type", json!(text(one, "type").to_ascii_lowercase())),
        ("httpMethod", one["http_method"].clone()),
        ("uri", one["uri"].clone()),
        ("connectionType", one["connection_type"].clone()),
        ("connectionId", one["connection"].clone()),
        ("credentials", one["credentials"].clone()),
        ("requestParameters", one["request_parameters"].clone()),
        ("requestTemplates", one["request_templates"].clone()),
        (
            "passthroughBehavior",
            json!(text(one, "passthrough").to_ascii_lowercase()),
        ),
        ("contentHandling", one["content_handling"].clone()),
        ("timeoutInMillis", one["timeout_ms"].clone()),
        ("cacheNamespace", one["cache_namespace"].clone()),
        ("cacheKeyParameters", one["cache_keys"].clone()),
        ("tlsConfig", tls),
        ("responses", Value::Object(responses.collect())),
    ])
}

#[cfg(test)]
mod tests;
