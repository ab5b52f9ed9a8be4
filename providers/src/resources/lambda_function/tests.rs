//! Exact calls for each operation and each difference.

mod policy;

use std::collections::BTreeMap;

use grail_state::{Digest, Observed, Record};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
use crate::package::{Bundle, ZipDigest};
use crate::port::{Effect, Retry};

const NAME: &str = "shop-dev-worker";
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-worker";
const TAG: &str = "version=1.34.0:stage=dev:app=shop";

/// A package: its zip, and how a form names it.
struct Zip {
    bytes: Vec<u8>,
    code: Value,
    sha: String,
}

fn zip(text: &str) -> Zip {
    let mut bundle = Bundle::new();
    bundle
        .insert_bytes("app.py", text.as_bytes().to_vec(), false)
        .unwrap();
    let bytes = bundle.zip().unwrap();
    let digest = ZipDigest::of(&bytes);
    let content = bundle.content();
    let code = json!({"content": content.as_str(), "artifact": digest.hex(), "size": bytes.len()});
    let sha = digest.base64();
    Zip { bytes, code, sha }
}

fn spec() -> Value {
    json!({
        "name": NAME, "handler": "app.worker", "runtime": "python3.12", "role": "arn:aws:iam::123456789012:role/shop-dev",
        "memory": 128, "timeout": 60, "environment": {"TABLE": "orders"}, "tags": {"aws-chalice": TAG},
        "architecture": "x86_64", "layers": [], "vpc": null, "tracing": "pass_through", "reserved_concurrency": null,
        "code": zip("one").code,
    })
}

fn with(changes: Value) -> Value {
    let mut spec = spec();
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// What Lambda says of the function of [`spec`].
fn configuration(state: &str, update: &str) -> Value {
    json!({
        "FunctionName": NAME, "FunctionArn": ARN, "Runtime": "python3.12", "Handler": "app.worker",
        "Role": "arn:aws:iam::123456789012:role/shop-dev", "CodeSize": zip("one").bytes.len(), "Timeout": 60, "MemorySize": 128,
        "CodeSha256": zip("one").sha, "Environment": {"Variables": {"TABLE": "orders"}}, "Description": "",
        "TracingConfig": {"Mode": "PassThrough"}, "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""}, "Layers": [],
        "State": state, "LastUpdateStatus": update, "StateReason": "because", "PackageType": "Zip",
    })
}

fn taken(update: &str) -> Reply {
    reply(200, configuration("Active", update))
}

fn there(changes: Value) -> Reply {
    let mut answer = json!({
        "Configuration": configuration("Active", "Successful"),
        "Code": {"RepositoryType": "S3", "Location": "http://127.0.0.1/code.zip"},
        "Tags": {"aws-chalice": TAG, "aws:cloudformation:stack-name": "x"},
    });
    for (key, value) in changes.as_object().unwrap() {
        if key == "Configuration" {
            for (key, value) in value.as_object().unwrap() {
                answer["Configuration"][key] = value.clone();
            }
        } else {
            answer[key] = value.clone();
        }
    }
    reply(200, answer)
}

fn none() -> Reply {
    refusal(
        404,
        "ResourceNotFoundException",
        "Function not found: shop-dev-worker",
    )
}

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("worker", replies, |context| {
        for text in ["one", "two"] {
            context.artifacts.put(&zip(text).bytes).unwrap();
        }
        LambdaFunction::new(Arc::new(context))
    })
}

/// A stand that has no package at hand but those that `foreign` finds.
fn bare(replies: Vec<Reply>, foreign: Option<Zip>) -> Stand {
    Stand::new("worker", replies, |mut context| {
        context.foreign_code = Arc::new(move |sha| {
            foreign
                .as_ref()
                .filter(|zip| zip.sha == sha)
                .map(|zip| zip.bytes.clone())
        });
        LambdaFunction::new(Arc::new(context))
    })
}

#[tokio::test]
async fn what_lambda_reports_and_nobody_wished_is_no_drift() {
    let stand = stand(vec![there(json!({}))]);
    let seen = stand.present(None, Some(&spec())).await;
    assert_eq!(stand.provider.diff(&spec().into(), &seen).unwrap().fields, []);
    assert_eq!((seen.handle.0.as_str(), seen.proof), (ARN, Proof::Ours));
    assert_eq!(seen.outputs["code_sha256"], zip("one").sha);
    assert!(
        seen.spec["environment"]["TABLE"]
            .as_str()
            .unwrap()
            .starts_with("secret:")
    );
    assert_eq!(stand.aws.operations(), ["GetFunction"]);
}

