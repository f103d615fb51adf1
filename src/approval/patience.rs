//! How long a connection may be held: a margin below the time its client gives up.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::io::yaml::{self, Located};
use crate::model::diagnostic::EMBEDDED;
use crate::model::{Diagnostic, Source};

/// No connection is held longer than this.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The name of the profile of clients that no other profile knows.
const DEFAULT: &str = "default";

/// The file of what clients wait, in the home and shipped.
pub const CLIENTS: &str = "clients.yaml";

/// As it is shipped.
pub fn shipped() -> Source {
    Source {
        file: format!("{EMBEDDED}{CLIENTS}"),
        text: include_str!("../../clients.yaml").to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    unknown: Located<Span>,
    clients: Vec<Located<Client>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    name: String,
    user_agent: Vec<String>,
    timeout: Timeout,
    #[serde(default)]
    margin: Option<Span>,
}

/// `80s`, `5m`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (digits, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            _ => 0,
        };
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u64>().ok().filter(|number| plain && *number <= 3_600);
        match number.map(|number| number * unit) {
            Some(seconds @ 1..) => Ok(Span(Duration::from_secs(seconds))),
            Some(_) | None => Err(format!("expected a time with its unit, as 80s or 5m, found `{text}`")),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
enum Timeout {
    After(Duration),
    Never,
}

impl TryFrom<String> for Timeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "never" => Ok(Timeout::Never),
            _ => Span::try_from(text)
                .map(|span| Timeout::After(span.0))
                .map_err(|error| format!("{error}, or `never`")),
        }
    }
}

impl Client {
    /// How long it may be held.
    fn span(&self) -> Result<Duration, String> {
        let margin = self.margin.map_or(Duration::ZERO, |margin| margin.0);
        let span = match self.timeout {
            Timeout::Never => LONGEST,
            Timeout::After(timeout) => timeout
                .checked_sub(margin)
                .filter(|span| !span.is_zero())
                .ok_or_else(|| format!("`{}`: expected a margin shorter than the timeout", self.name))?,
        };
        Ok(span.min(LONGEST))
    }

    fn is_sound(&self, names: &mut BTreeSet<String>) -> Result<(), String> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if self.name.is_empty() || self.name == DEFAULT || !self.name.bytes().all(plain) {
            return Err(format!(
                "expected a name in lower-case letters and digits, other than `{DEFAULT}`, found `{}`",
                self.name
            ));
        }
        if !names.insert(self.name.clone()) {
            return Err(format!("`{}` is there twice: give each client one place", self.name));
        }
        // SECURITY: what is empty is the beginning of every User-Agent, and would give its time to all that follow.
        if self.user_agent.is_empty() || self.user_agent.iter().any(|beginning| beginning.trim().is_empty()) {
            return Err(format!(
                "`{}`: expected the beginnings of its User-Agent, none empty",
                self.name
            ));
        }
        Ok(())
    }
}

/// How long each kind of client is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// In the order of the file: the first that fits counts.
    profiles: Vec<Profile>,
    unknown: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Profile {
    name: String,
    /// What its `User-Agent` begins with, in lower case.
    beginnings: Vec<String>,
    span: Duration,
}

impl Patience {
    /// Reads a file of clients.
    ///
    /// # Errors
    /// What is wrong in it, with its place.
    pub fn load(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        let file: File = yaml::load(source)?;
        let (mut profiles, mut names, mut wrong) = (Vec::new(), BTreeSet::new(), Vec::new());
        for client in file.clients {
            let sound = client.value.is_sound(&mut names).and_then(|()| client.value.span());
            match sound {
                Ok(span) => profiles.push(Profile {
                    name: client.value.name,
                    beginnings: client
                        .value
                        .user_agent
                        .iter()
                        .map(|text| text.to_ascii_lowercase())
                        .collect(),
                    span,
                }),
                Err(message) => wrong.push(client.diagnostic(source, message)),
            }
        }
        if file.unknown.value.0 > LONGEST {
            let message = format!("expected at most {} s", LONGEST.as_secs());
            wrong.push(file.unknown.diagnostic(source, message));
        }
        match wrong.is_empty() {
            true => Ok(Self {
                profiles,
                unknown: file.unknown.value.0,
            }),
            false => Err(wrong),
        }
    }

