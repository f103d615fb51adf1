//! Statements that change rows, tables or files: which, and whether anything limits it.

use std::collections::BTreeSet;

use sqlparser::ast::{
    AlterTableOperation, CopySource, CopyTarget, Delete, FromTable, Insert, Merge, MergeAction, MergeClauseKind,
    ObjectName, OnConflictAction, OnInsert, SqliteOnConflict, TableObject, Update,
};

use super::survey::{table_name, tables};
use super::{Class, Deed, limit};

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
    let deed = deed(Class::Update, "UPDATE", tables(&update.table), false);
    limit::of_update(update).limit(deed, update.selection.as_ref())
}

pub(super) fn deleted(delete: &Delete) -> Deed {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    // Of `DELETE o FROM orders o` the first name is another's.
    let mut targets = tables(from);
    if targets.is_empty() {
        targets = names(&delete.tables);
    }
    limit::of_delete(delete).limit(deed(Class::Delete, "DELETE", targets, false), delete.selection.as_ref())
}

pub(super) fn merged(merge: &Merge) -> Vec<Deed> {
    let targets = tables(&merge.table);
    let joined = limit::of_merge(merge);
    // SECURITY: `WHEN NOT MATCHED BY SOURCE` is done to the rows that the condition leaves out (test
    // `a_merge_of_what_does_not_match_is_unbounded`).
    let beyond = |clause: &sqlparser::ast::MergeClause| {
        clause.clause_kind != MergeClauseKind::Matched
            && matches!(clause.action, MergeAction::Update(_) | MergeAction::Delete { .. })
    };
    let condition = (!merge.clauses.iter().any(beyond)).then_some(&*merge.on);
    let change = |class| joined.limit(deed(class, "MERGE", targets.clone(), false), condition);
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
