//! The other half: the only door to the outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use futures::future::join_all;
use grail_state::{Digest, Handle, Kind, Lost, Observed, Record, Remote, ResourceId, StepToken};
use serde_json::Value;

use super::failure::Failure;
use super::rules::{Diff, Invalid, Rules};

/// Where to look for a resource. As in the requests below, the form may hold secrets in clear, so that `Debug` leaves it out.
#[derive(Clone, Copy)]
pub struct Locator<'a> {
    /// Its logical name.
    pub id: &'a ResourceId,
    /// Its physical name, where one is known. Looked at first.
    pub handle: Option<&'a Handle>,
    /// Its whole wanted form, or the recorded projected one, for the natural key where the handle leads nowhere.
    /// References that are not known yet are stand-in texts (`template::has_stand_in`).
    pub spec: Option<&'a Value>,
    /// The attempt that may have made it under a handle that we never learnt.
    pub token: Option<&'a StepToken>,
    /// What we last knew of it: kinds whose form cannot be read back whole (an API definition, code) compare a reading with
    /// the one that they left in the record's outputs.
    pub record: Option<&'a Record>,
}

impl fmt::Debug for Locator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locator")
            .field("id", self.id)
            .field("handle", &self.handle)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// A resource to bring into being.
#[derive(Clone, Copy)]
pub struct Create<'a> {
    /// Its logical name.
    pub id: &'a ResourceId,
    /// Its whole form, resolved.
    pub spec: &'a Value,
    /// The attempt. The same over every retry.
    pub token: &'a StepToken,
    /// True if no request of this attempt can have been sent before, so that what it may have made need not be looked for.
    pub first: bool,
}

impl fmt::Debug for Create<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Create")
            .field("id", self.id)
            .field("token", self.token)
            .finish_non_exhaustive()
    }
}

/// A resource to change.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// Its logical name.
    pub id: &'a ResourceId,
    /// What is there.
    pub have: &'a Remote,
    /// Its whole wanted form, resolved.
    pub want: &'a Value,
    /// What differs. Only the calls that these fields need are made.
    pub diff: &'a Diff,
    /// The attempt.
    pub token: &'a StepToken,
}

impl fmt::Debug for Update<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("id", self.id)
            .field("have", self.have)
            .field("diff", self.diff)
            .field("token", self.token)
            .finish_non_exhaustive()
    }
}

/// A resource to remove.
#[derive(Clone, Copy, Debug)]
pub struct Delete<'a> {
    /// Its logical name.
    pub id: &'a ResourceId,
    /// Its physical name.
    pub handle: &'a Handle,
    /// Its form as projected, as recorded or observed.
    pub spec: &'a Value,
    /// Its outputs.
    pub outputs: &'a BTreeMap<String, Value>,
}

/// What restoring a resource will need, in clear. The engine seals it before it writes it down.
#[derive(Clone, PartialEq)]
pub struct Secured {
    /// The whole form, from which [`Provider::create`] and [`Provider::update`] can restore the resource.
    pub spec: Value,
    /// Bytes now in the artifact store that the form names.
    pub artifacts: Vec<Digest>,
    /// True if `spec` holds secrets and must be sealed.
    pub secret: bool,
    /// What could not be kept (code that cannot be fetched): a way back leaves these fields as they are, and never makes the
    /// resource again without them.
    pub lost: Vec<Lost>,
}

/// The things of one stack, as they were recorded or seen. What hangs on one of them and is itself one of them is no addition
/// of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kin(BTreeSet<(Kind, Handle)>);

impl Kin {
    /// True if the thing of that kind and handle is one of the stack's.
    pub fn has(&self, kind: &Kind, handle: &str) -> bool {
        self.0.contains(&(kind.clone(), Handle(handle.to_owned())))
    }

    /// The handles of the stack's things of one kind.
    pub fn of<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = &'a Handle> {
        let all = self.0.iter();
        all.filter(move |(other, _)| other == kind)
            .map(|(_, handle)| handle)
    }
}

impl FromIterator<(Kind, Handle)> for Kin {
    fn from_iter<I: IntoIterator<Item = (Kind, Handle)>>(things: I) -> Self {
        Self(things.into_iter().collect())
    }
}

/// What only a thorough look shows: it costs more calls than an ordinary one, and nothing that a deployment decides depends on
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What others have added beyond what the ordinary look tells, in the words of [`Remote::additions`]. The words of one child
    /// name no other child of the same thing.
    pub additions: Vec<String>,
    /// When it was last changed, by whomever, where the service says so.
    pub changed: Option<SystemTime>,
    /// What of it could not be looked at, and why.
    pub unseen: Vec<String>,
}

impl Examined {
    /// Adds what one part of a look has found, or that it found nothing out.
    pub fn add(&mut self, found: Result<Vec<String>, Failure>) {
        match found {
            Ok(more) => self.additions.extend(more),
            Err(failure) => self.unseen.push(failure.chain()),
        }
    }

