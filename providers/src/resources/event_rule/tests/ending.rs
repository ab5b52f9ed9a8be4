use std::collections::BTreeMap;

use super::*;
use crate::port::Delete;

/// Deletes a rule that is recorded with `function` as its target.
async fn delete(stand: &Stand, function: &str) -> Result<(), Failure> {
    let (handle, spec, outputs) = (
        Handle(NAME.to_owned()),
        with(schedule(), "function", json!(function)),
        BTreeMap::new(),
    );
    let request = Delete {
        id: &stand.id,
        handle: &handle,
        spec: &spec,
        outputs: &outputs,
    };
    stand.provider.delete(request).await
}

#[tokio::test]
async fn our_target_goes_and_then_the_rule() {
    let stand = stand(vec![targets(&[("1", FUNCTION)]), done(), reply(200, "{}")]);
    delete(&stand, FUNCTION).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["ListTargetsByRule", "RemoveTargets", "DeleteRule"]
    );
    assert_eq!(stand.aws.json(1), json!({"Rule": NAME, "Ids": ["1"]}));
    assert_eq!(stand.aws.json(2), json!({"Name": NAME}));
}

#[tokio::test]
async fn what_chalice_recorded_without_a_form_goes_too() {
    let stand = stand(vec![targets(&[("1", FUNCTION)]), done(), reply(200, "{}")]);
    stand.delete(NAME).await.unwrap();
    assert_eq!(
        stand.aws.operations(),
        ["ListTargetsByRule", "RemoveTargets", "DeleteRule"]
    );
}

#[tokio::test]
async fn a_rule_with_targets_of_others_stays_and_that_is_done() {
    let shared = stand(vec![targets(&[("1", FUNCTION), ("mine", OTHER)]), done()]);
    delete(&shared, FUNCTION).await.unwrap();
    assert_eq!(shared.aws.operations(), ["ListTargetsByRule", "RemoveTargets"]);
    // The target `1` points to somebody else's function by now.
    let taken = stand(vec![targets(&[("1", OTHER)])]);
    delete(&taken, FUNCTION).await.unwrap();
    assert_eq!(taken.aws.operations(), ["ListTargetsByRule"]);
    // It came between our look and the deletion.
    let refused = refusal(
        400,
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    );
    let late = stand(vec![
        targets(&[("1", FUNCTION)]),
        done(),
        refused,
        targets(&[("mine", OTHER)]),
    ]);
    delete(&late, FUNCTION).await.unwrap();
    assert_eq!(late.aws.operations().len(), 4);
}

/// The places of EventBridge agree after a while: the rule must not be left behind as if somebody else used it.
#[tokio::test]
async fn our_own_target_that_eventbridge_still_sees_is_no_reason_to_leave_the_rule() {
    for left in [targets(&[]), targets(&[("1", FUNCTION)])] {
        let refused = refusal(
            400,
            "ValidationException",
            "Rule can't be deleted since it has targets.",
        );
        let stand = stand(vec![targets(&[("1", FUNCTION)]), done(), refused, left]);
        let failed = delete(&stand, FUNCTION).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Maybe);
        assert!(matches!(failed.retry, Retry::Await { .. }));
        assert_eq!(stand.aws.operations().len(), 4);
    }
}

#[tokio::test]
async fn what_is_gone_is_deleted_at_every_point() {
    for (replies, calls) in [
        (vec![gone()], 1),
        (vec![targets(&[]), gone()], 2),
        (vec![targets(&[("1", FUNCTION)]), gone(), reply(200, "{}")], 3),
        (
            vec![
                targets(&[("1", FUNCTION)]),
                entry("ResourceNotFoundException"),
                gone(),
            ],
            3,
        ),
    ] {
        let stand = stand(replies);
        delete(&stand, FUNCTION).await.unwrap();
        assert_eq!(stand.aws.operations().len(), calls);
    }
}

#[tokio::test]
async fn a_target_that_would_not_go_is_a_failure() {
    let first = stand(vec![targets(&[("1", FUNCTION)]), entry("AccessDenied")]);
    let failed = delete(&first, FUNCTION).await.unwrap_err();
    assert_eq!((failed.effect, failed.retry), (Effect::None, Retry::Never));
    let denied = refusal(403, "AccessDeniedException", "no");
    let second = stand(vec![targets(&[("1", FUNCTION)]), done(), denied]);
    assert_eq!(delete(&second, FUNCTION).await.unwrap_err().effect, Effect::Maybe);
    let managed = refusal(
        400,
        "ManagedRuleException",
        "This rule was created by an AWS service",
    );
    let third = stand(vec![targets(&[("1", FUNCTION)]), managed]);
    assert!(delete(&third, FUNCTION).await.unwrap_err().hint.is_some());
}
