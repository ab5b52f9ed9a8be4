//! What holds for every configuration of others and every set of ours: ten thousand cases each of the pure functions, from a
//! fixed seed.

use std::collections::BTreeMap;

use grail_state::StackId;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::document::{Notifications, Part};
use super::merge::{Claim, merge, without};
use super::{Entry, xml};

/// The same cases in every run; a case that fails is printed, shrunk.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(92),
        ..ProptestConfig::default()
    }
}

const EVENTS: &[&str] = &[
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:Delete",
    "s3:Novel:Event",
];

const FILTERS: &[&str] = &["", "a/", "a/b", "&<é>", " "];
/// Few, so that they meet.
const IDS: &[&str] = &["1", "2", "it's", "grail-x"];

fn function(app: &str, number: u8) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{app}-dev-{number}")
}

fn claim(app: &str) -> Claim {
    let stack = StackId {
        app: app.to_owned(),
        stage: "dev".to_owned(),
    };
    Claim::new(&stack, "photos")
}

/// Numbers that say how one thing is made: cheap to draw, and shrunk towards the first of each list.
type Draws = [u8; 6];

fn draws() -> impl Strategy<Value = Draws> {
    prop::array::uniform6(any::<u8>())
}

fn pick<T: Clone>(all: &[T], draw: u8) -> T {
    all[usize::from(draw) % all.len()].clone()
}

/// Our notifications, of the functions of `app`; some functions have several.
fn ours(app: &'static str) -> impl Strategy<Value = BTreeMap<String, Entry>> {
    let one = move |[key, number, events, prefix, suffix, id]: Draws| {
        let keys = ["a-s3event", "b-s3event", "c-s3event", "d-s3event"];
        let filter = |draw| Some(pick(FILTERS, draw).to_owned()).filter(|_| draw % 2 == 0);
        let first = usize::from(events) % EVENTS.len();
        let entry = Entry {
            function: function(app, number % 4),
            events: EVENTS[first..]
                .iter()
                .take(1 + usize::from(events) / 100)
                .map(|event| (*event).to_owned())
                .collect(),
            prefix: filter(prefix),
            suffix: filter(suffix),
            id: Some(pick(IDS, id).to_owned()).filter(|_| id > 200),
        };
        (pick(&keys, key).to_owned(), entry)
    };
    prop::collection::vec(draws(), 0..4).prop_map(move |all| all.into_iter().map(one).collect())
}

/// One element that somebody wrote: every sort, every spelling, some that no model knows.
fn element([sort, id, event, filter, more, order]: Draws, functions: &[String]) -> String {
    if sort > 235 {
        let bridges = [
            "<EventBridgeConfiguration/>",
            "<EventBridgeConfiguration></EventBridgeConfiguration>",
        ];
        return pick(&bridges, sort).to_owned();
    }
    let (name, target, arn) = match sort % 6 {
        0 => (
            "TopicConfiguration",
            "Topic",
            "arn:aws:sns:us-east-1:1:t".to_owned(),
        ),
        1 => (
            "QueueConfiguration",
            "Queue",
            "arn:aws:sqs:us-east-1:1:q".to_owned(),
        ),
        2 => ("Novelty", "Target", "arn:x".to_owned()),
        _ => (
            "CloudFunctionConfiguration",
            "CloudFunction",
            pick(functions, sort / 6),
        ),
    };
    let mut parts = vec![
        format!("<{target}>{arn}</{target}>"),
        format!("<Event>{}</Event>", pick(EVENTS, event)),
        pick(&["", "<Old x='1'/>", "<!-- kept -->", "\n  "], more).to_owned(),
    ];
    if id % 3 > 0 {
        parts.push(format!("<Id>{}</Id>", xml::escape(pick(IDS, id))));
    }
    if filter % 3 > 0 {
        let (name, value) = (
            pick(&["Prefix", "prefix", "SUFFIX", "Novel"], filter),
            pick(&["", "a/", "b&amp;"], order),
        );
        let rule = format!("<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>");
        parts.push(format!("<Filter><S3Key>{rule}</S3Key></Filter>"));
    }
    let turn = usize::from(order) % parts.len();
    parts.rotate_left(turn);
    format!("<{name}>{}</{name}>", parts.concat())
}

fn bucket(functions: Vec<String>) -> impl Strategy<Value = Notifications> {
    prop::collection::vec(draws(), 0..7).prop_map(move |all| {
        let elements: String = all.into_iter().map(|draws| element(draws, &functions)).collect();
        let text = format!("<NotificationConfiguration xmlns=\"n\">{elements}</NotificationConfiguration>");
        Notifications::parse(&text).unwrap()
    })
}

