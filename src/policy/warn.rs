//! Rules that say nothing: what a set of rules loads with, and should not have. Sound rather than complete: a warning is true
//! of every call, and what cannot be told is not said (test `whatever_is_warned_of_is_true_of_every_question`).

mod never;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::Policy;
use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Template, UnaryOp};

use super::Policies;
use super::mentions::Mentions;
use super::rule::{DEFAULT_APPROVERS, Kind, Rule};
use crate::model::diagnostic::meant;
use crate::model::{Diagnostic, Source};

/// What there is besides the rules; `None` where nobody knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Providers of the mappings.
    pub providers: Option<BTreeSet<String>>,
    pub agents: Option<BTreeSet<String>>,
    /// Roles that some agent has.
    pub roles: Option<BTreeSet<String>>,
    /// Groups that some person is in.
    pub groups: Option<BTreeSet<String>>,
    /// Whether the organisation's domains are told: without them nobody is outside.
    pub domains: Option<bool>,
}

/// What is the matter with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    /// No call meets its conditions.
    Never(String),
    /// Whatever it matches, this unconditional block blocks.
    Shadowed(Arc<str>),
    /// Whatever it matches, this block blocks under no more conditions.
    Blocked(Arc<str>),
    /// Another of its kind has the same scope and conditions.
    Twice(Arc<str>),
    /// Another of its kind says the same of all that it matches.
    Covered(Arc<str>),
    /// It names what nobody knows.
    Nobody(String),
}

/// A rule, taken apart.
struct Part<'a> {
    id: &'a Arc<str>,
    rule: &'a Rule,
    policy: &'a Policy,
    syntax: &'a Template,
    /// What its conditions ask.
    asked: Vec<(&'a Expr, bool)>,
}

/// The file of the rules that are in force without any of one's own.
const BASELINE: &str = "baseline.cedar";
/// What follows from the organisation's domains.
const EXTERNAL: &str = "external_recipient_count";

impl Part<'_> {
    /// `policies/house.cedar`
    fn file(&self) -> &str {
        self.rule.place.rsplitn(3, ':').last().unwrap_or_default()
    }

    fn is_shipped(&self) -> bool {
        self.file().rsplit('/').next() == Some(BASELINE)
    }
}

