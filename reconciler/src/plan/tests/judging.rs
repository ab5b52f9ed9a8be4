//! The judge itself: plans that break a rule are refused, whichever rule it is.

use serde_json::json;

use super::kinds::Book;
use super::world::{World, id};
use crate::plan::{Action, Inputs, Plan, StepId, check_plan};

/// A world whose plan creates, updates, replaces, deletes and sweeps, and leaves something alone.
fn busy() -> World {
    let mut world = World::with(json!({
        "role.r": {"name": "r"},
        "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}},
        "layer.l": {"content": "1"},
        "permission.p": {"function": {"=ref": "function.f/name"}},
        "api.old": {"uri": {"=ref": "function.f/arn"}},
        "queue.same": {},
    }));
    world.want(json!({
        "role.r": {"name": "r", "tags": {"a": "b"}},
        "function.f": {"name": "f", "role": {"=ref": "role.r/arn"}, "layers": [{"=ref": "layer.l/arn"}]},
        "layer.l": {"content": "2"},
        "queue.same": {},
        "queue.new": {"=after": ["function.f"]},
    }));
    world
}

fn broken(world: &World, damage: impl FnOnce(&mut Plan)) -> String {
    let mut plan = world.plan().unwrap();
    damage(&mut plan);
    plan.digest = plan.digested();
    let rules = Book::under_key(world.key);
    let inputs = Inputs {
        desired: &world.desired,
        recorded: &world.recorded,
        observed: &world.observed,
        doomed: &world.doomed,
        unpruned: &world.unpruned,
        rules: &rules,
        consent: &world.consent,
        base: &plan.base,
    };
    check_plan(&plan, &inputs)
        .err()
        .map(|broken| broken.join("\n"))
        .unwrap_or_default()
}

fn says(damage: impl FnOnce(&mut Plan), expected: &str) {
    let said = broken(&busy(), damage);
    assert!(said.contains(expected), "expected {expected:?} in:\n{said}");
}

fn step(plan: &mut Plan, name: &str, delete: bool) -> usize {
    let is = |step: &crate::plan::Step| {
        step.resource == id(name) && matches!(step.action, Action::Delete { .. }) == delete
    };
    plan.build.iter().position(is).unwrap()
}

#[test]
fn an_undamaged_plan_passes() {
    assert_eq!(broken(&busy(), |_| {}), "");
}

#[test]
fn steps_out_of_place() {
    says(|plan| plan.build.swap(0, 1), "stands at");
    says(
        |plan| plan.build[0].after = vec![StepId(3)],
        "which is not before it",
    );
    says(
        |plan| plan.sweep[0].after = vec![StepId(0)],
        "which is not before it in its phase",
    );
}

#[test]
fn wishes_not_met() {
    says(
        |plan| drop(plan.unchanged.pop()),
        "is made 0 times and kept 0 times",
    );
    says(
        |plan| plan.unchanged.push(id("queue.new")),
        "is made 1 times and kept 1 times",
    );
    says(
        |plan| plan.build[0].resource = id("queue.nobody"),
        "and nobody wants it",
    );
}

#[test]
fn steps_without_what_they_need() {
    says(
        |plan| plan.build[0].want = None,
        "does not have what its action needs",
    );
    says(
        |plan| plan.sweep[0].have = None,
        "does not have what its action needs",
    );
}

#[test]
fn lost_order() {
    let free = |name: &'static str, delete| {
        move |plan: &mut Plan| {
            let at = step(plan, name, delete);
            plan.build[at].after.clear();
        }
    };
    says(
        free("function.f", false),
        "is made before layer.l, which it needs",
    );
    says(free("queue.new", false), "queue.new is made before function.f");
    says(
        free("permission.p", true),
        "permission.p is deleted before queue.new is made",
    );
}

#[test]
fn pairs_torn_apart() {
    says(
        |plan| {
            plan.build.iter_mut().for_each(|step| {
                if let Action::Create { replaces } = &mut step.action {
                    *replaces = None;
                }
            })
        },
        "do not name each other",
    );
    says(
        |plan| {
            plan.sweep.iter_mut().for_each(|step| {
                if let Action::Delete { replaced_by } = &mut step.action {
                    *replaced_by = None;
                }
            })
        },
        "is wanted, and what is there is deleted",
    );
}

#[test]
fn deletions_in_the_wrong_phase() {
    says(
        |plan| {
            let at = plan
                .sweep
                .iter()
                .position(|step| step.resource == id("api.old"))
                .unwrap();
            let mut step = plan.sweep.remove(at);
            step.id = StepId(plan.build.len() as u32);
            step.after = (0..step.id.0).map(StepId).collect();
            plan.build.push(step);
        },
        "api.old is deleted before the commit",
    );
}

#[test]
fn what_is_not_ours() {
    says(
        |plan| {
            let at = step(plan, "role.r", false);
            let have = plan.build[at].have.as_mut().unwrap();
            have.handle.0 = "strange".into();
            have.proof = grail_state::Proof::NameOnly;
            plan.build[at].resource = id("queue.new");
        },
        "nothing shows that it is ours",
    );
    // A mark of an attempt that nobody remembers shows nothing, and a foreign tag is not outweighed by who uses the thing.
    let unknown = grail_state::Proof::Mark(grail_state::StepToken("nobody's".into()));
    let theirs = grail_state::Proof::Theirs {
        owner: "shop-prod".into(),
    };
    for (resource, proof) in [("queue.new", unknown), ("role.r", theirs)] {
        says(
            |plan| {
                let at = step(plan, "role.r", false);
                let have = plan.build[at].have.as_mut().unwrap();
                have.handle.0 = "strange".into();
                have.proof = proof;
                plan.build[at].resource = id(resource);
            },
            "nothing shows that it is ours",
        );
    }
}

#[test]
fn records_that_do_not_fit() {
    says(|plan| drop(plan.notes.insert(id("role.r"), None)), "does not fit");
    says(
        |plan| drop(plan.build.pop()),
        "is recorded, not wanted, and stays",
    );
    let mut plan = busy().plan().unwrap();
    plan.unchanged.clear();
    assert_ne!(
        plan.digest,
        plan.digested(),
        "the digest covers what is unchanged"
    );
}
