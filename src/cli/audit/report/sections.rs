//! The sections of the page, each of one question.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::counted::Counted;
use super::html::Html;
use super::page::{Page, Proof, shell};
use crate::audit::{Count, Standing, Sum, Tally, Verdict};
use crate::cli::audit::stats::shown;

/// Rows of a table by name; the rest are one row.
const NAMED: usize = 50;

/// Whether the record is as it was signed, and what nobody can tell.
pub(super) fn proof(page: &Page<'_>, html: &mut Html) {
    html.raw("<h2>Proof</h2>\n");
    let (from, behind) = page.review.entries;
    match from < behind {
        true => html
            .raw("<p>The entries of the period are ")
            .number(from)
            .raw(" to ")
            .number(behind - 1),
        false => html.raw("<p>There are no entries in the period"),
    };
    html.raw(".</p>\n");
    match &page.proof {
        Proof::NoKey => {
            html.raw("<p class=\"bad\">Not verified: there is no key in this home, and none was given (--key).</p>\n");
        }
        Proof::Verified { report, words, of_home } => {
            match report.findings.count {
                0 => html.raw("<p class=\"good\">Verified: what was signed of this trail is as it was signed.</p>\n"),
                _ => html.raw("<p class=\"bad\">CHANGED: this trail is not as it was signed. The figures below may be wrong.</p>\n"),
            };
            if *of_home {
                html.raw(
                    "<p>By the key that lies in this home, and those that it followed as the trail tells it: give the key that you kept elsewhere (--key) to trust it",
                );
                html.raw(" no more than you have to.</p>\n");
            }
            html.raw("<pre>").text_lines(words).raw("</pre>\n");
        }
    }
}

/// Attempted, and what was decided and came of it.
pub(super) fn calls(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    let whole = &page.review.figures.whole;
    html.raw("<h2>Calls</h2>\n<table><tbody>\n<tr><th>attempted</th><td>");
    counted.figure(
        html,
        "calls",
        "Attempted",
        &whole.all,
        page.command("show --limit 4294967295", ""),
    );
    html.raw("</td><td>calls that were decided; one that came again after people consented counts again</td></tr>\n");
    for verdict in Verdict::ALL {
        let (name, command) = (verdict.as_str(), page.calls_with("verdict", verdict.as_str()));
        let count = whole.verdicts.get(&verdict).cloned().unwrap_or_default();
        html.raw("<tr><th>").text(name).raw("</th><td>");
        counted.figure(html, &format!("decided.{name}"), name, &count, command);
        html.raw("</td>").cell(decided(verdict)).raw("</tr>\n");
    }
    html.raw("</tbody></table>\n<table><caption>What came of them</caption><tbody>\n");
    for standing in Standing::ALL {
        let (name, command) = (standing.as_str(), page.calls_with("standing", standing.as_str()));
        let count = whole.standings.get(&standing).cloned().unwrap_or_default();
        html.raw("<tr><th>").text(name).raw("</th><td>");
        counted.figure(html, &format!("stood.{name}"), name, &count, command);
        html.raw("</td>").cell(stood(standing)).raw("</tr>\n");
    }
    html.raw("</tbody></table>\n<p>Refused before there was anything to decide: ");
    let refused = page.review.kinds.get("refused").cloned().unwrap_or_default();
    counted.figure(
        html,
        "refused",
        "Refused undecided",
        &refused,
        page.entries_of("refused"),
    );
    html.raw(".</p>\n");
}

fn decided(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "by rules alone",
        Verdict::Approved => "people were asked, and consented",
        Verdict::Held => "people were asked; this call did not leave",
        Verdict::Blocked => "by rules, budgets or a pause",
        Verdict::Observed => "only observed: sent, though it would have been blocked or held",
    }
}

fn stood(standing: Standing) -> &'static str {
    match standing {
        Standing::Done => "the provider carried it out",
        Standing::Doubtful => "let go, and whether the provider carried it out is not known (yet)",
        Standing::Failed => "let go, and refused by the provider or not sent",
        Standing::Stopped => "blocked, or without consent: nothing was done",
        Standing::Waiting => "people can still consent",
        Standing::Again => "refused while people were asked; came again, and is counted as another call",
    }
}

