//! Clients of HTTP that know no provider: curl, and what comes with languages.

use super::*;
use crate::harness::Curl;

const REQUESTS: Calls = Calls {
    allow: "get https://api.stripe.com/v1/balance",
    block: (
        "post https://api.stripe.com/v1/payouts amount=90000 currency=usd",
        "Payouts are made by people only",
    ),
    hold: "post https://api.stripe.com/v1/refunds charge=ch_1 amount=90000",
    executed: refunds,
};

const CURL: Calls = Calls {
    allow: "https://api.stripe.com/v1/balance",
    block: (
        "-d amount=90000 -d currency=usd https://api.stripe.com/v1/payouts",
        "Payouts are made by people only",
    ),
    hold: "-d charge=ch_1 -d amount=90000 https://api.stripe.com/v1/refunds",
    executed: refunds,
};

/// curl is a process per call.
struct Curls<'a>(&'a Sidecar, Option<Curl>, &'static str);

impl Client for Curls<'_> {
    fn send(&mut self, call: &str) {
        let arguments: Vec<_> = std::iter::once(self.2).chain(call.split(' ')).collect();
        self.1 = Some(Curl::wired(self.0, &arguments));
    }

    fn receive(&mut self) -> Answer {
        self.1.take().unwrap().finish()
    }
}

#[test]
fn curl() {
    let (matrix, origin) = (Matrix::of("curl"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(
        &matrix,
        &CURL,
        &origin,
        &sidecar,
        &mut Curls(&sidecar, None, "--http1.1"),
    );
    let sidecar = before_stripe(&origin, "1s");
    repeats(
        &matrix,
        &CURL,
        &origin,
        &sidecar,
        &mut Curls(&sidecar, None, "--http1.1"),
    );
}

fn shows_plain<C: Client>(client: &str, start: impl Fn(&Sidecar) -> C) {
    let hosts: &[&str] = &["api.stripe.com"];
    shows(client, &REQUESTS, &Origin::stripe(), (hosts, NO_PAYOUTS), start);
}

#[test]
fn requests() {
    shows_plain("requests", Session::requests);
}

#[test]
fn aiohttp() {
    shows_plain("aiohttp", |sidecar| {
        Session::preloaded("aiohttp_client.py", sidecar, &[])
    });
}

#[test]
fn nodes_fetch() {
    let environment = [("HTTP_CLIENT", "fetch")];
    let start = |sidecar: &Sidecar| Session::open("node/http_client.js", sidecar, None, &environment);
    shows_plain("fetch of Node", start);
}

#[test]
fn undici() {
    let environment = [("HTTP_CLIENT", "undici")];
    let start = |sidecar: &Sidecar| Session::open("node/http_client.js", sidecar, None, &environment);
    shows_plain("undici", start);
}

#[test]
fn axios() {
    let environment = [("HTTP_CLIENT", "axios")];
    let start = |sidecar: &Sidecar| Session::open("node/http_client.js", sidecar, None, &environment);
    shows_plain("axios", start);
}

#[test]
fn go() {
    shows_plain("Go (net/http)", |sidecar| {
        Session::open("go_client", sidecar, None, &[])
    });
}

#[test]
fn java() {
    shows_plain("Java (HttpClient)", |sidecar| {
        Session::open("HttpClientSession.java", sidecar, None, &[])
    });
}

#[test]
fn httpx() {
    let (matrix, origin) = (Matrix::of("httpx"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(&matrix, &REQUESTS, &origin, &sidecar, &mut Session::httpx(&sidecar));
    let sidecar = before_stripe(&origin, "1s");
    // As it comes: with its own 5 s.
    let mut httpx = Session::open("httpx_client.py", &sidecar, None, &[]);
    repeats(&matrix, &REQUESTS, &origin, &sidecar, &mut httpx);
    let before = |_| raised::at(None, &["api.stripe.com"], NO_PAYOUTS);
    raises("httpx", &REQUESTS, &before, Session::httpx);
}

/// Over HTTP/2 on both sides.
#[test]
fn httpx_http2() {
    let (matrix, origin) = (Matrix::of("httpx (HTTP/2)"), Origin::stripe().over_http2());
    let sidecar = before_stripe(&origin, "30s");
    let mut httpx = Session::httpx_http2(&sidecar, "60");
    row(&matrix, &REQUESTS, &origin, &sidecar, &mut httpx);
    assert_eq!(httpx.call(REQUESTS.allow).headers[":version"], "HTTP/2");
    assert!(origin.seen().iter().all(|seen| seen.version == http::Version::HTTP_2));
    let sidecar = before_stripe(&origin, "1s");
    repeats(
        &matrix,
        &REQUESTS,
        &origin,
        &sidecar,
        &mut Session::httpx_http2(&sidecar, "5"),
    );
}

#[test]
fn curl_http2() {
    let (matrix, origin) = (Matrix::of("curl (HTTP/2)"), Origin::stripe().over_http2());
    let sidecar = before_stripe(&origin, "30s");
    let mut curls = Curls(&sidecar, None, "--http2");
    row(&matrix, &CURL, &origin, &sidecar, &mut curls);
    assert_eq!(curls.call(CURL.allow).headers[":version"], "HTTP/2");
    let sidecar = before_stripe(&origin, "1s");
    repeats(&matrix, &CURL, &origin, &sidecar, &mut Curls(&sidecar, None, "--http2"));
}

/// A page's own calls to its site. What a page calls elsewhere is the same; the browser shows it answers of other sites only if
/// they say so, and a refusal does not.
#[test]
fn chromium() {
    shows_plain("Chromium", |sidecar| {
        Session::open("chromium_client.py", sidecar, None, &[])
    });
}
