//! A WebSocket API as it is: the API, its routes, its integrations, and which of them are of Chalice's form.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::operation::create_api::CreateApiOutput;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::types::{
    Api, AuthorizationType, ConnectionType, ContentHandlingStrategy, Integration, IntegrationType,
    Route as LiveRoute,
};

use super::{HANDLERS, NO_ROUTE, Route};
use crate::aws::{Context, Outcome};
use crate::port::Failure;

/// What Chalice's routes take as the key of their answer.
pub(super) const RESPONSE_KEY: &str = "$default";

/// An API without its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
}

macro_rules! heads {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Head {
            fn from(api: $answer) -> Self {
                Self {
                    id: api.api_id.unwrap_or_default(),
                    name: api.name.unwrap_or_default(),
                    description: api.description.unwrap_or_default(),
                }
            }
        })+
    };
}

heads!(Api, CreateApiOutput, GetApiOutput);

/// An API with its contents.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) head: Head,
    pub(super) routes: Vec<LiveRoute>,
    pub(super) integrations: Vec<Integration>,
}

impl Reading {
    /// Reads the API `id`; `None` if there is none.
    pub(super) async fn take(context: &Context, id: &str) -> Result<Option<Self>, Failure> {
        let client = context.clients.apigatewayv2.read();
        let answer = client.get_api().api_id(id).send().await;
        match answer.found("apigateway:GET")? {
            Some(api) => Self::of(context, api.into()).await,
            None => Ok(None),
        }
    }

    /// Reads the contents of the API `head`; `None` if it has gone.
    pub(super) async fn of(context: &Context, head: Head) -> Result<Option<Self>, Failure> {
        let Some(routes) = routes(context, &head.id).await? else {
            return Ok(None);
        };
        let integrations = integrations(context, &head.id).await?;
        Ok(integrations.map(|integrations| Self {
            head,
            routes,
            integrations,
        }))
    }

    /// An API that was just made.
    pub(super) fn newborn(head: Head) -> Self {
        Self {
            head,
            routes: Vec::new(),
            integrations: Vec::new(),
        }
    }

    /// The route under `key`.
    pub(super) fn route(&self, key: &str) -> Option<&LiveRoute> {
        self.routes.iter().find(|route| route.route_key() == Some(key))
    }

    /// The integration `id`.
    pub(super) fn integration(&self, id: &str) -> Option<&Integration> {
        let mut integrations = self.integrations.iter();
        integrations.find(|one| one.integration_id() == Some(id))
    }

    /// True if an integration calls one of `ours`, in whatever form.
    pub(super) fn calls(&self, context: &Context, ours: impl Fn(&str) -> bool) -> bool {
        let mut uris = self.integrations.iter().filter_map(Integration::integration_uri);
        uris.any(|uri| function_of(context, uri).is_some_and(&ours))
    }

