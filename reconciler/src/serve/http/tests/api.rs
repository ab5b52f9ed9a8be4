//! Each address that programs ask, and each of its problems.

use super::*;

#[tokio::test]
async fn stages_are_listed_and_told() {
    let world = World::local();
    let list = world.get("/api/v1/stages").await;
    assert_eq!(
        (list.code, list.header("cache-control")),
        (StatusCode::OK, "no-store")
    );
    let list = list.json();
    assert_eq!(list["stages"].as_array().unwrap().len(), 9);
    assert!(
        list["event"]
            .as_str()
            .unwrap()
            .ends_with(&format!("-{}", world.board.latest()))
    );
    let one = world.get("/api/v1/stages/shop/dev").await.json();
    assert_eq!(
        (&one["project"], &one["standing"]),
        (&json!("shop"), &json!("converged"))
    );
    assert_eq!(one["running"]["because"], json!(["changed"]));
    world
        .get("/api/v1/stages/shop/none")
        .await
        .expect_problem(404, "unknown-stage");
    world
        .get("/api/v1/stages/none/dev/history")
        .await
        .expect_problem(404, "unknown-stage");
}

#[tokio::test]
async fn the_plan_is_the_one_of_the_command_line_and_holds_no_secret() {
    let board = board();
    let mut plan = plan();
    plan.build[0].want = Some(serde_json::from_value(json!({"token": "canary-7"})).unwrap());
    board.event(
        &shop(),
        &Event::Planned {
            plan: Box::new(plan.clone()),
        },
        at(-1),
    );
    let world = World::over(settings("127.0.0.1:0"), board);
    let told = world.get("/api/v1/stages/shop/dev/plan").await;
    assert_eq!(told.json(), crate::report::plan::document(&plan));
    assert!(!told.text.contains("canary-7") && !format!("{:?}", world.board).contains("canary-7"));
    world
        .get("/api/v1/stages/shop/calm/plan")
        .await
        .expect_problem(404, "no-plan");
}

#[tokio::test]
async fn the_picture_shows_what_the_pass_has_come_to() {
    let world = World::local();
    let graph = world.get("/api/v1/stages/shop/dev/graph").await.json();
    let condition = |id: &str| {
        let resources = graph["resources"].as_array().unwrap().iter();
        let mut found = resources.filter(|one| one["id"] == id);
        found.next().unwrap()["condition"].clone()
    };
    assert_eq!(condition("iam_role.default-role"), "done");
    assert_eq!(condition("lambda_function.door"), "in-progress");
    assert_eq!(condition("sqs_queue.old"), "delete");
    assert_eq!(condition("event_rule.daily"), "drifted");
    let svg = world.get("/api/v1/stages/shop/dev/graph.svg").await;
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert!(svg.text.starts_with("<svg ") && svg.text.contains("data-condition=\"in-progress\""));
    // The pass is over: what is recorded, as the board has it.
    let mut report = (*world.board.stage(&shop()).unwrap()).clone();
    report.running = None;
    world.board.report(report, at(0));
    let rest = world.get("/api/v1/stages/shop/dev/graph").await.json();
    assert_eq!(rest["summary"], "3 resources: 1 changed outside, 2 unchanged");
}

#[tokio::test]
async fn what_is_asked_for_is_passed_on() {
    let world = World::local();
    for what in ["reconcile", "pause", "resume"] {
        let path = format!("/api/v1/stages/shop/dev/{what}");
        let reply = world.post(&path, &[], "").await;
        assert_eq!(reply.code, 202, "{reply:?}");
        world
            .post(&format!("/api/v1/stages/none/dev/{what}"), &[], "")
            .await
            .expect_problem(404, "unknown-stage");
        world.get(&path).await.expect_problem(405, "wrong-method");
    }
    world
        .post("/api/v1/stages/shop/paused/reconcile", &[], "")
        .await
        .expect_problem(409, "paused");
    assert_eq!(
        world.asked.all(),
        ["reconcile shop/dev", "pause shop/dev", "resume shop/dev"]
    );
}

