//! What the environment tells clients, held against what the sidecar says of itself.

mod files;
mod hidden;
mod reached;

use std::collections::BTreeMap;

use super::finding::Finding;
use super::sidecar::Place;
use crate::app::wiring::Wiring;
use crate::cli::exec::OTHER_WAYS;
use crate::cli::plain::ProxyUrl;
use crate::model::Secret;

pub(super) use reached::Reached;
use reached::{is_at, reach};

/// By one of these a client is told to check no certificate, if it has this value (or any but none).
const UNCHECKED: [(&str, Option<&str>); 3] = [
    ("NODE_TLS_REJECT_UNAUTHORIZED", Some("0")),
    ("PYTHONHTTPSVERIFY", Some("0")),
    ("GIT_SSL_NO_VERIFY", None),
];

/// The variables, and where they lead.
pub(super) struct Environment {
    pub(super) place: Place,
    variables: BTreeMap<String, String>,
    /// That the variables name.
    proxy: Option<Result<ProxyUrl, String>>,
    reached: Reached,
}

impl Environment {
    pub(super) fn of_this_process(place: Place, nonce: &str) -> Self {
        // What is no text is nobody's address and nobody's file of ours.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::new(place, variables.filter(|(_, value)| !value.is_empty()).collect(), nonce)
    }

