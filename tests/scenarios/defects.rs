//! Defects of Chalice 1.34.0 that are not copied. Each test is named after its defect; what is decided about each of them
//! stands in ARCHITECTURE.md.

mod apis;
mod domains;
mod events;
mod functions;
mod logs;
mod records;

use grail_tests::account::sdk::lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use serde_json::json;

use crate::ground::Ground;

/// A project with these lines after the making of the app.
fn project(lines: &str) -> Project {
    let project = Project::empty();
    let head = "from chalice import Chalice\n\napp = Chalice(app_name='mended')\n\n\n";
    project.write("app.py", &format!("{head}{lines}"));
    let config = json!({"version": "2.0", "app_name": "mended", "stages": {"dev": {}}});
    project.write(".chalice/config.json", &config.to_string());
    project
}

const WORK: &str = "@app.lambda_function(name='work')\ndef first(event, context):\n    return 1\n";
const ROUTE: &str = "@app.route('/')\ndef index():\n    return {}\n";

/// A function that takes an event, under this decorator.
fn handler(decorator: &str, name: &str) -> String {
    format!("@app.{decorator}\ndef {name}(event):\n    pass\n\n\n")
}

/// The configuration of a function in the account.
fn function(ground: &Ground, name: &str) -> GetFunctionConfigurationOutput {
    let lambda = ground.account.lambda();
    block_on(lambda.get_function_configuration().function_name(name).send()).unwrap()
}
