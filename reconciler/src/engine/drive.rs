//! The only loop that waits: it carries out what the machine asks for and tells it what came of it.
//!
//! Everything that takes time is a future in one set: provider calls, looks, what is kept for the way back, the append to the
//! journal. A future that is dropped may still have its effect, so the set is dropped only when nothing is in flight, or when
//! a request to stop has run out of patience; the transaction then stays open and the next command settles it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use grail_providers::port::{
    Catalog, Create, Delete, Effect, Failure, Provider, Retry, Secured, Update, sending, urgency,
};
use grail_state::journal::Sealed;
use grail_state::seal::Sealer;
use grail_state::store::{Lease, StateStore};
use grail_state::{Entry, Keep, Observed, Remote, ResourceId, Seq};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{sleep_until, timeout};
use tracing::Instrument as _;

use super::call::{Call, Look};
use super::clock::Clock;
use super::limits::Limits;
use super::machine::{Input, Machine, Output, Ticket, Unseal};
use super::ports::{Ports, StopSignal};
use super::traced::{self, Steps};
use crate::event::Outcome;

/// What the loop works with.
pub(crate) struct Outside<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) store: &'a dyn StateStore,
    pub(crate) lease: &'a Lease,
    pub(crate) sealer: &'a Sealer,
    pub(crate) limits: &'a Limits,
    pub(crate) clock: &'a Clock,
}

type Inbox<'a> = FuturesUnordered<BoxFuture<'a, Input>>;

/// Runs the machine to its end. `next` is the number of the next journal entry, kept up to date.
pub(crate) async fn run(
    machine: &mut Machine,
    outside: &Outside<'_>,
    next: &mut Seq,
    ports: &mut Ports<'_>,
) -> Outcome {
    let mut inbox = Inbox::new();
    let readers = Arc::new(Semaphore::new(outside.limits.parallelism.max(1)));
    let mut stop = Stop::new(ports.stop.clone());
    let mut input = Input::Start;
    let mut unshown = false;
    let mut steps = Steps::default();
    loop {
        let mut outputs = Vec::new();
        machine.feed(outside.clock.elapsed(), input, &mut outputs);
        let mut broken = None;
        let mut finished = None;
        let phase = machine.txn().phase();
        for output in outputs {
            match output {
                Output::Note(entries) => {
                    let seq = *next;
                    *next += entries.len() as Seq;
                    inbox.push(Box::pin(append(outside, seq, entries)));
                }
                Output::Secure {
                    ticket,
                    id,
                    have,
                    going,
                    urgency,
                } => {
                    let span = traced::keep(&id);
                    let secured = secure(outside, Arc::clone(&readers), ticket, id, (have, going));
                    inbox.push(Box::pin(urgency::with(urgency, secured.instrument(span))));
                }
                Output::Call {
                    ticket,
                    id,
                    call,
                    urgency,
                } => {
                    let span = steps.calling(phase, ticket, &id, &call);
                    let made = make(outside, ticket, id, call).instrument(span);
                    inbox.push(Box::pin(urgency::with(urgency, made)));
                }
                Output::Look {
                    ticket,
                    id,
                    look,
                    urgency,
                } => {
                    let span = steps.looking(phase, ticket, &id, look.handle.as_ref());
                    let seen = look_at(outside, ticket, id, look).instrument(span);
                    inbox.push(Box::pin(urgency::with(urgency, seen)));
                }
                Output::Project => unshown = true,
                Output::Emit(event) => {
                    steps.hear(phase, &event);
                    ports.events.emit(&event);
                }
                Output::Finish(outcome) => finished = Some(outcome),
            }
        }
        // Answers that are here already are taken in first, and shown together: the file is written whole each time.
        let here = match finished {
            Some(_) => None,
            None => inbox.next().now_or_never().flatten(),
        };
        if unshown && here.is_none() {
            unshown = false;
            if let Err(error) = ports.records.write(machine.txn()) {
                broken = Some(Input::Broken {
                    why: format!("could not write the deployed file: {error}"),
                    unwritten: false,
                });
            }
        }
        if let Some(outcome) = finished {
            return outcome;
        }
        input = match broken.or(here) {
            Some(input) => input,
            None => match happened(machine, outside, &mut inbox, &mut stop).await {
                Some(input) => input,
                None => {
                    return Outcome::Open {
                        why: stop.why().unwrap_or("nothing is left to wait for").to_owned(),
                    };
                }
            },
        };
    }
}

