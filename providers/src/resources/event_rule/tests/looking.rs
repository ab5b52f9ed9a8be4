use super::*;

#[tokio::test]
async fn a_rule_whose_target_is_our_function_is_ours_whoever_made_it() {
    let wish = with(schedule(), "description", json!(""));
    let stand = stand(vec![rule(&schedule()), targets(&[("x", OTHER), ("1", FUNCTION)])]);
    let there = stand.present(None, Some(&wish)).await;
    assert!(stand.provider.diff(&wish.into(), &there).unwrap().is_empty());
    assert_eq!((there.handle.0.as_str(), &there.proof), (NAME, &Proof::Ours));
    assert_eq!(json!(there.outputs), json!({"name": NAME, "arn": ARN}));
    assert_eq!(there.additions, [format!("target x ({OTHER})")]);
    assert_eq!(stand.aws.operations(), ["DescribeRule", "ListTargetsByRule"]);
}

#[tokio::test]
async fn the_mark_is_read_only_where_the_target_does_not_say_whose_it_is() {
    let look = ["DescribeRule", "ListTargetsByRule", "ListTagsForResource"];
    for (target, mark, proof) in [
        (vec![], Some("t-9"), Proof::Mark(StepToken("t-9".into()))),
        (vec![("1", OTHER)], None, Proof::NameOnly),
        (vec![("2", FUNCTION)], None, Proof::NameOnly),
    ] {
        let stand = stand(vec![rule(&schedule()), targets(&target), tags(mark)]);
        let there = stand.present(Some(NAME), Some(&schedule())).await;
        assert_eq!(there.proof, proof);
        assert_eq!(stand.aws.operations(), look);
        let diff = stand.provider.diff(&schedule().into(), &there).unwrap();
        assert!(diff.touches("function") && !diff.replaces());
    }
    let mut managed = told(&schedule());
    managed["ManagedBy"] = json!("codestar.amazonaws.com");
    let stand = stand(vec![reply(200, managed), targets(&[("1", OTHER)])]);
    let owner = "codestar.amazonaws.com".to_owned();
    assert_eq!(
        stand.present(None, Some(&schedule())).await.proof,
        Proof::Theirs { owner }
    );
}

#[tokio::test]
async fn a_rule_that_is_not_there_is_absent() {
    let stand = stand(vec![gone(), gone()]);
    let seen = stand
        .observe(Some("shop-dev-old-event"), Some(&schedule()))
        .await
        .unwrap();
    assert_eq!(seen, Observed::Absent);
    assert_eq!(stand.aws.operations(), ["DescribeRule"; 2]);
}

#[tokio::test]
async fn a_pattern_is_compared_by_what_it_means() {
    let other = r#"{"detail":{"state":["running"]},"source":["aws.ec2"]}"#;
    let stand = stand(vec![
        rule(&with(pattern(), "pattern", json!(other))),
        targets(&[("1", FUNCTION)]),
    ]);
    let there = stand.present(None, Some(&pattern())).await;
    assert!(stand.provider.diff(&pattern().into(), &there).unwrap().is_empty());
    let changed = with(pattern(), "pattern", json!(r#"{"source": ["aws.s3"]}"#));
    assert!(
        stand
            .provider
            .diff(&changed.into(), &there)
            .unwrap()
            .touches("pattern")
    );
}

#[tokio::test]
async fn the_rules_of_a_stack_are_one_list_and_the_targets_of_each() {
    let nth = |n: usize| {
        let name = format!("shop-dev-f{n:03}-event");
        let function = format!("arn:aws:lambda:us-east-1:123456789012:function:shop-dev-f{n:03}");
        json!({"name": name, "schedule": "rate(5 minutes)", "function": function})
    };
    let page = |from: usize, to: usize, next: Option<&str>| {
        reply(
            200,
            json!({"Rules": (from..to).map(|n| told(&nth(n))).collect::<Vec<_>>(), "NextToken": next}),
        )
    };
    let mut replies = vec![page(0, 100, Some("more")), page(100, 199, None)];
    replies.extend((0..199).map(|n| targets(&[("1", nth(n)["function"].as_str().unwrap())])));
    let aws = Canned::new(replies);
    let provider = erase(
        EventRule::new(aws.context_of::<EventRule>()),
        Arc::new(Digester::new([0; 32])),
    );
    let id = ResourceId::new(EventRule::KIND, "x");
    let forms: Vec<_> = (0..200).map(nth).collect();
    let at: Vec<_> = forms
        .iter()
        .map(|form| Locator {
            id: &id,
            handle: None,
            spec: Some(form),
            token: None,
            record: None,
        })
        .collect();
    let seen = provider.observe_many(&at).await;
    let there: Vec<_> = seen
        .iter()
        .filter_map(|one| one.as_ref().unwrap().remote())
        .collect();
    assert!(there.len() == 199 && there.iter().all(|remote| remote.proof == Proof::Ours));
    let operations = aws.operations();
    let count = |name: &str| operations.iter().filter(|one| *one == name).count();
    assert_eq!(
        (count("ListRules"), count("ListTargetsByRule"), operations.len()),
        (2, 199, 201)
    );
    assert_eq!(aws.json(0), json!({"NamePrefix": "shop-dev-"}));
    assert_eq!(
        aws.json(1),
        json!({"NamePrefix": "shop-dev-", "NextToken": "more"})
    );
}

#[tokio::test]
async fn rules_with_other_names_are_looked_at_alone() {
    let aws = Canned::new([rule(&schedule()), targets(&[("1", FUNCTION)]), gone()]);
    let provider = erase(
        EventRule::new(aws.context_of::<EventRule>()),
        Arc::new(Digester::new([0; 32])),
    );
    let id = ResourceId::new(EventRule::KIND, "x");
    let (form, handle) = (schedule(), Handle("renamed".into()));
    let one = Locator {
        id: &id,
        handle: None,
        spec: Some(&form),
        token: None,
        record: None,
    };
    let other = Locator {
        handle: Some(&handle),
        spec: None,
        ..one
    };
    let seen = provider.observe_many(&[one, other]).await;
    let there: Vec<_> = seen
        .into_iter()
        .map(|one| one.unwrap().remote().is_some())
        .collect();
    assert_eq!(there, [true, false]);
    assert_eq!(
        aws.operations(),
        ["DescribeRule", "ListTargetsByRule", "DescribeRule"]
    );
}
