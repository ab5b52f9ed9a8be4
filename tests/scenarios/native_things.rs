//! Things that functions attach to, declared in a manifest: each is made with what hangs on it, changed, repaired, kept when its
//! wish goes, and deleted once its protection is given up.

use grail_tests::account::sdk::s3::primitives::ByteStream;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use crate::ground::Ground;

const HEAD: &str = "\
grail: 1
app: shop
functions:
  work:
    runtime: python3.12
    handler: work.handler
    timeout: 20
    code: {inline: \"def handler(event, context): return event\\n\"}
";

/// The function, and a thing with what stands in its braces.
fn manifest(function: &str, section: &str, name: &str, form: &str) -> String {
    let line = if function.is_empty() {
        String::new()
    } else {
        format!("    {function}\n")
    };
    format!("{HEAD}{line}{section}:\n  {name}: {{{form}}}\n")
}

/// What happens to a declared thing.
struct Story<'a> {
    /// What stands with the function.
    function: &'a str,
    section: &'a str,
    name: &'a str,
    /// What stands with the thing, at first and then.
    forms: [&'a str; 2],
    /// Whether it is protected by itself.
    kept: bool,
    /// Somebody changes it.
    meddle: &'a dyn Fn(&Ground),
    /// Its form as AWS tells it; nothing if it is gone.
    told: &'a dyn Fn(&Ground) -> Option<Value>,
}

fn tell(story: &Story<'_>) {
    let whole = |form: &str| manifest(story.function, story.section, story.name, form);
    let project = Project::empty();
    project.write("grail.yaml", &whole(story.forms[0]));
    let ground = Ground::new(project);
    let before = ground.world();
    ground.run(&["deploy"]).expect_success();
    ground.assert_at_rest();
    let first = (story.told)(&ground).expect("it was made");

    ground.project.write("grail.yaml", &whole(story.forms[1]));
    let run = ground.run(&["deploy"]).expect_success();
    assert!(run.stderr.contains("updated"), "{run}");
    ground.assert_at_rest();
    let second = (story.told)(&ground).expect("it is there");
    assert_ne!(first, second, "nothing has changed");

    (story.meddle)(&ground);
    assert_ne!((story.told)(&ground), Some(second.clone()), "nobody has meddled");
    ground.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    ground.run(&["deploy"]).expect_success();
    ground.assert_at_rest();
    assert_eq!((story.told)(&ground), Some(second.clone()), "it was not repaired");

    if story.kept {
        ground.project.write("grail.yaml", HEAD);
        for words in [&["deploy"][..], &["delete"]] {
            ground.proxy.forget_calls();
            let run = ground.run(words);
            assert_eq!(run.code, Some(1), "{run}");
            assert!(run.stderr.replace('\n', " ").contains("protected"), "{run}");
            assert!(ground.proxy.calls().writes().is_empty());
        }
        assert_eq!((story.told)(&ground), Some(second));
        let given_up = format!("{}, protect: false", story.forms[1]);
        ground.project.write("grail.yaml", &whole(&given_up));
        ground.run(&["deploy"]).expect_success();
    }
    ground.run(&["delete"]).expect_success();
    assert_eq!((story.told)(&ground), None);
    assert_eq!(ground.world().names(), before.names());
}

const ACCOUNT: &str = grail_tests::ACCOUNT;
const REGION: &str = grail_tests::REGION;

#[test]
fn a_declared_queue_lives_as_it_is_declared() {
    let url = |ground: &Ground, name: &str| {
        let asked = ground.account.sqs().get_queue_url().queue_name(name).send();
        block_on(asked).ok().and_then(|answer| answer.queue_url)
    };
    let told = |ground: &Ground| {
        let asked = ground
            .account
            .sqs()
            .get_queue_attributes()
            .queue_url(url(ground, "shop-dev-jobs.fifo")?)
            .attribute_names("All".into());
        let told = block_on(asked.send()).unwrap().attributes.unwrap();
        let named = [
            "VisibilityTimeout",
            "MessageRetentionPeriod",
            "ContentBasedDeduplication",
        ];
        Some(json!(named.map(|name| told.get(&name.into()).cloned())))
    };
    tell(&Story {
        function: "events: [{sqs: {queue: jobs, batch_size: 5}}]\n    environment: {JOBS: '${queues.jobs.url}'}",
        section: "queues",
        name: "jobs",
        forms: [
            "fifo: true",
            "fifo: true, retention: 3600, tags: {team: x}, content_deduplication: true",
        ],
        kept: true,
        meddle: &|ground| {
            let asked = ground.account.sqs().set_queue_attributes();
            let asked = asked.queue_url(url(ground, "shop-dev-jobs.fifo").unwrap());
            block_on(asked.attributes("VisibilityTimeout".into(), "7").send()).unwrap();
        },
        told: &told,
    });
}

#[test]
fn a_queue_gives_up_its_messages_to_another_and_waits_for_its_function() {
    let text = manifest(
        "events: [{sqs: jobs}]",
        "queues",
        "jobs",
        "dead_letter: {queue: dead, max_receives: 3}",
    );
    let project = Project::empty();
    project.write("grail.yaml", &format!("{text}  dead: {{encryption: none}}\n"));
    let ground = Ground::new(project);
    ground.run(&["deploy"]).expect_success();
    ground.assert_at_rest();
    let url = block_on(
        ground
            .account
            .sqs()
            .get_queue_url()
            .queue_name("shop-dev-jobs")
            .send(),
    );
    let asked = ground.account.sqs().get_queue_attributes();
    let asked = asked
        .queue_url(url.unwrap().queue_url.unwrap())
        .attribute_names("All".into());
    let told = block_on(asked.send()).unwrap().attributes.unwrap();
    assert_eq!(
        told[&"VisibilityTimeout".into()],
        "120",
        "six times the function's 20 s"
    );
    let dead: Value = serde_json::from_str(&told[&"RedrivePolicy".into()]).unwrap();
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:shop-dev-dead");
    assert_eq!(dead["deadLetterTargetArn"], arn);
    ground
        .run(&["delete", "--unprotect", "sqs_queue"])
        .expect_success();
}

#[test]
fn a_declared_topic_lives_as_it_is_declared() {
    let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:shop-dev-news");
    let told = |ground: &Ground| {
        let asked = ground.account.sns().get_topic_attributes().topic_arn(&arn);
        let told = block_on(asked.send()).ok()?.attributes?;
        Some(json!(told.get("DisplayName").cloned().unwrap_or_default()))
    };
    tell(&Story {
        function: "events: [{sns: news}]\n    environment: {NEWS: '${topics.news.arn}'}",
        section: "topics",
        name: "news",
        forms: ["tags: {team: x}", "display_name: News, tags: {team: y}"],
        kept: true,
        meddle: &|ground| {
            let asked = ground.account.sns().set_topic_attributes().topic_arn(&arn);
            let asked = asked.attribute_name("DisplayName").attribute_value("Olds");
            block_on(asked.send()).unwrap();
        },
        told: &told,
    });
}

fn dynamodb(ground: &Ground, operation: &str, more: Value) -> Value {
    let target = format!("DynamoDB_20120810.{operation}");
    ground.account.ask("dynamodb", &target, &more)
}

#[test]
fn a_declared_table_lives_as_it_is_declared() {
    const NAME: &str = "shop-dev-orders";
    let told = |ground: &Ground| {
        let names = dynamodb(ground, "ListTables", json!({}));
        names["TableNames"]
            .as_array()?
            .iter()
            .find(|name| **name == NAME)?;
        let table = dynamodb(ground, "DescribeTable", json!({"TableName": NAME}));
        let ttl = dynamodb(ground, "DescribeTimeToLive", json!({"TableName": NAME}));
        let recovery = dynamodb(ground, "DescribeContinuousBackups", json!({"TableName": NAME}));
        let indexes = table["Table"]["GlobalSecondaryIndexes"]
            .as_array()
            .into_iter()
            .flatten();
        let indexes: Vec<_> = indexes.map(|index| index["IndexName"].clone()).collect();
        let recovery = &recovery["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        Some(json!([
            table["Table"]["BillingModeSummary"]["BillingMode"],
            table["Table"]["StreamSpecification"],
            indexes,
            ttl["TimeToLiveDescription"]["TimeToLiveStatus"],
            recovery["PointInTimeRecoveryStatus"],
        ]))
    };
    tell(&Story {
        function: "events: [{dynamodb: {stream: orders, starting_position: oldest}}]\n    environment: {ORDERS: '${tables.orders.name}'}",
        section: "tables",
        name: "orders",
        forms: [
            "attributes: {id: S, who: S}, key: {partition: id}, stream: new, indexes: {by-who: {partition: who}}",
            "attributes: {id: S, at: N, who: S}, key: {partition: id}, stream: new, ttl: gone, point_in_time_recovery: true, \
             capacity: {read: 2, write: 1}, indexes: {by-who: {partition: who}, by-time: {partition: who, sort: at, holds: []}}",
        ],
        kept: true,
        meddle: &|ground| {
            let told = json!({"AttributeName": "gone", "Enabled": false});
            dynamodb(
                ground,
                "UpdateTimeToLive",
                json!({"TableName": NAME, "TimeToLiveSpecification": told}),
            );
        },
        told: &told,
    });
}

