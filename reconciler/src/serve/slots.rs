//! Who may make a pass now: so many at once, and no project at the cost of another.
//!
//! The next one is of the project that makes the fewest passes at the moment, and among equals of the one that was let in
//! longest ago; within a project it is who came first. So a project with a hundred stages that all wake at once takes what the
//! others leave, and not more than its turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// See the module. Clones are the same.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    /// How many at once.
    all: usize,
    /// How many of one project at once.
    each: usize,
    projects: BTreeMap<String, Project>,
    turns: u64,
}

#[derive(Debug, Default)]
struct Project {
    running: usize,
    /// When it was let in last, counted in turns.
    served: u64,
    waiting: VecDeque<oneshot::Sender<Slot>>,
}

/// The right to make a pass, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    project: String,
}

impl Slots {
    /// So many at once, and so many of one project.
    pub fn new(all: usize, each: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            all: all.max(1),
            each: each.max(1),
            projects: BTreeMap::new(),
            turns: 0,
        })))
    }

    /// Other numbers from now on. Passes that are being made go on.
    pub fn resize(&self, all: usize, each: usize) {
        let mut inner = self.lock();
        (inner.all, inner.each) = (all.max(1), each.max(1));
        drop(inner);
        self.dispatch();
    }

    /// How many wait.
    pub fn depth(&self) -> usize {
        let inner = self.lock();
        let waiting = inner.projects.values().flat_map(|project| &project.waiting);
        waiting.filter(|waits| !waits.is_closed()).count()
    }

    /// How many passes are being made.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.lock().running()
    }

    /// Waits for a turn. Who gives up waiting gives up the place.
    pub async fn enter(&self, project: &str) -> Slot {
        loop {
            let turn = self.queue(project);
            self.dispatch();
            if let Ok(slot) = turn.await {
                return slot;
            }
        }
    }

    fn queue(&self, project: &str) -> oneshot::Receiver<Slot> {
        let (sender, turn) = oneshot::channel();
        let mut inner = self.lock();
        let waiting = &mut inner.projects.entry(project.to_owned()).or_default().waiting;
        waiting.retain(|waits| !waits.is_closed());
        waiting.push_back(sender);
        turn
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dispatch(&self) {
        loop {
            let next = self.lock().next();
            let Some((project, waits)) = next else { return };
            let slots = self.clone();
            // Who has given up in this very moment drops it, which brings the next.
            drop(waits.send(Slot { slots, project }));
        }
    }
}

impl Inner {
    fn running(&self) -> usize {
        self.projects.values().map(|project| project.running).sum()
    }

    fn next(&mut self) -> Option<(String, oneshot::Sender<Slot>)> {
        if self.running() >= self.all {
            return None;
        }
        let projects = self.projects.values_mut();
        projects.for_each(|project| project.waiting.retain(|waits| !waits.is_closed()));
        let each = self.each;
        let (name, project) = self
            .projects
            .iter_mut()
            .filter(|(_, project)| project.running < each && !project.waiting.is_empty())
            .min_by_key(|(_, project)| (project.running, project.served))?;
        let waits = project.waiting.pop_front()?;
        self.turns += 1;
        project.running += 1;
        project.served = self.turns;
        Some((name.clone(), waits))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inner = self.slots.lock();
        if let Some(project) = inner.projects.get_mut(&self.project) {
            project.running = project.running.saturating_sub(1);
        }
        drop(inner);
        self.slots.dispatch();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_project_with_many_stages_does_not_keep_another_waiting() {
        let slots = Slots::new(2, 2);
        let (first, second) = (slots.enter("noisy").await, slots.enter("noisy").await);
        let mut noisy: Vec<_> = (0..50).map(|_| Box::pin(slots.enter("noisy"))).collect();
        for one in &mut noisy {
            assert!(one.now_or_never().is_none());
        }
        let mut calm = Box::pin(slots.enter("calm"));
        assert!((&mut calm).now_or_never().is_none());
        assert_eq!((slots.running(), slots.depth()), (2, 51));
        drop(first);
        let calm = calm
            .now_or_never()
            .expect("the calm one is next although it came last");
        drop(second);
        assert!((&mut noisy[0]).now_or_never().is_some());
        drop(calm);
    }

    #[tokio::test]
    async fn projects_take_turns_and_within_one_the_first_is_first() {
        let slots = Slots::new(1, 1);
        let mut now = slots.enter("a").await;
        let mut waits = Vec::new();
        for (project, number) in [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("c", 5)] {
            let mut entering = Box::pin(slots.enter(project));
            assert!((&mut entering).now_or_never().is_none());
            waits.push((number, entering));
        }
        let mut order = Vec::new();
        while !waits.is_empty() {
            drop(now);
            let ready = waits
                .iter_mut()
                .enumerate()
                .find_map(|(at, (_, entering))| entering.now_or_never().map(|slot| (at, slot)));
            let (at, slot) = ready.expect("somebody is next");
            order.push(waits.remove(at).0);
            now = slot;
        }
        assert_eq!(order, [3, 5, 1, 4, 2]);
    }

    #[tokio::test]
    async fn who_gives_up_keeps_nobody_waiting_and_no_project_is_more_than_its_share() {
        let slots = Slots::new(3, 1);
        let one = slots.enter("a").await;
        for _ in 0..100 {
            assert!(
                slots.enter("a").now_or_never().is_none(),
                "one of a project at once"
            );
        }
        assert_eq!(slots.depth(), 0);
        let other = slots.enter("b").await;
        drop(one);
        let again = slots.enter("a").now_or_never().expect("its place is free");
        slots.resize(1, 1);
        drop(other);
        assert!(
            slots.enter("b").now_or_never().is_none(),
            "one of all at once by now"
        );
        drop(again);
        drop(slots.enter("b").now_or_never().expect("its turn"));
        assert_eq!((slots.running(), slots.lock().projects.len()), (0, 2));
    }
}
