//! The requests that make and change a function.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_lambda::operation::create_function::CreateFunctionOutput;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::types::{
    DeadLetterConfig, Environment, EphemeralStorage, FunctionCode, PackageType, Runtime, TracingConfig,
    TracingMode, VpcConfig,
};
use serde_json::Value;

use super::LambdaFunction;
use super::form::{Spec, Tracing, Vpc};
use super::image::{ImageConfig, snap_start};
use super::reading::{Standing, standing, usable};
use crate::aws::{Outcome, wait};
use crate::port::{Change, Diff, Failure};
use crate::resources::packages::Payload;

/// The fields that `UpdateFunctionConfiguration` sets.
const CONFIGURATION: &[&str] = &[
    "dead_letter",
    "description",
    "environment",
    "ephemeral_storage",
    "handler",
    "image_config",
    "layers",
    "memory",
    "role",
    "runtime",
    "snap_start",
    "timeout",
    "tracing",
    "vpc",
];

/// How many looks may miss a function that Lambda has just answered for: reads are eventually consistent. Together they
/// take about five seconds.
const MISSES: u32 = 6;

/// The two updates that Lambda takes one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `UpdateFunctionCode`, which also sets the processor.
    Code,
    /// `UpdateFunctionConfiguration`.
    Configuration,
}

/// Those that the difference needs, in order. Code and layers are measured together, so what makes room goes first. After an
/// update that failed it is not known what of it holds, and all is sent.
pub(super) fn parts(request: &Change<'_, Spec>) -> Vec<Part> {
    let diff = request.diff;
    let failed = diff.touches("failed");
    let code = failed || diff.touches("code") || diff.touches("architecture");
    let configuration = failed || CONFIGURATION.iter().any(|field| diff.touches(field));
    let mut parts = Vec::new();
    parts.extend(code.then_some(Part::Code));
    parts.extend(configuration.then_some(Part::Configuration));
    let layers = request.have.get("layers").and_then(Value::as_array);
    if layers.is_some_and(|layers| layers.len() > request.want.layers.len()) {
        parts.reverse();
    }
    parts
}

/// An update that Lambda has taken.
pub(super) struct Taken {
    /// True if it is over already.
    pub(super) usable: bool,
    /// The digest of the function's zip.
    pub(super) code_sha256: String,
}

impl LambdaFunction {
    /// `CreateFunction`; `None` if a function of that name exists.
    pub(super) async fn send_create(&self, spec: &Spec) -> Result<Option<CreateFunctionOutput>, Failure> {
        let code = match self.packages.payload(&spec.code).await? {
            Payload::Zip(zip) => FunctionCode::builder().zip_file(zip),
            Payload::Object { bucket, key, version } => FunctionCode::builder()
                .s3_bucket(bucket)
                .s3_key(key)
                .set_s3_object_version(version),
            Payload::Image(image) => FunctionCode::builder().image_uri(image),
        };
        let zipped = spec.code.image.is_none();
        let tags: HashMap<_, _> = spec.tags.clone().into_iter().collect();
        let traced = (spec.tracing == Tracing::Active).then(|| tracing(spec.tracing));
        self.write()
            .create_function()
            .function_name(&spec.name)
            .set_package_type((!zipped).then_some(PackageType::Image))
            .set_runtime(zipped.then(|| Runtime::from(spec.runtime.as_str())))
            .role(&spec.role)
            .set_handler(zipped.then(|| spec.handler.clone()))
            .code(code.build())
            .timeout(number(spec.timeout))
            .memory_size(number(spec.memory))
            .environment(environment(spec))
            .set_tags((!tags.is_empty()).then_some(tags))
            .set_tracing_config(traced)
            .vpc_config(vpc(spec.network()))
            .set_layers(zipped.then(|| spec.layers.clone()))
            .architectures(spec.architecture.into())
            .set_description(spec.description.clone().filter(|text| !text.is_empty()))
            .set_ephemeral_storage(spec.ephemeral_storage.and_then(storage))
            .set_image_config(started(spec))
            .set_snap_start(spec.snap_start.filter(|on| *on).map(snap_start))
            .set_dead_letter_config(
                spec.dead_letter
                    .clone()
                    .filter(|arn| !arn.is_empty())
                    .map(dead_letter),
            )
            .send()
            .await
            .made("lambda:CreateFunction")
    }

