mod attribute;
mod beyond;
mod disguise;
mod limits;
mod rights;
mod strings;

use super::*;

fn deeds_by(text: &str, engines: &[Engine]) -> Vec<Deed> {
    read(&[text], engines, &[])
}

fn class(text: &str, engines: &[Engine]) -> Class {
    deeds_by(text, engines)[0].class
}

/// The strictest deed: class, verb, tables, unbounded.
fn strictest(text: &str, engine: Engine) -> (Class, String, Vec<String>, bool) {
    let deed = deeds_by(text, &[engine]).remove(0);
    (deed.class, deed.verb, deed.tables.into_iter().collect(), deed.unbounded)
}

const POSTGRES: &[Engine] = &[Engine::Postgres];

#[test]
fn statements_are_what_they_do() {
    use Class::{Delete, Drop, Export, Insert, Other, Read, Schema, Security, Update};
    for (text, class, verb, tables, unbounded) in [
        ("SELECT * FROM orders", Read, "SELECT", "orders", false),
        (
            "/* report */ with t as (select 1) select * from t, orders",
            Read,
            "SELECT",
            "orders",
            false,
        ),
        (
            "SELECT 'DELETE FROM orders; DROP TABLE x' AS note",
            Read,
            "SELECT",
            "",
            false,
        ),
        (
            "SELECT count(*), lower(name) FROM public.users -- DELETE\n",
            Read,
            "SELECT",
            "public.users",
            false,
        ),
        ("VALUES (1), (2)", Read, "SELECT", "", false),
        ("EXPLAIN SELECT 1", Read, "EXPLAIN", "", false),
        ("SHOW server_version", Read, "SHOW", "", false),
        ("DELETE FROM public.orders", Delete, "DELETE", "public.orders", true),
        ("DELETE FROM orders WHERE id = 1", Delete, "DELETE", "orders", false),
        ("DELETE FROM orders WHERE true", Delete, "DELETE", "orders", true),
        (
            "DELETE FROM orders WHERE 1=1 OR id = 7",
            Delete,
            "DELETE",
            "orders",
            true,
        ),
        ("DELETE FROM orders WHERE id = id", Delete, "DELETE", "orders", true),
        ("TRUNCATE orders, invoices", Delete, "TRUNCATE", "invoices orders", true),
        (
            "SELECT 1; DELETE FROM orders WHERE id = 1",
            Delete,
            "DELETE",
            "orders",
            false,
        ),
        ("UPDATE orders SET status = $1", Update, "UPDATE", "orders", true),
        (
            "UPDATE orders SET status = $1 WHERE id = $2",
            Update,
            "UPDATE",
            "orders",
            false,
        ),
        (
            "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v",
            Update,
            "MERGE",
            "t",
            false,
        ),
        (
            "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
            Delete,
            "MERGE",
            "t",
            true,
        ),
        ("INSERT INTO orders (id) VALUES (1)", Insert, "INSERT", "orders", false),
        (
            "INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET n = 2",
            Update,
            "INSERT",
            "orders",
            false,
        ),
        (
            "INSERT INTO o (id) VALUES (1) ON CONFLICT DO NOTHING",
            Insert,
            "INSERT",
            "o",
            false,
        ),
        (
            "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
            Delete,
            "DELETE",
            "orders",
            true,
        ),
        (
            "WITH x AS (SELECT 1) UPDATE orders SET a = 1",
            Update,
            "UPDATE",
            "orders",
            true,
        ),
        ("EXPLAIN ANALYZE DELETE FROM orders", Delete, "DELETE", "orders", true),
        (
            "EXPLAIN (ANALYZE, VERBOSE) DELETE FROM orders",
            Delete,
            "DELETE",
            "orders",
            true,
        ),
        ("DROP TABLE orders CASCADE", Drop, "DROP", "orders", false),
        ("ALTER TABLE orders ADD COLUMN x int", Schema, "ALTER", "orders", false),
        (
            "ALTER TABLE pay DISABLE ROW LEVEL SECURITY",
            Security,
            "ALTER",
            "pay",
            false,
        ),
        ("CREATE TABLE t (id int)", Schema, "CREATE", "t", false),
        (
            "CREATE TABLE t AS SELECT * FROM orders",
            Schema,
            "CREATE",
            "orders t",
            false,
        ),
        ("SELECT * INTO copy FROM orders", Schema, "SELECT INTO", "copy", false),
        ("SELECT * FROM orders FOR UPDATE", Other, "SELECT", "", false),
        ("SET ROLE admin", Security, "SET", "", false),
        ("SET work_mem = '1GB'", Other, "SET", "", false),
        (
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO bot",
            Security,
            "GRANT",
            "",
            false,
        ),
        ("REVOKE SELECT ON orders FROM bot", Security, "REVOKE", "", false),
        ("CREATE ROLE bot SUPERUSER", Security, "CREATE", "", false),
        ("COPY orders TO STDOUT", Export, "COPY", "orders", false),
        ("COPY orders FROM STDIN", Insert, "COPY", "orders", false),
        ("COPY orders TO PROGRAM 'curl x'", Delete, "COPY", "", true),
        ("BEGIN", Other, "BEGIN", "", false),
        ("BEGIN; SELECT 1; COMMIT", Read, "SELECT", "", false),
    ] {
        let found = strictest(text, Engine::Postgres);
        assert_eq!((found.0, &*found.1, found.3), (class, verb, unbounded), "{text}");
        if !matches!(class, Other | Security) {
            assert_eq!(found.2.join(" "), tables, "{text}");
        }
    }
}

