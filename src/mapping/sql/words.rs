//! Statements that the parser does not know, told by their first words.
//!
//! SECURITY: one statement alone, of an engine that ends statements at `;`, and never one that reads by its first word only:
//! `TABLE orders` is all of its text (test `a_statement_that_the_parser_does_not_know_is_told_alone`).

use std::borrow::Cow;

use sqlparser::tokenizer::{Token, Tokenizer};

use super::{Class, Deed, Engine, bigquery, lexis};

/// What a text is of which each word of the beginning stands so, if the parser knows nothing of it.
const TOLD: [(Engine, &[&str], Class); 8] = [
    (Engine::Snowflake, &["undrop"], Class::Schema),
    (Engine::Snowflake, &["alter", "warehouse"], Class::Schema),
    (Engine::Snowflake, &["alter", "account"], Class::Security),
    (Engine::Postgres, &["alter", "system"], Class::Security),
    (Engine::Postgres, &["alter", "default", "privileges"], Class::Security),
    (Engine::Redshift, &["alter", "default", "privileges"], Class::Security),
    (Engine::Bigquery, &["grant"], Class::Security),
    (Engine::Bigquery, &["revoke"], Class::Security),
];

pub(super) fn told(text: &str, engine: Engine) -> Option<Deed> {
    let text = match engine {
        Engine::Bigquery => Cow::Owned(bigquery::plain(text)?),
        _ => Cow::Borrowed(text),
    };
    let tokens = Tokenizer::new(engine.dialect(), &text).tokenize_with_location().ok()?;
    if lexis::may_end_elsewhere(&text, engine) || !lexis::is_plain(&tokens, engine) {
        return None;
    }
    let mut tokens: Vec<&Token> = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    while tokens.last() == Some(&&Token::SemiColon) {
        tokens.pop();
    }
    if tokens.contains(&&Token::SemiColon) {
        return None;
    }
    if let Some(table) = table(&tokens, engine) {
        let mut deed = Deed::new(Class::Read, "TABLE");
        deed.tables.insert(table);
        return Some(deed);
    }
    let begins =
        |words: &[&str]| tokens.len() > words.len() && words.iter().zip(&tokens).all(|(word, token)| is(token, word));
    let (_, words, class) = TOLD.iter().find(|(of, words, _)| *of == engine && begins(words))?;
    let verb = words.first().map(|word| word.to_uppercase()).unwrap_or_default();
    Some(Deed {
        untold: true,
        ..Deed::new(*class, &verb)
    })
}

/// The table of `TABLE orders`, where there is nothing else.
fn table(tokens: &[&Token], engine: Engine) -> Option<String> {
    if !matches!(engine, Engine::Postgres | Engine::Mysql | Engine::Duckdb) {
        return None;
    }
    let name = |token: &Token| match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    match tokens {
        [first, table] if is(first, "table") => name(table),
        [first, schema, Token::Period, table] if is(first, "table") => {
            Some(format!("{}.{}", name(schema)?, name(table)?))
        }
        _ => None,
    }
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
