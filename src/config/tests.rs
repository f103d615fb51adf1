use std::os::unix::fs::PermissionsExt as _;

use super::*;

mod placed;

fn parse(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    std::fs::write(home.config_file(), text).unwrap();
    std::fs::set_permissions(home.config_file(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = |wrong: Vec<Diagnostic>| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Config::load(home).map_err(shown)
}

#[test]
fn no_file_and_an_empty_file_give_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::load(Home::choose(Some(directory.path().to_owned())).unwrap()).unwrap();
    assert_eq!(config.proxy.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.control.address.to_string(), "127.0.0.1:8081");
    assert_eq!(config.gate.rates.account.as_deref(), Some("usd"));
    assert_eq!((config.health, config.shutdown_within.as_secs()), (None, 25));
    assert_eq!(parse("# nothing\n\n").unwrap().limits, Limits::default());
}

#[test]
fn what_was_made_is_remembered_for_an_hour_or_as_is_said() {
    for (text, seconds) in [
        ("", 3_600),
        ("money: { account_currency: eur }", 3_600),
        ("money: { recall: 1h }", 3_600),
        ("money: { recall: 90s }", 90),
        ("money: { recall: 0 }", 0),
        ("money: { recall: false }", 0),
    ] {
        assert_eq!(parse(text).unwrap().gate.recall.as_secs(), seconds, "{text}");
    }
}

#[test]
fn every_section_is_read() {
    let hash = "ab".repeat(32);
    let config = parse(&format!(
        "proxy: {{ listen: '127.0.0.1:9000' }}
control: {{ listen: '[::1]:9001' }}
agents: [ {{ name: ops-bot, roles: [sre], owner: alice, key_sha256: {hash} }} ]
people: [ {{ name: alice, groups: [finance], key_sha256: {} }} ]
money: {{ account_currency: eur, rates: {{ usd: '0.92' }}, recall: 15m }}
resolve: {{ 'api.stripe.com:443': '127.0.0.1:9443' }}
destinations: [ '127.0.0.1:9443', '10.0.0.0/8' ]
approvals: {{ pending: 5m, grant: 1m, cool_down: 30s, max_pending_per_agent: 3, hold: {{ default: 2s, curl: 3s }} }}
limits: {{ body: 1MiB, bodies: 64MiB, decoded: 2MiB, ratio: 20, connections: 10 }}
health: {{ listen: '0.0.0.0:8082' }}
shutdown: {{ within: 90s }}
risk:
  weights: {{ action: 0.45, novelty: 0 }}
  actions: {{ transfer_funds: {{ amount_base: {{ lo: 100000, hi: 100000000 }} }} }}
  working_hours: {{ days: [monday, friday], from: 0, to: 24 }}
",
        "cd".repeat(32)
    ))
    .unwrap();
    assert_eq!(config.control.address.to_string(), "[::1]:9001");
    assert_eq!(config.gate.rates.base(100, "usd"), Some(92));
    assert_eq!(config.gate.recall.as_secs(), 900);
    assert_eq!(config.approvals.pending.as_secs(), 300);
    assert_eq!(config.approvals.max_pending_per_agent, 3);
    assert_eq!(config.patience.of(Some("curl/8.5.0")).as_secs(), 3);
    assert_eq!(
        config.limits,
        Limits {
            body: 1 << 20,
            bodies: 64 << 20,
            decoded: 2 << 20,
            ratio: 20,
            connections: 10
        }
    );
    assert_eq!(config.health.unwrap().to_string(), "0.0.0.0:8082");
    assert_eq!(config.shutdown_within.as_secs(), 90);
    let default = parse("").unwrap().gate.risk;
    assert_ne!(config.gate.risk.version(), default.version());
    let same =
        parse("risk: { weights: { action: 0.5, off_hours: 0.15 }, scales: { record_count: { lo: 10, hi: 10000 } } }");
    assert_eq!(same.unwrap().gate.risk, default);
    assert_eq!(config.upstream.resolve.len(), 1);
    assert_eq!(config.upstream.destinations.len(), 2);
    assert!(config.groups().contains("finance"));
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_was_expected() {
    let wrong = parse("proxy:\n  listen: localhost\n").unwrap_err();
    assert!(wrong.contains("runplane.yaml:2:11"), "{wrong}");
    assert!(wrong.contains("expected an address and a port"), "{wrong}");
    let wrong = parse("money:\n  rates:\n    eur: abc\n").unwrap_err();
    assert!(
        wrong.contains("runplane.yaml:3:10") && wrong.contains("expected a positive decimal"),
        "{wrong}"
    );
    let wrong = parse("proxi: {}\n").unwrap_err();
    assert!(
        wrong.contains("runplane.yaml:1:1") && wrong.contains("proxi"),
        "{wrong}"
    );
    let wrong = parse("risk:\n  weights:\n    scale: 1.5\n").unwrap_err();
    assert!(
        wrong.contains("runplane.yaml:3:12") && wrong.contains("found 1.5"),
        "{wrong}"
    );
    for (text, expected) in [
        ("limits: { body: 8MB }", "expected a size"),
        ("approvals: { pending: 15 }", "expected a time with its unit"),
        ("approvals: { hold: { curlie: 3s } }", "expected one of"),
        ("money: { rates: { eur: '1e3' } }", "expected a positive decimal"),
        ("money: { account_currency: dollars }", "expected a currency"),
        ("money: { recall: 2h }", "a time of at most 1h"),
        ("money: { recall: true }", "a time of at most 1h"),
        ("money: { recall: 15 }", "a time of at most 1h"),
        ("dangerously_observe: yes please", "`true`, `false` or a list of agents"),
        ("dangerously_observe: [ Support Bot ]", "expected"),
        (
            "dangerously_observe: { agent: a }",
            "`true`, `false` or a list of agents",
        ),
        ("dangerous_observe: true", "dangerously_observe"),
        ("time_zone: Europe/Atlantis", "expected a time zone by its IANA name"),
        ("resolve: { api.stripe.com: nowhere }", "expected an address and a port"),
        ("destinations: [ '10.0.0.0/99' ]", "expected"),
        ("agents: [ { name: a, key_sha256: 12 } ]", "expected the SHA-256"),
        (
            "proxy: { listen: '127.0.0.1:9' }\ncontrol: { listen: '127.0.0.1:9' }",
            "give each its own port",
        ),
        ("limits: { connections: 0 }", "at least 1"),
        ("limits: { ratio: 0 }", "at least 1"),
        ("limits: { decoded: 32MB }", "expected a size"),
        ("health: { listen: 8082 }", "expected an address and a port"),
        ("health: { tls: {} }", "unknown"),
        ("shutdown: { within: 25 }", "expected a time with its unit"),
        ("risk: { weights: { action: 1 } }", "expected a weight from 0 to 0.9999"),
        (
            "risk: { weights: { action: -0.1 } }",
            "expected a weight from 0 to 0.9999",
        ),
        (
            "risk: { weights: { action: .nan } }",
            "expected a weight from 0 to 0.9999",
        ),
        ("risk: { weights: { action: 0.12345 } }", "at most four decimals"),
        ("risk: { weights: { actions: 0.1 } }", "unknown"),
        (
            "risk: { scales: { amount_base: { lo: 0, hi: 9 } } }",
            "expected 1 ≤ lo < hi",
        ),
        (
            "risk: { actions: { a: { record_count: { lo: 9, hi: 9 } } } }",
            "expected 1 ≤ lo < hi",
        ),
        ("risk: { actions: { a: { amount: { lo: 1, hi: 9 } } } }", "unknown"),
        (
            "risk: { working_hours: { days: [monday], from: 18, to: 8 } }",
            "0 ≤ from < to ≤ 24",
        ),
        (
            "risk: { working_hours: { days: [], from: 8, to: 18 } }",
            "at least one day",
        ),
        ("risk: { working_hours: { days: [mon], from: 8, to: 18 } }", "unknown"),
    ] {
        let wrong = parse(text).unwrap_err();
        assert!(wrong.contains(expected), "{text}: {wrong}");
    }
}

#[test]
fn a_listener_beyond_loopback_needs_a_certificate() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        for (yaml, place) in [
            (format!("proxy: {{ listen: '{address}' }}"), "1:18"),
            (format!("control: {{ listen: '{address}' }}"), "1:20"),
            (
                format!("reverse: [ {{ listen: '{address}', to: 'https://a.test' }} ]"),
                "1:22",
            ),
        ] {
            let wrong = parse(&yaml).unwrap_err();
            assert!(wrong.contains("expected a loopback address, or `tls:"), "{wrong}");
            assert!(wrong.contains(&format!("runplane.yaml:{place}")), "{wrong}");
        }
    }
    let wrong = parse("proxy: { tls: { certificate: none.pem, key: none.key } }").unwrap_err();
    assert!(
        wrong.contains("runplane.yaml:1:15") && wrong.contains("none.pem"),
        "{wrong}"
    );
}

