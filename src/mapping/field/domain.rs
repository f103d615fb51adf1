//! Domains of mail addresses, and hosts of other addresses.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{MAX_ITEMS, text};
use crate::mapping::document::Node;
use crate::model::Why;

/// Whose domains they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mapping) enum Of {
    Mailboxes,
    Servers,
}

/// However many addresses there are: what counts is how many domains.
pub(super) fn domains(nodes: &[Node<'_>], of: Of) -> Result<Vec<String>, Why> {
    let mut domains = BTreeSet::new();
    for node in nodes {
        let text = text(*node)?;
        let found = match of {
            Of::Mailboxes => domain(text),
            Of::Servers => host(text),
        };
        domains.insert(found.ok_or(Why::Unreadable)?);
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

/// The host of an address, with its port where that is not the scheme's own: `https://mcp.example.com/sse`; of a plain mail
/// address its domain. What is no address but a name (`connector_gmail`, `example.com`) is that name.
///
/// SECURITY: `https://ours.test\@evil.test` is another host to each who reads it, and `https:/evil.test/@ours.test` is no mail
/// address but a URL of evil.test to browsers: neither has one here (test `a_host_is_read_in_one_way_or_not_at_all`).
fn host(address: &str) -> Option<Cow<'_, str>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let Some((scheme, rest)) = address.split_once("://") else {
        let (mailbox, name) = address.split_once('@').unwrap_or(("mailbox", address));
        let fine = !mailbox.is_empty() && mailbox.bytes().all(|byte| plain(byte) || matches!(byte, b'+' | b'\''));
        return (fine && !name.is_empty() && name.bytes().all(plain)).then(|| lower(name));
    };
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (name, port) = authority.split_once(':').unwrap_or((authority, usual));
    let fine = !name.is_empty() && name.bytes().all(plain) && !port.is_empty();
    let name = name.strip_suffix('.').unwrap_or(name);
    match fine && port.bytes().all(|byte| byte.is_ascii_digit()) {
        true if port == usual => Some(lower(name)),
        true => Some(Cow::Owned(format!("{}:{port}", lower(name)))),
        false => None,
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_in_one_way_or_not_at_all() {
        for (address, expected) in [
            ("https://mcp.example.com/sse?key=1", "mcp.example.com"),
            ("HTTPS://Mcp.Example.COM.:443", "mcp.example.com"),
            ("http://10.0.0.7:8931/mcp", "10.0.0.7:8931"),
            ("connector_gmail", "connector_gmail"),
            ("Ada@Example.com", "example.com"),
            ("ada+o'brien.2@example.com", "example.com"),
        ] {
            assert_eq!(host(address).as_deref(), Some(expected), "{address}");
        }
        for odd in [
            "https://ours.test\\@evil.test/",
            "https://ours.test@evil.test/",
            "https://ours.test:x@evil.test/",
            "https://ours.test:/",
            "https:///evil.test",
            "https:/evil.test/@ours.test",
            "https:evil.test/@ours.test",
            "https:evil.test@ours.test",
            "https:/evil.test?x@ours.test",
            "https:/evil.test#@ours.test",
            "//evil.test/@ours.test",
            "\\\\evil.test\\@ours.test",
            "evil.test?@ours.test",
            "@ours.test",
            "a@b@ours.test",
            "",
            "//evil.test/mcp",
            "evil.test/mcp",
            "a@evil.test,b@ours.test",
            "ftp://evil.test/",
            "https://\u{f6}urs.test/",
            "https://ours.test evil.test/",
        ] {
            assert_eq!(host(odd), None, "{odd}");
        }
    }
}
