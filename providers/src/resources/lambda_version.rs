//! A published version of a function: its code and its configuration as they were, for good.
//!
//! A version never changes. Other code or another configuration is another version, published beside the old one; aliases are
//! led to it, and the old one is retired after the commit, so that whoever takes a deploy back finds it.
//!
//! To retire is not to delete: of the versions of ours that are older than the newest, as many stay as the newest was told to
//! keep (`keep`), and each that an alias leads to, whoever made the alias. The others go. What stays goes with its function, and
//! is not recorded; as it never changes, nobody need look at it. The newest is deleted where it is meant itself: when its birth
//! is taken back, and when nothing is to be published any more.
//!
//! What is published is what this deployment has left, or nothing: the function is looked at, compared field by field with what
//! is wanted, and `PublishVersion` is held to its `RevisionId` and to the `CodeSha256` that the function's own step gave.
//!
//! Calls to look: one `GetFunction` of the version, which is compared as the function itself is, so that a plan tells which
//! field calls for another version; before it the pages of `ListVersionsByFunction` where the version is not known. To make:
//! `GetFunction`, `PublishVersion`, looks until it is active (with a snapshot that takes minutes). To retire:
//! `ListVersionsByFunction`, `ListAliases`, a `DeleteFunction` for each that goes.
//!
//! Identity: the ARN of the version. The description, which cannot change either, says which stage it is for, how many are kept,
//! which attempt published it and what code is in it. Lambda publishes nothing where nothing has changed since the last version
//! and answers with that one, so that a call may come twice. If that one is somebody else's it serves as well, and is never
//! deleted.
//!
//! Given up: the function's own description has no place in a version's, where the mark stands; another one alone makes no
//! version. Tags and reserved concurrency are the function's and no version's.

mod history;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use grail_state::digest::{Digest, Digester};
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::history::{Label, Listed, Number};
use super::lambda_function::{self, LambdaFunction, Reading, Standing, standing};
use super::rest_api::mark::is_digest;
use crate::aws::arn::function_name;
use crate::aws::{Context, Outcome, wait};
use crate::package::ZipDigest;
use crate::port::{
    Birth, Change, Cost, Diff, Failure, Invalid, Lane, Locator, Removal, Resource, Seen, Sight, Undelete,
};

/// What of a function is no part of its versions, or is the version's own there.
const NOT_PUBLISHED: [&str; 6] = [
    "name",
    "description",
    "tags",
    "reserved_concurrency",
    "failed",
    "statements",
];

/// How many looks may miss a version that Lambda has just answered for.
const MISSES: u32 = 6;

/// A published version of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The function, by name or ARN.
    pub function: String,
    /// The form of the function that is to be published.
    pub form: lambda_function::Spec,
    /// The SHA-256 of the function's code as Lambda gives it, so that no other code is published. No part of what a version is.
    #[serde(default)]
    pub code_sha256: String,
    /// How many versions of ours stay beside the newest.
    #[serde(default)]
    pub keep: u32,
}

/// The resource type.
#[derive(Debug)]
pub struct LambdaVersion {
    context: Arc<Context>,
}

impl LambdaVersion {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_lambda::Client {
        self.context.clients.lambda.read()
    }

    async fn answer(&self, at: &Number) -> Result<Option<GetFunctionOutput>, Failure> {
        let request = self.read().get_function().function_name(&at.function);
        let answer = request.qualifier(&at.number).send().await;
        answer.found("lambda:GetFunction")
    }

    /// What is there under a version's number, with what is in it.
    async fn look(&self, version: &Number, at: &Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let Some(answer) = self.answer(version).await? else {
            return Ok(None);
        };
        let mut reading = Reading::new(answer)?.at_rest()?;
        let label = reading.spec.description.as_deref().and_then(Label::read);
        let label = label.filter(|label| label.is_of(&self.context.stack));
        let below = Below::of(at);
        let told = label.as_ref().map(|label| label.mark.digest.as_str());
        let content = below.content(told, &reading.code_sha256);
        if let Some(content) = content.filter(|_| reading.spec.code.image.is_none()) {
            reading.spec.code.content = content;
        }
        reading.spec = reading.spec.silent_on(below.spec);
        Ok(Some(seen(version, reading)))
    }

    /// Which of our versions is the one that is sought: that of the attempt, or where none is named the newest.
    async fn sought(&self, function: &str, at: &Locator<'_>) -> Result<Option<Number>, Failure> {
        let listed = self.versions(function).await?;
        let mut ours = listed.iter().filter(|one| one.label.is_some());
        let found = match at.token {
            Some(token) => ours.find(|one| one.is_by(token)),
            None => ours.next(),
        };
        Ok(found.map(|one| one.at(function)))
    }

