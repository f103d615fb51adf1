use http::HeaderMap;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(body: &Json, json: bool, from: &str, reduce: Reducer) -> Result<Value, Why> {
    read_with(body, json, from, None, reduce)
}

fn read_with(body: &Json, json: bool, from: &str, require: Option<&str>, reduce: Reducer) -> Result<Value, Why> {
    let headers = HeaderMap::new();
    let document = Document {
        method: "POST",
        host: &[],
        parameters: &[],
        headers: &headers,
        query: None,
        body: Some(body),
        json,
    };
    let reading = Reading {
        from: vec![Path::parse(from).unwrap()],
        require: require.map(|path| Path::parse(path).unwrap()),
        reduce,
    };
    reading.value(&document)
}

#[test]
fn a_domain_is_of_one_address_or_of_none() {
    for (address, of) in [
        ("a@example.com", Some("example.com")),
        ("A.b+c@Example.COM", Some("example.com")),
        ("Alice, of Sales <a@example.com>", Some("example.com")),
        ("a@evil.test,b@ours.test", None),
        ("a@evil.test;b@ours.test", None),
        ("a@evil.test b@ours.test", None),
        ("a@evil.test@ours.test", None),
        ("a@evil.test <b@ours.test>", None),
        ("<a@evil.test>, <b@ours.test>", None),
        ("<a@evil.test><b@ours.test>", None),
        ("\"a@evil.test\"@ours.test", None),
        ("a@evil.test\n\n<b@ours.test>", None),
        ("a@", None),
        ("@ours.test", None),
        ("ours.test", None),
        ("", None),
    ] {
        assert_eq!(domain::domain(address).as_deref(), of, "{address:?}");
    }
}

fn amount(body: &[u8]) -> Result<Value, Why> {
    let body = super::super::json::parse(body).unwrap();
    read(&body, true, "$.body.amount", Reducer::One(Type::Int))
}

