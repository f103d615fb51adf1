//! Statements that change rows, tables or files: which, and whether anything limits it.

use std::collections::BTreeSet;

use sqlparser::ast::{
    AlterTableOperation, BinaryOperator, CopySource, CopyTarget, Delete, Expr, FromTable, Ident, Insert, Merge,
    MergeAction, ObjectName, OnConflictAction, OnInsert, SqliteOnConflict, TableObject, UnaryOperator, Update, Value,
};

use super::survey::{table_name, tables};
use super::{Class, Deed};

pub(super) fn deed(class: Class, verb: &str, tables: BTreeSet<String>, unbounded: bool) -> Deed {
    Deed {
        tables,
        unbounded,
        ..Deed::new(class, verb)
    }
}

pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a ObjectName>) -> BTreeSet<String> {
    names.into_iter().map(table_name).collect()
}

pub(super) fn inserted(insert: &Insert) -> Deed {
    let updates = match &insert.on {
        None => false,
        Some(OnInsert::OnConflict(conflict)) => matches!(conflict.action, OnConflictAction::DoUpdate(_)),
        Some(_) => true,
    };
    let replaces = insert.replace_into || matches!(insert.or, Some(SqliteOnConflict::Replace));
    let mut targets = match &insert.table {
        TableObject::TableName(name) => names([name]),
        TableObject::TableFunction(_) | TableObject::TableQuery(_) => BTreeSet::new(),
    };
    let named = !targets.is_empty() && insert.multi_table_insert_type.is_none();
    let clauses = insert
        .multi_table_when_clauses
        .iter()
        .flat_map(|when| &when.into_clauses);
    let clauses = clauses.chain(&insert.multi_table_into_clauses);
    let clauses = clauses.chain(insert.multi_table_else_clause.iter().flatten());
    targets.extend(clauses.map(|clause| table_name(&clause.table_name)));
    let class = match updates || replaces || insert.overwrite {
        true => Class::Update,
        false => Class::Insert,
    };
    let verb = if insert.replace_into { "REPLACE" } else { "INSERT" };
    Deed {
        untold: !named && targets.is_empty(),
        ..deed(class, verb, targets, insert.overwrite)
    }
}

pub(super) fn updated(update: &Update) -> Deed {
    limited(
        deed(Class::Update, "UPDATE", tables(&update.table), false),
        update.selection.as_ref(),
    )
}

pub(super) fn deleted(delete: &Delete) -> Deed {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    // Of `DELETE o FROM orders o` the first name is another's.
    let mut targets = tables(from);
    if targets.is_empty() {
        targets = names(&delete.tables);
    }
    limited(deed(Class::Delete, "DELETE", targets, false), delete.selection.as_ref())
}

pub(super) fn merged(merge: &Merge) -> Vec<Deed> {
    let targets = tables(&merge.table);
    let change = |class| limited(deed(class, "MERGE", targets.clone(), false), Some(&merge.on));
    let removes = |clause: &sqlparser::ast::MergeClause| matches!(clause.action, MergeAction::Delete { .. });
    let mut deeds = vec![change(Class::Update)];
    if merge.clauses.iter().any(removes) {
        deeds.push(change(Class::Delete));
    }
    deeds
}

pub(super) fn copied(source: &CopySource, to: bool, target: &CopyTarget) -> Vec<Deed> {
    let targets = match source {
        CopySource::Table { table_name, .. } => names([table_name]),
        CopySource::Query(_) => BTreeSet::new(),
    };
    match (target, to) {
        // A command of the server's own.
        (CopyTarget::Program { .. }, _) => vec![Deed::unknown(Class::Delete, "COPY")],
        (CopyTarget::Stdin | CopyTarget::Stdout | CopyTarget::File { .. }, true) => {
            vec![deed(Class::Export, "COPY", targets, false)]
        }
        (CopyTarget::Stdin | CopyTarget::Stdout | CopyTarget::File { .. }, false) => {
            vec![deed(Class::Insert, "COPY", targets, false)]
        }
    }
}

pub(super) fn altered(name: &ObjectName, operations: &[AlterTableOperation]) -> Vec<Deed> {
    let secures = |operation: &AlterTableOperation| {
        matches!(
            operation,
            AlterTableOperation::DisableRowLevelSecurity
                | AlterTableOperation::EnableRowLevelSecurity
                | AlterTableOperation::ForceRowLevelSecurity
                | AlterTableOperation::NoForceRowLevelSecurity
                | AlterTableOperation::OwnerTo { .. }
        )
    };
    let mut deeds = vec![deed(Class::Schema, "ALTER", names([name]), false)];
    if operations.iter().any(secures) {
        deeds.push(deed(Class::Security, "ALTER", names([name]), false));
    }
    deeds
}

/// What is done where a condition holds. Whether that limits it is told only of one that names values.
///
/// SECURITY: `id = id + 0` and `id IS NOT NULL` leave nothing out, and no list of such conditions ends (test
/// `only_a_condition_that_names_values_is_a_limit`).
fn limited(deed: Deed, condition: Option<&Expr>) -> Deed {
    let unbounded = !condition.is_some_and(limits);
    Deed {
        unbounded,
        limit_untold: !unbounded && !condition.is_some_and(names_values),
        ..deed
    }
}

/// Whether a condition may leave some rows out: `true`, `1 = 1` and `id = id` do not.
fn limits(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => limits(inner),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => limits(left) || limits(right),
            BinaryOperator::Or => limits(left) && limits(right),
            BinaryOperator::Eq => left != right && (names_column(left) || names_column(right)),
            _ => names_column(condition),
        },
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => names_column(condition),
    }
}

fn names_column(expr: &Expr) -> bool {
    let mut found = false;
    // It never stops early.
    let _ = sqlparser::ast::visit_expressions(expr, |inner| {
        found |= matches!(inner, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        std::ops::ControlFlow::<()>::Continue(())
    });
    found
}

/// Whether a column must be one of some values that are written there, or are a statement's parameters.
fn names_values(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => names_values(inner),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::And => names_values(left) || names_values(right),
            BinaryOperator::Or => names_values(left) && names_values(right),
            BinaryOperator::Eq => is_column(left) && is_value(right) || is_value(left) && is_column(right),
            _ => false,
        },
        Expr::InList {
            expr,
            list,
            negated: false,
        } => is_column(expr) && list.iter().all(is_value),
        Expr::AnyOp {
            left,
            compare_op: BinaryOperator::Eq,
            right,
            ..
        } => is_column(left) && is_array(right),
        _ => false,
    }
}

/// A column, but for names of what is the same in each row.
fn is_column(expr: &Expr) -> bool {
    const CONSTANT: [&str; 6] = [
        "localtime",
        "localtimestamp",
        "session_user",
        "system_user",
        "tableoid",
        "user",
    ];
    let varies = |name: &Ident| {
        let name = name.value.to_lowercase();
        !CONSTANT.contains(&name.as_str()) && !name.starts_with("current_") && !name.starts_with('@')
    };
    match expr {
        Expr::Nested(inner) => is_column(inner),
        Expr::Identifier(name) => varies(name),
        Expr::CompoundIdentifier(names) => names.last().is_some_and(varies),
        _ => false,
    }
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
