//! The projects of the stories: what must be there before them, and how each changes.

use serde_json::Value;

use super::strangers;
use crate::account::Account;
use crate::fixtures::{self, Fixture};
use crate::project::Project;

/// A project in a stage.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The name in those of its cases.
    pub name: &'static str,
    /// The stage that is deployed.
    pub stage: &'static str,
    /// The fixture; none stands for the REST example.
    fixture: Option<Fixture>,
}

const fn of(fixture: Fixture, stage: &'static str) -> Subject {
    Subject {
        name: fixture.name,
        stage,
        fixture: Some(fixture),
    }
}

/// Every subject. Together they have every kind of resource, and replacements of every kind that can be replaced.
pub const SUBJECTS: [Subject; 16] = [
    Subject {
        name: "shop",
        stage: "dev",
        fixture: None,
    },
    of(fixtures::EVERYTHING, "dev"),
    of(fixtures::REST, "dev"),
    of(fixtures::REST_AUTH, "dev"),
    of(fixtures::FUNCTIONS, "dev"),
    of(fixtures::BLUEPRINTS, "dev"),
    of(fixtures::SETTINGS, "dev"),
    of(fixtures::SCHEDULES, "dev"),
    of(fixtures::BUCKETS, "dev"),
    of(fixtures::TOPICS, "dev"),
    of(fixtures::QUEUES, "dev"),
    of(fixtures::STREAMS, "dev"),
    of(fixtures::WEBSOCKET, "dev"),
    of(fixtures::DOMAINS, "prod"),
    of(fixtures::LAYERED, "dev"),
    of(fixtures::PRIVATE_API, "dev"),
];

