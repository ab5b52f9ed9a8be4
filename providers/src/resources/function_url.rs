//! A function's own address on the internet: its URL, and where everybody may call it, the statements that let everybody.
//!
//! Calls: to look `GetFunctionUrlConfig`, and `GetPolicy` where there is one; to make `CreateFunctionUrlConfig` and two
//! `AddPermission` where nobody is asked who he is; to change and remove what differs. A function has one URL, and each of
//! its aliases one.
//!
//! Identity: the function with the alias. The host name is chosen by Lambda and lost with a deletion, so that it is never
//! taken back: it waits for the commit.
//!
//! A URL without sign-in answers nobody until the function's policy says so, by `lambda:InvokeFunctionUrl` and, since October
//! 2025, by `lambda:InvokeFunction` for calls that come by a URL (Lambda developer guide, "Control access to function URLs").
//! Both statements are part of this kind and have the ids that the console gives them. One that is missing or says something
//! else is a difference (`amiss`), and so is one that stands there although callers are to sign in. With sign-in the policies
//! of the callers decide, which are theirs.
//!
//! What is not known: whether a policy of the organisation forbids public URLs. Lambda says so when a caller is refused.

mod form;
mod statements;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof};
use serde_json::{Value, json};

pub use self::form::{Auth, Cors, InvokeMode, Spec};

use self::form::Address;
use crate::aws::arn::function_name;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{
    Access, Birth, Change, Cost, Failure, Invalid, Lane, Locator, Removal, Resource, Secured, Seen, Sight,
    Undelete,
};

/// The resource type.
#[derive(Debug)]
pub struct FunctionUrl {
    context: Arc<Context>,
}

/// What is there: the form, and where it answers.
struct There {
    spec: Spec,
    url: String,
}

impl FunctionUrl {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn there(&self, at: &Address) -> Result<Option<There>, Failure> {
        let lambda = self.context.clients.lambda.read();
        let call = lambda
            .get_function_url_config()
            .function_name(&at.function)
            .set_qualifier(at.alias.clone());
        let Some(answer) = call.send().await.found("lambda:GetFunctionUrlConfig")? else {
            return Ok(None);
        };
        let auth = Auth::told(&answer.auth_type);
        let spec = Spec {
            function: at.function.clone(),
            alias: at.alias.clone(),
            auth,
            cors: answer.cors.as_ref().and_then(Cors::told),
            invoke_mode: InvokeMode::told(answer.invoke_mode.as_ref()),
            amiss: self.amiss(at, auth).await?,
        };
        let url = answer.function_url;
        Ok(Some(There { spec, url }))
    }

    /// `CreateFunctionUrlConfig`: where it answers, or `None` where there is one already.
    async fn send_create(&self, spec: &Spec) -> Result<Option<String>, Failure> {
        let at = Address::of(spec);
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .create_function_url_config()
            .function_name(&at.function)
            .set_qualifier(at.alias)
            .auth_type(spec.auth.into())
            .set_cors(spec.cors.as_ref().map(Cors::sent))
            .invoke_mode(spec.invoke_mode.into());
        let made = call.send().await.made("lambda:CreateFunctionUrlConfig")?;
        Ok(made.map(|answer| answer.function_url))
    }

    /// `UpdateFunctionUrlConfig` with all of it. An empty set of rules takes those for other origins away.
    async fn send_update(&self, spec: &Spec) -> Result<String, Failure> {
        let at = Address::of(spec);
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .update_function_url_config()
            .function_name(&at.function)
            .set_qualifier(at.alias)
            .auth_type(spec.auth.into())
            .cors(spec.cors.clone().unwrap_or_default().sent())
            .invoke_mode(spec.invoke_mode.into());
        let answer = call.send().await.wrote("lambda:UpdateFunctionUrlConfig")?;
        Ok(answer.function_url)
    }

    /// Brings the statements to what `spec` asks for.
    async fn settle(&self, spec: &Spec, requests: &mut Sequence) -> Result<(), Failure> {
        let at = Address::of(spec);
        let amiss = requests.look(self.amiss(&at, spec.auth).await)?;
        for sid in amiss {
            requests.step(self.mend(&at, spec.auth, &sid).await)?;
        }
        Ok(())
    }
}

