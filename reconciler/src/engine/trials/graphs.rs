//! Graphs of resources, and how fast anybody could make them.
//!
//! The bound of a graph is the larger of two times that no order of work can beat: its critical path, where every step begins
//! the moment that the last one it needs is done; and for each rate that AWS keeps to, the time from the first call under it
//! that can be made, over all calls under it at that rate, to the end of whatever the last of them has still before it. The
//! looks before the first write, on which the plan rests, have a bound of their own, which is added.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use grail_providers::fake::{Physics, operation};
use grail_providers::pace::{Rate, buckets};
use grail_state::{Desired, DesiredState, Kind, ResourceId, StackId, Template};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// A graph with its name.
pub(crate) struct Graph {
    pub(crate) name: String,
    pub(crate) desired: DesiredState,
}

/// Makes a graph, resource by resource. Everything in it stands on one role.
struct Maker(BTreeMap<ResourceId, Desired>);

impl Maker {
    fn new() -> Self {
        let mut maker = Self(BTreeMap::new());
        let policies = json!({"main": {"version": 1}});
        maker.add(
            "iam_role",
            "default-role",
            json!({"name": "shop-dev", "trust": {"version": 1}, "policies": policies}),
            &[],
        );
        maker
    }

    fn add(&mut self, kind: &'static str, name: &str, spec: Value, after: &[ResourceId]) -> ResourceId {
        let id = ResourceId::new(Kind::new(kind), name);
        let wish = Desired {
            id: id.clone(),
            spec: Template::from_value(spec),
            after: after.iter().cloned().collect(),
            rank: 0,
            origin: None,
            protect: None,
        };
        self.0.insert(id.clone(), wish);
        id
    }

    fn function(&mut self, name: &str, after: &[ResourceId]) -> ResourceId {
        let spec = json!({
            "name": format!("shop-dev-{name}"), "handler": "app.handler", "memory": 128, "layers": [],
            "role": {"=ref": "iam_role.default-role/arn"}, "environment": {"SECRET": "hunter2"},
            "tags": {"aws-chalice": "version=1.34.0:stage=dev:app=shop"}, "reserved_concurrency": null,
            "code": {"content": "code-1"},
        });
        self.add("lambda_function", name, spec, after)
    }

    fn group(&mut self, name: &str, after: &[ResourceId]) -> ResourceId {
        let spec = json!({"name": format!("/aws/lambda/shop-dev-{name}"), "retention_days": 7});
        self.add("log_group", name, spec, after)
    }

    fn permission(&mut self, function: &ResourceId, after: &[ResourceId]) -> ResourceId {
        let spec = json!({
            "function": {"=ref": format!("{function}/name")}, "principal": "events.amazonaws.com",
            "source_arn": "arn:aws:events:eu-west-1:123456789012:rule/any",
        });
        self.add(
            "lambda_permission",
            &format!("{}/event", function.name),
            spec,
            after,
        )
    }

    fn rule(&mut self, name: &str, function: &ResourceId, after: &[ResourceId]) -> ResourceId {
        let spec = json!({
            "name": format!("shop-dev-{name}"), "schedule": "rate(1 hour)", "function": {"=ref": format!("{function}/arn")},
        });
        self.add("event_rule", name, spec, after)
    }

    fn graph(self, name: String) -> Graph {
        let stack = StackId {
            app: "shop".into(),
            stage: "dev".into(),
        };
        Graph {
            name,
            desired: DesiredState {
                stack,
                resources: self.0,
            },
        }
    }
}

/// `size` resources, each after the one before it.
pub(crate) fn chain(size: usize) -> Graph {
    let mut maker = Maker::new();
    let mut last = Vec::new();
    for number in 1..size {
        last = vec![maker.group(&format!("g{number:06}"), &last)];
    }
    maker.graph(format!("chain of {size}"))
}

/// A role and all the functions that need nothing else.
pub(crate) fn fan(size: usize) -> Graph {
    let mut maker = Maker::new();
    for number in 1..size {
        maker.function(&format!("f{number:06}"), &[]);
    }
    maker.graph(format!("fan of {size}"))
}

/// Functions as an application has them: each may be called by a rule of its own and keeps its logs for a week.
pub(crate) fn app(functions: usize) -> Graph {
    let mut maker = Maker::new();
    for number in 0..functions {
        let name = format!("f{number:06}");
        let function = maker.function(&name, &[]);
        maker.group(&name, &[]);
        maker.permission(&function, &[]);
        maker.rule(&name, &function, &[]);
    }
    maker.graph(format!("app of {functions} functions"))
}

