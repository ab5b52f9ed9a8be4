use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grail_state::Digest;
use jiff::Timestamp;

use super::*;
use crate::watch::Rhythm;

const S: Duration = Duration::from_secs(1);

/// A pass that takes its time and ends as it is told; after the last word, well.
struct Scripted {
    takes: Duration,
    ends: VecDeque<End>,
    bell: Bell,
    /// How often files change while the pass of this number runs.
    edits: (u64, u32),
}

#[async_trait(?Send)]
impl Pass for Scripted {
    async fn run(&mut self, turn: &Turn, mut stop: StopSignal) -> PassOutcome {
        let end = self.ends.pop_front().unwrap_or(End::Converged { changed: false });
        let work = async {
            if self.edits.0 == turn.number {
                for _ in 0..self.edits.1 {
                    self.bell.changed(None);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            tokio::time::sleep(self.takes).await;
        };
        let end = tokio::select! {
            () = work => end,
            _why = stop.stopped() => End::Stopped { open: true },
        };
        PassOutcome {
            end,
            goal: Some(Digest::of(b"g")),
            plan: None,
        }
    }
}

/// When a pass began, and what woke it.
type Begun = (u64, Vec<Wake>);

/// Notes when passes begin, and ends the loop after so many.
#[derive(Clone)]
struct Notes {
    zero: tokio::time::Instant,
    began: Arc<Mutex<Vec<Begun>>>,
    pauses: Arc<Mutex<Vec<Pause>>>,
    enough: usize,
}

impl Notes {
    fn until(enough: usize) -> Self {
        Self {
            zero: tokio::time::Instant::now(),
            began: Arc::default(),
            pauses: Arc::default(),
            enough,
        }
    }

    /// Begins of passes in milliseconds, with their reasons.
    fn began(&self) -> Vec<(u64, Vec<Wake>)> {
        self.began.lock().unwrap().clone()
    }
}

impl Onlooker for Notes {
    fn began(&mut self, turn: &Turn) {
        let at = u64::try_from(self.zero.elapsed().as_millis()).unwrap();
        self.began
            .lock()
            .unwrap()
            .push((at, turn.because.iter().copied().collect()));
    }

    fn ended(&mut self, _turn: &Turn, _outcome: &PassOutcome, _took: Duration) -> ControlFlow<()> {
        match self.began.lock().unwrap().len() >= self.enough {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pauses(&mut self, pause: &Pause) {
        self.pauses.lock().unwrap().push(*pause);
    }
}

fn rhythm() -> Rhythm {
    Rhythm {
        jitter: 0.0,
        ..Rhythm::default()
    }
}

fn stage(rhythm: Rhythm, bell: &Bell) -> StageLoop {
    let agenda = Agenda::new(rhythm, 7, Duration::ZERO);
    StageLoop::new(agenda, bell.clone(), Clock::starting_at(Timestamp::UNIX_EPOCH))
}

fn scripted(bell: &Bell, takes: Duration, ends: &[End]) -> Scripted {
    Scripted {
        takes,
        ends: ends.iter().copied().collect(),
        bell: bell.clone(),
        edits: (0, 0),
    }
}

#[tokio::test(start_paused = true)]
async fn the_timer_alone_makes_pass_after_pass() {
    let bell = Bell::default();
    let (mut pass, mut notes) = (scripted(&bell, S, &[]), Notes::until(3));
    stage(rhythm(), &bell)
        .run(&mut pass, &mut notes, StopSignal::never())
        .await;
    let timer = vec![Wake::Timer];
    assert_eq!(
        notes.began(),
        [
            (0, vec![Wake::Started]),
            (301_000, timer.clone()),
            (602_000, timer)
        ]
    );
    let pause = Pause {
        next: Some(300 * S),
        wake: Some(Wake::Timer),
        failures: 0,
    };
    assert_eq!(*notes.pauses.lock().unwrap(), [pause, pause]);
}

#[tokio::test(start_paused = true)]
async fn several_edits_during_a_pass_are_one_more() {
    let bell = Bell::default();
    let (mut pass, mut notes) = (scripted(&bell, S, &[]), Notes::until(3));
    pass.edits = (1, 5);
    stage(rhythm(), &bell)
        .run(&mut pass, &mut notes, StopSignal::never())
        .await;
    assert_eq!(
        notes.began(),
        [
            (0, vec![Wake::Started]),
            (2_000, vec![Wake::Changed]),
            (303_000, vec![Wake::Timer])
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_between_passes_is_acted_on_after_the_quiet_time() {
    let bell = Bell::default();
    let (mut pass, mut notes) = (scripted(&bell, S, &[]), Notes::until(2));
    let editor = async {
        tokio::time::sleep(10 * S).await;
        bell.changed(None);
        tokio::time::sleep(Duration::from_millis(20)).await;
        bell.changed(None);
    };
    let mut stage = stage(rhythm(), &bell);
    tokio::join!(stage.run(&mut pass, &mut notes, StopSignal::never()), editor);
    assert_eq!(notes.began()[1], (10_070, vec![Wake::Changed]));
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_a_request_ends_the_wait() {
    let bell = Bell::default();
    let ends = [
        End::Locked,
        End::Open,
        End::Stuck,
        End::Refused { lasting: false },
    ];
    let (mut pass, mut notes) = (scripted(&bell, Duration::ZERO, &ends), Notes::until(5));
    let person = async {
        tokio::time::sleep(Duration::from_millis(8_500)).await;
        bell.ask();
    };
    let mut stage = stage(rhythm(), &bell);
    tokio::join!(stage.run(&mut pass, &mut notes, StopSignal::never()), person);
    let at: Vec<_> = notes.began().into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [0, 1_000, 3_000, 7_000, 8_500]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_passes_ends_it_at_once_and_during_one_is_awaited() {
    let bell = Bell::default();
    for (after, end) in [
        (Duration::from_millis(500), End::Stopped { open: true }),
        (60 * S, End::Converged { changed: false }),
    ] {
        let (mut pass, mut notes) = (scripted(&bell, S, &[]), Notes::until(9));
        let (sender, stop) = StopSignal::new();
        let mut stage = stage(rhythm(), &bell);
        let stopping = async {
            tokio::time::sleep(after).await;
            sender.send(Some("stopped by a test".to_owned())).unwrap();
        };
        let (last, ()) = tokio::join!(stage.run(&mut pass, &mut notes, stop), stopping);
        assert_eq!(last.map(|last| last.end), Some(end));
        assert_eq!(notes.began().len(), 1);
        assert_eq!(notes.zero.elapsed(), after, "nothing was waited for");
    }
}