#[tokio::test]
async fn every_field_that_differs_is_seen() {
    let stand = stand(vec![there(json!({
        "Configuration": {
            "Handler": "app.other", "Runtime": "python3.11", "Role": "arn:r", "MemorySize": 256, "Timeout": 3,
            "Environment": {"Variables": {"TABLE": "others", "MORE": "x"}}, "TracingConfig": {"Mode": "Active"},
            "Architectures": ["arm64"], "VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"], "VpcId": "v"},
            "Layers": [{"Arn": "arn:l", "CodeSize": 1}], "CodeSha256": zip("two").sha,
        },
        "Tags": {"aws-chalice": TAG, "extra": "1"},
        "Concurrency": {"ReservedConcurrentExecutions": 0},
    }))]);
    let seen = stand.present(Some(ARN), Some(&spec())).await;
    let diff = stand.provider.diff(&spec().into(), &seen).unwrap();
    let paths: Vec<_> = diff.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "architecture",
            "code",
            "environment.MORE",
            "environment.TABLE",
            "handler",
            "layers",
            "memory",
            "reserved_concurrency",
            "role",
            "runtime",
            "tags.extra",
            "timeout",
            "tracing",
            "vpc"
        ]
    );
    assert!(!diff.replaces());
}

#[tokio::test]
async fn whose_it_is_stands_in_its_tag() {
    for (tags, proof) in [
        (
            json!({"aws-chalice": "version=1.34.0:stage=prod:app=shop"}),
            Proof::Theirs {
                owner: "version=1.34.0:stage=prod:app=shop".into(),
            },
        ),
        (json!({}), Proof::NameOnly),
    ] {
        let stand = stand(vec![there(json!({ "Tags": tags }))]);
        assert_eq!(stand.present(None, Some(&spec())).await.proof, proof);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_not_taken_for_empty() {
    let denied = json!({"TagsError": {"ErrorCode": "AccessDenied", "Message": "no"}});
    let failed = stand(vec![there(denied)])
        .observe(None, Some(&spec()))
        .await
        .unwrap_err();
    assert!(failed.hint.unwrap().contains("lambda:ListTags"));
    let locked =
        json!({"Configuration": {"Environment": {"Error": {"ErrorCode": "AccessDenied", "Message": "no"}}}});
    let failed = stand(vec![there(locked)])
        .observe(None, Some(&spec()))
        .await
        .unwrap_err();
    assert!(failed.hint.unwrap().contains("kms:Decrypt"));
}

#[tokio::test]
async fn a_function_is_sought_by_arn_and_then_by_name() {
    let old = "arn:aws:lambda:us-east-1:123456789012:function:old";
    let stand = stand(vec![none(), there(json!({}))]);
    assert_eq!(stand.present(Some(old), Some(&spec())).await.handle.0, ARN);
    assert_eq!(
        stand.aws.asked()[1].line,
        format!("GET /2015-03-31/functions/{NAME}")
    );
    let gone = self::stand(vec![none()]);
    assert_eq!(
        gone.observe(Some(ARN), Some(&spec())).await.unwrap(),
        Observed::Absent
    );
    assert_eq!(gone.aws.operations(), ["GetFunction"]);
}

async fn content_with(stand: &Stand, spec: &Value, record: Option<&Record>) -> Value {
    let at = Locator {
        id: &stand.id,
        handle: None,
        spec: Some(spec),
        token: None,
        record,
    };
    match stand.provider.observe(at).await.unwrap() {
        Observed::Present(remote) => remote.spec["code"].clone(),
        Observed::Absent => panic!("nothing is there"),
    }
}

#[tokio::test]
async fn unknown_code_is_looked_up_where_it_may_be() {
    let (one, two) = (zip("one"), zip("two"));
    let wish = with(json!({"code": two.code}));
    // In the wish itself: nothing is opened.
    let same = bare(
        vec![there(json!({"Configuration": {"CodeSha256": two.sha}}))],
        None,
    );
    assert_eq!(content_with(&same, &wish, None).await, two.code["content"]);
    // In the record.
    let record = Record {
        handle: grail_state::Handle(ARN.into()),
        spec: json!({"code": "recorded"}),
        outputs: BTreeMap::from([("code_sha256".to_owned(), json!(one.sha))]),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    };
    assert_eq!(
        content_with(&bare(vec![there(json!({}))], None), &wish, Some(&record)).await,
        "recorded"
    );
    // Among the artifacts, and among what Chalice left.
    assert_eq!(
        content_with(&stand(vec![there(json!({}))]), &wish, None).await,
        one.code["content"]
    );
    let left = bare(vec![there(json!({}))], Some(zip("one")));
    assert_eq!(content_with(&left, &wish, None).await, one.code["content"]);
    assert_eq!(left.aws.operations(), ["GetFunction"]);
}

/// Zips are bytes, and canned answers are text: this one is a zip of nothing, which has no byte above 127.
const EMPTY_ZIP: &str = "PK\u{5}\u{6}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[tokio::test]
async fn unknown_code_is_fetched_once_and_kept() {
    let sha = ZipDigest::of(EMPTY_ZIP.as_bytes()).base64();
    let stranger = || there(json!({"Configuration": {"CodeSha256": sha}}));
    let stand = bare(
        vec![stranger(), reply(200, EMPTY_ZIP), stranger(), stranger()],
        None,
    );
    let content = content_with(&stand, &spec(), None).await;
    assert_eq!(content, Bundle::new().content().as_str());
    assert_eq!(content_with(&stand, &spec(), None).await, content);
    // The way back finds it without asking anybody.
    let secured = stand.provider.secure(&stand.remote(ARN, &spec())).await.unwrap();
    assert_eq!(secured.spec["code"]["content"], content);
    assert_eq!(
        stand.aws.operations(),
        ["GetFunction", "GET", "GetFunction", "GetFunction"]
    );
}

#[tokio::test]
async fn code_that_cannot_be_had_is_unknown() {
    let unknown = format!("unknown:{}", zip("one").sha);
    let wish = with(json!({"code": zip("two").code}));
    for answer in [refusal(404, "NoSuchKey", "gone"), reply(200, "other bytes")] {
        let stand = bare(vec![there(json!({})), answer], None);
        assert_eq!(content_with(&stand, &wish, None).await, unknown);
        assert_eq!(stand.aws.operations(), ["GetFunction", "GET"]);
    }
    // What is only recorded is not worth a download.
    let recorded = bare(vec![there(json!({}))], None);
    assert_eq!(
        content_with(&recorded, &json!({"name": NAME, "code": "x"}), None).await,
        unknown
    );
    assert_eq!(recorded.aws.operations(), ["GetFunction"]);
}

#[tokio::test]
async fn a_function_is_made_with_all_that_chalice_sends() {
    let stand = stand(vec![taken("Successful")]);
    let made = stand.create(&spec()).await.unwrap();
    assert_eq!(
        (made.handle.0.as_str(), &made.outputs["name"], made.proof),
        (ARN, &json!(NAME), Proof::Ours)
    );
    assert_eq!(stand.aws.operations(), ["CreateFunction"]);
    let mut sent = stand.aws.json(0);
    let code = sent["Code"]["ZipFile"].take();
    assert_eq!(
        code,
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, zip("one").bytes)
    );
    assert_eq!(
        sent,
        json!({
            "FunctionName": NAME, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/shop-dev",
            "Handler": "app.worker", "Code": {"ZipFile": null}, "Timeout": 60, "MemorySize": 128,
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}, "Environment": {"Variables": {"TABLE": "orders"}},
            "Tags": {"aws-chalice": TAG}, "Layers": [], "Architectures": ["x86_64"],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_function_that_cannot_be_seen_yet_is_waited_for() {
    let made = || reply(201, configuration("Pending", "InProgress"));
    let late = stand(vec![made(), none(), none(), there(json!({}))]);
    late.create(&spec()).await.unwrap();
    assert_eq!(
        late.aws.operations(),
        ["CreateFunction", "GetFunction", "GetFunction", "GetFunction"]
    );

    let replies = std::iter::once(made()).chain(std::iter::repeat_with(none).take(7));
    let gone = stand(replies.collect());
    let failed = gone.create(&spec()).await.unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    assert!(failed.chain().ends_with("is gone"), "{}", failed.chain());
    assert_eq!(gone.aws.operations().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_function_is_awaited_and_then_given_its_reservation() {
    let pending = there(json!({"Configuration": {"State": "Pending"}}));
    let stand = stand(vec![
        reply(201, configuration("Pending", "InProgress")),
        pending,
        there(json!({})),
        reply(200, "{}"),
    ]);
    stand
        .create(&with(json!({"reserved_concurrency": 0, "tracing": "active"})))
        .await
        .unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "CreateFunction",
            "GetFunction",
            "GetFunction",
            "PutFunctionConcurrency"
        ]
    );
    assert_eq!(stand.aws.json(0)["TracingConfig"], json!({"Mode": "Active"}));
    assert_eq!(stand.aws.json(3), json!({"ReservedConcurrentExecutions": 0}));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_lambda_gives_up_on_is_a_failure_with_its_reason() {
    let failed =
        there(json!({"Configuration": {"State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses"}}));
    let stand = stand(vec![reply(201, configuration("Pending", "InProgress")), failed]);
    let failure = stand.create(&spec()).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
    assert!(
        failure.chain().contains("SubnetOutOfIPAddresses: because"),
        "{}",
        failure.chain()
    );
}

#[tokio::test]
async fn a_role_that_lambda_cannot_assume_yet_is_awaited_without_effect() {
    let message = "The role defined for the function cannot be assumed by Lambda.";
    let stand = stand(vec![refusal(400, "InvalidParameterValueException", message)]);
    let failure = stand.create(&spec()).await.unwrap_err();
    assert_eq!(failure.effect, Effect::None);
    assert!(matches!(failure.retry, Retry::Await { .. }));
}

#[tokio::test]
async fn a_function_of_that_name_is_ours_only_by_its_tag() {
    let exists = || {
        refusal(
            409,
            "ResourceConflictException",
            "Function already exist: shop-dev-worker",
        )
    };
    let ours = stand(vec![exists(), there(json!({})), reply(200, "{}")]);
    let made = ours
        .create(&with(json!({"reserved_concurrency": 5})))
        .await
        .unwrap();
    assert_eq!(
        (&made.spec["reserved_concurrency"], &made.spec["code"]),
        (&json!(5), &zip("one").code["content"])
    );
    assert_eq!(
        ours.aws.operations(),
        ["CreateFunction", "GetFunction", "PutFunctionConcurrency"]
    );
    for tags in [json!({}), json!({"aws-chalice": "version=1:stage=prod:app=shop"})] {
        let theirs = stand(vec![exists(), there(json!({ "Tags": tags }))]);
        let failure = theirs.create(&spec()).await.unwrap_err();
        assert!(failure.foreign && failure.effect == Effect::None);
    }
}

#[tokio::test(start_paused = true)]
async fn each_difference_has_its_own_calls() {
    let network = json!({"subnet_ids": ["s"], "security_group_ids": ["g"]});
    let cases: &[(Value, &[&str], Value)] = &[
        (
            json!({"handler": "app.other"}),
            &["UpdateFunctionConfiguration"],
            json!({"Handler": "app.other"}),
        ),
        (
            json!({"runtime": "python3.13"}),
            &["UpdateFunctionConfiguration"],
            json!({"Runtime": "python3.13"}),
        ),
        (
            json!({"role": "arn:r"}),
            &["UpdateFunctionConfiguration"],
            json!({"Role": "arn:r"}),
        ),
        (
            json!({"memory": 512}),
            &["UpdateFunctionConfiguration"],
            json!({"MemorySize": 512}),
        ),
        (
            json!({"timeout": 5}),
            &["UpdateFunctionConfiguration"],
            json!({"Timeout": 5}),
        ),
        (
            json!({"layers": ["l"]}),
            &["UpdateFunctionConfiguration"],
            json!({"Layers": ["l"]}),
        ),
        (
            json!({"environment": {}}),
            &["UpdateFunctionConfiguration"],
            json!({"Environment": {"Variables": {}}}),
        ),
        (
            json!({"environment": {"TABLE": "orders", "B": "2"}}),
            &["UpdateFunctionConfiguration"],
            json!({"Environment": {"Variables": {"TABLE": "orders", "B": "2"}}}),
        ),
        (
            json!({"tracing": "active"}),
            &["UpdateFunctionConfiguration"],
            json!({"TracingConfig": {"Mode": "Active"}}),
        ),
        (
            json!({"vpc": network}),
            &["UpdateFunctionConfiguration"],
            json!({"VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}}),
        ),
        (
            json!({"memory": 512, "handler": "app.other"}),
            &["UpdateFunctionConfiguration"],
            json!({"MemorySize": 512, "Handler": "app.other"}),
        ),
        (
            json!({"reserved_concurrency": 3}),
            &["PutFunctionConcurrency"],
            json!({"ReservedConcurrentExecutions": 3}),
        ),
        (
            json!({"tags": {"aws-chalice": TAG, "team": "a"}}),
            &["TagResource"],
            json!({"Tags": {"team": "a"}}),
        ),
    ];
    for (changes, operations, sent) in cases {
        let stand = stand(operations.iter().map(|_| taken("Successful")).collect());
        stand.update(ARN, &spec(), &with(changes.clone())).await.unwrap();
        assert_eq!(stand.aws.operations(), *operations, "{changes}");
        assert_eq!(&stand.aws.json(0), sent, "{changes}");
    }
}

#[tokio::test]
async fn what_is_no_longer_wished_is_taken_back() {
    let had = with(json!({
        "tracing": "active", "vpc": {"subnet_ids": ["s"], "security_group_ids": ["g"]}, "layers": ["l"],
        "reserved_concurrency": 3, "tags": {"aws-chalice": TAG, "team": "a", "x": "1"},
    }));
    let stand = stand(vec![
        taken("Successful"),
        reply(204, ""),
        reply(204, ""),
        reply(204, ""),
    ]);
    stand
        .update(ARN, &had, &with(json!({"tags": {"aws-chalice": TAG, "x": "2"}})))
        .await
        .unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "UpdateFunctionConfiguration",
            "UntagResource",
            "TagResource",
            "DeleteFunctionConcurrency"
        ]
    );
    assert_eq!(
        stand.aws.json(0),
        json!({
            "TracingConfig": {"Mode": "PassThrough"}, "Layers": [],
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
        })
    );
    assert!(
        stand.aws.asked()[1].line.ends_with("?tagKeys=team"),
        "{}",
        stand.aws.asked()[1].line
    );
    assert_eq!(stand.aws.json(2), json!({"Tags": {"x": "2"}}));
}

#[tokio::test(start_paused = true)]
async fn code_goes_first_and_each_update_is_awaited() {
    let busy = || there(json!({"Configuration": {"LastUpdateStatus": "InProgress"}}));
    let stand = stand(vec![
        taken("InProgress"),
        busy(),
        there(json!({})),
        taken("InProgress"),
        there(json!({})),
    ]);
    let want = with(json!({"code": zip("two").code, "architecture": "arm64", "handler": "app.other"}));
    let changed = stand.update(ARN, &spec(), &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "UpdateFunctionCode",
            "GetFunction",
            "GetFunction",
            "UpdateFunctionConfiguration",
            "GetFunction"
        ]
    );
    assert_eq!(stand.aws.json(0)["Architectures"], json!(["arm64"]));
    assert_eq!(stand.aws.json(3), json!({"Handler": "app.other"}));
    assert_eq!(changed.spec, stand.remote(ARN, &want).spec);
}

/// Lambda measures code and layers together.
#[tokio::test]
async fn layers_that_go_make_room_for_the_code() {
    let stand = stand(vec![taken("Successful"), taken("Successful")]);
    let had = with(json!({"layers": ["l", "m"]}));
    let want = with(json!({"layers": ["l"], "code": zip("two").code}));
    let changed = stand.update(ARN, &had, &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["UpdateFunctionConfiguration", "UpdateFunctionCode"]
    );
    assert_eq!(
        changed.outputs["code_sha256"],
        zip("one").sha,
        "what the answer to the code says"
    );
}

/// After a lost answer what is seen may be an update that has not ended.
#[tokio::test]
async fn a_function_that_is_being_changed_is_not_taken_for_changed() {
    for busy in [
        json!({"State": "Pending"}),
        json!({"LastUpdateStatus": "InProgress"}),
    ] {
        let stand = stand(vec![there(json!({ "Configuration": busy }))]);
        let failed = stand.observe(None, Some(&spec())).await.unwrap_err();
        assert_eq!(failed.effect, Effect::None);
        assert!(matches!(failed.retry, Retry::Await { .. }), "{failed:?}");
    }
}

#[tokio::test]
async fn an_update_that_failed_is_a_difference_and_is_sent_anew() {
    let failed =
        json!({"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "SubnetOutOfIPAddresses"});
    let stand = stand(vec![
        there(json!({ "Configuration": failed })),
        taken("Successful"),
        taken("Successful"),
    ]);
    let have = stand.present(None, Some(&spec())).await;
    let diff = stand.provider.diff(&spec().into(), &have).unwrap();
    assert!(diff.fields.len() == 1 && !diff.replaces());
    assert_eq!(diff.fields[0].have, Some(json!("SubnetOutOfIPAddresses")));
    let (id, want, token) = (&stand.id, &spec(), &stand.token);
    let request = crate::port::Update {
        id,
        have: &have,
        want,
        diff: &diff,
        token,
    };
    stand.provider.update(request).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration"]
    );
    assert_eq!(
        stand.aws.json(2)["Environment"],
        json!({"Variables": {"TABLE": "orders"}})
    );
}

#[tokio::test]
async fn a_processor_is_changed_together_with_the_code_that_is_there() {
    let stand = stand(vec![taken("Successful")]);
    stand
        .update(ARN, &spec(), &with(json!({"architecture": "arm64"})))
        .await
        .unwrap();
    assert_eq!(stand.aws.operations(), ["UpdateFunctionCode"]);
}

#[tokio::test]
async fn a_later_failure_of_an_update_is_a_maybe() {
    let refused = || refusal(400, "InvalidParameterValueException", "Unsupported runtime");
    let want = with(json!({"code": zip("two").code, "runtime": "python2.7"}));
    let failure = stand(vec![taken("Successful"), refused()])
        .update(ARN, &spec(), &want)
        .await
        .unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::Maybe, Retry::Never));
    let failure = stand(vec![refused()])
        .update(ARN, &spec(), &want)
        .await
        .unwrap_err();
    assert_eq!(failure.effect, Effect::None);
}

#[tokio::test]
async fn a_package_that_is_not_at_hand_is_named() {
    let stand = bare(vec![], None);
    let failure = stand.create(&spec()).await.unwrap_err();
    assert!(failure.chain().contains("is not at hand") && failure.effect == Effect::None);
}

fn large(replies: Vec<Reply>, bucket: Option<&str>) -> Stand {
    Stand::new("worker", replies, |mut context| {
        context.code_bucket = bucket.map(ToOwned::to_owned);
        context.artifacts.put(&zip("one").bytes).unwrap();
        let mut function = LambdaFunction::new(Arc::new(context));
        function.packages = function.packages.carrying_at_most(10);
        function
    })
}

#[tokio::test]
async fn what_no_request_can_carry_goes_through_the_bucket_once() {
    let stand = large(
        vec![reply(200, ""), taken("Successful"), taken("Successful")],
        Some("codes"),
    );
    let want = with(json!({"code": zip("one").code}));
    stand.create(&want).await.unwrap();
    stand
        .update(ARN, &with(json!({"code": zip("two").code})), &want)
        .await
        .unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["PutObject", "CreateFunction", "UpdateFunctionCode"]
    );
    let key = format!(
        "grail/shop-dev/{}.zip",
        zip("one").code["artifact"].as_str().unwrap()
    );
    assert!(stand.aws.asked()[0].line.contains(&key));
    assert_eq!(
        stand.aws.json(1)["Code"],
        json!({"S3Bucket": "codes", "S3Key": key})
    );
    assert_eq!(stand.aws.json(2)["S3Key"], json!(key));
}

#[tokio::test]
async fn without_a_bucket_a_large_package_is_refused_with_what_to_do() {
    let stand = large(vec![], None);
    let failure = stand.create(&spec()).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::None, Retry::Never));
    assert!(failure.hint.unwrap().contains("GRAIL_CODE_BUCKET"));
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    for answer in [reply(204, ""), none()] {
        let stand = stand(vec![answer]);
        stand.delete(ARN).await.unwrap();
        assert_eq!(stand.aws.operations(), ["DeleteFunction"]);
    }
}

