//! Calls that do several things at once, by the mappings that ship.

use bytes::Bytes;

use super::*;

const STRIPE: &str = include_str!("../../../mappings/stripe.yaml");
const S3: &str = include_str!("../../../mappings/aws-s3.yaml");

/// These mappings with the baseline, but for its rule on transfers, and `house`.
fn rules(house: &str) -> Rules {
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    let (before, rest) = BASELINE.split_once("@id(\"transfer\")").unwrap();
    let (_, after) = rest.split_once("// ---- Data").unwrap();
    let large = r#"@id("transfer") @decision("REQUIRE_APPROVAL") @reason("Large")
        forbid (principal, action == Action::"transfer_funds", resource) when { context.amount_base > 20000000 };
        // "#;
    let sources = Sources {
        vocabulary: file("mappings/actions.yaml", VOCABULARY),
        mappings: vec![file("mappings/stripe.yaml", STRIPE), file("mappings/aws-s3.yaml", S3)],
        policies: vec![
            file("policies/baseline.cedar", &format!("{before}{large}{after}")),
            file("policies/house.cedar", house),
        ],
        budgets: Vec::new(),
        prices: None,
        targets: file("policies/targets.yaml", TARGETS),
    };
    let config = Config {
        rates: rates(),
        ..Config::default()
    };
    Rules::load(&sources, None, config, &Arc::default()).unwrap()
}

