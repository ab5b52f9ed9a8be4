//! The two statements by which everybody may call a URL.

use serde_json::Value;

use super::FunctionUrl;
use super::form::{Address, Auth};
use crate::aws::Outcome;
use crate::port::Failure;

/// That the URL may be called.
const CALL: &str = "FunctionURLAllowPublicAccess";
/// That a call which came by the URL may reach the function.
const REACH: &str = "FunctionURLInvokeAllowPublicAccess";

/// Their ids: those that the console gives them.
pub(super) const IDS: [&str; 2] = [CALL, REACH];

/// What a statement allows, and the condition under which it does.
fn meaning(sid: &str) -> (&'static str, &'static str, &'static str) {
    match sid {
        CALL => ("lambda:InvokeFunctionUrl", "lambda:FunctionUrlAuthType", "NONE"),
        _ => ("lambda:InvokeFunction", "lambda:InvokedViaFunctionUrl", "true"),
    }
}

/// Whether a statement says what it should, under that one condition. An emulator keeps the condition beside the others' keys.
fn says(sid: &str, statement: &Value) -> bool {
    let (action, key, value) = meaning(sid);
    let is = |field: &str, wanted: &str| statement.get(field).is_some_and(|one| one == wanted);
    let everybody = |who: &Value| who == "*" || who.get("AWS").is_some_and(|who| who == "*");
    let same = |told: &Value| match told {
        Value::Bool(told) => told.to_string() == value,
        told => told == value,
    };
    let tests = statement.get("Condition").and_then(Value::as_object);
    let mut tests = tests
        .into_iter()
        .flat_map(|tests| tests.values())
        .filter_map(Value::as_object)
        .flatten();
    let narrowed = match (tests.next(), tests.next()) {
        (Some((known, told)), None) => known == key && same(told),
        (None, _) => key
            .split_once(':')
            .and_then(|(_, key)| statement.get(key))
            .is_some_and(same),
        _ => false,
    };
    let public = statement.get("Principal").is_some_and(everybody);
    is("Effect", "Allow") && is("Action", action) && public && narrowed
}

impl FunctionUrl {
    /// The ids of the statements that are not as `auth` asks for: missing, saying something else, or there without a reason.
    pub(super) async fn amiss(&self, at: &Address, auth: Auth) -> Result<Vec<String>, Failure> {
        let lambda = self.context.clients.lambda.read();
        let call = lambda
            .get_policy()
            .function_name(&at.function)
            .set_qualifier(at.alias.clone());
        let answer = call.send().await.found("lambda:GetPolicy")?;
        let text = answer
            .and_then(|answer| answer.policy)
            .unwrap_or_else(|| "{}".to_owned());
        let policy: Value = serde_json::from_str(&text).map_err(|error| {
            Failure::refused(format!("the policy of {} is no JSON: {error}", at.function))
        })?;
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let is_amiss = |sid: &&str| {
            let found = statements
                .iter()
                .find(|one| one.get("Sid").is_some_and(|id| id == sid));
            match (auth, found) {
                (Auth::None, Some(statement)) => !says(sid, statement),
                (Auth::None, None) => true,
                (Auth::AwsIam, found) => found.is_some(),
            }
        };
        Ok(IDS
            .iter()
            .filter(|sid| is_amiss(sid))
            .map(|sid| (*sid).to_owned())
            .collect())
    }

    /// Brings one statement to what `auth` asks for.
    pub(super) async fn mend(&self, at: &Address, auth: Auth, sid: &str) -> Result<(), Failure> {
        if auth == Auth::AwsIam {
            return self.remove(at, sid).await;
        }
        if self.add(at, sid).await? {
            return Ok(());
        }
        // One of that name says something else.
        self.remove(at, sid).await?;
        match self.add(at, sid).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.after_change()),
        }
    }

    /// True if it was added; false where there is one of that name.
    async fn add(&self, at: &Address, sid: &str) -> Result<bool, Failure> {
        let (action, ..) = meaning(sid);
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .add_permission()
            .function_name(&at.function)
            .set_qualifier(at.alias.clone())
            .statement_id(sid)
            .action(action)
            .principal("*");
        let call = match sid {
            CALL => call.function_url_auth_type(Auth::None.into()),
            _ => call.invoked_via_function_url(true),
        };
        Ok(call.send().await.made("lambda:AddPermission")?.is_some())
    }

    async fn remove(&self, at: &Address, sid: &str) -> Result<(), Failure> {
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .remove_permission()
            .function_name(&at.function)
            .set_qualifier(at.alias.clone())
            .statement_id(sid);
        call.send().await.gone("lambda:RemovePermission")
    }
}
