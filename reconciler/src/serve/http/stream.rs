//! Events as they happen (server-sent events), from where a client left off.
//!
//! Each event has an id, which a browser sends back when it connects again; what the board still keeps follows then. A client
//! that was away for longer, was too slow, or heard another process, is told so by an event `gap`: then it asks for the stage
//! again. So a client that has seen no gap has seen everything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::forms::{Gap, NoticeForm};
use super::problem::Problem;
use super::site::Site;
use super::stages::{Named, found};
use crate::engine::StopSignal;
use crate::serve::board::{Notice, NoticeKind, StageKey};

/// After this time a browser connects again.
const AGAIN: Duration = Duration::from_secs(2);

/// From where.
#[derive(Debug, Deserialize)]
pub(super) struct From {
    /// The id of the last event that is known; the header `Last-Event-ID` goes before it.
    after: Option<String>,
}

/// `GET /api/v1/events`
pub(super) async fn all(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Response, Problem> {
    open(&site, None, &headers, from)
}

/// `GET /api/v1/stages/{project}/{stage}/events`
pub(super) async fn of_stage(
    State(site): State<Arc<Site>>,
    Named(key): Named,
    headers: HeaderMap,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Response, Problem> {
    found(&site, &key)?;
    open(&site, Some(key), &headers, from)
}

fn open(
    site: &Arc<Site>,
    key: Option<StageKey>,
    headers: &HeaderMap,
    from: Result<Query<From>, QueryRejection>,
) -> Result<Response, Problem> {
    let place = Arc::clone(&site.listeners).try_acquire_owned();
    let place = place.map_err(|_full| Problem::too_many_listeners())?;
    let again = headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or_default().to_owned());
    let after = again.or_else(|| from.ok().and_then(|Query(from)| from.after));
    let stream = Listener::new(site, key, after.as_deref(), place).stream();
    let heart = KeepAlive::new()
        .interval(site.limits.heartbeat)
        .text("still here");
    Ok(Sse::new(stream).keep_alive(heart).into_response())
}

/// One client that listens.
struct Listener {
    site: Arc<Site>,
    key: Option<StageKey>,
    first: VecDeque<Event>,
    notices: Receiver<Notice>,
    stop: StopSignal,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    fn new(
        site: &Arc<Site>,
        key: Option<StageKey>,
        after: Option<&str>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let number = after.map(|id| site.event_number(id));
        let (missed, notices) = match number {
            None => (None, site.board.listen()),
            Some(number) => {
                let (mut missed, notices) = site.board.listen_after(number.unwrap_or(0));
                missed.lost |= number.is_none();
                (Some(missed), notices)
            }
        };
        let mut listener = Self {
            site: Arc::clone(site),
            key,
            first: VecDeque::from([Event::default().retry(AGAIN).comment("grail")]),
            notices,
            stop: site.stop.clone(),
            over: false,
            _place: place,
        };
        if let Some(missed) = missed {
            if missed.lost {
                listener.first.push_back(gap(None));
            }
            let told: Vec<Event> = missed
                .notices
                .iter()
                .filter_map(|notice| listener.tell(notice))
                .collect();
            listener.first.extend(told);
        }
        listener
    }

    /// The event of a notice, where it is one that this client listens to.
    fn tell(&mut self, notice: &Notice) -> Option<Event> {
        let mine = self.key.as_ref().is_none_or(|key| *key == notice.key);
        // Nothing more comes of a stage that is gone.
        self.over |= mine && self.key.is_some() && matches!(notice.kind, NoticeKind::Gone);
        mine.then(|| self.event(notice))
    }

    fn event(&self, notice: &Notice) -> Event {
        let form = NoticeForm::of(notice);
        let text = serde_json::to_string(&form).unwrap_or_default();
        Event::default()
            .id(self.site.event_id(notice.number))
            .event(form.name())
            .data(text)
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.first.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            let heard = tokio::select! {
                _why = self.stop.stopped() => return None,
                heard = self.notices.recv() => heard,
            };
            match heard {
                Ok(notice) => {
                    let told = self.tell(&notice);
                    self.first.extend(told);
                }
                Err(RecvError::Lagged(lost)) => {
                    self.site.board.counts().lost(lost);
                    return Some(gap(Some(lost)));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut listener| async move {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }
}

fn gap(lost: Option<u64>) -> Event {
    let text = serde_json::to_string(&Gap::of(lost)).unwrap_or_default();
    Event::default().event("gap").data(text)
}
