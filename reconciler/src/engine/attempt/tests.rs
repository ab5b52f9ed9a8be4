use std::collections::BTreeMap;
use std::time::Duration;

use grail_providers::fake::{Cloud, Physics, catalog};
use grail_providers::port::{Catalog, RuleBook};
use grail_state::{Digest, Digester, Kind, Proof};
use serde_json::json;

use super::*;

const SOON: Duration = Duration::from_millis(10);

fn book() -> Catalog {
    catalog(
        &Cloud::new(Physics::default()),
        &std::sync::Arc::new(Digester::new([1; 32])),
    )
}

fn rules(book: &Catalog) -> &dyn Rules {
    book.rules(&Kind::new("log_group")).unwrap()
}

fn group(days: u32) -> Value {
    json!({"name": "g", "retention_days": days})
}

fn remote(days: u32, proof: Proof) -> Remote {
    Remote {
        handle: Handle("g".into()),
        spec: group(days),
        outputs: BTreeMap::new(),
        proof,
        additions: Vec::new(),
    }
}

fn there(days: u32) -> Result<Observed, Failure> {
    Ok(Observed::Present(remote(days, Proof::Ours)))
}

fn token() -> StepToken {
    StepToken(Digest::of(b"attempt").0)
}

fn create() -> Call {
    Call::Create {
        spec: group(7),
        token: token(),
        first: false,
    }
}

fn attempt(target: Target, refusals: u32) -> Attempt {
    let claim = Claim {
        tokens: BTreeSet::from([token()]),
        form: Some(group(7)),
        ..Claim::default()
    };
    let patience = Patience {
        attempts: 3,
        refusals,
    };
    Attempt::looking(target, Look::default(), claim, patience)
}

fn wish() -> Target {
    Target::Be(Wish {
        form: group(7),
        token: token(),
        only: None,
        may_replace: false,
        lost: Vec::new(),
    })
}

