//! NO_PROXY: what goes past the sidecar.

use std::path::Path;

use super::Environment;
use crate::app::wiring::NO_PROXY;
use crate::cli::doctor::finding::Finding;
use crate::cli::doctor::sidecar::Place;
use crate::config::shipped;
use crate::mapping::Mappings;

/// The name that clients are tried with.
const OUR_NAME: &str = "runplane.internal";
/// Providers that are named for one entry.
const SHOWN: usize = 3;

pub(super) fn findings(environment: &Environment) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in ["NO_PROXY", "no_proxy"] {
        let entries = environment.variable(name).unwrap_or_default();
        let entries: Vec<&str> = entries
            .split([',', ' '])
            .map(str::trim)
            .filter(|entry| is_elsewhere(entry))
            .collect();
        if entries.is_empty() {
            continue;
        }
        findings.push(of_variable(environment, name, &entries));
    }
    findings
}

/// Whether it names more than this machine.
fn is_elsewhere(entry: &str) -> bool {
    let loopback = NO_PROXY
        .split(',')
        .chain(["127.0.0.0/8", "127.*", "[::1]", "::1/128", "0.0.0.0"]);
    !entry.is_empty() && !loopback.into_iter().any(|known| known == entry)
}

fn of_variable(environment: &Environment, name: &str, entries: &[&str]) -> Finding {
    let fix = format!("{}; or export {name}={NO_PROXY}", environment.rewire());
    let told = entries.join(", ");
    if entries.contains(&"*") {
        return Finding::wrong(name, "is *: every call goes past the sidecar", fix);
    }
    let mappings = match mappings(&environment.place) {
        Ok(mappings) => mappings,
        Err(()) => {
            let told =
                format!("sends past the sidecar: {told}; which providers that are is not known (`runplane check`)");
            return Finding::wrong(name, &told, fix);
        }
    };
    let mut providers: Vec<String> = Vec::new();
    for entry in entries {
        let domain = domain(entry);
        let titles = mappings.titles_below(&domain).into_iter();
        let ours = is_or_below(OUR_NAME, &domain).then_some("the sidecar's own name");
        let hidden: Vec<&str> = ours.into_iter().chain(titles).collect();
        if let Some(more) = hidden.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let first = hidden.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
            providers.push(format!("{entry} ({first} and {more} more)"));
        } else if !hidden.is_empty() {
            providers.push(format!("{entry} ({})", hidden.join(", ")));
        }
    }
    match providers.is_empty() {
        true => Finding::note(name, &format!("these go past the sidecar, unseen: {told}")),
        false => Finding::wrong(
            name,
            &format!("these go past the sidecar, unseen: {}", providers.join(", ")),
            fix,
        ),
    }
}

/// Whether an entry covers the name that clients are tried with.
pub(super) fn hides_us(environment: &Environment) -> bool {
    let entries = ["NO_PROXY", "no_proxy"]
        .iter()
        .filter_map(|name| environment.variable(name));
    entries
        .flat_map(|entries| entries.split([',', ' ']))
        .any(|entry| entry == "*" || is_or_below(OUR_NAME, &domain(entry)))
}

/// `*.stripe.com`, `.stripe.com` and `stripe.com:443` are the same to most clients.
fn domain(entry: &str) -> String {
    let entry = entry.trim().trim_start_matches('*').trim_start_matches('.');
    let host = entry.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    host.map_or(entry, |(host, _)| host).to_lowercase()
}

fn is_or_below(name: &str, domain: &str) -> bool {
    let rest = name.strip_suffix(domain);
    !domain.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Those of the home; the shipped ones where there is none.
fn mappings(place: &Place) -> Result<Mappings, ()> {
    let directory = match place {
        Place::Home(beside) => beside.home.mappings(),
        Place::Inside | Place::Elsewhere { .. } => Path::new("/nonexistent").to_owned(),
    };
    let (vocabulary, files) = shipped::mappings(&directory).map_err(drop)?;
    Mappings::load(&vocabulary, &files).map_err(drop)
}
