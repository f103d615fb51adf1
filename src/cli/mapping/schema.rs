//! `runplane mapping schema`: completion and help for editors.

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use crate::cli::check::print;
use crate::config::home::Home;
use crate::config::shipped;
use crate::mapping::{Mappings, schema};

/// Where it lies among the mappings.
pub(super) const FILE: &str = "mapping.schema.json";

pub(super) fn run(home: &Home) -> anyhow::Result<ExitCode> {
    let vocabulary = shipped::mappings(&home.mappings()).and_then(|(words, _)| Mappings::read_vocabulary(&words));
    match vocabulary {
        Ok(vocabulary) => {
            writeln!(std::io::stdout().lock(), "{:#}", schema::schema(&vocabulary))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(wrong) => print(&wrong),
    }
}

/// Puts it beside the mappings, where one of ours may lie already; what is somebody else's stays.
pub(super) fn write_beside(home: &Home) -> anyhow::Result<()> {
    let path = home.mappings().join(FILE);
    if let Ok(there) = fs::read(&path) {
        let there: Option<Value> = serde_json::from_slice(&there).ok(); // no JSON is none of ours
        let ours = there.is_some_and(|there| there.get("$comment").and_then(Value::as_str) == Some(schema::MADE_BY));
        if !ours {
            return Ok(());
        }
    }
    let vocabulary = shipped::mappings(&home.mappings()).and_then(|(words, _)| Mappings::read_vocabulary(&words));
    // A vocabulary that is wrong is told by `check`.
    let Ok(vocabulary) = vocabulary else { return Ok(()) };
    let text = format!("{:#}\n", schema::schema(&vocabulary));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
