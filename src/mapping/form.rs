//! Pairs of `application/x-www-form-urlencoded` content and of queries, flat and nested.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::spelling;

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
    let mut out = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if out.len() == MAX_PAIRS {
            return Err(Error::TooMany);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        out.push(Pair {
            name: decode(name, true)?,
            value: decode(value, true)?,
        });
    }
    Ok(out)
}

/// Reads pairs into one document whose values are all strings.
///
/// SECURITY: what servers merge, overwrite or split differently (a name twice, `a` beside `a[]`, `;` between pairs,
/// spaces and control characters in names) is refused (tests `what_servers_read_differently_is_refused`).
pub(super) fn nest(text: &str, nesting: Nesting, semicolons: Semicolons) -> Result<Value, Error> {
    if text.contains(';') && (semicolons == Semicolons::Refused || !only_in_values(text)) {
        return Err(Error::Semicolon);
    }
    let pairs = pairs(text)?.into_iter();
    assemble(
        pairs.map(|Pair { name, value }| (name, Value::String(value.into_owned()))),
        nesting,
    )
}

/// One document of values whose names say where they belong.
pub(super) fn assemble<'a>(
    values: impl Iterator<Item = (Cow<'a, str>, Value)>,
    nesting: Nesting,
) -> Result<Value, Error> {
    let mut root = Tree::default();
    for (name, value) in values {
        let segments = match nesting {
            Nesting::Brackets => brackets(&name)?,
            Nesting::Dots => dots(&name)?,
        };
        root.insert(&segments, value, nesting == Nesting::Dots, true)?;
    }
    Ok(Value::Object(root.into_members()))
}

/// Whether a server that parts pairs at `;` too would find no more values than one that does not.
fn only_in_values(text: &str) -> bool {
    text.split('&').all(|pair| match pair.split_once(';') {
        Some((first, rest)) => first.contains('=') && !rest.contains('='),
        None => true,
    })
}

/// One step of a name.
#[derive(Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    /// `[]`: one more item.
    Append,
}

fn plain(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control) && name.trim() == name
}

fn brackets(name: &str) -> Result<Vec<Segment<'_>>, Error> {
    let (head, mut rest) = match name.find('[') {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if !plain(head) || head.contains(']') {
        return Err(Error::Name);
    }
    let mut segments = vec![Segment::Name(head)];
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
    if segments.len() > MAX_DEPTH {
        Err(Error::TooMany)
    } else {
        Ok(segments)
    }
}

fn dots(name: &str) -> Result<Vec<Segment<'_>>, Error> {
    let segments: Vec<_> = name.split('.').map(Segment::Name).collect();
    let fine = |segment: &Segment<'_>| match segment {
        Segment::Name(name) => plain(name) && !name.contains(['[', ']']),
        Segment::Append => false,
    };
    match segments.len() > MAX_DEPTH {
        true => Err(Error::TooMany),
        false if segments.iter().all(fine) => Ok(segments),
        false => Err(Error::Name),
    }
}

#[derive(Default)]
struct Tree {
    members: BTreeMap<String, Node>,
    /// Their names without the difference of upper and lower case.
    folded: HashSet<String>,
    /// Items were added by `[]`: their names are positions.
    appended: bool,
}

enum Node {
    Leaf(Value),
    Tree(Tree),
}

impl Tree {
    /// Names that differ in case only are refused, if so asked: `here`, or `below` (where customers may name things).
    fn insert(&mut self, segments: &[Segment<'_>], value: Value, below: bool, here: bool) -> Result<(), Error> {
        let Some((first, rest)) = segments.split_first() else {
            return Err(Error::Name);
        };
        let name = match first {
            Segment::Append if self.members.is_empty() || self.appended => {
                self.appended = true;
                self.members.len().to_string()
            }
            Segment::Name(name) if !self.appended => {
                // `a[1]` and `a[01]` are one item for some servers.
                if name.len() > 1 && name.starts_with('0') && index(name).is_some() {
                    return Err(Error::Name);
                }
                (*name).to_owned()
            }
            Segment::Append | Segment::Name(_) => return Err(Error::Duplicate),
        };
        // SECURITY: a server that is blind to case takes `maxCount` for `MaxCount` (test `r_names_but_for_case_are_refused`).
        if here && !self.members.contains_key(&name) && !self.folded.insert(spelling::folded(&name)) {
            return Err(Error::Case);
        }
        if rest.is_empty() {
            return match self.members.insert(name, Node::Leaf(value)) {
                None => Ok(()),
                Some(_) => Err(Error::Duplicate),
            };
        }
        match self.members.entry(name).or_insert_with(|| Node::Tree(Tree::default())) {
            Node::Tree(tree) => tree.insert(rest, value, below, below),
            Node::Leaf(_) => Err(Error::Duplicate),
        }
    }

    fn into_members(self) -> Map<String, Value> {
        self.members
            .into_iter()
            .map(|(name, node)| (name, node.into_value()))
            .collect()
    }
}

impl Node {
    /// An object whose names are all positions is a list, in the order of the positions.
    fn into_value(self) -> Value {
        let tree = match self {
            Node::Leaf(value) => return value,
            Node::Tree(tree) => tree,
        };
        let positions: Option<BTreeMap<u64, String>> = tree
            .members
            .keys()
            .map(|name| Some((index(name)?, name.clone())))
            .collect();
        let Some(positions) = positions else {
            return Value::Object(tree.into_members());
        };
        let mut members = tree.members;
        let items = positions.values().filter_map(|name| members.remove(name));
        Value::Array(items.map(Node::into_value).collect())
    }
}

fn index(name: &str) -> Option<u64> {
    match !name.is_empty() && name.len() <= 9 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        true => name.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

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
