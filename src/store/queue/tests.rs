use super::*;
use crate::model::Entry;
use crate::model::entry::Kind;

fn change() -> Vec<Change> {
    vec![Change::Append(Entry::new(Kind::Boot))]
}

#[test]
fn commits_beyond_the_bound_are_refused_at_once_and_later_is_not() {
    let queue = Queue::new();
    let kept: Vec<_> = (0..MAX_WAITING).map(|_| queue.submit(change()).unwrap()).collect();
    assert_eq!(queue.submit(change()).unwrap_err(), CommitError::Overloaded);
    queue.later(change());
    assert!(queue.flush().is_ok());
    assert_eq!(queue.take().unwrap().len(), MAX_GROUP);
    assert!(queue.submit(change()).is_ok(), "room was made");
    drop(kept);
}

#[test]
fn who_comes_alone_after_a_thick_group_is_served_all_the_same() {
    let queue = Queue::new();
    let thick: Vec<_> = (0..THICK).map(|_| queue.submit(change()).unwrap()).collect();
    assert_eq!(queue.take().unwrap().len(), thick.len());
    let lone = queue.submit(change()).unwrap();
    assert_eq!(queue.take().unwrap().len(), 1);
    queue.later(change());
    assert_eq!(queue.take().unwrap().len(), 1);
    drop(lone);
}

#[test]
fn a_failure_refuses_who_waits_and_keeps_the_rest_in_order() {
    let queue = Queue::new();
    let first = queue.submit(change()).unwrap();
    queue.later(vec![Change::Append(Entry::new(Kind::Shutdown))]);
    let group = queue.take().unwrap();
    let second = queue.submit(change()).unwrap();
    queue.later(change());
    queue.fail("disk full", group);

    let unavailable = CommitError::Unavailable("disk full".to_owned());
    assert_eq!(first.blocking_recv().unwrap().unwrap_err(), unavailable);
    assert_eq!(second.blocking_recv().unwrap().unwrap_err(), unavailable);
    assert_eq!(queue.submit(change()).unwrap_err(), unavailable);
    assert_eq!(queue.flush().unwrap_err(), unavailable);

    let backlog = queue.take_backlog().unwrap();
    let kinds: Vec<_> = backlog
        .iter()
        .flat_map(|submission| &submission.changes)
        .map(|change| match change {
            Change::Append(entry) => entry.kind,
            other @ (Change::CallDecided(_)
            | Change::CallClosed(_)
            | Change::ApprovalHeld(_)
            | Change::ApprovalMoved(_)
            | Change::AgentPut(_)
            | Change::PersonPut(_)
            | Change::HabitsPut(_)
            | Change::Sealed(_)
            | Change::Outbox(_)
            | Change::ValuesErased(_)
            | Change::CallErased(_)
            | Change::ApprovalErased(_)
            | Change::GrantErased(_)
            | Change::Pruned(_)
            | Change::Paused(_)
            | Change::Resumed(_)
            | Change::GrantGiven(_)
            | Change::GrantUsed(_)
            | Change::GrantEnded(..)) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [Kind::Shutdown, Kind::Boot]);
    assert!(
        queue.submit(change()).is_err(),
        "still failing while anything is unwritten"
    );
    assert!(queue.take_backlog().is_none());
    assert!(queue.submit(change()).is_ok());
}

#[test]
fn that_nothing_could_be_signed_for_too_long_is_no_change_and_what_is_found_then_is() {
    let queue = Queue::new();
    queue.reached(1, vec![[7; 32]; 1024 * 1024]);
    assert_eq!(queue.condemned(), None);
    queue.reached(2, vec![[7; 32]]);
    assert!(queue.condemned().is_some() && queue.changed().is_none());
    assert!(queue.submit(change()).is_err());
    queue.condemn("entry 7 is another");
    assert_eq!(queue.changed(), Some("entry 7 is another"));
    assert_ne!(queue.condemned(), queue.changed(), "the first one counts");
}
