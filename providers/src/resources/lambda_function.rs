//! A Lambda function: its configuration, tags, reserved concurrency and code.
//!
//! Calls to look: one `GetFunction` (100 a second), which gives all of it; the answers of `ListFunctions` hold neither tags
//! nor concurrency. To make: `CreateFunction`, looks until it is active, and `PutFunctionConcurrency` where some is
//! reserved. To change: only the calls that the difference needs, with looks between them, since Lambda refuses a second
//! update while the first is going on. All changes share 15 calls a second with the rest of Lambda.
//!
//! A function on which something is going on is awaited when it is looked at: after a lost answer that update is ours, and it
//! is done only when it has ended well. One that Lambda gave up on shows that as a difference.
//!
//! Identity: the name. The tag `aws-chalice` tells whose it is; tags are Chalice's to compare and strip, so none of ours go
//! there, and a repeated `CreateFunction` is recognised by that tag.
//!
//! Code is compared by content, never by the digest of a zip (see `packages`). Description, ephemeral storage and dead letters
//! are compared where the wish states them, as one of a manifest does; where it is silent on them, as one of Chalice is, and
//! for what no wish can name (logging), they are left alone and are no drift.
//!
//! A function runs from a zip or from a container image, and cannot change from the one to the other: it is made anew then.
//! Images are compared by their addresses.
//!
//! `RevisionId` is not used as a precondition: Lambda changes it when an update ends, not when it begins, and no request
//! here writes back what it has read, except that the environment is set as one.

mod form;
mod image;
mod others;
mod policy;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Lost, Proof, Wire};
use serde_json::Value;

pub use form::{Architecture, Spec, Tracing, Vpc};
pub use image::ImageConfig;

pub(super) use self::reading::{Reading, Standing, proof, standing};
use self::reading::{outputs, usable};
use self::writing::{Part, parts, tag_changes};
use super::packages::{Code, Packages};
use crate::aws::arn::function_name;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{
    Access, Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Retry, Secured,
    Seen, Sight, Undelete,
};

/// The resource type.
#[derive(Debug)]
pub struct LambdaFunction {
    context: Arc<Context>,
    packages: Packages,
}

impl LambdaFunction {
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

    /// What is there under a name or ARN.
    async fn reading(&self, function: &str) -> Result<Option<Reading>, Failure> {
        let request = self.read().get_function().function_name(function);
        let answer = request.send().await.found("lambda:GetFunction")?;
        answer.map(Reading::new).transpose()
    }

    /// Keeps the zip `sha` of a function; asks Lambda where it is only if it is not at hand.
    async fn keep(&self, arn: &str, sha: &str, code: &Code) -> Result<Option<Code>, Failure> {
        if let Some(code) = self.packages.keep(sha, code, None).await? {
            return Ok(Some(code));
        }
        let location = self.reading(arn).await?.and_then(|reading| reading.location);
        self.packages.keep(sha, code, location.as_deref()).await
    }

    /// A function of the wanted name exists. Ours is brought to the wanted reservation, in case the attempt that made it
    /// ended before that; all else that differs is for the next plan.
    async fn made_before(&self, want: &Spec) -> Result<Seen<Spec>, Failure> {
        let name = &want.name;
        let request = self.read().get_function().function_name(name);
        let Some(mut answer) = request.send().await.found("lambda:GetFunction")? else {
            return Err(Failure::later(
                format!("the function {name} exists and cannot be seen yet"),
                std::time::Duration::from_secs(1),
            ));
        };
        let tags = answer.tags.clone().unwrap_or_default().into_iter().collect();
        if proof(&tags, &self.context.stack) != Proof::Ours {
            return Err(Failure::foreign(format_args!("the function {name}")));
        }
        if answer.configuration.as_ref().map(standing) == Some(Standing::Busy) {
            answer = self.settled(name).await?;
        }
        let mut reading = Reading::new(answer)?;
        let stated = serde_json::to_value(want).unwrap_or_default();
        reading.spec = reading.spec.silent_on(Some(&stated));
        if reading.spec.reserved_concurrency != want.reserved_concurrency {
            self.send_concurrency(name, want.reserved_concurrency).await?;
            reading.spec.reserved_concurrency = want.reserved_concurrency;
        }
        if ours_to_the_byte(&reading, want) {
            reading.spec.code = want.code.clone();
        }
        Ok(reading.seen(&self.context.stack))
    }
}

fn ours_to_the_byte(reading: &Reading, want: &Spec) -> bool {
    crate::package::ZipDigest::from_hex(&want.code.artifact)
        .is_some_and(|zip| zip.base64() == reading.code_sha256)
}

