//! What an app registers, as the probe tells it.
//!
//! The order of every list is Chalice's own: routes path by path in the order of their first mention, functions and event
//! sources in the order of registration. State files and resources follow it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::API_HANDLER;
use super::diagnostic::Place;
use super::names;

/// A Chalice app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// The version of the `chalice` that imported the app.
    pub chalice_version: String,
    /// The two files of that `chalice` which run in Lambda.
    pub chalice_files: ChaliceFiles,
    /// The name given to `Chalice(...)`: the title of the REST API. Names in AWS use `app_name` of the configuration.
    pub app_name: String,
    /// Whether the app runs in debug mode.
    pub debug: bool,
    /// Experimental features that the author has agreed to.
    pub feature_flags: Vec<String>,
    /// Experimental features in use.
    pub features_used: Vec<String>,
    /// Settings of the REST API.
    pub api: Api,
    /// The routes, methods of one path together.
    pub routes: Vec<Route>,
    /// The built-in authorizers.
    pub authorizers: Vec<Authorizer>,
    /// The plain Lambda functions.
    pub functions: Vec<Function>,
    /// The functions that events call.
    pub event_sources: Vec<EventSource>,
    /// The functions of the WebSocket API.
    pub websocket_handlers: Vec<WebsocketHandler>,
    /// The middleware, which has no part in a deployment.
    pub middleware: Vec<Middleware>,
    /// Every name registered.
    pub registered_names: Vec<String>,
    /// What Chalice's analyser finds in app.py.
    pub policy: Analysis,
}

/// The files of the Chalice runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaliceFiles {
    /// `chalice/app.py`.
    pub app_py: std::path::PathBuf,
    /// `chalice/__init__.py`.
    pub init_py: std::path::PathBuf,
}

/// `app.api`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// Media types that are passed as bytes.
    pub binary_types: Vec<String>,
    /// The CORS settings of routes that have none of their own.
    pub cors: Option<Cors>,
}

/// One method of one path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The path with its captures, such as `/users/{name}`.
    pub path: String,
    /// The method as written.
    pub method: String,
    /// The logical name of the view.
    pub view_name: String,
    /// The captures that the view takes.
    pub view_args: Vec<String>,
    /// Whether a request needs an API key.
    pub api_key_required: bool,
    /// Content types of requests that the app takes.
    pub content_types: Vec<String>,
    /// The lines of the view's docstring, indentation removed.
    pub doc: Vec<String>,
    /// Its CORS settings.
    pub cors: Option<Cors>,
    /// Who may call it.
    pub authorizer: Option<RouteAuthorizer>,
    /// Where the decorator stands.
    pub place: Option<Line>,
}

/// CORS settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cors {
    /// The allowed origin.
    pub allow_origin: String,
    /// The headers of an answer, in Chalice's order. Two settings are equal when these are.
    pub response_headers: Vec<(String, String)>,
}

/// The sort of an authorizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorizerKind {
    /// A function of this app.
    Builtin,
    /// IAM signatures.
    Iam,
    /// Cognito user pools.
    Cognito,
    /// A function outside.
    Custom,
    /// A class of the user's own.
    Other,
}

/// An authorizer as a route uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteAuthorizer {
    /// Its sort.
    pub kind: AuthorizerKind,
    /// Its name in the API. For a built-in one of a blueprint this lacks the blueprint's prefix.
    pub name: String,
    /// The scopes that this route asks for.
    pub scopes: Vec<String>,
    /// The logical name of the function, where it is built in and registered.
    pub function: Option<String>,
    /// Its security scheme, where it is not built in.
    pub security_scheme: Option<Value>,
}

/// A built-in authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Its logical name.
    pub name: String,
    /// `<module>.<function>`.
    pub handler: String,
    /// Seconds for which an answer is kept.
    pub ttl_seconds: Option<i64>,
    /// The role under which API Gateway calls it.
    pub execution_role: Option<String>,
    /// The header that carries the token.
    pub header: Option<String>,
    /// Where the decorator stands.
    pub place: Option<Line>,
}

/// A plain Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its logical name.
    pub name: String,
    /// `<module>.<function>`.
    pub handler: String,
    /// Where the decorator stands.
    pub place: Option<Line>,
}

/// A function that events call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSource {
    /// The decorator: `schedule`, `on_s3_event`, and so on.
    pub decorator: String,
    /// Its logical name.
    pub name: String,
    /// `<module>.<function>`.
    pub handler: String,
    /// Where the decorator stands.
    pub place: Option<Line>,
    /// The rest of what the decorator was given, by its own names.
    #[serde(flatten)]
    pub details: serde_json::Map<String, Value>,
}

impl EventSource {
    /// A detail that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.detail(name).as_str()
    }

    /// A detail; null where there is none.
    pub fn detail(&self, name: &str) -> &Value {
        self.details.get(name).unwrap_or(&Value::Null)
    }

    /// Its function.
    pub fn function(&self) -> DeployedFunction<'_> {
        deployed(&self.name, &self.handler, self.place.as_ref())
    }
}

