//! Which conditions limit a change.

use super::*;

/// `Some(false)`: limited; `None`: nobody can tell.
fn unbounded(condition: &str) -> Option<bool> {
    let deed = deeds_by(&format!("UPDATE users SET admin = 'x' WHERE {condition}"), POSTGRES).remove(0);
    assert_eq!(deed.class, Class::Update, "{condition}");
    (deed.unbounded || !deed.limit_untold).then_some(deed.unbounded)
}

#[test]
fn only_a_condition_that_names_values_is_a_limit() {
    for condition in [
        "id = 1",
        "id = $1",
        "\"users\".\"id\" = $1",
        "(id = '7'::uuid)",
        "'a' = name",
        "id = -1",
        "id IN (1, 2, $3)",
        "id = ANY($1)",
        "id = ANY(ARRAY[1, 2])",
        "id = 1 OR id = 2",
        "id = 1 AND created_at < now()",
        "(id = $1 AND 1 = 1)",
        "day = DATE '2026-01-01'",
    ] {
        assert_eq!(unbounded(condition), Some(false), "{condition}");
    }
    for condition in [
        "id IS NOT NULL",
        "id = id + 0",
        "EXISTS (SELECT id FROM users)",
        "id > 0",
        "id <> 0",
        "id BETWEEN 0 AND 9999",
        "name LIKE '%'",
        "NOT id = 1",
        "id NOT IN (1)",
        "id IN (SELECT id FROM users)",
        "id = (SELECT max(id) FROM users)",
        "id = ANY(SELECT id FROM users)",
        "id = 1 OR id > 0",
        "id = other",
        "deleted = false",
        "coalesce(id, 1) = 1",
        "tableoid = 16384",
        "id IN (1, id)",
    ] {
        assert_eq!(unbounded(condition), None, "{condition}");
    }
    for condition in ["true", "1 = 1", "id = id", "1 = 1 OR id = 7"] {
        assert_eq!(unbounded(condition), Some(true), "{condition}");
    }
    // What is joined may be the whole table.
    let merge = "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v";
    assert!(deeds_by(merge, POSTGRES)[0].limit_untold);
}

/// Class, and as above.
fn joined(text: &str, engine: Engine) -> (Class, Option<bool>) {
    let deed = deeds_by(text, &[engine]).remove(0);
    let told = deed.unbounded || !deed.limit_untold;
    (deed.class, told.then_some(deed.unbounded))
}

#[test]
fn a_condition_on_another_table_is_no_limit() {
    use Class::{Delete, Update};
    for (text, engine, class) in [
        (
            "UPDATE t SET a = 1 FROM other WHERE other.id = 1",
            Engine::Postgres,
            Update,
        ),
        (
            "UPDATE t SET a = 1 FROM other o WHERE o.id = 1 OR o.id = 2",
            Engine::Postgres,
            Update,
        ),
        ("UPDATE t SET a = 1 FROM other WHERE 1=1", Engine::Postgres, Update),
        ("UPDATE t SET a = 1 FROM other WHERE true", Engine::Postgres, Update),
        (
            "UPDATE t SET a = 1 FROM other WHERE t.id = t.id AND other.id = 1",
            Engine::Postgres,
            Update,
        ),
        (
            "UPDATE t SET a = 1 FROM t AS o WHERE o.id = 1",
            Engine::Postgres,
            Update,
        ),
        (
            "UPDATE t SET a = 1 FROM o, p WHERE o.id = p.id AND p.id = 1",
            Engine::Postgres,
            Update,
        ),
        ("UPDATE t x SET a = 1 FROM o WHERE o.id = 1", Engine::Postgres, Update),
        ("UPDATE t SET a = 1 WHERE id = t.id", Engine::Postgres, Update),
        ("UPDATE t SET a = 1 WHERE id = ID", Engine::Postgres, Update),
        ("UPDATE t SET a = 1 WHERE 1=1", Engine::Postgres, Update),
        ("DELETE FROM t USING other WHERE other.id = 1", Engine::Postgres, Delete),
        ("DELETE FROM t USING other WHERE true", Engine::Postgres, Delete),
        ("DELETE FROM t USING other", Engine::Postgres, Delete),
        (
            "DELETE o FROM orders o JOIN users u WHERE u.id = 1",
            Engine::Mysql,
            Delete,
        ),
        (
            "DELETE o, u FROM orders o JOIN users u WHERE u.id = 1",
            Engine::Mysql,
            Delete,
        ),
        ("UPDATE a JOIN b SET a.x = 1 WHERE b.id = 1", Engine::Mysql, Update),
        ("UPDATE a JOIN b SET b.x = 1 WHERE a.id = 1", Engine::Mysql, Update),
        ("UPDATE t SET a = 1 FROM o WHERE o.id = 1", Engine::Snowflake, Update),
        ("UPDATE d.t SET a = 1 FROM d.o WHERE o.id = 1", Engine::Bigquery, Update),
        (
            "MERGE INTO t USING s ON s.id = 1 WHEN MATCHED THEN UPDATE SET v = 1",
            Engine::Postgres,
            Update,
        ),
        (
            "MERGE INTO t USING s ON s.id = 1 WHEN MATCHED THEN DELETE",
            Engine::Postgres,
            Delete,
        ),
    ] {
        assert_eq!(joined(text, engine), (class, Some(true)), "{text}");
    }
}