impl Policies {
    /// Everything that is idle in these rules, in the order of their places. `files` are what they were loaded from.
    pub fn warnings(&self, files: &[Source], known: &Known) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> = self
            .matters(known)
            .into_iter()
            .filter_map(|(id, matter)| {
                let rule = self.rules.get(&id)?;
                let message = format!("rule `{id}` {}", self.message(rule, &matter));
                Some(at(&rule.place, files, message))
            })
            .collect();
        told.sort_by(|one, other| (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column)));
        told
    }

    pub(super) fn matters(&self, known: &Known) -> Vec<(Arc<str>, Matter)> {
        let policies: BTreeMap<&str, &Policy> = self
            .index
            .policies()
            .map(|policy| (policy.id().as_ref(), policy))
            .collect();
        let read: Vec<(&str, &Policy, Template)> = policies
            .into_iter()
            .filter_map(|(id, policy)| Some((id, policy, policy.to_pst().ok()?.body().clone())))
            .collect();
        let parts: Vec<Part<'_>> = read
            .iter()
            .filter_map(|(id, policy, syntax)| {
                let (id, rule) = self.rules.get_key_value(*id)?;
                Some(Part {
                    id,
                    rule,
                    policy,
                    syntax,
                    asked: conditions(syntax.clauses()),
                })
            })
            .collect();
        let mut matters = Vec::new();
        for part in &parts {
            let idle = idle(part, known).or_else(|| self.other(part, &parts));
            matters.extend(idle.map(|matter| (part.id.clone(), matter)));
            let nobody = nobody(part, known).into_iter().chain(nobody_outside(part, known));
            matters.extend(nobody.map(|matter| (part.id.clone(), matter)));
        }
        matters
    }

    /// What another rule makes of it. One on trial does nothing to others, and is there to be seen beside them.
    fn other(&self, part: &Part<'_>, all: &[Part<'_>]) -> Option<Matter> {
        if part.rule.on_trial {
            return None;
        }
        let wider = |other: &&Part<'_>| {
            other.id != part.id && !other.rule.on_trial && scope::covers(other.policy, part.policy, &self.vocabulary)
        };
        let blocks =
            |other: &&Part<'_>| matches!(other.rule.kind, Kind::Forbid) && wider(other) && asks_no_more(other, part);
        if !matches!(part.rule.kind, Kind::Forbid) {
            let mut blocks = all.iter().filter(blocks);
            if let Some(other) = blocks.clone().find(|other| other.syntax.clauses().is_empty()) {
                return Some(Matter::Shadowed(other.id.clone()));
            }
            if let Some(other) = blocks.next() {
                return Some(Matter::Blocked(other.id.clone()));
            }
        }
        let alike = |other: &&Part<'_>| says_as_much(&other.rule.kind, &part.rule.kind) && wider(other);
        let twins = |other: &&Part<'_>| {
            says_as_much(&part.rule.kind, &other.rule.kind)
                && scope::covers(part.policy, other.policy, &self.vocabulary)
                && asks_no_more(other, part)
                && asks_no_more(part, other)
        };
        // What the baseline says, a pack may say again: it is to hold where the baseline has been loosened.
        let is_shipped = part.is_shipped()
            || all
                .iter()
                .any(|other| other.is_shipped() && alike(&other) && twins(&other));
        let again = |other: &&Part<'_>| is_shipped && other.file() != part.file() && twins(other);
        let mut others = all.iter().filter(|other| alike(other) && !again(other));
        // Of two that are the same one is told of: the one that is named later.
        if let Some(other) = others.clone().find(twins) {
            return (other.id < part.id).then(|| Matter::Twice(other.id.clone()));
        }
        others
            .find(|other| asks_no_more(other, part))
            .map(|other| Matter::Covered(other.id.clone()))
    }

    fn message(&self, rule: &Rule, matter: &Matter) -> String {
        let where_is = |id: &Arc<str>| {
            let place = self.place(id).unwrap_or_default();
            format!("`{id}` ({place})")
        };
        match matter {
            Matter::Never(why) => format!("never holds: {why}; change its conditions, or take it out"),
            Matter::Shadowed(other) => format!(
                "decides nothing: {} blocks all that it is about, without conditions; take one of the two out, or give the block \
                 an `unless`",
                where_is(other)
            ),
            Matter::Blocked(other) => format!(
                "decides nothing of a call that states all it reads: {} blocks whatever it matches, under the same conditions or \
                 fewer; take one of the two out, or change its conditions",
                where_is(other)
            ),
            Matter::Twice(other) => {
                format!(
                    "has the scope and the conditions of {}: take one of the two out",
                    where_is(other)
                )
            }
            Matter::Covered(other) => {
                let does = match rule.kind {
                    Kind::Permit => "permits",
                    Kind::Forbid => "blocks",
                    Kind::Hold(_) => "holds, for the same people,",
                };
                format!(
                    "is not needed: {} {does} all that it is about as well; take it out",
                    where_is(other)
                )
            }
            Matter::Nobody(what) => what.clone(),
        }
    }
}

/// Whether one rule does with what it matches what another does, or more: a hold for the same people, of which it asks as
/// many or more.
fn says_as_much(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (Kind::Permit, Kind::Permit) | (Kind::Forbid, Kind::Forbid) => true,
        (Kind::Hold(one), Kind::Hold(other)) => {
            one.approvers == other.approvers && one.timeout == other.timeout && one.quorum >= other.quorum
        }
        (Kind::Permit | Kind::Forbid | Kind::Hold(_), _) => false,
    }
}

/// Whether each condition of one rule is one of another's, so that whatever meets that one's meets these.
fn asks_no_more(one: &Part<'_>, other: &Part<'_>) -> bool {
    one.asked.iter().all(|condition| other.asked.contains(condition))
}

/// What must come to what for all clauses to be met: `when { a && !b } unless { c || d }` asks for `a`, and for `b`, `c` and
/// `d` not to be.
fn conditions(clauses: &[Clause]) -> Vec<(&Expr, bool)> {
    let mut open: Vec<(&Expr, bool)> = clauses
        .iter()
        .map(|clause| match clause {
            Clause::When(condition) => (condition.as_ref(), true),
            Clause::Unless(condition) => (condition.as_ref(), false),
        })
        .collect();
    let mut asked = Vec::new();
    while let Some((condition, is)) = open.pop() {
        match (condition, is) {
            (Expr::UnaryOp { op: UnaryOp::Not, expr }, _) => open.push((expr.as_ref(), !is)),
            (
                Expr::BinaryOp {
                    op: BinaryOp::And,
                    left,
                    right,
                },
                true,
            )
            | (
                Expr::BinaryOp {
                    op: BinaryOp::Or,
                    left,
                    right,
                },
                false,
            ) => open.extend([(left.as_ref(), is), (right.as_ref(), is)]),
            (_, _) => asked.push((condition, is)),
        }
    }
    asked
}

