//! Values in the places that their names say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use super::Error;
use crate::mapping::spelling;

/// One step of a name.
#[derive(Clone, Copy)]
pub(super) enum Segment<'a> {
    Name(&'a str),
    /// `[]`: one more item.
    Append,
}

/// Members by their names, on the way to an object or a list.
#[derive(Default)]
pub(super) struct Tree<'a> {
    members: BTreeMap<Cow<'a, str>, Node<'a>>,
    /// Items were added by `[]`: their names are positions.
    appended: bool,
}

enum Node<'a> {
    Leaf(Value),
    Tree(Tree<'a>),
}

impl<'a> Tree<'a> {
    /// Adds what stands there.
    pub(super) fn insert(&mut self, segments: &[Segment<'a>], value: Value) -> Result<(), Error> {
        let Some((first, rest)) = segments.split_first() else {
            return Err(Error::Name);
        };
        let name = match first {
            Segment::Append if self.members.is_empty() || self.appended => {
                self.appended = true;
                Cow::Owned(self.members.len().to_string())
            }
            Segment::Name(name) if !self.appended => {
                // `a[1]` and `a[01]` are one item for some servers.
                if name.len() > 1 && name.starts_with('0') && index(name).is_some() {
                    return Err(Error::Name);
                }
                Cow::Borrowed(*name)
            }
            Segment::Append | Segment::Name(_) => return Err(Error::Duplicate),
        };
        match (self.members.entry(name), rest) {
            (Entry::Vacant(free), []) => {
                free.insert(Node::Leaf(value));
                Ok(())
            }
            (Entry::Occupied(_), []) => Err(Error::Duplicate),
            (entry, _) => match entry.or_insert_with(|| Node::Tree(Tree::default())) {
                Node::Tree(tree) => tree.insert(rest, value),
                Node::Leaf(_) => Err(Error::Duplicate),
            },
        }
    }

    /// Refuses names that differ in case only; `below` too, where customers may not name things.
    ///
    /// SECURITY: a server that is blind to case takes `maxCount` for `MaxCount` (test `r_names_but_for_case_are_refused`).
    pub(super) fn check_case(&self, below: bool) -> Result<(), Error> {
        if self.members.len() > 1 && spelling::any_differ_in_case(self.members.keys().map(AsRef::as_ref)) {
            return Err(Error::Case);
        }
        self.members.values().try_for_each(|node| match node {
            Node::Tree(tree) if below => tree.check_case(below),
            Node::Tree(_) | Node::Leaf(_) => Ok(()),
        })
    }

    pub(super) fn into_members(self) -> Map<String, Value> {
        let members = self.members.into_iter();
        members
            .map(|(name, node)| (name.into_owned(), node.into_value()))
            .collect()
    }
}

impl Node<'_> {
    /// An object whose names are all positions is a list, in the order of the positions.
    fn into_value(self) -> Value {
        let tree = match self {
            Node::Leaf(value) => return value,
            Node::Tree(tree) => tree,
        };
        if !tree.members.keys().all(|name| index(name).is_some()) {
            return Value::Object(tree.into_members());
        }
        let members = tree.members.into_iter();
        let mut items: Vec<_> = members.map(|(name, node)| (index(&name), node)).collect();
        items.sort_unstable_by_key(|(position, _)| *position);
        Value::Array(items.into_iter().map(|(_, node)| node.into_value()).collect())
    }
}

fn index(name: &str) -> Option<u64> {
    match !name.is_empty() && name.len() <= 9 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        true => name.parse().ok(),
        false => None,
    }
}
