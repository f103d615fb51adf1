//! Domains of mail addresses.

use std::collections::BTreeSet;

use super::{MAX_ITEMS, text};
use crate::mapping::document::Node;
use crate::model::Why;

/// However many addresses there are: what counts is how many domains.
pub(super) fn domains(nodes: &[Node<'_>]) -> Result<Vec<String>, Why> {
    let domain = |node: &Node<'_>| domain(text(*node)?).ok_or(Why::Unreadable);
    let domains: BTreeSet<String> = nodes.iter().map(domain).collect::<Result<_, Why>>()?;
    match domains.len() > MAX_ITEMS {
        true => Err(Why::Unreadable),
        false => Ok(domains.into_iter().collect()),
    }
}

/// The domain of one address: `a@example.com`, `Name <a@example.com>`.
///
/// SECURITY: a text that a mail server could read as several addresses has no domain; else `a@evil.test,b@ours.test` goes to
/// both and counts as ours (test `a_domain_is_of_one_address_or_of_none`).
pub(super) fn domain(text: &str) -> Option<String> {
    let address = match text.trim().split_once('<') {
        None => text.trim(),
        Some((name, _)) if name.contains('@') => return None,
        Some((_, address)) => address.strip_suffix('>')?,
    };
    let several =
        |character: char| character.is_whitespace() || matches!(character, ',' | ';' | '<' | '>' | '"' | '\\');
    match address.split_once('@') {
        Some((name, domain)) if !name.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            (!address.contains(several)).then(|| domain.to_ascii_lowercase())
        }
        _ => None,
    }
}
