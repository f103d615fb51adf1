//! Whether a condition limits a change of rows: it must be one on the table that is changed.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, Delete, Expr, FromTable, Ident, JoinConstraint, JoinOperator, Merge,
    ObjectName, ObjectNamePart, TableFactor, TableWithJoins, UnaryOperator, Update, UpdateTableFromKind, Value,
};

use super::Deed;

/// The tables of a change as its conditions name them, in lower case.
pub(super) struct Joined<'a> {
    /// Those that are changed: each must be limited.
    changed: Vec<String>,
    /// There are no others.
    alone: bool,
    /// Of the joins.
    conditions: Vec<&'a Expr>,
    /// Joined by columns of the same name.
    by_name: BTreeSet<String>,
}

/// Whose column it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Changed,
    /// Of a table that is joined with it.
    Joined,
    Other,
    Unsure,
}

pub(super) fn of_update(update: &Update) -> Joined<'_> {
    let from = match &update.from {
        Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => from.as_slice(),
        None => &[],
    };
    let mut joined = Joined::new(std::iter::once(&update.table).chain(from));
    // Of tables that are joined those are changed whose columns are set.
    let set: BTreeSet<String> = update.assignments.iter().flat_map(set).collect();
    joined.changed = match set.is_empty() || update.table.joins.is_empty() {
        true => vec![name(&update.table.relation)],
        false => set.into_iter().collect(),
    };
    joined
}

pub(super) fn of_delete(delete: &Delete) -> Joined<'_> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let mut joined = Joined::new(from.iter().chain(delete.using.iter().flatten()));
    joined.changed = match delete.tables.is_empty() {
        true => from.iter().map(|table| name(&table.relation)).collect(),
        false => delete.tables.iter().filter_map(last).collect(),
    };
    joined
}

pub(super) fn of_merge(merge: &Merge) -> Joined<'_> {
    Joined {
        changed: vec![name(&merge.table)],
        alone: false,
        conditions: Vec::new(),
        by_name: BTreeSet::new(),
    }
}

impl<'a> Joined<'a> {
    fn new(tables: impl Iterator<Item = &'a TableWithJoins>) -> Self {
        let (mut conditions, mut by_name, mut count) = (Vec::new(), BTreeSet::new(), 0);
        for table in tables {
            count += 1 + table.joins.len();
            for join in &table.joins {
                match constraint(&join.join_operator) {
                    Some(JoinConstraint::On(condition)) => conditions.push(condition),
                    Some(JoinConstraint::Using(_)) => drop(by_name.insert(name(&join.relation))),
                    Some(JoinConstraint::Natural | JoinConstraint::None) | None => {}
                }
            }
        }
        Self {
            changed: Vec::new(),
            alone: count == 1,
            conditions,
            by_name,
        }
    }

    /// What is done where a condition holds. Whether that limits it is told only of one that names values.
    ///
    /// SECURITY: `id = id + 0` and `id IS NOT NULL` leave nothing out, and no list of such conditions ends; a condition on
    /// another table leaves nothing out of this one (tests `only_a_condition_that_names_values_is_a_limit`,
    /// `a_condition_on_another_table_is_no_limit`).
    pub(super) fn limit(&self, deed: Deed, condition: Option<&Expr>) -> Deed {
        let holds = |test: &dyn Fn(&Conditions<'_>, &Expr) -> bool| {
            let tests = |changed: &String| condition.is_some_and(|all| test(&self.conditions(changed, all), all));
            !self.changed.is_empty() && self.changed.iter().all(tests)
        };
        let unbounded = !holds(&|all, condition| all.limit(condition));
        Deed {
            unbounded,
            limit_untold: !unbounded && !holds(&|all, condition| all.name_values(condition)),
            ..deed
        }
    }

    fn conditions<'n>(&self, changed: &'n str, condition: &Expr) -> Conditions<'n> {
        let mut found = Conditions {
            changed,
            alone: self.alone,
            joined: self.by_name.clone(),
        };
        found.joined.remove(changed);
        let mut pairs = Vec::new();
        for condition in self.conditions.iter().copied().chain([condition]) {
            equal_columns(condition, &mut pairs);
        }
        // Each step finds a table, or is the last.
        loop {
            let known = |name: &str| name == changed || found.joined.contains(name);
            let next = pairs.iter().find_map(|(one, other)| match (known(one), known(other)) {
                (true, false) => Some(other.clone()),
                (false, true) => Some(one.clone()),
                _ => None,
            });
            match next {
                Some(name) => drop(found.joined.insert(name)),
                None => return found,
            }
        }
    }
}

/// What conditions say of one of the tables that are changed.
struct Conditions<'n> {
    changed: &'n str,
    alone: bool,
    /// Tables of which only rows count that belong to its rows.
    joined: BTreeSet<String>,
}

impl Conditions<'_> {
    fn whose(&self, column: &[Ident]) -> Whose {
        match column {
            _ if self.alone => Whose::Changed,
            [.., table, _] => match table.value.to_lowercase() {
                table if table == self.changed => Whose::Changed,
                table if self.joined.contains(&table) => Whose::Joined,
                _ => Whose::Other,
            },
            _ => Whose::Unsure,
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
        named && (self.alone || table(left_column) == table(right_column))
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

    /// A column of the table or of one that is joined with it, but for names of what is the same in each row.
    fn is_column(&self, expr: &Expr) -> bool {
        column(expr).is_some_and(|column| {
            column.last().is_some_and(varies) && matches!(self.whose(column), Whose::Changed | Whose::Joined)
        })
    }
}

/// The pairs of tables of which columns must be equal.
fn equal_columns(condition: &Expr, pairs: &mut Vec<(String, String)>) {
    match condition {
        Expr::Nested(inner) => equal_columns(inner, pairs),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            equal_columns(left, pairs);
            equal_columns(right, pairs);
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => {
            if let (Some([.., one, _]), Some([.., other, _])) = (column(left), column(right)) {
                pairs.push((one.value.to_lowercase(), other.value.to_lowercase()));
            }
        }
        _ => {}
    }
}

fn constraint(join: &JoinOperator) -> Option<&JoinConstraint> {
    match join {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::StraightJoin(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// By what its columns are named: its alias, or the last part of its name.
fn name(table: &TableFactor) -> String {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            alias.name.value.to_lowercase()
        }
        TableFactor::Table { name, .. } => last(name).unwrap_or_default(),
        _ => String::new(),
    }
}

fn last(name: &ObjectName) -> Option<String> {
    match name.0.last()? {
        ObjectNamePart::Identifier(name) => Some(name.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    }
}

/// The tables whose columns are set, where they are named.
fn set(assignment: &Assignment) -> Vec<String> {
    let columns = match &assignment.target {
        AssignmentTarget::ColumnName(column) => std::slice::from_ref(column),
        AssignmentTarget::Tuple(columns) => columns,
    };
    let table = |column: &ObjectName| match column.0.as_slice() {
        [.., ObjectNamePart::Identifier(table), _] => Some(table.value.to_lowercase()),
        _ => None,
    };
    columns.iter().filter_map(table).collect()
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
