//! JSONPath (RFC 9535) of the subset that mappings may use: names, positions, `[*]`, `['a','b']`.
//!
//! Own code, because it stands on the way of each call: what a general reader makes of such a path takes several times as long.
//! That it finds the same is shown by the test `it_finds_what_jsonpath_finds`.

use serde_json::{Map, Value};

use crate::mapping::spelling;

/// Members of which one is found by looking at each: hashing a name takes longer.
const FEW: usize = 8;

/// A path within a part of a call, or within an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mapping) struct Selector {
    pub(super) steps: Box<[Step]>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Names(Box<[Box<str>]>),
    Positions(Box<[usize]>),
    /// `[*]`: into each.
    Each,
}

impl Step {
    pub(super) fn single(&self) -> Option<&str> {
        match self {
            Step::Names(names) => match &**names {
                [name] => Some(name),
                _ => None,
            },
            Step::Positions(_) | Step::Each => None,
        }
    }
}

impl Selector {
    /// Reads a path within a part, or within an answer.
    pub(in crate::mapping) fn parse(text: &str) -> Result<Self, String> {
        check_subset(text)?;
        let steps = steps(text).ok_or_else(|| {
            format!(
                "`{text}` is no JSONPath of names, positions, `[*]` and `['a','b']`, one kind in each step; a name of other \
                 characters than letters, digits and `_` stands in quotes: `$['first-name']`"
            )
        })?;
        Ok(Self { steps: steps.into() })
    }

    /// All that it finds, in the order of the path's words, then of the document.
    pub(in crate::mapping) fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        self.each(value, &mut |value| found.push(value));
        found
    }

    pub(super) fn each<'a>(&self, value: &'a Value, see: &mut impl FnMut(&'a Value)) {
        each(&self.steps, value, see);
    }

    /// Whether an item that its last `[*]` finds, and that counts, has nothing of what the rest looks for but null.
    pub(super) fn is_partial_in(&self, value: &Value, counts: &impl Fn(&Value) -> bool) -> bool {
        let Some(last) = self.steps.iter().rposition(|step| *step == Step::Each) else {
            return false;
        };
        let Some((items, rest)) = self.steps.split_at_checked(last + 1) else {
            return false;
        };
        let mut partial = false;
        each(items, value, &mut |item| {
            let mut told = rest.is_empty() || !counts(item);
            each(rest, item, &mut |found| told |= !found.is_null());
            partial |= !told;
        });
        partial
    }

    /// The path with a name before its last, and what holds it.
    pub(super) fn wrapped(&self, name: &str) -> Option<(Self, Self)> {
        let (last @ Step::Names(_), around) = self.steps.split_last()? else {
            return None;
        };
        let more = [Step::Names([name.into()].into()), last.clone()];
        let inner = around.iter().cloned().chain(more).collect();
        Some((Self { steps: inner }, Self { steps: around.into() }))
    }

    /// Whether a name in `value` is one of the path's but for upper and lower case.
    pub(in crate::mapping) fn is_misspelt_in(&self, value: &Value) -> bool {
        is_misspelt(&self.steps, value)
    }

    /// The names that it begins with, if it begins with names.
    pub(super) fn first_names(&self) -> &[Box<str>] {
        match self.steps.first() {
            Some(Step::Names(names)) => names,
            Some(Step::Positions(_) | Step::Each) | None => &[],
        }
    }
}

fn each<'a>(steps: &[Step], value: &'a Value, see: &mut impl FnMut(&'a Value)) {
    let Some((step, rest)) = steps.split_first() else {
        return see(value);
    };
    match (step, value) {
        (Step::Names(names), Value::Object(members)) => {
            let members = names.iter().filter_map(|name| member(members, name));
            members.for_each(|value| each(rest, value, see));
        }
        (Step::Positions(positions), Value::Array(items)) => {
            let items = positions.iter().filter_map(|at| items.get(*at));
            items.for_each(|value| each(rest, value, see));
        }
        (Step::Each, Value::Array(items)) => items.iter().for_each(|value| each(rest, value, see)),
        (Step::Each, Value::Object(members)) => members.values().for_each(|value| each(rest, value, see)),
        _ => {}
    }
}

pub(in crate::mapping) fn member<'a>(members: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    match members.len() <= FEW {
        true => members.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value),
        false => members.get(wanted),
    }
}

fn is_misspelt(steps: &[Step], value: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    match (step, value) {
        (Step::Names(names), Value::Object(members)) => {
            members
                .iter()
                .any(|(name, member)| match names.iter().any(|known| **known == **name) {
                    true => is_misspelt(rest, member),
                    false => names.iter().any(|known| spelling::differ_in_case(known, name)),
                })
        }
        (Step::Each | Step::Positions(_), Value::Object(members)) => {
            members.values().any(|member| is_misspelt(rest, member))
        }
        (Step::Each | Step::Positions(_), Value::Array(items)) => items.iter().any(|item| is_misspelt(rest, item)),
        _ => false,
    }
}

