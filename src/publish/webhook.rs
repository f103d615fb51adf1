//! A checkpoint to a webhook, signed as notifications are (Standard Webhooks 1.0.0).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Code, Unpublished};
use crate::audit::Signed;
use crate::model::Timestamp;
use crate::model::note::Note;
use crate::notify::{self, Failure, SigningSecrets};
use crate::upstream::Errands;

const TYPE: &str = "audit.checkpoint";

/// A URL that each checkpoint is posted to.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub uri: Uri,
    pub secrets: SigningSecrets,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it was signed.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    origin: &'a str,
    size: u64,
    root: String,
    /// All of it, as `--checkpoint` takes it.
    note: &'a str,
}

impl Webhook {
    /// Posts once.
    pub(super) async fn post(&self, errands: &Errands, signed: &Signed) -> Result<(), Unpublished> {
        let invalid = |why: String| Unpublished {
            code: Code::Invalid,
            why,
            wanted: None,
        };
        let note = Note::parse(&signed.note).map_err(|error| invalid(error.to_string()))?;
        let (claims, seconds) = (note.claims(), i64::try_from(note.claimed_seconds()));
        let payload = Payload {
            kind: TYPE,
            timestamp: Timestamp(seconds.unwrap_or(i64::MAX).saturating_mul(1_000)).to_string(),
            data: Data {
                origin: &claims.origin,
                size: claims.size,
                root: BASE64_STANDARD.encode(claims.root),
                note: &signed.note,
            },
        };
        let content = serde_json::to_vec(&payload).map_err(|error| invalid(error.to_string()))?;
        let headers = self.secrets.headers(&id(&signed.note), &content);
        let headers = headers.map_err(|error| invalid(error.to_string()))?;
        let answered = errands.post(self.uri.clone(), headers, content.into()).await;
        let (status, headers) = answered.map_err(|error| Unpublished {
            code: Code::Unreachable,
            why: error.to_string(),
            wanted: None,
        })?;
        notify::judged(status, &headers).map_err(|failure| {
            let (why, wanted) = match failure {
                Failure::Now(why, wanted) => (why, wanted),
                Failure::Gone(why) | Failure::Never(why) => (why, None),
            };
            let code = Code::Refused;
            Unpublished { code, why, wanted }
        })
    }
}

/// The same whenever this checkpoint is posted, so that a receiver takes it once.
fn id(note: &str) -> String {
    let digest = hex::encode(Sha256::digest(note));
    format!("chk_{}", digest.get(..32).unwrap_or(&digest))
}
