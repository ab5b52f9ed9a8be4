//! One thing on trial: the calls that a rule makes, each with a sentence if it goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grail_state::digest::canonical;
use grail_state::{Digest, Handle, Observed, Record, Remote, StepToken, Template};
use serde_json::Value;

use super::{Ground, Sample};
use crate::port::{Create, Delete, Diff, Failure, Locator, Provider, Retry, Update};

/// The pause where a service does not say how long.
const PAUSE: Duration = Duration::from_millis(100);

/// A provider, and a thing to try it on.
pub(super) struct Trial<'a> {
    pub(super) ground: &'a dyn Ground,
    pub(super) provider: &'a dyn Provider,
    pub(super) sample: Sample,
    pub(super) token: StepToken,
    /// The attempts of which a birth was asked for.
    tried: Mutex<BTreeSet<StepToken>>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(ground: &'a dyn Ground, provider: &'a dyn Provider, sample: Sample) -> Self {
        Self {
            token: StepToken(format!("contract-{}", Digest::of_value(&sample.spec).short())),
            ground,
            provider,
            sample,
            tried: Mutex::default(),
        }
    }

    /// A birth of the sample.
    pub(super) async fn create(&self) -> Result<Remote, String> {
        let spec = self.sample.spec.clone();
        self.create_as(&spec, &self.token).await
    }

    pub(super) async fn create_as(&self, spec: &Value, token: &StepToken) -> Result<Remote, String> {
        let made = self.try_create(spec, token).await;
        made.map_err(|failure| format!("creating it failed: {}", failure.chain()))
    }

    /// Whether no birth of this attempt was asked for before. From now on one was.
    fn is_first(&self, token: &StepToken) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.insert(token.clone())
    }

    pub(super) async fn try_create(&self, spec: &Value, token: &StepToken) -> Result<Remote, Failure> {
        let mut waited = Duration::ZERO;
        loop {
            let request = Create {
                id: &self.sample.id,
                spec,
                token,
                first: self.is_first(token),
            };
            match self.provider.create(request).await {
                Err(failure) if self.waits(&failure, &mut waited).await => {}
                other => return other,
            }
        }
    }

    pub(super) async fn update(&self, have: &Remote, want: &Value) -> Result<Remote, String> {
        let diff = self.diff(want, have)?;
        let changed = self.try_update(have, want, &diff).await;
        changed.map_err(|failure| format!("changing it failed: {}", failure.chain()))
    }

    pub(super) async fn try_update(
        &self,
        have: &Remote,
        want: &Value,
        diff: &Diff,
    ) -> Result<Remote, Failure> {
        let request = Update {
            id: &self.sample.id,
            have,
            want,
            diff,
            token: &self.token,
        };
        let mut waited = Duration::ZERO;
        loop {
            match self.provider.update(request).await {
                Err(failure) if self.waits(&failure, &mut waited).await => {}
                other => return other,
            }
        }
    }

    pub(super) async fn delete(&self, there: &Remote) -> Result<(), String> {
        let request = Delete {
            id: &self.sample.id,
            handle: &there.handle,
            spec: &there.spec,
            outputs: &there.outputs,
        };
        let mut waited = Duration::ZERO;
        loop {
            match self.provider.delete(request).await {
                Err(failure) if self.waits(&failure, &mut waited).await => {}
                other => return other.map_err(|failure| format!("deleting it failed: {}", failure.chain())),
            }
        }
    }

    /// A look by handle and record, as at something that the state knows.
    pub(super) async fn look(&self, there: &Remote) -> Result<Observed, String> {
        let record = self.record(there);
        let spec = self.sample.spec.clone();
        self.look_at(Some(&there.handle), Some(&spec), None, Some(&record))
            .await
    }

    /// A look by natural key and mark, as at something that the state does not know.
    pub(super) async fn search(&self) -> Result<Observed, String> {
        let spec = self.sample.spec.clone();
        let token = self.token.clone();
        self.look_at(None, Some(&spec), Some(&token), None).await
    }

    pub(super) async fn look_at(
        &self,
        handle: Option<&Handle>,
        spec: Option<&Value>,
        token: Option<&StepToken>,
        record: Option<&Record>,
    ) -> Result<Observed, String> {
        let at = Locator {
            id: &self.sample.id,
            handle,
            spec,
            token,
            record,
        };
        let mut waited = Duration::ZERO;
        loop {
            match self.provider.observe(at).await {
                Err(failure) if self.waits(&failure, &mut waited).await => {}
                seen => {
                    return seen.map_err(|failure| format!("looking at it failed: {}", failure.chain()));
                }
            }
        }
    }

    /// Waits as a failure asks; false where it asks for nothing or for too much.
    async fn waits(&self, failure: &Failure, waited: &mut Duration) -> bool {
        let pause = match failure.retry {
            Retry::Never => return false,
            Retry::After(after) | Retry::Await { after, .. } => after.max(PAUSE),
        };
        *waited += pause;
        if *waited > self.ground.patience() {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    pub(super) fn record(&self, there: &Remote) -> Record {
        Record {
            handle: there.handle.clone(),
            spec: there.spec.clone(),
            outputs: there.outputs.clone(),
            depends_on: BTreeSet::new(),
            rank: 0,
            token: Some(self.token.clone()),
        }
    }

    pub(super) fn diff(&self, want: &Value, have: &Remote) -> Result<Diff, String> {
        let diff = self.provider.diff(&Template::Lit(want.clone()), have);
        diff.map_err(|problems| format!("the form is not valid: {problems:?}"))
    }

    /// Sees that `there` is as `want` says.
    pub(super) fn is_as(&self, want: &Value, there: &Remote, when: &str) -> Result<(), String> {
        let diff = self.diff(want, there)?;
        let fields: BTreeMap<_, _> = diff
            .fields
            .iter()
            .map(|field| (&field.path, (&field.want, &field.have)))
            .collect();
        verify(fields.is_empty(), || {
            format!("{when} it differs from the wish: {fields:?}")
        })
    }
}

/// What is there, where something should be.
pub(super) fn present(seen: Observed, when: &str) -> Result<Remote, String> {
    match seen {
        Observed::Present(remote) => Ok(remote),
        Observed::Absent => Err(format!("{when} nothing is seen")),
    }
}

/// Sees that nothing is there.
pub(super) fn absent(seen: &Observed, when: &str) -> Result<(), String> {
    match seen {
        Observed::Absent => Ok(()),
        Observed::Present(remote) => Err(format!("{when} {} is seen", remote.handle)),
    }
}

/// Sees that two things are one.
pub(super) fn same(one: &Remote, other: &Remote, when: &str) -> Result<(), String> {
    verify(one.handle == other.handle, || {
        format!("{when} it is {} and was {}", other.handle, one.handle)
    })?;
    verify(canonical(&one.spec) == canonical(&other.spec), || {
        format!("{when} its form is {} and was {}", other.spec, one.spec)
    })
}

pub(super) fn verify(holds: bool, how: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(how()) }
}
