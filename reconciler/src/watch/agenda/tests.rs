use super::*;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

fn rhythm() -> Rhythm {
    Rhythm {
        interval: Some(300 * S),
        jitter: 0.0,
        ..Rhythm::default()
    }
}

fn agenda() -> Agenda {
    Agenda::new(rhythm(), 7, Duration::ZERO)
}

fn outcome(end: End, goal: &str, plan: &str) -> PassOutcome {
    let digest = |text: &str| (!text.is_empty()).then(|| Digest::of(text.as_bytes()));
    PassOutcome {
        end,
        goal: digest(goal),
        plan: digest(plan),
    }
}

fn fine() -> PassOutcome {
    outcome(End::Converged { changed: true }, "g", "p")
}

/// A stage whose first pass went well and ended at `now`.
fn settled(now: Time) -> Agenda {
    let mut agenda = agenda();
    agenda.begin(Duration::ZERO);
    agenda.ended(now, &fine());
    agenda
}

fn reasons(turn: &Turn) -> Vec<Wake> {
    turn.because.iter().copied().collect()
}

#[test]
fn the_first_pass_is_due_at_once_and_the_next_after_the_interval() {
    let mut agenda = agenda();
    assert_eq!(
        (agenda.due(), agenda.awaited()),
        (Some(Duration::ZERO), Some(Wake::Asked))
    );
    let turn = agenda.begin(Duration::ZERO);
    assert_eq!((turn.number, reasons(&turn)), (1, vec![Wake::Started]));
    assert_eq!(agenda.due(), None, "one at a time");
    agenda.ended(2 * S, &fine());
    assert_eq!(
        (agenda.due(), agenda.awaited()),
        (Some(302 * S), Some(Wake::Timer))
    );
    let turn = agenda.begin(302 * S);
    assert_eq!((turn.number, reasons(&turn)), (2, vec![Wake::Timer]));
}

#[test]
fn without_a_timer_only_a_wake_brings_a_pass() {
    let still = Rhythm {
        interval: None,
        ..rhythm()
    };
    let mut agenda = Agenda::new(still, 7, Duration::ZERO);
    agenda.begin(Duration::ZERO);
    agenda.ended(S, &fine());
    assert_eq!((agenda.due(), agenda.awaited()), (None, None));
    agenda.ask(9 * S);
    assert_eq!(agenda.due(), Some(9 * S));
}

#[test]
fn changes_wait_for_a_quiet_moment_and_are_one_pass() {
    let mut agenda = settled(S);
    for at in [0, 30, 60, 90] {
        agenda.changed(10 * S + at * MS, [PathBuf::from(format!("{at}.py"))]);
    }
    assert_eq!(
        (agenda.due(), agenda.awaited()),
        (Some(10 * S + 140 * MS), Some(Wake::Changed))
    );
    let turn = agenda.begin(10 * S + 143 * MS);
    assert_eq!((reasons(&turn), turn.files.len()), (vec![Wake::Changed], 4));
    assert_eq!(turn.late, 3 * MS, "since the quiet time was over");
    agenda.ended(11 * S, &fine());
    assert_eq!(agenda.awaited(), Some(Wake::Timer), "none of them is left over");
}

#[test]
fn a_storm_of_changes_is_cut_off() {
    let mut agenda = settled(S);
    let mut now = 10 * S;
    while agenda.due().unwrap() > now {
        agenda.changed(now, [PathBuf::from("a.py")]);
        now += 10 * MS;
    }
    assert_eq!(
        now,
        12 * S,
        "after the longest unrest, though files go on changing"
    );
}

#[test]
fn a_wish_of_which_nothing_came_is_the_next_passs_too() {
    let mut agenda = agenda().sparing(Some(Digest::of(b"p")));
    let turn = agenda.begin(Duration::ZERO);
    assert_eq!(
        turn.spared,
        Some(Digest::of(b"p")),
        "also by one who has just come"
    );
    agenda.ended(S, &outcome(End::Spared, "g", "p"));
    agenda.ask(2 * S);
    assert_eq!(agenda.begin(2 * S).spared, None);
    for end in [End::Locked, End::Refused { lasting: false }] {
        agenda.ended(3 * S, &outcome(end, "", ""));
        let due = agenda.due().unwrap();
        assert!(due > 3 * S, "it is not hurried");
        let turn = agenda.begin(due);
        assert_eq!(reasons(&turn), [Wake::Asked, Wake::Retry]);
        assert_eq!(turn.spared, None, "{end:?}");
    }
    // It was planned, and so looked at anew: that was what was asked for.
    agenda.ended(3 * S, &outcome(End::Refused { lasting: false }, "g", "p"));
    let due = agenda.due().unwrap();
    let turn = agenda.begin(due);
    assert_eq!(reasons(&turn), [Wake::Retry]);
    assert_eq!(turn.spared, Some(Digest::of(b"p")));
}

