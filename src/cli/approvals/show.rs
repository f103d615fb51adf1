//! Approvals as people read them at a terminal. What the agent wrote is inert.

use std::io::Write;
use std::time::Duration;

use crate::approval::{revision_option, shortened};
use crate::control::view::{Approval, Correction, Missing};
use crate::model::alike::Beside;
use crate::model::approval::asked;
use crate::model::inert::inert;
use crate::model::time::span;
use crate::model::{State, Value, money};

/// Until when it is worth what its state says.
pub(super) fn until(approval: &Approval) -> &str {
    match approval.state {
        State::Pending => &approval.expires,
        State::Approved | State::Returned => approval.grant_expires.as_deref().unwrap_or_default(),
        State::Denied | State::Expired | State::Cancelled | State::Consumed => "",
    }
}

/// `2026-11-20T14:15:00Z; 14 min left`
fn until_and_left(approval: &Approval) -> String {
    let left = approval.seconds_left.map(Duration::from_secs).map(span);
    let left = left.map(|left| format!("; {left} left")).unwrap_or_default();
    format!("{}{left}", until(approval))
}

pub(super) fn rules(approval: &Approval) -> String {
    let rules: Vec<&str> = approval.rules.iter().map(|rule| &*rule.id).collect();
    rules.join(", ")
}

/// What we know comes first, then what a yes comes to, then what was sent; what the agent wrote is one inert line.
pub(super) fn write_approval(out: &mut dyn Write, approval: &Approval, home: &str) -> std::io::Result<()> {
    writeln!(out, "{}  {}", approval.id, approval.state.as_str())?;
    write_call(out, approval)?;
    write_rules(out, approval)?;
    write_history(out, approval)?;
    write_alike(out, approval)?;
    write_before(out, approval)?;
    entry(out, "request", &approval.request_line)?;
    match approval.state {
        State::Pending => {
            let waiting = match approval.clients {
                0 => "no client is connected: the agent must repeat the call",
                _ => "the agent is connected and waits",
            };
            entry(out, "until", &format!("{}; {waiting}", until_and_left(approval)))?;
            if let Some(approving) = &approval.approving {
                entry(out, "approving", approving)?;
            }
            writeln!(
                out,
                "\n{}\n{}",
                how_to_approve(approval, home),
                how_to_deny(approval, home)
            )
        }
        State::Approved | State::Returned => {
            entry(out, "until", &until_and_left(approval))?;
            writeln!(out, "\n{}", how_to_deny(approval, home))
        }
        State::Denied | State::Expired | State::Cancelled | State::Consumed => Ok(()),
    }
}

fn entry(out: &mut dyn Write, name: &str, text: &str) -> std::io::Result<()> {
    writeln!(out, "  {name:<12}{}", line(text, 500))
}

/// Who asks for what.
fn write_call(out: &mut dyn Write, approval: &Approval) -> std::io::Result<()> {
    let Approval {
        agent,
        action,
        provider,
        operation,
        ..
    } = approval;
    let target = approval.target_id.as_deref().unwrap_or("(not named)");
    entry(out, "what", &shortened(&approval.summary, 500))?;
    entry(out, "agent", &format!("{agent} ({})", approval.roles.join(", ")))?;
    entry(out, "owner", approval.owner.as_deref().unwrap_or("(nobody is named)"))?;
    entry(out, "action", &format!("{action} ({provider} {operation})"))?;
    entry(
        out,
        "target",
        &format!("{} {target}, {}", approval.target_kind, approval.environment),
    )?;
    for (name, value) in &approval.fields {
        entry(out, "field", &format!("{name} = {}", shown(name, value, approval)))?;
    }
    for also in &approval.also {
        let target = also.target_id.as_deref().unwrap_or("(not named)");
        let what = format!("{} ({}), {} {target}", also.action, also.operation, also.target_kind);
        entry(out, "also", &what)?;
        for (name, value) in also
            .fields
            .iter()
            .filter(|(name, value)| approval.fields.get(*name) != Some(value))
        {
            entry(out, "field", &format!("{name} = {}", shown(name, value, approval)))?;
        }
    }
    for (name, value) in &approval.stated {
        entry(out, "stated", &format!("{name} = {}", shown(name, value, approval)))?;
    }
    for missing in approval.missing.iter().filter(|missing| missing.wanted) {
        entry(out, "missing", &format!("{}: {}", missing.field, missing.description))?;
    }
    Ok(())
}

