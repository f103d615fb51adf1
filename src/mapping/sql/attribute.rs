//! Fields that may be functions: to PostgreSQL `(x).f` is `f(x)`, and `t.f` is `f(t)`, where no column has that name.
//!
//! SECURITY: a text tells no column from a function without the schema. Of a value in brackets a field is rare, and taken for
//! a function; of rows whose columns the text tells (`FROM generate_series(1, 2) AS t`) it is one if it is none of those; of a
//! table (`t.name`) it is what every client writes, and is one only by a name that no column has, or that the text itself gave to
//! a function (tests `a_function_called_as_a_field_is_no_read`, `a_field_that_rows_do_not_have_is_no_read`,
//! `columns_of_tables_are_read`).

use std::collections::BTreeSet;

use sqlparser::ast::{AccessExpr, Expr, Ident, ObjectNamePart, Statement};

use super::Engine;
use super::rows::Rows;
use super::survey::Known;

/// Functions of PostgreSQL and of modules that come with it, or are found beside it everywhere, which act on the one value
/// that they are called with; beside those that begin as `ACTING_PREFIXES`.
const ACTING: &str = "brin_summarize_new_values gin_clean_pending_list http_delete http_get http_head lo_close lo_creat \
    lo_create lo_get lo_import lo_manage lo_unlink nextval setseed ts_stat txid_status";
const ACTING_PREFIXES: [&str; 3] = ["binary_upgrade_", "dblink", "pg_"];

/// Whether an expression's field may be a function that nobody knows.
pub(super) fn may_call(expr: &Expr, known: &Known<'_>, rows: &Rows) -> bool {
    let acts = |name: &str| {
        ACTING.split_ascii_whitespace().any(|acting| acting == name)
            || ACTING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || known.made.contains(name)
    };
    let listed = |name: &str| known.pure.iter().any(|pure| **pure == *name);
    let (plain, others) = fields(expr);
    let lacks = |name: &str| lacks(expr, rows) && !listed(name);
    let has = matches!(known.engine, Engine::Postgres | Engine::Redshift);
    has && (plain.is_some_and(|name| acts(&name) && !listed(&name) || lacks(&name))
        || others.iter().any(|name| !listed(name)))
}

/// Whether it is `t.a` of rows that have no such column.
fn lacks(expr: &Expr, rows: &Rows) -> bool {
    match expr {
        Expr::CompoundIdentifier(parts) => matches!(parts.as_slice(), [name, column] if rows.lack(name, column)),
        Expr::CompoundFieldAccess { root, access_chain } => match (&**root, access_chain.first()) {
            (Expr::Identifier(name), Some(AccessExpr::Dot(Expr::Identifier(column)))) => rows.lack(name, column),
            (Expr::CompoundIdentifier(parts), _) => {
                matches!(parts.as_slice(), [name, column] if rows.lack(name, column))
            }
            _ => false,
        },
        _ => false,
    }
}

/// The last part of `t.a.b`, and the fields of what is no plain name: `(t).a`, `t.a[1].b`. Both in lower case.
fn fields(expr: &Expr) -> (Option<String>, Vec<String>) {
    let lower = |ident: &Ident| ident.value.to_lowercase();
    match expr {
        Expr::CompoundIdentifier(parts) => (parts.last().map(lower), Vec::new()),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let is_dot = |access: &&AccessExpr| matches!(access, AccessExpr::Dot(_));
            let leading = match **root {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => access_chain.iter().take_while(is_dot).count(),
                _ => 0,
            };
            let named = |access: &AccessExpr| match access {
                AccessExpr::Dot(Expr::Identifier(field)) => Some(lower(field)),
                // A function's call is seen as one; anything else is a name that nobody has.
                AccessExpr::Dot(Expr::Function(_)) | AccessExpr::Subscript(_) => None,
                AccessExpr::Dot(_) => Some(String::new()),
            };
            let (plain, others) = access_chain.split_at(leading);
            (plain.last().and_then(named), others.iter().filter_map(named).collect())
        }
        _ => (None, Vec::new()),
    }
}

/// The functions that a text makes, without their schemas, in lower case.
pub(super) fn made(statements: &[Statement]) -> BTreeSet<String> {
    let name = |statement: &Statement| match statement {
        Statement::CreateFunction(function) => match function.name.0.last() {
            Some(ObjectNamePart::Identifier(name)) => Some(name.value.to_lowercase()),
            Some(ObjectNamePart::Function(_)) | None => None,
        },
        _ => None,
    };
    statements.iter().filter_map(name).collect()
}
