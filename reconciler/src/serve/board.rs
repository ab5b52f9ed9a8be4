//! What this process knows of its stages, as of now: written by their loops, read by HTTP.
//!
//! Reading asks nobody: no account, no state, no lock of a stage. So a page that is loaded ten times a second costs the account
//! nothing, and a stage that hangs does not keep the others from being seen. What was given up: the page of a replica shows of
//! stages that another replica carries only what their state says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grail_state::Digest;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::broadcast;

use super::counts::Counts;
use crate::event::Event;
use crate::graph::Graph;
use crate::plan::Plan;
use crate::watch::{End, Wake};

/// How many notices a listener may be behind before it loses some, and how many are kept for one that comes back.
const BEHIND: usize = 1024;
/// How many events of a stage are kept for who comes later.
const KEPT: usize = 256;

/// Which stage of which project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct StageKey {
    /// The project's name in the configuration.
    pub project: String,
    /// The stage.
    pub stage: String,
}

impl fmt::Display for StageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.stage)
    }
}

/// How a stage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// No pass has ended yet.
    #[default]
    Unknown,
    /// Everything is as it should be.
    Converged,
    /// Others have changed it, and that is only told.
    Drifted,
    /// What was wanted failed, and everything is as it was.
    RolledBack,
    /// It could not be begun; see the reason.
    Refused,
    /// A transaction is open.
    Open,
    /// Neither forward nor back.
    Stuck,
    /// Another process holds it.
    Elsewhere,
}

/// A pass that is being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Running {
    /// Counted from 1 by this process.
    pub number: u64,
    /// Why it is made.
    pub because: BTreeSet<Wake>,
    /// Some of the files that have changed.
    pub files: BTreeSet<PathBuf>,
    /// Since when.
    #[schemars(with = "String")]
    pub began: Timestamp,
}

/// The pass that ended last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastPass {
    /// Counted from 1 by this process.
    pub number: u64,
    /// Why it was made.
    pub because: BTreeSet<Wake>,
    /// How it ended.
    pub end: End,
    /// Why it did not go well, and what to do; empty where it did.
    pub why: Vec<String>,
    /// When it began.
    #[schemars(with = "String")]
    pub began: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What comes next by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Next {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Why.
    pub wake: Wake,
}

/// One transaction of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct History {
    /// Counted by the state.
    pub serial: u64,
    /// When it was committed.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The command.
    pub command: String,
    /// Who ran it, where that is known.
    pub by: Option<String>,
    /// What came of it, in words.
    pub said: String,
}

/// A stage as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageReport {
    /// Which.
    #[serde(flatten)]
    pub key: StageKey,
    /// Where the project comes from: a folder, or a remote without credentials.
    pub source: String,
    /// The commit, where the source has such.
    pub revision: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// Nothing is done to it until it is resumed.
    pub paused: bool,
    /// The pass that is being made.
    pub running: Option<Running>,
    /// The pass that ended last.
    pub last: Option<LastPass>,
    /// When the next begins by itself.
    pub next: Option<Next>,
    /// How many passes in a row have failed.
    pub failures: u32,
    /// What others have changed, a line each; empty where nothing is known of such.
    pub drift: Vec<String>,
    /// Who holds the stage, where this process knows.
    pub holder: Option<String>,
}

impl StageReport {
    /// A stage of which nothing is known yet.
    pub fn new(key: StageKey, source: impl Into<String>) -> Self {
        Self {
            key,
            source: source.into(),
            revision: None,
            standing: Standing::Unknown,
            paused: false,
            running: None,
            last: None,
            next: None,
            failures: 0,
            drift: Vec::new(),
            holder: None,
        }
    }
}

/// Something that listeners may want to know.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Counted by the board, from 1, without gaps.
    pub number: u64,
    /// Of which stage.
    pub key: StageKey,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: NoticeKind,
}

/// What a notice tells.
#[derive(Clone, Debug)]
pub enum NoticeKind {
    /// The report is another: the whole of it.
    Report(Arc<StageReport>),
    /// An event of the pass that is being made; of a new plan tells [`Self::Planned`].
    Event(Arc<Event>),
    /// There is a new plan, which the board has. It is not carried here: a plan is large, and notices are kept.
    Planned {
        /// How many steps it has; none where everything is as it should be.
        steps: usize,
        /// Its digest.
        digest: Digest,
    },
    /// A pass has ended.
    Passed {
        /// How.
        end: End,
        /// How long it took.
        took: Duration,
    },
    /// The stage is no longer in the configuration.
    Gone,
}

/// What listeners may ask of the loops.
pub trait Control: Send + Sync {
    /// Asks for a pass soon.
    ///
    /// # Errors
    /// There is no such stage, or it is paused.
    fn reconcile(&self, key: &StageKey) -> Result<(), Refused>;

