//! One statement in the resource policy of a function: who may invoke it.
//!
//! Calls: `GetPolicy` (15 a second in a bucket of its own; one call serves all statements of a function), `AddPermission`,
//! `RemovePermission`. The last two add and remove one statement by its id in one step on the server, so there is nothing
//! to read, change and write back, and strangers' statements are never touched.
//!
//! Identity: a statement is ours if it says what we want said, whoever wrote it (`chalice-deployer.md` 3.11), so what Chalice
//! added under a random id serves. Our own ids derive from the resource's id and from what the statement says: a repeated
//! `AddPermission` is refused instead of adding a second one, and a change (an API that was made anew) adds the new
//! statement before it removes the old one.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_lambda::Client;
use futures::future::join_all;
use grail_state::digest::{Digest, Digester};
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::function_name;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, Outcome};
use crate::port::{
    Access, Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Seen, Sight, Undelete,
};

/// The one action that such a statement allows.
const ACTION: &str = "lambda:InvokeFunction";

/// A statement that lets a service invoke a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The function, by name or ARN.
    pub function: String,
    /// The service: `apigateway.amazonaws.com`.
    pub principal: String,
    /// What of that service may invoke it; may hold `*`.
    pub source_arn: String,
    /// The account that must own the source, where the ARN does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_account: Option<String>,
}

/// A statement as a policy has it, if it is one of the form that we write.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    sid: String,
    spec: Spec,
}

/// All statements of a function's policy; none if there is no policy or no function.
pub(super) async fn policy_of(lambda: &Client, function: &str) -> Result<Vec<Value>, Failure> {
    let answer = lambda.get_policy().function_name(function).send().await;
    let Some(text) = answer.found("lambda:GetPolicy")?.and_then(|answer| answer.policy) else {
        return Ok(Vec::new());
    };
    let mut policy: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::refused(format!("the policy of {function} is no JSON: {error}")))?;
    Ok(match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    })
}

/// The resource type.
#[derive(Debug)]
pub struct LambdaPermission {
    context: Arc<Context>,
}

impl LambdaPermission {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// The statements of a function's policy that have our form; none if there is no policy or no function.
    async fn statements(&self, function: &str) -> Result<Vec<Statement>, Failure> {
        let statements = policy_of(self.context.clients.lambda.read(), function).await?;
        Ok(statements.iter().filter_map(|one| read(function, one)).collect())
    }

    /// Adds the statement of `spec`, or finds it added. Returns its id.
    async fn add(&self, id: &ResourceId, spec: &Spec) -> Result<String, Failure> {
        let sid = sid(id, spec);
        let lambda = self.context.clients.lambda.write();
        let added = lambda
            .add_permission()
            .function_name(&spec.function)
            .statement_id(&sid)
            .action(ACTION)
            .principal(&spec.principal)
            .source_arn(&spec.source_arn)
            .set_source_account(spec.source_account.clone())
            .send()
            .await
            .made("lambda:AddPermission")?;
        if added.is_some() {
            return Ok(sid);
        }
        let there = self.statements(&spec.function).await?;
        match there.into_iter().find(|statement| statement.sid == sid) {
            Some(statement) if same(&statement.spec, spec) => Ok(sid),
            _ => Err(Failure::foreign(format_args!(
                "a statement {sid} that says something else"
            ))),
        }
    }

    /// Other statements that say what `spec` (of any age) says, but for no account. Chalice 1.33 wrote none for a bucket, and
    /// where 1.34 has added its own beside, the old one would go on letting the bucket's next owner in. Only where an account
    /// was said is there anything to look for.
    async fn without_account(&self, function: &str, spec: &Value, sid: &str) -> Result<Vec<String>, Failure> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        if field("source_account").is_none() {
            return Ok(Vec::new());
        }
        let wider = |one: &Statement| {
            one.sid != sid
                && one.spec.source_account.is_none()
                && field("principal") == Some(&one.spec.principal)
                && field("source_arn") == Some(&one.spec.source_arn)
        };
        let statements = self.statements(function).await?;
        Ok(statements.into_iter().filter(wider).map(|one| one.sid).collect())
    }

    /// Removes the statement in `handle` and those like it without an account.
    async fn remove_all(&self, handle: &Handle, spec: &Value) -> Result<(), Failure> {
        let Some((function, sid)) = handle.0.rsplit_once('/') else {
            return Err(Failure::refused(format!(
                "`{handle}` names no statement of a function"
            )));
        };
        let wider = self.without_account(function, spec, sid).await?;
        let mut requests = Sequence::default();
        for sid in wider.iter().map(String::as_str).chain([sid]) {
            requests.step(self.remove(function, sid).await)?;
        }
        Ok(())
    }

    /// Removes what an update that was cut off has left beside `sid`, if `have` shows that there is such a thing.
    async fn remove_left(
        &self,
        id: &ResourceId,
        handle: &Handle,
        have: &Value,
        sid: &str,
    ) -> Result<(), Failure> {
        let said = have.get("source_arn").and_then(Value::as_str).unwrap_or_default();
        let Some((function, _)) = handle.0.rsplit_once('/').filter(|_| said.contains(BESIDE)) else {
            return Ok(());
        };
        let stem = stem(id);
        let mut requests = Sequence::default();
        for left in self.statements(function).await? {
            if left.sid != sid && left.sid.starts_with(&stem) {
                requests.step(self.remove(function, &left.sid).await)?;
            }
        }
        Ok(())
    }

    async fn remove(&self, function: &str, sid: &str) -> Result<(), Failure> {
        let lambda = self.context.clients.lambda.write();
        let request = lambda
            .remove_permission()
            .function_name(function)
            .statement_id(sid);
        request.send().await.gone("lambda:RemovePermission")
    }
}