#[test]
fn each_engine_is_read_in_its_own_words() {
    for (text, engine, class) in [
        ("SELECT `a`.`b` FROM `p.d.t` LIMIT 1", Engine::Bigquery, Class::Read),
        (
            "SELECT ARRAY_AGG(x) FROM d.t, UNNEST(xs) AS x",
            Engine::Bigquery,
            Class::Read,
        ),
        (
            "SELECT * FROM EXTERNAL_QUERY('c', 'DELETE FROM t')",
            Engine::Bigquery,
            Class::Update,
        ),
        ("SELECT seq.nextval", Engine::Snowflake, Class::Delete),
        (
            "SELECT DATE_TRUNC('month', d), SUM(x) FROM t GROUP BY 1",
            Engine::Snowflake,
            Class::Read,
        ),
        (
            "SELECT t.value:a::string FROM t, LATERAL FLATTEN(input => t.j)",
            Engine::Snowflake,
            Class::Read,
        ),
        ("CALL close_books(2025)", Engine::Snowflake, Class::Update),
        ("COPY INTO 's3://b/x' FROM orders", Engine::Snowflake, Class::Export),
        ("COPY INTO orders FROM @stage", Engine::Snowflake, Class::Insert),
        ("USE ROLE accountadmin", Engine::Snowflake, Class::Security),
        ("CREATE OR REPLACE TABLE t (a int)", Engine::Snowflake, Class::Drop),
        ("SELECT a FROM t WHERE b = :id", Engine::Mysql, Class::Read),
        ("SELECT @a := 1", Engine::Mysql, Class::Other),
        ("REPLACE INTO t VALUES (1)", Engine::Mysql, Class::Update),
        (
            "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1",
            Engine::Mysql,
            Class::Update,
        ),
        ("SELECT * FROM t LOCK IN SHARE MODE", Engine::Mysql, Class::Delete),
        ("SELECT 1 INTO OUTFILE '/x'", Engine::Mysql, Class::Delete),
        (
            "DELETE o FROM orders o JOIN users u ON o.u = u.id",
            Engine::Mysql,
            Class::Delete,
        ),
    ] {
        assert_eq!(self::class(text, &[engine]), class, "{text}");
    }
}

