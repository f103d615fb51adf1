//! `runplane doctor`: whether the clients of this environment come by the sidecar and trust its CA, by real calls, and if not,
//! why and what to do.

mod clients;
mod environment;
mod finding;
mod process;
mod reasons;
mod secrets;
mod sidecar;
mod trust;

use std::process::ExitCode;

use crate::config::home::Home;
use crate::model::secret::random_bytes;

use environment::Environment;
use finding::Finding;
use sidecar::Place;

/// Find out whether agents started from here come by the sidecar and trust its CA.
///
/// Looks at the sidecar and at this environment, and has curl, Python, Node, Go, Java and git, as found here, make one real call
/// each, which the sidecar answers itself: nothing of it leaves, and it is nobody's action. Run it as the agent is run: after
/// `eval "$(runplane env)"`, in the agent's container, or by `runplane exec -- runplane doctor`. Exit code 0: all is well.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write JSON, for machines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(home: Home, args: &Args) -> anyhow::Result<ExitCode> {
    super::run::log(super::run::LogFormat::Text, "error");
    let nonce = hex::encode(random_bytes::<8>());
    let mut findings = Vec::new();
    let place = Place::look(home, &mut findings);
    let environment = Environment::of_this_process(place, &nonce);
    findings.extend(environment.findings());
    if environment.is_reached() {
        findings.extend(clients::probe(&environment, &nonce));
    } else {
        findings.push(Finding::note("clients", "not tried: no sidecar would answer them"));
    }
    let mut out = std::io::stdout().lock();
    match args.json {
        true => finding::write_json(&findings, &mut out)?,
        false => finding::write_text(&findings, &mut out)?,
    }
    Ok(match findings.iter().any(Finding::is_wrong) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}
