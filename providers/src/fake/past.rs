//! What existed a moment ago: what a read shows that has not caught up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::world::World;

/// The worlds before the latest changes, the oldest first.
#[derive(Default)]
pub(super) struct Past(VecDeque<(Instant, World)>);

impl Past {
    /// Keeps `world`, which is changed at `now`, and forgets what was changed longer than `span` ago.
    pub(super) fn keep(&mut self, world: &World, now: Instant, span: Duration) {
        while self.0.front().is_some_and(|(at, _)| *at + span < now) {
            self.0.pop_front();
        }
        self.0.push_back((now, world.clone()));
    }

    /// What existed `age` before `now`, where `world` exists now.
    pub(super) fn seen<'a>(&'a self, world: &'a World, now: Instant, age: Duration) -> &'a World {
        let changed_since = |(at, _): &&(Instant, World)| *at + age > now;
        self.0
            .iter()
            .find(changed_since)
            .map_or(world, |(_, before)| before)
    }
}
