//! Patterns: text in which `*` stands for any text, none included.

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    text: Box<str>,
}

/// What parts an id into names: `arn:aws:lambda:eu-west-1:1:function:payroll:live`, `https://queue.example/1/payroll`.
fn is_separator(character: char) -> bool {
    matches!(character, ':' | '/')
}

impl Glob {
    pub(super) fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into() }
    }

    /// It fits everything.
    pub(super) fn is_any(&self) -> bool {
        self.text.contains('*') && self.text.bytes().all(|byte| byte == b'*')
    }

    /// Fits the whole of a text.
    pub(super) fn fits(&self, text: &str) -> bool {
        let Some((head, rest)) = self.text.split_once('*') else {
            return *text == *self.text;
        };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut left) = text.strip_prefix(head).and_then(|left| left.strip_suffix(tail)) else {
            return false;
        };
        for part in middle.split('*') {
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        true
    }

    /// Fits all that the other fits. Stars of the other are taken by stars of this one only, so that a yes is one; a pattern
    /// that does so only together with others is not found.
    pub(super) fn covers(&self, other: &Glob) -> bool {
        self.fits(&other.text)
    }

    /// Fits some names of a text that stand next to each other.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        let mut parts = self.text.split('*');
        let head = parts.next().unwrap_or_default();
        let Some((middle, tail)) = parts.clone().next_back().map(|tail| (parts, tail)) else {
            return places(head, text).any(|at| begins(text, at) && ends(text, at + head.len()));
        };
        // The first place where it may begin leaves the most for the rest.
        let Some(mut at) = places(head, text)
            .find(|at| begins(text, *at))
            .map(|at| at + head.len())
        else {
            return false;
        };
        let count = middle.clone().count().saturating_sub(1);
        for part in middle.take(count) {
            match text.get(at..).and_then(|rest| rest.find(part)) {
                Some(found) => at += found + part.len(),
                None => return false,
            }
        }
        let rest = text.get(at..).unwrap_or_default();
        tail.is_empty() || places(tail, rest).any(|found| ends(text, at + found + tail.len()))
    }
}

/// Where a part stands, overlapping places included.
fn places<'a>(part: &'a str, text: &'a str) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = from + text.get(from..)?.find(part)?;
        let step = text.get(found..)?.chars().next().map_or(1, char::len_utf8);
        from = found + step;
        Some(found)
    })
}

fn begins(text: &str, at: usize) -> bool {
    text.get(..at)
        .is_some_and(|before| before.chars().next_back().is_none_or(is_separator))
}

fn ends(text: &str, at: usize) -> bool {
    text.get(at..)
        .is_some_and(|after| after.chars().next().is_none_or(is_separator))
}

/// What stands behind each separator of a text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.char_indices().filter(|(_, character)| is_separator(*character));
    behind
        .filter_map(|(at, _)| text.get(at + 1..))
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The plainest way to say what a pattern fits.
    fn slowly(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) if slowly(&pattern[1..], text) => true,
            (Some('*'), Some(_)) => slowly(pattern, &text[1..]),
            (Some(one), Some(other)) if one == other => slowly(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_the_plainest_reading_of_it_fits(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(Glob::new(pattern.as_str()).fits(&text), slowly(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn what_is_covered_is_fitted_by_the_cover(cover in "[ab*]{0,6}", covered in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let (cover, covered) = (Glob::new(cover), Glob::new(covered));
            prop_assert!(!(cover.covers(&covered) && covered.fits(&text)) || cover.fits(&text));
        }

        #[test]
        fn it_occurs_where_it_fits_some_names_that_stand_together(pattern in "[ab:*]{0,5}", text in "[ab:/]{0,8}") {
            let all = chars(&text);
            let mut expected = false;
            for start in 0..=all.len() {
                for end in start..=all.len() {
                    let begins = start == 0 || is_separator(all[start - 1]);
                    let ends = all.get(end).is_none_or(|next| is_separator(*next));
                    expected |= begins && ends && slowly(&chars(&pattern), &all[start..end]);
                }
            }
            prop_assert_eq!(Glob::new(pattern.as_str()).occurs_in(&text), expected, "{} in {}", pattern, text);
        }
    }
}
