//! `notifications.slack`: a workspace in which people are asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::super::home::Home;
use super::super::scalar::Name;
use super::secret;
use crate::io::yaml::Located;
use crate::model::{Diagnostic, Secret, Source};
use crate::notify;
use crate::notify::slack::Buttons;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slack {
    /// Holds the bot's token alone; a path in the home.
    pub(super) token_file: Located<PathBuf>,
    #[serde(default)]
    groups: BTreeMap<Name, Vec<Channel>>,
    #[serde(default)]
    always: Vec<Channel>,
    /// Holds the app's signing secret alone; a path in the home.
    pub(super) signing_secret_file: Option<Located<PathBuf>>,
    #[serde(default)]
    people: BTreeMap<User, Name>,
}

/// `C0123456789`: names of channels change.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Channel(Arc<str>);

impl TryFrom<String> for Channel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match is_id(&text, &['C', 'G', 'D']) {
            true => Ok(Self(text.into())),
            false => Err(format!("expected the id of a channel as C0123456789, found `{text}`")),
        }
    }
}

/// `U0123456789`: names of people are what people say they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct User(Arc<str>);

impl TryFrom<String> for User {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match is_id(&text, &['U', 'W']) {
            true => Ok(Self(text.into())),
            false => Err(format!(
                "expected the id of a user of Slack as U0123456789, found `{text}`"
            )),
        }
    }
}

fn is_id(text: &str, kinds: &[char]) -> bool {
    let usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    text.starts_with(kinds) && (2..=32).contains(&text.len()) && text.bytes().all(usual)
}

impl Slack {
    /// `has_page`: people, and Slack, reach control by a name (`control.public_url`).
    ///
    /// # Errors
    /// A secret that is missing, none, or in a file that others can read; nobody to ask; buttons that nobody's click would reach.
    pub(super) fn slack(&self, home: &Home, source: &Source, has_page: bool) -> Result<notify::Slack, Diagnostic> {
        let wrong = |message: &str| Err(self.token_file.diagnostic(source, message));
        if self.groups.values().all(Vec::is_empty) && self.always.is_empty() {
            return wrong("nobody would be asked: name channels under `groups` or `always`");
        }
        let token = one_line(&self.token_file, home, source)?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !token.expose().starts_with("xoxb-") || !plain(token.expose()) {
            return wrong("expected a file with the token of the app's bot alone (xoxb-…)");
        }
        let buttons = match &self.signing_secret_file {
            None if self.people.is_empty() => None,
            None => return wrong("`people` and `signing_secret_file` go together: expected both or neither"),
            Some(file) if self.people.is_empty() => {
                let message = "nobody could press a button: name users of Slack under `people`, as U0123456789: alice";
                return Err(file.diagnostic(source, message));
            }
            Some(file) if !has_page => {
                let message = "Slack tells of a click by the name that `control.public_url` gives: expected one";
                return Err(file.diagnostic(source, message));
            }
            Some(file) => {
                let secret = one_line(file, home, source)?;
                let text = secret.expose();
                if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    let message = "expected a file with the app's signing secret alone (32 hexadecimal digits)";
                    return Err(file.diagnostic(source, message));
                }
                Some(Buttons {
                    signing_secret: secret,
                    people: self
                        .people
                        .iter()
                        .map(|(user, person)| (user.0.clone(), person.arc()))
                        .collect(),
                })
            }
        };
        let ids = |channels: &[Channel]| channels.iter().map(|channel| channel.0.clone()).collect();
        let groups = self.groups.iter();
        Ok(notify::Slack {
            token,
            groups: groups.map(|(group, channels)| (group.arc(), ids(channels))).collect(),
            always: ids(&self.always),
            buttons,
        })
    }
}

fn one_line(file: &Located<PathBuf>, home: &Home, source: &Source) -> Result<Secret<String>, Diagnostic> {
    let text = secret(file, home, source)?;
    Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
}
