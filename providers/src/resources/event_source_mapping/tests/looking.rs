use grail_state::Handle;
use grail_state::digest::Digester;

use super::*;

/// A mapping of a stranger.
fn stranger(n: usize) -> Value {
    let form = with(
        queue(),
        "function",
        json!(format!(
            "arn:aws:lambda:us-east-1:123456789012:function:other-{n}"
        )),
    );
    mapping(&format!("s-{n:04}"), &form, "Enabled")
}

fn nth(n: usize) -> Value {
    with(queue(), "source_arn", json!(format!("{QUEUE}-{n}")))
}

/// Looks at `sought`: handles and forms.
async fn look(replies: Vec<Reply>, sought: &[(Option<&str>, Value)]) -> (Vec<Option<String>>, Vec<String>) {
    let aws = Canned::new(replies);
    let provider = erase(
        EventSourceMapping::new(aws.context_of::<EventSourceMapping>()),
        Arc::new(Digester::new([0; 32])),
    );
    let id = ResourceId::new(EventSourceMapping::KIND, "x");
    let handles: Vec<_> = sought
        .iter()
        .map(|(handle, _)| handle.map(|uuid| Handle(uuid.to_owned())))
        .collect();
    let at: Vec<_> = sought
        .iter()
        .zip(&handles)
        .map(|((_, form), handle)| Locator {
            id: &id,
            handle: handle.as_ref(),
            spec: Some(form),
            token: None,
            record: None,
        })
        .collect();
    let seen = provider.observe_many(&at).await;
    let uuids = seen
        .into_iter()
        .map(|one| one.unwrap().remote().map(|remote| remote.handle.0.clone()))
        .collect();
    (uuids, aws.operations())
}

#[tokio::test]
async fn a_known_mapping_is_one_look() {
    let wish = with(queue(), "maximum_concurrency", json!(5));
    let stand = stand(vec![told("u-1", &wish, "Enabled")]);
    let there = stand.present(Some("u-1"), Some(&wish)).await;
    assert!(stand.provider.diff(&wish.into(), &there).unwrap().is_empty());
    assert_eq!(
        (&there.proof, &there.outputs["uuid"]),
        (&Proof::Ours, &json!("u-1"))
    );
    assert_eq!(stand.aws.operations(), ["GetEventSourceMapping"]);
}

