//! Pairs of `application/x-www-form-urlencoded` content and of queries, flat and nested.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

mod tree;

use tree::{Segment, Tree};

/// How many pairs there may be.
const MAX_PAIRS: usize = 100_000;
/// How deep names may nest.
const MAX_DEPTH: usize = 64;

/// Why pairs cannot be read in exactly one way. Tells no value: it may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("a percent escape is not two hexadecimal digits, or what it stands for is not UTF-8")]
    Escape,
    #[error("`;` may separate pairs for some servers: write it as %3B")]
    Semicolon,
    #[error("a parameter is named twice, or both as a value and as a list")]
    Duplicate,
    #[error("two parameters' names differ only in upper and lower case")]
    Case,
    #[error("a parameter's name has brackets, spaces or control characters where none belong")]
    Name,
    #[error("there are more than 100,000 parameters, or they nest deeper than 64 levels")]
    TooMany,
}

/// How names say where in a document a value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// `a[b][0]`, `a[]`.
    Brackets,
    /// AWS Query: `Filter.1.Value.2`, counted from 1.
    Dots,
}

impl Nesting {
    fn border(self) -> char {
        match self {
            Nesting::Brackets => '[',
            Nesting::Dots => '.',
        }
    }

    /// The steps of a name, if it is one.
    fn steps(self, name: &str) -> impl Iterator<Item = &str> {
        name.split(self.border())
            .map(|step| step.strip_suffix(']').unwrap_or(step))
    }

    /// By step. What two names begin with alike is passed over byte by byte: there may be thousands of names, each with many steps.
    fn order(self, left: &str, right: &str) -> Ordering {
        let alike = left
            .bytes()
            .zip(right.bytes())
            .take_while(|(left, right)| left == right);
        let begins = left.as_bytes().get(..alike.count()).unwrap_or_default();
        let border = begins.iter().rposition(|byte| char::from(*byte) == self.border());
        let from = border.map_or(0, |border| border + 1);
        let rest = |name| self.steps(str::get(name, from..).unwrap_or(name));
        rest(left).cmp(rest(right))
    }
}

/// What `;` is to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Semicolons {
    /// It may part pairs.
    Refused,
    /// Text, in values.
    InValues,
}

/// Percent-decodes once. `plus`: `+` is a space.
pub(super) fn decode(text: &str, plus: bool) -> Result<Cow<'_, str>, Error> {
    if !text
        .bytes()
        .any(|byte| byte == b'%' || (plus && byte == b'+') || !byte.is_ascii())
    {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err(Error::Escape);
                };
                out.push(u8::try_from(high * 16 + low).map_err(|_| Error::Escape)?);
            }
            b'+' if plus => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| Error::Escape)
}

/// One name and its value, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

/// Pairs in the order sent. Empty ones (`&&`) are nothing.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair<'_>>, Error> {
    each(text).collect()
}

fn each(text: &str) -> impl Iterator<Item = Result<Pair<'_>, Error>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).enumerate();
    pairs.map(|(at, pair)| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match at < MAX_PAIRS {
            true => Ok(Pair {
                name: decode(name, true)?,
                value: decode(value, true)?,
            }),
            false => Err(Error::TooMany),
        }
    })
}

/// Reads pairs into one document whose values are all strings.
///
/// SECURITY: what servers merge, overwrite or split differently (a name twice, `a` beside `a[]`, `;` between pairs,
/// spaces and control characters in names) is refused (tests `what_servers_read_differently_is_refused`).
pub(super) fn nest(text: &str, nesting: Nesting, semicolons: Semicolons) -> Result<Value, Error> {
    if text.contains(';') && (semicolons == Semicolons::Refused || !only_in_values(text)) {
        return Err(Error::Semicolon);
    }
    let values = each(text).map(|pair| pair.map(|pair| (pair.name, Value::String(pair.value.into_owned()))));
    assemble(values.collect::<Result<_, _>>()?, nesting)
}

