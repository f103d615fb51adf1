//! What comes in reverse and is turned away, and what is refused at start.

use super::*;

/// SECURITY: a page in a browser on this machine could otherwise make the agent's calls.
#[test]
fn a_web_page_can_drive_nothing() {
    let origin = Origin::of_things();
    let house = things(&origin);
    let rebound = Wire::at(house.port).ask(format!(
        "GET /hello HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n",
        house.port
    ));
    assert_refused(&rebound, 421, "authority_mismatch");
    let across = house.ask(
        "POST",
        "/echo",
        "Origin: https://evil.example\r\nContent-Type: text/plain\r\n",
        "a=1",
    );
    assert_refused(&across, 421, "web pages");
    let navigated = house.ask("GET", "/hello", "Sec-Fetch-Site: cross-site\r\n", "");
    assert_refused(&navigated, 421, "web pages");
    origin.assert_untouched();
    assert_eq!(house.sidecar.trail().of_kind("refused").len(), 3);
}

#[test]
fn it_is_no_proxy() {
    let origin = Origin::of_things();
    let house = things(&origin);
    let absolute = Wire::at(house.port).ask("GET http://things.example/hello HTTP/1.1\r\nHost: things.example\r\n\r\n");
    assert_refused(&absolute, 400, "HTTPS_PROXY");
    let mut wire = Wire::at(house.port);
    wire.send("CONNECT things.example:443 HTTP/1.1\r\nHost: things.example:443\r\n\r\n");
    assert_refused(&wire.answer().unwrap(), 400, "no proxy");
    origin.assert_untouched();
}

/// SECURITY: what a mapping would not let in by proxy does not come in behind a prefix.
#[test]
fn what_another_server_could_read_as_another_path_is_refused_behind_a_prefix() {
    let origin = Origin::stripe();
    let house = house("api.stripe.com", &origin, ", prefix: /stripe", |sidecar| sidecar);
    for target in [
        "/stripe//v1/balance",
        "/stripe/v1/../v1/balance",
        "/stripe/v1/%2e%2e/balance",
        "/stripe/..%2Fv1/balance",
        "/stripe/../v1/balance",
    ] {
        assert_refused(&house.ask("GET", target, "", ""), 400, "malformed");
    }
    for target in [
        "/v1/balance",
        "/stripes/v1/balance",
        "/%73tripe/v1/balance",
        "/x/../stripe/v1/balance",
    ] {
        assert_refused(&house.ask("GET", target, "", ""), 400, "/stripe");
    }
    origin.assert_untouched();
    assert_eq!(house.ask("GET", "/stripe/v1/balance", "", "").status, 200);
}

#[test]
fn a_signed_call_is_told_the_way_that_works() {
    let origin = Origin::aws();
    let house = house("ec2.us-east-1.amazonaws.com", &origin, "", |sidecar| sidecar);
    let mut boto3 = Session::at("boto3_client.py", "AWS_ENDPOINT_URL", &house.url());
    boto3
        .call("describe_instances")
        .assert_refused("authority_mismatch")
        .assert_refused("HTTPS_PROXY");
    origin.assert_untouched();
}

/// SECURITY: through ourselves an agent could get at what decides, or send us round in circles.
#[test]
fn our_own_listeners_are_no_provider() {
    let origin = Origin::of_things();
    let port = free_port();
    let house = house("things.example", &origin, "", |sidecar| {
        let control = sidecar.control_port;
        let section = format!(
            "  - {{ listen: \"127.0.0.1:{port}\", prefix: /a, to: \"http://127.0.0.1:{control}\" }}\n  \
             - {{ listen: \"127.0.0.1:{port}\", prefix: /b, to: \"http://127.0.0.1:{port}\" }}"
        );
        sidecar
            .only_policy(EVERYTHING)
            .destination("127.0.0.0/8")
            .section(&section)
    });
    for path in ["/a/api/v1/approvals", "/b/a/api/v1/approvals"] {
        let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        assert_refused(&Wire::at(port).ask(ask), 403, "destination_refused");
    }
    let by_proxy = format!(
        "GET http://127.0.0.1:{0}/hello HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n",
        house.port
    );
    assert_refused(&Wire::to(&house.sidecar).ask(by_proxy), 403, "destination_refused");
}

#[test]
fn the_proxys_port_stays_the_proxys() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .only_policy(EVERYTHING)
        .section("reverse: [ { prefix: /things, to: \"https://things.example\" } ]")
        .start();
    let port = sidecar.proxy_port();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    assert_eq!(Wire::to(&sidecar).ask(get("/things/hello")).status, 200);
    assert_refused(&Wire::to(&sidecar).ask(get("/hello")), 400, "HTTPS_PROXY");
    let request = "GET /things/hello HTTP/1.1\r\nHost: things.example\r\n\r\n";
    assert_eq!(Tunnel::to("things.example:443").open(&sidecar).ask(request).status, 200);
    let seen: Vec<_> = origin.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        seen,
        ["/hello", "/things/hello"],
        "in a tunnel the path is the provider's own"
    );
    Curl::call(&sidecar, &["https://things.example/hello"]).assert_ok();
}

#[test]
fn entries_that_contradict_each_other_are_refused_at_their_place() {
    let wrong = |yaml: &str, place: &str, says: &str| {
        let sidecar = Sidecar::new();
        sidecar.home.write("runplane.yaml", format!("reverse:\n{yaml}"));
        let told = said(&sidecar.refuses_as_is());
        assert!(
            told.contains(&format!("runplane.yaml:{place}")) && told.contains(says),
            "{yaml}: {told}"
        );
    };
    let stripe = "to: \"https://api.stripe.com\"";
    wrong(&format!("  - {{ {stripe} }}"), "2:5", "`listen:`");
    let own = format!("  - {{ listen: \"127.0.0.1:8090\", {stripe} }}\n");
    wrong(&format!("{own}{own}"), "3:5", "all of this listener");
    let prefixed = |prefix: &str| format!("  - {{ prefix: {prefix}, {stripe} }}\n");
    wrong(
        &format!("{}{}", prefixed("/a"), prefixed("/a/b")),
        "3:15",
        "no path may fit both",
    );
    wrong(&prefixed("/a/"), "2:15", "the beginning of a path");
    wrong(&prefixed("/%61"), "2:15", "the beginning of a path");
    wrong("  - { prefix: /a, to: api.stripe.com }", "2:23", "with its scheme");
    wrong(
        "  - { prefix: /a, to: \"https://api.stripe.com/v1\" }",
        "2:23",
        "without a path",
    );
    wrong(
        "  - { prefix: /a, to: \"http://api.stripe.com\" }",
        "2:23",
        "in the clear",
    );
    wrong(
        &format!("  - {{ listen: \"127.0.0.1:8081\", {stripe} }}"),
        "2:15",
        "control listens there",
    );
    wrong(
        &format!("  - {{ listen: \"127.0.0.1:8080\", {stripe} }}"),
        "2:15",
        "the proxy listens there",
    );
}
