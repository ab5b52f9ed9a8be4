//! WebSocket APIs: the API with its routes, the permissions to call functions, the stage.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::apis::{api_of, websocket};
use super::{Lowering, arn_of, function_id, object};
use crate::source::manifest::apis::{DEFAULT_STAGE, WebsocketApi};
use crate::source::manifest::events::Event;

pub(super) const WEBSOCKET_API: Kind = Kind::new("websocket_api");
pub(super) const WEBSOCKET_STAGE: Kind = Kind::new("websocket_stage");

/// Functions by the keys of their routes.
type Routes = BTreeMap<String, String>;

impl Lowering<'_> {
    pub(super) fn websocket_apis(&mut self) {
        let mut routes = self.websocket_routes();
        let declared = self.form.websocket_apis.clone();
        for (name, api) in &declared {
            let own = routes.remove(name).unwrap_or_default();
            if let Some(api) = api {
                self.websocket_api(name, api, &own, &["websocket_apis", name]);
            }
        }
        for (name, own) in routes {
            let function = own.values().next().cloned().unwrap_or_default();
            let path = ["functions", &function, "events"];
            self.websocket_api(&name, &WebsocketApi::default(), &own, &path);
        }
    }

    fn websocket_routes(&self) -> BTreeMap<String, Routes> {
        let names = self.form.names("websocket_apis");
        let mut routes: BTreeMap<String, Routes> = BTreeMap::new();
        for (name, function) in self.form.functions() {
            for event in function.events.iter().flatten() {
                let Event::Websocket(brief) = event else { continue };
                let event = websocket(brief);
                if let Ok(api) = api_of("websocket_apis", &names, event.api.as_deref()) {
                    routes
                        .entry(api)
                        .or_default()
                        .insert(event.route, name.to_owned());
                }
            }
        }
        routes
    }

    fn websocket_api(&mut self, name: &str, api: &WebsocketApi, routes: &Routes, path: &[&str]) {
        let physical = api.name.clone().unwrap_or_else(|| self.physical(None, name));
        let targets: BTreeMap<String, Template> = routes
            .iter()
            .map(|(route, function)| {
                // The word by which an integration of ours is known in the API (Chalice's).
                let plain = json!({"description": description(route)});
                (route.clone(), object(plain, [("function", arn_of(function))]))
            })
            .collect();
        let id = ResourceId::new(WEBSOCKET_API, name);
        let spec = object(json!({"name": physical}), [("routes", Template::Map(targets))]);
        self.add(id.clone(), spec, BTreeSet::new(), path);
        let functions: BTreeSet<_> = routes.values().cloned().collect();
        let permissions: BTreeSet<_> = functions
            .iter()
            .map(|function| self.api_permission(function, &id, path))
            .collect();
        let spec = object(
            json!({"stage": api.stage.as_deref().unwrap_or(DEFAULT_STAGE)}),
            [
                ("api", Template::reference(id.clone(), "id")),
                ("definition", Template::reference(id, "definition_digest")),
            ],
        );
        let functions = functions.iter().map(|function| function_id(function));
        let after = functions.chain(permissions).collect();
        self.add(ResourceId::new(WEBSOCKET_STAGE, name), spec, after, path);
    }
}

/// What describes a route's integration: Chalice's words.
fn description(route: &str) -> &'static str {
    match route {
        "$connect" => "connect",
        "$disconnect" => "disconnect",
        _ => "message",
    }
}
