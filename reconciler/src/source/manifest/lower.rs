//! From a manifest to the resources that should be there.
//!
//! What Chalice has too is called as Chalice calls it (`<function>-event`, `<function>_role`, `rest_api`), so that a project
//! can change over without a change in its account. A named event puts its name behind that of its function.
//!
//! A function does not wait for its log group, an API's stage waits for everything that a caller can reach.

mod domains;
mod functions;
mod rest;
mod roles;
pub(super) mod things;
mod urls;
mod versions;
mod websocket;

pub mod apis;
pub mod events;

use std::collections::{BTreeMap, BTreeSet};

use grail_state::chalice::UNKNOWN_RANK;
use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use serde_json::{Map, Value, json};

use super::form::{Document, Form};
use super::{Manifest, references};
use crate::source::chalice::lower::{Account, Zip};
use crate::source::diagnostic::{Problem, Problems, judge};

const FUNCTION: Kind = Kind::new("lambda_function");
const PERMISSION: Kind = Kind::new("lambda_permission");

/// The packages that were built for a manifest, by logical name.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    /// Of functions.
    pub functions: BTreeMap<String, Zip>,
    /// Of layers.
    pub layers: BTreeMap<String, Zip>,
}

/// The resources of `manifest` in `account`.
///
/// # Errors
/// References that lead back to where they began, and what could be told only now.
pub fn lower(manifest: &Manifest, account: &Account, packages: &Packages) -> Result<DesiredState, Problems> {
    let form = manifest.form(account)?;
    let mut lowering = Lowering {
        form: &form,
        manifest,
        account,
        packages,
        first: if manifest.replaces.is_some() {
            0
        } else {
            UNKNOWN_RANK
        },
        resources: BTreeMap::new(),
        permissions: BTreeMap::new(),
        problems: Vec::new(),
    };
    lowering.things();
    lowering.roles();
    lowering.layers();
    for (name, function) in form.functions() {
        lowering.function(name, function);
    }
    for (name, function) in form.functions() {
        lowering.versions(name, function);
        lowering.url(name, function);
        lowering.events(name, function);
    }
    lowering.rest_apis();
    lowering.websocket_apis();
    lowering.domains();
    lowering.circles();
    judge(lowering.problems)?;
    let stack = StackId {
        app: manifest.app.clone(),
        stage: manifest.stage.clone(),
    };
    Ok(DesiredState {
        stack,
        resources: lowering.resources,
    })
}

struct Lowering<'a> {
    form: &'a Form,
    manifest: &'a Manifest,
    account: &'a Account,
    packages: &'a Packages,
    first: u32,
    resources: BTreeMap<ResourceId, Desired>,
    /// Permissions by what they say: one that says the same as another is that other.
    permissions: BTreeMap<String, ResourceId>,
    problems: Vec<Problem>,
}

/// Who may call a function, and from where.
struct Caller {
    /// The part of the permission's name behind that of the function.
    name: String,
    principal: &'static str,
    source_arn: Template,
    /// The account of a source whose ARN does not name one.
    source_account: Option<String>,
}

