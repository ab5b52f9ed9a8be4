//! What a pass is given by who starts it: where records are shown, where events go, and when to stop.

use std::error::Error;

use grail_state::Digest;
use grail_state::txn::Txn;
use tokio::sync::watch;

use crate::event::{Event, EventSink};

/// Shows what exists in another form: Chalice's `deployed/<stage>.json`. Called after changes that are durable: once for
/// those that come at one time.
pub trait RecordSink: Send {
    /// Writes everything that exists ([`Txn::existing`]), whole. The same content twice may be written once. The answer is the digest of what
    /// now stands there, if there is such a file.
    ///
    /// # Errors
    /// Where it could not be written: the pass then stops, and can be resumed.
    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn Error + Send + Sync>>;

    /// True if at the last commit there was nothing of the kind: part of what a pass writes down first, so that a later one
    /// knows what to leave behind where nothing exists.
    fn is_new(&self) -> bool {
        false
    }
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProjection;

impl RecordSink for NoProjection {
    fn write(&mut self, _txn: &Txn) -> Result<Option<Digest>, Box<dyn Error + Send + Sync>> {
        Ok(None)
    }
}

/// Takes no notice of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&mut self, _event: &Event) {}
}

/// A request to stop that may come at any time.
#[derive(Clone, Debug)]
pub struct StopSignal(Option<watch::Receiver<Option<String>>>);

impl StopSignal {
    /// A signal, and what sends it: `Some(why)` asks to stop.
    pub fn new() -> (watch::Sender<Option<String>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(Some(receiver)))
    }

    /// One that never comes.
    pub fn never() -> Self {
        Self(None)
    }

    /// Waits for it.
    pub async fn stopped(&mut self) -> String {
        if let Some(receiver) = &mut self.0
            && let Ok(why) = receiver.wait_for(Option::is_some).await
        {
            return why.clone().unwrap_or_default();
        }
        // Whoever could have asked is gone.
        std::future::pending().await
    }
}

/// All of it.
pub struct Ports<'a> {
    /// Where records are shown.
    pub records: &'a mut dyn RecordSink,
    /// Where events go.
    pub events: &'a mut dyn EventSink,
    /// When to stop.
    pub stop: StopSignal,
}
