//! Whole calls by all shipped mappings: where each decoder meets the rest.

use super::*;
use crate::model::Access;

/// The same files, read a second time.
static AGAIN: LazyLock<Mappings> = LazyLock::new(load_shipped);

/// `POST https://api.stripe.com/v1/refunds`, a line for each header field, an empty line, and the content.
fn read(input: &[u8]) -> Option<Call> {
    let end = input.windows(2).position(|two| two == b"\n\n").unwrap_or(input.len());
    let mut lines = std::str::from_utf8(&input[..end]).ok()?.lines();
    let (method, url) = lines.next()?.split_once(' ')?;
    let url: http::Uri = url.parse().ok()?;
    let scheme = match url.scheme_str()? {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let content = input.get(end + 2..).filter(|content| !content.is_empty());
    Some(Call {
        scheme,
        authority: Authority::parse(url.authority()?.as_str(), Some(scheme.default_port())).ok()?,
        method: Method::from_bytes(method.as_bytes()).ok()?,
        path: url.path().to_owned(),
        query: url.query().map(str::to_owned),
        headers,
        body: content.map_or(Body::Absent, |content| Body::Captured(content.to_vec().into())),
        ..call("GET", "https://x.example/", &[], None)
    })
}

#[test]
fn every_call_is_an_action_or_refused_and_the_same_each_time() {
    let check = |input: &[u8]| {
        let Some(call) = read(input) else {
            return Outcome::error("no call");
        };
        let mappings = shipped();
        let action = resolve(mappings, &call);
        assert_eq!(resolve(&AGAIN, &call), action);
        let action = match action {
            Ok(action) => action,
            Err(reason) => return Outcome::error(format!("{reason:?}")),
        };
        assert!(
            call.method != Method::DELETE || action.access != Access::Read,
            "{}",
            action.summary
        );
        let identity = mappings.identify(&call, &action);
        assert!(
            AGAIN.identify(&call, &action).ok() == identity.as_ref().ok().cloned(),
            "another call the next time"
        );
        let told = format!(
            "{} {} {:?} {}",
            action.provider,
            action.name,
            action.access,
            identity.is_ok()
        );
        Outcome::reads(action.access == Access::Read, told)
    };
    let words = &[
        "GET ",
        "POST ",
        "DELETE ",
        "\n\n",
        "\ncontent-type: ",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "\ncontent-encoding: gzip",
        "\nx-amz-target: ",
        "?",
        "&",
        "Action=DeleteUser",
        "/",
        "%2F",
        "..",
        ":",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "=",
        "null",
        "1e3",
        "\nx-http-method-override: DELETE",
        "amount",
        "application/cbor",
        "message/rfc822",
        "text/xml",
    ];
    let target = Target {
        name: "call",
        words,
        longest: 8_192,
        check,
    };
    target.fuzz();
}