#[tokio::test]
async fn the_way_back_has_the_environment_in_clear_and_the_old_zip() {
    let stand = bare(vec![there(json!({}))], Some(zip("one")));
    let secured = stand.provider.secure(&stand.remote(ARN, &spec())).await.unwrap();
    assert!(secured.secret && secured.lost.is_empty());
    assert_eq!(secured.spec["environment"], json!({"TABLE": "orders"}));
    assert_eq!(secured.spec["code"], zip("one").code);
    assert_eq!(
        secured.artifacts,
        [Digest(zip("one").code["artifact"].as_str().unwrap().to_owned())]
    );
    // And it is a whole form again.
    let back = self::stand(vec![taken("Successful")]);
    back.create(&secured.spec).await.unwrap();

    let lost = bare(
        vec![
            there(json!({})),
            there(json!({})),
            refusal(404, "NoSuchKey", "gone"),
            taken("Successful"),
        ],
        None,
    );
    let secured = lost.provider.secure(&lost.remote(ARN, &spec())).await.unwrap();
    assert!(secured.artifacts.is_empty());
    assert_eq!(
        secured
            .lost
            .iter()
            .map(|lost| lost.field.as_str())
            .collect::<Vec<_>>(),
        ["code", "architecture"]
    );
    // All but the code can still be taken back.
    lost.update(
        ARN,
        &with(json!({"memory": 512, "code": secured.spec["code"]})),
        &secured.spec,
    )
    .await
    .unwrap();
    let failure = lost
        .update(ARN, &with(json!({"code": zip("two").code})), &secured.spec)
        .await
        .unwrap_err();
    assert!(failure.chain().contains("is not at hand"));
    assert_eq!(
        lost.aws.operations(),
        ["GetFunction", "GetFunction", "GET", "UpdateFunctionConfiguration"]
    );
}

