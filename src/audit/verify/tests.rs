//! How an entry is read. What a whole trail gives away, and what two verifiers make of it: `tests/it/trail.rs`.

use super::entry::{Members, Values};
use crate::model::entry::{Committed, Entry, Kind};
use crate::model::{CallId, Timestamp};

fn entry() -> Entry {
    Entry::new(Kind::Outcome)
        .call(&CallId::random())
        .with("status", 200_i64)
        .with("name", "a \"quoted\" line\nand a \u{1} and ünïcode")
        .commit(
            "fields",
            Committed::keep(&serde_json::json!({"a": ["}", "\\\""], "b": {"c": 1}})),
        )
        .commit("row", Committed::hide(&"x"))
}

#[test]
fn what_we_write_is_read() {
    let entry = entry();
    let (bytes, committed) = (entry.bytes(7, Timestamp(9)), entry.committed().unwrap());
    let members = Members::read(&bytes).unwrap();
    assert_eq!((members.int("seq"), members.int("status")), (Some(7), Some(200)));
    assert_eq!(members.text("name"), Some("a \"quoted\" line\nand a \u{1} and ünïcode"));
    let values = Values::read(&committed).unwrap();
    assert_eq!(values.first_wrong(&members), None);
    assert_eq!((values.kept(), values.hidden()), (1, 1));
    assert_eq!(values.is_committed(&members, "row", "\"x\""), Some(true));
    assert_eq!(values.is_committed(&members, "row", "\"y\""), Some(false));
}

/// One value, one spelling: nothing can be put in that a reader passes over.
#[test]
fn any_other_spelling_is_not_read() {
    for text in [
        "",
        "{}",
        "{\"a\":1}\n",
        " {\"a\":1}",
        "{\"a\": 1}",
        "{\"a\":1,}",
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":-0}",
        "{\"a\":1.0}",
        "{\"a\":true}",
        "{\"a\":null}",
        "{\"a\":{}}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\/\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"x}",
        "{\"\\u0061\":1}",
    ] {
        assert!(Members::read(text.as_bytes()).is_none(), "{text}");
    }
    let salt = "00".repeat(16);
    Values::read(&format!("{{\"a\":{{\"salt\":\"{salt}\",\"value\":[1]}}}}")).unwrap();
    for text in [
        format!("{{\"a\":{{\"salt\":\"{salt}\"}},\"a\":{{\"salt\":\"{salt}\"}}}}"),
        format!("{{\"a\":{{\"salt\":\"{salt}\",\"value\":1,\"more\":2}}}}"),
        format!("{{\"a\":{{\"salt\":\"{salt}\" }}}}"),
        format!("{{\"a\":{{\"salt\":\"{}\"}}}}", "AA".repeat(16)),
        format!("{{\"a\":{{\"salt\":\"{}\"}}}}", "00".repeat(15)),
        format!("{{\"a\":{{\"salt\":\"{salt}\"}}}} "),
        "{}".to_owned(),
    ] {
        assert!(Values::read(&text).is_none(), "{text}");
    }
}

#[test]
fn a_value_that_is_taken_away_is_noticed() {
    let entry = entry();
    let (bytes, committed) = (entry.bytes(7, Timestamp(9)), entry.committed().unwrap());
    let members = Members::read(&bytes).unwrap();
    let value = Values::read(&committed).unwrap().json("fields").unwrap().to_owned();
    let without = committed.replace(&format!(",\"value\":{value}"), "");
    assert_ne!(without, committed);
    assert_eq!(Values::read(&without).unwrap().first_wrong(&members), Some("fields"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes: Vec<u8>) {
        let _read = Members::read(&bytes).is_some();
        let _values = Values::read(&String::from_utf8_lossy(&bytes)).is_some();
    }

    #[test]
    fn a_value_that_was_changed_is_named(byte in 0usize..200, flip in 1u8..128) {
        let entry = entry();
        let (bytes, committed) = (entry.bytes(1, Timestamp(1)), entry.committed().unwrap());
        let members = Members::read(&bytes).unwrap();
        let end = committed.find("},\"row\"").unwrap();
        let at = byte % end;
        let mut changed = committed.into_bytes();
        changed[at] ^= flip;
        if let Ok(changed) = String::from_utf8(changed) {
            let wrong = Values::read(&changed).is_none_or(|values| values.first_wrong(&members).is_some());
            proptest::prop_assert!(wrong, "{changed}");
        }
    }
}
