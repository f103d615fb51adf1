//! What was made through this sidecar completes calls that name its id and leave out the rest.

mod forgotten;
mod interleaved;
mod judged;
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
    fields: { amount: { from: $.body.amount } }
    answer: &whole { recall: { fields: [amount, currency] } }
  invoices.refund:
    call: POST /invoices/{invoice}/refund
    action: process_refund
    target: { kind: invoice, id: $.path.invoice }
    fields: { amount: { not_told: true } }
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
        budgets: Vec::new(),
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
    made(left(&gate, order("a.shop.example")), "o17");
    assert_eq!(said(&gate, refund("a.shop.example/orders/o17")), "ALLOW");
    assert_eq!(
        said(&gate, refund("b.shop.example/orders/o17")),
        "HOLD incomplete_action"
    );
    assert_eq!(
        said(&gate, refund("a.shop.example/invoices/o17")),
        "HOLD incomplete_action"
    );
    let store = with(refund("a.shop.example/orders/o17"), "x-store", "2");
    assert_eq!(said(&gate, store), "HOLD incomplete_action");
    // What another store made by the same number leaves doubt, and a call without a key is nobody's.
    made(left(&gate, with(order("a.shop.example"), "x-store", "2")), "o17");
    assert_eq!(
        said(&gate, refund("a.shop.example/orders/o17")),
        "HOLD incomplete_action"
    );
    let mut anonymous = order("a.shop.example");
    anonymous.headers.remove("authorization");
    made(left(&gate, anonymous), "o18");
    assert_eq!(
        said(&gate, refund("a.shop.example/orders/o18")),
        "HOLD incomplete_action"
    );
}
