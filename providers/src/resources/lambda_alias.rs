//! An alias of a function: a name that leads to a version of it, or to two of them in shares.
//!
//! Calls to look: one `GetAlias`. To make `CreateAlias`, to lead elsewhere `UpdateAlias`, to remove `DeleteAlias`.
//!
//! Identity: the function and the alias' name. It is part of a function of ours, so that one that is found there is ours; what
//! others hang on it (statements, a URL, event sources) is lost with it.
//!
//! Where it leads is compared as one field (`version`): `3`, or `90 % 3, 10 % 4`. A share that somebody has moved by hand is a difference,
//! and so is what a canary left that was cut off.
//!
//! # A canary
//!
//! Where a form says `canary` and the alias leads to another version, the new one gets the first step's share, and after its
//! time the next one's, and at the end all of it ([`canary`]). All of that is one update, which may take as long as its steps
//! say ([`Resource::lasts`]). An alarm that rings ends it as a failure: the deployment goes back, and with it the alias to the
//! version that it led to, in one step, because a way back has no canary. A way back begins when no call is under way any more:
//! another alias' canary is awaited. Whoever moves the alias in the middle ends it too, and the alias goes back all the same. An update
//! that was cut off goes on at the step whose share the alias shows, from the beginning of that step's time. An alias that is
//! made leads where it should at once.
//!
//! Given up: weights finer than a hundredth of a percent; the description of an alias, which is left as it is.

mod canary;
mod form;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grail_state::digest::Digester;
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof};
use serde_json::{Value, json};

pub use self::form::{Canary, Other, Spec, Step};

use self::form::{Address, Shares};
use crate::aws::arn::function_name;
use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// The resource type.
#[derive(Debug)]
pub struct LambdaAlias {
    context: Arc<Context>,
}

/// An alias as it was read.
struct There {
    arn: String,
    shares: Shares,
    revision: Option<String>,
}

impl LambdaAlias {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    async fn there(&self, at: &Address) -> Result<Option<There>, Failure> {
        let lambda = self.context.clients.lambda.read();
        let call = lambda.get_alias().function_name(&at.function).name(&at.alias);
        let Some(answer) = call.send().await.found("lambda:GetAlias")? else {
            return Ok(None);
        };
        let version = answer.function_version.unwrap_or_default();
        Ok(Some(There {
            arn: answer.alias_arn.unwrap_or_default(),
            shares: Shares::told(version, answer.routing_config),
            revision: answer.revision_id,
        }))
    }

    /// `CreateAlias`: its ARN, or `None` where there is one.
    async fn send_create(&self, at: &Address, shares: &Shares) -> Result<Option<String>, Failure> {
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .create_alias()
            .function_name(&at.function)
            .name(&at.alias)
            .function_version(&shares.version)
            .set_routing_config(shares.other.is_some().then(|| shares.sent()));
        let made = call.send().await.made("lambda:CreateAlias")?;
        Ok(made.map(|answer| answer.alias_arn.unwrap_or_default()))
    }

    /// `UpdateAlias`, at `revision` if one is named: what the alias is at then.
    async fn send_update(
        &self,
        at: &Address,
        shares: &Shares,
        revision: Option<String>,
    ) -> Result<String, Failure> {
        let lambda = self.context.clients.lambda.write();
        let call = lambda
            .update_alias()
            .function_name(&at.function)
            .name(&at.alias)
            .function_version(&shares.version)
            .routing_config(shares.sent())
            .set_revision_id(revision);
        let answer = call.send().await.wrote("lambda:UpdateAlias")?;
        Ok(answer.alias_arn.unwrap_or_default())
    }
}

fn seen(at: &Address, arn: &str, shares: &Shares) -> Seen<Spec> {
    Seen {
        handle: Handle(arn.to_owned()),
        outputs: BTreeMap::from([
            ("arn".to_owned(), json!(arn)),
            ("name".to_owned(), json!(at.alias)),
            ("version".to_owned(), json!(shares.version)),
        ]),
        proof: Proof::Ours,
        spec: Spec {
            function: at.function.clone(),
            name: at.alias.clone(),
            version: shares.version.clone(),
            other: shares.other.clone(),
            canary: None,
        },
        additions: Vec::new(),
    }
}

impl Resource for LambdaAlias {
    const KIND: Kind = Kind::new("lambda_alias");
    const IMMUTABLE: &'static [&'static str] = &["function", "name"];
    const UNDELETE: Undelete = Undelete::Close;
    const VOLATILE: &'static [&'static str] = &["version"];
    const ACTIONS: &'static [&'static str] = &[
        "cloudwatch:DescribeAlarms",
        "lambda:CreateAlias",
        "lambda:DeleteAlias",
        "lambda:GetAlias",
        "lambda:UpdateAlias",
    ];
    const READS: Cost = Cost {
        each: 1,
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

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        Some(format!(
            "{}:{}",
            function_name(field("function")?),
            field("name")?
        ))
    }

    fn lasts(spec: &Spec) -> Duration {
        spec.canary.as_ref().map_or(Duration::ZERO, Canary::lasts)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let field = |name: &str| {
            let value = at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
            value.filter(|text| !has_stand_in(text))
        };
        let by_form = field("function")
            .zip(field("name"))
            .map(|(function, alias)| Address::new(function, alias));
        let by_handle = at.handle.and_then(|handle| Address::of_arn(&handle.0));
        let Some(address) = by_handle.or(by_form) else {
            return Ok(None);
        };
        let there = self.there(&address).await?;
        Ok(there.map(|there| seen(&address, &there.arn, &there.shares)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        let (at, shares) = (Address::new(&want.function, &want.name), want.shares());
        let arn = match self.send_create(&at, &shares).await? {
            Some(arn) => arn,
            None => self.send_update(&at, &shares, None).await?,
        };
        Ok(seen(&at, &arn, &shares))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let (at, shares) = (Address::new(&want.function, &want.name), want.shares());
        let arn = match &want.canary {
            Some(canary) => self.shift(&at, &shares, canary).await?,
            None => self.send_update(&at, &shares, None).await?,
        };
        Ok(seen(&at, &arn, &shares))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let Some(at) = Address::of_arn(&request.handle.0) else {
            return Err(Failure::refused(format!("`{}` is no alias", request.handle)));
        };
        let lambda = self.context.clients.lambda.write();
        let call = lambda.delete_alias().function_name(&at.function).name(&at.alias);
        call.send().await.gone("lambda:DeleteAlias")
    }

    /// The alarms of a canary must be there, or nobody would ever stop it.
    async fn verify(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        let Some(canary) = &spec.canary else {
            return Ok(Vec::new());
        };
        let known = self.alarms(canary).await?;
        let missing = canary.names().filter(|name| !known.contains_key(*name));
        Ok(missing
            .map(|name| Invalid {
                field: "canary.alarms".to_owned(),
                why: format!("there is no alarm `{name}` in this account and region"),
            })
            .collect())
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        Ok(Some(Secured {
            spec: serde_json::to_value(&seen.spec).map_err(Failure::refused)?,
            artifacts: Vec::new(),
            secret: false,
            lost: Vec::new(),
        }))
    }
}

/// The handle of the alias `name` of the function with the ARN `function`.
pub(super) fn handle(function: &str, name: &str) -> Handle {
    Handle(format!("{function}:{name}"))
}