/// A procedure may do anything, so that it is judged as an update and as a deletion, of tables that nobody knows.
#[test]
fn what_nobody_knows_is_no_read() {
    for text in [
        "CALL f()",
        "EXECUTE f",
        "SELECT close_books(2025)",
        "SELECT dblink_exec('c', 'DELETE FROM t')",
        "SELECT pg_terminate_backend(1)",
        "SELECT lo_import('/etc/passwd')",
        "SELECT * FROM my_function()",
        "SELECT * FROM t WHERE f(t)",
        "SELECT count(*) FILTER (WHERE f(x)) OVER (ORDER BY g(y)) FROM t",
        "SELECT (SELECT f())",
        "SELECT * FROM t ORDER BY f(x)",
        "SELECT * FROM t LIMIT f()",
        "SELECT * FROM a JOIN b ON f(a.x)",
        "SELECT public.lower('x')",
        "SELECT \"lower\"('x')",
        "WITH t AS (SELECT f()) SELECT 1",
        "UPDATE t SET a = f() WHERE id = 1",
        "SELECT 1 OPERATOR(my.+) 2",
        "DO $$ BEGIN DELETE FROM t; END $$",
        "EXPLAIN ANALYZE SELECT f()",
    ] {
        let deeds = deeds_by(text, POSTGRES);
        let delete = deeds.iter().find(|deed| deed.class == Class::Delete);
        let delete = delete.unwrap_or_else(|| panic!("{text}: {deeds:?}"));
        assert!(delete.unbounded && delete.untold, "{text}");
    }
    for text in [
        "SELECT setval('s', 1)",
        "SELECT nextval('s')",
        "SELECT set_config('a', 'b', false)",
    ] {
        assert_ne!(class(text, POSTGRES), Class::Read, "{text}");
    }
}

#[test]
fn a_function_that_the_user_knows_reads() {
    let pure = ["app.totals".into()];
    assert_eq!(read(&["SELECT App.Totals(1)"], POSTGRES, &pure)[0].class, Class::Read);
    assert_ne!(read(&["SELECT app.others(1)"], POSTGRES, &pure)[0].class, Class::Read);
}

#[test]
fn what_cannot_be_read_deletes_everything() {
    for text in [
        "",
        " ",
        ";;",
        "-- nothing",
        "SELEC 1",
        "SEL/**/ECT 1; DROP TABLE x",
        "SELECT 'open",
        "SELECT 1 /* open",
        "SELECT 1; GARBAGE",
        "SELECT 1\u{0}",
        "SELECT 1 -- x\rDELETE FROM t",
        "SELECT 1 -- x\u{2028}DELETE FROM t",
        &format!("SELECT '{}'", "x".repeat(MAX_BYTES)),
    ] {
        let deeds = deeds_by(text, POSTGRES);
        assert_eq!(deeds, [Deed::unknown(Class::Delete, "")], "{text:.40}");
        assert_eq!(deeds_by(text, &Engine::ALL), deeds, "{text:.40}");
    }
    assert_eq!(read(&[], POSTGRES, &[]), [Deed::unknown(Class::Delete, "")]);
}

#[test]
fn executable_comments_are_no_comments() {
    for text in [
        "SELECT 1 /*! ; DELETE FROM t */",
        "SELECT 1 /*!50000 INTO OUTFILE '/x' */",
        "SELECT 1 /*M! ; DELETE FROM t */",
        "SELECT /*+ SET_VAR(a=1) */ 1",
    ] {
        assert_ne!(class(text, &[Engine::Mysql]), Class::Read, "{text}");
        assert_ne!(class(text, &Engine::ALL), Class::Read, "{text}");
    }
}

#[test]
fn comments_within_comments_are_not_read() {
    for engine in Engine::ALL {
        assert_ne!(class("SELECT 1 /* /* */ ; DELETE FROM t -- */", &[engine]), Class::Read);
    }
}

