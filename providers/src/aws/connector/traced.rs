//! What a request shows of itself to whoever traces: which operation, how long it queued and took, what came back, and the
//! request id that AWS's support asks for. Never what it carried, either way.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use tracing::Span;
use tracing::field::Empty;

use super::{NotSent, Operation, request_id};
use crate::port::failure::chain;

/// The span of a request, from when it is first asked for. Attributes are named as OpenTelemetry's conventions name those of
/// AWS's SDKs.
pub(super) fn span_of(operation: &Operation) -> Span {
    tracing::debug_span!(
        "aws",
        otel.name = format!("{}.{}", operation.service, operation.name),
        otel.kind = "client",
        rpc.system = "aws-api",
        rpc.service = operation.service,
        rpc.method = operation.name,
        access = ?operation.access,
        waited_ms = Empty,
        http.response.status_code = Empty,
        aws.request_id = Empty,
        error.r#type = Empty,
        otel.status_description = Empty,
    )
}

/// Writes down how long it has queued for its rate and a place.
pub(super) fn waited(span: &Span, time: Duration) {
    span.record("waited_ms", millis(time));
}

/// Writes down that it was not sent, and why: an error for who asked.
pub(super) fn held_back(span: &Span, why: NotSent) -> ConnectorError {
    span.record("otel.status_description", format!("not sent: {why}"));
    ConnectorError::user(why.into())
}

/// Writes down what came back, and how long it took. A refusal is told by AWS's own word for it, which holds no value of ours.
pub(super) fn tell(
    span: &Span,
    operation: &Operation,
    took: Duration,
    answer: &Result<HttpResponse, ConnectorError>,
) {
    let took_ms = millis(took);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = chain(error);
            span.record("otel.status_description", error.as_str());
            span.in_scope(|| tracing::debug!(%operation, took_ms, error, "not answered"));
            return;
        }
    };
    let status = answer.status().as_u16();
    let request_id = request_id(answer);
    span.record("http.response.status_code", status);
    if let Some(id) = request_id {
        span.record("aws.request_id", id);
    }
    let refusal = (status >= 400).then(|| error_type(answer));
    if let Some(refusal) = &refusal {
        span.record("error.type", refusal.as_str());
    }
    // That something is not there is what most looks of a first deployment find.
    if let Some(refusal) = refusal.as_ref().filter(|_| status != 404) {
        span.record("otel.status_description", refusal.as_str());
    }
    span.in_scope(|| tracing::debug!(%operation, status, request_id, refusal, took_ms, "answered"));
}

/// AWS's word for a refusal as its header gives it, else the status. (Where it stands in the body alone, it is not seen here.)
fn error_type(answer: &HttpResponse) -> String {
    let kind = answer.headers().get("x-amzn-errortype").unwrap_or_default();
    match kind.split([':', ',']).next().map(str::trim) {
        Some(kind) if !kind.is_empty() => kind.to_owned(),
        _ => answer.status().as_u16().to_string(),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
