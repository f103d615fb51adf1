//! What conditions rest on.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Template, Var};
use cedar_policy::{ActionConstraint, Effect, Policy, ResourceConstraint};

use super::Finding;
use crate::model::diagnostic::meant;
use crate::model::vocabulary::ActionDefinition;
use crate::model::{Sensitivity, Vocabulary};
use crate::policy::place::Statement;

/// The context of budgets.
const BUDGETS: &str = "budgets";

/// What the conditions of a rule rest on.
#[derive(Debug, Default)]
struct Uses {
    /// Names of context tested with `has`.
    tests: BTreeSet<String>,
    /// `context` other than field by field.
    whole_context: bool,
    /// Texts that `resource.sensitivity` is held against, and that it never is.
    impossible: BTreeSet<String>,
    /// A target by its entity's name.
    names_target: bool,
    /// The score of the call.
    risk: bool,
    /// Something that this version of the lints does not know.
    unknown: bool,
}

/// The context's name of the score.
const RISK: &str = "risk";

/// Walks the conditions of a rule.
fn uses(template: &Template) -> Uses {
    let mut uses = Uses::default();
    for clause in template.clauses() {
        match clause {
            Clause::When(expression) | Clause::Unless(expression) => uses.walk(expression),
        }
    }
    uses
}

impl Uses {
    fn walk(&mut self, expression: &Expr) {
        match expression {
            Expr::GetAttr { expr, attr } if is_context(expr) => self.risk |= attr == RISK,
            // `context.budgets has refunds_per_day`: what it sums may be missing, as any field.
            Expr::HasAttr { expr, .. } if is_budgets(expr) => {
                self.tests.insert(BUDGETS.to_owned());
            }
            Expr::HasAttr { expr, attrs } if is_context(expr) => {
                self.tests.insert(attrs.first().to_string());
            }
            Expr::Var(Var::Context) => self.whole_context = true,
            Expr::Var(Var::Principal | Var::Action | Var::Resource) => {}
            Expr::Literal(Literal::EntityUID(uid)) => self.names_target |= uid.ty.to_string() == "Target",
            Expr::Literal(Literal::Bool(_) | Literal::Long(_) | Literal::String(_)) => {}
            Expr::UnaryOp { expr, .. }
            | Expr::GetAttr { expr, .. }
            | Expr::HasAttr { expr, .. }
            | Expr::Like { expr, .. } => self.walk(expr),
            Expr::BinaryOp { left, right, .. } => {
                self.compare(left, right);
                self.compare(right, left);
                self.walk(left);
                self.walk(right);
            }
            Expr::Is { expr, in_expr, .. } => {
                self.walk(expr);
                in_expr.iter().for_each(|within| self.walk(within));
            }
            Expr::IfThenElse {
                cond,
                then_expr,
                else_expr,
            } => {
                self.walk(cond);
                self.walk(then_expr);
                self.walk(else_expr);
            }
            Expr::Set(members) => members.iter().for_each(|member| self.walk(member)),
            Expr::Record(members) => members.values().for_each(|member| self.walk(member)),
            Expr::Literal(_) | Expr::Slot(_) | Expr::Unknown { .. } | _ => self.unknown = true,
        }
    }
}

impl Uses {
    /// SECURITY: a forbid of `secret` targets would forbid nothing, where the word is `restricted` (test
    /// `a_sensitivity_that_no_target_has_is_refused`).
    fn compare(&mut self, one: &Expr, other: &Expr) {
        let is_sensitivity = |attr: &str, of: &Expr| attr == "sensitivity" && matches!(of, Expr::Var(Var::Resource));
        match (one, other) {
            (Expr::GetAttr { expr, attr }, Expr::Literal(Literal::String(word)))
                if is_sensitivity(attr, expr) && Sensitivity::ALL.iter().all(|known| known.as_str() != word) =>
            {
                self.impossible.insert(word.to_string());
            }
            (Expr::GetAttr { .. }, Expr::Set(members)) => members.iter().for_each(|member| self.compare(one, member)),
            _ => {}
        }
    }
}

fn names_target(scope: &ResourceConstraint) -> bool {
    match scope {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => false,
        ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
            uid.type_name().basename() == "Target"
        }
    }
}

fn is_budgets(expression: &Expr) -> bool {
    matches!(expression, Expr::GetAttr { expr, attr } if is_context(expr) && attr == BUDGETS)
}

/// Why a rule is not to use the score as it does, if so.
// SECURITY: an agent can raise its score at will. Were there anything that only a high one allows, it would. Test:
// `a_score_only_makes_rules_stricter`.
fn loosens(policy: &Policy, template: &Template) -> Option<&'static str> {
    let mut clauses = template.clauses().iter();
    match policy.effect() {
        Effect::Permit => clauses
            .any(|clause| match clause {
                Clause::When(condition) | Clause::Unless(condition) => reads_risk(condition),
            })
            .then_some(
                "a `permit` does not read `context.risk`: a score makes rules stricter, it never allows anything; let a \
                 `forbid`, or one that asks people, read it",
            ),
        Effect::Forbid => clauses
            .any(|clause| match clause {
                Clause::When(condition) => !rises_with_risk(condition),
                Clause::Unless(condition) => reads_risk(condition),
            })
            .then_some(
                "a higher `context.risk` must never take a call out of this rule: read it in `when`, as `context.risk >= 70` or \
                 `context.risk > 70`, alone or joined by `&&` and `||`",
            ),
    }
}

