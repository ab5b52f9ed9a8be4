//! Who is let in, and who is not.

use super::*;

use super::super::routes::{Who, operations};

const PATHS: [&str; 4] = ["/api/v1/stages", "/metrics", "/", "/api/v1/events"];

/// What the table of operations does not have, and is for those who were let in.
const PAGES: [(&str, &str); 7] = [
    ("GET", "/"),
    ("GET", "/stages/shop/dev"),
    ("POST", "/stages/shop/dev/reconcile"),
    ("POST", "/stages/shop/dev/pause"),
    ("POST", "/stages/shop/dev/resume"),
    ("POST", "/logout"),
    ("GET", "/nothing"),
];

#[tokio::test]
async fn on_loopback_only_its_own_names_are_answered() {
    let world = World::local();
    for host in [
        "localhost",
        "LOCALHOST:7373",
        "127.0.0.1:7373",
        "127.9.9.9",
        "[::1]:7373",
    ] {
        let reply = world
            .ask(request("GET", "/api/v1/stages", &[("host", host)], ""))
            .await;
        assert_eq!(reply.code, 200, "{host}");
    }
    for host in [
        "grail.example",
        "localhost.example",
        "127.0.0.1.example",
        "10.0.0.1",
        "0.0.0.0",
        "",
        "[::2]",
        "localhost, evil",
        "user@evil",
        "localhost@evil",
    ] {
        for path in PATHS {
            let reply = world.ask(request("GET", path, &[("host", host)], "")).await;
            reply.expect_problem(403, "forbidden");
        }
    }
    let mut two = request("GET", "/", &[], "");
    two.headers_mut().append("host", "evil.example".parse().unwrap());
    world.ask(two).await.expect_problem(403, "forbidden");
    let mut none = request("GET", "/", &[], "");
    none.headers_mut().remove("host");
    world.ask(none).await.expect_problem(403, "forbidden");
    let absolute = request("GET", "http://evil.example/", &[], "");
    world.ask(absolute).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_ask_for_anything() {
    let world = World::local();
    let path = "/api/v1/stages/shop/dev/reconcile";
    for headers in [
        [("origin", "http://evil.example")].as_slice(),
        &[("origin", "http://localhost:1")],
        &[("origin", "null")],
        &[
            ("origin", "null"),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        &[
            ("origin", "http://localhost:7373"),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("sec-fetch-site", "same-site")],
    ] {
        world
            .post(path, headers, "")
            .await
            .expect_problem(403, "forbidden");
    }
    assert_eq!(world.asked.all(), [""; 0]);
    for headers in [
        [].as_slice(),
        &[("origin", "http://localhost:7373")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(world.post(path, headers, "").await.code, 202, "{headers:?}");
    }
}

#[tokio::test]
async fn elsewhere_nothing_but_health_is_told_without_the_token() {
    let world = World::guarded();
    for path in PATHS
        .into_iter()
        .chain(["/api/v1/openapi.json", "/stages/shop/dev", "/nothing"])
    {
        let reply = world.get(path).await;
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"grail\"");
        reply.expect_problem(401, "unauthorized");
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic YTpi",
            &format!("Bearer {TOKEN}x"),
        ] {
            let reply = world
                .ask(request("GET", path, &[("authorization", wrong)], ""))
                .await;
            reply.expect_problem(401, "unauthorized");
        }
    }
    assert_eq!(world.get("/healthz").await.code, 200);
    let bearer = format!("bearer {TOKEN}");
    let right = [("authorization", &*bearer), ("host", "grail.example")];
    assert_eq!(
        world.ask(request("GET", "/api/v1/stages", &right, "")).await.code,
        200
    );
    assert_eq!(
        world.post("/api/v1/stages/shop/dev/pause", &right, "").await.code,
        202
    );
    world
        .post("/api/v1/stages/shop/dev/pause", &[], "")
        .await
        .expect_problem(401, "unauthorized");
    assert_eq!(world.asked.all(), ["pause shop/dev"]);
}

#[tokio::test]
async fn each_operation_is_for_whom_the_table_says() {
    let world = World::guarded();
    let mut kinds = std::collections::BTreeMap::<_, usize>::new();
    for operation in operations() {
        let path = operation
            .path
            .replace("{project}", "shop")
            .replace("{stage}", "dev");
        let asked = request(&operation.method.to_uppercase(), &path, &[], "");
        let reply = world.ask(asked).await;
        match operation.who {
            Who::Visitor | Who::Signed => drop(reply.expect_problem(401, "unauthorized")),
            Who::Everybody => assert!(![401, 403].contains(&reply.code.as_u16()), "{path}: {reply:?}"),
        }
        *kinds.entry(format!("{:?}", operation.who)).or_default() += 1;
    }
    assert!(kinds.len() == 3 && kinds["Visitor"] > 10, "{kinds:?}");
    for (method, path) in PAGES {
        let reply = world.ask(request(method, path, &[], "proof=x")).await;
        reply.expect_problem(401, "unauthorized");
    }
    assert_eq!(world.asked.all(), [""; 0]);
}

#[tokio::test]
async fn which_stages_there_are_is_no_business_of_who_was_not_let_in() {
    let mut settings = settings("0.0.0.0:7373");
    settings.token = Some(Secret::new(TOKEN));
    let world = World::over(settings, Arc::default());
    for stage in ["dev", "prod"] {
        world
            .board
            .report(StageReport::new(key("shop", stage), "."), at(0));
    }
    let told = world.get("/readyz").await.expect_problem(503, "not-ready");
    assert_eq!(told["detail"], "Stages that were not looked at yet: 2.");
    let bearer = format!("Bearer {TOKEN}");
    let asked = request("GET", "/readyz", &[("authorization", &bearer)], "");
    let told = world.ask(asked).await.expect_problem(503, "not-ready");
    assert_eq!(told["detail"], "Not looked at yet: shop/dev, shop/prod.");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_like_others() {
    let world = World::local();
    let large = "x".repeat(20_000);
    for path in ["/login", "/logout", "/stages/shop/dev/pause"] {
        for local in [false, true] {
            let world = if local { World::local() } else { World::guarded() };
            let bearer = format!("Bearer {TOKEN}");
            let asked = world.post(path, &[("authorization", &bearer)], &large).await;
            asked.expect_problem(413, "too-large");
        }
    }
    let path = "/stages/%ff/dev/pause";
    world
        .post(path, &[], "proof=x")
        .await
        .expect_problem(400, "bad-request");
}

#[tokio::test]
async fn a_certificate_lets_in_and_its_lack_is_told() {
    let mut settings = settings("0.0.0.0:0");
    settings.client_ca = Some("ca.pem".into());
    let world = World::new(settings);
    world.get("/api/v1/stages").await.expect_problem(403, "forbidden");
    let mut certified = request("GET", "/api/v1/stages", &[], "");
    certified.extensions_mut().insert(Peer { certified: true });
    assert_eq!(world.ask(certified).await.code, 200);
    assert_eq!(world.get("/readyz").await.code, 200);
}

#[tokio::test]
async fn every_answer_protects_its_reader() {
    let world = World::local();
    for path in ["/healthz", "/nothing", "/api/v1/stages", "/"] {
        let reply = world.get(path).await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("x-frame-options"), "DENY");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_or_does_not_end_is_not_waited_for() {
    let world = World::local();
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let signature = format!("sha256={}", "0".repeat(64));
    let headers = [("x-hub-signature-256", &*signature)];
    let mut request = request("POST", "/api/v1/webhooks/shop", &headers, "");
    *request.body_mut() = Body::from_stream(never);
    world.ask(request).await.expect_problem(408, "too-slow");
}