    /// Pauses or resumes a stage. A pass that is being made goes on to its end.
    ///
    /// # Errors
    /// There is no such stage.
    fn pause(&self, key: &StageKey, paused: bool) -> Result<(), Refused>;

    /// A project's source may have changed, as a webhook says: it is looked at soon. It carries nothing, and is no wish of a
    /// person: what was rolled back is not tried again for it alone.
    ///
    /// # Errors
    /// There is no such project.
    fn wake(&self, project: &str) -> Result<(), Refused>;

    /// How many stages have a pass that is due and waits for its turn.
    fn waiting(&self) -> usize;
}

/// How the reading of the configuration went last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Configuration {
    /// When it was read.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Why it was refused, and the one before goes on; `None` where it is the one in force.
    pub refused: Option<String>,
}

/// What a listener that comes, or comes back, has to know before it listens.
#[derive(Debug)]
pub struct Missed {
    /// What it has not heard and is still kept, the oldest first.
    pub notices: Vec<Notice>,
    /// Some that it has not heard are not kept.
    pub lost: bool,
    /// The number of the newest notice.
    pub latest: u64,
}

/// Why something that was asked for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The configuration names no such stage.
    #[error("there is no such stage")]
    Unknown,
    /// It is paused.
    #[error("the stage is paused; resume it first")]
    Paused,
}

/// See the module.
#[derive(Debug)]
pub struct Board {
    inner: Mutex<Inner>,
    notices: broadcast::Sender<Notice>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Inner {
    stages: BTreeMap<StageKey, Entry>,
    noticed: u64,
    recent: VecDeque<Notice>,
    configuration: Option<Configuration>,
}

#[derive(Debug)]
struct Entry {
    report: Arc<StageReport>,
    graph: Arc<Graph>,
    plan: Option<Arc<Plan>>,
    history: Arc<Vec<History>>,
    events: VecDeque<Notice>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            notices: broadcast::channel(BEHIND).0,
            counts: Arc::default(),
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is behind it is replaced whole, never half.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stage is there from now on, or its report is another.
    pub fn report(&self, report: StageReport, at: Timestamp) {
        let (key, report) = (report.key.clone(), Arc::new(report));
        let mut inner = self.lock();
        match inner.stages.get_mut(&key) {
            Some(entry) if entry.report == report => return,
            Some(entry) => entry.report = Arc::clone(&report),
            None => {
                let entry = Entry {
                    report: Arc::clone(&report),
                    graph: Arc::default(),
                    plan: None,
                    history: Arc::default(),
                    events: VecDeque::new(),
                };
                inner.stages.insert(key.clone(), entry);
            }
        }
        self.tell(inner, key, at, NoticeKind::Report(report));
    }

    /// An event of the pass that is being made. A new plan replaces the one before.
    pub fn event(&self, key: &StageKey, event: &Event, at: Timestamp) {
        let mut inner = self.lock();
        let Some(entry) = inner.stages.get_mut(key) else {
            return;
        };
        let kind = if let Event::Planned { plan } = event {
            entry.plan = Some(Arc::new(plan.without_secrets()));
            entry.events.clear();
            NoticeKind::Planned {
                steps: plan.steps().count(),
                digest: plan.digest.clone(),
            }
        } else {
            self.counts.happened(event);
            NoticeKind::Event(Arc::new(event.clone()))
        };
        self.tell(inner, key.clone(), at, kind);
    }

    /// A pass has ended.
    pub fn passed(&self, key: &StageKey, end: End, took: Duration, at: Timestamp) {
        let inner = self.lock();
        if inner.stages.contains_key(key) {
            self.counts.passed(key, end, took);
            self.tell(inner, key.clone(), at, NoticeKind::Passed { end, took });
        }
    }

    /// The stage as a picture from now on: what is recorded, with what is known of each.
    pub fn draw(&self, key: &StageKey, graph: Graph) {
        if let Some(entry) = self.lock().stages.get_mut(key) {
            entry.graph = Arc::new(graph);
        }
    }

    /// The transactions of the past, the newest first.
    pub fn remember(&self, key: &StageKey, history: Vec<History>) {
        if let Some(entry) = self.lock().stages.get_mut(key) {
            entry.history = Arc::new(history);
        }
    }

    /// The configuration no longer names the stage.
    pub fn remove(&self, key: &StageKey, at: Timestamp) {
        let mut inner = self.lock();
        if inner.stages.remove(key).is_some() {
            self.counts.forget(key);
            self.tell(inner, key.clone(), at, NoticeKind::Gone);
        }
    }

