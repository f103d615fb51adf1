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
