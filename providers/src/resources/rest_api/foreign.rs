//! What others have put into our API by hand: methods, gateway responses, authorizers, models. It is told and kept.
//!
//! An overwrite wipes what its document does not say (aws/chalice 787, 123), and `PutRestApi` in mode merge never takes away
//! what we no longer want. So before each put the API is read whole, and what is foreign in it is written into the document
//! that is sent. The digest in our mark stays that of our own document.
//!
//! **What is foreign:** what neither the document that is wanted nor the one that was written last defines. Where the last
//! one is not known (Chalice's, or lost) a method is taken for ours if it calls our handler, and so is a preflight answer
//! beside such a method.
//!
//! **Given up:** resources without any method are no part of a document, and documentation parts are not read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::rebuild;
use super::whole::routes_defined;

const GATEWAY_RESPONSES: &str = "x-amazon-apigateway-gateway-responses";
const VALIDATORS: &str = "x-amazon-apigateway-request-validators";

/// A reading's form in two.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split {
    /// What our documents define, and the API itself.
    pub(super) own: Value,
    /// What is there besides, in the same form.
    pub(super) foreign: Value,
}

impl Split {
    /// Everything is ours, as far as we know.
    pub(super) fn all_ours(form: &Value) -> Self {
        Self {
            own: form.clone(),
            foreign: Value::Object(Map::new()),
        }
    }
}

/// Divides `form` by what `documents` define. With `calls_us`, one of our former documents is not known: then a method whose
/// integration calls an address that it takes for ours is ours as well.
pub(super) fn split(form: &Value, documents: &[&Value], calls_us: Option<&dyn Fn(&str) -> bool>) -> Split {
    let mut own = Map::new();
    let mut foreign = Map::new();
    for (part, value) in form.as_object().into_iter().flatten() {
        let (ours, theirs) = match part.as_str() {
            "paths" => paths(value, documents, calls_us),
            "gateway_responses" => by_name(value, &defined(documents, &[GATEWAY_RESPONSES])),
            "request_validators" => by_name(value, &defined(documents, &[VALIDATORS])),
            "models" => by_name(value, &defined(documents, &["components", "schemas"])),
            "authorizers" => by_name(value, &defined(documents, &["components", "securitySchemes"])),
            _ => (value.clone(), Value::Null),
        };
        for (side, value) in [(&mut own, ours), (&mut foreign, theirs)] {
            if value.as_object().is_none_or(|entries| !entries.is_empty()) && !value.is_null() {
                side.insert(part.clone(), value);
            }
        }
    }
    drop_defaults(&mut foreign);
    Split {
        own: Value::Object(own),
        foreign: Value::Object(foreign),
    }
}

/// The models that every API made in the console has.
pub(super) fn drop_defaults(foreign: &mut Map<String, Value>) {
    if let Some(models) = foreign.get_mut("models").and_then(Value::as_object_mut) {
        models.retain(|name, _| name != "Empty" && name != "Error");
        if models.is_empty() {
            foreign.remove("models");
        }
    }
}

fn defined(documents: &[&Value], place: &[&str]) -> BTreeSet<String> {
    let of = |document: &&Value| {
        let mut at = *document;
        for key in place {
            at = at.get(*key)?;
        }
        at.as_object()
            .map(|entries| entries.keys().cloned().collect::<Vec<_>>())
    };
    documents.iter().filter_map(of).flatten().collect()
}

fn by_name(value: &Value, ours: &BTreeSet<String>) -> (Value, Value) {
    let entries = value.as_object().cloned().unwrap_or_default();
    let (own, foreign): (Map<_, _>, Map<_, _>) =
        entries.into_iter().partition(|(name, _)| ours.contains(name));
    (Value::Object(own), Value::Object(foreign))
}

fn paths(value: &Value, documents: &[&Value], calls_us: Option<&dyn Fn(&str) -> bool>) -> (Value, Value) {
    let ours: BTreeSet<(String, String)> = documents
        .iter()
        .flat_map(|document| routes_defined(document))
        .collect();
    let (mut own, mut foreign) = (Map::new(), Map::new());
    for (path, methods) in value.as_object().into_iter().flatten() {
        let methods = methods.as_object().cloned().unwrap_or_default();
        let is_ours = |verb: &str, method: &Value| {
            ours.contains(&(path.trim_end_matches('/').to_owned(), verb.to_owned()))
                || calls_us.is_some_and(|calls| {
                    let uri = method.pointer("/integration/uri").and_then(Value::as_str);
                    uri.is_some_and(calls)
                })
        };
        let beside_ours = calls_us.is_some() && methods.iter().any(|(verb, one)| is_ours(verb, one));
        let (of_us, of_others): (Map<_, _>, Map<_, _>) = methods
            .clone()
            .into_iter()
            .partition(|(verb, method)| is_ours(verb, method) || (beside_ours && is_preflight(verb, method)));
        for (side, methods) in [(&mut own, of_us), (&mut foreign, of_others)] {
            if !methods.is_empty() {
                side.insert(path.clone(), Value::Object(methods));
            }
        }
    }
    (Value::Object(own), Value::Object(foreign))
}

fn is_preflight(verb: &str, method: &Value) -> bool {
    verb == "OPTIONS" && method.pointer("/integration/type").and_then(Value::as_str) == Some("MOCK")
}

