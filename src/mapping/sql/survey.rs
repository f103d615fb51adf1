//! Everything that stands in a statement, however deep.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart,
    ObjectNamePartFunction, PipeOperator, Query, Select, Statement, TableFactor, Value, Visit, Visitor,
};

use super::rows::Rows;
use super::{Class, Deed, Engine};
use super::{attribute, pure, setting};

/// What is known of what a text may call.
pub(super) struct Known<'a> {
    pub engine: Engine,
    /// All that it may be.
    pub engines: &'a [Engine],
    /// Functions of the user's that only read.
    pub pure: &'a [Box<str>],
    /// Functions that the text itself makes.
    pub made: BTreeSet<String>,
}

/// What was found in one statement.
pub(super) struct Survey<'a> {
    known: &'a Known<'a>,
    rows: Rows,
    /// What it does by the statements and functions within it.
    pub deeds: Vec<Deed>,
    /// Tables that it names, but for those that it makes itself by `WITH`.
    pub tables: BTreeSet<String>,
    /// Queries that are given names, with those.
    named: Vec<(*const Query, String, bool)>,
    /// Names of queries that may be used where we are.
    scope: Vec<(*const Query, String)>,
    /// A table function, whose name is no table's.
    called: Option<*const ObjectName>,
}

impl<'a> Survey<'a> {
    pub(super) fn of<V: Visit>(node: &V, known: &'a Known<'a>) -> Self {
        let mut survey = Self {
            known,
            rows: Rows::of(node),
            deeds: Vec::new(),
            tables: BTreeSet::new(),
            named: Vec::new(),
            scope: Vec::new(),
            called: None,
        };
        let ControlFlow::Continue(()) = node.visit(&mut survey);
        survey
    }

    fn calls(&mut self, name: &ObjectName, arguments: &[FunctionArg]) {
        let name = plain_name(name);
        if name.as_ref().is_some_and(|name| setting::call_secures(name, arguments)) {
            self.deeds.push(Deed::new(Class::Security, "SELECT"));
        }
        match name.map(|name| pure::effect(&name, self.known)) {
            Some(pure::Effect::None) => {}
            Some(pure::Effect::Held) => self.deeds.push(Deed::new(Class::Held, "SELECT")),
            Some(pure::Effect::Other) => self.deeds.push(Deed::new(Class::Other, "SELECT")),
            // A stored function may do anything.
            Some(pure::Effect::Unknown) | None => self.deeds.extend(unknown("SELECT")),
        }
    }
}

/// What a procedure may do: any change, to any table.
pub(super) fn unknown(verb: &str) -> [Deed; 2] {
    let update = Deed::unknown(Class::Update, verb);
    let delete = Deed {
        guessed: true,
        ..Deed::unknown(Class::Delete, verb)
    };
    [update, delete]
}

/// Tables that a part of a statement names.
pub(super) fn tables<V: Visit>(node: &V) -> BTreeSet<String> {
    // What is called there is not asked.
    let known = Known {
        engine: Engine::Postgres,
        engines: &[],
        pure: &[],
        made: BTreeSet::new(),
    };
    Survey::of(node, &known).tables
}

/// Stands for a name that nobody can tell: no text with it is read, so that no table is called so.
pub(super) const UNTOLD: &str = "\0";

/// `public.orders`, in lower case.
///
/// SECURITY: `IDENTIFIER(?)` is whatever table the caller binds, and no name (test `a_name_that_is_bound_is_untold`).
pub(super) fn table_name(name: &ObjectName) -> String {
    let mut parts = Vec::new();
    for part in &name.0 {
        match part {
            ObjectNamePart::Identifier(ident) => parts.push(ident.value.to_lowercase()),
            ObjectNamePart::Function(function) if names_one(function) => parts.push(function.to_string()),
            ObjectNamePart::Function(_) => return UNTOLD.to_owned(),
        }
    }
    parts.join(".")
}