/// What only others have in a bucket.
fn foreign() -> impl Strategy<Value = Notifications> {
    bucket(vec![
        function("other", 1),
        function("other", 2),
        function("shop", 1) + ":prod",
    ])
}

/// A bucket that both have been in.
fn mixed() -> impl Strategy<Value = Notifications> {
    bucket(
        (0..4)
            .map(|number| function("shop", number))
            .chain([function("other", 1)])
            .collect(),
    )
}

fn raw(parts: &[Part], keep: impl Fn(&Part) -> bool) -> Vec<&str> {
    parts
        .iter()
        .filter(|part| keep(part))
        .map(|part| part.raw.as_str())
        .collect()
}

fn claim_of(app: &str, entries: &BTreeMap<String, Entry>) -> Claim {
    claim(app).with(entries.values().map(|entry| entry.function.as_str()))
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn merging_twice_is_merging_once(there in mixed(), entries in ours("shop")) {
        let once = merge(&there, &claim("shop"), &entries);
        prop_assert_eq!(merge(&once, &claim("shop"), &entries), once.clone());
        // And what S3 then gives is what was meant.
        let read = Notifications::parse(&once.text()).unwrap();
        prop_assert_eq!(merge(&read, &claim("shop"), &entries), read.clone());
        prop_assert_eq!(read, once);
    }

    #[test]
    fn what_others_have_stays_to_the_byte_and_in_order(there in mixed(), entries in ours("shop")) {
        let claim = claim_of("shop", &entries);
        let theirs = |part: &Part| !claim.owns(part);
        let merged = merge(&there, &claim, &entries);
        prop_assert_eq!(raw(&merged.parts, theirs), raw(&there.parts, theirs));
        let left = without(&there, &claim);
        prop_assert_eq!(raw(&left.parts, |_| true), raw(&there.parts, theirs));
    }

    #[test]
    fn ours_are_there_as_wanted_once_each_under_ids_of_their_own(there in mixed(), entries in ours("shop")) {
        let claim = claim_of("shop", &entries);
        let merged = merge(&there, &claim, &entries);
        let mut rules: Vec<_> = merged.parts.iter().filter(|part| claim.owns(part)).filter_map(Part::function).collect();
        let theirs: Vec<_> = merged.parts.iter().filter(|part| !claim.owns(part)).filter_map(Part::id).collect();
        for (at, rule) in rules.iter().enumerate() {
            let of_ours = rules.iter().enumerate().any(|(other, rule)| other != at && rule.id == rules[at].id);
            let taken = rule.id.as_deref().is_some_and(|id| theirs.contains(&id));
            prop_assert!(rule.id.is_none() || !(of_ours || taken), "{:?}", rule.id);
        }
        for entry in entries.values() {
            let at = rules.iter().position(|rule| entry.says(rule));
            prop_assert!(at.is_some(), "{entry:?} is not in {rules:?}");
            rules.remove(at.unwrap());
        }
        prop_assert!(rules.is_empty(), "{rules:?}");
    }

    #[test]
    fn taking_away_what_was_added_leaves_what_was_there(there in foreign(), entries in ours("shop")) {
        let merged = merge(&there, &claim("shop"), &entries);
        prop_assert_eq!(without(&merged, &claim_of("shop", &entries)), there);
    }

    #[test]
    fn two_apps_reach_a_fixed_point_in_any_order(
        there in foreign(),
        one in ours("shop"),
        two in ours("forum"),
        turns in prop::collection::vec(any::<bool>(), 2..8),
    ) {
        let step = |there: &Notifications, first: bool| match first {
            true => merge(there, &claim("shop"), &one),
            false => merge(there, &claim("forum"), &two),
        };
        let mut now = there;
        for first in turns {
            now = step(&now, first);
        }
        let settled = step(&step(&now, true), false);
        prop_assert_eq!(step(&settled, true), settled.clone());
        prop_assert_eq!(step(&settled, false), settled.clone());
        prop_assert_eq!(step(&step(&now, false), true).parts.len(), settled.parts.len());
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn what_is_read_is_sent_again_to_the_byte(there in mixed()) {
        prop_assert_eq!(Notifications::parse(&there.text()).unwrap(), there);
    }

    #[test]
    fn a_part_means_the_same_in_every_spelling(there in mixed()) {
        for part in &there.parts {
            let spaced = part.raw.replace("><", ">\n  <").replace("Prefix", "PREFIX");
            let text = format!("<NotificationConfiguration>{spaced}</NotificationConfiguration>");
            let read = Notifications::parse(&text).unwrap();
            prop_assert_eq!(read.parts[0].meaning(), part.meaning());
            prop_assert_eq!(xml::children(&part.raw).unwrap().len(), 1);
        }
    }
}
