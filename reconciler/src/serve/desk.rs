//! What the pass of a stage is given to speak with: it writes the stage's report, and is rung for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use grail_providers::pace::Operation;
use jiff::Timestamp;

use super::board::{Board, History, StageKey, StageReport};
use crate::event::{Event, EventSink};
use crate::graph::Graph;
use crate::watch::Bell;

/// What the clock on the wall says.
pub type Wall = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One stage's place on the board. Clones are the same.
#[derive(Clone)]
pub struct Desk {
    board: Arc<Board>,
    report: Arc<Mutex<StageReport>>,
    /// Why the pass does not go well.
    why: Arc<Mutex<Vec<String>>>,
    bell: Bell,
    wall: Wall,
}

impl Desk {
    /// The stage is on the board from now on.
    pub(super) fn new(board: Arc<Board>, report: StageReport, bell: Bell, wall: Wall) -> Self {
        board.report(report.clone(), wall());
        Self {
            board,
            report: Arc::new(Mutex::new(report)),
            why: Arc::default(),
            bell,
            wall,
        }
    }

    /// Which stage.
    pub fn key(&self) -> StageKey {
        self.report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .key
            .clone()
    }

    /// What brings a pass of it.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.wall)()
    }

    /// Changes the report.
    pub fn update(&self, change: impl FnOnce(&mut StageReport)) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut report);
        self.board.report(report.clone(), (self.wall)());
    }

    /// The commit that the pass deploys.
    pub fn revision(&self, commit: &str) {
        self.update(|report| report.revision = Some(commit.to_owned()));
    }

    /// Why the pass does not go well, and what to do.
    pub fn because(&self, lines: impl IntoIterator<Item = String>) {
        self.why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(lines);
    }

    pub(super) fn take_why(&self) -> Vec<String> {
        std::mem::take(&mut *self.why.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What others have changed, a line each.
    pub fn drift(&self, lines: Vec<String>) {
        self.update(|report| report.drift = lines);
    }

    /// The stage as a picture.
    pub fn draw(&self, graph: Graph) {
        self.board.draw(&self.key(), graph);
    }

    /// The transactions of the past, the newest first.
    pub fn remember(&self, history: Vec<History>) {
        self.board.remember(&self.key(), history);
    }

    /// What the pass has sent to AWS, and which answers asked for less, by operation.
    pub fn called(&self, sent: &BTreeMap<Operation, u64>, throttled: &BTreeMap<Operation, u64>) {
        let counts = self.board.counts();
        for (operation, times) in sent {
            counts.called(operation, *times);
        }
        for (operation, times) in throttled {
            counts.throttled(operation, *times);
        }
    }

    /// An event of the pass that is being made.
    pub fn event(&self, event: &Event) {
        self.board.event(&self.key(), event, (self.wall)());
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }
}

impl EventSink for Desk {
    fn emit(&mut self, event: &Event) {
        self.event(event);
    }
}
