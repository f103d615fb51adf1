//! What Slack shows: Block Kit in plain text only. Whatever an agent wrote is neither markup, nor a mention, nor a link.

use serde_json::{Value, json};

use crate::approval::shortened;
use crate::model::change::ApprovalRow;
use crate::model::inert::inert;
use crate::notify::message::{LATELY, Message, SIMILAR, unlinked};

/// `action_id` of the buttons.
pub const APPROVE: &str = "runplane_approve";
pub const DENY: &str = "runplane_deny";
/// `callback_id` of the form that asks for a reason; `block_id` and `action_id` of its field.
pub const REASON: &str = "runplane_reason";
/// Most characters of that.
pub const LONGEST_REASON: usize = 1_000;
const PAGE: &str = "runplane_page";

/// Slack takes 3,000 characters a text, 150 a headline and 50 blocks. Whether it counts before or after escapes it does not say.
const TEXT: usize = 2_900;
const HEADLINE: usize = 140;
/// Of the text that phones show.
const NOTICE: usize = 400;
/// Of one line, and of all of them: there is a bound for all blocks together that Slack does not tell.
const LINE: usize = 1_000;
const LINES: usize = 9_000;

/// A message to be shown.
#[derive(Clone, Debug)]
pub(super) struct Card {
    text: String,
    blocks: Vec<Value>,
}

impl Card {
    /// What a method is called with, `place` said already.
    pub(super) fn arguments(&self, mut place: Value) -> Value {
        if let Some(members) = place.as_object_mut() {
            members.insert("text".to_owned(), self.text.as_str().into());
            members.insert("blocks".to_owned(), self.blocks.clone().into());
            members.insert("mrkdwn".to_owned(), false.into());
            members.insert("parse".to_owned(), "none".into());
            members.insert("link_names".to_owned(), false.into());
            members.insert("unfurl_links".to_owned(), false.into());
            members.insert("unfurl_media".to_owned(), false.into());
        }
        place
    }
}

/// An approval as it is. `button`: what its buttons say, or why there are none to decide it by.
pub(super) fn of(message: &Message, button: Result<String, &'static str>) -> Card {
    let (texts, shown_whole) = sections(message);
    // SECURITY: who says yes has seen all of it, or signs in where all of it is. Test: `what_is_not_shown_whole_has_no_buttons`.
    let button = button.and_then(|value| match shown_whole {
        true => Ok(value),
        false => Err("on the page, where all of it is shown"),
    });
    let mut blocks = vec![headline(message)];
    blocks.extend(texts.iter().map(|text| section(text)));
    blocks.extend(how(message, button.as_ref().err().copied()));
    blocks.extend(actions(message, button.ok().as_deref()));
    Card {
        text: notice(message, true),
        blocks,
    }
}

/// The same without any word of the agent's.
pub(super) fn in_short(message: &Message) -> Card {
    let text = "Slack did not take what this is about. It is not shown here, and is decided where it is.";
    let mut blocks = vec![headline(message), section(text)];
    blocks.extend(how(message, Some("on the page, where it is shown")));
    blocks.extend(actions(message, None));
    Card {
        text: notice(message, false),
        blocks,
    }
}

/// In place of one that was asked again since: nothing is decided by it any more.
pub(super) fn asked_again(message: &Message) -> Card {
    let text = format!("Asked again: {}", message.short);
    let below = "This was changed since, and is asked again in a newer message. It is decided by that one.";
    let mut blocks = vec![
        json!({"type": "header", "text": plain(&bounded(&text, HEADLINE).0)}),
        section(below),
    ];
    blocks.extend(actions(message, None));
    Card { text, blocks }
}

/// For one person's eyes.
pub(super) fn whisper(text: &str) -> Card {
    let text = bounded(&inert(text), TEXT).0;
    Card {
        blocks: vec![section(&text)],
        text,
    }
}

/// The form that asks why not.
pub(super) fn why(row: &ApprovalRow, kept: &str) -> Value {
    let (agent, summary) = (inert(&row.facts.agent), inert(&row.action.summary));
    let summary = format!("{agent}: {}", shortened(&summary, 500));
    let field = json!({"type": "plain_text_input", "action_id": REASON, "multiline": true, "min_length": 1,
        "max_length": LONGEST_REASON});
    json!({
        "type": "modal", "callback_id": REASON, "private_metadata": kept,
        "title": plain(&format!("Deny {}", row.id.short())), "submit": plain("Deny"), "close": plain("Back"),
        "blocks": [
            section(&bounded(&summary, TEXT).0),
            {"type": "input", "block_id": REASON, "element": field, "label": plain("Why not? The agent is told.")},
        ],
    })
}

