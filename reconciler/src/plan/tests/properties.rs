//! What holds of every plan, over random worlds.

use grail_state::Observed;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::world::World;

const KINDS: [&str; 8] = [
    "role",
    "function",
    "permission",
    "api",
    "stage",
    "layer",
    "queue",
    "domain",
];

/// One wish: its kind, a plain field, an immutable field, which earlier wishes it refers to, and how.
type Seed = (usize, u8, u8, Vec<(prop::sample::Index, bool)>, bool);

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let refs = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3);
    prop::collection::vec(
        (0..KINDS.len(), 0..3_u8, 0..2_u8, refs, prop::bool::weighted(0.8)),
        0..9,
    )
}

/// Wishes in which each refers to earlier ones only; those whose last part is false are left out, and so are references to
/// them.
fn wishes(seeds: &[Seed]) -> Value {
    let name = |at: usize| format!("{}.n{at}", KINDS[seeds[at].0]);
    let mut wishes = Map::new();
    for (at, (kind, plain, fixed, refs, _)) in seeds.iter().enumerate().filter(|(_, seed)| seed.4) {
        let immutable = [
            "name", "name", "function", "flavor", "api", "content", "fifo", "name",
        ][*kind];
        let mut spec = json!({"plain": plain, "=rank": at});
        spec[immutable] = json!(format!("n{at}v{fixed}"));
        for (number, (index, data)) in refs.iter().enumerate().filter(|_| at > 0) {
            let to = index.index(at);
            let output = match KINDS[seeds[to].0] {
                "api" => "digest",
                "stage" => "url",
                "queue" => "id",
                _ => "arn",
            };
            if !seeds[to].4 {
                continue;
            }
            if *data {
                spec[format!("ref{number}")] = json!({"=ref": format!("{}/{output}", name(to))});
            } else {
                spec["=after"] = json!([name(to)]);
            }
        }
        wishes.insert(name(at), spec);
    }
    Value::Object(wishes)
}

proptest! {
    /// Every plan obeys the rules (`World::plan` judges it), every reference is known in time (`World::settle` resolves
    /// them), and when it is carried out there is nothing left to do, and nothing left over.
    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do(first in seeds(), then in seeds(), gone in any::<u16>(), drift in any::<u16>()) {
        let mut world = World::wanting(wishes(&first));
        world.settle();
        prop_assert!(world.plan().unwrap().is_empty());
        for (at, observed) in world.observed.values_mut().enumerate() {
            if gone >> (at % 16) & 1 == 1 {
                *observed = Observed::Absent;
            } else if drift >> (at % 16) & 1 == 1 && let Observed::Present(remote) = observed {
                remote.spec["plain"] = json!("drifted");
            }
        }
        world.want(wishes(&then)).consent.replace = true;
        world.settle();
        let again = world.plan().unwrap();
        prop_assert!(again.is_empty() && again.notes.is_empty(), "{}", super::text::plan_text(&again));
        prop_assert!(world.besides.is_empty());
        prop_assert_eq!(world.recorded.keys().collect::<Vec<_>>(), world.desired.resources.keys().collect::<Vec<_>>());
    }

    /// The same inputs give the same plan, to the digest.
    #[test]
    fn planning_is_deterministic(first in seeds(), then in seeds()) {
        let mut world = World::with(wishes(&first));
        world.want(wishes(&then)).consent.replace = true;
        prop_assert_eq!(world.plan().unwrap(), world.plan().unwrap());
    }

    /// `delete` sweeps everything and builds nothing.
    #[test]
    fn delete_is_all_sweep(first in seeds()) {
        let mut world = World::with(wishes(&first));
        world.want(json!({}));
        prop_assert!(world.plan().unwrap().build.is_empty());
        world.settle();
        prop_assert!(world.recorded.is_empty());
    }
}
