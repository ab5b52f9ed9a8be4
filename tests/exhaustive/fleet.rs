//! Several processes of the service on one machine, as several machines: each with copies of the projects, a home and a
//! configuration of its own, one emulated account and one state in a bucket for all. Both are reached through proxies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Running};
use grail_tests::emulator::{MiniStack, MiniStackSettings, Moto};
use grail_tests::project::Project;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use serde_json::Value;

const BUCKET: &str = "fleet";
/// One key for all of them.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// The account, the state, and the ways to both.
pub(crate) struct Cloud {
    pub(crate) account: Proxy,
    pub(crate) state: Proxy,
    moto: Moto,
    _bucket: MiniStack,
}

impl Cloud {
    pub(crate) fn start() -> Self {
        let (moto, bucket) = (Moto::start(), MiniStack::start(&MiniStackSettings::default()));
        let s3 = Account::at(&bucket.endpoint()).s3();
        block_on(s3.create_bucket().bucket(BUCKET).send()).expect("making the bucket of the state");
        Self {
            account: Proxy::before_moto(&moto.endpoint()),
            state: Proxy::before(&bucket.endpoint()),
            moto,
            _bucket: bucket,
        }
    }

    /// The description of each function of the account: what was deployed last.
    pub(crate) fn descriptions(&self) -> BTreeMap<String, String> {
        let lambda = Account::at(&self.moto.endpoint()).lambda();
        let pages = lambda.list_functions().into_paginator().items().send();
        let listed = block_on(async { pages.collect::<Result<Vec<_>, _>>().await });
        let listed = listed.expect("listing the functions of the account");
        let described = listed.into_iter().map(|function| {
            let description = function.description().unwrap_or_default().to_owned();
            (
                function.function_name().unwrap_or_default().to_owned(),
                description,
            )
        });
        described.collect()
    }

    /// How many passes of each stage the replicas have numbered in the state.
    pub(crate) fn numbered(&self) -> BTreeMap<String, u64> {
        let s3 = Account::at(&self.state.quiet_endpoint()).s3();
        block_on(async {
            let pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
            let pages = pages.collect::<Result<Vec<_>, _>>().await;
            let mut numbers = BTreeMap::new();
            for page in pages.expect("listing the state") {
                for object in page.contents() {
                    let key = object.key().unwrap_or_default();
                    let Some((_, stage)) = key.split_once("/passes/") else {
                        continue;
                    };
                    let got = s3.get_object().bucket(BUCKET).key(key).send().await;
                    let body = got.expect("reading a note").body.collect().await;
                    let bytes = body.expect("reading a note").to_vec();
                    let note: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                    numbers.insert(stage.to_owned(), note["number"].as_u64().unwrap_or_default());
                }
            }
            numbers
        })
    }
}

/// Projects, their stages, and how they are carried.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) projects: usize,
    /// Stages of each project.
    pub(crate) stages: usize,
    /// As the configuration says it: `5m`.
    pub(crate) interval: String,
    pub(crate) concurrency: usize,
}

impl Layout {
    pub(crate) fn all(&self) -> usize {
        self.projects * self.stages
    }

    /// `p3/s07`, for every stage.
    pub(crate) fn keys(&self) -> Vec<String> {
        let stages = |project| (0..self.stages).map(move |stage| format!("p{project}/s{stage:02}"));
        (0..self.projects).flat_map(stages).collect()
    }

    /// The configuration; `options` says more about a project.
    pub(crate) fn configuration(&self, options: impl Fn(usize) -> String) -> String {
        let stages: Vec<_> = (0..self.stages).map(|stage| format!("'s{stage:02}'")).collect();
        let mut text = format!(
            "concurrency = {}\n[http]\nlisten = '127.0.0.1:0'\n",
            self.concurrency
        );
        for project in 0..self.projects {
            let _ = writeln!(
                text,
                "[projects.p{project}]\npath = 'p{project}'\ninterval = '{}'\nstages = [{}]\n{}",
                self.interval,
                stages.join(", "),
                options(project)
            );
        }
        text
    }
}

