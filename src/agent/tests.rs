use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

mod registration;

const ALICE: &str = "rp_alice";

fn declared() -> Declared {
    Declared::default()
}

fn registry() -> Registry {
    Registry::new(&declared(), Vec::new(), Vec::new()).unwrap()
}

/// A registry with the agent `ops-bot` (role `sre`), and its key.
fn with_ops_bot() -> (Registry, String) {
    let registry = registry();
    let issued = registry.add_agent("ops-bot", &["sre".to_owned()], None).unwrap();
    registry.apply_agent(issued.row);
    (registry, issued.key.expose().clone())
}

fn basic(name: &str, key: &str) -> HeaderValue {
    let encoded = BASE64_STANDARD.encode(format!("{name}:{key}"));
    HeaderValue::from_str(&format!("Basic {encoded}")).unwrap()
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap()
}

fn is_unknown(result: &Result<Caller, Refusal>) -> bool {
    result
        .as_ref()
        .is_err_and(|refusal| refusal.reason == Reason::AgentUnknown)
}

fn alice(groups: &[&str]) -> DeclaredPerson {
    DeclaredPerson {
        name: "alice".into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        key_sha256: keys::hash(ALICE),
    }
}

#[test]
fn default_serves_while_none_is_registered_and_never_again() {
    let registry = registry();
    let caller = registry.authenticate(None).unwrap();
    assert_eq!((&*caller.agent, &*caller.roles[0]), ("default", "default"));
    assert_eq!(registry.still(&caller).unwrap(), caller);

    let issued = registry.add_agent("ops-bot", &[], None).unwrap();
    assert!(registry.authenticate(None).is_ok(), "not in force before it is applied");
    registry.apply_agent(issued.row);
    assert!(is_unknown(&registry.authenticate(None)));
    assert!(
        is_unknown(&registry.still(&caller)),
        "a connection from before is shut out too"
    );

    registry.apply_agent(registry.disable_agent("ops-bot").unwrap());
    assert!(
        is_unknown(&registry.authenticate(None)),
        "disabling the last agent lets nobody in"
    );
}

#[test]
fn an_agent_proves_itself_by_name_and_key_or_by_its_key() {
    let (registry, key) = with_ops_bot();
    for value in [
        basic("ops-bot", &key),
        header(&format!("bearer {key}")),
        header(&format!("Bearer   {key} ")),
        header(&format!(
            "bAsIc {}",
            BASE64_STANDARD.encode(format!("ops-bot:{key}")).trim_end_matches('=')
        )),
    ] {
        let caller = registry.authenticate(Some(&value)).unwrap();
        assert_eq!((&*caller.agent, &*caller.roles), ("ops-bot", &["sre".into()][..]));
    }
}

#[test]
fn a_rotated_key_is_nobodys_from_then_on() {
    let (registry, old) = with_ops_bot();
    let caller = registry.authenticate(Some(&basic("ops-bot", &old))).unwrap();
    let issued = registry.rotate_agent("ops-bot").unwrap();
    assert!(
        registry.authenticate(Some(&basic("ops-bot", &old))).is_ok(),
        "not in force before it is applied"
    );
    registry.apply_agent(issued.row);
    assert!(is_unknown(&registry.authenticate(Some(&basic("ops-bot", &old)))));
    let new = basic("ops-bot", issued.key.expose());
    assert_eq!(
        registry.authenticate(Some(&new)).unwrap(),
        caller,
        "roles and owner stay"
    );

    registry.apply_agent(registry.disable_agent("ops-bot").unwrap());
    assert_eq!(
        registry.rotate_agent("ops-bot").unwrap_err(),
        RegistryError::Disabled("ops-bot".to_owned()),
        "another key does not let a disabled agent in"
    );
    assert_eq!(
        registry.rotate_agent("zoe").unwrap_err(),
        RegistryError::Unknown("zoe".to_owned())
    );
}

#[test]
fn a_wrong_key_or_name_is_refused_with_the_same_words() {
    let (registry, key) = with_ops_bot();
    let refused = |value: HeaderValue| registry.authenticate(Some(&value)).unwrap_err();
    let wrong_key = refused(basic("ops-bot", "rp_wrong"));
    assert_eq!(wrong_key, refused(basic("nobody", &key)));
    assert_eq!(wrong_key, refused(basic("", &key)));
    assert_eq!(wrong_key, refused(basic("OPS-BOT", &key)));
    assert_eq!(wrong_key, refused(basic("ops-bot", "")));
    assert_eq!(
        wrong_key,
        refused(basic("ops-bot", &keys::hash(&key))),
        "the hash is not the key"
    );
    assert_eq!(wrong_key, refused(header("Bearer rp_wrong")));
    assert_eq!(wrong_key, refused(basic("default", "")));
    registry.apply_agent(registry.disable_agent("ops-bot").unwrap());
    assert_eq!(wrong_key, refused(basic("ops-bot", &key)));
    assert!(wrong_key.detail.contains("HTTPS_PROXY"), "{wrong_key}");
    assert!(!wrong_key.detail.contains(&key));
}

