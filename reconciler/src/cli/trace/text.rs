//! Logs for people: a line an event, with the spans that it lies in. What only a collector wants of them is left out.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::Registry;

/// What the conventions of OpenTelemetry say once more, or say of themselves.
const ASIDE: [&str; 5] = ["otel.", "rpc.", "http.", "aws.", "error."];

/// The layer that writes them to standard error.
pub(super) fn layer() -> impl Layer<Registry> + Send + Sync {
    tracing_subscriber::fmt::layer()
        .fmt_fields(Plain)
        .with_writer(std::io::stderr)
        .with_ansi(false)
}

/// `name=value`, with spaces between.
struct Plain;

impl<'w> FormatFields<'w> for Plain {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        Fields::after(false, writer).all(fields)
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        Fields::after(!current.fields.is_empty(), current.as_writer()).all(fields)
    }
}

struct Fields<'w> {
    writer: Writer<'w>,
    /// Whether something stands before the next one.
    separate: bool,
    written: fmt::Result,
}

impl<'w> Fields<'w> {
    fn after(something: bool, writer: Writer<'w>) -> Self {
        Self {
            writer,
            separate: something,
            written: Ok(()),
        }
    }

    fn all(mut self, fields: impl RecordFields) -> fmt::Result {
        fields.record(&mut self);
        self.written
    }

    fn write(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        if std::mem::replace(&mut self.separate, true) {
            self.writer.write_char(' ')?;
        }
        match name {
            "message" => write!(self.writer, "{value:?}"),
            name => write!(self.writer, "{name}={value:?}"),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = field.name();
        if self.written.is_ok() && !ASIDE.iter().any(|aside| name.starts_with(aside)) {
            self.written = self.write(name, value);
        }
    }
}
