//! Which conditions limit a change.

use super::*;

/// `Some(false)`: limited; `None`: nobody can tell.
fn unbounded(condition: &str) -> Option<bool> {
    let deed = deeds_by(&format!("UPDATE users SET admin = 'x' WHERE {condition}"), POSTGRES).remove(0);
    assert_eq!((deed.class, &*deed.verb), (Class::Update, "UPDATE"), "{condition}");
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

/// Class, and as above. It must be read: what cannot be is a delete without limit, too.
fn joined(text: &str, engine: Engine) -> (Class, Option<bool>) {
    let deed = deeds_by(text, &[engine]).remove(0);
    let read = !deed.untold && !deed.tables.is_empty() && text.starts_with(&deed.verb);
    assert!(read && !deed.verb.is_empty(), "{text}: {deed:?}");
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
        (
            "UPDATE a JOIN b LEFT JOIN c ON a.k = b.k SET a.x = 1 WHERE b.id = 1",
            Engine::Mysql,
            Update,
        ),
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
fn a_condition_on_the_table_that_is_changed_is_a_limit() {
    use Class::{Delete, Update};
    use Engine::{Mysql, Postgres};
    for (text, engine, class) in [
        ("UPDATE t SET a = 1 FROM o WHERE t.id = 1", Postgres, Update),
        ("UPDATE s.t SET a = 1 FROM o WHERE t.id = $1", Postgres, Update),
        (
            "UPDATE t AS \"A\" SET a = 1 FROM o WHERE \"A\".id = 1",
            Postgres,
            Update,
        ),
        ("DELETE FROM t AS x USING o WHERE x.id = 1", Postgres, Delete),
        ("UPDATE a JOIN b SET b.x = 1 WHERE b.id = 1", Mysql, Update),
        (
            "UPDATE a JOIN b ON a.b = b.id SET a.x = 1, b.x = 1 WHERE a.id = 1 AND b.id = 2",
            Mysql,
            Update,
        ),
        (
            "DELETE o FROM orders o LEFT JOIN users u USING (uid) WHERE o.id = 1",
            Mysql,
            Delete,
        ),
        (
            "MERGE INTO t USING s ON t.id = 1 WHEN MATCHED THEN DELETE",
            Postgres,
            Delete,
        ),
        (
            "MERGE INTO t USING s ON t.id = 1 WHEN NOT MATCHED BY TARGET THEN INSERT (id) VALUES (1)",
            Postgres,
            Update,
        ),
    ] {
        assert_eq!(joined(text, engine), (class, Some(false)), "{text}");
    }
}

#[test]
fn a_limit_that_comes_by_a_join_or_a_name_of_two_is_untold() {
    use Class::{Delete, Update};
    use Engine::{Bigquery, Mssql, Mysql, Postgres};
    for (text, engine, class) in [
        ("UPDATE t SET a = o.a FROM o WHERE t.id = o.id", Postgres, Update),
        ("UPDATE t SET a = 1 FROM o WHERE name = 'x'", Postgres, Update),
        (
            "UPDATE t SET a = 1 FROM o WHERE t.o = o.id AND o.id = 1",
            Postgres,
            Update,
        ),
        (
            "UPDATE t SET a = 1 FROM o, p WHERE p.id = 1 AND o.p = p.id AND t.o = o.id",
            Postgres,
            Update,
        ),
        // Each row of `o` has the value.
        (
            "UPDATE t SET a = 1 FROM (SELECT id, 1 AS one FROM t) o WHERE t.id = o.id AND o.one = 1",
            Postgres,
            Update,
        ),
        (
            "UPDATE accounts SET balance = 0 FROM o JOIN p USING (k) WHERE p.id = 1",
            Postgres,
            Update,
        ),
        (
            "DELETE FROM t USING o WHERE t.o = o.id AND o.name = 'x'",
            Postgres,
            Delete,
        ),
        (
            "DELETE o FROM orders o JOIN users u ON o.u = u.id WHERE u.id = 1",
            Mysql,
            Delete,
        ),
        (
            "DELETE o FROM orders o JOIN users u USING (uid) WHERE u.id = 1",
            Mysql,
            Delete,
        ),
        (
            "DELETE o, u FROM orders o JOIN users u ON o.u = u.id WHERE u.id = 1",
            Mysql,
            Delete,
        ),
        (
            "UPDATE a JOIN b ON a.b = b.id SET a.x = 1 WHERE b.id = 1",
            Mysql,
            Update,
        ),
        // Names that differ by what the engine may not look at, or may.
        (
            "UPDATE accounts AS \"A\" SET balance = 0 FROM o AS a WHERE a.id = 1",
            Postgres,
            Update,
        ),
        (
            "UPDATE accounts AS \"A\" SET balance = 0 FROM o AS a WHERE \"A\".id = 1",
            Postgres,
            Update,
        ),
        ("UPDATE t A JOIN o a SET A.x = 1 WHERE a.id = 1", Mysql, Update),
        ("UPDATE t A JOIN o b SET A.x = 1 WHERE a.id = 1", Mysql, Update),
        ("UPDATE d1.t JOIN d2.t SET d1.t.a = 1 WHERE d2.t.id = 1", Mysql, Update),
        ("DELETE d1.t FROM d1.t JOIN d2.t WHERE t.id = 1", Mysql, Delete),
        ("UPDATE d.t SET a = 1 FROM d.o WHERE o.t.id = 1", Bigquery, Update),
        (
            "MERGE INTO d1.t USING d2.t ON t.id = 1 WHEN MATCHED THEN DELETE",
            Bigquery,
            Delete,
        ),
        // Whose column is set, or whose rows are deleted.
        ("UPDATE a JOIN b SET x = 1 WHERE a.id = 1", Mysql, Update),
        ("UPDATE a JOIN b SET a.y = 1, x = 1 WHERE a.id = 1", Mysql, Update),
        ("UPDATE (a JOIN b) SET b.x = 1 WHERE id = 1", Mysql, Update),
        ("DELETE t FROM o WHERE id = 1", Mssql, Delete),
    ] {
        assert_eq!(joined(text, engine), (class, None), "{text}");
    }
    let nested = deeds_by("UPDATE (a JOIN b) SET b.x = 1 WHERE a.id = 1", &[Mysql]).remove(0);
    assert!(nested.unbounded || nested.limit_untold, "{nested:?}");
}

#[test]
fn a_merge_of_what_does_not_match_is_unbounded() {
    for (action, class) in [("UPDATE SET v = 0", Class::Update), ("DELETE", Class::Delete)] {
        for and in ["", " AND t.v = 1"] {
            for more in ["", " WHEN MATCHED THEN UPDATE SET v = 1"] {
                let text =
                    format!("MERGE INTO t USING s ON t.id = 1 WHEN NOT MATCHED BY SOURCE{and} THEN {action}{more}");
                for engine in [Engine::Postgres, Engine::Bigquery, Engine::Databricks, Engine::Mssql] {
                    assert_eq!(joined(&text, engine), (class, Some(true)), "{text}");
                }
            }
        }
    }
}