fn waits_until(step: &Move) -> Time {
    match step {
        Move::Wait { until, .. } => *until,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_by_looking() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    assert_eq!(attempt.woke(), Move::Call(create()));
    let lost = Err(Failure::maybe("cut", SOON));
    assert!(matches!(
        attempt.answered(lost, rules(&book), &limits, SOON),
        Move::Look(_)
    ));
    let settled = attempt.seen(there(7), rules(&book), &limits, SOON);
    assert_eq!(settled, Move::Settled(Some(remote(7, Proof::Ours))));
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_what_was_sent_without_an_answer_is_believed_late() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    attempt.woke();
    attempt.answered(Err(Failure::maybe("cut", SOON)), rules(&book), &limits, SOON);
    let early = attempt.seen(Ok(Observed::Absent), rules(&book), &limits, SOON);
    let late = waits_until(&early);
    assert_eq!(late, SOON + limits.late + limits.grace);
    assert!(matches!(attempt.woke(), Move::Look(_)));
    waits_until(&attempt.seen(Ok(Observed::Absent), rules(&book), &limits, late));
    assert_eq!(
        attempt.woke(),
        Move::Call(create()),
        "the same call with the same token"
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_first_call_of_a_birth_need_not_look_for_what_an_earlier_one_made() {
    let is_first = |step: &Move| match step {
        Move::Call(Call::Create { first, .. }) => *first,
        other => panic!("{other:?}"),
    };
    let birth = || Call::Create {
        spec: group(7),
        token: token(),
        first: true,
    };
    let (book, limits) = (book(), Limits::default());
    // After a refusal that had no effect the same call is made again; after doubt a new one.
    let refused = Failure::later("throttled", SOON);
    for failure in [refused, Failure::maybe("500", SOON).answered()] {
        let mut attempt = attempt(wish(), 0).calling(birth());
        assert!(is_first(&attempt.woke()));
        let mut step = attempt.answered(Err(failure), rules(&book), &limits, SOON);
        while !matches!(step, Move::Call(_)) {
            step = match step {
                Move::Look(_) => attempt.seen(Ok(Observed::Absent), rules(&book), &limits, 2 * limits.grace),
                _ => attempt.woke(),
            };
        }
        assert!(!is_first(&step));
    }
    let mut looked = attempt(wish(), 0);
    looked.woke();
    let step = looked.seen(Ok(Observed::Absent), rules(&book), &limits, SOON);
    assert!(!is_first(&step), "who looks first has a reason to");
}

#[tokio::test(start_paused = true)]
async fn calls_that_get_further_each_time_are_not_given_up_and_those_that_go_to_and_fro_are() {
    let (book, limits) = (book(), Limits::default());
    // Of three calls that may fail: how many are made while each look shows the next of these forms.
    let calls_while = |shown: &mut dyn Iterator<Item = u32>| {
        let mut attempt = attempt(wish(), 0).calling(create());
        let mut step = attempt.woke();
        for calls in 0_u32.. {
            let Move::Call(_) = step else { return (calls, step) };
            let mut now = SOON;
            let failed = Failure::maybe("500", SOON).answered();
            step = attempt.answered(Err(failed), rules(&book), &limits, now);
            while !matches!(step, Move::Call(_) | Move::Refused(_)) {
                step = match step {
                    Move::Look(_) => {
                        now += 2 * limits.grace;
                        attempt.seen(there(shown.next().unwrap()), rules(&book), &limits, now)
                    }
                    _ => attempt.woke(),
                };
            }
        }
        unreachable!()
    };
    let (in_vain, _) = calls_while(&mut std::iter::repeat(99));
    let (further, step) = calls_while(&mut (20..90).rev());
    assert!(in_vain == 3 && further > 3, "{in_vain} {further}");
    assert!(matches!(step, Move::Refused(_)));
    let (to_and_fro, step) = calls_while(&mut [20, 30].into_iter().cycle());
    assert_eq!(to_and_fro, further, "as often, and no more");
    assert!(matches!(step, Move::Refused(_)));
}

#[tokio::test(start_paused = true)]
async fn an_answered_error_waits_for_the_grace_only() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    attempt.woke();
    attempt.answered(
        Err(Failure::maybe("500", SOON).answered()),
        rules(&book),
        &limits,
        SOON,
    );
    let early = attempt.seen(Ok(Observed::Absent), rules(&book), &limits, SOON);
    assert_eq!(waits_until(&early), SOON + limits.grace);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_shows_less_than_was_written_is_looked_at_once_more() {
    let (book, limits) = (book(), Limits::default());
    let old = || Ok(Some(remote(30, Proof::Ours)));
    let mut attempt = attempt(wish(), 0).calling(create());
    attempt.woke();
    assert!(matches!(
        attempt.answered(old(), rules(&book), &limits, SOON),
        Move::Look(_)
    ));
    let early = attempt.seen(there(30), rules(&book), &limits, SOON);
    let late = waits_until(&early);
    assert_eq!(late, SOON + limits.grace);
    attempt.woke();
    // It was not the reading: it is brought to the wish, and what the answer to that shows is believed.
    let Move::Call(update) = attempt.seen(there(30), rules(&book), &limits, late) else {
        panic!("no call");
    };
    assert_eq!(update.verb(), "update");
    let settled = attempt.answered(old(), rules(&book), &limits, late);
    assert_eq!(settled, Move::Settled(Some(remote(30, Proof::Ours))));
}

/// The new one cannot be read yet, and by its name the old one is found, which is just like it.
#[tokio::test(start_paused = true)]
async fn what_bears_another_mark_is_not_what_was_born() {
    let (book, limits) = (book(), Limits::default());
    let marked = |mark: &str| {
        let proof = Proof::Mark(StepToken(mark.to_owned()));
        Ok(Observed::Present(remote(7, proof)))
    };
    let mut attempt = attempt(wish(), 0).calling(create());
    attempt.woke();
    let broken = Failure::maybe("500", SOON).answered();
    attempt.answered(Err(broken), rules(&book), &limits, SOON);
    let early = attempt.seen(marked("another"), rules(&book), &limits, SOON);
    let late = waits_until(&early);
    assert_eq!(late, SOON + limits.grace);
    attempt.woke();
    let ours = attempt.seen(marked(&token().0), rules(&book), &limits, late);
    assert_eq!(ours, Move::Settled(Some(remote(7, Proof::Mark(token())))));
}

#[tokio::test(start_paused = true)]
async fn partial_work_becomes_an_update() {
    let (book, limits) = (book(), Limits::loopback());
    let mut attempt = attempt(wish(), 0).calling(create());
    attempt.woke();
    attempt.answered(
        Err(Failure::maybe("500", SOON).answered()),
        rules(&book),
        &limits,
        SOON,
    );
    attempt.seen(there(3), rules(&book), &limits, SOON);
    let Move::Call(Call::Update { diff, .. }) = attempt.woke() else {
        panic!("no update");
    };
    assert!(diff.touches("retention_days"));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_another_thing_is_not_counted_and_has_its_own_end() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    let mut now = Time::ZERO;
    for _ in 0..100 {
        assert!(matches!(attempt.woke(), Move::Call(_)));
        let step = attempt.answered(
            Err(Failure::awaiting("not assumable", SOON, "the new role")),
            rules(&book),
            &limits,
            now,
        );
        now = waits_until(&step);
    }
    attempt.woke();
    let ended = attempt.answered(
        Err(Failure::awaiting("not assumable", SOON, "the new role")),
        rules(&book),
        &limits,
        limits.propagation,
    );
    assert!(
        matches!(&ended, Move::Refused(refusal) if refusal.why.contains("waited 900 s for the new role")),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ready_is_tried_soon_and_then_ever_later() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    let (mut now, mut pauses) = (Time::ZERO, Vec::new());
    let refused = loop {
        attempt.woke();
        let asked = Duration::from_millis(250);
        let failure = Failure::awaiting("not assumable", asked, "the new role");
        match attempt.answered(Err(failure), rules(&book), &limits, now) {
            Move::Wait { until, .. } => {
                pauses.push(until - now);
                now = until;
            }
            other => break other,
        }
    };
    assert!(matches!(refused, Move::Refused(_)), "{refused:?}");
    assert_eq!(pauses[0], Duration::from_millis(250));
    assert!(
        pauses.is_sorted() && *pauses.last().unwrap() == limits.probe,
        "{pauses:?}"
    );
    assert!(
        now >= limits.propagation && now <= limits.propagation + limits.probe,
        "{now:?}"
    );
    // Who asks for longer than we would wait by ourselves gets it.
    let asked = Duration::from_secs(30);
    assert_eq!(limits.probe_after(0, asked), asked);
    assert_eq!(limits.probe_after(40, asked), asked);
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_attempts_ends_with_the_last_cause() {
    let (book, limits) = (book(), Limits::default());
    let mut attempt = attempt(wish(), 0).calling(create());
    for last in [false, false, true] {
        attempt.woke();
        let step = attempt.answered(
            Err(Failure::later("too many requests", SOON)),
            rules(&book),
            &limits,
            SOON,
        );
        match step {
            Move::Wait { .. } => assert!(!last),
            Move::Refused(refusal) => assert!(last && refusal.why == "too many requests"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_on_the_way_there_and_tried_again_on_the_way_back() {
    let (book, limits) = (book(), Limits::default());
    for (refusals, tries) in [(0, 1), (5, 6)] {
        let mut attempt = attempt(wish(), refusals).calling(create());
        let mut calls = 0;
        let mut step = attempt.woke();
        loop {
            step = match step {
                Move::Call(_) => {
                    calls += 1;
                    attempt.answered(Err(Failure::refused("no")), rules(&book), &limits, SOON)
                }
                Move::Look(_) => attempt.seen(Ok(Observed::Absent), rules(&book), &limits, SOON),
                Move::Wait { .. } => attempt.woke(),
                Move::Refused(_) => break,
                Move::Settled(_) => panic!("settled"),
            };
        }
        assert_eq!(calls, tries);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_refused_where_it_stands_in_the_way_and_left_where_it_is_to_go() {
    let (book, limits) = (book(), Limits::default());
    let theirs = Proof::Theirs {
        owner: "other".into(),
    };
    let marked = Proof::Mark(StepToken("unknown".into()));
    for proof in [theirs, marked] {
        let seen = || Ok(Observed::Present(remote(7, proof.clone())));
        let refused = attempt(wish(), 0).seen(seen(), rules(&book), &limits, SOON);
        assert!(matches!(refused, Move::Refused(_)), "{refused:?}");
        let left = attempt(Target::NotBe, 0).seen(seen(), rules(&book), &limits, SOON);
        assert_eq!(left, Move::Settled(None));
    }
    let unmarked = || Ok(Observed::Present(remote(7, Proof::NameOnly)));
    assert!(matches!(
        attempt(wish(), 0).seen(unmarked(), rules(&book), &limits, SOON),
        Move::Settled(Some(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_a_broken_deletion_left_is_what_was_to_go_though_its_proof_went_first() {
    let (book, limits) = (book(), Limits::default());
    let (part, other) = (json!({"name": "g"}), json!({"name": "g", "retention_days": 1}));
    for (form, proof, goes) in [
        (part.clone(), Proof::NameOnly, true),
        (group(7), Proof::NameOnly, false),
        (other, Proof::NameOnly, false),
        (
            part,
            Proof::Theirs {
                owner: "other".into(),
            },
            false,
        ),
    ] {
        let claim = Claim {
            handles: BTreeSet::from([Handle("g".into())]),
            proof: Some(Proof::Ours),
            whole: Some(group(7)),
            ..Claim::default()
        };
        let patience = Patience {
            attempts: 3,
            refusals: 0,
        };
        let there = Remote {
            spec: form,
            ..remote(7, proof)
        };
        let mut attempt = Attempt::looking(Target::NotBe, Look::default(), claim, patience);
        let then = attempt.seen(Ok(Observed::Present(there.clone())), rules(&book), &limits, SOON);
        assert_eq!(matches!(then, Move::Call(_)), goes, "{there:?}");
    }
}
