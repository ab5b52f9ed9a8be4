//! A state that a team shares: two copies of a project, each on a machine of its own, and one state in a bucket.

mod canaries;
mod moving;
mod rounds;
mod store;
mod tampered;

use std::time::Duration;

use grail_tests::account::Account;
use grail_tests::cli::Grail;
use grail_tests::emulator::{MiniStack, MiniStackSettings, Moto};
use grail_tests::project::Project;
use grail_tests::proxy::{Effect, Fault, On, Proxy};
use grail_tests::runtime::block_on;
use grail_tests::world::World;

use crate::ground::{assert_as_before, grow};

const BUCKET: &str = "team";
/// The value of an environment variable that must lie nowhere in clear.
const CANARY: &str = "canary-7c1e0d";
/// One key for every machine.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// An account behind a proxy, and a bucket for the state on another server.
pub(crate) struct Team {
    pub(crate) proxy: Proxy,
    bucket: MiniStack,
    moto: Moto,
}

impl Team {
    pub(crate) fn start() -> Team {
        let moto = Moto::start();
        let bucket = MiniStack::start(&MiniStackSettings::default());
        let s3 = Account::at(&bucket.endpoint()).s3();
        block_on(s3.create_bucket().bucket(BUCKET).send()).unwrap();
        Team {
            proxy: Proxy::before_moto(&moto.endpoint()),
            bucket,
            moto,
        }
    }

    /// Where the state lies.
    fn url(&self) -> String {
        format!("s3://{BUCKET}/states?endpoint={}", self.bucket.endpoint())
    }

    /// grail on the machine of `who`, who has this copy of the project.
    pub(crate) fn machine(&self, project: &Project, who: &str) -> Grail {
        self.machine_behind(&self.proxy, project, who)
    }

    /// The same with a way to the account of its own.
    fn machine_behind(&self, proxy: &Proxy, project: &Project, who: &str) -> Grail {
        Grail::new(env!("CARGO_BIN_EXE_grail"), project, &proxy.endpoint())
            .with_shared_cache()
            .env("GRAIL_STATE", self.url())
            .env("GRAIL_SEAL_KEY", KEY)
            .env("HOSTNAME", format!("{who}s-machine"))
            .env("USER", who)
    }

    pub(crate) fn world(&self) -> World {
        World::read(&Account::at(&self.proxy.quiet_endpoint()))
    }

    /// Every object of the bucket.
    pub(crate) fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let s3 = Account::at(&self.bucket.endpoint()).s3();
        block_on(async {
            let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
            let mut objects = Vec::new();
            for object in listed.contents() {
                let key = object.key().unwrap().to_owned();
                let got = s3.get_object().bucket(BUCKET).key(&key).send().await.unwrap();
                objects.push((key, got.body.collect().await.unwrap().to_vec()));
            }
            objects
        })
    }

    /// Fails unless nothing in the bucket gives the secret away.
    #[track_caller]
    fn assert_no_secret(&self) {
        for (key, bytes) in self.objects() {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains(CANARY), "{key} holds a secret in clear");
        }
    }

    /// Fails unless there is one API and one of each function of the shop.
    #[track_caller]
    fn assert_one_shop(&self) {
        let names = self.world().names();
        assert_eq!(names["rest_apis"].len(), 1, "{names:?}");
        assert_eq!(names["functions"], ["shop-dev", "shop-dev-door"], "{names:?}");
    }

    /// Kills a deployment at its `nth` write, which takes effect.
    fn die_at(&self, nth: usize, grail: &Grail) {
        let fault = Fault::Silence(Effect::Done);
        let name = fault.name();
        self.proxy.forget_calls();
        self.proxy.inject(On::writes().nth(nth), fault);
        let mut running = grail.start(&["deploy"]);
        assert!(
            self.proxy.wait_for(name, || running.has_ended()),
            "{}",
            running.wait()
        );
        running.kill();
        self.proxy.heal();
    }
}

/// A copy of the shop, with a secret.
fn shop() -> Project {
    let project = Project::example("rest-api");
    greet(&project, "welcome");
    project
}

fn greet(project: &Project, greeting: &str) {
    project.configure(|config| {
        let variables = &mut config["stages"]["dev"]["environment_variables"];
        variables["GREETING"] = greeting.into();
        variables["SECRET"] = format!("{CANARY}-{greeting}").into();
    });
}

