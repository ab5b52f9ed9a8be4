//! Makes a walk that goes astray as short as it can be and still goes astray.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use grail_providers::fake::Physics;

use super::super::app::{App, Fun, Socket};
use super::super::ground::Command;
use super::Walk;

/// So many walks are tried at most.
const TRIES: usize = 3000;

thread_local! {
    /// Panics on this thread are counted on and say nothing.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// The shortest walk found, why it goes astray, and how many were tried.
pub(super) async fn shrink(walk: Walk, why: String) -> (Walk, String, usize) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            if !EXPECTED.get() {
                loud(panicked);
            }
        }));
    });
    EXPECTED.set(true);
    let shrunk = by(walk, why, async |walk: &Walk| walk.astray().await).await;
    EXPECTED.set(false);
    shrunk
}

/// The same by another judge of what goes astray.
pub(super) async fn by(
    mut walk: Walk,
    mut why: String,
    astray: impl AsyncFn(&Walk) -> Option<String>,
) -> (Walk, String, usize) {
    let mut tries = 0;
    'again: loop {
        for shorter in shorter(&walk) {
            if tries == TRIES {
                break 'again;
            }
            tries += 1;
            if let Some(reason) = astray(&shorter).await {
                (walk, why) = (shorter, reason);
                continue 'again;
            }
        }
        break;
    }
    (walk, why, tries)
}

/// Walks with one thing less, the largest things first.
fn shorter(walk: &Walk) -> Vec<Walk> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Walk)| {
        let mut shorter = walk.clone();
        change(&mut shorter);
        all.push(shorter);
    };
    let legs = walk.legs.len();
    for leg in (0..legs).filter(|_| legs > 1) {
        with(&|walk| drop(walk.legs.remove(leg)));
    }
    for (leg, of) in walk.legs.iter().enumerate() {
        for (at, stumble) in of.stumbles.iter().enumerate() {
            with(&|walk| drop(walk.legs[leg].stumbles.remove(at)));
            if stumble.storm.is_some() {
                with(&|walk| walk.legs[leg].stumbles[at].storm = None);
            }
            if stumble.refused.is_some() {
                with(&|walk| walk.legs[leg].stumbles[at].refused = None);
            }
            if stumble.death.is_some() {
                with(&|walk| walk.legs[leg].stumbles[at].death = None);
            }
            if stumble.full.is_some() {
                with(&|walk| walk.legs[leg].stumbles[at].full = None);
            }
            if stumble.clock != 0 {
                with(&|walk| walk.legs[leg].stumbles[at].clock = 0);
            }
            if let Command::Deploy(app) = &stumble.command {
                for smaller in smaller(app) {
                    with(&|walk| walk.legs[leg].stumbles[at].command = Command::Deploy(smaller.clone()));
                }
            }
        }
        for smaller in smaller(&of.to) {
            with(&|walk| walk.legs[leg].to = smaller.clone());
        }
    }
    let plain = Physics::default();
    if !walk.physics.staleness.is_zero() {
        with(&|walk| walk.physics.staleness = plain.staleness);
    }
    if walk.physics.roles_differ {
        with(&|walk| walk.physics.roles_differ = false);
    }
    if walk.physics.dropped_arrive {
        with(&|walk| walk.physics.dropped_arrive = false);
    }
    all
}

/// Applications with one thing less.
fn smaller(app: &App) -> Vec<App> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut App)| {
        let smaller = app.clone().change(change);
        if smaller != *app {
            all.push(smaller);
        }
    };
    with(&|app| app.api = None);
    with(&|app| app.socket = None);
    with(&|app| app.layer = None);
    for name in app.functions.keys() {
        with(&|app| {
            app.functions.remove(name);
            let handles = |socket: &Socket| socket.routes.values().any(|one| one == name);
            if app.socket.as_ref().is_some_and(handles) {
                app.socket = None;
            }
        });
        with(&|app| *app.fun(name) = Fun::plain());
        with(&|app| app.fun(name).source = None);
        with(&|app| app.fun(name).retention = None);
        with(&|app| app.fun(name).called = None);
    }
    with(&|app| app.api.iter_mut().for_each(|api| api.site = None));
    with(&|app| app.socket.iter_mut().for_each(|socket| socket.site = None));
    all
}
