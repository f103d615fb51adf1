//! Who is told of an approval: written with the approval, or not at all.

use super::{count, fresh, sample};
use crate::model::change::ApprovalRow;
use crate::model::entry::Kind;
use crate::model::outbox::{Attempt, Channel, DeliveryState, End, OutboxChange, Post, Receiver};
use crate::model::{CallId, Change, HoldRule, State, Timestamp};
use crate::store::{CommitError, Store};

const LATER: Timestamp = Timestamp(i64::MAX);

fn receiver(name: &str, groups: Option<&[&str]>, events: &[&str]) -> Receiver {
    Receiver {
        name: name.into(),
        channel: if groups.is_some() {
            Channel::Email
        } else {
            Channel::Webhook
        },
        place: "a".repeat(64),
        groups: groups.map(|groups| groups.iter().map(|group| (*group).into()).collect()),
        events: events.iter().map(|event| (*event).into()).collect(),
    }
}

async fn change(store: &Store, change: OutboxChange) -> Result<(), CommitError> {
    store.write(vec![Change::Outbox(change)]).await
}

async fn tell(store: &Store, receivers: Vec<Receiver>) {
    change(store, OutboxChange::Receivers(receivers, Timestamp(7)))
        .await
        .unwrap();
}

fn asking(groups: &[&str]) -> ApprovalRow {
    let mut row = sample::approval();
    let rule = HoldRule {
        id: "refund-over-500".into(),
        reason: None,
        approvers: groups.iter().map(|group| (*group).into()).collect(),
        quorum: 1,
        timeout: None,
        digest: "d".into(),
        unchecked: Vec::new(),
        escalation: None,
    };
    row.rules = vec![rule];
    row
}

async fn held(store: &Store, row: &ApprovalRow) {
    let changes = vec![sample::entry(Kind::Held), Change::ApprovalHeld(Box::new(row.clone()))];
    store.write(changes).await.unwrap();
}

async fn moved(store: &Store, row: &mut ApprovalRow, state: State) {
    (row.revision, row.state) = (row.revision + 1, state);
    row.decided = (state != State::Pending).then_some(Timestamp(5));
    row.grant_expires = (state == State::Approved).then_some(Timestamp(6));
    let changes = vec![
        sample::entry(Kind::Approved),
        Change::ApprovalMoved(Box::new(row.clone())),
    ];
    store.write(changes).await.unwrap();
}

/// `receiver event`, in the order they were made.
fn told(store: &Store) -> Vec<String> {
    let all = store.reader().unwrap().deliveries(true, 100).unwrap();
    all.iter()
        .map(|delivery| format!("{} {}", delivery.receiver, delivery.event))
        .collect()
}

const ALL: [&str; 7] = crate::model::outbox::EVENTS;

#[tokio::test]
async fn each_step_of_an_approval_is_to_be_told_to_who_wants_it() {
    let (_directory, _path, store) = fresh();
    let receivers = vec![receiver("hook", None, &ALL), receiver("denials", None, &["denied"])];
    tell(&store, receivers).await;
    let mut row = asking(&["finance"]);
    held(&store, &row).await;
    // One person of two: nothing that anybody is told.
    moved(&store, &mut row, State::Pending).await;
    moved(&store, &mut row, State::Approved).await;
    moved(&store, &mut row, State::Denied).await;
    assert_eq!(
        told(&store),
        ["hook requested", "hook approved", "denials denied", "hook denied"]
    );
    let ids: std::collections::BTreeSet<String> = store
        .reader()
        .unwrap()
        .deliveries(true, 100)
        .unwrap()
        .iter()
        .map(crate::model::outbox::Delivery::event_id)
        .collect();
    assert_eq!(ids.len(), 3, "an event has one id, whoever is told: {ids:?}");
}

#[tokio::test]
async fn groups_hear_of_what_asks_them_and_of_how_that_ended() {
    let (_directory, _path, store) = fresh();
    let finance = receiver("f", Some(&["finance", "legal"]), &ALL);
    let security = receiver("s", Some(&["security"]), &ALL);
    tell(&store, vec![finance, security]).await;
    let mut row = asking(&["finance", "board"]);
    held(&store, &row).await;
    assert_eq!(told(&store), ["f requested"]);
    // Asked of more people than before.
    row.rules = asking(&["finance", "security"]).rules;
    moved(&store, &mut row, State::Pending).await;
    assert_eq!(told(&store), ["f requested", "s requested"]);
    moved(&store, &mut row, State::Pending).await;
    assert_eq!(told(&store).len(), 2, "nobody is asked twice for the same");
    row.rules.clear();
    moved(&store, &mut row, State::Approved).await;
    assert_eq!(told(&store)[2..], ["f approved", "s approved"]);
    // The rule changed: it asks anew.
    row.rules = asking(&["finance"]).rules;
    moved(&store, &mut row, State::Pending).await;
    assert_eq!(told(&store)[4..], ["f requested"]);
}

