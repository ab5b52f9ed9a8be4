//! From what an app registers and what its configuration says to the resources that should be there.
//!
//! Names and documents are Chalice's. What Chalice does as one thing is several resources here where they change apart: the
//! REST API is the API, the permissions under which it calls its functions, and its stage, which is switched last, when
//! everything that a visitor can reach is in place. Edges say what is needed, not what comes first by habit: a function does
//! not wait for its log group. Chalice's order lives on in the ranks, which order the state file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use serde_json::{Value, json};

use super::app::{App, DeployedFunction};
use super::config::{API_HANDLER, FunctionConfig, RoleChoice, StageConfig};
use super::diagnostic::{Place, Problem, Problems, judge};
use super::{names, openapi, policy};

const ROLE: Kind = Kind::new("iam_role");
const FUNCTION: Kind = Kind::new("lambda_function");
const PERMISSION: Kind = Kind::new("lambda_permission");
const LOG_GROUP: Kind = Kind::new("log_group");
const REST_API: Kind = Kind::new("rest_api");
const API_STAGE: Kind = Kind::new("api_stage");

/// The logical name of the REST API, in Chalice's state file and here.
const API: &str = "rest_api";

/// Where the resources will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The number of the account.
    pub account: String,
    /// The region.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// The package that all functions of the stage run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFacts {
    /// The digest of its content: equal for packages with the same files.
    pub content: String,
    /// The SHA-256 of its zip file, in hexadecimal: its name among the artifacts.
    pub artifact: String,
    /// The size of the zip file in bytes.
    pub size: u64,
    /// The Lambda runtime, such as `python3.12`.
    pub runtime: String,
}

/// The resources of a stage. The app must have been validated.
///
/// # Errors
/// Every policy file that cannot be used.
pub fn lower(
    app: &App,
    config: &StageConfig,
    project: &Path,
    account: &Account,
    package: &PackageFacts,
) -> Result<DesiredState, Problems> {
    let mut lowering = Lowering {
        app,
        config,
        project,
        account,
        package,
        resources: BTreeMap::new(),
        problems: Vec::new(),
    };
    for function in app.deployed_functions() {
        lowering.function(&function);
    }
    if !app.routes.is_empty() {
        lowering.rest_api();
    }
    judge(lowering.problems)?;
    let stack = StackId {
        app: config.app_name().to_owned(),
        stage: config.stage_name().to_owned(),
    };
    Ok(DesiredState {
        stack,
        resources: lowering.resources,
    })
}

struct Lowering<'a> {
    app: &'a App,
    config: &'a StageConfig,
    project: &'a Path,
    account: &'a Account,
    package: &'a PackageFacts,
    resources: BTreeMap<ResourceId, Desired>,
    problems: Vec<Problem>,
}

