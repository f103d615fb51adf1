//! Functions that are called where a field is asked for.

use super::*;

#[test]
fn a_function_called_as_a_field_is_no_read() {
    for text in [
        "SELECT ('x'::text).wipet",
        "SELECT (4242::oid).lo_unlink",
        "SELECT ('/etc/passwd'::text).pg_read_file",
        "SELECT ('DELETE FROM t'::text).dblink_exec",
        "SELECT ('x'::text).\"Wipet\"",
        "SELECT (t).wipe FROM orders t",
        "SELECT (t.name).wipe FROM orders t",
        "SELECT ((t.name)).wipe FROM orders t",
        "SELECT (ROW(1, 2)).wipe",
        "SELECT (SELECT 4242).wipe",
        "SELECT (current_user).wipe",
        "SELECT (lower('x')).wipe",
        "SELECT t.lo_unlink FROM generate_series(1, 9999) AS t",
        "SELECT t.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS t",
        "SELECT t.\"pg_terminate_backend\" FROM generate_series(1, 9999) t",
        "SELECT 1 FROM orders t WHERE t.dblink_exec = 'x'",
        "SELECT 1 FROM orders t ORDER BY ('x'::text).wipe",
        "INSERT INTO log VALUES (1) RETURNING ('x'::text).wipe",
    ] {
        for engines in [
            POSTGRES,
            &[Engine::Redshift],
            &[Engine::Mysql, Engine::Postgres],
            &Engine::ALL,
        ] {
            let deeds = deeds_by(text, engines);
            let delete = deeds.iter().find(|deed| deed.class == Class::Delete);
            assert!(
                delete.is_some_and(|deed| deed.unbounded && deed.untold),
                "{text}: {deeds:?}"
            );
        }
    }
    // To Redshift these are ways into a document.
    for text in ["SELECT t.names[1].wipe FROM orders t", "SELECT (ARRAY['x'])[1].wipe"] {
        assert_ne!(class(text, POSTGRES), Class::Read, "{text}");
    }
    let made = "CREATE FUNCTION app.wipe(t orders) RETURNS int LANGUAGE sql AS 'delete from orders; select 1'; \
        SELECT t.wipe FROM orders t";
    assert!(deeds_by(made, POSTGRES).iter().any(|deed| deed.class == Class::Delete));
}

#[test]
fn a_field_that_rows_do_not_have_is_no_read() {
    for text in [
        "SELECT x.wipe FROM generate_series(1, 2) AS x",
        "SELECT x.wipe FROM generate_series(1, 2) x",
        "SELECT x.wipe FROM LATERAL generate_series(1, 2) AS x",
        "SELECT x.wipe FROM generate_series(1, 2) AS x(a)",
        "SELECT generate_series.wipe FROM generate_series(1, 2)",
        "SELECT x.\"Wipe\" FROM unnest(ARRAY[1, 2]) AS x",
        "SELECT X.wipe FROM jsonb_each('{}') AS x",
        "SELECT x.wipe[1] FROM generate_series(1, 2) AS x",
        "SELECT 1 FROM generate_series(1, 2) AS x WHERE x.wipe = 1",
        "SELECT (SELECT x.wipe) FROM generate_series(1, 2) AS x",
        "SELECT x.wipe FROM (SELECT 1 AS a) AS x",
        "SELECT x.wipe FROM (SELECT id, name FROM orders) AS x",
        "SELECT x.wipe FROM (VALUES (1), (2)) AS x",
        "SELECT x.wipe FROM (VALUES (1, 2)) AS x(a, b)",
        "WITH x AS (SELECT 1 AS a) SELECT x.wipe FROM x",
        "WITH x AS (SELECT 1 AS a) SELECT y.wipe FROM x AS y",
        "SELECT x.wipe FROM generate_series(1, 2) AS x WHERE EXISTS (SELECT 1 FROM (SELECT 1 AS wipe) AS x)",
        "SELECT (x).wipe FROM generate_series(1, 2) AS x",
        "SELECT (x.*).wipe FROM generate_series(1, 2) AS x",
    ] {
        for engines in [POSTGRES, &[Engine::Redshift], &Engine::ALL] {
            let deeds = deeds_by(text, engines);
            assert!(
                deeds.iter().any(|deed| deed.class == Class::Delete),
                "{text}: {deeds:?}"
            );
        }
    }
}

#[test]
fn a_field_that_rows_have_is_read() {
    for text in [
        "SELECT x.x, x FROM generate_series(1, 2) AS x",
        "SELECT x.a FROM generate_series(1, 2) AS x(a)",
        "SELECT x.generate_series FROM generate_series(1, 2) AS x",
        "SELECT e.key, e.value FROM orders t, jsonb_each(t.data) AS e",
        "SELECT u.tag, u.ordinality FROM orders t, unnest(t.tags) WITH ORDINALITY AS u(tag)",
        "SELECT x.total, x.count FROM (SELECT sum(a) AS total, count(*) FROM orders) AS x",
        "SELECT x.anything FROM (SELECT * FROM orders) AS x",
        "SELECT x.a, y.column1 FROM (SELECT a FROM orders UNION SELECT b FROM orders) AS x, (VALUES (1)) AS y",
        "WITH x AS (SELECT o.id, o.a + 1 AS b FROM orders o) SELECT x.id, x.b FROM x",
        "WITH x(n) AS (SELECT 1) SELECT x.n FROM x",
        "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT x.n + 1 FROM x) SELECT x.n FROM x",
    ] {
        assert_eq!(class(text, POSTGRES), Class::Read, "{text}");
    }
}

#[test]
fn columns_of_tables_are_read() {
    for text in [
        "SELECT t.id, t.name FROM orders t",
        "SELECT \"t\".\"id\", public.orders.total FROM orders t WHERE t.status = $1 ORDER BY t.created_at",
        "SELECT t.tags[1], t.data->>'name' FROM orders t",
        "SELECT t.* FROM orders t JOIN users u ON u.id = t.user_id",
        "SELECT c.relname FROM pg_catalog.pg_class c WHERE pg_class.oid = 1",
        "SELECT count(t.*) FROM orders t",
        "SELECT (t.data::jsonb)->'a' FROM orders t",
    ] {
        assert_eq!(class(text, POSTGRES), Class::Read, "{text}");
    }
    // Fields are fields to others.
    for (text, engine) in [
        ("SELECT t.a[0].b FROM d.t", Engine::Bigquery),
        ("SELECT (t.a).b FROM d.t", Engine::Bigquery),
    ] {
        assert_eq!(class(text, &[engine]), Class::Read, "{text}");
    }
    let pure = ["city".into()];
    assert_eq!(
        read(&["SELECT (t.address).city FROM t"], POSTGRES, &pure)[0].class,
        Class::Read
    );
}
