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
        let Some(Carried { debts, wall }) = pacer.0.debts.get() else {
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
