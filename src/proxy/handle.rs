//! THE DATA PATH: parse → map → gate → record → hold → send → close.

use std::convert::Infallible;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use http::header::UPGRADE;
use http::{Method, Request, Response, Version, request};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::follow::{self, Body};
use super::hold::{self, Approved};
use super::record::{self, Ending, Record};
use super::stream::{self, Leaving};
use super::{Connection, Credentials, Parts, Refused, internal, respond, say};
use crate::io::body::Unread;
use crate::io::drain::Working;
use crate::model::{self, CallId};
use crate::policy::{Decision, Permit};
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

impl Exchange<'_> {
    /// The life of a call. Nothing leaves before its decision is durable; nothing leaves without a permit.
    async fn handle(&mut self, head: request::Parts) -> Result<Response<Body>, Refused> {
        // What waits for people is small: the steps before and after it are allocated where they are taken.
        match Box::pin(self.settle(head)).await? {
            Break(answer) => Ok(answer),
            Continue(asked) => {
                let approved = hold::wait(self.parts, &self.credentials, &self.connection.presence, asked).await?;
                Box::pin(self.send_approved(approved)).await
            }
        }
    }

    /// All of it, but for calls that people are asked about.
    async fn settle(&mut self, head: request::Parts) -> Result<ControlFlow<Response<Body>, hold::Asked>, Refused> {
        let (parts, connection) = (self.parts, self.connection);
        if let Some(answer) = internal::answer(self, &head).await {
            return answer.map(Break);
        }
        let shape = connection.error_shape(parts.gate.rules().mappings(), &head);
        let (rules, decision, asked) = match self.judge(head).await {
            Ok(judged) => judged,
            Err(unheard) => return Err(record::turned_away(parts, connection, &self.id, shape, unheard).await),
        };
        match decision {
            Decision::Allow(permit) => {
                let (permit, record) = record::allowed(parts, &rules, permit, asked).await?;
                let content = (self.unread.take(), self.leaving.take());
                Ok(Break(send(parts, permit, record, content, None).await?))
            }
            Decision::Block(blocked) => Err(record::blocked(parts, &rules, blocked, asked).await),
            Decision::RequireApproval(hold) => Ok(Continue(Box::new((rules, hold, asked)))),
        }
    }

    /// What people approved is sent by a task of its own, which learns the outcome even if the client leaves.
    async fn send_approved(&mut self, approved: Approved) -> Result<Response<Body>, Refused> {
        let (permit, evidence) = (approved.permit, approved.evidence);
        let leaving = self.leaving.take().map(|leaving| leaving.with(evidence));
        let record = Record::open(self.parts, permit.get(), Some(&approved.approval));
        let lost = say::Draft::of(permit.get());
        let (answered, answer) = oneshot::channel();
        let (parts, working) = (self.parts.clone(), self.connection.working.clone());
        working.clone().apart(async move {
            let sent = send(&parts, permit, record, (None, leaving), Some(working)).await;
            // Nobody there any more: the answer is dropped, and followed to its end all the same.
            let _left = answered.send(sent).is_err();
        });
        answer.await.unwrap_or_else(|_| Err(lost.broke_off()))
    }
}

/// The only line that reaches the network. The record goes with the answer and closes when it ends.
async fn send(
    parts: &Parts,
    permit: Recorded<Permit>,
    record: Record,
    (unread, leaving): (Option<Unread>, Option<Leaving>),
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