#[tokio::test]
async fn a_webhook_wakes_where_it_is_signed_and_nothing_else() {
    let world = World::local();
    let path = "/api/v1/webhooks/shop";
    let signed = |signature: &'static str| [("x-hub-signature-256", signature), ("host", "hooks.example")];
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(world.post(path, &signed(good), "Hello, World!").await.code, 202);
    for (signature, body) in [
        (good, "Hello, World?"),
        (
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "Hello, World!",
        ),
        ("sha256=", "Hello, World!"),
        ("sha1=757107ea", "Hello, World!"),
    ] {
        world
            .post(path, &signed(signature), body)
            .await
            .expect_problem(401, "unauthorized");
    }
    world
        .post(path, &[], "Hello, World!")
        .await
        .expect_problem(401, "unauthorized");
    // Whether there is such a project is not told.
    let other = world
        .post("/api/v1/webhooks/other", &signed(good), "Hello, World!")
        .await;
    assert_eq!(other.text, world.post(path, &signed("sha256=00"), "x").await.text);
    // Nothing is read for who cannot have signed it.
    for signature in ["", "sha256=", "sha256=0g", good.trim_end_matches('7')] {
        let unread = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let mut asked = request("POST", path, &signed(signature), "");
        *asked.body_mut() = Body::from_stream(unread);
        world.ask(asked).await.expect_problem(401, "unauthorized");
    }
    // A large one is not read to its end, whether there is such a webhook or not.
    for project in ["shop", "other"] {
        let mut asked = request("POST", &format!("/api/v1/webhooks/{project}"), &signed(good), "");
        let endless = futures::stream::iter((0..100).map(|piece| {
            assert!(piece < 40, "it is read on and on");
            Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024])
        }));
        *asked.body_mut() = Body::from_stream(endless);
        world.ask(asked).await.expect_problem(413, "too-large");
    }
    let large = "x".repeat(super::super::webhook::LARGEST + 1);
    world
        .post(path, &signed(good), &large)
        .await
        .expect_problem(413, "too-large");
    assert_eq!(world.asked.all(), ["wake shop"]);
}

#[tokio::test]
async fn health_is_told_at_once_and_readiness_when_everything_was_seen() {
    let world = World::over(settings("127.0.0.1:0"), Arc::default());
    assert_eq!(world.get("/healthz").await.json()["status"], "ok");
    let problem = world.get("/readyz").await.expect_problem(503, "not-ready");
    assert_eq!(problem["detail"], "The configuration has not been read yet.");
    world.board.configured(Configuration {
        at: at(0),
        refused: None,
    });
    assert_eq!(
        world.get("/readyz").await.json(),
        json!({"status": "ready", "stages": 0})
    );
    let mut report = StageReport::new(shop(), ".");
    world.board.report(report.clone(), at(0));
    let unseen = world.get("/readyz").await;
    assert_eq!(unseen.header("retry-after"), "5");
    assert_eq!(
        unseen.expect_problem(503, "not-ready")["detail"],
        "Not looked at yet: shop/dev."
    );
    // That it is this replica's says nothing of whether it was looked at.
    report.holder = Some("one".into());
    world.board.report(report.clone(), at(1));
    world.get("/readyz").await.expect_problem(503, "not-ready");
    report.standing = Standing::Elsewhere;
    world.board.report(report.clone(), at(1));
    assert_eq!(world.get("/readyz").await.code, 200);
    // One that moves here is looked at soon; who takes over goes on answering.
    report.standing = Standing::Unknown;
    world.board.report(report.clone(), at(1));
    assert_eq!(world.get("/readyz").await.code, 200);
    let mut fresh = StageReport::new(key("shop", "new"), ".");
    world.board.report(fresh.clone(), at(1));
    world.get("/readyz").await.expect_problem(503, "not-ready");
    fresh.standing = Standing::Refused;
    world.board.report(fresh, at(1));
    assert_eq!(world.get("/readyz").await.code, 200);
    world.stop.send(Some("SIGTERM".into())).unwrap();
    world.get("/readyz").await.expect_problem(503, "not-ready");
    assert_eq!(world.get("/healthz").await.code, 200);
}
