//! Somebody else at work in the same bucket documents, rules, function policies and topics, between any two of our calls.
//!
//! The stranger remembers what it wrote. Whenever it comes by it looks whether all of that is still there to the letter, and
//! that it is, save in one case which is S3's: what it wrote into a bucket between our read and our put. It writes that anew,
//! as we do when it is the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use grail_providers::fake::{Entry, Function, Physics, Subscription, World, function_arn};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::app::{App, Fun, OWNER, Source, topic_arn};
use super::ground::{Command, Ground};
use super::oracle::{check_recorded, check_still};
use super::tally::suite;
use crate::event::Outcome;

/// How many cases there are.
const CASES: u64 = 1000;
const BUCKETS: [&str; 2] = ["photos", "papers"];
const TOPICS: [&str; 2] = ["news", "alarms"];

/// What is not ours in what we share with others, to the letter and in its order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Theirs {
    entries: BTreeMap<String, Vec<Entry>>,
    others: BTreeMap<String, BTreeMap<String, Value>>,
    targets: BTreeMap<(String, String), String>,
    statements: BTreeMap<(String, String), Value>,
    subscriptions: BTreeMap<String, BTreeMap<String, Subscription>>,
}

fn is_ours(function: &str) -> bool {
    function.contains(":function:app-dev") || function.contains(":function:bpp-dev")
}

impl Theirs {
    fn of(world: &World) -> Self {
        let mut theirs = Self::default();
        for (name, bucket) in &world.buckets {
            let entries = bucket.notifications.functions.iter();
            let kept = entries
                .filter(|entry| !is_ours(&entry.function))
                .cloned()
                .collect();
            theirs.entries.insert(name.clone(), kept);
            theirs
                .others
                .insert(name.clone(), bucket.notifications.others.clone());
        }
        for (name, rule) in &world.rules {
            for (id, target) in rule.targets.iter().filter(|(_, target)| !is_ours(target)) {
                theirs.targets.insert((name.clone(), id.clone()), target.clone());
            }
        }
        for (name, function) in &world.functions {
            for (sid, statement) in function
                .policy
                .iter()
                .filter(|(sid, _)| !sid.starts_with("grail-"))
            {
                theirs
                    .statements
                    .insert((name.clone(), sid.clone()), statement.clone());
            }
        }
        for (arn, there) in &world.topics {
            let kept = there.iter().filter(|(_, one)| !is_ours(&one.endpoint));
            let kept = kept.map(|(arn, one)| (arn.clone(), one.clone())).collect();
            theirs.subscriptions.insert(arn.clone(), kept);
        }
        theirs
    }
}

/// Somebody else.
struct Stranger {
    rng: ChaCha8Rng,
    /// How busy it is.
    rate: f64,
    left: Theirs,
    /// Buckets that it wrote to since we read them last.
    between: BTreeSet<String>,
    made: u32,
    lost: usize,
}

