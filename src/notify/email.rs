//! Mail by SMTP (RFC 5321), in plain text and minimal HTML. It decides nothing: it says what to type.

mod smtp;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{self as mail, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use super::message::{Message, unlinked};
use super::outbox::Failure;
use crate::approval::shortened;
use crate::model::inert::inert;
use crate::model::{Authority, Secret};
use crate::upstream::Errands;

use smtp::{Greeted, SmtpError, start_tls};
use text::{html, plain};

/// For the whole exchange.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(30);
const SUBJECT: usize = 150;
/// Longest address (RFC 5321, 4.5.3.1.3) and name before it.
const LONGEST_ADDRESS: usize = 254;

/// How mail goes out.
#[derive(Clone, Debug)]
pub struct Email {
    pub server: Authority,
    pub encryption: Encryption,
    /// User and password.
    pub credentials: Option<(String, Secret<String>)>,
    pub from: Mailbox,
    /// Who is asked for which group.
    pub groups: BTreeMap<Arc<str>, Vec<Mailbox>>,
    /// Asked whichever group is.
    pub always: Vec<Mailbox>,
    /// Of [`crate::model::outbox::EVENTS`].
    pub events: Vec<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// In clear until the server agrees to TLS (RFC 3207), and not further without.
    StartTls,
    /// TLS from the first byte on (RFC 8314).
    Implicit,
    /// For servers on this machine.
    None,
}

/// `alice@example.com`, or `Runplane <runplane@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mailbox(mail::Mailbox);

/// A text that is no address for mail.
#[derive(Debug, thiserror::Error)]
#[error("expected an address as alice@example.com or Alice <alice@example.com>, found `{}`", inert(.0))]
pub struct ParseMailboxError(String);

impl FromStr for Mailbox {
    type Err = ParseMailboxError;

    fn from_str(text: &str) -> Result<Self, ParseMailboxError> {
        let wrong = || ParseMailboxError(text.to_owned());
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (Some(name.trim()).filter(|name| !name.is_empty()), address),
            None => (None, text),
        };
        let address: Address = address.parse().map_err(|_| wrong())?;
        let plain = |text: &str| text.len() <= LONGEST_ADDRESS && !text.contains(char::is_control);
        match plain(address.as_ref()) && name.is_none_or(|name| plain(name) && !name.contains(['<', '>', '"'])) {
            true => Ok(Self(mail::Mailbox::new(name.map(str::to_owned), address))),
            false => Err(wrong()),
        }
    }
}

impl Mailbox {
    /// `alice@example.com`
    pub fn address(&self) -> String {
        self.0.email.to_string()
    }
}

/// A mailbox and the groups for which it is asked; `None`: for all.
type Asked = (Mailbox, Option<Vec<Arc<str>>>);

impl Email {
    /// Everybody who gets mail, with the groups for which; `None`: for all.
    pub(super) fn people(&self) -> Vec<Asked> {
        let mut people: BTreeMap<String, Asked> = BTreeMap::new();
        for (group, mailboxes) in &self.groups {
            for mailbox in mailboxes {
                let person = people.entry(mailbox.address());
                let (_, groups) = person.or_insert_with(|| (mailbox.clone(), Some(Vec::new())));
                groups.get_or_insert_default().push(group.clone());
            }
        }
        for mailbox in &self.always {
            people.insert(mailbox.address(), (mailbox.clone(), None));
        }
        people.into_values().collect()
    }

    /// Sends one mail.
    pub(super) async fn send(&self, errands: &Errands, to: &Mailbox, message: &Message) -> Result<(), Failure> {
        let written = self.written(to, message);
        let written = written.map_err(|error| Failure::Never(format!("the mail could not be written: {error}")))?;
        match timeout(EXCHANGE_WITHIN, self.exchange(errands, &written)).await {
            Ok(sent) => sent,
            Err(_) => Err(Failure::Now(
                format!("the mail server did not answer within {} s", EXCHANGE_WITHIN.as_secs()),
                None,
            )),
        }
    }

    async fn exchange(&self, errands: &Errands, written: &lettre::Message) -> Result<(), Failure> {
        let later = |error: &dyn fmt::Display| Failure::Now(told(error), None);
        let line = self.open(errands).await.map_err(|error| later(&error))?;
        let hello = ClientId::Domain(self.from.0.email.domain().to_owned());
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(line), &hello).await;
        let mut connection = connected.map_err(|error| later(&error))?;
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().clone());
            let known = connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await;
            // A wrong password is mended by people: until then nothing is given up.
            known.map_err(|error| later(&error))?;
        }
        let sent = connection.send(written.envelope(), &written.formatted()).await;
        let sent = sent.map(drop).map_err(|error| match error.is_permanent() {
            true => Failure::Never(told(&error)),
            false => later(&error),
        });
        // It has the mail, or has said why not: how it takes its leave changes nothing.
        let _polite = connection.quit().await.is_ok();
        sent
    }

    /// A connection on which nothing of the mail is said before it is as secure as it has to be.
    async fn open(&self, errands: &Errands) -> Result<Greeted, SmtpError> {
        let line = errands
            .line(&self.server, self.encryption == Encryption::Implicit)
            .await?;
        match self.encryption {
            Encryption::Implicit | Encryption::None => Ok(Greeted::new(b"", line)),
            Encryption::StartTls => {
                let mut line = line;
                start_tls(&mut line, self.from.0.email.domain()).await?;
                let line = errands.secure(&self.server, line).await?;
                // Under TLS the server does not greet again; who speaks to it from here on waits for a greeting.
                Ok(Greeted::new(b"220 under TLS\r\n", line))
            }
        }
    }

    fn written(&self, to: &Mailbox, message: &Message) -> Result<lettre::Message, lettre::error::Error> {
        let headline = message.headline();
        let (agent, summary) = (&message.agent, &message.summary);
        // SECURITY: the agent's words stand in the subject. They are inert, so no line of a header ends in them. Test:
        // `no_words_of_the_agents_make_a_header`.
        let rank = message.rank().map(|rank| format!(" ({rank})")).unwrap_or_default();
        let subject = unlinked(&shortened(&format!("{headline}{rank}: {agent}: {summary}"), SUBJECT));
        let id_of = |event: &str| format!("<{event}.{}@{}>", digest_of(&to.address()), self.from.0.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let mut mail = mail::Message::builder();
        // A reader of mail shows it below the first like it.
        if let Some(first) = message.first_event() {
            mail = mail.in_reply_to(id_of(&first)).references(id_of(&first));
        }
        mail.from(self.from.0.clone())
            .to(to.0.clone())
            .subject(format!("[Runplane {}] {subject}", message.short))
            .message_id(Some(id_of(&message.id)))
            .date_now()
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(plain(message), html(message)))
    }
}

fn digest_of(address: &str) -> String {
    super::digest(address).chars().take(12).collect()
}

/// An error for people: servers say what they like.
fn told(error: &dyn fmt::Display) -> String {
    inert(&shortened(&error.to_string(), 300)).into_owned()
}

#[cfg(test)]
mod tests;
