//! What one process leaves to the next: when each slow bucket will be full again, by the clock on the wall.
//!
//! Two deploys in a row must not find out by being refused that API Gateway takes one `DeleteRestApi` in 30 s. Only slow
//! buckets are written down; the others have recovered before another process has started. The file is a hint: where it is
//! missing, damaged or cannot be written, nothing is owed, and throttling tells.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Buckets whose requests come at this distance or more are remembered.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// The file of one account and region.
#[derive(Clone, Debug)]
pub(super) struct Debts(PathBuf);

/// When each bucket will be full, in milliseconds since 1970.
type Full = BTreeMap<String, u64>;

impl Debts {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// How long each bucket still owes.
    pub(super) fn read(&self, now: SystemTime) -> BTreeMap<String, Duration> {
        let now = since_1970(now);
        let owed = self.load().into_iter().map(|(name, full)| {
            let left = u128::from(full).saturating_sub(now);
            (
                name,
                Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)),
            )
        });
        owed.filter(|(_, left)| !left.is_zero()).collect()
    }

    /// Remembers that `bucket` owes `debt`. Another process may write at the same time: the longer debt stays, as far as
    /// either sees the other's.
    pub(super) fn write(&self, bucket: &str, debt: Duration, now: SystemTime) {
        let full = since_1970(now).saturating_add(debt.as_millis());
        let mut all = self.load();
        all.retain(|_, full| u128::from(*full) > since_1970(now));
        let known = all.entry(bucket.to_owned()).or_default();
        *known = (*known).max(u64::try_from(full).unwrap_or(u64::MAX));
        self.keep(&all);
    }

    fn keep(&self, all: &Full) {
        let written = serde_json::to_vec(all)
            .map_err(std::io::Error::other)
            .and_then(|text| {
                if let Some(folder) = self.0.parent() {
                    fs::create_dir_all(folder)?;
                }
                let beside = self.0.with_extension(format!("{}.new", std::process::id()));
                fs::write(&beside, text)?;
                fs::rename(&beside, &self.0)
            });
        if let Err(error) = written {
            tracing::debug!(file = %self.0.display(), %error, "the rates could not be remembered");
        }
    }

    /// The file with what `text`, another such file, owes as well; the longer debt stays. `None` if that is `text` as it is.
    #[cfg(any(test, feature = "aws"))]
    pub(super) fn meet(&self, text: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let theirs: Full = serde_json::from_slice(text).unwrap_or_default();
        let mut all = self.load();
        for (name, full) in &theirs {
            let known = all.entry(name.clone()).or_default();
            *known = (*known).max(*full);
        }
        all.retain(|_, full| u128::from(*full) > since_1970(now));
        self.keep(&all);
        (all != theirs).then(|| serde_json::to_vec(&all).unwrap_or_default())
    }

    fn load(&self) -> Full {
        let text = fs::read(&self.0).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn since_1970(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_read_by_the_next_process_until_it_is_paid() {
        let folder = tempfile::tempdir().unwrap();
        let debts = Debts::at(folder.path().join("rates").join("1-us.json"));
        let noon = UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(debts.read(noon).is_empty());
        debts.write("a", Duration::from_secs(30), noon);
        debts.write("b", Duration::from_secs(5), noon);
        debts.write("a", Duration::from_secs(10), noon);
        let later = noon + Duration::from_secs(6);
        let owed = debts.read(later);
        assert_eq!(owed, BTreeMap::from([("a".to_owned(), Duration::from_secs(24))]));
        fs::write(&debts.0, "{\"a\": ").unwrap();
        assert!(debts.read(noon).is_empty(), "a torn file owes nothing");
    }
}