fn stripe(form: &str) -> Call {
    let mut call = call();
    call.path = "/v1/charges".to_owned();
    call.headers.insert(
        "content-type",
        http::HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    call.body = Body::Captured(Bytes::copy_from_slice(form.as_bytes()));
    call
}

fn s3(method: http::Method, headers: &[(&'static str, &'static str)]) -> Call {
    let mut call = call();
    call.authority.host = Host::Name("s3.us-west-2.amazonaws.com".into());
    (call.method, call.path) = (method, "/b/k".to_owned());
    for (name, value) in headers {
        call.headers.insert(*name, http::HeaderValue::from_static(value));
    }
    call
}

fn read(rules: &Rules, call: &Call) -> Action {
    let route = rules.mappings().route(call).unwrap();
    rules.mappings().resolve(call, route).unwrap()
}

fn verdict(rules: &Rules, call: &Call, evidence: Option<&Evidence>) -> Verdict {
    rules.review(&call.facts(), &read(rules, call), evidence, NOON)
}

fn blocked_by(rules: &Rules, call: &Call) -> Vec<String> {
    match verdict(rules, call, None) {
        Verdict::Block { rules, .. } => rules.iter().map(|rule| rule.id.to_string()).collect(),
        other @ (Verdict::Allow { .. } | Verdict::RequireApproval { .. }) => panic!("{other:?}"),
    }
}

#[test]
fn one_more_parameter_takes_no_call_out_of_a_rule() {
    let charges = rules(
        r#"@id("cap") forbid (principal, action == Action::"create_charge", resource) when { context.amount_base > 500000 };"#,
    );
    for more in [
        "",
        "&transfer_data[destination]=acct_1",
        "&application_fee_amount=0",
        "&on_behalf_of=acct_1",
    ] {
        for amount in [90_000_000, 9_000_000] {
            let call = stripe(&format!("amount={amount}&currency=usd{more}"));
            assert_eq!(blocked_by(&charges, &call), ["cap"], "{amount}{more}");
        }
    }
    let named = r#"@id("kept") forbid (principal, action == Action::"delete_record", resource);"#;
    let grouped = r#"@id("kept") forbid (principal, action in Action::"deletes", resource);"#;
    for house in [named, grouped] {
        let rules = rules(house);
        for headers in [&[][..], &[("x-amz-bypass-governance-retention", "true")]] {
            let call = s3(http::Method::DELETE, headers);
            assert_eq!(blocked_by(&rules, &call), ["kept"], "{house} {headers:?}");
        }
    }
    let writes = rules(r#"@id("frozen") forbid (principal, action == Action::"modify_record", resource);"#);
    for headers in [
        &[][..],
        &[("x-amz-acl", "bucket-owner-read")],
        &[("x-amz-object-lock-mode", "COMPLIANCE"), ("x-amz-acl", "public-read")],
    ] {
        let call = s3(http::Method::PUT, headers);
        assert_eq!(blocked_by(&writes, &call), ["frozen"], "{headers:?}");
    }
}

#[test]
fn the_summary_tells_everything_that_a_call_does() {
    let rules = rules("");
    let action = read(
        &rules,
        &s3(http::Method::DELETE, &[("x-amz-bypass-governance-retention", "true")]),
    );
    let both = action.summary.contains("Change access to object b/k") && action.summary.contains("Delete object b/k");
    assert!(both, "{}", action.summary);
    let action = read(&rules, &stripe("amount=900&currency=usd&application_fee_amount=1"));
    assert!(
        action.summary.contains("with money or fees for another account"),
        "{}",
        action.summary
    );
    assert!(action.summary.contains("; also: Charge $9.00"), "{}", action.summary);
}

#[test]
fn a_call_that_does_one_thing_means_one_thing() {
    let rules = rules("");
    for call in [
        s3(http::Method::DELETE, &[]),
        s3(http::Method::PUT, &[("x-amz-acl", "private")]),
        stripe("amount=1&currency=usd"),
    ] {
        assert!(read(&rules, &call).also.is_empty());
    }
}

#[test]
fn what_is_stated_completes_every_meaning() {
    let rules = rules("");
    let call = stripe("currency=usd&transfer_data[destination]=acct_1");
    let action = rules.complete(read(&rules, &call), &call.facts().host);
    assert_eq!(
        action.wanted(rules.vocabulary()),
        ["amount"].map(Arc::from).iter().collect::<Vec<_>>()
    );
    let Verdict::RequireApproval { rules: holds } = verdict(&rules, &call, None) else {
        panic!("an incomplete call is held");
    };
    assert_eq!(holds.len(), 1, "{holds:?}");
    let stated = |amount| evidence(&holds, &[("amount", Value::Int(amount))]);
    assert!(matches!(
        verdict(&rules, &call, Some(&stated(100))),
        Verdict::Allow { .. }
    ));
    // Held as a charge, not as a transfer.
    let Verdict::RequireApproval { rules: more } = verdict(&rules, &call, Some(&stated(60_000))) else {
        panic!("a charge over $500 is held");
    };
    assert_eq!(
        more.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
        ["charge-over-500"]
    );
    let permit = rules.decide(
        stripe("currency=usd&transfer_data[destination]=acct_1"),
        action,
        Some(&stated(100)),
        NOON,
    );
    let Decision::Allow(permit) = permit else { panic!() };
    assert!(
        permit
            .action()
            .meanings()
            .all(|meaning| meaning.int("amount") == Some(100))
    );
}

#[test]
fn without_a_vote_nothing_that_is_stated_counts_in_any_meaning() {
    let rules = rules("");
    let call = stripe("currency=usd&transfer_data[destination]=acct_1");
    let nobody = evidence(&[], &[("amount", Value::Int(1))]);
    assert!(matches!(
        verdict(&rules, &call, Some(&nobody)),
        Verdict::RequireApproval { .. }
    ));
}

/// As the comment beside the rule says it.
#[test]
fn servers_that_are_let_go_by_name_are_those_and_no_others() {
    let unless = BASELINE
        .lines()
        .find_map(|line| line.strip_prefix("//   unless"))
        .unwrap();
    let rule = format!(
        "@id(\"own\") @decision(\"REQUIRE_APPROVAL\") @reason(\"own\")
        forbid (principal, action == Action::\"generate_text\", resource)
        when {{ context has tool_servers || context has tool_kinds }} unless{unless}"
    );
    let gate = gate(&rule);
    let list = |names: &[&str]| Value::List(names.iter().map(|name| (*name).to_owned()).collect());
    for (fields, own) in [
        (vec![("tool_servers", list(&["mcp.example.com"]))], false),
        (vec![("tool_servers", list(&["evil.example", "mcp.example.com"]))], true),
        (vec![("tool_kinds", list(&["mcp"]))], true),
    ] {
        let expected = match own {
            true => "REQUIRE_APPROVAL own tools-out-of-sight",
            false => "REQUIRE_APPROVAL tools-out-of-sight",
        };
        assert_eq!(
            decided(&gate, &action("generate_text", &fields), None),
            expected,
            "{fields:?}"
        );
    }
}
