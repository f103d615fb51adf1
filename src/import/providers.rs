//! The shipped generated mappings: which description each is made of, and what the descriptions do not say.

use super::Options;

/// One provider whose description is OpenAPI.
pub(super) struct Provider {
    /// How the names of its descriptions begin: `github.json`, a folder.
    pub description: &'static str,
    pub name: &'static str,
    pub provider: &'static str,
    pub title: &'static str,
    /// In the place of the description's own.
    hosts: &'static [&'static str],
    base: Option<&'static str>,
    kind: Kind,
    /// Parameters of paths that may be any text, with escaped separators in it.
    escaped: &'static [&'static str],
}

/// How a provider differs from most.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// `.json` at the end of a path is the answer's format; each description names its operations by itself.
    Formats,
    /// Everything is POST.
    ByPath,
    /// Operations are named by the path after this.
    After(&'static str),
}

const fn plain(
    description: &'static str,
    name: &'static str,
    title: &'static str,
    hosts: &'static [&'static str],
) -> Provider {
    Provider {
        description,
        name,
        provider: name,
        title,
        hosts,
        base: None,
        kind: Kind::Plain,
        escaped: &[],
    }
}

/// 9243 is the port that Elastic Cloud gave its addresses with.
const ELASTIC: [&str; 6] = [
    "{deployment}.es.{region}.{cloud}.cloud.es.io:443|9243",
    "{deployment}.es.{region}.{cloud}.elastic-cloud.com:443|9243",
    "{deployment}.es.{region}.{cloud}.elastic.cloud:443|9243",
    "{deployment}.{region}.{cloud}.cloud.es.io:443|9243",
    "{deployment}.{region}.{cloud}.elastic.cloud:443|9243",
    "{deployment}.{region}.{cloud}.found.io:443|9243",
];
const PAYPAL: [&str; 4] = [
    "api-m.paypal.com",
    "api.paypal.com",
    "api-m.sandbox.paypal.com",
    "api.sandbox.paypal.com",
];

/// What GitHub takes with `%2F` in it: refs, files, and names that may hold slashes.
const GITHUB: [&str; 9] = [
    "basehead",
    "branch",
    "environment_name",
    "package_name",
    "path",
    "ref",
    "tag",
    "tree_sha",
    "workflow_id",
];

/// In order of their names.
pub(super) const PROVIDERS: [Provider; 21] = [
    plain("asana.json", "asana", "Asana", &[]),
    plain("cloudflare.json", "cloudflare", "Cloudflare", &[]),
    plain("datadog", "datadog", "Datadog", &[]),
    plain("digitalocean.json", "digitalocean", "DigitalOcean", &[]),
    plain("discord.json", "discord", "Discord", &[]),
    Provider {
        base: Some("/restapi"),
        ..plain("docusign.json", "docusign", "DocuSign", &["{site}.docusign.net"])
    },
    plain("elasticsearch.json", "elasticsearch", "Elasticsearch", &ELASTIC),
    Provider {
        escaped: &GITHUB,
        ..plain(
            "github.json",
            "github",
            "GitHub",
            &["api.github.com", "uploads.github.com"],
        )
    },
    plain("hubspot", "hubspot", "HubSpot", &["api.hubapi.com"]),
    plain("intercom.json", "intercom", "Intercom", &[]),
    plain("openai.json", "openai", "OpenAI", &[]),
    plain(
        "pagerduty.json",
        "pagerduty",
        "PagerDuty",
        &["api.pagerduty.com", "api.eu.pagerduty.com"],
    ),
    Provider {
        provider: "pagerduty",
        ..plain(
            "pagerduty-events-",
            "pagerduty-events",
            "PagerDuty events",
            &["events.pagerduty.com"],
        )
    },
    plain("paypal", "paypal", "PayPal", &PAYPAL),
    Provider {
        provider: "pinecone",
        ..plain("pinecone/control.json", "pinecone", "Pinecone", &["api.pinecone.io"])
    },
    Provider {
        provider: "pinecone",
        ..plain(
            "pinecone/data.json",
            "pinecone-data",
            "Pinecone indexes",
            &["{index}.svc.{environment}.pinecone.io"],
        )
    },
    Provider {
        kind: Kind::ByPath,
        ..plain(
            "plaid.json",
            "plaid",
            "Plaid",
            &["production.plaid.com", "sandbox.plaid.com", "development.plaid.com"],
        )
    },
    plain(
        "sendgrid.json",
        "sendgrid",
        "SendGrid",
        &["api.sendgrid.com", "api.eu.sendgrid.com"],
    ),
    Provider {
        kind: Kind::After("/api/"),
        ..plain("slack.json", "slack", "Slack", &["slack.com", "{workspace}.slack.com"])
    },
    plain("stripe-2022-03.json", "stripe", "Stripe", &["api.stripe.com"]),
    Provider {
        kind: Kind::Formats,
        ..plain("twilio", "twilio", "Twilio", &[])
    },
];

impl Provider {
    /// `stem`: of the description, where each has its own names.
    pub(super) fn options(&self, stem: &str) -> Options {
        let formats = self.kind == Kind::Formats;
        Options {
            name: match formats {
                true => format!(
                    "{}-{}",
                    self.name,
                    stem.split('_').next().unwrap_or(stem).replace('_', "-")
                ),
                false => self.name.to_owned(),
            },
            provider: self.provider.to_owned(),
            title: self.title.to_owned(),
            hosts: self.hosts.iter().map(|host| (*host).to_owned()).collect(),
            base: self.base.map(str::to_owned),
            name_prefix: match formats {
                true => format!("{stem}."),
                false => String::new(),
            },
            formats,
            by_path: self.kind == Kind::ByPath,
            after: match self.kind {
                Kind::After(prefix) => Some(prefix.to_owned()),
                Kind::Plain | Kind::Formats | Kind::ByPath => None,
            },
            head: match self.escaped {
                [] => Vec::new(),
                escaped => vec![("escaped", format!("[{}]", escaped.join(", ")))],
            },
        }
    }

    /// Whether each description of the folder names its operations by itself.
    pub(super) fn is_many(&self) -> bool {
        self.kind == Kind::Formats
    }
}
