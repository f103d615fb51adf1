//! Columns of what stands in a FROM and is no table: queries, and functions that give rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Query, SelectItem, SetExpr, TableAlias, TableFactor, Visit, Visitor,
};

/// Columns by which functions give what has several, or has another name than theirs.
const COLUMNS: [(&str, &[&str]); 8] = [
    ("json_array_elements", &["value"]),
    ("json_array_elements_text", &["value"]),
    ("jsonb_array_elements", &["value"]),
    ("jsonb_array_elements_text", &["value"]),
    ("json_each", &["key", "value"]),
    ("json_each_text", &["key", "value"]),
    ("jsonb_each", &["key", "value"]),
    ("jsonb_each_text", &["key", "value"]),
];

/// By the names that they are used by, the columns of those of which all are known. All in lower case.
#[derive(Default)]
pub(super) struct Rows(BTreeMap<String, BTreeSet<String>>);

impl Rows {
    pub(super) fn of<V: Visit>(node: &V) -> Self {
        let mut rows = Self::default();
        let ControlFlow::Continue(()) = node.visit(&mut rows);
        rows
    }

    /// Whether that is the name of rows that do not have the column.
    pub(super) fn lack(&self, name: &Ident, column: &Ident) -> bool {
        let columns = self.0.get(&lower(name));
        columns.is_some_and(|columns| !columns.contains(&lower(column)))
    }

    /// A name that is used twice has the columns that both have.
    fn add(&mut self, name: String, columns: BTreeSet<String>) {
        match self.0.get_mut(&name) {
            Some(known) => known.retain(|column| columns.contains(column)),
            None => drop(self.0.insert(name, columns)),
        }
    }

    fn add_query(&mut self, query: &Query, alias: &TableAlias) {
        if let Some(mut columns) = columns(&query.body) {
            columns.extend(named(alias));
            self.add(lower(&alias.name), columns);
        }
    }

    fn add_function(&mut self, function: Option<&str>, alias: Option<&TableAlias>) {
        let name = alias.map(|alias| lower(&alias.name));
        let Some(name) = name.or_else(|| function.map(str::to_owned)) else {
            return;
        };
        let known = COLUMNS.iter().find(|(known, _)| Some(*known) == function);
        let mut columns: BTreeSet<String> = known
            .into_iter()
            .flat_map(|(_, columns)| *columns)
            .map(|column| (*column).to_owned())
            .collect();
        // A single column has the name of its rows.
        columns.extend([name.clone(), "ordinality".to_owned()]);
        columns.extend(function.map(str::to_owned));
        columns.extend(alias.into_iter().flat_map(named));
        self.add(name, columns);
    }
}

impl Visitor for Rows {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.add_query(&cte.query, &cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Self::Break> {
        match table {
            TableFactor::Table {
                name,
                args: Some(_),
                alias,
                ..
            }
            | TableFactor::Function { name, alias, .. } => {
                let function = match name.0.last() {
                    Some(ObjectNamePart::Identifier(name)) => Some(lower(name)),
                    Some(ObjectNamePart::Function(_)) | None => None,
                };
                self.add_function(function.as_deref(), alias.as_ref());
            }
            // A query that was given a name has another one here.
            TableFactor::Table {
                name,
                alias: Some(alias),
                ..
            } => {
                let query = match name.0.as_slice() {
                    [ObjectNamePart::Identifier(name)] => self.0.get(&lower(name)).cloned(),
                    _ => None,
                };
                if let Some(mut columns) = query {
                    columns.extend(named(alias));
                    self.add(lower(&alias.name), columns);
                }
            }
            TableFactor::UNNEST { alias, .. } => self.add_function(Some("unnest"), alias.as_ref()),
            TableFactor::TableFunction { alias, .. } => self.add_function(None, alias.as_ref()),
            TableFactor::Derived {
                subquery,
                alias: Some(alias),
                ..
            } => self.add_query(subquery, alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The names of a query's columns, if all are told.
fn columns(body: &SetExpr) -> Option<BTreeSet<String>> {
    match body {
        SetExpr::Select(select) => select.projection.iter().map(column).collect(),
        SetExpr::Query(query) => columns(&query.body),
        SetExpr::SetOperation { left, .. } => columns(left),
        SetExpr::Values(values) => {
            let count = values.rows.first().map_or(0, |row| row.content.len());
            Some((1..=count).map(|at| format!("column{at}")).collect())
        }
        _ => None,
    }
}

fn column(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(lower(alias)),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(lower(name)),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => names.last().map(lower),
        SelectItem::UnnamedExpr(Expr::Function(function)) => match function.name.0.last() {
            Some(ObjectNamePart::Identifier(name)) => Some(lower(name)),
            Some(ObjectNamePart::Function(_)) | None => None,
        },
        // It has no name that anybody can use.
        SelectItem::UnnamedExpr(Expr::Value(_) | Expr::BinaryOp { .. }) => Some(String::new()),
        _ => None,
    }
}

fn named(alias: &TableAlias) -> impl Iterator<Item = String> {
    alias.columns.iter().map(|column| lower(&column.name))
}

fn lower(name: &Ident) -> String {
    name.value.to_lowercase()
}
