//! Settings that decide as whom statements run, and what rows they see.

use sqlparser::ast::{
    ContextModifier, DiscardObject, Expr, FunctionArg, FunctionArgExpr, ObjectName, ObjectNamePart, Reset, Set,
    Statement, TransactionAccessMode, TransactionMode, Value,
};

use super::Engine;

/// Settings that decide nothing but how a session waits, plans, and writes out what it finds.
///
/// SECURITY: any other may be a guard: `session_replication_role` puts out triggers and foreign keys, `sql_safe_updates` lets a whole
/// table go, `standard_conforming_strings` makes strings end elsewhere (test `a_setting_that_nobody_knows_is_a_guard`).
const HARMLESS: &str = "application_name autocommit bytea_output client_encoding client_min_messages cte_max_recursion_depth \
    datestyle date_input_format date_output_format default_transaction_isolation effective_cache_size enable_bitmapscan \
    enable_hashagg enable_hashjoin enable_indexonlyscan enable_indexscan enable_material enable_mergejoin enable_nestloop \
    enable_result_cache_for_session enable_seqscan enable_sort extra_float_digits from_collapse_limit geqo \
    group_concat_max_len hash_mem_multiplier idle_in_transaction_session_timeout idle_session_timeout innodb_lock_wait_timeout \
    intervalstyle isolation jit join_collapse_limit lock_timeout lock_wait_timeout maintenance_work_mem \
    max_execution_time max_parallel_workers_per_gather net_read_timeout net_write_timeout query_group query_tag random_page_cost \
    rows_per_resultset search_path seq_page_cost statement_timeout statement_timeout_in_seconds temp_buffers time_zone \
    time_input_format time_output_format timestamp_input_format timestamp_ltz_output_format timestamp_ntz_output_format \
    timestamp_output_format timestamp_type_mapping timestamp_tz_output_format timezone transaction_isolation tx_isolation \
    use_cached_result wait_timeout week_of_year_policy week_start work_mem";
/// First words of settings of one's own that are guards all the same: what PostgREST tells row security of a caller, and what is logged.
const GUARDS: [&str; 2] = ["pgaudit", "request"];
/// The function that sets one.
const SET_CONFIG: &str = "set_config";
/// The table by which PostgreSQL lets settings be updated.
const SETTINGS: &str = "pg_settings";

/// Where sessions only read, this is how one writes all the same.
fn writes(modes: &[TransactionMode]) -> bool {
    modes.contains(&TransactionMode::AccessMode(TransactionAccessMode::ReadWrite))
}

/// Whether a statement takes a role, or leaves one.
///
/// SECURITY: `SET role = 'postgres'` is `SET ROLE postgres`; what resets it gives the connection's own role back (test
/// `a_role_is_taken_in_no_disguise`).
pub(super) fn secures(statement: &Statement, engine: Engine) -> bool {
    let is_securing = |name: &ObjectName| is_securing(name, engine);
    match statement {
        Statement::Set(set) => match set {
            Set::SetRole { .. } | Set::SetSessionAuthorization(_) => true,
            Set::SingleAssignment { scope, variable, .. } => {
                *scope == Some(ContextModifier::Global) || is_securing(variable)
            }
            Set::ParenthesizedAssignments { variables, .. } => variables.iter().any(is_securing),
            Set::MultipleAssignments { assignments } => assignments
                .iter()
                .any(|assignment| assignment.scope == Some(ContextModifier::Global) || is_securing(&assignment.name)),
            Set::SetSessionParam(_) | Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetNamesDefault {} => false,
            Set::SetTransaction { modes, .. } => writes(modes),
        },
        Statement::StartTransaction { modes, .. } => writes(modes),
        Statement::Reset(reset) => match &reset.reset {
            Reset::ConfigurationParameter(name) => is_securing(name),
            Reset::SessionAuthorization => true,
            // It leaves the role as it is.
            Reset::ALL => false,
        },
        Statement::AlterSession { session_params, .. } => {
            let mut options = session_params.options.iter();
            options.any(|option| !is_harmless(&option.option_name.to_lowercase()))
        }
        Statement::Discard { object_type } => matches!(object_type, DiscardObject::ALL),
        _ => false,
    }
}

/// Whether a table's rows are settings.
pub(super) fn are_settings(table: &str) -> bool {
    table.rsplit('.').next() == Some(SETTINGS)
}

/// Whether a call of a function sets what a role may do, or may.
pub(super) fn call_secures(name: &str, arguments: &[FunctionArg]) -> bool {
    if name.rsplit('.').next() != Some(SET_CONFIG) {
        return false;
    }
    match arguments.first() {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => match &value.value {
            Value::SingleQuotedString(setting) => !is_harmless(&setting.trim().to_lowercase()),
            _ => true,
        },
        Some(_) | None => true,
    }
}

fn is_securing(name: &ObjectName, engine: Engine) -> bool {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(name) => Some(name.value.to_lowercase()),
        ObjectNamePart::Function(_) => None,
    };
    let Some(parts) = name.0.iter().map(part).collect::<Option<Vec<_>>>() else {
        return true;
    };
    let name = parts.join(".");
    // `@a` is a variable of MySQL's and of T-SQL's; every name that `SET` takes is one of Snowflake's and of BigQuery's.
    let variable = match engine {
        Engine::Snowflake | Engine::Bigquery => !name.contains('@'),
        Engine::Mysql | Engine::Mssql => name.starts_with('@') && !name.starts_with("@@"),
        _ => false,
    };
    !variable && !is_harmless(&name)
}

/// `name`: in lower case.
fn is_harmless(name: &str) -> bool {
    let scopes = ["@@session.", "@@local.", "@@", "session.", "local."];
    let name = scopes.iter().find_map(|scope| name.strip_prefix(scope)).unwrap_or(name);
    match name.split_once('.') {
        // One that an application makes for itself.
        Some((first, _)) => !GUARDS.contains(&first) && !matches!(first, "global" | "persist" | "persist_only"),
        None => HARMLESS.split_ascii_whitespace().any(|known| known == name),
    }
}
