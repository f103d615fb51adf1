//! HTTP/2 on either side or both: the same calls, judged alike, each stream alone.

use std::time::{Duration, Instant};

use http::Version;

use crate::harness::frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame};
use crate::harness::{
    Configuration, Curl, Frame, Gate, Http2, Origin, Reply, Sidecar, Tunnel, broken::Broken, eventually,
};
use crate::reject::NO_PAYOUTS;

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

fn get(path: &str) -> [(&str, &str); 5] {
    [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "things.example"),
        (":path", path),
        ("x-odd", "one,  two"),
    ]
}

fn before(origin: &Origin) -> Configuration {
    Sidecar::new().resolve("things.example", origin)
}

fn outcomes(sidecar: &Sidecar) -> Vec<String> {
    let outcomes = sidecar.trail().of_kind("outcome");
    let outcome = |entry: &serde_json::Value| entry["outcome"].as_str().unwrap().to_owned();
    outcomes.iter().map(outcome).collect()
}

#[test]
fn either_side_speaks_what_it_speaks() {
    for (agent, agents) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")] {
        for (origin, providers) in [
            (Origin::of_things(), Version::HTTP_11),
            (Origin::of_things().over_http2(), Version::HTTP_2),
        ] {
            let sidecar = before(&origin).only_policy(ALL).start();
            let call = |more: &[&str], url| {
                let told = ["-H", "X-Odd: one,  two", agent];
                Curl::call(&sidecar, &[&told[..], more, &[url]].concat())
            };
            let marked = call(&[], "https://things.example/marked?a=%20b&&");
            assert_eq!(marked.assert_ok().value, "marked\n");
            assert_eq!(marked.headers[":version"], agents);
            assert!(
                !marked.headers.contains_key("runplane-decision"),
                "the provider's own: {marked:?}"
            );
            assert!(!marked.headers.contains_key("x-between-us"));
            let sent = call(&["-d", "what is sent"], "https://things.example/echo");
            assert_eq!(sent.assert_ok().value, "what is sent");
            let chunked = call(
                &["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-d", "in chunks"],
                "https://things.example/echo",
            );
            assert_eq!(chunked.assert_ok().value, "in chunks");
            assert_eq!(
                call(&["-I"], "https://things.example/hello").assert_ok().status,
                Some(200)
            );

            let seen = origin.seen();
            assert_eq!(seen.len(), 4);
            for call in &seen {
                assert_eq!((call.version, call.header("x-odd")), (providers, Some("one,  two")));
                assert_eq!(call.header("host"), Some("things.example"));
                let authority = (providers == Version::HTTP_2).then_some("things.example");
                assert_eq!(
                    call.authority.as_deref(),
                    authority,
                    "no port that the agent did not name"
                );
                assert!(
                    ["connection", "te", "upgrade", "trailer"]
                        .iter()
                        .all(|name| call.header(name).is_none())
                );
            }
            assert_eq!(seen[0].target, "/marked?a=%20b&&");
            assert_eq!(
                (seen[1].text(), seen[2].text()),
                ("what is sent".into(), "in chunks".into())
            );
            assert_eq!(
                origin.connections(),
                1 + usize::from(seen[2].connection != seen[0].connection)
            );
            eventually("each has its outcome", || outcomes(&sidecar).len() == 4);
            assert_eq!(outcomes(&sidecar), ["success"; 4], "{agent} {providers:?}");
        }
    }
}

#[test]
fn cookies_in_crumbs_are_one_cookie() {
    let origin = Origin::of_things();
    let sidecar = before(&origin).start();
    let mut client = Http2::to(&sidecar, "things.example");
    let crumbs = [&get("/hello")[..], &[("cookie", "a=1"), ("cookie", "b=2; c=3")]].concat();
    assert_eq!(client.head(1, &crumbs, true).answer(1), Some(200));
    let seen = &origin.seen()[0];
    let cookies: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "cookie").collect();
    assert_eq!(cookies, [&("cookie".to_owned(), "a=1; b=2; c=3".to_owned())]);
}

