//! Two definitions of a REST API (OpenAPI 3.0.1, as the source writes them) by what they ask of a caller.
//!
//! A route is known by its path and method, whatever its parameters are called. One that there was not is not weighed: that
//! it is there is the change. Schemes are compared whole, so that another function behind an authorizer is another authorizer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Way, policy};

/// The extension that holds the API's own policy.
const POLICY: &str = "x-amazon-apigateway-policy";

/// What somebody may call under `new` and could not under `old`. A `private` API without a policy lets nobody in, any other
/// everybody.
pub(super) fn gained(old: &Value, new: &Value, private: bool) -> Vec<(Way, String)> {
    let mut found: Vec<_> = by_policy(old.get(POLICY), new.get(POLICY), private)
        .into_iter()
        .map(|what| (Way::ApiPolicy, what))
        .collect();
    let had = routes(old);
    for (route, asks) in routes(new) {
        if let Some(asked) = had.get(&route) {
            found.extend(
                asks_less(asked, &asks)
                    .map(|what| (Way::Route, format!("{what} at {} {}", route.1, asks.path))),
            );
        }
    }
    found
}

fn by_policy(old: Option<&Value>, new: Option<&Value>, private: bool) -> Vec<String> {
    match (old, new) {
        (Some(old), Some(new)) => policy::gained(Some(old), new),
        (None, Some(new)) if private => policy::gained(None, new),
        (Some(_), None) if !private => vec!["has no policy any more: everybody may call it".to_owned()],
        (None | Some(_), None) | (None, Some(_)) => Vec::new(),
    }
}

/// What a route asks: each scheme by its name, with its definition and the scopes.
struct Asks<'a> {
    path: &'a str,
    schemes: BTreeMap<&'a str, (Value, &'a Value)>,
}

fn asks_less(was: &Asks<'_>, is: &Asks<'_>) -> Option<String> {
    let names = |asks: &Asks<'_>| {
        asks.schemes
            .keys()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(" and ")
    };
    let gone: Vec<_> = was
        .schemes
        .keys()
        .filter(|name| !is.schemes.contains_key(*name))
        .collect();
    if !gone.is_empty() {
        return Some(match is.schemes.is_empty() {
            true => format!("no longer asks for {}", names(was)),
            false => format!("asks for {} instead of {}", names(is), names(was)),
        });
    }
    let other: Vec<_> = was
        .schemes
        .iter()
        .filter(|(name, scheme)| is.schemes.get(*name) != Some(scheme))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    (!other.is_empty()).then(|| {
        format!(
            "asks otherwise for {}, which cannot be compared,",
            other.join(" and ")
        )
    })
}

fn routes(definition: &Value) -> BTreeMap<(String, String), Asks<'_>> {
    let paths = definition.get("paths").and_then(Value::as_object);
    let schemes = definition.pointer("/components/securitySchemes");
    let mut routes = BTreeMap::new();
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let listed = operation.get("security").and_then(Value::as_array);
            let asked = listed
                .into_iter()
                .flatten()
                .filter_map(Value::as_object)
                .flatten();
            let schemes = asked
                .map(|(name, scopes)| {
                    let scheme = schemes.and_then(|schemes| schemes.get(name));
                    (name.as_str(), (scheme.cloned().unwrap_or(json!(null)), scopes))
                })
                .collect();
            routes.insert(
                (without_names(path), method.to_uppercase()),
                Asks { path, schemes },
            );
        }
    }
    routes
}

/// `/a/{id}` as `/a/{}`: what a parameter is called is the function's affair. `{proxy+}` takes more, and stays another.
fn without_names(path: &str) -> String {
    let part = |part: &str| match part.strip_prefix('{') {
        Some(inner) if inner.ends_with("+}") => "{+}".to_owned(),
        Some(inner) if inner.ends_with('}') => "{}".to_owned(),
        _ => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
