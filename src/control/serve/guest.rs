//! Who makes room when all places are taken: the oldest connection that has asked nothing whole, and had time to.
//!
//! SECURITY: whoever reaches the port could hold all its places by saying nothing, half a head, a head without its content, or nothing
//! after a proof, and nobody could decide or stop an agent meanwhile. Test: `who_does_not_ask_leaves_places_to_who_does`.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// So long a connection may take to ask, however many come: a burst of honest ones waits its turn.
const TO_ASK: Duration = Duration::from_secs(1);

/// Connections that may have to make room, oldest first, and since when.
pub(super) type Line = Mutex<VecDeque<(Instant, Arc<Room>)>>;

#[derive(Default)]
pub(super) struct Room {
    wanted: Notify,
    asked: AtomicBool,
}

/// A connection; in the line until it has asked.
pub(super) struct Guest {
    line: Arc<Line>,
    room: Arc<Room>,
}

/// A place for one connection more, for which another may have to go.
pub(super) async fn place(places: &Arc<Semaphore>, line: &Line) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Some(place);
        }
        let wait = next(line);
        if let Ok(place) = timeout(wait, places.clone().acquire_owned()).await {
            // Never closed.
            return place.ok();
        }
    }
}

/// Asks the oldest to go, if it had its time. After how long to look again.
fn next(line: &Line) -> Duration {
    let mut line = locked(line);
    let stood = line.front().map(|(since, _)| since.elapsed()).unwrap_or_default();
    if stood < TO_ASK {
        return TO_ASK - stood;
    }
    if let Some((_, oldest)) = line.pop_front() {
        oldest.wanted.notify_one();
    }
    // It goes at once, or has asked meanwhile.
    Duration::from_millis(10)
}

fn locked(line: &Line) -> MutexGuard<'_, VecDeque<(Instant, Arc<Room>)>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guest {
    /// In the line.
    pub(super) fn new(line: &Arc<Line>) -> Arc<Self> {
        let guest = Self {
            line: line.clone(),
            room: Arc::default(),
        };
        guest.waits();
        Arc::new(guest)
    }

    /// It is its turn to ask; at the end of the line.
    pub(super) fn waits(&self) {
        self.leaves_the_line();
        self.room.asked.store(false, Ordering::Relaxed);
        locked(&self.line).push_back((Instant::now(), self.room.clone()));
    }

    fn asked(&self) {
        self.room.asked.store(true, Ordering::Relaxed);
        self.leaves_the_line();
    }

    fn leaves_the_line(&self) {
        locked(&self.line).retain(|(_, other)| !Arc::ptr_eq(other, &self.room));
    }

    /// Once others need its place more. Polled by the task that reads what it asks: who has asked by then is answered.
    pub(super) async fn makes_room(&self) {
        loop {
            self.room.wanted.notified().await;
            if !self.room.asked.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leaves_the_line();
    }
}

/// A request's content: when its end is read, all was asked.
struct Content {
    content: Incoming,
    guest: Arc<Guest>,
}

/// `request`, whose guest is told once it is here whole.
pub(super) fn heard(request: Request<Incoming>, guest: &Arc<Guest>) -> Request<Body> {
    if request.body().is_end_stream() {
        guest.asked();
    }
    let guest = guest.clone();
    request.map(|content| Body::new(Content { content, guest }))
}

impl HttpBody for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.content).poll_frame(context));
        if frame.is_none() || self.content.is_end_stream() {
            self.guest.asked();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