#[test]
fn our_names_are_those_that_no_provider_has() {
    let config = parse(
        "control: { public_url: 'https://runplane.corp:8081' }\nreverse:\n  \
         - { listen: '127.0.0.1:8090', to: 'https://a.test', hosts: [ 'reverse.corp:8090', a.test ] }",
    );
    let names = config.unwrap().own_names();
    let name = |host: &str, port| (host.parse().unwrap(), port);
    assert_eq!(names, [name("reverse.corp", Some(8090)), name("runplane.corp", None)]);
}

#[test]
fn the_names_of_a_certificate_that_we_show_are_ours() {
    let directory = tempfile::TempDir::new().unwrap();
    let names = ["runplane.corp", "*.corp", "a.test", "10.1.2.3"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(directory.path().join("port.pem"), made.cert.pem()).unwrap();
    let key = directory.path().join("port.key");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(
        directory.path().join("runplane.yaml"),
        "proxy: { listen: '127.0.0.1:8443', tls: { certificate: port.pem, key: port.key } }\n\
         reverse: [ { listen: '127.0.0.1:8090', to: 'https://a.test' } ]\n",
    )
    .unwrap();
    let config = Config::load(Home::choose(Some(directory.path().to_owned())).unwrap()).unwrap();
    assert_eq!(config.own_names(), [("runplane.corp".parse().unwrap(), Some(8443))]);
}

#[test]
fn the_public_url_is_https_or_of_this_machine() {
    let read = |url: &str| parse(&format!("control: {{ public_url: '{url}' }}"));
    for url in [
        "https://runplane.corp",
        "https://runplane.corp:8443",
        "http://localhost:8081",
        "http://127.0.0.1:8081",
    ] {
        assert_eq!(read(url).unwrap().public_url.unwrap().to_string(), url);
    }
    for url in [
        "http://runplane.corp",
        "runplane.corp",
        "https://runplane.corp/path",
        "https://a@b",
        "https://",
        "ftp://a",
    ] {
        let wrong = read(url).unwrap_err();
        assert!(
            wrong.contains("runplane.yaml:1:24") && wrong.contains("https://runplane.corp"),
            "{wrong}"
        );
    }
}

#[test]
fn a_file_of_the_home_overrides_the_shipped_one_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("baseline.cedar"), "// mine").unwrap();
    std::fs::write(directory.path().join("own.cedar"), "// more").unwrap();
    let sources = shipped::policies(directory.path()).unwrap();
    let mine = sources
        .iter()
        .find(|source| source.file.ends_with("baseline.cedar"))
        .unwrap();
    assert_eq!(mine.text, "// mine");
    assert!(sources.iter().any(|source| source.file.ends_with("own.cedar")));
    let (vocabulary, files) = shipped::mappings(directory.path()).unwrap();
    assert_eq!(vocabulary.file, "embedded:mappings/actions.yaml");
    assert!(
        files
            .iter()
            .any(|source| source.file == "embedded:mappings/stripe.yaml")
    );
}

