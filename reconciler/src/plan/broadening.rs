//! Which steps of a plan let somebody do what they could not do before, by name: what a reviewer must not overlook.
//!
//! A kind says itself where its forms tell who may do what ([`Access`]). Documents are compared by meaning ([`policy`]), definitions of APIs route by route ([`routes`]). What cannot be compared
//! counts, and says so: a list that leaves something out is worse than none. What was there before is what was seen; where
//! the thing is gone, what was recorded.
//!
//! What does not count, because the thing itself stands in the plan and not in a policy: a new function under a role that
//! there was, a new route, and a statement by which something of this account calls a function (its rule, its API, its
//! topic). What is granted outside the application (a role that is given by its ARN) is not seen.

use std::collections::BTreeMap;
use std::fmt;

use grail_providers::port::Access;
use grail_state::template::stand_in;
use grail_state::{Digest, Kind, OutputRef, Record, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Action, Plan, Step, StepId, Why};

mod pattern;
mod policy;
mod routes;
#[cfg(test)]
mod tests;

/// Something that somebody may do and could not do before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Broadening {
    /// The resource whose change brings it.
    pub resource: ResourceId,
    /// In which way.
    pub way: Way,
    /// What, in a sentence of which the resource is the subject.
    pub what: String,
}

/// In which way somebody may do more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A policy of a role allows more.
    Policy,
    /// More may assume a role.
    Trust,
    /// A function runs as a role that may do more.
    Role,
    /// A function may be called from outside the account.
    Invocation,
    /// A route asks for less, or for something else.
    Route,
    /// The policy of an API lets more callers in, or there is none any more.
    ApiPolicy,
    /// An API that was private is not.
    Endpoint,
}

impl fmt::Display for Broadening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.what)
    }
}

/// What is known beside the plan.
#[derive(Clone, Copy)]
pub struct Background<'a> {
    /// What the state knows.
    pub recorded: &'a BTreeMap<ResourceId, Record>,
    /// The definition of an API that is kept under a digest.
    pub definition: &'a dyn Fn(&Digest) -> Option<Value>,
    /// The account, where it is known.
    pub account: Option<&'a str>,
    /// Where the forms of a kind say who may do what.
    pub access: &'a dyn Fn(&Kind) -> Access,
}

/// All that `plan` broadens, in the order of its resources.
pub fn broadenings(plan: &Plan, background: &Background<'_>) -> Vec<Broadening> {
    let judge = Judge {
        steps: plan.steps().map(|step| (step.id, step)).collect(),
        roles: roles(plan, background),
        background,
    };
    let mut found: Vec<_> = plan.steps().flat_map(|step| judge.step(step)).collect();
    found.sort();
    found.dedup();
    found
}

struct Judge<'a> {
    steps: BTreeMap<StepId, &'a Step>,
    /// The policies of the roles that the application has after the plan, by ARN.
    roles: Roles<'a>,
    background: &'a Background<'a>,
}

/// The policies of roles, before and after.
#[derive(Default)]
struct Roles<'a> {
    before: BTreeMap<String, &'a Value>,
    after: BTreeMap<String, &'a Value>,
}

impl Judge<'_> {
    fn step(&self, step: &Step) -> Vec<Broadening> {
        let (Action::Create { .. } | Action::Update { .. }, Some(new)) = (&step.action, &step.wanted) else {
            return Vec::new();
        };
        let old = self.before(step);
        let found = match (self.background.access)(&step.resource.kind) {
            Access::None => Vec::new(),
            Access::Role => role(old, new),
            Access::Runs => self.function(old, new),
            Access::Invocation => self.permission(new),
            Access::Routes => self.api(step, old, new),
            Access::Url => url(old, new),
        };
        found
            .into_iter()
            .map(|(way, what)| Broadening {
                resource: step.resource.clone(),
                way,
                what,
            })
            .collect()
    }

    /// The form before the step: as seen; of what is gone, as recorded.
    fn before(&self, step: &Step) -> Option<&Value> {
        let seen = match &step.action {
            Action::Create { replaces: Some(old) } => self.steps.get(old)?.have.as_ref(),
            Action::Create { replaces: None } if step.why == Why::Missing => {
                let record = self.background.recorded.get(&step.resource)?;
                return Some(&record.spec).filter(|spec| spec.is_object());
            }
            _ => self.steps.get(&step.id)?.have.as_ref(),
        };
        seen.map(|remote| &remote.spec)
    }

    fn function(&self, old: Option<&Value>, new: &Value) -> Vec<(Way, String)> {
        let (Some(was), Some(is)) = (old.and_then(|old| text(old, "role")), text(new, "role")) else {
            return Vec::new();
        };
        if was == is {
            return Vec::new();
        }
        let (Some(had), Some(has)) = (self.roles.before.get(was), self.roles.after.get(is)) else {
            let what =
                format!("runs as another role, {is} instead of {was}: what they allow cannot be compared");
            return vec![(Way::Role, what)];
        };
        let more = policy::gained(Some(&merged(had)), &merged(has));
        let told = |what: String| (Way::Role, format!("runs as {is} instead of {was}, which {what}"));
        more.into_iter().map(told).collect()
    }

    /// A statement by which something outside the account may call a function.
    fn permission(&self, new: &Value) -> Vec<(Way, String)> {
        let source = text(new, "source_arn").unwrap_or_default();
        let who = text(new, "principal").unwrap_or_default();
        let owner =
            text(new, "source_account").or_else(|| source.split(':').nth(4).filter(|part| !part.is_empty()));
        let is_service = who
            .split_once('.')
            .is_some_and(|(_, suffix)| suffix.starts_with("amazonaws.com"));
        let is_ours =
            grail_state::template::has_stand_in(source.split(['/', '*']).next().unwrap_or_default())
                || owner.is_some_and(|owner| Some(owner) == self.background.account);
        if is_service && is_ours {
            return Vec::new();
        }
        let what = match owner {
            None => format!("lets {who} call the function for {source} of any account"),
            Some(owner) => format!("lets {who} call the function for {source} of account {owner}"),
        };
        vec![(Way::Invocation, what)]
    }

    fn api(&self, step: &Step, old: Option<&Value>, new: &Value) -> Vec<(Way, String)> {
        let Some(old) = old else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let (was, is) = (text(old, "endpoint_type"), text(new, "endpoint_type"));
        if was == Some("PRIVATE") && is != was {
            let what = format!("is reached from the internet ({})", is.unwrap_or_default());
            found.push((Way::Endpoint, what));
        }
        let (had, wanted) = (old.get("definition"), new.get("definition"));
        if had == wanted {
            return found;
        }
        let in_clear = step.want.as_ref().map(grail_state::Template::with_stand_ins);
        let in_clear = in_clear.and_then(|want| want.get("definition").cloned());
        let document = |value: Option<&Value>| match value {
            Some(Value::String(digest)) => (self.background.definition)(&Digest(digest.clone())),
            Some(document @ Value::Object(_)) => Some(document.clone()),
            _ => None,
        };
        match (document(had), document(in_clear.as_ref().or(wanted))) {
            (Some(had), Some(wanted)) => {
                let private = [was, is].contains(&Some("PRIVATE"));
                found.extend(routes::gained(&had, &wanted, private));
            }
            _ => found.push((
                Way::Route,
                "may ask its callers for less: what it was before is not known, so its routes cannot be compared".to_owned(),
            )),
        }
        found
    }
}

