//! What records are called: one word, however a call spells it.

use std::collections::BTreeSet;

use crate::model::{Action, Value};

/// Kinds of targets whose ids are such names.
const NAMED: [&str; 3] = ["table", "collection", "index"];

/// Fields that say what records are called.
pub(super) const FIELDS: [&str; 2] = ["record_kind", "sql_tables"];

/// The kind of the target, the target's own name where it is a table, and what the fields say of the records.
///
/// SECURITY: `public."Contracts"` and an ARN that ends in `table/contracts` are the table `contracts`, and an agent chooses
/// how to spell it (test `a_table_is_the_same_however_it_is_spelt`).
pub(super) fn of(action: &Action) -> BTreeSet<String> {
    let target = &action.target;
    let named = target.id.as_deref().filter(|_| NAMED.contains(&&*target.kind));
    let tables = match action.fields.get("sql_tables") {
        Some(Value::List(tables)) => tables.as_slice(),
        _ => &[],
    };
    let names = [Some(&*target.kind), named, action.text("record_kind")];
    let names = names.into_iter().flatten().chain(tables.iter().map(String::as_str));
    names.map(bare).filter(|name| !name.is_empty()).collect()
}

/// The last part of a name, in lower case: of a path, an ARN, a table with its schema. `IDENTIFIER('contracts')` names what is
/// in it, and BigQuery's `contracts$20261120` a part of `contracts`.
pub(super) fn bare(name: &str) -> String {
    const MARKS: &[char] = &['.', '/', ':', '(', ')', '[', ']', '<', '>', '"', '\'', '`'];
    let last = name.rsplit(MARKS).map(str::trim).find(|part| !part.is_empty());
    let last = last.unwrap_or_default();
    let whole = last.split('$').find(|part| !part.is_empty());
    whole.unwrap_or_default().to_lowercase()
}
