//! A version of a Lambda layer: what `automatic_layer` puts the requirements into.
//!
//! A version never changes. Other content is another version, published beside the old one; functions are led to it, and the
//! old one is deleted after the commit, so that whoever takes a deploy back finds it. (Chalice deletes the old version first,
//! and publishes anew although nothing changed.) Functions that use a deleted version keep working: Lambda keeps their copy.
//!
//! Calls to look: one `GetLayerVersion` where the version is known, else the pages of `ListLayerVersions` and one more (and
//! where there are versions of nobody's only, those of `ListFunctions`). To
//! make: `ListLayerVersions` and `PublishLayerVersion`. To delete: `DeleteLayerVersion`. All share 15 calls a second with the
//! rest of Lambda.
//!
//! Identity: the ARN of the version. `PublishLayerVersion` takes no client token, so the description, which cannot change
//! either, says which stage it is for, which attempt published it and what is in it. Of versions without such a description
//! (Chalice's, where its record is lost) one is taken up if a function of this stack uses it; any other is nobody's, and as a
//! layer's versions are never in each other's way, it is let be.
//!
//! Content is compared as the code of functions is (see `packages`); a version of ours tells it in its description.
//!
//! Given up: permissions for other accounts on a version stay with that version.

mod reading;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_lambda::types::{LayerVersionContentInput, Runtime};
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Kind, StepToken, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::reading::{Listed, Number, Reading, Versions};
use super::lambda_function::Architecture;
use super::packages::{Code, Packages, Payload};
use super::rest_api::mark::Mark;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

/// The longest name of a layer, in characters (`PublishLayerVersion`).
const MAX_NAME: usize = 140;

/// A version of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The layer's name.
    pub name: String,
    /// The runtime that it is for, such as `python3.12`.
    pub runtime: String,
    /// The processor that it is for.
    #[serde(default)]
    pub architecture: Architecture,
    /// What it holds.
    pub code: Code,
}

/// The resource type.
#[derive(Debug)]
pub struct LambdaLayer {
    context: Arc<Context>,
    packages: Packages,
}

impl LambdaLayer {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self {
            packages: Packages::new(Arc::clone(&context)),
            context,
        }
    }

    fn read(&self) -> &aws_sdk_lambda::Client {
        self.context.clients.lambda.read()
    }

    fn write(&self) -> &aws_sdk_lambda::Client {
        self.context.clients.lambda.write()
    }

    async fn reading(&self, version: &Number<'_>) -> Result<Option<Reading>, Failure> {
        let request = self.read().get_layer_version().layer_name(version.name);
        let answer = request.version_number(version.number).send().await;
        let answer = answer.found("lambda:GetLayerVersion")?;
        answer
            .map(|answer| Reading::new(version.name, answer))
            .transpose()
    }

    /// The versions of the layer `name`, the newest first.
    async fn versions(&self, name: &str) -> Result<Versions, Failure> {
        let mut found = Versions::default();
        let mut marker = None;
        loop {
            let request = self
                .read()
                .list_layer_versions()
                .layer_name(name)
                .set_marker(marker);
            let answer = request.send().await.found("lambda:ListLayerVersions")?;
            let Some(page) = answer else {
                return Ok(found);
            };
            for version in page.layer_versions.unwrap_or_default() {
                found.add(version, &self.context.stack);
            }
            match page.next_marker.filter(|next| !next.is_empty()) {
                Some(next) => marker = Some(next),
                None => break,
            }
        }
        found
            .marked
            .sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(found)
    }

    /// The newest of `unmarked` that a function of this stack's name uses: what Chalice made and nobody records. Whether the
    /// function is ours is for planning to tell.
    async fn in_use(&self, unmarked: &BTreeMap<String, i64>) -> Result<Option<i64>, Failure> {
        if unmarked.is_empty() {
            return Ok(None);
        }
        let stack = self.context.stack.to_string();
        let ours = |name: &str| {
            name.strip_prefix(&stack)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let mut newest = None;
        let mut marker = None;
        loop {
            let request = self.read().list_functions().set_marker(marker);
            let page = request.send().await.read("lambda:ListFunctions")?;
            let functions = page.functions.unwrap_or_default();
            let functions = functions
                .iter()
                .filter(|one| one.function_name().is_some_and(ours));
            let layers = functions.flat_map(|one| one.layers());
            let used = layers.filter_map(|layer| unmarked.get(layer.arn()?).copied());
            newest = newest.max(used.max());
            match page.next_marker.filter(|next| !next.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(newest),
            }
        }
    }

    /// What is there under a version's number, with what is in it.
    async fn look(&self, version: &Number<'_>, at: &Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let Some(mut reading) = self.reading(version).await? else {
            return Ok(None);
        };
        let known = reading.told.as_ref().map(|mark| mark.digest.clone());
        let (code, location) = (&mut reading.spec.code, reading.location.as_deref());
        match known {
            Some(content) => code.content = content,
            None => {
                self.packages
                    .recognise(code, &reading.code_sha256, location, at)
                    .await
            }
        }
        Ok(Some(reading.seen(&self.context.stack)))
    }

    async fn publish(&self, spec: &Spec, token: &StepToken) -> Result<Reading, Failure> {
        let content = match self.packages.payload(&spec.code).await? {
            Payload::Image(_) => return Err(Failure::refused("a layer is a zip and no container image")),
            Payload::Zip(zip) => LayerVersionContentInput::builder().zip_file(zip),
            Payload::Object { bucket, key, version } => LayerVersionContentInput::builder()
                .s3_bucket(bucket)
                .s3_key(key)
                .set_s3_object_version(version),
        };
        let mark = Mark {
            token: token.clone(),
            digest: spec.code.content.clone(),
        };
        let description = mark.on(&reading::owner(&self.context.stack));
        let request = self
            .write()
            .publish_layer_version()
            .layer_name(&spec.name)
            .description(&description)
            .content(content.build())
            .compatible_runtimes(Runtime::from(spec.runtime.as_str()))
            .compatible_architectures(spec.architecture.into());
        let answer = request.send().await.wrote("lambda:PublishLayerVersion")?;
        Reading::published(spec, (mark, description), answer).map_err(Failure::after_change)
    }
}

