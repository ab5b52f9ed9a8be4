//! From records to the file and back.

use std::collections::BTreeSet;

use super::wires::{wire, wires};
use super::*;

pub(super) fn record(handle: &str, rank: u32, outputs: Value, depends_on: &[&str]) -> Record {
    Record {
        handle: Handle(handle.into()),
        spec: json!({}),
        outputs: serde_json::from_value(outputs).unwrap(),
        depends_on: depends_on.iter().map(|id| id.parse().unwrap()).collect(),
        rank,
        token: None,
    }
}

pub(super) fn records(list: &[(&str, Record)]) -> BTreeMap<ResourceId, Record> {
    list.iter()
        .map(|(id, record)| (id.parse().unwrap(), record.clone()))
        .collect()
}

fn names(deployed: &Deployed) -> Vec<&str> {
    deployed.entries.iter().map(|entry| entry.name.as_str()).collect()
}

/// A REST API as this grail keeps it: the permission has no entry of its own.
fn rest(ranks: [u32; 5]) -> BTreeMap<ResourceId, Record> {
    records(&[
        (
            "iam_role.default-role",
            record(
                "shop-dev",
                ranks[0],
                json!({"arn": "arn:r", "name": "shop-dev"}),
                &[],
            ),
        ),
        (
            "lambda_function.api_handler",
            record(
                "arn:f",
                ranks[1],
                json!({"arn": "arn:f"}),
                &["iam_role.default-role"],
            ),
        ),
        (
            "rest_api.rest_api",
            record(
                "abc",
                ranks[2],
                json!({"id": "abc"}),
                &["lambda_function.api_handler"],
            ),
        ),
        (
            "lambda_permission.rest_api",
            record(
                "abc/p",
                ranks[3],
                json!({}),
                &["rest_api.rest_api", "lambda_function.api_handler"],
            ),
        ),
        (
            "api_stage.rest_api",
            record(
                "abc/api",
                ranks[4],
                json!({"url": "https://abc/api/"}),
                &["lambda_permission.rest_api"],
            ),
        ),
    ])
}