#[test]
fn a_declared_bucket_lives_as_it_is_declared() {
    let name = format!("shop-dev-papers-{ACCOUNT}");
    let told = |ground: &Ground| {
        let s3 = ground.account.s3();
        block_on(s3.head_bucket().bucket(&name).send()).ok()?;
        let versions = block_on(s3.get_bucket_versioning().bucket(&name).send()).unwrap();
        let block = block_on(s3.get_public_access_block().bucket(&name).send()).unwrap();
        let block = block.public_access_block_configuration.unwrap();
        let status = versions.status.map(|status| status.as_str().to_owned());
        Some(json!([status, block.block_public_policy]))
    };
    tell(&Story {
        function: "events: [{s3: {bucket: papers, prefix: in/}}]\n    environment: {PAPERS: '${buckets.papers.name}'}",
        section: "buckets",
        name: "papers",
        forms: ["tags: {team: x}", "versioning: true, tags: {team: x}"],
        kept: true,
        meddle: &|ground| {
            let asked = ground.account.s3().delete_public_access_block().bucket(&name);
            block_on(asked.send()).unwrap();
            let open = grail_tests::account::sdk::s3::types::PublicAccessBlockConfiguration::builder();
            let asked = ground.account.s3().put_public_access_block().bucket(&name);
            let asked = asked.public_access_block_configuration(open.block_public_acls(true).build());
            block_on(asked.send()).unwrap();
        },
        told: &told,
    });
}

