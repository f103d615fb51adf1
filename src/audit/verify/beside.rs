//! The values beside the entries, read side by side with them: both stand in the order of their places.

use crate::store::{Cell, Lines, ReadError};

pub(super) struct Beside<'q> {
    lines: Lines<'q>,
    row: Row,
    /// The place of the first row that no entry asked for.
    loose: Option<i64>,
}

/// The row of `lines` that was read last.
#[derive(Clone, Copy)]
enum Row {
    /// There is none yet, or it was given to its entry.
    Given,
    /// Its place.
    At(i64),
    BehindTheLast,
}

impl<'q> Beside<'q> {
    pub(super) fn new(lines: Lines<'q>) -> Self {
        Self {
            lines,
            row: Row::Given,
            loose: None,
        }
    }

    /// What stands beside the entry `seq`, which is a later one than any that was asked for. `None`: nothing.
    pub(super) fn of(&mut self, seq: i64) -> Result<Option<Cell<'_>>, ReadError> {
        loop {
            match self.row {
                Row::Given => {}
                Row::At(at) if at == seq => break,
                Row::At(at) if at < seq => {
                    self.loose.get_or_insert(at);
                }
                Row::At(_) | Row::BehindTheLast => return Ok(None),
            }
            self.read()?;
        }
        self.row = Row::Given;
        Ok(self.lines.last().map(|line| line.cell(1)))
    }

    fn read(&mut self) -> Result<(), ReadError> {
        let line = self.lines.line()?;
        self.row = line.map_or(Row::BehindTheLast, |line| {
            Row::At(line.cell(0).int().unwrap_or_default())
        });
        Ok(())
    }

    /// After the last entry: the first place beside which there is none.
    pub(super) fn end(&mut self) -> Result<Option<i64>, ReadError> {
        if matches!(self.row, Row::Given) {
            self.read()?;
        }
        if let Row::At(at) = self.row {
            self.loose.get_or_insert(at);
        }
        Ok(self.loose)
    }
}
