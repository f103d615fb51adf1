//! What Cedar's validator does not see, and we refuse: wrong annotations, and conditions that would hide a missing field.

mod annotations;
mod conditions;

pub(super) use self::annotations::{MODE, annotations, id};
pub(super) use self::conditions::{actions, conditions};

use crate::model::diagnostic::Lines;
use crate::model::{Diagnostic, Source};

/// A mistake, and where in the file it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// In bytes.
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Finding {
    pub(super) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }

    pub(super) fn diagnostic(self, source: &Source, lines: &Lines<'_>) -> Diagnostic {
        let (line, column) = lines.position(self.offset);
        Diagnostic::at(&source.file, &source.text, line, column, self.message)
    }
}