/// The steps of a path of the subset: `$.a[0]`, `$['a','b'][*].c`.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text.strip_prefix('$')?;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(is_space);
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner)?,
            None => dotted(rest.strip_prefix('.')?)?,
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// `name`, `*`
fn dotted(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((Step::Each, rest));
    }
    let part = |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
    let (name, rest) = text.split_at(text.find(|character| !part(character)).unwrap_or(text.len()));
    let starts = name.starts_with(|first: char| !first.is_ascii_digit());
    starts.then(|| (Step::Names([name.into()].into()), rest))
}

/// What follows `[`, to behind `]`.
fn bracketed(text: &str) -> Option<(Step, &str)> {
    let (mut names, mut positions, mut all) = (Vec::new(), Vec::new(), 0);
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_space);
        rest = match rest.chars().next()? {
            '*' => {
                all += 1;
                rest.strip_prefix('*')?
            }
            quote @ ('\'' | '"') => {
                let (name, rest) = rest.strip_prefix(quote)?.split_once(quote)?;
                let plain = !name.contains(|character| character < ' ');
                names.push(plain.then(|| name.into())?);
                rest
            }
            _ => {
                let (digits, rest) = rest.split_at(rest.find(|character: char| !character.is_ascii_digit())?);
                let plain = digits == "0" || !digits.starts_with('0');
                positions.push(digits.parse().ok().filter(|_| plain)?);
                rest
            }
        };
        rest = rest.trim_start_matches(is_space);
        if let Some(rest) = rest.strip_prefix(']') {
            let step = match (names.len(), positions.len(), all) {
                (_, 0, 0) => Step::Names(names.into()),
                (0, _, 0) => Step::Positions(positions.into()),
                (0, 0, 1) => Step::Each,
                _ => return None,
            };
            return Some((step, rest));
        }
        rest = rest.strip_prefix(',')?;
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Descendants, filters, slices and functions are refused: what they cost or find is not plain to see.
fn check_subset(text: &str) -> Result<(), String> {
    let mut quoted = None;
    let mut before = ' ';
    for character in text.chars() {
        match (quoted, character) {
            (Some(_), '\\') => return Err(format!("`{text}`: escapes are not used here")),
            (Some(quote), _) if quote == character => quoted = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quoted = Some(character),
            (None, '.') if before == '.' => return Err(format!("`{text}`: `..` is not used here: name the path")),
            (None, '?' | ':' | '@' | '(') => {
                return Err(format!(
                    "`{text}`: `{character}` is not used here: only names, positions, `[*]` and `['a','b']`"
                ));
            }
            (None, '-') if before == '[' => return Err(format!("`{text}`: positions are counted from the start")),
            (None, _) => {}
        }
        before = character;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json_path::JsonPath;

    use super::*;

    #[test]
    fn one_step_is_of_one_kind() {
        for text in [
            "$['a',0]",
            "$[*,0]",
            "$['a',*]",
            "$[*,*]",
            "$[]",
            "$['a'",
            "$[01]",
            "$.a-b",
            "$.0",
            "$. a",
            "$.a ",
            "a",
            "$a",
            "$.",
            "$[\"a']",
            "$['a\tb']",
            "$['a\n']",
        ] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop::sample::select(vec![Value::Null, Value::Bool(true), Value::from("1")]);
        leaf.prop_recursive(4, 40, 10, |inner| {
            let items = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array);
            let members = prop::collection::vec(("[a-l]|a b|\\*|\u{e9}", inner), 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect()));
            prop_oneof![items, members]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_jsonpath_finds(
            steps in prop::collection::vec(
                "\\.[a-l]|\\.\u{e9}|\\.\\*|\\[\\*\\]|\\[[0-3]\\]|\\[0, ?2\\]|\\['[a-l]'\\]|\\[\"a b\" , '[a-l]','\\*'\\]| \\[ '[a-c]','[a-c]' \\]",
                0..5,
            ),
            document in documents(),
        ) {
            let text = format!("${}", steps.concat());
            let general = JsonPath::parse(&text).unwrap();
            let own = Selector::parse(&text).unwrap();
            prop_assert_eq!(own.select(&document), general.query(&document).all(), "{}", text);
        }

        #[test]
        fn it_reads_nothing_that_is_no_jsonpath(text in "\\$([a-c0-2.*\\[\\]'\", \t]{0,10}|(\\[['\"]?[a-b*0-2 \t]{0,2}['\"]?(,['\"]?[a-b0-2]['\"]?)?\\]|\\.[a-b0-2*]{1,2}){1,3})") {
            prop_assert!(Selector::parse(&text).is_err() || JsonPath::parse(&text).is_ok(), "{}", text);
        }
    }
}
