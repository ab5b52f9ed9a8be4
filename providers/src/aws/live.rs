//! Functions that are there, as a manifest of them needs them: what they are set to, and their code. Only reads: `ListFunctions`,
//! then for each of them `GetFunction` and the download of its package.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, PackageType, SnapStartApplyOn, TracingMode};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Context, Outcome as _};
use crate::port::Failure;

/// The largest package that is fetched: Lambda takes no more than this unzipped.
const LARGEST: usize = 250 << 20;
/// How many functions are read at once. Each holds its package.
const AT_ONCE: usize = 4;

/// A function. Its environment is a secret: there is no `Debug`.
#[derive(Clone, Default)]
pub struct LiveFunction {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What is called; empty for an image.
    pub handler: String,
    /// The runtime; empty for an image.
    pub runtime: String,
    /// The ARN of its role.
    pub role: String,
    /// In seconds.
    pub timeout: i32,
    /// In MB.
    pub memory: i32,
    /// Of `/tmp`, in MB.
    pub ephemeral_storage: i32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// ARNs of versions of layers.
    pub layers: Vec<String>,
    /// The subnets and the security groups of its network; both empty without one.
    pub network: (Vec<String>, Vec<String>),
    /// Whether X-Ray traces it by itself.
    pub tracing: bool,
    /// Its tags, also those of tools.
    pub tags: BTreeMap<String, String>,
    /// The ARN of where lost events go; may be empty.
    pub dead_letter: String,
    /// How many invocations are reserved for it.
    pub reserved_concurrency: Option<i32>,
    /// Whether published versions start from a snapshot.
    pub snap_start: bool,
    /// Its code.
    pub code: LiveCode,
}

/// The code of a function.
#[derive(Clone)]
pub enum LiveCode {
    /// Its zip.
    Zip(Vec<u8>),
    /// A container image, and how it is started.
    Image {
        /// Its address.
        uri: String,
        /// Instead of the image's `ENTRYPOINT`, where it is not empty.
        entry_point: Vec<String>,
        /// Instead of its `CMD`.
        command: Vec<String>,
        /// Instead of its `WORKDIR`.
        working_directory: String,
    },
}

impl Default for LiveCode {
    fn default() -> Self {
        Self::Zip(Vec::new())
    }
}

/// The functions of the account and region whose names begin with `prefix`, by their names.
///
/// # Errors
/// One of them cannot be read, or its package cannot be fetched.
pub async fn functions(context: &Context, prefix: &str) -> Result<Vec<LiveFunction>, Failure> {
    let names = names(context, prefix).await?;
    let read = names.into_iter().map(|name| function(context, name));
    stream::iter(read).buffered(AT_ONCE).try_collect().await
}

async fn names(context: &Context, prefix: &str) -> Result<Vec<String>, Failure> {
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let request = context.clients.lambda.read().list_functions().set_marker(marker);
        let page = request.send().await.read("lambda:ListFunctions")?;
        let found = page.functions.unwrap_or_default().into_iter();
        names.extend(found.filter_map(|one| one.function_name.filter(|name| name.starts_with(prefix))));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            names.sort();
            return Ok(names);
        }
    }
}

async fn function(context: &Context, name: String) -> Result<LiveFunction, Failure> {
    let request = context.clients.lambda.read().get_function().function_name(&name);
    let found = request.send().await.read("lambda:GetFunction")?;
    let code = code(context, &found).await?;
    let reserved = found
        .concurrency
        .as_ref()
        .and_then(|limit| limit.reserved_concurrent_executions);
    let tags = found.tags.unwrap_or_default().into_iter().collect();
    let settings = found.configuration.map(settings).unwrap_or_default();
    Ok(LiveFunction {
        name,
        tags,
        reserved_concurrency: reserved,
        code,
        ..settings
    })
}

fn settings(told: FunctionConfiguration) -> LiveFunction {
    let network = told.vpc_config.map(|vpc| {
        let subnets = vpc.subnet_ids.unwrap_or_default();
        (subnets, vpc.security_group_ids.unwrap_or_default())
    });
    let architecture = told.architectures.into_iter().flatten().next();
    let layers = told.layers.into_iter().flatten();
    let tracing = told.tracing_config.and_then(|tracing| tracing.mode);
    let snapshots = told.snap_start.and_then(|snapshots| snapshots.apply_on);
    let environment = told.environment.and_then(|environment| environment.variables);
    LiveFunction {
        description: told.description.unwrap_or_default(),
        handler: told.handler.unwrap_or_default(),
        runtime: told
            .runtime
            .map(|runtime| runtime.as_str().to_owned())
            .unwrap_or_default(),
        role: told.role.unwrap_or_default(),
        timeout: told.timeout.unwrap_or(3),
        memory: told.memory_size.unwrap_or(128),
        ephemeral_storage: told.ephemeral_storage.map_or(512, |storage| storage.size),
        architecture: architecture.map_or_else(|| "x86_64".to_owned(), |one| one.as_str().to_owned()),
        environment: environment.into_iter().flatten().collect(),
        layers: layers.filter_map(|layer| layer.arn).collect(),
        network: network.unwrap_or_default(),
        tracing: tracing == Some(TracingMode::Active),
        dead_letter: told
            .dead_letter_config
            .and_then(|dead| dead.target_arn)
            .unwrap_or_default(),
        snap_start: snapshots == Some(SnapStartApplyOn::PublishedVersions),
        ..LiveFunction::default()
    }
}

async fn code(context: &Context, found: &GetFunctionOutput) -> Result<LiveCode, Failure> {
    let place = found.code.as_ref();
    let told = found.configuration.as_ref();
    if told.and_then(|told| told.package_type.as_ref()) == Some(&PackageType::Image) {
        let started = told.and_then(|told| told.image_config_response.as_ref()?.image_config.as_ref());
        let list = |all: Option<&[String]>| all.unwrap_or_default().to_vec();
        return Ok(LiveCode::Image {
            uri: place
                .and_then(|place| place.image_uri.clone())
                .unwrap_or_default(),
            entry_point: list(started.map(|one| one.entry_point())),
            command: list(started.map(|one| one.command())),
            working_directory: started
                .and_then(|one| one.working_directory.clone())
                .unwrap_or_default(),
        });
    }
    let location = place
        .and_then(|place| place.location.as_deref())
        .unwrap_or_default();
    let bytes = context.seam.download(location, LARGEST).await;
    Ok(LiveCode::Zip(bytes.map_err(Failure::refused)?))
}
