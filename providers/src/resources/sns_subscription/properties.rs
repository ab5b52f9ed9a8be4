//! What holds for every list of subscriptions to a topic: ten thousand cases from a fixed seed.

use aws_sdk_sns::types::Subscription;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::PROTOCOL;
use super::sought::{Page, There};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:news";
const OURS: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-news";
const ENDPOINTS: &[&str] = &[
    OURS,
    "arn:aws:lambda:us-east-1:123456789012:function:shop-dev-news:prod",
    "arn:aws:lambda:us-east-1:123456789012:function:other",
    "ann@example.com",
];
const PROTOCOLS: &[&str] = &[PROTOCOL, "sqs", "email"];
const PENDING: &str = "PendingConfirmation";

/// Subscriptions of anybody, some of them not confirmed; SNS has one for each protocol and endpoint.
fn subscriptions() -> impl Strategy<Value = Vec<Subscription>> {
    prop::collection::btree_map((0..PROTOCOLS.len(), 0..ENDPOINTS.len()), any::<u8>(), 0..8).prop_map(|all| {
        let each = all
            .into_iter()
            .enumerate()
            .map(|(number, ((protocol, endpoint), state))| {
                let arn = if state % 5 == 0 {
                    PENDING.to_owned()
                } else {
                    format!("{TOPIC}:{number}")
                };
                Subscription::builder()
                    .topic_arn(TOPIC)
                    .protocol(PROTOCOLS[protocol])
                    .endpoint(ENDPOINTS[endpoint])
                    .subscription_arn(arn)
                    .build()
            });
        each.collect()
    })
}

fn found(there: &[Subscription]) -> Option<There> {
    let page = Page {
        there: there.iter().filter_map(There::listed).collect(),
        next: None,
    };
    page.of(OURS)
}

fn is_ours(one: &Subscription) -> bool {
    one.protocol() == Some(PROTOCOL) && one.endpoint() == Some(OURS)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(95),
        ..ProptestConfig::default()
    })]

    #[test]
    fn our_pair_is_found_and_nobody_elses(there in subscriptions()) {
        let ours = there.iter().find(|one| is_ours(one));
        let wanted = ours.and_then(|one| one.subscription_arn()).filter(|arn| *arn != PENDING);
        let found = found(&there);
        prop_assert_eq!(found.as_ref().map(|one| one.arn.as_str()), wanted);
    }

    #[test]
    fn taking_away_what_is_found_leaves_what_others_have(there in subscriptions()) {
        let mut left = there.clone();
        if let Some(ours) = found(&left) {
            left.retain(|one| one.subscription_arn() != Some(&ours.arn));
        }
        let others = |all: &[Subscription]| all.iter().filter(|one| !is_ours(one)).cloned().collect::<Vec<_>>();
        prop_assert_eq!(others(&left), others(&there));
        prop_assert!(found(&left).is_none());
    }
}
