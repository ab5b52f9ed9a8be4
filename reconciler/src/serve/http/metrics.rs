//! `GET /metrics`, in the form of OpenMetrics, which Prometheus reads.
//!
//! Everything is read at the moment it is asked for, from the board and its counts. Labels are stages of the configuration and
//! short lists of ours; names of holders, files, errors and resources are no labels, because there is no end of them.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::answer::text_as;
use super::probes::VERSION;
use super::problem::Problem;
use super::site::Site;
use crate::serve::board::{Configuration, StageKey, StageReport, Standing};
use crate::serve::counts::{BOUNDS, Durations, Tally};

/// The media type.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gives them.
pub(super) async fn metrics(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let mut registry = Registry::with_prefix("grail");
    registry.register_collector(Box::new(Sample::of(&site)));
    let mut text = String::new();
    let encoded = text::encode(&mut text, &registry);
    encoded.map_err(|_unwritten| Problem::internal("The metrics could not be written."))?;
    Ok(text_as(StatusCode::OK, OPEN_METRICS, text))
}

type Labels = Vec<(&'static str, String)>;

/// Everything at one instant.
#[derive(Debug)]
struct Sample {
    stages: Vec<Arc<StageReport>>,
    tally: Tally,
    configuration: Option<Configuration>,
    listeners: usize,
    /// Stages whose pass is due.
    waiting: usize,
    replica: String,
}

impl Sample {
    fn of(site: &Site) -> Self {
        Self {
            stages: site.board.stages(),
            tally: site.board.counts().tally(),
            configuration: site.board.configuration(),
            listeners: site
                .limits
                .listeners
                .saturating_sub(site.listeners.available_permits()),
            waiting: site.control.waiting(),
            replica: site.replica.clone(),
        }
    }

    /// One value for each stage.
    fn each(&self, value: impl Fn(&StageReport) -> i64) -> Vec<(Labels, i64)> {
        let of = |report: &Arc<StageReport>| (stage(&report.key), value(report));
        self.stages.iter().map(of).collect()
    }

    fn of_stages(&self, out: &mut Writer<'_>) -> fmt::Result {
        out.gauge(
            "stages",
            "Stages of the configuration.",
            [(vec![], count(self.stages.len()))],
        )?;
        let running = self
            .stages
            .iter()
            .filter(|report| report.running.is_some())
            .count();
        out.gauge(
            "passes_running",
            "Passes that are being made.",
            [(vec![], count(running))],
        )?;
        out.gauge(
            "queue_depth",
            "Stages whose pass is due and waits for its turn.",
            [(vec![], count(self.waiting))],
        )?;
        let standings = self.stages.iter().map(|report| {
            let mut labels = stage(&report.key);
            labels.push(("standing", standing(report.standing).to_owned()));
            (labels, 1)
        });
        let help = "How each stage stands: 1 for the standing that it has, nothing for others.";
        out.gauge("stage_standing", help, standings)?;
        let drift = self.each(|report| count(report.drift.len()));
        out.gauge(
            "stage_drift",
            "What others have changed in a stage, and that is not repaired.",
            drift,
        )?;
        let failures = self.each(|report| i64::from(report.failures));
        out.gauge(
            "stage_failures_in_a_row",
            "Passes over a stage that have failed since one went well.",
            failures,
        )?;
        out.gauge(
            "stage_paused",
            "Whether a stage is paused.",
            self.each(|report| i64::from(report.paused)),
        )?;
        let held = self.each(|report| {
            let mine = !self.replica.is_empty() && report.holder.as_deref() == Some(&*self.replica);
            i64::from(mine)
        });
        out.gauge(
            "stage_carried",
            "Whether a stage is this process's to carry, as far as it knows; the lease is the state's.",
            held,
        )?;
        let ended = self.stages.iter().filter_map(|report| {
            let last = report.last.as_ref()?;
            let took = i64::try_from(last.took_ms / 1000).unwrap_or(i64::MAX);
            Some((stage(&report.key), last.began.as_second().saturating_add(took)))
        });
        let help = "When the last pass over a stage ended, since 1970.";
        out.seconds("stage_last_pass_timestamp", help, ended)
    }

    fn of_passes(&self, out: &mut Writer<'_>) -> fmt::Result {
        let Tally {
            passes,
            durations,
            steps,
            failures,
            retries,
            calls,
            throttles,
            lost,
        } = &self.tally;
        let ended = passes.iter().map(|((key, end), count)| {
            let mut labels = stage(key);
            labels.push(("end", (*end).to_owned()));
            (labels, *count)
        });
        out.counter("passes", "Passes that have ended, by how.", ended)?;
        out.durations(
            "pass_duration",
            "How long passes took, by how they ended.",
            durations,
        )?;
        let by = |label: &'static str, counts: &std::collections::BTreeMap<String, u64>| {
            let of = |(word, count): (&String, &u64)| (vec![(label, word.clone())], *count);
            counts.iter().map(of).collect::<Vec<_>>()
        };
        out.counter(
            "steps",
            "Steps that were done, by kind of resource.",
            by("kind", steps),
        )?;
        out.counter(
            "step_failures",
            "Steps that failed for good, by kind of resource.",
            by("kind", failures),
        )?;
        out.counter(
            "step_retries",
            "Steps that were tried again, by kind of resource.",
            by("kind", retries),
        )?;
        let called = calls.iter().map(|((service, access), count)| {
            let labels = vec![("service", service.clone()), ("access", (*access).to_owned())];
            (labels, *count)
        });
        out.counter("aws_calls", "Requests to AWS, by service.", called)?;
        let help = "Answers of AWS that asked for fewer requests, by service.";
        out.counter("aws_throttles", help, by("service", throttles))?;
        out.gauge(
            "event_listeners",
            "Clients that listen to events.",
            [(vec![], count(self.listeners))],
        )?;
        out.counter(
            "events_lost",
            "Events that slow listeners have lost.",
            [(vec![], *lost)],
        )
    }

    fn of_process(&self, out: &mut Writer<'_>) -> fmt::Result {
        let mut labels = vec![("version", VERSION.to_owned())];
        if !self.replica.is_empty() {
            labels.push(("replica", self.replica.clone()));
        }
        out.gauge(
            "build_info",
            "The version of grail, and how this process is called.",
            [(labels, 1)],
        )?;
        let configuration = self.configuration.iter();
        let valid = configuration
            .clone()
            .map(|read| (vec![], i64::from(read.refused.is_none())));
        let help = "Whether the configuration that was read last is in force.";
        out.gauge("configuration_valid", help, valid)?;
        let read = configuration.map(|read| (vec![], read.at.as_second()));
        out.seconds(
            "configuration_read_timestamp",
            "When the configuration was read last, since 1970.",
            read,
        )
    }
}

