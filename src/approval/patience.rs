//! How long a connection may be held: a margin below the time its client gives up.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// No connection is held longer than this.
pub const LONGEST: Duration = Duration::from_secs(300);

/// The name of the profile of clients that no other profile knows.
pub const DEFAULT: &str = "default";

/// One kind of client: what its `User-Agent` starts with (lower case), and how many seconds it waits for us.
struct Profile {
    name: &'static str,
    products: &'static [&'static str],
    seconds: u64,
}

/// Measured (default time-outs): httpx 5 s, PyGithub 15 s, slack 30 s, boto3 60 s, stripe 80 s, undici 300 s,
/// requests, axios and curl never. SendGrid's and Twilio's libraries wait as their languages do, Ruby's 60 s, Python's for
/// ever, pip 15 s between two bytes, websockets (Python) 10 s. By their sources: Google's libraries for Python 60 s, aiohttp 300 s, those of OpenAI and Anthropic 600 s, OkHttp
/// 10 s between two bytes; Go's and Java's own clients and git never.
const PROFILES: [Profile; 22] = [
    Profile {
        name: "stripe",
        products: &["stripe/"],
        seconds: 72,
    },
    Profile {
        name: "boto3",
        products: &["boto3/", "botocore/", "aws-cli/", "aws-sdk"],
        seconds: 54,
    },
    Profile {
        name: "httpx",
        products: &["python-httpx/", "python-httpx2/"],
        seconds: 4,
    },
    Profile {
        name: "pygithub",
        products: &["pygithub/"],
        seconds: 12,
    },
    Profile {
        name: "sendgrid",
        products: &["sendgrid/"],
        seconds: 54,
    },
    Profile {
        name: "slack",
        products: &["slackclient/", "python-slackclient/", "@slack"],
        seconds: 25,
    },
    Profile {
        name: "octokit",
        products: &["octokit"],
        seconds: 285,
    },
    Profile {
        name: "undici",
        products: &["undici", "node"],
        seconds: 285,
    },
    Profile {
        name: "openai",
        products: &["openai/", "asyncopenai/"],
        seconds: 300,
    },
    Profile {
        name: "requests",
        products: &["python-requests/"],
        seconds: 300,
    },
    Profile {
        name: "twilio",
        products: &["twilio-"],
        seconds: 54,
    },
    Profile {
        name: "google",
        products: &[
            "google-api-python-client/",
            "(gzip)",
            "gcloud-python/",
            "gcloud/",
            "google-cloud-sdk",
            "gl-python/",
        ],
        seconds: 54,
    },
    Profile {
        name: "aiohttp",
        products: &["aiohttp/"],
        seconds: 270,
    },
    Profile {
        name: "anthropic",
        products: &["anthropic/", "asyncanthropic/"],
        seconds: 300,
    },
    Profile {
        name: "go",
        products: &["go-http-client/"],
        seconds: 300,
    },
    Profile {
        name: "okhttp",
        products: &["okhttp/"],
        seconds: 8,
    },
    Profile {
        name: "java",
        products: &["java-http-client/", "java/"],
        seconds: 300,
    },
    Profile {
        name: "git",
        products: &["git/"],
        seconds: 300,
    },
    Profile {
        name: "pip",
        products: &["pip/"],
        seconds: 12,
    },
    Profile {
        name: "websockets",
        products: &["websockets/"],
        seconds: 8,
    },
    Profile {
        name: "axios",
        products: &["axios/"],
        seconds: 300,
    },
    Profile {
        name: "curl",
        products: &["curl/"],
        seconds: 300,
    },
];

/// A client that is on no list: a common time-out is 30 s.
const UNKNOWN: Duration = Duration::from_secs(25);

/// How long each kind of client is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    spans: BTreeMap<&'static str, Duration>,
    unknown: Duration,
}

