//! What can only be changed by making it anew.

use insta::assert_snapshot;
use serde_json::json;

use super::making::rest;
use super::world::World;

#[test]
fn a_server_named_thing_is_made_beside_the_old_one() {
    let layer = |content: &str| {
        json!({
            "layer.l": {"content": content},
            "function.f": {"name": "f", "layers": [{"=ref": "layer.l/arn"}]},
        })
    };
    let mut world = World::with(layer("1"));
    world.want(layer("2"));
    assert_snapshot!(world.settle(), @r"
    0 + layer.l instead of 2 (configuration changed)
    1 ~ function.f [layers: [arn:layer-1] -> [(known after deploy: layer.l/arn)]] (something it refers to changes) < 0
    sweep:
    2 - layer.l for 0 (replaced)
    ");
    assert!(world.besides.is_empty());
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn what_could_be_taken_back_is_swept_too_if_it_has_a_living_namesake() {
    let mut world = World::with(json!({"queue.q": {"fifo": false}}));
    assert_snapshot!(world.want(json!({"queue.q": {"fifo": true}})).check(), @r"
    0 + queue.q instead of 1 (configuration changed)
    sweep:
    1 - queue.q for 0 (replaced)
    ");
}

#[test]
fn a_fixed_name_needs_consent() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.want(json!({"role.r": {"name": "s"}})).check(), @"! `role.r` can only be changed by deleting and creating it again (name cannot change in place)");
}

#[test]
fn with_consent_it_goes_and_comes() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world.want(json!({"role.r": {"name": "s"}})).consent.replace = true;
    assert_snapshot!(world.settle(), @r"
    0 - role.r for 1 (replaced)
    1 + role.r instead of 0 (configuration changed) < 0
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn dependents_with_fixed_names_go_first_and_come_last() {
    let wishes = |name: &str| {
        json!({
            "role.r": {"name": "r"},
            "function.f": {"name": name, "role": {"=ref": "role.r/arn"}, "=rank": 1},
            "permission.p": {"function": {"=ref": "function.f/name"}, "=rank": 2},
        })
    };
    let mut world = World::with(wishes("f"));
    world.want(wishes("g"));
    assert_snapshot!(world.check(), @"! `function.f` can only be changed by deleting and creating it again (name cannot change in place)");
    world.consent.replace = true;
    assert_snapshot!(world.settle(), @r"
    0 - permission.p for 3 (replaced)
    1 - function.f for 2 (replaced) < 0
    2 + function.f instead of 1 (configuration changed) < 1
    3 + permission.p instead of 0 (something it refers to changes) < 0 2
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn what_a_replacement_needs_is_made_before_the_old_one_goes() {
    let mut world = World::with(json!({"function.f": {"name": "f"}}));
    world.want(json!({"role.r": {"name": "r"}, "function.f": {"name": "g", "role": {"=ref": "role.r/arn"}}}));
    world.consent.replace = true;
    assert_snapshot!(world.check(), @r"
    0 + role.r (new)
    1 - function.f for 2 (replaced) < 0
    2 + function.f instead of 1 (configuration changed) < 0 1
    ");
}

#[test]
fn an_api_made_anew_gets_a_stage_beside_the_old_one() {
    let mut wishes = rest();
    wishes["api.rest"]["flavor"] = json!("private");
    let mut world = World::with(rest());
    world.want(wishes);
    assert_snapshot!(world.settle(), @r"
    0 + api.rest instead of 4 (configuration changed)
    1 ~ permission.api [api: api-3 -> ?] (something it refers to changes) < 0
    2 + stage.rest instead of 3 (something it refers to changes) < 0 1
    sweep:
    3 - stage.rest for 2 (replaced)
    4 - api.rest for 0 (replaced) < 3
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn the_old_one_keeps_what_it_stands_on_until_the_sweep() {
    let mut world = World::with(json!({
        "queue.old": {}, "layer.l": {"content": "1", "from": {"=ref": "queue.old/id"}},
    }));
    world.want(json!({"layer.l": {"content": "2"}}));
    assert_snapshot!(world.check(), @r"
    0 + layer.l instead of 1 (configuration changed)
    sweep:
    1 - layer.l for 0 (replaced)
    2 - queue.old (no longer wanted) < 1
    ");
}

#[test]
fn a_drifted_fixed_name_says_why() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world.drift("role.r", "name", json!("other")).consent.replace = true;
    assert_snapshot!(world.check(), @r"
    0 - role.r for 1 (replaced)
    1 + role.r instead of 0 (changed outside) < 0
    ");
}

#[test]
fn a_replaced_thing_and_a_missing_dependent() {
    let layer = |content: &str| json!({"layer.l": {"content": content}, "function.f": {"name": "f", "layers": [{"=ref": "layer.l/arn"}]}});
    let mut world = World::with(layer("1"));
    assert_snapshot!(world.want(layer("2")).gone("function.f").check(), @r"
    0 + layer.l instead of 2 (configuration changed)
    1 + function.f (missing) < 0
    sweep:
    2 - layer.l for 0 (replaced)
    ");
}
