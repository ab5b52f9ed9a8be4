//! A collector of traces on the loopback interface: takes what is exported by OTLP over HTTP, and shows it as the tree that it is.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as Proto;
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::runtime;

/// What a collector does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Answers(u16),
    Silent,
}

/// A collector. Stops listening when dropped.
#[derive(Debug)]
pub struct Collector {
    exports: Arc<Mutex<Vec<Export>>>,
    address: SocketAddr,
    listener: JoinHandle<Infallible>,
}

/// One request that it got.
#[derive(Clone, Debug)]
pub struct Export {
    /// The path of the address.
    pub path: String,
    /// The headers, by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The bytes.
    pub body: Bytes,
}

impl Export {
    /// What the bytes say.
    fn decoded(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(self.body.clone()).expect("an export is a message of OTLP")
    }
}

impl Collector {
    /// One that takes everything.
    pub fn start() -> Collector {
        Collector::that(Manner::Answers(200))
    }

    /// One that answers everything with this status.
    pub fn answering(status: u16) -> Collector {
        Collector::that(Manner::Answers(status))
    }

    /// One that takes connections and never answers.
    pub fn silent() -> Collector {
        Collector::that(Manner::Silent)
    }

    fn that(manner: Manner) -> Collector {
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binding a port for the collector");
        listener
            .set_nonblocking(true)
            .expect("making the collector's port asynchronous");
        let address = listener.local_addr().expect("reading the collector's own port");
        let exports = Arc::<Mutex<Vec<Export>>>::default();
        let kept = Arc::clone(&exports);
        let listener = runtime::shared().spawn(async move {
            let listener =
                TcpListener::from_std(listener).expect("handing the collector's port to the runtime");
            let mut connections = JoinSet::new();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(serve(stream, manner, Arc::clone(&kept)));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Collector {
            exports,
            address,
            listener,
        }
    }

    /// Its address, as `OTEL_EXPORTER_OTLP_ENDPOINT` names it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it got.
    pub fn exports(&self) -> Vec<Export> {
        self.exports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Every span that it got.
    pub fn trace(&self) -> Trace {
        let decoded = self.exports().into_iter().map(|export| export.decoded());
        let resources = decoded.flat_map(|export| export.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        Trace(spans.map(Span::of).collect())
    }

    /// Who sent it: the attributes of the resource that all exports name.
    pub fn resource(&self) -> BTreeMap<String, String> {
        let exports = self.exports();
        let first = exports.first().expect("something was exported").decoded();
        let resource = first.resource_spans.into_iter().next();
        let resource = resource.and_then(|spans| spans.resource);
        attributes(resource.expect("spans name their resource").attributes)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(stream: TcpStream, manner: Manner, exports: Arc<Mutex<Vec<Export>>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let exports = Arc::clone(&exports);
        async move {
            let Manner::Answers(status) = manner else {
                return std::future::pending().await;
            };
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let headers = parts.headers.iter();
            let export = Export {
                path: parts.uri.path().to_owned(),
                headers: headers
                    .map(|(name, value)| {
                        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                        (name.to_string(), value)
                    })
                    .collect(),
                body,
            };
            exports
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(export);
            let mut answer = Response::new(Full::<Bytes>::default());
            *answer.status_mut() = status.try_into().expect("a status of HTTP");
            Ok::<_, hyper::Error>(answer)
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A connection that breaks is the client's to see.
    let _ = connection.await;
}

/// One span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The trace, in hexadecimal digits.
    pub trace: String,
    /// Its own id, likewise.
    pub id: String,
    /// The span that it lies in, likewise; `None` for the root of a trace.
    pub parent: Option<String>,
    /// The `tracestate` of its trace.
    pub state: String,
    /// Whether it is a call to somebody else.
    pub is_client: bool,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Its status where that is an error: the description.
    pub error: Option<String>,
    /// The names of its events.
    pub events: Vec<String>,
}

impl Span {
    fn of(proto: Proto) -> Span {
        let status = proto.status.unwrap_or_default();
        let events = proto.events.into_iter().map(|event| event.name);
        Span {
            name: proto.name,
            trace: hex::encode(proto.trace_id),
            id: hex::encode(proto.span_id),
            parent: Some(proto.parent_span_id)
                .filter(|id| !id.is_empty())
                .map(hex::encode),
            state: proto.trace_state,
            is_client: proto.kind == 3,
            attributes: attributes(proto.attributes),
            error: (status.code == 2).then_some(status.message),
            events: events.collect(),
        }
    }

    /// An attribute as text.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs.map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::BoolValue(truth)) => truth.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Spans that belong together.
#[derive(Clone, Debug)]
pub struct Trace(Vec<Span>);

impl Trace {
    /// All of them.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// The one span of this name.
    #[track_caller]
    pub fn only(&self, name: &str) -> &Span {
        let mut found = self.0.iter().filter(|span| span.name == name);
        match (found.next(), found.next()) {
            (Some(span), None) => span,
            (found, _) => panic!(
                "{} of `{name}`:\n{self}",
                if found.is_some() { "several" } else { "none" }
            ),
        }
    }

    /// The spans of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Span> {
        self.0.iter().filter(move |span| span.name == name)
    }

    /// What lies in a span, one level down.
    pub fn inside<'a>(&'a self, span: &'a Span) -> impl Iterator<Item = &'a Span> {
        self.0
            .iter()
            .filter(move |inner| inner.parent.as_ref() == Some(&span.id))
    }

    /// The span that a span lies in.
    pub fn around(&self, span: &Span) -> Option<&Span> {
        self.0
            .iter()
            .find(|outer| Some(&outer.id) == span.parent.as_ref())
    }

    /// The spans that lie in none of these.
    pub fn roots(&self) -> impl Iterator<Item = &Span> {
        self.0.iter().filter(|span| self.around(span).is_none())
    }

    fn write(&self, f: &mut std::fmt::Formatter<'_>, span: &Span, depth: usize) -> std::fmt::Result {
        let error = span.error.as_ref();
        let error = error.map_or_else(String::new, |error| format!(" ! {error}"));
        writeln!(f, "{:1$}{2}{error}", "", depth * 2, span.name)?;
        let mut inside: Vec<_> = self.inside(span).collect();
        inside.sort_by_key(|span| &span.name);
        inside
            .into_iter()
            .try_for_each(|span| self.write(f, span, depth + 1))
    }
}

/// The tree, with the spans of one level by their names.
impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut roots: Vec<_> = self.roots().collect();
        roots.sort_by_key(|span| &span.name);
        roots.into_iter().try_for_each(|span| self.write(f, span, 0))
    }
}
