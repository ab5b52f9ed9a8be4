//! What holds for every list of targets: ten thousand cases from a fixed seed.

use aws_sdk_cloudwatchevents::types::Target;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::TARGET;
use super::reading::{other_targets, our_target};
use super::writing::taken;

const ARNS: &[&str] = &[
    "arn:aws:lambda:us-east-1:1:function:shop-dev-clock",
    "arn:aws:lambda:us-east-1:1:function:other",
    "arn:aws:sqs:us-east-1:1:q",
];

/// Targets of anybody; a rule has each id once.
fn targets() -> impl Strategy<Value = Vec<Target>> {
    prop::collection::btree_map(
        "[12ab]{1,2}",
        (0..ARNS.len(), prop::option::of("[a-c]{1,3}")),
        0..5,
    )
    .prop_map(|all| {
        let each = all.into_iter().map(|(id, (arn, input))| {
            Target::builder()
                .id(id)
                .arn(ARNS[arn])
                .set_input(input)
                .build()
                .unwrap()
        });
        each.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(94),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_target_is_ours_or_told(there in targets()) {
        let ours = there.iter().filter(|target| target.id == TARGET).count();
        prop_assert_eq!(usize::from(our_target(&there).is_some()), ours);
        prop_assert_eq!(other_targets(&there).len(), there.len() - ours);
    }

    #[test]
    fn an_end_takes_our_target_alone_and_the_rule_only_where_nobody_else_has_one(
        there in targets(),
        known in prop::option::of(0..ARNS.len()),
    ) {
        let known = known.map(|known| ARNS[known]);
        let (target, rule) = taken(&there, known);
        let left: Vec<_> = there.iter().filter(|one| !(target && one.id == TARGET)).collect();
        // What has another id stays, and so does a target `1` that somebody has pointed elsewhere.
        let theirs = |one: &&Target| one.id != TARGET || known.is_some_and(|known| known != one.arn);
        prop_assert_eq!(&left, &there.iter().filter(theirs).collect::<Vec<_>>());
        prop_assert_eq!(rule, left.is_empty());
        // Nothing is left for a second time.
        let left: Vec<Target> = left.into_iter().cloned().collect();
        prop_assert_eq!(taken(&left, known), (false, left.is_empty()));
    }
}
