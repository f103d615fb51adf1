//! What Cedar's validator does not see, and we refuse: wrong annotations, and conditions that would hide a missing field.

mod annotations;
mod conditions;

pub(super) use self::annotations::{MODE, annotations, id};
pub(super) use self::conditions::{actions, conditions};

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
}
