//! What was made through this sidecar completes calls that name its id and leave out the rest.

mod interleaved;
mod under_way;

use super::*;
use crate::gate::made::Leaves;
use crate::model::observed::Observe;
use crate::model::{Outcome, Refusal};

const HOUR: Duration = Duration::from_secs(3600);
const OVER_100: &str = r#"@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance")
    forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 10000 };"#;
/// A provider whose orders and invoices have numbers of their own, at two hosts.
const SHOP: &str = r#"
provider: shop
title: Shop
hosts: [a.shop.example, b.shop.example]
dispatch: path
content: { application/json: json }
significant: [x-store]
operations:
  orders.create:
    call: POST /orders
    action: create_charge
    target: { kind: order }
    fields:
      amount: { from: $.body.amount }
      currency: { from: $.body.currency, as: currency }
    answer:
      result_id: $.id
      replayed: { header: x-replayed }
      remember: { kind: order, fields: [amount, currency] }
  orders.refund:
    call: POST /orders/{order}/refund
    action: process_refund
    target: { kind: order, id: $.path.order }
    answer: &whole { recall: { fields: [amount, currency] } }
  invoices.refund:
    call: POST /invoices/{invoice}/refund
    action: process_refund
    target: { kind: invoice, id: $.path.invoice }
    answer: *whole
  notes.write:
    call: POST /notes
    action: modify_record
    target: { kind: note }
  files.put:
    call: PUT /files/{file}
    action: modify_record
    target: { kind: file, id: $.path.file }
    content_ignored: true
  notes.read:
    call: GET /notes/{note}
    action: read_record
    target: { kind: note, id: $.path.note }
"#;

/// The mappings of Stripe and of the shop.
fn sources(more: &str) -> Sources {
    let file = |name: &str, text: &str| Source {
        file: name.to_owned(),
        text: text.to_owned(),
    };
    Sources {
        vocabulary: file("mappings/actions.yaml", VOCABULARY),
        mappings: vec![
            file("mappings/stripe.yaml", include_str!("../../../mappings/stripe.yaml")),
            file("mappings/shop.yaml", SHOP),
        ],
        policies: vec![
            file("policies/baseline.cedar", BASELINE),
            file("policies/more.cedar", more),
        ],
        budgets: vec![file("policies/budgets.yaml", "budgets: {}\n")],
        prices: None,
        targets: file("policies/targets.yaml", TARGETS),
    }
}

fn gate_with(sources: &Sources, observe: Observe, recall: Duration) -> Gate {
    let groups = BTreeSet::from(["finance".to_owned()]);
    let config = Config {
        rates: rates(),
        observe,
        recall,
        ..Config::default()
    };
    let rules = Rules::load(sources, Some(&groups), config, &Arc::default()).unwrap_or_else(|wrong| {
        let shown: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    });
    Gate::new(rules)
}

fn remembering() -> Gate {
    gate_with(&sources(""), Observe::Nobody, HOUR)
}

/// The same where every call is sent, whatever is decided.
fn observing() -> Gate {
    gate_with(&sources(""), Observe::Everyone, HOUR)
}

/// A call as it comes: a form to Stripe, JSON to anybody else.
fn call_to(method: &str, url: &str, content: &str) -> Call {
    let (host, path) = url.split_at(url.find('/').unwrap());
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    let mut call = call();
    call.method = method.parse().unwrap();
    call.authority.host = Host::Name(host.into());
    (call.path, call.query) = (path.to_owned(), query.map(str::to_owned));
    let kind = match host == "api.stripe.com" {
        true => "application/x-www-form-urlencoded",
        false => "application/json",
    };
    call.headers
        .insert("authorization", "Bearer sk_test_1".parse().unwrap());
    if !content.is_empty() {
        call.headers.insert("content-type", kind.parse().unwrap());
        call.body = Body::Captured(bytes::Bytes::copy_from_slice(content.as_bytes()));
    }
    call
}

fn post(path: &str, content: &str) -> Call {
    call_to("POST", &format!("api.stripe.com{path}"), content)
}

fn with(mut call: Call, name: &'static str, value: &str) -> Call {
    call.headers.insert(name, value.parse().unwrap());
    call
}

