//! The projection of calls held against the entries that made it: rows stand in the order of first decisions, so that both are
//! read once, side by side.

use std::collections::HashMap;

use serde::Deserialize;

use super::entry::{Member, Members, Values};
use super::pruned::Ordinals;
use super::{Findings, Place};
use crate::model::erasure::ERASED;
use crate::store::{Cell, Line, Lines, ReadError};

/// Columns of [`crate::store::Table::Calls`], by place.
const COLUMNS: [&str; 25] = [
    "ordinal",
    "id",
    "time",
    "agent",
    "provider",
    "operation",
    "action",
    "environment",
    "decision",
    "rules",
    "approval",
    "reason",
    "outcome",
    "closed",
    "status",
    "result_id",
    "summary",
    "request_line",
    "target_kind",
    "target_id",
    "sent",
    "received",
    "milliseconds",
    "would",
    "risk",
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Null,
    Int(i64),
    Text(String),
    Bytes,
}

/// A row of `calls`.
struct Row(Vec<Owned>);

impl Row {
    fn new(line: &Line<'_>) -> Self {
        let cells = (0..line.columns()).map(|column| match line.cell(column) {
            Cell::Null => Owned::Null,
            Cell::Int(number) => Owned::Int(number),
            Cell::Text(text) => Owned::Text(text.to_owned()),
            Cell::Bytes(_) => Owned::Bytes,
        });
        Self(cells.collect())
    }

    fn get(&self, column: &str) -> &Owned {
        let at = COLUMNS.iter().position(|name| *name == column);
        at.and_then(|at| self.0.get(at)).unwrap_or(&Owned::Null)
    }

    fn is_text(&self, column: &str, expected: Option<&str>) -> bool {
        match (self.get(column), expected) {
            (Owned::Text(found), Some(expected)) => found == expected,
            (Owned::Null, None) => true,
            (Owned::Null | Owned::Int(_) | Owned::Text(_) | Owned::Bytes, _) => false,
        }
    }

    fn is_int(&self, column: &str, expected: Option<i64>) -> bool {
        match (self.get(column), expected) {
            (Owned::Int(found), Some(expected)) => *found == expected,
            (Owned::Null, None) => true,
            (Owned::Null | Owned::Int(_) | Owned::Text(_) | Owned::Bytes, _) => false,
        }
    }
}

/// A call that has not ended.
struct Open {
    row: Row,
    /// The first column that does not fit its last decision.
    wrong: Option<&'static str>,
    /// Of its last decision.
    reason: Option<String>,
    /// It may be decided again.
    held: bool,
}

pub(super) struct Calls<'q> {
    rows: Lines<'q>,
    ordinals: Ordinals,
    open: HashMap<String, Open>,
    /// Rows and entries went apart: from here on no row is that of an entry.
    apart: bool,
    /// Rows whose times an earlier build did not record.
    pub(super) untimed: u64,
}

#[derive(Deserialize)]
struct Target {
    id: Option<String>,
    kind: String,
}

/// Of a risk, what its row has.
#[derive(Deserialize)]
struct Score {
    score: i64,
}

impl<'q> Calls<'q> {
    pub(super) fn new(rows: Lines<'q>, ordinals: Ordinals) -> Self {
        Self {
            rows,
            ordinals,
            open: HashMap::new(),
            apart: false,
            untimed: 0,
        }
    }