/// Between the sources of two statements of one resource: an update was cut off before it removed the old one. No ARN has
/// blanks, so that this is neither the old form nor the new one, and is brought to either.
const BESIDE: &str = " and ";

/// Reads a statement of the form that `AddPermission` writes for a service; anything else is a stranger's.
fn read(function: &str, statement: &Value) -> Option<Statement> {
    let condition = statement.get("Condition")?.as_object()?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let source_account = condition
        .get("StringEquals")
        .map(|equals| text(equals.get("AWS:SourceAccount")));
    if statement.get("Effect")? != "Allow"
        || statement.get("Action")? != ACTION
        || matches!(source_account, Some(None))
        || condition.len() != 1 + usize::from(source_account.is_some())
    {
        return None;
    }
    Some(Statement {
        sid: text(statement.get("Sid"))?,
        spec: Spec {
            function: function_name(function).to_owned(),
            principal: text(statement.get("Principal")?.get("Service"))?,
            source_arn: text(condition.get("ArnLike")?.get("AWS:SourceArn"))?,
            source_account: source_account.flatten(),
        },
    })
}

fn same(one: &Spec, other: &Spec) -> bool {
    (&one.principal, &one.source_arn, &one.source_account)
        == (&other.principal, &other.source_arn, &other.source_account)
}

/// True if `sid` is one of ours for the same resource as `ours` is, of an earlier form.
pub(super) fn is_left_of(ours: &str, sid: &str) -> bool {
    let stem = ours.rsplit_once('-').map(|(stem, _)| stem);
    stem.is_some_and(|stem| {
        stem.starts_with("grail-") && sid.rsplit_once('-').is_some_and(|(other, _)| other == stem)
    })
}

/// True if it is a statement such as Chalice writes: in its form, under a random id.
pub(super) fn is_chalices(function: &str, statement: &Value) -> bool {
    let lengths = |sid: &str| sid.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let random = |sid: &str| sid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    read(function, statement).is_some_and(|one| lengths(&one.sid) && random(&one.sid))
}

/// What all our statement ids for one resource begin with.
fn stem(id: &ResourceId) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = id.name.chars().map(plain).take(60).collect();
    let digest = Digest::of(id.to_string().as_bytes());
    format!("grail-{name}-{}-", &digest.short()[..6])
}

/// The id of the statement: it names the resource and what the statement says.
fn sid(id: &ResourceId, spec: &Spec) -> String {
    let says = Digest::of_value(&json!([spec.principal, spec.source_arn, spec.source_account]));
    format!("{}{}", stem(id), says.short())
}

/// What a look is for.
struct Sought {
    function: String,
    /// The statement id in the handle.
    sid: Option<String>,
    stem: String,
    /// What the statement should say, as far as it is known.
    says: Option<Spec>,
}

impl Sought {
    fn new(at: &Locator<'_>) -> Option<Self> {
        let from_handle = at.handle.and_then(|handle| handle.0.rsplit_once('/'));
        let field = |name: &str| at.spec.and_then(|spec| spec.get(name)).and_then(Value::as_str);
        let known = |name: &str| {
            field(name)
                .filter(|text| !has_stand_in(text))
                .map(ToOwned::to_owned)
        };
        let function = from_handle
            .map(|(function, _)| function.to_owned())
            .or_else(|| known("function").map(|name| function_name(&name).to_owned()))?;
        let account = field("source_account").map(ToOwned::to_owned);
        Some(Self {
            sid: from_handle.map(|(_, sid)| sid.to_owned()),
            stem: stem(at.id),
            says: known("principal")
                .zip(known("source_arn"))
                .map(|(principal, source_arn)| Spec {
                    function: function.clone(),
                    principal,
                    source_arn,
                    source_account: account,
                }),
            function,
        })
    }

    /// What is seen of it among the statements of its function.
    fn see(&self, statements: &[Statement]) -> Sight<Spec> {
        let found = self.find(statements)?;
        let mut spec = found.spec.clone();
        let left = |one: &&Statement| one.sid != found.sid && one.sid.starts_with(&self.stem);
        if let Some(other) = statements.iter().find(left) {
            spec.source_arn = format!("{}{BESIDE}{}", spec.source_arn, other.spec.source_arn);
        }
        Some(seen(spec, &found.sid))
    }