    fn new(place: Place, variables: BTreeMap<String, String>, nonce: &str) -> Self {
        let named = ["https_proxy", "HTTPS_PROXY"]
            .iter()
            .find_map(|name| variables.get(*name));
        let proxy = named.map(|url| ProxyUrl::parse(url).map_err(|error| error.to_string()));
        let reached = reach(&place, proxy.as_ref(), nonce);
        Self {
            place,
            variables,
            proxy,
            reached,
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub(super) fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Whether clients would be answered, were they to come.
    pub(super) fn is_reached(&self) -> bool {
        match self.reached {
            Reached::Sidecar(_) | Reached::Refused => true,
            Reached::Foreign(_) | Reached::Nobody(_) => false,
            Reached::Unknown => matches!(self.proxy, Some(Ok(_))),
        }
    }

    /// Why the variables lead nobody to the sidecar; `None`: they do.
    pub(super) fn leads_nowhere(&self) -> Option<&'static str> {
        match (&self.proxy, self.is_reached()) {
            (None, _) => Some("HTTPS_PROXY is not set"),
            (Some(Err(_)), _) => Some("HTTPS_PROXY names no proxy"),
            (Some(Ok(_)), false) => Some("HTTPS_PROXY does not lead to a sidecar"),
            (Some(Ok(_)), true) => None,
        }
    }

    /// Whether they keep clients from the proxy for its own name.
    pub(super) fn hides_us(&self) -> bool {
        hidden::hides_us(self)
    }

    /// What sets all variables anew.
    pub(super) fn rewire(&self) -> String {
        let option = match &self.place {
            Place::Inside => {
                return "`runplane exec` has set it: something in between has changed it (a wrapper, a shell's profile)"
                    .to_owned();
            }
            Place::Elsewhere { option } => option.clone(),
            Place::Home(beside) => beside.home.option(),
        };
        format!("eval \"$(runplane env{option})\", or start the agent by `runplane exec{option} -- COMMAND`")
    }

    /// What one variable is to say, as a line to type; `None` where the home is not known.
    pub(super) fn export(&self, name: &str) -> Option<String> {
        let Place::Home(beside) = &self.place else {
            return None;
        };
        let wiring = Wiring {
            proxy: beside.proxy?,
            secure: beside.tls.is_some(),
            credentials: None::<Secret<String>>,
            public: beside.home.public(),
        };
        let mut variables = wiring.variables().into_iter();
        let (_, value) = variables.find(|(found, _)| *found == name)?;
        Some(format!("export {name}='{}'", value.replace('\'', r"'\''")))
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.of_the_proxy();
        findings.extend(self.of_the_sidecar());
        findings.extend(hidden::findings(self));
        findings.extend(self.of_other_ways());
        findings.extend(files::findings(self));
        findings
    }

    fn of_the_proxy(&self) -> Vec<Finding> {
        let name = "HTTPS_PROXY";
        let wrong = |told: &str| vec![Finding::wrong(name, told, self.rewire())];
        let proxy = match &self.proxy {
            None => return wrong("is not set: clients go past the sidecar"),
            Some(Err(error)) => return wrong(&format!("names no proxy: {error}")),
            Some(Ok(proxy)) => proxy,
        };
        let mut findings = Vec::new();
        for pair in [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"]] {
            for other in pair {
                match self.variable(other).map(ProxyUrl::parse) {
                    Some(Ok(other)) if other == *proxy => {}
                    Some(Ok(url)) => {
                        let told = format!("leads to {}, and https_proxy to {}", url.shown(), proxy.shown());
                        findings.push(Finding::wrong(other, &told, self.rewire()));
                    }
                    Some(Err(error)) => {
                        findings.push(Finding::wrong(
                            other,
                            &format!("names no proxy: {error}"),
                            self.rewire(),
                        ));
                    }
                    None => {}
                }
            }
        }
        if self.variable("http_proxy").is_none() {
            let told = "is not set: calls in clear (http://) go past the sidecar, and curl reads it in lower case only";
            findings.push(Finding::note("http_proxy", told).with_fix(self.rewire()));
        }
        match &self.place {
            Place::Home(beside) if beside.proxy.is_some_and(|own| !is_at(proxy, own)) => {
                let own = beside.proxy.map(|own| own.to_string()).unwrap_or_default();
                let told = format!(
                    "leads to {}, and the sidecar of this home listens on {own}",
                    proxy.shown()
                );
                findings.push(Finding::wrong(name, &told, self.rewire()));
            }
            Place::Home(_) | Place::Elsewhere { .. } | Place::Inside => {
                findings.push(Finding::ok(name, &format!("leads to {}", proxy.shown())));
            }
        }
        findings
    }

    fn of_the_sidecar(&self) -> Option<Finding> {
        Some(match &self.reached {
            Reached::Sidecar(told) if told.runplane == env!("CARGO_PKG_VERSION") => {
                Finding::ok("agent", &format!("the sidecar takes its calls as {}", told.agent))
            }
            Reached::Sidecar(told) => {
                let told = format!(
                    "{}; the sidecar is runplane {}, this is {}",
                    told.agent,
                    told.runplane,
                    env!("CARGO_PKG_VERSION")
                );
                Finding::note("agent", &told)
            }
            Reached::Refused => Finding::wrong(
                "agent",
                "the sidecar knows no agent by the name and key in HTTPS_PROXY, or there are none in it",
                "RUNPLANE_AGENT_KEY=rp_… with `runplane env --agent NAME` or `runplane exec --agent NAME`; `runplane agents rotate \
                 NAME` gives a new key",
            ),
            Reached::Foreign(status) => Finding::wrong(
                "proxy",
                &format!("what answers there is no runplane (HTTP {status})"),
                self.rewire(),
            ),
            Reached::Nobody(error) => Finding::wrong(
                "proxy",
                &format!("nothing answers there: {error}"),
                "start the sidecar (`runplane run`), or have HTTPS_PROXY lead to where it listens",
            ),
            Reached::Unknown => return None,
        })
    }

    fn of_other_ways(&self) -> Vec<Finding> {
        let leads_round = |(name, value): (&String, &String)| {
            let known = OTHER_WAYS.contains(&name.to_uppercase().as_str());
            let same = matches!((&self.proxy, ProxyUrl::parse(value)), (Some(Ok(proxy)), Ok(other)) if *proxy == other);
            (known && !same).then(|| {
                Finding::note(
                    name.as_str(),
                    "is set: some clients prefer it, and go past the sidecar by it",
                )
                .with_fix(format!("unset {name}"))
            })
        };
        let unchecked = UNCHECKED.iter().filter_map(|(name, value)| {
            let found = self.variable(name)?;
            value.is_none_or(|value| value == found).then(|| {
                Finding::note(
                    *name,
                    "is set: certificates are not checked, so nothing below tells of the CA there",
                )
                .with_fix(format!("unset {name}"))
            })
        });
        self.variables.iter().filter_map(leads_round).chain(unchecked).collect()
    }
}

#[cfg(test)]
mod tests;
