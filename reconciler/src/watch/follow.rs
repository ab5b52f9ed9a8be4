//! Following files: notifications of the system, and looking from time to time where there are none.
//!
//! Folders are watched one by one and never whole trees: a project may hold a virtual environment or a `node_modules` of a
//! hundred thousand folders that are nobody's business here, and the system counts watches. What is to be watched is found out
//! anew before each pass ([`Follower::refresh`]), *before* the pass reads: a folder that has appeared is watched from then on,
//! and what came into it earlier is read by the pass. So nothing falls between two chairs, whatever is made, removed, renamed or
//! linked elsewhere. (Not tried: systems other than Linux.)

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{ErrorKind, RecursiveMode, Watcher};
use tokio::task::JoinHandle;

use self::glance::Glance;
use self::scope::Scope;
use super::Bell;

mod glance;
mod scope;
#[cfg(test)]
mod tests;

/// What is to be followed. Nothing of it need exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The project: what is named inside is followed with the folders above it, up to here.
    pub root: PathBuf,
    /// Files, by any path.
    pub files: BTreeSet<PathBuf>,
    /// Folders with all that is in them.
    pub trees: BTreeSet<PathBuf>,
}

/// How files are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By notifications of the system; where there are none to be had, by looking each second.
    Notifications,
    /// By looking that often.
    Looking(Duration),
    /// Not at all.
    Nothing,
}

/// How often files are looked at where notifications are not to be had.
const INSTEAD: Duration = Duration::from_secs(1);

/// Rings a bell when a followed file changes. Stops when dropped.
pub struct Follower {
    bell: Bell,
    scope: Arc<RwLock<Scope>>,
    /// The folders that are watched, as far as we know.
    watched: BTreeSet<PathBuf>,
    /// A folder went, came or was moved: the system may have forgotten its watch.
    stale: Arc<AtomicBool>,
    watcher: Option<Box<dyn Watcher + Send>>,
    every: Option<Duration>,
    looks: Option<JoinHandle<()>>,
    trouble: Option<String>,
}

impl Follower {
    /// Follows nothing yet.
    pub fn new(means: Means, bell: Bell) -> Self {
        let mut follower = Self {
            bell,
            scope: Arc::default(),
            watched: BTreeSet::new(),
            stale: Arc::default(),
            watcher: None,
            every: None,
            looks: None,
            trouble: None,
        };
        match means {
            Means::Notifications => match follower.notified() {
                Ok(watcher) => follower.watcher = Some(watcher),
                Err(error) => follower.fall_back(&error),
            },
            Means::Looking(every) => follower.every = Some(every),
            Means::Nothing => {}
        }
        follower
    }

    /// Follows `followed` from now on. The answer is what a user should know, once: that notifications are not to be had.
    pub fn refresh(&mut self, followed: &Followed) -> Option<String> {
        if self.watcher.is_some() || self.every.is_some() {
            let scope = Scope::of(followed);
            let folders = scope.watched.clone();
            *self.scope.write().unwrap_or_else(PoisonError::into_inner) = scope;
            self.watch(&folders);
        }
        if let (Some(every), None) = (self.every, &self.looks) {
            self.looks = Some(self.look_every(every));
        }
        self.trouble.take()
    }

    fn watch(&mut self, folders: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(folders) {
            // It may have gone with its folder.
            let _gone = watcher.unwatch(gone);
        }
        let known = match self.stale.swap(false, Ordering::AcqRel) {
            true => BTreeSet::new(),
            false => std::mem::take(&mut self.watched),
        };
        let mut failed = None;
        for folder in folders {
            if known.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It went this very moment, and its own folder will tell.
                Err(error) if is_absence(&error) => self.stale.store(true, Ordering::Release),
                Err(error) => failed = Some(error),
            }
        }
        self.watched.clone_from(folders);
        if let Some(error) = failed {
            self.watcher = None;
            self.fall_back(&error);
        }
    }

    fn fall_back(&mut self, error: &notify::Error) {
        self.every = Some(INSTEAD);
        self.trouble = Some(format!(
            "changes of files are not notified here ({error}): they are looked at every {} s instead",
            INSTEAD.as_secs()
        ));
    }

    fn notified(&self) -> notify::Result<Box<dyn Watcher + Send>> {
        let (bell, scope, stale) = (
            self.bell.clone(),
            Arc::clone(&self.scope),
            Arc::clone(&self.stale),
        );
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else {
                stale.store(true, Ordering::Release);
                bell.changed(None);
                return;
            };
            if event.need_rescan() {
                stale.store(true, Ordering::Release);
                bell.changed(None);
            }
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            let scope = scope.read().unwrap_or_else(PoisonError::into_inner);
            let moves = matches!(
                event.kind,
                EventKind::Remove(_) | EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_))
            );
            if moves && event.paths.iter().any(|path| scope.watched.contains(path)) {
                stale.store(true, Ordering::Release);
            }
            for path in event.paths.iter().filter(|path| scope.holds(path)) {
                bell.changed(Some(path));
            }
        })?;
        Ok(Box::new(watcher))
    }

    fn look_every(&self, every: Duration) -> JoinHandle<()> {
        let (bell, scope) = (self.bell.clone(), Arc::clone(&self.scope));
        let look = move || Glance::of(&scope.read().unwrap_or_else(PoisonError::into_inner));
        // Before the pass reads, as all else here.
        let mut before = look();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let look = look.clone();
                let Ok(now) = tokio::task::spawn_blocking(look).await else {
                    return;
                };
                now.differing(&before)
                    .iter()
                    .for_each(|path| bell.changed(Some(path)));
                before = now;
            }
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(looks) = &self.looks {
            looks.abort();
        }
    }
}

fn is_absence(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}
