//! Messages in Slack, by its Web API: one for each approval, which is changed when that changes. Its buttons lead to control.

mod api;
mod card;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use subtle::ConstantTimeEq;

use super::message::Message;
use super::outbox::Failure;
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::change::ApprovalRow;
use crate::model::entry::hmac_sha256;
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

impl Buttons {
    /// What a button says: the approval, its revision, and that a message of ours has it.
    fn value(&self, approval: &ApprovalId, revision: u32) -> String {
        format!("{approval}:{revision}:{}", self.mark(approval, revision))
    }

    /// Whether a message with buttons was made of this approval, at this revision.
    ///
    /// SECURITY: whoever may press one button can have Slack say that they pressed another. What was never shown with buttons, for it was
    /// not shown whole or in short, is decided by none. Tests: `a_button_counts_for_what_it_was_made_of`,
    /// `slack::what_slack_refuses_to_show_is_asked_without_it`.
    fn made(&self, approval: &ApprovalId, revision: u32, mark: &str) -> bool {
        self.mark(approval, revision).as_bytes().ct_eq(mark.as_bytes()).into()
    }

    fn mark(&self, approval: &ApprovalId, revision: u32) -> String {
        // What Slack signs by the same secret begins with its version.
        let about = format!("button:{approval}:{revision}");
        hex::encode(hmac_sha256(self.signing_secret.expose().as_bytes(), about.as_bytes()))
    }

    /// Why a yes by this button is none, in words that go on from "is decided"; `None` if it may be one.
    pub fn refuse(
        &self,
        row: &ApprovalRow,
        reason_from_risk: Option<i64>,
        revision: u32,
        mark: &str,
    ) -> Option<&'static str> {
        let unmade =
            || (!self.made(&row.id, revision, mark)).then_some("on the page, for no message of ours has this button");
        only_on_the_page(row, reason_from_risk).or_else(unmade)
    }
}

/// Why an approval is not decided by a button, in words that go on from "is decided"; `None` if it may be.
///
/// SECURITY: a Slack account is not our sign-in, and what is at stake says how far it goes. It is asked again when a button is pressed.
/// Tests: `what_is_at_stake_decides_whether_there_are_buttons`, `a_forged_click_on_what_has_no_buttons_decides_nothing`,
/// `what_somebody_else_stated_is_shown_and_decided_on_the_page`.
pub(super) fn only_on_the_page(row: &ApprovalRow, reason_from_risk: Option<i64>) -> Option<&'static str> {
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
    // Where another person stated them already, the action itself still lacks them.
    if incomplete || !row.stated.is_empty() || !row.action.all_missing().is_empty() {
        return Some("on the page, for the call leaves values out");
    }
    // A message names what else a call does, and nothing more of it.
    let does_more = row.action.also.iter().any(|also| !also.fields.is_empty());
    does_more.then_some("on the page, for it does more than one thing")
}

/// A message's place.
pub(super) struct Shown {
    channel: String,
    ts: String,
    thread: Option<String>,
}

impl Shown {
    pub(super) fn post(self, approval: &ApprovalId, receiver: &Arc<str>) -> Post {
        Post {
            approval: approval.clone(),
            receiver: receiver.clone(),
            channel: self.channel,
            ts: self.ts,
            time: Timestamp::now(),
            thread: self.thread,
        }
    }
}

/// What a channel is told.
pub(super) struct Telling<'a> {
    pub(super) channel: &'a str,
    pub(super) approval: &'a ApprovalId,
    pub(super) message: &'a Message,
    /// Why it is not decided by a button.
    pub(super) only_on_the_page: Option<&'static str>,
    /// The message that is changed, instead of one more.
    pub(super) post: Option<&'a Post>,
    /// It is shown below the message about a call like it that waits.
    pub(super) thread: Option<&'a Thread>,
}

/// The message that starts a conversation.
pub(super) struct Thread {
    pub(super) channel: String,
    pub(super) ts: String,
    /// What is at stake is more than there: the whole channel hears of it, too.
    pub(super) aloud: bool,
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
        let button = match (&self.buttons, telling.only_on_the_page) {
            (Some(buttons), None) => Ok(buttons.value(telling.approval, telling.message.revision)),
            (Some(_), Some(why)) => Err(why),
            (None, _) => Err("on the page"),
        };
        match self.show(errands, telling, &card::of(telling.message, button)).await {
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

    /// Takes the buttons off a message that is out of date: what is asked again is decided by the message that asks. Where Slack does not
    /// do that, it stays as it is: its buttons are of another revision and decide nothing.
    pub(super) async fn retire(&self, errands: &Errands, older: &Post, message: &Message) {
        let place = json!({"channel": older.channel, "ts": older.ts});
        let card = card::asked_again(message).arguments(place);
        if let Err(why) = api::call(errands, &self.token, "chat.update", &card).await {
            tracing::warn!(approval = message.short, %why, "an older message of it stays as it was");
        }
    }

    async fn show(&self, errands: &Errands, telling: &Telling<'_>, card: &Card) -> Result<Shown, SlackError> {
        if let Some(post) = telling.post {
            // It stays where it is.
            let place = json!({"channel": post.channel, "ts": post.ts});
            api::call(errands, &self.token, "chat.update", &card.arguments(place)).await?;
            return Ok(Shown {
                channel: post.channel.clone(),
                ts: post.ts.clone(),
                thread: post.thread.clone(),
            });
        }
        if let Some(Thread { channel, ts, aloud }) = telling.thread {
            let place = json!({"channel": channel, "thread_ts": ts, "reply_broadcast": aloud});
            match self.post(errands, card, place, Some(ts)).await {
                // Somebody removed that message: people are asked in the channel.
                Err(SlackError::Never(why)) => {
                    tracing::warn!(
                        approval = telling.message.short,
                        why,
                        "asked beside the conversation it belongs to"
                    );
                }
                posted => return posted,
            }
        }
        self.post(errands, card, json!({"channel": telling.channel}), None)
            .await
    }

    async fn post(
        &self,
        errands: &Errands,
        card: &Card,
        place: serde_json::Value,
        thread: Option<&String>,
    ) -> Result<Shown, SlackError> {
        let answer = api::call(errands, &self.token, "chat.postMessage", &card.arguments(place)).await?;
        match (answer.channel, answer.ts) {
            (Some(channel), Some(ts)) => Ok(Shown {
                channel,
                ts,
                thread: thread.cloned(),
            }),
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
