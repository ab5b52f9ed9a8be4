//! Turns every announced write of an earlier process into a fact, by looking (design 6.3, rules 4, 5 and 10).
//!
//! What is there is written down as it is, whether or not it is as it was wanted: the next plan sees to that. That nothing is
//! there (or that a change or deletion did not take) is believed only when the write cannot arrive any more.

use futures::future::join_all;
use grail_providers::port::{Catalog, Failure, Retry};
use grail_state::txn::{Open, Touched, Txn};
use grail_state::{Entry, Observed, PreImage, Proof, Record, Remote, ResourceId};
use jiff::Timestamp;

use super::attempt::{bears, shows};
use super::call::Look;
use super::clock::Clock;
use super::drive::see;
use super::limits::{Limits, Time};
use super::look::LookFailure;

/// The entries that settle `txn`, none of them written down yet. `quiet` is when earlier writes can no longer arrive.
///
/// # Errors
/// Everything that could not be looked at.
pub(crate) async fn settle(
    txn: &Txn,
    catalog: &Catalog,
    limits: &Limits,
    clock: &Clock,
    quiet: Time,
) -> Result<Vec<Entry>, Vec<LookFailure>> {
    let looks = txn.unsettled().map(|(id, open)| async move {
        let touched = txn.touched().get(id);
        let look = where_to_look(id, open, touched, txn);
        let observed = look_until_clear(id, open, &look, catalog, limits, clock, quiet)
            .await
            .map_err(|failure| LookFailure {
                id: id.clone(),
                failure,
            })?;
        Ok(fact(id, open, touched, txn, observed, clock.wall()))
    });
    let mut entries = Vec::new();
    let mut failures = Vec::new();
    for result in join_all(looks).await {
        match result {
            Ok(entry) => entries.push(entry),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() {
        Ok(entries)
    } else {
        Err(failures)
    }
}

fn where_to_look(id: &ResourceId, open: &Open, touched: Option<&Touched>, txn: &Txn) -> Look {
    let record = txn.records().get(id).filter(|_| open.beside.is_none());
    let pre = touched
        .and_then(Touched::pre_handle)
        .filter(|_| open.beside.is_none());
    Look {
        handle: record.map(|record| record.handle.clone()).or(pre.cloned()),
        // What bears no mark is found by its natural key. Where that leads to the old one, it is not believed.
        spec: open
            .spec
            .clone()
            .or_else(|| record.map(|record| record.spec.clone())),
        token: Some(open.token.clone()),
        record: record.cloned(),
    }
}

async fn look_until_clear(
    id: &ResourceId,
    open: &Open,
    look: &Look,
    catalog: &Catalog,
    limits: &Limits,
    clock: &Clock,
    quiet: Time,
) -> Result<Observed, Failure> {
    let mut failed = 0;
    loop {
        match see(catalog, limits, id, look).await {
            Ok(observed) => {
                let observed = without_the_old(observed, open);
                // What is known already was changed, and bears the mark of its birth.
                let known = observed.remote().map(|remote| &remote.handle) == look.handle.as_ref();
                let ours = known || bears(&observed, Some(&open.token));
                if ours && has_arrived(&observed, open) || clock.elapsed() >= quiet {
                    return Ok(observed);
                }
                tokio::time::sleep_until(clock.instant(quiet)).await;
            }
            Err(failure) => {
                failed += 1;
                let (Retry::After(asked) | Retry::Await { after: asked, .. }) = failure.retry else {
                    return Err(failure);
                };
                if failed >= limits.looks {
                    return Err(failure);
                }
                tokio::time::sleep(limits.pause_after(failed, asked)).await;
            }
        }
    }
}

/// Whether what is there shows that the write has arrived. A deletion never shows: its thing may have gone for another
/// reason, with something that it was a part of, and be made again before the deletion arrives.
fn has_arrived(observed: &Observed, open: &Open) -> bool {
    open.spec.is_some() && shows(observed, open.spec.as_ref())
}

/// Of a birth beside a living thing, the living one is not what is looked for.
fn without_the_old(observed: Observed, open: &Open) -> Observed {
    match observed {
        Observed::Present(remote) if open.beside.as_ref() == Some(&remote.handle) => Observed::Absent,
        other => other,
    }
}

fn fact(
    id: &ResourceId,
    open: &Open,
    touched: Option<&Touched>,
    txn: &Txn,
    observed: Observed,
    at: Timestamp,
) -> Entry {
    let at = Some(at);
    let Observed::Present(remote) = observed else {
        return Entry::Gone { id: id.clone(), at };
    };
    let known = txn
        .records()
        .get(id)
        .filter(|record| record.handle == remote.handle);
    if known.is_none() && !is_ours(id, &remote, open, touched, txn) {
        return Entry::Gone { id: id.clone(), at };
    }
    let token = match (&remote.proof, known) {
        (Proof::Mark(mark), _) => Some(mark.clone()),
        (_, Some(known)) => known.token.clone(),
        _ => Some(open.token.clone()),
    };
    let record = Record {
        handle: remote.handle,
        spec: remote.spec,
        outputs: remote.outputs,
        depends_on: touched
            .map(|touched| touched.depends_on.clone())
            .unwrap_or_default(),
        rank: touched.map_or(0, |touched| touched.rank),
        token,
    };
    Entry::Done {
        id: id.clone(),
        record,
        at,
    }
}

/// Whether what was found is what we were making (design decision 15: the journal says so).
fn is_ours(id: &ResourceId, remote: &Remote, open: &Open, touched: Option<&Touched>, txn: &Txn) -> bool {
    match &remote.proof {
        Proof::Theirs { .. } => false,
        Proof::Ours => true,
        Proof::Mark(mark) => *mark == open.token || txn.tokens_of(id).contains(mark),
        Proof::NameOnly => {
            let was_there = touched.is_some_and(|touched| match &touched.pre {
                PreImage::Absent => false,
                PreImage::Present { remote: pre, .. } => pre.handle == remote.handle,
            });
            let as_wanted = shows(&Observed::Present(remote.clone()), open.spec.as_ref());
            was_there || as_wanted
        }
    }
}
