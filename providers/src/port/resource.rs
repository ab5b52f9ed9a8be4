//! What the author of a resource type writes: own types, native async functions.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::{Handle, Kind, Proof, ResourceId, StepToken, Wire};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Failure;
use super::provider::{Examined, Kin, Locator, Secured};
use super::rules::{Access, Cost, Diff, Invalid, Lane, Undelete};

/// A thing outside as its type reads it: the whole form, secrets in clear.
#[derive(Clone, Debug)]
pub struct Seen<S> {
    /// Its physical name.
    pub handle: Handle,
    /// Its whole form. Must be such that [`Resource::project`] of it equals the projection of an equal wish.
    pub spec: S,
    /// What others may refer to.
    pub outputs: BTreeMap<String, Value>,
    /// What shows that it is ours.
    pub proof: Proof,
    /// What others have added to it and we leave as it is, in words (`gateway response DEFAULT_4XX`).
    pub additions: Vec<String>,
}

/// The answer to a look: what is there, or nothing.
pub type Sight<S> = Option<Seen<S>>;

/// A typed request to create.
#[derive(Clone, Copy, Debug)]
pub struct Birth<'a, S> {
    /// The logical name.
    pub id: &'a ResourceId,
    /// The whole form.
    pub spec: &'a S,
    /// The attempt.
    pub token: &'a StepToken,
    /// As [`super::Create::first`].
    pub first: bool,
}

/// A typed request to change.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a, S> {
    /// The logical name.
    pub id: &'a ResourceId,
    /// The physical name.
    pub handle: &'a Handle,
    /// The form that is there, as projected (a JSON document: secrets are digests).
    pub have: &'a Value,
    /// The outputs that it has.
    pub outputs: &'a BTreeMap<String, Value>,
    /// The whole wanted form.
    pub want: &'a S,
    /// What differs.
    pub diff: &'a Diff,
    /// The attempt.
    pub token: &'a StepToken,
}

/// A living thing, to be removed or to be looked at again. The form may be of any age, so it stays a document.
#[derive(Clone, Copy, Debug)]
pub struct Removal<'a> {
    /// The logical name.
    pub id: &'a ResourceId,
    /// The physical name.
    pub handle: &'a Handle,
    /// The form, as projected.
    pub spec: &'a Value,
    /// The outputs.
    pub outputs: &'a BTreeMap<String, Value>,
}

/// A type of resource. The contract is [`super::Provider`]'s; [`super::erase()`] makes the one from the other.
pub trait Resource: Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
    /// Paths of projected fields that cannot change on a living resource.
    const IMMUTABLE: &'static [&'static str] = &[];
    /// How well a deletion can be taken back.
    const UNDELETE: Undelete = Undelete::Exact;
    /// True if the spec fixes the physical name.
    const NAME_BOUND: bool = true;
    /// True if a deletion leaves the thing, and counts as done, where somebody still uses it.
    const SPARED_IN_USE: bool = false;
    /// True if it holds what is lost with it (messages, objects, items). Then it is protected unless its wish says otherwise.
    const KEEPS: bool = false;
    /// The outputs that an update may change. Who refers to one of them is planned anew when the resource is updated.
    const VOLATILE: &'static [&'static str] = &[];
    /// Where its form says who may do what.
    const ACCESS: Access = Access::None;
    /// How the words of those additions begin that can be removed (`target `).
    const PRUNES: &'static [&'static str] = &[];
    /// The IAM actions that the type needs. `deploy/policy.json` is the union.
    const ACTIONS: &'static [&'static str];
    /// What looking costs.
    const READS: Cost;
    /// The type's part of Chalice's file.
    const WIRES: &'static [Wire] = &[];
    /// The form that a wish has.
    type Spec: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync;

    /// Rules that the type system cannot state. References may still be stand-in texts.
    fn check(_spec: &Self::Spec) -> Vec<Invalid> {
        Vec::new()
    }

    /// What of a form can be seen from outside and be shown: secrets as keyed digests, code as its content digest, policies
    /// as their meaning. Two forms are equal if their projections are.
    fn project(spec: &Self::Spec, digester: &Digester) -> Value {
        let _ = digester;
        serde_json::to_value(spec).unwrap_or(Value::Null)
    }

    /// Whether a thing of this form has itself what an addition is ([`super::Rules::defines`]).
    fn defines(_spec: &Self::Spec, _addition: &str) -> bool {
        false
    }

    /// The thing of a kind of its own that an addition is, if it is one of ours ([`super::Rules::child`]).
    fn child(_handle: &Handle, _addition: &str) -> Option<(Kind, Handle)> {
        None
    }

    /// The lane of a resource of this form (projected).
    fn lane(_spec: &Value) -> Option<Lane> {
        None
    }

    /// How much longer a call takes that leads to this form, because the form asks for it ([`super::Rules::lasts`]).
    fn lasts(_spec: &Self::Spec) -> Duration {
        Duration::ZERO
    }

    /// A short physical name for messages, from a projected form.
    fn label(_spec: &Value) -> Option<String> {
        None
    }

    /// Looks: by handle, else by natural key from the spec, else by token.
    fn observe(&self, at: Locator<'_>) -> impl Future<Output = Result<Sight<Self::Spec>, Failure>> + Send;

    /// Looks at many.
    fn observe_many(
        &self,
        at: &[Locator<'_>],
    ) -> impl Future<Output = Vec<Result<Sight<Self::Spec>, Failure>>> + Send {
        async move { futures::future::join_all(at.iter().map(|one| self.observe(*one))).await }
    }

    /// Brings into being.
    fn create(
        &self,
        request: Birth<'_, Self::Spec>,
    ) -> impl Future<Output = Result<Seen<Self::Spec>, Failure>> + Send;

    /// Changes what differs.
    fn update(
        &self,
        request: Change<'_, Self::Spec>,
    ) -> impl Future<Output = Result<Seen<Self::Spec>, Failure>> + Send;

    /// Removes.
    fn delete(&self, request: Removal<'_>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether what a form names outside the stack is there and fits, as [`super::Provider::verify`] says.
    fn verify(&self, _spec: &Self::Spec) -> impl Future<Output = Result<Vec<Invalid>, Failure>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What only a thorough look shows, as [`super::Provider::examine`] says.
    fn examine(&self, _have: Removal<'_>, _kin: &Kin) -> impl Future<Output = Examined> + Send {
        async { Examined::default() }
    }

    /// Removes additions of others, as [`super::Provider::prune`] says.
    fn prune(
        &self,
        _have: Removal<'_>,
        _children: &[String],
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async {
            Err(Failure::refused(format!(
                "what others add to a {} cannot be removed",
                Self::KIND
            )))
        }
    }

    /// What restoring will need, from a fresh look; kinds with bytes (code) keep them here. `None` if the projected form is
    /// the whole form.
    fn secure(
        &self,
        _seen: &Seen<Self::Spec>,
    ) -> impl Future<Output = Result<Option<Secured>, Failure>> + Send {
        async { Ok(None) }
    }

    /// As [`secure`](Self::secure), for what is about to be deleted: with what hangs on it and goes with it.
    fn secure_whole(
        &self,
        seen: &Seen<Self::Spec>,
    ) -> impl Future<Output = Result<Option<Secured>, Failure>> + Send {
        self.secure(seen)
    }
}