    /// The function as it is now, if that is what is to be published.
    async fn latest(&self, spec: &Spec) -> Result<Reading, Failure> {
        let name = function_name(&spec.function);
        let request = self.read().get_function().function_name(name);
        let Some(answer) = request.send().await.found("lambda:GetFunction")? else {
            let text = format!("the function {name} cannot be seen yet");
            return Err(Failure::later(text, Duration::from_secs(1)));
        };
        let mut reading = Reading::new(answer)?.at_rest()?;
        let stated = serde_json::to_value(&spec.form).unwrap_or_default();
        reading.spec = reading.spec.silent_on(Some(&stated));
        // Code is compared by what the function's own step left, not by content.
        reading.spec.code = spec.form.code.clone();
        let mut differing = differences(&spec.form, &reading.spec);
        if !spec.code_sha256.is_empty() && spec.code_sha256 != reading.code_sha256 {
            differing.push("code".to_owned());
        }
        if differing.is_empty() {
            return Ok(reading);
        }
        // A reading may be older than what was written; one that stays so is somebody's doing.
        let text = format!(
            "the function {name} is not as this deployment left it ({}), so that no version of it is published",
            differing.join(", ")
        );
        let hint = "somebody changes it at the same time: deploy again when they are done";
        Err(Failure::later(text, Duration::from_secs(1)).with_hint(hint))
    }

    /// Waits until the version can be called, and gives it as it then is.
    async fn settled(&self, version: &Number) -> Result<GetFunctionOutput, Failure> {
        let missed = AtomicU32::new(0);
        wait::until("the version to become active", || async {
            let Some(answer) = self.answer(version).await? else {
                return match missed.fetch_add(1, Ordering::Relaxed) {
                    ..MISSES => Ok(None),
                    _ => Err(Failure::refused(format!("the version {version} is gone"))),
                };
            };
            let stands = answer.configuration.as_ref().map_or(Standing::Busy, standing);
            match stands {
                Standing::Ready => Ok(Some(answer)),
                Standing::Busy => Ok(None),
                Standing::Failed(why) => Err(Failure::refused(format!(
                    "Lambda could not make the version {version} usable: {why}"
                ))),
            }
        })
        .await
    }
}

/// What of a function's form a version has.
fn published(form: &lambda_function::Spec, digester: &Digester) -> Value {
    let mut form = LambdaFunction::project(form, digester);
    if let Some(fields) = form.as_object_mut() {
        fields.retain(|key, _| !NOT_PUBLISHED.contains(&key.as_str()));
    }
    form
}

/// The fields in which two forms of a function would be other versions.
fn differences(want: &lambda_function::Spec, have: &lambda_function::Spec) -> Vec<String> {
    // It is for one comparison: any key does.
    let digester = Digester::new([0; 32]);
    let diff = Diff::between(&published(want, &digester), &published(have, &digester), &[]);
    diff.fields.into_iter().map(|field| field.path).collect()
}

/// The digest of a code's content as a mark can hold it.
fn marked(content: &str) -> String {
    match is_digest(content) {
        true => content.to_owned(),
        false => Digest::of(content.as_bytes()).0,
    }
}

fn seen(version: &Number, reading: Reading) -> Seen<Spec> {
    let function = version.function.clone();
    Seen {
        outputs: BTreeMap::from([
            ("arn".to_owned(), json!(reading.arn)),
            ("version".to_owned(), json!(version.number)),
            ("code_sha256".to_owned(), json!(reading.code_sha256)),
        ]),
        handle: Handle(reading.arn),
        proof: Proof::Ours,
        spec: Spec {
            function,
            form: reading.spec,
            code_sha256: reading.code_sha256,
            keep: 0,
        },
        additions: Vec::new(),
    }
}

/// The form below the form of a version: that of the function, as wanted and as recorded.
struct Below<'a> {
    spec: Option<&'a Value>,
    record: Option<&'a Record>,
}

impl<'a> Below<'a> {
    fn of(at: &Locator<'a>) -> Self {
        Self {
            spec: at.spec.and_then(|spec| spec.get("form")),
            record: at.record,
        }
    }

