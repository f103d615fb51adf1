//! `notifications:` of runplane.yaml: who is told of approvals, and how.

mod slack;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use serde::Deserialize;

use super::home::Home;
use super::scalar::Name;
use crate::io::keys;
use crate::io::yaml::Located;
use crate::model::outbox::{EVENTS, REQUESTED};
use crate::model::{Authority, Diagnostic, Host, Scheme, Secret, Source};
use crate::notify::{self, Encryption, Mailbox, SigningSecrets};
use crate::upstream::Destination;

/// The longest file of secrets that is read, in bytes.
const LONGEST_SECRET: u64 = 1024;

/// As typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    webhooks: Vec<Webhook>,
    email: Option<Email>,
    slack: Option<slack::Slack>,
    /// Addresses that are not global and that receivers may have all the same. Agents may not call them for that.
    destinations: Vec<Destination>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    name: Located<Name>,
    url: Url,
    /// Holds the secret, or two during a change; a path in the home.
    secret_file: Located<PathBuf>,
    #[serde(default = "all_events")]
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    server: Located<Server>,
    #[serde(default)]
    tls: Tls,
    user: Option<String>,
    /// Holds the password alone; a path in the home.
    password_file: Option<Located<PathBuf>>,
    from: Address,
    #[serde(default)]
    groups: BTreeMap<Name, Vec<Address>>,
    #[serde(default)]
    always: Vec<Address>,
    #[serde(default = "the_question")]
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tls {
    #[default]
    Starttls,
    Implicit,
    None,
}

/// Of [`EVENTS`].
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Event(Arc<str>);

impl TryFrom<String> for Event {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = EVENTS.into_iter().find(|event| *event == text);
        known
            .map(|event| Event(event.into()))
            .ok_or_else(|| format!("expected one of {} as event, found `{text}`", EVENTS.join(", ")))
    }
}

fn all_events() -> Vec<Event> {
    EVENTS.map(|event| Event(event.into())).to_vec()
}

fn the_question() -> Vec<Event> {
    vec![Event(REQUESTED.into())]
}

/// `https://hooks.example.com/runplane`; in clear to this machine only.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Url(pub(super) Uri);

impl TryFrom<String> for Url {
    type Error = String;

    // What was found is not said: many such URLs are secret.
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("expected a URL as https://hooks.example.com/runplane: {why}");
        let uri: Uri = text.parse().map_err(|_| wrong("it cannot be read"))?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(wrong("it begins with https://")),
        };
        if text.contains('#') {
            return Err(wrong("it has no fragment"));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let authority = Authority::parse(authority, Some(scheme.default_port()));
        let authority = authority.map_err(|error| wrong(&error.to_string()))?;
        match scheme == Scheme::Https || is_this_machine(&authority.host) {
            true => Ok(Self(uri)),
            false => Err(wrong("in clear to this machine only")),
        }
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Name(name) => &**name == "localhost",
        Host::Address(address) => address.is_loopback(),
    }
}

/// `smtp.example.com:587`
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Server(Host, Option<u16>);

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |error| {
            format!("expected a mail server as smtp.example.com or smtp.example.com:587, found `{text}`: {error}")
        };
        let (host, port) = Authority::parts(&text).map_err(wrong)?;
        Ok(Self(host, port))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Address(Mailbox);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Address)
            .map_err(|error: notify::ParseMailboxError| error.to_string())
    }
}

impl Section {
    /// Every file it names.
    pub(super) fn files(&self, home: &Home) -> Vec<PathBuf> {
        let webhooks = self.webhooks.iter().map(|webhook| &webhook.secret_file);
        let email = self.email.iter().filter_map(|email| email.password_file.as_ref());
        let slack = self.slack.iter();
        let slack = slack.flat_map(|slack| std::iter::once(&slack.token_file).chain(&slack.signing_secret_file));
        webhooks
            .chain(email)
            .chain(slack)
            .map(|file| home.path().join(&file.value))
            .collect()
    }

