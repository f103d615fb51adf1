//! Items that do not tell what is added up of them all.

use serde_json::Value as Json;

use super::{Reading, Reducer};
use crate::mapping::document::{Document, Selector};

/// Items that must tell it: those that have this text there, in upper or lower case.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Marked {
    pub at: Selector,
    pub text: Box<str>,
}

impl Marked {
    fn is(&self, item: &Json) -> bool {
        let found = self.at.select(item);
        found
            .iter()
            .any(|value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&self.text)))
    }
}

impl Reading {
    /// Whether one of the items that the last `[*]` of a path finds has nothing of what the rest looks for, or null.
    ///
    /// SECURITY: a refund in two parts, one of them with an amount that is named otherwise or left to the provider, would count
    /// as the other part alone, and a server that is named in a new way would hide beside one that is let through (tests
    /// `a_sum_without_a_part_is_none`, `a_server_that_is_named_in_a_new_way_does_not_hide_beside_another`).
    pub(super) fn is_partial(&self, document: &Document<'_>) -> bool {
        let marked = match &self.reduce {
            Reducer::Count | Reducer::Sum(_) | Reducer::Max(_) => None,
            Reducer::Domain(_, marked) => marked.as_ref(),
            Reducer::One(_)
            | Reducer::First(_)
            | Reducer::SumProduct(..)
            | Reducer::SumEach(_)
            | Reducer::List
            | Reducer::Distinct
            | Reducer::Names
            | Reducer::Parents
            | Reducer::CountDistinct
            | Reducer::Len
            | Reducer::Split(_)
            | Reducer::CountSplit(_)
            | Reducer::Mail(_) => return false,
        };
        let counts = |item: &Json| marked.is_none_or(|marked| marked.is(item));
        self.from.iter().any(|path| path.is_partial(document, &counts))
    }
}
