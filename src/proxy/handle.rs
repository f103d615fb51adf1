//! THE DATA PATH: parse → map → gate → record → hold → send → close.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::EXPECT;
use http::{Method, Request, Response, request};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::follow::{self, Body};
use super::record::{self, Ending, Record, Unheard};
use super::{Connection, Parts, Refused, hold, parse, respond, say};
use crate::gate::Rules;
use crate::io::body;
use crate::io::drain::Working;
use crate::model::{self, Action, Call, CallId};
use crate::policy::{Decision, Permit};
use crate::store::Recorded;
use crate::upstream::Content;

/// Answers one request, whatever happens.
pub(super) async fn serve(
    parts: &Arc<Parts>,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let (head_only, waits) = (head.method == Method::HEAD, head.headers.contains_key(EXPECT));
    let (id, unread) = (CallId::random(), Some(body));
    let mut exchange = Exchange {
        parts,
        connection,
        id,
        unread,
    };
    let answer = exchange.handle(head).await;
    let Exchange { id, unread, .. } = exchange;
    match answer {
        Ok(answer) => Ok(respond::stamp(answer, &id)),
        Err(refused) => {
            // A client that still sends would see a reset, not the answer; one that waits for our word sends nothing.
            if let Some(body) = unread.filter(|_| !waits) {
                body::discard(body).await;
            }
            Ok(respond::refuse(&refused, &id, head_only))
        }
    }
}

/// One request on its connection.
struct Exchange<'a> {
    parts: &'a Arc<Parts>,
    connection: &'a Connection,
    id: CallId,
    /// The content, as long as it was neither read nor sent.
    unread: Option<Incoming>,
}

impl Exchange<'_> {
    /// The life of a call. Nothing leaves before its decision is durable; nothing leaves without a permit.
    async fn handle(&mut self, head: request::Parts) -> Result<Response<Body>, Refused> {
        let (parts, rules) = (self.parts, self.parts.gate.rules());
        let shape = self.connection.error_shape(rules.mappings(), &head.uri);
        let (call, action, leaves_http) = match self.understand(&rules, head).await {
            Ok(understood) => understood,
            Err(unheard) => return Err(record::turned_away(parts, self.connection, &self.id, shape, unheard).await),
        };
        match say::carried(rules.decide(call, action, None), leaves_http) {
            Decision::Allow(permit) => {
                let (permit, record) = record::allowed(parts, &rules, permit).await?;
                send(parts, permit, record, self.unread.take(), None).await
            }
            Decision::Block(blocked) => Err(record::blocked(parts, &rules, blocked).await),
            Decision::RequireApproval(mut hold) => {
                if let Err(refusal) = parts.capture.fill(&mut hold.call, &mut self.unread).await {
                    let unheard = Unheard::new(Some(&hold.call.caller.agent), refusal);
                    return Err(record::turned_away(parts, self.connection, &self.id, shape, unheard).await);
                }
                let permit = hold::wait(parts, rules, hold).await?;
                send_approved(parts, permit, self.connection.working.clone()).await
            }
        }
    }

    /// Who asks what, of whom, and what it means; and whether it asks to leave HTTP.
    async fn understand(&mut self, rules: &Rules, head: request::Parts) -> Result<(Call, Action, bool), Unheard> {
        let caller = self.connection.caller(&self.parts.registry, &head.headers);
        let caller = caller.map_err(|refusal| Unheard::new(None, refusal))?;
        let agent = caller.agent.clone();
        let unheard = |refusal| Unheard::new(Some(&agent), refusal);
        let (authority, body) = (self.connection.authority().map_err(unheard)?, parse::body(&self.unread));
        let parsed = parse::call(authority, self.id.clone(), caller, head, body).map_err(unheard)?;
        let (mut call, mappings) = (parsed.call, rules.mappings());
        if parsed.leaves_http {
            let action = mappings.stream(&call);
            return Ok((call, action, true));
        }
        let route = mappings.route(&call).map_err(unheard)?;
        if route.needs_body() {
            self.parts
                .capture
                .fill(&mut call, &mut self.unread)
                .await
                .map_err(unheard)?;
        }
        let action = mappings.resolve(&call, route).map_err(unheard)?;
        Ok((call, action, false))
    }
}

/// The only line that reaches the network. The record goes with the answer and closes when it ends.
async fn send(
    parts: &Parts,
    permit: Recorded<Permit>,
    mut record: Record,
    unread: Option<Incoming>,
    approved: Option<Working>,
) -> Result<Response<Body>, Refused> {
    let (answer, refused) = (permit.get().action().answer.clone(), say::Draft::of(permit.get()));
    let content = match (&permit.get().call().body, unread) {
        (model::Body::Streaming { .. }, Some(stream)) => Content::Stream(stream),
        _ => Content::FromCall,
    };
    record.sending();
    match parts.upstream.send(permit, content, approved.is_some()).await {
        Ok(response) => Ok(follow::follow(response, answer, record, approved)),
        Err(error) => {
            record.close(Ending::unsent(&error));
            Err(refused.undelivered(&error))
        }
    }
}

/// What people approved is sent by a task of its own, which learns the outcome even if the client leaves.
async fn send_approved(
    parts: &Arc<Parts>,
    permit: Recorded<Permit>,
    working: Working,
) -> Result<Response<Body>, Refused> {
    let (record, lost) = (Record::open(parts, permit.get()), say::Draft::of(permit.get()));
    let (answered, answer) = oneshot::channel();
    let parts = parts.clone();
    tokio::spawn(async move {
        let sent = send(&parts, permit, record, None, Some(working)).await;
        // Nobody there any more: the answer is dropped, and followed to its end all the same.
        let _left = answered.send(sent).is_err();
    });
    answer.await.unwrap_or_else(|_| Err(lost.broke_off()))
}
