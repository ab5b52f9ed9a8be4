//! A visitor of a deployed API: plain HTTP to a name that only the loopback interface answers for.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::runtime;

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub text: String,
}

impl Page {
    /// The body as JSON; fails with the whole page where it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A plain GET.
pub fn get(url: &str) -> Page {
    visit("GET", url, &[], "")
}

/// Any request. The connection goes to 127.0.0.1 at the port of `url`; the name in it travels in the header `Host`, so that
/// no resolver has to know `*.localhost`.
///
/// # Panics
/// Where `url` names anything but a loopback name, or nothing answers there.
pub fn visit(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Page {
    let uri = loopback(url);
    let (port, authority) = (port_of(&uri), uri.authority().map(ToString::to_string));
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder().method(method).uri(target);
    request = request.header("host", authority.unwrap_or_default());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .expect("building a visitor's request");
    runtime::block_on(async move {
        exchange(port, request)
            .await
            .unwrap_or_else(|error| panic!("{method} {url}: {error}"))
    })
}

/// An address, if it is on this machine.
pub(crate) fn loopback(url: &str) -> Uri {
    let uri: Uri = url
        .parse()
        .unwrap_or_else(|error| panic!("{url} is no address: {error}"));
    let host = uri.host().unwrap_or_default();
    assert!(
        host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost"),
        "a visitor of the tests goes to loopback names only, not {url}"
    );
    uri
}

pub(crate) fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(80)
}

async fn exchange(
    port: u16,
    request: Request<Full<Bytes>>,
) -> Result<Page, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let named = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    Ok(Page {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(named).collect(),
        text,
    })
}