#[test]
fn an_amount_written_in_any_other_way_is_unreadable() {
    assert_eq!(amount(br#"{"amount": 5000}"#), Ok(Value::Int(5000)));
    assert_eq!(amount(br#"{"amount": 0}"#), Ok(Value::Int(0)));
    assert_eq!(amount(br#"{"amount": 1000000000000000}"#), Ok(Value::Int(MAX_INT)));
    for wrong in [
        "1e6",
        "5000.0",
        "\"5000\"",
        "-5",
        "-0",
        "1000000000000001",
        "18446744073709551617",
        "null",
        "true",
        "[5]",
        "{}",
        "\"\"",
    ] {
        let body = format!("{{\"amount\": {wrong}}}");
        assert_eq!(amount(body.as_bytes()), Err(Why::Unreadable), "{wrong}");
    }
    assert_eq!(amount(b"{}"), Err(Why::Absent));
    assert_eq!(amount(br#"{"Amount": 5}"#), Err(Why::Absent));
    assert_eq!(amount(br#"{"x": {"amount": 5}}"#), Err(Why::Absent));
    assert_eq!(amount(br#"[{"amount": 5}]"#), Err(Why::Absent));

    let form = |value: &str| {
        read(
            &json!({"amount": value}),
            false,
            "$.body.amount",
            Reducer::One(Type::Int),
        )
    };
    assert_eq!(form("5000"), Ok(Value::Int(5000)));
    for wrong in [
        "",
        " 5",
        "5 ",
        "+5",
        "-5",
        "05",
        "00",
        "1e6",
        "5000.0",
        "5,000",
        "0x10",
        "٥",
        "５",
        "1000000000000001",
        "5\n",
    ] {
        assert_eq!(form(wrong), Err(Why::Unreadable), "{wrong:?}");
    }
}

#[test]
fn one_fails_on_several_and_a_count_over_nothing_is_missing() {
    let body = json!({"a": [1, 2], "empty": [], "text": "x"});
    assert_eq!(
        read(&body, true, "$.body.a[*]", Reducer::One(Type::Int)),
        Err(Why::Unreadable)
    );
    assert_eq!(
        read(&body, true, "$.body.a[*]", Reducer::First(Type::Int)),
        Ok(Value::Int(1))
    );
    assert_eq!(read(&body, true, "$.body.a[*]", Reducer::Count), Ok(Value::Int(2)));
    assert_eq!(read(&body, true, "$.body.renamed[*]", Reducer::Count), Err(Why::Absent));
    assert_eq!(read(&body, true, "$.body.empty[*]", Reducer::Count), Err(Why::Absent));
    assert_eq!(
        read_with(&body, true, "$.body.empty[*]", Some("$.body.empty"), Reducer::Count),
        Ok(Value::Int(0))
    );
    assert_eq!(
        read_with(&body, true, "$.body.b[*]", Some("$.body.b"), Reducer::Count),
        Err(Why::Absent)
    );
}

#[test]
fn reducers_reduce() {
    let body = json!({
        "lines": [{"amount": 500, "quantity": 2}, {"amount": 10, "quantity": 3}],
        "to": [{"email": "a@X.example"}, {"email": "B <b@y.example>"}, {"email": "c@x.example"}],
        "names": ["b", "a", "b"], "csv": "a, b,c",
    });
    let get = |from, reduce| read(&body, true, from, reduce);
    let list = |items: &[&str]| Ok(Value::List(items.iter().map(ToString::to_string).collect()));
    let selector = |text| Selector::parse(text).unwrap();
    assert_eq!(
        get(
            "$.body.lines[*]",
            Reducer::SumProduct(selector("$.amount"), selector("$.quantity"))
        ),
        Ok(Value::Int(1030))
    );
    assert_eq!(
        get("$.body.lines[*].amount", Reducer::Sum(Type::Int)),
        Ok(Value::Int(510))
    );
    assert_eq!(
        get("$.body.lines[*].amount", Reducer::Max(Type::Int)),
        Ok(Value::Int(500))
    );
    assert_eq!(get("$.body.lines[*].price", Reducer::Sum(Type::Int)), Err(Why::Absent));
    assert_eq!(
        get("$.body.to[*].email", Reducer::Domain(Of::Mailboxes, None)),
        list(&["x.example", "y.example"])
    );
    assert_eq!(get("$.body.names[*]", Reducer::List), list(&["b", "a", "b"]));
    assert_eq!(get("$.body.names[*]", Reducer::Distinct), list(&["a", "b"]));
    assert_eq!(get("$.body.names[*]", Reducer::CountDistinct), Ok(Value::Int(2)));
    assert_eq!(get("$.body.names", Reducer::Len), Ok(Value::Int(3)));
    assert_eq!(get("$.body.csv", Reducer::Split(",".into())), list(&["a", "b", "c"]));
    assert_eq!(get("$.body.csv", Reducer::CountSplit(",".into())), Ok(Value::Int(3)));
    assert_eq!(get("$.body.names", Reducer::List), Err(Why::Unreadable));
    let many = json!({"ids": vec!["x"; 1_001]});
    assert_eq!(read(&many, true, "$.body.ids[*]", Reducer::List), Err(Why::Unreadable));
    assert_eq!(read(&many, true, "$.body.ids[*]", Reducer::Distinct), list(&["x"]));
    let numbered = json!({"ids": (0..=MAX_ITEMS).collect::<Vec<_>>()});
    let distinct = |body: &Json| read(body, true, "$.body.ids[*]", Reducer::Distinct);
    assert_eq!(distinct(&numbered), Err(Why::Unreadable));
    assert_eq!(distinct(&json!({"ids": [null, "x"]})), list(&["x"]));
    assert_eq!(distinct(&json!({"ids": [null]})), Err(Why::Absent));
    assert_eq!(distinct(&json!({"ids": [{}, "x"]})), Err(Why::Unreadable));
    assert_eq!(
        read(&many, true, "$.body.ids[*]", Reducer::Count),
        Ok(Value::Int(1_001))
    );
}

#[test]
fn a_sum_without_a_part_is_none() {
    let body = json!({
        "parts": [{"amount": 1, "money": {"value": 2}}, {"note": "the rest", "money": {"value": null}}],
        "whole": [{"amount": 1}, {"amount": 2}], "none": [{}],
    });
    let get = |from, reduce| read(&body, true, from, reduce);
    for (from, reduce) in [
        ("$.body.parts[*].amount", Reducer::Sum(Type::Int)),
        ("$.body.parts[*].amount", Reducer::Max(Type::Int)),
        ("$.body.parts[*].amount", Reducer::Count),
        ("$.body.parts[*].money.value", Reducer::Sum(Type::Int)),
        ("$.body.parts[*]['money','amount'].value", Reducer::Sum(Type::Int)),
    ] {
        assert_eq!(get(from, reduce.clone()), Err(Why::Unreadable), "{from} {reduce:?}");
    }
    assert_eq!(
        get("$.body.whole[*].amount", Reducer::Sum(Type::Int)),
        Ok(Value::Int(3))
    );
    assert_eq!(
        get("$.body.whole[*]['amount','more']", Reducer::Count),
        Ok(Value::Int(2))
    );
    assert_eq!(get("$.body.none[*].amount", Reducer::Sum(Type::Int)), Err(Why::Absent));
}

#[test]
fn domains_without_one_of_them_are_none() {
    let body = json!({
        "to": [{"email": "a@ours.test"}, {"id": "b"}], "nobody": [{"id": "b"}], "null": [{"email": null}],
        "tools": [{"type": "mcp", "url": "https://ours.test"}, {"type": "function", "url": null}, {"type": "search"}],
        "odd": [{"type": "mcp", "url": "https://ours.test"}, {"type": "MCP", "uri": "https://evil.test"}],
    });
    let mailboxes = |from| read(&body, true, from, Reducer::Domain(Of::Mailboxes, None));
    for from in ["$.body.to[*].email", "$.body.nobody[*].email", "$.body.null[*].email"] {
        assert_eq!(mailboxes(from), Err(Why::Unreadable), "{from}");
    }
    assert_eq!(mailboxes("$.body.missing[*].email"), Err(Why::Absent));
    let servers = |from| {
        let marked = Marked {
            at: Selector::parse("$.type").unwrap(),
            text: "mcp".into(),
        };
        read(&body, true, from, Reducer::Domain(Of::Servers, Some(marked)))
    };
    assert_eq!(
        servers("$.body.tools[*].url"),
        Ok(Value::List(vec!["ours.test".to_owned()]))
    );
    assert_eq!(servers("$.body.odd[*].url"), Err(Why::Unreadable));
    assert_eq!(servers("$.body.odd[*].missing"), Err(Why::Unreadable));
}

#[test]
fn types_are_read_exactly() {
    let one = |value: Json, kind| read(&json!({"v": value, "c": "jpy"}), true, "$.body.v", Reducer::One(kind));
    for (text, cents) in [
        ("512.00", 51_200),
        ("0.5", 50),
        ("7", 700),
        ("1.10", 110),
        ("1.100", 110),
    ] {
        assert_eq!(one(json!(text), Type::Decimal(2)), Ok(Value::Int(cents)), "{text}");
    }
    for text in [
        "1.001",
        "1.",
        ".5",
        "-1",
        "1e2",
        "1,5",
        "",
        "01.5",
        "99999999999999999999",
        "10000000000000.01",
    ] {
        assert_eq!(one(json!(text), Type::Decimal(2)), Err(Why::Unreadable), "{text}");
    }
    let money = || Type::Money(Path::parse("$.body.c").unwrap());
    assert_eq!(one(json!("500"), money()), Ok(Value::Int(500)));
    assert_eq!(one(json!("5.01"), money()), Err(Why::Unreadable));
    assert_eq!(one(json!("USD"), Type::Currency), Ok(Value::Text("usd".to_owned())));
    assert_eq!(one(json!("us$"), Type::Currency), Err(Why::Unreadable));
    assert_eq!(one(json!(true), Type::Bool), Ok(Value::Bool(true)));
    assert_eq!(one(json!("true"), Type::Bool), Err(Why::Unreadable));
    assert_eq!(one(json!("b"), Type::Enum(vec!["a".into()])), Err(Why::Unreadable));
    assert_eq!(one(json!("x".repeat(5_000)), Type::Text), Err(Why::Unreadable));
}

proptest! {
    #[test]
    fn a_whole_number_is_itself_or_unreadable(text in "[0-9+\\-.eE_ ]{0,20}") {
        match whole(&text) {
            Ok(value) => prop_assert_eq!(value.to_string(), text),
            Err(why) => prop_assert_eq!(why, Why::Unreadable),
        }
    }

    #[test]
    fn a_decimal_is_exact(units in 0i64..10_000_000, cents in 0i64..100) {
        let text = json!(format!("{units}.{cents:02}"));
        prop_assert_eq!(decimal(Node::Json(&text), 2), Ok(units * 100 + cents));
    }
}