/// Allowed, blocked and held calls, all at once on one connection.
#[test]
fn a_hundred_streams_get_their_own_answers() {
    let origin = Origin::stripe().over_http2();
    let sidecar = Sidecar::new()
        .resolve("api.stripe.com", &origin)
        .policy(NO_PAYOUTS)
        .hold("1s")
        .start();
    let mut client = Http2::to(&sidecar, "api.stripe.com");
    let head = |method: &'static str, path: &'static str| {
        vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "api.stripe.com"),
            (":path", path),
            ("authorization", "Bearer sk_test_1"),
            ("content-type", "application/x-www-form-urlencoded"),
        ]
    };
    for call in 0..100u32 {
        let stream = 2 * call + 1;
        match call % 10 {
            0 => client.post(
                stream,
                &head("POST", "/v1/refunds"),
                &format!("charge=ch_{call}&amount=90000"),
            ),
            1..5 => client.post(stream, &head("POST", "/v1/payouts"), "amount=90000&currency=usd"),
            _ => client.post(
                stream,
                &head("POST", "/v1/refunds"),
                &format!("charge=ch_{call}&amount=1{call}"),
            ),
        };
    }
    let answers = client.answers(100);
    for call in 0..100u32 {
        let (status, text) = &answers[&(2 * call + 1)];
        match call % 10 {
            0 => assert!(
                *status == 403 && text.contains("approval_pending"),
                "{call}: {status} {text}"
            ),
            1..5 => assert!(
                *status == 403 && text.contains("policy_blocked"),
                "{call}: {status} {text}"
            ),
            _ => assert!(
                *status == 200 && text.contains(&format!("\"ch_{call}\"")),
                "{call}: {status} {text}"
            ),
        }
    }
    let sent = origin.calls("POST", "/v1/refunds");
    assert_eq!((sent.len(), origin.seen().len()), (50, 50));
    assert!(sent.iter().all(|call| call.complete));
    assert_eq!(sidecar.trail().of_kind("decided").len(), 100);
}

#[test]
fn a_stream_that_is_reset_is_abandoned_and_the_others_go_on() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("late").after(&gate));
    let mut client = Http2::to(&sidecar, "things.example");
    client.head(1, &get("/slow"), true);
    eventually("the call is at the origin", || origin.seen().len() == 1);
    client.reset(1);
    eventually("it is in the trail", || outcomes(&sidecar) == ["abandoned"]);
    assert_eq!(client.head(3, &get("/hello"), true).answer(3), Some(200));
    gate.open();
}

/// A provider grants so many streams on a connection; some answers take hours.
#[test]
fn more_calls_than_a_connection_takes_do_not_wait_for_each_other() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).start();
    let gate = Gate::shut();
    let mut clients = [0, 1].map(|_| Http2::to(&sidecar, "things.example"));
    assert_eq!(clients[0].head(1, &get("/hello"), true).answer(1), Some(200));
    for client in &mut clients {
        for call in 1..=70u32 {
            origin.answer_next_with(Reply::new(200).bytes("late").after(&gate));
            client.head(2 * call + 1, &get("/slow"), true);
        }
    }
    eventually("all are at the origin", || origin.seen().len() == 141);
    gate.open();
    let [mut first, mut second] = clients;
    assert!(matches!(first.read(), Frame::Data(1, ..)), "of the first call");
    for answers in [first.answers(70), second.answers(70)] {
        assert!(
            answers
                .values()
                .all(|(status, text)| (*status, text.as_str()) == (200, "late"))
        );
    }
}

/// An upload that is broken off in its middle does not look whole to the provider.
#[test]
fn a_content_that_is_cut_off_is_not_whole_for_the_provider() {
    for origin in [Origin::of_things(), Origin::of_things().over_http2()] {
        let sidecar = before(&origin).only_policy(ALL).start();
        let mut client = Http2::to(&sidecar, "things.example");
        let mut post = get("/echo");
        post[0].1 = "POST";
        client.head(1, &post, false).data(1, b"half of", false);
        eventually("the call is at the origin", || origin.seen().len() == 1);
        client.reset(1);
        eventually("it is in the trail", || outcomes(&sidecar).len() == 1);
        assert_eq!(client.head(3, &get("/hello"), true).answer(3), Some(200));
        assert!(!origin.seen()[0].complete);
    }
}

/// What the provider did not begin with was written all the same: it is not sent again, and the agent is told.
#[test]
fn a_call_that_the_provider_gives_back_is_not_repeated() {
    type Habit = fn(u32) -> (Vec<u8>, bool);
    // RST_STREAM with REFUSED_STREAM.
    let refuses: Habit = |stream| (frame(RST_STREAM, 0, stream, &7u32.to_be_bytes()), false);
    // GOAWAY that says that no stream after the first was begun with, and the connection is closed.
    let goes_away: Habit = |stream| {
        let last = [(stream - 2).to_be_bytes(), [0; 4]].concat();
        (frame(GOAWAY, 0, 0, &last), true)
    };
    for (habit, told, outcome) in [
        (refuses, "NOT executed", "failure"),
        (goes_away, "It MAY have been executed", "unknown"),
    ] {
        for agent in ["--http1.1", "--http2"] {
            for content in [&[][..], &["-d", "a=1"]] {
                let provider = Broken::http2([], move |count, stream| match count {
                    0 => (frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]), false),
                    _ => habit(stream),
                });
                let sidecar = provider.known().only_policy(ALL).start();
                let call = || Curl::call(&sidecar, &[content, &[agent, "https://things.example/a"]].concat());
                call().assert_ok();
                let given_back = call();
                assert_eq!(given_back.status, Some(502), "{given_back:?}");
                given_back.assert_refused("upstream_unreachable").assert_refused(told);
                assert_eq!(provider.heads(), 2, "{outcome} {agent}");
                eventually("it is in the trail", || outcomes(&sidecar) == ["success", outcome]);
            }
        }
    }
}

