//! Files of samples: read, and everything that is wrong in them told at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::compare::MEMBERS;
use crate::cli::test::curl;
use crate::io::yaml::{self, Located};
use crate::model::diagnostic::meant;
use crate::model::{Diagnostic, Source, money};
use crate::proxy::described::Described;

/// Bytes of a file of samples.
const LONGEST: u64 = 64 << 20;

/// A request and what it must mean.
#[derive(Debug)]
pub(super) struct Sample {
    file: String,
    line: usize,
    /// What is claimed; else the request.
    pub(super) name: String,
    pub(super) described: Described,
    /// What amounts without a currency are in; else what the configuration says.
    pub(super) account_currency: Option<String>,
    /// As it is written; never empty.
    pub(super) expected: Map<String, Json>,
}

impl Sample {
    /// `mappings/samples/acme.yaml:3`
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// A file in YAML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    samples: Vec<Located<Written>>,
}

/// As it is written, in YAML or as a line of JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    it: Option<String>,
    #[serde(default)]
    curl: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_b64: Option<String>,
    #[serde(default)]
    account_currency: Option<String>,
    expected: Map<String, Json>,
}

/// All that are meant: by a mapping's name, as files, as directories, or those of `directory`.
///
/// # Errors
/// Everything that is wrong in any of the files.
pub(super) fn read_all(directory: &Path, which: &[PathBuf]) -> Result<Vec<Sample>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    if which.is_empty() && directory.is_dir() {
        files.extend(inside(directory));
    }
    for path in which {
        let named = ["yaml", "jsonl"].map(|ending| directory.join(format!("{}.{ending}", path.display())));
        let named: Vec<PathBuf> = named.into_iter().filter(|path| path.is_file()).collect();
        match (path.is_dir(), path.is_file()) {
            (true, _) => files.extend(inside(path)),
            (_, true) => files.push(path.clone()),
            _ if !named.is_empty() => files.extend(named),
            _ => {
                let message = format!(
                    "no samples: expected this file, or {0}.yaml or {0}.jsonl in {1}",
                    path.display(),
                    directory.display()
                );
                wrong.push(Diagnostic::of_file(path.display().to_string(), message));
            }
        }
    }
    let mut samples = Vec::new();
    for path in files {
        match read(&path) {
            Ok(read) => samples.extend(read),
            Err(mistakes) => wrong.extend(mistakes),
        }
    }
    if wrong.is_empty() { Ok(samples) } else { Err(wrong) }
}

/// The files of samples in a directory, by name. One that cannot be read has none, which is told.
fn inside(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_one = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "yaml" || ending == "jsonl")
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}

fn read(path: &Path) -> Result<Vec<Sample>, Vec<Diagnostic>> {
    let file = path.display().to_string();
    let failed = |message: String| vec![Diagnostic::of_file(file.clone(), message)];
    let length = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > LONGEST {
        return Err(failed(format!("the file is larger than {} MiB", LONGEST >> 20)));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let source = Source { file, text };
    match path.extension().is_some_and(|ending| ending == "jsonl") {
        true => lines(&source),
        false => yaml::load_with(&source, |file: File| {
            let mut wrong = Vec::new();
            let made = file.samples.into_iter().filter_map(|written| {
                let place = |message| Diagnostic::at(&source.file, &source.text, written.line, written.column, message);
                sample(&source.file, written.line, written.value)
                    .map_err(|message| wrong.push(place(message)))
                    .ok()
            });
            let made: Vec<Sample> = made.collect();
            if wrong.is_empty() { Ok(made) } else { Err(wrong) }
        }),
    }
}

fn lines(source: &Source) -> Result<Vec<Sample>, Vec<Diagnostic>> {
    let (mut made, mut wrong) = (Vec::new(), Vec::new());
    let lines = source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in lines {
        let written = serde_json::from_str::<Written>(line).map_err(|error| (error.column(), error.to_string()));
        let read = written.and_then(|written| sample(&source.file, at + 1, written).map_err(|message| (1, message)));
        match read {
            Ok(sample) => made.push(sample),
            // The line may be long: what is wrong is told, and where.
            Err((column, message)) => wrong.push(Diagnostic {
                file: source.file.clone(),
                line: at + 1,
                column,
                message,
                snippet: None,
            }),
        }
    }
    if wrong.is_empty() { Ok(made) } else { Err(wrong) }
}

fn sample(file: &str, line: usize, written: Written) -> Result<Sample, String> {
    if written.expected.is_empty() {
        return Err(format!("`expected` is empty: expected some of {}", MEMBERS.join(", ")));
    }
    for name in written.expected.keys() {
        if !MEMBERS.contains(&name.as_str()) {
            let hint = meant(name, MEMBERS.into_iter()).map(|name| format!(" (did you mean `{name}`?)"));
            let hint = hint.unwrap_or_else(|| format!(": expected some of {}", MEMBERS.join(", ")));
            return Err(format!("unknown member `{name}` of `expected`{hint}"));
        }
    }
    if written.expected.contains_key("refused") && written.expected.len() > 1 {
        return Err("what is refused means nothing: expected `refused` alone".to_owned());
    }
    if let Some(currency) = &written.account_currency
        && money::exponent(currency).is_none()
    {
        return Err(format!(
            "`account_currency`: expected a currency of three letters (ISO 4217), as usd, found `{currency}`"
        ));
    }
    let described = match (&written.curl, &written.url) {
        (Some(_), Some(_)) | (None, None) => return Err("expected exactly one of `curl` and `url`".to_owned()),
        (Some(command), None) => {
            let other = written.method.is_some()
                || !written.headers.is_empty()
                || written.body.is_some()
                || written.body_b64.is_some();
            if other {
                return Err("`method`, `headers` and `body` belong to `url`: `curl` says its own".to_owned());
            }
            curl::describe(command)?
        }
        (None, Some(url)) => Described {
            method: written.method.clone().unwrap_or_else(|| "GET".to_owned()),
            url: url.clone(),
            headers: written.headers.into_iter().collect(),
            content: content(written.body, written.body_b64)?.map(Into::into),
            at: None,
        },
    };
    let request = || format!("{} {}", described.method, described.url);
    Ok(Sample {
        file: file.to_owned(),
        line,
        name: written.it.unwrap_or_else(request),
        described,
        account_currency: written.account_currency.map(|currency| currency.to_ascii_lowercase()),
        expected: written.expected,
    })
}

fn content(text: Option<String>, coded: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (text, coded) {
        (Some(_), Some(_)) => Err("`body` and `body_b64` are both there".to_owned()),
        (Some(text), None) => Ok(Some(text.into_bytes())),
        (None, Some(coded)) => {
            let decoded = STANDARD
                .decode(coded)
                .map_err(|error| format!("`body_b64` is no base64: {error}"));
            decoded.map(Some)
        }
        (None, None) => Ok(None),
    }
}
