//! Figures of a page, each with the entries that it is counted from.

use std::collections::BTreeSet;

use super::html::Html;
use crate::audit::Count;

/// Figures in the order in which they stand on the page.
#[derive(Debug, Default)]
pub(super) struct Counted(Vec<Figure>);

#[derive(Debug)]
struct Figure {
    /// What it is of, in words.
    label: String,
    count: Count,
    /// What lists all of them.
    command: String,
}

impl Counted {
    /// Writes a figure, which leads to its entries. `name`: of the figure, for programs that read the page.
    pub(super) fn figure(&mut self, page: &mut Html, name: &str, label: &str, count: &Count, command: String) {
        if count.calls == 0 {
            page.raw("<span data-figure=\"").text(name).raw("\">0</span>");
            return;
        }
        let at = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        page.raw("<a href=\"#f")
            .number(at)
            .raw("\" data-figure=\"")
            .text(name)
            .raw("\">");
        page.number(count.calls).raw("</a>");
        self.0.push(Figure {
            label: label.to_owned(),
            count: count.clone(),
            command,
        });
    }

    /// The entries that figures lead to.
    pub(super) fn entries(&self) -> BTreeSet<i64> {
        let listed = self.0.iter().flat_map(|figure| &figure.count.listed);
        listed.copied().collect()
    }

    /// Lists, for each figure, the entries that it is counted from.
    pub(super) fn write(&self, page: &mut Html) {
        for (at, figure) in (0_i64..).zip(&self.0) {
            page.raw("<section class=\"from\" id=\"f").number(at).raw("\"><h3>");
            page.text(&figure.label)
                .raw(": ")
                .number(figure.count.calls)
                .raw("</h3><p>");
            for seq in &figure.count.listed {
                page.raw("<a href=\"#e")
                    .number(*seq)
                    .raw("\">")
                    .number(*seq)
                    .raw("</a> ");
            }
            let listed = u64::try_from(figure.count.listed.len()).unwrap_or(u64::MAX);
            let more = figure.count.calls.saturating_sub(listed);
            if more > 0 {
                page.raw("and ").number(more).raw(" more, ");
            }
            page.raw("all by <code>")
                .text(&figure.command)
                .raw("</code></p></section>\n");
        }
    }
}