/// A setting that names no client we know, or a time that is too long.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatienceError {
    #[error("expected one of {known}, found `{found}`", known = known())]
    UnknownProfile { found: String },
    #[error("expected at most {} s for `{profile}`, found {} s", LONGEST.as_secs(), found.as_secs())]
    TooLong { profile: String, found: Duration },
}

fn known() -> String {
    let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).chain([DEFAULT]).collect();
    names.join(", ")
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            spans: PROFILES
                .iter()
                .map(|profile| (profile.name, Duration::from_secs(profile.seconds)))
                .collect(),
            unknown: UNKNOWN,
        }
    }
}

impl Patience {
    /// The measured times, with those of `overrides` (profile name → time) in their place.
    ///
    /// # Errors
    /// If a name is not that of a profile, or a time is longer than [`LONGEST`].
    pub fn new(overrides: &BTreeMap<String, Duration>) -> Result<Self, PatienceError> {
        let mut patience = Self::default();
        for (name, span) in overrides {
            if *span > LONGEST {
                return Err(PatienceError::TooLong {
                    profile: name.clone(),
                    found: *span,
                });
            }
            if name == DEFAULT {
                patience.unknown = *span;
                continue;
            }
            let Some(profile) = PROFILES.iter().find(|profile| profile.name == name) else {
                return Err(PatienceError::UnknownProfile { found: name.clone() });
            };
            patience.spans.insert(profile.name, *span);
        }
        Ok(patience)
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
        PROFILES
            .iter()
            .find(|profile| profile.products.iter().any(|product| user_agent.starts_with(product)))
            .and_then(|profile| self.spans.get(profile.name).copied())
            .unwrap_or(self.unknown)
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
mod tests {
    use super::*;

    fn seconds(user_agent: &str) -> u64 {
        Patience::default().of(Some(user_agent)).as_secs()
    }

    #[test]
    fn clients_are_known_by_what_they_call_themselves() {
        assert_eq!(seconds("Stripe/v1 PythonBindings/16.1.0"), 72);
        assert_eq!(seconds("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1"), 54);
        assert_eq!(seconds("aws-sdk-js/3.900.0"), 54);
        assert_eq!(seconds("python-httpx/0.28.1"), 4);
        assert_eq!(seconds("PyGithub/Python"), 12);
        assert_eq!(seconds("sendgrid/6.12.5;python"), 54);
        let slack = Patience::new(&BTreeMap::from([("slack".to_owned(), Duration::from_secs(7))])).unwrap();
        let by_itself = "Python/3.13.5 slackclient/3.47.0 Linux/6.12.0";
        assert_eq!((seconds(by_itself), slack.of(Some(by_itself)).as_secs()), (25, 7));
        assert_eq!(seconds("octokit-core.js/7 Node.js/24"), 285);
        assert_eq!(seconds("node"), 285);
        assert_eq!(seconds("OpenAI/Python 3.52.0"), 300);
        assert_eq!(seconds("python-requests/2.34.0"), 300);
        assert_eq!(seconds("axios/1.13.0"), 300);
        assert_eq!(seconds("curl/8.16.0"), 300);
        assert_eq!(seconds("twilio-python/9.13.0 (Linux x86_64) Python/3.13.5"), 54);
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
        assert_eq!(Patience::default().of(None), UNKNOWN);
    }

    #[test]
    fn times_can_be_set_by_profile_but_not_beyond_the_longest() {
        let set = |name: &str, seconds| BTreeMap::from([(name.to_owned(), Duration::from_secs(seconds))]);
        let patience = Patience::new(&set("curl", 20)).unwrap();
        assert_eq!(patience.of(Some("curl/8")).as_secs(), 20);
        assert_eq!(Patience::new(&set("default", 9)).unwrap().of(None).as_secs(), 9);
        let error = Patience::new(&set("Curl", 20)).unwrap_err().to_string();
        assert!(error.contains("curl, default, found `Curl`"), "{error}");
        assert!(Patience::new(&set("curl", 301)).is_err());
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
