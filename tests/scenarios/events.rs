//! Every kind of event on the local cloud: what happens outside is answered by the app's own Python, a redeploy and an edit
//! keep it so, and what others attached to the same bucket, topic, queue and rule stays.

use std::net::TcpListener;

use grail_tests::account::Account;
use grail_tests::account::sdk::events::types::Target;
use grail_tests::account::sdk::s3::types::{
    Event, EventBridgeConfiguration, NotificationConfiguration, QueueConfiguration,
};
use grail_tests::patience;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use grail_tests::world::World;
use serde_json::{Value, json};

use crate::local_ground::LocalGround;

const BUCKET: &str = "office-papers";
const CLOCK: &str = "office-dev-clock-event";
const FUNCTIONS: [&str; 7] = ["click", "clock", "door", "news", "order", "paper", "stock"];

/// The office, with what it needs around it.
struct Office {
    ground: LocalGround,
}

impl Office {
    fn new() -> Office {
        let ground = LocalGround::new(Project::example("events"));
        ground.run(&["local-cloud", "up"]).expect_success();
        ground.script(&["resources.py", "create", &ground.endpoint()]);
        Office { ground }
    }

    /// One event of each kind that can be sent.
    fn send(&self) {
        self.ground
            .script(&["resources.py", "send", &self.ground.endpoint()]);
    }

    /// Takes the functions' notes away.
    fn forget(&self, account: &Account) {
        for kind in FUNCTIONS {
            let key = format!("notes/{kind}.json");
            block_on(account.s3().delete_object().bucket(BUCKET).key(key).send()).unwrap();
        }
    }
}

/// What a function wrote of its last event, once it has.
#[track_caller]
fn note(account: &Account, kind: &str) -> Value {
    let key = format!("notes/{kind}.json");
    patience::until(&format!("a note of {kind}"), || {
        block_on(async {
            let answer = account.s3().get_object().bucket(BUCKET).key(&key).send().await;
            let bytes = answer.ok()?.body.collect().await.ok()?.into_bytes();
            serde_json::from_slice(&bytes).ok()
        })
    })
}

#[track_caller]
fn assert_everything_sent_was_noted(account: &Account) {
    let noted = |kind: &str, expected: Value| assert_eq!(note(account, kind), expected, "{kind}");
    noted("paper", json!({"key": "inbox/a letter.txt"}));
    noted("news", json!({"subject": "weather", "message": "it rains"}));
    noted("order", json!({"body": "two lamps"}));
    noted("click", json!({"data": "click"}));
    noted("stock", json!({"happened": "INSERT", "item": "lamp"}));
    noted("door", json!({"by": "the wind"}));
}

/// What others have on the same things: an entry in the bucket's notifications, a subscription, a rule.
fn attach_others(account: &Account) -> String {
    block_on(async {
        let queue = account
            .sqs()
            .create_queue()
            .queue_name("others")
            .send()
            .await
            .unwrap();
        let queue_arn = "arn:aws:sqs:us-east-1:000000000000:others".to_owned();
        assert!(queue.queue_url().unwrap().ends_with("/000000000000/others"));
        let entry = QueueConfiguration::builder()
            .id("others")
            .queue_arn(&queue_arn)
            .events(Event::from("s3:ObjectRemoved:*"))
            .build()
            .unwrap();
        let notifications = NotificationConfiguration::builder()
            .queue_configurations(entry)
            .event_bridge_configuration(EventBridgeConfiguration::builder().build())
            .build();
        let put = account
            .s3()
            .put_bucket_notification_configuration()
            .bucket(BUCKET);
        put.notification_configuration(notifications)
            .send()
            .await
            .unwrap();
        let subscribe = account
            .sns()
            .subscribe()
            .topic_arn("arn:aws:sns:us-east-1:000000000000:office-news")
            .protocol("sqs");
        subscribe.endpoint(&queue_arn).send().await.unwrap();
        let rule = account.events().put_rule().name("others");
        rule.schedule_expression("rate(7 days)").send().await.unwrap();
        put_target(account, "others", "1", &queue_arn).await;
        queue_arn
    })
}

