//! Objects in memory for tests, with weather: requests that are slow, cut off, or whose answers get lost.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use grail_state::store::object::{Condition, Found, ObjectError, Objects, Tag};

/// What becomes of requests.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct Weather {
    /// Every so many writes the answer is lost after the effect.
    pub(in crate::serve) loses: u64,
    /// Requests about keys that hold this word do not arrive.
    pub(in crate::serve) cut: Option<String>,
    /// How long each takes.
    pub(in crate::serve) slow: Duration,
}

/// See the module.
#[derive(Default)]
pub(in crate::serve) struct Objective {
    content: Mutex<Content>,
    weather: Mutex<Weather>,
}

#[derive(Default)]
struct Content {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    /// The keys that were written, in order.
    written: Vec<String>,
}

impl Objective {
    pub(in crate::serve) fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.weather.lock().unwrap());
    }

    /// Whatever is about a key that holds this word does not arrive.
    pub(in crate::serve) fn cut(&self, word: &str) {
        self.change(|weather| weather.cut = Some(word.to_owned()));
    }

    pub(in crate::serve) fn heal(&self) {
        self.change(|weather| weather.cut = None);
    }

    pub(in crate::serve) fn names(&self) -> Vec<String> {
        self.content.lock().unwrap().objects.keys().cloned().collect()
    }

    /// How often a key with this end was written.
    pub(in crate::serve) fn puts(&self, end: &str) -> usize {
        let content = self.content.lock().unwrap();
        content.written.iter().filter(|key| key.ends_with(end)).count()
    }

    async fn arrives(&self, key: &str) -> Result<Weather, ObjectError> {
        let weather = self.weather.lock().unwrap().clone();
        tokio::time::sleep(weather.slow).await;
        match &weather.cut {
            Some(word) if key.contains(word) => Err(ObjectError::Unclear("cut off".into())),
            _ => Ok(weather),
        }
    }
}

#[async_trait]
impl Objects for Objective {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        self.arrives(key).await?;
        let content = self.content.lock().unwrap();
        Ok(content.objects.get(key).map(|(bytes, tag)| Found {
            bytes: bytes.clone(),
            tag: Tag(tag.to_string()),
        }))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let weather = self.arrives(key).await?;
        let mut content = self.content.lock().unwrap();
        let stands = content.objects.get(key).map(|(_, tag)| tag.to_string());
        match (condition, stands) {
            (Condition::New, None) => {}
            (Condition::Still(tag), Some(stands)) if tag.0 == stands => {}
            _ => return Err(ObjectError::Changed),
        }
        content.written.push(key.to_owned());
        let tag = content.written.len() as u64;
        content.objects.insert(key.to_owned(), (bytes, tag));
        if weather.loses > 0 && tag.is_multiple_of(weather.loses) {
            return Err(ObjectError::Unclear("the answer was lost".into()));
        }
        Ok(Tag(tag.to_string()))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.arrives(prefix).await?;
        let names = self.names();
        Ok(names.into_iter().filter(|key| key.starts_with(prefix)).collect())
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.arrives(key).await?;
        self.content.lock().unwrap().objects.remove(key);
        Ok(())
    }
}
