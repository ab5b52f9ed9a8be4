//! A WebSocket API: CreateApi, and CreateIntegration and CreateRoute for each of its routes, each of which may be the last
//! that happens. So every change begins with a look at what is there, and makes what is missing: an integration that an
//! earlier try left without a route is taken up. A route is led elsewhere before what it led to goes. Others' routes and
//! integrations stay.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{by_mark, names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{DESCRIPTIONS, Integration, ROUTES, Socket, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelSocket(pub(super) Cloud);

/// The form of a WebSocket API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    routes: BTreeMap<String, Route>,
}

/// What a route calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    function: String,
    description: String,
}

impl Resource for ModelSocket {
    const KIND: Kind = Kind::new("websocket_api");
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
        handle: Some("websocket_api_id"),
        ..Wire::to("websocket_api")
    }];
    type Spec = Spec;

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let ours = functions(at.spec);
        let there = self
            .0
            .find("GetApi", names(&at, None), |world, id| see(world, id, &ours))
            .await?;
        if there.is_some() {
            return Ok(there);
        }
        let token = at.token.map(|token| token.0.as_str());
        let name = text(at.spec, "name");
        let found = |world: &World| {
            let by_mark = token.and_then(|token| marked(world, token));
            let by_function = || {
                let mut all = world.sockets.iter();
                let ours = all.find(|(_, one)| Some(one.name.as_str()) == name && calls_any(one, &ours));
                ours.map(|(id, _)| id.clone())
            };
            see(world, &by_mark.or_else(by_function)?, &ours)
        };
        self.0.read("GetApis", "", found).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut progress = Progress::default();
        let token = request.token.0.clone();
        let there = match request.first {
            true => None,
            false => self.0.read("GetApis", "", |world| marked(world, &token)).await?,
        };
        let id = match there {
            Some(id) => id,
            None => {
                let name = request.spec.name.clone();
                let made = self.0.write("CreateApi", &request.spec.name, move |world, _| {
                    let id = world.fresh_id("socket");
                    let socket = Socket {
                        name,
                        mark: Some(token),
                        ..Socket::default()
                    };
                    world.sockets.insert(id.clone(), socket);
                    Ok(id)
                });
                progress.step(made.await)?
            }
        };
        self.bring(&id, request.spec, &mut progress).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.bring(&request.handle.0, request.want, &mut Progress::default())
            .await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let id = request.handle.0.clone();
        let gone = self.0.write("DeleteApi", &request.handle.0, move |world, _| {
            world.must_not_be_mapped(&id)?;
            world.sockets.remove(&id);
            Ok(())
        });
        Ok(gone.await?)
    }
}

impl ModelSocket {
    /// Makes the API as wanted, from whatever is there.
    async fn bring(&self, id: &str, want: &Spec, progress: &mut Progress) -> Result<Seen<Spec>, Failure> {
        let there = self
            .0
            .read("GetRoutes", id, |world| world.sockets.get(id).cloned())
            .await;
        let Some(mut there) = there.map_err(|failure| progress.fail(failure))? else {
            return Err(progress.gone(id));
        };
        if there.name != want.name {
            let name = want.name.clone();
            let named = self.change("UpdateApi", id, move |socket| socket.name = name);
            progress.step(named.await)?;
        }
        for (key, route) in &want.routes {
            self.route(id, &mut there, key, route, progress).await?;
        }
        for key in ROUTES.into_iter().filter(|key| !want.routes.contains_key(*key)) {
            if there.routes.remove(key).is_none() {
                continue;
            }
            let gone = self.change("DeleteRoute", id, move |socket| drop(socket.routes.remove(key)));
            progress.step(gone.await)?;
        }
        self.tidy(id, &there, progress).await?;
        let ours = want.routes.values().map(|route| route.function.clone()).collect();
        self.0
            .left("GetApi", id, progress, |world, id| see(world, id, &ours))
            .await
    }

