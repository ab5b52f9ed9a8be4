//! Which steps may run now. Pure, and knows steps by number only.
//!
//! A step is ready when all that it waits for are finished. Of the ready ones the step with the longest remaining chain
//! goes first (critical path first), so that the whole takes as little longer than its longest chain as the limit allows.
//! Two steps of one lane never overlap: a lane is held from the first launch to the finish. A slot of the limit is held
//! only while a step has a call in flight; one that waits for its next try gives it up ([`Frontier::pause`]). The limit holds
//! in each pool by itself: where steps of different kinds wait for different rates, those that wait for a slow one must not
//! keep the others from theirs.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What the frontier must know of one step.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The steps that must be finished first.
    pub after: Vec<usize>,
    /// How long it takes, in any unit: only the comparison counts.
    pub cost: u64,
    /// The lane it runs in, by number.
    pub lane: Option<usize>,
    /// Whose slots it takes, by number.
    pub pool: usize,
}

impl Node {
    /// A step that waits for none.
    pub fn costing(cost: u64) -> Self {
        Self {
            cost,
            ..Self::default()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Blocked,
    Ready,
    Running,
    Paused,
    Finished,
    Abandoned,
}

/// Longest remaining chain first; equal ones in the plan's order.
type Rank = (Reverse<u64>, usize);

/// Slots that some of the steps share.
#[derive(Clone, Debug, Default)]
struct Pool {
    ready: BTreeSet<Rank>,
    running: usize,
}

/// The steps of one run, from the first to the last.
#[derive(Debug)]
pub struct Frontier {
    states: Vec<State>,
    missing: Vec<usize>,
    followers: Vec<Vec<usize>>,
    chain: Vec<u64>,
    lanes: Vec<Option<usize>>,
    /// For each held lane, the ready steps that wait for it.
    held: BTreeMap<usize, BTreeSet<Rank>>,
    pools: Vec<Pool>,
    pool_of: Vec<usize>,
    limit: usize,
    unfinished: usize,
}

impl Frontier {
    /// A frontier over nothing.
    pub fn empty() -> Self {
        Self {
            states: Vec::new(),
            missing: Vec::new(),
            followers: Vec::new(),
            chain: Vec::new(),
            lanes: Vec::new(),
            held: BTreeMap::new(),
            pools: Vec::new(),
            pool_of: Vec::new(),
            limit: 1,
            unfinished: 0,
        }
    }

    /// A frontier over `nodes` that runs at most `limit` steps of each pool at once (at least one).
    ///
    /// `None` if steps wait for each other in a circle or for a step that is not there.
    pub fn new(nodes: &[Node], limit: usize) -> Option<Self> {
        let mut followers = vec![Vec::new(); nodes.len()];
        for (step, node) in nodes.iter().enumerate() {
            for before in &node.after {
                followers.get_mut(*before)?.push(step);
            }
        }
        let missing: Vec<_> = nodes.iter().map(|node| node.after.len()).collect();
        let chain = longest_chains(nodes, &followers, &missing)?;
        let pools = nodes.iter().map(|node| node.pool + 1).max().unwrap_or(0);
        let mut frontier = Self {
            pools: vec![Pool::default(); pools],
            pool_of: nodes.iter().map(|node| node.pool).collect(),
            states: vec![State::Blocked; nodes.len()],
            lanes: nodes.iter().map(|node| node.lane).collect(),
            missing,
            followers,
            chain,
            limit: limit.max(1),
            unfinished: nodes.len(),
            ..Self::empty()
        };
        for step in 0..nodes.len() {
            if frontier.missing.get(step) == Some(&0) {
                frontier.make_ready(step);
            }
        }
        Some(frontier)
    }

    /// Launches the next step that may run, if there is one and a slot is free.
    pub fn launch(&mut self) -> Option<usize> {
        while let Some((rank, pool)) = self.next() {
            let step = rank.1;
            self.pools.get_mut(pool)?.ready.remove(&rank);
            let resumed = self.states.get(step) == Some(&State::Paused);
            if let Some(lane) = self.lane(step).filter(|_| !resumed) {
                if let Some(waiting) = self.held.get_mut(&lane) {
                    waiting.insert(rank);
                    continue;
                }
                self.held.insert(lane, BTreeSet::new());
            }
            self.set(step, State::Running);
            self.pools.get_mut(pool)?.running += 1;
            return Some(step);
        }
        None
    }

    /// The first ready step of a pool that has a slot free.
    fn next(&self) -> Option<(Rank, usize)> {
        let free = self
            .pools
            .iter()
            .zip(0..)
            .filter(|(pool, _)| pool.running < self.limit);
        free.filter_map(|(pool, number)| Some((*pool.ready.first()?, number)))
            .min()
    }

    /// Gives up the slot of a running step that waits for its next try. It keeps its lane.
    pub fn pause(&mut self, step: usize) {
        if self.states.get(step) == Some(&State::Running) {
            self.set(step, State::Paused);
            self.free_slot(step);
        }
    }

    /// Lets a paused step be launched again, at its old rank.
    pub fn resume(&mut self, step: usize) {
        if self.states.get(step) == Some(&State::Paused) {
            self.queue(self.rank(step));
        }
    }

    /// Finishes a running or paused step: frees its slot and lane, and makes ready whatever waited for it alone.
    pub fn finish(&mut self, step: usize) {
        if !self.leave(step, State::Finished) {
            return;
        }
        self.unfinished -= 1;
        for follower in self.followers.get(step).cloned().unwrap_or_default() {
            let left = self.missing.get_mut(follower).map(|missing| {
                *missing -= 1;
                *missing
            });
            if left == Some(0) {
                self.make_ready(follower);
            }
        }
    }

    /// Gives up a running or paused step for good: frees its slot and lane. It never finishes, so whatever waits for it stays.
    pub fn abandon(&mut self, step: usize) {
        self.leave(step, State::Abandoned);
    }

    /// Lets a running or paused step wait for `others` as well, those left out that wait for it themselves, and begin anew when
    /// they are finished. False, and nothing is changed, if none of them is left to wait for.
    pub fn postpone(&mut self, step: usize, others: &[usize]) -> bool {
        let waiting = self.waiting_for(step);
        let unfinished = |other: &&usize| {
            let state = self.states.get(**other);
            state.is_some_and(|state| *state != State::Finished) && !waiting.contains(*other)
        };
        let others: Vec<usize> = others.iter().filter(unfinished).copied().collect();
        if others.is_empty() || !self.leave(step, State::Blocked) {
            return false;
        }
        if let Some(missing) = self.missing.get_mut(step) {
            *missing += others.len();
        }
        for other in others {
            if let Some(followers) = self.followers.get_mut(other) {
                followers.push(step);
            }
        }
        true
    }

    /// A step, and all that wait for it, directly or not.
    fn waiting_for(&self, step: usize) -> BTreeSet<usize> {
        let mut waiting = BTreeSet::from([step]);
        let mut open = vec![step];
        while let Some(next) = open.pop() {
            let followers = self.followers.get(next).into_iter().flatten();
            open.extend(followers.filter(|follower| waiting.insert(**follower)));
        }
        waiting
    }

    /// Takes a step out of its slot and lane. False where it has none.
    fn leave(&mut self, step: usize, state: State) -> bool {
        match self.states.get(step) {
            Some(State::Running) => self.free_slot(step),
            Some(State::Paused) => {
                let rank = self.rank(step);
                if let Some(pool) = self.pool(step) {
                    pool.ready.remove(&rank);
                }
            }
            _ => return false,
        }
        self.set(step, state);
        if let Some(waiting) = self.lane(step).and_then(|lane| self.held.remove(&lane)) {
            waiting.into_iter().for_each(|rank| self.queue(rank));
        }
        true
    }

    /// True if every step is finished.
    pub fn is_done(&self) -> bool {
        self.unfinished == 0
    }

    /// How urgent a step is: what it costs, and the longest chain that waits for it. In each rate bucket the most urgent request
    /// goes first.
    pub fn urgency(&self, step: usize) -> u64 {
        self.chain.get(step).copied().unwrap_or(0)
    }

    fn make_ready(&mut self, step: usize) {
        self.set(step, State::Ready);
        self.queue(self.rank(step));
    }

    fn pool(&mut self, step: usize) -> Option<&mut Pool> {
        self.pools.get_mut(*self.pool_of.get(step)?)
    }

    fn queue(&mut self, rank: Rank) {
        if let Some(pool) = self.pool(rank.1) {
            pool.ready.insert(rank);
        }
    }

    fn free_slot(&mut self, step: usize) {
        if let Some(pool) = self.pool(step) {
            pool.running -= 1;
        }
    }

    fn set(&mut self, step: usize, state: State) {
        if let Some(place) = self.states.get_mut(step) {
            *place = state;
        }
    }

    fn lane(&self, step: usize) -> Option<usize> {
        self.lanes.get(step).copied().flatten()
    }

    fn rank(&self, step: usize) -> Rank {
        (Reverse(self.urgency(step)), step)
    }
}

/// For each step, its own cost and that of the longest chain that waits for it. `None` if there is a circle.
fn longest_chains(nodes: &[Node], followers: &[Vec<usize>], missing: &[usize]) -> Option<Vec<u64>> {
    let mut missing = missing.to_vec();
    let mut order: Vec<usize> = (0..nodes.len()).filter(|step| missing[*step] == 0).collect();
    let mut next = 0;
    while let Some(&step) = order.get(next) {
        next += 1;
        for &follower in &followers[step] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                order.push(follower);
            }
        }
    }
    if order.len() != nodes.len() {
        return None;
    }
    let mut chain = vec![0; nodes.len()];
    for &step in order.iter().rev() {
        let rest = followers[step].iter().map(|follower| chain[*follower]).max();
        chain[step] = nodes[step].cost + rest.unwrap_or(0);
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(after: &[usize]) -> Node {
        Node {
            after: after.to_vec(),
            ..Node::costing(1)
        }
    }

    #[test]
    fn a_step_that_is_postponed_waits_for_what_does_not_wait_for_it() {
        let mut frontier = Frontier::new(&[node(&[]), node(&[]), node(&[1])], 32).unwrap();
        assert_eq!(launched(&mut frontier), [1, 0]);
        assert!(!frontier.postpone(1, &[1, 2]), "2 waits for 1");
        assert!(frontier.postpone(1, &[0, 2]));
        assert_eq!(launched(&mut frontier), [0; 0]);
        frontier.finish(0);
        assert_eq!(launched(&mut frontier), [1]);
        assert!(!frontier.postpone(1, &[0]), "0 is finished");
        frontier.finish(1);
        assert_eq!(launched(&mut frontier), [2]);
        frontier.finish(2);
        assert!(frontier.is_done());
    }

    #[test]
    fn a_step_that_is_postponed_gives_up_its_lane() {
        let lane = |after: &[usize]| Node {
            lane: Some(0),
            ..node(after)
        };
        let mut frontier = Frontier::new(&[lane(&[]), lane(&[])], 32).unwrap();
        assert_eq!(launched(&mut frontier), [0]);
        assert!(frontier.postpone(0, &[1]));
        assert_eq!(launched(&mut frontier), [1]);
        frontier.finish(1);
        assert_eq!(launched(&mut frontier), [0]);
    }

    fn launched(frontier: &mut Frontier) -> Vec<usize> {
        std::iter::from_fn(|| frontier.launch()).collect()
    }

    #[test]
    fn followers_wait_for_all_that_they_need() {
        let mut frontier = Frontier::new(&[node(&[]), node(&[]), node(&[0, 1])], 32).unwrap();
        assert_eq!(launched(&mut frontier), [0, 1]);
        frontier.finish(0);
        assert_eq!(launched(&mut frontier), [] as [usize; 0]);
        frontier.finish(1);
        assert_eq!(launched(&mut frontier), [2]);
        frontier.finish(2);
        assert!(frontier.is_done());
    }

    #[test]
    fn the_longest_remaining_chain_goes_first() {
        // 0 stands alone and is dear; 1 -> 2 -> 3 is a longer chain; 4 is cheap.
        let mut nodes = [node(&[]), node(&[]), node(&[1]), node(&[2]), node(&[])];
        nodes[0].cost = 2;
        let mut frontier = Frontier::new(&nodes, 2).unwrap();
        assert_eq!(launched(&mut frontier), [1, 0]);
        frontier.finish(1);
        assert_eq!(launched(&mut frontier), [2]);
    }

    #[test]
    fn lanes_never_overlap_and_do_not_hold_up_others() {
        let mut nodes = vec![node(&[]); 4];
        for step in [0, 1, 2] {
            nodes[step].lane = Some(7);
        }
        let mut frontier = Frontier::new(&nodes, 32).unwrap();
        assert_eq!(launched(&mut frontier), [0, 3]);
        frontier.finish(3);
        assert_eq!(launched(&mut frontier), [] as [usize; 0]);
        frontier.finish(0);
        assert_eq!(launched(&mut frontier), [1]);
        frontier.finish(1);
        assert_eq!(launched(&mut frontier), [2]);
    }

    #[test]
    fn a_step_that_waits_gives_up_its_slot_and_keeps_its_lane() {
        let mut nodes = vec![node(&[]); 3];
        nodes[0].lane = Some(0);
        nodes[1].lane = Some(0);
        let mut frontier = Frontier::new(&nodes, 1).unwrap();
        assert_eq!(frontier.launch(), Some(0));
        assert_eq!(frontier.launch(), None);
        frontier.pause(0);
        assert_eq!(frontier.launch(), Some(2), "1 is of the lane that 0 holds");
        frontier.resume(0);
        assert_eq!(frontier.launch(), None, "the limit is one");
        frontier.finish(2);
        assert_eq!(frontier.launch(), Some(0));
        frontier.pause(0);
        frontier.resume(0);
        frontier.finish(0);
        assert_eq!(launched(&mut frontier), [1]);
    }

    #[test]
    fn a_step_that_is_given_up_frees_its_lane_and_keeps_its_followers() {
        let mut nodes = vec![node(&[]), node(&[]), node(&[0]), node(&[])];
        nodes[0].lane = Some(0);
        nodes[1].lane = Some(0);
        nodes[3].lane = Some(0);
        let mut frontier = Frontier::new(&nodes, 1).unwrap();
        assert_eq!(frontier.launch(), Some(0));
        frontier.abandon(0);
        frontier.resume(0);
        assert_eq!(launched(&mut frontier), [1]);
        frontier.pause(1);
        frontier.abandon(1);
        assert_eq!(launched(&mut frontier), [3]);
        frontier.finish(3);
        assert_eq!(launched(&mut frontier), [] as [usize; 0]);
        assert!(!frontier.is_done());
    }

    #[test]
    fn the_limit_is_never_exceeded() {
        let nodes = vec![node(&[]); 100];
        let mut frontier = Frontier::new(&nodes, 7).unwrap();
        let mut running = launched(&mut frontier);
        let mut seen = running.len();
        while let Some(step) = running.pop() {
            assert!(running.len() < 7);
            frontier.finish(step);
            let more = launched(&mut frontier);
            seen += more.len();
            running.extend(more);
        }
        assert_eq!((seen, frontier.is_done()), (100, true));
    }

    #[test]
    fn a_full_pool_does_not_hold_up_another() {
        let mut nodes = vec![node(&[]); 5];
        nodes[3].pool = 1;
        nodes[4].pool = 1;
        let mut frontier = Frontier::new(&nodes, 1).unwrap();
        assert_eq!(launched(&mut frontier), [0, 3]);
        frontier.finish(3);
        assert_eq!(launched(&mut frontier), [4]);
        frontier.pause(4);
        frontier.finish(0);
        assert_eq!(launched(&mut frontier), [1]);
        frontier.resume(4);
        assert_eq!(launched(&mut frontier), [4]);
    }

    #[test]
    fn a_circle_is_no_frontier() {
        assert!(Frontier::new(&[node(&[1]), node(&[0])], 1).is_none());
        assert!(Frontier::new(&[node(&[5])], 1).is_none());
    }

    #[test]
    fn a_step_named_twice_is_waited_for_once() {
        let mut frontier = Frontier::new(&[node(&[]), node(&[0, 0])], 1).unwrap();
        assert_eq!(frontier.launch(), Some(0));
        frontier.finish(0);
        assert_eq!(frontier.launch(), Some(1));
    }
}