#[test]
fn who_signs_in_a_connection_has_one_of_http_1_1_alone() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).start();
    for credentials in ["NTLM TlRMTVNTUAABAAAA", "Negotiate YII=", "Bearer a"] {
        let field = format!("Authorization: {credentials}");
        for _ in 0..2 {
            Curl::call(&sidecar, &["--http2", "-H", &field, "https://things.example/hello"]).assert_ok();
        }
    }
    let seen: Vec<_> = origin
        .seen()
        .iter()
        .map(|call| (call.connection, call.version))
        .collect();
    let own = [1, 2, 3, 4].map(|connection| (connection, Version::HTTP_11));
    assert_eq!(seen, [&own[..], &[(5, Version::HTTP_2); 2]].concat());
}

#[test]
fn an_approved_call_has_a_connection_of_its_own() {
    let origin = Origin::stripe().over_http2();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin).start();
    Curl::call(&sidecar, &["https://api.stripe.com/v1/balance"]).assert_ok();
    let refund = [
        "-d",
        "charge=ch_1",
        "-d",
        "amount=90000",
        "https://api.stripe.com/v1/refunds",
    ];
    let held = Curl::start(&sidecar, &refund);
    sidecar.approve(&sidecar.next_held());
    held.finish().assert_ok();
    Curl::call(&sidecar, &["https://api.stripe.com/v1/balance"]).assert_ok();
    let seen: Vec<_> = origin
        .seen()
        .iter()
        .map(|call| (call.connection, call.version))
        .collect();
    assert_eq!(seen, [(1, Version::HTTP_2), (2, Version::HTTP_2), (1, Version::HTTP_2)]);
}

#[test]
fn what_is_under_way_is_finished_before_the_sidecar_ends() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).start();
    let gate = Gate::shut();
    origin.answer_next_with(Reply::new(200).bytes("last").after(&gate));
    let mut client = Http2::to(&sidecar, "things.example");
    client.head(1, &get("/slow"), true);
    eventually("the call is at the origin", || origin.seen().len() == 1);
    sidecar.terminate();
    assert_eq!(client.read(), Frame::GoAway(0), "nothing new is taken");
    gate.open();
    assert_eq!(client.answer(1), Some(200));
    assert_eq!(client.read(), Frame::Data(1, b"last".to_vec(), true));
    assert_eq!(client.ended_with(), None);
    assert!(sidecar.ended().success());
    assert_eq!(outcomes(&sidecar), ["success"]);
}

#[test]
fn an_origin_that_does_not_read_stops_the_agent_from_sending() {
    for origin in [Origin::of_things(), Origin::of_things().over_http2()] {
        let sidecar = before(&origin).only_policy(ALL).start();
        let large = sidecar.home().join("large");
        std::fs::File::create(&large).unwrap().set_len(1 << 30).unwrap();
        let (large, start) = (format!("@{}", large.display()), Instant::now());
        let told = ["--http2", "-w", "%{stderr}took %{size_upload}.", "--max-time", "3"];
        let stalled = Curl::call(
            &sidecar,
            &[&told[..], &["-T", &large[1..], "https://things.example/stall"]].concat(),
        );
        let message = &stalled.error().message;
        let took = message.split("took ").nth(1).and_then(|rest| rest.split('.').next());
        let took: u64 = took
            .and_then(|took| took.parse().ok())
            .unwrap_or_else(|| panic!("{message}"));
        assert!(took < 64 << 20, "took {took} bytes that the origin has not read");
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn large_contents_go_through_both_ways() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).only_policy(ALL).start();
    let large = sidecar.home().join("large");
    std::fs::write(&large, crate::harness::noise(20 << 20)).unwrap();
    let sent = crate::harness::sha256(crate::harness::noise(20 << 20));
    let upload = ["--http2", "-T", large.to_str().unwrap(), "https://things.example/echo"];
    let echoed = Curl::call(&sidecar, &upload);
    assert_eq!(echoed.assert_ok().sha256, Some(sent));
}

/// HTTP/1.1 has nowhere to put them that its clients look at.
#[test]
fn trailers_of_http2_do_not_disturb_who_speaks_http_1_1() {
    let origin = Origin::of_things().over_http2();
    let sidecar = before(&origin).start();
    origin.answer_next_with(Reply::new(200).bytes("content").trailers(&[("x-checksum", "1")]));
    let mut wire = Tunnel::to("things.example:443").open(&sidecar);
    let answer = wire.ask("GET /a HTTP/1.1\r\nHost: things.example\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.complete), ("content", true));
    assert_eq!(wire.ask("GET /b HTTP/1.1\r\nHost: things.example\r\n\r\n").status, 200);
}
