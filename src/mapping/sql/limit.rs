//! Whether a condition limits a change of rows: it must be one on the table that is changed.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, Ident, JoinConstraint, JoinOperator, Merge,
    ObjectName, ObjectNamePart, TableFactor, TableWithJoins, UnaryOperator, Update, UpdateTableFromKind, Value,
};

use super::Deed;

/// The tables of a change as its conditions name them.
pub(super) struct Joined {
    /// Those that are changed, as they are written: each must be limited.
    changed: Vec<String>,
    /// There are no others.
    alone: bool,
    /// Some are joined by a condition, so that one on another table may limit this one.
    bound: bool,
    /// Whose columns are meant, or which tables are changed, cannot be told.
    untold: bool,
}

/// Whose column it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Changed,
    Other,
    Unsure,
}

pub(super) fn of_update(update: &Update) -> Joined {
    let from = match &update.from {
        Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from.as_slice(),
        None => &[],
    };
    let tables = || std::iter::once(&update.table).chain(from);
    // Of tables that are joined those are changed whose columns are set: of a column without its table's name, any.
    let set: Option<BTreeSet<String>> = update.assignments.iter().flat_map(set).collect();
    match set.filter(|_| !update.table.joins.is_empty()) {
        Some(set) => Joined::new(tables(), set.into_iter().collect()),
        None => {
            let mut joined = Joined::new(tables(), vec![name(&update.table.relation).unwrap_or_default()]);
            joined.untold |= !update.table.joins.is_empty();
            joined
        }
    }
}

pub(super) fn of_delete(delete: &Delete) -> Joined {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let changed = match delete.tables.is_empty() {
        true => from
            .iter()
            .map(|table| name(&table.relation).unwrap_or_default())
            .collect(),
        false => delete
            .tables
            .iter()
            .map(|name| last(name).unwrap_or_default())
            .collect(),
    };
    Joined::new(from.iter().chain(delete.using.iter().flatten()), changed)
}

pub(super) fn of_merge(merge: &Merge) -> Joined {
    let changed = vec![name(&merge.table).unwrap_or_default()];
    Joined {
        untold: !are_told(&[name(&merge.table), name(&merge.source)], &changed),
        changed,
        alone: false,
        bound: false,
    }
}

/// Whether each name is that of one table, and those that are changed are among them.
fn are_told(names: &[Option<String>], changed: &[String]) -> bool {
    let apart: BTreeSet<String> = names.iter().flatten().map(|name| name.to_lowercase()).collect();
    let known = |changed: &String| names.iter().flatten().any(|name| name == changed);
    apart.len() == names.len() && changed.iter().all(known)
}

impl Joined {
    fn new<'a>(tables: impl Iterator<Item = &'a TableWithJoins>, changed: Vec<String>) -> Self {
        let (mut names, mut bound) = (Vec::new(), false);
        for table in tables {
            names.push(name(&table.relation));
            names.extend(table.joins.iter().map(|join| name(&join.relation)));
            bound |= table.joins.iter().any(|join| binds(&join.join_operator));
        }
        let untold = !are_told(&names, &changed);
        Self {
            changed,
            alone: names.len() == 1 && !untold,
            bound,
            untold,
        }
    }

    /// What is done where a condition holds. Whether that limits it is told only of one that names values of the table itself.
    ///
    /// SECURITY: `id = id + 0` and `id IS NOT NULL` leave nothing out, and no list of such conditions ends; a condition on
    /// another table leaves nothing out of this one, and whether a join binds both only the engine knows: outer joins, constant
    /// columns of subqueries, names that differ by quotes or a schema (tests `only_a_condition_that_names_values_is_a_limit`,
    /// `a_condition_on_another_table_is_no_limit`, `a_limit_that_comes_by_a_join_or_a_name_of_two_is_untold`).
    pub(super) fn limit(&self, deed: Deed, condition: Option<&Expr>) -> Deed {
        let holds = |test: &dyn Fn(&Conditions<'_>, &Expr) -> bool| {
            let tests = |changed: &String| {
                let of = Conditions { changed, joined: self };
                condition.is_some_and(|all| test(&of, all))
            };
            !self.changed.is_empty() && self.changed.iter().all(tests)
        };
        let unbounded = !holds(&|of, condition| of.limit(condition));
        Deed {
            unbounded,
            limit_untold: !unbounded && (self.untold || !holds(&|of, condition| of.name_values(condition))),
            ..deed
        }
    }
}

/// What conditions say of one of the tables that are changed.
struct Conditions<'n> {
    changed: &'n str,
    joined: &'n Joined,
}