#[tokio::test]
async fn what_was_not_written_is_told_to_nobody() {
    let (_directory, path, store) = fresh();
    tell(&store, vec![receiver("hook", None, &ALL)]).await;
    let row = asking(&["finance"]);
    held(&store, &row).await;
    let mut late = row.clone();
    (late.revision, late.state) = (7, State::Approved);
    let lost = store.write(vec![
        sample::entry(Kind::Approved),
        Change::ApprovalMoved(Box::new(late)),
    ]);
    assert_eq!(lost.await, Err(CommitError::Lost));
    assert_eq!(told(&store), ["hook requested"]);
    assert_eq!(count(&path, "SELECT count(*) FROM deliveries"), 1);
}

#[tokio::test]
async fn a_delivery_is_due_until_it_is_over_and_is_over_once() {
    let (_directory, _path, store) = fresh();
    tell(&store, vec![receiver("hook", None, &ALL)]).await;
    let row = asking(&["finance"]);
    held(&store, &row).await;
    let next = |now: Timestamp| store.reader().unwrap().next_delivery("hook", now, None).unwrap();
    // At once, whatever the clock says.
    let (delivery, with) = next(Timestamp(0)).unwrap();
    assert_eq!((&with.id, delivery.attempts), (&row.id, 0));
    let attempt = |end: End| {
        let attempt = Attempt {
            delivery: delivery.id,
            time: Timestamp(9),
            end,
        };
        change(&store, OutboxChange::Attempted(attempt))
    };
    let failed = End::Later {
        due: Timestamp(1_000),
        error: "refused".to_owned(),
    };
    attempt(failed).await.unwrap();
    assert!(next(Timestamp(999)).is_none());
    assert_eq!(
        store.reader().unwrap().next_due("hook", None).unwrap(),
        Some(Timestamp(1_000))
    );
    let set_back = Timestamp(-24 * 60 * 60 * 1000);
    assert!(
        next(set_back).is_some(),
        "a clock that was set back keeps nobody waiting"
    );
    let (again, _) = next(Timestamp(1_000)).unwrap();
    assert_eq!((again.attempts, again.error.as_deref()), (1, Some("refused")));
    assert_eq!(again.event_id(), delivery.event_id());
    attempt(End::Delivered).await.unwrap();
    assert!(next(LATER).is_none());
    assert_eq!(attempt(End::Delivered).await, Err(CommitError::Lost));
    let standing = &store.reader().unwrap().receivers().unwrap()[0];
    assert_eq!((standing.pending, standing.delivered, standing.given_up), (0, 1, 0));
    change(&store, OutboxChange::Forget(Timestamp(9))).await.unwrap();
    assert_eq!(told(&store).len(), 1);
    change(&store, OutboxChange::Forget(Timestamp(10))).await.unwrap();
    assert_eq!(told(&store).len(), 0);
}

#[tokio::test]
async fn who_wants_nothing_more_gets_nothing_more_until_it_is_enabled_or_elsewhere() {
    let (_directory, _path, store) = fresh();
    let hook = receiver("hook", None, &ALL);
    tell(&store, vec![hook.clone()]).await;
    let mut row = asking(&["finance"]);
    held(&store, &row).await;
    let disable = || {
        change(
            &store,
            OutboxChange::Disabled {
                receiver: "hook".into(),
                why: "410".to_owned(),
                time: Timestamp(9),
            },
        )
    };
    disable().await.unwrap();
    assert_eq!(disable().await, Err(CommitError::Lost));
    moved(&store, &mut row, State::Approved).await;
    assert_eq!(told(&store), ["hook requested"]);
    let given_up = &store.reader().unwrap().deliveries(false, 10).unwrap()[0];
    assert_eq!(given_up.state, DeliveryState::GivenUp);
    assert_eq!(given_up.error.as_deref(), Some("the receiver is disabled"));
    // The next start changes nothing of that, unless it leads to another place.
    let is_disabled = || store.reader().unwrap().receivers().unwrap()[0].disabled.is_some();
    tell(&store, vec![hook.clone()]).await;
    assert!(is_disabled());
    let place = "b".repeat(64);
    tell(&store, vec![Receiver { place, ..hook }]).await;
    assert!(!is_disabled());
    disable().await.unwrap();
    change(&store, OutboxChange::Enabled("hook".into())).await.unwrap();
    assert!(!is_disabled());
    let again = change(&store, OutboxChange::Enabled("hook".into()));
    assert_eq!(again.await, Err(CommitError::Lost));
}

#[tokio::test]
async fn who_is_not_configured_any_more_is_not_told() {
    let (_directory, _path, store) = fresh();
    tell(
        &store,
        vec![receiver("hook", None, &ALL), receiver("other", None, &ALL)],
    )
    .await;
    held(&store, &asking(&["finance"])).await;
    tell(&store, vec![receiver("other", None, &ALL)]).await;
    let reader = store.reader().unwrap();
    assert!(reader.next_delivery("hook", LATER, None).unwrap().is_none());
    assert!(reader.next_delivery("other", LATER, None).unwrap().is_some());
    assert_eq!(reader.receivers().unwrap().len(), 1);
    held(&store, &asking(&["finance"])).await;
    assert_eq!(told(&store).len(), 3);
}

