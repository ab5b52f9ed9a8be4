//! What S3 would refuse is found before it is asked.

use super::*;

fn problems(spec: Value) -> Vec<(String, String)> {
    let checked = S3Notification::check(&serde_json::from_value(spec).unwrap());
    checked
        .into_iter()
        .map(|problem| (problem.field, problem.why))
        .collect()
}

#[test]
fn what_s3_would_refuse_is_found_by_looking_at_the_form() {
    assert_eq!(problems(two()), []);
    let fields = |spec| {
        problems(spec)
            .into_iter()
            .map(|(field, _)| field)
            .collect::<Vec<_>>()
    };
    let odd = spec(&[("a", entry(A, "ObjectMade:*", ""))]);
    let said = problems(odd);
    assert_eq!(said[0].0, "entries.a.events");
    assert!(
        said[0].1.contains("`s3:ObjectMade:*`") && said[0].1.contains("s3:ObjectCreated:Put"),
        "{said:?}"
    );
    assert_eq!(
        fields(json!({"bucket": "photos", "entries": {"a": {"function": A, "events": []}}})),
        ["entries.a.events"]
    );
    assert_eq!(
        fields(spec(&[("a", entry("shop-dev", "ObjectCreated:*", ""))])),
        ["entries.a.function"]
    );
    assert_eq!(
        fields(spec(&[("a", entry(A, "ObjectCreated:*", "a\n"))])),
        ["entries.a.prefix"]
    );
    assert_eq!(
        fields(spec(&[("a", entry(A, "ObjectCreated:*", &"é".repeat(513)))])),
        ["entries.a.prefix"]
    );
    assert_eq!(
        fields(json!({"bucket": "arn:aws:s3:::photos", "entries": {}})),
        ["bucket"]
    );
    let overlapping = spec(&[
        ("a", entry(A, "ObjectCreated:*", "")),
        ("b", entry(B, "ObjectCreated:Put", "b/")),
    ]);
    let said = problems(overlapping);
    assert_eq!((said.len(), said[0].0.as_str()), (1, "entries.b"));
    assert!(said[0].1.contains("`b` and `a` overlap"));
}

async fn verified(answer: Reply, spec: &Value) -> Vec<(String, String)> {
    let stand = stand(vec![answer]);
    let found = stand.provider.verify(spec).await.unwrap();
    assert_eq!(stand.aws.operations(), [GET]);
    found
        .into_iter()
        .map(|problem| (problem.field, problem.why))
        .collect()
}

#[tokio::test]
async fn planning_finds_a_bucket_that_is_not_there_or_not_ours() {
    let says = |found: Vec<(String, String)>, words: &str| {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == "bucket" && found[0].1.contains(words), "{found:?}");
    };
    says(
        verified(no_bucket(), &one("")).await,
        "there is no bucket `photos`: a project names",
    );
    says(
        verified(refusal(403, "AccessDenied", "Access Denied"), &one("")).await,
        "belongs to another account",
    );
    let region = vec![("x-amz-bucket-region", "eu-west-1".to_owned())];
    let moved = Reply::Answer(
        301,
        region,
        "<Error><Code>PermanentRedirect</Code></Error>".to_owned(),
    );
    says(verified(moved, &one("")).await, "is in eu-west-1");
    let signed = refusal(
        400,
        "AuthorizationHeaderMalformed",
        "the region 'us-east-1' is wrong; expecting 'eu-west-3'",
    );
    says(verified(signed, &one("")).await, "is in eu-west-3");
}

#[tokio::test]
async fn planning_finds_a_notification_of_others_that_overlaps() {
    let queue = "<QueueConfiguration><Id>q1</Id><Queue>arn:aws:sqs:us-east-1:1:q</Queue><Event>s3:ObjectCreated:Put</Event>\
                 </QueueConfiguration>";
    let found = verified(there(&[queue, TOPIC, BRIDGE]), &one("a/")).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "entries.a-s3event");
    assert!(
        found[0].1.contains("arn:aws:sqs:us-east-1:1:q") && found[0].1.contains("`q1`"),
        "{found:?}"
    );
    let other = verified(there(&[&live("x", OTHER, "ObjectCreated:*", "a/b")]), &one("a/")).await;
    assert!(other[0].1.contains(OTHER), "{other:?}");
    assert_eq!(
        verified(there(&[queue]), &spec(&[("a", entry(A, "ObjectRemoved:*", ""))])).await,
        []
    );
}

/// A handler's old name goes in the same write. A name tells less than the tag: `shop-dev-b` may be `b` of the stage `dev`,
/// and the only function of a stage `dev-b`.
#[tokio::test]
async fn a_function_with_our_prefix_is_ours_unless_its_tag_says_otherwise() {
    let tagged = |tag: &str| reply(200, json!({"Tags": {"aws-chalice": tag}}));
    let ours = tagged("version=1.34.0:stage=dev:app=shop");
    let theirs = tagged("version=1.34.0:stage=dev-b:app=shop");
    let refused = crate::aws::testing::refusal;
    let gone = refused(404, "ResourceNotFoundException", "Function not found");
    let denied = refused(403, "AccessDeniedException", "no");
    for (answer, count) in [(ours, 0), (theirs, 1), (gone, 0), (denied, 0)] {
        let stand = stand(vec![there(&[&live("1", B, "ObjectCreated:*", "a/")]), answer]);
        let found = stand.provider.verify(&one("a/")).await.unwrap();
        assert_eq!(found.len(), count, "{found:?}");
        assert_eq!(stand.aws.operations(), [GET, "ListTags"]);
    }
    // Nobody is asked about what is in nobody's way.
    let apart = stand(vec![there(&[&live("1", B, "ObjectCreated:*", "b/")])]);
    assert_eq!(apart.provider.verify(&one("a/")).await.unwrap(), []);
    assert_eq!(apart.aws.operations(), [GET]);
}
