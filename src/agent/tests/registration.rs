//! Who may be registered, and as what.

use super::*;

#[test]
fn wrong_declarations_are_refused() {
    let hash = keys::hash(ALICE);
    let with = |name: &str, key_sha256: &str| {
        let declared = Declared {
            people: vec![DeclaredPerson {
                name: name.into(),
                groups: Vec::new(),
                key_sha256: key_sha256.to_owned(),
            }],
            ..declared()
        };
        Registry::new(&declared, Vec::new(), Vec::new()).unwrap_err()
    };
    assert_eq!(with("alice", "abc"), RegistryError::Hash("alice".to_owned()));
    assert_eq!(with("alice", ALICE), RegistryError::Hash("alice".to_owned()));
    assert_eq!(with("Alice", &hash), RegistryError::Name("Alice".to_owned()));
    let twice = Declared {
        people: vec![alice(&[]), alice(&[])],
        ..declared()
    };
    assert_eq!(
        Registry::new(&twice, Vec::new(), Vec::new()).unwrap_err(),
        RegistryError::Twice("alice".to_owned())
    );
    let reserved = Declared {
        agents: vec![DeclaredAgent {
            name: "default".into(),
            roles: Vec::new(),
            owner: None,
            key_sha256: hash,
        }],
        ..declared()
    };
    assert!(matches!(
        Registry::new(&reserved, Vec::new(), Vec::new()),
        Err(RegistryError::Reserved(_))
    ));
}

#[test]
fn names_are_short_plain_and_unlike_each_other() {
    let registry = registry();
    let long = "a".repeat(64);
    for wrong in [
        "",
        "-a",
        ".a",
        "_a",
        "A",
        "a b",
        "a:b",
        "a/b",
        "ä",
        "a\u{202e}",
        "a\n",
        &long,
    ] {
        assert_eq!(
            registry.add_agent(wrong, &[], None).unwrap_err(),
            RegistryError::Name(wrong.to_owned())
        );
        let roles = [wrong.to_owned()];
        assert_eq!(
            registry.add_person("a", &roles).unwrap_err(),
            RegistryError::Name(wrong.to_owned())
        );
    }
    assert!(registry.add_agent("0.support_bot-eu", &[], None).is_ok());
    assert!(registry.add_agent(&"a".repeat(63), &[], None).is_ok());
    assert!(matches!(
        registry.add_agent("default", &[], None),
        Err(RegistryError::Reserved(_))
    ));
}

#[test]
fn a_name_is_registered_once_and_its_owner_is_a_person() {
    let (registry, _) = with_ops_bot();
    assert_eq!(
        registry.add_agent("ops-bot", &[], None).unwrap_err(),
        RegistryError::Taken("ops-bot".to_owned())
    );
    let nobody = RegistryError::OwnerUnknown("alice".to_owned());
    assert_eq!(registry.add_agent("a", &[], Some("alice")).unwrap_err(), nobody);
    registry.apply_person(registry.add_person("alice", &[]).unwrap().row);
    let issued = registry.add_agent("a", &[], Some("alice")).unwrap();
    assert_eq!(issued.row.owner.as_deref(), Some("alice"));
    assert_eq!(issued.row.key_sha256, keys::hash(issued.key.expose()));
    registry.apply_person(registry.disable_person("alice").unwrap());
    assert_eq!(registry.add_agent("b", &[], Some("alice")).unwrap_err(), nobody);
    assert_eq!(
        registry.disable_agent("zoe").unwrap_err(),
        RegistryError::Unknown("zoe".to_owned())
    );
    registry.apply_agent(registry.disable_agent("ops-bot").unwrap());
    assert_eq!(
        registry.disable_agent("ops-bot").unwrap_err(),
        RegistryError::Disabled("ops-bot".to_owned())
    );
}

#[test]
fn the_first_owner_is_made_once_and_the_last_one_stays() {
    let state = tempfile::tempdir().unwrap();
    let registry = registry();
    let row = registry.first_owner(state.path()).unwrap().unwrap();
    // Stopped before the commit: the next start finds the key and makes the same row of it.
    assert_eq!(
        registry.first_owner(state.path()).unwrap().unwrap().key_sha256,
        row.key_sha256
    );
    registry.apply_person(row);
    assert_eq!(registry.first_owner(state.path()).unwrap(), None);
    let key = keys::owner_key(state.path()).unwrap().unwrap();
    let owner = registry.person(key.expose()).unwrap();
    assert_eq!(&*owner.name, "owner");
    assert_eq!(&*owner.groups, &["approver".into(), "owner".into()][..]);

    assert_eq!(
        registry.disable_person("owner").unwrap_err(),
        RegistryError::LastOwner("owner".to_owned())
    );
    registry.apply_person(
        registry
            .add_person("bob", &["owner".to_owned(), "finance".to_owned()])
            .unwrap()
            .row,
    );
    let speaks = |name| registry.still_speaks(name, &("refund".into(), "d".into()), &[]);
    assert!(speaks("owner") && !speaks("nobody"));
    registry.apply_person(registry.disable_person("owner").unwrap());
    assert!(!speaks("owner"));
    assert_eq!(registry.person(key.expose()), None);
    assert_eq!(
        registry.first_owner(state.path()).unwrap(),
        None,
        "disabled is not absent"
    );
}

#[test]
fn a_row_with_a_broken_hash_stops_the_start() {
    let (other, _) = with_ops_bot();
    let mut row = other.agents()[0].row.clone();
    row.key_sha256 = "zz".repeat(32);
    assert!(matches!(
        Registry::new(&declared(), vec![row.clone()], Vec::new()),
        Err(RegistryError::Hash(_))
    ));
    // At run time it is nobody's key, and the registry does not become empty by it.
    let registry = registry();
    registry.apply_agent(row);
    assert!(is_unknown(&registry.authenticate(None)));
}
