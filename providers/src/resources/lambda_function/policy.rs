//! The policy of a function that is to be deleted: what stood in it, and how that stands there again when the function is made
//! anew on the way back.
//!
//! Lambda deletes a policy with its function. The statements of the stack's own permissions come back with those; here it is the
//! others': what people and services have added, and what an earlier deployment of another tool has left. All of it was written
//! by `AddPermission`, which has a word for each part, so that it can be written so again.
//!
//! Given up: a statement for somebody whom AWS does not know any more is refused by Lambda and stays away, which the log tells.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::add_permission::builders::AddPermissionFluentBuilder;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde_json::Value;

use super::LambdaFunction;
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::{Failure, Retry};
use crate::resources::lambda_permission;

/// Statements by their ids, as `GetPolicy` tells them.
pub(super) type Statements = BTreeMap<String, Value>;

impl LambdaFunction {
    /// All that stands in the policy of `function` under an id.
    pub(super) async fn policy(&self, function: &str) -> Result<Statements, Failure> {
        let statements = lambda_permission::policy_of(self.read(), function).await?;
        let named = statements.into_iter().filter_map(|statement| {
            let sid = statement.get("Sid")?.as_str()?.to_owned();
            Some((sid, statement))
        });
        Ok(named.collect())
    }

    /// Writes those of `statements` that are not there.
    pub(super) async fn hang(&self, function: &str, statements: &Statements) -> Result<(), Failure> {
        let mut requests = Sequence::default();
        for (sid, statement) in statements {
            let call = self.write().add_permission().function_name(function);
            let Some(call) = written(call.statement_id(sid), statement) else {
                tracing::warn!(
                    function,
                    sid,
                    "a statement of a form that cannot be written again"
                );
                continue;
            };
            let answer = call.send().await.made("lambda:AddPermission").map(drop);
            match answer {
                Err(failure) if failure.retry == Retry::Never => {
                    tracing::warn!(
                        function,
                        sid,
                        why = failure.chain(),
                        "a statement did not come back"
                    );
                }
                answer => requests.step(answer)?,
            }
        }
        Ok(())
    }
}

/// The request that writes `statement`, if there is one.
fn written(call: AddPermissionFluentBuilder, statement: &Value) -> Option<AddPermissionFluentBuilder> {
    if statement.get("Effect")? != "Allow" {
        return None;
    }
    let principal = match statement.get("Principal")? {
        Value::String(everybody) => everybody.as_str(),
        named => named.get("Service").or_else(|| named.get("AWS"))?.as_str()?,
    };
    let call = call
        .action(statement.get("Action")?.as_str()?)
        .principal(principal);
    let tests = statement.get("Condition").and_then(Value::as_object);
    let mut conditions = tests
        .into_iter()
        .flat_map(|tests| tests.values())
        .filter_map(Value::as_object)
        .flatten();
    conditions.try_fold(call, |call, (key, value)| {
        let text = match value {
            Value::Bool(flag) => flag.to_string(),
            value => value.as_str()?.to_owned(),
        };
        Some(match key.to_ascii_lowercase().as_str() {
            "aws:sourcearn" => call.source_arn(text),
            "aws:sourceaccount" => call.source_account(text),
            "aws:principalorgid" => call.principal_org_id(text),
            "lambda:eventsourcetoken" => call.event_source_token(text),
            "lambda:functionurlauthtype" => {
                call.function_url_auth_type(FunctionUrlAuthType::from(text.as_str()))
            }
            "lambda:invokedviafunctionurl" => call.invoked_via_function_url(text == "true"),
            _ => return None,
        })
    })
}
