//! What SQL texts do. Reader of the engines that are called over HTTP.
//!
//! SECURITY: the text is the agent's, and the engine that runs it is not the parser that reads it here. What cannot be read,
//! or could be read in two ways, is the most dangerous thing that a text may do; a query only reads if everything it calls
//! is known to (tests in `sql/tests.rs`).
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser knows hundreds of words; what is not named here is the worst, or is nothing that is asked for"
)]

use std::borrow::Cow;
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use sqlparser::ast::Statement;
use sqlparser::dialect::{
    BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect, DuckDbDialect, MsSqlDialect, MySqlDialect,
    PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::spelling;
use survey::Known;

mod attribute;
mod bigquery;
mod change;
mod lexis;
mod limit;
mod own;
mod pragma;
mod pure;
mod rows;
mod setting;
mod statement;
mod survey;
mod words;

/// Bytes of a text that is read at all.
const MAX_BYTES: usize = 256 * 1024;
/// How deep a text may nest. SECURITY: the parser's own limit, below what a thread's stack holds.
const MAX_DEPTH: usize = 50;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Bigquery,
    Clickhouse,
    Databricks,
    Duckdb,
    Mssql,
    Mysql,
    Postgres,
    Redshift,
    Snowflake,
    Sqlite,
}

impl Engine {
    pub(super) const ALL: [Engine; 10] = [
        Engine::Bigquery,
        Engine::Clickhouse,
        Engine::Databricks,
        Engine::Duckdb,
        Engine::Mssql,
        Engine::Mysql,
        Engine::Postgres,
        Engine::Redshift,
        Engine::Snowflake,
        Engine::Sqlite,
    ];

    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Engine::Bigquery => &BigQueryDialect {},
            Engine::Clickhouse => &ClickHouseDialect {},
            Engine::Databricks => &DatabricksDialect {},
            Engine::Duckdb => &DuckDbDialect {},
            Engine::Mssql => &MsSqlDialect {},
            Engine::Mysql => &MySqlDialect {},
            Engine::Postgres => &PostgreSqlDialect {},
            Engine::Redshift => &RedshiftSqlDialect {},
            Engine::Snowflake => &SnowflakeDialect {},
            Engine::Sqlite => &SQLiteDialect {},
        }
    }
}

/// What a statement does, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Read,
    /// Settings of the session, transactions, numbers of sequences: nothing that has a better name.
    Other,
    /// Nor has this, but it reaches beyond the session: a wait, a note to who listens, a sequence that is set. People are asked.
    Held,
    Export,
    Insert,
    Update,
    Schema,
    /// A schema's part goes, with what is in it.
    Drop,
    Delete,
    Security,
}

/// One thing that texts do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub class: Class,
    /// In upper case; empty where it cannot be told.
    pub verb: String,
    /// In lower case, without quotes.
    pub tables: BTreeSet<String>,
    /// There may be other tables.
    pub untold: bool,
    /// No condition limits it.
    pub unbounded: bool,
    /// Some condition may limit it, or not.
    pub limit_untold: bool,
    /// It may be so: what is known of it is milder.
    pub guessed: bool,
}

impl Deed {
    fn new(class: Class, verb: &str) -> Self {
        Self {
            class,
            verb: verb.to_owned(),
            tables: BTreeSet::new(),
            untold: false,
            unbounded: false,
            limit_untold: false,
            guessed: false,
        }
    }

    /// What nobody knows.
    fn unknown(class: Class, verb: &str) -> Self {
        Self {
            untold: true,
            unbounded: true,
            ..Self::new(class, verb)
        }
    }
}

/// What texts do that are run one after the other: the strictest first, but what is guessed last; each class once. `pure`: functions of the user's
/// that only read, in lower case.
pub(super) fn read(texts: &[&str], engines: &[Engine], pure: &[Box<str>]) -> Vec<Deed> {
    let found: Option<Vec<Vec<Deed>>> = texts.iter().map(|text| read_one(text, engines, pure)).collect();
    let deeds = match found {
        Some(deeds) if !texts.is_empty() => deeds.into_iter().flatten().collect(),
        Some(_) | None => vec![Deed::unknown(Class::Delete, "")],
    };
    each_once(deeds)
}

/// `None`: it cannot be read, or not in one way.
fn read_one(text: &str, engines: &[Engine], pure: &[Box<str>]) -> Option<Vec<Deed>> {
    if text.len() > MAX_BYTES || spelling::is_odd(text) {
        return None;
    }
    let ambiguous = lexis::is_ambiguous(text);
    let mut deeds = Vec::new();
    for engine in engines {
        match parse(text, *engine) {
            Some((tokens, statements)) => {
                let known = Known {
                    engine: *engine,
                    engines,
                    pure,
                    made: attribute::made(&statements),
                };
                deeds.extend(statement::deeds(&statements, &tokens, &known)?);
            }
            None => match words::told(text, *engine).filter(|_| !ambiguous || engines.len() == 1) {
                Some(deed) => deeds.push(deed),
                // SECURITY: a text in which strings or comments end elsewhere for another engine is only read if each reads it
                // (test `an_unknown_engine_is_the_worst_of_all`).
                None if ambiguous => return None,
                None => {}
            },
        }
    }
    (!deeds.is_empty()).then_some(deeds)
}

fn parse(text: &str, engine: Engine) -> Option<(Vec<TokenWithSpan>, Vec<Statement>)> {
    let dialect = engine.dialect();
    let text = match engine {
        Engine::Bigquery => Cow::Owned(bigquery::plain(text)?),
        _ => Cow::Borrowed(text),
    };
    let tokens = Tokenizer::new(dialect, &text).tokenize_with_location().ok()?;
    if lexis::may_end_elsewhere(&text, engine) || !lexis::is_plain(&tokens, engine) {
        return None;
    }
    let parser = Parser::new(dialect).with_recursion_limit(MAX_DEPTH);
    let statements = parser
        .with_tokens_with_locations(tokens.clone())
        .parse_statements()
        .ok()?;
    let nothing = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_) | Token::SemiColon);
    (!tokens.iter().all(nothing)).then_some((tokens, statements))
}

fn each_once(deeds: Vec<Deed>) -> Vec<Deed> {
    let mut out: Vec<Deed> = Vec::new();
    for deed in deeds {
        match out.iter_mut().find(|known| known.class == deed.class) {
            Some(known) => {
                if known.verb.is_empty() {
                    known.verb = deed.verb;
                }
                known.tables.extend(deed.tables);
                known.untold |= deed.untold;
                known.unbounded |= deed.unbounded;
                known.limit_untold |= deed.limit_untold;
                known.guessed &= deed.guessed;
            }
            None => out.push(deed),
        }
    }
    // A query that names no table tells nothing beside a change.
    let changes = out.iter().any(|deed| deed.class != Class::Read);
    out.retain(|deed| deed.class != Class::Read || !changes || !deed.tables.is_empty());
    out.sort_by_key(|deed| (deed.guessed, std::cmp::Reverse(deed.class)));
    out
}

#[cfg(test)]
mod tests;
