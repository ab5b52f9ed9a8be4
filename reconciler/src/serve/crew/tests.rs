use proptest::prelude::*;

use super::testing::Objective;
use super::*;
use crate::engine::StopSignal;
use grail_state::store::object::{Condition, Found, ObjectError, Tag};
use jiff::Timestamp;

fn key(number: usize) -> StageKey {
    StageKey {
        project: format!("p{}", number % 7),
        stage: format!("s{number}"),
    }
}

fn keys(count: usize) -> BTreeSet<StageKey> {
    (0..count).map(key).collect()
}

/// A replica that runs until it is stopped, or dies when it is dropped.
struct Running {
    crew: Crew,
    stop: watch::Sender<Option<String>>,
    task: tokio::task::JoinHandle<()>,
}

fn begin(objects: &Arc<Objective>, me: &str, stages: usize) -> Running {
    let (crew, attending) = Crew::new(objects.clone(), "x/.serve/t", me, Timing::default());
    crew.carries(keys(stages));
    let (stop, stopped) = StopSignal::new();
    let task = tokio::spawn(attending.run(stopped));
    Running { crew, stop, task }
}

fn carried(replicas: &[&Running], stages: usize) -> Vec<usize> {
    let counts = |running: &&Running| {
        let muster = running.crew.muster();
        let muster = muster.borrow();
        keys(stages).iter().filter(|key| muster.is_mine(key)).count()
    };
    replicas.iter().map(counts).collect()
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn replicas_share_the_stages_and_take_over_those_of_the_dead() {
    let objects = Arc::new(Objective::default());
    let (a, b, c) = (
        begin(&objects, "a", 90),
        begin(&objects, "b", 90),
        begin(&objects, "c", 90),
    );
    seconds(5).await;
    let each = carried(&[&a, &b, &c], 90);
    assert_eq!(each.iter().sum::<usize>(), 90);
    assert!(each.iter().all(|count| *count > 15), "{each:?}");
    // Dies: within ten seconds its stages are the others', and theirs have not moved.
    let before: Vec<_> = keys(90)
        .into_iter()
        .filter(|key| a.crew.muster().borrow().is_mine(key))
        .collect();
    c.task.abort();
    seconds(10).await;
    assert_eq!(carried(&[&a, &b], 90).iter().sum::<usize>(), 90);
    assert!(before.iter().all(|key| a.crew.muster().borrow().is_mine(key)));
    // Leaves: at the next look.
    b.stop.send(Some("over".to_owned())).unwrap();
    b.task.await.unwrap();
    seconds(3).await;
    assert_eq!(carried(&[&a], 90), [90]);
    // What is long gone is cleared away.
    seconds(120).await;
    assert_eq!(objects.names(), ["x/.serve/t/replicas/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_stage_is_carried_by_one_whose_configuration_names_it() {
    let objects = Arc::new(Objective::default());
    let (a, b) = (begin(&objects, "a", 40), begin(&objects, "b", 10));
    seconds(5).await;
    let muster = a.crew.muster();
    assert!((10..40).all(|number| muster.borrow().is_mine(&key(number))));
    assert!((0..10).any(|number| !muster.borrow().is_mine(&key(number))));
    b.crew.carries(keys(40));
    seconds(3).await;
    assert!((10..40).any(|number| !muster.borrow().is_mine(&key(number))));
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_carries_nothing_and_comes_back() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 10);
    seconds(3).await;
    assert_eq!(carried(&[&a], 10), [10]);
    objects.cut("");
    seconds(20).await;
    assert_eq!(carried(&[&a], 10), [0]);
    assert!(matches!(
        a.crew.claim(&key(1), now()).await,
        Err(Unclaimed::Elsewhere(_))
    ));
    objects.heal();
    seconds(5).await;
    assert_eq!(carried(&[&a], 10), [10]);
}

#[tokio::test(start_paused = true)]
async fn of_two_who_believe_the_same_one_makes_the_pass() {
    let objects = Arc::new(Objective::default());
    // Each knows of itself only: both have just come.
    let (a, b) = (begin(&objects, "a", 1), begin(&objects, "b", 1));
    tokio::task::yield_now().await;
    for one in [&a, &b] {
        one.crew.know(|muster| {
            muster.there = [one.crew.me()]
                .map(|id| (id.to_owned(), Arc::new([key(0).to_string()].into())))
                .into();
        });
    }
    let stage = key(0);
    let (first, second) = tokio::join!(a.crew.claim(&stage, now()), b.crew.claim(&stage, now()));
    let (other, claim, refused) = match (first, second) {
        (Ok(claim), Err(refused)) => (&b, claim, refused),
        (Err(refused), Ok(claim)) => (&a, claim, refused),
        both => panic!("{both:?}"),
    };
    assert!(matches!(refused, Unclaimed::Elsewhere(_)), "{refused:?}");
    // As long as neither knows of the other, it asks after it.
    assert!(matches!(
        other.crew.claim(&stage, now()).await,
        Err(Unclaimed::Elsewhere(_))
    ));
    let who = if other.crew.me() == "a" { &b } else { &a };
    who.crew.done(claim, None, now()).await.unwrap();
    assert_eq!(other.crew.claim(&stage, now()).await.unwrap().number(), 2);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_settled_and_numbers_have_no_gap() {
    let objects = Arc::new(Objective::default());
    objects.change(|weather| weather.loses = 2);
    let a = begin(&objects, "a", 1);
    seconds(10).await;
    for number in 1..20 {
        let claim = a.crew.claim(&key(0), now()).await.unwrap();
        assert_eq!(claim.number(), number);
        a.crew.done(claim, None, now()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_of_a_stage_that_is_handed_over_waits_for_the_one_that_is_being_made() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 1);
    seconds(3).await;
    let at_once = |number| FirstPass::Now(Last { number, spared: None });
    assert_eq!(a.crew.first_pass(&key(0)).await.unwrap(), at_once(0));
    let claim = a.crew.claim(&key(0), now()).await.unwrap();
    let b = begin(&objects, "b", 1);
    seconds(3).await;
    let first = async || b.crew.first_pass(&key(0)).await.unwrap();
    assert_eq!(first().await, FirstPass::AfterThat("a".to_owned()));
    a.crew.done(claim, None, now()).await.unwrap();
    assert_eq!(first().await, at_once(1));
    let Ok(_claim) = a.crew.claim(&key(0), now()).await else {
        return assert!(b.crew.muster().borrow().is_mine(&key(0)), "it has moved to b");
    };
    a.task.abort();
    seconds(10).await;
    assert_eq!(first().await, at_once(2), "who was at it is gone");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_of_one_holds_for_all_and_outlives_them() {
    let objects = Arc::new(Objective::default());
    let (a, b) = (begin(&objects, "a", 2), begin(&objects, "b", 2));
    seconds(3).await;
    objects.cut("");
    a.crew.wish_pause(&key(0), true);
    a.crew.wish_pass(&key(1));
    assert!(
        a.crew.muster().borrow().is_paused(&key(0), false),
        "at once, here"
    );
    seconds(4).await;
    objects.heal();
    seconds(6).await;
    let muster = b.crew.muster();
    assert!(muster.borrow().is_paused(&key(0), false));
    assert!(!muster.borrow().is_paused(&key(1), false) && muster.borrow().is_paused(&key(1), true));
    assert_eq!(muster.borrow().wishes.asked[&key(1).to_string()], 1);
    drop((a.stop, b.stop));
    a.task.abort();
    b.task.abort();
    let c = begin(&objects, "c", 2);
    seconds(3).await;
    assert!(c.crew.muster().borrow().is_paused(&key(0), false));
    c.crew.wish_pause(&key(0), false);
    seconds(3).await;
    assert!(!c.crew.muster().borrow().is_paused(&key(0), true));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_is_known_to_who_takes_over() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 1);
    seconds(3).await;
    let spared = Some(grail_state::Digest::of(b"a plan"));
    let claim = a.crew.claim(&key(0), now()).await.unwrap();
    a.crew.done(claim, spared.clone(), now()).await.unwrap();
    // One who dies in a pass does not take it along.
    let _dies = a.crew.claim(&key(0), now()).await.unwrap();
    a.task.abort();
    let b = begin(&objects, "b", 1);
    seconds(10).await;
    let first = b.crew.first_pass(&key(0)).await.unwrap();
    assert_eq!(first, FirstPass::Now(Last { number: 2, spared }));
    let claim = b.crew.claim(&key(0), now()).await.unwrap();
    b.crew.done(claim, None, now()).await.unwrap();
    let first = b.crew.first_pass(&key(0)).await.unwrap();
    assert_eq!(
        first,
        FirstPass::Now(Last {
            number: 3,
            spared: None
        })
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_that_could_not_be_written_is_written_later() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 10);
    seconds(3).await;
    let mut claims = Vec::new();
    for number in 0..10 {
        claims.push(a.crew.claim(&key(number), now()).await.unwrap());
    }
    objects.cut("passes/");
    for claim in claims {
        a.crew.done(claim, None, now()).await.unwrap_err();
    }
    // The stages move to one that has come, as long as the other lives.
    let b = begin(&objects, "b", 10);
    seconds(5).await;
    let muster = b.crew.mustered();
    let moved: Vec<_> = (0..10).map(key).filter(|key| muster.is_mine(key)).collect();
    assert!(!moved.is_empty() && moved.len() < 10, "{}", moved.len());
    b.crew.first_pass(&moved[0]).await.unwrap_err();
    objects.heal();
    seconds(5).await;
    assert!(b.crew.mustered().is_there("a"));
    for key in &moved {
        let first = b.crew.first_pass(key).await.unwrap();
        assert!(matches!(first, FirstPass::Now(_)), "{key}: {first:?}");
        assert_eq!(b.crew.claim(key, now()).await.unwrap().number(), 2, "{key}");
    }
    assert_eq!(a.crew.inner.owed.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_owed_does_not_end_a_later_pass() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 1);
    seconds(3).await;
    let claim = a.crew.claim(&key(0), now()).await.unwrap();
    objects.cut("passes/");
    a.crew.done(claim, None, now()).await.unwrap_err();
    objects.heal();
    let second = a.crew.claim(&key(0), now()).await.unwrap();
    assert_eq!(second.number(), 2);
    seconds(5).await;
    let b = begin(&objects, "b", 1);
    seconds(3).await;
    let first = b.crew.first_pass(&key(0)).await.unwrap();
    assert_eq!(first, FirstPass::AfterThat("a".to_owned()));
    a.crew.done(second, None, now()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_wishes_keep_no_replica_from_beating_and_are_written_together() {
    let objects = Arc::new(Objective::default());
    let (a, b) = (begin(&objects, "a", 100), begin(&objects, "b", 100));
    seconds(5).await;
    objects.change(|weather| weather.slow = Duration::from_millis(150));
    let before = objects.puts("wishes");
    for number in (0..100).chain(0..100) {
        a.crew.wish_pass(&key(number));
        a.crew.wish_look(&key(number));
    }
    for _ in 0..60 {
        seconds(1).await;
        assert!(b.crew.mustered().is_there("a"), "it beats");
    }
    let wishes = &b.crew.mustered().wishes;
    assert_eq!((wishes.asked.len(), wishes.woken.len()), (100, 100));
    assert!(
        wishes
            .asked
            .values()
            .chain(wishes.woken.values())
            .all(|times| *times == 1)
    );
    assert_eq!(objects.puts("wishes"), before + 1);
}

#[tokio::test(start_paused = true)]
async fn wishes_of_an_outage_are_no_more_than_there_are_stages() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 3);
    seconds(3).await;
    objects.cut("");
    for number in 0..3000 {
        a.crew.wish_pass(&key(number % 3));
        a.crew.wish_pause(&key(number % 3), number % 2 == 0);
        if number % 100 == 0 {
            seconds(1).await;
        }
    }
    let shown = format!("{:?}", a.crew.pending());
    assert!(shown.len() < 300, "{shown}");
    objects.heal();
    seconds(3).await;
    let wishes = &a.crew.mustered().wishes;
    assert_eq!(wishes.asked.values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(
        wishes.paused.values().copied().collect::<Vec<_>>(),
        [false, true, false]
    );
    assert!(a.crew.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pause_never_flips_back() {
    let objects = Arc::new(Objective::default());
    let a = begin(&objects, "a", 1);
    seconds(3).await;
    objects.change(|weather| weather.slow = Duration::from_millis(400));
    for step in 0..40_u64 {
        // At any moment of what is being read and written.
        tokio::time::sleep(Duration::from_millis(70 * step)).await;
        let paused = step % 2 == 0;
        a.crew.wish_pause(&key(0), paused);
        for _ in 0..100 {
            assert_eq!(a.crew.mustered().is_paused(&key(0), false), paused, "step {step}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[test]
fn of_pauses_at_one_moment_none_is_lost() {
    let (crew, _attending) = Crew::new(Arc::new(Objective::default()), "", "a", Timing::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let crew = crew.clone();
            scope.spawn(move || {
                (0..100).for_each(|number| crew.wish_pause(&key(100 * thread + number), true))
            });
        }
    });
    assert_eq!(crew.mustered().wishes.paused.len(), 400);
}

#[tokio::test]
async fn files_are_objects_with_conditions_too() {
    let folder = tempfile::tempdir().unwrap();
    let one = FolderObjects::new(folder.path());
    let other = FolderObjects::new(folder.path());
    assert_eq!(one.get("a/b").await.unwrap(), None);
    let tag = one.put("a/b", b"1".to_vec(), Condition::New).await.unwrap();
    let changed = |result: Result<Tag, ObjectError>| matches!(result, Err(ObjectError::Changed));
    assert!(changed(other.put("a/b", b"2".to_vec(), Condition::New).await));
    let second = other
        .put("a/b", b"2".to_vec(), Condition::Still(tag.clone()))
        .await
        .unwrap();
    assert!(changed(
        one.put("a/b", b"3".to_vec(), Condition::Still(tag)).await
    ));
    assert_eq!(
        one.get("a/b").await.unwrap().unwrap(),
        Found {
            bytes: b"2".to_vec(),
            tag: second
        }
    );
    one.put("a/c", b"1".to_vec(), Condition::New).await.unwrap();
    assert_eq!(other.list("a/").await.unwrap(), ["a/b", "a/c"]);
    other.delete("a/b").await.unwrap();
    other.delete("a/b").await.unwrap();
    assert_eq!(one.list("a/").await.unwrap(), ["a/c"]);
}

#[tokio::test]
async fn who_is_halted_with_the_lock_of_the_files_keeps_nobody_from_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let one = FolderObjects::new(folder.path());
    one.put("a", b"1".to_vec(), Condition::New).await.unwrap();
    let lock = std::fs::File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let mut writing = Box::pin(one.put("b", b"1".to_vec(), Condition::New));
    // One thread does all of this: it is not the one that waits.
    assert!(futures::poll!(&mut writing).is_pending());
    assert!(one.get("a").await.unwrap().is_some());
    assert!(matches!(writing.await, Err(ObjectError::Unclear(_))));
    drop(lock);
    one.put("b", b"1".to_vec(), Condition::New).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// All agree whose a stage is, one that goes moves its own stages alone, and shares are about equal.
    #[test]
    fn one_that_goes_moves_its_own_stages_and_no_others(
        ids in proptest::collection::btree_set("[a-z0-9-]{1,20}", 2..6), gone in 0usize..6,
    ) {
        let stages: Arc<BTreeSet<String>> = Arc::new(keys(200).iter().map(StageKey::to_string).collect());
        let mut muster = Muster::new("me");
        muster.there = ids.iter().map(|id| (id.clone(), Arc::clone(&stages))).collect();
        let before: BTreeMap<_, _> = keys(200).into_iter().map(|key| {
            let carrier = muster.carrier(&key).map(ToOwned::to_owned);
            (key, carrier)
        }).collect();
        let gone = ids.iter().nth(gone % ids.len()).cloned();
        for id in &ids {
            let count = before.values().filter(|carrier| carrier.as_ref() == Some(id)).count();
            prop_assert!(count > 200 / ids.len() / 3, "{id} has {count}");
        }
        muster.there.remove(gone.as_deref().unwrap_or_default());
        for (key, carrier) in before {
            if carrier != gone {
                prop_assert_eq!(muster.carrier(&key), carrier.as_deref());
            }
        }
    }
}
