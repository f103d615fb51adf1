//! What statements do.

use std::collections::BTreeSet;

use sqlparser::ast::{CopyIntoSnowflakeKind, ObjectType, Statement, Use};
use sqlparser::tokenizer::TokenWithSpan;

use super::change::{altered, copied, deed, deleted, inserted, merged, names, updated};
use super::survey::{Known, Survey, UNTOLD, unknown};
use super::{Class, Deed, Engine, lexis, pragma, setting};

/// What a text's statements do, all that stands in them included. `None`: they do not read as they look.
pub(super) fn deeds(statements: &[Statement], tokens: &[TokenWithSpan], known: &Known<'_>) -> Option<Vec<Deed>> {
    let mut deeds = Vec::new();
    for statement in statements {
        let survey = Survey::of(statement, known);
        let mut found = survey.deeds;
        let named: BTreeSet<String> = found.iter().flat_map(|deed| &deed.tables).cloned().collect();
        let others: BTreeSet<String> = survey.tables.difference(&named).cloned().collect();
        let reads = found.iter().any(|deed| deed.class == Class::Read);
        if !reads && found.iter().any(|deed| touches(deed.class)) && !others.is_empty() {
            // What a change does not touch it reads.
            found.push(Deed::new(Class::Read, "SELECT"));
        }
        let reading = found.iter().any(|deed| deed.class == Class::Read);
        for deed in found.iter_mut().filter(|deed| !reading || deed.class == Class::Read) {
            deed.tables.extend(others.iter().cloned());
        }
        deeds.extend(found);
    }
    let reads = deeds.iter().all(|deed| deed.class == Class::Read);
    if reads && lexis::names_a_change(tokens, known.engine) {
        return None;
    }
    for deed in &mut deeds {
        deed.untold |= deed.tables.remove(UNTOLD);
    }
    if deeds.is_empty() {
        // Transactions alone.
        deeds.push(Deed::new(Class::Other, "BEGIN"));
    }
    Some(deeds)
}

/// Whether `own` tells the tables of what is so.
fn touches(class: Class) -> bool {
    match class {
        Class::Insert | Class::Update | Class::Delete | Class::Drop => true,
        Class::Read | Class::Other | Class::Held | Class::Export | Class::Schema | Class::Security => false,
    }
}

