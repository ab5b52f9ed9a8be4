//! Logs for people: a line an event, with the spans that it lies in. What only a collector wants of them is left out.

use std::fmt::Debug;

use tracing::field::Field;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::Registry;

/// What the conventions of OpenTelemetry say once more, or say of themselves.
const ASIDE: [&str; 5] = ["otel.", "rpc.", "http.", "aws.", "error."];

/// The layer that writes them to standard error.
pub(super) fn layer() -> impl Layer<Registry> + Send + Sync {
    fmt::layer()
        .fmt_fields(debug_fn(field).delimited(" "))
        .with_writer(std::io::stderr)
        .with_ansi(false)
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        name if ASIDE.iter().any(|aside| name.starts_with(aside)) => Ok(()),
        name => write!(writer, "{name}={value:?}"),
    }
}
