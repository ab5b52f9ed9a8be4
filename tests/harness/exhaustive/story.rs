//! One command on one subject, rehearsed.

use std::path::{Path, PathBuf};

use super::site::{Cloud, Site};
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
    cloud: Cloud,
    binary: PathBuf,
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
    pub fn rehearsed(subject: Subject, chapter: Chapter, cloud: Cloud, binary: &Path) -> Story {
        let start = Site::of(&subject, cloud, binary);
        let bare = start.world();
        lead_up(&start, subject, chapter);
        let before = Kept::at(&start);
        let rehearsal = begin(&start, subject, chapter, (cloud, binary));
        rehearsal.proxy.forget_calls();
        must(&rehearsal, &[chapter.words(), &["--parallelism", "1"]].concat());
        let writes = rehearsal.proxy.calls().writes();
        assert!(
            writes.len() > 1,
            "a story of only {} writes shows nothing",
            writes.len()
        );
        let story = Story {
            writes: writes.len(),
            operations: writes.names().into_iter().map(str::to_owned).collect(),
            after: Kept::at(&rehearsal),
            subject,
            chapter,
            cloud,
            binary: binary.into(),
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

    /// A place where it begins, and what is there: a copy, or one that was made alike.
    pub(super) fn begin(&self) -> (Site, Option<Kept>) {
        let site = begin(
            &self.start,
            self.subject,
            self.chapter,
            (self.cloud, &self.binary),
        );
        site.proxy.forget_calls();
        // Where it was made alike, its ids are its own.
        let own = (self.cloud != Cloud::Moto).then(|| Kept::at(&site));
        (site, own)
    }
}

fn begin(start: &Site, subject: Subject, chapter: Chapter, with: (Cloud, &Path)) -> Site {
    start.twin().unwrap_or_else(|| {
        let (cloud, binary) = with;
        let site = Site::of(&subject, cloud, binary);
        lead_up(&site, subject, chapter);
        site
    })
}

/// What happens before the command.
fn lead_up(site: &Site, subject: Subject, chapter: Chapter) {
    if chapter != Chapter::First {
        must(site, &["deploy"]);
    }
    if chapter == Chapter::Update {
        subject.grow(&site.project);
    }
}

fn must(site: &Site, words: &[&str]) {
    let run = site.run(words).unwrap_or_else(|why| panic!("{why}"));
    run.expect_success();
}
