use grail_state::Observed;

use super::statements::IDS;
use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::Effect;

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("shop", replies, |context| FunctionUrl::new(Arc::new(context)))
}

fn spec(auth: &str) -> Value {
    json!({"function": "shop-dev", "auth": auth, "invoke_mode": "buffered"})
}

fn config(auth: &str) -> Value {
    json!({
        "FunctionUrl": "https://abc.lambda-url.us-east-1.on.aws/", "AuthType": auth, "InvokeMode": "BUFFERED",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:shop-dev",
        "CreationTime": "1970-01-01T00:00:00Z", "LastModifiedTime": "1970-01-01T00:00:00Z",
    })
}

fn there(auth: &str) -> Reply {
    reply(200, config(auth))
}

fn none() -> Reply {
    refusal(404, "ResourceNotFoundException", "not there")
}

fn call() -> Value {
    json!({
        "Sid": IDS[0], "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl",
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    })
}

fn reach() -> Value {
    json!({
        "Sid": IDS[1], "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "lambda:InvokeFunction",
        "Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    })
}

fn policy(statements: &[Value]) -> Reply {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    reply(200, json!({"Policy": policy.to_string()}))
}

fn added() -> Reply {
    reply(201, json!({"Statement": "{}"}))
}

#[tokio::test]
async fn a_url_for_everybody_comes_with_the_two_statements_that_it_needs() {
    let stand = stand(vec![reply(201, config("NONE")), none(), added(), added()]);
    let made = stand.create(&spec("none")).await.unwrap();
    assert_eq!(made.outputs["url"], "https://abc.lambda-url.us-east-1.on.aws/");
    let operations = [
        "CreateFunctionUrlConfig",
        "GetPolicy",
        "AddPermission",
        "AddPermission",
    ];
    assert_eq!(stand.aws.operations(), operations);
    assert_eq!(
        stand.aws.json(0),
        json!({"AuthType": "NONE", "InvokeMode": "BUFFERED"})
    );
    let (call, reach) = (stand.aws.json(2), stand.aws.json(3));
    assert_eq!(
        (&call["Action"], &call["FunctionUrlAuthType"], &call["Principal"]),
        (&json!("lambda:InvokeFunctionUrl"), &json!("NONE"), &json!("*"))
    );
    assert_eq!(
        (&reach["Action"], &reach["InvokedViaFunctionUrl"]),
        (&json!("lambda:InvokeFunction"), &json!(true))
    );
}

#[tokio::test]
async fn a_url_with_sign_in_needs_no_statement() {
    let stand = stand(vec![reply(201, config("AWS_IAM")), none()]);
    stand.create(&spec("aws_iam")).await.unwrap();
    assert_eq!(stand.aws.operations(), ["CreateFunctionUrlConfig", "GetPolicy"]);
}

#[tokio::test]
async fn a_statement_that_is_missing_wider_or_left_over_is_a_difference() {
    let mut wider = reach();
    wider["Condition"] = json!({});
    let mut other = call();
    other["Condition"]["StringLike"] = json!({"aws:PrincipalOrgID": "o-1"});
    for (auth, statements, amiss) in [
        ("none", vec![call(), reach()], vec![]),
        ("none", vec![call()], vec![IDS[1]]),
        ("none", vec![call(), wider], vec![IDS[1]]),
        ("none", vec![other, reach()], vec![IDS[0]]),
        ("aws_iam", vec![], vec![]),
        ("aws_iam", vec![reach()], vec![IDS[1]]),
    ] {
        let word = auth.to_uppercase();
        let stand = stand(vec![there(&word), policy(&statements)]);
        let have = stand.present(None, Some(&spec(auth))).await;
        assert_eq!(have.spec["amiss"], json!(amiss), "{auth} {statements:?}");
        let diff = stand.provider.diff(&spec(auth).into(), &have).unwrap();
        assert_eq!(diff.is_empty(), amiss.is_empty());
    }
}

#[tokio::test]
async fn what_is_not_there_is_absent_and_its_policy_is_not_asked_for() {
    let stand = stand(vec![none()]);
    let seen = stand.observe(None, Some(&spec("none"))).await.unwrap();
    assert_eq!(seen, Observed::Absent);
    assert_eq!(stand.aws.operations(), ["GetFunctionUrlConfig"]);
}

#[tokio::test]
async fn a_door_that_is_shut_loses_its_statements_after_its_openness() {
    let replies = vec![
        there("AWS_IAM"),
        policy(&[call(), reach()]),
        reply(204, ""),
        reply(204, ""),
    ];
    let stand = stand(replies);
    let seen = stand
        .update("shop-dev", &spec("none"), &spec("aws_iam"))
        .await
        .unwrap();
    assert_eq!(seen.spec["auth"], "aws_iam");
    let operations = [
        "UpdateFunctionUrlConfig",
        "GetPolicy",
        "RemovePermission",
        "RemovePermission",
    ];
    assert_eq!(stand.aws.operations(), operations);
    assert_eq!(
        stand.aws.json(0),
        json!({"AuthType": "AWS_IAM", "Cors": {}, "InvokeMode": "BUFFERED"})
    );
}

#[tokio::test]
async fn a_statement_that_says_something_else_under_its_name_is_replaced() {
    let conflict = refusal(
        409,
        "ResourceConflictException",
        "The statement id provided already exists",
    );
    let mut wider = call();
    wider["Condition"] = json!({});
    let replies = vec![
        there("NONE"),
        policy(&[wider, reach()]),
        conflict,
        reply(204, ""),
        added(),
    ];
    let stand = stand(replies);
    let mut have = spec("none");
    have["amiss"] = json!([IDS[0]]);
    stand.update("shop-dev", &have, &spec("none")).await.unwrap();
    let last = &stand.aws.operations()[2..];
    assert_eq!(last, ["AddPermission", "RemovePermission", "AddPermission"]);
}

#[tokio::test]
async fn a_url_that_exists_is_brought_to_what_is_wanted() {
    let exists = refusal(409, "ResourceConflictException", "FunctionUrlConfig exists");
    let stand = stand(vec![
        exists,
        there("AWS_IAM"),
        policy(&[]),
        there("NONE"),
        policy(&[]),
        added(),
        added(),
    ]);
    let seen = stand.create(&spec("none")).await.unwrap();
    assert_eq!(seen.handle.0, "shop-dev");
    assert_eq!(stand.aws.operations()[3], "UpdateFunctionUrlConfig");
}

#[tokio::test]
async fn a_deletion_takes_the_statements_with_it_and_is_whole_where_all_is_gone() {
    let stand = stand(vec![reply(204, ""), policy(&[call()]), reply(204, "")]);
    stand.delete("shop-dev:live").await.unwrap();
    let asked = stand.aws.asked();
    assert!(
        asked.iter().all(|one| one.line.contains("Qualifier=live")),
        "{asked:?}"
    );
    let gone = self::stand(vec![none(), none()]);
    gone.delete("shop-dev").await.unwrap();
}

#[tokio::test]
async fn what_breaks_after_the_url_was_made_may_have_had_an_effect() {
    let denied = refusal(403, "AccessDeniedException", "no");
    let stand = stand(vec![reply(201, config("NONE")), none(), denied]);
    let failure = stand.create(&spec("none")).await.unwrap_err();
    assert_eq!(failure.effect, Effect::Maybe);
}

#[test]
fn rules_for_other_origins_are_told_as_they_are_sent() {
    let cors: Cors =
        serde_json::from_value(json!({"origins": ["*"], "methods": ["GET"], "max_age": 5})).unwrap();
    assert_eq!(Cors::told(&cors.sent()), Some(cors.clone()));
    assert_eq!(Cors::told(&Cors::default().sent()), None);
    let mut form: Spec = serde_json::from_value(spec("none")).unwrap();
    form.cors = Some(Cors {
        credentials: true,
        ..cors
    });
    assert_eq!(form.problems().len(), 1);
}