/// What a statement does itself, without what stands in it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlparser knows some 130 statements: those that are not named here are unknown, which is the strictest"
)]
pub(super) fn own(statement: &Statement, engine: Engine) -> Vec<Deed> {
    use Statement as S;
    let one = |class, verb: &str| vec![Deed::new(class, verb)];
    match statement {
        S::Query(_) => one(Class::Read, "SELECT"),
        S::ExplainTable { .. } | S::Explain { .. } => one(Class::Read, "EXPLAIN"),
        S::ShowFunctions { .. }
        | S::ShowVariable { .. }
        | S::ShowStatus { .. }
        | S::ShowVariables { .. }
        | S::ShowCreate { .. }
        | S::ShowColumns { .. }
        | S::ShowCatalogs { .. }
        | S::ShowDatabases { .. }
        | S::ShowProcessList { .. }
        | S::ShowSchemas { .. }
        | S::ShowCharset(_)
        | S::ShowObjects(_)
        | S::ShowTables { .. }
        | S::ShowViews { .. }
        | S::ShowCollation { .. } => one(Class::Read, "SHOW"),
        S::List(_) => one(Class::Read, "LIST"),

        S::Insert(insert) => vec![inserted(insert)],
        S::Update(update) => {
            let deed = updated(update);
            match deed.tables.iter().any(|table| setting::are_settings(table)) {
                true => vec![Deed::new(Class::Security, "UPDATE"), deed],
                false => vec![deed],
            }
        }
        S::Delete(delete) => vec![deleted(delete)],
        S::Merge(merge) => merged(merge),
        S::Truncate(truncate) => {
            let targets = truncate.table_names.iter().map(|target| &target.name);
            vec![deed(Class::Delete, "TRUNCATE", names(targets), true)]
        }
        S::Remove(_) => vec![Deed::unknown(Class::Delete, "REMOVE")],
        S::LoadData {
            overwrite, table_name, ..
        } => match overwrite {
            true => vec![deed(Class::Update, "LOAD", names([table_name]), true)],
            false => vec![deed(Class::Insert, "LOAD", names([table_name]), false)],
        },
        S::Copy { source, to, target, .. } => copied(source, *to, target),
        S::CopyIntoSnowflake {
            kind, into, from_obj, ..
        } => vec![match kind {
            CopyIntoSnowflakeKind::Table => deed(Class::Insert, "COPY", names([into]), false),
            CopyIntoSnowflakeKind::Location => deed(Class::Export, "COPY", names(from_obj), false),
        }],
        S::ExportData(_) | S::Directory { .. } => one(Class::Export, "EXPORT"),
        S::Unload { .. } => vec![Deed {
            untold: true,
            ..Deed::new(Class::Export, "UNLOAD")
        }],
        S::Put { .. } => one(Class::Insert, "PUT"),

        // A procedure, or a text that is put together elsewhere.
        S::Call(_) => unknown("CALL").to_vec(),
        S::Execute { .. } => unknown("EXECUTE").to_vec(),

        S::Grant(_) | S::CreateRole(_) | S::CreateUser(_) | S::CreatePolicy(_) | S::CreateSecret { .. } => {
            one(Class::Security, first_word(statement))
        }
        S::Revoke(_) | S::Deny(_) | S::AlterRole { .. } | S::AlterUser(_) | S::AlterPolicy(_) | S::DropPolicy(_) => {
            one(Class::Security, first_word(statement))
        }
        // SECURITY: a lock keeps everybody else from a table (test `what_reaches_beyond_the_session_is_held`).
        S::Lock(lock) => {
            let locked = lock.tables.iter().map(|target| &target.name);
            vec![deed(Class::Security, "LOCK", names(locked), false)]
        }
        S::LockTables { .. } => vec![Deed {
            untold: true,
            ..Deed::new(Class::Security, "LOCK")
        }],
        S::Pragma { name, value, .. } => one(pragma::class(name, value.is_some()), "PRAGMA"),
        S::Vacuum(vacuum) if vacuum.full => {
            vec![deed(Class::Schema, "VACUUM", names(&vacuum.table_name), false)]
        }
        S::DropSecret { .. } | S::CreateServer(_) | S::Use(Use::Role(_) | Use::SecondaryRoles(_)) => {
            one(Class::Security, first_word(statement))
        }
        _ if setting::secures(statement, engine) => one(Class::Security, first_word(statement)),
        S::Drop {
            object_type,
            names: dropped,
            ..
        } => match object_type {
            ObjectType::Role | ObjectType::User => one(Class::Security, "DROP"),
            _ => vec![deed(Class::Drop, "DROP", names(dropped), false)],
        },

        S::AlterTable(alter) => altered(&alter.name, &alter.operations),
        S::CreateTable(create) if create.or_replace => vec![deed(Class::Drop, "CREATE", names([&create.name]), false)],
        S::CreateTable(create) => vec![deed(Class::Schema, "CREATE", names([&create.name]), false)],
        _ => others(statement),
    }
}

