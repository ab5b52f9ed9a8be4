//! Problems: all at once, circles whole, in a stable order.

use grail_state::Proof;
use insta::assert_snapshot;
use serde_json::json;

use super::world::World;

#[test]
fn a_circle_is_named_whole() {
    let world = World::wanting(json!({
        "queue.a": {"=after": ["queue.b"]}, "queue.b": {"=after": ["queue.c"]}, "queue.c": {"x": {"=ref": "queue.a/id"}},
        "queue.behind": {"=after": ["queue.a"]}, "queue.free": {},
    }));
    assert_snapshot!(world.check(), @"! these resources depend on each other in a circle: queue.a -> queue.b -> queue.c -> queue.a");
}

#[test]
fn a_thing_that_needs_itself() {
    assert_snapshot!(World::wanting(json!({"queue.a": {"x": {"=ref": "queue.a/id"}}})).check(), @"! these resources depend on each other in a circle: queue.a -> queue.a");
}

#[test]
fn two_circles_are_two_problems() {
    let world = World::wanting(json!({
        "queue.a": {"=after": ["queue.b"]}, "queue.b": {"=after": ["queue.a"]},
        "queue.x": {"=after": ["queue.y"]}, "queue.y": {"=after": ["queue.x", "queue.a"]},
    }));
    assert_snapshot!(world.check(), @r"
    ! these resources depend on each other in a circle: queue.a -> queue.b -> queue.a
    ! these resources depend on each other in a circle: queue.x -> queue.y -> queue.x
    ");
}

#[test]
fn a_reference_to_nothing() {
    let world =
        World::wanting(json!({"function.f": {"role": {"=ref": "role.missing/arn"}, "=after": ["queue.no"]}}));
    assert_snapshot!(world.check(), @r"
    ! `function.f` refers to `queue.no`, which is not declared
    ! `function.f` refers to `role.missing`, which is not declared
    ");
}

#[test]
fn a_reference_to_no_output() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world.want(json!({"role.r": {"name": "r"}, "function.f": {"name": "f", "role": {"=ref": "role.r/ran"}}}));
    assert_snapshot!(world.check(), @"! `function.f` refers to `role.r/ran`, and there is no such output");
}

#[test]
fn an_unknown_kind() {
    assert_snapshot!(World::wanting(json!({"teapot.t": {}})).check(), @"! `teapot.t` is of a kind that this grail does not know");
}

#[test]
fn a_recorded_thing_of_an_unknown_kind() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    let record = world.recorded.values().next().unwrap().clone();
    world.recorded.insert("teapot.t".parse().unwrap(), record);
    assert_snapshot!(world.check(), @"! `teapot.t` is of a kind that this grail does not know");
}

#[test]
fn an_invalid_wish_names_every_field() {
    assert_snapshot!(World::wanting(json!({"function.f": {"memory": -1}})).check(), @"! `function.f` is not valid: memory: is negative; is no good");
}

#[test]
fn a_wish_that_is_invalid_once_its_references_are_known() {
    let mut world = World::with(json!({"role.r": {"name": "broken"}}));
    world.want(
        json!({"role.r": {"name": "broken"}, "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}}}),
    );
    assert_snapshot!(world.check(), @"! `function.f` is not valid: role: is broken");
}

#[test]
fn all_problems_at_once() {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "role.s": {"name": "s"}, "function.g": {"name": "g", "role": {"=ref": "role.s/arn"}},
    }));
    world.unknown("role.r", Proof::NameOnly);
    world.want(json!({
        "role.r": {"name": "r"},
        "role.s": {"name": "t"},
        "function.g": {"name": "g", "role": {"=ref": "role.s/arn"}},
        "function.f": {"memory": -1},
        "permission.p": {"function": {"=ref": "function.f/name"}},
        "queue.a": {"=after": ["queue.b"]},
        "queue.b": {"=after": ["queue.a"]},
        "queue.c": {"=after": ["queue.nowhere"]},
        "teapot.t": {},
    }));
    assert_snapshot!(world.check(), @r"
    ! `teapot.t` is of a kind that this grail does not know
    ! `function.f` is not valid: memory: is negative; is no good
    ! `queue.c` refers to `queue.nowhere`, which is not declared
    ! these resources depend on each other in a circle: queue.a -> queue.b -> queue.a
    ! `role.r`: r exists already, and nothing shows that it belongs to this stage
    ! `role.s` can only be changed by deleting and creating it again (name cannot change in place)
    ");
}

#[test]
fn hints_say_what_to_do() {
    let mut world =
        World::with(json!({"role.r": {"name": "r"}, "role.s": {"name": "s"}, "role.t": {"name": "t"}}));
    world.unknown("role.r", Proof::NameOnly).unknown(
        "role.s",
        Proof::Theirs {
            owner: "other-dev".into(),
        },
    );
    world.want(json!({"role.r": {"name": "r"}, "role.s": {"name": "s"}, "role.t": {"name": "u"}}));
    let hints: Vec<_> = world
        .plan()
        .unwrap_err()
        .iter()
        .filter_map(|error| error.hint())
        .collect();
    assert_snapshot!(hints.join("\n"), @r"
    if it is yours, run again with `--adopt role.r`; else delete it, or choose another app name
    choose another app name or stage, or delete it there first
    if that is what you want, run again with --allow-replace; it is unavailable while it is replaced
    ");
}
