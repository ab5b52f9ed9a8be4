use grail_state::Observed;

use super::*;
use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
use crate::port::{Effect, Provider, erase};

const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abc/*";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("api_handler/rest_api", replies, |context| {
        LambdaPermission::new(Arc::new(context))
    })
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
    refusal(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
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
    assert_eq!(
        (there.handle.0.as_str(), &there.outputs["sid"]),
        ("shop-dev/2d7c", &json!("2d7c"))
    );
    assert!(stand.provider.diff(&spec(API).into(), &there).unwrap().is_empty());
    assert_eq!(stand.aws.operations(), ["GetPolicy"]);
}

#[tokio::test]
async fn what_is_not_said_is_absent() {
    for answer in [none(), policy(&[]), policy(&[statement("2d7c", "arn:other")])] {
        assert_eq!(
            stand(vec![answer]).observe(None, Some(&spec(API))).await.unwrap(),
            Observed::Absent
        );
    }
    let unknown = spec("(known after deploy: rest_api.rest_api/execution_arn)/*");
    let old = stand(vec![policy(&[statement(&ours(), API)])]);
    assert_eq!(old.present(None, Some(&unknown)).await.spec["source_arn"], API);
    let nowhere = stand(vec![]);
    let function = json!({"function": "(known after deploy: lambda_function.api_handler/name)"});
    assert_eq!(
        nowhere.observe(None, Some(&function)).await.unwrap(),
        Observed::Absent
    );
}

#[tokio::test]
async fn statements_of_one_function_share_a_look() {
    let aws = Canned::new([policy(&[statement("a", "arn:a"), statement("b", "arn:b")])]);
    let provider = erase(
        LambdaPermission::new(aws.context_of::<LambdaPermission>()),
        Arc::new(Digester::new([0; 32])),
    );
    let id = ResourceId::new(LambdaPermission::KIND, "x");
    let specs = [spec("arn:a"), spec("arn:b"), spec("arn:c")];
    let at: Vec<_> = specs
        .iter()
        .map(|spec| Locator {
            id: &id,
            handle: None,
            spec: Some(spec),
            token: None,
            record: None,
        })
        .collect();
    let seen = provider.observe_many(&at).await;
    let present: Vec<_> = seen
        .iter()
        .map(|one| one.as_ref().unwrap().remote().is_some())
        .collect();
    assert_eq!(present, [true, true, false]);
    assert_eq!(aws.operations(), ["GetPolicy"]);
}

#[tokio::test]
async fn a_statement_is_added_in_chalices_form_under_an_id_of_ours() {
    let stand = stand(vec![reply(201, json!({"Statement": "{}"}))]);
    let made = stand.create(&spec(API)).await.unwrap();
    assert_eq!(made.handle.0, format!("shop-dev/{}", ours()));
    assert!(ours().starts_with("grail-api_handler-rest_api-") && ours().len() <= 100);
    assert_eq!(
        stand.aws.asked()[0].line,
        "POST /2015-03-31/functions/shop-dev/policy"
    );
    assert_eq!(
        stand.aws.json(0),
        json!({"StatementId": ours(), "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": API})
    );
}

#[tokio::test]
async fn a_statement_that_is_there_already_is_looked_at() {
    let exists = || {
        refusal(
            409,
            "ResourceConflictException",
            "The statement id (x) provided already exists.",
        )
    };
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
    assert_eq!(
        stand.aws.asked()[1].line,
        "DELETE /2015-03-31/functions/shop-dev/policy/2d7c"
    );
}

#[tokio::test]
async fn what_is_gone_is_removed() {
    for answer in [reply(204, ""), none()] {
        let stand = stand(vec![answer]);
        stand.delete("shop-dev/2d7c").await.unwrap();
        assert_eq!(stand.aws.operations(), ["RemovePermission"]);
    }
}

/// Chalice 1.33 let a bucket in by its name alone, and 1.34 adds a second statement with the account.
#[tokio::test]
async fn a_statement_that_says_the_same_without_the_account_goes_too() {
    const BUCKET: &str = "arn:aws:s3:::photos";
    let said = |sid: &str, arn: &str, account: Option<&str>| {
        let mut statement = statement(sid, arn);
        statement["Principal"] = json!({"Service": "s3.amazonaws.com"});
        if let Some(account) = account {
            statement["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": account});
        }
        statement
    };
    let there = || {
        policy(&[
            said("new", BUCKET, Some("123456789012")),
            said("old", BUCKET, None),
            said("theirs", BUCKET, Some("999999999999")),
            said("other", "arn:aws:s3:::films", None),
            statement("api", BUCKET),
        ])
    };
    let had = json!({"function": "shop-dev", "principal": "s3.amazonaws.com", "source_arn": BUCKET,
        "source_account": "123456789012"});
    let gone = stand(vec![there(), reply(204, ""), reply(204, "")]);
    let (handle, outputs) = (Handle("shop-dev/new".into()), BTreeMap::new());
    let request = crate::port::Delete {
        id: &gone.id,
        handle: &handle,
        spec: &had,
        outputs: &outputs,
    };
    gone.provider.delete(request).await.unwrap();
    assert_eq!(
        gone.aws.operations(),
        ["GetPolicy", "RemovePermission", "RemovePermission"]
    );
    assert!(
        gone.aws.asked()[1].line.ends_with("/policy/old")
            && gone.aws.asked()[2].line.ends_with("/policy/new")
    );

    let mut want = had.clone();
    want["source_arn"] = json!("arn:aws:s3:::pictures");
    let moved = stand(vec![reply(201, "{}"), there(), reply(204, ""), reply(204, "")]);
    moved.update("shop-dev/new", &had, &want).await.unwrap();
    assert_eq!(
        moved.aws.operations(),
        [
            "AddPermission",
            "GetPolicy",
            "RemovePermission",
            "RemovePermission"
        ]
    );
}

#[test]
fn a_function_is_the_same_by_name_and_by_arn() {
    let aws = Canned::new([]);
    let provider: Arc<dyn Provider> = erase(
        LambdaPermission::new(aws.context_of::<LambdaPermission>()),
        Arc::new(Digester::new([0; 32])),
    );
    let mut by_arn = spec(API);
    by_arn["function"] = json!("arn:aws:lambda:us-east-1:123456789012:function:shop-dev");
    let project = |spec: Value| provider.project(&spec.into()).unwrap();
    assert_eq!(project(by_arn), project(spec(API)));
    assert_eq!(
        provider.lane(&project(spec(API))),
        Some(Lane("function:shop-dev".into()))
    );
}

/// An update that was cut off after it added and before it removed: neither the old form nor the new one is believed.
#[tokio::test]
async fn two_statements_of_one_resource_are_half_a_change() {
    let id = ResourceId::new(LambdaPermission::KIND, "api_handler/rest_api");
    let newer = sid(&id, &serde_json::from_value(spec("arn:new")).unwrap());
    let both = || policy(&[statement(&ours(), API), statement(&newer, "arn:new")]);
    let handle = format!("shop-dev/{}", ours());
    for wanted in [API, "arn:new"] {
        let half = stand(vec![both()])
            .present(Some(handle.as_str()), Some(&spec(wanted)))
            .await;
        assert_eq!(
            (&half.handle.0, half.spec["source_arn"].as_str()),
            (&handle, Some(format!("{API} and arn:new").as_str()))
        );
    }
    let exists = || {
        refusal(
            409,
            "ResourceConflictException",
            "The statement id provided already exists.",
        )
    };
    let back = stand(vec![both(), exists(), both(), both(), reply(204, json!({}))]);
    let half = back.present(Some(handle.as_str()), Some(&spec(API))).await;
    let restored = back.update(&handle, &half.spec, &spec(API)).await.unwrap();
    assert_eq!(restored.spec["source_arn"], API);
    assert_eq!(
        back.aws.operations(),
        [
            "GetPolicy",
            "AddPermission",
            "GetPolicy",
            "GetPolicy",
            "RemovePermission"
        ]
    );
    assert!(
        back.aws.asked()[4].line.contains(&newer),
        "{:?}",
        back.aws.asked()[4].line
    );
}
