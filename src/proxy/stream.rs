//! Connections that nobody reads: a WebSocket after its handshake, and a tunnel that a rule opens. Their bytes are copied
//! both ways until both sides have ended, or what they rest on is gone.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Response, request};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::follow::{self, Body};
use super::record::{Ending, Meter, Record};
use super::standing::Standing;
use super::{Connection, Credentials, Parts, Refused, respond, say};
use crate::io::drain::{Working, stopping};
use crate::model::{Evidence, Outcome};
use crate::policy::Permit;
use crate::store::Recorded;
use crate::upstream::Handshake;

/// Read at a time, in bytes, for each direction.
const PIECE: usize = 8 << 10;
/// Once one side has ended, the other goes on as long as something moves in this time.
const QUIET: Duration = Duration::from_secs(30);

/// A request whose connection could be handed over.
pub(super) struct Leaving {
    agent: OnUpgrade,
    slot: Slot,
    credentials: Credentials,
    evidence: Option<Evidence>,
}

/// Where a connection finds, after its last answer, what it has become.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Open>>>);

/// A WebSocket whose handshake was answered; its bytes come once the 101 is out.
struct Open {
    agent: OnUpgrade,
    provider: Upgraded,
    standing: Standing,
    record: Record,
}

impl Leaving {
    /// `None` for what has nothing to hand over.
    pub(super) fn of(head: &mut request::Parts, connection: &Connection) -> Option<Self> {
        Some(Self {
            agent: head.extensions.remove::<OnUpgrade>()?,
            slot: connection.stream.clone(),
            credentials: connection.credentials(&head.headers),
            evidence: None,
        })
    }

    /// What people consented to.
    pub(super) fn with(self, evidence: Option<Evidence>) -> Self {
        Self { evidence, ..self }
    }
}

/// Sends the handshake, and answers it as the provider does. What is no 101 is an answer like any other, and the agent's
/// connection stays one whose requests are judged.
pub(super) async fn open(
    parts: &Parts,
    permit: Recorded<Permit>,
    record: Record,
    leaving: Leaving,
    approved: Option<Working>,
) -> Result<Response<Body>, Refused> {
    let (answer, refused) = (permit.get().action().answer.clone(), say::Draft::of(permit.get()));
    let standing = Standing::new(permit.get().call().clone(), leaving.credentials, leaving.evidence);
    let mut record = record.leaving(parts, permit.get()).await?;
    match parts.upstream.handshake(permit).await {
        Ok(Handshake::Opened(head, provider)) => {
            record.answered(head.status.as_u16());
            let opened = Open {
                agent: leaving.agent,
                provider,
                standing,
                record,
            };
            if let Ok(mut slot) = leaving.slot.0.lock() {
                *slot = Some(opened);
            }
            Ok(respond::switching(*head))
        }
        Ok(Handshake::Declined(response)) => Ok(follow::follow(*response, &Method::GET, answer, record, approved)),
        Err(error) => {
            record.close(Ending::unsent(&error));
            Err(refused.undelivered(&error))
        }
    }
}

impl Slot {
    /// Carries what was opened to its end, if anything was: called when the connection has sent its last answer.
    pub(super) async fn run(&self, parts: &Parts) {
        let opened = self.0.lock().ok().and_then(|mut slot| slot.take());
        if let Some(Open {
            agent,
            provider,
            standing,
            record,
        }) = opened
            // An error says that the agent left before the answer was out.
            && let Ok(agent) = agent.await
        {
            Box::pin(carry(
                parts,
                &standing,
                record,
                TokioIo::new(agent),
                TokioIo::new(provider),
            ))
            .await;
        }
    }
}

/// Copies both ways to the end, and closes the record with what went through.
pub(super) async fn carry(
    parts: &Parts,
    standing: &Standing,
    mut record: Record,
    agent: impl AsyncRead + AsyncWrite,
    provider: impl AsyncRead + AsyncWrite,
) {
    let meter = record.carries();
    let ending = tokio::select! {
        outcome = both_ways(agent, provider, &meter) => Ending::of(outcome),
        () = stopping(parts.draining.clone()) => Ending::of(Outcome::Abandoned),
        lost = standing.lost(parts) => {
            parts.notices.line(say::closed(standing.call(), &lost));
            Ending { reason: Some(lost.reason), ..Ending::of(Outcome::Abandoned) }
        }
    };
    record.close_as_answered(ending);
}

/// Which side broke off.
#[derive(Clone, Copy)]
enum Broken {
    Agent,
    Provider,
}

async fn both_ways(
    agent: impl AsyncRead + AsyncWrite,
    provider: impl AsyncRead + AsyncWrite,
    meter: &Meter,
) -> Outcome {
    let (agent_says, to_agent) = tokio::io::split(agent);
    let (provider_says, to_provider) = tokio::io::split(provider);
    let mut up = pin!(one_way(agent_says, to_provider, |bytes| meter.sent(bytes)));
    let mut down = pin!(one_way(provider_says, to_agent, |bytes| meter.received(bytes)));
    let ended = tokio::select! {
        ended = &mut up => match ended {
            Ok(()) => quietly(down, meter).await.map_err(Way::down),
            Err(way) => Err(way.up()),
        },
        ended = &mut down => match ended {
            Ok(()) => quietly(up, meter).await.map_err(Way::up),
            Err(way) => Err(way.down()),
        },
    };
    match ended {
        Ok(()) => Outcome::Success,
        Err(Broken::Agent) => Outcome::Abandoned,
        Err(Broken::Provider) => Outcome::Unknown,
    }
}

/// Where a copy broke: reading, or writing.
#[derive(Clone, Copy)]
enum Way {
    From,
    To,
}

impl Way {
    fn up(self) -> Broken {
        match self {
            Way::From => Broken::Agent,
            Way::To => Broken::Provider,
        }
    }

    fn down(self) -> Broken {
        match self {
            Way::From => Broken::Provider,
            Way::To => Broken::Agent,
        }
    }
}

/// Each piece is written before the next is read: who reads slowly slows the sender.
async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: impl Fn(usize),
) -> Result<(), Way> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece).await {
            Ok(read) => read,
            // TLS that ends without saying so: frames tell their own end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(_) => return Err(Way::From),
        };
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        to.write_all(bytes).await.map_err(|_| Way::To)?;
        to.flush().await.map_err(|_| Way::To)?;
        moved(read);
    }
    // The other side may have gone already.
    to.shutdown().await.unwrap_or_default();
    Ok(())
}

/// The other way, after one has ended: as long as something moves.
async fn quietly(
    mut rest: std::pin::Pin<&mut impl Future<Output = Result<(), Way>>>,
    meter: &Meter,
) -> Result<(), Way> {
    loop {
        let before = meter.total();
        match timeout(QUIET, rest.as_mut()).await {
            Ok(ended) => return ended,
            Err(_) if meter.total() == before => return Ok(()),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
