//! What has changed between a plan that was approved and the one that would be carried out now, in words.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Handle, ResourceId};

use super::{Action, Plan, Step};

type Key<'a> = (&'a ResourceId, &'static str, Option<&'a Handle>);

impl Plan {
    /// How `now` differs from this plan, for people. Empty if it is the same.
    pub fn changes_to(&self, now: &Self) -> Vec<String> {
        if self.digest == now.digest {
            return Vec::new();
        }
        let mut changes = Vec::new();
        if self.base != now.base {
            changes.push("the state was written since".to_owned());
        }
        let (was, is) = (by_key(self), by_key(now));
        for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let (id, doing, _) = key;
            match (was.get(key), is.get(key)) {
                (Some(_), None) => changes.push(format!("`{id}` would no longer be {doing}")),
                (None, Some(_)) => changes.push(format!("`{id}` would be {doing}")),
                (Some(was), Some(is)) => {
                    changes.extend(differs(was, is).map(|what| format!("`{id}`: {what}")))
                }
                (None, None) => {}
            }
        }
        if changes.is_empty() {
            changes.push("what is there, or the order of the steps, is another".to_owned());
        }
        changes
    }
}

fn by_key(plan: &Plan) -> BTreeMap<Key<'_>, &Step> {
    let key = |step: &'_ Step| match step.action {
        Action::Create { .. } => "created",
        Action::Update { .. } => "changed",
        Action::Delete { .. } => "deleted",
    };
    plan.steps()
        .map(|step| {
            let going = matches!(step.action, Action::Delete { .. });
            let handle = step.have.as_ref().map(|have| &have.handle).filter(|_| going);
            ((&step.resource, key(step), handle), step)
        })
        .collect()
}

fn differs(was: &Step, is: &Step) -> Option<String> {
    if let (Action::Update { diff: was }, Action::Update { diff: is }) = (&was.action, &is.action)
        && was != is
    {
        let fields: BTreeSet<_> = was
            .fields
            .iter()
            .filter(|field| !is.fields.contains(field))
            .chain(is.fields.iter().filter(|field| !was.fields.contains(field)))
            .map(|field| format!("`{}`", field.path))
            .collect();
        let fields: Vec<_> = fields.into_iter().collect();
        return Some(format!("another change of {}", fields.join(", ")));
    }
    if was.wanted != is.wanted {
        return Some("another form is wanted".to_owned());
    }
    (was.have != is.have).then(|| "what is there has changed".to_owned())
}
