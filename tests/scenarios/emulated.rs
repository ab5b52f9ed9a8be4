//! An emulated account, and the real types of resources in it, in this process.

use std::sync::Arc;

use grail_providers::aws::{Context, Seam};
use grail_providers::port::Catalog;
use grail_providers::resources;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::{Digester, StackId};
use grail_tests::account::Account;
use grail_tests::emulator::{MiniStack, MiniStackSettings, Moto};
use grail_tests::proxy::Proxy;
use grail_tests::python;

/// Which cloud is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emulator {
    /// moto, with what the proxy makes up for.
    Moto,
    /// MiniStack, with what grail's launcher makes up for.
    MiniStack,
}

/// What runs, and ends with the value.
enum Running {
    Moto { _moto: Moto },
    MiniStack { _stack: MiniStack },
}

/// An empty account behind a proxy.
pub(crate) struct Cloud {
    /// The account itself, for what a test prepares and looks at.
    pub(crate) account: Account,
    /// Between the types of resources and the account.
    pub(crate) proxy: Proxy,
    _running: Running,
}

impl Cloud {
    pub(crate) fn start(emulator: Emulator) -> Cloud {
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
        Cloud {
            account: Account::at(&proxy.quiet_endpoint()),
            proxy,
            _running: running,
        }
    }

    /// Every type of resource, at work in this account for `stack`. Each call passes the proxy.
    pub(crate) fn catalog(&self, stack: StackId, artifacts: &MemoryArtifacts, digester: Digester) -> Catalog {
        let seam = Seam::over(self.proxy.wire());
        let artifacts = Arc::new(artifacts.clone());
        let context = Context::emulated(seam, stack, artifacts, &self.proxy.endpoint());
        resources::catalog(Arc::new(context), Arc::new(digester))
    }
}

/// The ARN of a function in the emulated account.
pub(crate) fn function_arn(name: &str) -> String {
    format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        grail_tests::REGION,
        grail_tests::ACCOUNT
    )
}
