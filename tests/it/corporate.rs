//! `upstream_proxy:`, the one way out of a corporate network.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{
    Configuration, Corporate, HttpAnswer, Origin, Session, Sidecar, Tunnel, Wire, eventually, free_port, said,
};

const GET: &str = "GET /hello?secret=1 HTTP/1.1\r\nHost: things.example\r\nAuthorization: Bearer hunter2\r\n\r\n";
const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

/// `proxy.corp` is the proxy; `more`: further keys of the section.
fn behind(corporate: &Corporate, url: &str, more: &str) -> Configuration {
    Sidecar::new()
        .resolve_to("proxy.corp:3128", &corporate.address().to_string())
        .section(&format!("upstream_proxy:\n  url: \"{url}\"\n{more}"))
}

fn ask(sidecar: &Sidecar) -> HttpAnswer {
    Tunnel::to("things.example:443").open(sidecar).ask(GET)
}

fn outcome(sidecar: &Sidecar) -> String {
    eventually("the call has an outcome", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    sidecar.trail().of_kind("outcome")[0]["outcome"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_provider_is_reached_by_connect_and_the_proxy_reads_nothing() {
    let origin = Origin::of_things();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://user:p%40ss@proxy.corp:3128", "").start();
    let answer = ask(&sidecar);
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello\n"), "{answer:?}");
    // user:p@ss
    let head = "CONNECT things.example:443 HTTP/1.1\r\nHost: things.example:443\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n";
    assert_eq!(corporate.heads(), [head]);
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
    assert_eq!(outcome(&sidecar), "success");
    assert!(!sidecar.printed().contains("p%40ss") && !sidecar.printed().contains("dXNlcjpwQHNz"));
}

#[test]
fn an_official_client_works_behind_it() {
    let origin = Origin::stripe();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "").start();
    let mut stripe = Session::stripe(&sidecar);
    stripe.call("balance").assert_ok();
    stripe.send("refund ch_1 amount=90000");
    sidecar.approve(&sidecar.next_held());
    stripe.receive().assert_ok();
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
    let heads = corporate.heads();
    assert!(
        heads.iter().all(|head| !head.contains("Proxy-Authorization")),
        "{heads:?}"
    );
}

#[test]
fn tls_to_the_proxy_itself() {
    let origin = Origin::of_things();
    let corporate = Corporate::by_tls_before(&origin);
    let sidecar = behind(&corporate, "https://proxy.corp:3128", "").start();
    assert_eq!(ask(&sidecar).status, 200);
    assert!(corporate.heads()[0].starts_with("CONNECT things.example:443 "));
    // It is not what it says it is: nothing is said to it.
    let clear = Corporate::before(&origin);
    let sidecar = behind(&clear, "https://proxy.corp:3128", "").start();
    let refused = ask(&sidecar);
    assert_eq!(refused.status, 502, "{refused:?}");
    assert!(refused.text().contains("corporate proxy"), "{refused:?}");
    assert!(clear.heads().is_empty());
}

#[test]
fn what_the_proxy_says_is_not_what_the_provider_says() {
    for answer in [
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\nContent-Length: 6\r\n\r\n<corp>",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<corp>",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\n<corp>",
        "HTTP/1.1 302 Found\r\nLocation: http://login.corp/\r\n\r\n",
        "<corp>\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "",
        // A TLS record must follow, not this.
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<corp>",
    ] {
        let corporate = Corporate::that_says(answer);
        let sidecar = behind(&corporate, "http://user:hunter3@proxy.corp:3128", "").start();
        let refused = ask(&sidecar);
        assert_eq!(refused.status, 502, "{answer}: {refused:?}");
        let text = refused.text();
        assert!(text.contains("upstream_unreachable"), "{answer}: {text}");
        assert!(
            text.contains("upstream_proxy") || text.contains("certificate or handshake"),
            "{answer}: {text}"
        );
        assert!(!text.contains("<corp>") && refused.header("proxy-authenticate").is_none());
        assert!(!text.contains("hunter3") && !sidecar.printed().contains("hunter3"));
        assert_eq!(outcome(&sidecar), "not_sent", "{answer}");
    }
}

#[test]
fn what_the_proxy_refused_is_not_taken_for_executed() {
    let origin = Origin::stripe();
    let corporate = Corporate::that_says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "").hold("1s").start();
    let mut stripe = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    let call = "refund ch_1 amount=90000";
    let pending = stripe.call(call);
    sidecar.approve(&pending.approval());
    stripe.call(call).assert_refused("upstream_unreachable");
    stripe.call(call).assert_refused("upstream_unreachable");
    assert_eq!(corporate.heads().len(), 2, "its approval was given back");
    origin.assert_untouched();
}

#[test]
fn clear_http_goes_by_absolute_form() {
    let origin = Origin::of_things_in_clear();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://user:pass@proxy.corp:3128", "").start();
    let get = "GET http://things.example/hello?a=1 HTTP/1.1\r\nHost: things.example\r\n\r\n";
    assert_eq!(Wire::to(&sidecar).ask(get).status, 200);
    let head = &corporate.heads()[0];
    assert!(
        head.starts_with("GET http://things.example/hello?a=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.to_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"),
        "{head}"
    );

    let corporate =
        Corporate::that_says("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\n<corp>");
    let sidecar = behind(&corporate, "http://user:pass@proxy.corp:3128", "").start();
    let refused = Wire::to(&sidecar).ask(get);
    assert_eq!(refused.status, 502, "{refused:?}");
    assert!(
        refused.text().contains("wants other credentials") && !refused.text().contains("<corp>"),
        "{refused:?}"
    );
}

/// SECURITY: spoken to as if it were the provider, the proxy would read a handshake, and its 101 would open a stream.
#[test]
fn a_websocket_in_clear_goes_by_connect_too() {
    let origin = Origin::of_things_in_clear();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://user:pass@proxy.corp:3128", "")
        .only_policy(EVERYTHING)
        .start();
    let mut wire = Wire::to(&sidecar);
    assert_echoed(&mut wire, "http://feed.example/socket");
    assert_eq!(corporate.heads(), [connect("feed.example:80")]);
    assert_eq!(origin.seen()[0].header("proxy-authorization"), None);
}

#[test]
fn a_websocket_by_tls_goes_by_connect() {
    let origin = Origin::of_things();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://user:pass@proxy.corp:3128", "")
        .only_policy(EVERYTHING)
        .start();
    let mut wire = Tunnel::to("feed.example:443").open(&sidecar);
    assert_echoed(&mut wire, "/socket");
    assert_eq!(corporate.heads(), [connect("feed.example:443")]);
}

/// What the proxy is told of a tunnel, by `user:pass`.
fn connect(authority: &str) -> String {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n")
}

#[track_caller]
fn assert_echoed(wire: &mut Wire, target: &str) {
    let answer = wire.ask(format!(
        "GET {target} HTTP/1.1\r\nHost: feed.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ));
    assert_eq!(answer.status, 101, "{answer:?}");
    wire.send("hello");
    let mut back = [0; 5];
    wire.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
}

#[test]
fn what_is_named_goes_without_it() {
    let origin = Origin::of_things();
    let corporate = Corporate::that_says("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    // An address that is set is dialled as it is set.
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "")
        .resolve("things.example", &origin)
        .start();
    assert_eq!(ask(&sidecar).status, 200);
    let address = origin.address();
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "  no_proxy: [ 127.0.0.0/8 ]")
        .destination(&address.to_string())
        .start();
    let get = format!("GET /hello HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = Tunnel::to(&address.to_string()).open(&sidecar).ask(get);
    assert!(corporate.heads().is_empty(), "{answer:?}");
    assert_eq!(origin.connections(), 2);
}

/// SECURITY: the proxy reaches networks that no agent may.
#[test]
fn what_is_private_by_its_spelling_is_not_asked_of_the_proxy() {
    let origin = Origin::of_things();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "")
        .only_policy(EVERYTHING)
        .start();
    for host in [
        "169.254.169.254",
        "10.0.0.1",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "a.localhost",
    ] {
        let answer = Wire::to(&sidecar).ask(format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(answer.status, 403, "{host}: {answer:?}");
        assert!(answer.text().contains("destination_refused"), "{host}: {answer:?}");
    }
    assert!(corporate.heads().is_empty());
}

/// SECURITY: by a name of ours the proxy would lead an agent to where its calls are approved.
#[test]
fn the_proxy_is_not_asked_for_a_name_of_ours() {
    let origin = Origin::of_things_in_clear();
    let corporate = Corporate::before(&origin);
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "")
        .control(r#"public_url: "https://runplane.corp:8081""#)
        .only_policy(EVERYTHING)
        .start();
    let ask = |host: &str| Wire::to(&sidecar).ask(format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for host in ["runplane.corp:8081", "runplane.corp"] {
        let answer = ask(host);
        assert_eq!(answer.status, 403, "{host}: {answer:?}");
        assert!(answer.text().contains("destination_refused"), "{host}: {answer:?}");
    }
    assert!(corporate.heads().is_empty());
    assert_eq!(ask("things.corp").status, 200);
    assert_eq!(corporate.heads().len(), 1);
}

#[test]
fn a_provider_that_speaks_first_loses_nothing() {
    let corporate = Corporate::that_says("HTTP/1.1 200 OK\r\n\r\nSSH-2.0-first\r\n");
    let sidecar = behind(&corporate, "http://proxy.corp:3128", "")
        .only_policy(EVERYTHING)
        .start();
    let (mut wire, answer) = Tunnel::to("things.example:22").connect(&sidecar);
    assert_eq!(answer.unwrap().status, 200);
    wire.send("SSH-2.0-client\r\n");
    let mut read = String::new();
    wire.read_to_string(&mut read).unwrap();
    assert_eq!(read, "SSH-2.0-first\r\n");
}

/// SECURITY: whoever sets a variable of ours would see and steer all calls.
#[test]
fn the_environment_names_no_proxy() {
    let (origin, corporate) = (Origin::of_things(), Corporate::that_is_silent());
    let environment = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"];
    let url = format!("http://{}", corporate.address());
    let sidecar = environment
        .iter()
        .fold(Sidecar::new().resolve("things.example", &origin), |sidecar, name| {
            sidecar.environment(name, &url)
        })
        .start();
    assert_eq!(ask(&sidecar).status, 200);
    assert!(corporate.heads().is_empty());
}

#[test]
fn our_own_listener_is_no_way_out() {
    let sidecar = Sidecar::new();
    let port = sidecar.proxy_port;
    let sidecar = sidecar
        .destination("127.0.0.0/8")
        .section(&format!("upstream_proxy: {{ url: \"http://127.0.0.1:{port}\" }}"))
        .start();
    let answer = ask(&sidecar);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text().contains("destination_refused"), "{answer:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let sidecar = Sidecar::new()
        .section(&format!(
            "upstream_proxy: {{ url: \"http://127.0.0.1:{}\" }}",
            free_port()
        ))
        .start();
    let answer = ask(&sidecar);
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.text().contains("corporate proxy"), "{answer:?}");
    assert_eq!(outcome(&sidecar), "not_sent");
}

#[test]
fn the_password_may_be_in_a_file_that_nobody_else_reads() {
    let origin = Origin::of_things();
    let corporate = Corporate::before(&origin);
    let section = "  password_file: proxy.password";
    let sidecar = behind(&corporate, "http://user@proxy.corp:3128", section);
    sidecar.home.write("proxy.password", "p@ss\n");
    let file = sidecar.home.join("proxy.password");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = said(&sidecar.refuses());
    assert!(told.contains("chmod 600") && told.contains("runplane.yaml:"), "{told}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let sidecar = sidecar.start();
    assert_eq!(ask(&sidecar).status, 200);
    assert!(corporate.heads()[0].contains("Basic dXNlcjpwQHNz"));
}

#[test]
fn mistakes_are_told_at_their_place_without_the_password() {
    for (section, place, says) in [
        (
            "upstream_proxy:\n  url: proxy.corp:3128",
            "2:8",
            "it begins with http://",
        ),
        (
            "upstream_proxy:\n  url: socks5://user:hunter4@proxy.corp",
            "2:8",
            "SOCKS is not spoken",
        ),
        (
            "upstream_proxy:\n  url: http://user:hunter4/x@proxy.corp:3128",
            "2:8",
            "%2F",
        ),
        (
            "upstream_proxy:\n  url: http://user:hunter4@proxy.corp:99999",
            "2:8",
            "a port is",
        ),
        (
            "upstream_proxy:\n  url: http://:hunter4@proxy.corp:3128",
            "2:8",
            "user name",
        ),
        (
            "upstream_proxy: { url: \"http://user:hunter4@proxy.corp:3128\", no_prxy: [] }",
            "1:",
            "no_prxy",
        ),
        (
            "upstream_proxy:\n  url: http://proxy.corp:3128\n  no_proxy: [ '*.corp' ]",
            "3:15",
            "all names below",
        ),
        (
            "upstream_proxy:\n  url: http://user:hunter4@proxy.corp\n  password_file: a",
            "3:18",
            "no password in `url`",
        ),
        (
            "upstream_proxy:\n  url: http://user@proxy.corp\n  password_file: not-there",
            "3:18",
            "not-there",
        ),
    ] {
        let sidecar = Sidecar::new();
        sidecar.home.write("runplane.yaml", section);
        let told = said(&sidecar.refuses_as_is());
        assert!(
            told.contains(&format!("runplane.yaml:{place}")) && told.contains(says),
            "{section}: {told}"
        );
        assert!(!told.contains("hunter4"), "{section}: {told}");
    }
}
