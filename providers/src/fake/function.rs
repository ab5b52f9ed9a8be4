//! A function: CreateFunction and PutFunctionConcurrency, or up to five kinds of update; found by name, recognised by the tag
//! that names application and stage. It is `Pending` after its birth and busy after each update, and a call waits until its
//! own function is usable.

use std::collections::BTreeMap;
use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::{Handle, Kind, Lost, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::OWNER_TAG;
use super::cloud::Cloud;
use super::look::{changed_tags, names, seen, text, whole};
use super::physics::{Progress, Refused, Written};
use super::world::{Function, World, function_arn, function_name};
use crate::port::{
    Birth, Change, Cost, Examined, Failure, Kin, Locator, Removal, Resource, Retry, Secured, Seen, Sight,
    Undelete,
};

pub(super) struct ModelFunction(pub(super) Cloud);

/// How the words of an addition begin.
const STATEMENT: &str = "statement ";

/// The form of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    handler: String,
    role: String,
    memory: u32,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    layers: Vec<String>,
    tags: BTreeMap<String, String>,
    reserved_concurrency: Option<u32>,
    code: Code,
    /// As with the real kind: a wish that is silent on it leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// As with the real kind: what stood in its policy when it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statements: Option<BTreeMap<String, Value>>,
}

/// What runs: named by the digest of its contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Code {
    content: String,
}

const CONFIG: &[&str] = &[
    "handler",
    "role",
    "memory",
    "environment",
    "layers",
    "description",
];