/// A URL that asks nobody who he is, and did not do so before.
fn url(old: Option<&Value>, new: &Value) -> Vec<(Way, String)> {
    let open = |form: &Value| text(form, "auth") == Some("none");
    match open(new) && !old.is_some_and(open) {
        true => vec![(
            Way::Invocation,
            "lets everybody on the internet call the function".to_owned(),
        )],
        false => Vec::new(),
    }
}

fn role(old: Option<&Value>, new: &Value) -> Vec<(Way, String)> {
    let nothing = json!({});
    let mut found = Vec::new();
    let more = policy::gained(old.map(merged).as_ref(), &merged(new));
    found.extend(more.into_iter().map(|what| (Way::Policy, what)));
    let bound = |form: &Value| text(form, "boundary").unwrap_or_default().to_owned();
    let was = old.map(bound).unwrap_or_default();
    if !was.is_empty() && bound(new) != was {
        let what = match bound(new).as_str() {
            "" => format!("is bounded by {was} no more"),
            is => format!("is bounded by {is} instead of {was}: what they allow cannot be compared"),
        };
        found.push((Way::Policy, what));
    }
    let trust = new.get("trust").unwrap_or(&nothing);
    let trusted = match old {
        Some(old) => policy::gained(Some(old.get("trust").unwrap_or(&nothing)), trust),
        // That Lambda may assume a role that is made for it goes without saying.
        None => policy::gained(Some(&for_lambda()), trust),
    };
    found.extend(trusted.into_iter().map(|what| (Way::Trust, what)));
    found
}

fn for_lambda() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ]})
}

/// All inline policies of a role's form as one: they count together, whatever they are called. One that is no such document
/// makes the whole one.
fn merged(form: &Value) -> Value {
    let policies = form.get("policies").and_then(Value::as_object);
    let all: Vec<&Value> = policies.into_iter().flat_map(Map::values).collect();
    if let [one] = all.as_slice() {
        return (*one).clone();
    }
    let mut statements = Vec::new();
    let mut version = None;
    for document in all {
        match document.get("Statement") {
            Some(Value::Array(some)) => statements.extend(some.iter().cloned()),
            Some(one @ Value::Object(_)) => statements.push(one.clone()),
            _ => return document.clone(),
        }
        let its = document.get("Version");
        if *version.get_or_insert(its) != its {
            return json!("inline policies of different versions");
        }
    }
    let version = version.flatten().cloned().unwrap_or(json!("2012-10-17"));
    json!({"Version": version, "Statement": statements})
}

/// The forms of the application's roles by ARN; of one that is still to be made, by what stands for its ARN.
fn roles<'a>(plan: &'a Plan, background: &Background<'a>) -> Roles<'a> {
    let mut roles = Roles::default();
    let is_role = |id: &ResourceId| (background.access)(&id.kind) == Access::Role;
    for (_, record) in background.recorded.iter().filter(|(id, _)| is_role(id)) {
        if let Some(arn) = record.outputs.get("arn").and_then(Value::as_str) {
            roles.before.insert(arn.to_owned(), &record.spec);
            roles.after.insert(arn.to_owned(), &record.spec);
        }
    }
    for step in plan.steps().filter(|step| is_role(&step.resource)) {
        let arn = step.have.as_ref().and_then(|have| have.outputs.get("arn"));
        let arn = arn.and_then(Value::as_str).map(str::to_owned);
        if let (Some(arn), Some(have)) = (&arn, &step.have) {
            roles.before.insert(arn.clone(), &have.spec);
        }
        let Some(wanted) = &step.wanted else { continue };
        let to_be = stand_in(&OutputRef {
            of: step.resource.clone(),
            output: "arn".to_owned(),
        });
        for arn in arn.into_iter().chain([to_be]) {
            roles.after.insert(arn, wanted);
        }
    }
    roles
}

fn text<'a>(form: &'a Value, field: &str) -> Option<&'a str> {
    form.get(field).and_then(Value::as_str)
}
