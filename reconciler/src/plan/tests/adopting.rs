//! Things that exist and that the state does not know.

use grail_state::{Observed, Proof, StepToken};
use insta::assert_snapshot;
use serde_json::json;

use super::making::rest;
use super::world::{World, id};

fn theirs() -> Proof {
    Proof::Theirs {
        owner: "other-dev".into(),
    }
}

#[test]
fn a_name_alone_proves_nothing() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.unknown("role.r", Proof::NameOnly).check(), @"! `role.r`: r exists already, and nothing shows that it belongs to this stage");
}

#[test]
fn a_record_does_not_outweigh_the_tag_of_another_stage() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    match world.observed.get_mut(&id("role.r")) {
        Some(Observed::Present(remote)) => remote.proof = theirs(),
        other => panic!("{other:?}"),
    }
    assert_snapshot!(world.check(), @"! `role.r`: r exists already, and it belongs to other-dev");
    world.consent.adopt = ["r".to_owned()].into();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn our_tag_is_proof() {
    let mut world = World::with(json!({"function.f": {"name": "f"}}));
    world.unknown("function.f", Proof::Ours);
    assert_snapshot!(world.check(), @"note function.f");
    world.settle();
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn an_adopted_thing_that_differs_is_changed() {
    let mut world = World::with(json!({"function.f": {"name": "f", "memory": 1}}));
    world
        .unknown("function.f", Proof::Ours)
        .want(json!({"function.f": {"name": "f", "memory": 2}}));
    assert_snapshot!(world.check(), @"0 ~ function.f [memory: 1 -> 2] (adopted)");
}

#[test]
fn somebody_elses_tag_is_a_refusal() {
    let mut world = World::with(json!({"function.f": {"name": "f"}}));
    assert_snapshot!(world.unknown("function.f", theirs()).check(), @"! `function.f`: f exists already, and it belongs to other-dev");
}

#[test]
fn a_mark_that_nobody_knows_proves_nothing() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    assert_snapshot!(world.unknown("role.r", Proof::Mark(StepToken("t".into()))).check(), @"! `role.r`: r exists already, and nothing shows that it belongs to this stage");
}

#[test]
fn a_mark_that_the_journal_knows_is_proof() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world
        .unknown("role.r", Proof::Mark(StepToken("t".into())))
        .knows_mark("t");
    assert_snapshot!(world.settle(), @"note role.r");
    assert_eq!(world.recorded[&id("role.r")].token, Some(StepToken("t".into())));
}

#[test]
fn a_mark_that_a_record_knows_is_proof() {
    let mut world = World::with(json!({"api.rest": {"title": "x"}}));
    let record = world.recorded.get_mut(&id("api.rest")).unwrap();
    record.token = Some(StepToken("t".into()));
    record.handle.0 = "lost".into();
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("api.rest")) {
        remote.proof = Proof::Mark(StepToken("t".into()));
    }
    assert_snapshot!(world.check(), @"note api.rest");
}

#[test]
fn the_role_of_our_function_is_ours() {
    let mut world = World::with(rest());
    assert_snapshot!(world.unknown("role.default", Proof::NameOnly).check(), @"note role.default");
}

#[test]
fn a_whole_stack_is_found_from_the_tag_of_its_function() {
    let mut world = World::with(rest());
    world
        .unknown("role.default", Proof::NameOnly)
        .unknown("function.api", Proof::Ours);
    world
        .unknown("api.rest", Proof::Ours)
        .unknown("permission.api", Proof::Ours);
    world.unknown("stage.rest", Proof::Ours);
    assert_snapshot!(world.check(), @r"
    note api.rest
    note function.api
    note permission.api
    note role.default
    note stage.rest
    ");
}

#[test]
fn a_role_that_our_function_does_not_run_with_is_not_ours() {
    let mut world = World::with(rest());
    world
        .unknown("role.default", Proof::NameOnly)
        .drift("function.api", "role", json!("arn:another"));
    assert_snapshot!(world.check(), @"! `role.default`: shop-dev exists already, and nothing shows that it belongs to this stage");
}

#[test]
fn the_role_of_a_function_that_is_not_ours_is_not_ours() {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}},
    }));
    world
        .unknown("role.r", Proof::NameOnly)
        .unknown("function.f", Proof::NameOnly);
    assert_snapshot!(world.check(), @r"
    ! `function.f`: f exists already, and nothing shows that it belongs to this stage
    ! `role.r`: r exists already, and nothing shows that it belongs to this stage
    ");
}

#[test]
fn a_role_marked_as_theirs_stays_theirs_whoever_uses_it() {
    let mut world = World::with(json!({
        "role.r": {"name": "r"}, "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}},
    }));
    assert_snapshot!(world.unknown("role.r", theirs()).check(), @"! `role.r`: r exists already, and it belongs to other-dev");
}

#[test]
fn hanging_on_is_passed_on() {
    let mut world = World::with(json!({
        "role.a": {"name": "a"},
        "role.b": {"name": "b", "assumes": [{"=ref": "role.a/arn"}]},
        "function.f": {"name": "f", "vpc": {"role": {"=ref": "role.b/arn"}}},
    }));
    world
        .unknown("role.a", Proof::NameOnly)
        .unknown("role.b", Proof::NameOnly);
    assert_snapshot!(world.check(), @r"
    note role.a
    note role.b
    ");
}

#[test]
fn the_user_adopts_by_name() {
    let mut world = World::with(json!({"role.r": {"name": "r"}, "role.s": {"name": "s"}}));
    world
        .unknown("role.r", Proof::NameOnly)
        .unknown("role.s", Proof::NameOnly);
    world.consent.adopt = ["r".to_owned(), "role.s".to_owned()].into();
    assert_snapshot!(world.check(), @r"
    note role.r
    note role.s
    ");
}

#[test]
fn the_user_adopts_even_what_is_tagged_otherwise() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    world
        .unknown("role.r", theirs())
        .consent
        .adopt
        .insert("role.r".into());
    assert_snapshot!(world.check(), @"note role.r");
}

#[test]
fn a_recorded_thing_needs_no_other_proof() {
    let mut world = World::with(json!({"role.r": {"name": "r"}}));
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("role.r")) {
        remote.proof = Proof::NameOnly;
    }
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_stranger_where_the_recorded_thing_was_is_refused() {
    let mut world = World::with(json!({"queue.q": {}}));
    if let Some(grail_state::Observed::Present(remote)) = world.observed.get_mut(&id("queue.q")) {
        remote.handle.0 = "strange".into();
        remote.proof = Proof::NameOnly;
    }
    assert_snapshot!(world.check(), @"! `queue.q`: strange exists already, and nothing shows that it belongs to this stage");
}

#[test]
fn candidates_of_chalices_file_are_adopted() {
    let mut world = World::with(rest());
    for name in ["role.default", "function.api", "api.rest"] {
        world.handle_only(name);
    }
    world
        .unknown("permission.api", Proof::Ours)
        .unknown("stage.rest", Proof::Ours);
    assert_snapshot!(world.settle(), @r"
    note api.rest
    note function.api
    note permission.api
    note role.default
    note stage.rest
    ");
    assert_snapshot!(world.check(), @"nothing");
}

#[test]
fn a_candidate_that_differs_is_changed() {
    let mut world = World::with(json!({"function.f": {"name": "f", "memory": 1}}));
    world
        .handle_only("function.f")
        .want(json!({"function.f": {"name": "f", "memory": 2}}));
    assert_snapshot!(world.check(), @"0 ~ function.f [memory: 1 -> 2] (adopted)");
}