fn read(gate: &Gate, call: &Call, at: Timestamp) -> Result<Action, Refusal> {
    let rules = gate.rules();
    let action = rules.mappings().resolve(call, rules.mappings().route(call)?)?;
    Ok(rules.with_recalled(call, action, at))
}

fn judged_at(gate: &Gate, call: Call, at: Timestamp) -> Decision {
    let action = read(gate, &call, at).unwrap();
    gate.rules().decide(call, action, None, at)
}

/// What is decided of a call, and by which rules.
fn said(gate: &Gate, call: Call) -> String {
    let (head, rules) = match judged_at(gate, call, NOON) {
        Decision::Allow(_) => return "ALLOW".to_owned(),
        Decision::Block(blocked) => ("BLOCK", blocked.rules.into_iter().map(|rule| rule.id).collect()),
        Decision::RequireApproval(hold) => ("HOLD", hold.rules.into_iter().map(|rule| rule.id).collect::<Vec<_>>()),
    };
    format!("{head} {}", rules.join(" "))
}

fn permit(gate: &Gate, call: Call) -> Permit {
    match judged_at(gate, call, NOON) {
        Decision::Allow(permit) => permit,
        other @ (Decision::Block(_) | Decision::RequireApproval(_)) => panic!("expected a permit, found {other:?}"),
    }
}

/// A call that was allowed, and has not left.
fn going(gate: &Gate, call: Call) -> Sent {
    gate.sends(&permit(gate, call), NOON)
}

/// One that has.
fn left(gate: &Gate, call: Call) -> Sent {
    let sent = going(gate, call);
    if let Some(way) = sent.way() {
        assert!(matches!(way.leaves_now(NOON), Leaves::Left(_)));
    }
    sent
}

/// Its provider answered that it made this, for the first time.
fn made(sent: Sent, id: &str) {
    sent.way().unwrap().answered_anew();
    sent.ended(Outcome::Success, Some(200), Some(id), NOON);
}

fn done(gate: &Gate, call: Call) {
    left(gate, call).ended(Outcome::Success, Some(200), None, NOON);
}

fn charge(amount: i64, currency: &str) -> Call {
    post(
        "/v1/charges",
        &format!("amount={amount}&currency={currency}&source=tok_1"),
    )
}

fn refund_whole() -> Call {
    post("/v1/refunds", "charge=ch_1")
}

/// A gate through which `ch_1` was charged.
fn after_a_charge(amount: i64, currency: &str) -> Gate {
    let gate = remembering();
    made(left(&gate, charge(amount, currency)), "ch_1");
    gate
}

/// The amount by which a refund of the whole of `ch_1` is judged.
fn whole(gate: &Gate) -> Option<i64> {
    read(gate, &refund_whole(), NOON).unwrap().int("amount")
}

#[test]
fn a_refund_of_what_was_made_here_has_its_amount() {
    assert_eq!(said(&remembering(), refund_whole()), "HOLD incomplete_action");
    let gate = after_a_charge(40_000, "eur");
    let allowed = permit(&gate, refund_whole());
    let refund = allowed.action();
    assert_eq!(
        (refund.int("amount"), refund.text("currency")),
        (Some(40_000), Some("eur"))
    );
    assert_eq!(refund.int("amount_base"), Some(44_000));
    assert_eq!(refund.tie.recalled(), ["amount".into(), "currency".into()]);
    assert!(refund.missing.is_empty(), "{refund:?}");
    assert!(
        refund.summary.ends_with(" (400.00 EUR, as it was made here)"),
        "{}",
        refund.summary
    );
    assert_eq!(said(&gate, post("/v1/charges/ch_1/refund", "")), "ALLOW");
    assert_eq!(
        said(&gate, post("/v1/refunds", "charge=ch_2")),
        "HOLD incomplete_action"
    );
    // More than rules let go.
    let gate = gate_with(&sources(OVER_100), Observe::Nobody, HOUR);
    made(left(&gate, charge(10_001, "usd")), "ch_1");
    assert_eq!(said(&gate, refund_whole()), "HOLD over-100");
}

