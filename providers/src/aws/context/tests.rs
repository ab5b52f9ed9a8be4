use grail_state::artifacts::MemoryArtifacts;

use super::*;
use crate::aws::testing::{Canned, Reply, reply};

fn stack() -> StackId {
    StackId {
        app: "shop".into(),
        stage: "dev".into(),
    }
}

async fn told(answers: Vec<Reply>, url: Option<&str>) -> Result<String, ContextError> {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(made_up())
        .http_client(Seam::over(Canned::new(answers)));
    config.set_endpoint_url(url.map(ToOwned::to_owned));
    let config = config.build();
    account(&Clients::new(&config), &config, "eu-west-1").await
}

fn error(code: &str) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    );
    reply(403, body)
}

#[tokio::test(start_paused = true)]
async fn the_account_is_asked_for_and_every_refusal_has_a_name() {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>";
    assert_eq!(
        told(vec![reply(200, identity)], None).await.unwrap(),
        "111122223333"
    );
    let mut busy: Vec<_> = (0..4).map(|_| error("Throttling")).collect();
    busy.push(reply(200, identity));
    assert_eq!(told(busy, None).await.unwrap(), "111122223333");
    for code in ["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"] {
        assert!(
            matches!(
                told(vec![error(code)], None).await,
                Err(ContextError::BadCredentials(_))
            ),
            "{code}"
        );
    }
    assert!(matches!(
        told(vec![error("Strange")], None).await,
        Err(ContextError::Unknown(_))
    ));
    let broken = || vec![Reply::Broken; 2];
    assert!(
        matches!(told(broken(), None).await, Err(ContextError::WrongRegion(region, _)) if region == "eu-west-1")
    );
    let there = Some("http://127.0.0.1:9");
    assert!(
        matches!(told(broken(), there).await, Err(ContextError::Unreachable(url, _)) if url == "http://127.0.0.1:9")
    );
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
    #[derive(Debug)]
    struct None;
    impl ProvideCredentials for None {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody signed in")))
        }
    }
    let aws = Canned::new([]);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            None,
        ))
        .http_client(Seam::over(aws.clone()))
        .build();
    let error = account(&Clients::new(&config), &config, "eu-west-1")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ContextError::NoCredentials(told) if told.0.contains("nobody signed in")),
        "{error:?}"
    );
    assert!(aws.asked().is_empty() && error.hint().contains("--local"));
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_told_from_missing_credentials() {
    for url in ["localhost:4566", "http://", "http://a b"] {
        let settings = Settings {
            region: Some("us-east-1".into()),
            endpoint_url: Some(url.into()),
            local: Some(LocalCloud { port: 1 }),
            loopback_only: true,
            ..Settings::default()
        };
        let connected = Context::connect(
            settings,
            stack(),
            Arc::new(MemoryArtifacts::default()),
            Arc::new(|_| None),
        );
        assert!(matches!(connected.await, Err(ContextError::Unreachable(at, _)) if at == url));
    }
}

#[tokio::test]
async fn a_profile_that_is_nowhere_is_named() {
    let settings = Settings {
        profile: Some("grail-test-no-such-profile".into()),
        loopback_only: true,
        ..Settings::default()
    };
    let connected = Context::connect(
        settings,
        stack(),
        Arc::new(MemoryArtifacts::default()),
        Arc::new(|_| None),
    );
    let error = connected.await.unwrap_err();
    assert!(matches!(&error, ContextError::NoProfile(name, _) if name == "grail-test-no-such-profile"));
}

#[tokio::test]
async fn a_region_that_is_none_is_refused_before_anything_is_sent() {
    let settings = Settings {
        region: Some("EU West".into()),
        local: Some(LocalCloud { port: 1 }),
        loopback_only: true,
        ..Settings::default()
    };
    let connected = Context::connect(
        settings,
        stack(),
        Arc::new(MemoryArtifacts::default()),
        Arc::new(|_| None),
    );
    assert!(matches!(connected.await, Err(ContextError::WrongRegion(region, _)) if region == "EU West"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_listen_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    let settings = Settings {
        region: Some("us-east-1".into()),
        endpoint_url: Some(url.clone()),
        local: Some(LocalCloud { port: free.port() }),
        loopback_only: true,
        ..Settings::default()
    };
    let connected = Context::connect(
        settings,
        stack(),
        Arc::new(MemoryArtifacts::default()),
        Arc::new(|_| None),
    );
    let error = connected.await.unwrap_err();
    assert!(
        matches!(&error, ContextError::Unreachable(at, _) if *at == url),
        "{error:?}"
    );
}

#[test]
fn what_two_parties_have_agreed_upon_is_in_no_debug_form() {
    let role = RoleToAssume {
        arn: "arn:aws:iam::123456789012:role/ci".into(),
        external_id: Some("hush-hush".into()),
        session_name: Some("nightly".into()),
        duration: None,
    };
    let shown = format!("{role:?}");
    assert!(!shown.contains("hush") && shown.contains("nightly"), "{shown}");
}
