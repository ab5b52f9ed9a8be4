//! An emulated account with what the samples need around them.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grail_providers::contract::{Ground, Sample};
use grail_providers::port::{Catalog, Create};
use grail_state::artifacts::MemoryArtifacts;
use grail_state::{Digester, Kind, Remote, ResourceId, StackId, StepToken};
use grail_tests::account::Account;
use serde_json::Value;

use super::{samples, strangers};
use crate::emulated::{Cloud, Emulator};

/// What all that is ours is named after, and how Chalice names the handler of an API.
pub(super) const STACK: &str = "contract-dev";

/// An account, and the types of resources that work in it.
pub(super) struct Ours {
    /// Where packages lie.
    pub(super) artifacts: MemoryArtifacts,
    /// Which form of its kind each sample has.
    pub(super) face: &'static str,
    /// Names of ours under which somebody else's thing was put.
    pub(super) taken: Mutex<BTreeSet<String>>,
    catalog: Catalog,
    samples: AtomicUsize,
    cloud: Cloud,
}

impl Ours {
    /// An account in which the samples have this face.
    pub(super) fn on(emulator: Emulator, face: &'static str) -> Ours {
        let cloud = Cloud::start(emulator);
        let artifacts = MemoryArtifacts::default();
        let stack = StackId {
            app: "contract".to_owned(),
            stage: "dev".to_owned(),
        };
        for function in [STACK, "contract-dev-two", strangers::FUNCTION] {
            cloud.account.make_function(function);
        }
        Ours {
            catalog: cloud.catalog(stack, &artifacts, Digester::new([7; 32])),
            artifacts,
            face,
            taken: Mutex::default(),
            samples: AtomicUsize::new(0),
            cloud,
        }
    }

    /// The account itself.
    pub(super) fn account(&self) -> &Account {
        &self.cloud.account
    }

    /// A thing of ours, made through its own type.
    pub(super) async fn make(&self, kind: &str, name: &str, spec: &Value) -> Remote {
        let id = ResourceId::new(Kind::named(kind), name);
        let provider = self.catalog.provider(&id.kind).unwrap();
        let token = &StepToken(format!("made-{name}"));
        let request = Create {
            id: &id,
            spec,
            token,
            first: true,
        };
        let made = provider.create(request);
        made.await
            .unwrap_or_else(|failure| panic!("making {id}: {}", failure.chain()))
    }
}

#[async_trait]
impl Ground for Ours {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn sample(&self, kind: &Kind) -> Option<Sample> {
        let number = self.samples.fetch_add(1, Ordering::Relaxed);
        let sample = samples::sample(self, kind, number).await;
        self.cloud.proxy.forget_calls();
        Some(sample)
    }

    async fn squat(&self, sample: &Sample) -> bool {
        strangers::squat(self, sample)
    }

    fn writes(&self) -> usize {
        self.cloud.proxy.calls().writes().len()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn strangers(&self) -> Value {
        strangers::theirs(self)
    }
}
