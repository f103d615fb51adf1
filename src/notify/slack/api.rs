//! Slack's Web API: JSON there, `ok` and perhaps `error` back.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use serde::Deserialize;
use serde_json::Value;

use crate::approval::shortened;
use crate::model::Secret;
use crate::model::inert::inert;
use crate::notify::outbox::Failure;
use crate::notify::retry_after;
use crate::upstream::Errands;

const ROOT: &str = "https://slack.com/api/";
const AGENT: &str = concat!("runplane/", env!("CARGO_PKG_VERSION"));
/// An answer repeats the message.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why Slack did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// It may another time; `Some`: Slack says when.
    #[error("{0}")]
    Later(String, Option<Duration>),
    /// What was to be shown is not shown.
    #[error("{0}")]
    Content(String),
    #[error("{0}")]
    Never(String),
}

impl From<SlackError> for Failure {
    fn from(error: SlackError) -> Self {
        match error {
            SlackError::Later(why, when) => Failure::Now(why, when),
            SlackError::Content(why) | SlackError::Never(why) => Failure::Never(why),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    ok: bool,
    error: Option<String>,
    #[serde(default)]
    pub(super) channel: Option<String>,
    #[serde(default)]
    pub(super) ts: Option<String>,
}

/// Calls a method once.
pub(super) async fn call(
    errands: &Errands,
    token: &Secret<String>,
    method: &str,
    arguments: &Value,
) -> Result<Answer, SlackError> {
    let never = |error: &dyn std::fmt::Display| SlackError::Never(format!("the message could not be written: {error}"));
    let uri: Uri = format!("{ROOT}{method}").parse().map_err(|error| never(&error))?;
    let content = serde_json::to_vec(arguments).map_err(|error| never(&error))?;
    let bearer = Secret::new(format!("Bearer {}", token.expose()));
    let mut authorization = HeaderValue::from_str(bearer.expose()).map_err(|error| never(&error))?;
    authorization.set_sensitive(true);
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, authorization),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        ),
        (USER_AGENT, HeaderValue::from_static(AGENT)),
    ]);
    let answered = errands.ask(uri, headers, Bytes::from(content), LONGEST_ANSWER).await;
    let (status, headers, content) = answered.map_err(|error| SlackError::Later(error.to_string(), None))?;
    judged(status.as_u16(), &headers, &content)
}

/// What an answer means.
fn judged(status: u16, headers: &HeaderMap, content: &[u8]) -> Result<Answer, SlackError> {
    let wanted = retry_after(headers);
    if status != 200 {
        return Err(SlackError::Later(format!("Slack answered {status}"), wanted));
    }
    let answer = serde_json::from_slice::<Answer>(content);
    let answer =
        answer.map_err(|_| SlackError::Later("Slack answered with what is no answer of its API".to_owned(), None))?;
    if answer.ok {
        return Ok(answer);
    }
    let code = answer.error.as_deref().unwrap_or("no error code");
    let told = format!("Slack answered `{}`", shortened(&inert(code), 100));
    Err(match code {
        "msg_too_long"
        | "msg_blocks_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "json_not_object" => SlackError::Content(told),
        // The message is gone, or Slack lets nobody change it any more; a trigger counts once, for three seconds.
        "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "thread_not_found"
        | "cannot_reply_to_message"
        | "expired_trigger_id"
        | "exchanged_trigger_id"
        | "invalid_trigger_id"
        | "user_not_in_channel" => SlackError::Never(told),
        // A wrong token, a channel without the bot, a scope that is missing are mended by people: until then nothing is given up. Nor
        // is what Slack may be rid of by itself.
        _ => SlackError::Later(told, wanted),
    })
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    fn judge(status: u16, after: Option<&'static str>, content: &str) -> Result<Answer, SlackError> {
        let mut headers = HeaderMap::new();
        headers.extend(after.map(|after| (RETRY_AFTER, HeaderValue::from_static(after))));
        judged(status, &headers, content.as_bytes())
    }

    fn refused(code: &str) -> SlackError {
        judge(200, None, &format!("{{\"ok\":false,\"error\":\"{code}\"}}")).unwrap_err()
    }

    #[test]
    fn ok_is_success_and_says_where_the_message_is() {
        let answer = judge(200, None, r#"{"ok":true,"channel":"C1","ts":"1.2","message":{}}"#).unwrap();
        assert_eq!(
            (answer.channel.as_deref(), answer.ts.as_deref()),
            (Some("C1"), Some("1.2"))
        );
    }

    #[test]
    fn what_people_or_time_may_mend_is_tried_again() {
        for code in [
            "invalid_auth",
            "token_revoked",
            "channel_not_found",
            "not_in_channel",
            "is_archived",
            "missing_scope",
            "ratelimited",
            "internal_error",
            "fatal_error",
            "whatever_comes_next_year",
        ] {
            let error = refused(code);
            assert!(
                matches!(&error, SlackError::Later(why, None) if why.contains(code)),
                "{error:?}"
            );
        }
        for (status, content) in [
            (500, "{}"),
            (404, ""),
            (302, ""),
            (200, "<html>"),
            (200, "{}"),
            (200, "[]"),
        ] {
            assert!(
                matches!(judge(status, None, content), Err(SlackError::Later(..))),
                "{status} {content}"
            );
        }
    }

    #[test]
    fn slack_may_say_when_it_is_asked_again() {
        let limited = r#"{"ok":false,"error":"ratelimited"}"#;
        for status in [429, 503, 200] {
            let Err(SlackError::Later(_, wanted)) = judge(status, Some("30"), limited) else {
                panic!("{status} may work another time");
            };
            assert_eq!(wanted, Some(Duration::from_secs(30)));
        }
    }

    #[test]
    fn what_will_never_work_is_not_tried_again() {
        for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
            assert!(matches!(refused(code), SlackError::Never(_)), "{code}");
        }
        for code in ["msg_too_long", "invalid_blocks", "msg_blocks_too_long", "no_text"] {
            assert!(matches!(refused(code), SlackError::Content(_)), "{code}");
        }
    }

    #[test]
    fn an_error_of_slacks_is_told_inert_and_short() {
        let told = refused(&format!("\\u001b[2J{}", "x".repeat(5_000))).to_string();
        assert!(!told.contains('\u{1b}') && told.len() < 200, "{told}");
    }
}
