//! A plan that breaks the rules of plans is not carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grail_providers::port::{
    Catalog, Cost, Create, Delete, Diff, Failure, Invalid, Lane, Locator, Provider, Rules, Secured, Undelete,
    Update,
};
use grail_state::store::Wait;
use grail_state::{Kind, Observed, Remote, Template, Wire};
use serde_json::Value;

use super::app::App;
use super::ground::{Ground, holder};
use crate::engine::{EngineError, NoEvents, NoProjection, OnFailure, Ports, StopSignal};
use crate::plan::Consent;

/// A kind that says one thing to the planner and another to its judge.
struct Fickle {
    inner: Arc<dyn Provider>,
    asked: AtomicUsize,
}

impl Rules for Fickle {
    fn undelete(&self) -> Undelete {
        // Asked once for the order, once for the phase; then by the judge.
        match self.asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Undelete::Exact,
            _ => Undelete::Never,
        }
    }

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
    fn lasts(&self, spec: &Value) -> Duration {
        self.inner.lasts(spec)
    }
    fn name_bound(&self) -> bool {
        self.inner.name_bound()
    }
    fn spared_in_use(&self) -> bool {
        self.inner.spared_in_use()
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
impl Provider for Fickle {
    async fn observe(&self, at: Locator<'_>) -> Result<Observed, Failure> {
        self.inner.observe(at).await
    }
    async fn create(&self, request: Create<'_>) -> Result<Remote, Failure> {
        self.inner.create(request).await
    }
    async fn update(&self, request: Update<'_>) -> Result<Remote, Failure> {
        self.inner.update(request).await
    }
    async fn delete(&self, request: Delete<'_>) -> Result<(), Failure> {
        self.inner.delete(request).await
    }
    async fn secure(&self, have: &Remote) -> Result<Secured, Failure> {
        self.inner.secure(have).await
    }

    async fn secure_whole(&self, have: &Remote) -> Result<Secured, Failure> {
        self.inner.secure_whole(have).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_breaks_the_rules_is_an_internal_error_and_nothing_is_written() {
    let ground = Ground::new();
    ground.deploy(&App::of(&["one", "two"])).await;
    let (writes, appends) = (ground.cloud.writes(), ground.store.appends());
    let mut engine = ground.engine();
    let fickle = |inner: &Arc<dyn Provider>| -> Arc<dyn Provider> {
        if inner.kind().as_str() != "lambda_function" {
            return Arc::clone(inner);
        }
        Arc::new(Fickle {
            inner: Arc::clone(inner),
            asked: AtomicUsize::new(0),
        })
    };
    engine.catalog = Arc::new(Catalog::new(
        engine.catalog.iter().map(fickle).collect::<Vec<_>>(),
    ));
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let wanted = App::of(&["one"]).desired();
    let ended = session
        .deploy(
            &wanted,
            &Consent::default(),
            OnFailure::Rollback,
            None,
            &mut ports,
        )
        .await;
    let Err(EngineError::Unsound(broken)) = &ended else {
        panic!("{ended:?}");
    };
    assert_eq!(broken[..], ["lambda_function.two is deleted before the commit"]);
    let said = ended.unwrap_err();
    assert!(
        said.to_string()
            .starts_with("internal error: the plan breaks its own rules: "),
        "{said}"
    );
    assert_eq!((ground.cloud.writes(), ground.store.appends()), (writes, appends));
}
