//! The way into a proxy without a socket: an HTTP connector for an SDK that works in the same process as the test.
//!
//! What comes this way is recorded, held, delayed and struck as what comes to [`super::Proxy::endpoint`].

use std::net::SocketAddr;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::refusal::Answer;
use super::upstream::Asked;
use super::{Dropped, Shared};
use crate::runtime;

/// A connector that leads into one proxy. The proxy outlives its test, not the connector.
#[derive(Debug, Clone)]
pub struct Wire {
    shared: Arc<Shared>,
    /// Where the proxy itself serves what it keeps.
    own: SocketAddr,
}

impl Wire {
    pub(super) fn into(shared: &Arc<Shared>, own: SocketAddr) -> Wire {
        Wire {
            shared: Arc::clone(shared),
            own,
        }
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (shared, own) = (Arc::clone(&self.shared), self.own);
        HttpConnectorFuture::new(async move {
            let asked = asked(request).await?;
            // A task of its own: what was sent takes effect even where who sent it gives up.
            let answer = runtime::shared().spawn(async move { shared.answer(asked, own, true).await });
            let answer = answer.await.unwrap_or(Err(Dropped::Closed));
            answer
                .map_err(|dropped| ConnectorError::io(dropped.into()))
                .and_then(told)
        })
    }
}

async fn asked(request: HttpRequest) -> Result<Asked, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(ConnectorError::user)?;
    Ok(Asked {
        parts,
        body: body.to_bytes(),
    })
}

fn told(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let answer = answer.map(|body: Bytes| SdkBody::from(body.to_vec()));
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}
