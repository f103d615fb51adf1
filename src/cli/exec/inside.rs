//! The command's own view: a `runplane` that it starts decides nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::cli::plain::ProxyUrl;

/// Set for the command, to the address of control. Whoever unsets it meets the confinement instead.
pub(super) const MARKER: &str = "RUNPLANE_INSIDE_EXEC";

/// How long the sidecar may take to take note.
const PATIENCE: Duration = Duration::from_secs(5);

pub(in crate::cli) fn is_inside() -> bool {
    std::env::var_os(MARKER).is_some()
}

/// Refuses what only people may do, inside `exec`; the attempt goes on record by the only way there is from here: as a call to
/// control, which the proxy refuses as it refuses all of them. `path` is the API's.
///
/// # Errors
/// Inside `exec`.
pub(in crate::cli) fn refuse_inside(path: &str) -> anyhow::Result<()> {
    let Some(control) = std::env::var_os(MARKER) else {
        return Ok(());
    };
    let noted = control
        .to_str()
        .and_then(|control| control.parse().ok())
        .context("its address is not known")
        .and_then(|control| report(control, path));
    let noted = match noted {
        Ok(call) => format!("The attempt is on record ({call})"),
        Err(error) => format!("The attempt could not be recorded: {error:#}"),
    };
    bail!(
        "this runs inside `runplane exec`, where an agent acts: only people decide, in a terminal of their own. {noted}"
    )
}

/// The id that the record has the attempt by.
fn report(control: SocketAddr, path: &str) -> anyhow::Result<String> {
    let proxy = std::env::var("http_proxy").context("http_proxy is not set")?;
    let url = format!("http://{control}{path}").parse()?;
    let answer = ProxyUrl::parse(&proxy)?.ask("POST", &url, None, PATIENCE)?;
    let id = answer.field("runplane-request-id").map(str::to_owned);
    id.context("the proxy gave no id")
}
