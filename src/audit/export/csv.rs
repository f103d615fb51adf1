//! RFC 4180: a heading, CRLF, text in quotes. Spreadsheets take text that begins like a formula for one (CWE-1236).

use std::io::{self, Write};

use super::Record;
use crate::model::Timestamp;
use crate::model::inert::inert;

/// What is in a cell.
enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
}

const HEADINGS: [&str; 27] = [
    "entry",
    "time",
    "kind",
    "call",
    "agent",
    "provider",
    "operation",
    "action",
    "environment",
    "target_kind",
    "target_id",
    "decision",
    "would",
    "reason",
    "rules",
    "approval",
    "person",
    "outcome",
    "status",
    "risk",
    "amount",
    "currency",
    "amount_base",
    "summary",
    "request_line",
    "leaf_index",
    "leaf_hash",
];

pub(super) fn head(out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}\r\n", HEADINGS.join(","))
}

pub(super) fn row(record: &Record<'_>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells(record).into_iter().map(Cell::written).collect();
    write!(out, "{}\r\n", cells.join(","))
}

fn cells(record: &Record<'_>) -> [Cell; 27] {
    let said = |name| Cell::Text(record.said(name).map(str::to_owned));
    let own = |name| Cell::Text(record.text(name).map(str::to_owned));
    let target = record.value("target");
    let of_target = |name| {
        Cell::Text(
            target
                .as_ref()
                .and_then(|target| Some(target.get(name)?.as_str()?.to_owned())),
        )
    };
    let number = |name| Cell::Number(record.field(name).and_then(|field| field.as_i64()));
    let risk = record.value("risk").and_then(|risk| risk.get("score")?.as_i64());
    let currency = record.field("currency");
    [
        Cell::Number(Some(record.written.seq)),
        Cell::Text(Some(Timestamp::to_string(&record.written.time))),
        Cell::Text(Some(record.kind().to_owned())),
        Cell::Text(record.written.call.clone()),
        said("agent"),
        said("provider"),
        said("operation"),
        said("action"),
        said("environment"),
        of_target("kind"),
        of_target("id"),
        own("decision"),
        own("would"),
        own("reason"),
        own("rules"),
        said("approval"),
        Cell::Text(record.text("person").or_else(|| record.text("by")).map(str::to_owned)),
        own("outcome"),
        Cell::Number(record.int("status")),
        Cell::Number(risk),
        number("amount"),
        Cell::Text(currency.and_then(|currency| Some(currency.as_str()?.to_owned()))),
        number("amount_base"),
        Cell::Text(record.summary()),
        Cell::Text(record.value_text("request_line")),
        Cell::Number(Some(record.leaf_index())),
        Cell::Text(Some(record.leaf_hash())),
    ]
}

impl Cell {
    fn written(self) -> String {
        match self {
            Cell::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Cell::Text(None) => String::new(),
            Cell::Text(Some(text)) => quoted(&text),
        }
    }
}

/// SECURITY: `=HYPERLINK(…)` in a summary runs when somebody opens the file; an apostrophe makes it text. Spaces before it do
/// not help, nor do the wide forms of the signs. Test: `a_cell_is_never_a_formula`.
fn quoted(text: &str) -> String {
    let shown = inert(text);
    let first = shown.trim_start().chars().next();
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%')
    );
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", shown.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for text in [
            "=cmd()", "+1", "-2+3", "@SUM(A1)", " =cmd()", "\t=cmd()", "＝cmd()", "|calc", "%0",
        ] {
            let cell = quoted(text);
            let inside = cell.trim_matches('"');
            assert!(
                inside.starts_with('\'') || inside.starts_with('\\'),
                "{text} became {cell}"
            );
        }
        assert_eq!(quoted("Refund, \"all\""), "\"Refund, \"\"all\"\"\"");
        assert_eq!(quoted("two\r\nlines"), "\"two\\u{d}\\u{a}lines\"");
        assert_eq!(Cell::Number(Some(-5)).written(), "-5", "a number of ours is one");
    }
}
