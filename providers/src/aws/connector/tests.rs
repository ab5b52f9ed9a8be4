use futures::future::BoxFuture;

use super::*;
use crate::aws::testing::{Canned, Reply, reply};
use crate::aws::{Context, Outcome};

fn context(seam: Seam) -> Context {
    let stack = grail_state::StackId {
        app: "shop".into(),
        stage: "dev".into(),
    };
    Context::given(
        seam,
        stack,
        Arc::new(grail_state::artifacts::MemoryArtifacts::default()),
    )
}

#[test]
fn this_machine_has_many_names() {
    for host in [
        "localhost",
        "api.execute-api.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "LOCALHOST.",
    ] {
        assert!(is_loopback(host), "{host}");
    }
    for host in [
        "localhost.example.org",
        "10.0.0.1",
        "169.254.169.254",
        "lambda.us-east-1.amazonaws.com",
        "",
    ] {
        assert!(!is_loopback(host), "{host}");
    }
    for (uri, host) in [
        ("http://127.0.0.1:4566/x?y", "127.0.0.1"),
        ("https://u:p@example.org/", "example.org"),
        ("http://[::1]:80/x", "::1"),
    ] {
        assert_eq!(host_of(uri), host);
    }
}

#[tokio::test]
async fn what_is_not_on_this_machine_is_never_spoken_to() {
    let context = context(Seam::over_sockets(None, true).unwrap());
    let lambda = context.clients.lambda.write();
    let failed = lambda
        .delete_function()
        .function_name("f")
        .send()
        .await
        .wrote("lambda:DeleteFunction");
    let failed = failed.unwrap_err();
    assert_eq!(failed.effect, crate::port::Effect::None);
    assert!(
        failed
            .chain()
            .contains("`lambda.us-east-1.amazonaws.com` is not on this machine"),
        "{}",
        failed.chain()
    );
    assert!(context.calls().sent().is_empty());
}

#[derive(Debug, Default)]
struct Gate(Mutex<Vec<String>>);

impl Pace for Arc<Gate> {
    fn permit(&self, operation: &Operation) -> BoxFuture<'static, Result<(), NotSent>> {
        self.0.lock().unwrap().push(format!("permit {operation}"));
        let open = operation.name == "GetFunction";
        Box::pin(async move {
            if open {
                Ok(())
            } else {
                Err(NotSent::HeldBack("closed".into()))
            }
        })
    }

    fn answered(&self, operation: &Operation, answer: Answered) {
        self.0.lock().unwrap().push(format!("{operation} {answer:?}"));
    }
}

#[tokio::test]
async fn a_pace_lets_each_request_pass_and_hears_its_answer() {
    let gate = Arc::new(Gate::default());
    let aws = Canned::new([reply(200, "{}")]);
    let context = context(Seam::over(aws.clone()).paced(Arc::new(Arc::clone(&gate)), 32));
    let lambda = &context.clients.lambda;
    lambda
        .read()
        .get_function()
        .function_name("f")
        .send()
        .await
        .unwrap();
    let held = lambda
        .write()
        .delete_function()
        .function_name("f")
        .send()
        .await
        .wrote("lambda:DeleteFunction");
    assert_eq!(held.unwrap_err().effect, crate::port::Effect::None);
    let heard = gate.0.lock().unwrap().clone();
    assert_eq!(
        heard,
        [
            "permit Lambda:GetFunction",
            "Lambda:GetFunction Served",
            "permit Lambda:DeleteFunction"
        ]
    );
    let sent: Vec<_> = context
        .calls()
        .sent()
        .into_iter()
        .map(|(one, n)| (one.to_string(), one.access, n))
        .collect();
    assert_eq!(sent, [("Lambda:GetFunction".to_owned(), Access::Read, 1)]);
}