impl Stranger {
    fn new(seed: u64, world: &World) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            rate: rng.random_range(0.1..0.6),
            rng,
            left: Theirs::of(world),
            between: BTreeSet::new(),
            made: 0,
            lost: 0,
        }
    }

    /// Comes by, right before a call of ours.
    fn come_by(&mut self, world: &mut World, operation: &str, subject: &str) {
        self.see_that_all_stays(world);
        if self.rng.random_bool(self.rate) {
            self.act(world);
            self.left = Theirs::of(world);
        }
        if operation == "GetBucketNotification" {
            self.between.remove(subject);
        }
    }

    fn see_that_all_stays(&mut self, world: &mut World) {
        // With a function of ours its policy goes.
        self.left
            .statements
            .retain(|(function, _), _| world.functions.contains_key(function));
        let now = Theirs::of(world);
        for bucket in BUCKETS {
            let (was, is) = (&self.left.entries[bucket], &now.entries[bucket]);
            let others = (&self.left.others[bucket], &now.others[bucket]);
            if was == is && others.0 == others.1 {
                continue;
            }
            assert!(
                self.between.contains(bucket),
                "what others wrote into {bucket} is lost: {was:?}, now {is:?}"
            );
            self.lost += 1;
            let document = &mut world.buckets.get_mut(bucket).unwrap().notifications;
            document.functions.retain(|entry| is_ours(&entry.function));
            document.functions.extend(was.clone());
            document.others.clone_from(others.0);
        }
        let now = Theirs::of(world);
        assert_eq!(self.left.targets, now.targets, "targets of others");
        assert_eq!(self.left.statements, now.statements, "statements of others");
        assert_eq!(
            self.left.subscriptions, now.subscriptions,
            "subscriptions of others"
        );
        self.left = now;
    }

    fn act(&mut self, world: &mut World) {
        self.made += 1;
        let mark = self.made;
        let which = self.rng.random_range(0..2_usize);
        match self.rng.random_range(0..7) {
            0..3 => self.write_notifications(world, BUCKETS[which], mark),
            3 => {
                let rules: Vec<_> = world.rules.keys().cloned().collect();
                let Some(name) = pick(&mut self.rng, &rules) else {
                    return;
                };
                let rule = world.rules.get_mut(&name).unwrap();
                let id = format!("theirs{}", self.rng.random_range(0..2));
                if rule.targets.remove(&id).is_none() {
                    rule.targets
                        .insert(id, function_arn(&format!("other-prod-{mark}")));
                }
            }
            4 | 5 => {
                let functions: Vec<_> = world.functions.keys().cloned().collect();
                let Some(name) = pick(&mut self.rng, &functions) else {
                    return;
                };
                let policy = &mut world.functions.get_mut(&name).unwrap().policy;
                let sid = format!("theirs{}", self.rng.random_range(0..2));
                if policy.remove(&sid).is_none() {
                    policy.insert(sid, json!({"principal": "theirs", "source_arn": mark}));
                }
            }
            _ => {
                let arn = topic_arn(TOPICS[which]);
                let there = world.topics.get_mut(&arn).unwrap();
                let id = format!("{arn}:theirs{}", self.rng.random_range(0..2));
                if there.remove(&id).is_none() {
                    let endpoint = function_arn(&format!("other-prod-{mark}"));
                    there.insert(id, Subscription { endpoint });
                }
            }
        }
    }

    fn write_notifications(&mut self, world: &mut World, bucket: &str, mark: u32) {
        self.between.insert(bucket.to_owned());
        let document = &mut world.buckets.get_mut(bucket).unwrap().notifications;
        let id = format!("theirs{}", self.rng.random_range(0..3));
        match self.rng.random_range(0..4) {
            0 => document.functions.retain(|entry| entry.id != id),
            1 => drop(
                document
                    .others
                    .insert("TopicConfigurations".to_owned(), json!([{"Id": mark}])),
            ),
            _ => {
                document.functions.retain(|entry| entry.id != id);
                let entry = Entry {
                    prefix: Some(format!("{id}/{mark}/")),
                    id,
                    function: function_arn("other-prod-a"),
                    events: vec!["s3:ObjectCreated:*".into()],
                    suffix: None,
                };
                let place = self.rng.random_range(0..=document.functions.len());
                document.functions.insert(place, entry);
            }
        }
    }
}

fn pick<T: Clone>(rng: &mut ChaCha8Rng, from: &[T]) -> Option<T> {
    let place = rng.random_range(0..from.len().max(1));
    from.get(place).cloned()
}

/// A ground where others' functions let the buckets in, as they do where a notification works.
fn ground() -> Ground {
    let ground = Ground::with(Physics::default());
    ground.cloud.meddle(|world| {
        for name in ["other-prod-a", "other-prod-b"] {
            let statement = |bucket| json!({"principal": "s3.amazonaws.com", "source_arn": format!("arn:aws:s3:::{bucket}")});
            let function = Function {
                config: json!({}),
                code: "theirs".into(),
                tags: BTreeMap::new(),
                concurrency: None,
                policy: BUCKETS.map(|bucket| (bucket.to_owned(), statement(bucket))).into(),
                busy: None,
            };
            world.functions.insert(name.into(), function);
        }
    });
    ground
}

fn random_source(rng: &mut ChaCha8Rng, place: usize) -> Source {
    match rng.random_range(0..5) {
        0 | 1 => Source::bucket(BUCKETS[rng.random_range(0..2)], ["a/", "b/"][place]),
        2 => Source::topic(TOPICS[rng.random_range(0..2)]),
        3 => Source::queue("jobs"),
        _ => Source::schedule(["rate(1 hour)", "rate(2 hours)"][rng.random_range(0..2)]),
    }
}

fn random_app(rng: &mut ChaCha8Rng, clocks: &mut BTreeSet<&'static str>) -> App {
    let mut app = App::of(&[]);
    for (place, name) in ["one", "two"].into_iter().enumerate() {
        if rng.random_bool(0.8) {
            let source = random_source(rng, place);
            // A rule that was left to others is theirs from then on.
            if matches!(source, Source::Schedule { .. }) && !clocks.insert(name) {
                continue;
            }
            app.functions.insert(name.to_owned(), Fun::told_of(source));
        }
    }
    app
}