#[tokio::test]
async fn environment_values_never_show() {
    let provider = stand(vec![]).provider;
    let secret = with(json!({"environment": {"KEY": "canary-5f2c"}}));
    let typed: Spec = serde_json::from_value(secret.clone()).unwrap();
    let projected = provider.project(&secret.into()).unwrap().to_string();
    assert!(!format!("{typed:?}").contains("canary") && !projected.contains("canary"));
    assert!(format!("{typed:?}").contains("KEY"));
}

#[test]
fn limits_are_told_before_anything_is_sent() {
    let provider = crate::port::erase(
        LambdaFunction::new(Canned::new([]).context()),
        Arc::new(grail_state::Digester::new([0; 32])),
    );
    let bad = with(json!({
        "name": "a b", "memory": 64, "timeout": 901, "layers": ["1", "2", "3", "4", "5", "6"],
        "environment": {"A": "x".repeat(4096)}, "vpc": {"subnet_ids": ["s"], "security_group_ids": []},
    }));
    let fields: Vec<_> = provider
        .check(&bad.into())
        .unwrap_err()
        .into_iter()
        .map(|one| one.field)
        .collect();
    assert_eq!(
        fields,
        ["name", "memory", "timeout", "layers", "environment", "vpc"]
    );
    assert!(provider.check(&spec().into()).is_ok());
    // `{"A":"..."}` has eight bytes besides the value, and a quote in it counts twice.
    let filled = |value: String| provider.check(&with(json!({"environment": {"A": value}})).into());
    assert!(filled("x".repeat(4088)).is_ok());
    let problems = filled("x".repeat(4089)).unwrap_err();
    assert!(
        problems.len() == 1 && !problems[0].to_string().contains("xx"),
        "{problems:?}"
    );
    assert!(filled("\"".repeat(2045)).is_err());
}

