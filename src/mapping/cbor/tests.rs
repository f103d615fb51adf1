use proptest::prelude::*;
use serde_json::json;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).unwrap()
}

#[test]
fn a_document_is_read() {
    for (bytes, value) in [
        ("a1 65 4a6f624964 64 6a6f6231", json!({"JobId": "job1"})),
        (
            "bf 61 61 01 61 62 9f 20 f5 f6 ff ff",
            json!({"a": 1, "b": [-1, true, null]}),
        ),
        ("a1 61 61 c1 1a 0000 0001", json!({"a": 1})),
        ("a1 61 61 42 0001", json!({"a": "AAE="})),
        ("a1 61 61 7f 61 62 61 63 ff", json!({"a": "bc"})),
        ("a1 61 61 f9 7e00", json!({"a": "NaN"})),
        ("a0", json!({})),
    ] {
        assert_eq!(parse(&hex(bytes)), Ok(value), "{bytes}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for (bytes, error) in [
        ("a2 61 61 01 61 61 02", Error::Duplicate),
        ("bf 61 61 01 61 61 02 ff", Error::Duplicate),
        ("a1 01 02", Error::Key),
        ("a1 42 6161 02", Error::Key),
        ("a0 00", Error::Trailing),
        ("", Error::Syntax),
        ("a1 61 61", Error::Syntax),
        ("ff", Error::Syntax),
        ("a1 61 61 ff", Error::Syntax),
        ("a1 62 c328 01", Error::Syntax),
        ("fc", Error::Syntax),
        // A length that nothing has, and one that no memory has.
        ("7b ffffffffffffffff 61", Error::Syntax),
        ("9b ffffffffffffffff 01", Error::Syntax),
    ] {
        assert_eq!(parse(&hex(bytes)), Err(error), "{bytes}");
    }
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    for start in [0x81, 0x9f, 0xc1] {
        assert_eq!(parse(&vec![start; 1_000_000]), Err(Error::TooLarge), "{start}");
    }
    let mut many = vec![0x9a, 0x00, 0x10, 0x00, 0x00];
    many.extend(std::iter::repeat_n(0x00, 1 << 20));
    assert_eq!(parse(&many), Err(Error::TooLarge));
}

#[test]
fn members_are_told_with_their_bytes() {
    let bytes = hex("a2 61 62 18 01 61 61 9f 01 ff");
    let members = members(&bytes).unwrap();
    assert_eq!(
        members,
        [
            ("b".to_owned(), hex("18 01").as_slice()),
            ("a".to_owned(), hex("9f 01 ff").as_slice()),
        ]
    );
    assert_eq!(super::members(&hex("81 00")), Err(Error::Syntax));
    assert_eq!(super::members(&hex("a1 01 00")), Err(Error::Key));
}

proptest! {
    /// Whatever comes is read or refused, and what is read has the same members either way.
    #[test]
    fn nothing_unparsable_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let (value, members) = (parse(&bytes), members(&bytes));
        prop_assert!(value.is_ok() || members.is_err());
        if let (Ok(Value::Object(value)), Ok(members)) = (&value, &members) {
            prop_assert_eq!(value.len(), members.len());
            for (name, bytes) in members {
                let read = parse(bytes).ok();
                prop_assert_eq!(value.get(name), read.as_ref());
            }
        }
    }
}
