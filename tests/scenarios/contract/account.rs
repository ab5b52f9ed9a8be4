//! An emulated account with the real types of resources in it, and what they need around them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grail_providers::aws::{Context, Seam};
use grail_providers::contract::{Ground, Sample};
use grail_providers::port::{Catalog, Create};
use grail_providers::resources;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::{Digester, Kind, Remote, ResourceId, StackId, StepToken};
use grail_tests::account::Account;
use grail_tests::emulator::{MiniStack, MiniStackSettings, Moto};
use grail_tests::proxy::Proxy;
use grail_tests::python;
use serde_json::Value;

use super::{samples, strangers};

/// What all that is ours is named after, and how Chalice names the handler of an API.
pub(crate) const STACK: &str = "contract-dev";
/// A function of somebody else.
pub(super) const THEIRS: &str = "theirs-fn";

/// Which cloud is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emulator {
    /// moto, with what the proxy makes up for.
    Moto,
    /// MiniStack, with what grail's launcher makes up for.
    MiniStack,
}

/// Ends with the value.
enum Running {
    Moto { _moto: Moto },
    MiniStack { _stack: MiniStack },
}

/// An account, and the types of resources that work in it.
pub(crate) struct Emulated {
    /// The account itself, for what a test prepares and looks at.
    pub(crate) account: Account,
    /// Where packages lie.
    pub(crate) artifacts: MemoryArtifacts,
    pub(super) face: &'static str,
    /// Names of ours under which somebody else's thing was put.
    pub(super) taken: Mutex<BTreeSet<String>>,
    catalog: Catalog,
    samples: AtomicUsize,
    proxy: Proxy,
    _running: Running,
}

impl Emulated {
    /// An account in which the samples have this face.
    pub(crate) fn of(emulator: Emulator, face: &'static str) -> Emulated {
        let (proxy, running) = match emulator {
            Emulator::Moto => {
                let moto = Moto::start();
                (
                    Proxy::before_moto(&moto.endpoint()),
                    Running::Moto { _moto: moto },
                )
            }
            Emulator::MiniStack => {
                let launcher = python::repository().join("reconciler/src/local/launcher.py");
                let stack = MiniStack::start(&MiniStackSettings {
                    launcher: Some(launcher),
                    ..MiniStackSettings::default()
                });
                (
                    Proxy::before(&stack.endpoint()),
                    Running::MiniStack { _stack: stack },
                )
            }
        };
        let artifacts = MemoryArtifacts::default();
        let emulated = Emulated {
            account: Account::at(&proxy.quiet_endpoint()),
            catalog: catalog(&proxy.endpoint(), &artifacts),
            artifacts,
            face,
            taken: Mutex::default(),
            samples: AtomicUsize::new(0),
            proxy,
            _running: running,
        };
        for function in [STACK, "contract-dev-two", THEIRS] {
            emulated.account.make_function(function);
        }
        emulated
    }

    /// A thing of ours, made through its own type.
    pub(super) async fn make(&self, kind: &str, name: &str, spec: &Value) -> Remote {
        let id = ResourceId::new(Kind::named(kind), name);
        let provider = self.catalog.provider(&id.kind).unwrap();
        let token = StepToken(format!("made-{name}"));
        let made = provider.create(Create {
            id: &id,
            spec,
            token: &token,
        });
        made.await
            .unwrap_or_else(|failure| panic!("making {id}: {}", failure.chain()))
    }
}

fn catalog(endpoint: &str, artifacts: &MemoryArtifacts) -> Catalog {
    let stack = StackId {
        app: "contract".to_owned(),
        stage: "dev".to_owned(),
    };
    let seam = Seam::over_sockets(None, true).unwrap();
    let context = Context::emulated(seam, stack, Arc::new(artifacts.clone()), endpoint);
    resources::catalog(Arc::new(context), Arc::new(Digester::new([7; 32])))
}

/// The ARN of a function in the emulated account.
pub(super) fn function_arn(name: &str) -> String {
    arn("lambda", &format!("function:{name}"))
}

/// An ARN in the emulated account.
pub(super) fn arn(service: &str, resource: &str) -> String {
    format!(
        "arn:aws:{service}:{}:{}:{resource}",
        grail_tests::REGION,
        grail_tests::ACCOUNT
    )
}

#[async_trait]
impl Ground for Emulated {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn sample(&self, kind: &Kind) -> Option<Sample> {
        let number = self.samples.fetch_add(1, Ordering::Relaxed);
        let sample = samples::sample(self, kind, number).await;
        self.proxy.forget_calls();
        Some(sample)
    }

    async fn squat(&self, sample: &Sample) -> bool {
        strangers::squat(self, sample)
    }

    fn writes(&self) -> usize {
        self.proxy.calls().writes().len()
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn strangers(&self) -> Value {
        strangers::theirs(self)
    }
}
