//! A log group: CreateLogGroup and PutRetentionPolicy; found by name. Its deletion takes the retention policy away and leaves
//! the group with its logs, so a group without one is taken for none.

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cloud::Cloud;
use super::look::{self, names, text};
use super::physics::{Progress, Refused};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelGroup(pub(super) Cloud);

/// The form of a log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    retention_days: u32,
}

impl Resource for ModelGroup {
    const KIND: Kind = Kind::new("log_group");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Exact;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 0,
        lists: 1,
        page: 50,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("log_group_name", "name")],
        handle: Some("log_group_name"),
        ..Wire::to("log_group")
    }];
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let mut seen = self.observe_many(&[at]).await;
        seen.pop().unwrap_or(Ok(None))
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        let groups = self
            .0
            .read("DescribeLogGroups", "", |world| world.groups.clone())
            .await;
        let groups = match groups {
            Ok(groups) => groups,
            Err(failure) => return at.iter().map(|_| Err(same(&failure))).collect(),
        };
        at.iter()
            .map(|one| {
                let names = names(one, text(one.spec, "name").map(ToOwned::to_owned));
                let found = names.iter().find_map(|name| Some((name, (*groups.get(name)?)?)));
                Ok(found.map(|(name, days)| seen(name, days)))
            })
            .collect()
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let name = request.spec.name.clone();
        let mut progress = Progress::default();
        let made = self
            .0
            .write("CreateLogGroup", &request.spec.name, move |world, _| {
                world.groups.entry(name).or_insert(None);
                Ok(())
            });
        progress.step(made.await)?;
        self.retain(request.spec, &mut progress).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.retain(request.want, &mut Progress::default()).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = request.handle.0.clone();
        let gone = self
            .0
            .write("DeleteRetentionPolicy", &request.handle.0, move |world, _| {
                if let Some(days) = world.groups.get_mut(&name) {
                    *days = None;
                }
                Ok(())
            });
        Ok(gone.await?)
    }
}

impl ModelGroup {
    async fn retain(&self, spec: &Spec, progress: &mut Progress) -> Result<Seen<Spec>, Failure> {
        let (name, days) = (spec.name.clone(), spec.retention_days);
        let put = self.0.write("PutRetentionPolicy", &spec.name, move |world, _| {
            let group = world.groups.get_mut(&name).ok_or(Refused::NotFound(name))?;
            *group = Some(days);
            Ok(())
        });
        progress.step(put.await)?;
        Ok(seen(&spec.name, days))
    }
}

/// The one failure of a list, for each of those who asked for it.
fn same(failure: &Failure) -> Failure {
    Failure {
        effect: failure.effect,
        retry: failure.retry,
        ..Failure::refused(failure.chain())
    }
}

fn seen(name: &str, days: u32) -> Seen<Spec> {
    let spec = Spec {
        name: name.to_owned(),
        retention_days: days,
    };
    look::seen(name, spec, [("name", json!(name))], Proof::Ours)
}
