//! A page of HTML, written in order. Markup is text of this program; everything else comes in by [`Html::text`].
//!
//! SECURITY: a summary of the agent's stands on a page that an auditor opens. Markup takes `'static` text only, so that nothing
//! from the record can be markup; anchors are numbers. Test: `nothing_of_the_record_is_markup`.

use std::fmt::Write;

use crate::model::inert::inert;

#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of whoever: nothing in it is markup, moves, hides or turns.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in inert(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                plain => self.0.push(plain),
            }
        }
        self
    }

    /// The same of text of ours with several lines.
    pub(super) fn text_lines(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            self.text(line).raw("\n");
        }
        self
    }

    /// A number of ours: a count, or part of an anchor.
    pub(super) fn number(&mut self, number: impl Into<i128>) -> &mut Self {
        // Writing to memory does not fail.
        let _written = write!(self.0, "{}", number.into()).is_ok();
        self
    }

    /// A cell of a table.
    pub(super) fn cell(&mut self, text: &str) -> &mut Self {
        self.raw("<td>").text(text).raw("</td>")
    }

    /// A row of headings.
    pub(super) fn headings(&mut self, headings: &[&str]) -> &mut Self {
        self.raw("<thead><tr>");
        for heading in headings {
            self.raw("<th>").text(heading).raw("</th>");
        }
        self.raw("</tr></thead>")
    }

    pub(super) fn whole(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_record_is_markup() {
        let mut page = Html::default();
        page.raw("<p title=\"")
            .text("\" onload=\"x()")
            .raw("\">")
            .text("<script>alert('1')</script>&amp;\u{202e}\n")
            .raw("</p>");
        assert_eq!(
            page.whole(),
            "<p title=\"&quot; onload=&quot;x()\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\u{a}</p>"
        );
    }
}
