//! What is told beside figures whose period reaches into what was pruned.

use std::io::{self, Write};

use crate::model::Timestamp;
use crate::store::{ReadError, Reader};

/// `None`: all of the period that was ever recorded is there. `since`: where it begins; `None`: with the first call.
///
/// # Errors
/// If the record cannot be read.
pub(super) fn note(reader: &Reader, since: Option<Timestamp>) -> Result<Option<String>, ReadError> {
    let Some(gone) = reader.gone()? else {
        return Ok(None);
    };
    let first = reader.bare(gone.upto.saturating_add(1), 1)?.into_iter().next();
    let told = first.filter(|first| since.is_none_or(|since| since < first.time));
    let Some(first) = told else { return Ok(None) };
    let by = reader.bare(gone.by, 1)?.into_iter().next();
    let when = by.map_or_else(String::new, |by| format!(" on {}", by.time));
    Ok(Some(format!(
        "entries up to {} were pruned{when}, as entry {} says: of what was before {} nothing is counted or shown",
        gone.upto, gone.by, first.time
    )))
}

/// Beside what goes to standard output.
///
/// # Errors
/// If the record cannot be read.
pub(super) fn tell(reader: &Reader, since: Option<Timestamp>) -> Result<(), ReadError> {
    if let Some(note) = note(reader, since)? {
        // Nothing is left to do if standard error is gone.
        let _told = writeln!(io::stderr(), "note: {note}").is_ok();
    }
    Ok(())
}
