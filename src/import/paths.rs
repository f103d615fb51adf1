//! Paths of calls that were made → templates: which parts are words of the API, and which are values.
//!
//! A part is a word if some published API has it in a path (the shipped generated mappings are full of them), if it is a
//! version, if the person says so, or if it stands behind several values of the part before it. A part is a value if it does not look like
//! a word, or stands behind a collection (`/users/ada`). Where neither can be told the call is left out, for a value in a
//! mapping would be a secret told, and a word taken for a value would make one operation of many.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use super::words::words as parts_of;
use crate::io::embedded;
use crate::mapping::generated;

/// Words of paths by which APIs are called whose descriptions have none.
const FURTHER: [&str; 6] = ["graphql", "jsonrpc", "mcp", "rpc", "sql", "webhook"];
/// What stands in the record for a part that may be secret.
const HIDDEN: &str = "…";
/// Segments of a path that is looked at.
const MAX_SEGMENTS: usize = 32;
/// Letters of a word.
const MAX_WORD: usize = 40;

/// The words that APIs have in their paths, with those that a person says.
#[derive(Clone, Debug, Default)]
pub struct Words {
    said: HashSet<String>,
}

/// Those of the shipped mappings, in lower case; read once, for they are many.
static SHIPPED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let files = embedded::MAPPINGS.get_dir(generated::FOLDER).into_iter();
    let texts = files
        .flat_map(|folder| folder.files())
        .filter_map(|file| file.contents_utf8());
    let mut known: HashSet<String> = FURTHER.map(str::to_owned).into();
    for quoted in texts.flat_map(|text| text.split('"').skip(1).step_by(2)) {
        // `GET /v1/charges/{charge}`
        let Some((_, path)) = quoted.split_once(" /") else {
            continue;
        };
        let words = path.split(['/', '|']).filter(|word| is_plain(word));
        known.extend(words.map(str::to_ascii_lowercase));
    }
    known
});

/// What a path is a call of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// `/v1/charges/{charge}/capture`
    Template(String),
    /// Nobody can tell whether a part of it is a word or a value.
    Doubtful,
}

/// What a segment is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Word(String),
    Value,
    Doubt,
}

impl Words {
    /// Those of the shipped mappings, and those that a person says.
    pub fn known(said: &[String]) -> Words {
        Words {
            said: said.iter().map(|word| word.to_ascii_lowercase()).collect(),
        }
    }

    fn has(&self, segment: &str) -> bool {
        let word = segment.to_ascii_lowercase();
        self.said.contains(&word) || SHIPPED.contains(&word)
    }

    /// `v1`, `v2beta`; a word of the API; `3` and `2010-04-01` only where they begin a path.
    fn is_word(&self, segment: &str, depth: usize) -> bool {
        let version = segment.strip_prefix('v').is_some_and(|rest| {
            let digits = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            digits.len() < rest.len() && rest.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let dated =
            depth == 0 && segment.len() == 10 && segment.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        version || dated || self.has(segment)
    }
}

/// Letters, with `-`, `_` and `.` between them: what could be a word as far as its look goes.
fn is_plain(segment: &str) -> bool {
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    segment.len() <= MAX_WORD && segment.split(['-', '_', '.']).all(letters)
}

/// Whether what stands behind it is one of many: `charges`, not `status`.
fn is_collection(word: &str) -> bool {
    let last = parts_of(word).pop().unwrap_or_default();
    last.len() > 2 && last.ends_with('s') && !last.ends_with("ss") && !last.ends_with("us") && !last.ends_with("is")
}

/// Reads the paths of one host, each by itself and by the others. Their order does not matter.
pub fn templates(paths: &BTreeSet<String>, words: &Words) -> BTreeMap<String, Read> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut read = BTreeMap::new();
    for path in paths {
        let segments: Vec<&str> = path.strip_prefix('/').unwrap_or_default().split('/').collect();
        match path.starts_with('/') && segments.len() <= MAX_SEGMENTS {
            true => open.push(Open {
                path,
                segments,
                slots: Vec::new(),
            }),
            false => drop(read.insert(path.clone(), Read::Doubtful)),
        }
    }
    let all: Vec<&mut Open<'_>> = open.iter_mut().collect();
    settle(0, all, words);
    read.extend(open.into_iter().map(|open| (open.path.to_owned(), open.template())));
    read
}

/// A path as far as it is read.
struct Open<'a> {
    path: &'a str,
    segments: Vec<&'a str>,
    slots: Vec<Slot>,
}

/// Reads the segments at a depth of paths that are alike up to there, and then those behind them.
fn settle(depth: usize, open: Vec<&mut Open<'_>>, words: &Words) {
    // Of each segment that may be either: the values that it stands behind.
    let mut behind: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &open {
        if let (Some(segment), Some(before)) = (one.segments.get(depth), depth.checked_sub(1)) {
            let before = one.segments.get(before).copied().unwrap_or_default();
            behind.entry(segment).or_default().insert(before);
        }
    }
    let several = |segment: &str| behind.get(segment).is_some_and(|before| before.len() > 1);
    let mut alike: BTreeMap<Slot, Vec<&mut Open<'_>>> = BTreeMap::new();
    for one in open {
        let Some(segment) = one.segments.get(depth).copied() else {
            continue;
        };
        let slot = slot(segment, depth, one.slots.last(), &several, words);
        one.slots.push(slot.clone());
        if slot != Slot::Doubt {
            alike.entry(slot).or_default().push(one);
        }
    }
    for group in alike.into_values() {
        settle(depth + 1, group, words);
    }
}

fn slot(segment: &str, depth: usize, before: Option<&Slot>, several: &dyn Fn(&str) -> bool, words: &Words) -> Slot {
    let word = || Slot::Word(segment.to_owned());
    if segment.is_empty() || words.is_word(segment, depth) {
        return word();
    }
    // `items/1:undelete` is another operation than `items/1`.
    if segment.contains(':') {
        return Slot::Doubt;
    }
    if segment == HIDDEN || !is_plain(segment) {
        return Slot::Value;
    }
    match before {
        Some(Slot::Word(collection)) if is_collection(collection) => Slot::Value,
        Some(Slot::Value) if several(segment) => word(),
        Some(Slot::Word(_) | Slot::Value | Slot::Doubt) | None => Slot::Doubt,
    }
}

impl Open<'_> {
    fn template(&self) -> Read {
        let mut names: Vec<String> = Vec::new();
        let (mut out, mut before) = (String::new(), "");
        for slot in &self.slots {
            out.push('/');
            match slot {
                Slot::Word(word) => {
                    out.push_str(word);
                    before = word;
                }
                Slot::Value => {
                    let mut name = match is_collection(before) {
                        true => one_of_many(before),
                        false => "id".to_owned(),
                    };
                    while names.contains(&name) {
                        name.push_str("_2");
                    }
                    out.push('{');
                    out.push_str(&name);
                    out.push('}');
                    names.push(name);
                }
                Slot::Doubt => return Read::Doubtful,
            }
        }
        // An empty segment inside is refused by mappings.
        match out.contains("//") {
            true => Read::Doubtful,
            false => Read::Template(out),
        }
    }
}

/// `charges` → `charge`; what is one already stays.
pub fn one_of_many(word: &str) -> String {
    let name = parts_of(word).join("_");
    match name.strip_suffix("ies") {
        _ if !is_collection(word) => name,
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        Some(_) | None => name.strip_suffix('s').unwrap_or(&name).to_owned(),
    }
}

#[cfg(test)]
mod tests;
