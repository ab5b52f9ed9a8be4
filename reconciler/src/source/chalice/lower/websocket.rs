//! The WebSocket API: its functions, itself, their permissions, its stage, its domain.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::domains::Mapped;
use super::{Lowering, arn_of, object, origin};
use crate::source::chalice::names;

const WEBSOCKET_API: Kind = Kind::new("websocket_api");
const WEBSOCKET_STAGE: Kind = Kind::new("websocket_stage");

impl Lowering<'_> {
    pub(super) fn websocket_api(&mut self) {
        let functions = self.app.websocket_functions();
        for (_, function) in &functions {
            self.function(function);
        }
        let routes: BTreeMap<String, Template> = functions
            .iter()
            .map(|(route, function)| {
                let description = json!({"description": route.description});
                let target = object(description, [("function", arn_of(&function.name))]);
                (route.key.to_owned(), target)
            })
            .collect();
        let place = functions.first().and_then(|(_, function)| function.place);
        let place = place.map(origin);
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let api = ResourceId::new(WEBSOCKET_API, names::WEBSOCKET_API);
        let spec = object(
            json!({"name": names::websocket_api(app, stage)}),
            [("routes", Template::Map(routes))],
        );
        self.add(api.clone(), spec, BTreeSet::new(), place.clone());
        let permissions: BTreeSet<_> = functions
            .iter()
            .map(|(_, function)| self.api_permission(&function.name, names::WEBSOCKET_API, &api))
            .collect();
        let spec = object(
            json!({"stage": self.config.api_gateway_stage()}),
            [
                ("api", Template::reference(api.clone(), "id")),
                (
                    "definition",
                    Template::reference(api.clone(), "definition_digest"),
                ),
            ],
        );
        let after = self.functions().into_iter().chain(permissions).collect();
        let stage = ResourceId::new(WEBSOCKET_STAGE, names::WEBSOCKET_API);
        self.add(stage.clone(), spec, after, place);
        if let Some(domain) = self.config.websocket_domain() {
            self.domain(&domain, &Mapped::websocket(api, stage));
        }
    }
}
