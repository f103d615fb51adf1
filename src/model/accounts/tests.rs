use proptest::prelude::*;

use super::*;

const KEYS: [&str; 3] = ["key-a", "key-b", "key-c"];
const IDS: [&str; 3] = ["acct_a", "acct_b", "acct_c"];

fn said(currency: Option<&str>) -> Account {
    Account {
        currency: currency.map(Arc::from),
        place: "runplane.yaml:1".to_owned(),
    }
}

fn accounts(entries: &[(&str, Whose, Option<&str>)]) -> Accounts {
    let mut accounts = Accounts::default();
    for (provider, whose, currency) in entries {
        let unknown = Diagnostic::of_file("runplane.yaml", format!("no `{provider}`"));
        accounts
            .insert(provider, whose.clone(), said(*currency), unknown)
            .unwrap();
    }
    accounts
}

fn key(key: &str) -> Whose {
    Whose::Key(key.into())
}

fn account(id: &str) -> Whose {
    Whose::Account(id.into())
}

/// With dollars as what all calls are taken for.
fn currency<'a>(accounts: &'a Accounts, key: Option<&str>, named: Named<'_>) -> Option<&'a str> {
    accounts
        .of("stripe", || key.map(str::to_owned), named)
        .currency(Some("usd"))
}

#[test]
fn the_most_exact_entry_counts() {
    let all = accounts(&[
        ("stripe", Whose::Provider, Some("eur")),
        ("stripe", key("key-a"), Some("gbp")),
        ("stripe", account("acct_a"), Some("jpy")),
        ("stripe", Whose::AnyAccount, Some("chf")),
        ("paypal", Whose::Provider, Some("sek")),
    ]);
    for (key, named, expected) in [
        (Some("key-a"), Named::Own, "gbp"),
        (Some("key-b"), Named::Own, "eur"),
        (Some("key-a"), Named::Other("acct_a"), "jpy"),
        (Some("key-b"), Named::Other("acct_a"), "jpy"),
        (Some("key-a"), Named::Other("acct_b"), "chf"),
    ] {
        assert_eq!(currency(&all, key, named), Some(expected), "{key:?} {named:?}");
    }
    assert_eq!(all.of("plaid", || None, Named::Own), Told::Usual);
    assert_eq!(all.by_default("paypal").currency(None), Some("sek"));
}

#[test]
fn a_key_that_cannot_be_read_is_of_no_known_currency() {
    let apart = accounts(&[
        ("stripe", Whose::Provider, Some("eur")),
        ("stripe", key("key-a"), Some("gbp")),
    ]);
    assert_eq!(apart.of("stripe", || None, Named::Own), Told::Unknown);
    let alike = accounts(&[("stripe", Whose::Provider, Some("eur"))]);
    let asked = || -> Option<String> { panic!("no entry tells keys apart") };
    assert_eq!(alike.of("stripe", asked, Named::Own).currency(None), Some("eur"));
}

#[test]
fn a_key_without_an_entry_is_of_no_known_currency() {
    let apart = accounts(&[("stripe", key("key-a"), Some("gbp"))]);
    assert_eq!(currency(&apart, Some("key-a"), Named::Own), Some("gbp"));
    assert_eq!(
        apart.of("stripe", || Some("key-b".to_owned()), Named::Own),
        Told::Unknown
    );
    assert_eq!(apart.by_default("stripe"), Told::Unknown, "nor is a fixture");
    let named = accounts(&[("stripe", account("acct_a"), Some("jpy"))]);
    assert_eq!(named.by_default("stripe"), Told::Usual, "keys are not told apart");
}

#[test]
fn another_account_is_not_in_the_currency_of_the_key() {
    let all = accounts(&[
        ("stripe", Whose::Provider, Some("eur")),
        ("stripe", key("key-a"), Some("gbp")),
        ("stripe", account("acct_a"), None),
    ]);
    for named in [Named::Other("acct_b"), Named::Other("acct_a"), Named::Unreadable] {
        assert_eq!(currency(&all, Some("key-a"), named), None, "{named:?}");
    }
    let nothing = Accounts::default();
    let usual = nothing.of("stripe", || None, Named::Other("acct_b"));
    assert_eq!(
        usual,
        Told::Usual,
        "where nothing is said of a provider, nothing is told apart"
    );
    let any = accounts(&[("stripe", Whose::AnyAccount, Some("chf"))]);
    assert_eq!(currency(&any, None, Named::Unreadable), None, "it is not told which");
}

