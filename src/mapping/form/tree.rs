//! Values in the places that their names say.

use std::borrow::Cow;

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

/// Members by their names, on the way to an object or a list: sorted, each name once.
#[derive(Default)]
pub(super) struct Tree<'a> {
    members: Vec<(Cow<'a, str>, Node<'a>)>,
    /// Items were added by `[]`: their names are positions.
    appended: bool,
}

enum Node<'a> {
    Leaf(Value),
    Tree(Tree<'a>),
}

impl<'a> Tree<'a> {
    /// Adds what stands there. What stands in one place comes one after another, so that only the last is looked at.
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
        match (self.members.last_mut(), rest) {
            (Some((last, Node::Tree(tree))), [_, ..]) if *last == name => tree.insert(rest, value),
            (Some((last, _)), _) if *last == name => Err(Error::Duplicate),
            (_, []) => {
                self.members.push((name, Node::Leaf(value)));
                Ok(())
            }
            (_, [_, ..]) => {
                let mut tree = Tree::default();
                tree.insert(rest, value)?;
                self.members.push((name, Node::Tree(tree)));
                Ok(())
            }
        }
    }

    /// Refuses names that differ in case only; `below` too, where customers may not name things.
    ///
    /// SECURITY: a server that is blind to case takes `maxCount` for `MaxCount` (test `r_names_but_for_case_are_refused`).
    pub(super) fn check_case(&self, below: bool) -> Result<(), Error> {
        if self.members.len() > 1 && spelling::any_differ_in_case(self.members.iter().map(|(name, _)| &**name)) {
            return Err(Error::Case);
        }
        self.members.iter().try_for_each(|(_, node)| match node {
            Node::Tree(tree) if below => tree.check_case(below),
            Node::Tree(_) | Node::Leaf(_) => Ok(()),
        })
    }

    pub(super) fn into_members(self) -> Map<String, Value> {
        let mut members = Map::with_capacity(self.members.len());
        for (name, node) in self.members {
            members.insert(name.into_owned(), node.into_value());
        }
        members
    }
}

impl Node<'_> {
    /// An object whose names are all positions is a list, in the order of the positions.
    fn into_value(self) -> Value {
        let tree = match self {
            Node::Leaf(value) => return value,
            Node::Tree(tree) => tree,
        };
        if !tree.members.iter().all(|(name, _)| index(name).is_some()) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::mapping::form::{Nesting, Semicolons, nest};

    /// Whether two names stand in one place, or one within the other, or only one of them is of an item without a name.
    fn clash(left: &[&str], right: &[&str]) -> bool {
        let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        match (left.get(same), right.get(same)) {
            (Some(left), Some(right)) => left.is_empty() != right.is_empty(),
            (None, None) => left.last().is_some_and(|last| !last.is_empty()),
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    proptest! {
        #[test]
        fn names_of_one_place_are_refused_in_whatever_order_they_come(
            names in prop::collection::vec("[ab-](\\[[ab01]?\\]){0,2}", 1..6),
        ) {
            let steps = |name: &'_ str| -> Vec<String> { name.split('[').map(|step| step.replace(']', "")).collect() };
            let all: Vec<Vec<String>> = names.iter().map(|name| steps(name)).collect();
            let all: Vec<Vec<&str>> = all.iter().map(|steps| steps.iter().map(String::as_str).collect()).collect();
            let ends = all.iter().all(|steps| steps.iter().rev().skip(1).all(|step| !step.is_empty()));
            let apart = all.iter().enumerate().all(|(at, left)| all.iter().skip(at + 1).all(|right| !clash(left, right)));
            let text = names.iter().map(|name| format!("{name}=1")).collect::<Vec<_>>().join("&");
            let read = nest(&text, Nesting::Brackets, Semicolons::Refused);
            prop_assert_eq!(read.is_ok(), ends && apart, "{}", text);
        }
    }
}
