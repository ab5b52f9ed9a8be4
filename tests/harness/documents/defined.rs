//! The APIs that a row of calls defined: what a tool imported and put, and what it patched beside the document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ApiDocument;
use crate::proxy::{Call, Calls};

/// The APIs that are left after these calls, by their ids. Calls that were refused count for nothing.
pub fn defined(calls: &Calls) -> BTreeMap<String, ApiDocument> {
    let mut apis = BTreeMap::new();
    for call in calls
        .iter()
        .filter(|call| call.status.is_some_and(|status| status < 300))
    {
        match call.name() {
            "ImportRestApi" => {
                let id = call.answer_json()["id"].as_str().map(str::to_owned);
                apis.insert(
                    id.unwrap_or_else(|| panic!("an import without an id: {call:?}")),
                    read(call),
                );
            }
            "PutRestApi" => put(&mut apis, call),
            "UpdateRestApi" => patch(apis.entry(id_of(call)).or_default(), call),
            "DeleteRestApi" => {
                apis.remove(&id_of(call));
            }
            _ => {}
        }
    }
    apis
}

/// The one API that is left after these calls.
///
/// # Panics
/// Where there is none, or more than one.
pub fn only_defined(calls: &Calls) -> ApiDocument {
    let apis = defined(calls);
    let titles: Vec<&String> = apis.values().map(|api| &api.title).collect();
    assert_eq!(apis.len(), 1, "not exactly one API is defined: {titles:?}");
    apis.into_values().next().unwrap_or_default()
}

fn read(call: &Call) -> ApiDocument {
    let mut api = ApiDocument::read(&call.body);
    let list = |text: &String| text.split(',').map(str::to_owned).collect();
    if let Some(types) = call.query.get("endpointConfigurationTypes") {
        api.endpoint_types = list(types);
    }
    if let Some(ids) = call.query.get("endpointConfigurationVpcEndpointIds") {
        api.vpc_endpoints = list(ids);
    }
    api
}

/// A put replaces the definition. What only calls set stays: endpoint types and compression.
fn put(apis: &mut BTreeMap<String, ApiDocument>, call: &Call) {
    let id = id_of(call);
    let before = apis.remove(&id).unwrap_or_default();
    let mut api = read(call);
    if api.endpoint_types.is_empty() {
        api.endpoint_types = before.endpoint_types;
    }
    api.minimum_compression = api.minimum_compression.or(before.minimum_compression);
    apis.insert(id, api);
}

fn patch(api: &mut ApiDocument, call: &Call) {
    for patch in call.body["patchOperations"].as_array().into_iter().flatten() {
        let op = patch["op"].as_str().unwrap_or_default();
        let path = patch["path"].as_str().unwrap_or_default();
        let value = patch["value"].as_str().unwrap_or_default();
        let inner = path
            .trim_start_matches('/')
            .split('/')
            .skip(1)
            .last()
            .unwrap_or_default()
            .replace("~1", "/");
        match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
            "description" => {}
            "name" => api.title = value.to_owned(),
            "minimumCompressionSize" => api.minimum_compression = value.parse().ok(),
            "policy" => api.policy = serde_json::from_str(value).unwrap_or(Value::Null),
            "binaryMediaTypes" if op == "remove" => {
                api.binary_types.remove(&inner);
            }
            "binaryMediaTypes" => {
                api.binary_types
                    .insert(if inner.is_empty() { value.to_owned() } else { inner });
            }
            "endpointConfiguration" if path.contains("/vpcEndpointIds") && op == "remove" => {
                api.vpc_endpoints.remove(value);
            }
            "endpointConfiguration" if path.contains("/vpcEndpointIds") => {
                api.vpc_endpoints.insert(value.to_owned());
            }
            "endpointConfiguration" => {
                api.endpoint_types.remove(&inner);
                api.endpoint_types.insert(value.to_owned());
            }
            _ => {
                api.other
                    .insert(format!("patched {path}"), patch["value"].clone());
            }
        }
    }
}

fn id_of(call: &Call) -> String {
    call.path
        .trim_start_matches("/restapis/")
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
