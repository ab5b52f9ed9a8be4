//! The forms of answers. The OpenAPI document is made of these very types.

use std::collections::BTreeSet;

use grail_state::{Digest, ResourceId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::conditions::condition;
use super::words;
use crate::event::Event;
use crate::graph::{Condition, Graph, element_id};
use crate::serve::board::{History, Notice, NoticeKind, StageReport};
use crate::watch::End;

/// The process is alive.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Always `ok`.
    pub(super) status: &'static str,
    /// The version of grail.
    pub(super) version: &'static str,
}

/// The process knows its stages.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ready {
    /// Always `ready`.
    pub(super) status: &'static str,
    /// How many stages it carries.
    pub(super) stages: usize,
}

/// Every stage.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StageList<'a> {
    /// By project and stage.
    pub(super) stages: Vec<&'a StageReport>,
    /// The id of the newest event that is in it: listen after this one to miss nothing.
    pub(super) event: String,
}

/// The transactions of the past.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HistoryList<'a> {
    /// The newest first.
    pub(super) history: &'a [History],
}

/// What was asked for is going to happen.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Accepted {
    /// What, in words.
    pub(super) said: String,
}

/// The resources of a stage and what they need.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct GraphForm<'a> {
    /// Of what.
    title: &'a str,
    /// How many are in which condition, in words.
    summary: String,
    /// Each resource.
    resources: Vec<ResourceForm<'a>>,
}

/// A resource in the graph.
#[derive(Debug, Serialize, JsonSchema)]
struct ResourceForm<'a> {
    /// Its id.
    id: &'a ResourceId,
    /// The `id` of its element in the picture.
    element: String,
    /// Its short physical name.
    label: Option<&'a str>,
    /// What becomes of it.
    condition: Condition,
    /// Why, in words.
    why: Option<&'a str>,
    /// What it refers to or comes after.
    needs: &'a BTreeSet<ResourceId>,
}

impl<'a> GraphForm<'a> {
    /// The form of a graph.
    pub(super) fn of(graph: &'a Graph) -> Self {
        let resources = graph.nodes.iter().map(|(id, node)| ResourceForm {
            id,
            element: element_id(id),
            label: node.label.as_deref(),
            condition: node.condition,
            why: node.why.as_deref(),
            needs: &node.needs,
        });
        Self {
            title: &graph.title,
            summary: graph.summary(),
            resources: resources.collect(),
        }
    }
}

/// Something that has happened: the data of an event.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NoticeForm<'a> {
    /// Counted by the process, over all stages, without gaps.
    number: u64,
    /// Of which project.
    project: &'a str,
    /// Of which stage.
    stage: &'a str,
    /// When.
    #[schemars(with = "String")]
    at: Timestamp,
    /// The same in words.
    said: String,
    #[serde(flatten)]
    what: What<'a>,
}

/// What has happened; `notice` is also the name of the event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "notice", rename_all = "snake_case")]
enum What<'a> {
    /// The report is another.
    Report {
        /// The whole of it.
        report: &'a StageReport,
    },
    /// A pass has come further.
    Event {
        /// What has happened in it.
        event: &'a Event,
        /// What becomes of a resource by it.
        mark: Option<Mark>,
    },
    /// There is a new plan.
    Planned {
        /// How many steps it has.
        steps: usize,
        /// Its digest.
        digest: &'a Digest,
    },
    /// A pass has ended.
    Passed {
        /// How.
        end: End,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// The stage is no longer in the configuration; nothing follows.
    Gone,
}

/// How a resource is drawn from now on.
#[derive(Debug, Serialize, JsonSchema)]
struct Mark {
    /// The `id` of its element.
    element: String,
    /// What becomes of it.
    condition: Condition,
    /// The sign in its box.
    sign: &'static str,
    /// What it is called from now on, for who cannot see it.
    label: String,
}

/// A client has missed events: what it shows is to be asked for again.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Gap {
    /// Always `gap`.
    pub(super) notice: &'static str,
    /// How many, where that is known.
    pub(super) lost: Option<u64>,
    /// The same in words.
    pub(super) said: String,
}

impl Gap {
    /// So many events were lost.
    pub(super) fn of(lost: Option<u64>) -> Self {
        let count = lost.map_or_else(|| "Some".to_owned(), |lost| lost.to_string());
        Self {
            notice: "gap",
            lost,
            said: format!("{count} events were lost; ask for the stage again."),
        }
    }
}

impl<'a> NoticeForm<'a> {
    /// The form of a notice.
    pub(super) fn of(notice: &'a Notice) -> Self {
        Self {
            number: notice.number,
            project: &notice.key.project,
            stage: &notice.key.stage,
            at: notice.at,
            said: words::told(&notice.kind),
            what: What::of(&notice.kind),
        }
    }

    /// The name of the event.
    pub(super) fn name(&self) -> &'static str {
        match self.what {
            What::Report { .. } => "report",
            What::Event { .. } => "event",
            What::Planned { .. } => "planned",
            What::Passed { .. } => "passed",
            What::Gone => "gone",
        }
    }
}

impl<'a> What<'a> {
    fn of(kind: &'a NoticeKind) -> Self {
        match kind {
            NoticeKind::Report(report) => Self::Report { report },
            NoticeKind::Event(event) => Self::Event {
                event,
                mark: condition(event).map(|(id, condition)| Mark::of(id, condition)),
            },
            NoticeKind::Planned { steps, digest } => Self::Planned {
                steps: *steps,
                digest,
            },
            NoticeKind::Passed { end, took } => Self::Passed {
                end: *end,
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            },
            NoticeKind::Gone => Self::Gone,
        }
    }
}

impl Mark {
    fn of(id: &ResourceId, condition: Condition) -> Self {
        Self {
            element: element_id(id),
            condition,
            sign: condition.sign(),
            label: format!("{id}: {}", condition.words()),
        }
    }
}