    /// The statement by its id, else by what it says, else one that we made for this resource in an earlier form.
    fn find<'a>(&self, statements: &'a [Statement]) -> Option<&'a Statement> {
        let by = |test: &dyn Fn(&Statement) -> bool| statements.iter().find(|statement| test(statement));
        by(&|statement| self.sid.as_ref() == Some(&statement.sid))
            .or_else(|| by(&|statement| self.says.as_ref().is_some_and(|says| same(says, &statement.spec))))
            .or_else(|| by(&|statement| statement.sid.starts_with(&self.stem)))
    }
}

fn seen(spec: Spec, sid: &str) -> Seen<Spec> {
    Seen {
        handle: Handle(format!("{}/{sid}", function_name(&spec.function))),
        outputs: BTreeMap::from([("sid".to_owned(), json!(sid))]),
        proof: Proof::Ours,
        spec,
        additions: Vec::new(),
    }
}

/// A failure without its own type, for a look that several resources share.
fn shared(failure: &Failure) -> Failure {
    Failure {
        effect: failure.effect,
        retry: failure.retry,
        unanswered: failure.unanswered,
        foreign: failure.foreign,
        hint: failure.hint.clone(),
        source: failure.chain().into(),
    }
}

impl Resource for LambdaPermission {
    const KIND: Kind = Kind::new("lambda_permission");
    const IMMUTABLE: &'static [&'static str] = &["function"];
    const UNDELETE: Undelete = Undelete::Exact;
    const VOLATILE: &'static [&'static str] = &["sid"];
    const ACCESS: Access = Access::Invocation;
    const ACTIONS: &'static [&'static str] = &[
        "lambda:AddPermission",
        "lambda:GetPolicy",
        "lambda:RemovePermission",
    ];
    /// One `GetPolicy` for each function; statements of one function share it.
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    type Spec = Spec;

    fn project(spec: &Spec, _: &Digester) -> Value {
        json!({
            "function": function_name(&spec.function),
            "principal": spec.principal,
            "source_arn": spec.source_arn,
            "source_account": spec.source_account,
        })
    }

    fn lane(spec: &Value) -> Option<Lane> {
        let function = spec.get("function").and_then(Value::as_str)?;
        Some(Lane(format!("function:{}", function_name(function))))
    }

    fn label(spec: &Value) -> Option<String> {
        let field = |name: &str| spec.get(name).and_then(Value::as_str);
        Some(format!("{} for {}", field("function")?, field("principal")?))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let Some(sought) = Sought::new(&at) else {
            return Ok(None);
        };
        let statements = self.statements(&sought.function).await?;
        Ok(sought.see(&statements))
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        let sought: Vec<_> = at.iter().map(Sought::new).collect();
        let mut functions: Vec<_> = sought.iter().flatten().map(|one| one.function.clone()).collect();
        functions.sort();
        functions.dedup();
        let looks = functions.into_iter().map(|function| async {
            let statements = self.statements(&function).await;
            (function, statements)
        });
        let policies: BTreeMap<_, _> = join_all(looks).await.into_iter().collect();
        let sight = |one: Option<Sought>| match one {
            None => Ok(None),
            Some(one) => match policies.get(&one.function) {
                Some(Ok(there)) => Ok(one.see(there)),
                Some(Err(failure)) => Err(shared(failure)),
                None => Ok(None),
            },
        };
        sought.into_iter().map(sight).collect()
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let sid = self.add(request.id, request.spec).await?;
        Ok(seen(request.spec.clone(), &sid))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut requests = Sequence::default();
        let sid = sid(request.id, request.want);
        // Somebody has written something else under our very id: no second statement can bear it.
        let said = request.have.get("source_arn").and_then(Value::as_str);
        let whole = said.is_some_and(|said| !said.contains(BESIDE));
        let same_id = request.handle.0.rsplit_once('/').filter(|(_, old)| *old == sid);
        if let Some((function, _)) = same_id.filter(|_| whole && !request.diff.is_empty()) {
            requests.step(self.remove(function, &sid).await)?;
        }
        let sid = requests.step(self.add(request.id, request.want).await)?;
        if request
            .handle
            .0
            .rsplit_once('/')
            .is_some_and(|(_, old)| old != sid)
        {
            let removed = self.remove_all(request.handle, request.have).await;
            removed.map_err(Failure::after_change)?;
        }
        let left = self
            .remove_left(request.id, request.handle, request.have, &sid)
            .await;
        left.map_err(Failure::after_change)?;
        Ok(seen(request.want.clone(), &sid))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        self.remove_all(request.handle, request.spec).await?;
        let left = self
            .remove_left(request.id, request.handle, request.spec, "")
            .await;
        left.map_err(Failure::after_change)
    }
}
