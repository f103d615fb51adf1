//! `audit:` of `runplane.yaml`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;

use super::home::Home;
use super::notifications::{Url, signing_secrets};
use super::scalar::Span;
use crate::io::yaml::Located;
use crate::model::note::WitnessKey;
use crate::model::{Diagnostic, Source};
use crate::publish;
use crate::upstream::Destination;

/// How the trail is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file that takes each checkpoint.
    pub publish: Option<PathBuf>,
    /// Each checkpoint is a line of the log, too.
    pub log: bool,
    /// So many whole months are kept besides the current one; `None`: all.
    pub retention: Option<u32>,
    /// The machine has run for so long when its clock is believed, which says what is older than that.
    pub clock_settles: Duration,
    /// Go on with a trail that is older than the checkpoint in that file, or than the one that was signed last.
    pub accept_rollback: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            publish: None,
            log: true,
            retention: None,
            clock_settles: CLOCK_SETTLES,
            accept_rollback: false,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    publish: Publish,
    retention: Retention,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retention {
    months: Option<Months>,
    clock_settles: Option<Span>,
}

/// Time enough to be told the time.
const CLOCK_SETTLES: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct Months(u32);

impl TryFrom<u32> for Months {
    type Error = String;

    fn try_from(months: u32) -> Result<Self, String> {
        match months {
            1..=1_200 => Ok(Self(months)),
            _ => Err(format!(
                "expected 1 to 1200 months, found {months}: the last whole month is always kept"
            )),
        }
    }
}

/// Of logs of high-risk systems, by Regulation (EU) 2024/1689, Articles 19(1) and 26(6).
const AT_LEAST: u32 = 6;

impl Audit {
    /// What the operator may not have meant.
    pub(super) fn warning(&self) -> Option<String> {
        let months = self.retention.filter(|months| *months < AT_LEAST)?;
        Some(format!(
            "audit.retention.months: {months}: where the agents are part of a high-risk AI system, its logs are kept for at least {AT_LEAST} months \
             (EU AI Act, Articles 19(1) and 26(6))"
        ))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Publish {
    file: Option<PathBuf>,
    log: Option<bool>,
    webhook: Option<Webhook>,
    witnesses: Vec<Witness>,
    /// Addresses that are not global and that these may have all the same. Agents may not call them for that.
    destinations: Vec<Destination>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: Url,
    /// Holds the secret, or two during a change; a path in the home.
    secret_file: Located<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Witness {
    /// Its submission prefix.
    url: Located<Url>,
    key: Located<Key>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Key(WitnessKey);

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        WitnessKey::parse(&text).map(Key).map_err(|error| error.to_string())
    }
}

impl Section {
    /// Every file it names that holds a secret.
    pub(super) fn files(&self, home: &Home) -> Vec<PathBuf> {
        let webhook = self.publish.webhook.iter();
        webhook
            .map(|webhook| home.path().join(&webhook.secret_file.value))
            .collect()
    }

    /// A relative path is one in the home.
    ///
    /// # Errors
    /// A secret that is missing, none, or in a file that others can read; a witness that is there twice, or whose URL is no prefix.
    pub(super) fn read(
        self,
        home: &Home,
        source: &Source,
        accept_rollback: bool,
    ) -> Result<(Audit, publish::Config), Diagnostic> {
        let Publish {
            file,
            log,
            webhook,
            witnesses,
            destinations,
        } = self.publish;
        let audit = Audit {
            publish: file.map(|file| home.path().join(file)),
            log: log.unwrap_or(true),
            retention: self.retention.months.map(|months| months.0),
            clock_settles: self.retention.clock_settles.map_or(CLOCK_SETTLES, |span| span.0),
            accept_rollback,
        };
        let webhook = webhook.map(|webhook| {
            let secrets = signing_secrets(&webhook.secret_file, home, source)?;
            let uri = webhook.url.0;
            Ok(publish::Webhook { uri, secrets })
        });
        let mut names = BTreeSet::new();
        let witnesses = witnesses.into_iter().map(|witness| {
            let Key(key) = witness.key.value.clone();
            // On record and in `/ready` it is known by its name.
            if !names.insert(key.name().to_owned()) {
                let message = format!("the witness `{}` is there twice", key.name());
                return Err(witness.key.diagnostic(source, message));
            }
            Ok(publish::Witness {
                uri: witness.uri(source)?,
                key,
            })
        });
        let published = publish::Config {
            webhook: webhook.transpose()?,
            witnesses: witnesses.collect::<Result<_, _>>()?,
            destinations,
        };
        Ok((audit, published))
    }
}

impl Witness {
    /// Where it takes checkpoints.
    fn uri(&self, source: &Source) -> Result<Uri, Diagnostic> {
        let prefix = &self.url.value.0;
        let wrong = |message: &str| self.url.diagnostic(source, message);
        if prefix.query().is_some() {
            return Err(wrong("expected the submission prefix of the witness: it has no query"));
        }
        let prefix = prefix.to_string();
        let uri = format!("{}/add-checkpoint", prefix.trim_end_matches('/')).parse();
        uri.map_err(|_| wrong("expected the submission prefix of the witness: it cannot be read with a path behind it"))
    }
}
