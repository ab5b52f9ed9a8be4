//! Refuses what could not be deployed, before anything is touched.
//!
//! The rules are Chalice's own, which stops at the first; here all are told at once, each with the line of the decorator or
//! the place of the setting. (That environment variables are texts and that a compression size is a whole number within its
//! bounds are told with the other types when the configuration is read.) Added are what AWS would refuse later, lengths and
//! letters of names above all.

mod naming;
mod routes;

use std::collections::BTreeSet;
use std::path::Path;

use super::app::{App, Line, WEBSOCKET_ROUTES};
use super::config::{API_HANDLER, RoleChoice, StageConfig};
use super::diagnostic::{Place, Problem, Problems, Severity, closest, judge};
use super::{names, policy};
use crate::source::python::{Runtime, Version};

/// The decorators of event sources.
const EVENTS: [&str; 7] = [
    "schedule",
    "on_cw_event",
    "on_s3_event",
    "on_sns_message",
    "on_sqs_message",
    "on_kinesis_record",
    "on_dynamodb_record",
];

/// What is doubtful in a project that can be deployed. `python` is the interpreter that imported the app.
///
/// # Errors
/// Every problem, where one of them stops the work.
pub fn validate(
    app: &App,
    config: &StageConfig,
    python: (u32, u32),
    project: &Path,
) -> Result<Vec<Problem>, Problems> {
    let mut check = Check {
        app,
        config,
        project,
        problems: policy::doubts(app),
    };
    check.routes();
    check.authorizers();
    check.python(python);
    check.names();
    check.name_forms();
    check.rule_names();
    check.features();
    check.endpoint();
    check.architecture();
    check.roles();
    check.vpcs();
    check.queues();
    check.sources();
    check.websockets();
    check.domains();
    check.policies();
    check.configured_functions();
    judge(check.problems)
}