    /// `UpdateFunctionCode`.
    pub(super) async fn send_code(&self, name: &str, spec: &Spec) -> Result<Taken, Failure> {
        let request = self.write().update_function_code().function_name(name);
        let request = match self.packages.payload(&spec.code).await? {
            Payload::Zip(zip) => request.zip_file(zip),
            Payload::Object { bucket, key, version } => request
                .s3_bucket(bucket)
                .s3_key(key)
                .set_s3_object_version(version),
            Payload::Image(image) => request.image_uri(image),
        };
        let request = request.architectures(spec.architecture.into());
        let answer = request.send().await.wrote("lambda:UpdateFunctionCode")?;
        Ok(Taken {
            usable: usable(answer.state.as_ref(), answer.last_update_status.as_ref()),
            code_sha256: answer.code_sha256.unwrap_or_default(),
        })
    }

    /// `UpdateFunctionConfiguration` with every field that `diff` names and none else, or all after a failed update. The environment is one field: Lambda
    /// sets it whole.
    pub(super) async fn send_configuration(
        &self,
        name: &str,
        spec: &Spec,
        diff: &Diff,
    ) -> Result<Taken, Failure> {
        let request = self.write().update_function_configuration().function_name(name);
        let request = CONFIGURATION
            .iter()
            .filter(|field| diff.touches(field) || (diff.touches("failed") && is_stated(field, spec)))
            .fold(request, |request, field| set(request, field, spec));
        let answer = request.send().await.wrote("lambda:UpdateFunctionConfiguration")?;
        Ok(Taken {
            usable: usable(answer.state.as_ref(), answer.last_update_status.as_ref()),
            code_sha256: answer.code_sha256.unwrap_or_default(),
        })
    }

    /// Sets or removes the reservation.
    pub(super) async fn send_concurrency(&self, name: &str, reserved: Option<u32>) -> Result<(), Failure> {
        match reserved {
            Some(reserved) => {
                let request = self.write().put_function_concurrency().function_name(name);
                let answer = request
                    .reserved_concurrent_executions(number(reserved))
                    .send()
                    .await;
                answer.wrote("lambda:PutFunctionConcurrency").map(|_| ())
            }
            None => {
                let request = self.write().delete_function_concurrency().function_name(name);
                request
                    .send()
                    .await
                    .wrote("lambda:DeleteFunctionConcurrency")
                    .map(|_| ())
            }
        }
    }

    /// Takes away the tags `keys` of the function `arn`.
    pub(super) async fn send_untag(&self, arn: &str, keys: Vec<String>) -> Result<(), Failure> {
        let request = self
            .write()
            .untag_resource()
            .resource(arn)
            .set_tag_keys(Some(keys));
        request.send().await.wrote("lambda:UntagResource").map(|_| ())
    }

    /// Sets `tags` on the function `arn`.
    pub(super) async fn send_tags(&self, arn: &str, tags: HashMap<String, String>) -> Result<(), Failure> {
        let request = self.write().tag_resource().resource(arn).set_tags(Some(tags));
        request.send().await.wrote("lambda:TagResource").map(|_| ())
    }

    /// Waits until the function can be used and changed, and gives it as it then is. A function that cannot be seen yet
    /// counts as busy for a few looks.
    pub(super) async fn settled(&self, name: &str) -> Result<GetFunctionOutput, Failure> {
        let missed = AtomicU32::new(0);
        wait::until("the function to become active", || async {
            let request = self.read().get_function().function_name(name);
            let Some(answer) = request.send().await.found("lambda:GetFunction")? else {
                if missed.fetch_add(1, Ordering::Relaxed) >= MISSES {
                    return Err(Failure::refused(format!("the function {name} is gone")));
                }
                return Ok(None);
            };
            let stands = answer.configuration.as_ref().map_or(Standing::Busy, standing);
            match stands {
                Standing::Ready => Ok(Some(answer)),
                Standing::Busy => Ok(None),
                Standing::Failed(why) => Err(Failure::refused(format!(
                    "Lambda could not make the function {name} usable: {why}"
                ))),
            }
        })
        .await
    }
}