#[test]
fn a_backslash_before_a_quote_is_not_read() {
    assert_ne!(class(r"SELECT 'a\'; DELETE FROM t; --'", POSTGRES), Class::Read);
    assert_ne!(class(r"SELECT 'a\' || '; DELETE FROM t; --'", POSTGRES), Class::Read);
}

#[test]
fn an_unknown_engine_is_the_worst_of_all() {
    assert_eq!(class("SELECT * FROM orders WHERE id = 1", &Engine::ALL), Class::Read);
    assert_eq!(class("SELECT a::int FROM orders", &Engine::ALL), Class::Read);
    for text in [
        r"SELECT 'a\'; DELETE FROM t; -- '",
        r"SELECT 'a\'' ; DELETE FROM t; -- ",
        "SELECT 1 # ; DELETE FROM t",
        "SELECT 1 ` ; DELETE FROM t; -- `",
        "SELECT 1 // ; \n DELETE FROM t",
        "SELECT $$ ; DELETE FROM t; -- $$",
        "SELECT ''' ' ; DELETE FROM t; -- '''",
        "SELECT [a; DELETE FROM t; -- ]",
        "SELECT 1 --1\n; DELETE FROM t",
    ] {
        assert_ne!(class(text, &Engine::ALL), Class::Read, "{text}");
    }
    assert_ne!(
        class(r"SELECT 'a\'; DELETE FROM t; -- '", &[Engine::Mysql, Engine::Postgres]),
        Class::Read
    );
}

#[test]
fn a_name_hides_no_table() {
    for (text, tables) in [
        ("WITH pay AS (SELECT * FROM pay) SELECT * FROM pay", "pay"),
        ("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, c", "c"),
        (
            "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT * FROM t",
            "",
        ),
        ("SELECT * FROM (WITH pay AS (SELECT 1) SELECT * FROM pay) x, pay", "pay"),
        ("SELECT * FROM generate_series(1, 2), orders", "orders"),
        ("SELECT * FROM now, now()", "now"),
    ] {
        assert_eq!(strictest(text, Engine::Postgres).2.join(" "), tables, "{text}");
    }
}

#[test]
fn a_name_that_is_bound_is_untold() {
    for text in [
        "INSERT INTO IDENTIFIER(?) VALUES (1)",
        "INSERT INTO IDENTIFIER($t) VALUES (1)",
        "UPDATE IDENTIFIER(?) AS t SET a = 1 WHERE id = 7",
        "DELETE FROM IDENTIFIER(:1) WHERE id = 7",
        "SELECT * FROM IDENTIFIER(?)",
        "INSERT INTO sales.IDENTIFIER(?) VALUES (1)",
    ] {
        for deed in deeds_by(text, &[Engine::Snowflake]) {
            assert!(deed.untold && deed.tables.is_empty(), "{text}: {deed:?}");
        }
    }
    let named = deeds_by("INSERT INTO IDENTIFIER('orders') VALUES (1)", &[Engine::Snowflake]);
    assert!(
        !named[0].untold && named[0].tables.contains("IDENTIFIER('orders')"),
        "{named:?}"
    );
}

#[test]
fn a_change_tells_what_it_reads_besides() {
    let deeds = deeds_by("INSERT INTO copy SELECT * FROM payroll", POSTGRES);
    let classes: Vec<_> = deeds
        .iter()
        .map(|deed| (deed.class, deed.tables.first().unwrap().as_str()))
        .collect();
    assert_eq!(classes, [(Class::Insert, "copy"), (Class::Read, "payroll")]);
    let deeds = read(&["UPDATE a SET x = 1 WHERE id = 1", "DELETE FROM b"], POSTGRES, &[]);
    let classes: Vec<_> = deeds.iter().map(|deed| (deed.class, deed.unbounded)).collect();
    assert_eq!(classes, [(Class::Delete, true), (Class::Update, false)]);
}
