//! The policy documents of a stage: generated ones, those in files, and the one that lets Lambda take a role.
//!
//! The statements and their order are Chalice's. Two things differ in form and not in meaning: a statement's `Sid` comes from
//! the name of its service instead of chance, so that the same app gives the same document; and the VPC statement stands once,
//! where Chalice may write it twice. Compare documents with [`grail_providers::policy`].

use std::path::Path;

use serde_json::{Value, json};

use super::app::{App, ServiceActions};
use super::config::{API_HANDLER, FunctionConfig, StageConfig};
use super::diagnostic::{Place, Problem, Problems};

/// The version of the policy language that Chalice writes.
const VERSION: &str = "2012-10-17";

/// The trust policy of every role that Chalice makes: Lambda may take it.
pub fn trust() -> Value {
    document(vec![json!({
        "Sid": "",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    })])
}

/// The generated policy of the shared role, which the functions `sharing` use.
///
/// VPC and tracing are taken from the scope of the API's function, as in Chalice, and VPC besides from the functions that
/// share the role. Lambda polls queues and streams under the role of the function that takes their records, so that the
/// first event source of each such service whose function shares the role adds a statement. So does a handler of the
/// WebSocket API, which may answer over the connections. (Chalice forgets the latter where the first handler in its order
/// has another role.)
pub fn generated(app: &App, config: &StageConfig, sharing: &[FunctionConfig]) -> Value {
    let api = config.function(API_HANDLER);
    let mut statements: Vec<Value> = app.policy.statements.iter().map(of_service).collect();
    statements.push(allow(
        &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:*:logs:*:*:*",
    ));
    if api.vpc().is_some() || sharing.iter().any(|function| function.vpc().is_some()) {
        statements.push(allow(
            &[
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DetachNetworkInterface",
                "ec2:DeleteNetworkInterface",
            ],
            "*",
        ));
    }
    if api.xray {
        statements.push(allow(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"));
    }
    let shares = |name: &str| sharing.iter().any(|function| function.name == name);
    for source in app.event_sources.iter().filter(|one| shares(&one.name)) {
        let Some(polling) = polling(&source.decorator) else {
            continue;
        };
        if !statements.contains(&polling) {
            statements.push(polling);
        }
    }
    if app
        .websocket_functions()
        .iter()
        .any(|(_, function)| shares(&function.name))
    {
        statements.push(allow(
            &["execute-api:ManageConnections"],
            "arn:*:execute-api:*:*:*/@connections/*",
        ));
    }
    document(statements)
}

/// What Lambda does in the function's name with a source that it polls.
fn polling(decorator: &str) -> Option<Value> {
    let actions: &[&str] = match decorator {
        "on_sqs_message" => &[
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
        ],
        "on_kinesis_record" => &[
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:DescribeStream",
            "kinesis:ListStreams",
        ],
        "on_dynamodb_record" => &[
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ],
        _ => return None,
    };
    Some(allow(actions, "*"))
}

/// The resource policy of a private API that names no policy file: callers must come through the VPC endpoints.
pub fn private_api(endpoints: &Value) -> Value {
    document(vec![json!({
        "Effect": "Allow",
        "Principal": "*",
        "Action": "execute-api:Invoke",
        "Resource": "arn:*:execute-api:*:*:*",
        "Condition": {"StringEquals": {"aws:SourceVpce": endpoints}},
    })])
}

/// The policy document in `file`, a path relative to `project`. `asked` is the place of the setting that names it.
///
/// # Errors
/// A file that is missing, is no JSON, or holds no policy document.
pub fn from_file(project: &Path, file: &Path, asked: Option<Place>) -> Result<Value, Problems> {
    let shown = file.display();
    let text = std::fs::read_to_string(project.join(file)).map_err(|error| -> Problems {
        let hint = "write the policy there, or change the setting that names it";
        let problem = Problem::error(
            "policy::unreadable",
            format!("the policy file `{shown}` cannot be read: {error}"),
        );
        problem.hint(hint).at(asked).into()
    })?;
    let document: Value = serde_json::from_str(&text).map_err(|error| -> Problems {
        let words = error.to_string();
        let what = words.split(" at line ").next().unwrap_or(&words);
        Problem::error(
            "policy::broken-json",
            format!("`{shown}` is not valid JSON: {what}"),
        )
        .at(Place::point(file, error.line(), error.column().max(1)))
        .into()
    })?;
    match document.get("Statement") {
        Some(Value::Array(_) | Value::Object(_)) => Ok(document),
        _ => Err(Problem::error(
            "policy::no-policy",
            format!("`{shown}` is no policy document: it has no `Statement`"),
        )
        .at(Place::file(file))
        .into()),
    }
}

/// What the analysis of app.py could not see. Nothing here stops a deploy.
pub fn doubts(app: &App) -> Vec<Problem> {
    let hint = "give the functions their permissions with `autogen_policy: false` and an `iam_policy_file`";
    let place = || Place::file("app.py");
    let crash = app.policy.crash.iter().map(|crash| {
        let told = format!(
            "Chalice's analyser cannot read app.py ({crash}): the generated policy grants no AWS calls, only logs and what the configuration asks for"
        );
        Problem::warning("policy::analyser-crash", told).hint(hint).at(place())
    });
    let unsupported = app.policy.unsupported.iter().map(|service| {
        let told = format!(
            "the generated policy grants no calls of `{service}`: Chalice has no table of its actions"
        );
        Problem::warning("policy::unsupported-service", told)
            .hint(hint)
            .at(place())
    });
    let overlooked = app.policy.overlooked.iter().map(|found| {
        let told = format!(
            "the generated policy does not grant {}: Chalice's analyser does not look into functions under on_cw_event, on_kinesis_record and on_dynamodb_record",
            found.actions.join(", ")
        );
        Problem::warning("policy::overlooked", told).hint(hint).at(place())
    });
    crash.chain(unsupported).chain(overlooked).collect()
}

/// The id of a service's statement: `acm-pca` gives `AcmPca`. IAM takes letters and digits only.
pub fn statement_id(service: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    service
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(word)
        .collect()
}

fn of_service(found: &ServiceActions) -> Value {
    json!({
        "Sid": statement_id(&found.service),
        "Effect": "Allow",
        "Action": found.actions,
        "Resource": ["*"],
    })
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

fn document(statements: Vec<Value>) -> Value {
    json!({"Version": VERSION, "Statement": statements})
}

#[cfg(test)]
mod tests;
