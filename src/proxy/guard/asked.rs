//! One question: read, judged by the gate, recorded, answered.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use http::{HeaderMap, StatusCode};

use super::answer::{Answer, Granted, Problem, Shown};
use super::books::{Said, digest};
use super::{Asker, MAX_BODY, Parts, granted, is_json, refused};
use crate::mapping::{Misstated, Statement};
use crate::model::grant::Grant;
use crate::model::{Action, ApprovalId, CallId, Reason, Refusal, State, Timestamp};
use crate::policy::{Decision, Permit, RuleReason};
use crate::proxy::record::{self, Record};
use crate::proxy::{Refused, hold};
use crate::store::Recorded;

/// The decision on what was asked. The same request again gets the same answer, until people have decided.
pub(super) async fn answer(
    parts: &Parts,
    asker: &Asker,
    headers: &HeaderMap,
    content: Result<Bytes, StatusCode>,
) -> Result<Answer, Problem> {
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
    if !is_json(headers) {
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
    let request = parts.guard.request(&asker.caller.agent, request);
    let mut said = request.lock().await;
    let asked = digest(&statement.content());
    if let Some(before) = &*said {
        if before.content != asked {
            let detail = "another action was asked for with this `request_id`: give each its own";
            return Err(no
                .says(Refusal::new(Reason::Malformed, detail))
                .await
                .with_status(StatusCode::CONFLICT));
        }
        if stands(parts, &before.answer) {
            return Ok(before.answer.clone());
        }
    }
    let answer = judge(parts, asker, &statement, &no).await?;
    // What a pause or a full queue stops is asked again when it is over.
    let lasting = !matches!(
        answer.code,
        Some(Reason::Paused | Reason::Overloaded | Reason::AuditUnavailable)
    );
    if lasting {
        *said = Some(Said {
            content: asked,
            answer: answer.clone(),
        });
    }
    Ok(answer)
}

/// What is refused before it is judged, on record by this id.
struct No<'a> {
    parts: &'a Parts,
    asker: &'a Asker,
    id: &'a CallId,
}

impl No<'_> {
    async fn says(&self, refusal: Refusal) -> Problem {
        let asker = self.asker;
        refused(self.parts, Some((self.id, &asker.caller.agent)), asker.peer, refusal).await
    }
}

/// Whether an answer is still the answer: people are still being asked, or it is a decision.
fn stands(parts: &Parts, answer: &Answer) -> bool {
    let pending = |id: &ApprovalId| {
        parts
            .approvals
            .get(id)
            .is_some_and(|standing| standing.state == State::Pending)
    };
    answer.decision != "REQUIRE_APPROVAL" || answer.approval_id.as_ref().is_some_and(pending)
}

/// 400 for what is no document, 422 for what says something that cannot be; a BLOCK, both.
async fn misstated(wrong: &Misstated, no: &No<'_>) -> Problem {
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

async fn judge(parts: &Parts, asker: &Asker, statement: &Statement, no: &No<'_>) -> Result<Answer, Problem> {
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
                Ok((permit, record)) => allowed(parts, about, permit, record, &[]),
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
            match hold::wait(parts, &asker.credentials, rules, hold, asked).await {
                Ok(approved) => {
                    let permit = approved.permit;
                    let record = Record::open(parts, permit.get(), Some(&approved.approval));
                    let grants = match &approved.evidence {
                        Some(evidence) => granted::give(parts, permit.get(), evidence).await,
                        None => Vec::new(),
                    };
                    let answer = allowed(parts, about, permit, record, &grants)?;
                    Ok(Answer {
                        reason: format!("People approved it ({})", approved.approval),
                        policies: wanted.into_iter().map(|rule| rule.id).collect(),
                        approval_id: Some(approved.approval),
                        ..answer
                    })
                }
                Err(refused) => said_no(parts, asker, about, refused),
            }
        }
    }
}

/// The agent may act. It tells how that ended.
fn allowed(
    parts: &Parts,
    about: About,
    permit: Recorded<Permit>,
    record: Record,
    grants: &[Grant],
) -> Result<Answer, Problem> {
    let permit = permit.get();
    let id = about.id.clone();
    let (would, policies) = (permit.would(), permit.rules().to_vec());
    let record = match record.leaving(parts, permit) {
        Ok(record) => record,
        Err(refused) => return Err(Problem::of(refused.refusal, Some(&id))),
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
        grant: Granted::of(grants),
        ..about.answer("ALLOW", policies, reason)
    })
}

/// A block, a hold, or nothing that could be recorded.
fn said_no(parts: &Parts, asker: &Asker, about: About, refused: Refused) -> Result<Answer, Problem> {
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
        return Ok(Answer {
            code,
            ..about.answer("BLOCK", policies, reason)
        });
    };
    let standing = parts.approvals.get(&approval);
    Ok(Answer {
        code,
        wait_url: Some(asker.door.wait_url(approval.as_str())),
        expires_at: standing.map(|standing| standing.row.expires.to_string()),
        approval_id: Some(approval),
        ..about.answer("REQUIRE_APPROVAL", policies, reasons(&rules).unwrap_or(refusal.detail))
    })
}

/// In the words of the rules' authors.
fn reasons(rules: &[RuleReason]) -> Option<String> {
    let mut said: Vec<&str> = rules.iter().filter_map(|rule| rule.reason.as_deref()).collect();
    said.dedup();
    (!said.is_empty()).then(|| said.join("; "))
}
