//! What lowers a guard, or reaches beyond the session, without a word of data.

use super::*;

#[test]
fn a_setting_that_nobody_knows_is_a_guard() {
    for (text, engine) in [
        ("SET session_replication_role = replica", Engine::Postgres),
        ("SET session_replication_role TO 'replica'", Engine::Redshift),
        ("SET standard_conforming_strings = off", Engine::Postgres),
        ("SET default_transaction_read_only = off", Engine::Postgres),
        ("SET TRANSACTION READ WRITE", Engine::Postgres),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            Engine::Postgres,
        ),
        ("BEGIN READ WRITE", Engine::Postgres),
        ("START TRANSACTION READ WRITE", Engine::Mysql),
        ("SET request.jwt.claims = '{}'", Engine::Postgres),
        ("SET pgaudit.log = 'none'", Engine::Postgres),
        (
            "SELECT set_config('session_replication_role', 'replica', true)",
            Engine::Postgres,
        ),
        ("SET foreign_key_checks = 0", Engine::Mysql),
        ("SET SESSION sql_safe_updates = 0", Engine::Mysql),
        ("SET @@session.sql_mode = ''", Engine::Mysql),
        ("SET GLOBAL wait_timeout = 1", Engine::Mysql),
        (
            "ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE",
            Engine::Snowflake,
        ),
        ("ALTER SYSTEM SET log_statement = 'none'", Engine::Postgres),
        ("ALTER ACCOUNT SET NETWORK_POLICY = open", Engine::Snowflake),
        (
            "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
            Engine::Postgres,
        ),
        (
            "GRANT `roles/bigquery.dataOwner` ON SCHEMA d TO \"user:a@example.com\"",
            Engine::Bigquery,
        ),
        (
            "REVOKE `roles/bigquery.dataViewer` ON TABLE d.t FROM 'user:a@example.com'",
            Engine::Bigquery,
        ),
    ] {
        assert_eq!(class(text, &[engine]), Class::Security, "{text}");
    }
    for (text, engine) in [
        ("SET statement_timeout = 5000", Engine::Postgres),
        ("SET application_name = 'report'", Engine::Postgres),
        ("SET TIME ZONE 'UTC'", Engine::Postgres),
        ("SET autocommit = 0", Engine::Mysql),
        ("SET @n = 1", Engine::Mysql),
        ("SET NAMES utf8mb4", Engine::Mysql),
        ("SET n = 1", Engine::Snowflake),
        ("ALTER SESSION SET QUERY_TAG = 'report'", Engine::Snowflake),
    ] {
        assert_eq!(class(text, &[engine]), Class::Other, "{text}");
    }
}

#[test]
fn a_pragma_that_sets_is_no_question() {
    let sqlite = &[Engine::Sqlite];
    for text in [
        "PRAGMA writable_schema = 1",
        "PRAGMA main.writable_schema = 1",
        "PRAGMA foreign_keys(0)",
        "PRAGMA ignore_check_constraints = 1",
    ] {
        assert_eq!(class(text, sqlite), Class::Security, "{text}");
    }
    assert_eq!(class("PRAGMA user_version = 7", sqlite), Class::Schema);
    assert_eq!(class("PRAGMA journal_mode = 'OFF'", sqlite), Class::Schema);
    assert_eq!(class("PRAGMA optimize", sqlite), Class::Other);
    for text in [
        "PRAGMA table_info('users')",
        "PRAGMA table_info(1)",
        "PRAGMA foreign_key_check",
        "PRAGMA main.table_list",
    ] {
        assert_eq!(class(text, sqlite), Class::Read, "{text}");
    }
}

#[test]
fn what_reaches_beyond_the_session_is_held() {
    for text in [
        "SELECT setval('s', 1)",
        "SELECT pg_sleep(100000)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_notify('jobs', 'run')",
        "NOTIFY jobs, 'run'",
        "SELECT 1 FROM t WHERE pg_sleep(9) IS NULL",
    ] {
        assert_eq!(class(text, POSTGRES), Class::Held, "{text}");
    }
    for text in [
        "KILL 5",
        "SELECT sleep(1000)",
        "SELECT benchmark(1000000000, 1)",
        "SELECT get_lock('a', 100)",
    ] {
        assert_eq!(class(text, &[Engine::Mysql]), Class::Held, "{text}");
    }
    assert_eq!(
        strictest("LOCK TABLE public.orders", Engine::Postgres).2,
        ["public.orders"]
    );
    assert_eq!(
        class("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", POSTGRES),
        Class::Security
    );
    assert_eq!(class("LOCK TABLES orders WRITE", &[Engine::Mysql]), Class::Security);
    assert_eq!(class("VACUUM FULL orders", &[Engine::Redshift]), Class::Schema);
    assert_eq!(
        class("OPTIMIZE TABLE orders FINAL", &[Engine::Clickhouse]),
        Class::Schema
    );
    for text in ["SELECT nextval('s')", "SELECT pg_try_advisory_lock(1)"] {
        assert_ne!(class(text, POSTGRES), Class::Read, "{text}");
    }
}

#[test]
fn a_statement_that_the_parser_does_not_know_is_told_alone() {
    for text in ["TABLE users", "table users;", "TABLE \"users\""] {
        assert_eq!(
            strictest(text, Engine::Postgres),
            (Class::Read, "TABLE".into(), vec!["users".into()], false),
            "{text}"
        );
    }
    assert_eq!(strictest("TABLE public.users", Engine::Postgres).2, ["public.users"]);
    for text in [
        "UNDROP TABLE orders",
        "ALTER WAREHOUSE w SET WAREHOUSE_SIZE = XLARGE",
        "ALTER WAREHOUSE w SUSPEND",
    ] {
        assert_eq!(class(text, &[Engine::Snowflake]), Class::Schema, "{text}");
    }
    for text in [
        "TABLE users; DELETE FROM users",
        "TABLE users DELETE FROM users",
        "TABLE f()",
        "TABLE",
        "ALTER SYSTEM SET a = 1; DELETE FROM users",
        "GARBAGE users",
    ] {
        assert_eq!(class(text, POSTGRES), Class::Delete, "{text}");
    }
    assert_eq!(
        class("UNDROP TABLE a; DROP TABLE b", &[Engine::Snowflake]),
        Class::Delete
    );
    assert_eq!(
        class("TABLE users", &[Engine::Mssql]),
        Class::Delete,
        "it ends statements anywhere"
    );
}