/// Runs `command` with a stranger at work, and sees that everybody has what they wanted.
async fn among_strangers(ground: &Ground, stranger: &Arc<Mutex<Stranger>>, command: &Command, case: &str) {
    let at_work = Arc::clone(stranger);
    ground.cloud.beside(move |world, operation, subject| {
        at_work.lock().unwrap().come_by(world, operation, subject);
    });
    let outcome = ground.run(command).await.unwrap();
    ground.cloud.alone();
    assert!(
        matches!(outcome, Outcome::Done | Outcome::Unchanged),
        "{case}: {outcome:?}"
    );
    let see = |world: &mut World| stranger.lock().unwrap().see_that_all_stays(world);
    ground.cloud.meddle(see);
    check_recorded(ground, case);
    check_still(ground, command, case).await;
    let left = stranger.lock().unwrap().left.clone();
    assert_eq!(
        left,
        Theirs::of(&ground.cloud.world()),
        "{case}: after the second run"
    );
}

async fn case(seed: u64, lost: &Mutex<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ground = ground();
    let stranger = Arc::new(Mutex::new(Stranger::new(rng.random(), &ground.cloud.world())));
    let mut clocks = BTreeSet::new();
    for leg in 0..2 {
        let command = Command::Deploy(random_app(&mut rng, &mut clocks));
        among_strangers(&ground, &stranger, &command, &format!("seed {seed}, leg {leg}")).await;
    }
    among_strangers(
        &ground,
        &stranger,
        &Command::Delete,
        &format!("seed {seed}, the end"),
    )
    .await;
    *lost.lock().unwrap() += stranger.lock().unwrap().lost;
}

#[test]
fn strangers_between_any_two_calls_keep_what_is_theirs() {
    let lost = Mutex::new(0);
    let seeds: Vec<u64> = (0..CASES).collect();
    suite(
        "strangers_between_any_two_calls",
        1,
        &seeds,
        async |seed, tally| {
            tally.case(format!("seed {seed}."), case(*seed, &lost)).await;
        },
    );
    println!(
        "S3 lost {} notifications between our read and our put",
        lost.lock().unwrap()
    );
}

#[test]
fn two_applications_on_one_bucket_come_to_rest() {
    let seeds: Vec<u64> = (0..100).collect();
    suite(
        "two_applications_on_one_bucket",
        1,
        &seeds,
        async |seed, tally| {
            tally.case(format!("seed {seed}."), neighbours(*seed)).await;
        },
    );
}

/// Two stacks deploy at once, in different weather, until both have nothing left to do.
async fn neighbours(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let told = |owner, prefix| {
        App::of(&[]).change(|app| {
            app.owner = owner;
            app.tell("one", Source::bucket("photos", prefix));
        })
    };
    let (ours, theirs) = (told(OWNER, "a/"), told("bpp-dev", "b/"));
    let ground = ground();
    let neighbour = ground.neighbour(&theirs);
    let before = Theirs::of(&ground.cloud.world());
    let late = std::time::Duration::from_millis(rng.random_range(0..15_000));
    let other = async {
        tokio::time::sleep(late).await;
        neighbour.deploy(&theirs).await
    };
    let (one, two) = tokio::join!(ground.deploy(&ours), other);
    assert_eq!((one, two), (Outcome::Done, Outcome::Done), "seed {seed}");
    // Who put last may have lost what the other put between its read and its put. Once more each, and both are at rest.
    for (ground, app) in [(&ground, &ours), (&neighbour, &theirs)] {
        let outcome = ground.deploy(app).await;
        assert!(
            matches!(outcome, Outcome::Done | Outcome::Unchanged),
            "seed {seed}: {outcome:?}"
        );
    }
    check_still(&ground, &Command::Deploy(ours), "ours").await;
    check_still(&neighbour, &Command::Deploy(theirs), "theirs").await;
    let world = ground.cloud.world();
    assert_eq!(Theirs::of(&world), before, "seed {seed}");
    let entries = &world.buckets["photos"].notifications.functions;
    let told: BTreeSet<_> = entries
        .iter()
        .filter(|one| is_ours(&one.function))
        .map(|one| &one.function)
        .collect();
    assert_eq!(told.len(), 2, "seed {seed}: {entries:?}");

    assert_eq!(neighbour.run(&Command::Delete).await.unwrap(), Outcome::Done);
    let entries = &ground.cloud.world().buckets["photos"].notifications.functions;
    let left: Vec<_> = entries
        .iter()
        .filter(|one| is_ours(&one.function))
        .map(|one| one.function.clone())
        .collect();
    assert_eq!(left, [function_arn("app-dev-one")], "seed {seed}");
}
