//! What Lambda says of the versions of a layer.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionOutput;
use aws_sdk_lambda::operation::publish_layer_version::PublishLayerVersionOutput;
use aws_sdk_lambda::types::LayerVersionsListItem;
use grail_state::{Handle, Proof, StackId};
use serde_json::json;

use super::Spec;
use crate::aws::arn::Arn;
use crate::port::{Failure, Seen};
use crate::resources::lambda_function::Architecture;
use crate::resources::packages::Code;
use crate::resources::rest_api::mark::Mark;

/// A version by name and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number<'a> {
    pub(super) name: &'a str,
    pub(super) number: i64,
}

impl<'a> Number<'a> {
    /// The version that `arn:<p>:lambda:<region>:<account>:layer:<name>:<number>` names.
    pub(super) fn of(arn: &'a str) -> Option<Self> {
        let (name, number) = Arn::parse(arn)?
            .resource
            .strip_prefix("layer:")?
            .split_once(':')?;
        let number = number.parse().ok()?;
        Some(Self { name, number })
    }
}

/// What stands before the mark of a version that this stack published.
pub(super) fn owner(stack: &StackId) -> String {
    format!("stage={}:app={}", stack.stage, stack.app)
}

/// A version that this stack published, as it stands in a list.
pub(super) struct Listed {
    pub(super) number: i64,
    pub(super) mark: Mark,
}

/// The versions of a layer.
#[derive(Default)]
pub(super) struct Versions {
    /// Those that this stack published.
    pub(super) marked: Vec<Listed>,
    /// The numbers of those that bear nobody's mark, by ARN.
    pub(super) unmarked: BTreeMap<String, i64>,
}

impl Versions {
    pub(super) fn add(&mut self, version: LayerVersionsListItem, stack: &StackId) {
        let description = version.description.unwrap_or_default();
        let number = version.version;
        match Mark::read(&description) {
            Some(mark) if mark.on(&owner(stack)) == description => self.marked.push(Listed { number, mark }),
            Some(_) => {}
            None => {
                let arn = version.layer_version_arn;
                self.unmarked.extend(arn.map(|arn| (arn, number)));
            }
        }
    }
}

/// A version as it was read.
pub(super) struct Reading {
    /// Its form; what is in it is not known from the reading alone.
    pub(super) spec: Spec,
    /// What its description says of its maker and its content.
    pub(super) told: Option<Mark>,
    /// The SHA-256 of its zip, as Lambda gives it: base64.
    pub(super) code_sha256: String,
    /// Where the zip can be had for some minutes.
    pub(super) location: Option<String>,
    description: String,
    arn: String,
    number: i64,
}

impl Reading {
    pub(super) fn new(name: &str, answer: GetLayerVersionOutput) -> Result<Self, Failure> {
        let arn = answer
            .layer_version_arn
            .ok_or_else(|| Failure::refused("lambda:GetLayerVersion gave no ARN"))?;
        let runtimes = answer.compatible_runtimes.unwrap_or_default();
        let architectures = answer.compatible_architectures.unwrap_or_default();
        let content = answer.content;
        let sha = content.as_ref().and_then(|content| content.code_sha256.clone());
        let sha = sha.unwrap_or_default();
        let size = content.as_ref().map_or(0, |content| content.code_size);
        let description = answer.description.unwrap_or_default();
        Ok(Self {
            spec: Spec {
                name: name.to_owned(),
                runtime: runtimes
                    .first()
                    .map(|runtime| runtime.as_str().to_owned())
                    .unwrap_or_default(),
                architecture: Architecture::told(&architectures),
                code: Code::unread(&sha, size),
            },
            told: Mark::read(&description),
            code_sha256: sha,
            location: content.and_then(|content| content.location),
            description,
            arn,
            number: answer.version,
        })
    }

    /// A version that was published a moment ago.
    pub(super) fn published(
        spec: &Spec,
        (mark, description): (Mark, String),
        answer: PublishLayerVersionOutput,
    ) -> Result<Self, Failure> {
        let arn = answer
            .layer_version_arn
            .ok_or_else(|| Failure::refused("lambda:PublishLayerVersion gave no ARN"))?;
        let content = answer.content;
        Ok(Self {
            spec: spec.clone(),
            told: Some(mark),
            code_sha256: content
                .and_then(|content| content.code_sha256)
                .unwrap_or_default(),
            location: None,
            description,
            arn,
            number: answer.version,
        })
    }

    /// The whole answer to a look.
    pub(super) fn seen(self, stack: &StackId) -> Seen<Spec> {
        let proof = match &self.told {
            Some(mark) if mark.on(&owner(stack)) == self.description => Proof::Ours,
            Some(_) => Proof::Theirs {
                owner: self.description.clone(),
            },
            None => Proof::NameOnly,
        };
        Seen {
            outputs: BTreeMap::from([
                ("arn".to_owned(), json!(self.arn)),
                ("version".to_owned(), json!(self.number)),
                ("code_sha256".to_owned(), json!(self.code_sha256)),
            ]),
            handle: Handle(self.arn),
            spec: self.spec,
            proof,
            additions: Vec::new(),
        }
    }
}
