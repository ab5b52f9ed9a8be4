//! Events as they happen.

use futures::StreamExt as _;

use super::*;

/// What a client hears: the lines of the stream, one event after the other.
struct Hearing(axum::body::BodyDataStream);

impl Hearing {
    async fn of(world: &World, path: &str, last: Option<&str>) -> Self {
        let headers: Vec<_> = last.map(|last| ("last-event-id", last)).into_iter().collect();
        let answer = world
            .app
            .clone()
            .oneshot(request("GET", path, &headers, ""))
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut hearing = Self(answer.into_body().into_data_stream());
        assert_eq!(hearing.text().await.as_deref(), Some("retry: 2000\n: grail\n\n"));
        hearing
    }

    async fn text(&mut self) -> Option<String> {
        let bytes = self.0.next().await?.unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// The next event: its name, number in its id, and data.
    async fn next(&mut self) -> Option<(String, Option<u64>, Value)> {
        let text = self.text().await?;
        let field = |name: &str| {
            let lines = text
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            lines.map(str::to_owned).next()
        };
        let number = field("id").map(|id| id.split_once('-').unwrap().1.parse().unwrap());
        Some((
            field("event")?,
            number,
            serde_json::from_str(&field("data")?).unwrap(),
        ))
    }
}

fn again(world: &World, number: u64) -> String {
    world.site.event_id(number)
}

#[tokio::test]
async fn who_listens_hears_of_its_stage_what_happens_from_then_on() {
    let world = World::local();
    let before = world.board.latest();
    let mut one = Hearing::of(&world, "/api/v1/stages/shop/dev/events", None).await;
    let mut all = Hearing::of(&world, "/api/v1/events", None).await;
    world
        .board
        .passed(&key("shop", "calm"), End::Reported, Duration::from_secs(3), at(0));
    let finished = Event::Finished {
        step: StepId(1),
        id: "lambda_function.door".parse().unwrap(),
        action: "update".into(),
        took: Duration::from_millis(1500),
    };
    world.board.event(&shop(), &finished, at(0));
    let (name, number, data) = one.next().await.unwrap();
    assert_eq!((&*name, number), ("event", Some(before + 2)));
    assert_eq!(data["said"], "Updated lambda_function.door in 1.5 s");
    assert_eq!(data["mark"]["element"], "r-lambda__function.door");
    assert_eq!(
        (&data["mark"]["condition"], &data["mark"]["sign"]),
        (&json!("done"), &json!("ok"))
    );
    assert_eq!(all.next().await.unwrap().0, "passed");
    assert_eq!(all.next().await.unwrap().1, Some(before + 2));
    // Nothing more comes of what is gone.
    world.board.remove(&shop(), at(1));
    assert_eq!(one.next().await.unwrap().0, "gone");
    assert!(one.next().await.is_none());
    world
        .get("/api/v1/stages/shop/dev/events")
        .await
        .expect_problem(404, "unknown-stage");
    // Nor after a stop.
    assert_eq!(all.next().await.unwrap().0, "gone");
    world.stop.send(Some("SIGTERM".into())).unwrap();
    assert!(all.next().await.is_none());
}

#[tokio::test]
async fn who_comes_back_hears_what_it_missed() {
    let world = World::local();
    let latest = world.board.latest();
    let path = "/api/v1/stages/shop/dev/events";
    let last = again(&world, latest - 4);
    let mut hearing = Hearing::of(&world, path, Some(&last)).await;
    // The newest is of another stage.
    for number in latest - 3..latest {
        assert_eq!(hearing.next().await.unwrap().1, Some(number));
    }
    world.board.event(&shop(), &Event::Committed, at(0));
    assert_eq!(hearing.next().await.unwrap().1, Some(latest + 1));
    // The query says the same; the header goes before it.
    let query = format!("{path}?after={last}");
    assert_eq!(
        Hearing::of(&world, &query, None).await.next().await.unwrap().1,
        Some(latest - 3)
    );
    let mut newer = Hearing::of(&world, &query, Some(&again(&world, latest))).await;
    assert_eq!(newer.next().await.unwrap().1, Some(latest + 1));
}

#[tokio::test]
async fn who_has_missed_more_than_is_kept_is_told() {
    let world = World::local();
    let path = "/api/v1/events";
    for last in ["", "other-1", "x", &again(&world, 1_000_000), "-", "\u{e9}"] {
        let mut hearing = Hearing::of(&world, path, Some(last)).await;
        let (name, number, data) = hearing.next().await.unwrap();
        assert_eq!(
            (&*name, number, &data["notice"]),
            ("gap", None, &json!("gap")),
            "{last}"
        );
    }
    let mut slow = Hearing::of(&world, path, None).await;
    for _ in 0..3000 {
        world.board.event(&shop(), &Event::Committed, at(0));
    }
    let (name, _, data) = slow.next().await.unwrap();
    assert_eq!(name, "gap");
    assert_eq!(data["lost"], 3000 - 1024);
    assert_eq!(world.board.counts().tally().lost, 3000 - 1024);
    let (_, number, _) = slow.next().await.unwrap();
    assert_eq!(number, Some(world.board.latest() - 1023));
}

#[tokio::test(start_paused = true)]
async fn who_hears_nothing_hears_that_we_are_here() {
    let world = World::local();
    let mut hearing = Hearing::of(&world, "/api/v1/events", None).await;
    let began = tokio::time::Instant::now();
    assert_eq!(hearing.text().await.as_deref(), Some(": still here\n\n"));
    assert_eq!(began.elapsed(), Duration::from_secs(15));
}

#[tokio::test]
async fn there_are_places_for_so_many_and_each_is_given_back() {
    let mut settings = settings("127.0.0.1:0");
    settings.limits.listeners = 1;
    let world = World::new(settings);
    let hearing = Hearing::of(&world, "/api/v1/events", None).await;
    assert!(
        world
            .get("/metrics")
            .await
            .text
            .contains("grail_event_listeners 1")
    );
    world
        .get("/api/v1/events")
        .await
        .expect_problem(503, "too-many-listeners");
    drop(hearing);
    Hearing::of(&world, "/api/v1/events", None).await;
}