async fn put_target(account: &Account, rule: &str, id: &str, arn: &str) {
    let target = Target::builder().id(id).arn(arn).build().unwrap();
    account
        .events()
        .put_targets()
        .rule(rule)
        .targets(target)
        .send()
        .await
        .unwrap();
}

fn targets(account: &Account, rule: &str) -> Vec<(String, String)> {
    let answer = block_on(account.events().list_targets_by_rule().rule(rule).send()).unwrap();
    let each = answer
        .targets()
        .iter()
        .map(|target| (target.id().to_owned(), target.arn().to_owned()));
    each.collect()
}

/// All but logs, which functions leave by themselves.
#[track_caller]
fn assert_as_before(now: &World, before: &World) {
    for section in [
        "buckets",
        "event_sources",
        "functions",
        "roles",
        "rules",
        "subscriptions",
    ] {
        let (now, before) = (now.section(section), before.section(section));
        assert!(before.is_object(), "nothing reads {section}");
        assert_eq!(now, before, "{section}");
    }
}

#[test]
fn every_kind_of_event_is_answered_by_the_app_and_what_others_attached_stays() {
    let office = Office::new();
    let ground = &office.ground;
    let account = ground.account();
    let others = attach_others(&account);
    let before = World::read(&account);

    let run = ground.deploy();
    assert!(run.stderr.contains("Done: 19 created"), "{run}");
    office.send();
    assert_everything_sent_was_noted(&account);

    // A redeploy writes nothing, also where somebody added to a rule of ours.
    block_on(put_target(&account, CLOCK, "others", &others));
    let remembered = ground.remembered();
    assert_eq!(ground.deploy_steps(), []);
    assert_eq!(ground.remembered(), remembered);

    an_edit_is_live(&office, &account);
    let account = a_restart_keeps_everything_attached(&office, &account);

    let noted = note(&account, "clock")["rule"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(noted.ends_with(&format!(":rule/{CLOCK}")), "{noted}");

    ground.run(&["delete", "--local"]).expect_success();
    assert_eq!(targets(&account, CLOCK), [("others".to_owned(), others)]);
    forget_rule(&account, CLOCK);
    assert_as_before(&World::read(&account), &before);
    ground.run(&["delete", "--local"]).expect_success();
}

fn an_edit_is_live(office: &Office, account: &Account) {
    let ground = &office.ground;
    ground.project.edit(
        "app.py",
        "note('paper', key=event.key)",
        "note('paper', key=event.key, bucket=event.bucket)",
    );
    let update = |name: &str| ("update".to_owned(), format!("lambda_function.{name}"));
    assert_eq!(ground.deploy_steps(), FUNCTIONS.map(update));
    office.forget(account);
    office.send();
    assert_eq!(
        note(account, "paper"),
        json!({"key": "inbox/a letter.txt", "bucket": BUCKET})
    );
    assert_eq!(note(account, "order"), json!({"body": "two lamps"}));
}

/// Queues and streams are read from where they were left, also where the port of before is taken. Gives the account at its new
/// address.
fn a_restart_keeps_everything_attached(office: &Office, account: &Account) -> Account {
    let ground = &office.ground;
    ground.run(&["local-cloud", "down"]).expect_success();
    let taken = TcpListener::bind(account.endpoint().trim_start_matches("http://")).unwrap();
    let run = ground.run(&["local-cloud", "up"]).expect_success();
    assert!(run.stderr.contains("is taken"), "{run}");
    drop(taken);
    let account = ground.account();
    office.forget(&account);
    // A record of a stream tells of a change: the lamp was there.
    ground
        .project
        .edit("resources.py", "{'S': 'lamp'}", "{'S': 'rope'}");
    office.send();
    assert_eq!(
        note(&account, "stock"),
        json!({"happened": "INSERT", "item": "rope"})
    );
    for kind in ["click", "door", "news", "order", "paper"] {
        note(&account, kind);
    }
    account
}

fn forget_rule(account: &Account, rule: &str) {
    block_on(async {
        let events = account.events();
        events
            .remove_targets()
            .rule(rule)
            .ids("others")
            .send()
            .await
            .unwrap();
        events.delete_rule().name(rule).send().await.unwrap();
    });
}
