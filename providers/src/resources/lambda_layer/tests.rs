//! Exact calls, and which version is found.

use std::collections::BTreeMap;

use grail_state::{Handle, Observed, Proof, Record};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::package::{Bundle, ZipDigest};
use crate::port::{Effect, Retry};

const NAME: &str = "shop-dev-managed-layer";
const LAYER: &str = "arn:aws:lambda:us-east-1:123456789012:layer:shop-dev-managed-layer";
const OURS: &str = "stage=dev:app=shop";

struct Zip {
    bytes: Vec<u8>,
    code: Value,
    sha: String,
}

fn zip(text: &str) -> Zip {
    let mut bundle = Bundle::new();
    let path = "python/lib/python3.12/site-packages/lib.py";
    bundle
        .insert_bytes(path, text.as_bytes().to_vec(), false)
        .unwrap();
    let bytes = bundle.zip().unwrap();
    let digest = ZipDigest::of(&bytes);
    let code = json!({"content": bundle.content().as_str(), "artifact": digest.hex(), "size": bytes.len()});
    let sha = digest.base64();
    Zip { bytes, code, sha }
}

fn spec_of(text: &str) -> Value {
    json!({"name": NAME, "runtime": "python3.12", "architecture": "arm64", "code": zip(text).code})
}

fn spec() -> Value {
    spec_of("one")
}

fn arn(number: u32) -> String {
    format!("{LAYER}:{number}")
}

fn marked(token: &str, text: &str) -> String {
    format!(
        "{OURS} grail:{token}:{}",
        zip(text).code["content"].as_str().unwrap()
    )
}

/// A version that holds `text`.
fn version(number: u32, description: &str, text: &str) -> Reply {
    let zip = zip(text);
    let answer = json!({
        "Content": {"Location": "http://127.0.0.1/layer.zip", "CodeSha256": zip.sha, "CodeSize": zip.bytes.len()},
        "LayerArn": LAYER, "LayerVersionArn": arn(number), "Description": description, "Version": number,
        "CompatibleRuntimes": ["python3.12"], "CompatibleArchitectures": ["arm64"],
    });
    reply(200, answer)
}

fn versions(versions: &[(u32, String)], next: Option<&str>) -> Reply {
    let versions: Vec<_> = versions
        .iter()
        .map(|(number, description)| {
            json!({"LayerVersionArn": arn(*number), "Version": number, "Description": description})
        })
        .collect();
    reply(200, json!({"LayerVersions": versions, "NextMarker": next}))
}

fn none() -> Reply {
    refusal(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
}

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("managed-layer", replies, |context| {
        context.artifacts.put(&zip("one").bytes).unwrap();
        LambdaLayer::new(Arc::new(context))
    })
}

#[tokio::test]
async fn a_recorded_version_is_one_look_and_its_description_tells_its_content() {
    let stand = stand(vec![version(3, &marked("t", "two"), "two")]);
    let seen = stand.present(Some(&arn(3)), Some(&spec_of("two"))).await;
    assert!(
        stand
            .provider
            .diff(&spec_of("two").into(), &seen)
            .unwrap()
            .is_empty()
    );
    assert_eq!((seen.handle.0.clone(), seen.proof.clone()), (arn(3), Proof::Ours));
    assert_eq!(
        (&seen.outputs["arn"], &seen.outputs["version"]),
        (&json!(arn(3)), &json!(3))
    );
    let other = stand.provider.diff(&spec().into(), &seen).unwrap();
    assert!(other.replaces() && other.fields[0].path == "code");
    assert_eq!(stand.aws.operations(), ["GetLayerVersion"]);
    assert_eq!(
        stand.aws.asked()[0].line,
        format!("GET /2018-10-31/layers/{NAME}/versions/3")
    );
}

#[tokio::test]
async fn whoever_published_the_same_content_need_not_publish_it_again() {
    // Chalice's version: no description. Its zip is at hand, or has the bytes of ours.
    let theirs = stand(vec![version(7, "", "one")]);
    let seen = theirs.present(Some(&arn(7)), Some(&spec())).await;
    assert!(theirs.provider.diff(&spec().into(), &seen).unwrap().is_empty());
    assert_eq!(seen.proof, Proof::NameOnly);
    // What was recorded of that zip.
    let bare = Stand::new("managed-layer", [version(7, "", "two")], |context| {
        LambdaLayer::new(Arc::new(context))
    });
    let record = Record {
        handle: Handle(arn(7)),
        spec: json!({"code": "recorded"}),
        outputs: BTreeMap::from([("code_sha256".to_owned(), json!(zip("two").sha))]),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    };
    let (wish, handle) = (spec(), Handle(arn(7)));
    let at = Locator {
        id: &bare.id,
        handle: Some(&handle),
        spec: Some(&wish),
        token: None,
        record: Some(&record),
    };
    match bare.provider.observe(at).await.unwrap() {
        Observed::Present(remote) => assert_eq!(remote.spec["code"], "recorded"),
        Observed::Absent => panic!("nothing is there"),
    }
    // Unknown: asked for, not to be had.
    let unknown = Stand::new(
        "managed-layer",
        [version(7, "", "two"), refusal(403, "AccessDenied", "no")],
        |context| LambdaLayer::new(Arc::new(context)),
    );
    let seen = unknown.present(Some(&arn(7)), Some(&spec())).await;
    assert_eq!(seen.spec["code"], format!("unknown:{}", zip("two").sha));
    assert_eq!(unknown.aws.operations(), ["GetLayerVersion", "GET"]);
}

