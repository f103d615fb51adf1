//! Who makes room when all places are taken: the oldest connection that has asked nothing whole.
//!
//! SECURITY: whoever reaches the port could hold all its places by saying nothing, half a head, a head without its content, or nothing
//! after a proof, and nobody could decide or stop an agent meanwhile. Test: `who_does_not_ask_leaves_places_to_who_does`.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Connections that may have to make room, oldest first.
pub(super) type Line = Mutex<VecDeque<Arc<Notify>>>;

/// A connection; in the line until it has asked.
pub(super) struct Guest {
    line: Arc<Line>,
    room: Arc<Notify>,
}

/// A place for one connection more, for which another may have to go.
pub(super) async fn place(places: &Arc<Semaphore>, line: &Line) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    if let Some(oldest) = locked(line).pop_front() {
        oldest.notify_one();
    }
    // Never closed.
    places.clone().acquire_owned().await.ok()
}

fn locked(line: &Line) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guest {
    /// In the line.
    pub(super) fn new(line: &Arc<Line>) -> Arc<Self> {
        let guest = Self {
            line: line.clone(),
            room: Arc::new(Notify::new()),
        };
        guest.waits();
        Arc::new(guest)
    }

    /// It is its turn to ask; at the end of the line.
    pub(super) fn waits(&self) {
        self.asked();
        locked(&self.line).push_back(self.room.clone());
    }

    fn asked(&self) {
        locked(&self.line).retain(|other| !Arc::ptr_eq(other, &self.room));
    }

    /// Once others need its place more.
    pub(super) async fn makes_room(&self) {
        self.room.notified().await;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.asked();
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