#[test]
fn a_condition_on_what_is_joined_is_a_limit() {
    use Class::{Delete, Update};
    for (text, engine, class, told) in [
        (
            "UPDATE t SET a = 1 FROM o WHERE t.id = 1",
            Engine::Postgres,
            Update,
            Some(false),
        ),
        (
            "UPDATE t SET a = 1 FROM o WHERE t.o = o.id AND o.id = 1",
            Engine::Postgres,
            Update,
            Some(false),
        ),
        (
            "UPDATE t SET a = 1 FROM o, p WHERE p.id = 1 AND o.p = p.id AND t.o = o.id",
            Engine::Postgres,
            Update,
            Some(false),
        ),
        (
            "UPDATE s.t SET a = 1 FROM o WHERE t.id = $1",
            Engine::Postgres,
            Update,
            Some(false),
        ),
        (
            "UPDATE t SET a = o.a FROM o WHERE t.id = o.id",
            Engine::Postgres,
            Update,
            None,
        ),
        (
            "UPDATE t SET a = 1 FROM o WHERE name = 'x'",
            Engine::Postgres,
            Update,
            None,
        ),
        (
            "DELETE FROM t USING o WHERE t.o = o.id AND o.name = 'x'",
            Engine::Postgres,
            Delete,
            Some(false),
        ),
        (
            "DELETE FROM t AS x USING o WHERE x.id = 1",
            Engine::Postgres,
            Delete,
            Some(false),
        ),
        (
            "DELETE o FROM orders o JOIN users u ON o.u = u.id WHERE u.id = 1",
            Engine::Mysql,
            Delete,
            Some(false),
        ),
        (
            "DELETE o FROM orders o JOIN users u USING (uid) WHERE u.id = 1",
            Engine::Mysql,
            Delete,
            Some(false),
        ),
        (
            "DELETE o, u FROM orders o JOIN users u ON o.u = u.id WHERE u.id = 1",
            Engine::Mysql,
            Delete,
            Some(false),
        ),
        (
            "UPDATE a JOIN b ON a.b = b.id SET a.x = 1 WHERE b.id = 1",
            Engine::Mysql,
            Update,
            Some(false),
        ),
        (
            "UPDATE a JOIN b SET b.x = 1 WHERE b.id = 1",
            Engine::Mysql,
            Update,
            Some(false),
        ),
        (
            "MERGE INTO t USING s ON t.id = 1 WHEN MATCHED THEN DELETE",
            Engine::Postgres,
            Delete,
            Some(false),
        ),
    ] {
        assert_eq!(joined(text, engine), (class, told), "{text}");
    }
}