/// The tags to set and the keys to take away.
pub(super) fn tag_changes(request: &Change<'_, Spec>) -> (HashMap<String, String>, Vec<String>) {
    let had = request.have.get("tags").and_then(Value::as_object);
    let had_value = |key: &str| had.and_then(|had| had.get(key)).and_then(Value::as_str);
    let differs = |key: &str| request.diff.concerns(&format!("tags.{key}"));
    let set = request
        .want
        .tags
        .iter()
        .filter(|(key, value)| differs(key) && had_value(key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let gone = had
        .into_iter()
        .flat_map(|had| had.keys())
        .filter(|key| differs(key) && !request.want.tags.contains_key(*key))
        .cloned()
        .collect();
    (set, gone)
}

fn set(
    request: UpdateFunctionConfigurationFluentBuilder,
    field: &str,
    spec: &Spec,
) -> UpdateFunctionConfigurationFluentBuilder {
    match field {
        "dead_letter" => {
            request.dead_letter_config(dead_letter(spec.dead_letter.clone().unwrap_or_default()))
        }
        "description" => request.description(spec.description.clone().unwrap_or_default()),
        "ephemeral_storage" => request.set_ephemeral_storage(storage(spec.ephemeral_storage.unwrap_or(512))),
        "environment" => request.environment(environment(spec)),
        "handler" => request.handler(&spec.handler),
        "image_config" => request.image_config(spec.image_config.clone().unwrap_or_default().sent()),
        "layers" => request.set_layers(Some(spec.layers.clone())),
        "memory" => request.memory_size(number(spec.memory)),
        "role" => request.role(&spec.role),
        "snap_start" => request.snap_start(snap_start(spec.snap_start == Some(true))),
        "runtime" => request.runtime(Runtime::from(spec.runtime.as_str())),
        "timeout" => request.timeout(number(spec.timeout)),
        "tracing" => request.tracing_config(tracing(spec.tracing)),
        "vpc" => request.vpc_config(vpc(spec.network())),
        _ => request,
    }
}

fn environment(spec: &Spec) -> Environment {
    let variables = spec.environment.clone().into_iter().collect();
    Environment::builder().set_variables(Some(variables)).build()
}

fn tracing(tracing: Tracing) -> TracingConfig {
    let mode = match tracing {
        Tracing::Active => TracingMode::Active,
        Tracing::PassThrough => TracingMode::PassThrough,
    };
    TracingConfig::builder().mode(mode).build()
}

/// Empty lists take a function out of its network.
fn vpc(vpc: Option<&Vpc>) -> VpcConfig {
    let vpc = vpc.cloned().unwrap_or_default();
    VpcConfig::builder()
        .set_subnet_ids(Some(vpc.subnet_ids))
        .set_security_group_ids(Some(vpc.security_group_ids))
        .build()
}

/// What a wish is silent on is left as it is, also where everything is sent anew.
fn is_stated(field: &str, spec: &Spec) -> bool {
    match field {
        "dead_letter" => spec.dead_letter.is_some(),
        "description" => spec.description.is_some(),
        "ephemeral_storage" => spec.ephemeral_storage.is_some(),
        "image_config" => spec.image_config.is_some() && spec.code.image.is_some(),
        "snap_start" => spec.snap_start.is_some(),
        "handler" | "layers" | "runtime" => spec.code.image.is_none(),
        _ => true,
    }
}

/// What is said of the start of a container; a zip has none.
fn started(spec: &Spec) -> Option<aws_sdk_lambda::types::ImageConfig> {
    let said = spec
        .image_config
        .as_ref()
        .filter(|said| **said != ImageConfig::default());
    said.filter(|_| spec.code.image.is_some()).map(ImageConfig::sent)
}

/// An empty target takes the dead letters away.
fn dead_letter(target: String) -> DeadLetterConfig {
    DeadLetterConfig::builder().target_arn(target).build()
}

/// A request without a size cannot be built; this one always has it.
fn storage(size: u32) -> Option<EphemeralStorage> {
    EphemeralStorage::builder().size(number(size)).build().ok()
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
