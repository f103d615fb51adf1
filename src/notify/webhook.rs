//! Webhooks by the Standard Webhooks specification, 1.0.0 (standardwebhooks.com): signed, with an id that stays the same over
//! all attempts. 2xx is success, 410 the end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, InvalidHeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Serialize;

use super::message::Message;
use super::outbox::Failure;
use crate::model::entry::hmac_sha256;
use crate::model::{Secret, Timestamp};
use crate::upstream::Errands;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const AGENT: &str = concat!("runplane/", env!("CARGO_PKG_VERSION"));
/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, at least and at most.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// One that goes, one that comes.
const MOST_SECRETS: usize = 2;

/// A URL that is posted to.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub name: Arc<str>,
    pub uri: Uri,
    pub secrets: SigningSecrets,
    /// Of [`crate::model::outbox::EVENTS`].
    pub events: Vec<Arc<str>>,
}

/// The one secret that signs; or two, while receivers change from one to the other.
#[derive(Clone)]
pub struct SigningSecrets(Vec<Secret<Vec<u8>>>);

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({})", self.0.len())
    }
}

/// A text that holds no such secrets. What was found is not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSecretError {
    #[error(
        "expected `{PREFIX}` and 24 to 64 bytes in base64 on line {0}; `echo {PREFIX}$(openssl rand -base64 32)` makes one"
    )]
    NotOne(usize),
    #[error("expected one secret, or two during a change, each on its line, found {0}")]
    Number(usize),
}

impl SigningSecrets {
    /// One per line; empty lines count for nothing.
    ///
    /// # Errors
    /// Something else in it, none, or more than two.
    pub fn parse(text: &str) -> Result<Self, ParseSecretError> {
        let lines = text.lines().enumerate();
        let lines = lines
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty());
        let secrets = lines.map(|(at, line)| secret(line).ok_or(ParseSecretError::NotOne(at)));
        let secrets: Vec<_> = secrets.collect::<Result<_, _>>()?;
        match secrets.len() {
            1..=MOST_SECRETS => Ok(Self(secrets)),
            other => Err(ParseSecretError::Number(other)),
        }
    }

    /// The head of a message that is sent now. `id` is the same over all attempts.
    ///
    /// # Errors
    /// If the id cannot stand in a head.
    pub fn headers(&self, id: &str, content: &[u8]) -> Result<HeaderMap, InvalidHeaderValue> {
        let seconds = Timestamp::now().0 / 1000;
        let mut headers = HeaderMap::new();
        headers.insert(ID, HeaderValue::from_str(id)?);
        headers.insert(TIMESTAMP, seconds.into());
        headers.insert(SIGNATURE, HeaderValue::from_str(&self.sign(id, seconds, content))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(headers)
    }

    /// `webhook-signature` of a message that is sent at `seconds` since 1970: one signature per secret.
    fn sign(&self, id: &str, seconds: i64, content: &[u8]) -> String {
        let mut signed = format!("{id}.{seconds}.").into_bytes();
        signed.extend_from_slice(content);
        let signatures = self.0.iter().map(|secret| {
            let signature = hmac_sha256(secret.expose(), &signed);
            format!("v1,{}", BASE64_STANDARD.encode(signature))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn secret(line: &str) -> Option<Secret<Vec<u8>>> {
    let bytes = Secret::new(BASE64_STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?);
    LENGTHS.contains(&bytes.expose().len()).then_some(bytes)
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: &'a Message,
}

impl Webhook {
    /// Posts once.
    pub(super) async fn post(&self, errands: &Errands, message: &Message) -> Result<(), Failure> {
        let payload = Payload {
            kind: format!("approval.{}", message.event),
            timestamp: message.time.to_string(),
            data: message,
        };
        let never = |error: &dyn fmt::Display| Failure::Never(format!("the message could not be written: {error}"));
        let content = serde_json::to_vec(&payload).map_err(|error| never(&error))?;
        let headers = self
            .secrets
            .headers(&message.id, &content)
            .map_err(|error| never(&error))?;
        let answered = errands.post(self.uri.clone(), headers, Bytes::from(content)).await;
        let (status, headers) = answered.map_err(|error| Failure::Now(error.to_string(), None))?;
        judged(status, &headers)
    }
}

/// What an answer means.
///
/// # Errors
/// If it is another one than that the message was taken.
// SECURITY: a redirect leads to where no configuration has named: it is a failure like any other. Test:
// `notify::a_redirect_is_not_followed`.
pub fn judged(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    if status.as_u16() == 410 {
        return Err(Failure::Gone("it answered 410 Gone".to_owned()));
    }
    let wanted = retry_after(headers);
    let redirected = if status.is_redirection() {
        ", which is not followed"
    } else {
        ""
    };
    Err(Failure::Now(format!("it answered {status}{redirected}"), wanted))
}

/// `Retry-After` in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let wanted = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok())?;
    wanted.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the specification's reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn signatures_are_those_of_the_published_vector() {
        let secrets = SigningSecrets::parse(SECRET).unwrap();
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn during_a_change_both_secrets_sign() {
        let other = format!("whsec_{}", BASE64_STANDARD.encode([7; 64]));
        let both = SigningSecrets::parse(&format!("{SECRET}\n\n{other}\n")).unwrap();
        let one = |text: &str| SigningSecrets::parse(text).unwrap().sign("evt_1", 5, b"{}");
        assert_eq!(both.sign("evt_1", 5, b"{}"), format!("{} {}", one(SECRET), one(&other)));
        let three = format!("{SECRET}\n{other}\n{other}");
        assert_eq!(SigningSecrets::parse(&three).unwrap_err(), ParseSecretError::Number(3));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_repeated() {
        assert_eq!(SigningSecrets::parse(" \n").unwrap_err(), ParseSecretError::Number(0));
        let of = |length: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![1; length]));
        for text in [&of(23), &of(65), &SECRET[6..], "whsec_not base64", "whsec_"] {
            let error = SigningSecrets::parse(text).unwrap_err();
            assert_eq!(error, ParseSecretError::NotOne(1));
            assert!(!error.to_string().contains(&text[6..]) || text.len() < 7, "{error}");
        }
        assert!(SigningSecrets::parse(&of(24)).is_ok() && SigningSecrets::parse(&of(64)).is_ok());
        assert!(!format!("{:?}", SigningSecrets::parse(SECRET)).contains("MfKQ"));
    }

    #[test]
    fn success_is_2xx_and_410_the_end() {
        let judge = |status: u16, after: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(after.map(|after| (RETRY_AFTER, HeaderValue::from_static(after))));
            judged(StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert!(judge(200, None).is_ok() && judge(204, None).is_ok() && judge(299, None).is_ok());
        assert!(matches!(judge(410, None), Err(Failure::Gone(_))));
        for status in [301, 302, 307, 308, 400, 404, 500, 503] {
            assert!(matches!(judge(status, None), Err(Failure::Now(_, None))), "{status}");
        }
        let Err(Failure::Now(_, wanted)) = judge(429, Some("30")) else {
            panic!("429 may work another time");
        };
        assert_eq!(wanted, Some(Duration::from_secs(30)));
        assert!(matches!(
            judge(503, Some("Fri, 31 Dec 2027 23:59:59 GMT")),
            Err(Failure::Now(_, None))
        ));
    }
}
