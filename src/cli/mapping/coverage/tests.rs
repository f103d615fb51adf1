use crate::import::har::{Content, Request};
use crate::io::coding;
use crate::model::Access;

use super::*;

fn limits() -> Limits {
    Limits {
        body: 1 << 20,
        codings: coding::Limits {
            decoded: 1 << 20,
            ratio: 100,
        },
    }
}

fn mappings() -> Mappings {
    let directory = tempfile::TempDir::new().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    Files::of(&home).ok().unwrap().load().unwrap()
}

fn request(method: &str, url: &str, content: &str) -> Request {
    let json = content.starts_with('{');
    let media_type = if json {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), media_type.to_owned())],
        content: Some(content)
            .filter(|content| !content.is_empty())
            .map(|content| Content {
                media_type: media_type.to_owned(),
                text: content.to_owned(),
            }),
    }
}

fn shown(requests: &[Request], top: usize) -> String {
    let mappings = mappings();
    let limits = limits();
    let gaps = from_recording(requests, &mappings, &limits);
    let mut out = Vec::new();
    let words = Words::known(&[]);
    show::coverage(&gaps, &gaps.ranked(&words), mappings.vocabulary(), top, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn some() -> Vec<Request> {
    let mut requests = vec![
        request("POST", "https://api.acme.example/v1/orders", "{\"a\":1}"),
        request("POST", "https://api.acme.example/v1/orders", "{\"a\":2}"),
        request("DELETE", "https://api.acme.example/v1/orders/ord_1", ""),
        request("POST", "https://api.stripe.com/v1/refunds", "charge=ch_1"),
        request("POST", "https://api.stripe.com/v1/charges", "amount=1&currency=usd"),
        request("POST", "https://app.asana.com/api/1.0/goals", "{}"),
        request("GET", "https://api.stripe.com/v1//refunds", ""),
    ];
    for order in 0..50 {
        requests.push(request(
            "GET",
            &format!("https://api.acme.example/v1/orders/ord_{order}"),
            "",
        ));
    }
    requests
}

#[test]
fn changes_come_first_then_what_is_dangerous_and_frequent() {
    let mappings = mappings();
    let gaps = from_recording(&some(), &mappings, &limits());
    let ranked = gaps.ranked(&Words::known(&[]));
    let told: Vec<(&str, Access, u64)> = ranked
        .iter()
        .map(|gap| (gap.operation.as_str(), gap.access, gap.calls))
        .collect();
    let first = [
        ("DELETE /v1/orders/{order}", Access::Delete, 1),
        ("POST /v1/orders", Access::Write, 2),
    ];
    assert_eq!(told[..2], first, "{told:?}");
    assert_eq!(
        *told.last().unwrap(),
        ("GET /v1/orders/{order}", Access::Read, 50),
        "{told:?}"
    );
    let kinds: Vec<gaps::Kind> = ranked.iter().map(|gap| gap.kind).collect();
    for kind in [gaps::Kind::Host, gaps::Kind::Generated, gaps::Kind::Lacks] {
        assert!(kinds.contains(&kind), "{kind:?}: {ranked:#?}");
    }
    assert_eq!(gaps.refused.values().sum::<u64>(), 1);
    assert_eq!(gaps.calls, 57);
}

#[test]
fn each_has_why_and_an_entry_or_advice() {
    let text = shown(&some(), 30);
    for said in [
        "# 57 calls, ",
        "# 1 calls at api.stripe.com would be refused unread: malformed",
        "       2  write   POST /v1/orders at api.acme.example: no mapping is for this host",
        "refunds.create at api.stripe.com: lacks amount (",
        "only the provider's description names it",
        "# `runplane mapping new NAME --host api.acme.example` makes the file",
        "  orders.create:\n    call: POST /v1/orders\n    action: modify_record\n",
        "# refunds.create: say where amount stands",
        "    call: POST /api/1.0/goals\n",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("ord_1") && !text.contains("charges.create at"), "{text}");
    let two = shown(&some(), 2);
    assert!(two.contains(" more: --top "), "{two}");
}

/// What is printed goes into a mapping as it is.
#[test]
fn drafted_entries_are_entries_of_a_mapping() {
    let acme: Vec<Request> = some()
        .into_iter()
        .filter(|request| request.url.contains("acme"))
        .collect();
    let text = shown(&acme, 30);
    let head =
        "provider: acme\nhosts: [api.acme.example]\ndispatch: path\ncontent: { application/json: json }\noperations:\n";
    let directory = tempfile::TempDir::new().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    std::fs::create_dir_all(home.mappings()).unwrap();
    std::fs::write(home.mappings().join("acme.yaml"), format!("{head}{text}")).unwrap();
    let mappings = Files::of(&home)
        .ok()
        .unwrap()
        .load()
        .unwrap_or_else(|wrong| panic!("{wrong:?}: {text}"));
    let after = from_recording(&acme, &mappings, &limits());
    assert_eq!(after.ranked(&Words::known(&[])), [], "everything is named now");
}

/// SECURITY: what agents call may hold what ends a line or a comment, or moves a terminal's cursor.
#[test]
fn what_agents_say_stays_in_its_comment() {
    let mappings = mappings();
    let mut gaps = Gaps::new(&mappings);
    gaps.refused("https://x.example/\u{1b}[2J", crate::model::Reason::Malformed);
    let mut action = from_one(&mappings);
    action.operation = "POST /a\nprovider: evil\u{1b}[2J".into();
    gaps.see("api.acme.example", &action);
    let mut out = Vec::new();
    show::coverage(
        &gaps,
        &gaps.ranked(&Words::known(&[])),
        mappings.vocabulary(),
        9,
        &mut out,
    )
    .unwrap();
    let text = String::from_utf8(out).unwrap();
    let bare = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(bare.count(), 0, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

fn from_one(mappings: &Mappings) -> crate::model::Action {
    let described = Described {
        method: "POST".to_owned(),
        url: "https://api.acme.example/v1/orders".to_owned(),
        ..Described::default()
    };
    understand(mappings, anybody(), described, &limits()).unwrap().action
}
