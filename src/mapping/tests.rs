use std::collections::BTreeSet;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};

use super::*;
use crate::model::{Body, CallId, Caller, Origin, Reason, Timestamp};

mod accounts;
mod answers;
mod aws;
mod bypass;
mod codings;
mod fuzz;
mod generated;
mod grpc;
mod hostile;
mod identity;
mod joined;
mod known_hosts;
mod load;
mod meaning;
mod messages;
mod paths;
mod readers;
mod record;
mod s3;
mod samples;
mod sweep;

const VOCABULARY: &str = include_str!("../../mappings/actions.yaml");
const PAYPAL: &str = include_str!("../../mappings/paypal.yaml");
const SHOPIFY: &str = include_str!("../../mappings/shopify.yaml");
const STRIPE: &str = include_str!("../../mappings/stripe.yaml");

/// A file that ships: its name, what it says, and its samples.
macro_rules! shipped {
    ($($name:literal)*) => {
        [$((
            $name,
            include_str!(concat!("../../mappings/", $name, ".yaml")),
            include_str!(concat!("../../tests/samples/", $name, ".jsonl")),
        )),*]
    };
}

const FILES: &[(&str, &str, &str)] = &shipped! {
    "stripe"
    "stripe-files"
    "stripe-connect"
    "aws-ec2"
    "aws-dynamodb"
    "aws-s3"
    "aws-lambda"
    "sendgrid"
    "slack"
    "slack-hooks"
    "slack-files"
    "aws-autoscaling"
    "aws-redshift-data"
    "aws-ecs"
    "aws-eks"
    "aws-iam"
    "aws-kms"
    "aws-logs"
    "aws-rds"
    "aws-secretsmanager"
    "aws-ses"
    "aws-sns"
    "aws-sqs"
    "aws-sts"
    "github"
    "github-git"
    "twilio"
    "twilio-accounts"
    "twilio-lookups"
    "twilio-messaging"
    "twilio-products"
    "twilio-verify"
    "openai"
    "anthropic"
    "google-oauth"
    "google-sts"
    "google-storage"
    "google-storage-xml"
    "google-www"
    "aws-rds-data"
    "google-bigquery"
    "google-secretmanager"
    "jira"
    "linear"
    "mcp"
    "mongodb-data-api"
    "neon"
    "neon-mcp"
    "notion"
    "shopify"
    "snowflake"
    "supabase"
    "supabase-mcp"
    "aws-bedrock-runtime"
    "aws-cloudformation"
    "aws-elasticache"
    "aws-elasticbeanstalk"
    "aws-organizations"
    "aws-redshift"
    "asana"
    "cloudflare"
    "datadog"
    "digitalocean"
    "discord"
    "docusign"
    "elasticsearch"
    "google-aiplatform"
    "google-androidpublisher"
    "google-compute"
    "google-container"
    "google-firestore"
    "google-gmail"
    "google-run"
    "google-sheets"
    "google-spanner"
    "google-sqladmin"
    "hubspot"
    "intercom"
    "pagerduty"
    "pagerduty-events"
    "paypal"
    "pinecone"
    "pinecone-data"
    "plaid"
};

fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        text: text.to_owned(),
    }
}

fn load(files: &[(&str, &str)]) -> Result<Mappings, Vec<Diagnostic>> {
    let files: Vec<_> = files.iter().map(|(file, text)| source(file, text)).collect();
    Mappings::load(&source("actions.yaml", VOCABULARY), &files)
}

/// The shipped files, with an account in dollars.
fn load_shipped() -> Mappings {
    let files: Vec<_> = FILES.iter().map(|(name, text, _)| (*name, *text)).collect();
    match load(&files) {
        Ok(mappings) => mappings.with_accounts(Some("usd"), Accounts::default()),
        Err(problems) => panic!(
            "{}",
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        ),
    }
}

fn shipped() -> &'static Mappings {
    static SHIPPED: LazyLock<Mappings> = LazyLock::new(load_shipped);
    &SHIPPED
}

/// A call to `https://host[:port]/path[?query]`.
fn call(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&str>) -> Call {
    let (scheme, rest) = url.split_once("://").unwrap();
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        fields.append(
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::from([]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme,
        authority: Authority::parse(authority, Some(scheme.default_port())).unwrap(),
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        path: path.to_owned(),
        query,
        headers: fields,
        body: body.map_or(Body::Absent, |body| Body::Captured(body.to_owned().into())),
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const KEY: (&str, &str) = ("authorization", "Bearer sk_test_sample");

/// A form posted to Stripe.
fn stripe(path: &str, body: &str) -> Call {
    call(
        "POST",
        &format!("https://api.stripe.com{path}"),
        &[FORM, KEY],
        Some(body),
    )
}

fn ec2(body: &str) -> Call {
    call("POST", "https://ec2.us-east-1.amazonaws.com/", &[FORM], Some(body))
}

fn dynamodb(operation: &str, body: &Json) -> Call {
    let target = format!("DynamoDB_20120810.{operation}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    call(
        "POST",
        "https://dynamodb.us-east-1.amazonaws.com/",
        &headers,
        Some(&body.to_string()),
    )
}

fn resolve(mappings: &Mappings, call: &Call) -> Result<Action, Reason> {
    let route = mappings.route(call).map_err(|refusal| refusal.reason)?;
    mappings.resolve(call, route).map_err(|refusal| refusal.reason)
}
