//! What agents state, by the vocabulary and the tool table that ship.

use proptest::prelude::*;

use super::*;
use crate::model::Source;
use crate::model::accounts::{Account, Accounts, Whose};

fn mappings_with(account: Option<&str>) -> Mappings {
    let source = |file: &str, text: &str| Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let vocabulary = source("actions.yaml", include_str!("../../../mappings/actions.yaml"));
    let tools = source("mappings/tools.yaml", include_str!("../../../mappings/tools.yaml"));
    Mappings::load(&vocabulary, &[tools])
        .unwrap()
        .with_accounts(account, Accounts::default())
}

fn call(statement: &Statement) -> Call {
    let caller = Caller {
        agent: "bot".into(),
        roles: Arc::from([]),
        owner: None,
    };
    statement.call(CallId::random(), caller, Timestamp(0))
}

fn read(text: &str) -> Result<Action, Misstated> {
    let statement = Statement::read(text.as_bytes())?;
    mappings_with(Some("usd")).judged_as(&call(&statement), &statement)
}

/// One statement with these further members.
fn stated(action: &str, more: &str) -> Result<Action, Misstated> {
    read(&format!(r#"{{"action":"{action}","target":"finance-system"{more}}}"#))
}

#[test]
fn the_named_example_is_a_transfer_of_12000_dollars() {
    let action = stated("transfer_funds", r#","amount":12000,"environment":"production""#).unwrap();
    assert_eq!(
        (&*action.name, &*action.provider, action.unmapped),
        ("transfer_funds", GUARD, false)
    );
    assert_eq!(action.int("amount"), Some(1_200_000));
    assert_eq!(action.target.id.as_deref(), Some("finance-system"));
    assert_eq!(
        action.summary,
        "Transfer $12000.00 in the agent's own tool: finance-system, said to be in production"
    );
    assert!(action.missing.is_empty());
}

#[test]
fn a_claimed_environment_makes_nothing_laxer() {
    for claimed in ["test", "production", "anything"] {
        let action = stated("transfer_funds", &format!(r#","amount":1,"environment":"{claimed}""#)).unwrap();
        assert_eq!(&**action.environment(), UNKNOWN, "judged as if nothing was said");
        let [claim] = action.also.as_slice() else {
            panic!("and as said: {action:?}");
        };
        assert_eq!(&**claim.environment(), claimed);
        assert_eq!(action.deeds().count(), 1, "and done once");
        assert!(claim.also.is_empty());
    }
    for nothing in ["", r#","environment":null"#, r#","environment":"unknown""#] {
        assert!(stated("transfer_funds", nothing).unwrap().also.is_empty(), "{nothing}");
    }
}

#[test]
fn an_amount_is_in_whole_units_of_its_currency() {
    for (said, amount, currency) in [
        (r#","amount":12.5"#, Some(1250), None),
        (r#","amount":"12.50""#, Some(1250), None),
        (r#","amount":500,"currency":"JPY""#, Some(500), Some("jpy")),
        (r#","amount":1.234,"currency":"kwd""#, Some(1234), Some("kwd")),
        (r#","amount_minor":1250,"currency":"eur""#, Some(1250), Some("eur")),
        (r#","context":{"amount":7}"#, Some(700), None),
        (r#","amount":null"#, None, None),
        ("", None, None),
    ] {
        let action = stated("process_refund", said).unwrap();
        assert_eq!(
            (action.int("amount"), action.text("currency")),
            (amount, currency),
            "{said}"
        );
        assert_eq!(action.is_missing("amount"), amount.is_none(), "{said}");
    }
}

#[test]
fn an_amount_without_any_currency_is_not_known() {
    let mappings = mappings_with(None);
    let read = |text: &str| {
        let statement = Statement::read(text.as_bytes()).unwrap();
        mappings.judged_as(&call(&statement), &statement)
    };
    let action = read(r#"{"action":"process_refund","target":"x","amount":5}"#).unwrap();
    assert_eq!(action.missing[0].why, Why::Unreadable);
    assert!(read(r#"{"action":"process_refund","target":"x","amount":"five"}"#).is_err());
}

#[test]
fn a_wrong_type_is_refused() {
    for wrong in [
        r#","amount":"5 dollars""#,
        r#","amount":-5"#,
        r#","amount":1e3"#,
        r#","amount":1.001"#,
        r#","amount":99999999999999999999"#,
        r#","amount":[5]"#,
        r#","amount":true"#,
        r#","amount":5,"currency":"dollars""#,
        r#","amount":5,"currency":840"#,
        r#","amount":5,"amount_minor":500"#,
        r#","amount_minor":5.0"#,
        r#","amount_minor":"5""#,
        r#","resource_ids":"one""#,
        r#","resource_ids":[1]"#,
        r#","environment":5"#,
        r#","environment":"prod\u202e""#,
        r#","context":[]"#,
        r#","context":"amount=5""#,
        r#","amount":5,"context":{"amount":5}"#,
        r#","agent":5"#,
        r#","request_id":7"#,
        r#","request_id":"""#,
    ] {
        assert!(stated("process_refund", wrong).is_err(), "{wrong}");
    }
    for no_statement in [
        "[]",
        "5",
        "null",
        r#"{"action":"x"}"#,
        r#"{"target":"x"}"#,
        r#"{"action":null,"target":"x"}"#,
    ] {
        assert!(read(no_statement).is_err(), "{no_statement}");
    }
}

#[test]
fn what_servers_may_read_differently_is_refused() {
    let deep = format!(
        r#"{{"action":"send_email","target":"x","a":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    for hostile in [
        r#"{"action":"read_record","action":"transfer_funds","target":"x"}"#,
        r#"{"action":"transfer_funds","target":"x","amount":5,"\u0061mount":5000}"#,
        r#"{"action":"transfer_funds","target":"x","amount":NaN}"#,
        r#"{"action":"transfer_funds","target":"x","amount":Infinity}"#,
        r#"{"action":"transfer_funds","target":"x"} {}"#,
        "\u{feff}{\"action\":\"transfer_funds\",\"target\":\"x\"}",
        &deep,
    ] {
        assert!(matches!(read(hostile), Err(Misstated::Unreadable(_))), "{hostile}");
    }
}

#[test]
fn hidden_characters_are_no_part_of_a_name() {
    for hidden in ["\u{202e}", "\u{200b}", "\n", "\u{1b}[2J"] {
        let text = serde_json::json!({ "action": "transfer_funds", "target": format!("payroll{hidden}") });
        assert!(read(&text.to_string()).is_err(), "{hidden:?}");
        let text = serde_json::json!({ "action": format!("read_record{hidden}"), "target": "payroll" });
        assert!(read(&text.to_string()).is_err(), "{hidden:?}");
        // What nobody judges by is shown as what it is.
        let text = serde_json::json!({ "action": "read_record", "target": "payroll", "note": format!("a{hidden}b") });
        let summary = read(&text.to_string()).unwrap().summary;
        assert!(!summary.contains(is_active), "{summary}");
    }
}

#[test]
fn names_beyond_the_vocabulary_go_by_the_table_and_else_nobody_knows_them() {
    for (name, action, unmapped) in [
        ("deleteUser", "delete_record", false),
        ("delete_employee", "delete_record", false),
        ("sendEmail", "send_email", false),
        ("stripe.charges.create", "create_charge", false),
        ("fire_missiles", "call_tool", true),
        ("call_tool", "call_tool", true),
        ("call_api", "call_api", true),
        ("löschen", "call_tool", true),
    ] {
        let found = stated(name, "").unwrap();
        assert_eq!(
            (&*found.name, found.unmapped, &*found.operation),
            (action, unmapped, name)
        );
    }
    let tool = stated("fire_missiles", r#","tool":"read_calendar""#).unwrap();
    assert_eq!(tool.text("tool"), Some("fire_missiles"), "whatever it says of itself");
}

#[test]
fn what_is_not_of_the_vocabulary_is_told_and_not_judged_by() {
    let action = stated(
        "process_refund",
        r#","amount":5,"invoice":42,"context":{"memo":"for \"bob\""}"#,
    )
    .unwrap();
    assert_eq!(action.fields.keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["amount"]);
    assert!(
        action
            .summary
            .ends_with(r#"; also said: invoice=42, memo="for \"bob\"""#),
        "{}",
        action.summary
    );
    // An amount that the action has no field for is no amount.
    let record = stated("modify_record", r#","amount":"a lot""#).unwrap();
    assert!(
        record.fields.is_empty() && record.summary.contains("amount="),
        "{}",
        record.summary
    );
}

#[test]
fn what_the_gate_works_out_is_not_taken_from_the_agent() {
    let action = stated("process_refund", r#","amount":5000,"amount_base":1"#).unwrap();
    assert!(!action.fields.contains_key("amount_base"));
    let mail = stated("send_email", r#","recipient_count":5,"external_recipient_count":0"#).unwrap();
    assert_eq!(
        mail.fields.keys().map(AsRef::as_ref).collect::<Vec<_>>(),
        ["recipient_count"]
    );
}

#[test]
fn the_same_is_the_same_however_it_is_written_and_a_word_more_is_another() {
    let mappings = mappings_with(Some("usd"));
    let identity = |text: &str| {
        let statement = Statement::read(text.as_bytes()).unwrap();
        let call = call(&statement);
        let action = mappings.stated(&call).unwrap();
        mappings.identify(&call, &action).unwrap().content
    };
    let one = identity(r#"{"action":"process_refund","target":"x","amount":5,"context":{"a":1}}"#);
    assert_eq!(
        one,
        identity(r#"{"context":{"a":1,"amount":5}, "target":"x","action":"process_refund","request_id":"7"}"#)
    );
    for other in [
        r#"{"action":"process_refund","target":"y","amount":5,"context":{"a":1}}"#,
        r#"{"action":"process_refund","target":"x","amount":6,"context":{"a":1}}"#,
        r#"{"action":"process_refund","target":"x","amount":5,"context":{"a":2}}"#,
        r#"{"action":"process_refund","target":"x","amount":5}"#,
        r#"{"action":"process_refund","target":"x","amount":5,"context":{"a":1},"environment":"test"}"#,
    ] {
        assert_ne!(one, identity(other), "{other}");
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(|number| Json::Number(number.into())),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|all| Json::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _read = Statement::read(&bytes);
    }

    /// Whatever is said beside the name, it is judged as that action or refused, on one line that moves no cursor.
    #[test]
    fn no_context_makes_another_action_of_it(
        context in prop::collection::btree_map("[a-z_]{1,12}|amount|currency|environment|unmapped|provider|name", json(), 0..6),
    ) {
        let text = serde_json::json!({ "action": "fire_missiles", "target": "x", "context": context }).to_string();
        if let Ok(action) = read(&text) {
            prop_assert!(action.meanings().all(|meaning| meaning.unmapped && &*meaning.name == "call_tool"));
            prop_assert!(action.meanings().all(|meaning| &*meaning.provider == GUARD && meaning.fields.len() <= 2));
            prop_assert!(!action.summary.contains(is_active), "{}", action.summary);
            prop_assert!(action.summary.chars().count() < 6_000);
        }
    }
}

/// Stripe in euros, but for one key's account; dinars at a provider of which nothing is mapped.
fn with_accounts(entries: &[(&str, Whose, Option<&str>)], text: &str) -> Action {
    let mut accounts = Accounts::default();
    for (provider, whose, currency) in entries {
        let account = Account {
            currency: currency.map(Arc::from),
            place: String::new(),
        };
        let unknown = crate::model::Diagnostic::of_file("", "");
        accounts.insert(provider, whose.clone(), account, unknown).unwrap();
    }
    let source = |file: &str, text: &str| Source {
        file: file.to_owned(),
        text: text.to_owned(),
    };
    let vocabulary = source("actions.yaml", include_str!("../../../mappings/actions.yaml"));
    let stripe = source("stripe.yaml", include_str!("../../../mappings/stripe.yaml"));
    let mappings = Mappings::load(&vocabulary, &[stripe]).unwrap();
    let mappings = mappings.with_accounts(Some("usd"), accounts);
    let statement = Statement::read(text.as_bytes()).unwrap();
    mappings.judged_as(&call(&statement), &statement).unwrap()
}

#[test]
fn an_amount_without_a_currency_is_in_that_of_the_provider_it_names() {
    let refund = |entries: &[(&str, Whose, Option<&str>)], more: &str| {
        let text = format!(r#"{{"action":"process_refund","target":"ch_1","amount":1.5{more}}}"#);
        let action = with_accounts(entries, &text);
        let currency = action.text("currency").map(str::to_owned);
        (action.int("amount"), currency, action.is_missing("currency"))
    };
    let all = [
        ("stripe", Whose::Provider, Some("kwd")),
        ("stripe", Whose::Account("acct_1".into()), Some("eur")),
    ];
    let in_ = |amount, currency: &str| (Some(amount), Some(currency.to_owned()), false);
    assert_eq!(refund(&all, ""), (Some(150), None, false), "as all calls are");
    assert_eq!(refund(&all, r#","provider":"Stripe""#), in_(1500, "kwd"));
    assert_eq!(
        refund(&all, r#","provider":"stripe","currency":"gbp""#),
        in_(150, "gbp")
    );
    let connected = r#","provider":"stripe","Stripe-Account":"acct_1""#;
    assert_eq!(refund(&all, connected), in_(150, "eur"));
    let another = connected.replace("acct_1", "acct_2");
    assert_eq!(refund(&all, &another), (None, None, true), "it is in nobody's currency");
    let apart = [("stripe", Whose::Key("ab".into()), Some("eur"))];
    assert_eq!(
        refund(&apart, r#","provider":"stripe""#),
        (None, None, true),
        "no key is stated"
    );
    let own = [(GUARD, Whose::Provider, Some("jpy"))];
    let text = r#"{"action":"process_refund","target":"ch_1","amount":150}"#;
    assert_eq!(
        with_accounts(&own, text).int("amount"),
        Some(150),
        "of what names no provider"
    );
}

#[test]
fn a_provider_is_shown_and_kept_whatever_else_is_said() {
    let mappings = mappings_with(Some("usd"));
    let told = |provider: &str| {
        let others: String = (0..SHOWN).map(|at| format!(r#","a{at:02}":{at}"#)).collect();
        let text = format!(r#"{{"action":"process_refund","target":"ch_1","amount":5{others},"provider":{provider}}}"#);
        let statement = Statement::read(text.as_bytes()).unwrap();
        let call = call(&statement);
        let summary = mappings.judged_as(&call, &statement).unwrap().summary;
        (summary, mappings.shown_whole(&call))
    };
    let (summary, kept) = told(r#""paypal""#);
    assert!(
        summary.contains(r#"; also said: provider="paypal", a00=0"#),
        "{summary}"
    );
    assert!(summary.ends_with("a18=18 and 1 more"), "{summary}");
    assert_eq!(kept.get(PROVIDER), Some(&"paypal".into()));
    assert!(kept.contains_key("a18") && !kept.contains_key("a19"), "{kept:?}");
    let long = "p".repeat(SHOWN_OF_EACH + 1);
    let (_, kept) = told(&format!(r#""{long}""#));
    assert_eq!(kept.get(PROVIDER), Some(&long.into()), "it is kept, and covers nothing");
    let (summary, kept) = told("null");
    assert!(
        summary.contains("; also said: a00=0") && !summary.contains("provider="),
        "{summary}"
    );
    assert!(!kept.contains_key(PROVIDER) && kept.contains_key("a19"), "{kept:?}");
}
