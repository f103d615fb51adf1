//! Bounds, and what no disguise makes a read of.

use proptest::prelude::*;

use super::*;

/// A thread's stack is 2 MiB here, as it is where calls are judged.
#[test]
fn a_long_chain_is_bounded_and_does_not_overflow() {
    for step in [
        "+ 1 ",
        "AND a ",
        "UNION SELECT 1 ",
        "|| 'x' ",
        "IS NULL ",
        ":: int ",
        "- a ",
        "OR NOT a ",
    ] {
        for steps in [400, 990, 5_000, 40_000] {
            let text = format!("SELECT 1 {}", step.repeat(steps));
            let class = class(&text, POSTGRES);
            assert!(steps < 5_000 || class != Class::Read, "{step} {steps}");
        }
        let text = format!("DELETE FROM t WHERE a {}", step.repeat(990));
        assert_ne!(class(&text, POSTGRES), Class::Read);
    }
}

#[test]
fn brackets_take_no_time() {
    let started = std::time::Instant::now();
    for (open, close) in [
        ("(", ")"),
        ("(SELECT ", ")"),
        ("f(", ")"),
        ("CASE WHEN (", ") THEN 1 END"),
        ("NOT (", ")"),
    ] {
        for depth in [8, 16, 24, 100, 5_000] {
            let text = format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
            class(&text, POSTGRES);
            let text = format!("SELECT * FROM {}a{}", open.repeat(depth), close.repeat(depth));
            class(&text, POSTGRES);
        }
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

const CHANGES: [&str; 14] = [
    "DELETE FROM orders",
    "UPDATE orders SET a = 1",
    "TRUNCATE orders",
    "TRUNCATE TABLE orders",
    "DROP TABLE orders",
    "INSERT INTO orders VALUES (1)",
    "ALTER TABLE orders ADD COLUMN a int",
    "CREATE TABLE t (a int)",
    "GRANT ALL ON orders TO bot",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "CALL f()",
    "SELECT setval('s', 1)",
    "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
    "EXPLAIN ANALYZE DELETE FROM t",
];
const SELECTS: [&str; 9] = [
    "SELECT 1",
    "SELECT * FROM orders WHERE id = 1",
    "SELECT 'x; y' FROM t",
    "SELECT \"a\" FROM t -- end",
    "SELECT a /* c */ FROM t",
    "WITH t AS (SELECT 1) SELECT * FROM t",
    "SELECT count(*) FROM t GROUP BY a HAVING count(*) > 1",
    "SELECT a FROM t UNION SELECT b FROM u ORDER BY 1 LIMIT 5",
    "EXPLAIN SELECT 1",
];

fn engines() -> impl Strategy<Value = Vec<Engine>> {
    prop_oneof![
        proptest::sample::select(Engine::ALL.to_vec()).prop_map(|engine| vec![engine]),
        Just(Engine::ALL.to_vec()),
    ]
}

/// A text with its words in other letters, and with something between them that means nothing.
fn disguised(text: &str, upper: &[bool], fill: &[usize]) -> String {
    const FILLS: [&str; 6] = [" ", "\n", "\t \r\n", " /* x */ ", " -- x\n", "/**/ "];
    let mut out = String::new();
    for (at, word) in text.split(' ').enumerate() {
        out.push_str(FILLS[fill[at % fill.len()] % FILLS.len()]);
        let letters = word
            .chars()
            .enumerate()
            .map(|(n, letter)| match upper[(at + n) % upper.len()] {
                true => letter.to_ascii_uppercase(),
                false => letter.to_ascii_lowercase(),
            });
        out.extend(letters);
    }
    out
}

proptest! {
    #[test]
    fn a_change_in_any_dress_is_no_read(
        change in proptest::sample::select(CHANGES.to_vec()),
        upper in proptest::collection::vec(any::<bool>(), 1..9),
        fill in proptest::collection::vec(0usize..6, 1..5),
        engines in engines(),
    ) {
        prop_assert_ne!(class(&disguised(change, &upper, &fill), &engines), Class::Read);
    }

    #[test]
    fn a_change_beside_any_select_is_no_read(
        select in proptest::sample::select(SELECTS.to_vec()),
        change in proptest::sample::select(CHANGES.to_vec()),
        between in proptest::sample::select(vec![";", "; ", ";\n", " ", "\n", "\n;;\n", "/**/;", " \t"]),
        engines in engines(),
    ) {
        // In a comment at the end of the first it would be one.
        prop_assume!(!select.contains("--") || between.starts_with('\n'));
        for text in [format!("{select}{between}{change}"), format!("{change}{between}{select}")] {
            prop_assert_ne!(class(&text, &engines), Class::Read, "{}", text);
        }
    }

    /// Whatever is read at all begins as a query does.
    #[test]
    fn nothing_that_cannot_be_read_is_a_read(text in "[ -~\n]{0,60}", engines in engines()) {
        if class(&text, &engines) == Class::Read {
            let parsed = engines.iter().any(|engine| parse(&text, *engine).is_some());
            prop_assert!(parsed, "{}", text);
        }
    }

    #[test]
    fn a_broken_select_is_no_read(
        select in proptest::sample::select(SELECTS.to_vec()),
        at in 0usize..60,
        odd in proptest::sample::select(vec!["'", "(", ")", "\0", " GARBAGE ( ", " ; ELECT ", "/*"]),
        engines in engines(),
    ) {
        let at = at.min(select.len());
        prop_assume!(!select[..at].contains("--") && !select.contains(['\'', '"', '*']));
        let text = format!("{}{odd}{}", &select[..at], &select[at..]);
        prop_assert_ne!(class(&text, &engines), Class::Read, "{}", text);
    }
}
