//! Through real sockets: limits, certificates, and how it ends.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::settings::{Certificate, HttpError};
use super::super::{Listening, listen};
use super::*;

async fn opened(settings: HttpSettings) -> (Listening, watch::Sender<Option<String>>) {
    let (sender, stop) = StopSignal::new();
    (
        listen(settings, board(), Arc::new(Asked::default()), stop)
            .await
            .unwrap(),
        sender,
    )
}

/// Asks once and reads to the end of the connection.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    let text = format!("GET {head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Some ends of TLS connections are not said goodbye to.
    let _cut = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Reads what comes until the other end closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn an_address_that_everybody_reaches_or_somebody_has_is_refused() {
    let refused = |settings| async {
        let (_sender, stop) = StopSignal::new();
        listen(settings, board(), Arc::new(Asked::default()), stop)
            .await
            .unwrap_err()
    };
    assert!(matches!(refused(settings("0.0.0.0:0")).await, HttpError::Open(_)));
    let (listening, _stop) = opened(settings("127.0.0.1:0")).await;
    let taken = settings(&listening.address.to_string());
    assert!(matches!(refused(taken).await, HttpError::Listen { .. }));
}

#[tokio::test]
async fn heads_are_bounded_in_size_number_and_time() {
    let mut settings = settings("127.0.0.1:0");
    settings.limits.head = Duration::from_millis(50);
    let (listening, _stop) = opened(settings).await;
    let said = |text: String| {
        let address = listening.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            rest(stream).await
        }
    };
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    let many: String = (0..100).map(|number| format!("x-{number}: 1\r\n")).collect();
    for text in [
        format!("{head}{many}\r\n"),
        format!("{head}x: {}\r\n\r\n", "y".repeat(40_000)),
    ] {
        let answer = said(text).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    // A head that does not end, none at all, and a connection that is kept and not used: each is closed.
    assert!(!said(head.to_owned()).await.starts_with("HTTP/1.1 200"));
    said(String::new()).await;
    assert!(said(format!("{head}\r\n")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_defect_ends_its_connection_alone_and_is_counted() {
    struct Broken;

    impl Control for Broken {
        fn reconcile(&self, _: &StageKey) -> Result<(), Refused> {
            Ok(())
        }

        fn pause(&self, _: &StageKey, _: bool) -> Result<(), Refused> {
            Ok(())
        }

        fn wake(&self, _: &str) -> Result<(), Refused> {
            Ok(())
        }

        fn waiting(&self) -> usize {
            panic!("a defect")
        }
    }

    let (stop, stopped) = StopSignal::new();
    let listening = listen(settings("127.0.0.1:0"), board(), Arc::new(Broken), stopped);
    let listening = listening.await.unwrap();
    let ask = async |path| {
        let stream = TcpStream::connect(listening.address).await.unwrap();
        exchange(stream, path).await
    };
    assert_eq!(ask("/metrics").await, "");
    assert!(ask("/healthz").await.starts_with("HTTP/1.1 200"));
    stop.send(Some("SIGTERM".into())).unwrap();
    assert_eq!(listening.task.await.unwrap(), 1);
}

#[tokio::test]
async fn there_are_so_many_connections_and_more_are_turned_away() {
    let mut settings = settings("127.0.0.1:0");
    settings.limits.connections = 1;
    let (listening, _stop) = opened(settings).await;
    let mut first = TcpStream::connect(listening.address).await.unwrap();
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(first.read_u8().await.unwrap(), b'H');
    let second = TcpStream::connect(listening.address).await.unwrap();
    assert!(rest(second).await.starts_with("HTTP/1.1 503"));
    drop(first);
    // The place is given back when the listener has seen the other leave.
    loop {
        let next = TcpStream::connect(listening.address).await.unwrap();
        if exchange(next, "/healthz").await.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stop_ends_what_listens_and_closes_the_address() {
    let (listening, stop) = opened(settings("127.0.0.1:0")).await;
    let mut hearing = TcpStream::connect(listening.address).await.unwrap();
    hearing
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = vec![0; 2000];
    while !String::from_utf8_lossy(&answer).contains(": grail") {
        let count = hearing.read(&mut answer).await.unwrap();
        assert!(count > 0);
    }
    stop.send(Some("SIGTERM".into())).unwrap();
    listening.task.await.unwrap();
    rest(hearing).await;
    assert!(TcpStream::connect(listening.address).await.is_err());
}

/// An authority, certificates that follow from it, and one that follows from another.
struct Papers {
    folder: tempfile::TempDir,
}

impl Papers {
    fn new() -> Self {
        let papers = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["good", "other"] {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            papers.write(&format!("{name}.ca"), &params.self_signed(&key).unwrap().pem());
            let issuer = Issuer::new(params, key);
            for who in ["server", "client"] {
                let key = KeyPair::generate().unwrap();
                let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
                let certificate = params.signed_by(&key, &issuer).unwrap();
                papers.write(&format!("{name}.{who}"), &certificate.pem());
                papers.write(&format!("{name}.{who}.key"), &key.serialize_pem());
            }
        }
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn swap(&self, one: &str, other: &str) {
        let read = |name| std::fs::read_to_string(self.path(name)).unwrap();
        let (text, others) = (read(one), read(other));
        self.write(one, &others);
        self.write(other, &text);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn settings(&self) -> HttpSettings {
        let mut settings = settings("127.0.0.1:0");
        settings.certificate = Some(Certificate {
            chain: self.path("good.server"),
            key: self.path("good.server.key"),
        });
        settings.client_ca = Some(self.path("good.ca"));
        settings
    }

    /// A client that shows a certificate, or none.
    fn client(&self, shows: Option<&str>) -> TlsConnector {
        use tokio_rustls::rustls::pki_types::CertificateDer;
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        let read = |name: &str| std::fs::read(self.path(name)).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&read("good.ca")).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(name) => {
                let chain = vec![CertificateDer::from_pem_slice(&read(name)).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(&read(&format!("{name}.key"))).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_lets_in_and_no_other() {
    let papers = Papers::new();
    let (listening, _stop) = opened(papers.settings()).await;
    let ask = |shows: Option<&'static str>, path: &'static str| {
        let (connector, address) = (papers.client(shows), listening.address);
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            match connector.connect(name, stream).await {
                Ok(stream) => exchange(stream, path).await,
                Err(error) => error.to_string(),
            }
        }
    };
    let good = ask(Some("good.client"), "/api/v1/stages").await;
    assert!(good.starts_with("HTTP/1.1 200"), "{good}");
    let none = ask(None, "/api/v1/stages").await;
    assert!(
        none.starts_with("HTTP/1.1 403") && none.contains("A certificate of the client"),
        "{none}"
    );
    assert!(ask(None, "/healthz").await.starts_with("HTTP/1.1 200"));
    let other = ask(Some("other.client"), "/healthz").await;
    assert!(!other.contains("HTTP/1.1"), "{other}");
    // In clear nothing is said.
    let clear = TcpStream::connect(listening.address).await.unwrap();
    let mut clear = clear;
    clear
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    clear.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _reset = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1"));
}

#[tokio::test]
async fn a_token_and_a_certificate_can_be_others_without_a_restart() {
    let papers = Papers::new();
    let mut settings = papers.settings();
    settings.token = Some(Secret::new(TOKEN));
    let (mut listening, _stop) = opened(settings.clone()).await;
    let address = listening.address;
    let ask = |shows: Option<&'static str>, token: &'static str| {
        let connector = papers.client(shows);
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            match connector.connect(name, stream).await {
                Ok(stream) => {
                    exchange(
                        stream,
                        &format!("/metrics HTTP/1.1\r\nAuthorization: Bearer {token}\r\nX:"),
                    )
                    .await
                }
                Err(error) => error.to_string(),
            }
        }
    };
    const OTHER: &str = "a token of another time";
    assert!(ask(None, TOKEN).await.starts_with("HTTP/1.1 200"));
    assert!(!listening.renewal.renew(&settings).unwrap(), "nothing is another");
    settings.token = Some(Secret::new(OTHER));
    assert!(listening.renewal.renew(&settings).unwrap());
    assert!(ask(None, TOKEN).await.starts_with("HTTP/1.1 401"));
    assert!(ask(None, OTHER).await.starts_with("HTTP/1.1 200"));
    // The authority of the clients and the certificate of the server are others.
    assert!(!ask(Some("other.client"), "").await.contains("HTTP/1.1"));
    papers.swap("good.ca", "other.ca");
    assert!(listening.renewal.renew(&settings).unwrap());
    let answer = ask(Some("other.client"), "").await;
    assert!(
        !answer.contains("HTTP/1.1"),
        "the server's does not follow from it: {answer}"
    );
    papers.swap("good.server", "other.server");
    papers.swap("good.server.key", "other.server.key");
    assert!(listening.renewal.renew(&settings).unwrap());
    // `good.ca` has the other authority by now: clients believe the server, and the server them.
    let connector = ask(Some("other.client"), "");
    assert!(connector.await.starts_with("HTTP/1.1 200"));
    // What cannot be used changes nothing.
    papers.write("good.server.key", "no key");
    listening.renewal.renew(&settings).unwrap_err();
    settings.token = Some(Secret::new("short"));
    listening.renewal.renew(&settings).unwrap_err();
    assert!(ask(None, OTHER).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn files_that_are_no_certificates_are_refused_by_name() {
    let papers = Papers::new();
    papers.write("empty", "");
    let with = |change: &dyn Fn(&mut HttpSettings)| {
        let mut settings = papers.settings();
        change(&mut settings);
        let (_sender, stop) = StopSignal::new();
        async move {
            listen(settings, board(), Arc::new(Asked::default()), stop)
                .await
                .unwrap_err()
                .to_string()
        }
    };
    let certificate = |chain: &str, key: &str| Certificate {
        chain: papers.path(chain),
        key: papers.path(key),
    };
    let no_key = with(&|settings| settings.certificate = Some(certificate("good.server", "empty"))).await;
    assert!(no_key.contains("empty: there is no private key"), "{no_key}");
    let missing = with(&|settings| settings.certificate = Some(certificate("missing", "empty"))).await;
    assert!(
        missing.contains("missing") || missing.contains("empty"),
        "{missing}"
    );
    let strange =
        with(&|settings| settings.certificate = Some(certificate("good.server", "other.server.key"))).await;
    assert!(strange.contains("good.server"), "{strange}");
    let authority = with(&|settings| settings.client_ca = Some(papers.path("empty"))).await;
    assert!(
        authority.contains("empty: there is no certificate"),
        "{authority}"
    );
}