#[test]
fn hashes_of_keys_are_in_no_file_that_others_can_read() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    let path = home.config_file();
    let hash = "ab".repeat(32);
    let load = |text: &str, mode| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Config::load(home.clone())
            .map(drop)
            .map_err(|wrong| wrong[0].to_string())
    };
    let keys = [
        format!("people: [ {{ name: alice, groups: [finance], key_sha256: {hash} }} ]"),
        format!("agents: [ {{ name: bot, key_sha256: {hash} }} ]"),
    ];
    for text in &keys {
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let wrong = load(text, mode).unwrap_err();
            assert!(
                wrong.contains("chmod 600") && wrong.contains(&format!("{mode:04o}")),
                "{wrong}"
            );
        }
        load(text, 0o600).unwrap();
    }
    load("agent: { name: bot }", 0o644).unwrap();
}

#[test]
fn nobody_is_only_observed_unless_the_file_says_so() {
    let observe = |text: &str| parse(text).unwrap().gate.observe;
    let some = Observe::Agents(["a".into(), "b".into()].into());
    for (text, expected) in [
        ("", Observe::Nobody),
        ("dangerously_observe: false", Observe::Nobody),
        ("dangerously_observe: []", Observe::Nobody),
        ("dangerously_observe: true", Observe::Everyone),
        ("dangerously_observe: [ b, a ]", some),
    ] {
        assert_eq!(observe(text), expected, "{text}");
    }
    assert!(parse("").unwrap().dangerous().is_empty());
    let dangerous = parse("dangerously_observe: [ b, a ]").unwrap().dangerous();
    assert_eq!(dangerous, [("dangerously_observe", "a, b".to_owned())]);
}

