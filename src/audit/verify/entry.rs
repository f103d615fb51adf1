//! One entry: its members, and the values beside it, read to the last byte. What is spelled otherwise than we spell it is not
//! ours.

use std::borrow::Cow;

use super::spelled::{end_of_value, name, number, string, unhex};
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
            let (name, after) = name(rest)?;
            if members.last().is_some_and(|(last, _)| *last >= name) {
                return None;
            }
            let after = after.strip_prefix(':')?;
            let (member, after) = match after.starts_with('"') {
                true => string(after).map(|(text, after)| (Member::Text(text), after))?,
                false => number(after).map(|(number, after)| (Member::Int(number), after))?,
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
        // Names of one length are few: this compares fewer bytes than halving does.
        let found = self.0.iter().find(|(found, _)| *found == name);
        found.map(|(_, member)| member)
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
            let (name, after) = name(rest)?;
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
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self.find(name)?;
        if value.erased.is_some() {
            return Some(Cow::Borrowed(ERASED));
        }
        let json = value.text?;
        match string(json) {
            Some((text, "")) => Some(text),
            // No text of ours is spelled so: no column says the same.
            _ => json.starts_with('"').then_some(Cow::Borrowed(json)),
        }
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
        // Both are in the order of their names.
        let mut promises = members.commitments().peekable();
        let mut lacking = None;
        for value in &self.0 {
            while let Some((name, _)) = promises.next_if(|(name, _)| *name < value.name) {
                lacking.get_or_insert(name);
            }
            let promised = promises.next_if(|(name, _)| *name == value.name);
            let wrong = match (promised, value.text) {
                (None, _) => true,
                (Some((_, promised)), Some(text)) => {
                    value.salt.is_none_or(|salt| !is_commitment(promised, &salt, text))
                }
                (Some(_), None) if value.erased.is_some() => false,
                (Some(_), None) => !HIDDEN.contains(&value.name),
            };
            if wrong {
                return Some(value.name);
            }
        }
        lacking.or_else(|| promises.next().map(|(name, _)| name))
    }

    /// Whether `text` is what the entry commits to by this name; `None` where it commits to nothing so called, or the salt is
    /// gone.
    pub(super) fn is_committed(&self, members: &Members<'a>, name: &str, text: &str) -> Option<bool> {
        let promised = members.text(&format!("commit_{name}"))?;
        Some(is_commitment(promised, &self.find(name)?.salt?, text))
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
    let salt: [u8; 16] = unhex(hex_salt)?;
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
    let (by, after) = number(by)?;
    let value = Value {
        name,
        salt: None,
        text: None,
        erased: Some(by),
    };
    Some((value, after))
}

fn is_commitment(promised: &str, salt: &[u8; 16], text: &str) -> bool {
    let mut hex = [0; 64];
    let made = hex::encode_to_slice(hmac_sha256(salt, text.as_bytes()), &mut hex);
    made.is_ok() && promised.as_bytes() == hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_to_commitments_in_one_pass() {
        let salt = [7; 16];
        let promise = |name: &str, json: &str| {
            let commitment = hex::encode(hmac_sha256(&salt, json.as_bytes()));
            format!("\"commit_{name}\":\"{commitment}\"")
        };
        let value =
            |name: &str, json: &str| format!("\"{name}\":{{\"salt\":\"{}\",\"value\":{json}}}", hex::encode(salt));
        let wrong = |promised: &[&str], kept: &[(&str, &str)]| {
            let entry = promised.iter().map(|name| promise(name, "[1,\"}\"]"));
            let entry = format!("{{{}}}", entry.collect::<Vec<_>>().join(","));
            let kept = kept.iter().map(|(name, json)| value(name, json));
            let kept = format!("{{{}}}", kept.collect::<Vec<_>>().join(","));
            let members = Members::read(entry.as_bytes()).unwrap();
            Values::read(&kept).unwrap().first_wrong(&members).map(str::to_owned)
        };
        let good = "[1,\"}\"]";
        let all = [("b", good), ("d", good)];
        assert_eq!(wrong(&["b", "d"], &all), None);
        assert_eq!(wrong(&["b", "d"], &[("b", good), ("d", "[2]")]).unwrap(), "d");
        assert_eq!(wrong(&["b", "c", "d"], &all).unwrap(), "c");
        assert_eq!(wrong(&["a", "b", "d"], &all).unwrap(), "a");
        assert_eq!(wrong(&["b", "d", "e"], &all).unwrap(), "e");
        assert_eq!(wrong(&["b"], &all).unwrap(), "d");
        assert_eq!(wrong(&["a", "d"], &all).unwrap(), "b");
    }
}