/// Why people are asked, and which.
fn write_rules(out: &mut dyn Write, approval: &Approval) -> std::io::Result<()> {
    if let Some(risk) = &approval.risk {
        entry(out, "risk", &risk.in_one_line())?;
        for factor in risk.reasons() {
            let (name, points) = (factor.basis.name(), factor.points);
            entry(out, "", &format!("{name} {points}: {}", factor.basis))?;
        }
    }
    for rule in &approval.rules {
        let approvers = asked(&rule.approvers, rule.quorum);
        let reason = because(rule.reason.as_deref());
        entry(out, "rule", &format!("{} asks {approvers}{reason}", rule.id))?;
        if !rule.unchecked.is_empty() {
            entry(out, "", &format!("could not be checked: {}", rule.unchecked.join(", ")))?;
        }
    }
    Ok(())
}

/// What became of it so far.
fn write_history(out: &mut dyn Write, approval: &Approval) -> std::io::Result<()> {
    for vote in &approval.votes {
        let reason = because(vote.reason.as_deref());
        entry(out, "yes", &format!("{} at {}{reason}", vote.person, vote.time))?;
    }
    if let Some(denial) = &approval.denial {
        entry(out, "no", &format!("{}: {}", denial.person, denial.reason))?;
        for (name, value) in denial.correction.iter().flat_map(|correction| &correction.fields) {
            entry(out, "right", &format!("{name} = {}", shown(name, value, approval)))?;
        }
    }
    entry(
        out,
        "asked",
        &format!("{} by {}", approval.created, approval.first_call),
    )?;
    if let (Some(call), Some(time)) = (&approval.consumed_by, &approval.consumed) {
        let outcome = approval
            .outcome
            .map_or("outcome not known here", |outcome| outcome.as_str());
        entry(out, "used", &format!("{time} by {call}, {outcome}"))?;
    }
    Ok(())
}

/// Calls like it: those that wait, and what was answered lately.
fn write_alike(out: &mut dyn Write, approval: &Approval) -> std::io::Result<()> {
    if let Some(similar) = &approval.similar {
        let text = format!("{}: {}", similar.rank(), similar.in_short());
        entry(
            out,
            "similar",
            &format!("{text} (approvals list --like {})", similar.first.short()),
        )?;
        for text in differences(similar, approval) {
            entry(out, "differs", &text)?;
        }
    }
    let mut lately = approval.lately.iter().flatten();
    lately.try_for_each(|lately| entry(out, "lately", &lately.text))
}

/// What the agent did just before, the last first.
fn write_before(out: &mut dyn Write, approval: &Approval) -> std::io::Result<()> {
    let Some(before) = &approval.before else {
        return entry(out, "before", "(cannot be read at this moment)");
    };
    if before.is_empty() {
        return entry(out, "before", "(nothing is on record)");
    }
    before.iter().try_for_each(|call| {
        let outcome = call.outcome.map(|outcome| format!(", {}", outcome.as_str()));
        let (time, decision, outcome) = (&call.time, &call.decision, outcome.unwrap_or_default());
        let summary = shortened(&call.summary, 200);
        entry(out, "before", &format!("{time} {decision}{outcome}: {summary}"))
    })
}

/// `amount = 80000 ($800.00), first: 90000 ($900.00)`, each inert.
pub(super) fn differences(similar: &Beside, approval: &Approval) -> Vec<String> {
    // Money in two currencies is not shown by one of them.
    let currencies = similar.differs.iter().any(|it| &*it.what == "currency");
    let side = |name: &str, value: Option<&Value>| match value {
        None => "(not said)".to_owned(),
        Some(value) if currencies => inert(&value.to_string()).into_owned(),
        Some(value) => shown(name, value, approval),
    };
    let each = similar.differs.iter().map(|it| {
        let (here, first) = (side(&it.what, it.here.as_ref()), side(&it.what, it.first.as_ref()));
        format!(
            "{} = {}, first: {}",
            inert(&it.what),
            shortened(&here, 200),
            shortened(&first, 200)
        )
    });
    each.collect()
}