#[test]
fn two_copies_with_one_state_are_one_application() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let (ann, bob) = (team.machine(&here, "ann"), team.machine(&there, "bob"));
    ann.run(&["deploy"]).expect_success();
    let url = ann.run(&["url"]).expect_success().stdout;
    // The other machine has never seen this stage.
    assert_eq!(bob.run(&["url"]).expect_success().stdout, url);
    assert_eq!(there.deployed_text("dev"), None);
    bob.run(&["state", "pull"]).expect_success();
    assert_eq!(there.deployed_text("dev"), here.deployed_text("dev"));
    team.proxy.forget_calls();
    bob.run(&["deploy"]).expect_success();
    let writes = team.proxy.calls().writes();
    assert!(writes.is_empty(), "{:?}", writes.names());

    let mut deploys = 1;
    for round in 0..3 {
        greet(&here, &format!("ann {round}"));
        greet(&there, &format!("bob {round}"));
        let both = [&ann, &bob].map(|grail| grail.start(&["deploy", "--lock-timeout", "10m"]));
        for running in both {
            running.wait().expect_success();
        }
        deploys += 2;
        team.assert_one_shop();
    }
    let history = bob.run(&["history", "--limit", "100", "--output", "json"]);
    let reports = history.expect_success().events();
    let done = reports
        .iter()
        .filter(|event| event["report"]["outcome"] == "done");
    assert_eq!(done.count(), deploys, "{reports:?}");
    for (name, count) in [("ann", 4), ("bob", 3)] {
        let by = reports.iter().filter(|event| event["report"]["who"] == name);
        assert_eq!(by.count(), count, "{name}: {reports:?}");
    }
    // Whoever was not last has an older file of ours, and a new one after a look for it.
    for grail in [&ann, &bob] {
        grail.run(&["state", "pull"]).expect_success();
    }
    assert_eq!(there.deployed_text("dev"), here.deployed_text("dev"));
    assert_eq!(bob.run(&["url"]).expect_success().stdout, url);

    bob.run(&["delete"]).expect_success();
    ann.run(&["deploy"]).expect_success();
    team.assert_one_shop();
    ann.run(&["delete"]).expect_success();
    bob.run(&["delete"]).expect_success();
    let left = team.world().names();
    assert!(
        left["functions"].is_empty() && left["rest_apis"].is_empty(),
        "{left:?}"
    );
    team.assert_no_secret();
}

#[test]
fn what_a_killed_holder_left_is_taken_back_exactly_by_another_machine() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let (ann, bob) = (team.machine(&here, "ann"), team.machine(&there, "bob"));
    ann.run(&["deploy"]).expect_success();
    let before = team.world();
    grow(&here);
    greet(&here, "better");
    for nth in [2, 5] {
        team.die_at(nth, &ann);
        team.assert_no_secret();
        let status = bob.run(&["status"]).expect_code(6).stdout;
        assert!(
            status.contains("open since `grail deploy` by ann on anns-machine"),
            "{status}"
        );
        assert!(status.contains("s3://team/states"), "{status}");
        // The lease of the dead one has to run out first; its code and environment come from the bucket.
        bob.run(&["rollback", "--lock-timeout", "30s"]).expect_success();
        assert_as_before(&team.world(), &before);
        bob.run(&["status"]).expect_success();
    }
    ann.run(&["deploy"]).expect_success();
    let names = team.world().names();
    assert_eq!(
        names["functions"],
        ["shop-dev", "shop-dev-count", "shop-dev-door"]
    );
}

#[test]
fn what_a_killed_holder_left_is_finished_by_another_machine() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let (ann, bob) = (team.machine(&here, "ann"), team.machine(&there, "bob"));
    team.die_at(4, &ann);
    bob.run(&["deploy"]).expect_success();
    team.assert_one_shop();
    // Both are of one mind now.
    for grail in [&ann, &bob] {
        team.proxy.forget_calls();
        grail.run(&["deploy"]).expect_success();
        let writes = team.proxy.calls().writes();
        assert!(writes.is_empty(), "{:?}", writes.names());
    }
    team.assert_no_secret();
}

