//! What was found wrong, and where.

use std::fmt;

/// Findings that are told one by one; the rest are counted.
const TOLD: usize = 50;

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Entry(u64),
    /// Somewhere among these.
    Entries(u64, u64),
    /// Beside an entry.
    Values(i64),
    /// Table, and the row's name.
    Row(&'static str, String),
    Tile(i64, u64),
    Checkpoint(i64),
    Published,
    Trail,
    /// Of the database: a table, index or trigger, or all of it.
    File(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Entry(seq) => write!(f, "entry {seq}"),
            Place::Entries(first, last) if first == last => write!(f, "entry {first}"),
            Place::Entries(first, last) => write!(f, "one of the entries {first} to {last}"),
            Place::Values(seq) => write!(f, "the values of entry {seq}"),
            Place::Row(table, name) => write!(f, "{table}, {name}"),
            Place::Tile(level, index) => write!(f, "tile {index} of level {level}"),
            Place::Checkpoint(ordinal) => write!(f, "checkpoint {ordinal}"),
            Place::Published => f.write_str("the published checkpoint"),
            Place::Trail => f.write_str("the trail"),
            Place::File(name) => write!(f, "{name} of the database"),
        }
    }
}

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub wrong: String,
}

/// What was found wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first of them.
    pub told: Vec<Finding>,
    pub count: u64,
    /// Between which entries, both included, the first one is that is bad, as far as known.
    pub first_entry: Option<(u64, u64)>,
}

impl Findings {
    pub(super) fn add(&mut self, place: Place, wrong: &str) {
        let entry = match &place {
            Place::Entry(seq) => Some((*seq, *seq)),
            Place::Entries(first, last) => Some((*first, *last)),
            Place::Values(seq) => u64::try_from(*seq).ok().map(|seq| (seq, seq)),
            Place::Row(..)
            | Place::Tile(..)
            | Place::Checkpoint(_)
            | Place::Published
            | Place::Trail
            | Place::File(_) => None,
        };
        self.first_entry = self.first_entry.into_iter().chain(entry).min();
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(Finding {
                place,
                wrong: wrong.to_owned(),
            });
        }
    }
}
