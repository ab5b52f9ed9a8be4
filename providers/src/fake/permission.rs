//! A statement in a function's policy: AddPermission; its id is derived from the resource's, so it is recognised. An update
//! removes and adds. Steps on one function share a lane.

use std::collections::BTreeMap;

use grail_state::{Handle, Kind, Proof, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::physics::{Progress, Refused, Written};
use crate::port::{Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelPermission(pub(super) Cloud);

/// The form of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    function: String,
    principal: String,
    source_arn: String,
}

impl Resource for ModelPermission {
    const KIND: Kind = Kind::new("lambda_permission");
    const IMMUTABLE: &'static [&'static str] = &["function"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn lane(spec: &Value) -> Option<Lane> {
        let function = spec.get("function")?.as_str()?;
        Some(Lane(format!("function:{function}")))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let by_handle = at.handle.and_then(|handle| handle.0.split_once('/'));
        let by_spec = at
            .spec
            .and_then(|spec| spec.get("function"))
            .and_then(Value::as_str);
        let sid = sid(at.id);
        for (function, sid) in by_handle
            .into_iter()
            .chain(by_spec.map(|name| (name, sid.as_str())))
        {
            let found = self
                .0
                .read("GetPolicy", function, |world| {
                    world.functions.get(function)?.policy.get(sid).cloned()
                })
                .await;
            if let Some(statement) = found {
                return seen(function, sid, statement).map(Some);
            }
        }
        Ok(None)
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.add(request.id, request.spec, &mut Progress::default()).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        progress.step(self.remove(request.handle).await)?;
        self.add(request.id, request.want, &mut progress).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        Ok(self.remove(request.handle).await?)
    }
}

impl ModelPermission {
    async fn add(
        &self,
        id: &ResourceId,
        spec: &Spec,
        progress: &mut Progress,
    ) -> Result<Seen<Spec>, Failure> {
        let (function, sid) = (spec.function.clone(), sid(id));
        let statement = json!({"principal": spec.principal, "source_arn": spec.source_arn});
        let (named, wanted) = (sid.clone(), statement.clone());
        let added = self.0.write("AddPermission", &spec.function, move |world, _| {
            let Some(found) = world.functions.get_mut(&function) else {
                return Err(Refused::NotFound(function));
            };
            match found.policy.get(&named) {
                Some(there) if *there == wanted => Ok(()),
                Some(_) => Err(Refused::Exists(named)),
                None => {
                    found.policy.insert(named, wanted);
                    Ok(())
                }
            }
        });
        progress.step(added.await)?;
        seen(&spec.function, &sid, statement)
    }

    async fn remove(&self, handle: &Handle) -> Result<(), Written> {
        let (function, sid) = handle.0.split_once('/').unwrap_or((&handle.0, ""));
        let (named, sid) = (function.to_owned(), sid.to_owned());
        self.0
            .write("RemovePermission", function, move |world, _| {
                if let Some(found) = world.functions.get_mut(&named) {
                    found.policy.remove(&sid);
                }
                Ok(())
            })
            .await
    }
}

fn sid(id: &ResourceId) -> String {
    format!("grail-{}", id.name.replace('/', "-"))
}

fn seen(function: &str, sid: &str, statement: Value) -> Result<Seen<Spec>, Failure> {
    let mut whole = statement;
    whole["function"] = json!(function);
    Ok(Seen {
        handle: Handle(format!("{function}/{sid}")),
        spec: serde_json::from_value(whole).map_err(Failure::refused)?,
        outputs: BTreeMap::from([("sid".to_owned(), json!(sid))]),
        proof: Proof::Ours,
        additions: Vec::new(),
    })
}