/// What a manifest states beside what Chalice does.
fn stated() -> Value {
    with(
        json!({"description": "works", "ephemeral_storage": 1024, "dead_letter": "arn:aws:sqs:us-east-1:123456789012:dead"}),
    )
}

#[tokio::test]
async fn what_a_wish_states_beside_chalices_fields_is_sent_and_compared() {
    let stand_of_birth = stand(vec![reply(201, configuration("Active", "Successful"))]);
    stand_of_birth.create(&stated()).await.unwrap();
    let sent = stand_of_birth.aws.json(0);
    assert_eq!(sent["Description"], "works");
    assert_eq!(sent["EphemeralStorage"], json!({"Size": 1024}));
    assert_eq!(
        sent["DeadLetterConfig"],
        json!({"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"})
    );

    let stand = stand(vec![there(json!({})), taken("Successful")]);
    let have = stand.present(None, Some(&stated())).await;
    let diff = stand.provider.diff(&stated().into(), &have).unwrap();
    let paths: Vec<_> = diff.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["dead_letter", "description", "ephemeral_storage"]);
    // Taken back, each is as Lambda makes it where nothing is said.
    let plain = with(json!({"description": "", "ephemeral_storage": 512, "dead_letter": ""}));
    stand.update(ARN, &stated(), &plain).await.unwrap();
    let sent = stand.aws.json(1);
    assert_eq!(sent["Description"], "");
    assert_eq!(sent["EphemeralStorage"], json!({"Size": 512}));
    assert_eq!(sent["DeadLetterConfig"], json!({"TargetArn": ""}));
    assert!(sent.get("Timeout").is_none(), "{sent}");
}

