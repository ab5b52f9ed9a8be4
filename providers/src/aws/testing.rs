//! Canned answers under the real clients, and a record of what was asked: shared by the tests of all AWS resource types.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use grail_state::artifacts::MemoryArtifacts;
use grail_state::digest::Digester;
use grail_state::{Handle, Observed, Proof, Remote, ResourceId, StackId, StepToken, Template};
use serde_json::Value;

use super::connector::{Operation, Seam};
use super::context::Context;
use crate::port::{Create, Delete, Failure, Locator, Provider, Resource, Update, erase};
use crate::privileges::action_of;

/// One answer of the make-believe AWS.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Status, headers, and a body that is no text.
    Binary(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection broke after the request was sent.
    Broken,
}

/// A JSON (or XML) answer.
pub(crate) fn reply(status: u16, body: impl ToString) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_string())
}

/// An answer of a service that speaks CBOR (CloudWatch). Of JSON's values, texts, lists and objects.
pub(crate) fn cbor(body: &Value) -> Reply {
    let mut bytes = Vec::new();
    encode(body, &mut bytes);
    Reply::Binary(200, vec![("smithy-protocol", "rpc-v2-cbor".to_owned())], bytes)
}

fn encode(value: &Value, bytes: &mut Vec<u8>) {
    let mut head = |major: u8, length: usize| match u8::try_from(length).unwrap() {
        short @ 0..24 => bytes.push(major << 5 | short),
        long => bytes.extend([major << 5 | 24, long]),
    };
    match value {
        Value::String(text) => {
            head(3, text.len());
            bytes.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len());
            items.iter().for_each(|item| encode(item, bytes));
        }
        Value::Object(entries) => {
            head(5, entries.len());
            for (key, value) in entries {
                encode(&Value::String(key.clone()), bytes);
                encode(value, bytes);
            }
        }
        other => panic!("{other} is not written in CBOR here"),
    }
}

/// An error answer of a JSON service.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({"__type": code, "Code": code, "message": message, "Message": message});
    Reply::Answer(
        status,
        vec![("x-amzn-errortype", code.to_owned())],
        body.to_string(),
    )
}

/// What was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// The operation: `CreateFunction`.
    pub(crate) operation: String,
    /// Where: `lambda.us-east-1.amazonaws.com`.
    pub(crate) host: String,
    /// Method and path with query: `POST /2015-03-31/functions`.
    pub(crate) line: String,
    /// The headers, by their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body as text.
    pub(crate) body: String,
}

/// A make-believe AWS that gives its answers in order and remembers what it was asked. It refuses what the policy of grail
/// does not allow to the resource type that asks, so that every test of a type is also one of its list of actions.
#[derive(Clone, Debug)]
pub(crate) struct Canned(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
    allowed: Option<&'static [&'static str]>,
}

impl Canned {
    /// One that will give `replies` in order; a further request breaks.
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            replies: replies.into_iter().collect(),
            asked: Vec::new(),
            allowed: None,
        })))
    }

    /// A context over it for `R`, which may ask what its list of actions allows.
    pub(crate) fn context_of<R: Resource>(&self) -> Arc<Context> {
        self.allow::<R>();
        self.context()
    }

    fn allow<R: Resource>(&self) {
        self.0.lock().unwrap().allowed = Some(R::ACTIONS);
    }

    /// A context over it, for the stack `shop-dev`.
    pub(crate) fn context(&self) -> Arc<Context> {
        Arc::new(self.bare_context())
    }

    /// The same, to be changed before it is shared.
    pub(crate) fn bare_context(&self) -> Context {
        let stack = StackId {
            app: "shop".to_owned(),
            stage: "dev".to_owned(),
        };
        Context::given(
            Seam::over(self.clone()),
            stack,
            Arc::new(MemoryArtifacts::default()),
        )
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }

    /// The operations asked, in order. Asserts that no answer is left over.
    pub(crate) fn operations(&self) -> Vec<String> {
        let inner = self.0.lock().unwrap();
        let left = inner.replies.len();
        assert!(left == 0, "{left} answers were never asked for");
        inner.asked.iter().map(|one| one.operation.clone()).collect()
    }

    /// The body of the `n`th request as JSON.
    pub(crate) fn json(&self, n: usize) -> serde_json::Value {
        serde_json::from_str(&self.asked()[n].body).unwrap()
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().to_owned();
        let path = uri
            .splitn(4, '/')
            .nth(3)
            .map_or_else(String::new, |rest| format!("/{rest}"));
        let operation = request.extension::<Operation>().cloned();
        let asked = Asked {
            host: uri.split('/').nth(2).unwrap_or_default().to_owned(),
            operation: operation
                .as_ref()
                .map_or_else(String::new, |operation| operation.name.clone()),
            line: format!("{} {path}", request.method()),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned(),
        };
        let mut inner = self.0.lock().unwrap();
        if let (Some(allowed), Some(operation)) = (inner.allowed, operation)
            && operation.service != "HTTP"
        {
            let action = action_of(&operation.service, &operation.name);
            assert!(
                allowed.contains(&action.as_str()),
                "{operation} needs {action}, which `ACTIONS` does not name"
            );
        }
        inner.asked.push(asked);
        let reply = inner.replies.pop_front().map(|reply| match reply {
            Reply::Answer(status, headers, body) => Reply::Binary(status, headers, body.into_bytes()),
            other => other,
        });
        HttpConnectorFuture::ready(match reply {
            Some(Reply::Answer(..)) => unreachable!("an answer is bytes by now"),
            Some(Reply::Binary(status, headers, body)) => {
                let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                for (name, value) in headers {
                    answer.headers_mut().insert(name, value);
                }
                answer.headers_mut().insert("x-amzn-requestid", "req-1");
                Ok(answer)
            }
            Some(Reply::Broken) => Err(ConnectorError::io("connection reset".into())),
            None => Err(ConnectorError::io("no answer is left".into())),
        })
    }
}

