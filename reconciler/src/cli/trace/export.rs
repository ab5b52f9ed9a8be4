//! Traces to a collector: whether, where, and as whom, by the standard variables.
//!
//! What is read here is what decides whether anything is exported at all; headers, sampler, limits and the sizes of batches are
//! read by OpenTelemetry's own code (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, ...). A thread of its own
//! sends batches; what it cannot send within the time for it is lost, and nobody waits for it but the end of a command, a little.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use super::collector::Collector;
use crate::cli::environment::Environment;

/// A batch that could not be sent is sent once more after this, and then lost.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a request may take where nothing else is said (OTLP's own default).
const TIMEOUT: Duration = Duration::from_secs(10);
/// The only protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// Spans on their way to a collector.
#[derive(Debug)]
pub(super) struct Export {
    provider: SdkTracerProvider,
}

impl Export {
    /// Begins, where the environment asks for it.
    ///
    /// # Errors
    /// Why nothing is exported although it was asked for, in words that show no header.
    pub(super) fn begin(environment: &Environment) -> Result<Option<Self>, String> {
        let Some(endpoint) = endpoint(environment)? else {
            return Ok(None);
        };
        let loopback_only = environment.get("GRAIL_LOOPBACK_ONLY").is_some();
        let collector = Collector::at(
            &endpoint,
            timeout(environment),
            named(environment, "CERTIFICATE"),
            loopback_only,
        )?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(timeout(environment))
            .with_http_client(collector)
            .with_retry_policy(
                RetryPolicy::disabled()
                    .with_max_retries(1)
                    .with_initial_delay(AGAIN)
                    .with_max_delay(AGAIN),
            )
            .build()
            .map_err(|error| error.to_string())?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(environment))
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self { provider }))
    }

    /// The layer that makes spans for it.
    pub(super) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.provider.tracer("grail");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
    }

    /// Sends what is left, for so long at most.
    pub(super) fn end(self, patience: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(patience) {
            tracing::debug!(%error, "not every span could be exported");
        }
    }
}

/// The address for spans, where spans are to be exported.
fn endpoint(environment: &Environment) -> Result<Option<String>, String> {
    let says = |name: &str, word: &str| {
        environment
            .text(name)
            .is_some_and(|said| said.trim().eq_ignore_ascii_case(word))
    };
    if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    let own = environment.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let of_all = || {
        let base = environment.text("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    };
    let Some(endpoint) = own.or_else(of_all) else {
        return Ok(None);
    };
    match named(environment, "PROTOCOL") {
        Some(other) if other != PROTOCOL => Err(format!(
            "OTEL_EXPORTER_OTLP_PROTOCOL asks for `{other}`, and only `{PROTOCOL}` is spoken here"
        )),
        _ => Ok(Some(endpoint)),
    }
}

/// A variable of the exporter: that for traces before that for everything.
fn named(environment: &Environment, name: &str) -> Option<String> {
    environment
        .text(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
        .or_else(|| environment.text(&format!("OTEL_EXPORTER_OTLP_{name}")))
}

fn timeout(environment: &Environment) -> Duration {
    named(environment, "TIMEOUT")
        .and_then(|millis| millis.trim().parse().ok())
        .map_or(TIMEOUT, Duration::from_millis)
}

/// Who speaks: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before what is known by itself.
fn resource(environment: &Environment) -> Resource {
    let given = environment.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let is_given = |name: &str| {
        given
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .any(|(key, _)| key.trim() == name)
    };
    let mut known = Vec::new();
    if !is_given("service.name") && environment.text("OTEL_SERVICE_NAME").is_none() {
        known.push(KeyValue::new("service.name", "grail"));
    }
    let own = [
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("host.name", environment.host()),
        ("process.pid", std::process::id().to_string()),
    ];
    let own = own.into_iter().filter(|(name, _)| !is_given(name));
    known.extend(own.map(|(name, value)| KeyValue::new(name, value)));
    Resource::builder().with_attributes(known).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables)
    }

    #[test]
    fn the_endpoint_of_traces_is_taken_as_it_is_and_that_of_all_gets_a_path() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/in");
        let endpoint = |variables: &[(&str, &str)]| endpoint(&of(variables)).unwrap();
        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
        assert_eq!(
            endpoint(&[all]).as_deref(),
            Some("http://127.0.0.1:4318/v1/traces")
        );
        assert_eq!(endpoint(&[all, own]).as_deref(), Some("http://127.0.0.1:9/in"));
        assert_eq!(endpoint(&[all, ("OTEL_SDK_DISABLED", "TRUE")]), None);
        assert_eq!(endpoint(&[all, ("OTEL_TRACES_EXPORTER", "none")]), None);
    }

    #[test]
    fn another_protocol_is_not_spoken() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        assert!(endpoint(&of(&[all, grpc])).unwrap_err().contains("`grpc`"));
        assert!(endpoint(&of(&[all, grpc, own])).unwrap().is_some());
    }

    #[test]
    fn a_time_is_in_milliseconds() {
        let timeout = |variables: &[(&str, &str)]| timeout(&of(variables)).as_millis();
        assert_eq!(timeout(&[]), 10_000);
        assert_eq!(timeout(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]), 250);
        assert_eq!(timeout(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]), 10_000);
    }

    #[test]
    fn who_speaks_can_be_said_from_outside() {
        let name = |variables: &[(&str, &str)]| {
            let resource = resource(&of(variables));
            resource
                .iter()
                .find_map(|(key, value)| (key.as_str() == "service.version").then(|| value.to_string()))
        };
        assert_eq!(name(&[]).as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(
            name(&[("OTEL_RESOURCE_ATTRIBUTES", "team=shop,service.version=7")]),
            None,
            "what is given is read by OpenTelemetry's own code, from the process"
        );
    }
}
