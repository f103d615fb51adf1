//! Who gets a mail that a call sends: named in the call, else by the head of the mail.

use serde_json::Value as Json;

use super::domain::{Of, domain, domains};
use super::{MAX_ITEMS, count, text};
use crate::mapping::document::{Document, Node, Path};
use crate::mapping::mail;
use crate::model::{Value, Why};

/// What is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mapping) enum Told {
    Count,
    Domains,
}

impl Told {
    /// The first path leads to the mail, in base64. What the others find gets it in the place of those whom its head names.
    pub(super) fn value(self, paths: &[Path], document: &Document<'_>) -> Result<Value, Why> {
        let (mail, named) = paths.split_first().ok_or(Why::Absent)?;
        let named: Vec<Node<'_>> = named.iter().flat_map(|path| path.select(document)).collect();
        if !named.is_empty() {
            // SECURITY: what is not one address may be none to the provider, which then goes by the head, or several (test
            // `who_is_named_in_the_call_is_one_address_each`).
            let one =
                |node: &Node<'_>| text(*node).is_ok_and(|text| domain(text).is_some() && mail::all_are_words(text));
            return match named.iter().all(one) {
                true => self.of(&named),
                false => Err(Why::Unreadable),
            };
        }
        let bytes = match mail.select(document).as_slice() {
            [] => return Err(Why::Absent),
            [Node::Text(text)] => mail::decode(text),
            [Node::Json(Json::String(text))] => mail::decode(text),
            _ => None,
        };
        let addresses = mail::recipients(&bytes.ok_or(Why::Unreadable)?)?;
        let nodes: Vec<Node<'_>> = addresses.iter().map(|address| Node::Text(address)).collect();
        self.of(&nodes)
    }

    fn of(self, addresses: &[Node<'_>]) -> Result<Value, Why> {
        match self {
            Told::Count => count(addresses.len()),
            Told::Domains if addresses.len() > MAX_ITEMS * MAX_ITEMS => Err(Why::Unreadable),
            Told::Domains => domains(addresses, Of::Mailboxes).map(Value::List),
        }
    }
}