#[test]
fn stripes_intents_and_transfers_have_the_amount_that_they_were_made_with() {
    let gate = observing();
    made(
        left(&gate, post("/v1/payment_intents", "amount=2000&currency=usd")),
        "pi_1",
    );
    made(
        left(
            &gate,
            post("/v1/transfers", "amount=3000&currency=usd&destination=acct_1"),
        ),
        "tr_1",
    );
    for (path, content, amount) in [
        ("/v1/payment_intents/pi_1/confirm", "payment_method=pm_1", Some(2_000)),
        ("/v1/payment_intents/pi_1/capture", "", Some(2_000)),
        ("/v1/payment_intents/pi_1/capture", "amount_to_capture=5", Some(5)),
        ("/v1/refunds", "payment_intent=pi_1", Some(2_000)),
        ("/v1/refunds", "charge=ch_1&payment_intent=pi_1", None),
        ("/v1/transfers/tr_1/reversals", "", Some(3_000)),
        // Another kind of thing by that id.
        ("/v1/charges/pi_1/capture", "", None),
        ("/v1/charges/tr_1/refund", "", None),
    ] {
        let action = read(&gate, &post(path, content), NOON).unwrap();
        assert_eq!(action.int("amount"), amount, "{path} {content}");
    }
}

#[test]
fn what_a_call_tells_itself_stands() {
    let gate = after_a_charge(40_000, "eur");
    let told = read(&gate, &post("/v1/refunds", "charge=ch_1&amount=7"), NOON).unwrap();
    assert_eq!((told.int("amount"), told.tie.recalled().len()), (Some(7), 0));
    for garbled in ["amount=seven", "amount[]=7", "amount="] {
        let call = post("/v1/refunds", &format!("charge=ch_1&{garbled}"));
        assert_eq!(said(&gate, call), "HOLD incomplete_action", "{garbled}");
    }
}

#[test]
fn only_what_the_provider_says_that_it_made_anew_is_learnt() {
    for (outcome, status, id) in [
        (Outcome::Failure, 402, Some("ch_1")),
        (Outcome::Unknown, 200, Some("ch_1")),
        (Outcome::Abandoned, 200, Some("ch_1")),
        (Outcome::Success, 200, None),
        (Outcome::Success, 200, Some("ch 1")),
    ] {
        let gate = remembering();
        let sent = left(&gate, charge(100, "usd"));
        sent.way().unwrap().answered_anew();
        sent.ended(outcome, Some(status), id, NOON);
        assert_eq!(whole(&gate), None, "{outcome:?} {id:?}");
    }
    // Nobody said that the answer is new.
    let gate = remembering();
    left(&gate, charge(100, "usd")).ended(Outcome::Success, Some(200), Some("ch_1"), NOON);
    assert_eq!(whole(&gate), None);
    // Nor what never left.
    let gate = remembering();
    made(going(&gate, charge(100, "usd")), "ch_1");
    assert_eq!(whole(&gate), None);
}

#[test]
fn what_the_call_did_not_tell_itself_is_not_learnt() {
    let gate = observing();
    // In the account's currency, as nobody said.
    made(left(&gate, post("/v1/charges", "amount=100&source=tok_1")), "ch_1");
    assert_eq!(whole(&gate), None);
    made(left(&gate, post("/v1/charges", "amount=100&currency=dollars")), "ch_1");
    assert_eq!(whole(&gate), None);
    // Nor what was recalled: a refund makes nothing that is remembered.
    let gate = after_a_charge(100, "usd");
    made(left(&gate, refund_whole()), "ch_2");
    assert_eq!(
        said(&gate, post("/v1/refunds", "charge=ch_2")),
        "HOLD incomplete_action"
    );
}

