//! What waits, live: Server-Sent Events (WHATWG HTML, 9.2) with the ids of all that is pending. What is shown of them the page asks for
//! itself, when its reader wants to see it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::door::Carried;
use super::{Shared, answer};
use crate::agent::Person;

/// A stream ends, and the browser asks anew: whoever was signed out is not told on and on.
const LIFE: Duration = Duration::from_secs(60);
/// At least this lies between two events.
const APART: Duration = Duration::from_millis(500);
/// How soon a stream notices that the sidecar stops, or that nobody reads it.
const TICK: Duration = Duration::from_secs(2);
/// Ids of one event.
const MOST: usize = 200;

/// SECURITY: a stream keeps one of the few connections that the listener has, so a browser full of tabs would keep people from
/// deciding. Test: `streams_leave_room_for_decisions`.
pub(super) const OF_ONE: usize = 4;
pub(super) const OF_ALL: usize = 24;

/// How many streams each person has open.
#[derive(Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<Arc<str>, usize>>>);

struct Place {
    streams: Arc<Mutex<HashMap<Arc<str>, usize>>>,
    person: Arc<str>,
}

impl Streams {
    fn place(&self, person: &Arc<str>) -> Option<Place> {
        let mut open = locked(&self.0);
        let (theirs, all) = (open.get(person).copied().unwrap_or(0), open.values().sum::<usize>());
        if theirs >= OF_ONE || all >= OF_ALL {
            return None;
        }
        open.insert(person.clone(), theirs + 1);
        Some(Place {
            streams: self.0.clone(),
            person: person.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = locked(&self.streams);
        match open.get(&self.person).copied() {
            Some(count @ 2..) => open.insert(self.person.clone(), count - 1),
            Some(_) | None => open.remove(&self.person),
        };
    }
}

fn locked(streams: &Mutex<HashMap<Arc<str>, usize>>) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stream {
    page: Shared,
    person: Arc<str>,
    cookie: String,
    news: watch::Receiver<()>,
    until: Instant,
    last: Option<String>,
    _place: Place,
}

pub(super) async fn stream(
    State(page): State<Shared>,
    Extension(person): Extension<Person>,
    Extension(carried): Extension<Carried>,
) -> Response {
    let Some(place) = page.streams.place(&person.name) else {
        return answer::wrong(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many pages are open that are told what changes.",
        );
    };
    let stream = Stream {
        news: page.parts.store.news(),
        page,
        person: person.name,
        cookie: carried.cookie.unwrap_or_default(),
        until: Instant::now() + LIFE,
        last: None,
        _place: place,
    };
    let events = stream::unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<Event, Infallible>(event), stream))
    });
    Sse::new(events).into_response()
}

fn still() -> Event {
    Event::default().event("still").data("1")
}

impl Stream {
    /// What waits, once that is something else than before; a word now and then, which tells us whether anybody reads, and the page
    /// that it is told.
    async fn next(&mut self) -> Option<Event> {
        if self.last.is_some() {
            sleep(APART).await;
            // The store lives as long as we do; either way it is looked at again.
            let changed = timeout(TICK, self.news.changed())
                .await
                .is_ok_and(|changed| changed.is_ok());
            if Instant::now() >= self.until || !self.is_wanted() {
                return None;
            }
            if !changed {
                return Some(still());
            }
        }
        self.news.mark_unchanged();
        let waiting = self.page.parts.approvals.waiting();
        let ids: Vec<String> = waiting
            .iter()
            .take(MOST)
            .map(|(id, revision)| format!("{id} {revision}"))
            .collect();
        let told = format!("{}\n{}", waiting.len(), ids.join("\n"));
        let event = match self.last.as_ref() == Some(&told) {
            true => still(),
            false => Event::default()
                .event("waiting")
                .retry(Duration::from_secs(2))
                .data(&told),
        };
        self.last = Some(told);
        Some(event)
    }

    /// The person is signed in still, and the sidecar goes on.
    fn is_wanted(&self) -> bool {
        let page = &self.page;
        let signed_in = page.sessions.who(&self.cookie, false);
        let person = signed_in.and_then(|(name, proof)| page.parts.registry.active(&name, proof));
        person.is_some_and(|person| person.name == self.person) && !page.parts.readiness.is_stopping()
    }
}
