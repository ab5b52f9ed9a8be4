//! One service, or several over one store of objects, whose passes only take their time.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::task::{AbortHandle, LocalSet};

use super::*;
use crate::engine::Clock;
use crate::serve::Standing;
use crate::serve::crew::testing::Objective;
use crate::serve::crew::{Attending, Timing};
use crate::serve::hands::Work;
use crate::watch::{End, Wake};

const PASS: Duration = Duration::from_secs(10);

/// What became of the passes of all stages.
#[derive(Default)]
struct Log {
    turns: Mutex<Vec<(String, Turn)>>,
    end: Mutex<Option<PassOutcome>>,
    busy: Mutex<BTreeSet<StageKey>>,
    /// Makers of passes that there are.
    made: AtomicUsize,
    told: Mutex<Vec<String>>,
}

impl Log {
    /// Which configuration made the passes, in order.
    fn names(&self) -> Vec<String> {
        let turns = self.turns.lock().unwrap();
        turns.iter().map(|(name, _)| name.clone()).collect()
    }

    fn last(&self) -> Turn {
        self.turns.lock().unwrap().last().unwrap().1.clone()
    }

    /// Passes end so from now on.
    fn ends(&self, end: End, plan: Option<&str>) {
        *self.end.lock().unwrap() = Some(PassOutcome {
            end,
            goal: Some(Digest::of(b"goal")),
            plan: plan.map(|plan| Digest::of(plan.as_bytes())),
        });
    }
}

impl Witness for Log {
    fn began(&self, _: &StageKey, _: &Turn) {}

    fn ended(&self, _: &StageKey, _: &Turn, _: &PassOutcome, _: &[String], _: Duration) {}

    fn told(&self, key: &StageKey, text: &str) {
        self.told.lock().unwrap().push(format!("{key}: {text}"));
    }
}

struct Slow {
    name: String,
    log: Arc<Log>,
    desk: Desk,
}

impl Slow {
    fn new(name: String, log: Arc<Log>, desk: Desk) -> Self {
        log.made.fetch_add(1, Ordering::AcqRel);
        Self { name, log, desk }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.log.made.fetch_sub(1, Ordering::AcqRel);
    }
}

#[async_trait(?Send)]
impl Pass for Slow {
    async fn run(&mut self, turn: &Turn, _stop: StopSignal) -> PassOutcome {
        let key = self.desk.key();
        // A panic here would be taken for a defect of the pass alone.
        let alone = self.log.busy.lock().unwrap().insert(key.clone());
        let name = if alone {
            self.name.clone()
        } else {
            format!("{} beside another", self.name)
        };
        self.log.turns.lock().unwrap().push((name, turn.clone()));
        tokio::time::sleep(PASS).await;
        self.log.busy.lock().unwrap().remove(&key);
        let end = self.log.end.lock().unwrap().clone();
        if end.as_ref().is_some_and(|outcome| outcome.end == End::Reported) {
            self.desk.drift(vec!["somebody was here".to_owned()]);
        }
        end.unwrap_or(PassOutcome {
            end: End::Converged { changed: false },
            goal: None,
            plan: None,
        })
    }
}

#[derive(Default)]
struct Body(Mutex<Vec<AbortHandle>>);

impl Body {
    fn add(&self, work: LocalBoxFuture<'static, ()>) {
        let part = tokio::task::spawn_local(work).abort_handle();
        self.0.lock().unwrap().push(part);
    }
}

impl Hands for Body {
    fn take(&self, work: Work) {
        self.add(work());
    }
}

struct Replica {
    service: Service,
    board: Arc<Board>,
    crew: Crew,
    body: Arc<Body>,
    _stop: watch::Sender<Option<String>>,
}

impl Replica {
    fn die(&self) {
        self.body.0.lock().unwrap().iter().for_each(AbortHandle::abort);
    }

    fn report(&self, name: &str) -> Arc<StageReport> {
        self.board.stage(&key(name)).unwrap()
    }
}

/// A store, and what became of all passes.
#[derive(Default)]
struct Stand {
    objects: Arc<Objective>,
    log: Arc<Log>,
}

fn key(stage: &str) -> StageKey {
    StageKey {
        project: "shop".to_owned(),
        stage: stage.to_owned(),
    }
}

impl Stand {
    fn means(&self, me: &str, slots: usize) -> (Means, Attending, Arc<Body>, watch::Sender<Option<String>>) {
        let (crew, attending) = Crew::new(self.objects.clone(), "", me, Timing::default());
        let (sender, stop) = StopSignal::new();
        let body = Arc::new(Body::default());
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        let means = Means {
            board: Arc::default(),
            slots: Slots::new(slots, slots),
            crew,
            hands: body.clone(),
            witness: self.log.clone(),
            wall: Arc::new(move || clock.wall()),
            seed: 7,
            stop,
        };
        (means, attending, body, sender)
    }

