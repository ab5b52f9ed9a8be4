//! `tracing` for operators: to standard error, with `--debug`.

use tracing_subscriber::EnvFilter;

/// Starts the log. Without `debug` only errors are written; the SDK's own chatter never is, because it shows requests, and
/// with them the values of environment variables.
pub fn start(debug: bool) {
    let filter = if debug {
        "grail=debug,grail_providers=debug,grail_state=debug"
    } else {
        "error"
    };
    // A second start (a test in one process) changes nothing.
    let _started = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}
