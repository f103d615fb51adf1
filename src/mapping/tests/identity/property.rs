//! Content told apart whatever it is made of.

use super::*;

fn document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        "[ab\"\\\\]{0,2}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[ab]{0,1}", inner, 0..3)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn json_content(body: &str) -> Vec<u8> {
    let mappings = shipped();
    let call = call(
        "POST",
        "https://example.com/",
        &[("content-type", "application/json")],
        Some(body),
    );
    let action = resolve(mappings, &call).unwrap();
    mappings.identify(&call, &action).unwrap().content
}

#[test]
fn number_tokens_and_look_alikes_are_told_apart() {
    let contents: BTreeSet<_> = [
        "1",
        "1.0",
        "1e0",
        "\"1\"",
        "[1]",
        "[[1]]",
        "{\"1\":1}",
        "null",
        "{}",
        "[]",
        "\"\"",
        "{\"a\":1,\"a\":1}",
        "{\"$serde_json::private::Number\":\"1\"}",
    ]
    .into_iter()
    .map(json_content)
    .collect();
    assert_eq!(contents.len(), 13);
    assert_eq!(
        json_content("{\"a\": 1, \"b\": [2]}"),
        json_content("{\"b\":[2],\n\"\\u0061\":1}"),
        "member order, spaces, escapes"
    );
    assert_ne!(json_content("[1,2]"), json_content("[2,1]"));
}

proptest! {
    #[test]
    fn different_documents_never_share_content(left in document(), right in document()) {
        let same = json_content(&left.to_string()) == json_content(&serde_json::to_string_pretty(&right).unwrap());
        prop_assert_eq!(same, left == right);
    }

    #[test]
    fn content_that_is_not_read_is_what_came(
        target in prop::sample::select(UNREAD.to_vec()),
        content_type in prop::sample::select(TYPES.to_vec()),
        left in unread_pieces(),
        right in unread_pieces(),
    ) {
        prop_assert_eq!(unread(target, content_type, &left) == unread(target, content_type, &right), left == right);
    }

    #[test]
    fn different_forms_never_share_content(left in "[ab=&%1]{1,6}", right in "[ab=&%1]{1,6}") {
        if form_content(&left) == form_content(&right) {
            prop_assert_eq!(form::pairs(&left), form::pairs(&right));
        }
        if left == right {
            prop_assert_eq!(form_content(&left), form_content(&right));
        }
    }

    #[test]
    fn what_any_reader_tells_apart_is_not_shared(left in pieces(), right in pieces()) {
        let alike = READERS.iter().all(|reader| reader(&left) == reader(&right));
        prop_assert!(alike || form_content(&left) != form_content(&right), "{} {}", left, right);
        prop_assert!(alike || query_content(&left) != query_content(&right), "{} {}", left, right);
    }

    #[test]
    fn another_spelling_of_one_text_is_read_alike_or_not_shared(spellings in prop::collection::vec(spellings(), 1..6)) {
        let left: String = spellings.iter().map(|(left, _)| *left).collect();
        let right: String = spellings.iter().map(|(_, right)| *right).collect();
        let alike = READERS.iter().all(|reader| reader(&left) == reader(&right));
        prop_assert!(alike || form_content(&left) != form_content(&right), "{} {}", left, right);
        prop_assert!(alike || query_content(&left) != query_content(&right), "{} {}", left, right);
    }
}

fn form_content(body: &str) -> Vec<u8> {
    content(&call("POST", "https://example.com/", &[FORM], Some(body)))
}

fn query_content(query: &str) -> Vec<u8> {
    content(&call("POST", &format!("https://example.com/?{query}"), &[], None))
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a", "b", "=", "&", ";", "+", "%20", "%2B", "%2b", "%3B", "%26", "%3D", "%61", "%", "%25", "2B", "%c3%a9",
        "%ff",
    ])
}

/// Two spellings of what some reader takes for one.
fn spellings() -> impl Strategy<Value = (&'static str, &'static str)> {
    let groups: [&[&str]; 5] = [
        &["a", "%61"],
        &["+", "%20", "%2B", "%2b"],
        &[";", "%3B", "&"],
        &["=", "%3D", ""],
        &["%", "%25", "%2525"],
    ];
    prop::sample::select(groups.to_vec()).prop_flat_map(|group| {
        let one = || prop::sample::select(group.to_vec());
        (one(), one())
    })
}

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..6).prop_map(|pieces| pieces.concat())
}

fn unread_pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "*",
        "%2A",
        "=",
        "&",
        "&Expires=",
        "&X-Amz-Date=",
        "{}",
        " ",
        "+",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

type Pairs = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// As servers read: by `&` or by `&` and `;`, with `+` for a space or not.
const READERS: [fn(&str) -> Pairs; 4] = [
    |text| read_pairs(text, &['&'], true),
    |text| read_pairs(text, &['&'], false),
    |text| read_pairs(text, &['&', ';'], true),
    |text| read_pairs(text, &['&', ';'], false),
];

fn read_pairs(text: &str, separators: &[char], plus: bool) -> Pairs {
    let decode = |text: &str| lenient(text.as_bytes(), plus);
    let pairs = text.split(separators).filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| match pair.split_once('=') {
        Some((name, value)) => (decode(name), Some(decode(value))),
        None => (decode(pair), None),
    });
    pairs.collect()
}

fn lenient(text: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escaped = text
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (text[at], escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    out
}

#[test]
fn another_reading_is_another_call() {
    for (left, right) in [
        ("note=1%3Bdestination=acct_evil", "note=1;destination=acct_evil"),
        ("a=b+c", "a=b%20c"),
        ("a=b+c", "a=b%2Bc"),
        ("a", "a="),
        ("a%3Db", "a=b"),
        ("a=%2525", "a=%25"),
    ] {
        assert_ne!(form_content(left), form_content(right), "{left} {right}");
        assert_ne!(query_content(left), query_content(right), "{left} {right}");
        let strange = |body| content(&stripe("/v1/strange", body));
        assert_ne!(strange(left), strange(right), "{left} {right}");
    }
    assert_eq!(
        form_content("a=%7e&b=1"),
        form_content("%61=~&&b=%31"),
        "the same for every reader"
    );
}