impl Conditions<'_> {
    fn whose(&self, column: &[Ident]) -> Whose {
        let changed = |name: &Ident| name.value.to_lowercase() == self.changed.to_lowercase();
        match column {
            _ if self.joined.alone => Whose::Changed,
            [table, _] if table.value == self.changed => Whose::Changed,
            // `other.t.id` may be a field of another table's column.
            [tables @ .., _] if tables.is_empty() || self.joined.bound || tables.iter().any(changed) => Whose::Unsure,
            _ => Whose::Other,
        }
    }

    /// Whether a condition may leave some rows out: `true`, `1 = 1` and `id = id` do not.
    fn limit(&self, condition: &Expr) -> bool {
        match condition {
            Expr::Nested(inner) => self.limit(inner),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And => self.limit(left) || self.limit(right),
                BinaryOperator::Or => self.limit(left) && self.limit(right),
                BinaryOperator::Eq => {
                    !self.are_same(left, right) && (self.names_column(left) || self.names_column(right))
                }
                _ => self.names_column(condition),
            },
            Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
            _ => self.names_column(condition),
        }
    }

    /// `id = id`, `id = t.id`.
    fn are_same(&self, left: &Expr, right: &Expr) -> bool {
        let (Some(left_column), Some(right_column)) = (column(left), column(right)) else {
            return left == right;
        };
        let same = |one: &Ident, other: &Ident| one.value.eq_ignore_ascii_case(&other.value);
        let named = matches!((left_column.last(), right_column.last()), (Some(one), Some(other)) if same(one, other));
        let table = |column: &[Ident]| column.iter().rev().nth(1).map(|table| table.value.to_lowercase());
        named && (self.joined.alone || table(left_column) == table(right_column))
    }

    fn names_column(&self, expr: &Expr) -> bool {
        let mut found = false;
        // It never stops early.
        let _ = sqlparser::ast::visit_expressions(expr, |inner| {
            found |= match inner {
                Expr::Identifier(name) => self.whose(std::slice::from_ref(name)) != Whose::Other,
                Expr::CompoundIdentifier(names) => self.whose(names) != Whose::Other,
                _ => false,
            };
            std::ops::ControlFlow::<()>::Continue(())
        });
        found
    }

    /// Whether a column must be one of some values that are written there, or are a statement's parameters.
    fn name_values(&self, condition: &Expr) -> bool {
        match condition {
            Expr::Nested(inner) => self.name_values(inner),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And => self.name_values(left) || self.name_values(right),
                BinaryOperator::Or => self.name_values(left) && self.name_values(right),
                BinaryOperator::Eq => {
                    self.is_column(left) && is_value(right) || is_value(left) && self.is_column(right)
                }
                _ => false,
            },
            Expr::InList {
                expr,
                list,
                negated: false,
            } => self.is_column(expr) && list.iter().all(is_value),
            Expr::AnyOp {
                left,
                compare_op: BinaryOperator::Eq,
                right,
                ..
            } => self.is_column(left) && is_array(right),
            _ => false,
        }
    }

    /// A column of the table, but for names of what is the same in each row.
    fn is_column(&self, expr: &Expr) -> bool {
        column(expr).is_some_and(|column| column.last().is_some_and(varies) && self.whose(column) == Whose::Changed)
    }
}

/// Whether a join has a condition.
fn binds(join: &JoinOperator) -> bool {
    !matches!(
        join,
        JoinOperator::Join(JoinConstraint::None)
            | JoinOperator::Inner(JoinConstraint::None)
            | JoinOperator::StraightJoin(JoinConstraint::None)
            | JoinOperator::CrossJoin(JoinConstraint::None)
    )
}

/// By what a table's columns are named: its alias, or the last part of its name. `None`: it is no table, or several.
fn name(table: &TableFactor) -> Option<String> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } => Some(alias.name.value.clone()),
        TableFactor::Table { name, .. } => last(name),
        _ => None,
    }
}

fn last(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(name) => Some(name.value.clone()),
        ObjectNamePart::Function(_) => None,
    }
}

/// The tables whose columns are set. `None`: it is not named.
fn set(assignment: &Assignment) -> Vec<Option<String>> {
    let columns = match &assignment.target {
        AssignmentTarget::ColumnName(column) => std::slice::from_ref(column),
        AssignmentTarget::Tuple(columns) => columns,
    };
    let table = |column: &ObjectName| match column.0.as_slice() {
        [.., ObjectNamePart::Identifier(table), _] => Some(table.value.clone()),
        _ => None,
    };
    columns.iter().map(table).collect()
}

fn column(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Nested(inner) => column(inner),
        Expr::Identifier(name) => Some(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(names) => Some(names),
        _ => None,
    }
}

/// Whether a name is not one of what is the same in each row.
fn varies(name: &Ident) -> bool {
    const CONSTANT: [&str; 6] = [
        "localtime",
        "localtimestamp",
        "session_user",
        "system_user",
        "tableoid",
        "user",
    ];
    let name = name.value.to_lowercase();
    !CONSTANT.contains(&name.as_str()) && !name.starts_with("current_") && !name.starts_with('@')
}

/// A value that is written there, or a parameter. `deleted = false` leaves little out.
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::TypedString(_) => true,
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_value(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => is_value(expr),
        _ => false,
    }
}

fn is_array(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_array(inner),
        Expr::Array(array) => array.elem.iter().all(is_value),
        _ => is_value(expr),
    }
}
