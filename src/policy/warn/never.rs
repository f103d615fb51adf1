//! Conditions that contradict themselves.

use std::collections::{BTreeMap, HashSet};

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, UnaryOp, Var};

/// Alternatives that are followed; of more nothing is said.
const ALTERNATIVES: usize = 6;

/// What the values of context can be whatever the call; all other values are free.
const WORDS: [(&str, &[&str]); 2] = [
    (
        "context.time.weekday",
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
    ("context.access", &["read", "write", "delete", "admin"]),
];
const RANGES: [(&str, i128, i128); 3] = [
    ("context.time.hour", 0, 23),
    ("context.time.minute", 0, 59),
    ("context.risk", 0, 100),
];

/// Why no call meets all of these, if that is sure.
pub(super) fn holds(clauses: &[Clause]) -> Option<String> {
    let mut facts = Facts::default();
    for clause in clauses {
        match clause {
            Clause::When(condition) => facts.assume(condition, true),
            Clause::Unless(condition) => facts.assume(condition, false),
        }
    }
    facts.contradiction(ALTERNATIVES)
}

/// What must be so for all conditions to be met.
#[derive(Clone, Default)]
struct Facts<'a> {
    /// By what is read: `context.amount_base`.
    values: BTreeMap<String, Values>,
    /// Conditions of other forms, each with what it must come to.
    others: Vec<(&'a Expr, bool)>,
    /// Either of two.
    either: Vec<[(&'a Expr, bool); 2]>,
    /// A condition that is never met, as it stands.
    wrong: Option<String>,
}

/// What a value may be.
#[derive(Clone)]
struct Values {
    only: Option<HashSet<Literal>>,
    not: HashSet<Literal>,
    low: i128,
    high: i128,
}

impl<'a> Facts<'a> {
    fn assume(&mut self, condition: &'a Expr, is: bool) {
        match (condition, path(condition)) {
            (Expr::Literal(Literal::Bool(value)), _) => {
                if *value != is {
                    self.wrong = Some(format!("it asks for `{condition}`"));
                }
            }
            (Expr::UnaryOp { op: UnaryOp::Not, expr }, _) => self.assume(expr, !is),
            (
                Expr::BinaryOp {
                    op: op @ (BinaryOp::And | BinaryOp::Or),
                    left,
                    right,
                },
                _,
            ) => match (*op == BinaryOp::And) == is {
                true => {
                    self.assume(left, is);
                    self.assume(right, is);
                }
                false => self.either.push([(left, is), (right, is)]),
            },
            (Expr::BinaryOp { op, left, right }, _) if self.compare(*op, left, right, is) => {}
            (_, Some(path)) => self.values_of(path).keep([Literal::Bool(is)].into()),
            (_, None) => self.others.push((condition, is)),
        }
    }

    /// Notes what a comparison with literals says; false where it is none.
    fn compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr, is: bool) -> bool {
        if let (BinaryOp::Contains, Expr::Set(members), Some(path)) = (op, left, path(right)) {
            let members: Option<HashSet<Literal>> = members.iter().map(|member| literal(member)).collect();
            let Some(members) = members else { return false };
            let values = self.values_of(path);
            match is {
                true => values.keep(members),
                false => values.not.extend(members),
            }
            return true;
        }
        let (path, value, op) = match (path(left), literal(right), path(right), literal(left)) {
            (Some(path), Some(value), ..) => (path, value, Some(op)),
            (_, _, Some(path), Some(value)) => (path, value, partner(&TURNED, op)),
            _ => return false,
        };
        let op = if is {
            op
        } else {
            op.and_then(|op| partner(&OPPOSITE, op))
        };
        let Some(op) = op else { return false };
        let number = long(&value).map(i128::from);
        let values = self.values_of(path);
        match (op, number) {
            (BinaryOp::Eq, _) => values.keep([value].into()),
            (BinaryOp::NotEq, _) => drop(values.not.insert(value)),
            (BinaryOp::Less, Some(number)) => values.high = values.high.min(number - 1),
            (BinaryOp::LessEq, Some(number)) => values.high = values.high.min(number),
            (BinaryOp::Greater, Some(number)) => values.low = values.low.max(number + 1),
            (BinaryOp::GreaterEq, Some(number)) => values.low = values.low.max(number),
            _ => return false,
        }
        true
    }

    fn values_of(&mut self, path: String) -> &mut Values {
        let start = Values::of(&path);
        self.values.entry(path).or_insert(start)
    }

    fn contradiction(&self, alternatives: usize) -> Option<String> {
        if let Some(wrong) = &self.wrong {
            return Some(wrong.clone());
        }
        if let Some((path, _)) = self.values.iter().find(|(_, values)| values.are_none()) {
            return Some(format!("no value of `{path}` meets all that it asks of it"));
        }
        let opposed = |(condition, is): &(&Expr, bool)| self.others.contains(&(*condition, !*is));
        if let Some((condition, _)) = self.others.iter().find(|other| opposed(other)) {
            return Some(format!("it asks for `{condition}` and for its opposite"));
        }
        let (first, rest) = self.either.split_first()?;
        if alternatives == 0 {
            return None;
        }
        let mut found = None;
        for (condition, is) in first {
            let mut facts = Facts {
                either: rest.to_vec(),
                ..self.clone()
            };
            facts.assume(condition, *is);
            found = Some(facts.contradiction(alternatives - 1)?);
        }
        found
    }
}

impl Values {
    fn of(path: &str) -> Values {
        let words = WORDS.iter().find(|(known, _)| *known == path);
        let only = words.map(|(_, words)| words.iter().map(|word| Literal::String((*word).into())).collect());
        let range = RANGES.iter().find(|(known, ..)| *known == path);
        let (low, high) = range.map_or((i64::MIN.into(), i64::MAX.into()), |(_, low, high)| (*low, *high));
        Values {
            only,
            not: HashSet::new(),
            low,
            high,
        }
    }

    fn keep(&mut self, only: HashSet<Literal>) {
        self.only = Some(match self.only.take() {
            Some(before) => before.intersection(&only).cloned().collect(),
            None => only,
        });
    }

    fn are_none(&self) -> bool {
        let may_be = |value: &Literal| {
            let in_range = long(value).is_none_or(|number| (self.low..=self.high).contains(&i128::from(number)));
            in_range && !self.not.contains(value)
        };
        match &self.only {
            Some(only) => !only.iter().any(may_be),
            None => self.low > self.high,
        }
    }
}

/// `context.time.hour`, `resource.kind`, `principal`: what is the same wherever it stands in a rule.
fn path(expression: &Expr) -> Option<String> {
    if let Expr::Var(Var::Principal | Var::Action | Var::Resource) = expression {
        return Some(expression.to_string());
    }
    let Expr::GetAttr { expr, attr } = expression else {
        return None;
    };
    match matches!(&**expr, Expr::Var(_)) {
        true => Some(format!("{expr}.{attr}")),
        false => Some(format!("{}.{attr}", path(expr)?)),
    }
}

fn literal(expression: &Expr) -> Option<Literal> {
    if let Expr::Literal(literal) = expression {
        return Some(literal.clone());
    }
    let Expr::UnaryOp { op: UnaryOp::Neg, expr } = expression else {
        return None;
    };
    let number = long(&literal(expr)?)?;
    number.checked_neg().map(Literal::Long)
}

fn long(literal: &Literal) -> Option<i64> {
    if let Literal::Long(number) = literal {
        return Some(*number);
    }
    None
}

/// The same comparison with its sides exchanged.
const TURNED: [(BinaryOp, BinaryOp); 6] = [
    (BinaryOp::Less, BinaryOp::Greater),
    (BinaryOp::LessEq, BinaryOp::GreaterEq),
    (BinaryOp::Greater, BinaryOp::Less),
    (BinaryOp::GreaterEq, BinaryOp::LessEq),
    (BinaryOp::Eq, BinaryOp::Eq),
    (BinaryOp::NotEq, BinaryOp::NotEq),
];
/// What holds where a comparison does not.
const OPPOSITE: [(BinaryOp, BinaryOp); 6] = [
    (BinaryOp::Less, BinaryOp::GreaterEq),
    (BinaryOp::LessEq, BinaryOp::Greater),
    (BinaryOp::Greater, BinaryOp::LessEq),
    (BinaryOp::GreaterEq, BinaryOp::Less),
    (BinaryOp::Eq, BinaryOp::NotEq),
    (BinaryOp::NotEq, BinaryOp::Eq),
];

/// `None` for what is no comparison.
fn partner(pairs: &[(BinaryOp, BinaryOp); 6], op: BinaryOp) -> Option<BinaryOp> {
    pairs.iter().find(|(one, _)| *one == op).map(|(_, other)| *other)
}
