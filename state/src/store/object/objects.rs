//! Objects with conditional writes, and writes that are certain although answers get lost.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, Buffered, StreamExt, TryCollect, TryStreamExt};
use tokio::time::sleep;

use crate::store::StoreError;

/// Pauses between the tries of one request whose answer did not come or was a passing failure.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_millis(2000),
    Duration::from_millis(4000),
];

/// Requests of one kind that are under way at once.
const AT_ONCE: usize = 32;

/// Which content of an object was read (the ETag of S3). Equal tags are equal contents, as far as the store knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(pub String);

/// An object as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Which one that is.
    pub tag: Tag,
}

/// What must hold for a write to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no object of that key.
    New,
    /// The object is the one that was read.
    Still(Tag),
}

/// Why a request was not carried out, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The condition does not hold: the object is there, or is another, or is gone.
    #[error("it has changed meanwhile")]
    Changed,
    /// No answer came, or a passing failure. A write may have been made all the same, or may yet be.
    #[error("no certain answer")]
    Unclear(#[source] Box<dyn Error + Send + Sync>),
    /// It is refused and will be: rights, a missing bucket.
    #[error("refused")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
}

/// A place for objects. Reads see every write that was answered before they began, and a conditional write is atomic.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The object, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError>;

    /// Writes the object if `condition` holds; [`ObjectError::Changed`] if it does not.
    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError>;

    /// Every key that begins with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError>;

    /// Deletes the object. One that is not there is deleted already.
    async fn delete(&self, key: &str) -> Result<(), ObjectError>;
}

/// The answers to `requests` in their order, of which only so many are under way at once: a journal may be long.
pub(super) fn a_few_at_once<T, R>(requests: impl IntoIterator<Item = R>) -> AFewAtOnce<T, R>
where
    R: Future<Output = Result<T, StoreError>>,
{
    let requests: Vec<R> = requests.into_iter().collect();
    stream::iter(requests).buffered(AT_ONCE).try_collect()
}

/// Named, so that it does not depend on how the requests came about.
type AFewAtOnce<T, R> = TryCollect<Buffered<stream::Iter<std::vec::IntoIter<R>>>, Vec<T>>;

/// The same objects, asked until the answer is certain.
#[derive(Clone)]
pub(super) struct Surely {
    objects: Arc<dyn Objects>,
}

impl Surely {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Found>, StoreError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.objects.get(key).await {
                Err(ObjectError::Unclear(why)) => pause(pauses.next(), "read", key, why).await?,
                other => return other.map_err(|why| refused("read", key, why)),
            }
        }
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.objects.list(prefix).await {
                Err(ObjectError::Unclear(why)) => pause(pauses.next(), "list", prefix, why).await?,
                other => return other.map_err(|why| refused("list", prefix, why)),
            }
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.objects.delete(key).await {
                Err(ObjectError::Unclear(why)) => pause(pauses.next(), "delete", key, why).await?,
                other => return other.map_err(|why| refused("delete", key, why)),
            }
        }
    }

    /// Writes `bytes` on `condition`, and gives the tag of what was written; `None` if something else stands there.
    ///
    /// Equal bytes count as this write: they bear the writer's mark, so nobody else writes them.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Option<Tag>, StoreError> {
        let put = self.put_once(key, bytes, condition).await?;
        Ok(put.map(|(tag, _)| tag))
    }

    /// The same, and whether the first try was answered: only then is it known that the object was not there before.
    pub(super) async fn put_once(
        &self,
        key: &str,
        bytes: &[u8],
        condition: &Condition,
    ) -> Result<Option<(Tag, bool)>, StoreError> {
        let mut first = true;
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.objects.put(key, bytes.to_vec(), condition.clone()).await {
                Ok(tag) => return Ok(Some((tag, first))),
                Err(ObjectError::Changed) => {
                    let found = self.get(key).await?;
                    let ours = found.filter(|found| found.bytes == bytes);
                    return Ok(ours.map(|found| (found.tag, false)));
                }
                Err(ObjectError::Unclear(why)) => {
                    first = false;
                    pause(pauses.next(), "write", key, why).await?;
                }
                Err(why) => return Err(refused("write", key, why)),
            }
        }
    }
}

/// The server writes whatever the condition says. No lock can be kept there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server takes no notice of `If-None-Match` and `If-Match`, so that nothing can be kept apart there"
)]
pub struct Unconditional;

impl Surely {
    /// Fails where the server takes no notice of conditions: it is asked for writes of `key`, which is there, that no server
    /// that keeps to them makes. An answer that does not come says nothing.
    pub(super) async fn keeps_conditions(&self, key: &str) -> Result<(), StoreError> {
        let Some(found) = self.get(key).await? else {
            return Ok(());
        };
        for condition in [Condition::New, Condition::Still(Tag("\"nothing\"".to_owned()))] {
            // Were it written, it would be what is there already.
            let put = self.objects.put(key, found.bytes.clone(), condition).await;
            if put.is_ok() {
                return Err(refused(
                    "keep apart",
                    key,
                    ObjectError::Refused(Box::new(Unconditional)),
                ));
            }
        }
        Ok(())
    }
}

async fn pause(
    pause: Option<Duration>,
    doing: &'static str,
    key: &str,
    why: Box<dyn Error + Send + Sync>,
) -> Result<(), StoreError> {
    match pause {
        Some(pause) => {
            sleep(pause).await;
            Ok(())
        }
        None => Err(StoreError::Remote {
            doing,
            what: key.to_owned(),
            source: why,
        }),
    }
}

fn refused(doing: &'static str, key: &str, why: ObjectError) -> StoreError {
    StoreError::Remote {
        doing,
        what: key.to_owned(),
        source: Box::new(why),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_many_requests_a_few_are_under_way_at_once() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (under_way, most) = (&under_way, &most);
        let requests = (0..1000_u64).map(|number| async move {
            most.fetch_max(under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            sleep(Duration::from_millis(1 + number % 7)).await;
            under_way.fetch_sub(1, Ordering::Relaxed);
            Ok(number)
        });
        let answers = a_few_at_once(requests).await.unwrap();
        assert_eq!(answers, (0..1000).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::Relaxed), AT_ONCE);
    }
}
