//! The projection of calls held against the entries that made it: rows stand in the order of first decisions, so that both are
//! read once, side by side.

mod row;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::entry::{Member, Members, Values};
use super::pruned::Ordinals;
use super::spelled::string;
use super::{Findings, Place};
use crate::model::erasure::ERASED;
use crate::store::{Cell, Lines, ReadError};
use row::{COLUMNS, Column, ENDING, Owned, Row, is_int, is_text};

/// A call that has not ended.
struct Open {
    /// The first column that does not fit its last decision.
    wrong: Option<&'static str>,
    /// Of its last decision.
    reason: Option<String>,
    ending: [Owned; ENDING.len()],
    /// All of its row, if it is held: it may be decided again.
    held: Option<Vec<Owned>>,
}

impl Open {
    /// A row after a decision; `None`: that was its end, and so it was told.
    fn after(
        row: &impl Row,
        call: &str,
        (members, values): (&Members<'_>, &Values<'_>),
        findings: &mut Findings,
    ) -> Option<Self> {
        let wrong = first_wrong_of_decision(row, members, values);
        let ending = ENDING.map(|column| Row::cell(row, column));
        let (began, reason, decision) = (members.int("began"), members.text("reason"), members.text("decision"));
        if decision == Some("BLOCK") {
            // It is its own end.
            let end = End {
                outcome: Some("not_sent"),
                closed: began,
                untimed: began.is_none(),
                reason,
                ..End::default()
            };
            tell(call, wrong.or_else(|| end.first_wrong(ending)), findings);
            return None;
        }
        let all = || (0..COLUMNS).map(|place| Owned::new(row.at(place))).collect();
        Some(Self {
            wrong,
            reason: reason.map(str::to_owned),
            ending: ending.map(Owned::new),
            held: (decision == Some("REQUIRE_APPROVAL")).then(all),
        })
    }

    fn first_wrong(&self, end: &End<'_>) -> Option<&'static str> {
        let ending = self.ending.each_ref().map(Owned::cell);
        self.wrong.or_else(|| end.first_wrong(ending))
    }
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
struct Target<'a> {
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
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
        let said = (members, values);
        let held = self.open.remove(call).and_then(|open| open.held);
        let open = match held {
            Some(row) => Open::after(&row, call, said, findings),
            None => {
                let ordinal = self.ordinals.next(seq);
                // The next row must be that of the call.
                let line = self.rows.line()?.filter(|line| {
                    let is_next = is_int(line.cell(Column::Ordinal as usize), ordinal);
                    ordinal.is_some() && is_next && is_text(line.cell(Column::Id as usize), Some(call))
                });
                let Some(line) = line else {
                    self.apart = true;
                    let ordinal = ordinal.unwrap_or_default();
                    let wrong = format!("row {ordinal} should be of call {call}, as the entries have it, and is not");
                    findings.add(Place::Row("calls", ordinal.to_string()), &wrong);
                    return Ok(());
                };
                Open::after(&line, call, said, findings)
            }
        };
        self.untimed += u64::from(members.int("began").is_none());
        if let Some(open) = open {
            self.open.insert(call.to_owned(), open);
        }
        Ok(())
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
        tell(call, open.first_wrong(&end), findings);
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
            tell(&call, open.first_wrong(&end), findings);
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
fn first_wrong_of_decision(row: &impl Row, members: &Members<'_>, values: &Values<'_>) -> Option<&'static str> {
    let is = |column, expected: Option<&str>| is_text(row.cell(column), expected);
    let said = |column, member: &str| is(column, members.text(member));
    let value = |column, name: &str| is(column, values.text(name).as_deref());
    let target: Option<Target<'_>> = match values.is_erased("target") {
        true => Some(Target {
            id: Some(ERASED.into()),
            kind: ERASED.into(),
        }),
        false => values.json("target").and_then(|json| serde_json::from_str(json).ok()),
    };
    let target = target.as_ref();
    let risk: Option<Score> = values.json("risk").and_then(|json| serde_json::from_str(json).ok());
    let rules = row.cell(Column::Rules).text().zip(members.text("rules"));
    let unmapped = members.int("unmapped") == Some(1);
    let began = members.int("began");
    let operation = match unmapped {
        true => value(Column::Operation, "request_line"),
        false => said(Column::Operation, "operation"),
    };
    [
        ("time", began.is_none() || is_int(row.cell(Column::Time), began)),
        ("agent", said(Column::Agent, "agent")),
        ("provider", said(Column::Provider, "provider")),
        ("operation", operation),
        ("action", said(Column::Action, "action")),
        ("environment", said(Column::Environment, "environment")),
        ("decision", said(Column::Decision, "decision")),
        ("rules", rules.is_some_and(|(list, joined)| is_list_of(list, joined))),
        ("approval", said(Column::Approval, "approval")),
        ("would", said(Column::Would, "would")),
        ("summary", value(Column::Summary, "summary")),
        ("request_line", value(Column::RequestLine, "request_line")),
        (
            "target_kind",
            is(Column::TargetKind, target.map(|target| &*target.kind)),
        ),
        (
            "target_id",
            is(Column::TargetId, target.and_then(|target| target.id.as_deref())),
        ),
        ("risk", is_int(row.cell(Column::Risk), risk.map(|risk| risk.score))),
    ]
    .into_iter()
    .find_map(|(column, fits)| (!fits).then_some(column))
}

