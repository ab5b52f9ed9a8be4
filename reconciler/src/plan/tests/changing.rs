//! Updates, and the reasons given for them.

use insta::assert_snapshot;
use serde_json::json;

use super::making::rest;
use super::world::{World, id};

fn function(memory: u32) -> serde_json::Value {
    json!({"function.f": {"name": "f", "memory": memory, "timeout": 60, "env": {"TABLE": "t"}}})
}

#[test]
fn the_wish_has_changed() {
    assert_snapshot!(World::with(function(128)).want(function(256)).check(), @"0 ~ function.f [memory: 128 -> 256] (configuration changed)");
}

#[test]
fn what_is_there_has_changed() {
    assert_snapshot!(World::with(function(128)).drift("function.f", "memory", json!(512)).check(), @"0 ~ function.f [memory: 512 -> 128] (changed outside)");
}

#[test]
fn the_same_field_has_changed_on_both_sides() {
    let mut world = World::with(function(128));
    world
        .want(function(256))
        .drift("function.f", "memory", json!(512));
    assert_snapshot!(world.check(), @"0 ~ function.f [memory: 512 -> 256] (configuration changed, and changed outside)");
}

#[test]
fn one_field_has_changed_here_and_another_there() {
    let mut world = World::with(function(128));
    world.want(function(256)).drift("function.f", "timeout", json!(3));
    assert_snapshot!(world.check(), @"0 ~ function.f [memory: 128 -> 256, timeout: 3 -> 60] (configuration changed, and changed outside)");
}

