//! Whose account a call is for, as far as that says which currency its amounts are in.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::service::Service;
use super::{Mappings, guard};
use crate::model::accounts::{Accounts, Named, Told};
use crate::model::grant::PROVIDER;
use crate::model::{Call, GUARD};

impl Mappings {
    /// Says which currency amounts without one are in: `usual`, but for what is said of single accounts.
    #[must_use]
    pub fn with_accounts(mut self, usual: Option<&str>, accounts: Accounts) -> Mappings {
        self.account_currency = usual.map(Box::from);
        self.accounts = accounts;
        self
    }

    /// What amounts without a currency are in, in a call with these header fields.
    pub(super) fn account(&self, service: &Service, headers: &HeaderMap) -> Told<'_> {
        if !self.accounts.are_told_of(&service.provider) {
            return Told::Usual;
        }
        let key = || key(headers, &service.secret);
        self.accounts
            .of(&service.provider, key, named(headers, &service.account))
    }

    /// The same of any call.
    pub fn account_of(&self, call: &Call) -> Told<'_> {
        let service = self.service(call);
        service.map_or(Told::Usual, |service| self.account(service, &call.headers))
    }

    /// The same in a statement, which names a provider or is of none, and no key.
    pub(super) fn account_stated(&self, context: &Map<String, Json>) -> Told<'_> {
        let provider = match context.get(PROVIDER) {
            Some(Json::String(name)) => name.to_ascii_lowercase(),
            _ => GUARD.to_owned(),
        };
        let services = self.services.iter().filter(|service| *service.provider == *provider);
        let names: Vec<&HeaderName> = services.flat_map(|service| &service.account).collect();
        let is_one = |said: &&String| names.iter().any(|name| said.eq_ignore_ascii_case(name.as_str()));
        let mut accounts = context.iter().filter(|(said, _)| is_one(said)).map(|(_, value)| value);
        let named = match (accounts.next(), accounts.next()) {
            (None, _) | (Some(Json::Null), None) => Named::Own,
            (Some(Json::String(id)), None) if !id.is_empty() => Named::Other(id),
            _ => Named::Unreadable,
        };
        self.accounts.of(&provider, || None, named)
    }
}

/// SHA-256 (hex) of the key that a call is made with: the bearer token, the user of Basic, or what stands in a header field
/// that holds the provider's keys. `None`: there is none, or one that cannot be told for sure.
///
/// SECURITY: what a provider might read as another key than we do is no known key (test
/// `a_key_that_may_be_read_otherwise_is_not_told`).
fn key(headers: &HeaderMap, secret: &[HeaderName]) -> Option<String> {
    let authorization = match headers.get_all(AUTHORIZATION).iter().count() {
        0 => None,
        1 => Some(guard::credential(headers)?.into_owned()),
        _ => return None,
    };
    // Cookies come by themselves, and are nobody's key to an API.
    let names = secret.iter().filter(|name| **name != COOKIE);
    let others = names.flat_map(|name| headers.get_all(name));
    let others: Option<Vec<String>> = others
        .map(|value| Some(value.to_str().ok()?.trim().to_owned()))
        .collect();
    let mut all = authorization.into_iter().chain(others?);
    let key = all.next().filter(|_| all.next().is_none())?;
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    plain.then(|| hex::encode(Sha256::digest(key)))
}

/// The account that a call names beside its key's own.
fn named<'h>(headers: &'h HeaderMap, names: &[HeaderName]) -> Named<'h> {
    let mut told = names.iter().flat_map(|name| headers.get_all(name));
    let Some(first) = told.next() else {
        return Named::Own;
    };
    match first.to_str() {
        Ok(id) if !id.is_empty() && told.all(|other| other == first) => Named::Other(id),
        _ => Named::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_key_is_told_as_sha256sum_tells_it() {
        // printf %s sk_test_1 | sha256sum
        let expected = "28ab62a8e0300d274eb7828beb50a6e0c0af14937bc73d8bad978cc89a8b3ffe";
        let bearer = headers(&[("authorization", "Bearer sk_test_1"), ("cookie", "a=b")]);
        // `sk_test_1:` and `sk_test_1` in base64
        let basic = headers(&[("authorization", "Basic c2tfdGVzdF8xOg==")]);
        let alone = headers(&[("authorization", "basic c2tfdGVzdF8x")]);
        let own = headers(&[("x-access-token", "sk_test_1")]);
        let secret = [COOKIE, HeaderName::from_static("x-access-token")];
        for headers in [bearer, basic, alone, own] {
            assert_eq!(key(&headers, &secret).unwrap(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_key_that_may_be_read_otherwise_is_not_told() {
        let secret = [HeaderName::from_static("x-access-token")];
        for fields in [
            &[][..],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("authorization", "Bearer a"), ("x-access-token", "b")],
            &[("x-access-token", "a"), ("x-access-token", "b")],
            &[("authorization", "Digest a"), ("x-access-token", "b")],
            &[("authorization", "Bearer a, Bearer b")],
            &[("authorization", "Bearer a b")],
            &[("authorization", "Bearer a,b")],
            &[("authorization", "Bearer")],
            &[("authorization", "Basic Og==")],
        ] {
            assert_eq!(key(&headers(fields), &secret), None, "{fields:?}");
        }
    }

    #[test]
    fn an_account_is_told_where_all_fields_say_the_same() {
        let names = ["stripe-account", "stripe-context"].map(HeaderName::from_static);
        let told = |fields: &[(&'static str, &str)]| match named(&headers(fields), &names) {
            Named::Own => "own".to_owned(),
            Named::Other(id) => id.to_owned(),
            Named::Unreadable => "unreadable".to_owned(),
        };
        assert_eq!(told(&[("stripe-version", "1")]), "own");
        assert_eq!(told(&[("stripe-account", "acct_1")]), "acct_1");
        assert_eq!(
            told(&[("stripe-account", "acct_1"), ("stripe-context", "acct_1")]),
            "acct_1"
        );
        assert_eq!(
            told(&[("stripe-account", "acct_1"), ("stripe-context", "acct_2")]),
            "unreadable"
        );
        assert_eq!(told(&[("stripe-account", "")]), "unreadable");
    }
}
