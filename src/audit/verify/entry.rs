//! One entry: its members, and the values beside it, read to the last byte. What is spelled otherwise than we spell it is not
//! ours.

use std::borrow::Cow;

use crate::model::entry::{HIDDEN, hmac_sha256};
use crate::model::erasure::ERASED;

/// The members of an entry, in their order.
#[derive(Debug, Default)]
pub(in crate::audit) struct Members<'a>(Vec<(&'a str, Member<'a>)>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::audit) enum Member<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

impl<'a> Members<'a> {
    /// `None`: the bytes are not as we write them.
    pub(in crate::audit) fn read(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut rest = text.strip_prefix('{')?;
        let mut members: Vec<(&str, Member<'_>)> = Vec::with_capacity(32);
        loop {
            let (name, after) = rest.strip_prefix('"')?.split_once('"')?;
            if members.last().is_some_and(|(last, _)| *last >= name) || name.contains('\\') {
                return None;
            }
            let after = after.strip_prefix(':')?;
            let (member, after) = match after.starts_with('"') {
                true => string(after)?,
                false => number(after)?,
            };
            members.push((name, member));
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None if after == "}" => return Some(Self(members)),
                None => return None,
            }
        }
    }

    pub(in crate::audit) fn get(&self, name: &str) -> Option<&Member<'a>> {
        let at = self.0.binary_search_by(|(found, _)| (*found).cmp(name)).ok()?;
        self.0.get(at).map(|(_, member)| member)
    }

    pub(in crate::audit) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Member::Text(text) => Some(text),
            Member::Int(_) => None,
        }
    }

    pub(in crate::audit) fn int(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Member::Int(number) => Some(*number),
            Member::Text(_) => None,
        }
    }

    fn commitments(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.0.iter().filter_map(|(name, member)| match member {
            Member::Text(text) => Some((name.strip_prefix("commit_")?, &**text)),
            Member::Int(_) => None,
        })
    }
}

