use std::sync::Arc;

use super::*;
use crate::audit::{Digests, Ruling};
use crate::gate;
use crate::model::money::Rates;
use crate::model::{
    Access, Action, Authority, Body, Call, CallId, Caller, Host, Missing, Origin, Reason, Scheme, Target, Tie, Value,
    Why,
};
use crate::store::{self, Store};
mod names;

fn call(agent: &str) -> Call {
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: agent.into(),
            roles: Arc::from([]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name("api.example.com".into()),
            port: 443,
        },
        method: http::Method::POST,
        path: "/x".to_owned(),
        query: None,
        headers: http::HeaderMap::new(),
        body: Body::Absent,
    }
}

fn action(name: &str, access: Access, fields: &[(&str, i64)]) -> Action {
    Action {
        provider: "stripe".into(),
        operation: "some.operation".into(),
        name: name.into(),
        access,
        fields: fields
            .iter()
            .map(|(name, value)| ((*name).into(), Value::Int(*value)))
            .collect(),
        missing: Vec::new(),
        target: Target {
            kind: "thing".into(),
            id: None,
        },
        environment: "test".into(),
        labels: None,
        risk: None,
        unmapped: false,
        inspected: true,
        summary: String::new(),
        request_line: "POST https://api.example.com/x".to_owned(),
        answer: Arc::default(),
        also: Vec::new(),
        tie: Tie::default(),
    }
}

/// The draft from these calls, and how many of them it permits.
async fn suggested(calls: &[(&str, Action)]) -> String {
    suggested_with("", calls).await
}

/// The same with this `targets.yaml`, if it is not empty.
async fn suggested_with(targets: &str, calls: &[(&str, Action)]) -> String {
    let calls = calls.iter().map(|(agent, action)| (*agent, action.clone(), "ALLOW"));
    drafted(targets, &calls.collect::<Vec<_>>()).await
}

