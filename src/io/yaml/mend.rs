//! A file with mistakes of form, read all the same: the parser stops at the first of them, so it is mended in the text, and
//! the text read again, until nothing is wrong or nothing more can be done. A key or word that is misspelt becomes the one
//! that was meant; whatever else does not fit is taken out. Lines stay what they are.
//!
//! What comes of it is only looked at for more mistakes: it never comes into force.

use std::collections::HashSet;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_saphyr::Error;

use super::outline::{Form, Outline};
use super::{diagnostic, options};
use crate::model::diagnostic::{Lines, meant};
use crate::model::{Diagnostic, Source};

/// Mistakes of form that are looked for in one file.
const MOST: usize = 100;
/// Bytes that are read again for that.
const MOST_READ: usize = 4 << 20;

pub(super) struct Mended<T> {
    /// `None` where too much is wrong to go on.
    pub(super) value: Option<T>,
    pub(super) wrong: Vec<Diagnostic>,
    shifts: Vec<Shift>,
}

/// What stands in a line from a column on was moved by a longer word before it.
#[derive(Clone, Copy)]
struct Shift {
    line: usize,
    from: usize,
    by: usize,
}

impl<T: DeserializeOwned> Mended<T> {
    /// `first` is what is wrong with the text as it is.
    pub(super) fn read(source: &Source, first: Error) -> Self {
        let mut mended = Mended {
            value: None,
            wrong: Vec::new(),
            shifts: Vec::new(),
        };
        let Some(mut text) = Text::of(&source.text) else {
            // What is no YAML further down is told, too.
            let whole = serde_saphyr::from_str_with_options::<IgnoredAny>(&source.text, options());
            let told = [Some(first), whole.err()].into_iter().flatten();
            mended.wrong = told.map(|error| diagnostic(source, &error)).collect();
            mended.wrong.dedup();
            return mended;
        };
        let mut next = Some(first);
        // The text is read again for each mistake.
        for _ in 0..MOST.min(1 + MOST_READ / source.text.len().max(1)) {
            let Some(error) = next.take() else { break };
            let error = error.without_snippet();
            let mend = text.mend(error);
            if !matches!(mend, Mend::Followed { .. }) {
                let mut told = diagnostic(source, error);
                if let Mend::Written { hint, .. } = &mend {
                    told.message.push_str(hint);
                }
                mended.wrong.push(mended.place(source, told));
            }
            match mend {
                Mend::Written { shift, .. } => mended.shifts.extend(shift),
                Mend::Cut | Mend::Followed { goes_on: true } => {}
                Mend::Nothing | Mend::Followed { goes_on: false } => break,
            }
            match serde_saphyr::from_str_with_options(&text.text, options()) {
                Ok(value) => mended.value = Some(value),
                Err(error) => next = Some(error).filter(|_| text.outlined()),
            }
        }
        mended
    }
}

impl<T> Mended<T> {
    /// The same mistake, where it is in the text as it was.
    pub(super) fn place(&self, source: &Source, wrong: Diagnostic) -> Diagnostic {
        let mut column = wrong.column;
        for shift in self.shifts.iter().rev().filter(|shift| shift.line == wrong.line) {
            if column >= shift.from + shift.by {
                column -= shift.by;
            }
        }
        match column == wrong.column {
            true => wrong,
            false => Diagnostic::at(wrong.file, &source.text, wrong.line, column, wrong.message),
        }
    }
}

enum Mend {
    /// A word in the place of another.
    Written {
        hint: String,
        shift: Option<Shift>,
    },
    Cut,
    /// It was wrong only for what had been taken out.
    Followed {
        goes_on: bool,
    },
    Nothing,
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r')
}

struct Text {
    text: String,
    /// Of the text as it is, once what was mended in it is [`Text::outlined`].
    outline: Outline,
    /// The paths of what was taken out: of the mapping that it was in, and its key.
    cut: Vec<(Vec<String>, String)>,
}

impl Text {
    /// `None` where it is no YAML.
    fn of(text: &str) -> Option<Self> {
        let outline = Outline::of(text)?;
        let (text, cut) = (text.to_owned(), Vec::new());
        Some(Self { text, outline, cut })
    }

    /// Whether what was mended is YAML still, and can be mended further.
    fn outlined(&mut self) -> bool {
        Outline::of(&self.text).map(|outline| self.outline = outline).is_some()
    }

    fn mend(&mut self, error: &Error) -> Mend {
        self.try_mend(error).unwrap_or(Mend::Nothing)
    }

    fn try_mend(&mut self, error: &Error) -> Option<Mend> {
        let offset = usize::try_from(error.location()?.span().byte_offset()?).ok()?;
        let outline = &self.outline;
        if let Error::SerdeUnknownField { field, expected, .. } = error {
            let key = outline.scalar(offset)?;
            let mapping = outline.node(key)?.parent?;
            let keys = outline.keys(mapping);
            let taken: HashSet<&str> = keys.filter_map(|key| self.text.get(key.range.clone())).collect();
            let free = expected.iter().copied().filter(|name| !taken.contains(name));
            return match meant(field, free) {
                Some(name) => self.write(key, name),
                None => self.cut(key),
            };
        }
        if let Error::SerdeUnknownVariant { variant, expected, .. } = error {
            let lower = variant.to_lowercase();
            let near = meant(variant, expected.iter().copied());
            let name = near.or_else(|| expected.iter().copied().find(|name| name.to_lowercase() == lower));
            let word = outline.scalar(offset);
            return match name.zip(word) {
                Some((name, word)) => self.write(word, name),
                None => self.cut(outline.entry(offset)?),
            };
        }
        if let Error::SerdeMissingField { field, .. } = error {
            let mapping = outline.mapping(offset)?;
            let path = outline.path(mapping, &self.text);
            let followed = self.cut.iter().any(|(of, key)| *of == path && key == field);
            let cut = self.cut(mapping);
            return match followed {
                true => Some(Mend::Followed { goes_on: cut.is_some() }),
                false => cut,
            };
        }
        self.cut(outline.entry(offset)?)
    }

    fn write(&mut self, word: usize, name: &str) -> Option<Mend> {
        let range = self.outline.node(word)?.range.clone();
        let before = self.text.get(range.clone())?.chars().count();
        let after = name.chars().count();
        let (line, column) = Lines::of(&self.text).position(range.end);
        self.text.replace_range(range, &format!("{name:before$}"));
        Some(Mend::Written {
            hint: format!(" (did you mean `{name}`?)"),
            shift: after
                .checked_sub(before)
                .filter(|by| *by > 0)
                .map(|by| Shift { line, from: column, by }),
        })
    }

    /// Takes an entry out, and leaves the place empty.
    fn cut(&mut self, entry: usize) -> Option<Mend> {
        let outline = &self.outline;
        let extent = outline.extent(entry, &self.text)?;
        let parent = outline.node(entry)?.parent?;
        let form = outline.node(parent)?;
        let key = outline.path(entry, &self.text).pop()?;
        let key = key.split_once(' ').map_or("", |(_, key)| key).to_owned();
        self.cut.push((outline.path(parent, &self.text), key));
        let blank = |character| if is_break(character) { character } else { ' ' };
        let mut left: String = self.text.get(extent.clone())?.chars().map(blank).collect();
        // What had nothing else in it is empty now, and not nothing.
        if outline.is_alone(entry) && !form.is_flow {
            let empty = if form.form == Form::Mapping { "{}" } else { "[]" };
            left.replace_range(..left.find(is_break).unwrap_or(left.len()).min(empty.len()), empty);
        }
        self.text.replace_range(extent, &left);
        Some(Mend::Cut)
    }
}
