use super::*;
use crate::source::chalice::test_python::empty_app;

/// Translates Chalice's Swagger 2.0 as the table of the module says.
pub(crate) fn translated(swagger: &Value) -> Value {
    let swagger = respelled(swagger);
    let mut components = json!({"schemas": swagger["definitions"]});
    if let Some(schemes) = swagger.get("securityDefinitions") {
        components["securitySchemes"] = schemes.clone();
    }
    let mut info = swagger["info"].clone();
    info["description"] = json!("");
    let mut paths = swagger["paths"].clone();
    for methods in paths.as_object_mut().unwrap().values_mut() {
        methods
            .as_object_mut()
            .unwrap()
            .values_mut()
            .for_each(translate_operation);
    }
    let mut document = json!({"openapi": "3.0.1", "info": info, "paths": paths, "components": components});
    for extension in [
        "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-policy",
    ] {
        if let Some(value) = swagger.get(extension) {
            document[extension] = value.clone();
        }
    }
    let endpoint = "x-amazon-apigateway-endpoint-configuration";
    if let Some(value) = swagger.get(endpoint) {
        document["servers"] = json!([{"url": "/", endpoint: value}]);
    }
    document
}

fn respelled(value: &Value) -> Value {
    serde_json::from_str(
        &value
            .to_string()
            .replace("#/definitions/", "#/components/schemas/"),
    )
    .unwrap()
}

fn translate_operation(operation: &mut Value) {
    let fields = operation.as_object_mut().unwrap();
    fields.remove("consumes");
    let produced = fields.remove("produces").unwrap();
    assert_eq!(produced, json!(["application/json"]));
    for response in fields["responses"].as_object_mut().unwrap().values_mut() {
        let schema = response.as_object_mut().unwrap().remove("schema").unwrap();
        response["content"] = json!({"application/json": {"schema": schema}});
        for header in response
            .get_mut("headers")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
        {
            *header.1 = json!({"schema": header.1.clone()});
        }
    }
    for parameter in fields
        .get_mut("parameters")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let kind = parameter.as_object_mut().unwrap().remove("type").unwrap();
        parameter["schema"] = json!({"type": kind});
    }
}

pub(crate) fn address(function: &str) -> Value {
    json!({"address": function})
}

fn with_routes(routes: Value) -> App {
    let mut app = empty_app();
    app.routes = serde_json::from_value(routes).unwrap();
    app
}

fn route(path: &str, method: &str) -> Value {
    json!({"path": path, "method": method, "view_name": "v", "view_args": [], "api_key_required": false,
        "content_types": ["application/json"], "doc": [], "cors": null, "authorizer": null, "place": null})
}

/// Each route must be guarded by the function that it names, although all of them are called `auth`.
fn assert_each_guards_its_own(functions: &[&str]) {
    let guarded = |function: &&str| {
        let mut guarded = route(&format!("/{function}"), "GET");
        guarded["authorizer"] = json!({"kind": "builtin", "name": "auth", "scopes": ["s"], "function": function, "security_scheme": null});
        guarded
    };
    let authorizer = |function: &&str| {
        json!({"name": function, "handler": "chalicelib.b.auth", "ttl_seconds": null, "execution_role": null,
            "header": "Authorization", "place": null})
    };
    let mut app = with_routes(functions.iter().map(guarded).collect());
    app.authorizers = serde_json::from_value(functions.iter().map(authorizer).collect()).unwrap();
    let document = document(&app, &Settings::default(), &address);
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes.as_object().unwrap().len(), functions.len());
    for function in functions {
        let security = &document["paths"][format!("/{function}")]["get"]["security"];
        let (scheme, scopes) = security[0].as_object().unwrap().iter().next().unwrap();
        assert_eq!(scopes, &json!(["s"]));
        assert_eq!(
            schemes[scheme]["x-amazon-apigateway-authorizer"],
            json!({"type": "token", "authorizerUri": {"address": function}})
        );
    }
}

#[test]
fn a_prefixed_authorizer_of_a_blueprint_calls_the_registered_function() {
    assert_each_guards_its_own(&["p_auth"]);
}

#[test]
fn authorizers_of_one_name_in_two_blueprints_guard_their_own_routes() {
    assert_each_guards_its_own(&["a_auth", "b_auth"]);
}

#[test]
fn an_authorizer_of_the_app_and_one_of_a_blueprint_with_its_name_guard_their_own_routes() {
    assert_each_guards_its_own(&["auth", "p_auth"]);
    assert_each_guards_its_own(&["p_auth", "auth"]);
}

#[test]
fn endpoints_and_policy_stand_where_api_gateway_looks_for_them() {
    let app = with_routes(json!([route("/", "GET")]));
    let settings = Settings {
        policy: Some(json!({"Statement": []})),
        vpc_endpoints: vec!["vpce-1".into()],
        minimum_compression: Some(0),
    };
    let with = document(&app, &settings, &address);
    assert_eq!(with["x-amazon-apigateway-policy"], json!({"Statement": []}));
    assert_eq!(with["x-amazon-apigateway-minimum-compression-size"], json!(0));
    let server = &with["servers"][0];
    assert_eq!(
        server["x-amazon-apigateway-endpoint-configuration"]["vpcEndpointIds"],
        json!(["vpce-1"])
    );
    let without = document(&app, &Settings::default(), &address);
    assert!(without.get("servers").is_none() && without.get("x-amazon-apigateway-policy").is_none());
}

#[test]
fn a_preflight_names_the_methods_with_cors_in_their_order() {
    let cors = json!({"allow_origin": "*", "response_headers": [["Access-Control-Allow-Origin", "*"]]});
    let mut routes = vec![route("/", "PUT"), route("/", "GET"), route("/", "DELETE")];
    routes[0]["cors"] = cors.clone();
    routes[2]["cors"] = cors;
    let document = document(&with_routes(json!(routes)), &Settings::default(), &address);
    let sent = &document["paths"]["/"]["options"]["x-amazon-apigateway-integration"]["responses"]["default"];
    let methods = "method.response.header.Access-Control-Allow-Methods";
    assert_eq!(sent["responseParameters"][methods], "'PUT,DELETE,OPTIONS'");
}
