//! The queue as a table: what is alike stands together, and an agent that asks for the same thing many times takes ten lines.

use std::io::Write;

use super::show::{differences, rules, until};
use crate::approval::shortened;
use crate::cli::client::table;
use crate::control::view::Approval;
use crate::model::Risk;
use crate::model::alike::{Beside, MOST_OF_A_CARD, ordinal};
use crate::model::inert::inert;

/// What waits, and what was decided where that is listed too.
pub(super) fn write_list(out: &mut dyn Write, approvals: &[Approval]) -> std::io::Result<()> {
    write_cards(out, approvals, MOST_OF_A_CARD)
}

/// Those like the approval whose id is or begins so, all of them.
pub(super) fn write_like(out: &mut dyn Write, approvals: &[Approval], id: &str) -> std::io::Result<()> {
    let asked = approvals.iter().find(|approval| approval.id.as_str().starts_with(id));
    let card = asked.map(first_of);
    let alike: Vec<Approval> = approvals
        .iter()
        .filter(|approval| card.is_some_and(|card| first_of(approval) == card))
        .cloned()
        .collect();
    write_cards(out, &alike, usize::MAX)
}

/// The approval on whose card this one is.
fn first_of(approval: &Approval) -> &str {
    let first = approval.similar.as_ref().map(|similar| &similar.first);
    first.unwrap_or(&approval.id).as_str()
}

fn write_cards(out: &mut dyn Write, approvals: &[Approval], most: usize) -> std::io::Result<()> {
    if approvals.is_empty() {
        return writeln!(out, "Nothing waits for people.");
    }
    // The first of a card comes before the others in the list, wherever these stand in it.
    let place = |approval: &Approval| {
        let first = first_of(approval);
        approvals.iter().position(|other| other.id.as_str() == first)
    };
    let mut all: Vec<(Option<usize>, &Approval)> =
        approvals.iter().map(|approval| (place(approval), approval)).collect();
    all.sort_by_key(|(place, _)| *place);
    let rows: Vec<Vec<String>> = all.iter().filter_map(|(_, approval)| row(approval, most)).collect();
    table(out, &["ID", "STATE", "AGENT", "WHAT", "RISK", "RULES", "UNTIL"], &rows)?;
    for (_, approval) in all {
        // Of what is alike, what is told of the first is told of all; another's own past is its own.
        let is_first = first_of(approval) == approval.id.as_str();
        for lately in approval
            .lately
            .iter()
            .flatten()
            .filter(|lately| is_first || lately.equal)
        {
            let text = inert(&lately.text);
            writeln!(out, "{}: {}", approval.id.short(), shortened(&text, 300))?;
        }
    }
    Ok(())
}

/// `None`: there is one row for it and all behind it.
fn row(approval: &Approval, most: usize) -> Option<Vec<String>> {
    let what = match &approval.similar {
        Some(similar) if similar.place > most.saturating_add(1) => return None,
        Some(similar) if similar.place > most => return Some(and_more(similar, most)),
        Some(similar) if similar.place > 1 => beside(similar, approval),
        Some(_) | None => inert(&shortened(&approval.summary, 80)).into_owned(),
    };
    Some(vec![
        approval.id.short().to_owned(),
        approval.state.as_str().to_owned(),
        inert(&approval.agent).into_owned(),
        what,
        approval.risk.as_ref().map_or_else(|| "-".to_owned(), Risk::short),
        rules(approval),
        until(approval).to_owned(),
    ])
}

/// `+ 2nd similar: amount = 80000 ($800.00), first: 90000 ($900.00)`
fn beside(similar: &Beside, approval: &Approval) -> String {
    let told = differences(similar, approval);
    let told = match told.is_empty() {
        true => similar.in_short(),
        false => told.join("; "),
    };
    format!("+ {} similar: {}", ordinal(similar.place), shortened(&told, 160))
}

fn and_more(similar: &Beside, most: usize) -> Vec<String> {
    let (left, first) = (similar.of.saturating_sub(most), similar.first.short());
    let mut row = vec![String::new(); 7];
    if let Some(what) = row.get_mut(3) {
        *what = format!("and {left} more: runplane approvals list --like {first}");
    }
    row
}