    fn replica(&self, me: &str, slots: usize) -> Replica {
        let (means, attending, body, sender) = self.means(me, slots);
        let (board, crew) = (means.board.clone(), means.crew.clone());
        body.add(Box::pin(attending.run(means.stop.clone())));
        let service = Service::new(means);
        let hears = service.clone();
        body.add(Box::pin(async move { hears.hear_wishes().await }));
        Replica {
            service,
            board,
            crew,
            body,
            _stop: sender,
        }
    }

    /// A stage under a configuration of this name.
    fn posting(&self, stage: &str, name: &str) -> Posting {
        let (log, name) = (self.log.clone(), name.to_owned());
        Posting {
            key: key(stage),
            source: name.clone(),
            fingerprint: Digest::of(name.as_bytes()),
            rhythm: Rhythm {
                interval: None,
                ..Rhythm::default()
            },
            paused: false,
            make: Arc::new(move |desk| Box::new(Slow::new(name.clone(), log.clone(), desk))),
        }
    }

    /// Stages of these names.
    fn postings(&self, stages: std::ops::Range<usize>) -> Vec<Posting> {
        stages
            .map(|stage| self.posting(&format!("s{stage}"), "a"))
            .collect()
    }
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// Everything in one thread, whose clock stands still where anybody is at work.
async fn local(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn no_lock_of_the_muster_is_held_while_stages_are_looked_at() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(3).await;
        let asked = AtomicUsize::new(0);
        one.service.changed(&[key("dev")].into(), |_report| {
            // Somebody else may make something known meanwhile, and waits for nobody.
            let (said, heard) = std::sync::mpsc::channel();
            let crew = one.crew.clone();
            std::thread::spawn(move || {
                crew.wish_pause(&key("other"), true);
                said.send(())
            });
            let limit = Duration::from_secs(20);
            assert!(
                heard.recv_timeout(limit).is_ok(),
                "it waits for a lock that is held here"
            );
            asked.fetch_add(1, Ordering::AcqRel);
            false
        });
        assert_eq!(asked.into_inner(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_comes_back_during_its_pass_waits_for_the_end_of_that() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(3).await;
        assert_eq!(stand.log.names(), ["a"]);
        for name in ["b", "c"] {
            assert_eq!(one.service.apply(Vec::new()).removed, [key("dev")].into());
            seconds(1).await;
            let changes = one.service.apply(vec![stand.posting("dev", name)]);
            assert_eq!(changes.added, [key("dev")].into());
        }
        seconds(30).await;
        assert_eq!(
            stand.log.names(),
            ["a", "c"],
            "one after the other, and none of what was superseded"
        );
        let report = one.report("dev");
        assert_eq!((&*report.source, &report.running), ("c", &None));
        assert_eq!(stand.log.made.load(Ordering::Acquire), 1);
        one.service.apply(Vec::new());
        seconds(1).await;
        assert!(one.board.stage(&key("dev")).is_none());
        assert!(one.service.seats().leaving.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_superseded_before_it_begins_makes_no_pass() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(5).await;
        one.service.apply(vec![stand.posting("dev", "wrong")]);
        seconds(1).await;
        one.service.apply(vec![stand.posting("dev", "right")]);
        seconds(60).await;
        assert_eq!(stand.log.names(), ["a", "right"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_pass_has_found_outlives_another_configuration() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(5).await;
        assert!(one.report("dev").running.is_some());
        let paused = Posting {
            paused: true,
            ..stand.posting("dev", "b")
        };
        one.service.apply(vec![paused]);
        seconds(30).await;
        let report = one.report("dev");
        assert_eq!(report.running, None);
        assert_eq!(report.last.as_ref().map(|last| last.number), Some(1));
        assert_eq!((report.standing, report.paused), (Standing::Converged, true));
        assert_eq!(stand.log.names(), ["a"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stage_is_on_the_board_as_soon_as_the_configuration_names_it() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 4);
        one.service.apply(stand.postings(0..5));
        assert_eq!(one.board.stages().len(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whose_pass_is_awaited_is_told() {
    local(async {
        let stand = Stand::default();
        let other = stand.replica("other", 4);
        other.crew.carries([key("dev")].into());
        seconds(3).await;
        let claim = other
            .crew
            .claim(&key("dev"), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        other.crew.carries(BTreeSet::new());
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(10).await;
        let report = one.report("dev");
        assert_eq!(
            (report.standing, report.holder.as_deref()),
            (Standing::Elsewhere, Some("other"))
        );
        assert_eq!(stand.log.names(), [""; 0]);
        // Nor can it be found out for a while: that is told once.
        stand.objects.cut("passes/");
        seconds(20).await;
        assert_eq!(one.report("dev").standing, Standing::Refused);
        let told = stand.log.told.lock().unwrap().clone();
        assert!(told.len() == 1 && told[0].contains("passes/shop/dev"), "{told:?}");
        stand.objects.heal();
        other.crew.done(claim, None, Timestamp::UNIX_EPOCH).await.unwrap();
        seconds(20).await;
        assert_eq!(stand.log.names(), ["a"]);
        assert_eq!(one.report("dev").standing, Standing::Converged);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_store_brings_no_pass_and_forgets_nothing() {
    local(async {
        let stand = Stand::default();
        stand.log.ends(End::RolledBack, Some("p"));
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(20).await;
        assert_eq!(stand.log.names().len(), 1);
        stand.objects.cut("");
        seconds(15).await;
        assert!(!one.crew.mustered().is_mine(&key("dev")));
        stand.objects.heal();
        seconds(20).await;
        assert!(one.crew.mustered().is_mine(&key("dev")));
        assert_eq!(stand.log.names().len(), 1, "nothing has changed");
        assert_eq!(one.report("dev").failures, 1);
        one.service.wake("shop").unwrap();
        seconds(20).await;
        let turn = stand.log.last();
        assert_eq!((turn.number, turn.spared), (2, Some(Digest::of(b"p"))));
        // Where somebody else was at it, it is looked at anew.
        stand.objects.cut("");
        seconds(15).await;
        let other = stand.replica("other", 4);
        stand.objects.heal();
        one.crew.carries(BTreeSet::new());
        other.crew.carries([key("dev")].into());
        seconds(5).await;
        let claim = other
            .crew
            .claim(&key("dev"), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        other.crew.done(claim, None, Timestamp::UNIX_EPOCH).await.unwrap();
        other.die();
        one.crew.carries([key("dev")].into());
        seconds(30).await;
        let turn = stand.log.last();
        assert_eq!((stand.log.names().len(), turn.number), (3, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_leaves_alone_what_was_taken_back() {
    local(async {
        let stand = Stand::default();
        stand.log.ends(End::RolledBack, Some("p"));
        let one = stand.replica("a", 4);
        one.service.apply(vec![stand.posting("dev", "a")]);
        seconds(20).await;
        one.die();
        let other = stand.replica("b", 4);
        other.service.apply(vec![stand.posting("dev", "b")]);
        seconds(40).await;
        assert_eq!(stand.log.names(), ["a", "b"]);
        assert_eq!(stand.log.last().spared, Some(Digest::of(b"p")));
        // Unless somebody asks.
        other.service.reconcile(&key("dev")).unwrap();
        seconds(20).await;
        assert_eq!(stand.log.last().spared, None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_others_have_changed_is_said_by_who_carries_the_stage_alone() {
    local(async {
        let stand = Stand::default();
        stand.log.ends(End::Reported, None);
        let one = stand.replica("a", 9);
        seconds(3).await;
        one.service.apply(stand.postings(0..8));
        seconds(30).await;
        let drifts = |replica: &Replica| {
            let reports = replica.board.stages();
            reports.iter().filter(|report| !report.drift.is_empty()).count()
        };
        assert_eq!(drifts(&one), 8);
        let other = stand.replica("b", 9);
        other.service.apply(stand.postings(0..8));
        seconds(60).await;
        assert!(drifts(&one) < 8 && drifts(&other) > 0);
        assert_eq!(drifts(&one) + drifts(&other), 8);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_says_whether_it_is_a_persons() {
    local(async {
        let stand = Stand::default();
        let (one, other) = (stand.replica("a", 9), stand.replica("b", 9));
        seconds(3).await;
        for replica in [&one, &other] {
            replica.service.apply(stand.postings(0..8));
        }
        seconds(60).await;
        let theirs = |key: &StageKey| other.crew.mustered().is_mine(key);
        let theirs = (0..8)
            .map(|stage| key(&format!("s{stage}")))
            .find(theirs)
            .unwrap();
        let before = stand.log.names().len();
        one.service.wake("shop").unwrap();
        seconds(30).await;
        let turns: Vec<_> = stand.log.turns.lock().unwrap()[before..].to_vec();
        assert_eq!(turns.len(), 8);
        assert!(
            turns
                .iter()
                .all(|(_, turn)| turn.because == [Wake::Changed].into()),
            "{turns:?}"
        );
        one.service.reconcile(&theirs).unwrap();
        seconds(30).await;
        assert_eq!(stand.log.names().len(), before + 9);
        assert_eq!(stand.log.last().because, [Wake::Asked].into());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn only_who_carries_a_stage_has_something_that_makes_its_passes() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 9);
        seconds(3).await;
        one.service.apply(stand.postings(0..8));
        seconds(30).await;
        let made = || stand.log.made.load(Ordering::Acquire);
        assert_eq!(made(), 8);
        let other = stand.replica("b", 9);
        seconds(3).await;
        other.service.apply(stand.postings(0..8));
        seconds(60).await;
        assert_eq!(made(), 8, "one for each stage, whoever carries it");
        for stage in 0..8 {
            one.service.pause(&key(&format!("s{stage}")), true).unwrap();
        }
        seconds(10).await;
        assert_eq!(made(), 0, "what is paused is not followed");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_no_longer_is_not_counted() {
    local(async {
        let stand = Stand::default();
        let one = stand.replica("a", 1);
        one.service.apply(stand.postings(0..3));
        seconds(5).await;
        assert_eq!(one.service.waiting(), 2);
        one.service.apply(stand.postings(0..1));
        seconds(1).await;
        assert_eq!(one.service.waiting(), 0);
    })
    .await;
}