/// `document` with all that is in `foreign`. What both define stays as ours.
pub(super) fn with(document: &Value, foreign: &Value) -> Value {
    let mut whole = document.clone();
    if foreign.as_object().is_none_or(Map::is_empty) {
        return whole;
    }
    let theirs = rebuild::document(foreign);
    for place in [
        &["paths"][..],
        &[GATEWAY_RESPONSES],
        &[VALIDATORS],
        &["components", "schemas"],
        &["components", "securitySchemes"],
    ] {
        let mut from = &theirs;
        for key in place {
            from = &from[*key];
        }
        if let Some(entries) = from.as_object().filter(|entries| !entries.is_empty()) {
            add(&mut whole, place, entries);
        }
    }
    whole
}

fn add(whole: &mut Value, place: &[&str], entries: &Map<String, Value>) {
    let mut at = whole;
    for key in place {
        let Some(object) = at.as_object_mut() else { return };
        at = object
            .entry((*key).to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
    }
    let Some(object) = at.as_object_mut() else { return };
    for (name, theirs) in entries {
        match (object.get_mut(name), theirs) {
            // A path of ours with a method of theirs.
            (Some(Value::Object(ours)), Value::Object(theirs)) if place == ["paths"] => {
                for (verb, method) in theirs {
                    ours.entry(verb.clone()).or_insert_with(|| method.clone());
                }
            }
            (Some(_), _) => {}
            (None, _) => drop(object.insert(name.clone(), theirs.clone())),
        }
    }
}

/// What is foreign, for people.
pub(super) fn told(foreign: &Value) -> Vec<String> {
    let names = |part: &str| {
        let entries = foreign.get(part).and_then(Value::as_object);
        entries
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value))
    };
    let methods = names("paths").flat_map(|(path, methods)| {
        let verbs: Vec<_> = methods.as_object().into_iter().flatten().collect();
        verbs
            .into_iter()
            .map(move |(verb, _)| format!("method {verb} {path}"))
            .collect::<Vec<_>>()
    });
    let mut told: Vec<_> = methods.collect();
    for (part, word) in [
        ("gateway_responses", "gateway response"),
        ("authorizers", "authorizer"),
        ("models", "model"),
        ("request_validators", "request validator"),
    ] {
        told.extend(names(part).map(|(name, _)| format!("{word} {name}")));
    }
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const US: &str = "arn:x:path/functions/us/invocations";

    fn ours() -> Value {
        json!({
            "paths": {"/": {"get": {}}, "/a/": {"x-amazon-apigateway-any-method": {}}},
            "components": {"securitySchemes": {"mine": {}}},
        })
    }

    fn form() -> Value {
        json!({
            "api": {"name": "shop"},
            "paths": {
                "/": {"GET": {"integration": {"uri": US}}, "OPTIONS": {"integration": {"type": "MOCK"}}},
                "/a": {"ANY": {}},
                "/old": {"GET": {"integration": {"uri": US}}},
                "/theirs": {"POST": {"authorizer": "gate", "authorization": "CUSTOM", "integration": {"type": "HTTP", "uri": "https://x"}},
                    "OPTIONS": {"integration": {"type": "MOCK"}}},
            },
            "authorizers": {"mine": {"type": "TOKEN"}, "gate": {"type": "TOKEN", "uri": "arn:gate"}},
            "gateway_responses": {"DEFAULT_4XX": {"status": "418", "parameters": {"gatewayresponse.header.A": "'*'"}}},
            "models": {"Empty": {"schema": {}}},
        })
    }

    #[test]
    fn what_neither_document_defines_is_foreign() {
        let parts = split(&form(), &[&ours()], None);
        assert_eq!(
            told(&parts.foreign),
            [
                "method OPTIONS /",
                "method GET /old",
                "method OPTIONS /theirs",
                "method POST /theirs",
                "gateway response DEFAULT_4XX",
                "authorizer gate",
            ]
        );
        assert_eq!(parts.own["api"], json!({"name": "shop"}));
        assert_eq!(
            parts.own["paths"],
            json!({"/": {"GET": {"integration": {"uri": US}}}, "/a": {"ANY": {}}})
        );
        assert_eq!(parts.own["authorizers"], json!({"mine": {"type": "TOKEN"}}));
    }

    #[test]
    fn without_the_former_document_what_calls_us_is_ours() {
        let parts = split(&form(), &[&ours()], Some(&|uri| uri == US));
        let foreign = told(&parts.foreign);
        assert_eq!(foreign[..2], ["method OPTIONS /theirs", "method POST /theirs"]);
        assert!(parts.own["paths"].get("/old").is_some());
    }

    #[test]
    fn an_api_of_our_documents_alone_has_nothing_foreign() {
        let reading = json!({"api": {}, "paths": {"/": {"GET": {}}}, "models": {"Empty": {}, "Error": {}}});
        let parts = split(&reading, &[&ours()], None);
        assert_eq!(told(&parts.foreign), [""; 0]);
        assert_eq!(with(&ours(), &parts.foreign), ours());
    }

    #[test]
    fn a_document_takes_in_what_is_foreign_and_keeps_its_own() {
        let mut form = form();
        form["paths"]["/"]["GET"] = json!({"integration": {"uri": "changed by hand"}});
        let foreign = split(&form, &[&ours()], None).foreign;
        let whole = with(&ours(), &foreign);
        assert_eq!(whole["paths"]["/"]["get"], json!({}), "ours stays ours");
        assert!(whole["paths"]["/"].get("options").is_some());
        assert_eq!(
            whole["paths"]["/theirs"]["post"]["x-amazon-apigateway-integration"]["uri"],
            "https://x"
        );
        assert_eq!(
            whole["paths"]["/theirs"]["post"]["security"],
            json!([{"gate": []}])
        );
        assert!(whole["components"]["securitySchemes"].get("gate").is_some());
        assert_eq!(
            whole["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]["statusCode"],
            "418"
        );
        assert_eq!(whole["paths"]["/a/"], ours()["paths"]["/a/"]);
    }
}
