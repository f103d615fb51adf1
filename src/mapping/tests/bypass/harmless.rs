//! What looks harmless.

use super::*;

#[test]
fn r_what_is_not_there_is_not_harmless() {
    let unknown = |operation: &str, body: Json| {
        let action = resolve(shipped(), &dynamodb(operation, &body)).unwrap();
        action.is_missing("unbounded")
    };
    assert!(unknown("BatchWriteItem", json!({})));
    assert!(unknown("BatchWriteItem", json!({"RequestItems": {}})));
    assert!(unknown("TransactWriteItems", json!({})));
    assert!(unknown("TransactWriteItems", json!({"TransactItems": [{}]})));
    assert!(!unknown(
        "BatchWriteItem",
        json!({"RequestItems": {"T": [{"PutRequest": {}}]}})
    ));
}

#[test]
fn r_a_slash_at_the_end_is_refused() {
    for path in ["/v1/refunds/", "/v1/Refunds/", "/v1/charges/ch_1/refund/"] {
        assert_eq!(refused(&stripe(path, "amount=1")), Some(Reason::Malformed), "{path}");
    }
    assert_eq!(refused(&stripe("/v1/other/", "")), None);
}

#[test]
fn r_fields_that_name_another_target_are_refused_on_mapped_hosts() {
    for name in [
        "forwarded",
        "x-forwarded-method",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-forwarded-uri",
    ] {
        let get = |host| call("GET", &format!("https://{host}/v1/balance"), &[KEY, (name, "x")], None);
        assert_eq!(refused(&get("api.stripe.com")), Some(Reason::Malformed), "{name}");
    }
}

#[test]
fn r_a_query_beyond_8_kib_is_refused_on_mapped_hosts() {
    let get = |host: &str, length: usize| {
        let query = "a".repeat(length);
        refused(&call(
            "GET",
            &format!("https://{host}/v1/balance?{query}"),
            &[KEY],
            None,
        ))
    };
    assert_eq!(get("api.stripe.com", 8192), None);
    assert_eq!(get("api.stripe.com", 8193), Some(Reason::TooLarge));
    assert_eq!(get("example.com", 8193), None);
}

#[test]
fn r_a_read_that_asks_for_secrets_is_one() {
    let get = |target: &str| {
        resolve(
            shipped(),
            &call("GET", &format!("https://api.stripe.com{target}"), &[KEY], None),
        )
    };
    for target in [
        "/v1/issuing/cards/ic_1?expand[]=number",
        "/v1/issuing/cards/ic_1?expand%5B0%5D=%63vc",
        "/v1/issuing/authorizations?expand[]=data.card.number",
        "/v1/apps/secrets/find?name=a&expand[]=payload",
        "/v1/balance_transactions/txn_1?expand[]=source.card.cvc",
        "/v1/balance?a=b;expand[]=number",
        "/v1/balance?expand=customer,card.number",
    ] {
        let action = get(target).unwrap();
        assert_eq!(
            (&*action.name, action.access),
            ("read_secret", Access::Read),
            "{target}"
        );
    }
    let action = get("/v1/charges/ch_1?expand[]=customer.phone_number").unwrap();
    assert_eq!(&*action.name, "read_record");
    let post = resolve(
        shipped(),
        &stripe("/v1/refunds", "amount=1&charge=ch_1&expand[]=card.number"),
    )
    .unwrap();
    assert_eq!((&*post.name, post.unmapped), ("call_api", true));
}

#[test]
fn a_strangers_plain_read_is_one_and_a_change_sent_by_get_is_not() {
    let access = |target: &str| {
        let call = call("GET", &format!("https://example.com{target}"), &[], None);
        resolve(shipped(), &call).unwrap().access
    };
    for target in ["/a?%ff=1", "/a?100%", "/a?x=%zz", "/search?query=cats"] {
        assert_eq!(access(target), Access::Read, "{target}");
    }
    for target in [
        "/graphql?query=mutation%7Ba%7D",
        "/api/chat.postMessage?text=a",
        "/a?%ff=1&_method=DELETE",
    ] {
        assert_eq!(access(target), Access::Write, "{target}");
    }
}

#[test]
fn money_that_goes_to_another_account_is_a_transfer() {
    for member in [
        "destination=acct_2",
        "destination[account]=acct_2",
        "transfer_data[destination]=acct_2",
        "on_behalf_of=acct_2",
        "application_fee=1",
        "application_fee_amount=1",
    ] {
        for path in [
            "/v1/charges",
            "/v1/charges/ch_1",
            "/v1/charges/ch_1/capture",
            "/v1/payment_intents",
            "/v1/payment_intents/pi_1",
            "/v1/payment_intents/pi_1/capture",
            "/v1/payment_intents/pi_1/confirm",
            "/v1/payment_intents/pi_1/increment_authorization",
        ] {
            let action = resolve(shipped(), &stripe(path, &format!("amount=1&currency=usd&{member}"))).unwrap();
            assert_eq!(&*action.name, "transfer_funds", "{path} {member}");
            let told = member.contains("acct_2").then_some("acct_2");
            assert_eq!(action.text("destination"), told, "{path} {member}");
            assert_eq!(action.summary.contains("acct_2"), told.is_some(), "{}", action.summary);
        }
    }
}
