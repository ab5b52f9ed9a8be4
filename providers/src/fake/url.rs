//! A function's URL: CreateFunctionUrlConfig, and AddPermission where everybody may call it; found by its function, under an
//! id that the service chooses. It goes with its function.

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Kind, Proof};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{names, seen, text, whole};
use super::physics::{Progress, Refused, Written};
use super::world::{Url, World, function_name};
use crate::port::{
    Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

pub(super) struct ModelUrl(pub(super) Cloud);

/// The form of a URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    function: String,
    auth: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amiss: Vec<String>,
}

/// Who may call it without being asked.
const EVERYBODY: &str = "none";

impl Resource for ModelUrl {
    const KIND: Kind = Kind::new("function_url");
    const IMMUTABLE: &'static [&'static str] = &["function"];
    const UNDELETE: Undelete = Undelete::Never;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn project(spec: &Spec, _: &Digester) -> Value {
        let named = match has_stand_in(&spec.function) {
            true => spec.function.as_str(),
            false => function_name(&spec.function),
        };
        json!({"function": named, "auth": spec.auth, "amiss": spec.amiss})
    }

    fn lane(spec: &Value) -> Option<Lane> {
        let function = spec.get("function")?.as_str()?;
        Some(Lane(format!("function:{}", function_name(function))))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let named = text(at.spec, "function").filter(|function| !has_stand_in(function));
        let natural = named.map(|function| function_name(function).to_owned());
        self.0
            .find("GetFunctionUrlConfig", names(&at, natural), see)
            .await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let function = function_name(&request.spec.function).to_owned();
        let (subject, auth) = (function.clone(), request.spec.auth.clone());
        let mut progress = Progress::default();
        let made = self
            .0
            .write("CreateFunctionUrlConfig", &subject, move |world, _| {
                if !world.functions.contains_key(&function) {
                    return Err(Refused::NotFound(function));
                }
                let there = world.urls.contains_key(&function);
                let id = if there {
                    String::new()
                } else {
                    world.fresh_id("url")
                };
                let made = world.urls.entry(function).or_insert(Url {
                    id,
                    auth: auth.clone(),
                    open: false,
                });
                made.auth = auth;
                Ok(())
            });
        progress.step(made.await)?;
        self.settle(&subject, request.spec, &mut progress).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let function = request.handle.0.clone();
        let mut progress = Progress::default();
        if request.diff.touches("auth") {
            let (named, auth) = (function.clone(), request.want.auth.clone());
            let turned = self
                .0
                .write("UpdateFunctionUrlConfig", &function, move |world, _| {
                    let there = world.urls.get_mut(&named).ok_or(Refused::NotFound(named))?;
                    there.auth = auth;
                    Ok(())
                });
            progress.step(turned.await)?;
        }
        self.settle(&function, request.want, &mut progress).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let function = request.handle.0.clone();
        let gone = self
            .0
            .write("DeleteFunctionUrlConfig", &request.handle.0, move |world, _| {
                world.urls.remove(&function);
                Ok(())
            });
        Ok(gone.await?)
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let spec = Spec {
            amiss: Vec::new(),
            ..seen.spec.clone()
        };
        whole(&spec)
    }
}

impl ModelUrl {
    /// Brings the function's policy to what the form asks for.
    async fn settle(
        &self,
        function: &str,
        want: &Spec,
        progress: &mut Progress,
    ) -> Result<Seen<Spec>, Failure> {
        let open = want.auth == EVERYBODY;
        let there = self.0.read("GetPolicy", function, |world| {
            world.urls.get(function).map(|there| there.open)
        });
        let there = there.await.map_err(|failure| progress.fail(failure))?;
        if there.is_some_and(|there| there != open) {
            let named = function.to_owned();
            let operation = if open { "AddPermission" } else { "RemovePermission" };
            let turned: Result<(), Written> = self
                .0
                .write(operation, function, move |world, _| {
                    let there = world.urls.get_mut(&named).ok_or(Refused::NotFound(named))?;
                    there.open = open;
                    Ok(())
                })
                .await;
            progress.step(turned)?;
        }
        self.0.left("GetFunctionUrlConfig", function, progress, see).await
    }
}

fn see(world: &World, function: &str) -> Option<Seen<Spec>> {
    let there = world.urls.get(function)?;
    let amiss = there.open != (there.auth == EVERYBODY);
    let spec = Spec {
        function: function.to_owned(),
        auth: there.auth.clone(),
        amiss: amiss.then(|| "public".to_owned()).into_iter().collect(),
    };
    let url = format!("https://{}.example/", there.id);
    Some(seen(function, spec, [("url", json!(url))], Proof::Ours))
}