/// A cloud that never answers.
#[derive(Clone, Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_has_ten_seconds_and_one_for_each_megabyte() {
    let context = context(Seam::over(Silent));
    let begun = tokio::time::Instant::now();
    let lambda = context.clients.lambda.write();
    let call = lambda.update_function_code().function_name("f");
    let zip = aws_sdk_lambda::primitives::Blob::new(vec![0; 1_500_000]);
    let failed = call
        .zip_file(zip)
        .send()
        .await
        .wrote("lambda:UpdateFunctionCode")
        .unwrap_err();
    // Base64 makes two megabytes of one and a half.
    assert_eq!(begun.elapsed().as_secs(), 13);
    assert!(
        failed.unanswered && failed.chain().contains("no answer within 13 s"),
        "{}",
        failed.chain()
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_api_has_half_a_minute_and_a_part_of_it_has_not() {
    let context = context(Seam::over(Silent));
    let gateway = context.clients.apigateway.write();
    let document = || aws_sdk_apigateway::primitives::Blob::new("{}");
    let begun = tokio::time::Instant::now();
    let failed = gateway.import_rest_api().body(document()).send().await;
    assert!(failed.wrote("apigateway:POST").unwrap_err().unanswered);
    assert_eq!(begun.elapsed().as_secs(), 31);

    let begun = tokio::time::Instant::now();
    let sent = gateway.put_rest_api().rest_api_id("a1").body(document());
    assert!(sent.send().await.is_err());
    assert_eq!(begun.elapsed().as_secs(), 31);

    let begun = tokio::time::Instant::now();
    let sent = gateway.create_deployment().rest_api_id("a1");
    assert!(sent.send().await.is_err());
    assert!((30..=31).contains(&begun.elapsed().as_secs()));

    let begun = tokio::time::Instant::now();
    assert!(gateway.delete_rest_api().rest_api_id("a1").send().await.is_err());
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[test]
fn a_certificate_bundle_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.pem");
    let error = Seam::over_sockets(Some(&path), false).unwrap_err();
    assert!(matches!(error, BundleError::Unreadable { .. }));
    for bad in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&path, bad).unwrap();
        let error = Seam::over_sockets(Some(&path), false).unwrap_err();
        assert!(matches!(error, BundleError::Invalid { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_download_is_whole_or_fails() {
    let seam = Seam::over(Canned::new([
        reply(200, "zip bytes"),
        reply(200, "too many"),
        reply(404, "gone"),
        Reply::Broken,
    ]));
    assert_eq!(
        seam.download("http://127.0.0.1/x", 9).await.unwrap(),
        b"zip bytes"
    );
    assert!(matches!(
        seam.download("http://127.0.0.1/x", 3).await,
        Err(DownloadError::TooBig(3))
    ));
    assert!(matches!(
        seam.download("http://127.0.0.1/x", 3).await,
        Err(DownloadError::Refused(404))
    ));
    assert!(matches!(
        seam.download("http://127.0.0.1/x", 3).await,
        Err(DownloadError::Failed(_))
    ));
}

/// Lets everything go, and meanwhile the lock is lost.
#[derive(Debug)]
struct Slow(Arc<std::sync::atomic::AtomicBool>);

impl Pace for Slow {
    fn permit(&self, _: &Operation) -> BoxFuture<'static, Result<(), NotSent>> {
        let held = Arc::clone(&self.0);
        Box::pin(async move {
            tokio::task::yield_now().await;
            held.store(false, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        })
    }

    fn answered(&self, _: &Operation, _: Answered) {}
}

#[tokio::test]
async fn a_write_that_waited_until_the_lock_was_lost_is_not_sent() {
    let held = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let aws = Canned::new([reply(200, "{}")]);
    let context = context(Seam::over(aws.clone()).paced(Arc::new(Slow(Arc::clone(&held))), 32));
    let still_held = || {
        let held = Arc::clone(&held);
        async move { held.load(std::sync::atomic::Ordering::Relaxed) }
    };
    let lambda = &context.clients.lambda;
    let deleting = lambda.write().delete_function().function_name("f").send();
    let failed = sending::only_while(still_held, deleting).await;
    let failed = failed.wrote("lambda:DeleteFunction").unwrap_err();
    assert_eq!(failed.effect, crate::port::Effect::None);
    assert!(failed.chain().contains("no longer ours"), "{}", failed.chain());
    assert!(context.calls().sent().is_empty());
    // Looks change nothing, and what no lock is about asks nobody.
    let looking = lambda.read().get_function().function_name("f").send();
    sending::only_while(still_held, looking).await.unwrap();
    assert_eq!(context.calls().total(Access::Read), 1);
}
