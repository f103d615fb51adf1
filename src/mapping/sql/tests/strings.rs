//! Strings that end elsewhere than they seem to.

use super::*;

/// It is read as what deletes from `t`, or it is refused, which is a delete as well.
fn deletes(text: &str, read: bool) {
    let deed = deeds_by(text, &[Engine::Bigquery]).remove(0);
    let tables: Vec<_> = deed.tables.iter().map(String::as_str).collect();
    let (verb, named) = if read { ("DELETE", vec!["t"]) } else { ("", Vec::new()) };
    assert_eq!(
        (deed.class, &*deed.verb, tables, deed.untold),
        (Class::Delete, verb, named, !read),
        "{text}"
    );
}

#[test]
fn a_string_of_bigquery_hides_no_statement() {
    for text in [
        r"SELECT r'\'; DELETE FROM t WHERE x = '…'",
        r"SELECT r'\'; DELETE FROM t WHERE x = ' AS a FROM t -- '",
    ] {
        assert_eq!(class(text, &[Engine::Bigquery]), Class::Delete, "{text}");
    }
    for prefix in ["b", "B", "r", "R", "rb", "Rb", "br", "bR", ""] {
        for quote in ["'", "\"", "'''", "\"\"\""] {
            let one = &quote[..1];
            if !prefix.is_empty() {
                let text =
                    format!("SELECT {prefix}{quote}\\{quote}; DELETE FROM t WHERE x = {quote} AS a FROM t -- {quote}");
                assert_eq!(class(&text, &[Engine::Bigquery]), Class::Delete, "{text}");
            }
            for (text, read) in [
                // The string goes on after the escaped quote; with letters before it, it is refused.
                (
                    format!(
                        "SELECT {prefix}{quote}\\{one}{quote}; DELETE FROM t WHERE x = {quote} AS a FROM t -- {quote}"
                    ),
                    prefix.is_empty(),
                ),
                (
                    format!(
                        "SELECT {prefix}{quote}\\\\{quote}; DELETE FROM t WHERE x = {quote} AS a FROM t -- {quote}"
                    ),
                    true,
                ),
                // Two quotes are the end and a beginning.
                (
                    format!("SELECT {prefix}{quote}a{quote}{quote}; DELETE FROM t -- {quote}"),
                    false,
                ),
                (
                    format!("SELECT {prefix}{quote}a{one}{quote}; DELETE FROM t -- {quote}"),
                    false,
                ),
                (
                    format!("SELECT {prefix}{quote}a{quote}; DELETE FROM t -- {quote}"),
                    true,
                ),
            ] {
                deletes(&text, read);
                // What no other engine reads in another way BigQuery refuses.
                if text.contains('\\') {
                    assert_ne!(class(&text, &Engine::ALL), Class::Read, "{text}");
                }
            }
        }
    }
    for (text, read) in [
        ("SELECT `a\\`; DELETE FROM t; -- `", false),
        ("SELECT 'open", false),
        ("SELECT '''open''", false),
        ("SELECT 'a\n'; DELETE FROM t -- '", false),
        ("SELECT /* open", false),
        ("SELECT 1 /* ' */; DELETE FROM t -- '", true),
        ("SELECT 1 -- '\n; DELETE FROM t -- '", true),
        ("SELECT 1 # '\n; DELETE FROM t -- '", true),
    ] {
        deletes(text, read);
    }
}

#[test]
fn strings_of_bigquery_are_read() {
    for text in [
        r"SELECT REGEXP_CONTAINS(a, r'^\d+\.\w*$') FROM d.t",
        r#"SELECT REGEXP_CONTAINS(a, r"^it's \d+; DELETE FROM t") FROM d.t"#,
        r"SELECT 'it\'s', b'\x00', rb'\d', '''a 'b' c''', r'''it's''' FROM d.t",
        "SELECT '''two\nlines; DELETE FROM t''' FROM d.t",
        "SELECT 'a' # DELETE FROM t\n, \"b\" -- 'c\nFROM `p.d.t` /* ' */ WHERE a IN ('x', 'y') AND b = r''",
    ] {
        assert_eq!(class(text, &[Engine::Bigquery]), Class::Read, "{text}");
    }
    let deed = deeds_by("DELETE FROM d.t WHERE id = 'a'", &[Engine::Bigquery]).remove(0);
    assert!(!deed.unbounded && !deed.limit_untold, "{deed:?}");
}

#[test]
fn a_raw_string_of_databricks_hides_no_statement() {
    for prefix in ["r", "R"] {
        for quote in ["'", "\""] {
            let text =
                format!("SELECT {prefix}{quote}\\{quote}; DELETE FROM t WHERE x = {quote} AS a FROM t -- {quote}");
            assert_ne!(class(&text, &[Engine::Databricks]), Class::Read, "{text}");
        }
    }
}
