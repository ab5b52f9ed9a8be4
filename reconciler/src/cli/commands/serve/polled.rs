//! Looks at git remotes from time to time, and rings for their stages where they have moved. One look a project, by whoever carries
//! one of its stages; a look that fails is told by the pass that needs the remote.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::carried::remote;
use crate::cli::serve_toml::{GitSource, ServeToml, Source};
use crate::serve::{Service, StageKey};
use crate::source::git::Git;

/// The remotes that are looked at.
pub(super) struct Polls {
    service: Service,
    projects: BTreeMap<String, Poll>,
}

struct Poll {
    source: GitSource,
    stages: BTreeSet<StageKey>,
    looks: JoinHandle<()>,
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.looks.abort();
    }
}

impl Polls {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            projects: BTreeMap::new(),
        }
    }

    /// Looks at the remotes of this configuration from now on by this `git`, and at no others.
    pub(super) fn follow(&mut self, toml: &ServeToml, git: &Git) {
        let mut before = std::mem::take(&mut self.projects);
        for (name, project) in &toml.projects {
            let Source::Git(source) = &project.source else {
                continue;
            };
            let key = |stage: &String| StageKey {
                project: name.clone(),
                stage: stage.clone(),
            };
            let stages: BTreeSet<_> = project.stages.keys().map(key).collect();
            let same = |poll: &Poll| poll.source == *source && poll.stages == stages;
            let poll = match before.remove(name).filter(same) {
                Some(poll) => poll,
                None => self.begin(source, stages, git),
            };
            self.projects.insert(name.clone(), poll);
        }
    }

    fn begin(&self, source: &GitSource, stages: BTreeSet<StageKey>, git: &Git) -> Poll {
        let looks = tokio::spawn(look(
            self.service.clone(),
            git.clone(),
            source.clone(),
            stages.clone(),
        ));
        Poll {
            source: source.clone(),
            stages,
            looks,
        }
    }
}

async fn look(service: Service, git: Git, source: GitSource, stages: BTreeSet<StageKey>) {
    let (remote, each) = (remote(&source), source.poll.max(Duration::from_secs(1)));
    let mut times = interval(each);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, when nothing is deployed yet.
    times.tick().await;
    loop {
        times.tick().await;
        if !service.carries_any(&stages) {
            continue;
        }
        match git.head(&remote).await {
            // Where nothing was checked out yet, a pass is due anyway.
            Ok(head) => service.changed(&stages, |report| {
                report.revision.as_ref().is_some_and(|deployed| *deployed != head)
            }),
            Err(error) => tracing::debug!(%error, "the remote could not be looked at"),
        }
    }
}
