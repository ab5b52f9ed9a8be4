//! Debts beside a shared state, so that the jobs of a CI matrix on one account, each on a machine of its own, do not find each
//! other out by being refused.
//!
//! One object for each account and region holds what the file of one machine holds ([`super::debt`]). Every few seconds both
//! are brought together: the longer debt stays. It is a hint, as the file is: where the object cannot be read or written
//! nothing is owed, and throttling tells.

use std::sync::Arc;
use std::time::Duration;

use grail_state::store::object::{Condition, ObjectError, Objects};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Carried, Pacer};

/// Between two meetings: a slow bucket takes one request in so much time or more.
const PAUSE: Duration = Duration::from_secs(5);

/// Where debts lie that several machines share.
#[derive(Clone)]
pub struct SharedDebts {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl std::fmt::Debug for SharedDebts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedDebts")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl SharedDebts {
    /// Among `objects`, below `prefix`.
    pub fn new(objects: Arc<dyn Objects>, prefix: impl Into<String>) -> Self {
        Self {
            objects,
            prefix: prefix.into(),
        }
    }

    /// Those of one account and region.
    pub(crate) fn of(&self, name: &str) -> Self {
        Self {
            objects: Arc::clone(&self.objects),
            prefix: format!("{}/{name}", self.prefix),
        }
    }

    async fn meet(&self, pacer: &Pacer) -> Result<(), ObjectError> {
        let Some(Carried { debts, wall }) = pacer.shared.debts.get() else {
            return Ok(());
        };
        let found = self.objects.get(&self.prefix).await?;
        let (text, condition) = found.map_or((Vec::new(), Condition::New), |found| {
            (found.bytes, Condition::Still(found.tag))
        });
        let now = pacer.now();
        let both = debts.meet(&text, *wall + now);
        pacer.owe(debts.read(*wall + now));
        match both {
            Some(text) => self.objects.put(&self.prefix, text, condition).await.map(drop),
            None => Ok(()),
        }
    }
}

/// Debts that are kept in step with those of others until this is dropped.
#[derive(Debug)]
pub struct Meeting {
    debts: SharedDebts,
    pacer: Pacer,
    regularly: JoinHandle<()>,
}

impl Meeting {
    /// Brings both together now, and again every few seconds.
    pub(crate) async fn begin(debts: SharedDebts, pacer: Pacer) -> Self {
        once(&debts, &pacer).await;
        let regularly = {
            let (debts, pacer) = (debts.clone(), pacer.clone());
            tokio::spawn(async move {
                loop {
                    sleep(PAUSE).await;
                    once(&debts, &pacer).await;
                }
            })
        };
        Self {
            debts,
            pacer,
            regularly,
        }
    }

    /// Brings both together a last time.
    pub async fn end(&self) {
        self.regularly.abort();
        once(&self.debts, &self.pacer).await;
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        self.regularly.abort();
    }
}

async fn once(debts: &SharedDebts, pacer: &Pacer) {
    if let Err(error) = debts.meet(pacer).await {
        tracing::debug!(key = debts.prefix, %error, "the shared rates could not be brought up to date");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::SystemTime;

    use async_trait::async_trait;
    use grail_state::store::object::{Found, Tag};
    use tokio::time::Instant;

    use super::*;
    use crate::pace::{Access, Operation, Pace};

    /// Objects in memory, tagged by their number of writes.
    #[derive(Default)]
    struct Shelf(Mutex<BTreeMap<String, (Vec<u8>, u64)>>);

    #[async_trait]
    impl Objects for Shelf {
        async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
            let objects = self.0.lock().unwrap();
            Ok(objects.get(key).map(|(bytes, number)| Found {
                bytes: bytes.clone(),
                tag: Tag(number.to_string()),
            }))
        }

        async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
            let mut objects = self.0.lock().unwrap();
            let there = objects.get(key).map_or(0, |(_, number)| *number);
            let holds = match condition {
                Condition::New => there == 0,
                Condition::Still(tag) => tag.0 == there.to_string(),
            };
            if !holds {
                return Err(ObjectError::Changed);
            }
            objects.insert(key.to_owned(), (bytes, there + 1));
            Ok(Tag((there + 1).to_string()))
        }

        async fn list(&self, _: &str) -> Result<Vec<String>, ObjectError> {
            Ok(Vec::new())
        }

        async fn delete(&self, _: &str) -> Result<(), ObjectError> {
            Ok(())
        }
    }

    async fn machine(folder: &Path, debts: &SharedDebts, wall: SystemTime) -> (Pacer, Meeting) {
        let pacer = Pacer::default();
        pacer.carry_on(folder.join("1-us.json"), wall);
        let meeting = Meeting::begin(debts.of("1-us.json"), pacer.clone()).await;
        (pacer, meeting)
    }

    fn deletion() -> Operation {
        Operation {
            service: "API Gateway".to_owned(),
            name: "DeleteRestApi".to_owned(),
            access: Access::Write,
        }
    }

    async fn waited(pacer: &Pacer) -> u64 {
        let began = Instant::now();
        pacer.permit(&deletion()).await.unwrap();
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn machines_on_one_account_wait_for_each_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let debts = SharedDebts::new(Arc::new(Shelf::default()), "team/rates");
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let (one, _meeting) = machine(here.path(), &debts, noon).await;
        let (two, beside) = machine(there.path(), &debts, noon).await;
        assert_eq!(waited(&one).await, 0);
        // Both have met since.
        sleep(2 * PAUSE).await;
        let second = waited(&two).await;
        assert!((15..=30).contains(&second), "{second}");
        // One that comes later pays what both owe, and what was left at the end.
        beside.end().await;
        let elapsed = Duration::from_secs(second) + 2 * PAUSE;
        let (three, _meeting) = machine(tempfile::tempdir().unwrap().path(), &debts, noon + elapsed).await;
        assert!(waited(&three).await >= 25);
    }
}
