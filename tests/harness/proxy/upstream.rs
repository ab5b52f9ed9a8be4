//! The way from the proxy to its emulator. Loopback only.

use std::fmt;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::call::{self, Call};
use super::refusal::Answer;

/// A request, whole.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Asked {
    /// The same caller, asking another service. None where the request is not signed.
    pub(super) fn signed_for(&self, service: &str) -> Option<Asked> {
        let mut like = self.clone();
        let signature = like.parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (before, scope) = signature.split_once("Credential=")?;
        let (credential, after) = scope.split_once(',')?;
        let mut words: Vec<&str> = credential.split('/').collect();
        *words.get_mut(3)? = service;
        let signature = format!("{before}Credential={},{after}", words.join("/"));
        like.parts.headers.insert(AUTHORIZATION, signature.parse().ok()?);
        for header in ["x-amz-target", "content-type"] {
            like.parts.headers.remove(header);
        }
        Some(like)
    }
}

type Play = Box<dyn Fn(&Call) -> (u16, String) + Send + Sync>;

/// What is behind a proxy.
pub(super) enum Upstream {
    /// An emulator.
    Emulator {
        authority: Authority,
        client: Box<Client<HttpConnector, Full<Bytes>>>,
    },
    /// A function of the test.
    Played(Play),
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Upstream::Emulator { authority, .. } => write!(f, "an emulator at {authority}"),
            Upstream::Played(_) => f.write_str("played"),
        }
    }
}

impl Upstream {
    /// Takes `http://<loopback address>:<port>` and refuses anything else.
    pub(super) fn new(endpoint: &str) -> Upstream {
        let uri: Uri = match endpoint.parse() {
            Ok(uri) => uri,
            Err(error) => panic!("{endpoint} is no address for a proxy: {error}"),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        assert!(
            loopback && uri.scheme() == Some(&Scheme::HTTP),
            "a proxy of the tests stands before loopback addresses only, not {endpoint}"
        );
        let authority = uri
            .authority()
            .cloned()
            .expect("an address with a host has an authority");
        // Emulators close idle connections without a word, and a lost answer must mean what a test made it mean.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http();
        let client = Box::new(client);
        Upstream::Emulator { authority, client }
    }

    pub(super) fn played(play: impl Fn(&Call) -> (u16, String) + Send + Sync + 'static) -> Upstream {
        Upstream::Played(Box::new(play))
    }

    /// Sends a request as it came and reads the whole answer.
    pub(super) async fn send(&self, asked: Asked) -> Answer {
        let (authority, client) = match self {
            Upstream::Emulator { authority, client } => (authority, client),
            Upstream::Played(play) => {
                let (status, body) = play(&call::read(&asked, 0));
                let answer = Response::builder()
                    .status(status)
                    .header(CONTENT_TYPE, "application/json");
                return answer.body(Bytes::from(body)).expect("building a played answer");
            }
        };
        let Asked { mut parts, body } = asked;
        parts.uri = address(authority, parts.uri.path_and_query());
        for header in [CONNECTION, EXPECT, TRANSFER_ENCODING, CONTENT_LENGTH] {
            parts.headers.remove(header);
        }
        let request = Request::from_parts(parts, Full::new(body));
        let what = format!("{} {}", request.method(), request.uri());
        let answer = match client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return broken(&what, &error),
        };
        let (mut parts, body) = answer.into_parts();
        match body.collect().await {
            Ok(body) => {
                for header in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
                    parts.headers.remove(header);
                }
                Response::from_parts(parts, body.to_bytes())
            }
            Err(error) => broken(&what, &error),
        }
    }

    /// A request of the proxy's own, signed like `like`.
    pub(super) async fn ask(&self, like: &Asked, method: Method, target: &str, body: Bytes) -> Answer {
        let mut parts = like.parts.clone();
        parts.method = method;
        parts.uri = match target.parse() {
            Ok(uri) => uri,
            Err(error) => panic!("{target} is no request target: {error}"),
        };
        self.send(Asked { parts, body }).await
    }
}

fn address(authority: &Authority, target: Option<&PathAndQuery>) -> Uri {
    let target = target.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let parts = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(authority.clone())
        .path_and_query(target);
    parts.build().expect("an authority and a path make an address")
}

/// 502, with the reason, so that an emulator that died is named in the client's own error.
fn broken(what: &str, error: &dyn std::error::Error) -> Answer {
    let mut text = format!("the emulator behind the test proxy did not answer {what}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    Response::builder()
        .status(502)
        .body(Bytes::from(text))
        .expect("building a 502 answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_taken() {
        for good in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            Upstream::new(good);
        }
        for bad in [
            "http://10.0.0.1:1",
            "https://127.0.0.1:1",
            "http://lambda.us-east-1.amazonaws.com",
        ] {
            assert!(
                std::panic::catch_unwind(|| Upstream::new(bad)).is_err(),
                "{bad} was taken"
            );
        }
    }
}