/// The rest: other parts of schemas, settings, and what nobody knows.
#[expect(clippy::wildcard_enum_match_arm, reason = "as in `own`")]
fn others(statement: &Statement) -> Vec<Deed> {
    use Statement as S;
    let one = |class| vec![Deed::new(class, first_word(statement))];
    match statement {
        S::CreateView(_)
        | S::CreateVirtualTable { .. }
        | S::CreateIndex(_)
        | S::CreateConnector(_)
        | S::CreateOperator(_)
        | S::CreateOperatorFamily(_)
        | S::CreateOperatorClass(_)
        | S::CreateTextSearch(_)
        | S::CreateExtension(_)
        | S::CreateCollation(_)
        | S::CreateSchema { .. }
        | S::CreateDatabase { .. }
        | S::CreateFunction(_)
        | S::CreateTrigger(_)
        | S::CreateProcedure { .. }
        | S::CreateMacro { .. }
        | S::CreateStage { .. }
        | S::CreateFileFormat { .. }
        | S::CreateWarehouse(_)
        | S::CreateSequence { .. }
        | S::CreateDomain(_)
        | S::CreateType { .. } => one(Class::Schema),
        S::AlterSchema(_)
        | S::AlterIndex { .. }
        | S::AlterView { .. }
        | S::AlterFunction(_)
        | S::AlterType(_)
        | S::AlterCollation(_)
        | S::AlterOperator(_)
        | S::AlterOperatorFamily(_)
        | S::AlterOperatorClass(_)
        | S::AlterTextSearch(_)
        | S::AlterConnector { .. }
        | S::Comment { .. }
        | S::RenameTable(_)
        | S::Msck(_)
        | S::AttachDatabase { .. }
        | S::AttachDuckDBDatabase { .. }
        | S::DetachDuckDBDatabase { .. } => one(Class::Schema),
        S::DropFunction(_)
        | S::DropDomain(_)
        | S::DropProcedure { .. }
        | S::DropConnector { .. }
        | S::DropExtension(_)
        | S::DropOperator(_)
        | S::DropOperatorFamily(_)
        | S::DropOperatorClass(_)
        | S::DropTrigger(_) => one(Class::Drop),
        S::StartTransaction { .. }
        | S::Commit { .. }
        | S::Rollback { .. }
        | S::Savepoint { .. }
        | S::ReleaseSavepoint { .. } => Vec::new(),
        S::Flush { .. } | S::Kill { .. } | S::NOTIFY { .. } | S::WaitFor(_) => one(Class::Held),
        S::OptimizeTable { .. } => one(Class::Schema),
        S::Analyze(_)
        | S::Set(_)
        | S::AlterSession { .. }
        | S::Use(_)
        | S::Prepare { .. }
        | S::Deallocate { .. }
        | S::Declare { .. }
        | S::Open(_)
        | S::Close { .. }
        | S::Fetch { .. }
        | S::Discard { .. }
        | S::Assert { .. }
        | S::Cache { .. }
        | S::UNCache { .. }
        | S::UnlockTables
        | S::LISTEN { .. }
        | S::UNLISTEN { .. }
        | S::Vacuum(_)
        | S::Reset(_)
        | S::Print(_)
        | S::Return(_) => one(Class::Other),
        _ => vec![Deed::unknown(Class::Delete, first_word(statement))],
    }
}

/// The statement's verb, where it is one that is written first.
fn first_word(statement: &Statement) -> &'static str {
    const VERBS: [&str; 49] = [
        "ALTER",
        "ANALYZE",
        "ASSERT",
        "ATTACH",
        "BEGIN",
        "CACHE",
        "CASE",
        "CLOSE",
        "COMMENT",
        "CREATE",
        "DEALLOCATE",
        "DECLARE",
        "DENY",
        "DETACH",
        "DISCARD",
        "DROP",
        "FETCH",
        "FLUSH",
        "GRANT",
        "IF",
        "INSTALL",
        "KILL",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MSCK",
        "NOTIFY",
        "OPEN",
        "OPTIMIZE",
        "PRAGMA",
        "PREPARE",
        "PRINT",
        "RAISE",
        "RAISERROR",
        "RENAME",
        "REPAIR",
        "RESET",
        "RETURN",
        "REVOKE",
        "SET",
        "START",
        "THROW",
        "UNCACHE",
        "UNLISTEN",
        "UNLOCK",
        "USE",
        "VACUUM",
        "WAITFOR",
        "WHILE",
    ];
    let text = statement.to_string();
    let first = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    VERBS
        .into_iter()
        .find(|verb| verb.eq_ignore_ascii_case(first))
        .unwrap_or("")
}