    /// Adds when the thing was last changed, or that this was not found out.
    pub fn date(&mut self, changed: Result<Option<impl TryInto<SystemTime>>, Failure>) {
        match changed {
            Ok(changed) => self.changed = changed.and_then(|changed| changed.try_into().ok()),
            Err(failure) => self.unseen.push(failure.chain()),
        }
    }

    /// Of a thing of which a thorough look shows that alone.
    pub fn dated(changed: Result<Option<impl TryInto<SystemTime>>, Failure>) -> Self {
        let mut found = Self::default();
        found.date(changed);
        found
    }
}

/// The IO half of a type of resource.
///
/// # Contract
/// 1. `observe` never changes anything.
/// 2. Any call may come twice.
/// 3. `create` of what exists returns it only with proof (our token, or design decision 15); else it fails as
///    [`Failure::foreign`]. A name alone is no proof.
/// 4. `delete` of what is gone succeeds.
/// 5. An error after the first changing request of a call is `Effect::Maybe`.
/// 6. No call sleeps to wait for *another* resource: it returns `Retry::Await`.
/// 7. A call waits until *its own* resource is usable (a function is `Active`) before it returns.
#[async_trait]
pub trait Provider: Rules {
    /// Looks.
    ///
    /// # Errors
    /// Where the answer is neither "this" nor "nothing".
    async fn observe(&self, at: Locator<'_>) -> Result<Observed, Failure>;

    /// Looks at many. Kinds with list calls need fewer calls than one each.
    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Observed, Failure>> {
        join_all(at.iter().map(|one| self.observe(*one))).await
    }

    /// Brings into being.
    ///
    /// # Errors
    /// As the contract says.
    async fn create(&self, request: Create<'_>) -> Result<Remote, Failure>;

    /// Changes what differs and nothing else.
    ///
    /// # Errors
    /// As the contract says.
    async fn update(&self, request: Update<'_>) -> Result<Remote, Failure>;

    /// Removes. Gone is success.
    ///
    /// # Errors
    /// As the contract says.
    async fn delete(&self, request: Delete<'_>) -> Result<(), Failure>;

    /// Whether what `spec` names outside the stack is there and fits: the bucket, the queue, the certificate, a stranger's
    /// notification that overlaps ours. Asked by planning, for what it is about to create or change, so that a plan finds
    /// what the deploy would fail of. Changes nothing. References may be stand-in texts.
    ///
    /// # Errors
    /// Where it cannot be told.
    async fn verify(&self, _spec: &Value) -> Result<Vec<Invalid>, Failure> {
        Ok(Vec::new())
    }

    /// Looks for what [`Provider::observe`] leaves out because a deployment need not know it. Changes nothing. `kin` are the
    /// things of the stack. What cannot be seen is told in the answer.
    async fn examine(&self, _have: &Remote, _kin: &Kin) -> Examined {
        Examined::default()
    }

    /// Removes of `children`, which are additions for which [`Rules::prunes`] holds, what is still there, and nothing else. Gone
    /// is success. Nobody brings them back.
    ///
    /// # Errors
    /// As the contract says.
    async fn prune(&self, request: Delete<'_>, _children: &[String]) -> Result<(), Failure> {
        Err(Failure::refused(format!(
            "what others add to a {} cannot be removed",
            request.id.kind
        )))
    }

    /// Reads what restoring `have` will need, and keeps the bytes that it names. Called before the first write to it.
    ///
    /// # Errors
    /// Where it cannot be had; the plan's reader is told.
    async fn secure(&self, have: &Remote) -> Result<Secured, Failure>;

    /// As [`secure`](Self::secure), where the first write deletes `have`: with what hangs on it and goes with it.
    ///
    /// # Errors
    /// As there.
    async fn secure_whole(&self, have: &Remote) -> Result<Secured, Failure>;
}

#[cfg(test)]
mod tests {
    use grail_state::Kind;
    use serde_json::json;

    use super::*;

    #[test]
    fn debug_shows_no_form() {
        let id = ResourceId::new(Kind::new("lambda_function"), "one");
        let (spec, token) = (
            json!({"environment": {"PASSWORD": "hunter2"}}),
            StepToken("t".into()),
        );
        let at = Locator {
            id: &id,
            handle: None,
            spec: Some(&spec),
            token: Some(&token),
            record: None,
        };
        let create = Create {
            id: &id,
            spec: &spec,
            token: &token,
            first: true,
        };
        let have = Remote {
            handle: Handle("arn".into()),
            spec: json!({"environment": {"PASSWORD": "secret:k:d"}}),
            outputs: BTreeMap::new(),
            proof: grail_state::Proof::Ours,
            additions: Vec::new(),
        };
        let update = Update {
            id: &id,
            have: &have,
            want: &spec,
            diff: &Diff::default(),
            token: &token,
        };
        let shown = format!("{at:?} {create:?} {update:?}");
        assert!(
            shown.contains("lambda_function") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
