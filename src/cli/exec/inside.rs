//! The command's own view: a `runplane` that it starts decides nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;

/// Set for the command, to the address of control. Whoever unsets it meets the confinement instead.
pub(super) const MARKER: &str = "RUNPLANE_INSIDE_EXEC";

/// How long the sidecar may take to take note.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn is_inside() -> bool {
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
    let proxy: Uri = std::env::var("http_proxy").context("http_proxy is not set")?.parse()?;
    let authority = proxy.authority().context("http_proxy names no host")?.as_str();
    let (credentials, address) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(who, at)| (Some(who), at));
    let address: SocketAddr = address.parse().context("http_proxy names no address")?;
    let credentials = credentials.map(|who| format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(who)));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST http://{control}{path} HTTP/1.1\r\nHost: {control}\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n",
        credentials.unwrap_or_default()
    )?;
    let mut answer = String::new();
    stream.take(16 << 10).read_to_string(&mut answer)?;
    let mut fields = answer.lines().filter_map(|line| line.split_once(": "));
    let id = fields.find(|(name, _)| name.eq_ignore_ascii_case("runplane-request-id"));
    Ok(id.context("the proxy gave no id")?.1.to_owned())
}