/// `IDENTIFIER('sales.orders')`, without escapes: those differ between engines.
fn names_one(function: &ObjectNamePartFunction) -> bool {
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] = function.args.as_slice() else {
        return false;
    };
    matches!(&value.value, Value::SingleQuotedString(text) if !text.contains('\\'))
}

/// What a function is called with, where those are values.
fn arguments(function: &Function) -> &[FunctionArg] {
    match &function.args {
        FunctionArguments::List(list) => &list.args,
        FunctionArguments::None | FunctionArguments::Subquery(_) => &[],
    }
}

/// A function's name without quotes: in those it may be another function.
fn plain_name(name: &ObjectName) -> Option<String> {
    let plain = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) if ident.quote_style.is_none() => Some(ident.value.to_lowercase()),
        ObjectNamePart::Identifier(_) | ObjectNamePart::Function(_) => None,
    };
    let parts: Vec<_> = name.0.iter().map(plain).collect::<Option<_>>()?;
    Some(parts.join("."))
}

impl Visitor for Survey<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Self::Break> {
        self.deeds.extend(super::statement::own(statement, self.known.engine));
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let here = std::ptr::from_ref(query);
        // A query that is given a name may use it itself only where that is said.
        //
        // SECURITY: `WITH payroll AS (SELECT * FROM payroll)` reads the table (test `a_name_hides_no_table`).
        self.scope.extend(
            self.named
                .iter()
                .filter(|(named, _, recursive)| *named == here && *recursive)
                .map(|(named, name, _)| (*named, name.clone())),
        );
        if let Some(with) = &query.with {
            self.named.extend(with.cte_tables.iter().map(|cte| {
                let query = std::ptr::from_ref::<Query>(&cte.query);
                (query, cte.alias.name.value.to_lowercase(), with.recursive)
            }));
        }
        if !query.locks.is_empty() {
            self.deeds.push(Deed::new(Class::Other, "SELECT"));
        }
        for operator in &query.pipe_operators {
            if let PipeOperator::Call { function, .. } = operator {
                self.calls(&function.name, arguments(function));
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let here = std::ptr::from_ref(query);
        if let Some((named, name, _)) = self.named.iter().find(|(named, _, _)| *named == here) {
            self.scope.push((*named, name.clone()));
        }
        if let Some(with) = &query.with {
            let mine = |named: *const Query| {
                let ctes = &mut with.cte_tables.iter();
                ctes.any(|cte| std::ptr::from_ref::<Query>(&cte.query) == named)
            };
            self.scope.retain(|(named, _)| !mine(*named));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Self::Break> {
        if let Some(into) = &select.into {
            let mut deed = Deed::new(Class::Schema, "SELECT INTO");
            deed.tables = into
                .targets
                .iter()
                .map(|target| target.to_string().to_lowercase())
                .collect();
            self.deeds.push(deed);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Self::Break> {
        match table {
            TableFactor::Function { name, args, .. } => self.calls(name, args),
            TableFactor::Table {
                name, args: Some(args), ..
            } => {
                self.called = Some(std::ptr::from_ref(name));
                self.calls(name, &args.args);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        let name = table_name(relation);
        let called = self.called.take() == Some(std::ptr::from_ref(relation));
        if !called && !self.scope.iter().any(|(_, known)| *known == name) {
            self.tables.insert(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Function(function) => self.calls(&function.name, arguments(function)),
            // An operator of somebody's own is a function.
            Expr::BinaryOp {
                op: BinaryOperator::Custom(_) | BinaryOperator::PGCustomBinaryOperator(_),
                ..
            } => self.deeds.extend(unknown("SELECT")),
            Expr::BinaryOp {
                op: BinaryOperator::Assignment,
                ..
            } => self.deeds.push(Deed::new(Class::Other, "SELECT")),
            _ if attribute::may_call(expr, self.known, &self.rows) => self.deeds.extend(unknown("SELECT")),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
