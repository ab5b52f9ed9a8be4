//! Logs for programs: one JSON object a line.
//!
//! `time`, `level`, `target` and `message` are always there; `trace_id` and `span_id` where the command is traced; `spans` lists
//! what the event lies in, the outermost first, each with its `name` and fields. The fields of the event stand beside these.

use std::fmt::Debug;

use jiff::Timestamp;
use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// See the module. The fields of spans have to be formatted as JSON.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = Fields(Map::new());
        event.record(&mut line);
        let Fields(mut line) = line;
        line.insert("time".to_owned(), json!(Timestamp::now().to_string()));
        line.insert("level".to_owned(), json!(event.metadata().level().as_str()));
        line.insert("target".to_owned(), json!(event.metadata().target()));
        if let Some(scope) = context.event_scope() {
            let spans: Vec<_> = scope.from_root().map(|span| told::<S, N>(&span)).collect();
            line.insert("spans".to_owned(), Value::Array(spans));
        }
        if let Some(span) = context.lookup_current() {
            let traced = tracing::dispatcher::get_default(|dispatch| get_otel_context(&span.id(), dispatch));
            if let Some(traced) = traced.filter(TraceContext::has_active_span) {
                let ids = traced.span().span_context().clone();
                line.insert("trace_id".to_owned(), json!(ids.trace_id().to_string()));
                line.insert("span_id".to_owned(), json!(ids.span_id().to_string()));
            }
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

type TraceContext = opentelemetry::Context;

fn told<S, N>(span: &SpanRef<'_, S>) -> Value
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    let extensions = span.extensions();
    let written = extensions.get::<FormattedFields<N>>();
    let fields = written.and_then(|fields| serde_json::from_str(fields).ok());
    let mut fields: Map<String, Value> = fields.unwrap_or_default();
    fields.retain(|name, _| !name.starts_with("otel."));
    fields.insert("name".to_owned(), json!(span.name()));
    Value::Object(fields)
}

/// The fields of an event.
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.insert(field, json!(format!("{value:?}")));
    }
}