#[tokio::test]
async fn what_others_set_on_a_mapping_is_told_and_is_no_drift() {
    let mut plain = mapping("u-1", &queue(), "Enabled");
    plain["FunctionResponseTypes"] = json!([]);
    plain["DestinationConfig"] = json!({"OnFailure": {}});
    let mut set = plain.clone();
    set["FilterCriteria"] = json!({"Filters": [{"Pattern": "{}"}]});
    set["FunctionResponseTypes"] = json!(["ReportBatchItemFailures"]);
    set["DestinationConfig"] =
        json!({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:dead"}});
    let all = [
        "event filters",
        "a destination for failures",
        "reports of partial failures",
    ];
    for (told, additions) in [(plain, &[][..]), (set, &all[..])] {
        let stand = stand(vec![reply(200, told)]);
        let there = stand.present(Some("u-1"), Some(&queue())).await;
        assert_eq!(there.additions, additions);
        assert!(stand.provider.diff(&queue().into(), &there).unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_the_state_has_lost_is_found_by_function_and_source() {
    for (handle, first) in [
        (None, None),
        (Some("u-0"), Some(gone())),
        (Some("u-0"), Some(told("u-0", &stream(), "Deleting"))),
    ] {
        let mut replies: Vec<_> = first.into_iter().collect();
        let before = replies.len();
        let leaving = mapping("u-0", &stream(), "Deleting");
        replies.push(list(&[leaving], Some("more")));
        replies.push(list(
            &[
                mapping("u-9", &stream(), "Enabled"),
                mapping("u-1", &stream(), "Enabled"),
            ],
            None,
        ));
        let stand = stand(replies);
        let there = stand.present(handle, Some(&stream())).await;
        assert_eq!((there.handle.0.as_str(), &there.proof), ("u-1", &Proof::Ours));
        let asked = stand.aws.asked().split_off(before);
        assert!(asked[0].line.contains(
            "FunctionName=arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ashop-dev-worker"
        ));
        assert!(
            asked[0]
                .line
                .contains("EventSourceArn=arn%3Aaws%3Akinesis%3Aus-east-1%3A123456789012%3Astream%2Fclicks")
        );
        assert!(asked[1].line.contains("Marker=more"));
        assert_eq!(stand.aws.operations().len(), before + 2);
    }
}

/// After a lost answer what is seen may be a change that has not ended.
#[tokio::test]
async fn a_mapping_that_is_being_changed_is_awaited() {
    for state in ["Creating", "Enabling", "Disabling", "Updating"] {
        let stand = stand(vec![told("u-1", &queue(), state)]);
        let failed = stand.observe(Some("u-1"), Some(&queue())).await.unwrap_err();
        assert!(
            matches!(failed.retry, crate::port::Retry::Await { .. }),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_or_cannot_be_named_is_absent() {
    let none = stand(vec![gone(), gone()]);
    assert_eq!(
        none.observe(Some("u-1"), Some(&queue())).await.unwrap(),
        Observed::Absent
    );
    let unknown = with(
        queue(),
        "function",
        json!("(known after deploy: lambda_function.worker/arn)"),
    );
    let unnamed = stand(vec![]);
    assert_eq!(
        unnamed.observe(None, Some(&unknown)).await.unwrap(),
        Observed::Absent
    );
    assert_eq!(unnamed.observe(None, None).await.unwrap(), Observed::Absent);
    assert_eq!(unnamed.aws.operations(), [""; 0]);
}

#[tokio::test]
async fn a_mapping_of_another_function_is_not_ours_by_itself() {
    let stand = stand(vec![told(
        "u-1",
        &with(queue(), "function", json!("arn:other")),
        "Enabled",
    )]);
    let there = stand.present(Some("u-1"), Some(&queue())).await;
    assert_eq!(there.proof, Proof::NameOnly);
    let diff = stand.provider.diff(&queue().into(), &there).unwrap();
    assert!(diff.touches("function") && !diff.replaces(), "{diff:?}");
}

#[tokio::test]
async fn all_mappings_of_an_account_are_seen_by_pages() {
    let mappings: Vec<_> = (0..250)
        .map(|n| mapping(&format!("u-{n:03}"), &nth(n), "Enabled"))
        .collect();
    let pages = || {
        vec![
            list(&mappings[..100], Some("a")),
            list(&mappings[100..200], Some("b")),
            list(&mappings[200..], None),
        ]
    };
    let sought: Vec<_> = (0..251).map(|n| (None, nth(n))).collect();
    let (seen, operations) = look(pages(), &sought).await;
    assert_eq!(
        (seen[7].as_deref(), seen[249].as_deref(), &seen[250]),
        (Some("u-007"), Some("u-249"), &None)
    );
    assert_eq!(operations, ["ListEventSourceMappings"; 3]);
}

#[tokio::test]
async fn listing_ends_when_every_handle_was_seen() {
    let mappings = [
        stranger(0),
        mapping("u-1", &nth(1), "Enabled"),
        mapping("u-2", &nth(2), "Disabled"),
    ];
    let sought = [
        (Some("u-1"), nth(1)),
        (Some("u-2"), nth(2)),
        (Some("u-1"), nth(1)),
    ];
    let (seen, operations) = look(vec![list(&mappings, Some("more"))], &sought).await;
    assert_eq!(
        seen,
        [
            Some("u-1".to_owned()),
            Some("u-2".to_owned()),
            Some("u-1".to_owned())
        ]
    );
    assert_eq!(operations, ["ListEventSourceMappings"]);
}

#[tokio::test]
async fn among_many_strangers_listing_ends_after_as_many_pages_as_there_are_looks() {
    let page = |n: usize| list(&(n..n + 100).map(stranger).collect::<Vec<_>>(), Some("more"));
    let found = list(&[mapping("u-1", &nth(1), "Enabled")], None);
    let (seen, operations) = look(
        vec![page(0), page(100), told("u-0", &nth(0), "Enabled"), found],
        &[(Some("u-0"), nth(0)), (None, nth(1))],
    )
    .await;
    assert_eq!(seen, [Some("u-0".to_owned()), Some("u-1".to_owned())]);
    assert_eq!(
        operations,
        [
            "ListEventSourceMappings",
            "ListEventSourceMappings",
            "GetEventSourceMapping",
            "ListEventSourceMappings"
        ]
    );
}

#[tokio::test]
async fn a_list_that_is_denied_is_told_by_the_single_looks() {
    let denied = || refusal(403, "AccessDeniedException", "no");
    let aws = Canned::new([denied(), denied(), denied()]);
    let provider = erase(
        EventSourceMapping::new(aws.context_of::<EventSourceMapping>()),
        Arc::new(Digester::new([0; 32])),
    );
    let id = ResourceId::new(EventSourceMapping::KIND, "x");
    let form = queue();
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&form),
        token: None,
        record: None,
    };
    for one in provider.observe_many(&[at, at]).await {
        assert!(
            one.unwrap_err()
                .hint
                .unwrap()
                .contains("lambda:ListEventSourceMappings")
        );
    }
}