    async fn route(
        &self,
        id: &str,
        there: &mut Socket,
        key: &str,
        route: &Route,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let wanted = Integration {
            description: route.description.clone(),
            function: route.function.clone(),
        };
        if there.integration(key) == Some(&wanted) {
            return Ok(());
        }
        let used: BTreeSet<_> = there.routes.values().collect();
        let left_over = there
            .integrations
            .iter()
            .find(|(id, one)| **one == wanted && !used.contains(id));
        let integration = match left_over {
            Some((integration, _)) => integration.clone(),
            None => {
                let (api, kept) = (id.to_owned(), wanted.clone());
                let made = self.0.write("CreateIntegration", id, move |world, _| {
                    let fresh = world.fresh_id("integration");
                    let socket = world.sockets.get_mut(&api).ok_or(Refused::NotFound(api))?;
                    socket.integrations.insert(fresh.clone(), wanted);
                    Ok(fresh)
                });
                let made = progress.step(made.await)?;
                there.integrations.insert(made.clone(), kept);
                made
            }
        };
        let operation = if there.routes.contains_key(key) {
            "UpdateRoute"
        } else {
            "CreateRoute"
        };
        let key = key.to_owned();
        there.routes.insert(key.clone(), integration.clone());
        let api = id.to_owned();
        let routed = self.0.write(operation, id, move |world, _| {
            let socket = world.sockets.get_mut(&api).ok_or(Refused::NotFound(api))?;
            if !socket.integrations.contains_key(&integration) {
                return Err(Refused::NotFound(integration));
            }
            socket.routes.insert(key, integration);
            Ok(())
        });
        progress.step(routed.await)
    }

    /// Takes away our integrations that no route leads to, whichever call left them. What is `there` was read first and
    /// followed since: a second reading might be older than what was written.
    async fn tidy(&self, id: &str, there: &Socket, progress: &mut Progress) -> Result<(), Failure> {
        let used: BTreeSet<_> = there.routes.values().collect();
        let ours = |one: &Integration| DESCRIPTIONS.contains(&one.description.as_str());
        let unused = there
            .integrations
            .iter()
            .filter(|(id, one)| ours(one) && !used.contains(id));
        for (integration, _) in unused {
            let integration = integration.clone();
            let api = id.to_owned();
            let gone = self.0.write("DeleteIntegration", id, move |world, _| {
                let socket = world.sockets.get_mut(&api).ok_or(Refused::NotFound(api))?;
                if socket.routes.values().any(|leads| *leads == integration) {
                    return Err(Refused::Invalid(format!("a route leads to {integration}")));
                }
                socket.integrations.remove(&integration);
                Ok(())
            });
            progress.step(gone.await)?;
        }
        Ok(())
    }

    async fn change(
        &self,
        operation: &'static str,
        id: &str,
        change: impl FnOnce(&mut Socket) + Send + 'static,
    ) -> Result<(), Written> {
        let named = id.to_owned();
        self.0
            .write(operation, id, move |world, _| {
                change(world.sockets.get_mut(&named).ok_or(Refused::NotFound(named))?);
                Ok(())
            })
            .await
    }
}

fn marked(world: &World, token: &str) -> Option<String> {
    let mut all = world.sockets.iter();
    let ours = all.find(|(_, socket)| socket.mark.as_deref() == Some(token));
    ours.map(|(id, _)| id.clone())
}

fn calls_any(socket: &Socket, functions: &BTreeSet<String>) -> bool {
    socket
        .integrations
        .values()
        .any(|one| functions.contains(&one.function))
}

/// The functions that a form of any age calls.
fn functions(form: Option<&Value>) -> BTreeSet<String> {
    let routes = form
        .and_then(|form| form.get("routes"))
        .and_then(Value::as_object);
    let called = routes
        .into_iter()
        .flatten()
        .filter_map(|(_, route)| text(Some(route), "function"));
    called.map(ToOwned::to_owned).collect()
}

fn see(world: &World, id: &str, ours: &BTreeSet<String>) -> Option<Seen<Spec>> {
    let socket = world.sockets.get(id)?;
    let route = |key: &&str| {
        let integration = socket.integration(key)?;
        let route = Route {
            function: integration.function.clone(),
            description: integration.description.clone(),
        };
        Some(((*key).to_owned(), route))
    };
    let spec = Spec {
        name: socket.name.clone(),
        routes: ROUTES.iter().filter_map(route).collect(),
    };
    let proof = match by_mark(socket.mark.as_ref()) {
        Proof::NameOnly if calls_any(socket, ours) => Proof::Ours,
        proof => proof,
    };
    let outputs = [
        ("id", json!(id)),
        ("execution_arn", json!(format!("arn:aws:execute-api:{id}"))),
        ("definition_digest", json!(socket.digest())),
    ];
    Some(seen(id, spec, outputs, proof))
}