impl Lowering<'_> {
    /// Adds a resource at the next rank. One that is there already stays at its place.
    fn add(&mut self, id: ResourceId, spec: Template, after: BTreeSet<ResourceId>, origin: Option<String>) {
        let rank = u32::try_from(self.resources.len()).unwrap_or(u32::MAX);
        self.resources.entry(id.clone()).or_insert(Desired {
            id,
            spec,
            after,
            rank,
            origin,
        });
    }

    fn function(&mut self, function: &DeployedFunction<'_>) {
        let config = self.config.function(&function.name);
        self.log_group(&config);
        let role = self.role(&config);
        let spec = self.function_spec(function, &config, role);
        let origin = function.place.map(|line| format!("{}:{}", line.file, line.line));
        self.add(
            function_id(&function.name),
            spec,
            BTreeSet::new(),
            origin.or_else(|| self.first_route()),
        );
    }

    fn function_spec(
        &self,
        function: &DeployedFunction<'_>,
        config: &FunctionConfig,
        role: Template,
    ) -> Template {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let vpc = config
            .vpc()
            .map(|(subnets, groups)| json!({"subnet_ids": subnets, "security_group_ids": groups}));
        let package = self.package;
        let plain = json!({
            "name": names::function(app, stage, &function.name),
            "handler": function.handler,
            "runtime": package.runtime,
            "memory": config.memory_size,
            "timeout": config.timeout,
            "environment": config.environment,
            "tags": config.all_tags(self.config, &self.app.chalice_version),
            "architecture": self.config.lambda_architecture(),
            "layers": config.layers,
            "vpc": vpc,
            "tracing": if config.xray { "active" } else { "pass_through" },
            "reserved_concurrency": config.reserved_concurrency,
            "code": {"content": package.content, "artifact": package.artifact, "size": package.size},
        });
        object(plain, [("role", role)])
    }

    fn log_group(&mut self, config: &FunctionConfig) {
        let Some(days) = config.log_retention_in_days else {
            return;
        };
        let name = names::log_group(self.config.app_name(), self.config.stage_name(), &config.name);
        let id = ResourceId::new(LOG_GROUP, names::log_group_logical(&config.name));
        let origin = self.setting("log_retention_in_days", &config.name);
        self.add(
            id,
            Template::Lit(json!({"name": name, "retention_days": days})),
            BTreeSet::new(),
            origin,
        );
    }

    /// The ARN of the function's role; adds the role where it is ours to make.
    fn role(&mut self, config: &FunctionConfig) -> Template {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let (logical, name, document) = match &config.role {
            RoleChoice::Given(arn) => return Template::Lit(json!(arn)),
            RoleChoice::Shared => {
                let document = policy::generated(self.app, self.config, &self.sharing());
                (
                    names::SHARED_ROLE.to_owned(),
                    names::shared_role(app, stage),
                    document,
                )
            }
            RoleChoice::Own(file) => {
                let asked = self.config.place("iam_policy_file", Some(&config.name));
                let asked = asked.or_else(|| self.config.place("autogen_policy", Some(&config.name)));
                let document = self.read_policy(file, asked);
                (
                    names::own_role_logical(&config.name),
                    names::own_role(app, stage, &config.name),
                    document,
                )
            }
        };
        let id = ResourceId::new(ROLE, logical);
        let policies = Value::Object([(name.clone(), document)].into_iter().collect());
        let spec = json!({"name": name, "trust": policy::trust(), "policies": policies});
        let origin = self.setting("autogen_policy", &config.name);
        self.add(id.clone(), Template::Lit(spec), BTreeSet::new(), origin);
        Template::reference(id, "arn")
    }

    /// The functions that share the generated role.
    fn sharing(&self) -> Vec<FunctionConfig> {
        let functions = self.app.deployed_functions();
        let configs = functions
            .iter()
            .map(|function| self.config.function(&function.name));
        configs
            .filter(|config| config.role == RoleChoice::Shared)
            .collect()
    }

    fn rest_api(&mut self) {
        let origin = self.first_route();
        let definition = self.definition();
        let plain = json!({
            "name": self.app.app_name,
            "endpoint_type": self.config.api_gateway_endpoint_type(),
            "minimum_compression": self.config.minimum_compression_size(),
        });
        let api = ResourceId::new(REST_API, API);
        let before: BTreeSet<_> = self
            .resources
            .keys()
            .filter(|id| id.kind == FUNCTION)
            .cloned()
            .collect();
        let spec = object(plain, [("definition", definition)]);
        self.add(api.clone(), spec, BTreeSet::new(), origin.clone());
        let callers = self.app.authorizers.iter().map(|one| one.name.as_str());
        let permissions: BTreeSet<_> = std::iter::once(API_HANDLER)
            .chain(callers)
            .map(|name| self.permission(name, &api))
            .collect();
        let plain = json!({"stage": self.config.api_gateway_stage(), "tracing": self.config.api_xray()});
        let spec = object(
            plain,
            [
                ("api", Template::reference(api.clone(), "id")),
                ("definition", Template::reference(api, "definition_digest")),
            ],
        );
        let after = before.into_iter().chain(permissions).collect();
        self.add(ResourceId::new(API_STAGE, API), spec, after, origin);
    }

    fn definition(&mut self) -> Template {
        let settings = openapi::Settings {
            policy: self.api_policy(),
            vpc_endpoints: self.vpc_endpoints(),
            minimum_compression: self.config.minimum_compression_size(),
        };
        let prefix = openapi::invocation_prefix(&self.account.partition, &self.account.region);
        let address = |function: &str| {
            let arn = Template::reference(function_id(function), "arn");
            let parts = [
                json!(prefix).into(),
                arn,
                json!(openapi::INVOCATION_SUFFIX).into(),
            ];
            Template::Join(parts.into()).to_value()
        };
        Template::from_value(openapi::document(self.app, &settings, &address))
    }

    fn api_policy(&mut self) -> Option<Value> {
        if let Some(file) = self.config.api_gateway_policy_file() {
            let asked = self.config.place("api_gateway_policy_file", None);
            return Some(self.read_policy(&Path::new(".chalice").join(file), asked));
        }
        let private = self.config.api_gateway_endpoint_type() == "PRIVATE";
        let endpoints = self.config.api_gateway_endpoint_vpce().filter(|_| private)?;
        Some(policy::private_api(&endpoints))
    }

    fn vpc_endpoints(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.config.api_gateway_endpoint_vpce() {
            Some(Value::Array(endpoints)) => endpoints.iter().filter_map(text).collect(),
            Some(one) => text(&one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn permission(&mut self, function: &str, api: &ResourceId) -> ResourceId {
        let id = ResourceId::new(PERMISSION, format!("{function}/{API}"));
        let every_call = vec![
            Template::reference(api.clone(), "execution_arn"),
            json!("/*").into(),
        ];
        let spec = object(
            json!({"principal": "apigateway.amazonaws.com", "source_account": null}),
            [
                ("function", Template::reference(function_id(function), "name")),
                ("source_arn", Template::Join(every_call)),
            ],
        );
        let origin = self
            .resources
            .get(&function_id(function))
            .and_then(|one| one.origin.clone());
        self.add(id.clone(), spec, BTreeSet::new(), origin);
        id
    }

    fn read_policy(&mut self, file: &Path, asked: Option<Place>) -> Value {
        policy::from_file(self.project, file, asked).unwrap_or_else(|problems| {
            // Functions may share a file: its fault is told once.
            for problem in problems.0 {
                if !self.problems.iter().any(|known| known.message == problem.message) {
                    self.problems.push(problem);
                }
            }
            Value::Null
        })
    }

    fn setting(&self, key: &str, function: &str) -> Option<String> {
        let place = self.config.place(key, Some(function))?;
        Some(format!("{}:{}", place.path().display(), place.line_number()))
    }

    fn first_route(&self) -> Option<String> {
        let line = self.app.routes.first()?.place.as_ref()?;
        Some(format!("{}:{}", line.file, line.line))
    }
}

fn function_id(name: &str) -> ResourceId {
    ResourceId::new(FUNCTION, name)
}

/// An object of plain fields and of fields that refer to other resources.
fn object<const N: usize>(plain: Value, references: [(&str, Template); N]) -> Template {
    let mut fields: BTreeMap<String, Template> = BTreeMap::new();
    if let Value::Object(entries) = plain {
        fields.extend(
            entries
                .into_iter()
                .map(|(key, value)| (key, Template::Lit(value))),
        );
    }
    fields.extend(references.map(|(key, template)| (key.to_owned(), template)));
    Template::Map(fields)
}

#[cfg(test)]
mod tests;
