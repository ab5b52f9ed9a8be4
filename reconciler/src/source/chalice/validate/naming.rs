//! Names: that they are unique, and that AWS takes them.

use std::collections::BTreeMap;

use super::Check;
use crate::source::chalice::app::Line;
use crate::source::chalice::config::{API_HANDLER, RoleChoice};
use crate::source::chalice::diagnostic::Problem;
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
        let mut seen: BTreeMap<&str, &Option<Line>> = BTreeMap::new();
        for (name, place) in authorizers.chain(events).chain(functions) {
            if name == API_HANDLER {
                let told = format!("`{API_HANDLER}` is the name of the function behind the REST API");
                self.error("function::reserved", self.line(place.as_ref()), told);
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

    /// AWS would refuse these names after half of the work is done.
    pub(super) fn name_forms(&mut self) {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        for function in self.app.deployed_functions() {
            let own_role = matches!(self.config.function(&function.name).role, RoleChoice::Own(_));
            let role = own_role.then(|| names::own_role(app, stage, &function.name));
            for name in [Some(names::function(app, stage, &function.name)), role]
                .into_iter()
                .flatten()
            {
                let place = self.line(function.place).or_else(|| self.setting("app_name"));
                if name.len() > names::MAX_NAME {
                    let told = format!(
                        "the name `{name}` has {} characters; AWS allows {}",
                        name.len(),
                        names::MAX_NAME
                    );
                    let hint = "shorten `app_name`, the stage, or the function's name (`name=`)";
                    self.problems
                        .push(Problem::error("function::long-name", told).hint(hint).at(place));
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
        if !self.app.routes.is_empty() && !fits {
            let told = format!("`{api_stage}` cannot be the name of an API's stage");
            let hint = "use letters, digits, `-` and `_`";
            let at = self.setting("api_gateway_stage");
            self.problems
                .push(Problem::error("config::bad-api-stage", told).hint(hint).at(at));
        }
    }
}
