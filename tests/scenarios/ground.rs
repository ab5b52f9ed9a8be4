//! Where a scenario with moto happens: an empty account behind a proxy, a project, and grail in it.

use std::path::PathBuf;

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Run};
use grail_tests::difference::assert_same;
use grail_tests::emulator::Moto;
use grail_tests::fixtures::Fixture;
use grail_tests::project::Project;
use grail_tests::proxy::{Calls, Proxy};
use grail_tests::world::World;
use serde_json::Value;

/// The stage of every story here.
pub(crate) const STAGE: &str = "dev";

/// An account, a project and the way between them.
pub(crate) struct Ground {
    _moto: Moto,
    /// Between grail and the account.
    pub(crate) proxy: Proxy,
    /// The project.
    pub(crate) project: Project,
    /// The account itself, past the proxy's records and faults.
    pub(crate) account: Account,
}

impl Ground {
    /// An empty account, and a project in which nothing was done yet.
    pub(crate) fn new(project: Project) -> Ground {
        let moto = Moto::start();
        let proxy = Proxy::before_moto(&moto.endpoint());
        Ground {
            account: Account::at(&proxy.quiet_endpoint()),
            _moto: moto,
            proxy,
            project,
        }
    }

    /// With a fixture, and what it takes for granted in the account.
    pub(crate) fn prepared(fixture: Fixture) -> Ground {
        let ground = Ground::new(fixture.project());
        fixture.prepare(&ground.account);
        fixture.fit(&ground.account, &ground.project);
        ground
    }

    /// With a copy of the shop, the example of the README.
    pub(crate) fn shop() -> Ground {
        Ground::new(Project::example("rest-api"))
    }

    /// grail in the project.
    pub(crate) fn grail(&self) -> Grail {
        Grail::new(env!("CARGO_BIN_EXE_grail"), &self.project, &self.proxy.endpoint()).with_shared_cache()
    }

    /// Runs grail with these words.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.grail().run(arguments)
    }

    /// Deploys; fails where grail does. The calls that it made.
    pub(crate) fn deploy(&self) -> Calls {
        self.proxy.forget_calls();
        self.run(&["deploy"]).expect_success();
        self.proxy.calls()
    }

    /// The account as it is.
    pub(crate) fn world(&self) -> World {
        World::read(&self.account)
    }

    /// Where grail keeps what it knows of the stage.
    pub(crate) fn state(&self) -> PathBuf {
        let folder = match self.project.has(".grail") {
            true => ".grail",
            false => ".chalice/grail",
        };
        self.project.root().join(folder).join(STAGE)
    }

    /// What `grail status` says, as JSON, whatever its exit code.
    pub(crate) fn status(&self) -> Value {
        let run = self.run(&["status", "--output", "json"]);
        let status = run.events().into_iter().find(|event| event["event"] == "status");
        status.unwrap_or_else(|| panic!("no status in {run}"))
    }

    /// Fails unless the next deploy writes nothing and there is no open transaction: what an end that is one looks like.
    #[track_caller]
    pub(crate) fn assert_at_rest(&self) {
        self.run(&["status"]).expect_success();
        let writes = self.deploy().writes();
        assert!(writes.is_empty(), "a deploy at rest writes: {:?}", writes.names());
        assert_eq!(
            self.journal(),
            Vec::<String>::new(),
            "the journal is not empty after a deploy"
        );
    }

    /// The lines of the journal.
    pub(crate) fn journal(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.state().join("journal.ndjson")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Fails unless the account is as it was, ids included. Only the token in the mark of an API may be another: it names the
/// attempt that wrote the API last, and the way back is an attempt of its own. The digest beside it must be the old one.
#[track_caller]
pub(crate) fn assert_as_before(now: &World, before: &World) {
    assert_same(
        ("before", "now"),
        &without_tokens(before.exact()),
        &without_tokens(now.exact()),
    );
}

/// An account without the tokens in the marks of its APIs.
pub(crate) fn without_tokens(value: &Value) -> Value {
    let mut value = value.clone();
    let apis = value["rest_apis"].as_object_mut().into_iter().flatten();
    for (_, api) in apis {
        let mark = api["identity"]["description"].as_str().unwrap_or_default();
        if let Some((_, digest)) = mark.rsplit_once(':') {
            api["identity"]["description"] = format!("grail:<token>:{digest}").into();
        }
    }
    value
}

/// Changes the shop: code, configuration, a route, a function more.
pub(crate) fn grow(project: &Project) {
    let more = "\n\n@app.route('/rope')\ndef rope():\n    return {'price': shelf.items['rope']}\n\n\n\
                @app.lambda_function()\ndef count(event, context):\n    return len(shelf.items)\n";
    project.write("app.py", &(project.read("app.py") + more));
    project.configure(|config| {
        config["stages"]["dev"]["lambda_memory_size"] = 256.into();
        config["stages"]["dev"]["environment_variables"]["GREETING"] = "hello again".into();
    });
}
