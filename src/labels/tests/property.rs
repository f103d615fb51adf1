//! However an id is spelt or left out, its label is no weaker.

use proptest::prelude::*;

use super::*;

fn id() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["payroll", "pay", "orders", "acme/app", "acme/www", "x", "www"]).prop_map(str::to_owned)
}

fn an_entry() -> impl Strategy<Value = String> {
    let pattern = prop::sample::select(vec![
        "payroll",
        "pay*",
        "*",
        "acme/*",
        "*/app",
        "www",
        "arn:aws:*:payroll",
        "*x*",
        "PAYROLL",
    ]);
    let word = prop::sample::select(vec!["public", "internal", "confidential", "restricted"]);
    let about = (any::<[bool; 3]>(), pattern).prop_map(|([provider, kind, id], pattern)| {
        let all = [
            provider.then(|| "provider: aws".to_owned()),
            kind.then(|| "kind: table".to_owned()),
            id.then(|| format!("id: \"{pattern}\"")),
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    });
    let given = (word, prop::sample::select(vec!["test", "production"]), any::<bool>());
    (about, given).prop_map(|(about, (word, environment, both))| {
        let more = if both {
            format!(", environment: {environment}")
        } else {
            String::new()
        };
        format!("  - {{ match: {{ {about} }}, label: {{ sensitivity: {word}{more} }} }}\n")
    })
}

/// Of a list that may hold entries which never count, those that can be there.
fn some_entries() -> impl Strategy<Value = Labelling> {
    prop::collection::vec(an_entry(), 0..6).prop_map(|lines| {
        let mut text = "targets:\n".to_owned();
        for line in lines {
            let longer = format!("{text}{line}");
            if load(&longer).is_ok() {
                text = longer;
            }
        }
        load(&text).unwrap()
    })
}

/// Other ways to write what may be the same.
fn spelt(id: &str, way: usize) -> Option<String> {
    match way {
        0 => None,
        1 => Some(id.to_uppercase()),
        2 => Some(format!("{id}/")),
        3 => Some(format!("arn:aws:dynamodb:eu-west-1:1:table/{id}")),
        4 => Some(format!("arn:aws:secretsmanager:eu-west-1:1:secret:{id}-aB3dE6")),
        5 => Some(format!("1:function:{id}:live")),
        6 => Some(format!(" {id}")),
        _ => Some("y".repeat(5000)),
    }
}

/// Whether an entry names this spelling, and not that one: then somebody said which of them it is.
fn is_told_apart(labels: &Labelling, this: &str, that: &str) -> bool {
    let mut patterns = labels.entries.iter().filter_map(|entry| entry.id.as_ref());
    patterns.any(|pattern| {
        let fit = |id| pattern.fit(Spelt::new(id).as_ref());
        fit(this) == Fit::Yes && fit(that) < Fit::Yes
    })
}

proptest! {
    #[test]
    fn what_cannot_be_told_is_as_sensitive_as_all_that_it_may_be(labels in some_entries(), id in id(), way in 0..8usize) {
        let told = sensitivity(&labels, table(Some(&id)));
        let other = spelt(&id, way);
        prop_assume!(other.as_deref().is_none_or(|other| !is_told_apart(&labels, other, &id)));
        let otherwise = sensitivity(&labels, table(other.as_deref()));
        prop_assert_eq!(otherwise.or(told), otherwise, "{} told {:?}, as {:?} {:?}", id, told, other, otherwise);
    }

    #[test]
    fn an_untold_id_is_as_sensitive_as_any_entry_of_its_provider_and_kind(labels in some_entries()) {
        let untold = sensitivity(&labels, table(None));
        let mut closed = false;
        for entry in &labels.entries {
            if let (Some((given, _)), false) = (&entry.gives.sensitivity, closed) {
                prop_assert_eq!(untold.or(*given), untold);
                closed = entry.fit(table(None), None) == Fit::Yes;
            }
        }
    }

    #[test]
    fn an_untold_id_is_in_production_if_any_may_be(labels in some_entries(), id in id()) {
        let of = |id| labels.of(table(id)).and_then(|found| found.environment.clone()).unwrap_or_else(|| "unknown".into());
        let (told, untold) = (of(Some(&id)), of(None));
        // The baseline takes an unknown one for production.
        prop_assert!(untold == told || &*untold == "production" || &*untold == "unknown");
        prop_assert!(&*told != "production" || &*untold == "production");
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(domains|targets|match|label|id|[-:{}\\[\\],*\" \n#a-z]){0,40}") {
        if let Err(wrong) = load(&text) {
            prop_assert!(!wrong.is_empty());
        }
    }
}