#[tokio::test]
async fn what_a_wish_is_silent_on_is_no_difference_and_is_never_sent() {
    let by_hand = json!({"Configuration": {
        "Description": "by hand", "EphemeralStorage": {"Size": 2048},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"},
        "LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "x",
    }});
    let stand = stand(vec![there(by_hand), taken("Successful"), taken("Successful")]);
    let have = stand.present(None, Some(&spec())).await;
    let diff = stand.provider.diff(&spec().into(), &have).unwrap();
    assert_eq!(diff.fields.len(), 1, "{diff:?}");
    let (id, want, token) = (&stand.id, &spec(), &stand.token);
    let request = crate::port::Update {
        id,
        have: &have,
        want,
        diff: &diff,
        token,
    };
    stand.provider.update(request).await.unwrap();
    let sent = stand.aws.json(2);
    for field in ["Description", "EphemeralStorage", "DeadLetterConfig"] {
        assert!(sent.get(field).is_none(), "{field}: {sent}");
    }
}

#[tokio::test]
async fn a_zip_in_a_bucket_is_named_with_its_version_and_known_by_it() {
    let code = json!({
        "content": "s3://builds/worker.zip#v2", "artifact": "", "size": 0,
        "object": {"bucket": "builds", "key": "worker.zip", "version": "v2"},
    });
    let want = with(json!({"code": code}));
    let stand = stand(vec![
        reply(201, configuration("Active", "Successful")),
        there(json!({})),
    ]);
    let made = stand.create(&want).await.unwrap();
    let sent = &stand.aws.json(0)["Code"];
    assert_eq!(
        sent,
        &json!({"S3Bucket": "builds", "S3Key": "worker.zip", "S3ObjectVersion": "v2"})
    );
    // The same zip is there, by its digest: it is what was recorded under that name.
    let record = Record {
        handle: made.handle.clone(),
        spec: made.spec.clone(),
        outputs: made.outputs.clone(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    };
    let content = content_with(&stand, &want, Some(&record)).await;
    assert_eq!(content, "s3://builds/worker.zip#v2");
    // The way back sends what Lambda has, and it is the same code still.
    let back = bare(vec![there(json!({}))], Some(zip("one")));
    let mut seen = back.remote(ARN, &want);
    seen.outputs = made.outputs;
    let secured = back.provider.secure(&seen).await.unwrap();
    assert_eq!(secured.spec["code"]["content"], content);
    assert_eq!(secured.spec["code"]["artifact"], zip("one").code["artifact"]);
}

fn from_image(address: &str, command: &str) -> Value {
    with(json!({
        "handler": "", "runtime": "", "image_config": {"command": [command]},
        "code": {"content": format!("image:{address}"), "artifact": "", "size": 0, "image": address},
    }))
}

#[tokio::test]
async fn a_container_image_is_named_by_its_address_and_has_no_runtime() {
    let address = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:one";
    let want = from_image(address, "serve");
    let stand = stand(vec![
        reply(201, configuration("Active", "Successful")),
        there(json!({
            "Code": {"ImageUri": address},
            "Configuration": {"ImageConfigResponse": {"ImageConfig": {"Command": ["serve"]}}, "Handler": null, "Runtime": null},
        })),
        taken("Successful"),
        taken("Successful"),
    ]);
    stand.create(&want).await.unwrap();
    let sent = stand.aws.json(0);
    assert_eq!(sent["Code"], json!({"ImageUri": address}));
    assert_eq!(sent["PackageType"], "Image");
    assert_eq!(sent["ImageConfig"]["Command"], json!(["serve"]));
    for field in ["Runtime", "Handler", "Layers"] {
        assert!(sent.get(field).is_none(), "{field}: {sent}");
    }
    let have = stand.present(None, Some(&want)).await;
    assert_eq!(have.spec["code"], format!("image:{address}"));
    assert_eq!(have.spec["image_config"]["command"], json!(["serve"]));
    let other = from_image("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:two", "listen");
    stand.update(ARN, &want, &other).await.unwrap();
    let (code, started) = (stand.aws.json(2), stand.aws.json(3));
    assert_eq!(
        code["ImageUri"],
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:two"
    );
    assert_eq!(started["ImageConfig"]["Command"], json!(["listen"]));
    assert!(started.get("Runtime").is_none(), "{started}");
}

#[tokio::test]
async fn a_function_from_a_zip_cannot_become_one_from_an_image() {
    let stand = stand(vec![]);
    let have = stand.remote(ARN, &spec());
    let diff = stand
        .provider
        .diff(&from_image("x.dkr.ecr.y/z:1", "a").into(), &have)
        .unwrap();
    let replaced: Vec<_> = diff
        .fields
        .iter()
        .filter(|field| field.replaces)
        .map(|field| field.path.as_str())
        .collect();
    assert_eq!(replaced, ["package"]);
}

#[tokio::test]
async fn snapshots_are_turned_on_and_off() {
    let (on, off) = (
        with(json!({"snap_start": true})),
        with(json!({"snap_start": false})),
    );
    let stand = stand(vec![taken("Successful"), taken("Successful")]);
    stand.update(ARN, &off, &on).await.unwrap();
    stand.update(ARN, &on, &off).await.unwrap();
    assert_eq!(
        stand.aws.json(0),
        json!({"SnapStart": {"ApplyOn": "PublishedVersions"}})
    );
    assert_eq!(stand.aws.json(1), json!({"SnapStart": {"ApplyOn": "None"}}));
}
