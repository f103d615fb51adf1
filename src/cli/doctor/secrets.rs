//! Keys and passwords that clients repeat in what they say.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

/// What stands in their place.
const HIDDEN: &str = "…";
/// What the key of an agent begins with.
const KEY: &str = "rp_";
/// In the middle of a word, a key has at least so many characters after that.
const LONG: usize = 16;
/// What is shorter is part of any text.
const SHORT: usize = 4;

/// A text without what is secret in it: keys of agents, and the passwords in this environment's proxy variables, alone and with
/// the name before them.
pub(super) fn hidden(text: &str) -> String {
    // What is no text cannot be found in one either.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let proxies = variables.filter(|(name, _)| name.to_ascii_lowercase().contains("proxy"));
    without(text, proxies.map(|(_, value)| value))
}

fn without(text: &str, proxies: impl Iterator<Item = String>) -> String {
    let mut secrets: Vec<String> = proxies.flat_map(|url| of_url(&url)).collect();
    // The longer first: one may hold another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let text = secrets
        .iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN));
    without_keys(&text)
}

/// `name:password` and the password, as they stand there and decoded, and the former as `Basic` has it. The URL may be none: then its last `@` ends them.
fn of_url(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let mut found = Vec::new();
    for (who, _) in [rest, authority].iter().filter_map(|part| part.rsplit_once('@')) {
        let password = who.split_once(':').map(|(_, password)| password);
        for secret in [Some(who), password]
            .into_iter()
            .flatten()
            .filter(|secret| secret.len() >= SHORT)
        {
            found.push(secret.to_owned());
            found.push(percent_decode_str(secret).decode_utf8_lossy().into_owned());
        }
        if password.is_some() {
            let decoded: Vec<u8> = percent_decode_str(who).collect();
            let coded =
                [who.as_bytes(), &decoded].map(|who| [STANDARD_NO_PAD.encode(who), URL_SAFE_NO_PAD.encode(who)]);
            found.extend(coded.into_iter().flatten());
        }
    }
    found
}

fn without_keys(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(KEY) {
        shown.push_str(before);
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let inside_a_word = shown.ends_with(|c: char| c.is_ascii_alphanumeric());
        let (key, next) = after.split_at_checked(end).unwrap_or((after, ""));
        match key.len() {
            0 => shown.push_str(KEY),
            length if inside_a_word && length < LONG => {
                shown.push_str(KEY);
                shown.push_str(key);
            }
            _ => shown.push_str(HIDDEN),
        }
        rest = next;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, proxy: &str) -> String {
        without(text, std::iter::once(proxy.to_owned()))
    }

    #[test]
    fn what_a_proxy_variable_holds_is_hidden_wherever_it_is_repeated() {
        let proxy = "http://bot:rp_secretkey@127.0.0.1:808O";
        let told = shown(&format!("curl: (5) Unsupported proxy syntax in '{proxy}'"), proxy);
        assert_eq!(told, "curl: (5) Unsupported proxy syntax in 'http://…@127.0.0.1:808O'");
        assert_eq!(shown("bot:hun/ter2@h is none", "bot:hun/ter2@h"), "…@h is none");
        assert_eq!(
            shown("user a@b, password hunter2", "http://a%40b:hunter%32@h/x"),
            "user a@b, password …"
        );
        assert_eq!(shown("hunter2 and more", "http://:hunter2@h"), "… and more");
        // As in `Proxy-Authorization: Basic …`, which verbose clients repeat.
        let basic =
            |proxy: &str, coded: &str| assert_eq!(shown(&format!("Basic {coded}"), proxy), "Basic …", "{proxy}");
        basic("http://bot:hunter2@h", "Ym90Omh1bnRlcjI");
        basic("http://bot:hunter%32@h", "Ym90Omh1bnRlcjI");
        basic("http://b:~~~~?%3f%3E@h", "Yjp-fn5-Pz8-");
        basic("http://b:~~~~?%3f%3E@h", "Yjp+fn5+Pz8+");
    }

    #[test]
    fn a_key_is_hidden_whatever_stands_around_it() {
        assert_eq!(shown("key=rp_a-B_9, rp_x", ""), "key=…, …");
        assert_eq!(shown("bot%3Arp_0123456789abcdef@", ""), "bot%3A…@");
        for harmless in ["/etc/corp_ca.pem", "rp_", "rp_…", "no proxy", "127.0.0.1:8080", ""] {
            assert_eq!(shown(harmless, "http://127.0.0.1:8080"), harmless);
        }
    }
}
