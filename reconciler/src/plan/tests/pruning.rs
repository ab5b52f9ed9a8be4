//! What others have added: told, and removed with consent alone.

use std::collections::BTreeMap;

use grail_state::journal::Doomed;
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
    let book = super::kinds::Book::under_key(world.key);
    let base = grail_state::Version(None);
    let inputs = Inputs {
        desired: &world.desired,
        recorded: &world.recorded,
        observed: &world.observed,
        doomed: &world.doomed,
        rules: &book,
        consent: &world.consent,
        base: &base,
    };
    let plan = plan(&inputs).unwrap();
    check_plan(&plan, &inputs).unwrap();
    plan
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
    let record = world.recorded[&id("role.r")].clone();
    let left = Doomed {
        children: vec!["policy theirs".to_owned()],
        ..Doomed::of(id("role.r"), &record)
    };
    world.doomed.push(left);
    let plan = planned(&world);
    assert!(plan.sweep.is_empty(), "the thing itself stays");
    assert_eq!(plan.prune, BTreeMap::from([prune(&world, "role.r")]));
    // Where nothing is wanted any more the thing goes, and what was to go from it is forgotten.
    world.want(json!({}));
    let plan = planned(&world);
    assert!(plan.prune.is_empty() && plan.sweep.len() == 2);
}
