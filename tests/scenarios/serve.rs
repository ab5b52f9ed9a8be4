//! Many stages of many projects in one process: a folder and a git remote, another configuration, the end; and several such
//! processes over one shared state.

use std::path::Path;
use std::process::Command;

use grail_tests::cli::{Grail, Running};
use grail_tests::patience::until;
use grail_tests::project::Project;
use grail_tests::web;
use serde_json::Value;

use crate::stand::Stand;

mod replicas;

/// A service that runs, with what it has said so far.
struct Service {
    running: Running,
}

impl Service {
    fn start(grail: &Grail, config: &Path) -> Self {
        let config = config.to_str().expect("a path that is text");
        Self {
            running: grail.start(&["serve", "--config", config, "--output", "json"]),
        }
    }

    fn events(&self) -> Vec<Value> {
        self.running.events()
    }

    /// How many events of this kind there were, of a stage, or with this end.
    fn count(&self, kind: &str, key: Option<(&str, &str)>, end: Option<&str>) -> usize {
        let is = |event: &&Value| {
            event["event"] == kind
                && key.is_none_or(|(project, stage)| event["project"] == project && event["stage"] == stage)
                && end.is_none_or(|end| event["end"] == end)
        };
        self.events().iter().filter(is).count()
    }

    fn converged(&self, project: &str, stage: &str) -> usize {
        self.count("pass_ended", Some((project, stage)), Some("converged"))
    }

    /// Waits until so many passes of the stage have converged.
    fn until_converged(&self, project: &str, stage: &str, times: usize) {
        let what = format!(
            "{times} passes of {project}/{stage} that converge: {}",
            self.said()
        );
        until(&what, || (self.converged(project, stage) >= times).then_some(()));
    }

    fn until_said(&self, kind: &str, times: usize) {
        let what = format!("{kind}, {times} times: {}", self.said());
        until(&what, || (self.count(kind, None, None) >= times).then_some(()));
    }

    fn said(&self) -> String {
        format!("{}{}", self.running.said(), self.running.told())
    }
}

