//! Names: that they are unique, and that AWS takes them.

use std::collections::BTreeMap;

use super::Check;
use crate::source::chalice::app::Line;
use crate::source::chalice::config::{API_HANDLER, RoleChoice};
use crate::source::chalice::diagnostic::{Place, Problem};
use crate::source::chalice::names;

/// The longest name of an API's stage (CreateDeployment).
const MAX_API_STAGE: usize = 128;

impl Check<'_> {
    /// Names of authorizers, event handlers and plain functions. Those of routes may repeat: one function serves them all.
    pub(super) fn names(&mut self) {
        let app = self.app;
        let authorizers = app.authorizers.iter().map(|one| (&one.name, &one.place));
        let events = app.event_sources.iter().map(|one| (&one.name, &one.place));
        let functions = app.functions.iter().map(|one| (&one.name, &one.place));
        let taken = self.taken();
        let mut seen: BTreeMap<&str, &Option<Line>> = BTreeMap::new();
        for (name, place) in authorizers.chain(events).chain(functions) {
            if let Some(taken_by) = taken.get(name) {
                let told = format!("`{name}` is the name of {taken_by}");
                let hint =
                    "Chalice's state file tells them apart by name; give the function another with `name=`";
                let at = self.line(place.as_ref());
                self.problems
                    .push(Problem::error("function::reserved", told).hint(hint).at(at));
            } else if let Some(first) = seen.get(name.as_str()) {
                let before = first
                    .as_ref()
                    .map(|line| format!(" (first at {}:{})", line.file, line.line));
                let told = format!("two functions are called `{name}`{}", before.unwrap_or_default());
                let at = self.line(place.as_ref());
                let hint = "names must be unique among all functions; give one of them another with `name=`";
                self.problems
                    .push(Problem::error("function::duplicate", told).hint(hint).at(at));
            } else {
                seen.insert(name, place);
            }
        }
    }

    /// The logical names that Chalice gives by itself in this stage, and to what. A function of such a name would share an
    /// entry of the state file with it, and the one or the other would be lost.
    fn taken(&self) -> BTreeMap<String, String> {
        let app = self.app;
        let mut taken = BTreeMap::new();
        let mut take = |name: &str, what: &str| taken.insert(name.to_owned(), what.to_owned());
        if !app.routes.is_empty() {
            take(API_HANDLER, "the function behind the REST API");
            take(names::REST_API, "the REST API");
            if self.config.rest_domain().is_some() {
                take(names::REST_DOMAIN, "the REST API's domain");
            }
        }
        if !app.websocket_handlers.is_empty() {
            take(names::WEBSOCKET_API, "the WebSocket API");
            if self.config.websocket_domain().is_some() {
                take(names::WEBSOCKET_DOMAIN, "the WebSocket API's domain");
            }
        }
        for (route, function) in app.websocket_functions() {
            let what = format!("the function of the WebSocket route {}", route.key);
            take(&function.name, &what);
        }
        if self.config.automatic_layer() {
            take(names::LAYER, "the layer with the requirements");
        }
        for function in app.deployed_functions() {
            let config = self.config.function(&function.name);
            match config.role {
                RoleChoice::Shared => take(names::SHARED_ROLE, "the role of the functions"),
                RoleChoice::Own(_) => take(
                    &names::own_role_logical(&function.name),
                    &format!("the role of `{}`", function.name),
                ),
                RoleChoice::Given(_) => None,
            };
            if config.log_retention_in_days.is_some() {
                let what = format!("the log group of `{}`", function.name);
                take(&names::log_group_logical(&function.name), &what);
            }
        }
        for source in &app.event_sources {
            let name = match source.decorator.as_str() {
                "on_s3_event" => names::s3_event(&source.name),
                "on_sns_message" => names::sns_subscription(&source.name),
                "on_sqs_message" => names::event_source(&source.name, "sqs"),
                "on_kinesis_record" => names::event_source(&source.name, "kinesis"),
                "on_dynamodb_record" => names::event_source(&source.name, "dynamodb"),
                _ => names::rule_logical(&source.name),
            };
            take(&name, &format!("the event source of `{}`", source.name));
        }
        taken
    }

    /// The names of rules, which are longer than those of their functions and have the same limit.
    pub(super) fn rule_names(&mut self) {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let ruled = ["schedule", "on_cw_event"];
        for source in self.app.event_sources.iter() {
            let name = names::rule(app, stage, &source.name);
            let fits = names::function(app, stage, &source.name).len() <= names::MAX_NAME;
            if ruled.contains(&source.decorator.as_str()) && fits && name.len() > names::MAX_NAME {
                let at = self.line(source.place.as_ref());
                self.too_long(&name, at);
            }
        }
    }

    fn too_long(&mut self, name: &str, at: Option<Place>) {
        let (length, most) = (name.len(), names::MAX_NAME);
        let told = format!("the name `{name}` has {length} characters; AWS allows {most}");
        let hint = "shorten `app_name`, the stage, or the function's name (`name=`)";
        let problem = Problem::error("function::long-name", told);
        self.problems.push(problem.hint(hint).at(at));
    }

    /// AWS would refuse these names after half of the work is done.
    pub(super) fn name_forms(&mut self) {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        for function in self.app.deployed_functions() {
            let own_role = matches!(self.config.function(&function.name).role, RoleChoice::Own(_));
            let role = own_role.then(|| names::own_role(app, stage, &function.name));
            for name in [Some(function.physical(app, stage)), role].into_iter().flatten() {
                let place = self.line(function.place).or_else(|| self.setting("app_name"));
                if name.len() > names::MAX_NAME {
                    self.too_long(&name, place);
                    break;
                } else if !names::is_function_name(&name) {
                    let told = format!("AWS does not allow the name `{name}`");
                    let hint =
                        "use letters, digits, `-` and `_` in `app_name`, the stage and the function's name";
                    self.problems
                        .push(Problem::error("function::bad-name", told).hint(hint).at(place));
                    break;
                }
            }
        }
        let api_stage = self.config.api_gateway_stage();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = (1..=MAX_API_STAGE).contains(&api_stage.len()) && api_stage.chars().all(allowed);
        let staged = !self.app.routes.is_empty() || !self.app.websocket_handlers.is_empty();
        if staged && !fits {
            let told = format!("`{api_stage}` cannot be the name of an API's stage");
            let hint = "use letters, digits, `-` and `_`";
            let at = self.setting("api_gateway_stage");
            self.problems
                .push(Problem::error("config::bad-api-stage", told).hint(hint).at(at));
        }
    }
}
