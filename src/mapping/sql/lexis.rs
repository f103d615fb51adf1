//! What a text's characters and tokens tell before it is parsed.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use super::Engine;

/// Words and operators of one text: each may be one step of a tree that leans to one side.
///
/// SECURITY: such a tree is taken down by recursion; a thread's stack holds this many (test
/// `a_long_chain_is_bounded_and_does_not_overflow`).
const MAX_STEPS: usize = 2_000;
/// Brackets within brackets: the parser tries each in several ways.
const MAX_NESTING: usize = 24;

/// Words that a query which only reads does not have, but in quotes or as a column's name after a dot.
///
/// SECURITY: an engine that parts statements without `;` reads another one where the parser sees a name (test
/// `a_change_beside_any_select_is_no_read`).
const CHANGES: [&str; 20] = [
    "alter", "call", "create", "delete", "do", "drop", "exec", "execute", "grant", "handler", "insert", "into",
    "merge", "nextval", "rename", "revoke", "setval", "truncate", "update", "upsert",
];

/// The same of T-SQL, where most of them cannot be names.
///
/// SECURITY: it takes a statement after another with nothing between them (test `a_word_of_its_own_changes_a_server`).
const CHANGES_OF_MSSQL: [&str; 18] = [
    "backup",
    "bulk",
    "checkpoint",
    "dbcc",
    "deny",
    "disable",
    "dump",
    "enable",
    "kill",
    "receive",
    "reconfigure",
    "restore",
    "revert",
    "send",
    "setuser",
    "shutdown",
    "updatetext",
    "writetext",
];

/// Whether a string may end elsewhere for another server of the same engine.
///
/// SECURITY: by `NO_BACKSLASH_ESCAPES` MySQL ends a string at the quote of `\'`, and Databricks in `r'…'`, which the parser does
/// not know (tests `a_string_that_a_setting_ends_elsewhere_is_not_read`, `a_raw_string_of_databricks_hides_no_statement`).
pub(super) fn may_end_elsewhere(text: &str, engine: Engine) -> bool {
    let escapes = || ["\\'", "\\\""].iter().any(|quote| text.contains(quote));
    let raw = || ["r'", "r\"", "R'", "R\""].iter().any(|quote| text.contains(quote));
    match engine {
        Engine::Mysql => escapes(),
        Engine::Databricks => escapes() && raw(),
        _ => false,
    }
}

/// Whether strings, names or comments may end elsewhere for another engine.
pub(super) fn is_ambiguous(text: &str) -> bool {
    let dashes = |at: usize| {
        !text
            .get(at + 2..)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\n']))
    };
    let dollar = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let tag = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        tag.starts_with('$')
    };
    text.contains(['\\', '`', '#', '['])
        || ["//", "'''", "\"\"\"", "/*!", "/*M!", "/*+", "*/*"]
            .iter()
            .any(|odd| text.contains(odd))
        || text.match_indices("--").any(|(at, _)| dashes(at))
        || text.match_indices('$').any(|(at, _)| dollar(at))
        || text.match_indices("/*").count() != text.match_indices("*/").count()
}

/// Whether the tokens are such that every server of that engine reads them so, and few enough.
pub(super) fn is_plain(tokens: &[TokenWithSpan], engine: Engine) -> bool {
    let (mut steps, mut depth) = (0, 0usize);
    tokens.iter().all(|token| {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
                // SECURITY: MySQL runs what is in `/*! */`; engines differ in whether comments nest (tests
                // `executable_comments_are_no_comments`, `comments_within_comments_are_not_read`).
                return !(comment.contains("/*") || engine == Engine::Mysql && runs(comment));
            }
            Token::Whitespace(_)
            | Token::Comma
            | Token::SemiColon
            | Token::Number(..)
            | Token::Placeholder(_)
            | Token::EOF => {}
            // SECURITY: a server may take a backslash for what it is, or not (test `a_backslash_before_a_quote_is_not_read`).
            Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => {
                return !(takes_backslashes_by_setting(engine) && text.contains('\\'));
            }
            Token::DollarQuotedString(_) => {
                return matches!(
                    engine,
                    Engine::Postgres | Engine::Redshift | Engine::Snowflake | Engine::Duckdb
                );
            }
            _ => steps += 1,
        }
        steps <= MAX_STEPS && depth <= MAX_NESTING
    })
}

/// `/*! ... */`, `/*M! ... */`, and optimizer hints, which set variables.
fn runs(comment: &str) -> bool {
    comment.starts_with(['!', '+']) || comment.starts_with("M!")
}

fn takes_backslashes_by_setting(engine: Engine) -> bool {
    matches!(engine, Engine::Postgres | Engine::Redshift)
}

/// Whether a word stands there that no query has which only reads.
pub(super) fn names_a_change(tokens: &[TokenWithSpan], engine: Engine) -> bool {
    let mut after_dot = false;
    tokens.iter().any(|token| {
        let found = match &token.token {
            Token::Word(word) if word.quote_style.is_none() => {
                let is = |change: &&str| word.value.eq_ignore_ascii_case(change);
                match after_dot {
                    true => word.value.eq_ignore_ascii_case("nextval"),
                    false => CHANGES.iter().any(is) || engine == Engine::Mssql && CHANGES_OF_MSSQL.iter().any(is),
                }
            }
            _ => false,
        };
        after_dot = token.token == Token::Period;
        found
    })
}
