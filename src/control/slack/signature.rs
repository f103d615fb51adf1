//! Slack's signature, version 0: HMAC-SHA256 over `v0:TIMESTAMP:CONTENT`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use subtle::ConstantTimeEq;

use crate::approval::{Wall, steady};
use crate::model::entry::hmac_sha256;
use crate::model::{Secret, Timestamp};

const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
/// Seconds by which a request may be old, or our clocks apart.
const WINDOW: i64 = 5 * 60;

/// Why a request is not one that Slack sent just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("expected a request that Slack signed (X-Slack-Signature, X-Slack-Request-Timestamp)")]
    Unsigned,
    #[error("the signature of Slack is wrong: the signing secret is another, or the content was changed")]
    Wrong,
    #[error("the request was signed over five minutes ago, or its clock or ours is wrong")]
    Old,
    #[error("the request was here before")]
    Replayed,
}

/// What was here already, and since when it is remembered.
pub(super) struct Seen {
    /// A clock that nobody sets, and what it showed when we began.
    steady: Wall,
    start: Timestamp,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// With the second in which each was made.
    signatures: BTreeMap<[u8; 32], i64>,
    /// None that was made until then is remembered.
    forgotten: i64,
}

impl Default for Seen {
    fn default() -> Self {
        Self::by(steady())
    }
}

impl Seen {
    fn by(steady: Wall) -> Self {
        Self {
            start: steady(),
            steady,
            memory: Mutex::default(),
        }
    }

    /// # Errors
    /// Slack did not send this, not now, or not for the first time.
    pub(super) fn verify(
        &self,
        secret: &Secret<String>,
        headers: &HeaderMap,
        content: &[u8],
    ) -> Result<(), SignatureError> {
        self.verify_at(Timestamp::now(), secret, headers, content)
    }

    /// When we began, by the wall clock as it is set now: where it was wrong at the start, it may have been set right since.
    fn since(&self, now: Timestamp) -> i64 {
        let running = (self.steady)().0.saturating_sub(self.start.0);
        now.0.saturating_sub(running).div_euclid(1000)
    }

    /// SECURITY: who saw a request of Slack's, and sends it again or changes it, decides nothing by it: one signature counts once, for five
    /// minutes, and none counts that was made before we began to remember them, or that may have been forgotten by a clock that is set
    /// back. What a run before this one saw counts again if the clock is set back by more than it is old, within five minutes: the
    /// approval's own state and revision stop it then. Tests: `a_request_counts_once`, `what_is_old_or_yet_to_come_does_not_count`, `not_a_byte_may_be_another`,
    /// `a_clock_that_was_wrong_at_the_start_is_no_matter_once_it_is_right`, `a_clock_that_is_set_back_brings_no_request_back`.
    fn verify_at(
        &self,
        now: Timestamp,
        secret: &Secret<String>,
        headers: &HeaderMap,
        content: &[u8],
    ) -> Result<(), SignatureError> {
        let signature = one(headers, SIGNATURE).ok_or(SignatureError::Unsigned)?;
        let timestamp = one(headers, TIMESTAMP).ok_or(SignatureError::Unsigned)?;
        let seconds: i64 = timestamp.parse().map_err(|_| SignatureError::Unsigned)?;
        let mut signed = format!("v0:{timestamp}:").into_bytes();
        signed.extend_from_slice(content);
        let expected = hmac_sha256(secret.expose().as_bytes(), &signed);
        let written = format!("v0={}", hex::encode(expected));
        if !bool::from(written.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(SignatureError::Wrong);
        }
        let since = self.since(now);
        let now = now.0.div_euclid(1000);
        if seconds < since || now.abs_diff(seconds) > WINDOW.unsigned_abs() {
            return Err(SignatureError::Old);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory { signatures, forgotten } = &mut *memory;
        // Those that are older are refused for that.
        signatures.retain(|_, signed| {
            let remembered = now.saturating_sub(*signed) <= WINDOW;
            *forgotten = if remembered {
                *forgotten
            } else {
                (*forgotten).max(*signed)
            };
            remembered
        });
        if seconds <= *forgotten {
            return Err(SignatureError::Replayed);
        }
        match signatures.insert(expected, seconds) {
            Some(_) => Err(SignatureError::Replayed),
            None => Ok(()),
        }
    }
}

/// The only value of a header field.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use http::HeaderValue;

    use super::*;

    /// Those of Slack's own documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const CONTENT: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNED: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const AT: i64 = 1_531_420_618;

    /// That began long ago.
    fn seen() -> Seen {
        Seen {
            start: Timestamp(0),
            steady: Box::new(|| Timestamp(AT * 1000)),
            memory: Mutex::default(),
        }
    }

    /// That began just now, and the clock that nobody sets.
    fn new() -> (Seen, Arc<AtomicI64>) {
        let running = Arc::new(AtomicI64::new(0));
        let shown = running.clone();
        let steady = move || Timestamp(1000 * shown.load(Ordering::SeqCst));
        (Seen::by(Box::new(steady)), running)
    }

