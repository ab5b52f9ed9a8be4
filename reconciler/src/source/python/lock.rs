//! One builder at a time, over all processes of this machine.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How often a lock that someone else holds is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// An exclusive lock on a file, released when it is dropped or the process ends, however it ends.
///
/// The lock file stays: removing it would let two holders lock two different files of one name.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "holding it is what it is for")] File);

impl Lock {
    /// Waits for the lock at `path`, whose folder is made; calls `waiting` once if someone else holds it.
    pub(crate) async fn take(path: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        let mut waiting = Some(waiting);
        // Tried again and again instead of waited for, so that a caller who is dropped leaves no thread behind.
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::Lock;

    #[tokio::test(start_paused = true)]
    async fn the_second_waits_for_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/x.lock");
        let waited = AtomicBool::new(false);
        let first = Lock::take(&path, || waited.store(true, Ordering::SeqCst))
            .await
            .unwrap();
        assert!(!waited.load(Ordering::SeqCst));
        let second = Lock::take(&path, || waited.store(true, Ordering::SeqCst));
        tokio::pin!(second);
        let early = tokio::time::timeout(std::time::Duration::from_secs(5), &mut second).await;
        assert!(early.is_err());
        assert!(waited.load(Ordering::SeqCst));
        drop(first);
        second.await.unwrap();
    }
}
