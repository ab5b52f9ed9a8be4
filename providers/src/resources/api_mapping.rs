//! The mapping of a path below a custom domain to a stage of an API.
//!
//! **Calls.** Plain prefixes of REST domains by the first version of the service (`CreateBasePathMapping`), as Chalice does.
//! Mappings of WebSocket domains, and prefixes with an inner `/`, which the first version refuses (issue 1897 of Chalice), by
//! the second (`CreateApiMapping`). The root is `(none)` in the first version and an empty key in the second, to which
//! Chalice sends `(none)` too; emulators give that back, so both are read as the root.
//!
//! **Identity.** Domain and prefix. A mapping at our place that leads to our API is ours, and so is the recorded one; one
//! that leads to another API is somebody else's. A mapping that was turned to another API since we last saw it is not
//! deleted.
//!
//! **Chalice** never turns an existing mapping to another API or stage; here that is one call. A changed prefix is a new
//! mapping beside the old one, which goes after the commit: no caller meets a moment without either.

use std::sync::Arc;
use std::time::Duration;

use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::calls::{Place, Target};
use super::custom_domain::Protocol;
use crate::aws::Context;
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

mod calls;

pub(super) use calls::{Mapped, all, is_mapped, remove};

/// How the first version writes the root.
const ROOT: &str = "(none)";
/// How long a key may be (developer guide, API mappings).
const LONGEST: usize = 300;

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The domain.
    pub domain: String,
    /// The path below it, without slashes at its ends; empty for the root.
    pub prefix: String,
    /// Which kind of API the domain serves.
    pub protocol: Protocol,
    /// The id of the API.
    pub api: String,
    /// The name of its stage.
    pub stage: String,
}

/// The resource type.
#[derive(Debug)]
pub struct ApiMapping {
    context: Arc<Context>,
}

impl ApiMapping {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn seen(place: &Place, target: &Target, proof: Proof) -> Seen<Spec> {
        let Place {
            domain,
            prefix,
            protocol,
        } = place;
        let key = format!("/{prefix}");
        let outputs = [("mapping", json!([{"key": key}])), ("key", json!(key))];
        Seen {
            handle: Handle(format!("{domain}/{prefix}")),
            spec: Spec {
                domain: domain.clone(),
                prefix: prefix.clone(),
                protocol: *protocol,
                api: target.api.clone(),
                stage: target.stage.clone(),
            },
            outputs: outputs.map(|(key, value)| (key.to_owned(), value)).into(),
            proof,
            additions: Vec::new(),
        }
    }

    fn made(spec: &Spec) -> Seen<Spec> {
        let target = Target {
            id: None,
            api: spec.api.clone(),
            stage: spec.stage.clone(),
        };
        Self::seen(&spec.into(), &target, Proof::Ours)
    }
}

impl Resource for ApiMapping {
    const KIND: Kind = Kind::new("api_mapping");
    const IMMUTABLE: &'static [&'static str] = &["domain", "prefix"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ];
    /// The mapping; where the second version serves it, the first page of the domain's mappings.
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("api_mapping", "mapping")],
        beneath: Some(("domain_name", "api_mapping")),
        ..Wire::to("domain_name")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let prefix = spec.prefix.as_str();
        let legal = |c: char| c.is_ascii_alphanumeric() || "$-_.+!*'()/".contains(c);
        let part = |part: &str| !part.is_empty();
        let why = if prefix.is_empty() {
            return Vec::new();
        } else if !prefix.chars().all(legal) {
            "may only have letters, digits and the characters $-_.+!*'()"
        } else if prefix.len() > LONGEST {
            "may have no more than 300 characters"
        } else if prefix == ROOT || !prefix.split('/').all(part) {
            "must be parts with single slashes between them, or nothing for the root"
        } else {
            return Vec::new();
        };
        vec![Invalid {
            field: "prefix".to_owned(),
            why: format!("`{prefix}` {why}"),
        }]
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |key| spec.get(key).and_then(Value::as_str);
        Some(format!("{}/{}", field("domain")?, field("prefix")?))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        for place in Place::of(&at) {
            let Some(target) = self.target(&place).await? else {
                continue;
            };
            let recorded = at.record.map(|record| &record.spec);
            let mut known = [at.spec, recorded].into_iter().flatten();
            let ours = known.any(|spec| spec.get("api").and_then(Value::as_str) == Some(&target.api));
            let proof = if ours { Proof::Ours } else { Proof::NameOnly };
            return Ok(Some(Self::seen(&place, &target, proof)));
        }
        Ok(None)
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let place = Place::from(spec);
        // API Gateway refuses a second mapping at one place, so that nobody's is lost without a look beforehand.
        if self.make(spec).await? {
            return Ok(Self::made(spec));
        }
        let Some(target) = self.target(&place).await? else {
            let text = format!("somebody else changes the mappings of {}", spec.domain);
            return Err(Failure::later(text, Duration::from_secs(1)));
        };
        if target.api != spec.api {
            let Spec { domain, prefix, .. } = spec;
            return Err(Failure::foreign(format_args!(
                "a mapping of {domain}/{prefix} to another API"
            )));
        }
        if target.stage != spec.stage {
            self.turn(spec, &target).await?;
        }
        Ok(Self::made(spec))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let place = Place::from(want);
        let present = if place.is_second() {
            let there = self.target(&place).await?;
            let gone = || Failure::refused(format!("the mapping {} is gone", request.handle));
            there.ok_or_else(gone)?
        } else {
            let field = |key| {
                request
                    .have
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            Target {
                id: None,
                api: field("api"),
                stage: field("stage"),
            }
        };
        self.turn(want, &present).await?;
        Ok(Self::made(want))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let protocol = Protocol::of(Some(request.spec), &request.id.name);
        let Some(place) = Place::named(request.handle, protocol) else {
            let text = format!("`{}` names no mapping of a domain", request.handle);
            return Err(Failure::refused(text));
        };
        let Some(target) = self.target(&place).await? else {
            return Ok(());
        };
        let ours = request.spec.get("api").and_then(Value::as_str);
        if ours.is_some_and(|ours| !has_stand_in(ours) && ours != target.api) {
            tracing::info!(mapping = %request.handle, "the mapping stays: it leads to another API now");
            return Ok(());
        }
        self.remove(&place, target).await
    }
}

#[cfg(test)]
mod tests;
