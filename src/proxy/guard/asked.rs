//! One question: read, judged by the gate, recorded, answered.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use http::StatusCode;

use super::answer::{Answer, Granted, Problem, Shown};
use super::books::{Said, digest};
use super::{Asker, MAX_BODY, Parts, granted, refused, repeated};
use crate::io::socket::Presence;
use crate::mapping::{Misstated, Statement};
use crate::model::{Action, CallId, Evidence, Outcome, Reason, Refusal, Timestamp};
use crate::policy::{Decision, Permit, RuleReason};
use crate::proxy::record::{self, Ending, Record};
use crate::proxy::{Refused, hold};
use crate::store::Recorded;

/// What was decided on a question.
pub(super) struct Given {
    pub answer: Answer,
    /// What people consented to, if it rests on that.
    evidence: Option<Evidence>,
    /// The same request again gets it again.
    kept: bool,
}

impl From<Answer> for Given {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            evidence: None,
            kept: false,
        }
    }
}

/// The decision on what was asked. The same request again gets the same answer, until people have decided.
pub(super) async fn answer(
    parts: &Parts,
    asker: &Asker,
    is_json: bool,
    content: Result<Bytes, StatusCode>,
) -> Result<Given, Problem> {
    let id = CallId::random();
    let no = No { parts, asker, id: &id };
    let content = match content {
        Ok(content) if content.len() <= MAX_BODY => content,
        Ok(_) | Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            let detail = format!("the content is larger than {MAX_BODY} bytes");
            return Err(no.says(Refusal::new(Reason::TooLarge, detail)).await);
        }
        Err(_) => {
            return Err(no
                .says(Refusal::new(Reason::Malformed, "the content did not come whole"))
                .await);
        }
    };
    if !is_json {
        let detail = "expected `Content-Type: application/json`";
        return Err(no.says(Refusal::new(Reason::NotInspectable, detail)).await);
    }
    let statement = match Statement::read(&content) {
        Ok(statement) => statement,
        Err(wrong) => return Err(misstated(&wrong, &no).await),
    };
    if let Some(claimed) = statement
        .agent
        .as_ref()
        .filter(|claimed| ***claimed != *asker.caller.agent)
    {
        // SECURITY: the key says who asks; a name beside it would have another agent's rules, budgets and record. Test:
        // `an_agent_speaks_for_itself_alone`.
        let detail = format!(
            "`agent` says {claimed:?}, and the key is that of `{}`",
            asker.caller.agent
        );
        return Err(no
            .says(Refusal::new(Reason::AgentUnknown, detail))
            .await
            .with_status(StatusCode::FORBIDDEN));
    }
    let Some(request) = &statement.request_id else {
        return judge(parts, asker, &statement, &no).await;
    };
    let agent = &asker.caller.agent;
    let own = parts.approvals.keys().request(agent, request);
    let request = parts.guard.request(agent, request);
    let mut request = request.lock().await;
    let asked = digest(&statement.content());
    if let Some(before) = &request.said {
        if before.content != asked {
            let detail = "another action was asked for with this `request_id`: give each its own";
            return Err(no
                .says(Refusal::new(Reason::Malformed, detail))
                .await
                .with_status(StatusCode::CONFLICT));
        }
        if let Some(answer) = repeated::answer(&no, &statement, before).await? {
            return Ok(Given {
                kept: true,
                ..answer.into()
            });
        }
    }
    let now = Timestamp::now();
    let time = request
        .last
        .map_or(now, |last| now.max(Timestamp(last.0.saturating_add(1))));
    request.last = Some(time);
    let id = CallId::of_request(time, own);
    repeated::not_before(&no, id.own_part()).await?;
    let no = No { id: &id, ..no };
    let mut given = judge(parts, asker, &statement, &no).await?;
    // What a pause or a full queue stops is asked again when it is over.
    given.kept = !matches!(
        given.answer.code,
        Some(Reason::Paused | Reason::Overloaded | Reason::AuditUnavailable)
    );
    if given.kept {
        request.said = Some(Said {
            content: asked,
            answer: given.answer.clone(),
            until: given.evidence.is_some().then(|| parts.approvals.until()),
            evidence: given.evidence.take(),
        });
    }
    Ok(given)
}

