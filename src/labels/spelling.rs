//! Ids of targets, which an agent may spell in more than one way, and the patterns that are held against them.

use super::glob::{Glob, names};
use crate::model::spelling::{fold, is_around, without_chosen};

/// A longer id is one that cannot be told, in bytes.
const LONGEST: usize = 4096;

/// How a condition fits: `Maybe` where that cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    No,
    Maybe,
    Yes,
}

/// The id that an entry is about.
#[derive(Clone, Debug)]
pub(super) struct IdPattern {
    written: Glob,
    folded: Vec<Glob>,
    /// What it calls the thing, if it is written as an ARN or a URL.
    names: Vec<Glob>,
}

/// An id as a call spells it, and all that it may mean.
pub(super) struct Spelt<'a> {
    id: &'a str,
    folded: Vec<String>,
}

impl<'a> Spelt<'a> {
    /// `None` if nobody can tell it.
    pub(super) fn new(id: &'a str) -> Option<Self> {
        (id.len() <= LONGEST).then(|| Self {
            id,
            folded: spellings(id, |character| character == '*'),
        })
    }
}

impl IdPattern {
    pub(super) fn new(text: &str) -> Self {
        let folded = spellings(text, |_| false);
        let mut named: Vec<&str> = match text.contains(':') {
            true => folded.iter().flat_map(|text| names(text)).collect(),
            false => Vec::new(),
        };
        named.sort_unstable();
        named.dedup();
        Self {
            written: Glob::new(text),
            names: named.into_iter().map(Glob::new).collect(),
            folded: folded.into_iter().map(Glob::new).collect(),
        }
    }

    /// Every id, and what has none.
    pub(super) fn is_any(&self) -> bool {
        self.written.is_any()
    }

    pub(super) fn covers(&self, other: &IdPattern) -> bool {
        self.written.covers(&other.written)
    }

    /// SECURITY: one thing has many names: other letters (GitHub), a name or an ARN, partial ones and such with a version
    /// (Lambda, Secrets Manager), something behind its end. Whatever may be the same by its spelling may be it; what is
    /// longer than any id may be anything (tests `no_spelling_takes_a_target_out_of_its_label`,
    /// `what_cannot_be_told_is_as_sensitive_as_all_that_it_may_be`).
    pub(super) fn fit(&self, id: Option<&Spelt<'_>>) -> Fit {
        if self.is_any() {
            return Fit::Yes;
        }
        let Some(id) = id else { return Fit::Maybe };
        if self.written.fits(id.id) {
            return Fit::Yes;
        }
        let fits = |pattern: &Glob| {
            let spelt = &mut id.folded.iter();
            spelt.any(|text| pattern.fits(text) || (text.contains(':') && pattern.occurs_in(text)))
        };
        match self.folded.iter().chain(&self.names).any(fits) {
            true => Fit::Maybe,
            false => Fit::No,
        }
    }
}

/// A text in small letters; the same without what may stand around a name; and of something with an ARN without what Secrets
/// Manager appends. `star`: whether this character is one more that may stand around it.
fn spellings(text: &str, star: impl Fn(char) -> bool) -> Vec<String> {
    let folded = fold(text);
    let around = |character: char| is_around(character) || star(character);
    let trimmed = folded.trim_matches(around).to_owned();
    let without = without_chosen(&trimmed).filter(|_| trimmed.contains(':'));
    let without = without.map(str::to_owned);
    let mut all: Vec<String> = [folded, trimmed].into_iter().chain(without).collect();
    all.dedup();
    all.retain(|text| !text.is_empty());
    all
}