/// Why no call meets a rule, if none does.
fn idle(part: &Part<'_>, known: &Known) -> Option<Matter> {
    if let Some(provider) = scope::provider(part.policy)
        && let Some(message) = unknown("provider in the mappings", &provider, known.providers.as_ref())
    {
        return Some(Matter::Never(message));
    }
    never::holds(part.syntax.clauses()).map(Matter::Never)
}

/// Names in a rule that nobody has.
fn nobody(part: &Part<'_>, known: &Known) -> Vec<Matter> {
    let mut named = BTreeSet::new();
    named.extend(scope::principal(part.policy));
    for clause in part.syntax.clauses() {
        match clause {
            Clause::When(condition) => entities(condition, true, &mut named),
            Clause::Unless(condition) => entities(condition, false, &mut named),
        }
    }
    let mut matters: Vec<Matter> = named
        .into_iter()
        .filter_map(|(kind, name)| match kind.as_str() {
            "Agent" => unknown("agent", &name, known.agents.as_ref()),
            "Role" => unknown("agent with the role", &name, known.roles.as_ref()),
            _ => None,
        })
        .map(|message| Matter::Nobody(format!("speaks of somebody who is not there: {message}")))
        .collect();
    if let (Kind::Hold(hold), Some(groups)) = (&part.rule.kind, &known.groups)
        && !hold.approvers.iter().any(|group| groups.contains(&**group))
    {
        let names = hold.approvers.join(", ");
        matters.push(Matter::Nobody(format!(
            "waits for people who are not there: nobody is in {names}; put somebody there with `runplane people add NAME --group {}`",
            hold.approvers.first().map_or(DEFAULT_APPROVERS, |group| group)
        )));
    }
    matters
}

/// Who is outside of the organisation, asked where nobody knows who is inside. The baseline's own rule waits for that.
fn nobody_outside(part: &Part<'_>, known: &Known) -> Option<Matter> {
    let told = known.domains != Some(false) || part.is_shipped();
    let asks = |read: &Mentions| *read != Mentions::Everything && read.hold(EXTERNAL);
    (!told && asks(&Mentions::of(part.policy))).then(|| {
        Matter::Nobody(format!(
            "counts nobody: `{EXTERNAL}` is known once `domains:` in policies/targets.yaml says which are your own"
        ))
    })
}

fn unknown(what: &str, name: &str, known: Option<&BTreeSet<String>>) -> Option<String> {
    let known = known?;
    if known.contains(name) {
        return None;
    }
    let hint = meant(name, known.iter().map(String::as_str)).map(|meant| format!("; did you mean `{meant}`?"));
    Some(format!("there is no {what} `{name}`{}", hint.unwrap_or_default()))
}

/// Type and id of each entity that an expression asks for, where it is to come `true` or not. Whom a rule spares (`unless`,
/// `!`, `!=`) need not be there: the exception of a shipped rule waits for the first that is given the role.
fn entities(expression: &Expr, is: bool, found: &mut BTreeSet<(String, String)>) {
    match expression {
        Expr::Literal(Literal::EntityUID(uid)) => {
            if is {
                found.insert((uid.ty.to_string(), uid.eid.to_string()));
            }
        }
        Expr::UnaryOp { op: UnaryOp::Not, expr } => entities(expr, !is, found),
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => {
            entities(expr, is, found);
        }
        Expr::BinaryOp { op, left, right } => {
            let is = is != (*op == BinaryOp::NotEq);
            entities(left, is, found);
            entities(right, is, found);
        }
        Expr::Is { expr, in_expr, .. } => {
            entities(expr, is, found);
            in_expr.iter().for_each(|within| entities(within, is, found));
        }
        Expr::IfThenElse {
            cond,
            then_expr,
            else_expr,
        } => [cond, then_expr, else_expr]
            .into_iter()
            .for_each(|part| entities(part, is, found)),
        Expr::Set(members) => members.iter().for_each(|member| entities(member, is, found)),
        Expr::Record(members) => members.values().for_each(|member| entities(member, is, found)),
        // Names in a form of later versions are not found, so nothing is said of them.
        Expr::Literal(_) | Expr::Var(_) | Expr::Slot(_) | Expr::Unknown { .. } | _ => {}
    }
}

/// A warning at a rule's place, `policies/house.cedar:12:1`.
fn at(place: &str, files: &[Source], message: String) -> Diagnostic {
    let mut parts = place.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next().unwrap_or(place));
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
    let text = files
        .iter()
        .find(|source| source.file == file)
        .map_or("", |source| &source.text);
    Diagnostic::at(file, text, number(line), number(column), message)
}