    fn tell(&self, mut inner: MutexGuard<'_, Inner>, key: StageKey, at: Timestamp, kind: NoticeKind) {
        inner.noticed += 1;
        let number = inner.noticed;
        let notice = Notice {
            number,
            key,
            at,
            kind,
        };
        let of_pass = matches!(notice.kind, NoticeKind::Event(_) | NoticeKind::Planned { .. });
        if let (true, Some(entry)) = (of_pass, inner.stages.get_mut(&notice.key)) {
            if entry.events.len() == KEPT {
                entry.events.pop_front();
            }
            entry.events.push_back(notice.clone());
        }
        if inner.recent.len() == BEHIND {
            inner.recent.pop_front();
        }
        inner.recent.push_back(notice.clone());
        // Sent under the lock, so that listeners hear in the order of the numbers. It never waits.
        let _nobody = self.notices.send(notice);
    }

    /// Every stage, by its key.
    pub fn stages(&self) -> Vec<Arc<StageReport>> {
        let inner = self.lock();
        inner
            .stages
            .values()
            .map(|entry| Arc::clone(&entry.report))
            .collect()
    }

    /// One stage.
    pub fn stage(&self, key: &StageKey) -> Option<Arc<StageReport>> {
        self.lock().stages.get(key).map(|entry| Arc::clone(&entry.report))
    }

    /// The stage as a picture.
    pub fn graph(&self, key: &StageKey) -> Option<Arc<Graph>> {
        self.lock().stages.get(key).map(|entry| Arc::clone(&entry.graph))
    }

    /// The plan that was made last, where one was.
    pub fn plan(&self, key: &StageKey) -> Option<Arc<Plan>> {
        self.lock().stages.get(key)?.plan.clone()
    }

    /// The transactions of the past, the newest first.
    pub fn history(&self, key: &StageKey) -> Option<Arc<Vec<History>>> {
        self.lock()
            .stages
            .get(key)
            .map(|entry| Arc::clone(&entry.history))
    }

    /// The events since the last plan, the oldest first; of many the newest.
    pub fn events(&self, key: &StageKey) -> Vec<Notice> {
        let inner = self.lock();
        inner
            .stages
            .get(key)
            .map(|entry| entry.events.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Hears every notice from now on.
    pub fn listen(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Hears every notice from now on, and first those since the one of this number. None comes twice, and none between.
    pub fn listen_after(&self, number: u64) -> (Missed, broadcast::Receiver<Notice>) {
        let inner = self.lock();
        let latest = inner.noticed;
        let newer = inner.recent.iter().filter(|notice| notice.number > number);
        let notices: Vec<Notice> = newer.cloned().collect();
        let missed = Missed {
            lost: number > latest || (notices.len() as u64) < latest - number,
            notices,
            latest,
        };
        (missed, self.notices.subscribe())
    }

    /// The number of the newest notice; 0 where there was none.
    pub fn latest(&self) -> u64 {
        self.lock().noticed
    }

    /// The configuration was read, or refused.
    pub fn configured(&self, configuration: Configuration) {
        self.lock().configuration = Some(configuration);
    }

    /// How the reading of the configuration went last; `None` before the first.
    pub fn configuration(&self) -> Option<Configuration> {
        self.lock().configuration.clone()
    }

    /// What has happened, in numbers.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StageKey {
        StageKey {
            project: "shop".into(),
            stage: "dev".into(),
        }
    }

    fn filled(notices: u64) -> Board {
        let board = Board::default();
        board.report(StageReport::new(key(), "."), Timestamp::UNIX_EPOCH);
        for _ in 1..notices {
            board.event(&key(), &Event::Committed, Timestamp::UNIX_EPOCH);
        }
        board
    }

    #[test]
    fn who_comes_back_hears_what_it_missed_and_whether_some_is_lost() {
        let board = filled(5);
        let after = |number| {
            let (missed, _) = board.listen_after(number);
            let numbers: Vec<u64> = missed.notices.iter().map(|notice| notice.number).collect();
            (numbers, missed.lost)
        };
        assert_eq!(after(3), (vec![4, 5], false));
        assert_eq!(after(5), (vec![], false));
        assert_eq!(after(0), (vec![1, 2, 3, 4, 5], false));
        // A number that was never given out: of another process.
        assert_eq!(after(6), (vec![], true));

        let long = BEHIND as u64 + 10;
        let (missed, _) = filled(long).listen_after(9);
        assert!(missed.lost && missed.notices.len() == BEHIND, "{}", missed.lost);
        let (missed, _) = filled(long).listen_after(10);
        assert!(!missed.lost && missed.notices[0].number == 11);
    }

    #[test]
    fn what_is_gone_is_told_and_its_numbers_go() {
        let board = filled(1);
        board.passed(&key(), End::Stuck, Duration::from_secs(2), Timestamp::UNIX_EPOCH);
        assert_eq!(board.counts().tally().passes.len(), 1);
        let mut heard = board.listen();
        board.remove(&key(), Timestamp::UNIX_EPOCH);
        assert!(matches!(heard.try_recv().unwrap().kind, NoticeKind::Gone));
        assert!(board.counts().tally().passes.is_empty() && board.stage(&key()).is_none());
    }
}
