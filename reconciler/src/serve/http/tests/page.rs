//! The page as a browser without scripts sees it.

use super::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

/// The proof in the page.
fn proof(page: &Reply) -> String {
    let field = "name=\"proof\" value=\"";
    let (_, rest) = page
        .text
        .split_once(field)
        .unwrap_or_else(|| panic!("no form: {page:?}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_overview_shows_every_stage_and_those_first_that_need_somebody() {
    let world = World::local();
    let page = world.get("/").await;
    assert_eq!(
        (page.code, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    let place = |text: &str| {
        page.text
            .find(text)
            .unwrap_or_else(|| panic!("{text} is not in {}", page.text))
    };
    assert!(place(">shop/stuck<") < place(">shop/calm<"));
    assert!(place("Somebody should look") < place(">shop/stuck<"));
    assert!(page.text.contains("3 in a row") && page.text.contains("datetime=\"2027-01-15T07:58:00Z\""));
    assert!(!page.text.contains("configuration was refused"));
    let found = world.get("/?q=STUCK").await.text;
    assert!(found.contains(">shop/stuck<") && !found.contains(">shop/calm<"));
    assert!(
        world
            .get("/?q=nothing+like+this")
            .await
            .text
            .contains("No stage is like that.")
    );
    world.board.configured(Configuration {
        at: at(-30),
        refused: Some("grail-serve.toml:3: no such key <x>".into()),
    });
    assert!(
        world
            .get("/")
            .await
            .text
            .contains("grail-serve.toml:3: no such key &lt;x&gt;")
    );
}

#[tokio::test]
async fn a_stage_shows_all_that_is_known_of_it() {
    let world = World::local();
    let page = world.get("/stages/shop/dev").await.text;
    for text in [
        "Pass 8 is being made",
        "files have changed (app.py)",
        "1 of 3 steps",
        "<svg ",
        "id=\"r-lambda__function.door\"",
        "shop-dev-door",
        "<del>128</del> <ins>256</ins>",
        "Created iam_role.default-role in 0.9 s",
        "lambda_function.door is tried again in 2.0 s: too many requests",
        "by ada",
        "done in 4.2 s",
        "0123abc",
    ] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let stuck = world.get("/stages/shop/stuck").await.text;
    assert!(
        stuck.contains("<li>rest_api.rest_api could not be deleted</li>"),
        "{stuck}"
    );
    let drifted = world.get("/stages/shop/drifted").await.text;
    assert!(drifted.contains("lambda_function.door: memory 128 -&gt; 512"));
    let none = world.ask(request("GET", "/stages/shop/none", &[HTML], "")).await;
    assert_eq!(
        (none.code, none.header("content-type")),
        (StatusCode::NOT_FOUND, "text/html; charset=utf-8")
    );
    assert!(none.text.contains("<h1>No such stage</h1>"));
}

#[tokio::test]
async fn a_form_does_what_it_says_where_our_page_has_made_it() {
    let world = World::local();
    let page = world.get("/stages/shop/dev").await;
    let body = format!("proof={}", proof(&page));
    for what in ["reconcile", "pause", "resume"] {
        let reply = world
            .post(
                &format!("/stages/shop/dev/{what}"),
                &[FORM, ("origin", "null")],
                &body,
            )
            .await;
        assert_eq!(reply.code, 303, "{reply:?}");
        assert_eq!(reply.header("location"), format!("/stages/shop/dev?asked={what}"));
    }
    assert!(
        world
            .get("/stages/shop/dev?asked=pause")
            .await
            .text
            .contains("The stage is paused.")
    );
    assert_eq!(world.get("/stages/shop/dev?asked=%3Cx%3E").await.code, 200);
    for wrong in [
        "",
        "proof=",
        "proof=00",
        "proof=%00",
        "other=1",
        &format!("{body}0"),
    ] {
        world
            .post("/stages/shop/dev/pause", &[FORM], wrong)
            .await
            .expect_problem(403, "forbidden");
    }
    world
        .post(
            "/stages/shop/dev/pause",
            &[FORM, ("origin", "http://evil.example")],
            &body,
        )
        .await
        .expect_problem(403, "forbidden");
    world
        .post("/stages/shop/dev/other", &[FORM], &body)
        .await
        .expect_problem(404, "not-found");
    world
        .post("/stages/none/dev/pause", &[FORM], &body)
        .await
        .expect_problem(404, "unknown-stage");
    assert_eq!(world.asked.all().len(), 3);
}

#[tokio::test]
async fn a_browser_signs_in_with_the_token_and_out_again() {
    let world = World::guarded();
    let host = ("host", "grail.example");
    let asked = world.ask(request("GET", "/", &[HTML, host], "")).await;
    assert_eq!(
        (asked.code, asked.header("location")),
        (StatusCode::SEE_OTHER, "/login")
    );
    assert!(world.get("/login").await.text.contains("type=\"password\""));
    assert_eq!(world.get("/assets/page.css").await.code, 200);
    let headers = [FORM, HTML, host];
    let enter = |token: &'static str| world.post("/login", &headers, token);
    let wrong = enter("token=wrong").await;
    assert_eq!(
        (wrong.code, wrong.header("set-cookie")),
        (StatusCode::UNAUTHORIZED, "")
    );
    assert!(wrong.text.contains("That is not the token"));
    assert_eq!(enter("").await.code, 401);
    let entered = enter("token=a+token+of%20some%20length").await;
    assert_eq!(entered.code, 303);
    let cookie = entered.header("set-cookie").split(';').next().unwrap();
    let signed = [HTML, host, ("cookie", cookie)];
    let page = world.ask(request("GET", "/stages/shop/dev", &signed, "")).await;
    assert!(page.code == 200 && page.text.contains("Sign out"), "{page:?}");
    let body = format!("proof={}", proof(&page));
    let form = [FORM, host, ("cookie", cookie)];
    assert_eq!(world.post("/stages/shop/dev/pause", &form, &body).await.code, 303);
    // The same form without the session, or from elsewhere.
    world
        .post("/stages/shop/dev/pause", &[FORM, host], &body)
        .await
        .expect_problem(401, "unauthorized");
    let elsewhere = [FORM, host, ("cookie", cookie), ("sec-fetch-site", "cross-site")];
    world
        .post("/stages/shop/dev/pause", &elsewhere, &body)
        .await
        .expect_problem(403, "forbidden");
    assert_eq!(world.asked.all(), ["pause shop/dev"]);
    let left = world.post("/logout", &form, &body).await;
    assert!(
        left.code == 303 && left.header("set-cookie").contains("Max-Age=0"),
        "{left:?}"
    );
    // On loopback nobody signs in.
    let local = World::local().get("/login").await;
    assert_eq!(
        (local.code, local.header("location")),
        (StatusCode::SEE_OTHER, "/")
    );
}

/// Texts from outside: of a configuration, of files, of AWS, of whoever ran a command.
const HOSTILE: &str = "\"'><script>alert(1)</script><!--&amp;</style></textarea>\u{202e}\n${x}{{y}}";

#[tokio::test]
async fn no_text_from_outside_becomes_a_part_of_the_page() {
    let board = Board::default();
    let key = key(HOSTILE, "\"><img src=x onerror=alert(1)>");
    let mut report = StageReport::new(key.clone(), HOSTILE);
    report.standing = Standing::Stuck;
    report.revision = Some(HOSTILE.into());
    report.holder = Some(HOSTILE.into());
    report.drift = vec![HOSTILE.into()];
    report.last = Some(last(End::Stuck, &[HOSTILE]));
    report.running = Some(Running {
        number: 1,
        because: [Wake::Asked].into(),
        files: [HOSTILE.into()].into(),
        began: at(-5),
    });
    board.report(report, at(-5));
    let mut graph = graph();
    graph.title = HOSTILE.into();
    for node in graph.nodes.values_mut() {
        node.label = Some(HOSTILE.into());
        node.why = Some(HOSTILE.into());
    }
    board.draw(&key, graph);
    let one = History {
        serial: 1,
        at: at(-9),
        command: HOSTILE.into(),
        by: Some(HOSTILE.into()),
        said: HOSTILE.into(),
    };
    board.remember(&key, vec![one]);
    let mut plan = plan();
    plan.build[0].label = Some(HOSTILE.into());
    plan.build[1].wanted = Some(json!({HOSTILE: HOSTILE}));
    plan.additions
        .insert("a.b".parse().unwrap(), vec![HOSTILE.into()]);
    board.event(&key, &Event::Planned { plan: Box::new(plan) }, at(-4));
    let why = HOSTILE.to_owned();
    board.event(&key, &Event::TurningBack { because: why.clone() }, at(-3));
    board.event(
        &key,
        &Event::Said {
            code: why.clone(),
            text: why,
            warning: true,
        },
        at(-3),
    );
    let world = World::over(settings("127.0.0.1:0"), Arc::new(board));
    let path = super::super::page::test_address(&key);
    for path in [
        "/".to_owned(),
        path.clone(),
        format!("/?q={}", "%22%3E%3Cscript%3Ealert(1)"),
    ] {
        let page = world.get(&path).await;
        assert_eq!(page.code, 200, "{page:?}");
        for bad in ["<script>", "<img", "<!--", "</textarea>", "\u{202e}"] {
            assert!(!page.text.contains(bad), "{bad} is in {path}: {}", page.text);
        }
        // The sheet of the picture ends once.
        assert!(page.text.matches("</style>").count() <= 1);
    }
    assert!(world.get(&path).await.text.contains("&lt;script&gt;alert(1)"));
    let svg = world.get(&format!("/api/v1{path}/graph.svg")).await;
    assert!(svg.code == 200 && !svg.text.contains("<script>"), "{svg:?}");
}
