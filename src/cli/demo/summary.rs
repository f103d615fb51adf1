//! How the story ended: who decided what, what really reached the providers, and whether that is what was to be.

use std::io::{self, Write};

use super::agent::Answer;
use super::person::Person;
use super::record::{Known, KnownCall};
use super::script::Expected;
use super::story::Scene;
use super::world::Received;
use crate::cli::client::table;
use crate::config::home::Home;
use crate::model::{Outcome, Reason};

/// Writes it. True: every call ended as the policy, and whoever decided, wanted it, and nothing else reached a provider.
///
/// # Errors
/// If it cannot be written, or the record cannot be read.
pub(super) fn write(
    home: &Home,
    person: &Person,
    scenes: &[Scene],
    received: &[Received],
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let record = Known::read(home)?;
    let known: Vec<(&Scene, Option<KnownCall>)> = scenes.iter().map(|scene| (scene, record.of(&scene.step))).collect();
    writeln!(out, "\nWhat became of it")?;
    let rows: Vec<Vec<String>> = known
        .iter()
        .filter_map(|(_, known)| known.as_ref().map(columns))
        .collect();
    table(out, &["AGENT", "WHAT", "DECISION", "DECIDED BY", "OUTCOME"], &rows)?;
    reached(received, out)?;
    writeln!(
        out,
        "\nThe record stays, and can be read at any time:\n  {}",
        person.command("audit show")
    )?;
    let sent = scenes
        .iter()
        .filter(|scene| matches!(scene.answer, Some(Answer::Provider(_))))
        .count();
    let ended = |(scene, known): &(&Scene, Option<KnownCall>)| ended_as_told(scene, known.as_ref());
    Ok(known.iter().all(ended) && received.len() == sent)
}

fn columns(known: &KnownCall) -> Vec<String> {
    let row = &known.call.row;
    let by = known.decided_by().unwrap_or_else(|| match known.approval {
        Some(_) => "nobody yet".to_owned(),
        None => row.rules.join(", "),
    });
    vec![
        row.agent.to_string(),
        known.summary(),
        row.decision.to_owned(),
        by,
        row.outcome.map_or("-", Outcome::as_str).to_owned(),
    ]
}

fn reached(received: &[Received], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nWhat really reached the providers, by their own count: {}",
        received.len()
    )?;
    for receipt in received {
        let done = receipt.done.as_deref().unwrap_or("nothing was done");
        writeln!(out, "  {:<13} {done}", receipt.provider.name())?;
    }
    Ok(())
}

fn ended_as_told(scene: &Scene, known: Option<&KnownCall>) -> bool {
    let (Some(answer), Some(known)) = (&scene.answer, known) else {
        return false;
    };
    let held = scene.approval.is_some();
    let sent = matches!(answer, Answer::Provider(200..=299));
    match scene.step.expected {
        Expected::Allow => sent && !held,
        Expected::Block => matches!(answer, Answer::Refused(Some(Reason::PolicyBlocked), _)),
        Expected::Hold if known.was_approved() => held && sent,
        Expected::Hold => held && matches!(answer, Answer::Refused(Some(reason), _) if is_undone(*reason)),
    }
}

/// Refusals of a call that people did not say yes to.
fn is_undone(reason: Reason) -> bool {
    [Reason::ApprovalPending, Reason::ApprovalDenied, Reason::ApprovalExpired].contains(&reason)
}