/// One document of values whose names say where they belong.
pub(super) fn assemble<N: AsRef<str>>(mut values: Vec<(N, Value)>, nesting: Nesting) -> Result<Value, Error> {
    // SECURITY: a name of a million steps is refused before it is compared with others (test
    // `names_of_many_steps_take_no_time`).
    for (name, _) in &values {
        if name.as_ref().matches(nesting.border()).count() > MAX_DEPTH {
            return Err(Error::TooMany);
        }
    }
    // By all steps of the names, so that what belongs in one place stands together; items of one list as they were sent.
    values.sort_by(|(left, _), (right, _)| nesting.order(left.as_ref(), right.as_ref()));
    let mut root = Tree::default();
    let mut segments = Vec::new();
    for (name, value) in &mut values {
        segments.clear();
        match nesting {
            Nesting::Brackets => brackets((*name).as_ref(), &mut segments)?,
            Nesting::Dots => dots((*name).as_ref(), &mut segments)?,
        }
        root.insert(&segments, std::mem::take(value))?;
    }
    root.check_case(nesting == Nesting::Dots)?;
    Ok(Value::Object(root.into_members()))
}

/// Whether a server that parts pairs at `;` too would find no more values than one that does not.
fn only_in_values(text: &str) -> bool {
    text.split('&').all(|pair| match pair.split_once(';') {
        Some((first, rest)) => first.contains('=') && !rest.contains('='),
        None => true,
    })
}

fn plain(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control) && name.trim() == name
}

fn brackets<'a>(name: &'a str, segments: &mut Vec<Segment<'a>>) -> Result<(), Error> {
    let (head, mut rest) = match name.find('[') {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if !plain(head) || head.contains(']') {
        return Err(Error::Name);
    }
    segments.push(Segment::Name(head));
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or(Error::Name)?;
        let (segment, after) = inner.split_once(']').ok_or(Error::Name)?;
        match segment {
            // `a[][b]` starts a new item for some servers and goes on with the last for others.
            "" if !after.is_empty() => return Err(Error::Name),
            "" => segments.push(Segment::Append),
            _ if segment.contains('[') || !plain(segment) => return Err(Error::Name),
            _ => segments.push(Segment::Name(segment)),
        }
        rest = after;
    }
    match segments.len() > MAX_DEPTH {
        true => Err(Error::TooMany),
        false => Ok(()),
    }
}

