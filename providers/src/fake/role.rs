//! A role: CreateRole and one PutRolePolicy for each policy; found by name, marked by a tag.

use std::collections::BTreeMap;

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{by_mark, names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{Role, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelRole(pub(super) Cloud);

/// The form of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    trust: Value,
    policies: BTreeMap<String, Value>,
}

impl Resource for ModelRole {
    const KIND: Kind = Kind::new("iam_role");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Close;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("role_arn", "arn"), ("role_name", "name")],
        handle: Some("role_name"),
        ..Wire::to("iam_role")
    }];
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let natural = text(at.spec, "name").map(ToOwned::to_owned);
        self.0.find("GetRole", names(&at, natural), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let mut progress = Progress::default();
        let (name, trust, mark) = (spec.name.clone(), spec.trust.clone(), request.token.0.clone());
        let delay = self.0.role_delay();
        let born = self
            .0
            .write("CreateRole", &spec.name, move |world, now| {
                if world.roles.contains_key(&name) {
                    return Err(Refused::Exists(name));
                }
                let role = Role {
                    trust,
                    policies: BTreeMap::new(),
                    mark: Some(mark),
                    owner: None,
                    ready: Some(now + delay),
                };
                world.roles.insert(name, role);
                Ok(())
            })
            .await;
        match born {
            Err(Written::Refused(Refused::Exists(name))) => {
                let there = self.0.find("GetRole", vec![name.clone()], see).await?;
                let ours = there.map(|seen| seen.proof);
                if ours != Some(Proof::Mark(request.token.clone())) {
                    return Err(Failure::foreign(format!("the role {name}")));
                }
            }
            other => progress.step(other)?,
        }
        for (policy, document) in &spec.policies {
            progress.step(self.put(&spec.name, policy, document).await)?;
        }
        self.0.left("GetRole", &spec.name, &progress, see).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let name = request.handle.0.clone();
        let want = request.want;
        let mut progress = Progress::default();
        if request.diff.touches("trust") {
            let (role, trust) = (name.clone(), want.trust.clone());
            let put = self.0.write("UpdateAssumeRolePolicy", &name, move |world, _| {
                let role = world.roles.get_mut(&role).ok_or(Refused::NotFound(role))?;
                role.trust = trust;
                Ok(())
            });
            progress.step(put.await)?;
        }
        for (policy, document) in &want.policies {
            if request.diff.touches(&format!("policies.{policy}")) {
                progress.step(self.put(&name, policy, document).await)?;
            }
        }
        let had = request.have.get("policies").and_then(Value::as_object);
        for policy in had.into_iter().flat_map(|had| had.keys()) {
            if !want.policies.contains_key(policy) && request.diff.touches(&format!("policies.{policy}")) {
                progress.step(self.drop_policy(&name, policy).await)?;
            }
        }
        self.0.left("GetRole", &name, &progress, see).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let Some(seen) = self.0.find("GetRole", vec![name.clone()], see).await? else {
            return Ok(());
        };
        let mut progress = Progress::default();
        for policy in seen.spec.policies.keys() {
            progress.step(self.drop_policy(name, policy).await)?;
        }
        let role = name.clone();
        let gone = self.0.write("DeleteRole", name, move |world, _| {
            world.roles.remove(&role);
            Ok(())
        });
        progress.step(gone.await)
    }
}

impl ModelRole {
    async fn put(&self, role: &str, policy: &str, document: &Value) -> Result<(), Written> {
        let (name, policy, document) = (role.to_owned(), policy.to_owned(), document.clone());
        self.0
            .write("PutRolePolicy", role, move |world, _| {
                let role = world.roles.get_mut(&name).ok_or(Refused::NotFound(name))?;
                role.policies.insert(policy, document);
                Ok(())
            })
            .await
    }

    async fn drop_policy(&self, role: &str, policy: &str) -> Result<(), Written> {
        let (name, policy) = (role.to_owned(), policy.to_owned());
        self.0
            .write("DeleteRolePolicy", role, move |world, _| {
                if let Some(role) = world.roles.get_mut(&name) {
                    role.policies.remove(&policy);
                }
                Ok(())
            })
            .await
    }
}

fn see(world: &World, name: &str) -> Option<Seen<Spec>> {
    let role = world.roles.get(name)?;
    let proof = match &role.owner {
        Some(owner) => Proof::Theirs { owner: owner.clone() },
        None => by_mark(role.mark.as_ref()),
    };
    let spec = Spec {
        name: name.to_owned(),
        trust: role.trust.clone(),
        policies: role.policies.clone(),
    };
    let arn = format!("arn:aws:iam::123456789012:role/{name}");
    Some(seen(
        name,
        spec,
        [("arn", json!(arn)), ("name", json!(name))],
        proof,
    ))
}
