//! Recorded against observed.

use grail_state::{Observed, Proof, Remote, StepToken};
use serde_json::{Value, json};

use super::kinds::Book;
use super::world::{World, id};
use crate::plan::{DriftReason, Drifted, drift};

fn world() -> World {
    World::with(json!({
        "role.r": {"name": "r"},
        "function.f": {"name": "f", "memory": 128, "env": {"PASSWORD": "hunter2"}, "role": {"=ref": "role.r/arn"}},
        "queue.q": {"x": 1},
    }))
}

fn found(world: &World) -> Vec<Drifted> {
    drift(&world.recorded, &world.observed, &Book::under_key(world.key))
}

fn change(world: &mut World, what: &str, change: impl FnOnce(&mut Remote)) {
    match world.observed.get_mut(&id(what)) {
        Some(Observed::Present(remote)) => change(remote),
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn nothing_that_is_as_recorded_is_reported() {
    let mut world = world();
    assert_eq!(found(&world), []);
    // What was not looked at says nothing, nor a form that was never known.
    world.observed.remove(&id("queue.q"));
    world.recorded.get_mut(&id("role.r")).unwrap().spec = Value::Null;
    change(&mut world, "role.r", |remote| {
        remote.spec["trust"] = json!("anyone")
    });
    // Additions are no drift.
    change(&mut world, "function.f", |remote| {
        remote.additions = vec!["policy x".to_owned()]
    });
    assert_eq!(found(&world), []);
}

#[test]
fn each_field_is_told_as_recorded_and_as_it_is() {
    let mut world = world();
    change(&mut world, "function.f", |remote| {
        remote.spec["memory"] = json!(512);
        remote.spec["tags"] = json!({"by": "hand"});
    });
    let found = found(&world);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].id, &found[0].reason),
        (&id("function.f"), &DriftReason::ChangedOutside)
    );
    let fields: Vec<_> = found[0].diff.fields.iter().collect();
    assert_eq!(fields[0].path, "memory");
    assert_eq!(
        (&fields[0].have, &fields[0].want),
        (&Some(json!(128)), &Some(json!(512)))
    );
    assert_eq!((fields[1].path.as_str(), &fields[1].have), ("tags", &None));
}

#[test]
fn a_secret_under_another_key_says_nothing() {
    let mut world = world();
    change(&mut world, "function.f", |remote| {
        remote.spec["env"]["PASSWORD"] = json!("secret:otherkey:0123456789abcdef");
    });
    assert_eq!(found(&world), []);
}

#[test]
fn what_is_gone_and_what_was_replaced_is_told_apart() {
    let mut world = world();
    world.observed.insert(id("queue.q"), Observed::Absent);
    change(&mut world, "function.f", |remote| {
        remote.proof = Proof::Theirs {
            owner: "other-prod".to_owned(),
        };
    });
    world.recorded.get_mut(&id("role.r")).unwrap().token = Some(StepToken("ours".to_owned()));
    change(&mut world, "role.r", |remote| {
        remote.proof = Proof::Mark(StepToken("theirs".to_owned()))
    });
    let found = found(&world);
    let reasons: Vec<_> = found
        .iter()
        .map(|one| (one.id.to_string(), &one.reason))
        .collect();
    let replaced = |owner: Option<&str>, name: &str| DriftReason::Replaced {
        by: world.recorded[&id(name)].handle.clone(),
        owner: owner.map(ToOwned::to_owned),
    };
    let expected = [
        (
            "function.f".to_owned(),
            &replaced(Some("other-prod"), "function.f"),
        ),
        ("queue.q".to_owned(), &DriftReason::Gone),
        ("role.r".to_owned(), &replaced(None, "role.r")),
    ];
    assert_eq!(reasons, expected);
}
