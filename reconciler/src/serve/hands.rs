//! Where loops run: each on one thread from its beginning to its end, since a pass may not leave its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::LocalBoxFuture;
use tokio::sync::mpsc;

/// Work that stays on the thread on which it is begun.
pub type Work = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// Takes work, and does it beside what it has.
pub trait Hands: Send + Sync {
    /// Begins it soon.
    fn take(&self, work: Work);
}

/// Some threads, each with a runtime of its own. They end when this is dropped and their work is done.
#[derive(Debug)]
pub struct Threads {
    threads: Vec<mpsc::UnboundedSender<Work>>,
    next: AtomicUsize,
}

impl Threads {
    /// So many.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let threads = (0..count.max(1)).map(start).collect::<std::io::Result<_>>()?;
        Ok(Self {
            threads,
            next: AtomicUsize::new(0),
        })
    }
}

fn start(number: usize) -> std::io::Result<mpsc::UnboundedSender<Work>> {
    let (sender, mut work) = mpsc::unbounded_channel::<Work>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name(format!("stages-{number}"))
        .spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.spawn_local(async move {
                while let Some(work) = work.recv().await {
                    tokio::task::spawn_local(work());
                }
            });
            // Until nothing is left of what was taken.
            runtime.block_on(local);
        })?;
    Ok(sender)
}

impl Hands for Threads {
    fn take(&self, work: Work) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        if let Some(thread) = self.threads.get(at) {
            // A thread ends after this only.
            let _begun = thread.send(work);
        }
    }
}
