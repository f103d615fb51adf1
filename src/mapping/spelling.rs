//! The name that was probably meant.

/// The known name nearest to a misspelt one, as ` (did you mean …?)`; empty if none is near.
pub(super) fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| format!(" (did you mean `{name}`?)"))
        .unwrap_or_default()
}

/// Whether two names are one but for upper and lower case, as any server may compare them (`ſ` is an `s` to some).
pub(super) fn differ_in_case(left: &str, right: &str) -> bool {
    left != right && folded(left) == folded(right)
}

/// A name without the difference of upper and lower case.
pub(super) fn folded(name: &str) -> String {
    name.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let value = (diagonal + usize::from(left != *right)).min(above + 1).min(before + 1);
            diagonal = above;
            before = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        assert_eq!(distance("kitten", "sitting"), 3);
        let known = ["process_refund", "create_charge"];
        assert_eq!(
            hint("proces_refnd", known.into_iter()),
            " (did you mean `process_refund`?)"
        );
        assert_eq!(hint("fly", known.into_iter()), "");
    }
}
