//! From what an app registers and what its configuration says to the resources that should be there.
//!
//! Names and documents are Chalice's. What Chalice does as one thing is several resources here where they change apart: the
//! REST API is the API, the permissions under which it calls its functions, and its stage, which is switched last, when
//! everything that a visitor can reach is in place. What Chalice does as several things is one resource where AWS keeps one
//! document: all notifications of a bucket. Edges say what is needed, not what comes first by habit: a function does not wait
//! for its log group. Chalice's order lives on in the ranks, which order the state file: plain functions, event sources in
//! the order of their registration, the REST API with its domain, the WebSocket API with its domain; each behind what it
//! needs.

mod domains;
mod events;
mod functions;
mod rest;
mod roles;
mod websocket;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use serde_json::{Value, json};

use super::app::{App, DeployedFunction, Line};
use super::config::StageConfig;
use super::diagnostic::{Problem, Problems, judge};

const FUNCTION: Kind = Kind::new("lambda_function");
const PERMISSION: Kind = Kind::new("lambda_permission");

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

impl Account {
    /// The ARN of a thing of this account and region.
    pub(crate) fn arn(&self, service: &str, thing: &str) -> String {
        let (partition, region, account) = (&self.partition, &self.region, &self.account);
        format!("arn:{partition}:{service}:{region}:{account}:{thing}")
    }
}

/// What all functions of the stage run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFacts {
    /// The package of each function.
    pub code: Zip,
    /// The layer with the requirements, where they do not come with the code (`automatic_layer`) and there are some.
    pub layer: Option<Zip>,
    /// The Lambda runtime, such as `python3.12`.
    pub runtime: String,
}

/// A zip file among the artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zip {
    /// The digest of its content: equal for zips with the same files.
    pub content: String,
    /// Its SHA-256, in hexadecimal: its name among the artifacts.
    pub artifact: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Zip {
    /// As the code of a function or a layer.
    pub(crate) fn to_value(&self) -> Value {
        json!({"content": self.content, "artifact": self.artifact, "size": self.size})
    }
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
    for function in app.plain_functions() {
        lowering.function(&function);
    }
    for source in &app.event_sources {
        lowering.event_source(source);
    }
    if !app.routes.is_empty() {
        lowering.rest_api();
    }
    if !app.websocket_handlers.is_empty() {
        lowering.websocket_api();
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

/// Who may call a function, and from where.
struct Caller {
    /// The part of the permission's name behind that of the function.
    name: &'static str,
    principal: &'static str,
    source_arn: Template,
    /// The account of a source whose ARN does not name one.
    source_account: Option<String>,
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
            protect: None,
        });
    }

    /// Adds the permission of `caller` to call `function`, with the function's origin.
    fn permission(&mut self, function: &str, caller: Caller) -> ResourceId {
        let id = ResourceId::new(PERMISSION, format!("{function}/{}", caller.name));
        let spec = object(
            json!({"principal": caller.principal, "source_account": caller.source_account}),
            [
                ("function", Template::reference(function_id(function), "name")),
                ("source_arn", caller.source_arn),
            ],
        );
        let known = self.resources.get(&function_id(function));
        let origin = known.and_then(|one| one.origin.clone());
        self.add(id.clone(), spec, BTreeSet::new(), origin);
        id
    }

    /// The permission of an API to call `function`.
    fn api_permission(&mut self, function: &str, name: &'static str, api: &ResourceId) -> ResourceId {
        let every_call = vec![
            Template::reference(api.clone(), "execution_arn"),
            json!("/*").into(),
        ];
        let caller = Caller {
            name,
            principal: "apigateway.amazonaws.com",
            source_arn: Template::Join(every_call),
            source_account: None,
        };
        self.permission(function, caller)
    }

    /// The functions so far.
    fn functions(&self) -> BTreeSet<ResourceId> {
        let functions = self.resources.keys().filter(|id| id.kind == FUNCTION);
        functions.cloned().collect()
    }

    fn setting(&self, key: &str, function: Option<&str>) -> Option<String> {
        let place = self.config.place(key, function)?;
        Some(format!("{}:{}", place.path().display(), place.line_number()))
    }

    fn first_route(&self) -> Option<String> {
        self.app.routes.first()?.place.as_ref().map(origin)
    }
}

fn origin(line: &Line) -> String {
    format!("{}:{}", line.file, line.line)
}

fn function_id(name: &str) -> ResourceId {
    ResourceId::new(FUNCTION, name)
}

fn arn_of(function: &str) -> Template {
    Template::reference(function_id(function), "arn")
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