impl Resource for ModelFunction {
    const KIND: Kind = Kind::new("lambda_function");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Close;
    const PRUNES: &'static [&'static str] = &[STATEMENT];
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["code_sha256"];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("lambda_arn", "arn")],
        handle: Some("lambda_arn"),
        ..Wire::to("lambda_function")
    }];
    type Spec = Spec;

    fn child(handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        let sid = addition.strip_prefix(STATEMENT)?;
        let handle = format!("{}/{sid}", function_name(&handle.0));
        Some((Kind::new("lambda_permission"), Handle(handle)))
    }

    fn project(spec: &Spec, digester: &Digester) -> Value {
        let hidden: BTreeMap<_, _> = spec
            .environment
            .iter()
            .map(|(key, value)| (key, digester.secret(value)))
            .collect();
        let mut form = json!({
            "name": spec.name, "handler": spec.handler, "role": spec.role, "memory": spec.memory,
            "environment": hidden, "layers": spec.layers, "tags": spec.tags, "reserved_concurrency": spec.reserved_concurrency,
            "code": spec.code.content,
        });
        if let (Some(fields), Some(text)) = (form.as_object_mut(), &spec.description) {
            fields.insert("description".into(), json!(text));
        }
        if let (Some(fields), Some(statements)) = (form.as_object_mut(), &spec.statements) {
            fields.insert("statements".into(), json!(statements));
        }
        form
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let natural = text(at.spec, "name").map(ToOwned::to_owned);
        let mut names: Vec<_> = names(&at, natural)
            .iter()
            .map(|named| function_name(named).to_owned())
            .collect();
        names.dedup();
        let found = self.0.find("GetFunction", names, see).await?;
        Ok(found.map(|seen| with_description(seen, text(at.spec, "description").is_some())))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec.clone();
        self.must_hold(&spec.code)?;
        let mut progress = Progress::default();
        let busy = self.0.physics().busy;
        let born = self
            .0
            .write("CreateFunction", &request.spec.name, move |world, now| {
                assumable(world, &spec.role, now)?;
                published(world, &spec.layers)?;
                if world.functions.contains_key(&spec.name) {
                    return Err(Refused::Exists(spec.name));
                }
                let function = Function {
                    config: config(&spec),
                    code: spec.code.content,
                    tags: spec.tags,
                    concurrency: None,
                    policy: BTreeMap::new(),
                    busy: Some(now + busy),
                };
                world.functions.insert(spec.name, function);
                Ok(())
            })
            .await;
        let want = request.spec;
        match born {
            Err(Written::Refused(Refused::Exists(name))) => {
                let found = self.0.find("GetFunction", vec![name.clone()], see).await?;
                let ours =
                    found.is_some_and(|seen| seen.spec.tags.get(OWNER_TAG) == want.tags.get(OWNER_TAG));
                if !ours || !want.tags.contains_key(OWNER_TAG) {
                    return Err(Failure::foreign(format!("the function {name}")));
                }
            }
            other => progress.step(other)?,
        }
        self.until_usable(&want.name, &progress).await?;
        if let Some(concurrency) = want.reserved_concurrency {
            progress.step(
                self.reserve("PutFunctionConcurrency", &want.name, Some(concurrency))
                    .await,
            )?;
        }
        self.hang(want, &mut progress).await?;
        let left = self.0.left("GetFunction", &want.name, &progress, see).await?;
        Ok(silent(left, want))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want.clone();
        let name = want.name.clone();
        let mut progress = Progress::default();
        self.until_usable(&name, &progress).await?;
        if request.diff.touches("code") {
            self.must_hold(&want.code)?;
            let code = want.code.content.clone();
            let change = self.change(
                "UpdateFunctionCode",
                &name,
                |_| Ok(()),
                move |function| function.code = code,
            );
            progress.step(change.await)?;
            self.until_usable(&name, &progress).await?;
        }
        let fields: Vec<&str> = CONFIG
            .iter()
            .copied()
            .filter(|field| request.diff.touches(field))
            .collect();
        if !fields.is_empty() {
            let wanted = config(&want);
            let layers = want.layers.clone();
            let ready = move |world: &World| published(world, &layers);
            let change = self.change("UpdateFunctionConfiguration", &name, ready, move |function| {
                for field in fields {
                    if let (Some(config), Some(value)) = (function.config.as_object_mut(), wanted.get(field))
                    {
                        config.insert(field.to_owned(), value.clone());
                    }
                }
            });
            progress.step(change.await)?;
            self.until_usable(&name, &progress).await?;
        }
        self.retag(&request, &mut progress).await?;
        if request.diff.touches("reserved_concurrency") {
            let operation = if want.reserved_concurrency.is_some() {
                "PutFunctionConcurrency"
            } else {
                "DeleteFunctionConcurrency"
            };
            progress.step(self.reserve(operation, &name, want.reserved_concurrency).await)?;
        }
        if request.diff.touches("statements") {
            self.hang(&want, &mut progress).await?;
        }
        let left = self.0.left("GetFunction", &name, &progress, see).await?;
        Ok(silent(left, &want))
    }

    /// Statements of others in its policy.
    async fn examine(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        let name = function_name(&have.handle.0);
        let look = self.0.read("GetPolicy", name, |world| {
            let policy = world.functions.get(name).map(|function| &function.policy);
            let sids = policy.into_iter().flat_map(BTreeMap::keys);
            let others =
                sids.filter(|sid| !kin.has(&Kind::new("lambda_permission"), &format!("{name}/{sid}")));
            others.map(|sid| format!("{STATEMENT}{sid}")).collect()
        });
        let mut found = Examined::default();
        found.add(look.await);
        found
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        let name = function_name(&have.handle.0);
        let mut progress = Progress::default();
        for sid in children.iter().filter_map(|child| child.strip_prefix(STATEMENT)) {
            let (function, sid) = (name.to_owned(), sid.to_owned());
            let gone = self.0.write("RemovePermission", name, move |world, _| {
                if let Some(function) = world.functions.get_mut(&function) {
                    function.policy.remove(&sid);
                }
                Ok(())
            });
            progress.step(gone.await)?;
        }
        Ok(())
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = function_name(&request.handle.0).to_owned();
        let subject = name.clone();
        let gone = self.0.write("DeleteFunction", &subject, move |world, _| {
            world.functions.remove(&name);
            world.urls.remove(&name);
            let of = format!("{name}:");
            world.aliases.retain(|alias, _| !alias.starts_with(&of));
            Ok(())
        });
        Ok(gone.await?)
    }

    async fn secure_whole(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let name = &seen.spec.name;
        let look = self.0.read("GetPolicy", name, |world| {
            world.functions.get(name).map(|function| function.policy.clone())
        });
        let mut seen = seen.clone();
        let unread = match look.await {
            Ok(statements) => {
                seen.spec.statements = Some(statements.unwrap_or_default());
                None
            }
            Err(failure) if failure.retry == Retry::Never => Some(Lost {
                field: "statements".to_owned(),
                why: failure.chain(),
            }),
            Err(failure) => return Err(failure),
        };
        let secured = self.secure(&seen).await?;
        Ok(secured.map(|mut secured| {
            secured.lost.extend(unread);
            secured
        }))
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let (closed, is_lost) = self.0.meddle(|world| {
            let code = world.lost_code.contains(&seen.spec.code.content);
            (world.closed.contains(&seen.spec.name), code)
        });
        if closed {
            return Err(Failure::refused(format!(
                "{} cannot be read whole",
                seen.spec.name
            )));
        }
        let lost = Lost {
            field: "code".to_owned(),
            why: "it could not be fetched".to_owned(),
        };
        let whole = whole(&seen.spec)?;
        Ok(whole.map(|whole| Secured {
            secret: true,
            lost: is_lost.then_some(lost).into_iter().collect(),
            ..whole
        }))
    }
}

impl ModelFunction {
    /// Writes what stood in its policy when it was deleted.
    async fn hang(&self, want: &Spec, progress: &mut Progress) -> Result<(), Failure> {
        for (sid, statement) in want.statements.iter().flatten() {
            let (name, sid, statement) = (want.name.clone(), sid.clone(), statement.clone());
            let hung = self.0.write("AddPermission", &want.name, move |world, _| {
                let Some(function) = world.functions.get_mut(&name) else {
                    return Err(Refused::NotFound(name));
                };
                function.policy.entry(sid).or_insert(statement);
                Ok(())
            });
            progress.step(hung.await)?;
        }
        Ok(())
    }

