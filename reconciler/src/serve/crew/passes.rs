//! The object of a stage's last pass: who makes it, and what it has left.
//!
//! An end that could not be written down is kept and written with a later beat: as long as it is not there, the pass counts as
//! being made by one who lives, and nobody else begins another.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use grail_state::Digest;
use grail_state::store::object::{Condition, Tag};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Crew, CrewError, Muster, Replica, VERSION};
use crate::serve::StageKey;

/// Why a pass is not begun.
#[derive(Debug)]
pub enum Unclaimed {
    /// The stage is another's, or another is at it.
    Elsewhere(String),
    /// That could not be found out.
    Unknown(CrewError),
}

/// When a stage that has become ours gets its first pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPass {
    /// At once.
    Now(Last),
    /// Not before that replica is done with the pass that it makes.
    AfterThat(String),
}

/// What is written of the last pass of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Its number, counted over all replicas; 0 where there was none.
    pub number: u64,
    /// The fingerprint of the plan that was taken back, and is not to be carried out again.
    pub spared: Option<Digest>,
}

/// The last pass of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PassNote {
    v: u32,
    number: u64,
    by: String,
    began: Timestamp,
    ended: Option<EndNote>,
    /// Stays while a pass is being made, so that it outlives one who dies in it.
    #[serde(default)]
    spared: Option<Digest>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EndNote {
    at: Timestamp,
}

/// A pass that is ours to make.
#[derive(Debug)]
pub struct Claim {
    name: String,
    note: PassNote,
    tag: Tag,
}

impl Claim {
    /// The number of the pass, counted over all replicas.
    pub fn number(&self) -> u64 {
        self.note.number
    }
}

/// The end of a pass that could not be written down yet.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    note: PassNote,
    /// What stands where it is to be written, unless somebody was there since.
    tag: Tag,
}

impl Crew {
    /// Begins a pass, unless the stage is another's by now.
    ///
    /// # Errors
    /// [`Unclaimed`].
    pub async fn claim(&self, key: &StageKey, now: Timestamp) -> Result<Claim, Unclaimed> {
        let muster = self.mustered();
        match muster.carrier(key) {
            Some(carrier) if carrier == self.me() => {}
            carrier => return Err(Unclaimed::Elsewhere(carrier.unwrap_or("nobody yet").to_owned())),
        }
        let name = name_of(key);
        let found = self
            .inner
            .written
            .read::<PassNote>(&name)
            .await
            .map_err(Unclaimed::Unknown)?;
        let (last, condition) = match found {
            Some((note, tag)) => (note, Condition::Still(tag)),
            None => (None, Condition::New),
        };
        if let Some(last) = &last
            && last.ended.is_none()
            && last.by != self.me()
            && self.lives(&muster, &last.by).await.map_err(Unclaimed::Unknown)?
        {
            return Err(Unclaimed::Elsewhere(last.by.clone()));
        }
        let (number, spared) = last.map_or((0, None), |last| (last.number, last.spared));
        let note = PassNote {
            v: VERSION,
            number: number + 1,
            by: self.me().to_owned(),
            began: now,
            ended: None,
            spared,
        };
        match self.inner.written.write(&name, &note, &condition).await {
            Ok(Some(tag)) => {
                // What was owed of an earlier pass is of no more use.
                self.owed().remove(&name);
                Ok(Claim { name, note, tag })
            }
            Ok(None) => Err(Unclaimed::Elsewhere("another replica".to_owned())),
            Err(error) => Err(Unclaimed::Unknown(error)),
        }
    }

    /// The pass is over; the plan with the fingerprint `spared` is not to be carried out again, whoever carries the stage.
    ///
    /// # Errors
    /// Where that could not be written down. It is written with a later beat then.
    pub async fn done(&self, claim: Claim, spared: Option<Digest>, now: Timestamp) -> Result<(), CrewError> {
        let Claim { name, note, tag } = claim;
        let note = PassNote {
            ended: Some(EndNote { at: now }),
            spared,
            ..note
        };
        let end = Owed { note, tag };
        let written = self.write_end(&name, &end).await;
        if written.is_err() {
            self.owed().insert(name, end);
        }
        written
    }

    async fn write_end(&self, name: &str, end: &Owed) -> Result<(), CrewError> {
        let condition = Condition::Still(end.tag.clone());
        let written = self.inner.written.write(name, &end.note, &condition).await?;
        if written.is_none() {
            tracing::warn!(
                key = name,
                "another replica has taken the stage over during the pass"
            );
        }
        Ok(())
    }

    /// Writes down what could not be written when it came.
    ///
    /// # Errors
    /// Where it still cannot: the rest waits for the next time.
    pub(super) async fn pay(&self) -> Result<(), CrewError> {
        let owed = self.owed().clone();
        for (name, end) in owed {
            self.write_end(&name, &end).await?;
            let mut owed = self.owed();
            // Another pass may have ended meanwhile.
            if owed.get(&name).is_some_and(|still| still.note == end.note) {
                owed.remove(&name);
            }
        }
        Ok(())
    }

    fn owed(&self) -> MutexGuard<'_, BTreeMap<String, Owed>> {
        self.inner.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a stage that has become ours gets its first pass: at once, since a change that the one before has not seen would
    /// wait for an interval otherwise, and nobody follows the files of a stage that it has not read.
    ///
    /// # Errors
    /// Where that cannot be found out.
    pub async fn first_pass(&self, key: &StageKey) -> Result<FirstPass, CrewError> {
        let found = self.inner.written.read::<PassNote>(&name_of(key)).await?;
        let Some((Some(last), _)) = found else {
            return Ok(FirstPass::Now(Last::default()));
        };
        let is_over = last.ended.is_some() || last.by == self.me();
        Ok(match is_over || !self.lives(&self.mustered(), &last.by).await? {
            true => FirstPass::Now(Last {
                number: last.number,
                spared: last.spared,
            }),
            false => FirstPass::AfterThat(last.by),
        })
    }

    /// Whether the replica is there, as far as anybody can tell: one that nobody here has seen yet may just have come.
    async fn lives(&self, muster: &Muster, id: &str) -> Result<bool, CrewError> {
        if muster.is_there(id) || muster.is_missed(id) {
            return Ok(muster.is_there(id));
        }
        let shown = self
            .inner
            .written
            .read::<Replica>(&format!("replicas/{id}"))
            .await?;
        Ok(shown.is_some())
    }
}

fn name_of(key: &StageKey) -> String {
    format!("passes/{key}")
}