fn reads_risk(expression: &Expr) -> bool {
    let mut uses = Uses::default();
    uses.walk(expression);
    uses.risk
}

/// Whether what holds at some score holds at every higher one.
fn rises_with_risk(expression: &Expr) -> bool {
    if !reads_risk(expression) {
        return true;
    }
    let Expr::BinaryOp { op, left, right } = expression else {
        return false;
    };
    if matches!(op, BinaryOp::And | BinaryOp::Or) {
        return rises_with_risk(left) && rises_with_risk(right);
    }
    let is_risk = |side: &Expr| matches!(side, Expr::GetAttr { expr, attr } if is_context(expr) && attr == RISK);
    (matches!(op, BinaryOp::Greater | BinaryOp::GreaterEq) && is_risk(left) && !reads_risk(right))
        || (matches!(op, BinaryOp::Less | BinaryOp::LessEq) && is_risk(right) && !reads_risk(left))
}

fn is_context(expression: &Expr) -> bool {
    matches!(expression, Expr::Var(Var::Context))
}

/// Refuses conditions that a missing field would answer without an error, and targets named as entities.
pub(in crate::policy) fn conditions(
    policy: &Policy,
    statement: &Statement<'_>,
    vocabulary: &Vocabulary,
) -> Result<BTreeSet<String>, Vec<Finding>> {
    let Ok(syntax) = policy.to_pst() else {
        return Err(vec![Finding::at(statement.start(), "the rule cannot be looked into")]);
    };
    let uses = uses(syntax.body());
    let mut findings = Vec::new();
    // SECURITY: a field left out of a call must be noticed by every rule that needs it. `context has amount` and
    // `context == {…}` would just answer "no". Test: a_rule_that_hides_a_missing_field_is_refused.
    for field in &uses.tests {
        if let Some(action) = requires(policy, vocabulary, field) {
            let message = format!(
                "`{field}` is required of `{action}`: drop `context has {field}`, so that a call which leaves it out is \
                 held and not overlooked (or name in the scope only actions where it is optional)"
            );
            findings.push(Finding::at(statement.has(field), message));
        }
    }
    for word in &uses.impossible {
        let words = Sensitivity::ALL.map(Sensitivity::as_str);
        let hint = meant(&word.to_lowercase(), words.into_iter());
        let hint = hint.map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)"));
        let message = format!(
            "no target has the sensitivity `{word}`: expected one of {}{hint}",
            words.join(", ")
        );
        findings.push(Finding::at(statement.word(&format!("\"{word}\"")), message));
    }
    if uses.whole_context {
        let message = "`context` is read field by field (`context.amount`), never as a whole";
        findings.push(Finding::at(statement.word("context"), message));
    }
    if uses.names_target || names_target(&policy.resource_constraint()) {
        let message = "targets have no names of their own: test `resource.kind`, `resource.id`, `resource.provider` …";
        findings.push(Finding::at(statement.word("Target"), message));
    }
    if let Some(message) = loosens(policy, syntax.body()) {
        findings.push(Finding::at(statement.word(RISK), message));
    }
    if uses.unknown {
        findings.push(Finding::at(
            statement.start(),
            "the rule uses a form that is not supported",
        ));
    }
    if findings.is_empty() {
        Ok(uses.tests)
    } else {
        Err(findings)
    }
}

/// An action within the rule's scope that requires `field`.
fn requires<'a>(policy: &Policy, vocabulary: &'a Vocabulary, field: &str) -> Option<&'a str> {
    let requires = |definition: &ActionDefinition| match field {
        BUDGETS => !definition.budgets.is_empty(),
        _ => definition.required.iter().any(|required| &**required == field),
    };
    in_scope(policy, vocabulary)
        .find(|(_, definition)| requires(definition))
        .map(|(name, _)| &**name)
}

/// The actions that a rule is about.
pub(in crate::policy) fn actions<'a>(
    policy: &Policy,
    vocabulary: &'a Vocabulary,
) -> impl Iterator<Item = &'a Arc<str>> {
    in_scope(policy, vocabulary).map(|(name, _)| name)
}

fn in_scope<'a>(
    policy: &Policy,
    vocabulary: &'a Vocabulary,
) -> impl Iterator<Item = (&'a Arc<str>, &'a ActionDefinition)> {
    let scope = match policy.action_constraint() {
        ActionConstraint::Any => None,
        ActionConstraint::Eq(one) => Some(vec![one]),
        ActionConstraint::In(any) => Some(any),
    };
    let named = move |name: &str| match &scope {
        None => true,
        Some(uids) => uids.iter().any(|uid| uid.id().unescaped() == name),
    };
    let actions = vocabulary.actions.iter();
    actions.filter(move |(name, definition)| named(name) || definition.parents().any(&named))
}
