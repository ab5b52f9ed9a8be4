//! From what `GetFunction` says to the form of a function.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, SnapStartApplyOn, State, TracingMode};
use grail_state::{Handle, Proof, StackId};
use serde_json::{Value, json};

use super::form::{Architecture, Spec, Tracing, Vpc};
use super::image::ImageConfig;
use crate::OWNER_TAG;
use crate::aws::arn::function_name;
use crate::aws::outcome::lacking;
use crate::port::{Failure, Seen};
use crate::resources::packages::Code;

/// The tag that Chalice puts on every function: `version=<v>:stage=<stage>:app=<app>`.
const CHALICES_TAG: &str = "aws-chalice";

/// A function as it was read.
pub(in crate::resources) struct Reading {
    /// Its form; the code's content is not known from the reading alone.
    pub(in crate::resources) spec: Spec,
    /// Its ARN.
    pub(in crate::resources) arn: String,
    /// The SHA-256 of its zip, as Lambda gives it: base64.
    pub(in crate::resources) code_sha256: String,
    /// Where the zip can be had for some minutes.
    pub(in crate::resources) location: Option<String>,
    /// What changes with every change of it.
    pub(in crate::resources) revision: Option<String>,
    /// It is being made or changed.
    busy: bool,
}

impl Reading {
    /// Reads an answer.
    pub(in crate::resources) fn new(answer: GetFunctionOutput) -> Result<Self, Failure> {
        let unreadable = |what: &str| Failure::refused(format!("lambda:GetFunction gave no {what}"));
        if let Some(error) = answer.tags_error {
            return Err(Failure::refused(format!(
                "the function's tags cannot be read: {}: {}",
                error.error_code, error.message
            ))
            .with_hint(lacking("lambda:ListTags")));
        }
        let configuration = answer.configuration.ok_or_else(|| unreadable("configuration"))?;
        let arn = configuration
            .function_arn
            .clone()
            .ok_or_else(|| unreadable("ARN"))?;
        let code_sha256 = configuration.code_sha256.clone().unwrap_or_default();
        let revision = configuration.revision_id.clone();
        let reserved = answer
            .concurrency
            .and_then(|concurrency| concurrency.reserved_concurrent_executions);
        // Tags of AWS's own cannot be changed and are nobody's wish.
        let tags = answer
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter(|(key, _)| !key.starts_with("aws:"));
        let mut spec = form(&configuration, &arn)?;
        let image = answer.code.as_ref().and_then(|code| code.image_uri.as_deref());
        if let Some(address) = image.filter(|address| !address.is_empty()) {
            spec.code = Code::image(address);
        }
        spec.tags = tags.collect();
        spec.reserved_concurrency = reserved.and_then(|reserved| u32::try_from(reserved).ok());
        Ok(Self {
            busy: standing(&configuration) == Standing::Busy,
            spec,
            arn,
            code_sha256,
            revision,
            location: answer.code.and_then(|code| code.location),
        })
    }

    /// The same once nothing is going on with the function: what it is before that is neither the old form nor the new one,
    /// and an update that ends badly counts as not done.
    ///
    /// # Errors
    /// That it is to be awaited.
    pub(in crate::resources) fn at_rest(self) -> Result<Self, Failure> {
        if self.busy {
            let told = format!("the function {} is being made or changed", self.spec.name);
            let after = std::time::Duration::from_secs(1);
            return Err(Failure::awaiting(told, after, "an update of the function to end"));
        }
        Ok(self)
    }

    /// The whole answer to a look.
    pub(super) fn seen(self, stack: &StackId) -> Seen<Spec> {
        Seen {
            handle: Handle(self.arn.clone()),
            outputs: outputs(&self.arn, &self.spec.name, &self.code_sha256),
            proof: proof(&self.spec.tags, stack),
            spec: self.spec,
            additions: Vec::new(),
        }
    }
}

/// What others may refer to, and what a later look compares the code with.
pub(super) fn outputs(arn: &str, name: &str, code_sha256: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("arn".to_owned(), json!(arn)),
        ("name".to_owned(), json!(name)),
        ("code_sha256".to_owned(), json!(code_sha256)),
    ])
}

/// Whose a function with these tags is.
pub(in crate::resources) fn proof(tags: &BTreeMap<String, String>, stack: &StackId) -> Proof {
    // Ours has nothing before `stage=`; Chalice's has the version there.
    let (tag, rest) = match (tags.get(OWNER_TAG), tags.get(CHALICES_TAG)) {
        (Some(tag), _) => (tag, tag.strip_prefix("stage=")),
        (None, Some(tag)) => (tag, tag.split_once(":stage=").map(|(_, rest)| rest)),
        (None, None) => return Proof::NameOnly,
    };
    let named = rest.and_then(|rest| rest.split_once(":app="));
    if named == Some((stack.stage.as_str(), stack.app.as_str())) {
        Proof::Ours
    } else {
        Proof::Theirs { owner: tag.clone() }
    }
}

/// Where a function stands on its way to being usable.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::resources) enum Standing {
    /// It can be used and changed.
    Ready,
    /// It is being made or changed.
    Busy,
    /// Lambda gave up, and says why.
    Failed(String),
}