#[test]
fn what_nobody_can_tell_is_missing_where_there_is_an_amount() {
    let name: Arc<str> = "currency".into();
    let put = |told: Told<'_>, fields: &[(&str, Value)], missing: &[(&str, Why)]| {
        let mut fields = fields
            .iter()
            .map(|(name, value)| (Arc::from(*name), value.clone()))
            .collect();
        let mut missing: Vec<Missing> = missing
            .iter()
            .map(|(field, why)| Missing {
                field: Arc::from(*field),
                why: *why,
            })
            .collect();
        told.put(Some("usd"), &name, &mut fields, &mut missing);
        let missing = missing
            .iter()
            .find(|missing| missing.field == name)
            .map(|missing| missing.why);
        (fields.get(&name).map(ToString::to_string), missing)
    };
    let amount = ("amount", Value::Int(5));
    let unreadable = Some(Why::Unreadable);
    assert_eq!(
        put(Told::Unknown, std::slice::from_ref(&amount), &[]),
        (None, unreadable)
    );
    assert_eq!(put(Told::Unknown, &[], &[("amount", Why::Absent)]), (None, unreadable));
    assert_eq!(put(Told::Unknown, &[], &[]), (None, None));
    let usd = Some("usd".to_owned());
    assert_eq!(put(Told::Usual, &[], &[("currency", Why::Absent)]), (usd, None));
    let own = ("currency", Value::Text("jpy".to_owned()));
    let jpy = Some("jpy".to_owned());
    assert_eq!(put(Told::Unknown, &[amount.clone(), own], &[]), (jpy, None));
    assert_eq!(
        put(Told::Usual, &[amount], &[("currency", Why::Unreadable)]),
        (None, unreadable)
    );
}

#[test]
fn the_same_is_said_once_and_of_providers_that_there_are() {
    let mut all = accounts(&[("strpe", key("key-a"), Some("gbp"))]);
    let unknown = Diagnostic::of_file("runplane.yaml", "again");
    let again = all.insert("strpe", key("key-a"), said(Some("eur")), unknown);
    assert_eq!(again, Err(said(Some("gbp"))));
    let strange = all.strange(&["paypal", "stripe"]);
    assert_eq!(strange.len(), 1);
    assert_eq!(strange[0].message, "no `strpe` (did you mean `stripe`?)");
    assert!(all.strange(&["strpe"]).is_empty());
}

/// A table of at most one entry of each kind, each with a currency of its own or none.
fn table() -> impl Strategy<Value = Vec<(Whose, Option<&'static str>)>> {
    let currency = || prop::option::of(prop::sample::select(vec!["eur", "gbp", "jpy", "kwd"]));
    let whose = prop_oneof![
        Just(Whose::Provider),
        Just(Whose::AnyAccount),
        prop::sample::select(KEYS.to_vec()).prop_map(key),
        prop::sample::select(IDS.to_vec()).prop_map(account),
    ];
    let entries = prop::collection::btree_map(whose, currency(), 0..6);
    entries.prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    /// However the table is, a call's currency is one that an entry says of its own key or account, or that of all where no
    /// entry could be of it.
    #[test]
    fn no_call_takes_the_currency_of_another_key_or_account(
        table in table(),
        known in prop::option::of(prop::sample::select(KEYS.to_vec())),
        other in prop::option::of(prop::sample::select(IDS.to_vec())),
    ) {
        let entries: Vec<_> = table.iter().map(|(whose, currency)| ("stripe", whose.clone(), *currency)).collect();
        let all = accounts(&entries);
        let of = |whose: Whose| table.iter().find(|(known, _)| *known == whose).map(|(_, currency)| *currency);
        let expected = match (other, known) {
            _ if table.is_empty() => Some("usd"),
            (Some(id), _) => of(account(id)).or_else(|| of(Whose::AnyAccount)).flatten(),
            (None, Some(hash)) if of(key(hash)).is_some() => of(key(hash)).flatten(),
            (None, None) if KEYS.iter().any(|hash| of(key(hash)).is_some()) => None,
            (None, Some(_)) if KEYS.iter().any(|hash| of(key(hash)).is_some()) => of(Whose::Provider).flatten(),
            (None, _) => of(Whose::Provider).unwrap_or(Some("usd")),
        };
        let named = other.map_or(Named::Own, Named::Other);
        prop_assert_eq!(currency(&all, known, named), expected);
    }
}
