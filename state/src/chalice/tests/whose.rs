//! Whose a file is, and where its things are.

use super::projecting::{record, records};
use super::wires::wires;
use super::*;
use crate::StackId;

fn group(names: &[&str]) -> BTreeMap<ResourceId, Record> {
    let list: Vec<_> = names
        .iter()
        .map(|name| (format!("log_group.{name}"), record(name, 0, json!({}), &[])))
        .collect();
    records(
        &list
            .iter()
            .map(|(id, record)| (id.as_str(), record.clone()))
            .collect::<Vec<_>>(),
    )
}

fn found(names: &[&str]) -> Found {
    parsed(&project(&group(names), &wires(), &[]).text())
}

const NONE: [BTreeMap<ResourceId, Record>; 0] = [];

#[test]
fn between_transactions_the_remembered_digests_decide() {
    let projections: Vec<_> = [["a"], ["b"]].iter().map(|names| found(names).digest).collect();
    let at = |found: Option<&Found>| standing(found, &projections, NONE, &wires());
    assert_eq!(at(None), Standing::Missing);
    assert_eq!(at(Some(&found(&["b"]))), Standing::Same);
    assert_eq!(at(Some(&found(&["a"]))), Standing::Stale);
    assert_eq!(at(Some(&found(&["c"]))), Standing::Foreign);
    assert_eq!(
        standing(Some(&found(&["a"])), &[], NONE, &wires()),
        Standing::Foreign
    );
    let windows = project(&group(&["b"]), &wires(), &[])
        .text()
        .replace('\n', "\r\n");
    assert_eq!(at(Some(&parsed(&windows))), Standing::Same);
}

#[test]
fn inside_a_transaction_every_prefix_is_ours() {
    let projections = [found(&["old"]).digest, found(&["a"]).digest];
    let open = || [group(&["a"]), group(&["a", "b"]), group(&["a", "b", "c"])];
    let at = |names: &[&str]| standing(Some(&found(names)), &projections, open(), &wires());
    assert_eq!(at(&["a", "b", "c"]), Standing::Same);
    assert_eq!(at(&["a", "b"]), Standing::Stale);
    assert_eq!(
        at(&["a"]),
        Standing::Stale,
        "the last commit is not what holds now"
    );
    assert_eq!(at(&["old"]), Standing::Stale);
    assert_eq!(at(&["b"]), Standing::Foreign);
}

#[test]
fn what_chalice_wrote_is_the_same_where_it_says_the_same() {
    let of_chalice = found(&["a"]);
    assert_eq!(
        standing(Some(&of_chalice), &[], [group(&["a"])], &wires()),
        Standing::Same
    );
}

#[test]
fn entries_that_no_kind_covers_do_not_make_a_file_foreign() {
    let mut deployed = found(&["a", "b"]).deployed;
    deployed.entries.insert(
        1,
        DeployedEntry {
            name: "later".into(),
            resource_type: "of a later kind".into(),
            keys: vec![],
        },
    );
    let found = parsed(&deployed.text());
    assert_eq!(
        standing(Some(&found), &[], [&group(&["a", "b"])], &wires()),
        Standing::Same
    );
}

fn home(account: &str, region: &str) -> Home {
    Home {
        account: account.into(),
        region: region.into(),
    }
}

#[test]
fn another_account_or_region_is_refused_with_both_named() {
    let deployed = parsed(EVERY_TYPE).deployed;
    // The certificate of the golden file lies in another account and region, as certificates may.
    assert_eq!(deployed.check_home(&home("123456789012", "us-west-2")), Ok(()));
    let other_account = deployed
        .check_home(&home("111111111111", "us-west-2"))
        .unwrap_err();
    assert_eq!(
        other_account.to_string(),
        "`default-role` is recorded in account 123456789012, and the current account and region are 111111111111 and us-west-2"
    );
    let other_region = deployed
        .check_home(&home("123456789012", "eu-west-1"))
        .unwrap_err();
    assert_eq!(
        other_region.to_string(),
        "`managed-layer` is recorded in account 123456789012 and region us-west-2, and the current account and region are \
         123456789012 and eu-west-1"
    );
    assert_eq!(parsed(EMPTY).deployed.check_home(&home("1", "x")), Ok(()));
}

#[test]
fn another_applications_functions_are_refused_with_both_named() {
    let stack = |app: &str, stage: &str| StackId {
        app: app.into(),
        stage: stage.into(),
    };
    let arn = |name: &str| format!("arn:aws:lambda:us-west-2:123456789012:function:{name}");
    let file = |name: &str| {
        let arn = arn(name);
        parsed(&file_of(&format!(
            r#"[{{"name": "f", "resource_type": "lambda_function", "lambda_arn": "{arn}"}}]"#
        )))
        .deployed
    };
    for name in ["shop-dev", "shop-dev-f"] {
        assert_eq!(file(name).check_owner(&stack("shop", "dev")), Ok(()));
    }
    for name in ["shop-prod", "shop-dev2-f", "old-shop-dev"] {
        let refused = file(name).check_owner(&stack("shop", "dev")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "`f` is recorded as the function {name}, and the functions of this stage are called shop-dev"
            )
        );
    }
    assert_eq!(parsed(EMPTY).deployed.check_owner(&stack("a", "b")), Ok(()));
}

#[test]
fn places_are_read_from_the_stacks_own_arns_only() {
    let deployed = parsed(&file_of(
        r#"[{"name": "r", "resource_type": "iam_role", "role_arn": "arn:aws-cn:iam::1:role/x:y"},
            {"name": "e", "resource_type": "sqs_event", "queue_arn": "arn:aws:sqs:us-east-1:9:q", "lambda_arn": "arn:aws:lambda:cn-north-1:1:function:f"},
            {"name": "x", "resource_type": "lambda_function", "lambda_arn": "no arn"}]"#,
    ));
    let places: Vec<_> = deployed
        .deployed
        .places()
        .into_iter()
        .map(|place| (place.entry, place.account, place.region))
        .collect();
    assert_eq!(
        places,
        [
            ("r".to_owned(), Some("1".to_owned()), None),
            (
                "e".to_owned(),
                Some("1".to_owned()),
                Some("cn-north-1".to_owned())
            )
        ]
    );
}