    pub(super) fn entry(
        &mut self,
        (seq, kind): (i64, &str),
        members: &Members<'_>,
        values: &Values<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let Some(call) = members.text("call").filter(|_| !self.apart) else {
            return Ok(());
        };
        match kind {
            "decided" => self.decided((seq, call), members, values, findings),
            "outcome" => {
                self.ended(call, members, values, findings);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn decided(
        &mut self,
        (seq, call): (i64, &str),
        members: &Members<'_>,
        values: &Values<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let row = match self.open.remove(call).filter(|open| open.held) {
            Some(open) => open.row,
            None => match self.next(seq, call, findings)? {
                Some(row) => row,
                None => return Ok(()),
            },
        };
        self.untimed += u64::from(members.int("began").is_none());
        let wrong = first_wrong_of_decision(&row, members, values);
        let open = Open {
            held: members.text("decision") == Some("REQUIRE_APPROVAL"),
            reason: members.text("reason").map(str::to_owned),
            wrong,
            row,
        };
        if members.text("decision") != Some("BLOCK") {
            self.open.insert(call.to_owned(), open);
            return Ok(());
        }
        // It is its own end.
        let end = End {
            outcome: Some("not_sent"),
            closed: members.int("began"),
            untimed: members.int("began").is_none(),
            reason: open.reason.as_deref(),
            ..End::default()
        };
        tell(call, open.wrong.or_else(|| end.first_wrong(&open.row)), findings);
        Ok(())
    }

    /// The next row, which must be that of the call.
    fn next(&mut self, seq: i64, call: &str, findings: &mut Findings) -> Result<Option<Row>, ReadError> {
        let ordinal = self.ordinals.next(seq);
        let row = self.rows.line()?.map(|line| Row::new(&line));
        let fits = |row: &Row| ordinal.is_some() && row.is_int("ordinal", ordinal) && row.is_text("id", Some(call));
        let row = row.filter(fits);
        if row.is_none() {
            self.apart = true;
            let ordinal = ordinal.unwrap_or_default();
            let wrong = format!("row {ordinal} should be of call {call}, as the entries have it, and is not");
            findings.add(Place::Row("calls", ordinal.to_string()), &wrong);
        }
        Ok(row)
    }

    fn ended(&mut self, call: &str, members: &Members<'_>, values: &Values<'_>, findings: &mut Findings) {
        let Some(open) = self.open.remove(call) else {
            return findings.add(
                Place::Row("calls", call.to_owned()),
                "it ended without having been decided, or twice",
            );
        };
        let result = values.text("result_id");
        let end = End {
            outcome: members.text("outcome"),
            closed: members.int("ended"),
            untimed: members.int("ended").is_none(),
            reason: members.text("reason").or(open.reason.as_deref()),
            status: members.int("status"),
            result: result.as_deref(),
            sent: members.int("sent"),
            received: members.int("received"),
            milliseconds: members.int("milliseconds"),
        };
        tell(call, open.wrong.or_else(|| end.first_wrong(&open.row)), findings);
    }

    /// After the last entry.
    pub(super) fn end(&mut self, findings: &mut Findings) -> Result<(), ReadError> {
        if self.apart {
            return Ok(());
        }
        if let Some(line) = self.rows.line()? {
            let place = Place::Row("calls", line.cell(0).int().unwrap_or_default().to_string());
            findings.add(place, "no entry tells of it");
        }
        let mut left: Vec<_> = self.open.drain().collect();
        left.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (call, open) in left {
            let end = End {
                reason: open.reason.as_deref(),
                ..End::default()
            };
            tell(&call, open.wrong.or_else(|| end.first_wrong(&open.row)), findings);
        }
        Ok(())
    }
}

fn tell(call: &str, wrong: Option<&'static str>, findings: &mut Findings) {
    if let Some(column) = wrong {
        let wrong = format!("`{column}` is not what the entries of the call say");
        findings.add(Place::Row("calls", call.to_owned()), &wrong);
    }
}

/// The first column that is not what a `decided` says.
fn first_wrong_of_decision(row: &Row, members: &Members<'_>, values: &Values<'_>) -> Option<&'static str> {
    let text = |column: &'static str, member: &str| (column, row.is_text(column, members.text(member)));
    let value = |column: &'static str, name: &str| (column, row.is_text(column, values.text(name).as_deref()));
    let target: Option<Target> = match values.is_erased("target") {
        true => Some(Target {
            id: Some(ERASED.to_owned()),
            kind: ERASED.to_owned(),
        }),
        false => values.json("target").and_then(|json| serde_json::from_str(json).ok()),
    };
    let risk: Option<Score> = values.json("risk").and_then(|json| serde_json::from_str(json).ok());
    let rules = match row.get("rules") {
        Owned::Text(rules) => serde_json::from_str::<Vec<String>>(rules).ok(),
        Owned::Null | Owned::Int(_) | Owned::Bytes => None,
    };
    let spelled = rules.as_ref().and_then(|rules| serde_json::to_string(rules).ok());
    let unmapped = members.int("unmapped") == Some(1);
    let began = members.int("began");
    [
        ("time", began.is_none() || row.is_int("time", began)),
        text("agent", "agent"),
        text("provider", "provider"),
        match unmapped {
            true => value("operation", "request_line"),
            false => text("operation", "operation"),
        },
        text("action", "action"),
        text("environment", "environment"),
        text("decision", "decision"),
        (
            "rules",
            rules.is_some_and(|rules| members.text("rules") == Some(&rules.join(",")))
                && row.is_text("rules", spelled.as_deref()),
        ),
        text("approval", "approval"),
        text("would", "would"),
        value("summary", "summary"),
        value("request_line", "request_line"),
        (
            "target_kind",
            row.is_text("target_kind", target.as_ref().map(|target| &*target.kind)),
        ),
        (
            "target_id",
            row.is_text("target_id", target.as_ref().and_then(|target| target.id.as_deref())),
        ),
        ("risk", row.is_int("risk", risk.map(|risk| risk.score))),
    ]
    .into_iter()
    .find_map(|(column, fits)| (!fits).then_some(column))
}

/// How a call ended, as its entries say; nothing of it where it has not.
#[derive(Default)]
struct End<'a> {
    outcome: Option<&'a str>,
    closed: Option<i64>,
    untimed: bool,
    reason: Option<&'a str>,
    status: Option<i64>,
    result: Option<&'a str>,
    sent: Option<i64>,
    received: Option<i64>,
    milliseconds: Option<i64>,
}

impl End<'_> {
    fn first_wrong(&self, row: &Row) -> Option<&'static str> {
        [
            ("outcome", row.is_text("outcome", self.outcome)),
            ("closed", self.untimed || row.is_int("closed", self.closed)),
            ("reason", row.is_text("reason", self.reason)),
            ("status", row.is_int("status", self.status)),
            ("result_id", row.is_text("result_id", self.result)),
            ("sent", row.is_int("sent", self.sent)),
            ("received", row.is_int("received", self.received)),
            ("milliseconds", row.is_int("milliseconds", self.milliseconds)),
        ]
        .into_iter()
        .find_map(|(column, fits)| (!fits).then_some(column))
    }
}

impl Member<'_> {
    pub(super) fn is(&self, cell: Cell<'_>) -> bool {
        match self {
            Member::Int(number) => cell.int() == Some(*number),
            Member::Text(text) => cell.text() == Some(text),
        }
    }
}