#[test]
fn another_key_account_or_host_recalls_nothing() {
    let gate = after_a_charge(100, "usd");
    assert_eq!(said(&gate, refund_whole()), "ALLOW");
    let mut anonymous = refund_whole();
    anonymous.headers.remove("authorization");
    for other in [
        with(refund_whole(), "authorization", "Bearer sk_test_2"),
        with(refund_whole(), "stripe-account", "acct_1"),
        with(refund_whole(), "stripe-context", "acct_1"),
        anonymous,
    ] {
        assert_eq!(said(&gate, other), "HOLD incomplete_action");
    }
    let order = |host: &str| {
        call_to(
            "POST",
            &format!("{host}/orders"),
            r#"{"amount": 100, "currency": "usd"}"#,
        )
    };
    let refund = |url: &str| call_to("POST", &format!("{url}/refund"), "");
    made(left(&gate, order("a.shop.example")), "17");
    assert_eq!(said(&gate, refund("a.shop.example/orders/17")), "ALLOW");
    assert_eq!(
        said(&gate, refund("b.shop.example/orders/17")),
        "HOLD incomplete_action"
    );
    assert_eq!(
        said(&gate, refund("a.shop.example/invoices/17")),
        "HOLD incomplete_action"
    );
    let store = with(refund("a.shop.example/orders/17"), "x-store", "2");
    assert_eq!(said(&gate, store), "HOLD incomplete_action");
    // What another store made by the same number leaves doubt, and a call without a key is nobody's.
    made(left(&gate, with(order("a.shop.example"), "x-store", "2")), "17");
    assert_eq!(
        said(&gate, refund("a.shop.example/orders/17")),
        "HOLD incomplete_action"
    );
    let mut anonymous = order("a.shop.example");
    anonymous.headers.remove("authorization");
    made(left(&gate, anonymous), "18");
    assert_eq!(
        said(&gate, refund("a.shop.example/orders/18")),
        "HOLD incomplete_action"
    );
}

#[test]
fn what_is_changed_is_forgotten() {
    for change in [
        post("/v1/charges/ch_1", "description=x"),
        post("/v1/charges/ch_1/capture", "amount=50"),
        post("/v1/refunds", "charge=ch_1&amount=50"),
        // By another key, too.
        with(
            post("/v1/charges/ch_1", "description=x"),
            "authorization",
            "Bearer sk_test_2",
        ),
    ] {
        let gate = after_a_charge(100, "usd");
        done(&gate, call_to("GET", "api.stripe.com/v1/charges/ch_1", ""));
        done(&gate, refund_whole());
        done(&gate, post("/v1/customers", "name=Ada"));
        assert_eq!(whole(&gate), Some(100), "neither a read nor what goes by it changes it");
        // Before anybody knows what came of it.
        let path = change.path.clone();
        drop(left(&gate, change));
        assert_eq!(whole(&gate), None, "{path}");
    }
}

