//! What others have added: told, and removed with consent alone.

use std::collections::BTreeMap;

use grail_state::{Observed, ResourceId};
use serde_json::json;

use super::world::{World, id};
use crate::plan::{Inputs, Plan, Prune, check_plan, plan};

const CHILDREN: [&str; 2] = ["policy theirs", "tag theirs"];

fn world() -> World {
    let mut world = World::with(json!({"role.r": {"name": "r"}, "queue.q": {"x": 1}}));
    for name in ["role.r", "queue.q"] {
        if let Some(Observed::Present(remote)) = world.observed.get_mut(&id(name)) {
            remote.additions = CHILDREN.map(ToOwned::to_owned).to_vec();
        }
    }
    world
}

fn planned(world: &World) -> Plan {
    let plan = with_inputs(world, plan).unwrap();
    judged(world, &plan).unwrap();
    plan
}

fn judged(world: &World, plan: &Plan) -> Result<(), Vec<String>> {
    with_inputs(world, |inputs| check_plan(plan, inputs))
}

fn with_inputs<T>(world: &World, of: impl FnOnce(&Inputs<'_>) -> T) -> T {
    let book = super::kinds::Book::under_key(world.key);
    let base = grail_state::Version(None);
    of(&Inputs {
        desired: &world.desired,
        recorded: &world.recorded,
        observed: &world.observed,
        doomed: &world.doomed,
        unpruned: &world.unpruned,
        rules: &book,
        consent: &world.consent,
        base: &base,
    })
}

fn prune(world: &World, name: &str) -> (ResourceId, Prune) {
    let prune = Prune {
        handle: world.recorded[&id(name)].handle.clone(),
        children: vec!["policy theirs".to_owned()],
    };
    (id(name), prune)
}

#[test]
fn without_consent_all_of_it_stays_and_is_no_change() {
    let plan = planned(&world());
    assert!(plan.is_empty() && plan.prune.is_empty());
    assert_eq!(plan.additions[&id("role.r")], CHILDREN);
}

#[test]
fn with_consent_goes_what_can_be_removed_and_the_rest_is_told() {
    let mut world = world();
    let before = planned(&world).digest;
    world.consent.prune = true;
    let plan = planned(&world);
    let expected = BTreeMap::from(["role.r", "queue.q"].map(|name| prune(&world, name)));
    assert_eq!(plan.prune, expected);
    assert_eq!(plan.additions[&id("role.r")], ["tag theirs"]);
    assert!(!plan.is_empty() && plan.is_intact() && plan.digest != before);
}

#[test]
fn nothing_goes_from_what_goes_itself() {
    let mut world = world();
    world.consent.prune = true;
    world.want(json!({"role.r": {"name": "other"}}));
    assert!(planned_with_consent(&mut world).prune.is_empty());
}

fn planned_with_consent(world: &mut World) -> Plan {
    world.consent.replace = true;
    planned(world)
}

#[test]
fn what_was_consented_to_once_is_tried_again() {
    let mut world = world();
    world.unpruned.extend([prune(&world, "role.r")]);
    let plan = planned(&world);
    assert!(plan.sweep.is_empty(), "the thing itself stays");
    assert_eq!(plan.prune, BTreeMap::from([prune(&world, "role.r")]));
    // Where nothing is wanted any more the thing goes, and what was to go from it is forgotten.
    world.want(json!({}));
    let plan = planned(&world);
    assert!(plan.prune.is_empty() && plan.sweep.len() == 2);
}

#[test]
fn what_was_consented_to_once_is_tried_again_under_another_id() {
    let mapping = json!({"source": "jobs", "batch": 1});
    let mut world = World::with(json!({"mapping.old": mapping}));
    let (_, left) = prune(&world, "mapping.old");
    world.unpruned.insert(id("mapping.old"), left.clone());
    world.want(json!({"mapping.new": mapping}));
    let moved = planned(&world);
    assert_eq!(moved.moves, [(id("mapping.new"), id("mapping.old"))].into());
    assert_eq!(moved.prune, [(id("mapping.new"), left)].into());
}

#[test]
fn what_was_to_go_from_another_thing_of_the_name_is_none_of_this_one() {
    let mut world = world();
    let (_, mut left) = prune(&world, "role.r");
    left.handle.0.push_str("-before");
    world.unpruned.insert(id("role.r"), left.clone());
    let mut plan = planned(&world);
    assert!(plan.prune.is_empty());
    // Nor does the judge of plans take it for one.
    left.handle = world.recorded[&id("role.r")].handle.clone();
    plan.prune.insert(id("role.r"), left);
    plan.digest = plan.digested();
    let broken = judged(&world, &plan).unwrap_err();
    assert!(broken[0].contains("nobody has consented"), "{broken:?}");
}

#[test]
fn what_is_ours_by_now_stays_whoever_consented_to_what() {
    let mut world = world();
    world.unpruned.extend([prune(&world, "role.r")]);
    world.want(json!({"role.r": {"name": "r", "policy": "theirs"}, "queue.q": {"x": 1}}));
    assert!(planned(&world).prune.is_empty());
    world.consent.prune = true;
    let plan = planned(&world);
    assert_eq!(plan.prune.keys().collect::<Vec<_>>(), [&id("queue.q")]);
}