#[tokio::test]
async fn whoever_waits_for_news_hears_of_each_commit_of_an_approval() {
    let (_directory, _path, store) = fresh();
    let mut news = store.news();
    store.write(vec![sample::entry(Kind::Boot)]).await.unwrap();
    assert!(!news.has_changed().unwrap());
    held(&store, &asking(&["finance"])).await;
    assert!(news.has_changed().unwrap());
    news.mark_unchanged();
}

#[tokio::test]
async fn what_an_agent_did_just_before_is_told_in_its_order() {
    let (_directory, _path, store) = fresh();
    let calls: Vec<CallId> = (0..5).map(|_| CallId::random()).collect();
    for call in &calls {
        store.write(sample::decided(call, "ALLOW")).await.unwrap();
    }
    let reader = store.reader().unwrap();
    let before = |agent: &str, time| {
        let found = reader.calls_before(agent, &calls[3], Timestamp(time), 3).unwrap();
        found.into_iter().map(|call| call.row.id).collect::<Vec<_>>()
    };
    assert_eq!(
        before("support-bot", 1_000),
        [&calls[1], &calls[2], &calls[4]].map(Clone::clone)
    );
    assert!(before("support-bot", 999).is_empty() && before("other-bot", 1_000).is_empty());
}

/// A try that failed is due in a minute, and the clock is set back by an hour: people have a quarter of one to answer.
#[tokio::test]
async fn what_waits_for_its_time_is_due_once_the_clock_was_set_back() {
    let (_directory, _path, store) = fresh();
    tell(&store, vec![receiver("hook", None, &["requested"])]).await;
    held(&store, &asking(&["finance"])).await;
    let now = Timestamp(10_000_000);
    let next = |now: Timestamp| store.reader().unwrap().next_delivery("hook", now, None).unwrap();
    let (delivery, _) = next(now).unwrap();
    let attempt = Attempt {
        delivery: delivery.id,
        time: now,
        end: End::Later {
            due: now.plus(std::time::Duration::from_secs(60)),
            error: "no answer".to_owned(),
        },
    };
    change(&store, OutboxChange::Attempted(attempt)).await.unwrap();
    let earlier = Timestamp(now.0 - 3_600_000);
    assert!(next(earlier).is_none());
    store
        .write(crate::audit::gap(crate::model::time::Jump::Back(
            std::time::Duration::from_secs(3_600),
        )))
        .await
        .unwrap();
    assert!(next(earlier).is_some());
}

fn slack(groups: Option<&[&str]>) -> Receiver {
    Receiver {
        channel: Channel::Slack,
        ..receiver("slack:C1", groups, &ALL)
    }
}

#[tokio::test]
async fn a_message_that_stays_is_told_of_each_change_of_what_it_shows() {
    let (_directory, _path, store) = fresh();
    tell(&store, vec![slack(Some(&["finance"])), receiver("hook", None, &ALL)]).await;
    let mut row = asking(&["security"]);
    held(&store, &row).await;
    moved(&store, &mut row, State::Pending).await;
    assert_eq!(
        told(&store),
        ["hook requested"],
        "what it does not show is none of its business"
    );
    // Asked of more people than before, then one of two says yes.
    row.rules = asking(&["security", "finance"]).rules;
    moved(&store, &mut row, State::Pending).await;
    moved(&store, &mut row, State::Pending).await;
    moved(&store, &mut row, State::Approved).await;
    let of_slack: Vec<String> = told(&store)
        .into_iter()
        .filter(|told| told.starts_with("slack"))
        .collect();
    assert_eq!(
        of_slack,
        ["slack:C1 requested", "slack:C1 changed", "slack:C1 approved"]
    );
    // It asks anew.
    moved(&store, &mut row, State::Pending).await;
    assert_eq!(told(&store).last().map(String::as_str), Some("slack:C1 requested"));
}

#[tokio::test]
async fn where_an_approval_is_shown_is_remembered_as_long_as_it_is_open() {
    let (_directory, _path, store) = fresh();
    tell(&store, vec![slack(None)]).await;
    let mut row = asking(&["finance"]);
    held(&store, &row).await;
    let shown = |ts: &str| Post {
        approval: row.id.clone(),
        receiver: "slack:C1".into(),
        channel: "C1".to_owned(),
        ts: ts.to_owned(),
        time: Timestamp(5),
        thread: None,
    };
    let id = row.id.clone();
    let found = || {
        store
            .reader()
            .unwrap()
            .post(&id, "slack:C1")
            .unwrap()
            .map(|post| post.ts)
    };
    assert_eq!(found(), None);
    for ts in ["1.2", "3.4"] {
        change(&store, OutboxChange::Posted(shown(ts))).await.unwrap();
        assert_eq!(found().as_deref(), Some(ts));
    }
    assert!(store.reader().unwrap().post(&id, "slack:C2").unwrap().is_none());
    change(&store, OutboxChange::Forget(LATER)).await.unwrap();
    assert!(found().is_some());
    moved(&store, &mut row, State::Denied).await;
    change(&store, OutboxChange::Forget(LATER)).await.unwrap();
    assert_eq!(found(), None);
}
