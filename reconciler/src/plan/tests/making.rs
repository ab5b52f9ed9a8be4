//! First deploys, and what is missing.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::world::World;

pub(super) fn rest() -> Value {
    json!({
        "role.default": {"name": "shop-dev", "=rank": 0},
        "function.api": {"name": "shop-dev", "role": {"=ref": "role.default/arn"}, "memory": 128, "code": "c1", "=rank": 1},
        "api.rest": {"title": "shop", "uri": {"=join": ["x/", {"=ref": "function.api/arn"}]}, "=rank": 2},
        "permission.api": {"function": {"=ref": "function.api/name"}, "api": {"=ref": "api.rest/id"}, "=rank": 3},
        "stage.rest": {"name": "api", "api": {"=ref": "api.rest/id"}, "definition": {"=ref": "api.rest/digest"}, "=after": ["permission.api", "function.api"], "=rank": 4}
    })
}

#[test]
fn nothing_is_wanted_and_nothing_is_there() {
    assert_snapshot!(World::wanting(json!({})).check(), @"nothing");
}

#[test]
fn a_first_deploy_makes_everything_in_order() {
    assert_snapshot!(World::wanting(rest()).check(), @r"
    0 + role.default (new)
    1 + function.api (new) < 0
    2 + api.rest (new) < 1
    3 + permission.api (new) < 1 2
    4 + stage.rest (new) < 1 2 3
    ");
}

#[test]
fn an_unchanged_stack_has_an_empty_plan() {
    let mut world = World::with(rest());
    assert_snapshot!(world.check(), @"nothing");
    assert_eq!(world.plan().unwrap().unchanged.len(), 5);
    assert_snapshot!(world.settle(), @"nothing");
}

#[test]
fn independent_things_wait_for_nothing() {
    let world = World::wanting(json!({"queue.a": {}, "queue.b": {}, "role.c": {"name": "c"}}));
    assert_snapshot!(world.check(), @r"
    0 + queue.a (new)
    1 + queue.b (new)
    2 + role.c (new)
    ");
}

#[test]
fn ties_go_by_rank_and_then_by_name() {
    let world = World::wanting(json!({
        "queue.a": {"=rank": 2}, "queue.z": {"=rank": 1}, "queue.b": {"=rank": 2}, "role.m": {"name": "m", "=rank": 0},
    }));
    assert_snapshot!(world.check(), @r"
    0 + role.m (new)
    1 + queue.z (new)
    2 + queue.a (new)
    3 + queue.b (new)
    ");
}

#[test]
fn order_without_data_is_kept() {
    let world = World::wanting(json!({"queue.first": {"=after": ["queue.second"]}, "queue.second": {}}));
    assert_snapshot!(world.check(), @r"
    0 + queue.second (new)
    1 + queue.first (new) < 0
    ");
}

#[test]
fn order_reaches_through_what_is_unchanged() {
    let mut world = World::with(json!({
        "queue.a": {"x": 1}, "queue.b": {"=after": ["queue.a"]}, "queue.c": {"x": 1, "=after": ["queue.b"]},
    }));
    world.want(json!({
        "queue.a": {"x": 2}, "queue.b": {"=after": ["queue.a"]}, "queue.c": {"x": 2, "=after": ["queue.b"]},
    }));
    assert_snapshot!(world.check(), @r"
    0 ~ queue.a [x: 1 -> 2] (configuration changed)
    1 ~ queue.c [x: 1 -> 2] (configuration changed) < 0
    ");
}

#[test]
fn a_missing_leaf_is_made_again() {
    assert_snapshot!(World::with(rest()).gone("stage.rest").check(), @"0 + stage.rest (missing)");
}

#[test]
fn what_refers_to_a_missing_thing_waits_for_it() {
    assert_snapshot!(World::with(rest()).gone("role.default").check(), @r"
    0 + role.default (missing)
    1 ~ function.api [role: arn:shop-dev -> ?] (something it refers to changes) < 0
    ");
}

#[test]
fn a_missing_api_changes_all_that_hangs_on_it() {
    let mut world = World::with(rest());
    world.gone("api.rest").gone("stage.rest");
    assert_snapshot!(world.settle(), @r"
    0 + api.rest (missing)
    1 ~ permission.api [api: api-3 -> ?] (something it refers to changes) < 0
    2 + stage.rest (missing) < 0 1
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn everything_is_missing() {
    let mut world = World::with(rest());
    for name in [
        "role.default",
        "function.api",
        "api.rest",
        "permission.api",
        "stage.rest",
    ] {
        world.gone(name);
    }
    assert_snapshot!(world.check(), @r"
    0 + role.default (missing)
    1 + function.api (missing) < 0
    2 + api.rest (missing) < 1
    3 + permission.api (missing) < 1 2
    4 + stage.rest (missing) < 1 2 3
    ");
}

#[test]
fn what_nobody_looked_at_is_taken_as_recorded() {
    let mut world = World::with(rest());
    world.observed.clear();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_new_thing_beside_an_unchanged_stack() {
    let mut world = World::with(rest());
    let mut wishes = rest();
    wishes["function.worker"] =
        json!({"name": "shop-dev-worker", "role": {"=ref": "role.default/arn"}, "code": "w", "=rank": 9});
    world.want(wishes);
    assert_snapshot!(world.check(), @"0 + function.worker (new)");
    assert_eq!(
        world.plan().unwrap().build[0].wanted.as_ref().unwrap()["role"],
        json!("arn:shop-dev"),
        "what is known is resolved before the plan is shown"
    );
}

#[test]
fn a_step_carries_its_label_and_its_place() {
    let plan = World::wanting(rest()).plan().unwrap();
    let step = &plan.build[1];
    assert_eq!(
        (step.label.as_deref(), step.rank, step.depends_on.len()),
        (Some("shop-dev"), 1, 1)
    );
}

#[test]
fn a_name_that_is_not_known_yet_is_no_label() {
    let plan =
        World::wanting(json!({"role.r": {"name": "r"}, "function.f": {"name": {"=ref": "role.r/name"}}}))
            .plan()
            .unwrap();
    let labels: Vec<_> = plan.build.iter().map(|step| step.label.as_deref()).collect();
    assert_eq!(labels, [Some("r"), None]);
}
