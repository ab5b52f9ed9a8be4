//! Small JSON documents among objects, written on conditions whose outcome is certain.

use std::sync::Arc;
use std::time::Duration;

use grail_state::store::object::{Condition, ObjectError, Objects, Tag};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::{CrewError, VERSION};

/// Pauses between the tries of one request whose answer did not come. Together less than a beat and a half.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1000),
];

pub(super) struct Written {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl Written {
    pub(super) fn new(objects: Arc<dyn Objects>, prefix: &str) -> Self {
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Self { objects, prefix }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The document, if there is one; `None` in the place of one that is damaged, which is written anew: nothing depends on it.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<(Option<T>, Tag)>, CrewError> {
        let key = self.key(name);
        let mut pauses = PAUSES.into_iter();
        let found = loop {
            match (self.objects.get(&key).await, pauses.next()) {
                (Err(ObjectError::Unclear(_)), Some(pause)) => sleep(pause).await,
                (found, _) => break found.map_err(|error| failed("read", &key, error))?,
            }
        };
        let Some(found) = found else { return Ok(None) };
        let value: Value = serde_json::from_slice(&found.bytes).unwrap_or_default();
        if value["v"]
            .as_u64()
            .is_some_and(|version| version > u64::from(VERSION))
        {
            return Err(CrewError::TooNew { what: key });
        }
        Ok(Some((serde_json::from_value(value).ok(), found.tag)))
    }

    /// Writes it on `condition`; `None` if something else stands there. No two who write write the same bytes, so what reads as
    /// these is this writing, whose answer was lost.
    pub(super) async fn write(
        &self,
        name: &str,
        document: &impl Serialize,
        condition: &Condition,
    ) -> Result<Option<Tag>, CrewError> {
        let key = self.key(name);
        let bytes = serde_json::to_vec(document).map_err(|error| CrewError::Objects {
            doing: "write",
            what: key.clone(),
            source: error.into(),
        })?;
        let mut pauses = PAUSES.into_iter();
        loop {
            match (
                self.objects.put(&key, bytes.clone(), condition.clone()).await,
                pauses.next(),
            ) {
                (Ok(tag), _) => return Ok(Some(tag)),
                (Err(ObjectError::Changed), _) => break,
                (Err(ObjectError::Unclear(_)), Some(pause)) => sleep(pause).await,
                (Err(error), _) => return Err(failed("write", &key, error)),
            }
        }
        let stands = self
            .objects
            .get(&key)
            .await
            .map_err(|error| failed("read", &key, error))?;
        Ok(stands.filter(|found| found.bytes == bytes).map(|found| found.tag))
    }

    /// The names of the documents below `folder`.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, CrewError> {
        let key = self.key(folder);
        let keys = self
            .objects
            .list(&key)
            .await
            .map_err(|error| failed("list", &key, error))?;
        let names = keys.iter().filter_map(|found| found.strip_prefix(&self.prefix));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), CrewError> {
        let key = self.key(name);
        self.objects
            .delete(&key)
            .await
            .map_err(|error| failed("delete", &key, error))
    }
}

fn failed(doing: &'static str, what: &str, error: ObjectError) -> CrewError {
    CrewError::Objects {
        doing,
        what: what.to_owned(),
        source: Box::new(error),
    }
}