fn seen(spec: &Spec, url: &str) -> Seen<Spec> {
    Seen {
        handle: Address::of(spec).handle(),
        outputs: BTreeMap::from([("url".to_owned(), json!(url))]),
        proof: Proof::Ours,
        spec: Spec {
            function: function_name(&spec.function).to_owned(),
            ..spec.clone()
        },
        additions: Vec::new(),
    }
}

impl Resource for FunctionUrl {
    const KIND: Kind = Kind::new("function_url");
    const IMMUTABLE: &'static [&'static str] = &["function", "alias"];
    const UNDELETE: Undelete = Undelete::Never;
    const ACCESS: Access = Access::Url;
    const ACTIONS: &'static [&'static str] = &[
        "lambda:AddPermission",
        "lambda:CreateFunctionUrlConfig",
        "lambda:DeleteFunctionUrlConfig",
        "lambda:GetFunctionUrlConfig",
        "lambda:GetPolicy",
        "lambda:RemovePermission",
        "lambda:UpdateFunctionUrlConfig",
    ];
    const READS: Cost = Cost {
        each: 2,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        spec.projected()
    }

    /// The policy of a function is changed by one at a time.
    fn lane(spec: &Value) -> Option<Lane> {
        let function = spec.get("function").and_then(Value::as_str)?;
        Some(Lane(format!("function:{}", function_name(function))))
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        let function = function_name(field("function")?);
        Some(match field("alias") {
            Some(alias) => format!("URL of {function}:{alias}"),
            None => format!("URL of {function}"),
        })
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let field = |name: &str| {
            let value = at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
            value.filter(|text| !has_stand_in(text))
        };
        let by_form = field("function").map(|function| Address {
            function: function_name(function).to_owned(),
            alias: field("alias").map(ToOwned::to_owned),
        });
        let Some(address) = at.handle.map(Address::from).or(by_form) else {
            return Ok(None);
        };
        let there = self.there(&address).await?;
        Ok(there.map(|there| seen(&there.spec, &there.url)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        let mut requests = Sequence::default();
        let url = match requests.step(self.send_create(want).await)? {
            Some(url) => url,
            None => {
                let at = Address::of(want);
                let Some(there) = requests.look(self.there(&at).await)? else {
                    let text = format!("the URL of {} exists and cannot be seen yet", at.function);
                    return Err(Failure::later(text, Duration::from_secs(1)));
                };
                match there.spec.configuration() == want.configuration() {
                    true => there.url,
                    false => requests.step(self.send_update(want).await)?,
                }
            }
        };
        self.settle(want, &mut requests).await?;
        Ok(seen(want, &url))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (want, diff) = (request.want, request.diff);
        let mut requests = Sequence::default();
        let known = request.outputs.get("url").and_then(Value::as_str);
        let configured = ["auth", "cors", "invoke_mode"];
        let url = match known {
            Some(url) if !configured.iter().any(|field| diff.touches(field)) => url.to_owned(),
            _ => requests.step(self.send_update(want).await)?,
        };
        self.settle(want, &mut requests).await?;
        Ok(seen(want, &url))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let at = Address::from(request.handle);
        let mut requests = Sequence::default();
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .delete_function_url_config()
            .function_name(&at.function)
            .set_qualifier(at.alias.clone());
        requests.step(call.send().await.gone("lambda:DeleteFunctionUrlConfig"))?;
        // Sign-in asks for no statement, and so does nothing at all.
        for sid in requests.look(self.amiss(&at, Auth::AwsIam).await)? {
            requests.step(self.mend(&at, Auth::AwsIam, &sid).await)?;
        }
        Ok(())
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let spec = Spec {
            amiss: Vec::new(),
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

/// Whether `sid` is one of the statements of a URL.
pub(super) fn is_statement(sid: &str) -> bool {
    statements::IDS.contains(&sid)
}

/// The handle of the URL of `function`, or of its alias.
pub(super) fn handle(function: &str, alias: Option<&str>) -> Handle {
    let address = Address {
        function: function.to_owned(),
        alias: alias.map(ToOwned::to_owned),
    };
    address.handle()
}
