//! APIs, their routes, and domains.

use super::events::Claims;
use super::{Check, MAX_NAME};
use crate::source::diagnostic::closest;
use crate::source::manifest::apis::{Domain, Endpoint, RestApi};
use crate::source::manifest::events::Event;
use crate::source::manifest::functions::DEFAULT_TIMEOUT;
use crate::source::manifest::lower::apis::{Route, api_of, http, websocket};

/// How long API Gateway waits for an answer, in seconds.
const PATIENCE: u32 = 29;

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// What is wrong with a private API that nobody may call.
pub(in crate::source::manifest) const CLOSED: &str =
    "nobody may call a private API without a `policy` or `vpc_endpoints`";

/// Whether nothing that is said of the API lets anybody call it; its document may.
pub(in crate::source::manifest) fn is_closed(api: &RestApi) -> bool {
    api.endpoint == Some(Endpoint::Private) && api.policy.is_none() && api.vpc_endpoints.is_none()
}

impl Check<'_> {
    pub(super) fn apis(&mut self) {
        self.routes();
        let form = self.form;
        for (name, api) in &form.rest_apis {
            if let Some(api) = api {
                self.rest_api(name, api);
            }
        }
        for (name, domain) in &form.domains {
            if let Some(domain) = domain {
                self.domain(name, domain);
            }
        }
    }

    fn routes(&mut self) {
        let (mut rest, mut sockets) = (Claims::new(), Claims::new());
        let form = self.form;
        for (name, function) in form.functions() {
            for (index, event) in function.events.iter().flatten().enumerate() {
                let index = index.to_string();
                let path =
                    |key: &'static str| ["functions", name, "events", &index, key].map(ToOwned::to_owned);
                match event {
                    Event::Http(brief) => {
                        let path = path("http");
                        let path: Vec<_> = path.iter().map(String::as_str).collect();
                        let event = http(brief);
                        let Some(api) = self.api(&path, "rest_apis", event.api.as_deref()) else {
                            continue;
                        };
                        let Some(route) = self.route(&path, &event.route) else {
                            continue;
                        };
                        self.claim(&path, &mut rest, (api.clone(), route.to_string()), name);
                        self.authorized(&path, &api, event.authorizer.as_deref());
                        let timeout = function.timeout.unwrap_or(DEFAULT_TIMEOUT);
                        if timeout > PATIENCE && function.timeout.is_some() {
                            let said = format!(
                                "callers are answered after {PATIENCE} s, and the function may take {timeout} s"
                            );
                            let hint = "what takes longer runs on, and its answer is lost";
                            self.warn(&["functions", name, "timeout"], "manifest::patience", said, hint);
                        }
                    }
                    Event::Websocket(brief) => {
                        let path = path("websocket");
                        let path: Vec<_> = path.iter().map(String::as_str).collect();
                        let event = websocket(brief);
                        if let Some(api) = self.api(&path, "websocket_apis", event.api.as_deref()) {
                            self.claim(&path, &mut sockets, (api, event.route.clone()), name);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// The API that a route is of.
    fn api(&mut self, path: &[&str], section: &str, named: Option<&str>) -> Option<String> {
        let names = self.form.names(section);
        match api_of(section, &names, named) {
            Ok(api) => Some(api),
            Err(said) => {
                let hint = named
                    .and_then(|named| closest(named, names.iter().copied()))
                    .map(|meant| format!("did you mean `{meant}`?"));
                match hint {
                    Some(hint) => self.error_with(path, "manifest::api", said, hint),
                    None => self.error(path, "manifest::api", said),
                }
                None
            }
        }
    }

    fn route(&mut self, path: &[&str], text: &str) -> Option<Route> {
        match Route::parse(text) {
            Ok(route) => Some(route),
            Err(said) if self.manifest.tree.nearest(path).is_given() => {
                let said = self.unquoted(path, said, "what is given here is no method and path");
                self.error_with(path, "manifest::route", said, "for example `GET /things/{id}`");
                None
            }
            Err(said) => {
                let method = text
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_ascii_uppercase();
                match closest(&method, METHODS).filter(|known| *known != method) {
                    Some(meant) => {
                        self.error_with(path, "manifest::route", said, format!("did you mean `{meant}`?"))
                    }
                    None => self.error_with(path, "manifest::route", said, "for example `GET /things/{id}`"),
                }
                None
            }
        }
    }

    fn claim<'n>(&mut self, path: &[&str], claims: &mut Claims<'n>, route: (String, String), name: &'n str) {
        let said = format!("`{}` is a route of another function already", route.1);
        match claims.insert(route, name) {
            Some(other) if other != name => {
                self.error(
                    path,
                    "manifest::route",
                    said.replace("another function", &format!("`{other}`")),
                );
            }
            Some(_) => self.error(
                path,
                "manifest::route",
                said.replace("another function", "this function"),
            ),
            None => {}
        }
    }

    fn authorized(&mut self, path: &[&str], api: &str, authorizer: Option<&str>) {
        let Some(name) = authorizer.filter(|name| *name != "aws_iam") else {
            return;
        };
        let known = self.form.rest_apis.get(api).and_then(Option::as_ref);
        let known = known.and_then(|api| api.authorizers.as_ref());
        if known.is_some_and(|known| known.contains_key(name)) {
            return;
        }
        let below: Vec<_> = path.iter().copied().chain(["authorizer"]).collect();
        let said = format!("the API `{api}` has no authorizer `{name}`");
        let names = known
            .into_iter()
            .flat_map(|known| known.keys())
            .map(String::as_str);
        match closest(name, names) {
            Some(meant) => self.error_with(
                &below,
                "manifest::authorizer",
                said,
                format!("did you mean `{meant}`?"),
            ),
            None => self.error_with(
                &below,
                "manifest::authorizer",
                said,
                "declare it under `authorizers` of the API, or use `aws_iam`",
            ),
        }
    }

    fn rest_api(&mut self, name: &str, api: &RestApi) {
        let at = |key: &'static str| ["rest_apis", name, key];
        let routes = self.form.functions().flat_map(|(function, of)| {
            let events = of.events.iter().flatten().enumerate();
            events.filter_map(move |(index, event)| match event {
                Event::Http(brief) => Some((function, index, http(brief).api)),
                _ => None,
            })
        });
        let names = self.form.names("rest_apis");
        let own: Vec<_> = routes
            .filter(|(_, _, asked)| api_of("rest_apis", &names, asked.as_deref()).as_deref() == Ok(name))
            .map(|(function, index, _)| (function.to_owned(), index.to_string()))
            .collect();
        if let Some(file) = &api.openapi {
            if !self.manifest.project.join(file).is_file() {
                self.error(
                    &at("openapi"),
                    "manifest::openapi",
                    format!("there is no file `{file}`"),
                );
            }
            for (function, index) in &own {
                let said = format!("the routes of `{name}` stand in `{file}`, and this is one more");
                let path = ["functions", function, "events", index, "http"];
                self.error(&path, "manifest::openapi", said);
            }
        } else if own.is_empty() {
            let said = format!("the API `{name}` has no route");
            let hint = "give a function an event `http`, or name a document under `openapi`";
            self.error_with(&["rest_apis", name], "manifest::no-route", said, hint);
        }
        if api.vpc_endpoints.is_some() && api.endpoint != Some(Endpoint::Private) {
            let said = "only a private API has VPC endpoints";
            self.error(&at("vpc_endpoints"), "manifest::exclusive", said);
        }
        if is_closed(api) && api.openapi.is_none() {
            self.error(&at("endpoint"), "manifest::missing", CLOSED);
        }
        if let Some(policy) = &api.policy {
            self.policy(&at("policy"), policy);
        }
        let functions = self.form.names("functions");
        for (authorizer, one) in api.authorizers.iter().flatten() {
            if let Some(function) = one.function.as_deref().filter(|one| !functions.contains(one)) {
                let path = ["rest_apis", name, "authorizers", authorizer, "function"];
                self.no_function(&path, function, &functions);
            }
        }
        for (index, function) in api.calls.iter().flatten().enumerate() {
            if !functions.contains(&function.as_str()) {
                let index = index.to_string();
                self.no_function(&["rest_apis", name, "calls", &index], function, &functions);
            }
        }
    }

    fn no_function(&mut self, path: &[&str], name: &str, known: &[&str]) {
        let said = format!("there is no function `{name}`");
        match closest(name, known.iter().copied()) {
            Some(meant) => self.error_with(
                path,
                "manifest::reference",
                said,
                format!("did you mean `{meant}`?"),
            ),
            None => self.error(path, "manifest::reference", said),
        }
    }

    fn domain(&mut self, name: &str, domain: &Domain) {
        let path = ["domains", name];
        if domain.name.is_none() {
            self.error(
                &path,
                "manifest::missing",
                format!("the domain `{name}` lacks `name`"),
            );
        }
        if domain.certificate.is_none() {
            self.error(
                &path,
                "manifest::missing",
                format!("the domain `{name}` lacks `certificate`"),
            );
        }
        if let Some(certificate) = &domain.certificate
            && super::known(certificate).is_some_and(|arn| !super::functions::is_arn(arn, "acm"))
        {
            let at = ["domains", name, "certificate"];
            self.error(
                &at,
                "manifest::arn",
                "`certificate` is the ARN of a certificate in Certificate Manager",
            );
        }
        let mut names = std::collections::BTreeSet::new();
        let mut sorts = std::collections::BTreeSet::new();
        for (index, mapping) in domain.mappings.iter().flatten().enumerate() {
            let index = index.to_string();
            let at = ["domains", name, "mappings", index.as_str(), "api"];
            let rest = self.will_be("rest_apis", &mapping.api);
            let socket = self.will_be("websocket_apis", &mapping.api);
            if rest && socket {
                let said = format!("there is a REST API and a WebSocket API called `{}`", mapping.api);
                self.error_with(&at, "manifest::reference", said, "give one of them another name");
            }
            if !rest && !socket {
                let known = self
                    .form
                    .names("rest_apis")
                    .into_iter()
                    .chain(self.form.names("websocket_apis"));
                let hint = closest(&mapping.api, known).map(|meant| format!("did you mean `{meant}`?"));
                let said = format!("there is no API `{}`", mapping.api);
                match hint {
                    Some(hint) => self.error_with(&at, "manifest::reference", said, hint),
                    None => self.error(&at, "manifest::reference", said),
                }
            }
            sorts.insert(rest);
            if !names.insert(mapping.name.clone()) {
                let hint = "give all but one of them a `name` of its own: each is known by that";
                let said = "the domain has another mapping of this name";
                self.error_with(&at, "manifest::event-name", said, hint);
            }
        }
        if sorts.len() > 1 {
            let said = "a domain serves REST APIs or WebSocket APIs, not both";
            self.error(&["domains", name, "mappings"], "manifest::exclusive", said);
        }
        if name.len() > MAX_NAME {
            self.error(
                &path,
                "manifest::length",
                format!("`{name}` is longer than {MAX_NAME} characters"),
            );
        }
    }

    /// Whether there will be an API of this name: one that is declared, or the one that is made for routes where none is.
    fn will_be(&self, section: &str, api: &str) -> bool {
        let names = self.form.names(section);
        api_of(section, &names, Some(api)).is_ok()
            && (names.contains(&api) || self.has_routes(section == "rest_apis"))
    }

    /// Whether some function has a route of the sort.
    fn has_routes(&self, rest: bool) -> bool {
        self.form.functions().any(|(_, function)| {
            let mut events = function.events.iter().flatten();
            events.any(|event| match event {
                Event::Http(_) => rest,
                Event::Websocket(_) => !rest,
                _ => false,
            })
        })
    }
}
