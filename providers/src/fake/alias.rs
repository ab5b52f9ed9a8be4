//! An alias of a function: CreateAlias, and UpdateAlias once for each share that a canary gives to another version; found by
//! function and name. It goes with its function.
//!
//! Versions are not modelled: they are numbers, and any of them is there. Alarms are names, and ring or do not.

use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Kind, Proof};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::cloud::Cloud;
use super::look::{names, seen, text, whole};
use super::physics::{Progress, Refused};
use super::world::{Alias, World, function_name};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Secured, Seen, Sight, Undelete};

pub(super) struct ModelAlias(pub(super) Cloud);

/// The form of an alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    function: String,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<Other>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    canary: Option<Canary>,
}

/// A second version, with its share in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Other {
    version: String,
    weight: u32,
}

/// How it is led to another version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Canary {
    steps: Vec<Step>,
    alarms: Vec<String>,
}

/// A share for so many seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    weight: u32,
    seconds: u64,
}

/// How often alarms are asked.
const EVERY: u64 = 10;

impl Spec {
    fn alias(&self) -> Alias {
        Alias {
            version: self.version.clone(),
            other: self
                .other
                .as_ref()
                .map(|other| (other.version.clone(), other.weight)),
        }
    }

    fn address(&self) -> String {
        format!("{}:{}", function_name(&self.function), self.name)
    }
}

impl Resource for ModelAlias {
    const KIND: Kind = Kind::new("lambda_alias");
    const IMMUTABLE: &'static [&'static str] = &["function", "name"];
    const UNDELETE: Undelete = Undelete::Close;
    const VOLATILE: &'static [&'static str] = &["version"];
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn project(spec: &Spec, _: &Digester) -> Value {
        let function = match has_stand_in(&spec.function) {
            true => spec.function.as_str(),
            false => function_name(&spec.function),
        };
        json!({"function": function, "name": spec.name, "version": spec.alias().words()})
    }

    fn lasts(spec: &Spec) -> Duration {
        let steps = spec.canary.iter().flat_map(|canary| &canary.steps);
        Duration::from_secs(steps.map(|step| step.seconds).sum())
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let function = text(at.spec, "function").filter(|function| !has_stand_in(function));
        let natural = function
            .zip(text(at.spec, "name"))
            .map(|(function, name)| format!("{}:{name}", function_name(function)));
        self.0.find("GetAlias", names(&at, natural), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let address = request.spec.address();
        let (named, alias) = (address.clone(), request.spec.alias());
        let function = function_name(&request.spec.function).to_owned();
        let mut progress = Progress::default();
        let made = self.0.write("CreateAlias", &address, move |world, _| {
            if !world.functions.contains_key(&function) {
                return Err(Refused::NotFound(function));
            }
            world.aliases.insert(named, alias);
            Ok(())
        });
        progress.step(made.await)?;
        self.0.left("GetAlias", &address, &progress, see).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (want, address) = (request.want, request.handle.0.clone());
        let mut progress = Progress::default();
        let found = self
            .0
            .read("GetAlias", &address, |world| world.aliases.get(&address).cloned());
        let Some(there) = found.await? else {
            return Err(Failure::refused(format!("the alias {address} is gone")));
        };
        let canary = want.canary.as_ref().filter(|_| there.version != want.version);
        if let Some(canary) = canary {
            self.quiet(&address, canary, &progress).await?;
            let shown = there.other.clone().filter(|(of, _)| *of == want.version);
            let share = shown.map_or(0, |(_, share)| share);
            for step in canary.steps.iter().filter(|step| step.weight >= share) {
                let shares = Alias {
                    version: there.version.clone(),
                    other: Some((want.version.clone(), step.weight)),
                };
                if step.weight != share {
                    self.lead(&address, shares, &mut progress).await?;
                }
                for past in (0..step.seconds).step_by(EVERY as usize) {
                    sleep(Duration::from_secs(EVERY.min(step.seconds - past))).await;
                    self.quiet(&address, canary, &progress).await?;
                }
            }
        }
        self.lead(&address, want.alias(), &mut progress).await?;
        self.0.left("GetAlias", &address, &progress, see).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let address = request.handle.0.clone();
        let gone = self.0.write("DeleteAlias", &request.handle.0, move |world, _| {
            world.aliases.remove(&address);
            Ok(())
        });
        Ok(gone.await?)
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        whole(&seen.spec)
    }
}

impl ModelAlias {
    async fn lead(&self, address: &str, to: Alias, progress: &mut Progress) -> Result<(), Failure> {
        let named = address.to_owned();
        let led = self.0.write("UpdateAlias", address, move |world, _| {
            let there = world.aliases.get_mut(&named);
            *there.ok_or(Refused::NotFound(named))? = to;
            Ok(())
        });
        progress.step(led.await)
    }

    async fn quiet(&self, address: &str, canary: &Canary, progress: &Progress) -> Result<(), Failure> {
        let rings = self.0.read("DescribeAlarms", address, |world| {
            let mut alarms = canary.alarms.iter();
            alarms.find(|alarm| world.ringing.contains(*alarm)).cloned()
        });
        match rings.await.map_err(|failure| progress.fail(failure))? {
            Some(alarm) => Err(progress.fail(Failure::refused(format!("the alarm `{alarm}` rings")))),
            None => Ok(()),
        }
    }
}

fn see(world: &World, address: &str) -> Option<Seen<Spec>> {
    let there = world.aliases.get(address)?;
    let (function, name) = address.split_once(':')?;
    let spec = Spec {
        function: function.to_owned(),
        name: name.to_owned(),
        version: there.version.clone(),
        other: there
            .other
            .clone()
            .map(|(version, weight)| Other { version, weight }),
        canary: None,
    };
    let outputs = [
        ("arn", json!(address)),
        ("name", json!(name)),
        ("version", json!(there.version)),
    ];
    Some(seen(address, spec, outputs, Proof::Ours))
}
