//! URLs of functions.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::{Lowering, arn_of, object};
use crate::source::manifest::functions::Function;
use crate::source::manifest::urls::{Method, Url, UrlCors};

const FUNCTION_URL: Kind = Kind::new("function_url");

impl Lowering<'_> {
    pub(super) fn url(&mut self, name: &str, function: &Function) {
        if let Some(url) = &function.url {
            self.url_at(name, name, None, url, &["functions", name, "url"]);
        }
    }

    /// The URL `logical` of a function, or of its alias.
    pub(super) fn url_at(
        &mut self,
        function: &str,
        logical: &str,
        alias: Option<Template>,
        url: &Url,
        path: &[&str],
    ) {
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
        let mut spec = object(json!(plain), [("function", arn_of(function))]);
        if let (Some(alias), Template::Map(fields)) = (alias, &mut spec) {
            fields.insert("alias".to_owned(), alias);
        }
        self.add(
            ResourceId::new(FUNCTION_URL, logical),
            spec,
            BTreeSet::new(),
            path,
        );
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