/// A string, and what follows it.
fn string(text: &str) -> Option<(Member<'_>, &str)> {
    let mut end = 1;
    let bytes = text.as_bytes();
    loop {
        match bytes.get(end)? {
            b'"' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let (quoted, rest) = text.split_at_checked(end + 1)?;
    let inner = quoted.get(1..end)?;
    if !inner.contains('\\') {
        let plain = !inner.chars().any(|c| c < ' ');
        return plain.then_some((Member::Text(Cow::Borrowed(inner)), rest));
    }
    let read: String = serde_json::from_str(quoted).ok()?;
    // One text has many spellings, and one that is ours.
    let ours = serde_json::to_string(&read).is_ok_and(|ours| ours == quoted);
    ours.then_some((Member::Text(Cow::Owned(read)), rest))
}

fn number(text: &str) -> Option<(Member<'_>, &str)> {
    let end = text.find([',', '}'])?;
    let (digits, rest) = text.split_at(end);
    let number: i64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some((Member::Int(number), rest))
}

/// The values beside an entry.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Vec<Value<'a>>);

#[derive(Debug)]
struct Value<'a> {
    name: &'a str,
    /// `None`: it was erased.
    salt: Option<[u8; 16]>,
    /// JSON; `None` where only the commitment is kept.
    text: Option<&'a str>,
    /// The entry that is said to have erased it.
    erased: Option<i64>,
}

impl<'a> Values<'a> {
    /// `{NAME:{"salt":HEX,"value":JSON},…}`, or `{"erased":SEQ}` for a name; `None`: it is not as we write it.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut rest = text.strip_prefix('{')?;
        let mut values: Vec<Value<'_>> = Vec::new();
        loop {
            let (name, after) = rest.strip_prefix('"')?.split_once('"')?;
            if values.last().is_some_and(|last| last.name >= name) {
                return None;
            }
            let (value, after) = match after.strip_prefix(":{\"erased\":") {
                Some(by) => erased(name, by)?,
                None => kept(name, after)?,
            };
            values.push(value);
            let after = after.strip_prefix('}')?;
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None if after == "}" => return Some(Self(values)),
                None => return None,
            }
        }
    }

    fn find(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|value| value.name == name)
    }

    /// The JSON of a value that is kept.
    pub(super) fn json(&self, name: &str) -> Option<&'a str> {
        self.find(name)?.text
    }

    /// The text that a value is, or what stands for it where it was erased.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if self.is_erased(name) {
            return Some(ERASED.to_owned());
        }
        serde_json::from_str(self.json(name)?).ok()
    }

    /// How many there are of which only the commitment is kept.
    pub(super) fn hidden(&self) -> u64 {
        let hidden = self
            .0
            .iter()
            .filter(|value| value.text.is_none() && value.erased.is_none());
        u64::try_from(hidden.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn kept(&self) -> u64 {
        let kept = self.0.iter().filter(|value| value.text.is_some());
        u64::try_from(kept.count()).unwrap_or(u64::MAX)
    }

    /// What is said to be erased: names, each with the entry that is said to have done it.
    pub(super) fn erased(&self) -> impl Iterator<Item = (&'a str, i64)> {
        self.0.iter().filter_map(|value| Some((value.name, value.erased?)))
    }

    pub(super) fn is_erased(&self, name: &str) -> bool {
        self.find(name).is_some_and(|value| value.erased.is_some())
    }

    /// The name of the first that is not what the entry commits to, or is there without a commitment, or lacks. Whether what is
    /// said to be erased is, [`super::erased`] looks.
    ///
    /// SECURITY: of a value that was taken away, the tables could tell anything. Test:
    /// `a_value_that_is_taken_away_is_noticed`.
    pub(super) fn first_wrong(&self, members: &Members<'a>) -> Option<&'a str> {
        let promised = |name: &str| members.text(&format!("commit_{name}"));
        let changed = self.0.iter().find(|value| match (promised(value.name), value.text) {
            (None, _) => true,
            (Some(promised), Some(text)) => value.salt.is_none_or(|salt| commitment(&salt, text) != promised),
            (Some(_), None) if value.erased.is_some() => false,
            (Some(_), None) => !HIDDEN.contains(&value.name),
        });
        let lacking = || members.commitments().find(|(name, _)| self.find(name).is_none());
        changed
            .map(|value| value.name)
            .or_else(|| lacking().map(|(name, _)| name))
    }

    /// Whether `text` is what the entry commits to by this name; `None` where it commits to nothing so called, or the salt is
    /// gone.
    pub(super) fn is_committed(&self, members: &Members<'a>, name: &str, text: &str) -> Option<bool> {
        let promised = members.text(&format!("commit_{name}"))?;
        Some(commitment(&self.find(name)?.salt?, text) == promised)
    }
}

impl Members<'_> {
    pub(super) fn commits(&self) -> bool {
        self.commitments().next().is_some()
    }
}

/// A value with its salt, and what follows it.
fn kept<'a>(name: &'a str, text: &'a str) -> Option<(Value<'a>, &'a str)> {
    let (hex_salt, after) = text.strip_prefix(":{\"salt\":\"")?.split_once('"')?;
    let mut salt = [0; 16];
    hex::decode_to_slice(hex_salt, &mut salt).ok()?;
    if hex_salt.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let (value, after) = match after.strip_prefix(",\"value\":") {
        Some(value) => value
            .split_at_checked(end_of_value(value)?)
            .map(|(value, after)| (Some(value), after))?,
        None => (None, after),
    };
    let value = Value {
        name,
        salt: Some(salt),
        text: value,
        erased: None,
    };
    Some((value, after))
}

/// The mark of one that was erased, and what follows it.
fn erased<'a>(name: &'a str, by: &'a str) -> Option<(Value<'a>, &'a str)> {
    let (Member::Int(by), after) = number(by)? else {
        return None;
    };
    let value = Value {
        name,
        salt: None,
        text: None,
        erased: Some(by),
    };
    Some((value, after))
}

fn commitment(salt: &[u8; 16], text: &str) -> String {
    hex::encode(hmac_sha256(salt, text.as_bytes()))
}

/// Where the JSON value ends that a text begins with.
fn end_of_value(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (true, _) => {}
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']' | b',') if depth == 0 => return Some(at),
            (false, b'}' | b']') => depth -= 1,
            (false, _) => {}
        }
    }
    None
}
