//! Things that are wanted under another id.

use grail_state::{Observed, Proof};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::world::{World, id};

/// A handler called `name` that reads the queue `jobs`.
fn reading(name: &str, batch: u32) -> Value {
    json!({
        "role.r": {"name": "r"},
        format!("function.{name}"): {"name": name, "role": {"=ref": "role.r/arn"}},
        format!("mapping.{name}"): {"source": "jobs", "batch": batch, "function": {"=ref": format!("function.{name}/arn")}},
    })
}

#[test]
fn what_is_called_after_a_renamed_thing_goes_on_under_its_new_name() {
    let mut world = World::with(reading("old", 1));
    let handle = world.recorded[&id("mapping.old")].handle.clone();
    world.want(reading("new", 1));
    assert_snapshot!(world.settle(), @r"
    0 + function.new (new)
    1 ~ mapping.new [function: arn:old -> ?] (something it refers to changes) < 0
    sweep:
    2 - function.old (no longer wanted)
    forget mapping.old
    ");
    assert_eq!(world.recorded[&id("mapping.new")].handle, handle);
    assert!(!world.recorded.contains_key(&id("mapping.old")));
    world.gone("mapping.old");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn what_is_the_same_whole_is_only_remembered() {
    let mut world = World::with(json!({"mapping.old": {"source": "jobs", "batch": 1}}));
    world.want(json!({"mapping.new": {"source": "jobs", "batch": 1}}));
    assert_eq!(
        world.plan().unwrap().moves,
        [(id("mapping.new"), id("mapping.old"))].into()
    );
    assert_snapshot!(world.settle(), @r"
    note mapping.new
    forget mapping.old
    ");
    let there = world.observed.remove(&id("mapping.old")).unwrap();
    world.observed.insert(id("mapping.new"), there);
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn what_is_not_the_same_is_another_thing() {
    let mut world = World::with(reading("old", 1));
    world.want(reading("new", 2));
    assert_eq!(world.plan().unwrap().moves, [].into(), "another batch");
    let mut wishes = reading("new", 1);
    wishes["mapping.new"]["source"] = json!("chores");
    world.want(wishes);
    assert_eq!(world.plan().unwrap().moves, [].into(), "another queue");
}

#[test]
fn what_is_bound_to_a_name_is_made_anew() {
    let mut world = World::with(json!({"role.old": {"name": "old"}, "domain.old": {"name": "old"}}));
    world.want(json!({"role.new": {"name": "new"}, "domain.new": {"name": "new"}}));
    assert_snapshot!(world.check(), @r"
    0 + domain.new (new)
    1 + role.new (new)
    2 - role.old (no longer wanted) < 0 1
    sweep:
    3 - domain.old (no longer wanted)
    ");
}

#[test]
fn of_several_that_are_alike_none_is_moved() {
    let mapping = json!({"source": "jobs", "batch": 1});
    let mut world = World::with(json!({"mapping.a": mapping, "mapping.b": mapping}));
    world.want(json!({"mapping.c": mapping}));
    assert_eq!(world.plan().unwrap().moves, [].into(), "two old ones");
    let mut world = World::with(json!({"mapping.a": mapping}));
    world.want(json!({"mapping.c": mapping, "mapping.d": mapping}));
    assert_eq!(world.plan().unwrap().moves, [].into(), "two new ones");
}

#[test]
fn what_is_not_there_or_not_ours_or_not_known_is_not_moved() {
    let world = |change: &dyn Fn(&mut World)| {
        let mut world = World::with(reading("old", 1));
        change(&mut world);
        world.want(reading("new", 1));
        world.plan().unwrap().moves
    };
    assert_eq!(world(&|_| {}).len(), 1);
    assert_eq!(world(&|world| _ = world.gone("mapping.old")), [].into());
    assert_eq!(world(&|world| _ = world.handle_only("mapping.old")), [].into());
    let theirs = |world: &mut World| match world.observed.get_mut(&id("mapping.old")) {
        Some(Observed::Present(remote)) => {
            remote.proof = Proof::Theirs {
                owner: "other-dev".into(),
            };
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(world(&theirs), [].into());
}
