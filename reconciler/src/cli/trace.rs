//! What operators see of a command: logs on standard error, and traces to a collector where one is named.
//!
//! Both hear the same spans and events of `tracing`, and of these only grail's own: the SDK's show requests, and with them the
//! values of environment variables. What grail itself puts into spans is names, counts and the words of failures.
//!
//! | | Where from | Where to |
//! |---|---|---|
//! | logs | `--debug`, `GRAIL_LOG`, `--log-format` | standard error, as text or one JSON object a line |
//! | traces | the standard variables `OTEL_*` | OTLP over HTTP |
//!
//! Neither ever changes how a command ends. Without either nothing is collected, and a span costs a comparison.

use std::borrow::Cow;
use std::time::Duration;

use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Span};
use tracing_subscriber::filter::{FilterExt as _, FilterFn, Targets, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use super::args::{Global, LogFormat};
use super::environment::Environment;
use super::exit::Exit;
use super::refusal::Refusal;

mod collector;
mod export;
mod json;
mod parent;
mod text;

use export::Export;

/// The variable that says what is logged: a level (`info`), or levels of modules (`grail=info,grail_providers=debug`).
const LOG: &str = "GRAIL_LOG";
/// The variable for the form of the logs.
const LOG_FORMAT: &str = "GRAIL_LOG_FORMAT";
/// How long the end of a command waits for what was not exported yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is collected of this process, until [`Telemetry::end`].
#[derive(Debug)]
pub struct Telemetry {
    export: Option<Export>,
    command: Span,
}

impl Telemetry {
    /// Starts the log, and the export where one is asked for. `command` is the name of the command; `None` for those that only
    /// print something of grail's own, which are not worth a trace.
    ///
    /// # Errors
    /// Where a variable for the logs cannot be understood. What is wrong with the export is only logged.
    pub fn start(global: &Global, environment: &Environment, command: Option<&str>) -> Result<Self, Refusal> {
        let levels = levels(global.debug, environment.text(LOG).as_deref())?;
        let format = match global.log_format {
            Some(format) => format,
            None => format(environment.text(LOG_FORMAT).as_deref())?,
        };
        let (export, trouble) = match command.map(|_| Export::begin(environment)) {
            Some(Ok(export)) => (export, None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let logs: Box<dyn Layer<Registry> + Send + Sync> = match format {
            LogFormat::Text => text::layer().with_filter(levels.and(own())).boxed(),
            LogFormat::Json => fmt::layer()
                .event_format(json::Json)
                .fmt_fields(fmt::format::JsonFields::new())
                .with_writer(std::io::stderr)
                .with_filter(levels.and(own()))
                .boxed(),
        };
        let spans = export.as_ref().map(|export| export.layer().with_filter(traced()));
        // A second start (a test in one process) changes nothing.
        let _started = tracing_subscriber::registry()
            .with(vec![logs])
            .with(spans)
            .try_init();
        if let Some(why) = trouble {
            tracing::warn!(why, "traces are not exported");
        }
        let command = match command {
            Some(name) => span(name, &global.stage),
            None => Span::none(),
        };
        if export.is_some() {
            parent::join(&command, environment);
        }
        Ok(Self { export, command })
    }

    /// The span of the command.
    pub fn command(&self) -> Span {
        self.command.clone()
    }

    /// Writes down how the command ended, and sends what was not sent yet: for [`PATIENCE`] at most.
    pub fn end(self) {
        drop(self.command);
        if let Some(export) = self.export {
            export.end(PATIENCE);
        }
    }
}

/// Writes into the span of a command how it ended.
pub fn ended(command: &Span, done: Result<Exit, &Refusal>) {
    let exit = match done {
        Ok(exit) => exit,
        Err(refusal) => {
            command.record("otel.status_description", why(refusal).as_ref());
            refusal.exit
        }
    };
    command.record("exit_code", exit as u8);
    if done.is_ok() && !matches!(exit, Exit::Done | Exit::Changes) {
        let said = format!("ended with exit code {}", exit as u8);
        command.record("otel.status_description", said);
    }
}

fn why(refusal: &Refusal) -> Cow<'_, str> {
    match (refusal.faults.first(), &refusal.problems) {
        (Some(fault), _) => Cow::Borrowed(&fault.what),
        // What a problem says may quote the project's own words.
        (None, Some(problems)) => {
            let codes: Vec<_> = problems.0.iter().map(|problem| problem.code).collect();
            Cow::Owned(codes.join(", "))
        }
        (None, None) => Cow::Borrowed("refused"),
    }
}

fn span(command: &str, stage: &str) -> Span {
    tracing::info_span!(
        "grail",
        otel.name = format!("grail {command}"),
        command,
        stage,
        exit_code = Empty,
        otel.status_description = Empty,
    )
}

/// Spans and events of grail's own code.
fn is_own(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let module = target.split("::").next().unwrap_or(target);
    ["grail", "grail_providers", "grail_state"].contains(&module)
}

fn own() -> FilterFn {
    filter_fn(is_own)
}

/// What a trace holds: every span, and what happened in it that is worth a line.
fn traced() -> FilterFn {
    filter_fn(|metadata| {
        let detail = match metadata.is_span() {
            true => LevelFilter::DEBUG,
            false => LevelFilter::INFO,
        };
        is_own(metadata) && *metadata.level() <= detail
    })
}

fn levels(debug: bool, variable: Option<&str>) -> Result<Targets, Refusal> {
    match (debug, variable) {
        (true, _) => Ok(Targets::new().with_default(LevelFilter::DEBUG)),
        (false, None) => Ok(Targets::new().with_default(LevelFilter::ERROR)),
        (false, Some(text)) => text.parse().map_err(|error| {
            Refusal::new(format!("{LOG} cannot be understood"))
                .because(error)
                .hint("it is a level such as `info`, or levels of modules such as `grail=info,grail_providers=debug`")
                .exit(Exit::Usage)
        }),
    }
}

fn format(variable: Option<&str>) -> Result<LogFormat, Refusal> {
    match variable {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(Refusal::new(format!("{LOG_FORMAT} is `{other}`"))
            .hint("it is `text` or `json`")
            .exit(Exit::Usage)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_understood_alone_and_by_module() {
        let debug = levels(true, Some("error")).unwrap();
        assert!(debug.would_enable("grail::engine", &tracing::Level::DEBUG));
        let quiet = levels(false, None).unwrap();
        assert!(!quiet.would_enable("grail::engine", &tracing::Level::WARN));
        let some = levels(false, Some("grail=info,grail_providers=debug")).unwrap();
        assert!(some.would_enable("grail_providers::aws", &tracing::Level::DEBUG));
        assert!(!some.would_enable("grail::engine", &tracing::Level::DEBUG));
        assert_eq!(levels(false, Some("grail=loud")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_form_is_text_or_json() {
        assert_eq!(format(None).unwrap(), LogFormat::Text);
        assert_eq!(format(Some("json")).unwrap(), LogFormat::Json);
        assert_eq!(format(Some("xml")).unwrap_err().exit, Exit::Usage);
    }
}
