//! What is protected, and how much may go at once.

use grail_state::journal::Doomed;
use insta::assert_snapshot;
use serde_json::json;

use super::kinds::Book;
use super::world::{World, id};
use crate::plan::Guard;
use crate::plan::guard::{Pattern, matches, to_record};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::written(text).unwrap()).collect()
}

/// Two roles and a layer are there, and one of the roles is wanted.
fn world(guard: Guard) -> World {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "role.s": {"name": "s"}, "layer.l": {"content": "1"},
    }));
    world.want(json!({"role.r": {"name": "r"}}));
    world.consent.guard = Some(guard);
    world
}

fn protecting(texts: &[&str]) -> Guard {
    Guard {
        protects: Some(patterns(texts)),
        ..Guard::default()
    }
}

#[test]
fn what_is_protected_is_not_deleted() {
    assert_snapshot!(world(protecting(&["role.s"])).check(), @"! `role.s` is protected and would be deleted");
    assert_snapshot!(world(protecting(&["*"])).check(), @"! `layer.l`, `role.s` are protected and would be deleted");
    assert_snapshot!(world(protecting(&["layer", "ro*.r"])).check(), @"! `layer.l` is protected and would be deleted");
    assert_snapshot!(world(protecting(&["?"])).check(), @"! `layer.l`, `role.s` are protected and would be deleted");
    assert!(
        !world(protecting(&["role.r", "other.*", "rol"]))
            .check()
            .contains("protected")
    );
}

#[test]
fn nor_made_anew() {
    let mut world = World::with(json!({"role.r": {"name": "r"}, "layer.l": {"content": "1"}}));
    world.want(json!({"role.r": {"name": "s"}, "layer.l": {"content": "2"}}));
    world.consent.replace = true;
    world.consent.guard = Some(protecting(&["*"]));
    assert_snapshot!(world.check(), @"! `layer.l`, `role.r` are protected and would be deleted and made anew");
}

#[test]
fn what_was_recorded_holds_where_the_configuration_says_nothing() {
    let recorded = |guard: Guard| {
        let mut world = world(guard);
        world.consent.protected = [id("role.s")].into();
        world.check()
    };
    assert_snapshot!(recorded(Guard::default()), @"! `role.s` is protected and would be deleted");
    assert!(
        !recorded(protecting(&[])).contains("protected"),
        "that was given up"
    );
    let lifted = Guard {
        lifts: patterns(&["s"]),
        ..Guard::default()
    };
    assert!(!recorded(lifted).contains("protected"), "and so was that");
    let lifted = Guard {
        lifts: patterns(&["s"]),
        ..protecting(&["*"])
    };
    assert_snapshot!(recorded(lifted), @"! `layer.l` is protected and would be deleted");
}

#[test]
fn what_an_earlier_commit_wanted_gone_is_not_what_is_protected() {
    let mut world = World::with(json!({"role.r": {"name": "r"}, "layer.l": {"content": "1"}}));
    let old = world.recorded[&id("layer.l")].clone();
    world.doomed.push(Doomed {
        handle: grail_state::Handle("arn:old".to_owned()),
        ..Doomed::of(id("layer.l"), &old)
    });
    world.consent.guard = Some(protecting(&["*"]));
    assert_snapshot!(world.check(), @r"
    sweep:
    0 - layer.l (left over)
    ");
}

#[test]
fn more_than_may_go_at_once_is_refused() {
    let at_most = |count: usize| {
        world(Guard {
            max_deletes: Some(count),
            ..Guard::default()
        })
        .check()
    };
    assert_snapshot!(at_most(1), @"! 2 things would be deleted, those that are made anew among them, and at most 1 may be");
    assert!(!at_most(2).contains('!'));
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("role.r")) {
        remote.additions = vec!["policy a".to_owned(), "policy b".to_owned()];
    }
    world.consent.prune = true;
    for (count, refused) in [(1, true), (2, false)] {
        world.consent.guard = Some(Guard {
            max_deletes: Some(count),
            ..Guard::default()
        });
        assert_eq!(
            world.check().contains("2 things would be deleted"),
            refused,
            "{count}"
        );
    }
    let mut world = World::with(json!({"layer.l": {"content": "1"}}));
    world.want(json!({"layer.l": {"content": "2"}}));
    world.consent.guard = Some(Guard {
        max_deletes: Some(0),
        ..Guard::default()
    });
    assert_snapshot!(world.check(), @"! 1 things would be deleted, those that are made anew among them, and at most 0 may be");
}

#[test]
fn what_is_to_be_recorded_is_what_the_configuration_names() {
    let plan = |world: &World| {
        let plan = world.plan().unwrap();
        to_record(
            &world.consent,
            &plan,
            &world.desired,
            &world.recorded,
            &Book::under_key(1),
        )
    };
    let mut world = world(protecting(&["role"]));
    world.want(json!({"role.r": {"name": "r"}, "role.s": {"name": "s"}, "role.t": {"name": "t"}}));
    assert_eq!(
        plan(&world),
        Some([id("role.r"), id("role.s"), id("role.t")].into())
    );
    world.consent.guard = Some(Guard::default());
    assert_eq!(plan(&world), None);
    world.consent.guard = Some(protecting(&[]));
    assert_eq!(plan(&world), Some([].into()));
}