impl Lowering<'_> {
    /// Adds a resource at the next rank, wished for at `path` of the manifest.
    fn add(&mut self, id: ResourceId, spec: Template, after: BTreeSet<ResourceId>, path: &[&str]) {
        let rank = u32::try_from(self.resources.len()).unwrap_or(u32::MAX);
        let desired = Desired {
            id: id.clone(),
            spec,
            after,
            rank: self.first.saturating_add(rank),
            origin: Some(self.manifest.tree.spot(path).origin()),
            protect: None,
        };
        if let Some(other) = self.resources.get(&id) {
            let said = format!("`{id}` would be made twice");
            let hint = format!(
                "the other one stands at {}",
                other.origin.as_deref().unwrap_or_default()
            );
            let place = self.manifest.tree.place(path);
            self.problems
                .push(Problem::error("manifest::twice", said).hint(hint).at(place));
            return;
        }
        self.resources.insert(id, desired);
    }

    /// Adds the permission of `caller` to call `function`, or finds one that says the same.
    fn permission(&mut self, function: &str, caller: Caller, path: &[&str]) -> ResourceId {
        let spec = object(
            json!({"principal": caller.principal, "source_account": caller.source_account}),
            [
                ("function", Template::reference(function_id(function), "name")),
                ("source_arn", caller.source_arn),
            ],
        );
        let says = spec.to_value().to_string();
        if let Some(known) = self.permissions.get(&says) {
            return known.clone();
        }
        let id = ResourceId::new(PERMISSION, format!("{function}/{}", caller.name));
        self.permissions.insert(says, id.clone());
        self.add(id.clone(), spec, BTreeSet::new(), path);
        id
    }

    /// The permission of an API to call `function`.
    fn api_permission(&mut self, function: &str, api: &ResourceId, path: &[&str]) -> ResourceId {
        let every_call = vec![
            Template::reference(api.clone(), "execution_arn"),
            json!("/*").into(),
        ];
        let caller = Caller {
            name: api.name.clone(),
            principal: "apigateway.amazonaws.com",
            source_arn: Template::Join(every_call),
            source_account: None,
        };
        self.permission(function, caller, path)
    }

    /// A text with its references.
    fn phrase(&self, text: &str) -> Template {
        references::template(text, self.account)
    }

    /// JSON with its references.
    fn document(&self, document: &Document) -> Template {
        self.value(&document.0)
    }

    fn value(&self, value: &Value) -> Template {
        match value {
            Value::String(text) => self.phrase(text),
            Value::Array(items) => list(items.iter().map(|item| self.value(item)).collect()),
            Value::Object(entries) => map(entries
                .iter()
                .map(|(key, value)| (key.clone(), self.value(value)))
                .collect()),
            other => Template::Lit(other.clone()),
        }
    }

    /// The name in AWS of what is called `logical` here.
    fn physical(&self, given: Option<&str>, logical: &str) -> String {
        given.map_or_else(
            || format!("{}-{}-{logical}", self.manifest.app, self.manifest.stage),
            ToOwned::to_owned,
        )
    }

    /// References that lead back to where they began: nothing of them could be made first.
    fn circles(&mut self) {
        if let Some(circle) = circle(&self.resources) {
            let names: Vec<_> = circle.iter().map(|id| format!("`{id}`")).collect();
            let said = format!(
                "these need each other, so that none could be made first: {}",
                names.join(" -> ")
            );
            let hint = "take one of the references away: a function learns its API from the event that it is called with";
            let first = circle
                .iter()
                .find_map(|id| Some((section_of(&id.kind)?, id.name.as_str())));
            let place = first.map(|(section, name)| self.manifest.tree.place(&[section, name]));
            self.problems
                .push(Problem::error("manifest::circle", said).hint(hint).at(place));
        }
    }
}

/// The section whose resources are of this kind.
fn section_of(kind: &Kind) -> Option<&'static str> {
    let sections = references::SECTIONS.iter();
    let mut sections = sections.filter(|(_, known, _)| *known == kind.as_str());
    sections.next().map(|(section, ..)| *section)
}

/// The first circle of what needs what.
fn circle(resources: &BTreeMap<ResourceId, Desired>) -> Option<Vec<ResourceId>> {
    let needs: BTreeMap<_, Vec<ResourceId>> = resources
        .iter()
        .map(|(id, one)| (id, one.depends_on().into_iter().collect()))
        .collect();
    let mut done: BTreeSet<&ResourceId> = BTreeSet::new();
    for start in resources.keys() {
        let mut path: Vec<(&ResourceId, usize)> = vec![(start, 0)];
        while let Some((id, next)) = path.last().copied() {
            let below = (!done.contains(id)).then(|| needs.get(id).and_then(|needs| needs.get(next)));
            match below.flatten() {
                Some(below) => {
                    if let Some(last) = path.last_mut() {
                        last.1 += 1;
                    }
                    let Some((below, _)) = needs.get_key_value(below) else {
                        continue;
                    };
                    if let Some(at) = path.iter().position(|(id, _)| id == below) {
                        let ids = path.iter().skip(at).map(|(id, _)| (*id).clone());
                        return Some(ids.chain([(*below).clone()]).collect());
                    }
                    path.push((below, 0));
                }
                None => {
                    done.insert(id);
                    path.pop();
                }
            }
        }
    }
    None
}

fn function_id(name: &str) -> ResourceId {
    ResourceId::new(FUNCTION, name)
}

fn arn_of(function: &str) -> Template {
    Template::reference(function_id(function), "arn")
}

/// An object, plain where nothing in it is a reference.
fn map(entries: BTreeMap<String, Template>) -> Template {
    let plain = |item: &Template| match item {
        Template::Lit(value) => Some(value.clone()),
        _ => None,
    };
    let literal: Option<Map<String, Value>> = entries
        .iter()
        .map(|(key, item)| Some((key.clone(), plain(item)?)))
        .collect();
    literal.map_or(Template::Map(entries), |entries| {
        Template::Lit(Value::Object(entries))
    })
}

/// A list, plain where nothing in it is a reference.
fn list(items: Vec<Template>) -> Template {
    let plain = |item: &Template| match item {
        Template::Lit(value) => Some(value.clone()),
        _ => None,
    };
    let literal: Option<Vec<Value>> = items.iter().map(plain).collect();
    literal.map_or(Template::List(items), |items| Template::Lit(Value::Array(items)))
}

/// An object of plain fields and of fields that refer to other resources. Fields that are null are left out.
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