#[test]
fn several_kinds_make_one_entry_and_some_make_none() {
    let text = project(&rest([0, 1, 2, 3, 4]), &wires(), &[]).text();
    insta::assert_snapshot!(text, @r#"
    {
      "resources": [
        {
          "name": "default-role",
          "resource_type": "iam_role",
          "role_arn": "arn:r",
          "role_name": "shop-dev"
        },
        {
          "name": "api_handler",
          "resource_type": "lambda_function",
          "lambda_arn": "arn:f"
        },
        {
          "name": "rest_api",
          "resource_type": "rest_api",
          "rest_api_id": "abc",
          "rest_api_url": "https://abc/api/"
        }
      ],
      "schema_version": "2.0",
      "backend": "api"
    }
    "#);
}

#[test]
fn only_what_exists_is_written() {
    let mut some = rest([0, 1, 2, 3, 4]);
    some.remove(&"api_stage.rest_api".parse().unwrap());
    let deployed = project(&some, &wires(), &[]);
    assert_eq!(
        deployed.entry("rest_api").unwrap().keys,
        [("rest_api_id".to_owned(), json!("abc"))]
    );
    let mut some = rest([0, 1, 2, 3, 4]);
    some.remove(&"rest_api.rest_api".parse().unwrap());
    assert_eq!(
        names(&project(&some, &wires(), &[])),
        ["default-role", "api_handler"]
    );
    let null = records(&[("iam_role.r", record("r", 0, json!({"arn": null}), &[]))]);
    assert_eq!(
        project(&null, &wires(), &[]).entries[0].keys,
        [("role_name".to_owned(), json!("r"))]
    );
}

#[test]
fn dependencies_come_first_whatever_the_ranks_say() {
    for ranks in [[0, 0, 0, 0, 0], [9, 8, 7, 6, 5], [5, 0, 9, 1, 2]] {
        assert_eq!(
            names(&project(&rest(ranks), &wires(), &[])),
            ["default-role", "api_handler", "rest_api"]
        );
    }
}

#[test]
fn rank_orders_what_does_not_depend_and_a_circle_too() {
    let some = records(&[
        (
            "log_group.a",
            record("a", 2, json!({}), &["lambda_permission.by"]),
        ),
        ("log_group.b", record("b", 1, json!({}), &[])),
        (
            "log_group.c",
            record("c", 1, json!({}), &["log_group.d", "log_group.missing"]),
        ),
        (
            "log_group.d",
            record("d", 3, json!({}), &["log_group.c", "log_group.d"]),
        ),
        (
            "lambda_permission.by",
            record("by", 0, json!({}), &["lambda_permission.round", "log_group.b"]),
        ),
        (
            "lambda_permission.round",
            record("round", 0, json!({}), &["lambda_permission.by"]),
        ),
    ]);
    assert_eq!(names(&project(&some, &wires(), &[])), ["b", "a", "c", "d"]);
}

#[test]
fn a_type_that_chalice_does_not_know_is_never_written() {
    let mut table = wires();
    table.insert(Kind::new("queue"), wire!("sqs_queue", Some("url"), []));
    let some = records(&[("queue.q", record("q", 0, json!({}), &[]))]);
    assert_eq!(project(&some, &table, &[]).entries, []);
}

#[test]
fn entries_of_one_name_are_one() {
    let some = records(&[
        ("log_group.same", record("g", 1, json!({}), &[])),
        ("lambda_function.same", record("f", 0, json!({}), &[])),
    ]);
    let deployed = project(&some, &wires(), &[]);
    assert_eq!(names(&deployed), ["same"]);
    assert_eq!(deployed.entries[0].resource_type, "lambda_function");
}

#[test]
fn the_whole_of_chalices_file_is_understood_and_written_again() {
    let file = parsed(EVERY_TYPE).deployed;
    let candidates = file.candidates(&wires());
    assert_eq!(candidates.unknown, []);
    let adopted = |candidate: Candidate| {
        let record = Record {
            handle: candidate.handle,
            spec: Value::Null,
            outputs: candidate.outputs,
            depends_on: BTreeSet::new(),
            rank: candidate.rank,
            token: None,
        };
        (candidate.id, record)
    };
    let mut known: BTreeMap<_, _> = candidates.known.into_iter().map(adopted).collect();
    let role = &known[&"iam_role.default-role".parse::<ResourceId>().unwrap()];
    assert_eq!(
        (role.handle.0.as_str(), role.outputs["name"].as_str()),
        ("shop-dev", Some("shop-dev"))
    );
    // The stage has no handle in the file: it is found by looking.
    let url = file
        .entry("rest_api")
        .unwrap()
        .get("rest_api_url")
        .unwrap()
        .clone();
    known.extend(records(&[(
        "api_stage.rest_api",
        record("abc123/api", 11, json!({"url": url}), &[]),
    )]));
    assert_eq!(project(&known, &wires(), &[]).text(), EVERY_TYPE);
}

#[test]
fn entries_that_no_kind_covers_are_kept_at_their_places() {
    let file = parsed(EVERY_TYPE).deployed;
    let few: Wires = wires()
        .into_iter()
        .filter(|(kind, _)| {
            matches!(
                kind.as_str(),
                "iam_role" | "lambda_function" | "rest_api" | "api_stage"
            )
        })
        .collect();
    let candidates = file.candidates(&few);
    assert_eq!((candidates.known.len(), candidates.unknown.len()), (4, 10));
    let known: BTreeMap<_, _> = candidates
        .known
        .iter()
        .map(|candidate| {
            let outputs = serde_json::to_value(&candidate.outputs).unwrap();
            (
                candidate.id.clone(),
                record(&candidate.handle.0, candidate.rank, outputs, &[]),
            )
        })
        .collect();
    let again = project(&known, &few, &candidates.unknown);
    let expected: Vec<_> = file.entries.iter().map(|entry| &entry.name).collect();
    assert_eq!(
        again.entries.iter().map(|entry| &entry.name).collect::<Vec<_>>(),
        expected
    );
    let kept = |deployed: &Deployed| deployed.entry("api_gateway_custom_domain").cloned();
    assert_eq!(kept(&again), kept(&file));
    // What stood before them is gone: they move up, in their order.
    let alone = project(&BTreeMap::new(), &few, &candidates.unknown);
    assert_eq!(alone.entries.len(), 10);
    assert_eq!(alone.entries[0].name, "managed-layer");
    // What is ours now is not written twice.
    let mut more = known.clone();
    more.extend(records(&[(
        "lambda_function.managed-layer",
        record("arn:x", 0, json!({}), &[]),
    )]));
    let again = project(&more, &few, &candidates.unknown);
    assert_eq!(
        names(&again)
            .iter()
            .filter(|name| **name == "managed-layer")
            .count(),
        1
    );
}

#[test]
fn an_entry_that_names_nothing_is_unknown() {
    let file = parsed(&file_of(
        r#"[{"name": "f", "resource_type": "lambda_function"},
            {"name": "g", "resource_type": "lambda_function", "lambda_arn": 1},
            {"name": "", "resource_type": "lambda_function", "lambda_arn": "arn:x"}]"#,
    ));
    let candidates = file.deployed.candidates(&wires());
    assert_eq!((candidates.known.len(), candidates.unknown.len()), (0, 3));
    assert_eq!(candidates.unknown[2].preceding, ["f", "g"]);
}

