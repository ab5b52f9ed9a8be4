//! The trace that a command is part of: `TRACEPARENT` and `TRACESTATE`, as W3C's trace context writes them and CI services and
//! `otel-cli` set them.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::cli::environment::Environment;

/// Makes `span` part of the trace that the environment names. What is no trace context begins a trace of its own.
pub(super) fn join(span: &Span, environment: &Environment) {
    let names = ["traceparent", "tracestate"];
    let given = names.map(|name| Some((name.to_owned(), environment.text(&name.to_ascii_uppercase())?)));
    let carrier: HashMap<String, String> = given.into_iter().flatten().collect();
    if carrier.is_empty() {
        return;
    }
    let context = TraceContextPropagator::new().extract(&carrier);
    if !context.span().span_context().is_valid() {
        tracing::warn!("TRACEPARENT is no trace context: this command begins a trace of its own");
    } else if let Err(error) = span.set_parent(context) {
        tracing::warn!(%error, "the trace that TRACEPARENT names could not be joined");
    }
}