#[tokio::test]
async fn every_difference_is_another_version() {
    let stand = stand(vec![version(3, &marked("t", "one"), "one")]);
    let seen = stand.present(Some(&arn(3)), Some(&spec())).await;
    for (field, value) in [
        ("name", json!("other")),
        ("runtime", json!("python3.13")),
        ("architecture", json!("x86_64")),
        ("code", zip("two").code),
    ] {
        let mut want = spec();
        want[field] = value;
        let diff = stand.provider.diff(&want.into(), &seen).unwrap();
        assert!(diff.replaces() && diff.fields.len() == 1, "{field}");
    }
}

async fn found_among(
    all: &[(u32, String)],
    token: Option<&str>,
    wish: &Value,
) -> (Option<String>, Vec<String>) {
    let mut replies = vec![versions(&all[..1], Some("next")), versions(&all[1..], None)];
    replies.push(version(99, "", "one"));
    let stand = stand(replies);
    let token = token.map(|token| StepToken(token.to_owned()));
    let at = Locator {
        id: &stand.id,
        handle: None,
        spec: Some(wish),
        token: token.as_ref(),
        record: None,
    };
    let sight = stand.provider.observe(at).await.unwrap();
    let lines = stand.aws.asked().into_iter().map(|asked| asked.line).collect();
    (sight.remote().map(|remote| remote.handle.0.clone()), lines)
}

#[tokio::test]
async fn a_lost_version_is_found_by_attempt_then_content_then_age_and_a_strangers_never() {
    let get = |number: u32| format!("GET /2018-10-31/layers/{NAME}/versions/{number}");
    let stranger = format!(
        "stage=prod:app=shop grail:t9:{}",
        zip("one").code["content"].as_str().unwrap()
    );
    let all = [
        (8, "made by hand".to_owned()),
        (3, marked("t3", "one")),
        (9, stranger.clone()),
        (5, marked("t5", "two")),
        (4, marked("t4", "three")),
    ];
    for (token, wish, number) in [
        (Some("t4"), spec(), 4),
        (Some("t0"), spec(), 3),
        (None, spec_of("two"), 5),
        (None, spec_of("new"), 5),
    ] {
        let (found, lines) = found_among(&all, token, &wish).await;
        assert!(found.is_some());
        assert_eq!(lines[2], get(number), "{token:?}");
        assert!(lines[1].contains("Marker=next"));
    }
    // A recorded form has only the content.
    let (_, lines) = found_among(
        &all,
        None,
        &json!({"name": NAME, "code": zip("one").code["content"]}),
    )
    .await;
    assert_eq!(lines[2], get(3));
    let nothing = stand(vec![versions(&[(9, stranger)], None)]);
    assert_eq!(
        nothing.observe(None, Some(&spec())).await.unwrap(),
        Observed::Absent
    );
}

/// Functions with the layers that they use.
fn functions(functions: &[(&str, &str)], next: Option<&str>) -> Reply {
    let function = |(name, layer): &(&str, &str)| json!({"FunctionName": name, "Layers": [{"Arn": layer}]});
    let functions: Vec<_> = functions.iter().map(function).collect();
    reply(200, json!({"Functions": functions, "NextMarker": next}))
}

#[tokio::test]
async fn a_version_without_a_mark_is_taken_up_where_a_function_of_the_stack_uses_it() {
    let listed = || versions(&[(8, String::new()), (6, "by hand".to_owned())], None);
    let (used, other) = (arn(6), arn(8));
    let first = functions(&[("shop-development", &other), ("shop-dev", &used)], Some("next"));
    let replies = vec![
        listed(),
        first,
        functions(&[("other", &other)], None),
        version(6, "", "one"),
    ];
    let taken = stand(replies);
    let seen = taken.present(None, Some(&spec())).await;
    assert_eq!((seen.handle.0.clone(), seen.proof), (arn(6), Proof::NameOnly));
    let operations = [
        "ListLayerVersions",
        "ListFunctions",
        "ListFunctions",
        "GetLayerVersion",
    ];
    assert_eq!(taken.aws.operations(), operations);
    let unused = stand(vec![listed(), functions(&[("shop-dev", LAYER)], None)]);
    assert_eq!(
        unused.observe(None, Some(&spec())).await.unwrap(),
        Observed::Absent
    );
}