#[test]
fn credentials_are_checked_also_where_none_are_needed() {
    let registry = registry();
    for value in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Digest username=\"x\"",
        "Basic bm9jb2xvbg==",
        "Bearer x",
        "\u{1f600}",
    ] {
        assert!(is_unknown(&registry.authenticate(Some(&header(value)))), "{value}");
    }
}

#[test]
fn a_fixed_identity_needs_no_key_and_has_its_name_to_itself() {
    let (other, _) = with_ops_bot();
    let row = other.agents()[0].row.clone();
    let declared = Declared {
        agent: Some(FixedAgent {
            name: "ops-bot".into(),
            roles: vec!["support".to_owned()],
            owner: Some("alice".into()),
        }),
        ..declared()
    };
    let registry = Registry::new(&declared, vec![row], Vec::new()).unwrap();
    let caller = registry.authenticate(None).unwrap();
    assert_eq!((&*caller.agent, &*caller.roles), ("ops-bot", &["support".into()][..]));
    assert_eq!(registry.still(&caller).unwrap().roles, caller.roles);
    assert_eq!(
        registry.add_agent("ops-bot", &[], None).unwrap_err(),
        RegistryError::Declared("ops-bot".to_owned())
    );

    let second = registry.add_agent("web-bot", &[], None).unwrap();
    registry.apply_agent(second.row);
    assert!(
        registry.authenticate(None).is_ok(),
        "the fixed identity stays beside registered agents"
    );
    assert_eq!(
        &*registry
            .authenticate(Some(&basic("web-bot", second.key.expose())))
            .unwrap()
            .agent,
        "web-bot"
    );
}

#[test]
fn what_is_declared_wins_over_the_store_and_is_not_changed_at_run_time() {
    let (other, stored_key) = with_ops_bot();
    let stored = other.agents()[0].row.clone();
    let declared = Declared {
        agents: vec![DeclaredAgent {
            name: "ops-bot".into(),
            roles: vec!["reader".to_owned()],
            owner: None,
            key_sha256: keys::hash("rp_declared").to_uppercase(),
        }],
        people: vec![alice(&["finance"])],
        ..declared()
    };
    let registry = Registry::new(&declared, vec![stored.clone()], Vec::new()).unwrap();
    assert!(is_unknown(&registry.authenticate(Some(&basic("ops-bot", &stored_key)))));
    let caller = registry.authenticate(Some(&basic("ops-bot", "rp_declared"))).unwrap();
    assert_eq!(&*caller.roles[0], "reader");
    registry.apply_agent(stored);
    assert_eq!(&*registry.still(&caller).unwrap().roles[0], "reader");
    let declared_error = RegistryError::Declared("ops-bot".to_owned());
    assert_eq!(registry.disable_agent("ops-bot").unwrap_err(), declared_error);
    assert_eq!(registry.rotate_agent("ops-bot").unwrap_err(), declared_error);
    assert_eq!(registry.add_agent("ops-bot", &[], None).unwrap_err(), declared_error);
    assert_eq!(
        registry.disable_person("alice").unwrap_err(),
        RegistryError::Declared("alice".to_owned())
    );
    assert!(registry.agents()[0].declared);
}

#[test]
fn no_key_is_shared() {
    let agent = |name: &str| DeclaredAgent {
        name: name.into(),
        roles: Vec::new(),
        owner: None,
        key_sha256: keys::hash(ALICE),
    };
    let two_agents = Declared {
        agents: vec![agent("a"), agent("b")],
        ..declared()
    };
    let agent_and_person = Declared {
        agents: vec![agent("a")],
        people: vec![alice(&["owner"])],
        ..declared()
    };
    for declared in [two_agents, agent_and_person] {
        let error = Registry::new(&declared, Vec::new(), Vec::new()).unwrap_err();
        assert!(matches!(error, RegistryError::SameKey(..)), "{error}");
    }
}

#[test]
fn an_agents_key_is_no_persons_and_the_other_way_round() {
    let (registry, key) = with_ops_bot();
    let person = registry.add_person("bob", &["finance".to_owned()]).unwrap();
    registry.apply_person(person.row);
    assert_eq!(registry.person(&key), None);
    assert!(is_unknown(
        &registry.authenticate(Some(&basic("bob", person.key.expose())))
    ));
    assert_eq!(&*registry.person(person.key.expose()).unwrap().name, "bob");
    assert_eq!(registry.person(""), None);
    registry.apply_person(registry.disable_person("bob").unwrap());
    assert_eq!(
        registry.person(person.key.expose()),
        None,
        "a disabled person decides nothing"
    );
}

proptest! {
    #[test]
    fn no_header_but_the_right_one_gets_in(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let (registry, _) = with_ops_bot();
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            prop_assert!(is_unknown(&registry.authenticate(Some(&value))));
        }
    }
}