/// A place in a file, and what stands there after the change.
type Edit = (&'static str, &'static str, &'static str);

impl Subject {
    /// Whether MiniStack can hold it: the others name things of the account that only moto answers for, or what it lacks.
    pub fn fits_ministack(&self) -> bool {
        ["shop", "websocket", "schedules"].contains(&self.name)
    }

    /// The subject of this name.
    pub fn named(name: &str) -> Option<Subject> {
        SUBJECTS.into_iter().find(|subject| subject.name == name)
    }

    /// Puts into the account what the project needs, before and after its change, and things of others that are none of its
    /// business. A copy of the project.
    pub(super) fn prepared(&self, account: &Account) -> Project {
        let project = match self.fixture {
            Some(fixture) => fixture.prepared(account),
            None => Project::example("rest-api"),
        };
        if self.name == "everything" {
            account.make_topic("bazaar-gong");
            account.make_queue("bazaar-line");
            account.make_stream("bazaar-parade");
            strangers::beside_the_bazaar(account);
        }
        strangers::anywhere(account);
        project
    }

    /// Changes the project: every function, one function more, and what [`Subject::edits`] says.
    pub(super) fn grow(&self, project: &Project) {
        project.configure(|config| {
            let stage = &mut config["stages"][self.stage];
            stage["lambda_memory_size"] = 320.into();
            stage["environment_variables"]["GROWN"] = "yes".into();
            self.reconfigure(stage);
        });
        for (file, old, new) in self.edits() {
            project.edit(file, old, new);
        }
        let more = "\n\n@app.lambda_function()\ndef grown(event, context):\n    return 'grown'\n";
        project.write("app.py", &(project.read("app.py") + more));
    }

    /// Replacements, removals and updates, such that every kind that the project has is met by each that it knows.
    fn edits(&self) -> &'static [Edit] {
        const APP: &str = "app.py";
        match self.name {
            "shop" => &[
                (APP, "@app.route('/')\n", "@app.route('/rope')\n"),
                (
                    APP,
                    "@app.authorizer(ttl_seconds=0)",
                    "@app.authorizer(ttl_seconds=5)",
                ),
            ],
            "everything" => &[
                (
                    APP,
                    "@app.lambda_function()\ndef tidy(event, context):",
                    "@app.route('/bargains')\ndef bargains():",
                ),
                (APP, "Cron(0, 6,", "Cron(0, 7,"),
                (APP, "name=\"fire\"", "name=\"blaze\""),
                (APP, "suffix=\".json\"", "suffix=\".csv\""),
                (APP, "topic=\"bazaar-bell\"", "topic=\"bazaar-gong\""),
                (
                    APP,
                    "queue=\"bazaar-queue\", maximum_concurrency=4",
                    "queue=\"bazaar-line\"",
                ),
                (APP, "stream=\"bazaar-crowd\"", "stream=\"bazaar-parade\""),
                (
                    APP,
                    "@app.on_ws_disconnect()\ndef left(event):\n    return {}\n",
                    "",
                ),
                ("chalicelib/stalls.py", "batch_size=3", "batch_size=5"),
                (
                    ".chalice/config.json",
                    "\"log_retention_in_days\": 7",
                    "\"log_retention_in_days\": 14",
                ),
            ],
            "rest" => &[],
            "rest-auth" => &[(APP, "header=\"X-Robot\"", "header=\"X-Android\"")],
            "functions" => &[(
                APP,
                "@app.lambda_function()\ndef nightly",
                "@app.lambda_function(name='daily')\ndef nightly",
            )],
            "blueprints" => &[(
                APP,
                "@app.lambda_function()\ndef borrowed",
                "@app.schedule('rate(1 day)')\ndef borrowed",
            )],
            "settings" => &[(
                APP,
                "@app.lambda_function()\ndef as_all",
                "@app.lambda_function()\ndef as_any",
            )],
            "schedules" => &[
                (APP, "rate(1 hour)", "rate(2 hours)"),
                (APP, "name=\"cheap-goods\"", "name=\"bargains\""),
                (
                    APP,
                    "@app.schedule(expression=Rate(5, unit=Rate.DAYS))\n",
                    "@app.lambda_function()\n",
                ),
            ],
            "buckets" => &[
                (
                    APP,
                    "@app.on_s3_event(\"album-archive\")",
                    "@app.on_s3_event(\"album-words\", prefix=\"z\")",
                ),
                (APP, "suffix=\".png\"", "suffix=\".gif\""),
                (APP, "name=\"thumbnail\"", "name=\"icon\""),
            ],
            "topics" => &[
                (APP, "topic=\"herald-news\"", "topic=\"herald-weather\""),
                (APP, "name=\"reader\"", "name=\"editor\""),
            ],
            "queues" => &[
                (APP, "queue=\"mill-grain\"", "queue=\"mill-flour\""),
                (APP, ", maximum_concurrency=2", ""),
                (
                    APP,
                    "\"mill-orders.fifo\", batch_size=10",
                    "\"mill-orders.fifo\", batch_size=4",
                ),
            ],
            "streams" => &[
                (APP, "stream=\"river-fish\"", "stream=\"river-boats\""),
                (APP, "batch_size=7", "batch_size=8"),
                (
                    APP,
                    "@app.on_dynamodb_record(os.environ[\"LEVELS_STREAM\"])\n",
                    "@app.lambda_function()\n",
                ),
            ],
            "websocket" => &[(
                APP,
                "@app.on_ws_disconnect(name=\"part\")\ndef left(event):\n    return {}\n",
                "",
            )],
            "domains" => &[
                (APP, "@app.route(\"/\")", "@app.route(\"/pane\")"),
                (
                    ".chalice/config.json",
                    "\"url_prefix\": \"v1\"",
                    "\"url_prefix\": \"v2\"",
                ),
                (
                    ".chalice/config.json",
                    "\"talk.window.example.com\"",
                    "\"chat.window.example.com\"",
                ),
                (
                    ".chalice/config.json",
                    "\"cost-center\": \"17\"",
                    "\"cost-center\": \"18\"",
                ),
            ],
            "layered" => &[
                ("vendor/labels/__init__.py", "def ", "# stuck on\ndef "),
                (
                    APP,
                    "@app.lambda_function()\ndef stamp",
                    "@app.route('/stamp')\ndef stamp",
                ),
            ],
            "private-api" => &[(
                APP,
                "@app.authorizer(ttl_seconds=120)",
                "@app.authorizer(ttl_seconds=60)",
            )],
            _ => &[],
        }
    }

    /// Changes in the stage's section of the configuration.
    fn reconfigure(&self, stage: &mut Value) {
        match self.name {
            "everything" => {
                let other =
                    "arn:aws:acm:us-east-1:123456789012:certificate/d95bafc8-f2a4-427b-9cf4-bb99f4bea973";
                stage["tags"]["market"] = "night".into();
                stage["api_gateway_custom_domain"]["url_prefix"] = "wares".into();
                stage["websocket_api_custom_domain"]["certificate_arn"] = other.into();
            }
            "functions" => {
                stage["lambda_functions"]["paused"] = serde_json::json!({});
                stage["lambda_functions"]["traced"]["xray"] = false.into();
                stage["lambda_functions"]["resize-image"]["layers"] = serde_json::json!([]);
            }
            "private-api" => stage["api_gateway_endpoint_vpce"] = "vpce-1b2c3d4e".into(),
            _ => {}
        }
    }
}
