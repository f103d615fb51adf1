//! The queue as a table: what is alike stands together, and an agent that asks for the same thing many times takes ten lines.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use super::show::{differences, rules, until};
use crate::approval::shortened;
use crate::cli::client::table;
use crate::control::view::Approval;
use crate::model::Risk;
use crate::model::alike::{Beside, MOST_OF_A_CARD, ordinal, shown};
use crate::model::inert::inert;
use crate::model::time::span;

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
    if alike.is_empty() {
        return writeln!(out, "No call like {} waits for people.", inert(id));
    }
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
    let cards = cards(approvals);
    let rows: Vec<Vec<String>> = cards.iter().flat_map(|card| rows(card, most)).collect();
    table(out, &["ID", "STATE", "AGENT", "WHAT", "RISK", "RULES", "UNTIL"], &rows)?;
    for approval in cards.into_iter().flatten() {
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

/// The cards in the order of the list, the calls of each in their own.
fn cards(approvals: &[Approval]) -> Vec<Vec<&Approval>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut cards: Vec<Vec<&Approval>> = Vec::new();
    for approval in approvals {
        let place = *places.entry(first_of(approval)).or_insert(cards.len());
        match cards.get_mut(place) {
            Some(card) => card.push(approval),
            None => cards.push(vec![approval]),
        }
    }
    for card in &mut cards {
        card.sort_by_key(|approval| approval.similar.as_ref().map(|similar| similar.place));
    }
    cards
}

/// Of a card: the calls that are shown, and one row for the others.
fn rows(card: &[&Approval], most: usize) -> Vec<Vec<String>> {
    let asked = card.iter().map(|approval| {
        let rules: Vec<&str> = approval.rules.iter().map(|rule| &*rule.id).collect();
        (rules, approval.risk.as_ref().map(|risk| risk.score))
    });
    let shown = shown(asked, most);
    let left = shown.iter().filter(|shown| !**shown).count();
    let seen = card.iter().zip(shown).filter(|(_, shown)| *shown);
    let mut rows: Vec<Vec<String>> = seen.map(|(approval, _)| row(approval)).collect();
    if let Some(first) = card.first().filter(|_| left > 0) {
        rows.push(and_more(first, left));
    }
    rows
}

fn row(approval: &Approval) -> Vec<String> {
    let what = match &approval.similar {
        Some(similar) if similar.place > 1 => beside(similar, approval),
        Some(_) | None => inert(&shortened(&approval.summary, 80)).into_owned(),
    };
    vec![
        approval.id.short().to_owned(),
        approval.state.as_str().to_owned(),
        inert(&approval.agent).into_owned(),
        what,
        approval.risk.as_ref().map_or_else(|| "-".to_owned(), Risk::short),
        rules(approval),
        until_in_short(approval),
    ]
}

/// `2026-11-20T14:15:00Z (14 min)`
fn until_in_short(approval: &Approval) -> String {
    let left = approval.seconds_left.map(Duration::from_secs).map(span);
    let left = left.map(|left| format!(" ({left})")).unwrap_or_default();
    format!("{}{left}", until(approval))
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

fn and_more(first: &Approval, left: usize) -> Vec<String> {
    let first = first.id.short();
    let mut row = vec![String::new(); 7];
    if let Some(what) = row.get_mut(3) {
        *what = format!("and {left} more: runplane approvals list --like {first}");
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_no_more_is_not_said_to_be_all_that_waited() {
        let mut told = Vec::new();
        write_like(&mut told, &[], "apr_7k2m9x4q").unwrap();
        assert_eq!(
            String::from_utf8(told).unwrap(),
            "No call like apr_7k2m9x4q waits for people.\n"
        );
    }
}
