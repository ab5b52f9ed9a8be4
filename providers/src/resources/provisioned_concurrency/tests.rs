use grail_state::Observed;

use super::*;
use crate::aws::testing::{Reply, Stand, refusal, reply};
use crate::port::{Effect, Retry};

fn stand(replies: Vec<Reply>) -> Stand {
    Stand::new("work", replies, |context| {
        ProvisionedConcurrency::new(Arc::new(context))
    })
}

fn spec(count: u32) -> Value {
    json!({"function": "shop-dev-work", "qualifier": "3", "count": count})
}

fn config(count: u32, status: &str) -> Reply {
    reply(
        200,
        json!({
            "RequestedProvisionedConcurrentExecutions": count, "Status": status, "StatusReason": "FUNCTION_ERROR_INIT_FAILURE",
        }),
    )
}

fn none() -> Reply {
    refusal(
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found",
    )
}

#[tokio::test(start_paused = true)]
async fn instances_are_waited_for() {
    let stand = stand(vec![
        config(2, "IN_PROGRESS"),
        config(2, "IN_PROGRESS"),
        config(2, "READY"),
    ]);
    let made = stand.create(&spec(2)).await.unwrap();
    assert_eq!(made.handle.0, "shop-dev-work:3");
    assert_eq!(
        stand.aws.operations(),
        [
            "PutProvisionedConcurrencyConfig",
            "GetProvisionedConcurrencyConfig",
            "GetProvisionedConcurrencyConfig"
        ]
    );
    assert_eq!(stand.aws.json(0), json!({"ProvisionedConcurrentExecutions": 2}));
    assert!(stand.aws.asked()[0].line.ends_with("?Qualifier=3"));
}

#[tokio::test(start_paused = true)]
async fn what_lambda_gave_up_on_is_a_failure_and_a_difference() {
    let put = stand(vec![config(2, "IN_PROGRESS"), config(2, "FAILED")]);
    let failed = put.create(&spec(2)).await.unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    assert!(failed.chain().contains("INIT_FAILURE"), "{}", failed.chain());

    let look = stand(vec![config(2, "FAILED")]);
    let seen = look.present(None, Some(&spec(2))).await;
    let diff = look.provider.diff(&spec(2).into(), &seen).unwrap();
    assert!(diff.touches("failed") && !diff.replaces());
}

#[tokio::test]
async fn what_is_being_provided_is_awaited() {
    let stand = stand(vec![config(2, "IN_PROGRESS")]);
    let failed = stand.observe(Some("shop-dev-work:3"), None).await.unwrap_err();
    assert!(matches!(failed.retry, Retry::Await { .. }));
}

#[tokio::test]
async fn another_number_is_put_and_another_version_is_another_one() {
    let stand = stand(vec![config(1, "READY"), config(3, "READY")]);
    let seen = stand.present(None, Some(&spec(3))).await;
    let diff = stand.provider.diff(&spec(3).into(), &seen).unwrap();
    assert_eq!((diff.touches("count"), diff.replaces()), (true, false));
    stand.update("shop-dev-work:3", &spec(1), &spec(3)).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "GetProvisionedConcurrencyConfig",
            "PutProvisionedConcurrencyConfig"
        ]
    );
    let mut other = spec(1);
    other["qualifier"] = json!("4");
    assert!(stand.provider.diff(&other.into(), &seen).unwrap().replaces());
}

#[tokio::test]
async fn what_is_not_there_is_absent_and_goes_without_a_word() {
    let stand = stand(vec![none(), none()]);
    let seen = stand.observe(Some("shop-dev-work:3"), None).await.unwrap();
    assert_eq!(seen, Observed::Absent);
    stand.delete("shop-dev-work:3").await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        [
            "GetProvisionedConcurrencyConfig",
            "DeleteProvisionedConcurrencyConfig"
        ]
    );
}
