use grail_state::Observed;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::aws::testing::{Reply, Stand, form_field, reply, xml, xml_refusal};
use crate::port::{Effect, Retry};

const NAME: &str = "shop-dev";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("default-role", replies, |context| IamRole::new(Arc::new(context)))
}

fn trust(sid: bool) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"});
    if sid {
        statement["Sid"] = json!("");
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn logs(sid: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": sid, "Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": resource}]})
}

fn spec(policies: Value) -> Value {
    json!({"name": NAME, "trust": trust(false), "policies": policies})
}

fn encoded(document: &Value) -> String {
    utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string()
}

fn role(operation: &str, tag: Option<&str>) -> Reply {
    let tags = tag.map(|tag| format!("<Tags><member><Key>grail</Key><Value>{tag}</Value></member></Tags>"));
    xml(
        operation,
        &format!(
            "<Role><Path>/</Path><RoleName>{NAME}</RoleName><RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/{NAME}</Arn>\
         <CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>{}</Role>",
            encoded(&trust(true)),
            tags.unwrap_or_default()
        ),
    )
}

fn policy(document: &Value) -> Reply {
    xml(
        "GetRolePolicy",
        &format!(
            "<RoleName>{NAME}</RoleName><PolicyName>{NAME}</PolicyName><PolicyDocument>{}</PolicyDocument>",
            encoded(document)
        ),
    )
}

fn gone() -> Reply {
    xml_refusal(
        404,
        "NoSuchEntity",
        "The role with name shop-dev cannot be found.",
    )
}

fn done() -> Reply {
    reply(200, "<DoneResponse/>")
}

#[tokio::test]
async fn what_chalice_made_equals_the_wish_in_meaning() {
    let wish = spec(json!({NAME: logs("1", "*")}));
    let stand = stand(vec![role("GetRole", None), policy(&logs("6f1e", "*"))]);
    let there = stand.present(None, Some(&wish)).await;
    assert!(stand.provider.diff(&wish.into(), &there).unwrap().is_empty());
    assert_eq!(there.outputs["arn"], "arn:aws:iam::123456789012:role/shop-dev");
    assert_eq!(there.proof, Proof::NameOnly);
    assert_eq!(stand.aws.operations(), ["GetRole", "GetRolePolicy"]);
}

#[tokio::test]
async fn without_a_word_on_policies_all_are_read() {
    let more =
        "<PolicyNames><member>a</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker>";
    let last = "<PolicyNames><member>b</member></PolicyNames><IsTruncated>false</IsTruncated>";
    let stand = stand(vec![
        role("GetRole", Some("t")),
        xml("ListRolePolicies", more),
        xml("ListRolePolicies", last),
        policy(&logs("1", "*")),
        policy(&logs("1", "*")),
    ]);
    let there = stand.present(Some(NAME), None).await;
    assert_eq!(there.spec["policies"].as_object().unwrap().len(), 2);
    assert_eq!(there.proof, Proof::Mark(StepToken("t".into())));
    assert_eq!(form_field(&stand.aws.asked()[2].body, "Marker").unwrap(), "m");
}

#[tokio::test]
async fn a_role_that_is_not_there_is_one_look() {
    let stand = stand(vec![gone()]);
    assert_eq!(
        stand.observe(Some(NAME), Some(&spec(json!({})))).await.unwrap(),
        Observed::Absent
    );
    assert_eq!(stand.aws.operations(), ["GetRole"]);
}

#[tokio::test]
async fn a_role_is_made_with_its_mark_and_its_policies() {
    let stand = stand(vec![role("CreateRole", Some("token-1")), done()]);
    let made = stand.create(&spec(json!({NAME: logs("1", "*")}))).await.unwrap();
    assert_eq!(
        (made.handle.0.as_str(), made.proof),
        (NAME, Proof::Mark(stand.token.clone()))
    );
    assert_eq!(stand.aws.operations(), ["CreateRole", "PutRolePolicy"]);
    let asked = stand.aws.asked();
    assert_eq!(form_field(&asked[0].body, "Tags.member.1.Key").unwrap(), "grail");
    assert_eq!(
        form_field(&asked[0].body, "Tags.member.1.Value").unwrap(),
        "token-1"
    );
    let sent: Value = serde_json::from_str(&form_field(&asked[1].body, "PolicyDocument").unwrap()).unwrap();
    assert_eq!(
        (sent, form_field(&asked[1].body, "PolicyName").unwrap().as_str()),
        (logs("1", "*"), NAME)
    );
}

#[tokio::test]
async fn a_bad_policy_leaves_the_role_and_says_so() {
    let stand = stand(vec![
        role("CreateRole", None),
        xml_refusal(400, "MalformedPolicyDocument", "Syntax errors in policy."),
    ]);
    let failed = stand
        .create(&spec(json!({NAME: logs("1", "*")})))
        .await
        .unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    assert!(failed.chain().contains("Syntax errors in policy."));
}

#[tokio::test]
async fn a_role_of_that_name_is_ours_only_with_our_mark() {
    let exists = || {
        xml_refusal(
            409,
            "EntityAlreadyExists",
            "Role with name shop-dev already exists.",
        )
    };
    let wish = spec(json!({NAME: logs("1", "*")}));
    let mine = stand(vec![exists(), role("GetRole", Some("token-1")), done()]);
    assert_eq!(mine.create(&wish).await.unwrap().handle.0, NAME);
    assert_eq!(mine.aws.operations(), ["CreateRole", "GetRole", "PutRolePolicy"]);
    for tag in [None, Some("token-0")] {
        let theirs = stand(vec![exists(), role("GetRole", tag)]);
        let failed = theirs.create(&wish).await.unwrap_err();
        assert!(failed.foreign && failed.effect == Effect::None);
        assert_eq!(theirs.aws.operations(), ["CreateRole", "GetRole"]);
    }
}

#[tokio::test]
async fn a_role_that_iam_does_not_see_yet_is_awaited() {
    let stand = stand(vec![role("CreateRole", None), gone()]);
    let failed = stand
        .create(&spec(json!({NAME: logs("1", "*")})))
        .await
        .unwrap_err();
    assert_eq!(failed.effect, Effect::Maybe);
    assert!(matches!(
        failed.retry,
        Retry::Await {
            on: "the role to become visible",
            ..
        }
    ));
}

#[tokio::test]
async fn an_update_makes_only_the_calls_that_the_difference_needs() {
    let have = spec(json!({"a": logs("1", "*"), "b": logs("1", "*"), "c": logs("1", "*")}));
    let want = spec(json!({"a": logs("2", "*"), "b": logs("1", "arn:x"), "d": logs("1", "*")}));
    let policies = stand(vec![done(), done(), done()]);
    policies.update(NAME, &have, &want).await.unwrap();
    assert_eq!(
        policies.aws.operations(),
        ["PutRolePolicy", "PutRolePolicy", "DeleteRolePolicy"]
    );
    let named: Vec<_> = policies
        .aws
        .asked()
        .iter()
        .map(|asked| form_field(&asked.body, "PolicyName").unwrap())
        .collect();
    assert_eq!(named, ["b", "d", "c"]);

    let mut want = have.clone();
    want["trust"]["Statement"][0]["Principal"]["Service"] = json!("edgelambda.amazonaws.com");
    let trust = stand(vec![done()]);
    trust.update(NAME, &have, &want).await.unwrap();
    assert_eq!(trust.aws.operations(), ["UpdateAssumeRolePolicy"]);
}

#[tokio::test]
async fn a_later_failure_of_an_update_is_a_maybe() {
    let have = spec(json!({}));
    let want = spec(json!({"a": logs("1", "*"), "b": logs("1", "*")}));
    let denied = || {
        xml_refusal(
            403,
            "AccessDenied",
            "User: u is not authorized to perform: iam:PutRolePolicy on x",
        )
    };
    let first = stand(vec![denied()])
        .update(NAME, &have, &want)
        .await
        .unwrap_err();
    assert_eq!(first.effect, Effect::None);
    let second = stand(vec![done(), denied()])
        .update(NAME, &have, &want)
        .await
        .unwrap_err();
    assert_eq!(second.effect, Effect::Maybe);
}

#[tokio::test]
async fn a_role_is_emptied_before_it_is_deleted() {
    // The two lists are asked for at the same time, in this order.
    let stand = stand(vec![
        xml(
            "ListRolePolicies",
            "<PolicyNames><member>a</member></PolicyNames>",
        ),
        xml(
            "ListAttachedRolePolicies",
            "<AttachedPolicies><member><PolicyName>p</PolicyName><PolicyArn>arn:p</PolicyArn></member></AttachedPolicies>",
        ),
        done(),
        xml_refusal(404, "NoSuchEntity", "detached meanwhile"),
        done(),
    ]);
    stand.delete(NAME).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "ListRolePolicies",
            "ListAttachedRolePolicies",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "DeleteRole"
        ]
    );
}