    /// The routes that are ours: those that are `known` by their keys, and those of Chalice's keys that call one of our
    /// functions. A route that leads to nothing is half made and left out; an integration of ours that no route leads to is
    /// half made or half removed, and shown as a route that no wish equals, so that it is used or goes.
    pub(super) fn routes(
        &self,
        context: &Context,
        known: &BTreeSet<&str>,
        ours: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, Route> {
        let mut routes = BTreeMap::new();
        for live in &self.routes {
            let (Some(key), Some(integration)) = (live.route_key(), self.target(live)) else {
                continue;
            };
            let called = called(context, integration);
            let handled = HANDLERS.iter().any(|(handled, _)| *handled == key);
            if known.contains(key) || (handled && called.is_some_and(&ours)) {
                routes.insert(key.to_owned(), shown(live, integration, called));
            }
        }
        let targets: BTreeSet<_> = self.routes.iter().filter_map(target_id).collect();
        for one in &self.integrations {
            let (Some(id), Some(function)) = (one.integration_id(), called(context, one)) else {
                continue;
            };
            let description = one.description().unwrap_or_default();
            let handled = HANDLERS.iter().find(|(_, handler)| *handler == description);
            let Some((key, _)) = handled.filter(|(key, _)| ours(function) && self.route(key).is_none())
            else {
                continue;
            };
            if !targets.contains(id) {
                let left = Route {
                    function: format!("{function}{NO_ROUTE}"),
                    description: description.to_owned(),
                    integration: Some(id.to_owned()),
                };
                routes.insert((*key).to_owned(), left);
            }
        }
        routes
    }

    /// The routes besides `ours`, in words.
    pub(super) fn others(&self, ours: &BTreeMap<String, Route>) -> Vec<String> {
        let keys = self.routes.iter().filter_map(LiveRoute::route_key);
        let others: BTreeSet<_> = keys.filter(|key| !ours.contains_key(*key)).collect();
        others.into_iter().map(|key| format!("route {key}")).collect()
    }

    /// The integration that a route leads to.
    fn target(&self, live: &LiveRoute) -> Option<&Integration> {
        self.integration(target_id(live)?)
    }
}

fn shown(live: &LiveRoute, integration: &Integration, called: Option<&str>) -> Route {
    let id = integration.integration_id().unwrap_or_default();
    let function = match called.filter(|_| is_plain(live)) {
        Some(function) => function.to_owned(),
        None => format!("changed outside: integration {id}"),
    };
    Route {
        function,
        description: integration.description().unwrap_or_default().to_owned(),
        integration: Some(id.to_owned()),
    }
}

/// The id of the integration that a route names.
pub(super) fn target_id(live: &LiveRoute) -> Option<&str> {
    live.target()?.strip_prefix("integrations/")
}

/// True if nothing is set on a route but what Chalice sets.
pub(super) fn is_plain(live: &LiveRoute) -> bool {
    let open = matches!(live.authorization_type, None | Some(AuthorizationType::None));
    open && live.api_key_required != Some(true)
        && live.route_response_selection_expression() == Some(RESPONSE_KEY)
}

/// The function that `integration` calls, if it is of Chalice's form.
pub(super) fn called<'a>(context: &Context, integration: &'a Integration) -> Option<&'a str> {
    let connected = matches!(integration.connection_type, None | Some(ConnectionType::Internet));
    let formed = integration.integration_type == Some(IntegrationType::AwsProxy)
        && integration.content_handling_strategy == Some(ContentHandlingStrategy::ConvertToText)
        && integration.credentials_arn.is_none();
    (connected && formed).then_some(())?;
    function_of(context, integration.integration_uri()?)
}

/// The URI under which API Gateway calls a function, as Chalice writes it.
pub(super) fn uri_of(context: &Context, function: &str) -> String {
    let (partition, region) = (&context.partition, &context.region);
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations")
}

/// The function that a URI of that form names.
fn function_of<'a>(context: &Context, uri: &'a str) -> Option<&'a str> {
    let function = uri.split_once("/functions/")?.1.strip_suffix("/invocations")?;
    (uri_of(context, function) == uri).then_some(function)
}

pub(super) async fn routes(context: &Context, api: &str) -> Result<Option<Vec<LiveRoute>>, Failure> {
    let client = context.clients.apigatewayv2.read();
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let answer = client.get_routes().api_id(api).set_next_token(next).send().await;
        let Some(page) = answer.found("apigateway:GET")? else {
            return Ok(None);
        };
        all.extend(page.items.unwrap_or_default());
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(token) => next = Some(token),
            None => return Ok(Some(all)),
        }
    }
}

async fn integrations(context: &Context, api: &str) -> Result<Option<Vec<Integration>>, Failure> {
    let client = context.clients.apigatewayv2.read();
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let request = client.get_integrations().api_id(api).set_next_token(next);
        let Some(page) = request.send().await.found("apigateway:GET")? else {
            return Ok(None);
        };
        all.extend(page.items.unwrap_or_default());
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(token) => next = Some(token),
            None => return Ok(Some(all)),
        }
    }
}
