//! What may be said of a function, its code, and of a layer.
//!
//! | Not said | Then |
//! | --- | --- |
//! | `name` | `<app>-<stage>-<logical name>` |
//! | `role` | a role of the function's own, with what its logs, events, network and dead letters need |
//! | `timeout` | 60 s |
//! | `memory` | 128 MB |
//! | `ephemeral_storage` | 512 MB |
//! | `architecture` | `x86_64` |
//! | `tracing` | only what a caller asks for |
//! | `reserved_concurrency` | the account's pool |
//! | `log_retention` | the log group is not ours |
//! | `snap_start` | false |
//! | `url` | it has none |
//! | `publish`, `aliases` | no version is published ([`versions`](super::versions)) |

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::events::Event;
use super::form::{Brief, Phrase, Word, without_nulls};
use super::roles::OwnRole;
use super::shape::{NAME, RUNTIME, VARIABLE};
use super::urls::Url;
use super::versions::{Alias, Publish};

/// The time limit of a function that says none, in seconds: Chalice's.
pub const DEFAULT_TIMEOUT: u32 = 60;
/// The memory of a function that says none, in MB.
pub const DEFAULT_MEMORY: u32 = 128;
/// The size of `/tmp` of a function that says none, in MB.
pub const DEFAULT_STORAGE: u32 = 512;

/// A function.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name in AWS.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub description: Option<String>,
    /// What is called, such as `main.handler`. A `provided` runtime may go without.
    #[serde(default)]
    #[schemars(length(min = 1, max = 128))]
    pub handler: Option<String>,
    /// The runtime, such as `python3.12`, `nodejs22.x`, `provided.al2023`.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = RUNTIME))]
    pub runtime: Option<String>,
    /// The role that it runs as: an ARN, a role of this manifest (`${roles.worker.arn}`), or what its own role allows beside
    /// the usual.
    #[serde(default)]
    pub role: Option<Brief<OwnRole>>,
    /// How long one invocation may take, in seconds.
    #[serde(default)]
    #[schemars(range(min = 1, max = 900))]
    pub timeout: Option<u32>,
    /// Its memory in MB.
    #[serde(default)]
    #[schemars(range(min = 128, max = 10240))]
    pub memory: Option<u32>,
    /// The size of its `/tmp` in MB.
    #[serde(default)]
    #[schemars(range(min = 512, max = 10240))]
    pub ephemeral_storage: Option<u32>,
    /// The processor that it runs on.
    #[serde(default)]
    pub architecture: Option<Architecture>,
    /// Its environment. The values are secrets: they are never shown. `null` takes a variable away.
    #[serde(default, deserialize_with = "without_nulls")]
    #[schemars(with = "Option<BTreeMap<String, Option<Phrase>>>")]
    #[schemars(extend("propertyNames" = json!({"pattern": VARIABLE})))]
    pub environment: Option<BTreeMap<String, Phrase>>,
    /// Layers: ARNs of versions, or layers of this manifest (`${layers.common.arn}`).
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub layers: Option<Vec<Phrase>>,
    /// The network that it is attached to.
    #[serde(default)]
    pub vpc: Option<Vpc>,
    /// Whether X-Ray traces a share of its invocations.
    #[serde(default)]
    pub tracing: Option<bool>,
    /// Its tags. `null` takes one away.
    #[serde(default, deserialize_with = "without_nulls")]
    #[schemars(with = "Option<BTreeMap<String, Option<String>>>")]
    pub tags: Option<BTreeMap<String, String>>,
    /// How many invocations are reserved for it; 0 stops it.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000000))]
    pub reserved_concurrency: Option<u32>,
    /// Where events go that it failed on when it was called without an answer being awaited: the ARN of a queue or a topic.
    #[serde(default)]
    pub dead_letter: Option<Phrase>,
    /// After how many days its log events are dropped. Its log group is then made and kept with it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 3653))]
    pub log_retention: Option<u32>,
    /// Whether its published versions start from a snapshot of what they have set up.
    #[serde(default)]
    pub snap_start: Option<bool>,
    /// An address of its own on the internet.
    #[serde(default)]
    pub url: Option<Url>,
    /// Whether a version is published of each new code and each other configuration.
    #[serde(default)]
    pub publish: Option<Publish>,
    /// Names that lead to published versions.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({"pattern": NAME})))]
    pub aliases: Option<BTreeMap<String, Alias>>,
    /// Its code: in a word, a folder, a zip or a single file.
    #[serde(default)]
    pub code: Option<Brief<Code, Word>>,
    /// What calls it.
    #[serde(default)]
    pub events: Option<Vec<Event>>,
}