impl Collector for Sample {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Writer(encoder);
        self.of_process(&mut out)?;
        self.of_stages(&mut out)?;
        self.of_passes(&mut out)
    }
}

fn stage(key: &StageKey) -> Labels {
    vec![("project", key.project.clone()), ("stage", key.stage.clone())]
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "unknown",
        Standing::Converged => "converged",
        Standing::Drifted => "drifted",
        Standing::RolledBack => "rolled_back",
        Standing::Refused => "refused",
        Standing::Open => "open",
        Standing::Stuck => "stuck",
        Standing::Elsewhere => "elsewhere",
    }
}

fn gauged((labels, value): (Labels, i64)) -> (Labels, ConstGauge<i64>) {
    (labels, ConstGauge::new(value))
}

/// Writes one metric after the other.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn family<M: EncodeMetric>(
        &mut self,
        (name, help, unit): (&str, &str, Option<&Unit>),
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels, M)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                // The only sample: with labels it would be written `{}`.
                return value.encode(metric);
            }
            value.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, i64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(gauged);
        self.family((name, help, None), MetricType::Gauge, samples)
    }

    fn seconds(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, i64)>,
    ) -> fmt::Result {
        let samples = samples.into_iter().map(gauged);
        self.family((name, help, Some(&Unit::Seconds)), MetricType::Gauge, samples)
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let samples = samples
            .into_iter()
            .map(|(labels, value)| (labels, ConstCounter::new(value)));
        self.family((name, help, None), MetricType::Counter, samples)
    }

    fn durations<'d>(
        &mut self,
        name: &str,
        help: &str,
        ends: impl IntoIterator<Item = (&'d &'static str, &'d Durations)>,
    ) -> fmt::Result {
        let kind = MetricType::Histogram;
        let mut metric = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
        for (end, durations) in ends {
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let classes: Vec<(f64, u64)> = bounds.zip(durations.classes).collect();
            let labels = vec![("end", *end)];
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(
                durations.sum,
                durations.count(),
                &classes,
                None,
            )?;
        }
        Ok(())
    }
}
