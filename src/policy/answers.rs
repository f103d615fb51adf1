//! What rules said before, for a question that is the same in all that they read.
//!
//! Rules are asked anew wherever they read a number, a long text, a budget or the time: those hardly repeat. What is left (reads, and changes
//! that only their name decides) is most of what agents do, and the same again and again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::evaluate::Findings;
use super::kinds;
use super::mentions::Mentions;
use super::request::Attribute;

/// Answers kept for one caller, action and kind of target: so many of all its rules together, and so many of each shard that has
/// conditions.
const KEPT: usize = 16;
/// Bytes of a text that is worth remembering.
const LONGEST: usize = 64;
/// Names of records that are.
const MOST_KINDS: usize = 4;

/// Answers by question.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<HashMap<Question, Arc<Findings>>>);

/// The attributes that the rules read, by name; what is not there is not in it.
pub(super) type Question = Vec<(Arc<str>, Known)>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Known {
    Bool(bool),
    Text(Box<str>),
    Kinds(BTreeSet<String>),
}

impl Answers {
    /// What `asked` comes to, from memory if it was asked before.
    pub(super) fn recall<E>(
        &self,
        question: Option<Question>,
        ask: impl FnOnce() -> Result<Findings, E>,
    ) -> Result<Arc<Findings>, E> {
        let Some(question) = question else {
            return ask().map(Arc::new);
        };
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&question) {
            return Ok(known.clone());
        }
        let findings = Arc::new(ask()?);
        // What failed may not fail again: Cedar counts the stack that is left.
        if !findings.broken.is_empty() {
            return Ok(findings);
        }
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= KEPT {
            answers.clear();
        }
        answers.insert(question, findings.clone());
        Ok(findings)
    }
}

/// The question that these attributes are to rules with these mentions; `None` where it is not worth remembering.
pub(super) fn question<'a>(
    mentions: &Mentions,
    attributes: impl Iterator<Item = (&'a str, Attribute<'a>)>,
) -> Option<Question> {
    let Mentions::Names(names) = mentions else {
        return None;
    };
    let mut question = Vec::new();
    let is_short =
        |kinds: &BTreeSet<String>| kinds.len() <= MOST_KINDS && kinds.iter().all(|kind| kind.len() <= LONGEST);
    for (name, attribute) in attributes {
        let Some(name) = names.get(name) else { continue };
        question.push((
            name.clone(),
            match attribute {
                Attribute::Bool(value) => Known::Bool(value),
                Attribute::Text(text) if text.len() <= LONGEST => Known::Text(text.into()),
                Attribute::Kinds(action) => Known::Kinds(Some(kinds::of(action)).filter(is_short)?),
                Attribute::Int(_)
                | Attribute::Text(_)
                | Attribute::List(_)
                | Attribute::Time(_)
                | Attribute::Budgets { .. } => return None,
            },
        ));
    }
    Some(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_not_asked_again_unless_it_failed() {
        let answers = Answers::default();
        let question = |host: &str| Some(vec![("host".into(), Known::Text(host.into()))]);
        let mut asked = 0;
        let mut ask = |question, findings: &Findings| {
            let answer = answers.recall(question, || {
                asked += 1;
                Ok::<_, ()>(findings.clone())
            });
            assert_eq!(*answer.unwrap(), *findings);
            asked
        };
        let (said, failed) = (
            Findings {
                satisfied: BTreeSet::from(["r".into()]),
                ..Findings::default()
            },
            Findings {
                broken: [("r".into(), "too deep")].into(),
                ..Findings::default()
            },
        );
        assert_eq!([ask(question("a"), &said), ask(question("a"), &said)], [1, 1]);
        assert_eq!([ask(question("b"), &failed), ask(question("b"), &failed)], [2, 3]);
        assert_eq!([ask(None, &said), ask(None, &said)], [4, 5]);
    }
}
