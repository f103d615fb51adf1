//! A row of the projection of calls, as it comes or kept until its call has ended.

use crate::store::{Cell, Line};

/// Columns of [`crate::store::Table::Calls`], by place.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Ordinal,
    Id,
    Time,
    Agent,
    Provider,
    Operation,
    Action,
    Environment,
    Decision,
    Rules,
    Approval,
    Reason,
    Outcome,
    Closed,
    Status,
    ResultId,
    Summary,
    RequestLine,
    TargetKind,
    TargetId,
    Sent,
    Received,
    Milliseconds,
    Would,
    Risk,
}

/// As many as the query has.
pub(super) const COLUMNS: usize = Column::Risk as usize + 1;

/// Those that tell how a call ended.
pub(super) const ENDING: [Column; 8] = [
    Column::Outcome,
    Column::Closed,
    Column::Reason,
    Column::Status,
    Column::ResultId,
    Column::Sent,
    Column::Received,
    Column::Milliseconds,
];

/// A cell that is kept while the query goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owned {
    Null,
    Int(i64),
    Text(Box<str>),
    Bytes,
}

impl Owned {
    pub(super) fn new(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Owned::Null,
            Cell::Int(number) => Owned::Int(number),
            Cell::Text(text) => Owned::Text(text.into()),
            Cell::Bytes(_) => Owned::Bytes,
        }
    }

    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Owned::Null => Cell::Null,
            Owned::Int(number) => Cell::Int(*number),
            Owned::Text(text) => Cell::Text(text),
            Owned::Bytes => Cell::Bytes(&[]),
        }
    }
}

pub(super) fn is_text(cell: Cell<'_>, expected: Option<&str>) -> bool {
    match (cell, expected) {
        (Cell::Text(found), Some(expected)) => found == expected,
        (Cell::Null, None) => true,
        (Cell::Null | Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_), _) => false,
    }
}

pub(super) fn is_int(cell: Cell<'_>, expected: Option<i64>) -> bool {
    match (cell, expected) {
        (Cell::Int(found), Some(expected)) => found == expected,
        (Cell::Null, None) => true,
        (Cell::Null | Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_), _) => false,
    }
}

/// A row of `calls`: as the query has it, or kept since.
pub(super) trait Row {
    fn at(&self, place: usize) -> Cell<'_>;

    fn cell(&self, column: Column) -> Cell<'_> {
        self.at(column as usize)
    }
}

impl Row for Line<'_> {
    fn at(&self, place: usize) -> Cell<'_> {
        self.cell(place)
    }
}

impl Row for Vec<Owned> {
    fn at(&self, place: usize) -> Cell<'_> {
        self.get(place).map_or(Cell::Null, Owned::cell)
    }
}