#[test]
fn all_that_comes_during_a_pass_is_one_more() {
    let mut agenda = settled(S);
    agenda.ask(5 * S);
    agenda.begin(5 * S);
    for at in [100, 400, 700] {
        agenda.changed(5 * S + at * MS, [PathBuf::from("app.py")]);
    }
    agenda.ask(6 * S);
    agenda.ask(7 * S);
    assert_eq!(agenda.due(), None);
    agenda.ended(8 * S, &fine());
    assert_eq!(agenda.due(), Some(5 * S + 750 * MS), "quiet since long");
    let turn = agenda.begin(8 * S);
    assert_eq!(reasons(&turn), [Wake::Changed, Wake::Asked]);
    agenda.ended(9 * S, &fine());
    assert_eq!(agenda.awaited(), Some(Wake::Timer));
}

#[test]
fn a_change_right_at_the_end_of_a_pass_still_waits_for_its_quiet_moment() {
    let mut agenda = settled(S);
    agenda.ask(5 * S);
    agenda.begin(5 * S);
    agenda.changed(6 * S - 10 * MS, []);
    agenda.ended(6 * S, &fine());
    assert_eq!(agenda.due(), Some(6 * S + 40 * MS));
}

#[test]
fn failures_are_tried_again_ever_later_up_to_a_bound() {
    let passing = [
        End::Refused { lasting: false },
        End::Open,
        End::Stuck,
        End::Locked,
    ];
    for end in passing {
        let mut agenda = agenda();
        let (mut now, mut pauses) = (Duration::ZERO, Vec::new());
        for _ in 0..12 {
            let turn = agenda.begin(now);
            assert!(turn.number == 1 || reasons(&turn) == [Wake::Retry], "{turn:?}");
            agenda.ended(now, &outcome(end, "g", ""));
            let due = agenda.due().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(
            pauses,
            [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300],
            "{end:?}"
        );
        agenda.begin(now);
        agenda.ended(now, &fine());
        assert_eq!((agenda.failures(), agenda.awaited()), (0, Some(Wake::Timer)));
    }
}

#[test]
fn another_goal_begins_anew_and_the_same_one_does_not() {
    let mut agenda = agenda();
    let fail = |agenda: &mut Agenda, goal: &str| {
        agenda.ask(S);
        agenda.begin(S);
        agenda.ended(S, &outcome(End::Refused { lasting: false }, goal, ""));
        (agenda.due().unwrap() - S).as_secs()
    };
    assert_eq!([fail(&mut agenda, "a"), fail(&mut agenda, "a")], [1, 2]);
    // What could not be read says nothing of the goal.
    assert_eq!([fail(&mut agenda, ""), fail(&mut agenda, "a")], [4, 8]);
    assert_eq!([fail(&mut agenda, "b"), fail(&mut agenda, "b")], [1, 2]);
}

#[test]
fn a_change_does_not_wait_for_a_retry_and_the_timer_does() {
    let hurried = Rhythm {
        interval: Some(S),
        ..rhythm()
    };
    let mut agenda = Agenda::new(hurried, 7, Duration::ZERO);
    for now in [0, 1, 3] {
        agenda.begin(now * S);
        agenda.ended(now * S, &outcome(End::Stuck, "g", "p"));
    }
    assert_eq!((agenda.due(), agenda.awaited()), (Some(7 * S), Some(Wake::Retry)));
    agenda.changed(4 * S, []);
    assert_eq!(agenda.due(), Some(4 * S + 50 * MS));
}

#[test]
fn what_lasts_waits_for_a_change_or_the_timer() {
    let mut agenda = agenda();
    agenda.begin(Duration::ZERO);
    agenda.ended(S, &outcome(End::Refused { lasting: true }, "", ""));
    assert_eq!(
        (agenda.due(), agenda.awaited()),
        (Some(301 * S), Some(Wake::Timer))
    );
}

#[test]
fn a_plan_that_was_taken_back_is_spared_until_all_is_well_or_somebody_asks() {
    let mut agenda = agenda();
    let plan = |text: &str| Some(Digest::of(text.as_bytes()));
    assert_eq!(agenda.begin(Duration::ZERO).spared, None);
    agenda.ended(S, &outcome(End::RolledBack, "g", "p"));
    assert_eq!(
        agenda.awaited(),
        Some(Wake::Timer),
        "it is not tried again by itself"
    );
    // A look by the timer: the same plan, and nothing is done. However often.
    for now in [301, 601] {
        assert_eq!(agenda.begin(now * S).spared, plan("p"));
        agenda.ended(now * S, &outcome(End::Spared, "g", "p"));
        assert_eq!(agenda.awaited(), Some(Wake::Timer));
    }
    // What could not be looked at changes nothing about it.
    agenda.begin(901 * S);
    agenda.ended(901 * S, &outcome(End::Refused { lasting: false }, "", ""));
    assert_eq!(agenda.begin(902 * S).spared, plan("p"));
    // The world is another: tried, and taken back again.
    agenda.ended(903 * S, &outcome(End::RolledBack, "g", "q"));
    agenda.changed(904 * S, []);
    assert_eq!(agenda.begin(905 * S).spared, plan("q"));
    agenda.ended(906 * S, &outcome(End::Spared, "g", "q"));
    agenda.ask(907 * S);
    assert_eq!(agenda.begin(907 * S).spared, None, "who asks may know better");
    agenda.ended(908 * S, &outcome(End::RolledBack, "g", "q"));
    agenda.ask(909 * S);
    agenda.begin(909 * S);
    agenda.ended(910 * S, &fine());
    assert_eq!(agenda.begin(1211 * S).spared, None);
}

#[test]
fn jitter_stays_within_its_share_and_follows_from_the_seed() {
    let due = |seed: u64| {
        let rhythm = Rhythm {
            jitter: 0.1,
            ..rhythm()
        };
        let mut agenda = Agenda::new(rhythm, seed, Duration::ZERO);
        agenda.begin(Duration::ZERO);
        agenda.ended(Duration::ZERO, &fine());
        agenda.due().unwrap()
    };
    let all: Vec<_> = (0..200).map(due).collect();
    assert!(all.iter().all(|due| (270 * S..=330 * S).contains(due)), "{all:?}");
    let spread: BTreeSet<_> = all.iter().map(|due| due.as_secs() / 6).collect();
    assert!(spread.len() >= 9, "stages look at the same time: {spread:?}");
    assert_eq!(due(3), due(3));
}

/// Every order of six events, each at any of three times after the one before, against the rules in their shortest form.
#[test]
fn every_order_of_events_keeps_the_rules() {
    const EVENTS: [&str; 4] = ["change", "ask", "end well", "end badly"];
    const GAPS: [Duration; 3] = [MS, Duration::from_millis(60), Duration::from_secs(400)];
    let choices = EVENTS.len() * GAPS.len();
    let mut cases = 0_u32;
    for number in 0..choices.pow(5) {
        let (mut left, mut now) = (number, Duration::ZERO);
        let mut agenda = agenda();
        let (mut running, mut owed, mut changed) = (false, true, None::<(Time, Time)>);
        for _ in 0..5 {
            let (event, gap) = (EVENTS[left % 4], GAPS[left / 4 % 3]);
            left /= choices;
            let until = now + gap;
            // What is due in between begins, at its time.
            while let Some(due) = agenda.due().filter(|due| *due <= until) {
                now = now.max(due);
                assert!(!running, "two passes at a time");
                let turn = agenda.begin(now);
                assert!(!turn.because.is_empty(), "a pass for no reason");
                if let Some((first, last)) = changed.take() {
                    let quiet = now >= last + 50 * MS || now >= first + 2 * S;
                    assert!(quiet || owed || !turn.because.is_disjoint(&[Wake::Timer, Wake::Retry].into()));
                    assert!(turn.because.contains(&Wake::Changed));
                }
                (running, owed) = (true, false);
            }
            now = until;
            match event {
                "change" => {
                    agenda.changed(now, []);
                    changed = Some((changed.map_or(now, |(first, _)| first), now));
                }
                "ask" => {
                    agenda.ask(now);
                    owed = true;
                }
                end if running => {
                    let end = match end {
                        "end well" => End::Converged { changed: false },
                        _ => End::Locked,
                    };
                    agenda.ended(now, &outcome(end, "g", ""));
                    running = false;
                }
                _ => {}
            }
            assert_eq!(agenda.due().is_none(), running, "a stage that nothing wakes");
            let soon = agenda.due().is_some_and(|due| due <= now + 60 * MS);
            assert!(running || soon || (!owed && changed.is_none()), "a wake was lost");
        }
        cases += 1;
    }
    assert_eq!(cases, 248_832);
}
