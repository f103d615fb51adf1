//! Entries in the forms that other programs read: JSON lines, OCSF, CEF, CSV, OTLP. One entry, one record, in the trail's order.
//!
//! SECURITY: what an agent wrote (a summary, a target's id, a path) goes through other people's programs here. It may not end a
//! record, begin a member, become a formula of a spreadsheet, or turn what is read. Test: `what_an_agent_writes_stays_what_it_is_in_every_format`.

mod cef;
mod csv;
mod ocsf;
mod otlp;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use crate::model::erasure::ERASED;
use crate::model::inert::inert_json;
use crate::model::merkle;
use crate::model::note::Note;
use crate::store::{Found, ReadError, Reader, Written};

/// Version of the program, as records name it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The entry itself, its leaf, and the values beside it.
    Jsonl,
    /// Open Cybersecurity Schema Framework 1.9.0, one JSON object per line.
    Ocsf,
    /// ArcSight Common Event Format, version 0, without syslog's header.
    Cef,
    /// RFC 4180.
    Csv,
    /// OpenTelemetry logs, OTLP/JSON.
    Otlp,
}

/// Writes entries in one format.
#[derive(Debug)]
pub struct Exporter {
    format: Format,
    /// The log's name, as its checkpoints tell it.
    log: String,
}

impl Exporter {
    /// # Errors
    /// If the database cannot be read.
    pub fn new(format: Format, reader: &Reader) -> Result<Self, ReadError> {
        let last = reader.checkpoint()?;
        let origin = last.and_then(|last| Some(Note::parse(&last.note).ok()?.claims().origin.clone()));
        Ok(Self {
            format,
            log: origin.unwrap_or_else(|| "runplane".to_owned()),
        })
    }

    /// What stands before the first record.
    ///
    /// # Errors
    /// If `out` does not take it.
    pub fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Csv => csv::head(out),
            Format::Jsonl | Format::Ocsf | Format::Cef | Format::Otlp => Ok(()),
        }
    }

    /// Writes an entry and what is known of its call.
    ///
    /// # Errors
    /// If `out` does not take it.
    pub fn entry(&self, entry: &Written, call: Option<&Found>, out: &mut dyn Write) -> io::Result<()> {
        let record = Record::new(entry, call, &self.log);
        match self.format {
            Format::Jsonl => line(&record.jsonl(), out),
            Format::Ocsf => line(&ocsf::event(&record).to_string(), out),
            Format::Cef => writeln!(out, "{}", cef::line(&record)),
            Format::Csv => csv::row(&record, out),
            Format::Otlp => line(&otlp::logs(&record).to_string(), out),
        }
    }
}

fn line(json: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", inert_json(json))
}

/// What is kept beside an entry of one thing that it commits to.
#[derive(Deserialize, Serialize)]
struct Value<'a> {
    /// `None`: it was erased.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    salt: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    /// By which entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<i64>,
}

/// An entry, read.
struct Record<'a> {
    written: &'a Written,
    /// Empty where the entry is not as we write it.
    members: Map<String, Json>,
    values: BTreeMap<String, Value<'a>>,
    /// The members of the decision of its call: the entry's own, if it is that.
    decision: Map<String, Json>,
    /// The values of that decision.
    decided: BTreeMap<String, Value<'a>>,
    log: &'a str,
}

fn members(written: &Written) -> Map<String, Json> {
    serde_json::from_slice(&written.bytes).unwrap_or_default()
}

fn values(written: &Written) -> BTreeMap<String, Value<'_>> {
    let committed = written.committed.as_deref();
    let values = committed.and_then(|committed| serde_json::from_str(committed).ok());
    values.unwrap_or_default()
}

impl<'a> Record<'a> {
    fn new(written: &'a Written, call: Option<&'a Found>, log: &'a str) -> Self {
        let of_call = call.and_then(|call| call.decided.as_ref());
        let decided = match written.kind.as_str() {
            "decided" => Some(written),
            _ => of_call,
        };
        Self {
            written,
            members: members(written),
            values: values(written),
            decision: decided.map(members).unwrap_or_default(),
            decided: decided.map(values).unwrap_or_default(),
            log,
        }
    }

    fn kind(&self) -> &str {
        &self.written.kind
    }

    /// A member of the entry that is text.
    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// A member of the entry that is a number.
    fn int(&self, name: &str) -> Option<i64> {
        self.members.get(name)?.as_i64()
    }

    /// A member of the entry, or else of the decision of its call.
    fn said(&self, name: &str) -> Option<&str> {
        self.text(name).or_else(|| self.decision.get(name)?.as_str())
    }

    /// A value beside the decision of its call, if it is kept.
    fn value(&self, name: &str) -> Option<Json> {
        let told = self.decided.get(name)?.value?;
        serde_json::from_str(told.get()).ok()
    }

    fn value_text(&self, name: &str) -> Option<String> {
        if self.decided.get(name)?.erased.is_some() {
            return Some(ERASED.to_owned());
        }
        Some(self.value(name)?.as_str()?.to_owned())
    }

    /// A field of the call's action.
    fn field(&self, name: &str) -> Option<Json> {
        self.value("fields")?.get(name).cloned()
    }

    fn summary(&self) -> Option<String> {
        let told = self.value_text("summary").filter(|summary| !summary.is_empty());
        told.or_else(|| self.value_text("request_line"))
    }

    /// The first is 0, as proofs count.
    fn leaf_index(&self) -> i64 {
        self.written.seq - 1
    }

    /// RFC 6962: SHA-256 of a zero byte and the entry.
    fn leaf_hash(&self) -> String {
        hex::encode(merkle::leaf(&self.written.bytes))
    }

    fn outcome(&self) -> Option<&str> {
        self.text("outcome")
    }

    /// What this entry decides, for machines that know three words: a block told as one though only observed is none.
    fn decision(&self) -> Option<&str> {
        self.text("decision")
    }

    /// Method, scheme, host and path of the call.
    fn request(&self) -> Option<(String, String)> {
        let line = self.value_text("request_line")?;
        let (method, target) = line.split_once(' ')?;
        Some((method.to_owned(), target.to_owned()))
    }

    /// `{"entry": …, "leaf_hash": …, "leaf_index": …, "values": {…}}`. Salts go with what is disclosed, so that it can be held
    /// to its commitment.
    ///
    /// SECURITY: the salt of a value that is not disclosed stays here: with it a secret could be guessed by its commitment.
    /// Test: `salts_of_what_is_hidden_are_not_exported`.
    fn jsonl(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            entry: &'a RawValue,
            leaf_hash: String,
            leaf_index: i64,
            values: BTreeMap<&'a str, &'a Value<'a>>,
        }
        let entry: Result<&RawValue, _> = serde_json::from_slice(&self.written.bytes);
        let told = |value: &Value<'_>| value.value.is_some() || value.erased.is_some();
        let disclosed = self.values.iter().filter(|(_, value)| told(value));
        let line = entry.and_then(|entry| {
            serde_json::to_string(&Line {
                entry,
                leaf_hash: self.leaf_hash(),
                leaf_index: self.leaf_index(),
                values: disclosed.map(|(name, value)| (name.as_str(), value)).collect(),
            })
        });
        // What is no JSON is told as what it is.
        line.unwrap_or_else(|_| {
            serde_json::json!({
                "entry_hex": hex::encode(&self.written.bytes),
                "leaf_hash": self.leaf_hash(),
                "leaf_index": self.leaf_index(),
            })
            .to_string()
        })
    }
}
