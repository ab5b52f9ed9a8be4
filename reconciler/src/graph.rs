//! A stage or a plan as a picture: resources, what they need, and what becomes of each.
//!
//! A [`Graph`] is made from records, wishes, a plan or an open transaction ([`subject`]). What belongs to one function (its log
//! group, its permissions, what calls it) becomes rows of the function's box ([`blocks`]), edges that follow from others are
//! left out ([`reduce`]), and the rest is laid out in layers ([`layout`]) and written as SVG, DOT or Mermaid. The same drawing
//! serves a file and a page that is kept up to date: places do not depend on conditions, and every resource is found by
//! [`element_id`].
//!
//! Pure: the same graph gives the same bytes. What was given up: a drawing that is optimal. Crossings are only made fewer, by a
//! fixed number of sweeps, so that a thousand resources are drawn within a second. It does not know AWS, a terminal, or what a
//! resource's form holds: nothing secret can come into a picture, because only names and conditions do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use grail_state::ResourceId;
use schemars::JsonSchema;
use serde::Serialize;

mod blocks;
mod dot;
mod icon;
mod layout;
mod mermaid;
mod piece;
mod reduce;
mod style;
mod subject;
mod svg;
mod text;

#[cfg(test)]
mod tests;

pub use blocks::Detail;
pub use dot::dot;
pub use mermaid::mermaid;
pub use subject::Labels;
pub use svg::{element_id, svg};
#[cfg(feature = "aws")]
pub(crate) use text::xml;

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Of what it is a picture, such as `shop-dev`.
    pub title: String,
    /// The resources.
    pub nodes: BTreeMap<ResourceId, Node>,
}

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its short physical name, where it has one.
    pub label: Option<String>,
    /// What becomes, or became, of it.
    pub condition: Condition,
    /// Why, in words.
    pub why: Option<String>,
    /// What it refers to or comes after. What is not in the graph is not drawn.
    pub needs: BTreeSet<ResourceId>,
    /// Its place in Chalice's order, by which equals are sorted.
    pub rank: u32,
}

/// What becomes of a resource: in a plan, in a pass that runs, or at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It is as it should be, or nothing is known to the contrary.
    #[default]
    Unchanged,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is made anew, and the old one goes.
    Replace,
    /// It goes.
    Delete,
    /// Somebody else has changed it.
    Drifted,
    /// It is to be worked on, and waits for others.
    Waiting,
    /// It is being worked on, or whether a call reached it is not known yet.
    InProgress,
    /// The pass is done with it.
    Done,
    /// It failed, or is stuck.
    Failed,
}

impl Condition {
    /// Every condition, in the order in which a legend names them.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Update,
        Self::Replace,
        Self::Delete,
        Self::Drifted,
        Self::Waiting,
        Self::InProgress,
        Self::Done,
        Self::Failed,
        Self::Unchanged,
    ];

    /// The value of the attribute `data-condition`: stable, for style sheets and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Drifted => "drifted",
            Self::Waiting => "waiting",
            Self::InProgress => "in-progress",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The sign in its box: that of the plan where it has one. Nobody needs to tell colours apart. Empty for [`Self::Unchanged`].
    pub fn sign(self) -> &'static str {
        match self {
            Self::Unchanged => "",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Drifted => "!",
            Self::Waiting => "..",
            Self::InProgress => ">",
            Self::Done => "ok",
            Self::Failed => "x",
        }
    }

    /// For people, behind a count: `3 to create`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Create => "to create",
            Self::Update => "to update",
            Self::Replace => "to replace",
            Self::Delete => "to delete",
            Self::Drifted => "changed outside",
            Self::Waiting => "waiting",
            Self::InProgress => "in progress",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Graph {
    /// How many resources are in each condition, in the order of a legend; only those that occur.
    pub fn counts(&self) -> Vec<(Condition, usize)> {
        let count = |condition| {
            let of_it = self.nodes.values().filter(|node| node.condition == condition);
            (condition, of_it.count())
        };
        Condition::ALL
            .into_iter()
            .map(count)
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// One sentence for who cannot see the picture: `77 resources: 2 to create, 75 unchanged`.
    pub fn summary(&self) -> String {
        let total = self.nodes.len();
        let noun = if total == 1 { "resource" } else { "resources" };
        match self.counts().as_slice() {
            [] | [(Condition::Unchanged, _)] => format!("{total} {noun}"),
            counts => {
                let parts: Vec<_> = counts
                    .iter()
                    .map(|(condition, count)| format!("{count} {}", condition.words()))
                    .collect();
                format!("{total} {noun}: {}", parts.join(", "))
            }
        }
    }
}

/// A kind as people call it: `lambda_function` is a function.
pub(crate) fn kind_words(kind: &str) -> String {
    let known = match kind {
        "api_mapping" => "mapping",
        "api_stage" => "API stage",
        "custom_domain" => "domain",
        "event_source_mapping" => "event source",
        "iam_role" => "role",
        "lambda_function" => "function",
        "lambda_layer" => "layer",
        "lambda_permission" => "permission",
        "rest_api" => "REST API",
        "s3_notification" => "bucket notification",
        "sns_subscription" => "subscription",
        "websocket_api" => "WebSocket API",
        "websocket_stage" => "WebSocket stage",
        other => return other.replace('_', " "),
    };
    known.to_owned()
}