#[test]
fn what_is_kept_for_less_than_six_months_is_warned_of() {
    let with = |months: &str| parse(&format!("audit: {{ retention: {{ months: {months} }} }}"));
    assert_eq!(parse("").unwrap().audit.retention, None);
    for (months, warned) in [("1", 1), ("5", 1), ("6", 0), ("13", 0)] {
        let config = with(months).unwrap();
        assert_eq!(config.audit.retention, months.parse().ok());
        assert_eq!(config.warnings().len(), warned, "{months}");
    }
    for wrong in ["0", "1201", "-1", "x", "1.5"] {
        assert!(with(wrong).is_err(), "{wrong}");
    }
    let settles = |text: &str| parse(text).unwrap().audit.clock_settles;
    assert_eq!(settles(""), Duration::from_secs(24 * 60 * 60));
    let soon = "audit: { retention: { months: 13, clock_settles: 5m } }";
    assert_eq!(settles(soon), Duration::from_secs(300));
}

#[test]
fn checkpoints_go_into_a_file_of_the_home_or_elsewhere() {
    let read = |text: &str| parse(text).unwrap();
    let with = |name: &str| read(&format!("audit: {{ publish: {{ file: {name} }} }}"));
    let elsewhere = with("/mnt/worm/a.checkpoint").audit.publish;
    assert_eq!(elsewhere.unwrap(), Path::new("/mnt/worm/a.checkpoint"));
    let config = with("a.checkpoint");
    assert_eq!(config.audit.publish.unwrap(), config.home.path().join("a.checkpoint"));
    assert_eq!(read("").audit, Audit::default());
    let dangerous = read("dangerously_accept_rollback: true").dangerous();
    assert_eq!(dangerous, [("dangerously_accept_rollback", "true".to_owned())]);
    assert!(parse("audit: { publish: { to: a } }").is_err());
}