    /// The content of the code, of which a mark tells a digest, and Lambda that of the zip. What is neither wanted nor recorded
    /// is told as the mark has it.
    fn content(&self, told: Option<&str>, sha: &str) -> Option<String> {
        let code = self.spec.and_then(|form| form.get("code"));
        let wanted = code.and_then(|code| code.get("content").unwrap_or(code).as_str());
        let recorded = self
            .record
            .and_then(|record| record.spec.pointer("/form/code")?.as_str());
        if let Some(told) = told {
            let known = wanted.into_iter().chain(recorded).find(|one| marked(one) == told);
            return Some(known.unwrap_or(told).to_owned());
        }
        let artifact = code.and_then(|code| code.get("artifact")?.as_str());
        let is_it = artifact
            .and_then(ZipDigest::from_hex)
            .is_some_and(|zip| zip.base64() == sha);
        let was_it = self
            .record
            .is_some_and(|record| record.outputs.get("code_sha256").and_then(Value::as_str) == Some(sha));
        let known = wanted.filter(|_| is_it).or(recorded.filter(|_| was_it));
        known.map(ToOwned::to_owned)
    }
}

impl Resource for LambdaVersion {
    const KIND: Kind = Kind::new("lambda_version");
    const IMMUTABLE: &'static [&'static str] = &["function", "form"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const SPARED_IN_USE: bool = true;
    const ACTIONS: &'static [&'static str] = &[
        "lambda:DeleteFunction",
        "lambda:GetFunction",
        "lambda:ListAliases",
        "lambda:ListVersionsByFunction",
        "lambda:PublishVersion",
    ];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let named = has_stand_in(&spec.function) || !function_name(&spec.function).is_empty();
        let unnamed = Invalid {
            field: "function".to_owned(),
            why: "no function is named".to_owned(),
        };
        (!named).then_some(unnamed).into_iter().collect()
    }

    fn project(spec: &Spec, digester: &Digester) -> Value {
        let function = match has_stand_in(&spec.function) {
            true => spec.function.as_str(),
            false => function_name(&spec.function),
        };
        json!({"function": function, "form": published(&spec.form, digester)})
    }

    /// Versions of one function are retired by one at a time.
    fn lane(spec: &Value) -> Option<Lane> {
        let function = spec.get("function").and_then(Value::as_str)?;
        Some(Lane(format!("versions:{}", function_name(function))))
    }

    fn label(spec: &Value) -> Option<String> {
        let function = spec.get("function").and_then(Value::as_str)?;
        Some(format!("version of {}", function_name(function)))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        if let Some(version) = at.handle.and_then(|handle| Number::of(&handle.0))
            && let Some(seen) = self.look(&version, &at).await?
        {
            return Ok(Some(seen));
        }
        let function = at.spec.and_then(|spec| spec.get("function"));
        let function = function.and_then(Value::as_str);
        let Some(function) = function.filter(|name| !has_stand_in(name)) else {
            return Ok(None);
        };
        match self.sought(function_name(function), &at).await? {
            Some(version) => self.look(&version, &at).await,
            None => Ok(None),
        }
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let function = function_name(&spec.function);
        if !request.first {
            let listed = self.versions(function).await?;
            let mine = listed.iter().find(|one| one.is_by(request.token));
            if let Some(mine) = mine.map(|one| one.at(function)) {
                let mut reading = Reading::new(self.settled(&mine).await?)?;
                reading.spec = spec.form.clone();
                return Ok(seen(&mine, reading));
            }
        }
        let latest = self.latest(spec).await?;
        let label = Label::new(
            &self.context.stack,
            spec.keep,
            request.token,
            marked(&spec.form.code.content),
        );
        let sha = Some(&spec.code_sha256).filter(|sha| !sha.is_empty());
        let call = self.context.clients.lambda.write().publish_version();
        let answer = call
            .function_name(function)
            .set_code_sha256(sha.cloned())
            .set_revision_id(latest.revision)
            .description(label.to_string())
            .send()
            .await
            .wrote("lambda:PublishVersion")?;
        let number = answer.version.unwrap_or_default();
        let made = Number {
            function: function.to_owned(),
            number,
        };
        let answer = self.settled(&made).await.map_err(Failure::after_change)?;
        let mut reading = Reading::new(answer).map_err(Failure::after_change)?;
        reading.spec = spec.form.clone();
        Ok(seen(&made, reading))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        Err(Failure::refused(format!(
            "the version {} of a function cannot change",
            request.handle
        )))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some(version) = Number::of(&request.handle.0) else {
            return Err(Failure::refused(format!(
                "`{}` is no version of a function",
                request.handle
            )));
        };
        self.retire(&version).await
    }
}

impl Listed {
    fn at(&self, function: &str) -> Number {
        Number {
            function: function.to_owned(),
            number: self.number.to_string(),
        }
    }
}
