//! What would happen, for people.

use std::io::{self, Write};

use super::advice;
use super::decision::{Question, decision, times};
use crate::gate::Rules;
use crate::model::accounts::Told;
use crate::model::diagnostic::EMBEDDED;
use crate::model::pause::Pause;
use crate::model::risk::{Factor, WHOLE};
use crate::model::{Action, Refusal, Risk, Why, inert};
use crate::proxy::described::Judged;

pub(super) fn judged(rules: &Rules, judged: &Judged, pauses: &[Pause], out: &mut impl Write) -> io::Result<()> {
    let caller = &judged.call.caller;
    let roles: Vec<&str> = caller.roles.iter().map(|role| &**role).collect();
    let with_roles = if roles.is_empty() {
        String::new()
    } else {
        format!(" ({})", roles.join(", "))
    };
    line(out, "agent", &format!("{}{with_roles}", caller.agent))?;
    let place = rules.mappings().place(&judged.call, &judged.action);
    let place = place.map_or_else(|| "none is for this host".to_owned(), |place| shown_place(&place));
    line(out, "mapping", &place)?;
    action(&judged.action, out)?;
    account(rules, judged, out)?;
    labels(rules, &judged.action, out)?;
    let (facts, received) = (judged.call.facts(), judged.call.received);
    list(out, "budgets", &rules.budgets_told(&facts, &judged.action, received))?;
    let asked = Question {
        facts: &facts,
        action: &judged.action,
        at: received,
        verdict: &judged.verdict,
        paused: pauses.iter().find(|pause| pause.is_of(&caller.agent)),
    };
    decision(rules, asked, out)?;
    let took = &judged.took;
    let (read, map) = (took.parse.as_micros(), took.map.as_micros());
    let gate = times(&took.gate);
    line(out, "time", &format!("read {read} µs, map {map} µs, {gate}"))?;
    writeln!(out)?;
    for step in advice::steps(rules, asked) {
        writeln!(out, "{step}")?;
    }
    Ok(())
}

/// In what amounts without a currency are, where something is said of just this account.
fn account(rules: &Rules, judged: &Judged, out: &mut impl Write) -> io::Result<()> {
    let amounts = |action: &Action| action.fields.contains_key("amount") || action.is_missing("amount");
    if !judged.action.meanings().any(amounts) {
        return Ok(());
    }
    let unless = "unless the call names another";
    match rules.mappings().account_of(&judged.call) {
        Told::Said(account) => {
            let currency = account.currency.as_deref().unwrap_or_default();
            line(out, "account", &format!("in {currency} ({}), {unless}", account.place))
        }
        Told::Unknown => line(
            out,
            "account",
            "in a currency that nobody can tell (money.accounts in runplane.yaml)",
        ),
        Told::Usual => Ok(()),
    }
}

/// What would not even be decided on.
pub(super) fn refused(refusal: &Refusal, out: &mut impl Write) -> io::Result<()> {
    line(
        out,
        "decision",
        &format!("none: the request is refused ({})", refusal.reason),
    )?;
    writeln!(
        out,
        "\nTo have it decided, change the request: {}",
        inert(&refusal.detail)
    )
}

/// What is understood of the call.
fn action(action: &Action, out: &mut impl Write) -> io::Result<()> {
    let unmapped = if action.unmapped { "  (in no mapping)" } else { "" };
    line(out, "provider", &action.provider)?;
    line(out, "operation", &format!("{}{unmapped}", shown_operation(action)))?;
    line(out, "action", &action.name)?;
    line(out, "access", action.access.as_str())?;
    list(out, "fields", &fields(action))?;
    for also in &action.also {
        line(out, "also", &format!("{} ({})", also.name, also.access.as_str()))?;
        list(out, "  fields", &fields(also))?;
        if also.target != action.target {
            line(out, "  target", &target(also))?;
        }
    }
    let missing: Vec<String> = action
        .all_missing()
        .into_iter()
        .map(|missing| {
            let why = match missing.why {
                Why::Absent => "not stated",
                Why::Unreadable => "could not be read",
                Why::Derived => "could not be worked out",
            };
            format!("{}: {why}", missing.field)
        })
        .collect();
    list(out, "missing", &missing)?;
    line(out, "target", &target(action))?;
    line(out, "environment", action.environment())?;
    line(out, "summary", &action.summary)?;
    match &action.risk {
        Some(risk) => self::risk(risk, out),
        None => line(out, "risk", "not known"),
    }
}

/// The score, and what it is made of.
pub(super) fn risk(risk: &Risk, out: &mut impl Write) -> io::Result<()> {
    line(out, "risk", &risk.in_one_line())?;
    for factor in &risk.factors {
        let Factor { basis, points, w, x } = factor;
        let [w, x] = [w, x].map(|share| format!("{}.{:04}", share / WHOLE, share % WHOLE));
        line(
            out,
            "",
            &format!("{points:>3}  {}: {basis} (w {w}, x {x})", basis.name()),
        )?;
    }
    Ok(())
}

/// What the operator says of each target, and where.
fn labels(rules: &Rules, action: &Action, out: &mut impl Write) -> io::Result<()> {
    let of = |meaning: &Action| match meaning.labels.as_deref() {
        None => Vec::new(),
        Some(labels) => {
            let whose = if meaning.target == action.target {
                String::new()
            } else {
                format!("{}: ", target(meaning))
            };
            let doubt = if labels.doubtful {
                "  (its id cannot be told: of all it may be)"
            } else {
                ""
            };
            let place = |place| shown_place(&rules.labels().shown(place));
            let told = labels.told();
            told.map(|(label, value, at)| format!("{whose}{} = {value}  {}{doubt}", label.as_str(), place(at)))
                .collect()
        }
    };
    let mut all: Vec<String> = action.meanings().flat_map(of).collect();
    all.dedup();
    list(out, "labels", &all)
}

fn target(action: &Action) -> String {
    let id = action.target.id.as_deref().unwrap_or_default();
    format!("{} {id}", action.target.kind).trim_end().to_owned()
}

fn fields(action: &Action) -> Vec<String> {
    let fields = action.fields.iter();
    fields.map(|(name, value)| format!("{name} = {value}")).collect()
}

// SECURITY: an unmapped operation is the path as sent, where secrets may lie; output gets pasted into tickets.
fn shown_operation(action: &Action) -> &str {
    match action.unmapped {
        true => &action.request_line,
        false => &action.operation,
    }
}

pub(super) fn line(out: &mut impl Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{name:<13}{}", inert(text))
}

/// One line each; `-` where there is none.
pub(super) fn list(out: &mut impl Write, name: &str, items: &[String]) -> io::Result<()> {
    if items.is_empty() {
        return line(out, name, "-");
    }
    for (at, item) in items.iter().enumerate() {
        line(out, if at == 0 { name } else { "" }, item)?;
    }
    Ok(())
}

/// Where a rule can be changed.
pub(in crate::cli) fn shown_place(place: &str) -> String {
    match place.strip_prefix(EMBEDDED) {
        Some(inside) => format!("{inside}, as shipped"),
        None => place.to_owned(),
    }
}
