//! A statement in a function's policy: AddPermission; its id is derived from the resource's, so it is recognised. An update
//! removes and adds. Steps on one function share a lane.

use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{self, halves, names, text};
use super::physics::{Progress, Refused, Written};
use super::world::{World, function_name};
use crate::port::{Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelPermission(pub(super) Cloud);

/// The form of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    function: String,
    principal: String,
    source_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_account: Option<String>,
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
        let named = text(at.spec, "function").filter(|function| !has_stand_in(function));
        let natural = named.map(|function| handle(function, at.id));
        self.0.find("GetPolicy", names(&at, natural), see).await
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
        let handle = handle(&spec.function, id);
        let (function, named) = halves(&handle);
        let (function, named) = (function.to_owned(), named.to_owned());
        let wanted = statement(spec);
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
        match added.await {
            Err(Written::Refused(refused @ Refused::Exists(_))) => {
                Err(progress.fail(Failure::foreign(refused)))
            }
            other => {
                progress.step(other)?;
                self.0.left("GetPolicy", &handle, progress, see).await
            }
        }
    }

    async fn remove(&self, handle: &Handle) -> Result<(), Written> {
        let (function, sid) = halves(&handle.0);
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

fn handle(function: &str, id: &ResourceId) -> String {
    format!("{}/grail-{}", function_name(function), id.name.replace('/', "-"))
}

fn statement(spec: &Spec) -> Value {
    let mut statement = json!({"principal": spec.principal, "source_arn": spec.source_arn});
    if let Some(account) = &spec.source_account {
        statement["source_account"] = json!(account);
    }
    statement
}

fn see(world: &World, handle: &str) -> Option<Seen<Spec>> {
    let (function, sid) = halves(handle);
    let mut whole = world.functions.get(function)?.policy.get(sid)?.clone();
    whole["function"] = json!(function);
    let spec = serde_json::from_value(whole).ok()?;
    Some(look::seen(handle, spec, [("sid", json!(sid))], Proof::Ours))
}
