//! A message as the text of a mail.

use crate::notify::message::{Message, unlinked};

pub(super) fn plain(message: &Message) -> String {
    let mut text = format!("{}: {}\n\n", message.headline(), message.short);
    for (name, line) in message.lines() {
        text.push_str(&format!("{name:<11}{}\n", unlinked(&line)));
    }
    if let Some(page) = &message.page {
        text.push_str(&format!("\n{PAGE}:\n  {page}\n"));
    }
    for (purpose, command) in message.commands() {
        text.push_str(&format!(
            "\n{purpose}, type on the machine of the sidecar:\n  {command}\n"
        ));
    }
    text.push_str(FOOT);
    text
}

/// The link is nobody's: who follows it signs in there, and only then sees and decides anything.
const PAGE: &str = "To see it and decide in a browser, where you sign in";
const FOOT: &str = "\nThis mail decides nothing, and neither does an answer to it.\n";

/// Light or dark as its reader is, and no wider than a phone.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
    <meta name=\"color-scheme\" content=\"light dark\">";
const BODY: &str = "<body style=\"background:Canvas;color:CanvasText;font-family:sans-serif;line-height:1.4;max-width:56em;margin:1em;overflow-wrap:anywhere\"><main>\n";

pub(super) fn html(message: &Message) -> String {
    let title = format!("{}: {}", escaped(&message.headline()), escaped(&message.short));
    let mut text =
        format!("{HEAD}<title>{title}</title></head>\n{BODY}<h1 style=\"font-size:1.3em\">{title}</h1>\n<table>\n");
    for (name, line) in message.lines() {
        let (name, line) = (escaped(name), escaped(&unlinked(&line)));
        text.push_str(&format!(
            "<tr><td style=\"vertical-align:top;padding-right:1em;white-space:nowrap\"><b>{name}</b></td><td>{line}</td></tr>\n"
        ));
    }
    text.push_str("</table>\n");
    if let Some(page) = &message.page {
        let page = escaped(page);
        text.push_str(&format!("<p>{PAGE}: <a href=\"{page}\">{page}</a></p>\n"));
    }
    for (purpose, command) in message.commands() {
        let command = escaped(command);
        text.push_str(&format!(
            "<p>{purpose}, type on the machine of the sidecar:</p>\n<pre style=\"white-space:pre-wrap\">{command}</pre>\n"
        ));
    }
    text.push_str(&format!("<p>{}</p>\n</main></body></html>\n", FOOT.trim()));
    text
}

// SECURITY: words of the agent's that were markup could hide what is asked, or show a link of the agent's as ours. Test:
// `no_words_of_the_agents_are_markup`.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}