/// A function of the WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebsocketHandler {
    /// `$connect`, `$default` or `$disconnect`.
    pub route_key: String,
    /// The decorator.
    pub decorator: String,
    /// The name given to it, which names nothing in AWS.
    pub name: String,
    /// `<module>.<function>`.
    pub handler: String,
    /// Where the decorator stands.
    pub place: Option<Line>,
}

/// A piece of middleware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Middleware {
    /// The sort of events that it sees.
    pub event_type: String,
    /// The name of its function.
    pub callable: String,
}

/// What Chalice's analyser finds in app.py.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// The actions by service, sorted by service.
    pub statements: Vec<ServiceActions>,
    /// Services that the app calls and Chalice's table lacks.
    pub unsupported: Vec<String>,
    /// What functions call besides, under decorators into which the analyser does not look.
    #[serde(default)]
    pub overlooked: Vec<ServiceActions>,
    /// What the analyser died of; then there are no statements.
    pub crash: Option<String>,
}

/// The actions that calls of one service need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceActions {
    /// The service as boto3 names it.
    pub service: String,
    /// The actions, in Chalice's order.
    pub actions: Vec<String>,
}

/// A line of a Python file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The file, relative to the project where it lies inside.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl From<&Line> for Place {
    fn from(line: &Line) -> Self {
        Place::line(&line.file, line.line)
    }
}

/// A function that a deployment makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedFunction<'a> {
    /// Its logical name.
    pub name: String,
    /// `<module>.<function>`; `app.app` for the one behind the REST API.
    pub handler: String,
    /// Where its decorator stands; nowhere for the one behind the REST API.
    pub place: Option<&'a Line>,
    /// True for the one behind the REST API, which is named after the app alone.
    pub behind_api: bool,
}

impl DeployedFunction<'_> {
    /// Its name in AWS.
    pub fn physical(&self, app: &str, stage: &str) -> String {
        match self.behind_api {
            true => names::api_function(app, stage),
            false => names::function(app, stage, &self.name),
        }
    }
}

/// A route of a WebSocket API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebsocketRoute {
    /// Its key at API Gateway.
    pub key: &'static str,
    /// The logical name of its function. Chalice names it after the route, whatever the decorator says.
    pub function: &'static str,
    /// What Chalice writes into the description of the integration.
    pub description: &'static str,
}

/// The routes of a WebSocket API, in the order in which Chalice makes their functions.
pub const WEBSOCKET_ROUTES: [WebsocketRoute; 3] = [
    WebsocketRoute {
        key: "$connect",
        function: "websocket_connect",
        description: "connect",
    },
    WebsocketRoute {
        key: "$default",
        function: "websocket_message",
        description: "message",
    },
    WebsocketRoute {
        key: "$disconnect",
        function: "websocket_disconnect",
        description: "disconnect",
    },
];

impl App {
    /// Every function that a deployment makes, in Chalice's order: plain functions, those of event sources, the one behind
    /// the REST API and the authorizers, those of the WebSocket API.
    pub fn deployed_functions(&self) -> Vec<DeployedFunction<'_>> {
        let events = self.event_sources.iter().map(EventSource::function);
        let websocket = self.websocket_functions().into_iter();
        self.plain_functions()
            .into_iter()
            .chain(events)
            .chain(self.api_functions())
            .chain(websocket.map(|(_, function)| function))
            .collect()
    }

    /// The plain functions.
    pub fn plain_functions(&self) -> Vec<DeployedFunction<'_>> {
        let functions = self.functions.iter();
        functions
            .map(|one| deployed(&one.name, &one.handler, one.place.as_ref()))
            .collect()
    }

    /// The function behind the REST API and the authorizers. Without a route there is no REST API, and no authorizer either.
    pub fn api_functions(&self) -> Vec<DeployedFunction<'_>> {
        let api = DeployedFunction {
            behind_api: true,
            ..deployed(API_HANDLER, "app.app", None)
        };
        let authorizers = self.authorizers.iter();
        let authorizers = authorizers.map(|one| deployed(&one.name, &one.handler, one.place.as_ref()));
        let rest = (!self.routes.is_empty()).then(|| std::iter::once(api).chain(authorizers));
        rest.into_iter().flatten().collect()
    }

    /// The functions of the WebSocket API with their routes.
    pub fn websocket_functions(&self) -> Vec<(WebsocketRoute, DeployedFunction<'_>)> {
        let of = |route: WebsocketRoute| {
            let mut handlers = self.websocket_handlers.iter();
            let handler = handlers.find(|one| one.route_key == route.key)?;
            let function = deployed(route.function, &handler.handler, handler.place.as_ref());
            Some((route, function))
        };
        WEBSOCKET_ROUTES.into_iter().filter_map(of).collect()
    }

    /// The routes by path, in Chalice's order of paths.
    pub fn paths(&self) -> Vec<(&str, Vec<&Route>)> {
        let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
        for route in &self.routes {
            match paths.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, methods)) => methods.push(route),
                None => paths.push((&route.path, vec![route])),
            }
        }
        paths
    }
}

fn deployed<'a>(name: &str, handler: &str, place: Option<&'a Line>) -> DeployedFunction<'a> {
    DeployedFunction {
        name: name.to_owned(),
        handler: handler.to_owned(),
        place,
        behind_api: false,
    }
}
