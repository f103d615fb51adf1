//! The tools around mappings: `mapping new | check | test | coverage | schema`, `import har`, and the page that teaches them.

mod corpus;
mod graphql;
mod samples;

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::pages::followed;
use crate::harness::{Curl, Origin, Sidecar, bounded, eventually, root, runplane, said};

fn run(home: &Path, arguments: &[&str]) -> Output {
    let mut command = runplane();
    command.args(arguments).env("RUNPLANE_HOME", home).current_dir(home);
    bounded(command)
}

fn home_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

const ACME: &str = "provider: acme
hosts: [api.acme.example]
dispatch: path
operations:
  orders.list: { call: GET /v1/orders, action: read_record, target: { kind: order } }
";

#[test]
fn everything_that_is_wrong_in_any_file_is_told_at_once() {
    let home = home_with(&[
        (
            "mappings/acme.yaml",
            &ACME.replace("read_record", "read_recrod").replace("GET /v1", "GOT /v1"),
        ),
        ("mappings/bent.yaml", "provider: [\n"),
        (
            "mappings/generated/shop.yaml",
            "provider: shop\nhost: [api.shop.example]\n",
        ),
        ("mappings/other.yml", ACME),
        (
            "mappings/twice.yaml",
            &ACME
                .replace("acme", "twice")
                .replace("api.twice", "api.stripe")
                .replace(".example", ".com"),
        ),
    ]);
    fs::write(home.path().join("mappings/latin.yaml"), b"# caf\xe9\n").unwrap();
    let output = run(home.path(), &["mapping", "check"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for told in [
        "acme.yaml:5:48: unknown action `read_recrod` (did you mean `read_record`?)",
        "acme.yaml:5:",
        "expected `call: METHOD /template`, as `POST /v1/refunds`",
        "bent.yaml:",
        "generated/shop.yaml:2:1: ",
        "(did you mean `hosts`?)",
        "latin.yaml: ",
        "other.yml: nobody reads a file of this name: expected one that ends in `.yaml`",
        "twice.yaml:2:",
        "`api.stripe.com`: embedded:mappings/stripe.yaml is for the same hosts",
        "   5 |   orders.list:",
        " errors found",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

/// A key that nobody knows, or one that is missing, hides nothing of what else is wrong.
#[test]
fn a_mistake_of_form_hides_no_other() {
    let bad = "provider: acme
hosts: [api.acme.example]
dispatch: path
operations:
  a:
    call: GET /v1/{x}
    action: reed_record
  b:
    call: GET /v1/{y}
    action: read_record
  c:
    call: POST /v1/y
    action: process_refund
    fields: { amont: { from: $.body..amount } }
  c:
    call: POST /v1/y
    action: read_record
unknown: 1
";
    let home = home_with(&[("mappings/acme.yaml", bad)]);
    let output = run(home.path(), &["mapping", "check"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for told in [
        "acme.yaml:6:5: expected `action` and `target`",
        "acme.yaml:7:13: unknown action `reed_record` (did you mean `read_record`?)",
        "acme.yaml:9:5: `GET /v1/{y}` is both `a` and `b`",
        "acme.yaml:9:5: expected `action` and `target`",
        "acme.yaml:12:5: expected `action` and `target`",
        "unknown field `amont` (did you mean `amount`?)",
        "acme.yaml:14:30: ",
        "acme.yaml:15:3: duplicate mapping key: c",
        "acme.yaml:18:1: unknown field `unknown`",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn a_file_stands_in_for_that_of_its_name() {
    let home = home_with(&[
        ("mappings/acme.yaml", ACME),
        ("draft/acme.yaml", &ACME.replace("orders.list", "orders.all")),
    ]);
    let output = run(home.path(), &["mapping", "check", "draft/acme.yaml"]);
    assert!(
        output.status.success() && said(&output).contains("1 of them yours"),
        "{}",
        said(&output)
    );
    fs::write(home.path().join("draft/acme.yaml"), ACME.replace("path\n", "paths\n")).unwrap();
    let output = run(home.path(), &["mapping", "check", "draft"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("draft/acme.yaml:3:"), "{}", said(&output));
    assert_eq!(
        run(home.path(), &["mapping", "check", "nowhere.yaml"]).status.code(),
        Some(1)
    );
    // What is in force is right all the same.
    assert!(run(home.path(), &["mapping", "check"]).status.success());
}

#[test]
fn a_new_mapping_is_right_and_nothing_is_written_over() {
    let home = home_with(&[]);
    let new = |arguments: &[&str]| run(home.path(), &[&["mapping", "new"][..], arguments].concat());
    let output = new(&["acme", "--host", "api.acme.example", "--host", "{region}.acme.example"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("Next:"), "{text}");
    for command in [
        &["mapping", "check"][..],
        &["mapping", "test"],
        &["mapping", "test", "acme", "--strict"],
        &["check"],
    ] {
        let output = run(home.path(), command);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
    }
    let written = home.path().join("mappings/acme.yaml");
    let first = fs::read_to_string(&written).unwrap();
    assert!(
        first.starts_with("# yaml-language-server: $schema=mapping.schema.json\n"),
        "{first}"
    );
    let schema = home.path().join("mappings/mapping.schema.json");
    let printed = run(home.path(), &["mapping", "schema"]);
    assert_eq!(fs::read(&schema).unwrap(), printed.stdout, "{}", said(&printed));
    // Somebody's own file of that name stays, a mapping that is there too, and a name or host that is taken is refused.
    fs::write(&schema, "{}").unwrap();
    assert!(new(&["other", "--host", "api.other.example"]).status.success());
    assert_eq!(fs::read_to_string(&schema).unwrap(), "{}");
    for (arguments, told) in [
        (
            &["acme", "--host", "api.else.example"][..],
            "is there already; nothing was written",
        ),
        (
            &["stripe", "--host", "api.else.example"],
            "a mapping of that name ships",
        ),
        (
            &["third", "--host", "api.stripe.com"],
            "stripe.yaml is for the same hosts",
        ),
        (
            &["fourth", "--host", "api.acme.example"],
            "acme.yaml is for the same hosts",
        ),
        (
            &["../fifth", "--host", "api.else.example"],
            "cannot be a provider's name",
        ),
        (&["sixth", "--host", "https://api.else.example/v1"], "sixth.yaml:6:"),
    ] {
        let output = new(arguments);
        assert!(
            !output.status.success() && said(&output).contains(told),
            "{told}: {}",
            said(&output)
        );
    }
    assert_eq!(fs::read_to_string(&written).unwrap(), first);
    let mut names: Vec<_> = fs::read_dir(home.path().join("mappings"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["acme.yaml", "mapping.schema.json", "other.yaml", "samples"]);
    assert!(!home.path().join("fifth.yaml").exists());
}

#[test]
fn a_recording_is_read_as_the_gate_reads_it() {
    let har = r#"{"log":{"entries":[{"request":{"method":"POST","url":"https://acme.myshopify.com/admin/api/2025-07/gift_cards.json",
        "headers":[{"name":"Content-Type","value":"application/json"}],"postData":{"mimeType":"application/json","text":"{\"gift_card\": {\"initial_value\": \"400.50\"}}"}}}]}}"#;
    let coverage = |configuration: &str| {
        let home = home_with(&[("runplane.yaml", configuration), ("traffic.har", har)]);
        let output = run(home.path(), &["mapping", "coverage", "--har", "traffic.har"]);
        (output.status.success(), said(&output))
    };
    let (_, told) = coverage("money: { account_currency: usd }\n");
    assert!(!told.contains("gift_cards"), "{told}");
    // Some programs say the type of the content beside it only.
    let untyped = har.replace(r#"{"name":"Content-Type","value":"application/json"}"#, "");
    assert_ne!(untyped, har);
    let home = home_with(&[
        ("runplane.yaml", "money: { account_currency: usd }\n"),
        ("traffic.har", &untyped),
    ]);
    let told = said(&run(home.path(), &["mapping", "coverage", "--har", "traffic.har"]));
    assert!(
        !told.contains("gift_cards") && !told.contains("not_inspectable"),
        "{told}"
    );
    let nobody_knows = "money: { accounts: [{ provider: shopify, currency: null }] }\n";
    let (_, told) = coverage(nobody_knows);
    assert!(told.contains("gift_cards") && told.contains("amount"), "{told}");
    let (taken, told) = coverage("money: { accounts: [{ provider: shopfy, currency: usd }] }\n");
    assert!(!taken && told.contains("did you mean `shopify`?"), "{told}");
}

#[test]
fn a_recording_shows_what_is_not_understood_and_hostile_ones_end_in_an_error() {
    let secret = "sk_live_51Habcdefghijk";
    let har = format!(
        r#"{{"log":{{"entries":[{{"request":{{"method":"POST","url":"https://api.acme.example/v1/orders/{secret}/refunds?token={secret}",
        "headers":[{{"name":"Authorization","value":"Bearer {secret}"}}],"postData":{{"mimeType":"application/json","text":"{{\"card\":\"{secret}\"}}"}}}}}}]}}}}"#
    );
    let home = home_with(&[
        ("traffic.har", &har),
        ("deep.har", &"[".repeat(1 << 20)),
        ("no.har", "{\"log\": {}}"),
    ]);
    let output = run(home.path(), &["mapping", "coverage", "--har", "traffic.har"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for told in [
        "POST /v1/orders/{order}/refunds at api.acme.example: no mapping is for this host",
        "    action: process_refund\n",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let made = run(home.path(), &["import", "har", "traffic.har"]);
    let made_text = said(&made);
    assert!(
        made.status.success() && made_text.contains("POST /v1/orders/{order}/refunds"),
        "{made_text}"
    );
    assert!(!text.contains(secret) && !made_text.contains(secret));
    for (file, told) in [
        ("deep.har", "deep.har: "),
        ("no.har", "this is no HAR"),
        ("none.har", "none.har"),
    ] {
        for command in [&["mapping", "coverage", "--har", file][..], &["import", "har", file]] {
            let output = run(home.path(), command);
            assert!(
                !output.status.success() && said(&output).contains(told),
                "{command:?}: {}",
                said(&output)
            );
        }
    }
}

#[test]
fn an_import_that_makes_nothing_ends_in_an_error_and_writes_nothing() {
    let of = |host: &str, paths: &str| {
        format!(r#"{{"openapi": "3.0.0", "servers": [{{"url": "https://{host}"}}], "paths": {{{paths}}}}}"#)
    };
    let get = r#"{"get": {"operationId": "g"}}"#;
    let home = home_with(&[
        (
            "around.json",
            &of(
                "api.x.example",
                r##""/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}"##,
            ),
        ),
        (
            "outside.json",
            &of("api.x.example", r#""/a": {"$ref": "file:///etc/passwd"}"#),
        ),
        (
            "twice.json",
            &of("api.x.example", &format!("\"/a\": {get}, \"/a\": {get}")),
        ),
        ("host.json", &of("{anything}", &format!("\"/a\": {get}"))),
        ("slash.json", &of("api.x.example", &format!("\"a\": {get}"))),
    ]);
    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    for (file, told) in [
        ("around.json", "left out: /a: a `$ref` of it leads nowhere"),
        ("outside.json", "left out: /a: a `$ref` of it leads nowhere"),
        ("twice.json", "twice.json: the member `/a` is there twice at line 1"),
        ("host.json", "left out: GET /a: its host is known to its user only"),
        ("slash.json", "left out: a: a path begins with `/`"),
    ] {
        let output = run(
            home.path(),
            &["import", "openapi", file, "--provider", "x", "--to", "out"],
        );
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {text}");
        assert!(text.contains(told), "{file}: {text}");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0, "{file}: {text}");
    }
}

#[test]
fn the_page_that_teaches_mappings_does_what_it_says() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve("api.acme.example", &origin).hold("1s").start();
    let orders = "https://api.acme.example/v1/orders";
    for order in ["ord_1", "ord_2"] {
        Curl::call(&sidecar, &[&format!("{orders}/{order}")]);
        let refund = format!("{orders}/{order}/refunds");
        Curl::call(
            &sidecar,
            &[&refund, "--json", "{\"amount\": \"12.50\", \"currency\": \"USD\"}"],
        );
    }
    assert!(origin.calls("POST", "/v1/orders/ord_1/refunds").is_empty());
    let work = tempfile::tempdir().unwrap();
    let told = followed(&sidecar, work.path(), "docs/mappings.md");
    for said in [
        "       2  write   POST /v1/orders/{order}/refunds at api.acme.example: no mapping is for this host",
        "  orders.refunds.create:\n    call: POST /v1/orders/{order}/refunds\n    action: process_refund\n",
        "wrote ",
        "1 of them yours",
        "7 samples: 7 as expected, 0 otherwise",
        "process_refund",
        "only the provider's description names it, and not what it does (",
        "mappings/generated/shop.yaml:",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    eventually("the mapping is in force", || {
        let before = origin.calls("POST", "/v1/orders/ord_3/refunds").len();
        let refund = format!("{orders}/ord_3/refunds");
        Curl::call(
            &sidecar,
            &[&refund, "--json", "{\"amount\": \"12.50\", \"currency\": \"USD\"}"],
        );
        origin.calls("POST", "/v1/orders/ord_3/refunds").len() > before
    });
}

#[test]
fn a_file_that_makes_a_shipped_change_a_read_fails_the_check() {
    let stripe = |entry: &str| {
        let head = "provider: stripe\nhosts: [api.stripe.com]\ndispatch: path\noperations:\n";
        format!("{head}  mine: {{ call: \"{entry}\", action: read_record, target: {{ kind: x }} }}\n")
    };
    let home = home_with(&[("mappings/stripe.yaml", &stripe("POST /v1/refunds"))]);
    let output = run(home.path(), &["mapping", "check"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for told in ["stripe.yaml:5:3: `POST /v1/refunds`", "process_refund", "1 error found"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let home = home_with(&[("mappings/stripe.yaml", &stripe("GET /v1/{what}"))]);
    let output = run(home.path(), &["mapping", "check"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("warning: "), "{text}");
    assert!(text.contains("stripe.yaml:5:3: this takes `GET /v1/"), "{text}");
}
