//! Messages in Slack, by its Web API: one for each approval, which is changed when that changes. Its buttons lead to control.

mod api;
mod card;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::message::Message;
use super::outbox::Failure;
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::ApprovalRow;
use crate::model::outbox::Post;
use crate::model::{ApprovalId, Secret, Timestamp};
use crate::upstream::Errands;

pub use api::SlackError;
use card::Card;

/// From this score on a person signs in to decide: whoever holds somebody's unlocked phone has their Slack, too.
const MOST_RISK: i64 = 69;

/// A workspace, and who is asked in it.
#[derive(Clone, Debug)]
pub struct Slack {
    /// Of the app's bot: `xoxb-…`.
    pub token: Secret<String>,
    /// Channels that are asked for a group.
    pub groups: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Channels that are asked whichever group is.
    pub always: Vec<Arc<str>>,
    /// `None`: messages have no buttons, and nobody is listened to.
    pub buttons: Option<Buttons>,
}

/// What makes a click somebody's decision.
#[derive(Clone, Debug)]
pub struct Buttons {
    pub signing_secret: Secret<String>,
    /// Ids of users of Slack, and who they are here.
    pub people: BTreeMap<Arc<str>, Arc<str>>,
}

/// Why an approval is not decided by a button, in words that go on from "is decided"; `None` if it may be.
///
/// SECURITY: a Slack account is not our sign-in, and what is at stake says how far it goes. It is asked again when a button is pressed.
/// Tests: `what_is_at_stake_decides_whether_there_are_buttons`, `a_forged_click_on_what_has_no_buttons_decides_nothing`.
pub fn only_on_the_page(row: &ApprovalRow, reason_from_risk: Option<i64>) -> Option<&'static str> {
    // What was not weighed may be anything.
    let score = row.action.score().unwrap_or(100);
    if score > MOST_RISK {
        return Some("on the page, for its risk is 70 or more");
    }
    if reason_from_risk.is_some_and(|from| score >= from) {
        return Some("on the page, for a yes to it needs a reason");
    }
    if row.rules.iter().any(|rule| rule.quorum > 1) {
        return Some("on the page, for more than one person is asked");
    }
    let incomplete = row.rules.iter().any(|rule| &*rule.id == INCOMPLETE_ACTION);
    incomplete.then_some("on the page, for values are missing")
}

/// A message's place.
pub(super) struct Shown {
    channel: String,
    ts: String,
}

impl Shown {
    pub(super) fn post(self, approval: &ApprovalId, receiver: &Arc<str>) -> Post {
        Post {
            approval: approval.clone(),
            receiver: receiver.clone(),
            channel: self.channel,
            ts: self.ts,
            time: Timestamp::now(),
        }
    }
}

/// What a channel is told.
pub(super) struct Telling<'a> {
    pub(super) channel: &'a str,
    pub(super) message: &'a Message,
    /// Why it is not decided by a button.
    pub(super) only_on_the_page: Option<&'static str>,
    /// The message that is changed, instead of one more.
    pub(super) post: Option<&'a Post>,
}

impl Slack {
    /// Every channel that is told something, with the groups for which; `None`: for all.
    pub(super) fn channels(&self) -> BTreeMap<Arc<str>, Option<Vec<Arc<str>>>> {
        let mut channels: BTreeMap<Arc<str>, Option<Vec<Arc<str>>>> = BTreeMap::new();
        for (group, named) in &self.groups {
            for channel in named {
                let groups = channels.entry(channel.clone()).or_insert_with(|| Some(Vec::new()));
                groups.get_or_insert_default().push(group.clone());
            }
        }
        channels.extend(self.always.iter().map(|channel| (channel.clone(), None)));
        channels
    }

    /// Posts a message, or changes one.
    pub(super) async fn tell(&self, errands: &Errands, telling: &Telling<'_>) -> Result<Shown, Failure> {
        let page_only = match self.buttons {
            Some(_) => telling.only_on_the_page,
            None => Some("on the page"),
        };
        match self.show(errands, telling, &card::of(telling.message, page_only)).await {
            // SECURITY: an agent that finds words which Slack takes for no message would have people not asked. They are, without
            // those words. Test: `slack::what_slack_refuses_to_show_is_asked_without_it`.
            Err(SlackError::Content(why)) => {
                tracing::warn!(
                    approval = telling.message.short,
                    why,
                    "Slack does not show all of it: it is asked in short"
                );
                self.show(errands, telling, &card::in_short(telling.message)).await
            }
            shown => shown,
        }
        .map_err(Failure::from)
    }

    async fn show(&self, errands: &Errands, telling: &Telling<'_>, card: &Card) -> Result<Shown, SlackError> {
        let (method, place) = match telling.post {
            Some(post) => ("chat.update", json!({"channel": post.channel, "ts": post.ts})),
            None => ("chat.postMessage", json!({"channel": telling.channel})),
        };
        let answer = api::call(errands, &self.token, method, &card.arguments(place)).await?;
        // Where a message is changed, it stays where it is.
        let (channel, ts) = match telling.post {
            Some(post) => (Some(post.channel.clone()), Some(post.ts.clone())),
            None => (answer.channel, answer.ts),
        };
        match (channel, ts) {
            (Some(channel), Some(ts)) => Ok(Shown { channel, ts }),
            _ => Err(SlackError::Never(
                "it has the message and does not say where, so it cannot be changed".to_owned(),
            )),
        }
    }
}

/// How control answers people in Slack.
#[derive(Debug)]
pub struct Desk {
    token: Secret<String>,
    pub buttons: Buttons,
    errands: Arc<Errands>,
}

impl Desk {
    /// `None` where nobody is listened to.
    pub fn of(slack: &Slack, errands: Arc<Errands>) -> Option<Self> {
        let buttons = slack.buttons.clone()?;
        Some(Self {
            token: slack.token.clone(),
            buttons,
            errands,
        })
    }

    /// Says something that only this user sees.
    ///
    /// # Errors
    /// Slack did not take it.
    pub async fn whisper(&self, channel: &str, user: &str, text: &str) -> Result<(), SlackError> {
        let arguments = card::whisper(text).arguments(json!({"channel": channel, "user": user}));
        api::call(&self.errands, &self.token, "chat.postEphemeral", &arguments)
            .await
            .map(drop)
    }

    /// Asks for the reason of a no. What is said comes with `kept`.
    ///
    /// # Errors
    /// Slack did not take it; `trigger` counts for three seconds.
    pub async fn ask_why(&self, trigger: &str, row: &ApprovalRow, kept: &str) -> Result<(), SlackError> {
        let arguments = json!({"trigger_id": trigger, "view": card::why(row, kept)});
        api::call(&self.errands, &self.token, "views.open", &arguments)
            .await
            .map(drop)
    }
}

pub use card::{APPROVE, DENY, LONGEST_REASON, REASON};
