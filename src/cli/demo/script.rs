//! What the agents do: six calls, written as their SDKs would write them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::json;

use crate::model::Timestamp;

/// Agents, with the role they have.
pub(super) const AGENTS: [(&str, &str); 2] = [("support-bot", "support"), ("ops-bot", "sre")];
/// The charge of an earlier day that the refund is of, in US cents.
pub(super) const EARLIER_CHARGE: (&str, i64) = ("ch_3Ben", 120_000);

const RECIPIENTS: usize = 50_000;
const INSTANCES: u32 = 120;
/// As many as DynamoDB takes in one batch.
const DELETIONS: u32 = 25;

/// A service that a fake plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Stripe,
    Ec2,
    DynamoDb,
    SendGrid,
    Slack,
}

impl Provider {
    pub(super) const ALL: [Provider; 5] = [
        Provider::Stripe,
        Provider::Ec2,
        Provider::DynamoDb,
        Provider::SendGrid,
        Provider::Slack,
    ];

    pub(super) fn host(self) -> &'static str {
        match self {
            Provider::Stripe => "api.stripe.com",
            Provider::Ec2 => "ec2.us-east-1.amazonaws.com",
            Provider::DynamoDb => "dynamodb.us-east-1.amazonaws.com",
            Provider::SendGrid => "api.sendgrid.com",
            Provider::Slack => "slack.com",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Provider::Stripe => "Stripe",
            Provider::Ec2 => "AWS EC2",
            Provider::DynamoDb => "AWS DynamoDB",
            Provider::SendGrid => "SendGrid",
            Provider::Slack => "Slack",
        }
    }
}

/// What the shipped policy makes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Allow,
    Hold,
    Block,
}

/// One call of an agent's.
pub(super) struct Step {
    /// Which of [`AGENTS`].
    pub(super) agent: usize,
    /// What the agent says it does.
    pub(super) says: &'static str,
    pub(super) provider: Provider,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// As the mapping names it: by this it is found in the record. No two steps have the same.
    pub(super) operation: &'static str,
    pub(super) expected: Expected,
}

impl Step {
    pub(super) fn who(&self) -> &'static str {
        AGENTS.get(self.agent).map_or("nobody", |(name, _)| name)
    }
}

/// The whole story; its last step is made when all others have ended.
pub(super) fn steps() -> Vec<Step> {
    vec![charge(), instances(), mail(), deletion(), refund(), message()]
}

fn charge() -> Step {
    Step {
        agent: 0,
        says: "Ada's order comes to $150. I charge her card.",
        provider: Provider::Stripe,
        path: "/v1/charges",
        headers: stripe(),
        body: "amount=15000&currency=usd&customer=cus_Ada&description=Order+1001".into(),
        operation: "charges.create",
        expected: Expected::Allow,
    }
}

fn instances() -> Step {
    let query = format!(
        "Action=RunInstances&Version=2016-11-15&ImageId=ami-12c6146b&InstanceType=c7i.4xlarge&MinCount={INSTANCES}&MaxCount={INSTANCES}"
    );
    Step {
        agent: 1,
        says: "Traffic is up. I start 120 more machines, to be safe.",
        provider: Provider::Ec2,
        path: "/",
        headers: vec![
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            ),
            ("authorization", aws("ec2")),
        ],
        body: query.into(),
        operation: "ec2.RunInstances",
        expected: Expected::Hold,
    }
}

fn mail() -> Step {
    let to: Vec<_> = (1..=RECIPIENTS)
        .map(|number| json!({"email": format!("customer{number}@example.com")}))
        .collect();
    let mail = json!({
        "personalizations": [{"to": to}],
        "from": {"email": "shop@example.com"},
        "subject": "Your parcel is late",
        "content": [{"type": "text/plain", "value": "We are sorry: your parcel comes a day later."}],
    });
    Step {
        agent: 0,
        says: "Parcels are late. I write to all 50,000 customers in one request.",
        provider: Provider::SendGrid,
        path: "/v3/mail/send",
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("authorization", "Bearer SG.demo".to_owned()),
        ],
        body: mail.to_string().into(),
        operation: "mail.send",
        expected: Expected::Hold,
    }
}

fn deletion() -> Step {
    let deletions: Vec<_> = (1..=DELETIONS)
        .map(|number| json!({"DeleteRequest": {"Key": {"id": {"S": format!("order-{number}")}}}}))
        .collect();
    Step {
        agent: 1,
        says: "The table of orders grows. I delete 25 of them in one batch.",
        provider: Provider::DynamoDb,
        path: "/",
        headers: vec![
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", "DynamoDB_20120810.BatchWriteItem".to_owned()),
            ("authorization", aws("dynamodb")),
        ],
        body: json!({"RequestItems": {"orders": deletions}}).to_string().into(),
        operation: "dynamodb.BatchWriteItem",
        expected: Expected::Block,
    }
}

fn refund() -> Step {
    let (charge, _) = EARLIER_CHARGE;
    Step {
        agent: 0,
        says: "Ben is not happy with his order. I give him $900 back.",
        provider: Provider::Stripe,
        path: "/v1/refunds",
        headers: stripe(),
        body: format!("charge={charge}&amount=90000&reason=requested_by_customer").into(),
        operation: "refunds.create",
        expected: Expected::Hold,
    }
}

fn message() -> Step {
    let message =
        json!({"channel": "#support", "text": "Done for today: what I did and what I was not let do is on record."});
    Step {
        agent: 0,
        says: "I tell the team in #support that I am done.",
        provider: Provider::Slack,
        path: "/api/chat.postMessage",
        headers: vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("authorization", "Bearer xoxb-demo".to_owned()),
        ],
        body: message.to_string().into(),
        operation: "chat.postMessage",
        expected: Expected::Allow,
    }
}

fn stripe() -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/x-www-form-urlencoded".to_owned()),
        (
            "authorization",
            format!("Basic {}", BASE64_STANDARD.encode("sk_test_demo:")),
        ),
    ]
}

/// The credential scope is true, the signature is none: the fake checks neither, and Runplane reads the scope.
fn aws(service: &str) -> String {
    let day: String = Timestamp::now()
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .take(8)
        .collect();
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIADEMO/{day}/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature={}",
        "0".repeat(64)
    )
}