#[test]
fn a_bucket_that_is_not_empty_is_never_emptied() {
    let project = Project::empty();
    project.write(
        "grail.yaml",
        &manifest("", "buckets", "papers", "name: shop-papers, protect: false"),
    );
    let ground = Ground::new(project);
    ground.run(&["deploy"]).expect_success();
    let s3 = ground.account.s3();
    let put = s3.put_object().bucket("shop-papers").key("will.txt");
    block_on(put.body(ByteStream::from_static(b"mine")).send()).unwrap();
    let run = ground.run(&["delete"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.replace('\n', " ").contains("never empties"), "{run}");
    let there = s3.get_object().bucket("shop-papers").key("will.txt");
    assert!(block_on(there.send()).is_ok());
    block_on(s3.delete_object().bucket("shop-papers").key("will.txt").send()).unwrap();
    ground.run(&["delete"]).expect_success();
    assert!(block_on(s3.head_bucket().bucket("shop-papers").send()).is_err());
}

#[test]
fn a_declared_stream_lives_as_it_is_declared() {
    const NAME: &str = "shop-dev-clicks";
    let told = |ground: &Ground| {
        let asked = ground
            .account
            .kinesis()
            .describe_stream_summary()
            .stream_name(NAME);
        let told = block_on(asked.send()).ok()?.stream_description_summary?;
        Some(json!([told.retention_period_hours, told.open_shard_count]))
    };
    tell(&Story {
        function: "events: [{kinesis: {stream: clicks, starting_position: oldest}}]\n    environment: {CLICKS: '${streams.clicks.arn}'}",
        section: "streams",
        name: "clicks",
        forms: ["shards: 1", "shards: 2, retention: 48, tags: {team: x}"],
        kept: true,
        meddle: &|ground| {
            let asked = ground.account.kinesis().increase_stream_retention_period();
            block_on(asked.stream_name(NAME).retention_period_hours(72).send()).unwrap();
        },
        told: &told,
    });
}

#[test]
fn a_declared_bus_lives_as_it_is_declared() {
    let arn = format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop-dev-door");
    let told = |ground: &Ground| {
        let bus = ground.account.events().describe_event_bus().name("shop-dev-door");
        block_on(bus.send()).ok()?;
        let tags = ground
            .account
            .events()
            .list_tags_for_resource()
            .resource_arn(&arn);
        let tags = block_on(tags.send())
            .unwrap()
            .tags
            .unwrap_or_default()
            .into_iter();
        Some(json!(
            tags.map(|tag| (tag.key, tag.value))
                .collect::<std::collections::BTreeMap<_, _>>()
        ))
    };
    tell(&Story {
        function: "environment: {DOOR: '${buses.door.name}'}",
        section: "buses",
        name: "door",
        forms: ["tags: {team: x}", "tags: {team: y}"],
        kept: false,
        meddle: &|ground| {
            let asked = ground.account.events().untag_resource().resource_arn(&arn);
            block_on(asked.tag_keys("team").send()).unwrap();
        },
        told: &told,
    });
}
