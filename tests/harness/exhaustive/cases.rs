//! Cases by name.

use std::fmt;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;

use super::{Blow, Chapter, Story, Subject};

/// A story with one blow.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The story.
    pub story: &'a Story,
    /// What strikes it.
    pub blow: Blow,
}

impl<'a> Case<'a> {
    /// Every case of a story.
    pub fn all(story: &'a Story) -> Vec<Case<'a>> {
        let blows = Blow::all(story.writes, story.chapter);
        blows.into_iter().map(|blow| Case { story, blow }).collect()
    }

    /// At most so many of these cases, drawn by the seed: the same seed draws the same from the same cases.
    pub fn drawn(mut cases: Vec<Case<'a>>, most: usize, seed: u64) -> Vec<Case<'a>> {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        cases.shuffle(&mut random);
        cases.truncate(most);
        cases
    }

    /// The operation at which it strikes, in a run with one call at a time.
    pub fn operation(&self) -> Option<&str> {
        let write = match self.blow {
            Blow::Refuse { write, .. }
            | Blow::Lose { write, .. }
            | Blow::Kill { write, .. }
            | Blow::Silence { write } => write,
            Blow::Storm | Blow::Resets | Blow::Hangs => return None,
        };
        self.story.operations.get(write - 1).map(String::as_str)
    }
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.story.name(), self.blow)
    }
}

/// Which cases are meant: `<subject>/<chapter>/<blow>[/<then>]`, where each part may end in `*`, and parts may be left out at
/// the end.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Pattern {
        Pattern(text.split('/').map(str::to_owned).collect())
    }

    /// Whether it means any case of this story.
    pub fn takes_story(&self, subject: &Subject, chapter: Chapter) -> bool {
        self.takes(&[subject.name, chapter.name()])
    }

    /// Whether it means this case.
    pub fn takes_case(&self, case: &Case<'_>) -> bool {
        let name = case.to_string();
        let parts: Vec<&str> = name.split('/').collect();
        self.0.len() <= parts.len() && self.takes(&parts)
    }

    fn takes(&self, parts: &[&str]) -> bool {
        self.0
            .iter()
            .zip(parts)
            .all(|(wanted, part)| match wanted.strip_suffix('*') {
                Some(start) => part.starts_with(start),
                None => wanted == part,
            })
    }
}