/// Runs git in a folder.
fn git(folder: &Path, words: &[&str]) -> String {
    let identity = [
        "-c",
        "user.name=ann",
        "-c",
        "user.email=ann@shop.example",
        "-c",
        "init.defaultBranch=main",
    ];
    let output = Command::new("git")
        .args(identity)
        .args(words)
        .current_dir(folder)
        .output()
        .expect("git");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The shop under another name.
fn named(app: &str) -> Project {
    let project = Project::example("rest-api");
    project.configure(|config| config["app_name"] = app.into());
    project
}

/// A project that is pushed to a remote beside it, of which the project's folder is a copy. The answer is the remote's address.
fn pushed(project: &Project) -> String {
    let remote = project.beside("remote.git");
    std::fs::create_dir_all(&remote).expect("a folder for the remote");
    git(&remote, &["init", "--quiet", "--bare"]);
    let url = format!("file://{}", remote.display());
    git(project.root(), &["init", "--quiet"]);
    git(project.root(), &["remote", "add", "origin", &url]);
    push(project);
    url
}

fn push(project: &Project) -> String {
    git(project.root(), &["add", "-A"]);
    git(project.root(), &["commit", "--quiet", "-m", "a change"]);
    git(project.root(), &["push", "--quiet", "origin", "main"]);
    git(project.root(), &["rev-parse", "HEAD"])
}

/// Many services run beside each other here, each at an address of its own.
fn save(config: &Path, text: &str) {
    let beside = config.with_extension("saving");
    let text = format!("{text}\n[http]\nlisten = '127.0.0.1:0'\n");
    std::fs::write(&beside, text).expect("writing the configuration");
    std::fs::rename(&beside, config).expect("putting the configuration in its place");
}

#[test]
fn a_folder_and_a_remote_are_served_and_the_configuration_is_read_anew() {
    let stand = Stand::of(named("shop"));
    let blog = named("blog");
    let url = pushed(&blog);
    let config = stand.project.beside("service").with_extension("toml");
    let shop = stand.project.root().display();
    let both = |stages: &str| {
        format!(
            "concurrency = 2\n[projects.shop]\npath = '{shop}'\nstages = [{stages}]\ninterval = '10m'\n\
             [projects.blog]\ngit = '{url}'\nbranch = 'main'\npoll = 1\nstages = ['dev']\ninterval = '10m'\n"
        )
    };
    save(&config, &both("'dev'"));
    let words = ["serve", "--check", "--config", config.to_str().unwrap()];
    stand.grail.run(&words).expect_success();
    let service = Service::start(&stand.grail, &config);
    service.until_converged("shop", "dev", 1);
    service.until_converged("blog", "dev", 1);

    // An edit, and a push.
    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    service.until_converged("shop", "dev", 2);
    blog.edit("app.py", "'shop': 'open'", "'shop': 'moved'");
    push(&blog);
    service.until_converged("blog", "dev", 2);
    let uploads = stand.proxy.calls().named("UpdateFunctionCode").len();
    assert_eq!(uploads, 4, "two functions of each: {}", service.said());

    // The page, its numbers and a wish of a person.
    let events = service.events();
    let listening = events.iter().find(|event| event["event"] == "listening");
    let at = listening
        .and_then(|event| event["url"].as_str())
        .expect("an address");
    assert_eq!(web::get(&format!("{at}readyz")).status, 200);
    assert!(web::get(at).text.contains("blog/dev"));
    let numbers = web::get(&format!("{at}metrics")).text;
    assert!(
        numbers.contains("grail_aws_calls_total{service=\"Lambda\",access=\"write\"}")
            && numbers.contains("grail_configuration_valid 1"),
        "{numbers}"
    );
    let wish = format!("{at}api/v1/stages/blog/dev/reconcile");
    assert_eq!(web::visit("POST", &wish, &[], "").status, 202);
    service.until_converged("blog", "dev", 3);

    // What is wrong is told, and nothing else changes.
    let passes = service.count("pass_started", None, None);
    save(&config, &both("'dev', 7"));
    service.until_said("configuration_refused", 1);
    let numbers = web::get(&format!("{at}metrics")).text;
    assert!(numbers.contains("grail_configuration_valid 0"), "{numbers}");
    let error = service
        .events()
        .into_iter()
        .find(|event| event["event"] == "error")
        .expect("the problem is told");
    let place = &error["problems"][0]["place"];
    assert_eq!(
        (&place["line"], &place["column"]),
        (&4.into(), &18.into()),
        "{error}"
    );
    save(&config, &both("'dev', 'test'"));
    service.until_converged("shop", "test", 1);
    save(&config, &both("'test'"));
    service.until_said("configured", 3);
    stand
        .project
        .edit("app.py", "'shop': 'closed'", "'shop': 'open again'");
    service.until_converged("shop", "test", 2);
    let started = service.count("pass_started", None, None);
    assert_eq!(
        started,
        passes + 2,
        "only the new stage has passes: {}",
        service.said()
    );

    service.running.terminate();
    let run = service.running.wait().expect_success();
    assert!(run.stderr.is_empty(), "{run}");
    let functions = &stand.world().names()["functions"];
    assert_eq!(
        *functions,
        [
            "blog-dev",
            "blog-dev-door",
            "shop-dev",
            "shop-dev-door",
            "shop-test",
            "shop-test-door"
        ]
    );
}

#[test]
fn secrets_of_the_listener_are_seen_by_no_project_and_a_token_can_be_another() {
    let stand = Stand::of(named("shop"));
    stand.project.edit(
        "app.py",
        "shelf = Shelf()",
        "import os\nprint('it sees', sorted(name for name in os.environ if name.startswith('SHOP_')))\nshelf = Shelf()",
    );
    let grail = stand
        .grail
        .env("SHOP_HOOK", "a secret of the host")
        .env("SHOP_PLAIN", "seen");
    let config = stand.project.beside("service").with_extension("toml");
    let token = stand.project.beside("token").with_extension("key");
    let (shop, key) = (stand.project.root().display(), token.display());
    let write = |text: &str| std::fs::write(&token, text).expect("writing the token");
    write("a token of some length");
    std::fs::write(
        &config,
        format!(
            "[projects.shop]\npath = '{shop}'\nwebhook_secret_env = 'SHOP_HOOK'\nstages = ['dev']\n\
             [http]\nlisten = '127.0.0.1:0'\ntoken_file = '{key}'\n"
        ),
    )
    .expect("writing the configuration");
    let service = Service::start(&grail, &config);
    service.until_converged("shop", "dev", 1);
    // A remark goes to the log as well as to the page.
    let events = service.events();
    let said = events.iter().find(|event| event["code"] == "app.printed");
    let said = said.unwrap_or_else(|| panic!("nothing was printed: {}", service.said()));
    assert_eq!(
        (&said["project"], &said["stage"]),
        (&"shop".into(), &"dev".into())
    );
    let text = said["text"].as_str().expect("text");
    assert!(
        text.contains("SHOP_PLAIN") && !text.contains("SHOP_HOOK"),
        "{text}"
    );

    let listening = events.iter().find(|event| event["event"] == "listening");
    let at = listening
        .and_then(|event| event["url"].as_str())
        .expect("an address");
    let status = |token: &str| {
        let shown = format!("Bearer {token}");
        web::visit("GET", &format!("{at}metrics"), &[("authorization", &shown)], "").status
    };
    assert_eq!(status("a token of some length"), 200);
    write("a token of another time");
    service.until_said("renewed", 1);
    assert_eq!(
        (
            status("a token of some length"),
            status("a token of another time")
        ),
        (401, 200)
    );
    write("short");
    service.until_said("renewal_refused", 1);
    assert_eq!((status("short"), status("a token of another time")), (401, 200));
    service.running.terminate();
    service.running.wait().expect_success();
}

#[test]
fn a_configuration_that_cannot_be_meant_keeps_a_service_from_beginning() {
    let project = Project::example("rest-api");
    let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, "http://127.0.0.1:1");
    let said = grail.run(&["serve"]).expect_code(1).stderr;
    assert!(
        said.contains("could not read") && said.contains("--config"),
        "{said}"
    );
    project.write(
        "grail-serve.toml",
        "[http]\nlisten = '0.0.0.0:7465'\n[projects.shop]\npath = '.'\nstage = ['dev']\n",
    );
    let said = grail.run(&["serve"]).expect_code(1).stderr;
    for word in [
        "grail-serve.toml:2:10",
        "`client_ca`",
        "`projects.shop.stages` may be meant",
        "names no stages",
    ] {
        assert!(said.contains(word), "it does not tell of {word}: {said}");
    }
}