/// Layers of about equal size, of any kind, where each resource comes after one to three of the layer before its own.
pub(crate) fn layered(size: usize, layers: usize, seed: u64) -> Graph {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut maker = Maker::new();
    let width = (size - 1).div_ceil(layers).max(1);
    let (mut above, mut here, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    let mut bare: Vec<ResourceId> = Vec::new();
    for number in 1..size {
        if here.len() == width {
            above = std::mem::take(&mut here);
        }
        let pick = |rng: &mut ChaCha8Rng, from: &[ResourceId]| from[rng.random_range(0..from.len())].clone();
        let mut after = BTreeSet::new();
        if !above.is_empty() {
            for _ in 0..rng.random_range(1..=3) {
                after.insert(pick(&mut rng, &above));
            }
        }
        let after: Vec<_> = after.into_iter().collect();
        let name = format!("n{number:06}");
        here.push(match rng.random_range(0..4) {
            1 if !bare.is_empty() => {
                let function = bare.swap_remove(rng.random_range(0..bare.len()));
                maker.permission(&function, &after)
            }
            2 if !functions.is_empty() => {
                let function = pick(&mut rng, &functions);
                maker.rule(&name, &function, &after)
            }
            3 => maker.group(&name, &after),
            _ => {
                let function = maker.function(&name, &after);
                functions.push(function.clone());
                bare.push(function.clone());
                function
            }
        });
    }
    maker.graph(format!("{layers} layers of {width}"))
}

/// What a step of a kind does, one after the other.
enum Leg {
    Call(&'static str, bool),
    /// Until what was just made is usable.
    Busy,
}

fn legs(kind: &str) -> &'static [Leg] {
    use Leg::{Busy, Call};
    match kind {
        "iam_role" => &[
            Call("CreateRole", true),
            Call("PutRolePolicy", true),
            Call("GetRole", false),
        ],
        "lambda_function" => &[
            Call("CreateFunction", true),
            Busy,
            Call("GetFunction", false),
            Call("GetFunction", false),
        ],
        "lambda_permission" => &[Call("AddPermission", true), Call("GetPolicy", false)],
        "log_group" => &[Call("CreateLogGroup", true), Call("PutRetentionPolicy", true)],
        "event_rule" => &[
            Call("DescribeRule", false),
            Call("PutRule", true),
            Call("PutTargets", true),
            Call("DescribeRule", false),
        ],
        _ => &[],
    }
}

/// What the first look at a resource of a kind asks where nothing is. Log groups are listed, all in one; a function that is
/// not there has no policy.
fn look(kind: &str) -> &'static [Leg] {
    use Leg::Call;
    match kind {
        "iam_role" => &[Call("GetRole", false)],
        "lambda_function" => &[Call("GetFunction", false)],
        "event_rule" => &[Call("DescribeRule", false)],
        _ => &[],
    }
}

/// What a later look asks, where all is there.
fn look_again(kind: &str) -> &'static [Leg] {
    match kind {
        "lambda_permission" => &[Leg::Call("GetPolicy", false)],
        other => look(other),
    }
}

/// The times that nobody can beat.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    /// Of the looks.
    pub(crate) look: Duration,
    /// The longest chain of steps.
    pub(crate) path: Duration,
    /// The rate that takes longest.
    pub(crate) bucket: Duration,
}

impl Bound {
    /// The whole.
    pub(crate) fn whole(&self) -> Duration {
        self.look + self.path.max(self.bucket)
    }
}

/// The calls under one rate.
struct Under {
    rate: Rate,
    calls: u32,
    /// The least time before any of them, and after.
    head: Duration,
    tail: Duration,
}

/// The bound of making `graph` where nothing is.
pub(crate) fn bound(graph: &Graph, physics: &Physics, with_rates: bool) -> Bound {
    // Where nothing is, no look needs to wait for another.
    let looks = times(
        graph,
        physics,
        with_rates,
        &look,
        &|_| BTreeSet::new(),
        Duration::ZERO,
    );
    let steps = times(
        graph,
        physics,
        with_rates,
        &legs,
        &Desired::depends_on,
        physics.role,
    );
    Bound {
        look: looks.0.max(looks.1),
        path: steps.0,
        bucket: steps.1,
    }
}

