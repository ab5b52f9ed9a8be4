//! URLs of functions.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId};
use serde_json::json;

use super::{Lowering, arn_of, object};
use crate::source::manifest::functions::Function;
use crate::source::manifest::urls::{Method, UrlCors};

const FUNCTION_URL: Kind = Kind::new("function_url");

impl Lowering<'_> {
    pub(super) fn url(&mut self, name: &str, function: &Function) {
        let Some(url) = &function.url else { return };
        let cors = url.cors.as_ref().map(cors);
        let mut plain = BTreeMap::from([
            ("auth", json!(url.auth.unwrap_or_default().name())),
            (
                "invoke_mode",
                json!(match url.stream {
                    Some(true) => "response_stream",
                    _ => "buffered",
                }),
            ),
        ]);
        plain.extend(cors.map(|cors| ("cors", cors)));
        let spec = object(json!(plain), [("function", arn_of(name))]);
        let path = ["functions", name, "url"];
        self.add(ResourceId::new(FUNCTION_URL, name), spec, BTreeSet::new(), &path);
    }
}

fn cors(cors: &UrlCors) -> serde_json::Value {
    let methods: Vec<_> = cors.methods.iter().flatten().copied().map(Method::name).collect();
    json!({
        "origins": cors.origins.clone().unwrap_or_default(),
        "methods": methods,
        "headers": cors.headers.clone().unwrap_or_default(),
        "expose": cors.expose.clone().unwrap_or_default(),
        "credentials": cors.credentials.unwrap_or(false),
        "max_age": cors.max_age.unwrap_or(0),
    })
}
