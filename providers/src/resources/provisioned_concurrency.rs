//! Instances of a version of a function that are kept ready, also by way of an alias.
//!
//! Calls to look: `GetProvisionedConcurrencyConfig`. To make and change `PutProvisionedConcurrencyConfig`, and looks until the
//! instances are there, which takes minutes. To remove `DeleteProvisionedConcurrencyConfig`.
//!
//! Identity: the function with the version or alias. On a version it is warm before an alias leads there, and goes with the
//! sweep when another version takes its place; on an alias Lambda moves it along, and takes no shares beside it.
//!
//! Allocations that Lambda gave up on show that as a difference (`failed`), and the next update asks for them again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::types::ProvisionedConcurrencyStatusEnum as Status;
use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::function_name;
use crate::aws::{Context, Outcome, wait};
use crate::port::{
    Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// What is waited for.
const READY: &str = "the provisioned instances to be ready";

/// Instances that are kept ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The function, by name or ARN.
    pub function: String,
    /// The version or the alias.
    pub qualifier: String,
    /// How many.
    pub count: u32,
    /// Why Lambda could not provide them, as it says: no wish has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// The resource type.
#[derive(Debug)]
pub struct ProvisionedConcurrency {
    context: Arc<Context>,
}

/// What is there.
struct There {
    count: u32,
    status: Option<Status>,
    reason: Option<String>,
}

impl ProvisionedConcurrency {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn there(&self, function: &str, qualifier: &str) -> Result<Option<There>, Failure> {
        let lambda = self.context.clients.lambda.read();
        let call = lambda.get_provisioned_concurrency_config();
        let answer = call.function_name(function).qualifier(qualifier).send().await;
        let answer = answer.found("lambda:GetProvisionedConcurrencyConfig")?;
        Ok(answer.map(|answer| There {
            count: answer
                .requested_provisioned_concurrent_executions
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or_default(),
            status: answer.status,
            reason: answer.status_reason,
        }))
    }

    /// Asks for them and waits until they are there.
    async fn put(&self, spec: &Spec) -> Result<Seen<Spec>, Failure> {
        let (function, qualifier) = (function_name(&spec.function), spec.qualifier.as_str());
        let lambda = self.context.clients.lambda.write();
        let call = lambda.put_provisioned_concurrency_config();
        let answer = call
            .function_name(function)
            .qualifier(qualifier)
            .provisioned_concurrent_executions(i32::try_from(spec.count).unwrap_or(i32::MAX))
            .send()
            .await
            .wrote("lambda:PutProvisionedConcurrencyConfig")?;
        if answer.status != Some(Status::Ready) {
            let ready = wait::until(READY, || async {
                let there = self.there(function, qualifier).await?;
                Ok(there.filter(|there| there.status != Some(Status::InProgress)))
            });
            let there = ready.await.map_err(Failure::after_change)?;
            if there.status == Some(Status::Failed) {
                let why = there.reason.unwrap_or_default();
                let text = format!("Lambda could not provide {} instances: {why}", spec.count);
                return Err(Failure::refused(text).after_change());
            }
        }
        Ok(seen(spec))
    }
}

fn seen(spec: &Spec) -> Seen<Spec> {
    let function = function_name(&spec.function).to_owned();
    Seen {
        handle: handle(&function, &spec.qualifier),
        outputs: BTreeMap::from([("qualifier".to_owned(), json!(spec.qualifier))]),
        proof: Proof::Ours,
        spec: Spec {
            function,
            ..spec.clone()
        },
        additions: Vec::new(),
    }
}

/// The handle of what is provided for a version or alias of `function`.
pub(super) fn handle(function: &str, qualifier: &str) -> Handle {
    Handle(format!("{function}:{qualifier}"))
}

impl Resource for ProvisionedConcurrency {
    const KIND: Kind = Kind::new("provisioned_concurrency");
    const IMMUTABLE: &'static [&'static str] = &["function", "qualifier"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = false;
    const ACTIONS: &'static [&'static str] = &[
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:PutProvisionedConcurrencyConfig",
    ];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let none = Invalid {
            field: "count".to_owned(),
            why: "at least 1 instance is provided; leave it out for none".to_owned(),
        };
        (spec.count == 0).then_some(none).into_iter().collect()
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        let function = match has_stand_in(&spec.function) {
            true => spec.function.as_str(),
            false => function_name(&spec.function),
        };
        json!({"function": function, "qualifier": spec.qualifier, "count": spec.count, "failed": spec.failed})
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        Some(format!(
            "{}:{}",
            function_name(field("function")?),
            field("qualifier")?
        ))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let field = |name: &str| {
            let value = at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
            value.filter(|text| !has_stand_in(text))
        };
        let by_handle = at.handle.and_then(|handle| handle.0.split_once(':'));
        let by_form = || Some((function_name(field("function")?), field("qualifier")?));
        let Some((function, qualifier)) = by_handle.or_else(by_form) else {
            return Ok(None);
        };
        let Some(there) = self.there(function, qualifier).await? else {
            return Ok(None);
        };
        if there.status == Some(Status::InProgress) {
            let told = format!("instances of {function}:{qualifier} are being provided");
            return Err(Failure::awaiting(told, Duration::from_secs(1), READY));
        }
        let failed = (there.status == Some(Status::Failed)).then(|| there.reason.unwrap_or_default());
        Ok(Some(seen(&Spec {
            function: function.to_owned(),
            qualifier: qualifier.to_owned(),
            count: there.count,
            failed,
        })))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.put(request.spec).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.put(request.want).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some((function, qualifier)) = request.handle.0.split_once(':') else {
            return Err(Failure::refused(format!(
                "`{}` names no version or alias",
                request.handle
            )));
        };
        let lambda = self.context.clients.lambda.write();
        let call = lambda.delete_provisioned_concurrency_config();
        let call = call.function_name(function).qualifier(qualifier);
        call.send()
            .await
            .gone("lambda:DeleteProvisionedConcurrencyConfig")
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let spec = Spec {
            failed: None,
            ..seen.spec.clone()
        };
        Ok(Some(Secured {
            spec: serde_json::to_value(spec).map_err(Failure::refused)?,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }
}
