use std::sync::Arc;

use grail_state::{Handle, Observed, Proof};
use serde_json::{Value, json};

use super::*;
use crate::aws::testing::{Reply, Stand, reply};
use crate::port::Effect;

const NAME: &str = "shop-dev-papers-123456789012";

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("papers", replies, |context| S3Bucket::new(Arc::new(context)))
}

fn spec(more: Value) -> Value {
    let mut form = json!({
        "name": NAME, "versioning": false, "encryption": "s3", "public_access_blocked": true,
        "tags": {"grail": "stage=dev:app=shop"},
    });
    for (key, value) in more.as_object().unwrap() {
        form[key] = value.clone();
    }
    form
}

fn refused(status: u16, code: &str) -> Reply {
    reply(
        status,
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

fn done() -> Reply {
    reply(200, "")
}

fn versioning(status: &str) -> Reply {
    reply(
        200,
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"),
    )
}

fn encryption(algorithm: &str, key: &str) -> Reply {
    reply(
        200,
        format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}</SSEAlgorithm>\
             {key}</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        ),
    )
}

fn block(last: bool) -> Reply {
    reply(
        200,
        format!(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>{last}</RestrictPublicBuckets>\
             </PublicAccessBlockConfiguration>"
        ),
    )
}

fn tags(owner: &str) -> Reply {
    reply(
        200,
        format!("<Tagging><TagSet><Tag><Key>grail</Key><Value>{owner}</Value></Tag></TagSet></Tagging>"),
    )
}

fn there(owner: &str) -> Vec<Reply> {
    let key = "<KMSMasterKeyID>arn:aws:kms:us-east-1:123456789012:key/k</KMSMasterKeyID>";
    vec![
        done(),
        versioning("Enabled"),
        encryption("aws:kms", key),
        block(false),
        tags(owner),
    ]
}

/// A bucket in which nothing was ever set.
fn bare(contents: &str) -> Vec<Reply> {
    vec![
        done(),
        reply(200, "<VersioningConfiguration/>"),
        refused(404, "ServerSideEncryptionConfigurationNotFoundError"),
        refused(404, "NoSuchPublicAccessBlockConfiguration"),
        refused(404, "NoSuchTagSet"),
        reply(200, format!("<ListBucketResult>{contents}</ListBucketResult>")),
    ]
}

#[tokio::test]
async fn a_bucket_is_read_whole_in_five_calls() {
    let stand = stand(there("stage=dev:app=shop"));
    let remote = stand.present(None, Some(&spec(json!({})))).await;
    let key = "arn:aws:kms:us-east-1:123456789012:key/k";
    let seen = spec(json!({"versioning": true, "encryption": key, "public_access_blocked": false}));
    assert_eq!((&remote.spec, &remote.proof), (&seen, &Proof::Ours));
    assert_eq!(remote.outputs["arn"], format!("arn:aws:s3:::{NAME}"));
    assert_eq!(
        stand.aws.operations(),
        [
            "HeadBucket",
            "GetBucketVersioning",
            "GetBucketEncryption",
            "GetPublicAccessBlock",
            "GetBucketTagging"
        ]
    );
}

#[tokio::test]
async fn what_a_death_has_left_without_a_mark_is_ours_only_while_it_is_empty() {
    let left = |stand: &Stand| {
        let (id, token, handle) = (stand.id.clone(), stand.token.clone(), Handle(NAME.to_owned()));
        let provider = Arc::clone(&stand.provider);
        async move {
            let at = Locator {
                id: &id,
                handle: Some(&handle),
                spec: None,
                token: Some(&token),
                record: None,
            };
            provider
                .observe(at)
                .await
                .unwrap()
                .remote()
                .unwrap()
                .proof
                .clone()
        }
    };
    assert_eq!(left(&stand(bare(""))).await, Proof::Ours);
    assert_eq!(
        left(&stand(bare("<Contents><Key>a</Key></Contents>"))).await,
        Proof::NameOnly
    );
    // Where nothing was tried, it is somebody's, and what is in it is not even asked.
    let mut unasked = bare("");
    unasked.pop();
    assert_eq!(
        stand(unasked).present(Some(NAME), None).await.proof,
        Proof::NameOnly
    );
    let born = stand(bare("<Contents><Key>a</Key></Contents>"));
    let failed = born.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.foreign && failed.effect == Effect::None);
}

