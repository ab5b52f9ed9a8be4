//! The writes to an API: its definition as a whole, and single settings.

use std::time::Duration;

use aws_sdk_apigateway::error::SdkError;
use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{PatchOperation, PutMode};
use grail_state::digest::canonical;
use grail_state::{Digest, StepToken};
use serde_json::Value;

use super::head::Head;
use super::mark::{Mark, is_digest};
use super::{EndpointType, RestApi, Spec};
use crate::aws::Outcome;
use crate::aws::outcome::{Verdict, verdict};
use crate::port::{Failure, Retry};

impl RestApi {
    /// The document that `definition` is or names, and its digest. It is kept, so that a later way back finds it.
    pub(super) fn document(&self, definition: &Value) -> Result<(Value, Digest), Failure> {
        if let Some(digest) = definition.as_str().filter(|text| is_digest(text)) {
            let digest = Digest(digest.to_owned());
            let kept = self.context.artifacts.get(&digest).map_err(Failure::refused)?;
            let lost =
                || Failure::refused(format!("the API definition {} is no longer kept", digest.short()));
            let document = serde_json::from_slice(&kept.ok_or_else(lost)?).map_err(Failure::refused)?;
            return Ok((document, digest));
        }
        if !definition.is_object() {
            return Err(Failure::refused("the API definition is no OpenAPI document"));
        }
        // The digest of a document is by definition that of its canonical text.
        let kept = self.context.artifacts.put(canonical(definition).as_bytes());
        Ok((definition.clone(), kept.map_err(Failure::refused)?))
    }

    /// Makes an API of the document.
    pub(super) async fn import(&self, spec: &Spec, letter: &Letter) -> Result<Head, Failure> {
        let sent = self.context.clients.apigateway.write().import_rest_api();
        let answer = sent
            .parameters("endpointConfigurationTypes", spec.endpoint_type.as_str())
            .body(letter.body())
            .send()
            .await;
        let wait = match spec.endpoint_type {
            EndpointType::Edge => (
                "API Gateway, which makes one edge API in 30 s",
                Duration::from_secs(30),
            ),
            _ => ("API Gateway, which makes one API in 3 s", Duration::from_secs(3)),
        };
        patiently(answer, "apigateway:POST", wait).map(Head::from)
    }

    /// Puts the document in the place of what the API has.
    pub(super) async fn put(&self, id: &str, letter: &Letter) -> Result<Head, Failure> {
        let sent = self.context.clients.apigateway.write().put_rest_api();
        let answer = sent
            .rest_api_id(id)
            .mode(PutMode::Overwrite)
            .body(letter.body())
            .send()
            .await;
        let wait = (
            "API Gateway, which takes one definition a second",
            Duration::from_secs(1),
        );
        patiently(answer, "apigateway:PUT", wait).map(Head::from)
    }

    /// Changes single settings; asks for nothing where there is none.
    pub(super) async fn patch(&self, id: &str, patches: Vec<PatchOperation>) -> Result<(), Failure> {
        if patches.is_empty() {
            return Ok(());
        }
        let sent = self.context.clients.apigateway.write().update_rest_api();
        let answer = sent
            .rest_api_id(id)
            .set_patch_operations(Some(patches))
            .send()
            .await;
        answer.wrote("apigateway:PATCH").map(|_| ())
    }
}

/// A document on its way, with the mark of the attempt in its description.
pub(super) struct Letter {
    document: Value,
    /// The description that it carries.
    pub(super) description: String,
}

impl Letter {
    /// `document` with the mark of the attempt.
    pub(super) fn new(mut document: Value, token: &StepToken, digest: &Digest) -> Self {
        let mark = Mark {
            token: token.clone(),
            digest: digest.0.clone(),
        };
        let own = document.pointer("/info/description").and_then(Value::as_str);
        let description = mark.on(own.unwrap_or_default());
        if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
            info.insert("description".to_owned(), Value::String(description.clone()));
        }
        Self {
            document,
            description,
        }
    }

    fn body(&self) -> Blob {
        Blob::new(canonical(&self.document).into_bytes())
    }
}

/// The answer to a write that has a slow rate of its own: being throttled is then no failed attempt but a wait.
pub(in crate::resources) fn patiently<T, E>(
    answer: Result<T, SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>>,
    action: &'static str,
    (on, after): (&'static str, Duration),
) -> Result<T, Failure>
where
    E: aws_sdk_apigateway::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let throttled = match answer.as_ref().map_err(verdict) {
        Err(Verdict::Throttled(said)) => Some(said.unwrap_or(after).max(after)),
        _ => None,
    };
    answer.wrote(action).map_err(|failure| match throttled {
        Some(after) => Failure {
            retry: Retry::Await { after, on },
            ..failure
        },
        None => failure,
    })
}
