//! Who statements run as, and what a server does that no table tells.

use super::*;

#[test]
fn a_role_is_taken_in_no_disguise() {
    for text in [
        "SET ROLE postgres",
        "SET role = 'rds_superuser'",
        "SET role TO postgres",
        "SET LOCAL role = postgres",
        "SET SESSION \"Role\" = 'postgres'",
        "SET SESSION AUTHORIZATION postgres",
        "SET session_authorization = 'postgres'",
        "SET row_security = off",
        "RESET ROLE",
        "RESET row_security",
        "RESET SESSION AUTHORIZATION",
        "DISCARD ALL",
        "SELECT set_config('role', 'postgres', false)",
        "SELECT pg_catalog.set_config('ROLE', 'postgres', false)",
        "SELECT set_config('ro' || 'le', 'postgres', false)",
        "SELECT set_config($1, 'postgres', false)",
        "SELECT set_config(E'ro\\x6ce', 'postgres', false)",
        "SELECT set_config(new_value => 'postgres', setting_name => 'role', is_local => false)",
        "SELECT * FROM set_config('role', 'postgres', false)",
        "SELECT 1 FROM t WHERE set_config('row_security', 'off', true) IS NOT NULL",
        "UPDATE pg_settings SET setting = 'postgres' WHERE name = 'role'",
        "UPDATE pg_catalog.pg_settings SET setting = 'postgres' WHERE name = 'role'",
    ] {
        let deeds = deeds_by(text, POSTGRES);
        let secures = deeds
            .iter()
            .any(|deed| matches!(deed.class, Class::Security | Class::Delete));
        assert!(secures, "{text}: {deeds:?}");
    }
    for text in [
        "SET work_mem = '1GB'",
        "SET search_path = app",
        "RESET work_mem",
        "SELECT set_config('app.tenant', '7', true)",
    ] {
        assert_eq!(class(text, POSTGRES), Class::Other, "{text}");
    }
    assert_eq!(class("SET PASSWORD = 'x'", &[Engine::Mysql]), Class::Security);
}

#[test]
fn a_word_of_its_own_changes_a_server() {
    for text in [
        "SELECT 1 SHUTDOWN",
        "SELECT * FROM t RECONFIGURE",
        "SELECT 1 checkpoint",
        "SELECT * FROM t REVERT",
        "SELECT 1 KILL 53",
        "SELECT 1 DBCC FREEPROCCACHE",
        "SELECT 1 BACKUP DATABASE d TO DISK = 'x'",
        "SELECT 1 RESTORE DATABASE d",
        "SELECT 1 DENY SELECT ON t TO bot",
        "SELECT 1 DISABLE TRIGGER a ON t",
        "SELECT 1 ENABLE TRIGGER a ON t",
        "SELECT * FROM t SETUSER",
    ] {
        assert_ne!(class(text, &[Engine::Mssql]), Class::Read, "{text}");
        assert_ne!(class(text, &Engine::ALL), Class::Read, "{text}");
    }
    assert_eq!(
        class("SELECT [backup], t.enable FROM t", &[Engine::Mssql]),
        Class::Read,
        "names in brackets, and of columns"
    );
    assert_eq!(class("SELECT enable, backup FROM t", POSTGRES), Class::Read);
}

#[test]
fn a_string_that_a_setting_ends_elsewhere_is_not_read() {
    let mysql = &[Engine::Mysql];
    for text in [
        r"SELECT '\'; DELETE FROM t; -- '",
        r"SELECT 'it\'s'",
        r#"SELECT "\"; DELETE FROM t; -- ""#,
    ] {
        assert_ne!(class(text, mysql), Class::Read, "{text}");
    }
    for text in [
        "SELECT 'it''s'",
        r"SELECT * FROM t WHERE a LIKE '%\_b%'",
        r"SELECT 'a\nb'",
    ] {
        assert_eq!(class(text, mysql), Class::Read, "{text}");
    }
}