proptest! {
    /// Dependencies before dependents, each name once, nothing lost, whatever the records.
    #[test]
    fn every_order_is_sound(edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..30), ranks in prop::collection::vec(0_u32..5, 12)) {
        // Every third has no entry of its own. Edges lead to lower numbers, so there is no circle.
        let id = |at: usize| -> ResourceId {
            let kind = if at % 3 == 2 { "lambda_permission" } else { "log_group" };
            format!("{kind}.n{at}").parse().unwrap()
        };
        let mut some: BTreeMap<ResourceId, Record> =
            (0..12).map(|at| (id(at), record(&format!("h{at}"), ranks[at], json!({}), &[]))).collect();
        let mut reach = vec![BTreeSet::new(); 12];
        for at in 0..12 {
            for (from, to) in edges.iter().filter(|(from, to)| *from == at && to < from) {
                some.get_mut(&id(*from)).unwrap().depends_on.insert(id(*to));
                let further = reach[*to].clone();
                reach[at].extend(further);
                reach[at].insert(*to);
            }
        }
        let deployed = project(&some, &wires(), &[]);
        let place = |at: usize| deployed.entries.iter().position(|entry| entry.name == format!("n{at}"));
        prop_assert_eq!(deployed.entries.len(), 8);
        for (at, needs) in reach.iter().enumerate() {
            for need in needs {
                if let (Some(mine), Some(its)) = (place(at), place(*need)) {
                    prop_assert!(its < mine, "n{} before n{}", need, at);
                }
            }
        }
        prop_assert_eq!(parsed(&deployed.text()).deployed, deployed);
    }
}