/// An answer of an XML service.
pub(crate) fn xml(operation: &str, result: &str) -> Reply {
    reply(
        200,
        format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"),
    )
}

/// An error answer of an XML service.
pub(crate) fn xml_refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    reply(status, body)
}

/// A resource type as the engine sees it, with fixed keys, and the answers that it will be given.
pub(crate) struct Stand {
    /// The make-believe AWS.
    pub(crate) aws: Canned,
    /// The resource type.
    pub(crate) provider: Arc<dyn Provider>,
    /// The resource's id.
    pub(crate) id: ResourceId,
    /// The attempt.
    pub(crate) token: StepToken,
}

impl Stand {
    /// A stand of `new`'s resource type. `name` is the name of the one resource.
    pub(crate) fn new<R: Resource>(
        name: &str,
        replies: impl IntoIterator<Item = Reply>,
        new: impl FnOnce(Context) -> R,
    ) -> Self {
        let aws = Canned::new(replies);
        aws.allow::<R>();
        let resource = new(aws.bare_context());
        Self {
            aws,
            provider: erase(resource, Arc::new(Digester::new([7; 32]))),
            id: ResourceId::new(R::KIND, name),
            token: StepToken("token-1".to_owned()),
        }
    }

    /// Looks, with what is wanted or recorded.
    pub(crate) async fn observe(
        &self,
        handle: Option<&str>,
        spec: Option<&Value>,
    ) -> Result<Observed, Failure> {
        let handle = handle.map(|handle| Handle(handle.to_owned()));
        let at = Locator {
            id: &self.id,
            handle: handle.as_ref(),
            spec,
            token: None,
            record: None,
        };
        self.provider.observe(at).await
    }

    /// What is there; panics if nothing is.
    pub(crate) async fn present(&self, handle: Option<&str>, spec: Option<&Value>) -> Remote {
        match self.observe(handle, spec).await.unwrap() {
            Observed::Present(remote) => remote,
            Observed::Absent => panic!("nothing is there"),
        }
    }

    /// Makes one.
    pub(crate) async fn create(&self, spec: &Value) -> Result<Remote, Failure> {
        let request = Create {
            id: &self.id,
            spec,
            token: &self.token,
            first: false,
        };
        self.provider.create(request).await
    }

    /// Changes what was made in the form `have` into `want`.
    pub(crate) async fn update(&self, handle: &str, have: &Value, want: &Value) -> Result<Remote, Failure> {
        let have = self.remote(handle, have);
        let diff = self
            .provider
            .diff(&Template::from_value(want.clone()), &have)
            .unwrap();
        let (id, token, diff) = (&self.id, &self.token, &diff);
        let have = &have;
        self.provider
            .update(Update {
                id,
                have,
                want,
                diff,
                token,
            })
            .await
    }

    /// Removes it.
    pub(crate) async fn delete(&self, handle: &str) -> Result<(), Failure> {
        let (id, handle) = (&self.id, Handle(handle.to_owned()));
        let (spec, outputs) = (&Value::Null, &BTreeMap::new());
        let handle = &handle;
        self.provider
            .delete(Delete {
                id,
                handle,
                spec,
                outputs,
            })
            .await
    }

    /// What a look at a thing of the form `spec` gives.
    pub(crate) fn remote(&self, handle: &str, spec: &Value) -> Remote {
        Remote {
            handle: Handle(handle.to_owned()),
            spec: self
                .provider
                .project(&Template::from_value(spec.clone()))
                .unwrap(),
            outputs: BTreeMap::new(),
            proof: Proof::Ours,
            additions: Vec::new(),
        }
    }
}

/// One field of a request in the form of a query (`Action=CreateRole&...`).
pub(crate) fn form_field(body: &str, name: &str) -> Option<String> {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| {
            percent_encoding::percent_decode_str(&value.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        })
}
