//! Whether an API has all that a document of ours defines: an import or a put that was cut off may leave a part of it.
//!
//! The mark alone does not tell, for it is set with the title, before the routes. Compared are routes with what they call:
//! paths, methods and the URIs of integrations, which AWS and the emulators all give back as they were given. It goes both
//! ways: an overwrite that was cut off may also leave a route of the former document.
//!
//! **Given up:** authorizers, models, responses and parameters are not compared, since not all emulators give them back. A
//! wrong "no" costs one more put of the same bytes.

use std::collections::BTreeSet;

use serde_json::Value;

/// The methods of a path in an OpenAPI document; its other entries are none.
const VERBS: [&str; 7] = ["delete", "get", "head", "options", "patch", "post", "put"];
/// How a document writes the method `ANY`.
const ANY: &str = "x-amazon-apigateway-any-method";

/// A path, a method and what it calls.
type Route<'a> = (&'a str, String, &'a str);

/// True if the routes in `form`, our part of a normalised reading, are those of `document`.
pub(super) fn has_routes_of(form: &Value, document: &Value) -> bool {
    let read = routes(form, "/integration/uri", |verb| Some(verb.to_uppercase()));
    read == routes(document, "/x-amazon-apigateway-integration/uri", method)
}

/// The paths, without a last slash, and the methods that `document` defines.
pub(super) fn routes_defined(document: &Value) -> impl Iterator<Item = (String, String)> {
    let routes = routes(document, "/x-amazon-apigateway-integration/uri", method);
    routes.into_iter().map(|(path, verb, _)| (path.to_owned(), verb))
}

fn method(key: &str) -> Option<String> {
    match key.to_ascii_lowercase().as_str() {
        ANY => Some("ANY".to_owned()),
        verb if VERBS.contains(&verb) => Some(verb.to_uppercase()),
        _ => None,
    }
}

fn routes<'a>(
    source: &'a Value,
    uri: &'static str,
    method: impl Fn(&str) -> Option<String> + Copy + 'a,
) -> BTreeSet<Route<'a>> {
    let paths = source.get("paths").and_then(Value::as_object);
    let routes = paths.into_iter().flatten().flat_map(move |(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.filter_map(move |(key, one)| {
            let called = one.pointer(uri).and_then(Value::as_str).unwrap_or_default();
            Some((path.trim_end_matches('/'), method(key)?, target(called)))
        })
    });
    routes.collect()
}

/// What a URI calls: of a Lambda function its ARN, whatever stands before and after it.
fn target(uri: &str) -> &str {
    let called = uri.split_once("/functions/").map_or(uri, |(_, rest)| rest);
    called.strip_suffix("/invocations").unwrap_or(called)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(verb: &str) -> Value {
        let call = json!({"x-amazon-apigateway-integration": {"uri": "arn:x:path/2015-03-31/functions/f/invocations"}});
        json!({"paths": {"/": {verb: call, "parameters": []}, "/more/": {"options": {}}}})
    }

    fn form(verb: &str) -> Value {
        let call = json!({"integration": {"uri": "arn:x:path/2015-03-31/functions/f/invocations"}});
        json!({"paths": {"/": {verb: call}, "/more": {"OPTIONS": {"authorization": "NONE"}}}})
    }

    #[test]
    fn routes_are_compared_whatever_their_notation() {
        assert!(has_routes_of(&form("GET"), &document("get")));
        assert!(has_routes_of(&form("ANY"), &document(ANY)));
    }

    #[test]
    fn a_lacking_an_extra_or_another_route_is_seen() {
        assert!(!has_routes_of(&json!({}), &document("get")));
        assert!(!has_routes_of(&form("POST"), &document("get")));
        let mut form = form("GET");
        form["paths"]["/old"] = json!({"GET": {}});
        assert!(!has_routes_of(&form, &document("get")));
        form["paths"].as_object_mut().unwrap().remove("/old");
        form["paths"]["/"]["GET"]["integration"] = Value::Null;
        assert!(!has_routes_of(&form, &document("get")));
    }
}
