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

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use grail_state::digest::{Digest, Digester};
use grail_state::template::has_stand_in;
use grail_state::{Handle, Kind, Proof, ResourceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::arn::function_name;
use crate::aws::{Context, Outcome};
use crate::port::{Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Seen, Sight, Undelete};

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
        let lambda = self.context.clients.lambda.read();
        let answer = lambda.get_policy().function_name(function).send().await;
        let Some(text) = answer.found("lambda:GetPolicy")?.and_then(|answer| answer.policy) else {
            return Ok(Vec::new());
        };
        let policy: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::refused(format!("the policy of {function} is no JSON: {error}")))?;
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
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
            _ => Err(Failure::foreign(format_args!("a statement {sid} that says something else"))),
        }
    }

    async fn remove(&self, function: &str, sid: &str) -> Result<(), Failure> {
        let lambda = self.context.clients.lambda.write();
        let request = lambda.remove_permission().function_name(function).statement_id(sid);
        request.send().await.gone("lambda:RemovePermission")
    }
}

/// Reads a statement of the form that `AddPermission` writes for a service; anything else is a stranger's.
fn read(function: &str, statement: &Value) -> Option<Statement> {
    let condition = statement.get("Condition")?.as_object()?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let source_account = condition.get("StringEquals").map(|equals| text(equals.get("AWS:SourceAccount")));
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

/// What all our statement ids for one resource begin with.
fn stem(id: &ResourceId) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
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
        let known = |name: &str| field(name).filter(|text| !has_stand_in(text)).map(ToOwned::to_owned);
        let function = from_handle
            .map(|(function, _)| function.to_owned())
            .or_else(|| known("function").map(|name| function_name(&name).to_owned()))?;
        let account = field("source_account").map(ToOwned::to_owned);
        Some(Self {
            sid: from_handle.map(|(_, sid)| sid.to_owned()),
            stem: stem(at.id),
            says: known("principal").zip(known("source_arn")).map(|(principal, source_arn)| Spec {
                function: function.clone(),
                principal,
                source_arn,
                source_account: account,
            }),
            function,
        })
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
    const ACTIONS: &'static [&'static str] =
        &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"];
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
        Ok(sought.find(&statements).map(|found| seen(found.spec.clone(), &found.sid)))
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
                Some(Ok(there)) => Ok(one.find(there).map(|found| seen(found.spec.clone(), &found.sid))),
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
        let sid = self.add(request.id, request.want).await?;
        if let Some((function, old)) = request.handle.0.rsplit_once('/')
            && old != sid
        {
            self.remove(function, old).await.map_err(Failure::after_change)?;
        }
        Ok(seen(request.want.clone(), &sid))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        match request.handle.0.rsplit_once('/') {
            Some((function, sid)) => self.remove(function, sid).await,
            None => Err(Failure::refused(format!("`{}` names no statement of a function", request.handle))),
        }
    }
}

#[cfg(test)]
mod tests {
    use grail_state::Observed;

    use super::*;
    use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
    use crate::port::{Effect, Provider, erase};