fn headline(message: &Message) -> Value {
    let text = format!("{}: {}", message.state_in_words(), message.short);
    json!({"type": "header", "text": plain(&bounded(&text, HEADLINE).0)})
}

fn notice(message: &Message, all: bool) -> String {
    let rank = message.rank().map(|rank| format!(" ({rank})")).unwrap_or_default();
    let state = format!("{}{rank}", message.state_in_words());
    let text = match all {
        true => format!("{state}: {}: {}", message.agent, message.summary),
        false => format!("{state}: {}", message.short),
    };
    bounded(&text, NOTICE).0
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text)})
}

/// SECURITY: text that Slack reads no markup, mention, link or emoji in. Test: `no_words_make_slack_do_anything`.
fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// How it is decided where there are no buttons.
fn how(message: &Message, not_here: Option<&'static str>) -> Option<Value> {
    let not_here = not_here.filter(|_| message.is_asked())?;
    let text = match &message.page {
        Some(_) => format!("This is decided {not_here}, or by typing on the machine of the sidecar:"),
        None => "This is decided by typing on the machine of the sidecar:".to_owned(),
    };
    let commands = message.commands().into_iter().map(|(_, command)| command);
    let lines: Vec<&str> = std::iter::once(text.as_str()).chain(commands).collect();
    // Commands are ours, and are typed as they are.
    Some(section(&escaped(&lines.join("\n"), TEXT).0))
}

fn actions(message: &Message, value: Option<&str>) -> Option<Value> {
    let mut elements = Vec::new();
    if let Some(value) = value.filter(|_| message.is_asked()) {
        let button = |id: &str, style: &str, text: &str| json!({"type": "button", "action_id": id, "style": style, "text": plain(text), "value": value});
        let mut approve = button(APPROVE, "primary", "Approve");
        if let Some(members) = approve.as_object_mut() {
            let confirm = json!({"title": plain("Approve this call?"), "confirm": plain("Approve"), "deny": plain("Back"),
                "text": plain("It lets exactly this call through, once.")});
            members.insert("confirm".to_owned(), confirm);
        }
        elements.extend([approve, button(DENY, "danger", "Deny…")]);
    }
    if let Some(page) = &message.page {
        elements.push(json!({"type": "button", "action_id": PAGE, "text": plain("Open the page"), "url": page}));
    }
    (!elements.is_empty()).then(|| json!({"type": "actions", "elements": elements}))
}

/// The lines of a message in as few texts as they fit in; whether they are all there, none of them cut.
fn sections(message: &Message) -> (Vec<String>, bool) {
    let (mut texts, mut text, mut room, mut left_out) = (Vec::new(), String::new(), LINES, 0_usize);
    let mut whole = message.is_whole();
    for (name, line) in in_order(message.lines()) {
        let (line, cut) = match name {
            "" => bounded(&format!("– {line}"), LINE),
            name => bounded(&format!("{name}: {line}"), LINE),
        };
        // An ellipsis says that it was cut before, or that the agent wrote one. What was before is not what is decided.
        let of_others = ["Before", SIMILAR, LATELY].contains(&name);
        whole &= of_others || !(cut || line.contains('…'));
        let size = units(&line) + 1;
        if size > room {
            left_out += 1;
            continue;
        }
        room -= size;
        if units(&text) + size > TEXT {
            texts.push(std::mem::take(&mut text));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    texts.push(text);
    if left_out > 0 {
        texts.push(format!("{left_out} lines are left out here: see the approval itself"));
    }
    texts.retain(|text| !text.is_empty());
    (texts, whole && left_out == 0)
}

/// What it is about and how it stands comes first: there may be no room for all.
fn in_order(lines: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut rank = 0;
    let ranked = lines.into_iter().map(|(name, line)| {
        rank = match name {
            // Goes with the one before it.
            "" => rank,
            "What" => 0,
            "State" | "Decided" | "Until" => 1,
            "No" => 2,
            "Yes" => 3,
            _ => 4,
        };
        (rank, name, line)
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, ..)| *rank);
    ranked.into_iter().map(|(_, name, line)| (name, line)).collect()
}

/// What others wrote as Slack wants text, addresses broken up, at most so long; and whether it was cut.
fn bounded(text: &str, most: usize) -> (String, bool) {
    escaped(&unlinked(text), most)
}

/// `&`, `<` and `>` as Slack wants them.
fn escaped(text: &str, most: usize) -> (String, bool) {
    let (mut shown, mut length) = (String::new(), 0);
    for character in text.chars() {
        let mut own = [0; 4];
        let written: &str = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            other => other.encode_utf8(&mut own),
        };
        length += units(written);
        if length >= most {
            shown.push('…');
            return (shown, true);
        }
        shown.push_str(written);
    }
    (shown, false)
}

/// Characters as JavaScript counts them, which are never fewer than others count.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests;