/// `: Refunds over $500 need a person`
fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

fn how_to_approve(approval: &Approval, home: &str) -> String {
    let (revision, set) = (revision_option(approval.revision), to_state(&approval.missing));
    format!(
        "runplane approvals approve {}{revision}{set}{home}",
        approval.id.short()
    )
}

fn how_to_deny(approval: &Approval, home: &str) -> String {
    format!("runplane approvals deny {} --reason REASON{home}", approval.id.short())
}

fn to_state(missing: &[Missing]) -> String {
    let wanted = missing.iter().filter(|missing| missing.wanted);
    wanted.map(|missing| format!(" --set {}=…", missing.field)).collect()
}

/// `said`: whether the person at the terminal stated this field just now.
pub(super) fn write_decision(
    out: &mut dyn Write,
    approval: &Approval,
    said: impl Fn(&str) -> bool,
) -> std::io::Result<()> {
    let short = approval.id.short();
    let what = inert(&shortened(&approval.summary, 200)).into_owned();
    let stated = |out: &mut dyn Write| {
        approval.stated.iter().try_for_each(|(name, value)| {
            let who = if said(name) { "you stated" } else { "stated before you:" };
            writeln!(out, "  {who} {name} = {}", shown(name, value, approval))
        })
    };
    match approval.state {
        State::Approved | State::Returned => {
            writeln!(out, "Approved {short}: {what}")?;
            stated(out)?;
            match approval.clients {
                0 => writeln!(
                    out,
                    "  goes through once, if the agent repeats it before {}",
                    until(approval)
                ),
                _ => writeln!(out, "  the agent is connected: it goes through now, once"),
            }
        }
        State::Denied => {
            writeln!(out, "Denied {short}: {what}")?;
            let denial = approval.denial.as_ref();
            denial
                .and_then(|denial| denial.correction.as_ref())
                .map_or(Ok(()), |correction| write_correction(out, correction, approval))
        }
        State::Cancelled => writeln!(
            out,
            "Cancelled {short}: {what}\n  nobody is asked any more; the same call asks anew"
        ),
        State::Consumed => writeln!(out, "Approved {short}, and gone through already: {what}"),
        State::Pending => {
            writeln!(
                out,
                "Your consent to {short} is recorded; it is not approved yet: {what}"
            )?;
            stated(out)?;
            for rule in &approval.rules {
                let (approvers, id) = (asked(&rule.approvers, rule.quorum), &rule.id);
                writeln!(out, "  still waits for {approvers} ({id})")?;
            }
            Ok(())
        }
        State::Expired => writeln!(out, "{short} has expired: {what}"),
    }
}

fn write_correction(out: &mut dyn Write, correction: &Correction, approval: &Approval) -> std::io::Result<()> {
    for (name, value) in &correction.fields {
        writeln!(out, "  you say it should be {name} = {}", shown(name, value, approval))?;
    }
    let (grant, until) = (correction.grant.short(), inert(&correction.until));
    writeln!(
        out,
        "  the agent is told; one call with exactly that has your consent until {until} ({grant}), and is decided again"
    )
}

/// A value, and as money where it is an amount in a known currency.
fn shown(name: &str, value: &Value, approval: &Approval) -> String {
    let currency = match approval
        .fields
        .get("currency")
        .or_else(|| approval.stated.get("currency"))
    {
        Some(Value::Text(currency)) => Some(currency.as_str()),
        Some(Value::Bool(_) | Value::Int(_) | Value::List(_)) | None => None,
    };
    let text = inert(&value.to_string()).into_owned();
    match (name, value, currency) {
        ("amount", Value::Int(amount), Some(currency)) => {
            format!("{text} ({})", inert(&money::show(*amount, currency)))
        }
        _ => text,
    }
}

/// At most `limit` characters of a text, inert and on one line.
fn line(text: &str, limit: usize) -> String {
    let end = text.char_indices().nth(limit).map(|(end, _)| end);
    match end.and_then(|end| text.get(..end)) {
        Some(beginning) => format!("{}…", inert(beginning)),
        None => inert(text).into_owned(),
    }
}