fn dots<'a>(name: &'a str, segments: &mut Vec<Segment<'a>>) -> Result<(), Error> {
    for segment in name.split('.') {
        if segments.len() == MAX_DEPTH {
            return Err(Error::TooMany);
        }
        if !plain(segment) || segment.contains(['[', ']']) {
            return Err(Error::Name);
        }
        segments.push(Segment::Name(segment));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_many_steps_take_no_time() {
        let begins = "[b]".repeat(MAX_DEPTH - 2);
        let deep: Vec<String> = (0..3_000).rev().map(|at| format!("a{begins}[{at}]=1")).collect();
        let million: Vec<String> = (0..9).map(|at| format!("a{}[{at}]=1", "[b]".repeat(100_000))).collect();
        let start = std::time::Instant::now();
        nest(&deep.join("&"), Nesting::Brackets, Semicolons::Refused).unwrap();
        let refused = nest(&million.join("&"), Nesting::Brackets, Semicolons::Refused);
        assert_eq!(refused, Err(Error::TooMany));
        assert!(
            start.elapsed() < std::time::Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }

    proptest! {
        #[test]
        fn names_are_ordered_by_their_steps(left in "[ab\\[\\].\u{e9}]{0,9}", right in "[ab\\[\\].\u{e9}]{0,9}") {
            for nesting in [Nesting::Brackets, Nesting::Dots] {
                prop_assert_eq!(nesting.order(&left, &right), nesting.steps(&left).cmp(nesting.steps(&right)));
            }
        }
    }

    #[test]
    fn names_nest() {
        let read = |text| nest(text, Nesting::Brackets, Semicolons::Refused).unwrap();
        assert_eq!(read(""), json!({}));
        assert_eq!(
            read("amount=5000&currency=eur&x"),
            json!({"amount": "5000", "currency": "eur", "x": ""})
        );
        assert_eq!(
            read("a[b][c]=1&a%5Bb%5D%5Bd%5D=2"),
            json!({"a": {"b": {"c": "1", "d": "2"}}})
        );
        assert_eq!(read("a[]=1&a[]=2"), json!({"a": ["1", "2"]}));
        assert_eq!(
            read("i[1][p]=b&i[0][p]=a&i[10][p]=c"),
            json!({"i": [{"p": "a"}, {"p": "b"}, {"p": "c"}]})
        );
        assert_eq!(read("m[a%20b]=c%26d+e"), json!({"m": {"a b": "c&d e"}}));
        let read = |text| nest(text, Nesting::Dots, Semicolons::Refused).unwrap();
        assert_eq!(read("InstanceId.2=b&InstanceId.1=a"), json!({"InstanceId": ["a", "b"]}));
        assert_eq!(
            read("Filter.1.Name=n&Filter.1.Value.1=v&Filter.1.Value.2=w"),
            json!({"Filter": [{"Name": "n", "Value": ["v", "w"]}]})
        );
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for text in [
            "amount=5&amount=9999",
            "amount=5&%61mount=9999",
            "amount=5&amount[]=9999",
            "amount[]=5&amount=9999",
            "a[]=1&a[0]=2",
            "a[0]=1&a[]=2",
            "a[1]=1&a[01]=2",
            "a[][b]=1&a[][c]=2",
            "a[b=1",
            "a]b=1",
            "[a]=1",
            "a[b]c=1",
            "=1",
            "amount=5;amount=9999",
            "amount=5&+amount=9999",
            "amount%00=5",
            "amount%0a=5",
            "amount=%zz",
            "amount=%f",
            "amount=%ff",
        ] {
            assert!(nest(text, Nesting::Brackets, Semicolons::Refused).is_err(), "{text}");
        }
        for text in [
            "InstanceId=a&InstanceId.1=b",
            "A.1=x&A.1=y",
            "A.1=x&A.01=y",
            "A..1=x",
            ".A=1",
            "A.=1",
            "A[1]=x",
            "A;B=1",
        ] {
            assert!(nest(text, Nesting::Dots, Semicolons::Refused).is_err(), "{text}");
        }
    }

    #[test]
    fn a_semicolon_in_a_value_is_text_where_the_provider_takes_it_so() {
        let read = |text| nest(text, Nesting::Brackets, Semicolons::InValues);
        assert_eq!(read("d=late; sorry&a=1;"), Ok(json!({"d": "late; sorry", "a": "1;"})));
        for text in ["a=1;b=2", "a=1; b=2", "a;b=1", "a;b", ";a=1", "a=1&b;", "a=1;b;c=d"] {
            assert_eq!(read(text), Err(Error::Semicolon), "{text}");
        }
        assert_eq!(
            nest("d=late; sorry", Nesting::Brackets, Semicolons::Refused),
            Err(Error::Semicolon)
        );
    }

    #[test]
    fn names_that_differ_in_case_only_are_refused() {
        let dots = |text| nest(text, Nesting::Dots, Semicolons::Refused);
        assert_eq!(dots("MaxCount=1&maxCount=1000"), Err(Error::Case));
        assert_eq!(dots("Filter.1.Name=a&Filter.1.name=b"), Err(Error::Case));
        assert_eq!(dots("Service=1&\u{17f}ervice=2"), Err(Error::Case));
        let brackets = |text| nest(text, Nesting::Brackets, Semicolons::Refused);
        assert_eq!(brackets("amount=1&Amount=1000"), Err(Error::Case));
        assert!(
            brackets("metadata[a]=1&metadata[A]=2").is_ok(),
            "the customer's own names"
        );
    }

    #[test]
    fn depth_is_limited() {
        let deep = format!("a{}=1", "[b]".repeat(64));
        assert_eq!(nest(&deep, Nesting::Brackets, Semicolons::Refused), Err(Error::TooMany));
        let deep = format!("a{}=1", ".b".repeat(64));
        assert_eq!(nest(&deep, Nesting::Dots, Semicolons::Refused), Err(Error::TooMany));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = nest(&text, Nesting::Brackets, Semicolons::Refused);
            let _ = nest(&text, Nesting::Dots, Semicolons::Refused);
        }

        #[test]
        fn what_was_encoded_is_decoded(values in prop::collection::btree_map("[a-z]{1,8}", any::<String>(), 0..6)) {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&values).finish();
            let read = nest(&text, Nesting::Brackets, Semicolons::Refused).unwrap();
            prop_assert_eq!(read, json!(values));
        }
    }
}
