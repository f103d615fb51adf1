//! Parse, map and gate: what a request asks, and what the gate says to that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request;
use tokio::time::timeout;

use super::handle::Exchange;
use super::parse::{self, Parsed};
use super::record::Unheard;
use super::say;
use crate::gate::Rules;
use crate::model::{Call, Reason, Refusal, Timestamp};
use crate::policy::Decision;

/// For all messages of a call by gRPC that people are asked about: those that stream wait for the answer before they go on.
const MESSAGES_WITHIN: Duration = Duration::from_secs(10);
const STREAMED: &str = "people would have to be asked about it, and what they approve is exactly what is sent: all of its \
                        messages, which did not come to an end";

impl Exchange<'_> {
    /// Who asks what, of whom, and what comes of it; and when that was asked.
    pub(super) async fn judge(&mut self, head: request::Parts) -> Result<(Arc<Rules>, Decision, Instant), Unheard> {
        let asked = Instant::now();
        let caller = self.credentials.caller(&self.parts.registry);
        let caller = caller.map_err(|refusal| Unheard::new(None, refusal))?;
        let agent = caller.agent.clone();
        let judged = async {
            self.parts.gate.paused().check(&agent)?;
            let (settled, body) = (self.connection.authority()?, parse::body(&self.unread));
            let parsed = parse::call(settled, self.id.clone(), caller, head, body)?;
            let (rules, decision) = self.decide(parsed).await?;
            Ok((rules, decision, asked))
        };
        judged.await.map_err(|refusal| Unheard::new(Some(&agent), refusal))
    }

    /// What it means, and what the gate says to that: by one set of rules, the one in force once the content is here.
    // SECURITY: a content that drips would keep rules in force that were replaced, and a key that was rotated. Tests:
    // `rules_that_change_while_the_content_comes_judge_the_call`, `a_key_that_is_rotated_while_the_content_comes_is_refused`.
    async fn decide(&mut self, parsed: Parsed) -> Result<(Arc<Rules>, Decision), Refusal> {
        let Parsed { mut call, leaves_http } = parsed;
        loop {
            let rules = self.parts.gate.rules();
            let action = if leaves_http {
                rules.mappings().stream(&call)?
            } else {
                let route = rules.mappings().route(&call)?;
                if route.needs_body() && self.fill(&mut call).await? {
                    continue;
                }
                let action = rules.mappings().resolve(&call, route)?;
                rules.with_recalled(&call, action, Timestamp::now())
            };
            let uncarried = leaves_http && !call.opens_stream();
            match say::carried(rules.decide(call, action, None, Timestamp::now()), uncarried) {
                Decision::RequireApproval(mut hold) => match self.fill(&mut hold.call).await? {
                    true => call = hold.call,
                    false => return Ok((rules, Decision::RequireApproval(hold))),
                },
                decided @ (Decision::Allow(_) | Decision::Block(_)) => return Ok((rules, decided)),
            }
        }
    }

    /// Reads the content if it is still to come. True if so: minutes may have passed, and the caller is as they are now.
    async fn fill(&mut self, call: &mut Call) -> Result<bool, Refusal> {
        let within = if call.is_grpc() { MESSAGES_WITHIN } else { Duration::MAX };
        let filled = timeout(within, self.parts.capture.fill(call, &mut self.unread)).await;
        let read = filled.map_err(|_| Refusal::new(Reason::NotInspectable, STREAMED))??;
        if read {
            call.caller = self.credentials.active(self.parts)?;
        }
        Ok(read)
    }
}
