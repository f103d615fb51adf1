//! The sidecar of the home, as its owner sees it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::finding::Finding;
use crate::app::public;
use crate::authority::{self, Certificate};
use crate::cli::{exec, plain};
use crate::config::home::Home;
use crate::config::{Config, Port};
use crate::control::health::{Live, Ready, Reason};
use crate::io::tls;
use crate::model::Timestamp;

/// For each question to a sidecar on this machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Where this is run, and what is known of the sidecar there.
pub(super) enum Place {
    /// In `runplane exec`: as an agent sees it, which does not see the home.
    Inside,
    /// Where no home is, or none that may be read: in a container, as another user.
    Elsewhere { option: String },
    /// Beside the sidecar.
    Home(Box<Beside>),
}

pub(super) struct Beside {
    pub(super) home: Home,
    /// What its agents must trust.
    pub(super) trusted: Vec<Certificate>,
    /// Where its proxy listens; `None` where it chooses its port itself.
    pub(super) proxy: Option<SocketAddr>,
    /// Of its proxy's port, where that speaks TLS.
    pub(super) tls: Option<ClientConfig>,
}

/// The answer of `/ready` that it is not.
#[derive(Deserialize)]
struct NotReady {
    reasons: Vec<Reason>,
}

impl Place {
    /// Looks at the home, and tells of it.
    pub(super) fn look(home: Home, findings: &mut Vec<Finding>) -> Place {
        if exec::is_inside() {
            let told = "inside `runplane exec`, as the agent sees it: the home is out of reach";
            findings.push(Finding::note("place", told));
            return Place::Inside;
        }
        let trusted = match authority::trusted(&home.certs()) {
            Ok(trusted) => trusted,
            Err(error) => {
                let told = format!("no CA of a sidecar can be read here ({error}): only the environment is looked at");
                let fix = "where the sidecar is on this machine: `runplane run`, or name its home with --home";
                findings.push(Finding::note("home", &told).with_fix(fix));
                return Place::Elsewhere { option: home.option() };
            }
        };
        let config = match Config::load(home.clone()) {
            Ok(config) => config,
            Err(wrong) => {
                let told = format!("{} mistakes in {}", wrong.len(), home.config_file().display());
                let fix = format!("runplane check{}", home.option());
                findings.push(Finding::wrong("configuration", &told, fix));
                return Place::Elsewhere { option: home.option() };
            }
        };
        findings.extend(control(&config));
        findings.extend(ca(&home, &trusted));
        let (address, tls) = (config.proxy.address, pin(&config.proxy));
        Place::Home(Box::new(Beside {
            home,
            trusted,
            proxy: (address.port() != 0).then_some(address),
            tls,
        }))
    }
}

/// TLS to a port of ours, where it speaks that and its certificate can be read.
fn pin(port: &Port) -> Option<ClientConfig> {
    // An error is told by what does not answer then.
    port.tls.as_ref().and_then(|server| tls::pinned(server.files()).ok())
}

/// Whether it runs and is ready.
fn control(config: &Config) -> Vec<Finding> {
    let (address, option) = (config.control.address, config.home.option());
    if address.port() == 0 {
        let told = "`control.listen` names no port, so whether a sidecar runs cannot be asked";
        return vec![Finding::note("sidecar", told)];
    }
    let host = match address.ip().is_unspecified() {
        true if address.is_ipv6() => "::1".to_owned(),
        true => "127.0.0.1".to_owned(),
        false => address.ip().to_string(),
    };
    let ask = |path: &str| plain::get(&host, address.port(), pin(&config.control), path, PATIENCE);
    let live = match ask("/live") {
        Ok(answer) => serde_json::from_str::<Live>(&answer.content).ok(),
        Err(error) => {
            let told = format!("none runs: nothing answers at control, {address} ({error})");
            return vec![Finding::wrong("sidecar", &told, format!("runplane run{option}"))];
        }
    };
    if live.is_none() {
        let told = format!("what answers at control, {address}, is no sidecar");
        let fix = "end what listens there, or set `control.listen` in runplane.yaml; then `runplane run`";
        return vec![Finding::wrong("sidecar", &told, fix)];
    }
    let runs = format!("runs: proxy {}, control {address}", config.proxy.address);
    let mut findings = vec![Finding::ok("sidecar", &runs)];
    match ask("/ready") {
        Ok(answer) if answer.status == 200 => {
            // Without notes there is nothing to tell.
            let notes = serde_json::from_str::<Ready>(&answer.content).map(|ready| ready.notes);
            let notes = notes.unwrap_or_default().into_iter();
            findings.extend(notes.map(|note| Finding::note(note.code, &note.detail).with_fix(note.fix)));
        }
        Ok(answer) => {
            let told = serde_json::from_str::<NotReady>(&answer.content);
            let reasons = told.map(|told| told.reasons).unwrap_or_default();
            findings.extend(
                reasons
                    .into_iter()
                    .map(|reason| Finding::wrong("not ready", &reason.detail, reason.fix)),
            );
        }
        Err(error) => {
            let fix = "runplane run, and see what it prints";
            findings.push(Finding::wrong(
                "not ready",
                &format!("/ready does not answer: {error}"),
                fix,
            ));
        }
    }
    findings
}

/// Whether the CA is valid at this time, and what agents read has it.
fn ca(home: &Home, trusted: &[Certificate]) -> Vec<Finding> {
    let (mut findings, now) = (Vec::new(), Timestamp::now());
    let Some(signs) = trusted.first() else {
        return findings;
    };
    if now < signs.not_before {
        let told = format!(
            "it is {now} by this machine, and the CA is valid from {} on",
            signs.not_before
        );
        findings.push(Finding::wrong("clock", &told, "set the clock"));
    } else if now > signs.not_after {
        let told = format!("the CA ended on {}", signs.not_after);
        let fix = format!("runplane ca rotate{} --now, then start the agents again", home.option());
        findings.push(Finding::wrong("CA", &told, fix));
    }
    let bundle = public::bundle(&home.public());
    let held = certificates(&bundle);
    let missing = trusted
        .iter()
        .any(|certificate| !held.iter().flatten().any(|found| *found == certificate.der));
    match (held, missing) {
        (Ok(_), false) => findings.push(Finding::ok("bundle", &format!("{} holds the CA", bundle.display()))),
        (Ok(_), true) => {
            let told = format!("{} does not hold the CA", bundle.display());
            findings.push(Finding::wrong(
                "bundle",
                &told,
                format!("runplane env{}", home.option()),
            ));
        }
        (Err(error), _) => {
            let told = format!("{} cannot be read: {error}", bundle.display());
            findings.push(Finding::wrong(
                "bundle",
                &told,
                format!("runplane env{}", home.option()),
            ));
        }
    }
    findings
}

/// The certificates of a file in PEM.
///
/// # Errors
/// If it cannot be read.
pub(super) fn certificates(path: &Path) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path)?;
    // What is no certificate in it is trusted by nobody.
    Ok(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect())
}