    /// Gives a profile another time, at most [`LONGEST`].
    ///
    /// # Errors
    /// If no profile has that name.
    pub fn set(&mut self, name: &str, span: Duration) -> Result<(), String> {
        let span = span.min(LONGEST);
        if name == DEFAULT {
            self.unknown = span;
            return Ok(());
        }
        match self.profiles.iter_mut().find(|profile| profile.name == name) {
            Some(profile) => {
                profile.span = span;
                Ok(())
            }
            None => {
                let known = self.profiles.iter().map(|profile| profile.name.as_str());
                let known: Vec<&str> = known.chain([DEFAULT]).collect();
                Err(format!("expected one of {}, found `{name}`", known.join(", ")))
            }
        }
    }

    /// How long a client that calls itself `user_agent` may be held.
    pub fn of(&self, user_agent: Option<&str>) -> Duration {
        let Some(user_agent) = user_agent else {
            return self.unknown;
        };
        let lower = user_agent.to_ascii_lowercase();
        // Some of Python's libraries name themselves second: `Python/3.13.5 slackclient/3.47.0 Linux/6.12`
        let user_agent = match lower.split_once(' ') {
            Some((first, rest)) if first.starts_with("python/") => rest,
            _ => &lower,
        };
        let fits = |profile: &&Profile| {
            let mut beginnings = profile.beginnings.iter();
            beginnings.any(|beginning| user_agent.starts_with(beginning.as_str()))
        };
        let profile = self.profiles.iter().find(fits);
        profile.map_or(self.unknown, |profile| profile.span)
    }
}

/// The time one held connection has.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    span: Duration,
    ends: Instant,
}

impl Wait {
    /// Starts now.
    pub fn start(span: Duration) -> Self {
        Self {
            span,
            ends: Instant::now() + span,
        }
    }

    /// For nobody who stays: what is there is taken, and nothing is waited for.
    pub fn none() -> Self {
        Self::start(Duration::ZERO)
    }

    pub fn span(&self) -> Duration {
        self.span
    }

    pub(super) fn ends(&self) -> Instant {
        self.ends
    }

    /// Whether the client will still be there for the answer: at least a quarter of its time is left. Below that a
    /// call would be sent whose answer nobody hears, and its approval would be spent.
    pub(super) fn can_still_send(&self) -> bool {
        self.ends.saturating_duration_since(Instant::now()) * 4 >= self.span
    }
}

