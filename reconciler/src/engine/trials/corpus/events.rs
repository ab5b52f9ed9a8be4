//! What functions are told of: created, changed, moved, taken away; and all of it at once.

use super::{Plan, plan, small};
use crate::engine::trials::app::{App, Fun, Site, Source};

/// Two functions that are told of one bucket.
pub(super) fn watching() -> App {
    small().change(|app| {
        app.tell("one", Source::bucket("photos", "raw/"));
        app.tell("two", Source::bucket("photos", "done/"));
    })
}

fn subscribed() -> App {
    small().change(|app| app.tell("one", Source::topic("news")))
}

/// A function that reads a queue, and one that reads a stream.
fn reading() -> App {
    small().change(|app| {
        app.tell("one", Source::queue("jobs"));
        app.tell("two", Source::stream("clicks"));
    })
}

fn ticking() -> App {
    small().change(|app| {
        app.tell("one", Source::schedule("rate(1 hour)"));
        app.tell("two", Source::Pattern(r#"{"source": ["aws.s3"]}"#));
    })
}

fn layered() -> App {
    small().change(|app| app.layer = Some(1))
}

/// Every kind at once.
pub(crate) fn everything() -> App {
    App::of(&["plain"]).with_api().with_socket("plain").change(|app| {
        app.layer = Some(1);
        app.fun("plain").retention = Some(7);
        app.http().site = Some(Site::at("api.example.com"));
        app.socket().site = Some(Site::at("ws.example.com"));
        app.tell("bucket", Source::bucket("photos", "raw/"));
        app.tell("topic", Source::topic("news"));
        app.tell("queue", Source::queue("jobs"));
        app.tell("stream", Source::stream("clicks"));
        app.tell("clock", Source::schedule("rate(1 hour)"));
    })
}

/// The same with something of every kind changed.
pub(crate) fn everything_else() -> App {
    everything().change(|app| {
        app.policy = 2;
        app.layer = Some(2);
        app.fun("plain").retention = None;
        app.http().endpoint = "REGIONAL";
        app.http().site.as_mut().unwrap().prefix = "v2";
        app.socket().routes.remove("$connect");
        app.socket().site.as_mut().unwrap().certificate = 2;
        app.fun("bucket").called = Some("eimer".into());
        app.tell("topic", Source::topic("alarms"));
        app.tell("queue", Source::queue("chores"));
        app.functions.remove("stream");
        app.tell("clock", Source::Pattern(r#"{"source": ["aws.s3"]}"#));
    })
}

pub(super) fn plans() -> Vec<Plan> {
    let mut plans = bucket_plans();
    plans.extend(topic_plans());
    plans.extend(reader_plans());
    plans.extend(rule_plans());
    plans.extend(layer_plans());
    plans.extend([
        plan("create-everything", None, everything()),
        plan("change-everything", everything(), everything_else()),
        plan("delete-everything", everything(), None),
    ]);
    plans
}

fn bucket_plans() -> Vec<Plan> {
    vec![
        plan("create-notification", None, watching()),
        // Each alone would overlap with the other: it is one write.
        plan(
            "swap-notifications",
            watching(),
            watching().change(|app| {
                app.tell("one", Source::bucket("photos", "done/"));
                app.tell("two", Source::bucket("photos", "raw/"));
            }),
        ),
        plan(
            "move-notification",
            watching(),
            watching().change(|app| app.tell("two", Source::bucket("papers", "done/"))),
        ),
        plan(
            "drop-one-notification",
            watching(),
            watching().change(|app| drop(app.functions.remove("two"))),
        ),
        plan("drop-notifications", watching(), small()),
        plan(
            "replace-notified-function",
            watching(),
            watching().change(|app| app.fun("two").called = Some("deux".into())),
        ),
        plan("delete-notifications", watching(), None),
    ]
}

fn topic_plans() -> Vec<Plan> {
    vec![
        plan("create-subscription", None, subscribed()),
        plan(
            "rewrite-topic",
            subscribed(),
            subscribed().change(|app| {
                let source = Source::Topic {
                    topic: "news",
                    by_arn: true,
                };
                app.tell("one", source);
                app.policy = 2;
            }),
        ),
        plan(
            "move-subscription",
            subscribed(),
            subscribed().change(|app| app.tell("one", Source::topic("alarms"))),
        ),
        plan(
            "replace-subscribed-function",
            subscribed(),
            subscribed().change(|app| app.fun("one").called = Some("un".into())),
        ),
        plan("drop-subscription", subscribed(), small()),
        plan("delete-subscription", subscribed(), None),
    ]
}

fn reader_plans() -> Vec<Plan> {
    vec![
        plan("create-mappings", None, reading()),
        plan(
            "update-mappings",
            reading().change(|app| queue_of(app, 1, Some(5))),
            reading().change(|app| {
                queue_of(app, 10, None);
                let source = Source::Stream {
                    stream: "clicks",
                    batch: 50,
                };
                app.tell("two", source);
            }),
        ),
        plan(
            "move-mappings",
            reading(),
            reading().change(|app| {
                app.tell("one", Source::queue("chores"));
                app.tell("two", Source::stream("views"));
            }),
        ),
        plan(
            "replace-reading-function",
            reading(),
            reading().change(|app| app.fun("one").called = Some("un".into())),
        ),
        // The mappings go on under another id, where they were.
        plan(
            "rename-reading-functions",
            reading(),
            reading().change(|app| {
                for (old, new) in [("one", "un"), ("two", "deux")] {
                    let function = app.functions.remove(old).unwrap();
                    app.functions.insert(new.to_owned(), function);
                }
            }),
        ),
        plan("drop-mappings", reading(), small()),
        plan("delete-mappings", reading(), None),
    ]
}

fn queue_of(app: &mut App, batch: u32, concurrency: Option<u32>) {
    let queue = "jobs";
    app.tell(
        "one",
        Source::Queue {
            queue,
            batch,
            concurrency,
        },
    );
}

fn rule_plans() -> Vec<Plan> {
    vec![
        plan("create-rules", None, ticking()),
        plan(
            "update-rules",
            ticking(),
            ticking().change(|app| {
                let source = Source::Schedule {
                    expression: "rate(2 hours)",
                    description: "twice",
                };
                app.tell("one", source);
                app.tell("two", Source::schedule("rate(1 day)"));
            }),
        ),
        plan(
            "replace-ticking-function",
            ticking(),
            ticking().change(|app| app.fun("one").called = Some("un".into())),
        ),
        plan("drop-rules", ticking(), small()),
        plan("delete-rules", ticking(), None),
    ]
}

fn layer_plans() -> Vec<Plan> {
    vec![
        plan("create-layer", None, layered()),
        plan(
            "update-layer",
            layered(),
            layered().change(|app| {
                app.layer = Some(2);
                app.functions.insert("two".into(), Fun::plain());
            }),
        ),
        plan("drop-layer", layered(), small()),
        plan("delete-layer", layered(), None),
    ]
}