#[test]
fn both_sides_have_changed_to_the_same() {
    let mut world = World::with(function(128));
    world
        .want(function(256))
        .drift("function.f", "memory", json!(256));
    assert_snapshot!(world.check(), @"note function.f");
    world.settle();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_field_appears_and_another_goes() {
    let mut world = World::with(json!({"role.r": {"name": "r", "old": [1, 2]}}));
    world.want(json!({"role.r": {"name": "r", "new": {"a": true}}}));
    assert_snapshot!(world.check(), @"0 ~ role.r [new: none -> {a:true}, old: [1,2] -> none] (configuration changed)");
}

#[test]
fn null_and_absent_are_the_same() {
    let mut world = World::with(json!({"role.r": {"name": "r", "boundary": null}}));
    world.want(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_field_was_added_outside() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.drift("role.r", "boundary", json!("b")).check(), @"0 ~ role.r [boundary: b -> none] (changed outside)");
}

#[test]
fn secrets_show_as_digests() {
    let mut world = World::with(function(128));
    world.want(
        json!({"function.f": {"name": "f", "memory": 128, "timeout": 60, "env": {"TABLE": "hunter2"}}}),
    );
    assert_snapshot!(world.check(), @"0 ~ function.f [env.TABLE: secret -> secret] (configuration changed)");
    let written = serde_json::to_string(&world.plan().unwrap()).unwrap();
    assert!(
        !written.contains("hunter2"),
        "no secret is in a plan that is written down"
    );
}

#[test]
fn a_secret_changed_outside_is_seen() {
    let mut world = World::with(function(128));
    world.drift(
        "function.f",
        "env",
        json!({"TABLE": grail_state::Digester::new([1; 32]).secret("u")}),
    );
    assert_snapshot!(world.check(), @"0 ~ function.f [env.TABLE: secret -> secret] (changed outside)");
}

#[test]
fn a_secret_recorded_under_another_key_is_no_drift() {
    let mut world = World::with(function(128));
    let other = grail_state::Digester::new([9; 32]).secret("t");
    world.recorded.get_mut(&id("function.f")).unwrap().spec["env"]["TABLE"] = json!(other);
    assert_snapshot!(world.check(), @"note function.f");
    world.settle();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_changed_secret_under_another_key_is_a_changed_wish() {
    let mut world = World::with(function(128));
    let other = grail_state::Digester::new([9; 32]).secret("t");
    world.recorded.get_mut(&id("function.f")).unwrap().spec["env"]["TABLE"] = json!(other);
    world.want(json!({"function.f": {"name": "f", "memory": 128, "timeout": 60, "env": {"TABLE": "new"}}}));
    assert_snapshot!(world.check(), @"0 ~ function.f [env.TABLE: secret -> secret] (configuration changed)");
}

#[test]
fn a_changed_record_is_a_note_and_no_write() {
    let mut world = World::with(function(128));
    world
        .recorded
        .get_mut(&id("function.f"))
        .unwrap()
        .outputs
        .insert("arn".into(), json!("arn:old"));
    assert_snapshot!(world.check(), @"note function.f");
    world.settle();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn new_dependencies_without_a_difference_are_a_note() {
    let mut world = World::with(json!({"queue.a": {}, "queue.b": {}}));
    world.want(json!({"queue.a": {}, "queue.b": {"=after": ["queue.a"]}}));
    assert_snapshot!(world.check(), @"note queue.b");
}

#[test]
fn outputs_that_only_a_write_gives_are_kept() {
    let mut world = World::with(function(128));
    world
        .recorded
        .get_mut(&id("function.f"))
        .unwrap()
        .outputs
        .insert("baseline".into(), json!("b"));
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn an_update_leaves_steady_outputs_known() {
    let mut world = World::with(rest());
    let mut wishes = rest();
    wishes["function.api"]["memory"] = json!(512);
    assert_snapshot!(world.want(wishes).check(), @"0 ~ function.api [memory: 128 -> 512] (configuration changed)");
}

#[test]
fn an_update_makes_volatile_outputs_unknown() {
    let mut world = World::with(rest());
    let mut wishes = rest();
    wishes["api.rest"]["title"] = json!("Shop");
    world.want(wishes);
    assert_snapshot!(world.settle(), @r"
    0 ~ api.rest [title: shop -> Shop] (configuration changed)
    1 ~ stage.rest [definition: e1d8549126ea -> ?] (something it refers to changes) < 0
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn drift_of_an_api_reaches_its_stage() {
    assert_snapshot!(World::with(rest()).drift("api.rest", "title", json!("x")).check(), @r"
    0 ~ api.rest [title: x -> shop] (changed outside)
    1 ~ stage.rest [definition: e1d8549126ea -> ?] (something it refers to changes) < 0
    ");
}

#[test]
fn a_dependency_and_the_wish_have_changed() {
    let mut world = World::with(rest());
    let mut wishes = rest();
    wishes["api.rest"]["title"] = json!("Shop");
    wishes["stage.rest"]["tracing"] = json!(true);
    assert_snapshot!(world.want(wishes).check(), @r"
    0 ~ api.rest [title: shop -> Shop] (configuration changed)
    1 ~ stage.rest [definition: e1d8549126ea -> ?, tracing: none -> true] (configuration changed) < 0
    ");
}

#[test]
fn a_reference_turns_to_another_thing() {
    let wishes = |role: &str| {
        json!({
            "role.a": {"name": "a"}, "role.b": {"name": "b"},
            "function.f": {"name": "f", "role": {"=ref": format!("role.{role}/arn")}},
        })
    };
    let mut world = World::with(wishes("a"));
    assert_snapshot!(world.want(wishes("b")).check(), @"0 ~ function.f [role: arn:a -> arn:b] (configuration changed)");
}

#[test]
fn dotted_keys_do_not_confuse_reasons() {
    let wishes = |value: &str| json!({"role.r": {"name": "r", "tags": {"a.b": value, "a": "x"}}});
    let mut world = World::with(wishes("1"));
    world.drift("role.r", "tags", json!({"a.b": "1", "a": "y"}));
    assert_snapshot!(world.check(), @"0 ~ role.r [tags.a: y -> x] (changed outside)");
}