#[cfg(test)]
impl Default for Patience {
    fn default() -> Self {
        Self::load(&shipped()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(user_agent: &str) -> u64 {
        Patience::default().of(Some(user_agent)).as_secs()
    }

    fn set(name: &str, seconds: u64) -> Patience {
        let mut patience = Patience::default();
        patience.set(name, Duration::from_secs(seconds)).unwrap();
        patience
    }

    #[test]
    fn clients_are_known_by_what_they_call_themselves() {
        assert_eq!(seconds("Stripe/v1 PythonBindings/16.1.0"), 72);
        assert_eq!(seconds("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1"), 54);
        assert_eq!(seconds("aws-sdk-js/3.900.0"), 54);
        assert_eq!(seconds("python-httpx/0.28.1"), 4);
        assert_eq!(seconds("PyGithub/Python"), 12);
        assert_eq!(seconds("sendgrid/6.12.5;python"), 54);
        let slack = set("slack", 7);
        let by_itself = "Python/3.13.5 slackclient/3.47.0 Linux/6.12.0";
        assert_eq!((seconds(by_itself), slack.of(Some(by_itself)).as_secs()), (25, 7));
        assert_eq!(seconds("octokit-core.js/7 Node.js/24"), 285);
        assert_eq!(seconds("node"), 285);
        assert_eq!(seconds("OpenAI/Python 3.52.0"), 300);
        assert_eq!(seconds("python-requests/2.34.0"), 300);
        assert_eq!(seconds("axios/1.13.0"), 300);
        assert_eq!(seconds("curl/8.16.0"), 300);
        assert_eq!(seconds("twilio-python/9.13.0 (Linux x86_64) Python/3.13.5"), 54);
        // Libraries of one name in several languages, each with a time of its own.
        assert_eq!(seconds("twilio-ruby/7.8.0 (linux x86_64) Ruby/3.4.1"), 54);
        assert_eq!(seconds("twilio-node/5.10.3 (linux x64) node/v24.21.0"), 25);
        assert_eq!(seconds("twilio-java/11.0.0 (Linux amd64) java/21"), 25);
        assert_eq!(seconds("twilio-go/1.28.0 (linux amd64) go/go1.25"), 8);
        assert_eq!(seconds("aws-sdk-java/2.34.0 md/io#sync"), 25);
        assert_eq!(seconds("aws-sdk-cpp/1.11.600 ua/2.1"), 2);
        assert_eq!(seconds("aws-sdk-ruby3/3.230.0"), 54);
        assert_eq!(seconds("octokit.js/5.0.5"), 285);
        assert_eq!(seconds("Octokit Ruby Gem 10.0.0"), 54);
        assert_eq!(seconds("gcloud-python/3.17.1 gl-python/3.13.5"), 54);
        assert_eq!(seconds("(gzip)"), 54);
        assert_eq!(seconds("Python/3.13 aiohttp/3.14.5"), 270);
        assert_eq!(seconds("Anthropic/Python 2.11.0"), 300);
        assert_eq!(seconds("Go-http-client/1.1"), 300);
        assert_eq!(seconds("okhttp/5.1.0"), 8);
        assert_eq!(seconds("Java-http-client/25"), 300);
        assert_eq!(seconds("git/2.51.0"), 300);
        assert_eq!(seconds("Python/3.13 websockets/17.4"), 8);
        assert_eq!(seconds("pip/26.3 {\"ci\":null}"), 12);
    }

    #[test]
    fn an_unknown_client_waits_a_short_time() {
        assert_eq!(seconds("something/1.0 curl/8"), 25);
        assert_eq!(Patience::default().of(None).as_secs(), 25);
    }

    #[test]
    fn times_can_be_set_by_profile_but_not_beyond_the_longest() {
        assert_eq!(set("curl", 20).of(Some("curl/8")).as_secs(), 20);
        assert_eq!(set("default", 9).of(None).as_secs(), 9);
        let error = Patience::default().set("Curl", Duration::from_secs(20)).unwrap_err();
        assert!(error.contains("curl, default, found `Curl`"), "{error}");
        assert_eq!(set("curl", 301).of(Some("curl/8")), LONGEST);
    }

    #[test]
    fn a_file_of_the_homes_own_is_read_strictly_and_mistakes_have_their_place() {
        let read = |text: &str| {
            Patience::load(&Source {
                file: "clients.yaml".to_owned(),
                text: text.to_owned(),
            })
        };
        let own =
            read("unknown: 10s\nclients:\n  - { name: ours, user_agent: [\"Ours/\"], timeout: 1m, margin: 10s }\n")
                .unwrap();
        assert_eq!(
            (own.of(Some("ours/1")).as_secs(), own.of(Some("curl/8")).as_secs()),
            (50, 10)
        );
        let client = |text: &str| format!("unknown: 10s\nclients:\n  - {text}\n");
        for (text, line, words) in [
            (client("{ name: a, user_agent: [\"\"], timeout: 9s }"), 3, "none empty"),
            (client("{ name: a, user_agent: [], timeout: 9s }"), 3, "none empty"),
            (
                client("{ name: a, user_agent: [\"a\"], timeout: 9s, margin: 9s }"),
                3,
                "shorter than the timeout",
            ),
            (
                client("{ name: a, user_agent: [\"a\"], timeout: 9 }"),
                3,
                "expected a time with its unit",
            ),
            (client("{ name: a, user_agent: [\"a\"], timeout: 0s }"), 3, "or `never`"),
            (
                client("{ name: default, user_agent: [\"a\"], timeout: 9s }"),
                3,
                "expected a name",
            ),
            (client("{ name: a, agent: [\"a\"], timeout: 9s }"), 3, "agent"),
            ("unknown: 301s\nclients: []\n".to_owned(), 1, "at most 300 s"),
            ("clients: []\n".to_owned(), 0, "unknown"),
        ] {
            let wrong = read(&text).unwrap_err();
            let shown = wrong[0].to_string();
            assert!(shown.contains(words), "{text}: {shown}");
            assert!(
                line == 0 || shown.contains(&format!("clients.yaml:{line}:")),
                "{text}: {shown}"
            );
        }
        let twice = "unknown: 10s\nclients:\n  - { name: a, user_agent: [\"a\"], timeout: 9s }\n  - { name: a, user_agent: [\"b\"], timeout: 9s }\n";
        assert!(read(twice).unwrap_err()[0].to_string().contains("clients.yaml:4:"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_sent_while_a_quarter_of_the_time_is_left() {
        let wait = Wait::start(Duration::from_secs(8));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(wait.can_still_send());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!wait.can_still_send());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!wait.can_still_send());
    }
}