    /// A package that is not at hand is missed before anything is sent.
    fn must_hold(&self, code: &Code) -> Result<(), Failure> {
        if self.0.meddle(|world| world.lost_code.contains(&code.content)) {
            return Err(Failure::refused(format!(
                "the package {} is not at hand",
                code.content
            )));
        }
        Ok(())
    }

    /// Looks that grow apart, as those of the real kind do: they share a bucket with every other look.
    async fn until_usable(&self, name: &str, progress: &Progress) -> Result<(), Failure> {
        let mut pause = Duration::from_millis(250);
        loop {
            let busy = self
                .0
                .read("GetFunction", name, |world| {
                    let busy = world.functions.get(name)?.busy?;
                    (busy > Instant::now()).then_some(busy)
                })
                .await;
            if busy.map_err(|failure| progress.fail(failure))?.is_none() {
                return Ok(());
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_secs(4));
        }
    }

    async fn change(
        &self,
        operation: &'static str,
        name: &str,
        ready: impl FnOnce(&World) -> Result<(), Refused> + Send + 'static,
        change: impl FnOnce(&mut Function) + Send + 'static,
    ) -> Result<(), Written> {
        let busy = self.0.physics().busy;
        let function = name.to_owned();
        self.0
            .write(operation, name, move |world, now| {
                ready(world)?;
                let Some(found) = world.functions.get_mut(&function) else {
                    return Err(Refused::NotFound(function));
                };
                if found.busy.is_some_and(|busy| busy > now) {
                    return Err(Refused::Busy(function));
                }
                change(found);
                found.busy = Some(now + busy);
                Ok(())
            })
            .await
    }

    async fn reserve(
        &self,
        operation: &'static str,
        name: &str,
        concurrency: Option<u32>,
    ) -> Result<(), Written> {
        let function = name.to_owned();
        self.0
            .write(operation, name, move |world, _| {
                let found = world
                    .functions
                    .get_mut(&function)
                    .ok_or(Refused::NotFound(function))?;
                found.concurrency = concurrency;
                Ok(())
            })
            .await
    }

    async fn retag(&self, request: &Change<'_, Spec>, progress: &mut Progress) -> Result<(), Failure> {
        for (operation, set, dropped) in changed_tags(request.have, &request.want.tags, request.diff) {
            let function = request.want.name.clone();
            let write = self
                .0
                .write(operation, &request.want.name, move |world: &mut World, _| {
                    let found = world
                        .functions
                        .get_mut(&function)
                        .ok_or(Refused::NotFound(function))?;
                    found.tags.extend(set);
                    found.tags.retain(|key, _| !dropped.contains(key));
                    Ok(())
                });
            progress.step(write.await)?;
        }
        Ok(())
    }
}

fn see(world: &World, name: &str) -> Option<Seen<Spec>> {
    let function = world.functions.get(name)?;
    let mut whole = function.config.clone();
    let fields = whole.as_object_mut()?;
    fields.insert("name".into(), json!(name));
    fields.insert("tags".into(), json!(function.tags));
    fields.insert("reserved_concurrency".into(), json!(function.concurrency));
    fields.insert("code".into(), json!({"content": function.code}));
    let proof = match function.tags.get(OWNER_TAG) {
        Some(owner) if owner.starts_with("other") => Proof::Theirs { owner: owner.clone() },
        Some(_) => Proof::Ours,
        None => Proof::NameOnly,
    };
    let arn = function_arn(name);
    let outputs = [
        ("arn", json!(arn)),
        ("name", json!(name)),
        ("code_sha256", json!(function.code)),
    ];
    Some(seen(
        arn.clone(),
        serde_json::from_value(whole).ok()?,
        outputs,
        proof,
    ))
}

fn config(spec: &Spec) -> Value {
    json!({
        "handler": spec.handler, "role": spec.role, "memory": spec.memory, "environment": spec.environment,
        "layers": spec.layers, "description": spec.description,
    })
}

/// What a wish is silent on is no difference.
fn with_description(mut seen: Seen<Spec>, stated: bool) -> Seen<Spec> {
    let description = seen.spec.description.unwrap_or_default();
    seen.spec.description = stated.then_some(description);
    seen
}

/// What a write of `want` has left, in its words.
fn silent(left: Seen<Spec>, want: &Spec) -> Seen<Spec> {
    let mut left = with_description(left, want.description.is_some());
    left.spec.statements.clone_from(&want.statements);
    left
}

fn assumable(world: &World, role: &str, now: Instant) -> Result<(), Refused> {
    let name = role.rsplit('/').next().unwrap_or(role);
    match world.roles.get(name) {
        Some(found) if found.ready.is_none_or(|ready| ready <= now) => Ok(()),
        _ => Err(Refused::NotAssumable(name.to_owned())),
    }
}

fn published(world: &World, layers: &[String]) -> Result<(), Refused> {
    match layers.iter().find(|arn| !world.layers.contains_key(*arn)) {
        Some(missing) => Err(Refused::NotFound(missing.clone())),
        None => Ok(()),
    }
}
