use rusqlite::StatementStatus;

use super::*;
use crate::model::{CallId, Change};
use crate::store::Store;
use crate::store::tests::sample;

/// `count` calls, one a second from 0 on, by a statement of SQLite's own: of ten agents, every tenth blocked, every hundredth
/// held for one approval.
fn filled(count: i64) -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/runplane.db");
    drop(Store::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(&format!(
            "BEGIN;
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})
            INSERT INTO calls (id, time, agent, provider, operation, action, environment, decision, rules, approval,
                outcome, closed, summary, request_line, target_kind)
            SELECT printf('call_%026d', i), i * 1000, 'agent-' || (i % 10), 'stripe', 'refunds.create', 'process_refund',
                'production', CASE WHEN i % 100 = 7 THEN 'REQUIRE_APPROVAL' WHEN i % 10 = 3 THEN 'BLOCK' ELSE 'ALLOW' END,
                '[]', CASE WHEN i % 100 = 7 THEN 'apr_22222222222222222222222222' END,
                CASE WHEN i % 10 = 3 THEN 'not_sent' END, CASE WHEN i % 10 = 3 THEN i * 1000 END, '', '', 'charge'
            FROM n;
            COMMIT;"
        ))
        .unwrap();
    (directory, connection)
}

fn queries() -> Vec<(CallQuery, &'static str)> {
    let agent = Some("agent-3".to_owned());
    let period = CallQuery {
        since: Some(Timestamp(40_000_000)),
        until: Some(Timestamp(60_000_000)),
        ..CallQuery::default()
    };
    vec![
        (CallQuery::default(), "calls_by_time"),
        (period.clone(), "calls_by_time"),
        (
            CallQuery {
                agent: agent.clone(),
                ..CallQuery::default()
            },
            "calls_by_agent",
        ),
        (
            CallQuery {
                agent,
                action: Some("process_refund".to_owned()),
                ..period.clone()
            },
            "calls_by_agent",
        ),
        (
            CallQuery {
                decision: Some("BLOCK"),
                ..period.clone()
            },
            "calls_not_allowed",
        ),
        (
            CallQuery {
                approvals: Some(vec!["apr_22222222222222222222222222".to_owned()]),
                ..CallQuery::default()
            },
            "calls_by_approval",
        ),
        (
            CallQuery {
                provider: Some("stripe".to_owned()),
                ..period
            },
            "calls_by_time",
        ),
    ]
}

#[test]
fn every_question_goes_by_an_index_of_its_own() {
    let (_directory, connection) = filled(10);
    for (query, index) in queries() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            for start in [
                None,
                Some(Cursor {
                    time: 5_000,
                    ordinal: 5,
                }),
            ] {
                let (sql, values) = select(&query, order, start, 50);
                let plan: Vec<String> = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                    .unwrap()
                    .query_map(params_from_iter(values), |row| row.get(3))
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
                assert!(plan[0].contains(index), "{query:?} {order:?} {start:?}: {plan:?}");
                let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
                // What one person approved is little: it may be sorted.
                assert!(!sorts || query.approvals.is_some(), "{query:?}: {plan:?}");
            }
        }
    }
    let plan: String = connection
        .query_row(
            "EXPLAIN QUERY PLAN SELECT seq FROM entries WHERE call = ?1 AND kind = 'decided' ORDER BY seq DESC LIMIT 1",
            ["x"],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("entries_by_call"), "{plan}");
}

#[test]
fn pages_one_after_the_other_have_each_call_once_in_both_orders() {
    let (_directory, connection) = filled(1_000);
    connection
        .execute("UPDATE calls SET time = time / 7000 * 7000", [])
        .unwrap();
    for (query, _) in queries() {
        let query = CallQuery {
            since: query.since.map(|_| Timestamp(100_000)),
            until: query.until.map(|_| Timestamp(800_000)),
            ..query
        };
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let whole = page(&connection, &query, order, None, 5_000).unwrap();
            assert!(!whole.is_empty());
            assert!(whole.is_sorted_by_key(|found| match order {
                Order::OldestFirst => found.cursor,
                Order::NewestFirst => Cursor {
                    time: -found.cursor.time,
                    ordinal: -found.cursor.ordinal
                },
            }));
            let (mut start, mut seen) = (None, Vec::new());
            loop {
                let some = page(&connection, &query, order, start, 13).unwrap();
                let Some(last) = some.last() else { break };
                start = Some(last.cursor.next(order));
                seen.extend(some);
            }
            assert_eq!(seen, whole, "{query:?} {order:?}");
        }
    }
}

/// In steps of SQLite's machine, which are the same on every machine.
#[test]
fn a_page_of_a_hundred_thousand_calls_takes_no_more_than_one_of_a_thousand() {
    let steps = |connection: &Connection, query: &CallQuery| {
        let (sql, values) = select(query, Order::NewestFirst, None, 50);
        let mut statement = connection.prepare(&sql).unwrap();
        let mut rows = statement.query(params_from_iter(values)).unwrap();
        let mut count = 0;
        while rows.next().unwrap().is_some() {
            count += 1;
        }
        drop(rows);
        (count, statement.get_status(StatementStatus::VmStep))
    };
    let (_directory, connection) = filled(100_000);
    for (query, _) in queries() {
        let (count, taken) = steps(&connection, &query);
        assert_eq!(count, 50, "{query:?}");
        // Reading all calls takes a million.
        let bound = if query.approvals.is_some() { 100_000 } else { 5_000 };
        assert!(taken < bound, "{query:?} took {taken} steps");
    }
}

#[tokio::test]
async fn a_call_is_found_with_its_last_decision_and_what_became_of_its_approval() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/runplane.db");
    let store = Store::open(&path).unwrap();
    let (first, approval) = (CallId::random(), sample::approval());
    let mut held = sample::decided(&first, "REQUIRE_APPROVAL");
    let mut allowed = sample::decided(&first, "ALLOW");
    for changes in [&mut held, &mut allowed] {
        let Some(Change::CallDecided(row)) = changes.last_mut() else {
            panic!("the call's row");
        };
        row.approval = Some(approval.id.clone());
    }
    held.push(Change::ApprovalHeld(Box::new(approval.clone())));
    store.write(held).await.unwrap();
    let reader = store.reader().unwrap();
    let found = reader.found(first.as_str()).unwrap().unwrap();
    assert_eq!(found.decided.unwrap().seq, 1);
    assert_eq!(found.consent.unwrap().state, "pending");
    store.write(allowed).await.unwrap();
    let found = reader.found(first.as_str()).unwrap().unwrap();
    let decided = found.decided.unwrap();
    assert_eq!((decided.seq, &*decided.kind), (2, "decided"));
    assert!(decided.committed.unwrap().contains("Refund"));
    assert_eq!(reader.found(CallId::random().as_str()).unwrap(), None);
    assert_eq!(reader.written(1, 3, &[], 10).unwrap().len(), 2);
    assert_eq!(reader.written(1, 3, &["boot"], 10).unwrap(), []);
}
