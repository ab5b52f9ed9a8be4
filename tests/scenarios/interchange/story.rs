//! What the stories expect of each fixture: plans, write calls, and how the project is edited.

use grail_tests::fixtures::{self, Fixture};
use grail_tests::project::Project;
use serde_json::json;

use super::stand::Stand;

/// The plan for an API that Chalice put last.
pub(super) const PUTS_API: [&str; 2] = [
    "rest_api.rest_api: update, adopted",
    "api_stage.rest_api: update, adopted",
];
/// One put of the definition, which bears the mark, and the stage that shows it.
pub(super) const PUT: [&str; 2] = ["CreateDeployment", "PutRestApi"];

/// What differs between the fixtures in the stories.
pub(super) struct Story {
    pub(super) fixture: Fixture,
    pub(super) stage: &'static str,
    /// Sets the project up.
    pub(super) prepare: fn(&Project),
    /// What grail's plan shows after a deployment by Chalice.
    pub(super) planned: &'static [&'static str],
    /// The write calls with which grail takes over what Chalice made; ` x3` behind a name means three of them.
    pub(super) adopted: &'static [&'static str],
    /// The write calls of grail after an unchanged redeployment by Chalice.
    pub(super) settled: &'static [&'static str],
    /// The write calls of grail after the edited project was deployed by Chalice.
    pub(super) followed: &'static [&'static str],
    /// A route, the memory of a function, an environment variable.
    pub(super) edit: fn(&Project),
    /// The write calls with which grail deploys the edited project.
    pub(super) edited: &'static [&'static str],
}

/// Of the stage `dev`, and nothing to tell by what Chalice deploys.
const QUIET: Story = Story {
    fixture: fixtures::FUNCTIONS,
    stage: "dev",
    prepare: |_| {},
    planned: &[],
    adopted: &[],
    settled: &[],
    followed: &[],
    edit: |_| {},
    edited: &[],
};

pub(super) const REST: Story = Story {
    fixture: fixtures::REST,
    prepare: |project| {
        project.configure(|config| config["stages"]["dev"]["log_retention_in_days"] = json!(7))
    },
    planned: &[
        "log_group.api_handler-log-group: update, adopted",
        "rest_api.rest_api: update, adopted",
        "api_stage.rest_api: update, adopted",
    ],
    adopted: &[
        "CreateDeployment",
        "CreateLogGroup",
        "DeleteRetentionPolicy",
        "PutRestApi",
        "PutRetentionPolicy",
    ],
    settled: &["CreateDeployment", "DeleteRetentionPolicy"],
    followed: &["CreateDeployment", "DeleteRetentionPolicy", "PutRestApi"],
    edit: |project| {
        project.edit("app.py", "@app.route(\"/export\"", "@app.route(\"/exports\"");
        project.configure(|config| {
            config["lambda_memory_size"] = json!(512);
            config["environment_variables"]["GREETING"] = json!("good day");
        });
    },
    edited: &[
        "CreateDeployment",
        "PutRestApi",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
    ],
    ..QUIET
};

pub(super) const REST_AUTH: Story = Story {
    fixture: fixtures::REST_AUTH,
    stage: "regional",
    planned: &PUTS_API,
    adopted: &PUT,
    settled: &["CreateDeployment"],
    followed: &PUT,
    edit: |project| {
        project.edit("app.py", "@app.route(\"/private\"", "@app.route(\"/hidden\"");
        project.configure(|config| {
            config["stages"]["regional"]["lambda_functions"] =
                json!({ "plain": { "lambda_memory_size": 512 } });
            config["stages"]["regional"]["environment_variables"] = json!({ "DOOR": "shut" });
        });
    },
    edited: &[
        "CreateDeployment",
        "PutRestApi",
        "UpdateFunctionCode x4",
        "UpdateFunctionConfiguration x4",
    ],
    ..QUIET
};

pub(super) const FUNCTIONS: Story = Story {
    fixture: fixtures::FUNCTIONS,
    edit: |project| {
        project.configure(|config| {
            config["stages"]["dev"]["lambda_functions"]["traced"]["lambda_memory_size"] = json!(384);
            config["stages"]["dev"]["lambda_functions"]["resize-image"]["environment_variables"]["MODE"] =
                json!("fast");
        });
    },
    edited: &["UpdateFunctionConfiguration", "UpdateFunctionConfiguration"],
    ..QUIET
};

pub(super) const BLUEPRINTS: Story = Story {
    fixture: fixtures::BLUEPRINTS,
    planned: &PUTS_API,
    adopted: &PUT,
    settled: &["CreateDeployment"],
    followed: &PUT,
    edit: |project| {
        project.edit("chalicelib/cars.py", "\"/{plate}/keys\"", "\"/{plate}/key\"");
        project.configure(|config| {
            config["lambda_functions"]["task_wash"]["lambda_memory_size"] = json!(256);
            config["stages"]["dev"]["lambda_functions"]["task_refuel"]["environment_variables"]["WHERE"] =
                json!("here");
        });
    },
    edited: &[
        "CreateDeployment",
        "PutRestApi",
        "UpdateFunctionCode x6",
        "UpdateFunctionConfiguration x2",
    ],
    ..QUIET
};

pub(super) const SCHEDULES: Story = Story {
    fixture: fixtures::SCHEDULES,
    edit: |project| {
        project.edit("app.py", "rate(1 hour)", "rate(2 hours)");
        project.edit(
            "app.py",
            "Whether anybody is there",
            "Whether anybody is still there",
        );
        project.edit("app.py", "\"aws.ec2\"", "\"aws.ecs\"");
    },
    edited: &["PutRule x3", "UpdateFunctionCode x6"],
    ..QUIET
};

