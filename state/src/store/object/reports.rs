//! The object `reports`: one JSON object a line, the newest last. A line that is damaged is passed over, since nothing depends
//! on it, and the oldest go when there are too many.

use super::objects::{Condition, Surely};
use crate::report::Report;
use crate::store::StoreError;

/// How many reports stay. All of them are read and written for each new one.
const KEPT: usize = 200;
/// Tries against others who write at the same time: a holder whose lock was just taken over.
const TRIES: u32 = 5;

pub(super) struct Reports {
    objects: Surely,
    key: String,
}

impl Reports {
    pub(super) fn new(objects: Surely, key: String) -> Self {
        Self { objects, key }
    }

    /// Adds a report.
    pub(super) async fn add(&self, report: &Report) -> Result<(), StoreError> {
        let line = serde_json::to_string(report).map_err(|error| StoreError::Corrupt {
            what: self.key.clone(),
            why: format!("a report has no form in JSON: {error}"),
        })?;
        for _ in 0..TRIES {
            let found = self.objects.get(&self.key).await?;
            let (text, condition) = found.map_or((Vec::new(), Condition::New), |found| {
                (found.bytes, Condition::Still(found.tag))
            });
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            let newest = lines.iter().skip((lines.len() + 1).saturating_sub(KEPT));
            let kept: String = newest
                .chain([&line.as_str()])
                .flat_map(|line| [line, "\n"])
                .collect();
            if self
                .objects
                .put(&self.key, kept.as_bytes(), &condition)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        Err(StoreError::Busy)
    }

    /// All reports, the oldest first.
    pub(super) async fn read(&self) -> Result<Vec<Report>, StoreError> {
        let found = self.objects.get(&self.key).await?;
        let text = found.map(|found| found.bytes).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }
}