/// Where the function stands.
pub(in crate::resources) fn standing(configuration: &FunctionConfiguration) -> Standing {
    let because = |code: Option<&str>, reason: Option<&str>| {
        let words: Vec<_> = code.into_iter().chain(reason).collect();
        Standing::Failed(words.join(": "))
    };
    match (configuration.state(), configuration.last_update_status()) {
        (Some(State::Failed), _) => because(
            configuration.state_reason_code().map(|code| code.as_str()),
            configuration.state_reason(),
        ),
        (_, Some(LastUpdateStatus::Failed)) => because(
            configuration
                .last_update_status_reason_code()
                .map(|code| code.as_str()),
            configuration.last_update_status_reason(),
        ),
        (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Standing::Busy,
        _ => Standing::Ready,
    }
}

/// True if the answer to a write shows that the function can be used and changed at once.
pub(super) fn usable(state: Option<&State>, update: Option<&LastUpdateStatus>) -> bool {
    match state {
        Some(State::Active | State::Inactive) => matches!(update, None | Some(LastUpdateStatus::Successful)),
        None => update == Some(&LastUpdateStatus::Successful),
        Some(_) => false,
    }
}

fn form(configuration: &FunctionConfiguration, arn: &str) -> Result<Spec, Failure> {
    if let Some(error) = configuration
        .environment()
        .and_then(|environment| environment.error())
    {
        return Err(Failure::refused(format!(
            "the function's environment cannot be read: {}: {}",
            error.error_code().unwrap_or_default(),
            error.message().unwrap_or_default()
        ))
        .with_hint("the credentials lack `kms:Decrypt` on the key that encrypts it"));
    }
    let environment = configuration
        .environment()
        .and_then(|environment| environment.variables());
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let number =
        |value: Option<i32>, default: u32| value.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let traced = configuration.tracing_config().and_then(|tracing| tracing.mode());
    let vpc = configuration.vpc_config().map(|vpc| Vpc {
        subnet_ids: vpc.subnet_ids().to_vec(),
        security_group_ids: vpc.security_group_ids().to_vec(),
    });
    let mut spec = Spec {
        name: configuration
            .function_name()
            .map_or_else(|| function_name(arn).to_owned(), ToOwned::to_owned),
        handler: text(configuration.handler()),
        runtime: text(configuration.runtime().map(|runtime| runtime.as_str())),
        role: text(configuration.role()),
        memory: number(configuration.memory_size(), 128),
        timeout: number(configuration.timeout(), 3),
        environment: environment
            .map(|all| all.clone().into_iter().collect())
            .unwrap_or_default(),
        tags: BTreeMap::new(),
        architecture: Architecture::told(configuration.architectures()),
        layers: configuration
            .layers()
            .iter()
            .filter_map(|layer| layer.arn().map(ToOwned::to_owned))
            .collect(),
        vpc,
        tracing: if traced == Some(&TracingMode::Active) {
            Tracing::Active
        } else {
            Tracing::PassThrough
        },
        reserved_concurrency: None,
        code: Code::unread(
            configuration.code_sha256().unwrap_or_default(),
            configuration.code_size(),
        ),
        description: Some(text(configuration.description())),
        ephemeral_storage: Some(number(
            configuration.ephemeral_storage().map(|storage| storage.size()),
            512,
        )),
        dead_letter: Some(text(
            configuration
                .dead_letter_config()
                .and_then(|dead_letter| dead_letter.target_arn()),
        )),
        image_config: Some(ImageConfig::told(
            configuration
                .image_config_response()
                .and_then(|response| response.image_config()),
        )),
        snap_start: Some(
            configuration.snap_start().and_then(|snap| snap.apply_on())
                == Some(&SnapStartApplyOn::PublishedVersions),
        ),
        statements: None,
        failed: match standing(configuration) {
            Standing::Failed(why) => Some(why),
            Standing::Ready | Standing::Busy => None,
        },
    };
    spec.vpc = spec.network().cloned();
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_tells_whose_it_is() {
        let stack = StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        let tagged = |tag: &str| {
            proof(
                &BTreeMap::from([(CHALICES_TAG.to_owned(), tag.to_owned())]),
                &stack,
            )
        };
        assert_eq!(tagged("version=1.34.0:stage=dev:app=shop"), Proof::Ours);
        for other in [
            "version=1.34.0:stage=prod:app=shop",
            "version=1.34.0:stage=dev:app=shop2",
            "x",
        ] {
            assert_eq!(
                tagged(other),
                Proof::Theirs {
                    owner: other.to_owned()
                }
            );
        }
        assert_eq!(proof(&BTreeMap::new(), &stack), Proof::NameOnly);
        let ours = |tag: &str| proof(&BTreeMap::from([(OWNER_TAG.to_owned(), tag.to_owned())]), &stack);
        assert_eq!(ours("stage=dev:app=shop"), Proof::Ours);
        assert!(matches!(ours("stage=dev:app=shop2"), Proof::Theirs { .. }));
    }

    #[test]
    fn a_function_is_ready_when_both_states_say_so() {
        let with = |state: Option<&str>, update: Option<&str>| {
            FunctionConfiguration::builder()
                .set_state(state.map(State::from))
                .set_last_update_status(update.map(LastUpdateStatus::from))
                .state_reason("no such subnet")
                .build()
        };
        for (state, update, expected) in [
            (Some("Active"), Some("Successful"), Standing::Ready),
            (Some("Inactive"), None, Standing::Ready),
            (None, None, Standing::Ready),
            (Some("Pending"), None, Standing::Busy),
            (Some("Active"), Some("InProgress"), Standing::Busy),
            (
                Some("Failed"),
                None,
                Standing::Failed("no such subnet".to_owned()),
            ),
        ] {
            assert_eq!(standing(&with(state, update)), expected);
        }
    }
}
