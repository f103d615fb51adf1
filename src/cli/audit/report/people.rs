//! Who was asked, who decided, and how fast.

use super::counted::Counted;
use super::html::Html;
use super::page::{Page, shell};
use crate::audit::median;

/// Who decided, and how fast.
pub(super) fn write(page: &Page<'_>, html: &mut Html, counted: &mut Counted) {
    let waits = &page.review.waits;
    html.raw("<h2>People</h2>\n<p>Asked ");
    for (kind, name, label, then) in [
        ("held", "asked", "Questions to people", " times; "),
        ("expired", "expired", "Expired", " expired, "),
        ("cancelled", "cancelled", "Cancelled", ""),
    ] {
        let count = page.review.kinds.get(kind).cloned().unwrap_or_default();
        counted.figure(html, name, label, &count, page.entries_of(kind));
        html.raw(then);
    }
    html.raw(" were withdrawn. A decision took ").text(&wait(median(waits)));
    html.raw(" in the middle, ")
        .text(&wait(waits.last().copied()))
        .raw(" at most.</p>\n");
    if page.review.people.is_empty() {
        return;
    }
    html.raw("<table>")
        .headings(&["", "approved", "beforehand (grant)", "denied", "median", "slowest"]);
    html.raw("<tbody>\n");
    for (name, person) in &page.review.people {
        html.raw("<tr><th>").text(name).raw("</th>");
        // As members of an entry stand beside each other.
        for (what, count, kind, proof) in [
            ("approved", &person.approved, "approved", ",\"proof\":\"key\""),
            ("by_grant", &person.by_grant, "approved", ",\"proof\":\"grant\""),
            ("denied", &person.denied, "denied", ""),
        ] {
            html.raw("<td>");
            let of = format!("\"person\":\"{name}\"{proof}");
            let command = format!("{} | grep {}", page.entries_of(kind), shell(&of));
            let label = format!("{name}: {}", what.replace('_', " "));
            counted.figure(html, &format!("person.{name}.{what}"), &label, count, command);
            html.raw("</td>");
        }
        html.cell(&wait(median(&person.waits)))
            .cell(&wait(person.waits.last().copied()));
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n");
}

/// `4 min 10 s`.
fn wait(milliseconds: Option<u64>) -> String {
    match milliseconds {
        None => "–".to_owned(),
        Some(brief @ ..=9_999) => format!("{}.{} s", brief / 1_000, brief % 1_000 / 100),
        Some(short @ ..=119_999) => format!("{} s", short / 1_000),
        Some(long @ ..=7_199_999) => format!("{} min {} s", long / 60_000, long % 60_000 / 1_000),
        Some(longer) => format!("{} h {} min", longer / 3_600_000, longer % 3_600_000 / 60_000),
    }
}
