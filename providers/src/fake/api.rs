//! A REST API: ImportRestApi, and UpdateRestApi where a setting is not part of the document. The service chooses the id; the
//! mark stands in the description. Once deleted, the id is lost.

use std::collections::BTreeSet;

use grail_state::digest::Digester;
use grail_state::{Digest, Kind, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{by_mark, seen, text, whole};
use super::physics::{Progress, Refused, Written};
use super::world::{Api, Stages, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Secured, Seen, Sight, Undelete};

pub(super) struct ModelApi(pub(super) Cloud);

/// The form of an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    endpoint_type: String,
    minimum_compression: Option<u32>,
    definition: Value,
}

impl Resource for ModelApi {
    const KIND: Kind = Kind::new("rest_api");
    const IMMUTABLE: &'static [&'static str] = &["endpoint_type"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["definition_digest"];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("rest_api_id", "id")],
        handle: Some("rest_api_id"),
        ..Wire::to("rest_api")
    }];
    type Spec = Spec;

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        json!({
            "name": spec.name, "endpoint_type": spec.endpoint_type, "minimum_compression": spec.minimum_compression,
            "definition": Digest::of_value(&spec.definition).0,
        })
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let known = at.handle.map(|handle| handle.0.clone());
        if known
            .as_ref()
            .is_some_and(|id| self.0.world().unseen.contains(id))
        {
            return Err(Failure::refused("AccessDenied"));
        }
        let token = at.token.map(|token| token.0.clone());
        let name = text(at.spec, "name");
        let ours = at
            .spec
            .and_then(|spec| spec.get("definition"))
            .map(functions)
            .unwrap_or_default();
        let found = self
            .0
            .read("GetRestApis", name.unwrap_or_default(), |world| {
                let by_id = known.filter(|id| world.apis.contains_key(id));
                let by_mark = || token.and_then(|token| marked(world, &token));
                let by_function = || {
                    world
                        .apis
                        .iter()
                        .find(|(_, api)| {
                            Some(api.name.as_str()) == name && !functions(&api.definition).is_disjoint(&ours)
                        })
                        .map(|(id, _)| id.clone())
                };
                by_id.or_else(by_mark).or_else(by_function)
            })
            .await?;
        self.0.find("GetRestApi", found.into_iter().collect(), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let token = request.token.0.clone();
        let mut progress = Progress::default();
        let there = match request.first {
            true => None,
            false => {
                self.0
                    .read("GetRestApis", "", |world| marked(world, &token))
                    .await?
            }
        };
        let id = match there {
            Some(id) => id,
            None => progress.step(self.import(request.spec, token).await)?,
        };
        if request.spec.minimum_compression.is_some() {
            progress.step(self.set(&id, request.spec).await)?;
        }
        self.0.left("GetRestApi", &id, &progress, see).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let id = request.handle.0.clone();
        let mut progress = Progress::default();
        if request.diff.touches("definition") || request.diff.touches("name") {
            let (api, want) = (id.clone(), request.want.clone());
            let put = self.0.write("PutRestApi", &id, move |world, _| {
                let found = world.apis.get_mut(&api).ok_or(Refused::NotFound(api))?;
                found.definition = want.definition;
                found.name = want.name;
                Ok(())
            });
            progress.step(put.await)?;
        }
        if request.diff.touches("minimum_compression") {
            progress.step(self.set(&id, request.want).await)?;
        }
        self.0.left("GetRestApi", &id, &progress, see).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let id = request.handle.0.clone();
        let gone = self.0.write("DeleteRestApi", &request.handle.0, move |world, _| {
            world.must_not_be_mapped(&id)?;
            world.apis.remove(&id);
            Ok(())
        });
        Ok(gone.await?)
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        whole(&seen.spec)
    }
}

impl ModelApi {
    async fn import(&self, spec: &Spec, token: String) -> Result<String, Written> {
        let spec = spec.clone();
        let name = spec.name.clone();
        self.0
            .write("ImportRestApi", &name, move |world, _| {
                let id = world.fresh_id("api");
                let api = Api {
                    name: spec.name,
                    mark: Some(token),
                    endpoint_type: spec.endpoint_type,
                    minimum_compression: None,
                    definition: spec.definition,
                    stages: Stages::default(),
                };
                world.apis.insert(id.clone(), api);
                Ok(id)
            })
            .await
    }

    async fn set(&self, id: &str, spec: &Spec) -> Result<(), Written> {
        let (api, compression) = (id.to_owned(), spec.minimum_compression);
        self.0
            .write("UpdateRestApi", id, move |world, _| {
                let found = world.apis.get_mut(&api).ok_or(Refused::NotFound(api))?;
                found.minimum_compression = compression;
                Ok(())
            })
            .await
    }
}

fn see(world: &World, id: &str) -> Option<Seen<Spec>> {
    let api = world.apis.get(id)?;
    let spec = Spec {
        name: api.name.clone(),
        endpoint_type: api.endpoint_type.clone(),
        minimum_compression: api.minimum_compression,
        definition: api.definition.clone(),
    };
    let outputs = [
        ("id", json!(id)),
        ("definition_digest", json!(api.digest())),
        ("execution_arn", json!(format!("arn:aws:execute-api:{id}/*"))),
    ];
    Some(seen(id, spec, outputs, by_mark(api.mark.as_ref())))
}

fn marked(world: &World, token: &str) -> Option<String> {
    world
        .apis
        .iter()
        .find(|(_, api)| api.mark.as_deref() == Some(token))
        .map(|(id, _)| id.clone())
}

/// The functions that a definition integrates.
fn functions(definition: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match definition {
        Value::String(text) if text.starts_with("arn:aws:lambda:") => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| found.extend(functions(item))),
        Value::Object(object) => object.values().for_each(|item| found.extend(functions(item))),
        _ => {}
    }
    found
}