/// Nobody was there any more to be told that it is allowed: unless the same request may come for it, it is not, and what
/// people said counts on.
pub(super) async fn take_back(parts: &Parts, asker: &Asker, untold: &Given) {
    let agent = &asker.caller.agent;
    let open = match untold.kept {
        true => None,
        false => parts.guard.withdraw(agent, &untold.answer.decision_id),
    };
    if let Some((record, grants)) = open {
        // What was used by a call meanwhile, or may stand on disk, is the one execution.
        let outcome = match granted::end(parts, &grants).await {
            true => Outcome::NotSent,
            false => Outcome::Unknown,
        };
        record.close(Ending::of(outcome));
    }
}

/// What is refused before it is judged, on record by this id.
pub(super) struct No<'a> {
    pub parts: &'a Parts,
    pub asker: &'a Asker,
    pub id: &'a CallId,
}

impl No<'_> {
    pub(super) async fn says(&self, refusal: Refusal) -> Problem {
        let asker = self.asker;
        refused(self.parts, Some((self.id, &asker.caller.agent)), asker.peer, refusal).await
    }
}

/// 400 for what is no document, 422 for what says something that cannot be; a BLOCK, both.
pub(super) async fn misstated(wrong: &Misstated, no: &No<'_>) -> Problem {
    let problem = no.says(Refusal::new(Reason::Malformed, wrong.to_string())).await;
    match wrong {
        Misstated::Unreadable(_) => problem,
        Misstated::NoObject
        | Misstated::Lacks(..)
        | Misstated::Wrong(..)
        | Misstated::Twice(_)
        | Misstated::TwoAmounts
        | Misstated::Unknown => problem.with_status(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

/// What the answer tells of the action, whatever is decided.
struct About {
    id: CallId,
    action: Arc<str>,
    risk: Option<Shown>,
}

impl About {
    fn of(id: &CallId, action: &Action) -> Self {
        Self {
            id: id.clone(),
            action: action.name.clone(),
            risk: Shown::of(action),
        }
    }

    fn answer(self, decision: &'static str, policies: Vec<Arc<str>>, reason: String) -> Answer {
        Answer {
            decision,
            decision_id: self.id,
            action: self.action,
            risk: self.risk,
            policies,
            reason,
            code: None,
            would: None,
            approval_id: None,
            wait_url: None,
            expires_at: None,
            grant: None,
        }
    }
}

async fn judge(parts: &Parts, asker: &Asker, statement: &Statement, no: &No<'_>) -> Result<Given, Problem> {
    let id = no.id.clone();
    let (asked, at) = (Instant::now(), Timestamp::now());
    // SECURITY: whoever asked with a key that was rotated meanwhile, or whose agent was paused, gets nothing. Test:
    // `a_paused_agent_is_allowed_nothing`.
    let caller = match asker.credentials.active(parts) {
        Ok(caller) => caller,
        Err(refusal) => return Err(no.says(refusal).await),
    };
    let rules = parts.gate.rules();
    let call = statement.call(id.clone(), caller, at);
    let action = match rules.mappings().judged_as(&call, statement) {
        Ok(action) => action,
        Err(wrong) => return Err(misstated(&wrong, no).await),
    };
    match rules.decide(call, action, None, at) {
        Decision::Allow(permit) => {
            let about = About::of(&id, permit.action());
            match record::allowed(parts, &rules, permit, asked).await {
                Ok((permit, record)) => Ok(allowed(parts, about, permit, record, None).await?.into()),
                Err(refused) => said_no(parts, asker, about, refused),
            }
        }
        Decision::Block(blocked) => {
            let about = About::of(&id, &blocked.action);
            let refused = record::blocked(parts, &rules, blocked, asked).await;
            said_no(parts, asker, about, refused)
        }
        Decision::RequireApproval(hold) => {
            let about = About::of(&id, &hold.action);
            let wanted = hold.rules.clone();
            let asked = Box::new((rules, hold, asked));
            // Answered at once, whoever is there: by a task of its own.
            match hold::wait(parts, &asker.credentials, &Presence::default(), asked).await {
                Ok(approved) => {
                    let permit = approved.permit;
                    let record = Record::open(parts, permit.get(), Some(&approved.approval));
                    let answer = allowed(parts, about, permit, record, approved.evidence.as_ref()).await?;
                    Ok(Given {
                        answer: Answer {
                            reason: format!("People approved it ({})", approved.approval),
                            policies: wanted.into_iter().map(|rule| rule.id).collect(),
                            approval_id: Some(approved.approval),
                            ..answer
                        },
                        evidence: approved.evidence,
                        kept: false,
                    })
                }
                Err(refused) => said_no(parts, asker, about, refused),
            }
        }
    }
}

/// The agent may act. It tells how that ended.
async fn allowed(
    parts: &Parts,
    about: About,
    permit: Recorded<Permit>,
    record: Record,
    evidence: Option<&Evidence>,
) -> Result<Answer, Problem> {
    let permit = permit.get();
    let id = about.id.clone();
    let (would, policies) = (permit.would(), permit.rules().to_vec());
    let record = match record.leaving(parts, permit).await {
        Ok(record) => record,
        Err(refused) => return Err(Problem::of(refused.refusal, Some(&id))),
    };
    // SECURITY: what is given back when the agent was paused in between is not granted, too (test
    // `a_pause_in_the_moment_of_a_yes_leaves_no_grant`).
    let grants = match evidence {
        Some(evidence) => granted::give(parts, permit, evidence).await,
        None => Vec::new(),
    };
    let ids = grants.iter().map(|grant| grant.id.clone()).collect();
    parts.guard.open(&permit.call().caller.agent, id.clone(), record, ids);
    let reason = match would {
        None => "Allowed by policy".to_owned(),
        Some(would) => format!(
            "Calls of this agent are only observed: {} would have been decided",
            would.decision
        ),
    };
    Ok(Answer {
        would: would.map(|would| would.decision),
        grant: Granted::of(&grants),
        ..about.answer("ALLOW", policies, reason)
    })
}

/// A block, a hold, or nothing that could be recorded.
fn said_no(parts: &Parts, asker: &Asker, about: About, refused: Refused) -> Result<Given, Problem> {
    // It may have been allowed, and could not be recorded.
    parts.gate.memory().stated.end(&asker.caller.agent, &about.id);
    let Refused {
        refusal,
        approval,
        rules,
        ..
    } = refused;
    if matches!(
        refusal.reason,
        Reason::AuditUnavailable | Reason::Overloaded | Reason::AgentUnknown
    ) {
        return Err(Problem::of(refusal, Some(&about.id)));
    }
    let code = Some(refusal.reason);
    let policies = rules.iter().map(|rule| rule.id.clone()).collect();
    let waits = matches!(refusal.reason, Reason::ApprovalPending | Reason::ApprovedRepeat);
    let Some(approval) = approval.filter(|_| waits) else {
        let by_rules = reasons(&rules).filter(|_| refusal.reason == Reason::PolicyBlocked);
        let reason = by_rules.unwrap_or(refusal.detail);
        let answer = about.answer("BLOCK", policies, reason);
        return Ok(Answer { code, ..answer }.into());
    };
    let standing = parts.approvals.get(&approval);
    let answer = Answer {
        code,
        wait_url: Some(asker.door.wait_url(approval.as_str())),
        expires_at: standing.map(|standing| standing.row.expires.to_string()),
        approval_id: Some(approval),
        ..about.answer("REQUIRE_APPROVAL", policies, reasons(&rules).unwrap_or(refusal.detail))
    };
    Ok(answer.into())
}

/// In the words of the rules' authors.
fn reasons(rules: &[RuleReason]) -> Option<String> {
    let mut said: Vec<&str> = rules.iter().filter_map(|rule| rule.reason.as_deref()).collect();
    said.dedup();
    (!said.is_empty()).then(|| said.join("; "))
}
