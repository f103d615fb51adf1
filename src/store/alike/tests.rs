use super::*;
use crate::model::change::Denial;
use crate::model::{CallId, Change, Vote};
use crate::store::Store;
use crate::store::tests::{fresh, sample};

fn another(target: Option<&str>) -> ApprovalRow {
    let mut row = sample::approval();
    row.action.target.id = target.map(str::to_owned);
    row
}

async fn hold(store: &Store, row: &ApprovalRow) {
    let held = Change::ApprovalHeld(Box::new(row.clone()));
    store.write(vec![held]).await.unwrap();
}

async fn move_to(store: &Store, row: &ApprovalRow) {
    let moved = Change::ApprovalMoved(Box::new(row.clone()));
    store.write(vec![moved]).await.unwrap();
}

fn denied(row: &ApprovalRow) -> ApprovalRow {
    ApprovalRow {
        revision: 1,
        state: State::Denied,
        decided: Some(Timestamp(5_000)),
        denial: Some(Denial {
            person: "bob".into(),
            reason: "not him".to_owned(),
            correction: None,
        }),
        ..row.clone()
    }
}

#[tokio::test]
async fn what_was_answered_to_calls_like_one_is_found_after_a_restart_too() {
    let (_directory, path, store) = fresh();
    let (no, yes, call) = (another(Some("ch_1")), another(Some("ch_1")), CallId::random());
    for row in [&no, &yes, &another(Some("ch_2")), &another(None)] {
        hold(&store, row).await;
    }
    move_to(&store, &denied(&no)).await;
    let vote = |person: &str| Vote {
        person: person.into(),
        time: Timestamp(2_000),
        proof: "key".into(),
        reason: None,
        rules: Vec::new(),
    };
    let mut given = sample::granted(&yes);
    given.votes = vec![vote("ann"), vote("zoe"), vote("ann")];
    move_to(&store, &given).await;
    store.write(sample::decided(&call, "ALLOW")).await.unwrap();
    move_to(&store, &sample::spent(&given, &call)).await;
    store.write(sample::closed(&call)).await.unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    let asked = another(Some("ch_1"));
    let found = |since: i64, limit: u32| {
        store
            .reader()
            .unwrap()
            .answered_like(&asked, Timestamp(since), limit)
            .unwrap()
    };
    let all = found(0, 10);
    let told: Vec<_> = all
        .iter()
        .map(|it| (it.denied, it.time, it.outcome, it.reason.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (true, Timestamp(5_000), None, Some("not him")),
            (false, Timestamp(3_000), Some(Outcome::Success), None),
        ]
    );
    assert_eq!(
        (&*all[0].people, &*all[1].people),
        (&["bob".into()][..], &["ann".into(), "zoe".into()][..])
    );
    assert_eq!(
        (found(4_000, 10).len(), found(0, 1).len(), found(6_000, 10).len()),
        (1, 1, 0)
    );
    assert_eq!(found(0, 1)[0].approval, no.id, "the last one first");
}

#[tokio::test]
async fn the_first_that_waits_is_found_and_how_many_came_since() {
    let (_directory, _path, store) = fresh();
    let rows = [another(None), another(None), another(Some("ch_1")), another(None)];
    for row in &rows {
        hold(&store, row).await;
    }
    let first = |row: &ApprovalRow, now: i64| {
        let found = store.reader().unwrap().first_waiting_like(row, Timestamp(now)).unwrap();
        found.map(|(row, count)| (row.id, count))
    };
    assert_eq!(first(&rows[0], 0), None);
    assert_eq!(first(&rows[2], 0), None, "of another target");
    assert_eq!(first(&rows[3], 0), Some((rows[0].id.clone(), 2)));
    assert_eq!(first(&rows[3], 901_000), None, "nobody waits for what is over");
    move_to(&store, &denied(&rows[0])).await;
    assert_eq!(first(&rows[3], 0), Some((rows[1].id.clone(), 1)));
}

#[tokio::test]
async fn each_question_reads_what_is_alike_and_of_what_waits_none_that_was_answered() {
    let (_directory, path, store) = fresh();
    hold(&store, &another(None)).await;
    let connection = rusqlite::Connection::open(path).unwrap();
    for (sql, index, values) in [
        (answered_sql(), "approvals_alike (agent=? AND <expr>=?", 7),
        (first_sql(), "approvals_alike_pending (agent=? AND <expr>=?", 7),
        (others_sql(), "approvals_alike_pending (agent=? AND <expr>=?", 7),
        (conversation_sql(), "approvals_alike_pending (agent=? AND <expr>=?", 8),
    ] {
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap()
            .query_map(rusqlite::params_from_iter(vec![1; values]), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let uses = |line: &String| line.contains(&format!("approvals USING INDEX {index}"));
        assert!(plan.iter().any(uses), "{plan:?}");
        assert!(!plan.iter().any(|line| line.contains("SCAN approvals")), "{plan:?}");
    }
}

#[tokio::test]
async fn a_conversation_is_one_that_stands_by_itself_about_a_call_that_waits() {
    use crate::model::outbox::{OutboxChange, Post};
    let (_directory, _path, store) = fresh();
    let rows = [another(None), another(None), another(None), another(None)];
    for row in &rows {
        hold(&store, row).await;
    }
    let shown = |row: &ApprovalRow, ts: &str, thread: Option<&str>| {
        Change::Outbox(OutboxChange::Posted(Post {
            approval: row.id.clone(),
            receiver: "slack:C1".into(),
            channel: "C1".to_owned(),
            ts: ts.to_owned(),
            time: Timestamp(5),
            thread: thread.map(str::to_owned),
        }))
    };
    let of_last = |receiver: &str, now: i64| {
        let reader = store.reader().unwrap();
        let found = reader.conversation(&rows[3], receiver, Timestamp(now)).unwrap();
        found.map(|(_, ts, _)| ts)
    };
    assert_eq!(of_last("slack:C1", 0), None, "nobody was shown anything");
    let posts = vec![
        shown(&rows[0], "1.1", None),
        shown(&rows[1], "1.2", Some("1.1")),
        shown(&rows[2], "1.3", None),
    ];
    store.write(posts).await.unwrap();
    assert_eq!(of_last("slack:C1", 0).as_deref(), Some("1.1"));
    assert_eq!((of_last("slack:C2", 0), of_last("slack:C1", 901_000)), (None, None));
    let waiting = |row: &ApprovalRow| store.reader().unwrap().others_waiting_like(row, Timestamp(0)).unwrap();
    assert_eq!(waiting(&rows[0]), 3);
    move_to(&store, &denied(&rows[0])).await;
    assert_eq!(
        of_last("slack:C1", 0).as_deref(),
        Some("1.3"),
        "what only answers another begins nothing"
    );
    assert_eq!((waiting(&rows[0]), waiting(&rows[3])), (3, 2));
}