/// A processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Architecture {
    /// Intel and AMD.
    #[default]
    #[serde(rename = "x86_64")]
    X86,
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm,
}

impl Architecture {
    /// Its name for Lambda.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// A network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// The ids of the subnets.
    #[schemars(length(min = 1, max = 16))]
    pub subnets: Vec<Phrase>,
    /// The ids of the security groups.
    #[schemars(length(min = 1, max = 5))]
    pub security_groups: Vec<Phrase>,
}

/// Code, from exactly one place.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = json!([
    {"required": ["dir"]}, {"required": ["zip"]}, {"required": ["inline"]}, {"required": ["build"]},
    {"required": ["python"]}, {"required": ["chalice"]}, {"required": ["s3"]}, {"required": ["image"]}
])))]
pub struct Code {
    /// A folder of the project.
    #[serde(default)]
    pub dir: Option<String>,
    /// What of the folder is left out: `*` stands for any part of a name, `**` for any folders. With `dir`, `build` and
    /// `python`.
    #[serde(default)]
    pub ignore: Option<Vec<String>>,
    /// A zip of the project. Its files are packed anew, so that its times and its order do not count.
    #[serde(default)]
    pub zip: Option<String>,
    /// The text of the only file.
    #[serde(default)]
    pub inline: Option<String>,
    /// The name of that file; without it, it follows from handler and runtime.
    #[serde(default)]
    pub file: Option<String>,
    /// A command that makes the code, run by `sh` in the project's folder each time that the project is read.
    #[serde(default)]
    pub build: Option<String>,
    /// What the command makes: a folder, whose files are packed, or files.
    #[serde(default)]
    pub outputs: Option<Vec<String>>,
    /// Python files with what they require.
    #[serde(default)]
    pub python: Option<PythonCode>,
    /// The folder of a Chalice application: packed as Chalice does.
    #[serde(default)]
    pub chalice: Option<String>,
    /// A zip in a bucket.
    #[serde(default)]
    pub s3: Option<Object>,
    /// A container image. It has its runtime, its handler and its layers in it: what is said of them here does not count.
    #[serde(default)]
    pub image: Option<Image>,
}

/// A container image in a registry of ECR, and how it is started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its address with its digest (`<repository>@sha256:...`) or a tag. A tag that is moved to another image is not noticed.
    #[schemars(length(min = 1, max = 1024))]
    pub uri: String,
    /// The program with its first arguments, instead of the image's `ENTRYPOINT`.
    #[serde(default)]
    pub entry_point: Option<Vec<String>>,
    /// The arguments, instead of the image's `CMD`.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The folder in which it starts, instead of the image's `WORKDIR`.
    #[serde(default)]
    pub working_directory: Option<String>,
}

/// Python files with what they require.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonCode {
    /// The folder with the files; without it and `files`, the project's.
    #[serde(default)]
    pub dir: Option<String>,
    /// Single files, packed under their own names.
    #[serde(default)]
    pub files: Option<Vec<String>>,
    /// A file of requirements, a `uv.lock`, or the requirements themselves.
    #[serde(default)]
    pub requirements: Option<super::form::OneOrMore>,
}

/// An object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The bucket, in the region of the function.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// The object.
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// Its version. Without one, each plan looks for the newest, or where the bucket keeps no versions, at the ETag: an object
    /// that was written anew is other code.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub version: Option<String>,
}

/// A layer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name in AWS.
    #[serde(default)]
    #[schemars(length(max = 64), extend("pattern" = NAME))]
    pub name: Option<String>,
    /// The runtime that it is for.
    #[serde(default)]
    #[schemars(length(max = 40), extend("pattern" = RUNTIME))]
    pub runtime: Option<String>,
    /// The processor that it is for.
    #[serde(default)]
    pub architecture: Option<Architecture>,
    /// What it holds.
    #[serde(default)]
    pub code: Option<Brief<Code, Word>>,
}
