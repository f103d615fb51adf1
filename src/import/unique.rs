//! JSON in which no object has a member twice: of two, one reader takes the first and another the last, and what the other said
//! of an API would be gone without a word.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Looks at a whole document.
///
/// # Errors
/// What is no JSON, and the first member that is there twice, with its place.
pub(super) fn check(bytes: &[u8]) -> serde_json::Result<()> {
    serde_json::from_slice::<Unique>(bytes).map(drop)
}

/// Any value.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Unique;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E: Error>(self) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        while items.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    // A number that is kept as it was written comes as a map, too: of one member.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut names: HashSet<String> = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!(
                    "the member `{}` is there twice",
                    name.escape_debug()
                )));
            }
            members.next_value::<Unique>()?;
            names.insert(name);
        }
        Ok(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_told_with_its_place() {
        let twice = check(b"{\"a\": {\n  \"x\": 1.5,\n  \"\\u0078\": [null, true, -2]\n}}").unwrap_err();
        assert_eq!(
            (twice.line(), twice.to_string().contains("`x` is there twice")),
            (3, true),
            "{twice}"
        );
        check(b"[{\"x\": 1e400}, {\"x\": {\"x\": \"x\"}}]").unwrap();
    }
}