/// The name of the function of a stage such as `p3/s07`.
pub(crate) fn function_of(key: &str) -> String {
    let (project, stage) = key.split_once('/').unwrap_or((key, ""));
    format!("{project}-{stage}-clerk")
}

/// A manifest whose function has this description.
fn manifest(project: usize, description: &str) -> String {
    format!(
        "grail: 1\napp: p{project}\nroles:\n  clerk:\n    statements:\n      - {{Effect: Allow, Action: \"logs:*\", Resource: \"*\"}}\n\
         functions:\n  clerk:\n    runtime: nodejs22.x\n    handler: index.handler\n    role: ${{roles.clerk.arn}}\n    \
         description: \"{description}\"\n    code: {{inline: \"exports.handler = async () => 1\\n\"}}\n"
    )
}

/// A machine on which a replica runs.
pub(crate) struct Machine {
    pub(crate) name: String,
    folder: Project,
    grail: Grail,
    layout: Layout,
}

impl Machine {
    pub(crate) fn new(name: &str, binary: &Path, cloud: &Cloud, layout: &Layout, shared: bool) -> Self {
        let folder = Project::empty();
        let binary = binary.display().to_string();
        let grail = Grail::new(&binary, &folder, &cloud.account.endpoint())
            .with_shared_cache()
            .env("HOSTNAME", name)
            .env("USER", name);
        let state = format!("s3://{BUCKET}/states?endpoint={}", cloud.state.endpoint());
        let grail = match shared {
            true => grail.env("GRAIL_STATE", state).env("GRAIL_SEAL_KEY", KEY),
            false => grail,
        };
        let machine = Self {
            name: name.to_owned(),
            folder,
            grail,
            layout: layout.clone(),
        };
        for project in 0..layout.projects {
            machine.edit(project, "as made");
        }
        machine.configure(&layout.configuration(|_| String::new()));
        machine
    }

    /// Changes what a project wants, in one moment.
    pub(crate) fn edit(&self, project: usize, description: &str) {
        self.save(&format!("p{project}/grail.yaml"), &manifest(project, description));
    }

    pub(crate) fn configure(&self, text: &str) {
        self.save("service.toml", text);
    }

    fn save(&self, file: &str, text: &str) {
        let path = self.folder.root().join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(self.folder.root())).expect("making a folder");
        let beside: PathBuf = self.folder.beside("saving").join("file");
        std::fs::write(&beside, text).expect("writing a file");
        std::fs::rename(&beside, &path).expect("renaming a file");
    }

    pub(crate) fn start(&self) -> Replica {
        Replica {
            name: self.name.clone(),
            running: self
                .grail
                .start(&["serve", "--config", "service.toml", "--output", "json"]),
            heard: 0,
        }
    }

    /// Which stages are not as they should be, by a plan of each.
    pub(crate) fn unlike(&self) -> Vec<String> {
        let mut unlike = Vec::new();
        for key in self.layout.keys() {
            let (project, stage) = key.split_once('/').unwrap_or((&key, ""));
            let words = [
                "plan",
                "--detailed-exitcode",
                "--project-dir",
                project,
                "--stage",
                stage,
            ];
            let run = self.grail.run(&words);
            if run.code != Some(0) {
                unlike.push(format!("{key}: {run}"));
            }
        }
        unlike
    }
}

/// A process of the service.
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) running: Running,
    heard: usize,
}

impl Replica {
    /// What it has said since this was last asked.
    pub(crate) fn hear(&mut self) -> Vec<Value> {
        self.running.events_since(&mut self.heard)
    }

    /// Kills it; its name, and what it has said up to its death since it was last heard.
    pub(crate) fn kill(self) -> (String, Vec<Value>) {
        let run = self.running.kill();
        let said = run.stdout.get(self.heard..).unwrap_or_default();
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        let events = whole.lines().filter_map(|line| serde_json::from_str(line).ok());
        (self.name, events.collect())
    }
}