    /// # Errors
    /// A secret that is missing, none, or in a file that others can read; a name that is there twice; clear text to elsewhere.
    /// `has_page`: people reach control by a name.
    pub(super) fn config(self, home: &Home, source: &Source, has_page: bool) -> Result<notify::Config, Diagnostic> {
        let mut names = BTreeSet::new();
        let mut webhooks = Vec::new();
        for webhook in self.webhooks {
            if !names.insert(webhook.name.value.clone()) {
                let message = format!(
                    "another webhook is called `{}`: give each its own name",
                    webhook.name.value.0
                );
                return Err(webhook.name.diagnostic(source, message));
            }
            webhooks.push(webhook.webhook(home, source)?);
        }
        Ok(notify::Config {
            webhooks,
            email: self.email.map(|email| email.email(home, source)).transpose()?,
            slack: self
                .slack
                .map(|slack| slack.slack(home, source, has_page))
                .transpose()?,
            destinations: self.destinations,
        })
    }
}

impl Webhook {
    fn webhook(self, home: &Home, source: &Source) -> Result<notify::Webhook, Diagnostic> {
        let secrets = signing_secrets(&self.secret_file, home, source)?;
        Ok(notify::Webhook {
            name: self.name.value.arc(),
            uri: self.url.0,
            secrets,
            events: names(&self.events),
        })
    }
}

impl Email {
    fn email(self, home: &Home, source: &Source) -> Result<notify::Email, Diagnostic> {
        let wrong = |message: &str| Err(self.server.diagnostic(source, message));
        let Server(host, port) = self.server.value.clone();
        let (encryption, usual_port) = match self.tls {
            Tls::Starttls => (Encryption::StartTls, 587),
            Tls::Implicit => (Encryption::Implicit, 465),
            Tls::None => (Encryption::None, 25),
        };
        // SECURITY: what is asked of people, and the password, would go over the network in clear. Test:
        // `mail_goes_in_clear_to_this_machine_only`.
        if encryption == Encryption::None && !is_this_machine(&host) {
            return wrong("`tls: none` is for a mail server on this machine only (localhost or 127.0.0.1)");
        }
        if self.groups.values().all(Vec::is_empty) && self.always.is_empty() {
            return wrong("nobody would get mail: name addresses under `groups` or `always`");
        }
        let credentials = match (&self.user, &self.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => {
                let text = secret(file, home, source)?;
                let password = text.expose().trim_end_matches(['\r', '\n']).to_owned();
                if password.is_empty() {
                    let path = home.path().join(&file.value);
                    return Err(file.diagnostic(source, format!("`{}` holds no password", path.display())));
                }
                Some((user.clone(), Secret::new(password)))
            }
            (Some(_), None) | (None, Some(_)) => {
                return wrong("`user` and `password_file` go together: expected both or neither");
            }
        };
        let mailboxes = |addresses: Vec<Address>| addresses.into_iter().map(|address| address.0).collect();
        Ok(notify::Email {
            server: Authority {
                host,
                port: port.unwrap_or(usual_port),
            },
            encryption,
            credentials,
            from: self.from.0,
            groups: self
                .groups
                .into_iter()
                .map(|(group, addresses)| (group.arc(), mailboxes(addresses)))
                .collect(),
            always: mailboxes(self.always),
            events: names(&self.events),
        })
    }
}

fn names(events: &[Event]) -> Vec<Arc<str>> {
    let names: BTreeSet<Arc<str>> = events.iter().map(|event| event.0.clone()).collect();
    names.into_iter().collect()
}

/// What a file that nobody else can read signs with.
pub(super) fn signing_secrets(
    file: &Located<PathBuf>,
    home: &Home,
    source: &Source,
) -> Result<SigningSecrets, Diagnostic> {
    let text = secret(file, home, source)?;
    SigningSecrets::parse(text.expose()).map_err(|error| {
        let message = format!("`{}`: {error}", home.path().join(&file.value).display());
        file.diagnostic(source, message)
    })
}

/// The text of a file that nobody else can read.
fn secret(file: &Located<PathBuf>, home: &Home, source: &Source) -> Result<Secret<String>, Diagnostic> {
    let content = keys::secret_file(&home.path().join(&file.value), LONGEST_SECRET);
    let content = content.map_err(|error| file.diagnostic(source, error.to_string()))?;
    let text = std::str::from_utf8(content.expose()).map_err(|_| file.diagnostic(source, "the file is not UTF-8"))?;
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