#[test]
fn one_resource_stands_for_several_entries_each_behind_its_function() {
    let entry = |function: &str| json!({"bucket": "photos", "lambda_arn": function});
    let some = records(&[
        (
            "lambda_function.a",
            record("arn:a", 0, json!({"arn": "arn:a"}), &[]),
        ),
        (
            "lambda_function.b",
            record("arn:b", 2, json!({"arn": "arn:b"}), &[]),
        ),
        ("log_group.b-log-group", record("b", 1, json!({"name": "b"}), &[])),
        (
            "s3_notification.photos",
            record(
                "photos",
                3,
                json!({"entries": {"a-s3event": entry("arn:a"), "b-s3event": entry("arn:b"), "z": entry("arn:gone")}}),
                &["lambda_function.a", "lambda_function.b"],
            ),
        ),
    ]);
    let deployed = project(&some, &wires(), &[]);
    assert_eq!(
        names(&deployed),
        ["a", "a-s3event", "b-log-group", "b", "b-s3event", "z"]
    );
    let written = deployed.entry("b-s3event").unwrap();
    let keys =
        [("bucket", "photos"), ("lambda_arn", "arn:b")].map(|(key, text)| (key.to_owned(), json!(text)));
    assert_eq!(written.keys, keys);

    let read = deployed.candidates(&wires());
    let of_buckets: Vec<_> = read
        .known
        .iter()
        .filter(|one| one.id.kind == Kind::new("s3_notification"))
        .collect();
    let [photos] = of_buckets.as_slice() else {
        panic!("one bucket, one resource: {of_buckets:?}");
    };
    let id: ResourceId = "s3_notification.photos".parse().unwrap();
    assert_eq!((&photos.id, photos.handle.0.as_str()), (&id, "photos"));
    assert_eq!(photos.outputs, some[&id].outputs);
    assert_eq!(read.unknown, []);
}

#[test]
fn a_kind_with_several_wires_uses_the_one_that_counts() {
    let mapping = |service| {
        record(
            "uuid",
            0,
            json!({"service": service, "function": "arn:f", "source": "arn:s", "name": "q"}),
            &[],
        )
    };
    for (service, resource_type) in [
        ("sqs", "sqs_event"),
        ("kinesis", "kinesis_event"),
        ("dynamodb", "dynamodb_event"),
    ] {
        let some = records(&[("mapping.m", mapping(service))]);
        let deployed = project(&some, &wires(), &[]);
        assert_eq!(deployed.entries.len(), 1);
        assert_eq!(deployed.entries[0].resource_type, resource_type);
        let read = deployed.candidates(&wires());
        assert_eq!(read.known.len(), 1);
        assert_eq!(read.known[0].outputs["service"], service);
        assert_eq!(read.known[0].outputs["function"], "arn:f");
    }
    let other = records(&[("mapping.m", mapping("kafka"))]);
    assert_eq!(project(&other, &wires(), &[]).entries, []);
}

#[test]
fn the_mapping_of_a_domain_is_told_by_the_domains_entry() {
    let mut wires = wires();
    wires.insert(
        Kind::new("api_mapping"),
        const {
            &[Wire {
                keys: &[("api_mapping", "mapping")],
                beneath: Some(("domain_name", "api_mapping")),
                ..Wire::to("domain_name")
            }]
        },
    );
    let mapping = |key| json!({"mapping": [{"key": key}]});
    for (key, handle) in [("/", "shop.example.com/"), ("/v1", "shop.example.com/v1")] {
        let some = records(&[
            ("domain_name.site", record("shop.example.com", 0, json!({}), &[])),
            (
                "api_mapping.site",
                record(handle, 1, mapping(key), &["domain_name.site"]),
            ),
        ]);
        let read = project(&some, &wires, &[]).candidates(&wires);
        let told: Vec<_> = read
            .known
            .iter()
            .map(|one| (one.id.to_string(), one.handle.0.as_str()))
            .collect();
        let site = ("domain_name.site".to_owned(), "shop.example.com");
        assert_eq!(told, [("api_mapping.site".to_owned(), handle), site]);
        assert_eq!(read.known[0].outputs, some.values().next().unwrap().outputs);
    }
    let unmapped = records(&[("domain_name.site", record("shop.example.com", 0, json!({}), &[]))]);
    let read = project(&unmapped, &wires, &[]).candidates(&wires);
    assert_eq!((read.known.len(), read.unknown.len()), (1, 0));
}