/// The next thing that happens; `None` if nothing can happen any more, or the patience after a stop has run out.
async fn happened(
    machine: &Machine,
    outside: &Outside<'_>,
    inbox: &mut Inbox<'_>,
    stop: &mut Stop,
) -> Option<Input> {
    let wakes_at = machine.wakes_at().map(|time| outside.clock.instant(time));
    let patience = stop.until;
    if inbox.is_empty() && wakes_at.is_none() {
        return None;
    }
    tokio::select! {
        biased;
        Some(input) = inbox.next(), if !inbox.is_empty() => Some(input),
        () = async { match wakes_at { Some(at) => sleep_until(at).await, None => std::future::pending().await } },
            if wakes_at.is_some() => Some(Input::Tick),
        why = stop.signal.stopped(), if patience.is_none() => {
            stop.until = Some(tokio::time::Instant::now() + outside.limits.stop);
            stop.why = Some(why.clone());
            Some(Input::Stop { why })
        }
        () = async { match patience { Some(at) => sleep_until(at).await, None => std::future::pending().await } },
            if patience.is_some() => None,
        else => None,
    }
}

/// A request to stop, and how long calls in flight are still awaited.
struct Stop {
    signal: StopSignal,
    until: Option<tokio::time::Instant>,
    why: Option<String>,
}

impl Stop {
    fn new(signal: StopSignal) -> Self {
        Self {
            signal,
            until: None,
            why: None,
        }
    }

    fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

async fn append(outside: &Outside<'_>, seq: Seq, entries: Vec<Entry>) -> Input {
    match outside.store.append(outside.lease, seq, &entries).await {
        Ok(()) => Input::Noted,
        Err(error) => Input::Broken {
            why: format!("could not write the journal: {}", chain(&error)),
            unwritten: holds_nothing(outside.store).await,
        },
    }
}

/// Whether the journal is known to be empty after an append that failed. What was sent to a shared store may still arrive
/// there; what a file on this machine has taken of it is seen at once.
async fn holds_nothing(store: &dyn StateStore) -> bool {
    !store.is_shared() && store.load().await.is_ok_and(|loaded| loaded.journal.is_empty())
}

async fn make(outside: &Outside<'_>, ticket: Ticket, id: ResourceId, call: Call) -> Input {
    // Nobody fences what is done outside, so that a holder who slept asks first.
    let result = match provider(outside.catalog, &id) {
        Ok(_) if !outside.store.still_held(outside.lease).await => Err(Failure::refused(
            "not sent: the lock of the stage is no longer ours",
        )),
        Ok(provider) => {
            let own = call.form().map(|form| provider.lasts(form)).unwrap_or_default();
            let limit = outside.limits.call.saturating_add(own);
            let work = timeout(limit, carry_out(&**provider, &id, call));
            // A request may wait for its rate for longer than a lease.
            let still_held = || outside.store.still_held(outside.lease);
            match sending::only_while(still_held, work).await {
                Ok(result) => result,
                Err(_) => Err(too_slow(outside.limits, limit)),
            }
        }
        Err(failure) => Err(failure),
    };
    Input::Answered { ticket, result }
}

pub(crate) async fn carry_out(
    provider: &dyn Provider,
    id: &ResourceId,
    call: Call,
) -> Result<Option<Remote>, Failure> {
    match call {
        Call::Create { spec, token, first } => {
            let request = Create {
                id,
                spec: &spec,
                token: &token,
                first,
            };
            provider.create(request).await.map(Some)
        }
        Call::Update {
            have,
            want,
            diff,
            token,
        } => {
            let request = Update {
                id,
                have: &have,
                want: &want,
                diff: &diff,
                token: &token,
            };
            provider.update(request).await.map(Some)
        }
        Call::Delete {
            handle,
            spec,
            outputs,
        } => {
            let request = Delete {
                id,
                handle: &handle,
                spec: &spec,
                outputs: &outputs,
            };
            provider.delete(request).await.map(|()| None)
        }
        Call::Prune {
            handle,
            spec,
            outputs,
            children,
        } => {
            let request = Delete {
                id,
                handle: &handle,
                spec: &spec,
                outputs: &outputs,
            };
            provider.prune(request, &children).await.map(|()| None)
        }
    }
}

async fn look_at(outside: &Outside<'_>, ticket: Ticket, id: ResourceId, look: Look) -> Input {
    let result = see(outside.catalog, outside.limits, &id, &look).await;
    Input::Seen { ticket, result }
}

/// One look, within the time of one call.
pub(crate) async fn see(
    catalog: &Catalog,
    limits: &Limits,
    id: &ResourceId,
    look: &Look,
) -> Result<Observed, Failure> {
    let provider = provider(catalog, id)?;
    timeout(limits.call, provider.observe(look.locator(id)))
        .await
        .unwrap_or_else(|_| Err(too_slow(limits, limits.call)))
}

/// Keeps what restoring `have` will need. A failure that passes is waited out; one that stays is written down as such.
async fn secure(
    outside: &Outside<'_>,
    readers: Arc<Semaphore>,
    ticket: Ticket,
    id: ResourceId,
    (have, going): (Remote, bool),
) -> Input {
    let _slot = readers.acquire_owned().await;
    let mut tries = 1;
    let keep = loop {
        let secured = match provider(outside.catalog, &id) {
            Ok(provider) => timeout(outside.limits.call, async {
                match going {
                    true => provider.secure_whole(&have).await,
                    false => provider.secure(&have).await,
                }
            })
            .await
            .unwrap_or_else(|_| Err(too_slow(outside.limits, outside.limits.call))),
            Err(failure) => Err(failure),
        };
        match secured {
            Ok(secured) => break keep(secured, &have, outside.sealer),
            Err(failure) => match failure.retry {
                Retry::After(asked) | Retry::Await { after: asked, .. } if tries < outside.limits.looks => {
                    tokio::time::sleep(outside.limits.pause_after(tries, asked)).await;
                    tries += 1;
                }
                _ => {
                    break Keep::Unavailable { why: failure.chain() };
                }
            },
        }
    };
    Input::Secured { ticket, keep }
}

fn keep(secured: Secured, have: &Remote, sealer: &Sealer) -> Keep {
    let Secured {
        spec,
        artifacts,
        secret,
        lost,
    } = secured;
    if secret {
        return match sealer.seal(&spec) {
            Ok(sealed) => Keep::Sealed {
                sealed,
                artifacts,
                lost,
            },
            Err(error) => Keep::Unavailable {
                why: error.to_string(),
            },
        };
    }
    if spec == have.spec && artifacts.is_empty() && lost.is_empty() {
        Keep::Nothing
    } else {
        Keep::Plain {
            spec,
            artifacts,
            lost,
        }
    }
}

fn provider<'a>(catalog: &'a Catalog, id: &ResourceId) -> Result<&'a Arc<dyn Provider>, Failure> {
    catalog
        .provider(&id.kind)
        .ok_or_else(|| Failure::refused(format!("this grail does not know the kind `{}`", id.kind)))
}

fn too_slow(limits: &Limits, limit: Duration) -> Failure {
    let why = format!("no end after {} s", limit.as_secs());
    let mut failure = Failure::maybe(why, limits.pause.0);
    failure.effect = Effect::Maybe;
    failure
}

/// An error and its causes, joined by `: `.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Opens what a sealer has sealed.
pub(crate) struct Opener(pub(crate) Arc<Sealer>);

impl Unseal for Opener {
    fn unseal(&self, sealed: &Sealed) -> Result<Value, String> {
        self.0
            .open(sealed)
            .map_err(|error| format!("what was kept of it cannot be opened: {error}"))
    }
}
