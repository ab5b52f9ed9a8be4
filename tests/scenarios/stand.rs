//! What most scenarios stand on: a project, an empty account behind a proxy, and grail between the two.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Run};
use grail_tests::emulator::Moto;
use grail_tests::project::Project;
use grail_tests::proxy::{Calls, Proxy};
use grail_tests::world::World;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_grail");

/// A project and its account.
pub(crate) struct Stand {
    /// The project.
    pub(crate) project: Project,
    /// The proxy before the account.
    pub(crate) proxy: Proxy,
    /// grail in the project, speaking to the proxy.
    pub(crate) grail: Grail,
    _moto: Moto,
}

impl Stand {
    /// An empty account for this project.
    pub(crate) fn of(project: Project) -> Stand {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        let grail = Grail::new(BINARY, &project, &proxy.endpoint());
        Stand {
            project,
            proxy,
            grail,
            _moto: moto,
        }
    }

    /// An empty account for a copy of the REST example.
    pub(crate) fn of_the_shop() -> Stand {
        Stand::of(Project::example("rest-api"))
    }

    /// The same with the example deployed, and the calls of that forgotten.
    pub(crate) fn with_the_shop_open() -> Stand {
        let stand = Stand::of_the_shop();
        stand.grail.run(&["deploy"]).expect_success();
        stand.proxy.forget_calls();
        stand
    }

    /// What grail does with these words: its run, and the calls it makes.
    pub(crate) fn run(&self, words: &[&str]) -> (Run, Calls) {
        self.proxy.forget_calls();
        let run = self.grail.run(words);
        (run, self.proxy.calls())
    }

    /// A deployment that succeeds, and its writes in order of arrival.
    pub(crate) fn deploy(&self) -> Calls {
        let (run, calls) = self.run(&["deploy"]);
        run.expect_success();
        calls
    }

    /// The account as it is.
    pub(crate) fn world(&self) -> World {
        World::read(&Account::at(&self.proxy.quiet_endpoint()))
    }

    /// Every file under `.chalice` that remembers what was deployed, with its content. The text of the lock says nothing once
    /// its holder is gone, and the epoch only counts holders.
    pub(crate) fn memory(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.project.files();
        files.retain(|path, _| {
            let forgettable = ["lock", "epoch"].iter().any(|name| path.ends_with(name));
            path.starts_with(".chalice") && !forgettable
        });
        files
    }
}

/// A number for each operation, as [`Calls::counts`] gives them.
pub(crate) fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let named = expected.iter().map(|(name, count)| ((*name).to_owned(), *count));
    named.collect()
}
