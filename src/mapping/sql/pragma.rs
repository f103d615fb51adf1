//! What SQLite and DuckDB call `PRAGMA`: a question about the database, or a setting of it.

use sqlparser::ast::ObjectName;

use super::Class;
use super::survey::table_name;

/// Those that only tell, whatever they are asked about.
const READS: &str = "collation_list compile_options database_list database_size foreign_key_check foreign_key_list function_list \
    index_info index_list index_xinfo integrity_check module_list pragma_list quick_check show_tables storage_info \
    table_info table_list table_xinfo version";
/// Those that put out what keeps a database whole.
const GUARDS: &str =
    "defer_foreign_keys foreign_keys ignore_check_constraints query_only trusted_schema writable_schema";

/// SECURITY: `writable_schema = 1` makes any statement a change of the schema, `foreign_keys = 0` lets records go that others need
/// (test `a_pragma_that_sets_is_no_question`).
pub(super) fn class(name: &ObjectName, has_value: bool) -> Class {
    let name = table_name(name);
    let bare = name.rsplit('.').next().unwrap_or_default();
    let within = |list: &str| list.split_ascii_whitespace().any(|known| known == bare);
    match (within(READS), has_value, within(GUARDS)) {
        (true, ..) => Class::Read,
        (false, true, true) => Class::Security,
        (false, true, false) => Class::Schema,
        (false, false, _) => Class::Other,
    }
}
