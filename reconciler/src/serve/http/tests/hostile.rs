//! Whatever comes in: an answer, never a panic. Cases that once mattered stay in `CORPUS`.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::{Listening, listen};
use super::*;

const CORPUS: &[&[u8]] = &[
    b"",
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /stages/%ff/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /stages/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //// HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/v1/webhooks/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /api/v1/webhooks/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: grail=.;grail=1.;=;;\xff\r\n\r\n",
    b"GET /?q=%ff%fe&&==& HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/v1/events?after=%00-99999999999999999999999 HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: \xff-1\r\n\r\n",
    b"POST /stages/shop/dev/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nproof=\xff%z",
    b"GET /api/v1/stages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bear\r\n\r\n",
];

async fn opened() -> (Listening, watch::Sender<Option<String>>) {
    let (sender, stop) = StopSignal::new();
    let mut settings = settings("127.0.0.1:0");
    // What is not whole is not waited for.
    settings.limits.head = Duration::from_millis(50);
    settings.limits.request = Duration::from_millis(200);
    settings.webhooks.insert("shop".into(), Secret::new("secret"));
    (
        listen(settings, board(), Arc::new(Asked::default()), stop)
            .await
            .unwrap(),
        sender,
    )
}

/// Sends bytes, reads some of what comes, and leaves.
async fn send(listening: &Listening, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    // It may have been turned away before it has said everything.
    let _cut = stream.write_all(bytes).await;
    let mut answer = vec![0; 64];
    let count = stream.read(&mut answer).await.unwrap_or(0);
    answer.truncate(count);
    answer
}

async fn expect_alive(listening: &Listening) {
    let answer = send(listening, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

/// Heads of requests that are nearly right, so that more than the parser of heads is reached.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof!["GET", "POST", "HEAD", "PUT", "[A-Z]{1,8}"];
    let path = prop_oneof![
        "/(api/v1/|stages/)?(stages|events|webhooks|login|assets)?(/[ -~]{0,12}){0,4}",
        "/(api/v1/)?stages/shop/dev/(plan|graph|graph.svg|history|pause|[a-z]{3})([?][!-~]{0,20})?",
        "/[%a-f0-9/?.=&]{0,40}",
    ];
    let header = ("[a-zA-Z-]{1,16}", "[ -~]{0,30}");
    let name = prop_oneof![
        "Cookie",
        "Origin",
        "Accept",
        "Authorization",
        "Content-Length",
        "Host",
        "Last-Event-ID"
    ];
    let known = (name, "[ -~]{0,30}");
    let headers = prop::collection::vec(prop_oneof![header, known], 0..5);
    (method, path, headers, prop::collection::vec(any::<u8>(), 0..64)).prop_map(
        |(method, path, headers, body)| {
            let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            [text.as_bytes(), &body].concat()
        },
    )
}

#[test]
fn whatever_is_sent_the_listener_goes_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (listening, stop) = runtime.block_on(opened());
    for bytes in CORPUS {
        runtime.block_on(send(&listening, bytes));
        runtime.block_on(expect_alive(&listening));
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let raw = prop::collection::vec(any::<u8>(), 0..300);
    let all = prop_oneof![1 => raw, 4 => nearly()];
    let outcome = runner.run(&all, |bytes| {
        let answer = runtime.block_on(send(&listening, &bytes));
        prop_assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1."),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
        prop_assert!(!answer.starts_with(b"HTTP/1.1 500"));
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(expect_alive(&listening));
    assert!(!listening.task.is_finished());
    // A connection whose task has panicked says nothing, but is counted.
    stop.send(Some("SIGTERM".into())).unwrap();
    assert_eq!(runtime.block_on(listening.task).unwrap(), 0);
}

/// Through the router, where a panic is a failure of the test itself.
#[test]
fn whatever_is_asked_for_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let worlds = [World::local(), World::guarded()];
    let path = prop_oneof![
        "/[!-\"$-~]{0,40}",
        "/api/v1/stages/[!-\"$-~]{0,20}/[!-\"$-~]{0,20}(/(plan|graph|history|graph.svg))?",
        "/stages/[%0-9a-f]{0,12}/[%0-9a-f]{0,12}",
    ];
    let header = prop::collection::vec(any::<u8>(), 0..40);
    let body = "[ -~]{0,60}";
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(
        &(path, header, body, any::<bool>(), 0..5_usize),
        |(path, value, body, post, which)| {
            let name = ["cookie", "authorization", "accept", "origin", "last-event-id"][which];
            let method = if post { "POST" } else { "GET" };
            let Ok(uri) = path.parse::<axum::http::Uri>() else {
                return Ok(());
            };
            for world in &worlds {
                let mut asked = request(method, "/", &[], &body);
                *asked.uri_mut() = uri.clone();
                if let Ok(value) = axum::http::HeaderValue::from_bytes(&value) {
                    asked.headers_mut().insert(name, value);
                }
                let answer = runtime.block_on(async { world.app.clone().oneshot(asked).await.unwrap() });
                prop_assert!(answer.status() != 500, "{answer:?}");
                prop_assert!(answer.headers().contains_key("content-security-policy"));
            }
            Ok(())
        },
    );
    outcome.unwrap();
}
