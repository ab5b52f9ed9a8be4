//! The one runtime on which proxies answer and accounts are read, so that the harness can be called from anywhere.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// The shared runtime. Two workers: the load is waiting.
pub fn shared() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("harness")
            .enable_all()
            .build()
            .expect("starting the harness runtime")
    })
}

/// Runs a future to its end, from synchronous and from asynchronous tests alike.
///
/// It runs on a thread of its own: a thread that already drives a runtime may not drive another.
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    let answer = std::thread::scope(|scope| scope.spawn(|| shared().block_on(future)).join());
    match answer {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
