//! Calls in CBOR.

use super::*;

#[test]
fn cbor_is_the_same_call_with_another_token_and_not_with_anything_else_changed() {
    let aws = aws();
    let identity = |hex: &str| {
        let url = "https://x.eu-west-1.amazonaws.com/service/X2010/operation/StartThing";
        let mut call = call("POST", url, &[CBOR, RPC], None);
        call.body = Body::Captured(hex::decode(hex).unwrap().into());
        let action = resolve(&aws, &call).unwrap();
        aws.identify(&call, &action).unwrap().content
    };
    // {"ClientToken": "1" or "2", "N": 1 or "1"}
    let token = "6b436c69656e74546f6b656e";
    let one = identity(&format!("a2{token}6131614e01"));
    assert_eq!(one, identity(&format!("a2{token}6132614e01")));
    assert_eq!(one, identity(&format!("a2614e01{token}6132")));
    for other in [
        format!("a2{token}6131614e02"),
        format!("a2{token}6131614e6131"),
        format!("a2{token}6131614e4131"),
        format!("a2{token}6131614df6"),
        // Not to be read: as it came.
        format!("a3{token}6131614e01614e01"),
        format!("a2{token}6131614e0100"),
    ] {
        assert_ne!(one, identity(&other), "{other}");
    }
}

proptest::proptest! {
    #[test]
    fn no_cbor_that_cannot_be_read_is_a_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..48)) {
        let aws = aws();
        let mut call = call("POST", "https://x.eu-west-1.amazonaws.com/service/X2010/operation/GetThing", &[CBOR, RPC], None);
        call.body = Body::Captured(bytes.clone().into());
        let reads = resolve(&aws, &call).is_ok_and(|action| action.access == Access::Read);
        proptest::prop_assert_eq!(reads, crate::mapping::cbor::parse(&bytes).is_ok());
    }

    /// No content makes a read of an operation that changes, nor of one that nobody names.
    #[test]
    fn no_cbor_is_a_read_that_its_path_is_not(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..48), known: bool) {
        let aws = aws();
        let operation = if known { "StartThing" } else { "GetOther" };
        let url = format!("https://x.eu-west-1.amazonaws.com/service/X2010/operation/{operation}");
        let mut call = call("POST", &url, &[CBOR, RPC], None);
        call.body = Body::Captured(bytes.into());
        let access = resolve(&aws, &call).map(|action| action.access);
        proptest::prop_assert_ne!(access, Ok(Access::Read));
    }
}
