//! THE DATA PATH: parse → map → gate → record → hold → send → close.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http::header::UPGRADE;
use http::{Method, Request, Response, Version, request};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::follow::{self, Body};
use super::hold::{self, Approved};
use super::record::{self, Ending, Record};
use super::stream::{self, Leaving};
use super::{Connection, Credentials, Parts, Refused, internal, respond, say};
use crate::gate::Rules;
use crate::io::body::Unread;
use crate::io::drain::Working;
use crate::model::{self, CallId};
use crate::policy::{Decision, Hold, Permit};
use crate::store::Recorded;
use crate::upstream::Content;

/// Answers one request, whatever happens.
pub(super) async fn serve(
    parts: &Arc<Parts>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (mut head, body) = request.into_parts();
    let (head_only, leaves) = (head.method == Method::HEAD, head.headers.contains_key(UPGRADE));
    // A stream of HTTP/2 is ended by its answer: nothing more is sent on it.
    let is_stream = head.version == Version::HTTP_2;
    let content = Unread::new(body, &head.headers);
    let arrived = content.arrived();
    let mut exchange = Exchange {
        parts,
        connection,
        id: CallId::random(),
        leaving: Leaving::of(&mut head, connection),
        credentials: connection.credentials(&head.headers),
        unread: Some(content),
    };
    let (answer, stays) = match exchange.handle(head).await {
        Ok(answer) => (respond::stamp(answer, &exchange.id), true),
        Err(refused) => {
            if let Some(unread) = exchange.unread.as_mut().filter(|_| !is_stream) {
                unread.discard().await;
            }
            let in_reverse = exchange.credentials.is_reverse();
            (respond::refuse(&refused, &exchange.id, head_only, in_reverse), !leaves)
        }
    };
    // What is still to come of a content is not the next request: some clients send that all the same.
    let stays = is_stream || stays && arrived.is_whole();
    Ok(if stays { answer } else { respond::and_close(answer) })
}

/// One request on its connection.
pub(super) struct Exchange<'a> {
    pub(super) parts: &'a Arc<Parts>,
    pub(super) connection: &'a Connection,
    pub(super) id: CallId,
    /// What the agent proves itself with.
    pub(super) credentials: Credentials,
    /// The content, as long as it was neither read nor sent.
    pub(super) unread: Option<Unread>,
    /// The connection, for a WebSocket.
    leaving: Option<Leaving>,
}

/// What a call comes to before people are asked.
enum Settled {
    Answered(Response<Body>),
    Held(Box<(Arc<Rules>, Hold, Instant)>),
}

impl Exchange<'_> {
    /// The life of a call. Nothing leaves before its decision is durable; nothing leaves without a permit.
    async fn handle(&mut self, head: request::Parts) -> Result<Response<Body>, Refused> {
        // What waits for people is small: the steps before and after it are allocated where they are taken.
        let held = match Box::pin(self.settle(head)).await? {
            Settled::Answered(answer) => return Ok(answer),
            Settled::Held(held) => held,
        };
        let approved = hold::wait(self.parts, &self.credentials, held).await?;
        let (leaving, working) = (self.leaving.take(), self.connection.working.clone());
        Box::pin(send_approved(self.parts, approved, leaving, working)).await
    }

    /// All of it, but for calls that people are asked about.
    async fn settle(&mut self, head: request::Parts) -> Result<Settled, Refused> {
        let (parts, connection) = (self.parts, self.connection);
        if let Some(answer) = internal::answer(self, &head).await {
            return answer.map(Settled::Answered);
        }
        let shape = connection.error_shape(parts.gate.rules().mappings(), &head);
        let (rules, decision, asked) = match self.judge(head).await {
            Ok(judged) => judged,
            Err(unheard) => return Err(record::turned_away(parts, connection, &self.id, shape, unheard).await),
        };
        match decision {
            Decision::Allow(permit) => {
                let (permit, record) = record::allowed(parts, &rules, permit, asked).await?;
                let sent = send(parts, permit, record, self.unread.take(), self.leaving.take(), None).await;
                sent.map(Settled::Answered)
            }
            Decision::Block(blocked) => Err(record::blocked(parts, &rules, blocked, asked).await),
            Decision::RequireApproval(hold) => Ok(Settled::Held(Box::new((rules, hold, asked)))),
        }
    }
}

/// The only line that reaches the network. The record goes with the answer and closes when it ends.
async fn send(
    parts: &Parts,
    permit: Recorded<Permit>,
    record: Record,
    unread: Option<Unread>,
    leaving: Option<Leaving>,
    approved: Option<Working>,
) -> Result<Response<Body>, Refused> {
    if let Some(leaving) = leaving.filter(|_| permit.get().call().opens_stream()) {
        return Box::pin(stream::open(parts, permit, record, leaving, approved)).await;
    }
    let (answer, refused) = (permit.get().action().answer.clone(), say::Draft::of(permit.get()));
    let method = permit.get().call().method.clone();
    let content = match (&permit.get().call().body, unread) {
        (model::Body::Streaming { .. }, Some(stream)) => Content::Stream(stream),
        _ => Content::FromCall,
    };
    let record = record.leaving(parts, permit.get()).await?;
    match parts.upstream.send(permit, content, approved.is_some()).await {
        Ok(response) => Ok(follow::follow(response, &method, answer, record, approved)),
        Err(error) => {
            record.close(Ending::unsent(&error));
            Err(refused.undelivered(&error))
        }
    }
}

/// What people approved is sent by a task of its own, which learns the outcome even if the client leaves.
async fn send_approved(
    parts: &Arc<Parts>,
    approved: Approved,
    leaving: Option<Leaving>,
    working: Working,
) -> Result<Response<Body>, Refused> {
    let Approved {
        permit,
        approval,
        evidence,
    } = approved;
    let leaving = leaving.map(|leaving| leaving.with(evidence));
    let record = Record::open(parts, permit.get(), Some(&approval));
    let lost = say::Draft::of(permit.get());
    let (answered, answer) = oneshot::channel();
    let parts = parts.clone();
    working.clone().apart(async move {
        let sent = send(&parts, permit, record, None, leaving, Some(working)).await;
        // Nobody there any more: the answer is dropped, and followed to its end all the same.
        let _left = answered.send(sent).is_err();
    });
    answer.await.unwrap_or_else(|_| Err(lost.broke_off()))
}