#[tokio::test]
async fn a_recorded_version_that_is_gone_is_sought_by_name() {
    let stand = stand(vec![none(), none()]);
    assert_eq!(
        stand.observe(Some(&arn(3)), Some(&spec())).await.unwrap(),
        Observed::Absent
    );
    assert_eq!(stand.aws.operations(), ["GetLayerVersion", "ListLayerVersions"]);
}

#[tokio::test]
async fn a_version_is_published_with_what_chalice_sends_and_a_mark() {
    let stand = stand(vec![
        versions(&[(1, marked("other", "one"))], None),
        version(2, "", "one"),
    ]);
    let made = stand.create(&spec()).await.unwrap();
    assert_eq!((made.handle.0.clone(), made.proof.clone()), (arn(2), Proof::Ours));
    assert_eq!(made.outputs["code_sha256"], zip("one").sha);
    assert!(stand.provider.diff(&spec().into(), &made).unwrap().is_empty());
    assert_eq!(
        stand.aws.operations(),
        ["ListLayerVersions", "PublishLayerVersion"]
    );
    let mut sent = stand.aws.json(1);
    let sent_zip = sent["Content"]["ZipFile"].take();
    assert_eq!(
        sent_zip,
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, zip("one").bytes)
    );
    assert_eq!(
        sent,
        json!({
            "Content": {"ZipFile": null}, "Description": marked("token-1", "one"),
            "CompatibleRuntimes": ["python3.12"], "CompatibleArchitectures": ["arm64"],
        })
    );
}

#[tokio::test]
async fn the_same_attempt_publishes_once() {
    let mine = marked("token-1", "one");
    let stand = stand(vec![
        versions(&[(2, mine.clone())], None),
        version(2, &mine, "one"),
    ]);
    let made = stand.create(&spec()).await.unwrap();
    assert_eq!(made.handle.0, arn(2));
    assert_eq!(stand.aws.operations(), ["ListLayerVersions", "GetLayerVersion"]);
}

#[tokio::test]
async fn a_lost_answer_is_a_maybe_and_a_refusal_is_none() {
    let lost = stand(vec![versions(&[], None), Reply::Broken]);
    assert_eq!(lost.create(&spec()).await.unwrap_err().effect, Effect::Maybe);
    let refused = stand(vec![
        versions(&[], None),
        refusal(400, "CodeStorageExceededException", "full"),
    ]);
    let failure = refused.create(&spec()).await.unwrap_err();
    assert_eq!((failure.effect, failure.retry), (Effect::None, Retry::Never));
    let missing = stand(vec![versions(&[], None)]);
    let failure = missing.create(&spec_of("two")).await.unwrap_err();
    assert!(failure.chain().contains("is not at hand") && failure.effect == Effect::None);
}

#[tokio::test]
async fn what_no_request_can_carry_goes_through_the_bucket() {
    let replies = [versions(&[], None), reply(200, ""), version(1, "", "one")];
    let stand = Stand::new("managed-layer", replies, |mut context| {
        context.code_bucket = Some("codes".to_owned());
        context.artifacts.put(&zip("one").bytes).unwrap();
        let mut layer = LambdaLayer::new(Arc::new(context));
        layer.packages = layer.packages.carrying_at_most(10);
        layer
    });
    stand.create(&spec()).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["ListLayerVersions", "PutObject", "PublishLayerVersion"]
    );
    let key = format!(
        "grail/shop-dev/{}.zip",
        zip("one").code["artifact"].as_str().unwrap()
    );
    assert_eq!(
        stand.aws.json(2)["Content"],
        json!({"S3Bucket": "codes", "S3Key": key})
    );
}

#[tokio::test]
async fn what_is_gone_is_deleted() {
    for answer in [reply(204, ""), none()] {
        let stand = stand(vec![answer]);
        stand.delete(&arn(12)).await.unwrap();
        assert_eq!(
            stand.aws.asked()[0].line,
            format!("DELETE /2018-10-31/layers/{NAME}/versions/12")
        );
    }
    for bad in ["shop", LAYER, "arn:aws:lambda:us-east-1:123456789012:function:x"] {
        assert_eq!(stand(vec![]).delete(bad).await.unwrap_err().retry, Retry::Never);
    }
}

#[test]
fn a_name_that_lambda_refuses_is_told() {
    let provider = stand(vec![]).provider;
    let mut bad = spec();
    bad["name"] = json!("a b");
    assert_eq!(provider.check(&bad.into()).unwrap_err()[0].field, "name");
    assert!(provider.check(&spec().into()).is_ok());
}
