//! One command on one subject, rehearsed.

use std::path::Path;

use super::site::Site;
use super::verdict::Kept;
use super::{Subject, verdict};
use crate::world::World;

/// Which command, and what was there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chapter {
    /// The first deployment.
    First,
    /// The deployment of the changed project.
    Update,
    /// The deletion of what was deployed.
    Delete,
}

impl Chapter {
    /// Every chapter.
    pub const ALL: [Chapter; 3] = [Chapter::First, Chapter::Update, Chapter::Delete];

    /// Its name in those of cases.
    pub fn name(self) -> &'static str {
        match self {
            Chapter::First => "first",
            Chapter::Update => "update",
            Chapter::Delete => "delete",
        }
    }

    /// What grail is told.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Chapter::First => &["deploy"],
            Chapter::Update => &["deploy", "--allow-replace"],
            Chapter::Delete => &["delete"],
        }
    }
}

/// A story, with the place where it begins and what it comes to when nothing disturbs it.
#[derive(Debug)]
pub struct Story {
    /// What it is about.
    pub subject: Subject,
    /// Which command.
    pub chapter: Chapter,
    /// How many writes it has.
    pub writes: usize,
    /// The operations of its writes in the order of a run with one call at a time.
    pub operations: Vec<String>,
    start: Site,
    /// The account before the subject was ever deployed.
    pub(super) bare: World,
    /// What was there when it began.
    pub(super) before: Kept,
    /// What it comes to.
    pub(super) after: Kept,
}

impl Story {
    /// Prepares a story and rehearses it. `binary` is grail.
    ///
    /// # Panics
    /// Where the story does not succeed by itself.
    pub fn rehearsed(subject: Subject, chapter: Chapter, binary: &Path) -> Story {
        let start = Site::of(&subject, binary);
        let bare = start.world();
        if chapter != Chapter::First {
            must(&start, &["deploy"]);
        }
        if chapter == Chapter::Update {
            subject.grow(&start.project);
        }
        let before = Kept::at(&start);
        let rehearsal = start.twin();
        must(&rehearsal, &[chapter.words(), &["--parallelism", "1"]].concat());
        let writes = rehearsal.proxy.calls().writes();
        assert!(
            writes.len() > 3,
            "a story of only {} writes shows nothing",
            writes.len()
        );
        let story = Story {
            writes: writes.len(),
            operations: writes.names().into_iter().map(str::to_owned).collect(),
            after: Kept::at(&rehearsal),
            subject,
            chapter,
            start,
            bare,
            before,
        };
        if chapter == Chapter::Delete {
            let left = verdict::nothing_is_left(&rehearsal, &story);
            left.unwrap_or_else(|why| panic!("{}: undisturbed: {why}", story.name()));
        }
        story
    }

    /// `<subject>/<chapter>`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.subject.name, self.chapter.name())
    }

    /// A copy of the place where it begins.
    pub(super) fn begin(&self) -> Site {
        self.start.twin()
    }
}

fn must(site: &Site, words: &[&str]) {
    let run = site.run(words).unwrap_or_else(|why| panic!("{why}"));
    run.expect_success();
}
