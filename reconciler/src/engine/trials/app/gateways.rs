//! APIs of both protocols, and the domains in front of them.

use std::collections::BTreeMap;

use grail_state::Desired;
use serde_json::json;

use super::{App, id, output, permission, wish};

/// A REST API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    pub(crate) version: u32,
    pub(crate) endpoint: &'static str,
    pub(crate) compression: Option<u32>,
    pub(crate) tracing: bool,
    pub(crate) site: Option<Site>,
}

/// A WebSocket API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Socket {
    /// The function that handles each route.
    pub(crate) routes: BTreeMap<&'static str, String>,
    pub(crate) site: Option<Site>,
}

/// A custom domain, and the path of it that leads to the API.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Site {
    pub(crate) domain: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) certificate: u32,
    pub(crate) tag: Option<&'static str>,
}

impl Site {
    pub(crate) fn at(domain: &'static str) -> Self {
        Self {
            domain,
            prefix: "",
            certificate: 1,
            tag: None,
        }
    }
}

impl Socket {
    pub(crate) fn handled_by(handler: &str) -> Self {
        let routes = ["$connect", "$default", "$disconnect"];
        Self {
            routes: routes.map(|route| (route, handler.to_owned())).into(),
            site: None,
        }
    }
}

impl App {
    pub(super) fn gateways(&self) -> Vec<Desired> {
        let mut wishes = Vec::new();
        if let Some(http) = &self.api {
            wishes.push(self.rest_api(http));
            wishes.extend(self.functions.keys().map(|name| {
                let source = output("rest_api", "rest_api", "execution_arn");
                permission(name, "rest_api", "apigateway", source, 11)
            }));
            wishes.push(self.rest_stage(http));
            wishes.extend(http.site.iter().flat_map(|site| site_wishes(site, "rest")));
        }
        if let Some(socket) = &self.socket {
            wishes.push(self.websocket_api(socket));
            wishes.extend(self.handlers(socket).map(|name| {
                let arn = output("websocket_api", "websocket_api", "execution_arn");
                permission(
                    name,
                    "websocket_api",
                    "apigateway",
                    json!({"=join": [arn, "/*"]}),
                    21,
                )
            }));
            wishes.push(self.websocket_stage(socket));
            wishes.extend(socket.site.iter().flat_map(|site| site_wishes(site, "websocket")));
        }
        wishes
    }

    /// The handlers that there are.
    fn handlers<'a>(&'a self, socket: &'a Socket) -> impl Iterator<Item = &'a String> {
        self.functions
            .keys()
            .filter(|name| socket.routes.values().any(|handler| handler == *name))
    }

    fn rest_api(&self, http: &Http) -> Desired {
        let uris: BTreeMap<_, _> = self
            .functions
            .keys()
            .map(|name| (format!("/{name}"), output("lambda_function", name, "arn")))
            .collect();
        let spec = json!({
            "name": "app", "endpoint_type": http.endpoint, "minimum_compression": http.compression,
            "definition": {"version": http.version, "paths": uris},
        });
        wish(id("rest_api", "rest_api"), spec, 10)
    }

    fn rest_stage(&self, http: &Http) -> Desired {
        let spec = json!({
            "api": output("rest_api", "rest_api", "id"), "stage": "api", "tracing": http.tracing,
            "definition": output("rest_api", "rest_api", "definition_digest"),
        });
        let mut wish = wish(id("api_stage", "rest_api"), spec, 12);
        for name in self.functions.keys() {
            wish.after
                .insert(id("lambda_permission", &format!("{name}/rest_api")));
            wish.after.insert(id("lambda_function", name));
        }
        wish
    }

    fn websocket_api(&self, socket: &Socket) -> Desired {
        let routes: BTreeMap<_, _> = socket
            .routes
            .iter()
            .filter(|(_, handler)| self.functions.contains_key(*handler))
            .map(|(route, handler)| {
                let description = match *route {
                    "$connect" => "connect",
                    "$disconnect" => "disconnect",
                    _ => "message",
                };
                let function = output("lambda_function", handler, "arn");
                (route, json!({"function": function, "description": description}))
            })
            .collect();
        let spec = json!({"name": format!("{}-websocket-api", self.owner), "routes": routes});
        wish(id("websocket_api", "websocket_api"), spec, 20)
    }

    fn websocket_stage(&self, socket: &Socket) -> Desired {
        let api = |name| output("websocket_api", "websocket_api", name);
        let spec = json!({"api": api("id"), "stage": "api", "definition": api("definition_digest")});
        let mut wish = wish(id("websocket_stage", "websocket_api"), spec, 22);
        for name in self.handlers(socket) {
            wish.after
                .insert(id("lambda_permission", &format!("{name}/websocket_api")));
            wish.after.insert(id("lambda_function", name));
        }
        wish
    }
}

/// The domain and the path of a site.
fn site_wishes(site: &Site, protocol: &str) -> [Desired; 2] {
    let (name, api, stage) = match protocol {
        "rest" => ("api_gateway_custom_domain", "rest_api", "api_stage"),
        _ => ("websocket_api_custom_domain", "websocket_api", "websocket_stage"),
    };
    let tags: BTreeMap<_, _> = site.tag.iter().map(|tag| ("team", tag)).collect();
    let spec = json!({
        "name": site.domain, "protocol": protocol, "endpoint_type": "REGIONAL", "security_policy": "TLS_1_2",
        "certificate_arn": format!("arn:aws:acm:eu-west-1:123456789012:certificate/{}", site.certificate), "tags": tags,
    });
    let domain = wish(id("custom_domain", name), spec, 30);
    let spec = json!({
        "domain": output("custom_domain", name, "name"), "prefix": site.prefix, "protocol": protocol,
        "api": output(api, api, "id"), "stage": "api",
    });
    let mut path = wish(id("api_mapping", name), spec, 31);
    path.after.insert(id(stage, api));
    [domain, path]
}
