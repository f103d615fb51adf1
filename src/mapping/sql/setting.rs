//! Settings that decide as whom statements run, and what rows they see.

use sqlparser::ast::{
    DiscardObject, Expr, FunctionArg, FunctionArgExpr, ObjectName, ObjectNamePart, Reset, Set, Statement, Value,
};

/// Settings that are a role's rights, however they are set. MySQL sets its user's password so.
const SECURING: [&str; 4] = ["password", "role", "row_security", "session_authorization"];
/// The function that sets one.
const SET_CONFIG: &str = "set_config";
/// The table by which PostgreSQL lets settings be updated.
const SETTINGS: &str = "pg_settings";

/// Whether a statement takes a role, or leaves one.
///
/// SECURITY: `SET role = 'postgres'` is `SET ROLE postgres`; what resets it gives the connection's own role back (test
/// `a_role_is_taken_in_no_disguise`).
pub(super) fn secures(statement: &Statement) -> bool {
    match statement {
        Statement::Set(set) => match set {
            Set::SetRole { .. } | Set::SetSessionAuthorization(_) => true,
            Set::SingleAssignment { variable, .. } => is_securing(variable),
            Set::ParenthesizedAssignments { variables, .. } => variables.iter().any(is_securing),
            Set::MultipleAssignments { assignments } => {
                assignments.iter().any(|assignment| is_securing(&assignment.name))
            }
            Set::SetSessionParam(_)
            | Set::SetTimeZone { .. }
            | Set::SetNames { .. }
            | Set::SetNamesDefault {}
            | Set::SetTransaction { .. } => false,
        },
        Statement::Reset(reset) => match &reset.reset {
            Reset::ConfigurationParameter(name) => is_securing(name),
            Reset::SessionAuthorization => true,
            // It leaves the role as it is.
            Reset::ALL => false,
        },
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
            Value::SingleQuotedString(setting) => SECURING.contains(&setting.trim().to_lowercase().as_str()),
            _ => true,
        },
        Some(_) | None => true,
    }
}

fn is_securing(name: &ObjectName) -> bool {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(name)) => SECURING.contains(&name.value.to_lowercase().as_str()),
        Some(ObjectNamePart::Function(_)) | None => true,
    }
}