impl Resource for LambdaFunction {
    const KIND: Kind = Kind::new("lambda_function");
    const IMMUTABLE: &'static [&'static str] = &["name", "package"];
    const UNDELETE: Undelete = Undelete::Close;
    const VOLATILE: &'static [&'static str] = &["code_sha256"];
    const PRUNES: &'static [&'static str] = &[
        others::STATEMENT,
        others::ALIAS,
        others::URL,
        others::INVOKED,
        others::PROVISIONED,
        others::MAPPING,
    ];
    const ACCESS: Access = Access::Runs;
    const ACTIONS: &'static [&'static str] = &[
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "iam:PassRole",
        "lambda:AddPermission",
        "lambda:CreateFunction",
        "lambda:DeleteAlias",
        "lambda:DeleteEventSourceMapping",
        "lambda:DeleteFunction",
        "lambda:DeleteFunctionConcurrency",
        "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:DeleteFunctionUrlConfig",
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionUrlConfig",
        "lambda:GetLayerVersion",
        "lambda:GetPolicy",
        "lambda:ListAliases",
        "lambda:ListEventSourceMappings",
        "lambda:ListFunctionEventInvokeConfigs",
        "lambda:ListProvisionedConcurrencyConfigs",
        "lambda:ListTags",
        "lambda:PutFunctionConcurrency",
        "lambda:RemovePermission",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
    ];
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

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn project(spec: &Spec, digester: &Digester) -> Value {
        spec.projected(digester)
    }

    fn child(handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        Self::child_of(&handle.0, addition)
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let handle = at.handle.map(|handle| handle.0.as_str());
        let natural = at
            .spec
            .and_then(|spec| spec.get("name"))
            .and_then(Value::as_str)
            .filter(|name| !has_stand_in(name) && handle.map(function_name) != Some(name));
        for function in handle.into_iter().chain(natural) {
            if let Some(reading) = self.reading(function).await? {
                let mut reading = reading.at_rest()?;
                reading.spec = reading.spec.silent_on(at.spec);
                let (code, location) = (&mut reading.spec.code, reading.location.as_deref());
                self.packages
                    .recognise(code, &reading.code_sha256, location, &at)
                    .await;
                return Ok(Some(reading.seen(&self.context.stack)));
            }
        }
        Ok(None)
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        let Some(made) = self.send_create(want).await? else {
            return self.made_before(want).await;
        };
        if !usable(made.state.as_ref(), made.last_update_status.as_ref()) {
            self.settled(&want.name).await.map_err(Failure::after_change)?;
        }
        if want.reserved_concurrency.is_some() {
            let reserved = self.send_concurrency(&want.name, want.reserved_concurrency).await;
            reserved.map_err(Failure::after_change)?;
        }
        if let Some(statements) = &want.statements {
            let hung = self.hang(&want.name, statements).await;
            hung.map_err(Failure::after_change)?;
        }
        let arn = made
            .function_arn
            .ok_or_else(|| Failure::refused("lambda:CreateFunction gave no ARN").after_change())?;
        Ok(Seen {
            outputs: outputs(&arn, &want.name, made.code_sha256.as_deref().unwrap_or_default()),
            handle: grail_state::Handle(arn),
            proof: proof(&want.tags, &self.context.stack),
            spec: want.clone(),
            additions: Vec::new(),
        })
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (arn, want) = (&request.handle.0, request.want);
        let mut requests = Sequence::default();
        let mut outputs = request.outputs.clone();
        for part in parts(&request) {
            let taken = match part {
                Part::Code => self.send_code(arn, want).await,
                Part::Configuration => self.send_configuration(arn, want, request.diff).await,
            };
            let taken = requests.step(taken)?;
            if !taken.usable {
                requests.look(self.settled(arn).await)?;
            }
            if part == Part::Code {
                outputs.insert("code_sha256".to_owned(), Value::String(taken.code_sha256));
            }
        }
        let (tags, untagged) = tag_changes(&request);
        if !untagged.is_empty() {
            requests.step(self.send_untag(arn, untagged).await)?;
        }
        if !tags.is_empty() {
            requests.step(self.send_tags(arn, tags).await)?;
        }
        if let Some(statements) = want
            .statements
            .as_ref()
            .filter(|_| request.diff.touches("statements"))
        {
            requests.step(self.hang(&want.name, statements).await)?;
        }
        if request.diff.touches("reserved_concurrency") {
            requests.step(self.send_concurrency(arn, want.reserved_concurrency).await)?;
        }
        Ok(Seen {
            handle: request.handle.clone(),
            proof: proof(&want.tags, &self.context.stack),
            spec: want.clone(),
            outputs,
            additions: Vec::new(),
        })
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let call = self.write().delete_function().function_name(&request.handle.0);
        call.send().await.gone("lambda:DeleteFunction")
    }

    async fn examine(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        self.others(&have.handle.0, kin).await
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        self.prune_others(&have.handle.0, children).await
    }

    async fn secure_whole(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let mut seen = seen.clone();
        let unread = match self.policy(&seen.spec.name).await {
            Ok(statements) => {
                seen.spec.statements = Some(statements);
                None
            }
            Err(failure) if failure.retry == Retry::Never => Some(Lost {
                field: "statements".to_owned(),
                why: failure.chain(),
            }),
            Err(failure) => return Err(failure),
        };
        let secured = self.secure(&seen).await?;
        // What cannot be read is no reason to give up the rest.
        Ok(secured.map(|mut secured| {
            secured.lost.extend(unread);
            secured
        }))
    }

    /// Keeps the zip that Lambda has now, and the form with the environment in clear. Where the zip cannot be had the form is
    /// still worth keeping: all but a change of code can be taken back with it.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let mut spec = seen.spec.clone();
        spec.failed = None;
        let sha = seen
            .outputs
            .get("code_sha256")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (mut artifacts, mut lost) = (Vec::new(), Vec::new());
        match self.keep(&seen.handle.0, sha, &spec.code).await? {
            Some(code) => {
                if code.image.is_none() {
                    artifacts.push(grail_state::Digest(code.artifact.clone()));
                }
                spec.code = code;
            }
            None => lost = lost_code(),
        }
        let spec = serde_json::to_value(&spec).map_err(|error| {
            Failure::refused(format!("the function's form cannot be written down: {error}"))
        })?;
        Ok(Some(Secured {
            spec,
            artifacts,
            secret: true,
            lost,
        }))
    }
}

/// What cannot be brought back without the old zip. The processor changes with the code only.
fn lost_code() -> Vec<Lost> {
    let why = "the zip that Lambda has is not at hand and could not be fetched";
    ["code", "architecture"]
        .map(|field| Lost {
            field: field.to_owned(),
            why: why.to_owned(),
        })
        .to_vec()
}