/// The same of calls that were decided so.
async fn drafted(targets: &str, calls: &[(&str, Action, &'static str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    if !targets.is_empty() {
        std::fs::create_dir_all(home.policies()).unwrap();
        std::fs::write(home.policies().join("targets.yaml"), targets).unwrap();
    }
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    for (agent, action, decision) in calls {
        let ruling = Ruling {
            decision,
            reason: (*decision == "BLOCK").then_some(Reason::PolicyBlocked),
            rules: &[],
            approval: None,
            spending: None,
            would: None,
            trial: None,
        };
        store
            .write(audit::decided(&call(agent), action, &ruling, &Digests::default()))
            .await
            .unwrap();
    }
    let period = audit::Period {
        since: Timestamp(0),
        until: Timestamp(i64::MAX),
        agent: None,
    };
    let load = |policy: Source| {
        let sources = app::sources(&home, &home.policies())?;
        let sources = Sources {
            policies: vec![policy],
            ..sources
        };
        let config = gate::Config {
            rates: Rates::new(Some("usd")),
            ..gate::Config::default()
        };
        let rules = Rules::load(&sources, None, config, &Arc::default())?;
        assert_eq!(
            rules
                .policies()
                .warnings(&sources.policies, &crate::policy::Known::default()),
            []
        );
        Ok(rules)
    };
    suggest(&store.reader().unwrap(), &period, Some("usd".into()), load).unwrap()
}

#[tokio::test]
async fn what_was_seen_is_permitted_up_to_the_largest_that_was_seen() {
    let mail = |count| action("send_email", Access::Write, &[("recipient_count", count)]);
    let text = suggested(&[
        ("mailer", mail(3)),
        ("mailer", mail(40)),
        ("mailer", action("post_message", Access::Write, &[])),
        (
            "mailer",
            action("post_message", Access::Write, &[("recipient_count", 7)]),
        ),
        ("reader.2", action("read_record", Access::Read, &[])),
    ])
    .await;
    for said in [
        "5 calls. These rules alone permit 5 of them.",
        "// 2 calls; recipient_count up to 40",
        "context.recipient_count <= 40",
        "(if context has recipient_count then context.recipient_count <= 7 else true)",
        "principal == Agent::\"reader.2\"",
        "resource in Provider::\"stripe\"",
        "context.host == \"api.example.com\"",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[tokio::test]
async fn domains_and_tables_are_those_that_were_seen() {
    let with = |name: &str, field: &str, names: &[&str]| {
        let mut action = action(name, Access::Write, &[]);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        action.fields.insert(field.into(), Value::List(names));
        action
    };
    let many: Vec<String> = (0..21).map(|number| format!("t{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut mail = with("send_email", "recipient_domains", &["a.example", "b.example"]);
    mail.fields.insert("recipient_count".into(), Value::Int(2));
    let text = suggested(&[
        ("mailer", mail),
        ("updater", with("modify_record", "sql_tables", &["orders"])),
        ("updater", action("modify_record", Access::Write, &[])),
        ("many", with("modify_record", "sql_tables", &many)),
    ])
    .await;
    for said in [
        "4 calls. These rules alone permit 4 of them.",
        "context has recipient_domains && [\"a.example\", \"b.example\"].containsAll(context.recipient_domains)",
        "(if context has sql_tables then [\"orders\"].containsAll(context.sql_tables) else true)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("t20"), "{text}");
    let open = "// 1 call\n// sql_tables: more than 20 were seen, so this rule permits any: narrow it by hand\n@id";
    assert!(text.contains(open), "{text}");
}

#[tokio::test]
async fn the_environment_is_the_labelled_one() {
    let targets =
        "targets:\n  - match: { host: api.example.com, environment: test }\n    label: { environment: production }\n";
    let text = suggested_with(targets, &[("reader", action("read_record", Access::Read, &[]))]).await;
    assert!(text.contains("resource.environment == \"production\""), "{text}");
    assert!(text.contains("1 call. These rules alone permit 1 of them."), "{text}");
}

#[tokio::test]
async fn a_permit_does_not_cover_the_deletion_the_unmapped_or_the_unbounded_beside_it() {
    let flagged = |mut action: Action, unbounded: bool| {
        action.fields.insert("unbounded".into(), Value::Bool(unbounded));
        action
    };
    let update = || action("bulk_update", Access::Write, &[]);
    let query = || action("execute_query", Access::Read, &[]);
    let unmapped = Action {
        unmapped: true,
        ..action("modify_record", Access::Write, &[])
    };
    let text = suggested(&[
        ("tagger", action("modify_record", Access::Write, &[])),
        ("tagger", action("modify_record", Access::Delete, &[])),
        ("tagger", unmapped),
        ("updater", flagged(update(), false)),
        ("forgetful", query()),
        ("asker", flagged(query(), false)),
        ("both", flagged(update(), true)),
        ("both", flagged(update(), false)),
    ])
    .await;
    for said in [
        "8 calls. These rules alone permit 6 of them.",
        "modify_record by tagger: deletes",
        "modify_record by tagger: in no mapping",
        "context.access == \"write\"",
        "!context.unmapped",
        "context has unbounded && context.unbounded == false",
        "(if context has unbounded then context.unbounded == false else true)",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("left out below"), "{text}");
    let of = |value: &str| text.matches(&format!("context.unbounded == {value}")).count();
    assert_eq!((of("false"), of("true")), (4, 1), "{text}");
}

#[tokio::test]
async fn what_is_so_of_one_call_is_not_permitted_of_the_others() {
    let update = |table: &str, unbounded: bool| {
        let mut action = action("bulk_update", Access::Write, &[]);
        action.fields.insert("unbounded".into(), Value::Bool(unbounded));
        let tables = Value::List(vec![table.to_owned()]);
        action.fields.insert("sql_tables".into(), tables);
        ("updater", action)
    };
    let text = suggested(&[update("tmp", true), update("orders", false), update("orders", false)]).await;
    assert!(text.contains("3 calls. These rules alone permit 3 of them."), "{text}");
    let rules: Vec<&str> = text.split("@id").skip(1).collect();
    let [bounded, unbounded] = rules[..] else {
        panic!("two rules: {text}");
    };
    assert!(
        bounded.contains("unbounded == false") && bounded.contains("[\"orders\"].containsAll"),
        "{text}"
    );
    assert!(
        unbounded.contains("unbounded == true") && unbounded.contains("[\"tmp\"].containsAll"),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_never_there_is_not_permitted() {
    let mut nowhere = action("send_email", Access::Write, &[("recipient_count", 1)]);
    nowhere
        .fields
        .insert("recipient_domains".into(), Value::List(Vec::new()));
    let text = suggested(&[
        ("restarter", action("deploy_service", Access::Write, &[])),
        ("mailer", action("send_email", Access::Write, &[("recipient_count", 1)])),
        ("nobody", nowhere),
    ])
    .await;
    let of = |agent: &str| {
        let rule = text
            .split("permit (")
            .find(|rule| rule.contains(&format!("Agent::\"{agent}\"")));
        rule.unwrap().to_owned()
    };
    assert!(of("restarter").contains("!(context has instance_count)"), "{text}");
    assert!(of("mailer").contains("!(context has recipient_domains)"), "{text}");
    assert!(
        !of("mailer").contains("context has recipient_count"),
        "it is required: {text}"
    );
    let empty = "context has recipient_domains && context.recipient_domains.isEmpty()";
    assert!(of("nobody").contains(empty), "{text}");
    assert!(text.contains("3 calls. These rules alone permit 3 of them."), "{text}");
}

/// A rule that asks whether a cost is there has it worked out, and the call held where it cannot be.
#[tokio::test]
async fn a_change_without_a_price_is_permitted_as_it_was_seen() {
    let scale = |kind: Option<&str>| {
        let mut action = action("scale_resources", Access::Write, &[("instance_count", 3)]);
        action
            .fields
            .extend(kind.map(|kind| ("instance_type".into(), Value::Text(kind.to_owned()))));
        action
    };
    let text = suggested(&[("scaler", scale(None)), ("other", scale(Some("a.nobody-prices-it")))]).await;
    assert!(!text.contains("estimated_monthly_cost"), "{text}");
    assert!(text.contains("context.instance_count <= 3"), "{text}");
    assert!(text.contains("!(context has instance_type)"), "{text}");
    let kind = "context has instance_type && [\"a.nobody-prices-it\"].contains(context.instance_type)";
    assert!(text.contains(kind), "what it costs is not left open: {text}");
    assert!(text.contains("2 calls. These rules alone permit 2 of them."), "{text}");
}

#[tokio::test]
async fn what_the_rules_would_change_is_told_by_action_with_its_money() {
    let refund = |amount| {
        let fields = [("amount", amount), ("amount_base", amount)];
        ("bot", action("process_refund", Access::Write, &fields))
    };
    let decided = |(agent, action): (&'static str, Action), decision| (agent, action, decision);
    let post = || ("bot", action("post_message", Access::Write, &[]));
    let calls = [
        decided(refund(40_000), "ALLOW"),
        decided(refund(90_000), "REQUIRE_APPROVAL"),
        decided(refund(7), "BLOCK"),
        decided(post(), "ALLOW"),
        decided(post(), "REQUIRE_APPROVAL"),
    ];
    let text = drafted("", &calls).await;
    let head: Vec<String> = text
        .lines()
        .take_while(|line| line.starts_with("//"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in [
        "// Replayed by these rules alone, in the place of those in force:",
        "// ACTION CALLS WERE ALLOWED HELD BLOCKED MONEY",
        "// newly allowed post_message 1 0 1 0 -",
        "// newly blocked process_refund 2 1 1 0 $1300.00",
    ] {
        assert!(head.iter().any(|line| line == row), "{row}: {text}");
    }
    let same = drafted("", &calls[3..4]).await;
    assert!(!same.contains("Replayed"), "nothing changes: {same}");
}

#[tokio::test]
async fn a_call_that_was_blocked_and_is_like_one_that_was_not_is_told_in_the_head() {
    let blocked = |agent| (agent, action("post_message", Access::Write, &[]), "BLOCK");
    let allowed = |agent| (agent, action("post_message", Access::Write, &[]), "ALLOW");
    let text = drafted("", &[allowed("a"), blocked("a"), blocked("b")]).await;
    for said in [
        "3 calls. These rules alone permit 2 of them.",
        "1 of these is left out below",
        "post_message by a: blocked",
        "post_message by b: blocked",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let text = drafted("", &[allowed("a")]).await;
    assert!(text.contains(": 1 call. These rules alone permit 1 of them."), "{text}");
}

#[tokio::test]
async fn deletes_money_security_and_unmapped_calls_are_never_permitted() {
    let unmapped = Action {
        unmapped: true,
        ..action("read_record", Access::Read, &[])
    };
    let with_more = Action {
        also: vec![action("delete_record", Access::Delete, &[])],
        ..action("modify_record", Access::Write, &[])
    };
    let incomplete = Action {
        missing: vec![Missing {
            field: "recipient_count".into(),
            why: Why::Absent,
        }],
        ..action("send_email", Access::Write, &[])
    };
    let calls = [
        action("delete_record", Access::Delete, &[]),
        action("terminate_instance", Access::Write, &[("instance_count", 1)]),
        action("call_tool", Access::Delete, &[]),
        action("process_refund", Access::Write, &[("amount", 5), ("amount_base", 5)]),
        action("transfer_funds", Access::Write, &[("amount", 5), ("amount_base", 5)]),
        action("modify_security", Access::Admin, &[]),
        action("issue_token", Access::Write, &[]),
        action("read_secret", Access::Read, &[]),
        action("call_tool", Access::Admin, &[]),
        unmapped,
        with_more,
        incomplete,
    ];
    let text = suggested(&calls.map(|action| ("bot", action))).await;
    assert!(!text.contains("\npermit"), "{text}");
    assert!(text.contains("12 calls. These rules alone permit 0 of them."), "{text}");
    for said in [
        "delete_record by bot: deletes",
        "process_refund by bot: money, amount_base 5 in all",
        "read_secret by bot: security",
        "read_record by bot: in no mapping",
        "modify_record by bot: deletes",
        "send_email by bot: incomplete",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}
