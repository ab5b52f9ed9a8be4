//! The same API in both versions reads alike; and whatever is changed or taken away in either makes it another.

use serde_json::{Value, json};

use super::*;
use crate::difference::difference;

const SWAGGER: &str = include_str!("samples/vault.swagger2.json");
const OPENAPI: &str = include_str!("samples/vault.openapi3.json");

/// Places of a document that say nothing about the API.
const WITHOUT_MEANING: [&str; 5] = [
    "/swagger",
    "/openapi",
    "/schemes",
    "/info/description",
    "/servers/0/url",
];

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn both_versions_of_one_api_read_alike() {
    let (one, other) = (
        ApiDocument::read(&sample(SWAGGER)),
        ApiDocument::read(&sample(OPENAPI)),
    );
    assert_eq!(difference(&one.to_json(), &other.to_json()), [""; 0]);
    assert_eq!(one, other);
    assert!(one.other.is_empty(), "{:?}", one.other);
    assert_eq!(one.paths["/secrets/{name}"].len(), 3);
}

#[test]
fn whatever_changes_makes_another_api() {
    for text in [SWAGGER, OPENAPI] {
        let document = sample(text);
        let whole = ApiDocument::read(&document);
        let mut tried = 0;
        for place in places(&document, String::new()) {
            if WITHOUT_MEANING.iter().any(|free| place.starts_with(free)) || place.contains("/consumes") {
                continue;
            }
            for (how, changed) in [
                ("changed", changed_at(&document, &place)),
                ("gone", gone_at(&document, &place)),
            ] {
                let Some(changed) = changed else { continue };
                assert_ne!(
                    ApiDocument::read(&changed),
                    whole,
                    "{place} {how} makes no difference"
                );
                tried += 1;
            }
        }
        assert!(tried > 150, "only {tried} changes were tried");
    }
}

#[test]
fn what_says_nothing_about_the_api_makes_no_difference() {
    let mut document = sample(OPENAPI);
    let whole = ApiDocument::read(&document);
    document["openapi"] = "3.0.3".into();
    document["info"]["description"] = "another mark".into();
    document["servers"][0]["url"] = "https://example.com".into();
    document["paths"]["/secrets/{name}"]["get"]["x-amazon-apigateway-integration"]["type"] =
        "AWS_PROXY".into();
    assert_eq!(ApiDocument::read(&document), whole);
}

#[test]
fn content_types_count_where_there_is_a_body() {
    let mut document = sample(SWAGGER);
    let get = &mut document["paths"]["/secrets/{name}"]["get"];
    get["parameters"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "in": "body", "name": "Secret", "schema": {} }));
    let whole = ApiDocument::read(&document);
    document["paths"]["/secrets/{name}"]["get"]["consumes"] = json!(["text/csv"]);
    assert_ne!(ApiDocument::read(&document), whole);

    let mut document = sample(OPENAPI);
    document["paths"]["/secrets/{name}"]["get"]["requestBody"] = json!({ "content": { "text/csv": {} } });
    assert_ne!(ApiDocument::read(&document), ApiDocument::read(&sample(OPENAPI)));
}

#[test]
fn the_order_of_requirements_and_scopes_counts() {
    let document = sample(OPENAPI);
    let whole = ApiDocument::read(&document);
    let mut turned = document.clone();
    let security = &mut turned["paths"]["/secrets/{name}"]["get"]["security"];
    *security = json!([{ "people": ["vault/read", "vault/write"] }, { "api_key": [] }]);
    assert_ne!(ApiDocument::read(&turned), whole);
    let mut turned = document;
    let security = &mut turned["paths"]["/secrets/{name}"]["get"]["security"];
    *security = json!([{ "api_key": [] }, { "people": ["vault/write", "vault/read"] }]);
    assert_ne!(ApiDocument::read(&turned), whole);
}

#[test]
fn what_is_added_counts_even_where_it_is_unknown() {
    let whole = ApiDocument::read(&sample(OPENAPI));
    for place in [
        "",
        "/info",
        "/components",
        "/servers/0",
        "/paths/~1secrets~1{name}/get",
    ] {
        let mut document = sample(OPENAPI);
        document.pointer_mut(place).unwrap()["x-new"] = true.into();
        assert_ne!(
            ApiDocument::read(&document),
            whole,
            "x-new at {place:?} makes no difference"
        );
    }
}

#[test]
fn the_proxys_translation_for_moto_loses_nothing() {
    let document = sample(SWAGGER);
    let translated = crate::proxy::translated_for_moto(&document);
    assert_eq!(ApiDocument::read(&translated), ApiDocument::read(&document));
}

/// JSON pointers of everything below a value.
fn places(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, inner)| (escaped(key), inner)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, inner)| (index.to_string(), inner))
            .collect(),
        _ => Vec::new(),
    };
    let each = inner.into_iter().flat_map(|(key, inner)| {
        let here = format!("{at}/{key}");
        let below = places(inner, here.clone());
        std::iter::once(here).chain(below)
    });
    each.collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The document with another leaf at this place; none where there is no leaf.
fn changed_at(document: &Value, place: &str) -> Option<Value> {
    let mut changed = document.clone();
    let leaf = changed.pointer_mut(place)?;
    *leaf = match leaf {
        Value::String(text) => format!("{text}x").into(),
        Value::Number(number) => (number.as_u64()? + 1).into(),
        Value::Bool(yes) => (!*yes).into(),
        _ => return None,
    };
    Some(changed)
}

/// The document without this place.
fn gone_at(document: &Value, place: &str) -> Option<Value> {
    let mut changed = document.clone();
    let (above, key) = place.rsplit_once('/')?;
    match changed.pointer_mut(above)? {
        Value::Object(fields) => fields.remove(&key.replace("~1", "/").replace("~0", "~"))?,
        Value::Array(items) => items.remove(key.parse().ok()?),
        _ => return None,
    };
    Some(changed)
}
