//! A path of a custom domain that leads to a stage of an API. Domain and path are its identity; where it leads can be
//! changed. It is ours by way of the API.

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cloud::Cloud;
use super::look::{halves, names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{Pointer, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelPointer(pub(super) Cloud);

/// The form of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    domain: String,
    prefix: String,
    protocol: String,
    api: String,
    stage: String,
}

impl Resource for ModelPointer {
    const KIND: Kind = Kind::new("api_mapping");
    const IMMUTABLE: &'static [&'static str] = &["domain", "prefix"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
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

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let (domain, prefix) = (text(at.spec, "domain"), text(at.spec, "prefix"));
        let natural = domain
            .zip(prefix)
            .map(|(domain, prefix)| format!("{domain}/{prefix}"));
        let recorded = at.record.map(|record| &record.spec);
        let protocol = text(at.spec, "protocol")
            .or(text(recorded, "protocol"))
            .unwrap_or("rest");
        let see = |world: &World, path: &str| see(world, path, protocol, text(at.spec, "api"));
        self.0.find("GetApiMappings", names(&at, natural), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        match self.lead("CreateApiMapping", request.spec, false).await {
            Err(Written::Refused(Refused::Exists(path))) => Err(Failure::foreign(format!("the path {path}"))),
            other => {
                progress.step(other)?;
                self.left(request.spec, &progress).await
            }
        }
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        progress.step(self.lead("UpdateApiMapping", request.want, true).await)?;
        self.left(request.want, &progress).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let (domain, prefix) = halves(&request.handle.0);
        let (domain, prefix) = (domain.to_owned(), prefix.to_owned());
        let gone = self
            .0
            .write("DeleteApiMapping", &request.handle.0, move |world, _| {
                if let Some(domain) = world.domains.get_mut(&domain) {
                    domain.paths.remove(&prefix);
                }
                Ok(())
            });
        Ok(gone.await?)
    }
}

impl ModelPointer {
    async fn lead(&self, operation: &'static str, spec: &Spec, there: bool) -> Result<(), Written> {
        let (path, spec) = (path(spec), spec.clone());
        let subject = path.clone();
        self.0
            .write(operation, &subject, move |world, _| {
                let stages = world.stages_of(&spec.api);
                if stages.is_none_or(|stages| !stages.stages.contains_key(&spec.stage)) {
                    return Err(Refused::NotFound(format!("{}/{}", spec.api, spec.stage)));
                }
                let domain = world
                    .domains
                    .get_mut(&spec.domain)
                    .ok_or(Refused::NotFound(spec.domain))?;
                let to = Pointer {
                    api: spec.api,
                    stage: spec.stage,
                };
                match domain.paths.get(&spec.prefix) {
                    None if there => return Err(Refused::NotFound(path)),
                    Some(leads) if !there && *leads != to => return Err(Refused::Exists(path)),
                    _ => drop(domain.paths.insert(spec.prefix, to)),
                }
                Ok(())
            })
            .await
    }

    async fn left(&self, want: &Spec, progress: &Progress) -> Result<Seen<Spec>, Failure> {
        let see = |world: &World, path: &str| see(world, path, &want.protocol, Some(&want.api));
        self.0.left("GetApiMappings", &path(want), progress, see).await
    }
}

fn path(spec: &Spec) -> String {
    format!("{}/{}", spec.domain, spec.prefix)
}

fn see(world: &World, path: &str, protocol: &str, ours: Option<&str>) -> Option<Seen<Spec>> {
    let (domain, prefix) = halves(path);
    let to = world.domains.get(domain)?.paths.get(prefix)?;
    let key = format!("/{prefix}");
    let spec = Spec {
        domain: domain.to_owned(),
        prefix: prefix.to_owned(),
        protocol: protocol.to_owned(),
        api: to.api.clone(),
        stage: to.stage.clone(),
    };
    let proof = if ours == Some(to.api.as_str()) {
        Proof::Ours
    } else {
        Proof::NameOnly
    };
    let outputs = [("key", json!(key)), ("mapping", json!([{"key": key}]))];
    Some(seen(path, spec, outputs, proof))
}