/// Money by currency, and in the account's.
pub(super) fn money(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    let whole = &page.review.figures.whole;
    html.raw("<h2>Money</h2>\n");
    if whole.money.is_empty() && whole.base.is_empty() {
        html.raw("<p>None.</p>\n");
        return;
    }
    html.raw("<table>")
        .headings(&["", "moved", "doubtful", "failed", "stopped", "waiting", "again"]);
    html.raw("<tbody>\n");
    for (currency, sums) in &whole.money {
        html.raw("<tr><th>");
        html.text(match currency.is_empty() {
            true => "no currency named",
            false => currency,
        });
        html.raw("</th>");
        sums_row(page, html, counted, &format!("money.{currency}"), currency, sums);
    }
    let account = page.account.as_deref().unwrap_or_default();
    html.raw("<tr><th>in the account’s currency");
    html.text(
        &page
            .account
            .as_ref()
            .map(|code| format!(" ({code})"))
            .unwrap_or_default(),
    );
    html.raw("</th>");
    sums_row(page, html, counted, "base", account, &whole.base);
    html.raw("</tbody></table>\n<p class=\"quiet\">In the account’s currency by the rates of each decision; the currency’s name is that");
    html.raw(" of the configuration now. Calls in brackets. Amounts without worth in it: ");
    let command = page.command("show --json --limit 4294967295", " | grep '\"amount_base\":null'");
    counted.figure(
        html,
        "unconverted",
        "Amounts without worth in the account’s currency",
        &whole.unconverted,
        command,
    );
    html.raw(". Calls whose values were erased, or are not on record: ");
    let command = page.command("export", " | grep '\"kind\":\"decided\"' | grep '\"values\":{}'");
    counted.figure(
        html,
        "unread",
        "Calls whose values were erased, or are not on record",
        &whole.unread,
        command,
    );
    html.raw(".</p>\n");
}

fn sums_row(
    page: &Page<'_>,
    html: &mut Html,
    counted: &mut Counted,
    name: &str,
    currency: &str,
    sums: &BTreeMap<Standing, Sum>,
) {
    for standing in Standing::ALL {
        html.raw("<td>");
        match sums.get(&standing) {
            None => html.raw("–"),
            Some(sum) => {
                let (of, command) = (standing.as_str(), page.calls_with("standing", standing.as_str()));
                let amount = shown(sum.amount, currency);
                html.raw("<span data-sum=\"")
                    .text(&format!("{name}.{of}"))
                    .raw("\" data-amount=\"");
                html.number(sum.amount).raw("\">").text(&amount).raw("</span> (");
                let label = format!("{amount} {of}");
                counted.figure(html, &format!("{name}.{of}"), &label, &sum.count, command);
                html.raw(")")
            }
        };
        html.raw("</td>");
    }
    html.raw("</tr>\n");
}

/// By action, agent and rule.
pub(super) fn by_name(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    let figures = &page.review.figures;
    for (title, option, tallies) in [
        ("action", "action", &figures.actions),
        ("agent", "agent", &figures.agents),
    ] {
        html.raw("<h2>By ")
            .text(title)
            .raw("</h2>\n<div class=\"scroll\"><table>");
        html.headings(&[
            "", "calls", "allowed", "approved", "held", "blocked", "observed", "done", "stopped",
        ]);
        html.raw("<tbody>\n");
        let (shown, rest) = most(tallies, |tally| tally.all.calls);
        for (name, tally) in shown {
            html.raw("<tr><th>").text(name).raw("</th><td>");
            // With an agent, the command has its name already.
            let more = match option == "agent" && page.agent.is_some() {
                true => String::new(),
                false => format!(" --{option} {}", shell(name)),
            };
            let command = page.command("show --limit 4294967295", &more);
            let label = format!("Calls of {title} {name}");
            counted.figure(html, &format!("{title}.{name}"), &label, &tally.all, command);
            html.raw("</td>");
            numbers(html, tally);
            html.raw("</tr>\n");
        }
        others(html, rest);
    }
    html.raw("<h2>By rule</h2>\n<div class=\"scroll\"><table>");
    html.headings(&["", "calls"]).raw("<tbody>\n");
    let (shown, rest) = most(&figures.rules, |count| count.calls);
    for (rule, count) in shown {
        html.raw("<tr><th>").text(rule).raw("</th><td>");
        let command = format!(
            "{} | grep {}",
            page.command("show --json --limit 4294967295", ""),
            shell(&format!("\"{rule}\""))
        );
        counted.figure(
            html,
            &format!("rule.{rule}"),
            &format!("Calls decided by {rule}"),
            count,
            command,
        );
        html.raw("</td></tr>\n");
    }
    others(html, rest);
}

fn numbers(html: &mut Html, tally: &Tally) {
    let verdicts = Verdict::ALL.map(|verdict| tally.verdicts.get(&verdict));
    let stood = [Standing::Done, Standing::Stopped].map(|standing| tally.standings.get(&standing));
    for count in verdicts.into_iter().chain(stood) {
        html.raw("<td>")
            .number(count.map_or(0, |count: &Count| count.calls))
            .raw("</td>");
    }
}

/// Those with the most calls, and how many others there are.
fn most<T>(all: &BTreeMap<Arc<str>, T>, calls: impl Fn(&T) -> u64) -> (Vec<(&Arc<str>, &T)>, usize) {
    let mut sorted: Vec<(&Arc<str>, &T)> = all.iter().collect();
    sorted.sort_by_key(|(_, of)| Reverse(calls(of)));
    let rest = sorted.len().saturating_sub(NAMED);
    sorted.truncate(NAMED);
    (sorted, rest)
}

fn others(html: &mut Html, rest: usize) {
    html.raw("</tbody></table></div>\n");
    if rest > 0 {
        html.raw("<p class=\"quiet\">And ")
            .number(i64::try_from(rest).unwrap_or(i64::MAX));
        html.raw(" others with fewer calls: <code>runplane audit stats</code> has all.</p>\n");
    }
}
