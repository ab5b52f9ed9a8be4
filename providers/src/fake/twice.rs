//! Every changing call made twice: rule 2 of the port's contract, tried.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grail_state::{Kind, Observed, Remote, Template, Wire};
use serde_json::Value;

use crate::port::{
    Catalog, Cost, Create, Delete, Diff, Examined, Failure, Invalid, Kin, Lane, Locator, Provider, Rules,
    Secured, Undelete, Update,
};

/// Which calls come twice, counted over all kinds.
#[derive(Clone, Debug, Default)]
pub struct Twice {
    calls: Arc<AtomicUsize>,
    which: Option<BTreeSet<usize>>,
}

impl Twice {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those with these numbers, counted from 0.
    pub fn only(which: impl IntoIterator<Item = usize>) -> Self {
        Self {
            calls: Arc::default(),
            which: Some(which.into_iter().collect()),
        }
    }

    /// How many calls were made, a doubled one counted once.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn again(&self) -> bool {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        self.which.as_ref().is_none_or(|which| which.contains(&number))
    }
}

/// The same catalogue, with calls that come twice.
pub fn twice(catalog: &Catalog, twice: &Twice) -> Catalog {
    Catalog::new(catalog.iter().map(|inner| {
        let doubled: Arc<dyn Provider> = Arc::new(Doubled {
            inner: Arc::clone(inner),
            twice: twice.clone(),
        });
        doubled
    }))
}

struct Doubled {
    inner: Arc<dyn Provider>,
    twice: Twice,
}

impl Rules for Doubled {
    fn kind(&self) -> Kind {
        self.inner.kind()
    }

    fn check(&self, spec: &Template) -> Result<(), Vec<Invalid>> {
        self.inner.check(spec)
    }

    fn project(&self, spec: &Template) -> Result<Value, Vec<Invalid>> {
        self.inner.project(spec)
    }

    fn compare(&self, wanted: &Value, have: &Remote) -> Diff {
        self.inner.compare(wanted, have)
    }

    fn lane(&self, spec: &Value) -> Option<Lane> {
        self.inner.lane(spec)
    }

    fn undelete(&self) -> Undelete {
        self.inner.undelete()
    }

    fn lasts(&self, spec: &Value) -> Duration {
        self.inner.lasts(spec)
    }

    fn name_bound(&self) -> bool {
        self.inner.name_bound()
    }

    fn spared_in_use(&self) -> bool {
        self.inner.spared_in_use()
    }

    fn prunes(&self, addition: &str) -> bool {
        self.inner.prunes(addition)
    }

    fn volatile_outputs(&self) -> &'static [&'static str] {
        self.inner.volatile_outputs()
    }

    fn wires(&self) -> &'static [Wire] {
        self.inner.wires()
    }

    fn reads(&self) -> Cost {
        self.inner.reads()
    }

    fn actions(&self) -> &'static [&'static str] {
        self.inner.actions()
    }

    fn schema(&self) -> Value {
        self.inner.schema()
    }

    fn label(&self, spec: &Value) -> Option<String> {
        self.inner.label(spec)
    }
}

#[async_trait]
impl Provider for Doubled {
    async fn observe(&self, at: Locator<'_>) -> Result<Observed, Failure> {
        self.inner.observe(at).await
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Observed, Failure>> {
        self.inner.observe_many(at).await
    }

    async fn create(&self, request: Create<'_>) -> Result<Remote, Failure> {
        if self.twice.again() {
            self.inner.create(request).await?;
            let again = Create {
                first: false,
                ..request
            };
            return self.inner.create(again).await;
        }
        self.inner.create(request).await
    }

    async fn update(&self, request: Update<'_>) -> Result<Remote, Failure> {
        if self.twice.again() {
            self.inner.update(request).await?;
        }
        self.inner.update(request).await
    }

    async fn delete(&self, request: Delete<'_>) -> Result<(), Failure> {
        if self.twice.again() {
            self.inner.delete(request).await?;
        }
        self.inner.delete(request).await
    }

    async fn examine(&self, have: &Remote, kin: &Kin) -> Examined {
        self.inner.examine(have, kin).await
    }

    async fn prune(&self, request: Delete<'_>, children: &[String]) -> Result<(), Failure> {
        if self.twice.again() {
            self.inner.prune(request, children).await?;
        }
        self.inner.prune(request, children).await
    }

    async fn verify(&self, spec: &Value) -> Result<Vec<Invalid>, Failure> {
        self.inner.verify(spec).await
    }

    async fn secure(&self, have: &Remote) -> Result<Secured, Failure> {
        self.inner.secure(have).await
    }

    async fn secure_whole(&self, have: &Remote) -> Result<Secured, Failure> {
        self.inner.secure_whole(have).await
    }
}