    fn headers(signature: &str, timestamp: &str) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        HeaderMap::from_iter([
            (http::HeaderName::from_static(SIGNATURE), value(signature)),
            (http::HeaderName::from_static(TIMESTAMP), value(timestamp)),
        ])
    }

    fn verify(seen: &Seen, now: i64, headers: &HeaderMap, content: &str) -> Result<(), SignatureError> {
        let now = Timestamp(now.saturating_mul(1000));
        seen.verify_at(now, &Secret::new(SECRET.to_owned()), headers, content.as_bytes())
    }

    fn signed(seconds: i64, content: &str) -> HeaderMap {
        let text = format!("v0:{seconds}:{content}");
        let signature = hex::encode(hmac_sha256(SECRET.as_bytes(), text.as_bytes()));
        headers(&format!("v0={signature}"), &seconds.to_string())
    }

    #[test]
    fn the_published_example_is_signed() {
        assert_eq!(verify(&seen(), AT, &headers(SIGNED, &AT.to_string()), CONTENT), Ok(()));
    }

    #[test]
    fn a_request_counts_once() {
        let (seen, headers) = (seen(), headers(SIGNED, &AT.to_string()));
        assert_eq!(verify(&seen, AT, &headers, CONTENT), Ok(()));
        for later in [0, 1, WINDOW] {
            let again = verify(&seen, AT + later, &headers, CONTENT);
            assert_eq!(again, Err(SignatureError::Replayed), "{later}");
        }
        assert_eq!(
            verify(&seen, AT + WINDOW, &signed(AT + WINDOW, CONTENT), CONTENT),
            Ok(())
        );
        assert_eq!(
            verify(&seen, AT + WINDOW + 1, &headers, CONTENT),
            Err(SignatureError::Old)
        );
        // It takes no memory any more.
        assert_eq!(
            verify(&seen, AT + 2 * WINDOW, &signed(AT + 2 * WINDOW, "x"), "x"),
            Ok(())
        );
        assert_eq!(seen.memory.lock().unwrap().signatures.len(), 2);
    }

    #[test]
    fn what_is_old_or_yet_to_come_does_not_count() {
        let headers = headers(SIGNED, &AT.to_string());
        for (now, verdict) in [
            (AT + WINDOW, Ok(())),
            (AT - WINDOW, Ok(())),
            (AT + WINDOW + 1, Err(SignatureError::Old)),
            (AT - WINDOW - 1, Err(SignatureError::Old)),
            (i64::MAX, Err(SignatureError::Old)),
        ] {
            assert_eq!(verify(&seen(), now, &headers, CONTENT), verdict, "{now}");
        }
        let (seen, running) = new();
        assert_eq!(verify(&seen, AT + 1, &headers, CONTENT), Err(SignatureError::Old));
        running.store(10, Ordering::SeqCst);
        assert_eq!(verify(&seen, AT + 11, &headers, CONTENT), Err(SignatureError::Old));
        assert_eq!(verify(&seen, AT + 11, &signed(AT + 1, CONTENT), CONTENT), Ok(()));
    }

    #[test]
    fn a_clock_that_was_wrong_at_the_start_is_no_matter_once_it_is_right() {
        for wrong in [7200, -7200] {
            let (seen, running) = new();
            let early = signed(AT - 1, "early");
            assert_eq!(verify(&seen, AT + wrong, &early, "early"), Err(SignatureError::Old));
            running.store(60, Ordering::SeqCst);
            let click = signed(AT + 60, CONTENT);
            assert_eq!(verify(&seen, AT + 60, &click, CONTENT), Ok(()), "{wrong}");
            assert_eq!(verify(&seen, AT + 60, &click, CONTENT), Err(SignatureError::Replayed));
            let before = verify(&seen, AT + 60, &early, "early");
            assert_eq!(before, Err(SignatureError::Old), "made before we began: {wrong}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_brings_no_request_back() {
        let (seen, first) = (seen(), signed(AT, CONTENT));
        assert_eq!(verify(&seen, AT, &first, CONTENT), Ok(()));
        let ahead = AT + 2 * WINDOW;
        assert_eq!(verify(&seen, ahead, &signed(ahead, "ahead"), "ahead"), Ok(()));
        assert_eq!(verify(&seen, AT + 10, &first, CONTENT), Err(SignatureError::Replayed));
        let later = signed(AT + 10, CONTENT);
        assert_eq!(verify(&seen, AT + 10, &later, CONTENT), Ok(()), "nor keeps one away");
    }

    #[test]
    fn not_a_byte_may_be_another() {
        let seen = seen();
        for at in 0..CONTENT.len() {
            let mut content = CONTENT.as_bytes().to_vec();
            content[at] ^= 1;
            let secret = Secret::new(SECRET.to_owned());
            let headers = headers(SIGNED, &AT.to_string());
            let verdict = seen.verify_at(Timestamp(AT * 1000), &secret, &headers, &content);
            assert_eq!(verdict, Err(SignatureError::Wrong), "{at}");
        }
        let other = headers(SIGNED, &(AT + 1).to_string());
        assert_eq!(verify(&seen, AT, &other, CONTENT), Err(SignatureError::Wrong));
        for signature in [
            "",
            "v0=",
            &SIGNED[3..],
            &SIGNED[..66],
            &SIGNED.to_uppercase(),
            &format!("{SIGNED}0"),
        ] {
            let headers = headers(signature, &AT.to_string());
            assert_eq!(
                verify(&seen, AT, &headers, CONTENT),
                Err(SignatureError::Wrong),
                "{signature}"
            );
        }
        // Nothing of that counts as having been here.
        assert_eq!(verify(&seen, AT, &headers(SIGNED, &AT.to_string()), CONTENT), Ok(()));
    }

    #[test]
    fn what_is_not_signed_or_twice_is_refused() {
        let mut twice = headers(SIGNED, &AT.to_string());
        twice.append(SIGNATURE, HeaderValue::from_static(SIGNED));
        let mut without = headers(SIGNED, &AT.to_string());
        without.remove(TIMESTAMP);
        for headers in [HeaderMap::new(), twice, without, headers(SIGNED, "soon")] {
            assert_eq!(verify(&seen(), AT, &headers, CONTENT), Err(SignatureError::Unsigned));
        }
    }
}