#[tokio::test]
async fn a_role_that_is_gone_is_deleted() {
    let stand = stand(vec![gone(), gone(), gone()]);
    stand.delete(NAME).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["ListRolePolicies", "ListAttachedRolePolicies", "DeleteRole"]
    );
}

#[tokio::test]
async fn the_way_back_has_the_documents_to_the_letter() {
    let stand = stand(vec![role("GetRole", None), policy(&logs("6f1e", "*"))]);
    let have = stand.remote(NAME, &spec(json!({NAME: logs("1", "*")})));
    let secured = stand.provider.secure(&have).await.unwrap();
    assert_eq!(secured.spec["policies"][NAME], logs("6f1e", "*"));
    assert!(!secured.secret);
}

fn bounded(arn: &str) -> Value {
    let mut form = spec(json!({}));
    form["boundary"] = json!(arn);
    form
}

#[tokio::test]
async fn a_boundary_is_set_changed_and_taken_away() {
    let arn = "arn:aws:iam::123456789012:policy/limits";
    let stand = stand(vec![role("CreateRole", Some("token-1")), done(), done()]);
    stand.create(&bounded(arn)).await.unwrap();
    let other = bounded("arn:aws:iam::aws:policy/ReadOnlyAccess");
    stand.update(NAME, &bounded(arn), &other).await.unwrap();
    stand.update(NAME, &other, &bounded("")).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "CreateRole",
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary"
        ]
    );
    let sent = form_field(&stand.aws.asked()[0].body, "PermissionsBoundary");
    assert_eq!(sent.as_deref(), Some(arn));
}

#[tokio::test]
async fn a_boundary_on_which_the_wish_is_silent_is_no_difference() {
    let boundary = "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
                    <PermissionsBoundaryArn>arn:aws:iam::123456789012:policy/limits</PermissionsBoundaryArn></PermissionsBoundary></Role>";
    let bounded_role = || match role("GetRole", None) {
        Reply::Answer(status, headers, body) => {
            Reply::Answer(status, headers, body.replace("</Role>", boundary))
        }
        other => other,
    };
    for (wish, differs) in [(spec(json!({})), false), (bounded(""), true)] {
        let stand = stand(vec![bounded_role()]);
        let have = stand.present(None, Some(&wish)).await;
        assert_eq!(
            stand.provider.diff(&wish.into(), &have).unwrap().is_empty(),
            !differs
        );
    }
}
