//! The name that was probably meant, and names that are one to others.

use std::borrow::Cow;

use crate::model::diagnostic::meant;

/// The known name nearest to a misspelt one, as ` (did you mean …?)`; empty if none is near.
pub(super) fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    meant(wrong, known)
        .map(|name| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

/// Whether two names are one but for upper and lower case, as any server may compare them (`ſ` is an `s` to some).
pub(super) fn differ_in_case(left: &str, right: &str) -> bool {
    match left.eq_ignore_ascii_case(right) {
        true => left != right,
        false => !(left.is_ascii() && right.is_ascii()) && folded(left) == folded(right),
    }
}

/// A name without the difference of upper and lower case.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    if !name.is_ascii() {
        let folded = name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        return Cow::Owned(folded.collect());
    }
    match is_folded(name) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_ascii_lowercase()),
    }
}

/// As most names are: ASCII, without upper case.
fn is_folded(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// Whether two of these names are one but for upper and lower case. Each is there once.
pub(super) fn any_differ_in_case<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    if names.clone().all(is_folded) {
        return false;
    }
    let mut folded: Vec<Cow<'_, str>> = names.map(folded).collect();
    folded.sort_unstable();
    folded.windows(2).any(|pair| matches!(pair, [one, next] if one == next))
}

/// Characters that end a line or a text for some readers only.
pub(super) fn is_odd(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let odd = match character {
            '\r' => rest.peek() != Some(&'\n'),
            '\n' | '\t' => false,
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => true,
            other => other.is_control(),
        };
        if odd {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_of_any_letters_are_told_apart_as_their_folded_forms_are(
            left in "[a-cA-C\u{17f}s\u{212a}k\u{e9}\u{c9}]{0,4}",
            right in "[a-cA-C\u{17f}s\u{212a}k\u{e9}\u{c9}]{0,4}",
        ) {
            let alike = left != right && folded(&left) == folded(&right);
            prop_assert_eq!(differ_in_case(&left, &right), alike);
            let both = [&*left, &*right];
            prop_assert_eq!(any_differ_in_case(both.into_iter().take(if left == right { 1 } else { 2 })), alike);
        }
    }

    /// The short way for ASCII is no other way.
    #[test]
    fn names_are_folded_alike_whatever_they_are_written_in() {
        let all = || (0..=0x7f_u8).map(char::from);
        let long_way = |name: &str| -> String {
            name.chars()
                .flat_map(char::to_uppercase)
                .flat_map(char::to_lowercase)
                .collect()
        };
        for left in all().map(String::from) {
            assert_eq!(folded(&left), long_way(&left));
            for right in all().map(String::from) {
                let differ = left != right && long_way(&left) == long_way(&right);
                assert_eq!(differ_in_case(&left, &right), differ, "{left:?} {right:?}");
            }
        }
        assert!(differ_in_case("amount", "Amount") && !differ_in_case("amount", "amount"));
        assert!(differ_in_case("description", "de\u{17f}cription") && differ_in_case("k", "\u{212a}"));
    }

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        let known = ["process_refund", "create_charge"];
        assert_eq!(
            hint("proces_refnd", known.into_iter()),
            " (did you mean `process_refund`?)"
        );
        assert_eq!(hint("fly", known.into_iter()), "");
    }
}