/// The bound of looking at all of `graph` where all is there, and known.
pub(crate) fn bound_of_looks(graph: &Graph, physics: &Physics) -> Duration {
    let (path, bucket) = times(
        graph,
        physics,
        true,
        &look_again,
        &|_| BTreeSet::new(),
        Duration::ZERO,
    );
    path.max(bucket)
}

type Needs<'a> = &'a dyn Fn(&Desired) -> BTreeSet<ResourceId>;

/// Critical path, and the slowest rate.
fn times(
    graph: &Graph,
    physics: &Physics,
    with_rates: bool,
    legs: &dyn Fn(&str) -> &'static [Leg],
    needs: Needs<'_>,
    role: Duration,
) -> (Duration, Duration) {
    let all = &graph.desired.resources;
    let takes = |leg: &Leg| match leg {
        Leg::Call(..) => physics.latency,
        Leg::Busy => physics.busy,
    };
    let whole = |id: &ResourceId| -> Duration { legs(id.kind.as_str()).iter().map(takes).sum() };
    let needed: BTreeMap<_, _> = all.values().map(|wish| (&wish.id, needs(wish))).collect();
    let order = sorted(&needed);
    let mut begins: BTreeMap<&ResourceId, Duration> = BTreeMap::new();
    for id in &order {
        let mut begin = Duration::ZERO;
        for need in &needed[*id] {
            let mut end = begins[need] + whole(need);
            if need.kind.as_str() == "iam_role" && !role.is_zero() {
                // What assumes the role is taken when it arrives after the role is known everywhere.
                end = end.max(begins[need] + role);
            }
            begin = begin.max(end);
        }
        begins.insert(id, begin);
    }
    let mut rests: BTreeMap<&ResourceId, Duration> = BTreeMap::new();
    for id in order.iter().rev() {
        let rest = rests.get(*id).copied().unwrap_or_default();
        for need in &needed[*id] {
            let through = rest + whole(id);
            let longest = rests.entry(&all[need].id).or_default();
            *longest = (*longest).max(through);
        }
    }
    let path = order
        .iter()
        .map(|id| begins[*id] + whole(id))
        .max()
        .unwrap_or_default();
    let mut under: BTreeMap<String, Under> = BTreeMap::new();
    for id in order.iter().filter(|_| with_rates) {
        let mut done = Duration::ZERO;
        for leg in legs(id.kind.as_str()) {
            let (before, mut after) = (begins[*id] + done, whole(id).saturating_sub(done));
            after += rests.get(*id).copied().unwrap_or_default();
            done += takes(leg);
            let Leg::Call(name, write) = leg else { continue };
            for (bucket, rate) in buckets(&operation(name, *write)) {
                let under = under.entry(bucket).or_insert(Under {
                    rate,
                    calls: 0,
                    head: before,
                    tail: after,
                });
                under.calls += 1;
                under.head = under.head.min(before);
                under.tail = under.tail.min(after);
            }
        }
    }
    let slowest = under.values().map(|under| {
        let waiting = under.calls.saturating_sub(under.rate.burst);
        under.head + under.rate.every * waiting + under.tail
    });
    (path, slowest.max().unwrap_or_default())
}

/// The resources, each after what it needs.
fn sorted<'a>(needed: &BTreeMap<&'a ResourceId, BTreeSet<ResourceId>>) -> Vec<&'a ResourceId> {
    let mut followers: BTreeMap<&ResourceId, Vec<&'a ResourceId>> = BTreeMap::new();
    let mut missing: BTreeMap<&'a ResourceId, usize> = BTreeMap::new();
    for (id, needs) in needed {
        missing.insert(id, needs.len());
        for need in needs {
            followers.entry(need).or_default().push(id);
        }
    }
    let mut order: Vec<_> = missing
        .iter()
        .filter(|(_, left)| **left == 0)
        .map(|(id, _)| *id)
        .collect();
    let mut next = 0;
    while let Some(id) = order.get(next).copied() {
        next += 1;
        for follower in followers.get(id).into_iter().flatten() {
            if let Some(left) = missing.get_mut(*follower) {
                *left -= 1;
                if *left == 0 {
                    order.push(follower);
                }
            }
        }
    }
    order
}
