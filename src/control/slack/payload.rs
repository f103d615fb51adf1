//! What Slack says of a click.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::notify::slack::{APPROVE, DENY, REASON};

/// A button of ours was pressed, or our form filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interaction {
    /// The id of a user of Slack.
    pub(super) user: String,
    pub(super) about: About,
    pub(super) step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Its id.
    pub(super) approval: String,
    /// As it was shown.
    pub(super) revision: u32,
    /// That a message of ours has this button.
    pub(super) mark: String,
    /// Where it was shown.
    pub(super) channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Approve,
    AskWhy {
        /// By which a form is opened, once, for three seconds.
        trigger: String,
    },
    Deny {
        reason: String,
    },
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Id,
    channel: Option<Id>,
    trigger_id: Option<String>,
    #[serde(default)]
    actions: Vec<Action>,
    view: Option<View>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct View {
    callback_id: String,
    private_metadata: String,
    state: Values,
}

#[derive(Deserialize)]
struct Values {
    values: BTreeMap<String, BTreeMap<String, Field>>,
}

#[derive(Deserialize)]
struct Field {
    value: Option<String>,
}

impl Interaction {
    /// `None`: it is none. `Some(None)`: one that we have nothing to do for, as following a link.
    pub(super) fn read(content: &[u8]) -> Option<Option<Self>> {
        let mut payloads = form_urlencoded::parse(content).filter(|(name, _)| name == "payload");
        let (_, text) = payloads.next()?;
        if payloads.next().is_some() {
            return None;
        }
        let payload: Payload = serde_json::from_str(&text).ok()?;
        let user = payload.user.id;
        let (about, step) = match payload.kind.as_str() {
            "block_actions" => {
                let [action] = payload.actions.as_slice() else {
                    return None;
                };
                let step = match action.action_id.as_str() {
                    APPROVE => Step::Approve,
                    DENY => Step::AskWhy {
                        trigger: payload.trigger_id?,
                    },
                    _ => return Some(None),
                };
                let value = format!("{}:{}", action.value.as_ref()?, payload.channel?.id);
                (About::parse(&value)?, step)
            }
            "view_submission" => {
                let view = payload.view.filter(|view| view.callback_id == REASON)?;
                let field = view.state.values.get(REASON)?.get(REASON)?;
                let reason = field.value.clone().unwrap_or_default();
                (About::parse(&view.private_metadata)?, Step::Deny { reason })
            }
            _ => return Some(None),
        };
        Some(Some(Self { user, about, step }))
    }
}

impl About {
    /// `apr_…:REVISION:MARK:CHANNEL`
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let about = Self {
            approval: parts.next()?.to_owned(),
            revision: parts.next()?.parse().ok()?,
            mark: parts.next()?.to_owned(),
            channel: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(about)
    }

    pub(super) fn written(&self) -> String {
        format!("{}:{}:{}:{}", self.approval, self.revision, self.mark, self.channel)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: &Value) -> Option<Option<Interaction>> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &payload.to_string());
        Interaction::read(form.finish().as_bytes())
    }

    fn click(action: &str, value: &str) -> Value {
        json!({"type": "block_actions", "user": {"id": "U1", "team_id": "T1"}, "channel": {"id": "C1"}, "trigger_id": "1.2.3",
            "container": {"type": "message"}, "actions": [{"type": "button", "action_id": action, "value": value}]})
    }

    fn about() -> About {
        About {
            approval: "apr_x".to_owned(),
            revision: 3,
            mark: "m".to_owned(),
            channel: "C1".to_owned(),
        }
    }

    #[test]
    fn buttons_and_the_form_say_what_they_are_about() {
        let read = |payload: &Value| read(payload).unwrap().unwrap();
        let approve = read(&click(APPROVE, "apr_x:3:m"));
        assert_eq!(
            (approve.user.as_str(), approve.about, approve.step),
            ("U1", about(), Step::Approve)
        );
        let trigger = "1.2.3".to_owned();
        assert_eq!(read(&click(DENY, "apr_x:3:m")).step, Step::AskWhy { trigger });
        let form = json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": REASON,
            "private_metadata": about().written(), "state": {"values": {REASON: {REASON: {"value": "too much"}}}}}});
        let (form, reason) = (read(&form), "too much".to_owned());
        assert_eq!((form.about, form.step), (about(), Step::Deny { reason }));
    }

    #[test]
    fn links_that_are_followed_are_nothing_to_do() {
        assert_eq!(read(&click("runplane_page", "")), Some(None));
        assert_eq!(read(&json!({"type": "view_closed", "user": {"id": "U1"}})), Some(None));
    }

    #[test]
    fn what_is_no_interaction_is_refused() {
        for value in [
            "",
            "apr_x",
            "apr_x:3",
            "apr_x::m",
            "apr_x:three:m",
            "apr_x:-1:m",
            "apr_x:3:m:C2",
        ] {
            assert_eq!(read(&click(APPROVE, value)), None, "{value}");
        }
        let mut two = click(APPROVE, "apr_x:3:m");
        two["actions"] = json!([two["actions"][0], two["actions"][0]]);
        assert_eq!(read(&two), None);
        assert_eq!(read(&json!({"type": "block_actions"})), None);
        assert_eq!(Interaction::read(b"payload={}&payload={}"), None);
        assert_eq!(Interaction::read(b"{\"type\": \"block_actions\"}"), None);
    }
}