    const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abc/*";

    fn stand(replies: Vec<Reply>) -> Stand {
        Stand::new("api_handler/rest_api", replies, |context| LambdaPermission::new(Arc::new(context)))
    }

    fn spec(arn: &str) -> Value {
        json!({"function": "shop-dev", "principal": "apigateway.amazonaws.com", "source_arn": arn})
    }

    /// A statement as Chalice adds it.
    fn statement(sid: &str, arn: &str) -> Value {
        json!({
            "Sid": sid, "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:shop-dev",
            "Condition": {"ArnLike": {"AWS:SourceArn": arn}}
        })
    }

    fn policy(statements: &[Value]) -> Reply {
        let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
        reply(200, json!({"Policy": policy.to_string(), "RevisionId": "r"}))
    }

    fn none() -> Reply {
        refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")
    }

    fn ours() -> String {
        let id = ResourceId::new(LambdaPermission::KIND, "api_handler/rest_api");
        sid(&id, &serde_json::from_value(spec(API)).unwrap())
    }

    #[tokio::test]
    async fn a_statement_that_says_it_serves_whoever_wrote_it() {
        let strangers = json!({"Sid": "s", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"},
            "Action": "lambda:*", "Resource": "x"});
        let mut narrower = statement("n", API);
        narrower["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": "1"});
        let stand = stand(vec![policy(&[strangers, narrower, statement("2d7c", API)])]);
        let there = stand.present(None, Some(&spec(API))).await;
        assert_eq!((there.handle.0.as_str(), &there.outputs["sid"]), ("shop-dev/2d7c", &json!("2d7c")));
        assert!(stand.provider.diff(&spec(API).into(), &there).unwrap().is_empty());
        assert_eq!(stand.aws.operations(), ["GetPolicy"]);
    }

    #[tokio::test]
    async fn what_is_not_said_is_absent() {
        for answer in [none(), policy(&[]), policy(&[statement("2d7c", "arn:other")])] {
            assert_eq!(stand(vec![answer]).observe(None, Some(&spec(API))).await.unwrap(), Observed::Absent);
        }
        let unknown = spec("(known after deploy: rest_api.rest_api/execution_arn)/*");
        let old = stand(vec![policy(&[statement(&ours(), API)])]);
        assert_eq!(old.present(None, Some(&unknown)).await.spec["source_arn"], API);
        let nowhere = stand(vec![]);
        let function = json!({"function": "(known after deploy: lambda_function.api_handler/name)"});
        assert_eq!(nowhere.observe(None, Some(&function)).await.unwrap(), Observed::Absent);
    }

    #[tokio::test]
    async fn statements_of_one_function_share_a_look() {
        let aws = Canned::new([policy(&[statement("a", "arn:a"), statement("b", "arn:b")])]);
        let provider = erase(LambdaPermission::new(aws.context()), Arc::new(Digester::new([0; 32])));
        let id = ResourceId::new(LambdaPermission::KIND, "x");
        let specs = [spec("arn:a"), spec("arn:b"), spec("arn:c")];
        let at: Vec<_> = specs
            .iter()
            .map(|spec| Locator { id: &id, handle: None, spec: Some(spec), token: None, record: None })
            .collect();
        let seen = provider.observe_many(&at).await;
        let present: Vec<_> = seen.iter().map(|one| one.as_ref().unwrap().remote().is_some()).collect();
        assert_eq!(present, [true, true, false]);
        assert_eq!(aws.operations(), ["GetPolicy"]);
    }

    #[tokio::test]
    async fn a_statement_is_added_in_chalices_form_under_an_id_of_ours() {
        let stand = stand(vec![reply(201, json!({"Statement": "{}"}))]);
        let made = stand.create(&spec(API)).await.unwrap();
        assert_eq!(made.handle.0, format!("shop-dev/{}", ours()));
        assert!(ours().starts_with("grail-api_handler-rest_api-") && ours().len() <= 100);
        assert_eq!(stand.aws.asked()[0].line, "POST /2015-03-31/functions/shop-dev/policy");
        assert_eq!(
            stand.aws.json(0),
            json!({"StatementId": ours(), "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": API})
        );
    }

    #[tokio::test]
    async fn a_statement_that_is_there_already_is_looked_at() {
        let exists = || refusal(409, "ResourceConflictException", "The statement id (x) provided already exists.");
        let mine = stand(vec![exists(), policy(&[statement(&ours(), API)])]);
        assert_eq!(mine.create(&spec(API)).await.unwrap().outputs["sid"], ours());
        let other = stand(vec![exists(), policy(&[statement(&ours(), "arn:other")])]);
        let failed = other.create(&spec(API)).await.unwrap_err();
        assert!(failed.foreign && failed.effect == Effect::None);
    }

    #[tokio::test]
    async fn a_change_adds_before_it_removes() {
        let stand = stand(vec![reply(201, "{}"), reply(204, "")]);
        let have = spec("arn:aws:execute-api:us-east-1:123456789012:old/*");
        let made = stand.update("shop-dev/2d7c", &have, &spec(API)).await.unwrap();
        assert_eq!(made.handle.0, format!("shop-dev/{}", ours()));
        assert_eq!(stand.aws.operations(), ["AddPermission", "RemovePermission"]);
        assert_eq!(stand.aws.asked()[1].line, "DELETE /2015-03-31/functions/shop-dev/policy/2d7c");
    }

    #[tokio::test]
    async fn what_is_gone_is_removed() {
        for answer in [reply(204, ""), none()] {
            let stand = stand(vec![answer]);
            stand.delete("shop-dev/2d7c").await.unwrap();
            assert_eq!(stand.aws.operations(), ["RemovePermission"]);
        }
    }

    #[test]
    fn a_function_is_the_same_by_name_and_by_arn() {
        let aws = Canned::new([]);
        let provider: Arc<dyn Provider> =
            erase(LambdaPermission::new(aws.context()), Arc::new(Digester::new([0; 32])));
        let mut by_arn = spec(API);
        by_arn["function"] = json!("arn:aws:lambda:us-east-1:123456789012:function:shop-dev");
        let project = |spec: Value| provider.project(&spec.into()).unwrap();
        assert_eq!(project(by_arn), project(spec(API)));
        assert_eq!(provider.lane(&project(spec(API))), Some(Lane("function:shop-dev".into())));
    }
}
