//! What keeps a replica among the others: beats, looks at theirs, and carries wishes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_state::store::object::{Condition, Tag};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::wishes::Pending;
use super::{Crew, CrewError, Replica, VERSION, Wishes};
use crate::engine::StopSignal;
use crate::serve::StageKey;

/// Tries to write wishes that others write at the same time.
const TRIES: usize = 8;

/// See the module.
pub struct Attending {
    crew: Crew,
    beat: u64,
    mine: Option<Tag>,
    /// When we were seen by the others last.
    seen: Option<Instant>,
    others: BTreeMap<String, Other>,
}

struct Other {
    tag: Tag,
    since: Instant,
    stages: Arc<BTreeSet<String>>,
}

impl Attending {
    pub(super) fn new(crew: Crew) -> Self {
        Self {
            crew,
            beat: 0,
            mine: None,
            seen: None,
            others: BTreeMap::new(),
        }
    }

    /// Beats until it is asked to stop, and takes leave then.
    pub async fn run(mut self, mut stop: StopSignal) {
        let crew = self.crew.clone();
        let mut beats = tokio::time::interval(self.crew.inner.timing.beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stages = self.crew.inner.stages.subscribe();
        loop {
            tokio::select! {
                biased;
                _why = stop.stopped() => break,
                // Another configuration is told at once.
                Ok(()) = stages.changed() => {}
                _ = beats.tick() => {}
                // After the beats: whatever is asked for, the others see that this replica lives.
                () = crew.inner.wished.notified() => {
                    self.carry_wishes().await;
                    continue;
                }
            }
            stages.mark_unchanged();
            if let Err(error) = self.meet().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the other replicas could not be met"
                );
            }
            self.tell();
        }
        if let Err(error) = self.crew.inner.written.delete(&self.name()).await {
            tracing::debug!(%error, "could not take leave; the others miss this replica soon");
        }
    }

    fn name(&self) -> String {
        format!("replicas/{}", self.crew.me())
    }

    async fn meet(&mut self) -> Result<(), CrewError> {
        self.show().await?;
        self.look().await?;
        self.crew.pay().await?;
        self.carry_wishes().await;
        self.hear().await
    }

    async fn show(&mut self) -> Result<(), CrewError> {
        let (written, name, began) = (&self.crew.inner.written, self.name(), Instant::now());
        self.beat += 1;
        let replica = Replica {
            v: VERSION,
            id: self.crew.me().to_owned(),
            beat: self.beat,
            stages: self.stages(),
        };
        let condition = self.mine.take().map_or(Condition::New, Condition::Still);
        let mut tag = written.write(&name, &replica, &condition).await?;
        if tag.is_none() {
            // Somebody has cleared it away, or it is a beat whose answer was lost.
            let stands = written.read::<Replica>(&name).await?;
            let condition = stands.map_or(Condition::New, |(_, tag)| Condition::Still(tag));
            tag = written.write(&name, &replica, &condition).await?;
        }
        self.mine = tag;
        if self.mine.is_some() {
            self.seen = Some(began);
        }
        Ok(())
    }

    fn stages(&self) -> BTreeSet<String> {
        let stages = self.crew.inner.stages.borrow();
        stages.iter().map(StageKey::to_string).collect()
    }

    async fn look(&mut self) -> Result<(), CrewError> {
        let written = &self.crew.inner.written;
        let names = written.list("replicas/").await?;
        let ids = names.iter().filter_map(|name| name.strip_prefix("replicas/"));
        let ids: Vec<_> = ids.filter(|id| *id != self.crew.me()).collect();
        self.others.retain(|id, _| ids.contains(&id.as_str()));
        let lapse = self.crew.inner.timing.lapse;
        for id in ids {
            let name = format!("replicas/{id}");
            let Some((replica, tag)) = written.read::<Replica>(&name).await? else {
                continue;
            };
            let now = Instant::now();
            match self.others.get(id) {
                Some(known) if known.tag == tag => {
                    if now.duration_since(known.since) >= lapse.saturating_mul(10) {
                        // It is long gone. Where it is not, it shows itself again.
                        written.delete(&name).await?;
                    }
                }
                _ => {
                    let stages = replica.map(|replica| replica.stages).unwrap_or_default();
                    let (since, stages) = (now, Arc::new(stages));
                    self.others.insert(id.to_owned(), Other { tag, since, stages });
                }
            }
        }
        Ok(())
    }

    /// Says who is there. Who is not seen by the others does not count itself.
    fn tell(&self) {
        let (now, lapse) = (Instant::now(), self.crew.inner.timing.lapse);
        let is_there = |since: Instant| now.duration_since(since) < lapse;
        let others = self.others.iter().filter(|(_, other)| is_there(other.since));
        let mut there: BTreeMap<_, _> = others
            .map(|(id, other)| (id.clone(), Arc::clone(&other.stages)))
            .collect();
        if self.seen.is_some_and(is_there) {
            there.insert(self.crew.me().to_owned(), Arc::new(self.stages()));
        }
        let missed = self.others.iter().filter(|(_, other)| !is_there(other.since));
        let missed = missed.map(|(id, _)| id.clone()).collect();
        self.crew
            .know(|muster| (muster.there, muster.missed) = (there, missed));
    }

    async fn hear(&self) -> Result<(), CrewError> {
        let found = self.crew.inner.written.read::<Wishes>("wishes").await?;
        self.crew
            .hear(found.and_then(|(wishes, _)| wishes).unwrap_or_default());
        Ok(())
    }

    /// Writes what is asked for here beside what the others have asked for: all of it at once, and within a beat.
    async fn carry_wishes(&self) {
        let pending = std::mem::take(&mut *self.crew.pending());
        if pending.is_empty() {
            return;
        }
        let written = timeout(self.crew.beat(), self.write_wishes(&pending)).await;
        match written.unwrap_or_else(|_elapsed| Err(busy())) {
            Ok(wishes) => self.crew.hear(wishes),
            Err(error) => {
                self.crew.pending().take_back(pending);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what was asked for is told to the others later"
                );
            }
        }
    }

    async fn write_wishes(&self, pending: &Pending) -> Result<Wishes, CrewError> {
        let written = &self.crew.inner.written;
        for _ in 0..TRIES {
            let (found, condition) = match written.read::<Wishes>("wishes").await? {
                Some((found, tag)) => (found.unwrap_or_default(), Condition::Still(tag)),
                None => (Wishes::default(), Condition::New),
            };
            let wishes = found.written_by(self.crew.me(), pending);
            if written.write("wishes", &wishes, &condition).await?.is_some() {
                return Ok(wishes);
            }
        }
        Err(busy())
    }
}

fn busy() -> CrewError {
    CrewError::Busy {
        what: "wishes".to_owned(),
    }
}