#[test]
fn a_held_stage_says_who_holds_it_and_a_broken_lock_ends_its_holder() {
    let team = Team::start();
    let (here, there) = (shop(), shop());
    let job = "https://ci.example/jobs/7";
    let ann = team.machine(&here, "ann").env("CI_JOB_URL", job);
    let bob = team.machine(&there, "bob");
    // Each of its writes takes effect and is answered never, so that it is busy for minutes.
    let silence = Fault::Silence(Effect::Done);
    let name = silence.name();
    team.proxy.inject(On::writes(), silence);
    let mut held = ann.start(&["deploy"]);
    assert!(team.proxy.wait_for(name, || held.has_ended()), "{}", held.wait());
    for words in [
        &["deploy"][..],
        &["delete", "--lock-timeout", "1s"],
        &["rollback"],
    ] {
        let said = bob.run(words).expect_code(5).stderr;
        for word in ["ann on anns-machine", "process ", "`grail deploy` since", job] {
            assert!(said.contains(word), "{words:?} does not tell of {word}: {said}");
        }
    }
    let shown = bob.run(&["state", "unlock"]).expect_code(5).stdout;
    for word in [
        "ann on anns-machine",
        job,
        "at work",
        "transaction stays open",
        "--yes",
    ] {
        assert!(shown.contains(word), "it does not tell of {word}: {shown}");
    }
    bob.run(&["state", "unlock", "--yes"]).expect_success();
    team.proxy.heal();
    bob.run(&["deploy"]).expect_success();
    let world = team.world();
    // What it was in the middle of is not its own any more.
    let run = held
        .wait_at_most(Duration::from_secs(60))
        .unwrap_or_else(|run| panic!("{run}"));
    run.expect_code(6);
    team.world().assert_untouched_since(&world);
    team.assert_one_shop();
    let free = bob.run(&["state", "unlock"]).expect_success().stdout;
    assert!(free.contains("nobody holds the lock"), "{free}");
}

#[test]
fn everything_is_sealed_where_that_is_asked_for() {
    let team = Team::start();
    let project = shop();
    let toml = format!(
        "[state]\nurl = 's3://{BUCKET}/states'\nendpoint = '{}'\nseal = 'everything'\nmirror = 'always'\n",
        team.bucket.endpoint()
    );
    project.write("grail.toml", &toml);
    let grail = team.machine(&project, "ann").without("GRAIL_STATE");
    grail.run(&["deploy"]).expect_success();
    for (key, bytes) in team.objects() {
        assert!(bytes.starts_with(b"grail-sealed-1 "), "{key} is not sealed");
    }
    // The file is written at every look.
    let deployed = project.deployed_text("dev");
    project.remove(".chalice/deployed/dev.json");
    grail.run(&["status"]).expect_success();
    assert_eq!(project.deployed_text("dev"), deployed);
    let other = grail.clone().env("GRAIL_SEAL_KEY", "09".repeat(32));
    let refused = other.run(&["status"]).expect_code(1).stderr;
    assert!(refused.contains("sealed with the key"), "{refused}");
    let rotated = grail.env("GRAIL_SEAL_KEY", format!("{},{KEY}", "09".repeat(32)));
    greet(&project, "again");
    rotated.run(&["deploy"]).expect_success();
    other.run(&["status"]).expect_success();
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_their_place() {
    let project = shop();
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, "http://127.0.0.1:1");
    project.write("grail.toml", "[state]\nurl = 's3://team'\nregoin = 'eu-west-1'\n");
    let said = grail.run(&["plan"]).expect_code(1).stderr;
    for word in [
        "no setting `state.regoin`",
        "`state.region` may be meant",
        "grail.toml:3:1",
    ] {
        assert!(said.contains(word), "it does not tell of {word}: {said}");
    }
    project.write("grail.toml", "[state]\nurl = 's3://team'\n");
    let said = grail.run(&["deploy"]).expect_code(1).stderr;
    assert!(
        said.contains("GRAIL_SEAL_KEY") && said.contains("s3://team is shared"),
        "{said}"
    );
    assert!(!project.has(".chalice/grail/dev"), "something was written");
    let said = grail
        .env("GRAIL_STATE", "team/x")
        .run(&["deploy"])
        .expect_code(1)
        .stderr;
    assert!(said.contains("does not begin with `s3://`"), "{said}");
}
