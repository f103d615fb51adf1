//! What a form says.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, header};

use super::door::Carried;
use super::{Shared, answer};
use crate::control::problem::Problem;
use crate::model::money;

/// Carries the token of the form.
pub(super) const TOKEN: &str = "form";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The fields of a form that we showed to whoever sends it.
pub(super) struct Form(BTreeMap<String, String>);

impl FromRequest<Shared> for Form {
    type Rejection = Response;

    /// SECURITY: whatever made a browser send this, the form was shown by us to the holder of the cookie: another site neither reads
    /// the token nor makes one (CSRF, T10). Test: `a_form_that_we_did_not_show_changes_nothing`.
    async fn from_request(request: Request, page: &Shared) -> Result<Self, Response> {
        let cookie = request
            .extensions()
            .get::<Carried>()
            .and_then(|carried| carried.cookie.clone());
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_form = kind.is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(CONTENT_TYPE.as_bytes()));
        if !is_form {
            return Err(answer::wrong(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Expected a form of this page.",
            ));
        }
        let content = Bytes::from_request(request, page)
            .await
            .map_err(|error| answer::wrong(error.status(), "The form is longer than any of this page."))?;
        let form = Self::parse(&content)
            .ok_or_else(|| answer::wrong(StatusCode::UNPROCESSABLE_ENTITY, "A field of the form is there twice."))?;
        let shown = cookie.is_some_and(|cookie| page.sessions.is_form_token(&cookie, form.text(TOKEN)));
        match shown {
            true => Ok(form),
            false => Err(answer::wrong(
                StatusCode::FORBIDDEN,
                "This form is too old, or is not one of this page, so nothing was changed. Look again.",
            )),
        }
    }
}

impl Form {
    /// `None` if a field is there twice.
    fn parse(content: &[u8]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(content) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// A field without blanks around it; nothing where it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// A field that says something.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A number, where one is expected.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<N, Problem> {
        let found = self.text(name);
        let wrong = |_| Problem::unprocessable(format!("`{name}`: expected a whole number, found `{found}`"));
        found.parse().map_err(wrong)
    }

    /// The fields that are called `KIND.FIELD`, as the API reads them; and `KIND-amount.FIELD`, which are amounts as people write
    /// them, in minor units with `currency` as far as that is known.
    pub(super) fn all(&self, kind: &str, currency: Option<&str>) -> Result<BTreeMap<String, String>, Problem> {
        let mut all = BTreeMap::new();
        for (name, text) in &self.0 {
            let (text, parts) = (text.trim(), name.split_once('.'));
            let Some((found, field)) = parts.filter(|_| !text.is_empty()) else {
                continue;
            };
            let text = match (found.strip_prefix(kind), currency) {
                (Some(""), _) => text.to_owned(),
                (Some("-amount"), Some(currency)) => minor(field, text, currency)?,
                (Some(_) | None, _) => continue,
            };
            if all.insert(field.to_owned(), text).is_some() {
                return Err(Problem::unprocessable(format!("`{field}` is there twice")));
            }
        }
        Ok(all)
    }
}

/// `512` and `512.00` of a currency with cents as `51200`.
///
/// SECURITY: a number that people could read in two ways is none: 1,000.50, 1.000,50, 5e2, or with more places than there are. Test:
/// `an_amount_is_read_in_one_way_or_not_at_all`.
fn minor(field: &str, text: &str, currency: &str) -> Result<String, Problem> {
    let wrong = || {
        let example = money::show(51_200, currency);
        Problem::unprocessable(format!(
            "`{field}`: expected an amount in {} such as 512, without blanks or commas and with at most as many places as {example} \
             has, found `{text}`",
            currency.to_ascii_uppercase()
        ))
    };
    let places = money::exponent(currency)
        .and_then(|places| usize::try_from(places).ok())
        .ok_or_else(wrong)?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let dot = text.contains('.');
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > places || (dot && part.len() != places) {
        return Err(wrong());
    }
    let minor = format!("{whole}{part:0<places$}");
    let plain = minor.trim_start_matches('0');
    Ok(if plain.is_empty() { "0" } else { plain }.to_owned())
}

/// A path of this page, and nothing that a browser takes for another place.
pub(super) fn is_local(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    path.starts_with('/') && !path.starts_with("//") && path.len() <= 200 && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_in_one_way_or_not_at_all() {
        for (text, currency, expected) in [
            ("512", "usd", "51200"),
            ("512.00", "USD", "51200"),
            ("0.05", "eur", "5"),
            ("0", "usd", "0"),
            ("512", "jpy", "512"),
            ("1.250", "kwd", "1250"),
        ] {
            assert_eq!(minor("amount", text, currency).unwrap(), expected, "{text} {currency}");
        }
        for (text, currency) in [
            ("1,000.50", "usd"),
            ("1.000,50", "usd"),
            ("1.000", "usd"),
            ("1.5", "usd"),
            ("1.250", "usd"),
            ("5e2", "usd"),
            ("-5", "usd"),
            ("+5", "usd"),
            (".50", "usd"),
            ("5.", "usd"),
            ("512.00", "jpy"),
            ("$5", "usd"),
            ("٥", "usd"),
            ("5", "xau"),
            ("", "usd"),
        ] {
            assert!(minor("amount", text, currency).is_err(), "{text} {currency}");
        }
    }

    #[test]
    fn a_field_that_is_there_twice_says_nothing() {
        assert!(Form::parse(b"a=1&a=1").is_none());
        let form = Form::parse(b"set.amount=1&set-amount.amount=1.00").unwrap();
        assert!(form.all("set", Some("usd")).is_err());
        let form = Form::parse(b"set.a=1&set-amount.b=2.00&set.c=&correct.d=1&settle.e=1").unwrap();
        let all = form.all("set", Some("usd")).unwrap();
        assert_eq!(
            all,
            BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "200".to_owned())])
        );
    }

    #[test]
    fn nothing_but_a_path_of_this_page_is_gone_to() {
        assert!(is_local("/") && is_local("/approvals/apr_7k2") && is_local("/decisions/call_1"));
        for elsewhere in [
            "//evil.test",
            "https://evil.test",
            "/\\evil.test",
            "/a?b",
            "/a#b",
            "",
            "evil",
            "/%2f",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}