/// Whether a JSON array of texts, spelled as we spell it, is of what the other has with commas between.
fn is_list_of(list: &str, joined: &str) -> bool {
    let ends = |rest: &str, joined: &str| rest == "]" && joined.is_empty();
    let rest_fits = || -> Option<bool> {
        let mut rest = list.strip_prefix('[')?;
        let mut joined = joined;
        if rest.starts_with(']') {
            return Some(ends(rest, joined));
        }
        loop {
            let (one, after) = string(rest)?;
            joined = joined.strip_prefix(&*one)?;
            let Some(more) = after.strip_prefix(',') else {
                return Some(ends(after, joined));
            };
            (joined, rest) = (joined.strip_prefix(',')?, more);
        }
    };
    rest_fits().unwrap_or(false)
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
    /// `ending`: the cells of [`ENDING`].
    fn first_wrong(
        &self,
        [outcome, closed, reason, status, result, sent, received, milliseconds]: [Cell<'_>; ENDING.len()],
    ) -> Option<&'static str> {
        [
            ("outcome", is_text(outcome, self.outcome)),
            ("closed", self.untimed || is_int(closed, self.closed)),
            ("reason", is_text(reason, self.reason)),
            ("status", is_int(status, self.status)),
            ("result_id", is_text(result, self.result)),
            ("sent", is_int(sent, self.sent)),
            ("received", is_int(received, self.received)),
            ("milliseconds", is_int(milliseconds, self.milliseconds)),
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

#[cfg(test)]
mod tests {
    use super::is_list_of;

    #[test]
    fn a_list_is_that_of_what_is_joined_only_as_we_spell_it() {
        assert!(is_list_of("[]", ""));
        assert!(is_list_of(r#"["a","b c"]"#, "a,b c"));
        // A name may hold a comma and a quote.
        assert!(is_list_of(r#"["a,b","\"c\""]"#, "a,b,\"c\""));
        for (list, joined) in [
            ("[]", "a"),
            (r#"["a"]"#, ""),
            (r#"["a"]"#, "a,"),
            (r#"["a"]"#, "ab"),
            (r#"["a","b"]"#, "a"),
            (r#"["a","b"]"#, "ab"),
            (r#"["a", "b"]"#, "a,b"),
            (r#"["a","b"] "#, "a,b"),
            (r#"["a","b",]"#, "a,b,"),
            (r#"["\u0061"]"#, "a"),
            (r#"["a""#, "a"),
            (r#"["a",1]"#, "a,1"),
            ("", ""),
        ] {
            assert!(!is_list_of(list, joined), "{list} {joined}");
        }
    }
}