pub(super) const BUCKETS: Story = Story {
    fixture: fixtures::BUCKETS,
    edit: |project| {
        project.edit("app.py", "suffix=\".png\"", "suffix=\".gif\"");
        project.edit("app.py", ", \"s3:ObjectRemoved:DeleteMarkerCreated\"", "");
    },
    edited: &["PutBucketNotificationConfiguration", "UpdateFunctionCode x5"],
    ..QUIET
};

pub(super) const TOPICS: Story = Story {
    fixture: fixtures::TOPICS,
    edit: |project| project.configure(|config| config["lambda_memory_size"] = json!(256)),
    edited: &["UpdateFunctionConfiguration x3"],
    ..QUIET
};

pub(super) const QUEUES: Story = Story {
    fixture: fixtures::QUEUES,
    // Chalice does not take the limit away.
    followed: &["UpdateEventSourceMapping"],
    edit: |project| {
        project.edit("app.py", ", maximum_concurrency=2", "");
        project.edit(
            "app.py",
            "mill-bran\", batch_size=10",
            "mill-bran\", batch_size=9",
        );
    },
    edited: &["UpdateEventSourceMapping x2", "UpdateFunctionCode x4"],
    ..QUIET
};

pub(super) const STREAMS: Story = Story {
    fixture: fixtures::STREAMS,
    edit: |project| {
        project.edit("app.py", "batch_size=50", "batch_size=60");
        project.edit(
            "app.py",
            "maximum_batching_window_in_seconds=2",
            "maximum_batching_window_in_seconds=4",
        );
    },
    edited: &["UpdateEventSourceMapping x2", "UpdateFunctionCode x4"],
    ..QUIET
};

pub(super) const WEBSOCKET: Story = Story {
    fixture: fixtures::WEBSOCKET,
    planned: &["websocket_stage.websocket_api: update, adopted"],
    adopted: &["CreateDeployment", "UpdateStage"],
    edit: |project| {
        project.configure(|config| config["stages"]["dev"]["lambda_memory_size"] = json!(320));
    },
    edited: &["UpdateFunctionConfiguration x2"],
    ..QUIET
};

pub(super) const DOMAINS: Story = Story {
    fixture: fixtures::DOMAINS,
    stage: "prod",
    planned: &[
        "rest_api.rest_api: update, adopted",
        "api_stage.rest_api: update, adopted",
        "websocket_stage.websocket_api: update, adopted",
    ],
    adopted: &["CreateDeployment x2", "PutRestApi", "UpdateStage"],
    settled: &["CreateDeployment"],
    followed: &["CreateDeployment"],
    edit: |project| {
        project.configure(|config| {
            let stage = &mut config["stages"]["prod"];
            stage["api_gateway_custom_domain"]["tls_version"] = json!("TLS_1_2");
            stage["websocket_api_custom_domain"]["tags"] = json!({ "floor": "4" });
        });
    },
    edited: &["TagResource", "UntagResource", "UpdateDomainName"],
    ..QUIET
};

pub(super) const LAYERED: Story = Story {
    fixture: fixtures::LAYERED,
    planned: &PUTS_API,
    adopted: &PUT,
    settled: &["CreateDeployment"],
    followed: &["CreateDeployment"],
    edit: |project| project.edit("vendor/labels/__init__.py", "upper()", "title()"),
    edited: &[
        "DeleteLayerVersion",
        "PublishLayerVersion",
        "UpdateFunctionConfiguration x3",
    ],
    ..QUIET
};

pub(super) const PRIVATE_API: Story = Story {
    fixture: fixtures::PRIVATE_API,
    stage: "office",
    planned: &PUTS_API,
    adopted: &PUT,
    settled: &["CreateDeployment"],
    followed: &["CreateDeployment"],
    edit: |project| project.configure(|config| config["lambda_memory_size"] = json!(256)),
    edited: &["UpdateFunctionConfiguration x2"],
    ..QUIET
};

pub(super) const SETTINGS: Story = Story {
    fixture: fixtures::SETTINGS,
    planned: REST.planned,
    adopted: REST.adopted,
    settled: REST.settled,
    followed: REST.settled,
    edit: |project| project.configure(|config| config["stages"]["dev"]["lambda_memory_size"] = json!(176)),
    edited: &["UpdateFunctionConfiguration x3"],
    ..QUIET
};

pub(super) const EVERYTHING: Story = Story {
    fixture: fixtures::EVERYTHING,
    planned: &[
        "log_group.api_handler-log-group: update, adopted",
        "rest_api.rest_api: update, adopted",
        "api_stage.rest_api: update, adopted",
        "websocket_stage.websocket_api: update, adopted",
    ],
    adopted: &[
        "CreateDeployment x2",
        "CreateLogGroup",
        "DeleteRetentionPolicy",
        "PutRestApi",
        "PutRetentionPolicy",
        "UpdateStage",
    ],
    settled: REST.settled,
    followed: REST.settled,
    edit: |project| project.configure(|config| config["stages"]["dev"]["lambda_memory_size"] = json!(176)),
    edited: &["UpdateFunctionConfiguration x21"],
    ..QUIET
};

impl Story {
    pub(super) fn begin(&self) -> Stand {
        let stand = Stand::new(self.fixture, self.stage);
        (self.prepare)(&stand.project);
        stand
    }
}