#[test]
fn what_moves_is_recorded_under_its_new_id() {
    let mut world = World::with(json!({"mapping.old": {"source": "jobs", "batch": 1}}));
    world.want(json!({"mapping.new": {"source": "jobs", "batch": 1}}));
    world.consent.protected = [id("mapping.old"), id("role.elsewhere")].into();
    for (guard, expected) in [
        (Guard::default(), vec!["mapping.new", "role.elsewhere"]),
        (protecting(&["mapping"]), vec!["mapping.new"]),
    ] {
        world.consent.guard = Some(guard);
        let plan = world.plan().unwrap();
        let recorded = to_record(
            &world.consent,
            &plan,
            &world.desired,
            &world.recorded,
            &Book::under_key(1),
        );
        assert_eq!(recorded, Some(expected.into_iter().map(id).collect()));
    }
}

#[test]
fn misspelt_patterns_are_known() {
    let guard = Guard {
        lifts: patterns(&["role.x"]),
        ..protecting(&["role", "rolle", "*", "lay*.?"])
    };
    let world = world(guard.clone());
    let idle = guard.idle(&world.desired, world.recorded.keys());
    let idle: Vec<_> = idle.iter().map(ToString::to_string).collect();
    assert_eq!(idle, ["rolle", "role.x"]);
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, text, answer) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abcb", false),
        ("a*b*c", "a-b-b-c", true),
        ("a?c", "ac", false),
        ("a?c", "abc", true),
        ("**a", "a", true),
        ("", "a", false),
        ("prod-*", "prod", false),
    ] {
        assert_eq!(matches(pattern, text), answer, "{pattern} and {text}");
    }
}

/// A table, which holds something, and a role beside it.
fn holding(guard: Guard) -> World {
    let mut world = World::with(json!({"table.t": {"key": "1"}, "role.r": {"name": "r"}}));
    world.consent.guard = Some(guard);
    world
}

fn wishing(world: &mut World, protect: Option<bool>) {
    world.desired.resources.get_mut(&id("table.t")).unwrap().protect = protect;
}

#[test]
fn what_holds_something_is_protected_until_its_wish_gives_that_up() {
    let recorded = |world: &World| {
        let plan = world.plan().unwrap();
        to_record(
            &world.consent,
            &plan,
            &world.desired,
            &world.recorded,
            &Book::under_key(1),
        )
    };
    for guard in [Guard::default(), protecting(&[]), protecting(&["role"])] {
        let mut world = holding(guard.clone());
        let now = recorded(&world).unwrap();
        assert!(now.contains(&id("table.t")), "{guard:?}");
        world.consent.protected = now;
        world.want(json!({}));
        assert!(
            world.check().contains("`table.t`"),
            "a wish that is gone does not give it up: {guard:?}"
        );
        world.want(json!({"table.t": {"key": "1"}, "role.r": {"name": "r"}}));
        wishing(&mut world, Some(false));
        let now = recorded(&world).unwrap();
        assert!(!now.contains(&id("table.t")), "{guard:?}");
        world.consent.protected = now;
        world.want(json!({"role.r": {"name": "r"}}));
        assert!(!world.check().contains("protected"), "{guard:?}");
    }
    let mut lifted = holding(Guard {
        lifts: patterns(&["table.t"]),
        ..Guard::default()
    });
    lifted.consent.protected = [id("table.t")].into();
    lifted.want(json!({"role.r": {"name": "r"}}));
    assert!(!lifted.check().contains("protected"));
}

#[test]
fn what_holds_something_is_not_made_anew() {
    let mut world = holding(Guard::default());
    world.consent.replace = true;
    world.want(json!({"table.t": {"key": "2"}, "role.r": {"name": "r"}}));
    assert_snapshot!(world.check(), @"! `table.t` is protected and would be deleted and made anew");
    wishing(&mut world, Some(false));
    assert!(!world.check().contains("protected"));
    wishing(&mut world, None);
    world.consent.guard = Some(Guard {
        at_play: true,
        ..Guard::default()
    });
    assert!(!world.check().contains("protected"), "nothing can be lost there");
    let plan = world.plan().unwrap();
    let recorded = to_record(
        &world.consent,
        &plan,
        &world.desired,
        &world.recorded,
        &Book::under_key(1),
    );
    assert_eq!(recorded, None);
}

#[test]
fn a_wish_may_protect_what_holds_nothing() {
    let mut world = holding(protecting(&[]));
    world.consent.protected = [id("table.t")].into();
    world.consent.replace = true;
    world.want(json!({"table.t": {"key": "1"}, "role.r": {"name": "s"}}));
    assert!(!world.check().contains("protected"));
    world.desired.resources.get_mut(&id("role.r")).unwrap().protect = Some(true);
    assert_snapshot!(world.check(), @"! `role.r` is protected and would be deleted and made anew");
}
