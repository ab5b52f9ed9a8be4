//! Deletions: their phase and their order.

use grail_state::Observed;
use insta::assert_snapshot;
use serde_json::json;

use super::making::rest;
use super::world::{World, id};

#[test]
fn nothing_is_wanted_any_more() {
    let mut world = World::with(rest());
    world.want(json!({}));
    assert_snapshot!(world.settle(), @r"
    sweep:
    0 - stage.rest (no longer wanted)
    1 - permission.api (no longer wanted) < 0
    2 - api.rest (no longer wanted) < 0 1
    3 - function.api (no longer wanted) < 0 1 2
    4 - role.default (no longer wanted) < 3
    ");
    assert!(world.recorded.is_empty());
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn what_can_be_taken_back_goes_in_the_build() {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}}, "queue.q": {},
    }));
    assert_snapshot!(world.want(json!({"queue.q": {}})).check(), @r"
    0 - function.f (no longer wanted)
    1 - role.r (no longer wanted) < 0
    note queue.q
    ");
}

#[test]
fn deletions_stand_behind_all_that_is_made() {
    let mut world = World::with(json!({
        "queue.a": {"x": 1}, "queue.b": {"=after": ["queue.a"]}, "queue.c": {}, "role.r": {"name": "r"},
    }));
    world.want(json!({
        "queue.a": {"x": 2}, "queue.b": {"y": 1, "=after": ["queue.a"]}, "queue.c": {}, "queue.d": {},
    }));
    assert_snapshot!(world.check(), @r"
    0 ~ queue.a [x: 1 -> 2] (configuration changed)
    1 ~ queue.b [y: none -> 1] (configuration changed) < 0
    2 + queue.d (new)
    3 - role.r (no longer wanted) < 1 2
    ");
}

#[test]
fn an_api_goes_in_the_sweep_with_what_it_stands_on() {
    let mut wishes = rest();
    wishes["queue.q"] = json!({"=rank": 9});
    let mut world = World::with(wishes);
    world.want(json!({"queue.q": {"=rank": 9}}));
    assert_snapshot!(world.check(), @r"
    0 - stage.rest (no longer wanted)
    1 - permission.api (no longer wanted) < 0
    sweep:
    2 - api.rest (no longer wanted)
    3 - function.api (no longer wanted) < 2
    4 - role.default (no longer wanted) < 3
    ");
}

#[test]
fn what_others_still_use_is_not_swept_for_an_api() {
    let mut world = World::with(rest());
    let mut wishes = rest();
    for name in ["api.rest", "permission.api", "stage.rest"] {
        wishes.as_object_mut().unwrap().remove(name);
    }
    assert_snapshot!(world.want(wishes).check(), @r"
    0 - stage.rest (no longer wanted)
    1 - permission.api (no longer wanted) < 0
    sweep:
    2 - api.rest (no longer wanted)
    ");
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut world = World::with(rest());
    world.gone("api.rest").gone("stage.rest").want(json!({}));
    assert_snapshot!(world.check(), @r"
    sweep:
    0 - permission.api (no longer wanted)
    1 - function.api (no longer wanted) < 0
    2 - role.default (no longer wanted) < 1
    forget api.rest
    forget stage.rest
    ");
}

#[test]
fn all_is_gone_and_forgotten() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world.gone("role.r").want(json!({}));
    assert_snapshot!(world.settle(), @"forget role.r");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn without_a_look_what_is_recorded_is_deleted() {
    let mut world = World::with(json!({"role.r": {"name": "r"}, "queue.q": {}}));
    world.observed.clear();
    assert_snapshot!(world.want(json!({"queue.q": {}})).check(), @"0 - role.r (no longer wanted)");
}

#[test]
fn chalices_order_is_walked_backwards_where_nothing_else_is_known() {
    let mut world = World::with(rest());
    for name in [
        "role.default",
        "function.api",
        "api.rest",
        "permission.api",
        "stage.rest",
    ] {
        world.handle_only(name);
    }
    assert_snapshot!(world.want(json!({})).check(), @r"
    sweep:
    0 - stage.rest (no longer wanted)
    1 - permission.api (no longer wanted) < 0
    2 - api.rest (no longer wanted) < 1
    3 - function.api (no longer wanted) < 2
    4 - role.default (no longer wanted) < 3
    ");
}

/// What else belongs to it is not known, and a way back could not bring it back.
#[test]
fn what_only_another_tool_has_recorded_goes_after_the_commit_and_holds_back_the_rest() {
    let mut world = World::with(json!({
        "role.r": {"name": "r", "=rank": 1}, "function.f": {"name": "f", "=rank": 2}, "queue.q": {"=rank": 3},
        "queue.kept": {},
    }));
    world.handle_only("function.f");
    assert_snapshot!(world.want(json!({"queue.kept": {}})).check(), @r"
    sweep:
    0 - queue.q (no longer wanted)
    1 - function.f (no longer wanted)
    2 - role.r (no longer wanted)
    note queue.kept
    ");
}

#[test]
fn a_physical_name_under_a_new_id_is_not_deleted() {
    let mut world = World::with(json!({"function.old": {"name": "f"}}));
    let there = world.observed.remove(&id("function.old")).unwrap();
    world.observed.insert(id("function.old"), there.clone());
    world.observed.insert(id("function.new"), there);
    world.want(json!({"function.new": {"name": "f"}}));
    assert_snapshot!(world.settle(), @r"
    note function.new
    forget function.old
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_stranger_under_the_old_name_is_left_alone() {
    let mut world = World::with(json!({"queue.q": {}, "role.r": {"name": "r"}}));
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("queue.q")) {
        remote.handle.0 = "somebody-elses".into();
        remote.proof = grail_state::Proof::NameOnly;
    }
    assert_snapshot!(world.want(json!({"role.r": {"name": "r"}})).check(), @r"
    forget queue.q
    note role.r
    ");
}

#[test]
fn our_own_under_another_name_is_deleted() {
    let mut world = World::with(json!({"queue.q": {}, "role.r": {"name": "r"}}));
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("queue.q")) {
        remote.handle.0 = "made-anew".into();
    }
    world.want(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.check(), @r"
    0 - queue.q (no longer wanted)
    note role.r
    ");
    assert_eq!(
        world.plan().unwrap().build[0].have.as_ref().unwrap().handle.0,
        "made-anew"
    );
}

#[test]
fn left_overs_are_swept() {
    let mut world = World::with(rest());
    world
        .left_over("api.rest")
        .left_over("stage.rest")
        .want(json!({}));
    assert_snapshot!(world.settle(), @r"
    sweep:
    0 - stage.rest (left over)
    1 - permission.api (no longer wanted) < 0
    2 - api.rest (left over) < 0 1
    3 - function.api (no longer wanted) < 0 1 2
    4 - role.default (no longer wanted) < 3
    ");
    assert!(world.besides.is_empty());
}

#[test]
fn left_overs_hold_back_what_they_stand_on() {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}}, "queue.q": {},
    }));
    world
        .left_over("function.f")
        .gone("function.f")
        .want(json!({"queue.q": {}}));
    assert_snapshot!(world.check(), @r"
    sweep:
    0 - function.f (left over)
    1 - role.r (no longer wanted) < 0
    note queue.q
    ");
}

#[test]
fn a_left_over_that_is_wanted_again_is_kept() {
    let mut world = World::with(json!({"function.f": {"name": "f"}}));
    world.left_over("function.f");
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("function.f")) {
        remote.proof = grail_state::Proof::NameOnly;
    }
    assert_snapshot!(world.settle(), @"note function.f");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_left_over_with_a_living_namesake_is_swept() {
    let mut world = World::with(json!({"queue.q": {"fifo": false}}));
    world.left_over("queue.q").gone("queue.q");
    world.want(json!({"queue.q": {"fifo": true}}));
    assert_snapshot!(world.settle(), @r"
    0 + queue.q (new)
    sweep:
    1 - queue.q (left over)
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_left_over_that_is_recorded_too_goes_once() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    let record = world.recorded[&id("role.r")].clone();
    world.left_over("role.r").recorded.insert(id("role.r"), record);
    assert_snapshot!(world.want(json!({})).check(), @r"
    sweep:
    0 - role.r (no longer wanted)
    ");
}

#[test]
fn damaged_memories_of_a_circle_still_go() {
    let mut world = World::with(json!({"role.a": {"name": "a"}, "role.b": {"name": "b"}, "queue.q": {}}));
    world
        .recorded
        .get_mut(&id("role.a"))
        .unwrap()
        .depends_on
        .insert(id("role.b"));
    world
        .recorded
        .get_mut(&id("role.b"))
        .unwrap()
        .depends_on
        .insert(id("role.a"));
    assert_snapshot!(world.want(json!({"queue.q": {}})).check(), @r"
    0 - role.b (no longer wanted)
    1 - role.a (no longer wanted) < 0
    ");
}

#[test]
fn what_went_by_itself_is_forgotten_with_what_took_its_place() {
    let mut world = World::with(json!({"mapping.m": {"source": "jobs"}}));
    match world.observed.get_mut(&id("mapping.m")) {
        Some(Observed::Present(remote)) => remote.handle.0 = "another".to_owned(),
        other => panic!("{other:?}"),
    }
    world.want(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.check(), @r"
    0 + role.r (new)
    sweep:
    1 - mapping.m (no longer wanted)
    forget mapping.m
    ");
}