struct Check<'a> {
    app: &'a App,
    config: &'a StageConfig,
    project: &'a Path,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn error(&mut self, code: &'static str, at: Option<Place>, told: impl Into<String>) {
        self.problems.push(Problem::error(code, told).at(at));
    }

    fn line(&self, line: Option<&Line>) -> Option<Place> {
        line.map(|line| Place::source_line(self.project, &line.file, line.line))
    }

    fn setting(&self, key: &str) -> Option<Place> {
        self.config.place(key, None)
    }

    fn python(&mut self, python: (u32, u32)) {
        let (major, minor) = python;
        let runtime = Runtime::of(Version {
            major,
            minor,
            micro: 0,
        });
        if runtime.differs {
            let runtime = runtime.name;
            let told = format!(
                "app.py was imported by python{major}.{minor}, and the functions will run on {runtime}"
            );
            let hint = format!("use {runtime}, or packages may not fit");
            self.problems
                .push(Problem::warning("python::version", told).hint(hint));
        }
    }

    fn features(&mut self) {
        for feature in self
            .app
            .features_used
            .iter()
            .filter(|used| !self.app.feature_flags.contains(used))
        {
            let told = format!("the app uses the experimental feature {feature} without agreeing to it");
            let hint = format!("add to app.py: app.experimental_feature_flags.update(['{feature}'])");
            self.problems.push(
                Problem::error("app::experimental", told)
                    .hint(hint)
                    .at(Place::file("app.py")),
            );
        }
    }

    fn endpoint(&mut self) {
        let kind = self.config.api_gateway_endpoint_type();
        if !["EDGE", "REGIONAL", "PRIVATE"].contains(&kind.as_str()) {
            let told =
                format!("`api_gateway_endpoint_type` is `{kind}`: it must be EDGE, REGIONAL or PRIVATE");
            self.error(
                "config::endpoint-type",
                self.setting("api_gateway_endpoint_type"),
                told,
            );
        }
        let endpoints = self.config.api_gateway_endpoint_vpce().is_some();
        let file = self.config.api_gateway_policy_file().is_some();
        if kind != "PRIVATE" && endpoints {
            let told = "`api_gateway_endpoint_vpce` needs `api_gateway_endpoint_type` to be PRIVATE";
            self.error(
                "config::endpoint-vpce",
                self.setting("api_gateway_endpoint_vpce"),
                told,
            );
        }
        if kind == "PRIVATE" && file && endpoints {
            let told =
                "a private API takes `api_gateway_policy_file` or `api_gateway_endpoint_vpce`, not both";
            self.error(
                "config::private-api",
                self.setting("api_gateway_policy_file"),
                told,
            );
        }
        if kind == "PRIVATE" && !file && !endpoints {
            let told = "a private API needs `api_gateway_policy_file` or `api_gateway_endpoint_vpce`";
            self.error(
                "config::private-api",
                self.setting("api_gateway_endpoint_type"),
                told,
            );
        }
    }

    fn architecture(&mut self) {
        let architecture = self.config.lambda_architecture();
        if !["x86_64", "arm64"].contains(&architecture.as_str()) {
            let told = format!("`lambda_architecture` is `{architecture}`: it must be x86_64 or arm64");
            self.error("config::architecture", self.setting("lambda_architecture"), told);
        }
    }

    /// Chalice asks for the ARN in the scope of the API's function only; any other function would fail at AWS.
    fn roles(&mut self) {
        let deployed = self
            .app
            .deployed_functions()
            .into_iter()
            .map(|function| function.name);
        let mut seen = Vec::new();
        for name in std::iter::once(API_HANDLER.to_owned()).chain(deployed) {
            let at = self.config.place("manage_iam_role", Some(&name));
            let without = self.config.function(&name).role == RoleChoice::Given(None);
            let told_before = at.as_ref().is_some_and(|place| seen.contains(&place.to_string()));
            if without && !told_before {
                seen.extend(at.as_ref().map(ToString::to_string));
                let told = "`manage_iam_role` is false, and no `iam_role_arn` is given";
                let hint = "give the ARN of the role beside it, or set `manage_iam_role` to true";
                self.problems
                    .push(Problem::error("config::no-role", told).hint(hint).at(at));
            }
        }
    }

    fn vpcs(&mut self) {
        for function in self.app.deployed_functions() {
            let config = self.config.function(&function.name);
            let (there, missing) = match (config.subnet_ids.is_empty(), config.security_group_ids.is_empty())
            {
                (false, true) => ("subnet_ids", "security_group_ids"),
                (true, false) => ("security_group_ids", "subnet_ids"),
                _ => continue,
            };
            let told = format!(
                "the function `{}` has `{there}` and no `{missing}`: a VPC needs both",
                function.name
            );
            self.error(
                "config::vpc",
                self.config.place(there, Some(&function.name)),
                told,
            );
        }
    }

    fn queues(&mut self) {
        for source in self
            .app
            .event_sources
            .iter()
            .filter(|one| one.decorator == "on_sqs_message")
        {
            let at = self.line(source.place.as_ref());
            if let Some(queue) = source
                .text("queue")
                .filter(|q| q.starts_with("https:") || q.starts_with("arn:"))
            {
                let told = format!(
                    "`queue` of `{}` must be the name of the queue, not `{queue}`",
                    source.name
                );
                let problem = Problem::error("event::queue", told).hint("give an ARN as `queue_arn`");
                self.problems.push(problem.at(at.clone()));
            }
            if let Some(queue) = source.text("queue_arn").filter(|arn| !arn.starts_with("arn:")) {
                let told = format!("`queue_arn` of `{}` must be an ARN, not `{queue}`", source.name);
                self.error("event::queue", at, told);
            }
        }
    }

    /// A class of the user's own that Chalice's decorators do not make: Chalice passes it over in silence.
    fn sources(&mut self) {
        let app = self.app;
        for source in app
            .event_sources
            .iter()
            .filter(|one| !EVENTS.contains(&one.decorator.as_str()))
        {
            let told = format!(
                "the event source of `{}` is of the unknown class `{}`",
                source.name, source.decorator
            );
            let at = self.line(source.place.as_ref());
            self.error("event::unknown", at, told);
        }
    }

    /// Chalice wraps the handlers of the app itself only.
    fn websockets(&mut self) {
        let app = self.app;
        let raw = |handler: &str| !handler.starts_with("app.");
        for one in app.websocket_handlers.iter().filter(|one| raw(&one.handler)) {
            let told = format!(
                "`{}` is called with Lambda's own event and context: Chalice does not wrap the WebSocket handlers of blueprints",
                one.handler
            );
            let hint = "register it on the app itself, or take two arguments";
            let at = self.line(one.place.as_ref());
            self.problems
                .push(Problem::warning("websocket::raw", told).hint(hint).at(at));
        }
    }

    /// API Gateway leads a domain to APIs of one protocol only. What is wrong with the domain of an API that the app does not
    /// have stops nobody.
    fn domains(&mut self) {
        let apis = [
            (names::REST_DOMAIN, !self.app.routes.is_empty()),
            (names::WEBSOCKET_DOMAIN, !self.app.websocket_handlers.is_empty()),
        ];
        for (key, is_there) in apis {
            for mut problem in self.config.domain_problems(key) {
                if !is_there {
                    problem.severity = Severity::Warning;
                }
                self.problems.push(problem);
            }
        }
        let (rest, websocket) = (self.config.rest_domain(), self.config.websocket_domain());
        let both = !self.app.routes.is_empty() && !self.app.websocket_handlers.is_empty();
        if let (true, Some(rest), Some(websocket)) = (both, rest, websocket)
            && rest.name == websocket.name
        {
            let told = format!(
                "`{}` cannot be the domain of the REST API and of the WebSocket API at once",
                rest.name
            );
            let at = self.setting(names::WEBSOCKET_DOMAIN);
            let problem = Problem::error("config::domain", told);
            self.problems
                .push(problem.hint("give one of them a name of its own").at(at));
        }
    }

    /// The policy files that a deployment will read.
    fn policies(&mut self) {
        let app = self.app;
        let mut files = Vec::new();
        for function in app.deployed_functions() {
            if let RoleChoice::Own(file) = self.config.function(&function.name).role {
                let place = |key| self.config.place(key, Some(&function.name));
                let asked = place("iam_policy_file").or_else(|| place("autogen_policy"));
                files.push((file, asked));
            }
        }
        if let Some(file) = self.config.api_gateway_policy_file()
            && !app.routes.is_empty()
        {
            let asked = self.setting("api_gateway_policy_file");
            files.push((Path::new(".chalice").join(file), asked));
        }
        let mut read = BTreeSet::new();
        for (file, asked) in files {
            if read.insert(file.clone())
                && let Err(problems) = policy::from_file(self.project, &file, asked)
            {
                self.problems.extend(problems.0);
            }
        }
    }

    /// A section of the configuration for a function that the app does not have: a slip in its name is silence in Chalice.
    fn configured_functions(&mut self) {
        let app = self.app;
        let mut known: Vec<&str> = vec![API_HANDLER];
        known.extend(WEBSOCKET_ROUTES.iter().map(|route| route.function));
        known.extend(app.authorizers.iter().map(|one| one.name.as_str()));
        known.extend(app.event_sources.iter().map(|one| one.name.as_str()));
        known.extend(app.functions.iter().map(|one| one.name.as_str()));
        for (name, place) in self.config.configured_functions() {
            if !known.contains(&name.as_str()) {
                let told = format!("`lambda_functions` names `{name}`, and the app has no such function");
                let mut problem = Problem::warning("config::unknown-function", told).at(place);
                problem.hint =
                    closest(&name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                self.problems.push(problem);
            }
        }
    }
}

#[cfg(test)]
mod tests;