/// The number of a recorded version, or of none where the handle is no ARN of one.
fn recorded<'a>(at: &Locator<'a>) -> Option<Number<'a>> {
    at.handle.and_then(|handle| Number::of(&handle.0))
}

/// Which of our versions is the one that is sought: the one of this attempt, the one with the wanted content, the newest.
fn sought<'v>(versions: &'v [Listed], at: &Locator<'_>) -> Option<&'v Listed> {
    let code = at.spec.and_then(|spec| spec.get("code"));
    let content = code.and_then(|code| code.get("content").unwrap_or(code).as_str());
    let of_attempt = |version: &&Listed| at.token == Some(&version.mark.token);
    let alike = |version: &&Listed| content == Some(version.mark.digest.as_str());
    let mut all = versions.iter();
    all.clone()
        .find(of_attempt)
        .or_else(|| all.clone().find(alike))
        .or_else(|| all.next())
}

impl Resource for LambdaLayer {
    const KIND: Kind = Kind::new("lambda_layer");
    const IMMUTABLE: &'static [&'static str] = &["name", "runtime", "architecture", "code"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[
        "lambda:DeleteLayerVersion",
        "lambda:GetLayerVersion",
        "lambda:ListFunctions",
        "lambda:ListLayerVersions",
        "lambda:PublishLayerVersion",
        "s3:GetObject",
        "s3:PutObject",
    ];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("layer_version_arn", "arn")],
        handle: Some("layer_version_arn"),
        ..Wire::to("lambda_layer")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=MAX_NAME).contains(&spec.name.len()) && spec.name.chars().all(plain) {
            return Vec::new();
        }
        vec![Invalid {
            field: "name".to_owned(),
            why: format!(
                "`{}` is not 1 to {MAX_NAME} letters, digits, `-` and `_`",
                spec.name
            ),
        }]
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        json!({
            "name": spec.name,
            "runtime": spec.runtime,
            "architecture": spec.architecture,
            "code": spec.code.content,
        })
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        if let Some(version) = recorded(&at)
            && let Some(seen) = self.look(&version, &at).await?
        {
            return Ok(Some(seen));
        }
        let name = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
        let Some(name) = name.filter(|name| !has_stand_in(name)) else {
            return Ok(None);
        };
        let versions = self.versions(name).await?;
        let number = match sought(&versions.marked, &at) {
            Some(found) => Some(found.number),
            None => self.in_use(&versions.unmarked).await?,
        };
        match number {
            Some(number) => self.look(&Number { name, number }, &at).await,
            None => Ok(None),
        }
    }

    /// An earlier try of this attempt is recognised by its mark.
    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let versions = self.versions(&spec.name).await?;
        let mine = versions
            .marked
            .iter()
            .find(|version| version.mark.token == *request.token);
        let made = match mine {
            Some(found) => {
                let (name, number) = (spec.name.as_str(), found.number);
                self.reading(&Number { name, number }).await?
            }
            None => None,
        };
        let mut reading = match made {
            Some(reading) => reading,
            None => self.publish(spec, request.token).await?,
        };
        reading.spec = spec.clone();
        Ok(reading.seen(&self.context.stack))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        Err(Failure::refused(format!(
            "the version {} of a layer cannot change",
            request.handle
        )))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some(version) = Number::of(&request.handle.0) else {
            return Err(Failure::refused(format!(
                "`{}` is no version of a layer",
                request.handle
            )));
        };
        let call = self.write().delete_layer_version().layer_name(version.name);
        call.version_number(version.number)
            .send()
            .await
            .gone("lambda:DeleteLayerVersion")
    }
}