#[tokio::test]
async fn a_bucket_is_made_marked_and_shut() {
    let stand = stand(vec![reply(404, ""), done(), done(), done(), done()]);
    let made = stand.create(&spec(json!({"versioning": true}))).await.unwrap();
    assert_eq!(made.proof, Proof::Ours);
    assert_eq!(
        stand.aws.operations(),
        [
            "HeadBucket",
            "CreateBucket",
            "PutBucketTagging",
            "PutPublicAccessBlock",
            "PutBucketVersioning"
        ]
    );
    let asked = stand.aws.asked();
    assert!(asked[2].body.contains("stage=dev:app=shop"), "{}", asked[2].body);
    assert!(
        asked[3]
            .body
            .contains("<RestrictPublicBuckets>true</RestrictPublicBuckets>")
    );
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_foreign() {
    let taken = stand(vec![reply(404, ""), refused(409, "BucketAlreadyExists")]);
    let failed = taken.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.foreign, "{}", failed.chain());
    // What may not be looked at is not taken for absent, and nothing is sent to it.
    let shut = stand(vec![reply(403, "")]);
    let failed = shut.create(&spec(json!({}))).await.unwrap_err();
    assert!(failed.effect == Effect::None && failed.hint.is_some());
    assert_eq!(shut.aws.operations(), ["HeadBucket"]);
    let asked = shut.aws.asked();
    assert_eq!(asked[0].headers["x-amz-expected-bucket-owner"], "123456789012");
}

#[tokio::test]
async fn each_part_is_changed_by_its_own_call() {
    let stand = stand(vec![done(), done(), done(), done()]);
    let want = spec(json!({
        "versioning": true, "encryption": "alias/papers", "public_access_blocked": false,
        "tags": {"grail": "stage=dev:app=shop", "team": "x"},
    }));
    stand.update(NAME, &spec(json!({})), &want).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "PutBucketTagging",
            "PutPublicAccessBlock",
            "PutBucketVersioning",
            "PutBucketEncryption"
        ]
    );
    assert!(stand.aws.asked()[3].body.contains("alias/papers"));
    let back = self::stand(vec![done()]);
    back.update(NAME, &spec(json!({"versioning": true})), &spec(json!({})))
        .await
        .unwrap();
    assert!(back.aws.asked()[0].body.contains("Suspended"));
}

#[tokio::test]
async fn a_bucket_that_is_not_empty_stays_and_what_is_gone_is_deleted() {
    let full = stand(vec![refused(409, "BucketNotEmpty")]);
    let failed = full.delete(NAME).await.unwrap_err();
    assert!(
        failed.hint.unwrap().contains("never empties"),
        "no word on what to do"
    );
    assert_eq!(full.aws.operations(), ["DeleteBucket"]);
    for answer in [reply(204, ""), refused(404, "NoSuchBucket")] {
        stand(vec![answer]).delete(NAME).await.unwrap();
    }
    let stand = stand(vec![reply(404, "")]);
    assert_eq!(stand.observe(Some(NAME), None).await.unwrap(), Observed::Absent);
}

#[test]
fn what_s3_would_refuse_is_named_by_field() {
    for (more, field) in [
        (json!({"name": "Papers"}), "name"),
        (json!({"name": "a..b"}), "name"),
        (json!({"name": "-ab"}), "name"),
        (json!({"name": "192.168.0.1"}), "name"),
        (json!({"encryption": ""}), "encryption"),
        (json!({"tags": {"aws:x": "y"}}), "tags"),
    ] {
        let form: Spec = serde_json::from_value(spec(more.clone())).unwrap();
        let fields: Vec<_> = S3Bucket::check(&form).into_iter().map(|one| one.field).collect();
        assert_eq!(fields, [field], "{more}");
    }
}
