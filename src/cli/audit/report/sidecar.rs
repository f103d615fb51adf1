//! Which rules were in force, and what happened to the sidecar.

use serde_json::Value as Json;

use super::counted::Counted;
use super::html::Html;
use super::page::{Page, shell};
use crate::audit::Happened;

/// Rules in force.
pub(super) fn versions(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    html.raw("<h2>Rules in force</h2>\n<div class=\"scroll\"><table>");
    html.headings(&["policies", "mappings", "calls", "first", "last"])
        .raw("<tbody>\n");
    for ((policies, mappings), version) in &page.review.versions {
        html.raw("<tr>").cell(policies).cell(mappings).raw("<td>");
        let command = format!(
            "{} | grep {}",
            page.entries_of("decided"),
            shell(&format!("\"policies\":\"{policies}\""))
        );
        counted.figure(
            html,
            &format!("policies.{policies}.{mappings}"),
            &format!("Decided by {policies}"),
            &version.decided,
            command,
        );
        html.raw("</td>")
            .cell(&version.first.to_string())
            .cell(&version.last.to_string())
            .raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n");
}

/// Starts, ends, gaps, pauses, observe periods, and whatever else happened to the sidecar.
pub(super) fn happened(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    html.raw("<h2>The sidecar</h2>\n<p>");
    for (kind, label) in [
        ("boot", "starts"),
        ("shutdown", "ends in order"),
        ("gap", "times the clock was set or nothing was signed"),
        ("pause", "pauses and resumptions"),
        ("reload", "reloads of rules"),
        ("registry", "changes of agents and people"),
        ("key", "keys of the log made"),
        ("authority", "changes of the authority"),
        ("erased", "entries about erased values"),
        ("pruned", "entries about pruned months"),
    ] {
        let count = page.review.kinds.get(kind).cloned().unwrap_or_default();
        counted.figure(html, kind, label, &count, page.entries_of(kind));
        html.raw(" ").text(label).raw(" · ");
    }
    html.raw("</p>\n");
    observed(page, html);
    html.raw("<div class=\"scroll\"><table>")
        .headings(&["Entry", "Time", "Kind", ""])
        .raw("<tbody>\n");
    for event in &page.review.happened {
        html.raw("<tr><td>")
            .number(event.seq)
            .raw("</td>")
            .cell(&event.time.to_string());
        html.cell(event.kind).cell(&members(event)).raw("</tr>\n");
    }
    html.raw("</tbody></table></div>\n");
    if page.review.untold > 0 {
        html.raw("<p class=\"quiet\">And ")
            .number(page.review.untold)
            .raw(" more: <code>");
        html.text(&page.command("export", "")).raw("</code></p>\n");
    }
}

/// Whose calls no decision stopped, by each start that said so.
fn observed(page: &Page<'_>, html: &mut Html) {
    let starts = page.review.before.iter().chain(&page.review.happened);
    let mut none = true;
    for start in starts.filter(|event| event.kind == "boot") {
        if let Some(whom) = start.members.get("dangerously_observe").and_then(Json::as_str) {
            none = false;
            html.raw("<p class=\"bad\">Only observed, from the start at ")
                .text(&start.time.to_string());
            html.raw(" (entry ")
                .number(start.seq)
                .raw(") until the next one: ")
                .text(whom)
                .raw(".</p>\n");
        }
    }
    if none {
        html.raw("<p>No start of the period, nor the one before it, says that calls are only observed.</p>\n");
    }
}

fn members(event: &Happened) -> String {
    let members = event.members.iter().map(|(name, member)| match member.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {member}"),
    });
    members.collect::<Vec<_>>().join(" · ")
}
