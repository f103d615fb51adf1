//! Domains of mail addresses.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{MAX_ITEMS, text};
use crate::mapping::document::Node;
use crate::model::Why;

/// However many addresses there are: what counts is how many domains.
pub(super) fn domains(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let mut domains = BTreeSet::new();
    for node in nodes {
        domains.insert(domain(text(*node)?).ok_or(Why::Unreadable)?);
    }
    match domains.len() > MAX_ITEMS {
        true => Err(Why::Unreadable),
        false => Ok(domains.into_iter().map(Cow::into_owned).collect()),
    }
}

/// The domain of one address: `a@example.com`, `Name <a@example.com>`.
///
/// SECURITY: a text that a mail server could read as several addresses has no domain; else `a@evil.test,b@ours.test` goes to
/// both and counts as ours (test `a_domain_is_of_one_address_or_of_none`).
pub(super) fn domain(text: &str) -> Option<Cow<'_, str>> {
    let address = match text.trim().split_once('<') {
        None => text.trim(),
        Some((name, _)) if name.contains('@') => return None,
        Some((_, address)) => address.strip_suffix('>')?,
    };
    let several =
        |character: char| character.is_whitespace() || matches!(character, ',' | ';' | '<' | '>' | '"' | '\\');
    match address.split_once('@') {
        Some((name, domain)) if !name.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            (!address.contains(several)).then(|| lower(domain))
        }
        _ => None,
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}
