//! What stood in the policy of a function that is made anew on the way back.

use super::*;

fn policy(statements: &Value) -> Reply {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    reply(200, json!({"Policy": text}))
}

fn statement(sid: &str, principal: Value, condition: Value) -> Value {
    json!({
        "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction",
        "Resource": ARN, "Condition": condition,
    })
}

#[tokio::test]
async fn the_way_back_of_a_deletion_writes_the_policy_again() {
    let bucket = statement(
        "by-chalice",
        json!({"Service": "s3.amazonaws.com"}),
        json!({
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"},
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
        }),
    );
    let everybody = statement(
        "open",
        json!("*"),
        json!({"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    );
    let denied =
        json!({"Sid": "denied", "Effect": "Deny", "Principal": "*", "Action": "lambda:InvokeFunction"});
    let gone = bare(
        vec![there(json!({})), policy(&json!([bucket, everybody, denied]))],
        Some(zip("one")),
    );
    let secured = gone
        .provider
        .secure_whole(&gone.remote(ARN, &spec()))
        .await
        .unwrap();
    assert_eq!(gone.aws.operations(), ["GetFunction", "GetPolicy"]);

    let back = stand(vec![
        reply(201, configuration("Active", "Successful")),
        reply(201, "{}"),
        refusal(400, "InvalidParameterValueException", "nobody of that name"),
    ]);
    let made = back.create(&secured.spec).await.unwrap();
    assert_eq!(
        back.aws.operations(),
        ["CreateFunction", "AddPermission", "AddPermission"],
        "what no request writes is left out, and a refusal does not end it"
    );
    assert_eq!(
        back.aws.json(1),
        json!({
            "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "StatementId": "by-chalice",
            "SourceArn": "arn:aws:s3:::photos", "SourceAccount": "123456789012",
        })
    );
    assert_eq!(back.aws.json(2)["InvokedViaFunctionUrl"], true);
    let wanted = secured.spec.clone().into();
    assert!(back.provider.diff(&wanted, &made).unwrap().is_empty());

    // An answer that was lost: the function is there, its policy perhaps not.
    let found = stand(vec![there(json!({})), reply(201, "{}"), reply(201, "{}")]);
    let have = found.present(None, Some(&spec())).await;
    let diff = found.provider.diff(&wanted, &have).unwrap();
    let (id, want, token) = (&found.id, &secured.spec, &found.token);
    let request = crate::port::Update {
        id,
        have: &have,
        want,
        diff: &diff,
        token,
    };
    found.provider.update(request).await.unwrap();
    assert_eq!(
        found.aws.operations(),
        ["GetFunction", "AddPermission", "AddPermission"]
    );
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_no_reason_to_keep_nothing() {
    let shut = bare(
        vec![
            there(json!({})),
            refusal(
                403,
                "AccessDeniedException",
                "not authorized to perform lambda:GetPolicy",
            ),
        ],
        Some(zip("one")),
    );
    let secured = shut
        .provider
        .secure_whole(&shut.remote(ARN, &spec()))
        .await
        .unwrap();
    assert_eq!(secured.spec["environment"], json!({"TABLE": "orders"}));
    assert_eq!(secured.spec["code"], zip("one").code);
    let lost: Vec<_> = secured.lost.iter().map(|lost| lost.field.as_str()).collect();
    assert_eq!(lost, ["statements"]);
}
