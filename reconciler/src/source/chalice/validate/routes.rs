//! Routes: paths, CORS, content types, methods, authorizers.

use std::collections::BTreeMap;

use super::Check;
use crate::source::chalice::app::{AuthorizerKind, Route};
use crate::source::chalice::diagnostic::{Problem, closest};

/// The methods that API Gateway can route.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl Check<'_> {
    pub(super) fn routes(&mut self) {
        for (path, routes) in self.app.paths() {
            let at = self.line(routes.first().and_then(|route| route.place.as_ref()));
            if path.is_empty() {
                self.error("route::empty", at.clone(), "a route cannot be the empty string");
            } else if path != "/" && path.ends_with('/') {
                self.error(
                    "route::slash",
                    at.clone(),
                    format!("the route `{path}` cannot end with a slash"),
                );
            }
            self.cors(path, &routes);
            for route in routes {
                self.content_types(route);
                self.method(route);
            }
        }
    }

    fn cors(&mut self, path: &str, routes: &[&Route]) {
        let with_cors: Vec<_> = routes.iter().filter(|route| route.cors.is_some()).collect();
        let Some(first) = with_cors.first() else { return };
        if let Some(options) = routes.iter().find(|route| route.method == "OPTIONS") {
            let told =
                format!("the route `{path}` has CORS, which adds OPTIONS, and a view of its own for OPTIONS");
            let at = self.line(options.place.as_ref());
            let hint = "remove OPTIONS from `methods`, or `cors` from the other views of this route";
            self.problems
                .push(Problem::error("route::options", told).hint(hint).at(at));
        }
        let headers = |route: &Route| {
            let cors = route.cors.as_ref();
            cors.map(|cors| cors.response_headers.iter().cloned().collect::<BTreeMap<_, _>>())
        };
        if let Some(other) = with_cors.iter().find(|route| headers(route) != headers(first)) {
            let told = format!(
                "the route `{path}` has different CORS settings in the views `{}` and `{}`",
                first.view_name, other.view_name
            );
            let at = self.line(other.place.as_ref());
            let hint = "all views of a route that have CORS need equal settings";
            self.problems
                .push(Problem::error("route::cors", told).hint(hint).at(at));
        }
    }

    fn content_types(&mut self, route: &Route) {
        let is_binary = |media_type: &&String| self.app.api.binary_types.contains(media_type);
        let (binary, text): (Vec<_>, Vec<_>) = route.content_types.iter().partition(is_binary);
        if !binary.is_empty() && !text.is_empty() {
            let told = format!(
                "the view `{}` mixes content types that are binary ({}) with others ({})",
                route.view_name,
                listed(&binary),
                listed(&text)
            );
            let at = self.line(route.place.as_ref());
            let hint = "split the view, or change `app.api.binary_types`";
            self.problems
                .push(Problem::error("route::content-types", told).hint(hint).at(at));
        }
    }

    fn method(&mut self, route: &Route) {
        if !METHODS.contains(&route.method.as_str()) {
            let told = format!(
                "the route `{}` has the method `{}`, which no request will have",
                route.path, route.method
            );
            let near = closest(&route.method.to_uppercase(), METHODS);
            let mut problem = Problem::warning("route::method", told).at(self.line(route.place.as_ref()));
            problem.hint = near.map(|near| format!("did you mean `{near}`?"));
            self.problems.push(problem);
        }
    }

    pub(super) fn authorizers(&mut self) {
        for route in &self.app.routes {
            let Some(authorizer) = &route.authorizer else {
                continue;
            };
            let registered = |name: &String| self.app.authorizers.iter().any(|one| one.name == *name);
            if authorizer.kind == AuthorizerKind::Builtin
                && !authorizer.function.as_ref().is_some_and(registered)
            {
                let told = format!(
                    "the authorizer `{}` of `{}` is not registered",
                    authorizer.name, route.path
                );
                let at = self.line(route.place.as_ref());
                let hint = "register the blueprint that it belongs to with `app.register_blueprint`";
                self.problems
                    .push(Problem::error("authorizer::unregistered", told).hint(hint).at(at));
            }
        }
    }
}

fn listed(items: &[&String]) -> String {
    items
        .iter()
        .map(|item| item.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