#[test]
fn wherever_a_change_names_it_it_is_forgotten() {
    for (url, content) in [
        ("a.shop.example/notes", r#"{"order": 17}"#),
        ("a.shop.example/notes", r#"{"orders": [{"id": "17"}]}"#),
        ("a.shop.example/notes", r#"{"orders": {"17": true}}"#),
        ("a.shop.example/notes", r#"{"text": "of 16,17"}"#),
        ("a.shop.example/notes", r#"{"text": "gid://shop/Order/17"}"#),
        ("a.shop.example/notes", r#"{"text": "17.pdf"}"#),
        ("b.shop.example/notes?order=17", ""),
        ("a.shop.example/orders/17/refund", r#"{"amount": 5}"#),
    ] {
        let gate = observing();
        let order = call_to("POST", "a.shop.example/orders", r#"{"amount": 100, "currency": "usd"}"#);
        made(left(&gate, order), "17");
        let refund = call_to("POST", "a.shop.example/orders/17/refund", "");
        let amount = |gate: &Gate| read(gate, &refund, NOON).unwrap().int("amount");
        done(&gate, call_to("POST", "a.shop.example/notes", r#"{"order": 170}"#));
        assert_eq!(amount(&gate), Some(100));
        let refunds = url.ends_with("refund");
        done(&gate, call_to("POST", url, content));
        // A call that recalled it did not change it.
        assert_eq!(amount(&gate), refunds.then_some(100), "{url} {content}");
    }
}

#[test]
fn a_change_that_nobody_knows_forgets_all_of_its_provider() {
    let order = call_to("POST", "a.shop.example/orders", r#"{"amount": 100, "currency": "usd"}"#);
    let refund = call_to("POST", "a.shop.example/orders/17/refund", "");
    let mut unread = call_to("PUT", "a.shop.example/files/1", "");
    unread.body = Body::Streaming { length: None };
    for (change, forgets) in [
        (call_to("POST", "a.shop.example/nobody_knows", ""), true),
        (call_to("POST", "b.shop.example/nobody_knows", ""), true),
        (call_to("GET", "a.shop.example/nobody_knows", ""), true),
        (unread, true),
        (call_to("PUT", "a.shop.example/files/1", ""), false),
        (call_to("GET", "a.shop.example/notes/17", ""), false),
        (post("/v1/nobody_knows", ""), false),
    ] {
        let gate = observing();
        made(left(&gate, order.clone()), "17");
        let shown = format!("{} {}", change.method, change.path);
        drop(left(&gate, change));
        let amount = read(&gate, &refund, NOON).unwrap().int("amount");
        assert_eq!(amount.is_none(), forgets, "{shown}");
    }
}

#[test]
fn what_an_agent_states_that_it_does_is_forgotten_too() {
    let gate = after_a_charge(100, "usd");
    let mut stated = call();
    stated.origin = Origin::Guard;
    stated.body = Body::Captured(bytes::Bytes::from_static(br#"{"context": {"of": "ch_1"}}"#));
    let mut deed = action("modify_record", &[]);
    (deed.provider, deed.target.id) = ("guard".into(), Some("it".to_owned()));
    let Decision::Allow(permit) = gate.rules().decide(stated, deed, None, NOON) else {
        panic!("expected a permit")
    };
    let sent = gate.sends(&permit, NOON);
    assert_eq!(whole(&gate), Some(100));
    assert!(matches!(sent.way().unwrap().leaves_now(NOON), Leaves::Left(_)));
    assert_eq!(whole(&gate), None);
}

#[test]
fn nothing_is_remembered_for_longer_than_an_hour_or_than_is_said() {
    let gate = after_a_charge(100, "usd");
    let at = |seconds: i64| {
        let action = read(&gate, &refund_whole(), Timestamp(NOON.0 + seconds * 1_000)).unwrap();
        action.int("amount")
    };
    assert_eq!((at(0), at(3_599), at(3_600)), (Some(100), Some(100), None));
    assert_eq!(at(-1), None, "a clock that was set back says nothing");
    let off = gate_with(&sources(""), Observe::Nobody, Duration::ZERO);
    made(left(&off, charge(100, "usd")), "ch_1");
    assert_eq!(whole(&off), None);
    // Decided in time, and sent too late.
    let late = going(&gate, refund_whole());
    assert_eq!(
        late.way().unwrap().leaves_now(Timestamp(NOON.0 + 3_600_000)),
        Leaves::Stale
    );
}

#[test]
fn the_oldest_are_forgotten_and_nothing_else() {
    let gate = remembering();
    for at in 0..=10_000 {
        made(left(&gate, charge(100 + at, "usd")), &format!("ch_{at}"));
    }
    let amount = |id: i64| {
        let refund = post("/v1/refunds", &format!("charge=ch_{id}"));
        read(&gate, &refund, NOON).unwrap().int("amount")
    };
    assert_eq!((amount(0), amount(1), amount(10_000)), (None, Some(101), Some(10_100)));
}

#[test]
fn a_recalled_amount_counts_in_budgets() {
    let mut sources = sources("");
    let limit =
        "budgets:\n  refunds: { window: 1d, sum: amount_base, actions: [process_refund], per: agent, limit: 500 }\n";
    sources.budgets[0].text = limit.to_owned();
    let gate = gate_with(&sources, Observe::Nobody, HOUR);
    made(left(&gate, charge(300, "usd")), "ch_1");
    assert_eq!(said(&gate, refund_whole()), "ALLOW");
    assert_eq!(
        said(&gate, refund_whole()),
        "BLOCK budget:refunds",
        "300 were taken, and 300 are more than is left"
    );
}

#[test]
fn what_does_not_fit_the_action_is_not_recalled() {
    let shop = SHOP.replace("fields: [amount, currency]", "fields: [amount, currency, destination]");
    let shop = shop.replace(
        "      currency: { from: $.body.currency, as: currency }\n",
        "      currency: { from: $.body.currency, as: currency }\n      destination: { from: $.body.to }\n",
    );
    let mut sources = sources("");
    sources.mappings[1].text = shop;
    let gate = gate_with(&sources, Observe::Everyone, HOUR);
    let order = r#"{"amount": 100, "currency": "usd", "to": "acct_1"}"#;
    made(left(&gate, call_to("POST", "a.shop.example/orders", order)), "17");
    let refund = read(&gate, &call_to("POST", "a.shop.example/orders/17/refund", ""), NOON).unwrap();
    // A refund has no destination: what of it is remembered does not fit, and nothing is recalled.
    assert_eq!((refund.int("amount"), refund.tie.recalled().len()), (None, 0));
}
