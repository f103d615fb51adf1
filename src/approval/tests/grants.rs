//! Consent beforehand: what it covers, and what ends it.

use super::clocks::astray;
use super::*;
use crate::model::change::ApprovalRow;
use crate::model::grant::{Corrected, Grant, GrantEnd, GrantRow, Remainder, Scope};
use crate::model::{Facts, GrantId, Missing, Why};
use crate::store::tests::sample;

fn facts(agent: &str) -> Facts {
    Facts {
        agent: agent.into(),
        roles: Arc::from([]),
        host: "api.stripe.com".to_owned(),
        method: "POST".to_owned(),
    }
}

/// From now on for half an hour.
pub(super) fn given(approvals: &Approvals, uses: u32) -> Grant {
    let now = approvals.now().wall;
    let grant = Grant {
        created: now,
        expires: now.plus(minutes(30)),
        ..sample::grant(uses)
    };
    approvals.put_grant(GrantRow {
        grant: grant.clone(),
        used: 0,
        ended: None,
    });
    grant
}

fn asks() -> HoldRule {
    rule("refund-over-500", "d1")
}

fn print() -> Fingerprint {
    call("support-bot", 1, None)
}

pub(super) fn covered(approvals: &Approvals, action: &Action) -> Option<Uses> {
    approvals.by_grants(&facts("support-bot"), action, &print(), &[asks()], &[], |_, _| true)
}

#[tokio::test(start_paused = true)]
async fn what_is_not_told_is_within_no_bound() {
    let approvals = approvals();
    given(&approvals, 100);
    assert!(covered(&approvals, &action()).is_some());
    let changed = |change: &dyn Fn(&mut Action)| {
        let mut action = action();
        change(&mut action);
        covered(&approvals, &action).is_some()
    };
    let missing = |field: &str| Missing {
        field: field.into(),
        why: Why::Absent,
    };
    assert!(!changed(&|action| drop(action.fields.remove("amount"))));
    assert!(!changed(&|action| drop(action.fields.remove("currency"))));
    assert!(!changed(&|action| drop(
        action.fields.insert("amount".into(), Value::Int(100_001))
    )));
    assert!(!changed(&|action| drop(
        action.fields.insert("amount".into(), Value::Int(-1))
    )));
    assert!(!changed(&|action| drop(
        action.fields.insert("amount".into(), Value::Text("1".to_owned()))
    )));
    assert!(!changed(&|action| drop(
        action.fields.insert("currency".into(), Value::Text("kwd".to_owned()))
    )));
    assert!(!changed(&|action| action.missing.push(missing("amount_base"))));
    assert!(!changed(&|action| action.name = "transfer_funds".into()));
    assert!(!changed(&|action| action.target.kind = "payout".into()));
    assert!(!changed(&|action| action.unmapped = true));
    assert!(!changed(&|action| action.inspected = false));
    assert!(!changed(&|action| action.also.push(super::action())));
    let another = approvals.by_grants(&facts("other-bot"), &action(), &print(), &[asks()], &[], |_, _| true);
    assert!(another.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_grant_speaks_for_its_rules_in_their_text_and_while_its_giver_may() {
    let approvals = approvals();
    given(&approvals, 100);
    let by = |rules: &[HoldRule], speaks: bool| {
        let facts = facts("support-bot");
        approvals
            .by_grants(&facts, &action(), &print(), rules, &[], |_, _| speaks)
            .is_some()
    };
    assert!(by(&[asks()], true));
    assert!(!by(&[asks()], false));
    assert!(!by(&[rule("refund-over-500", "d2")], true));
    assert!(!by(&[asks(), rule("another", "d1")], true));
    assert!(!by(&[rule(crate::model::approval::INCOMPLETE_ACTION, "d1")], true));
    let two = HoldRule { quorum: 2, ..asks() };
    given(&approvals, 100);
    assert!(!by(std::slice::from_ref(&two), true), "one person twice");
    let bob = vote("bob", std::slice::from_ref(&two));
    let facts = facts("support-bot");
    let with_bob = approvals.by_grants(&facts, &action(), &print(), &[two], &[bob], |_, _| true);
    assert_eq!(with_bob.unwrap().votes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn uses_that_came_to_nothing_are_given_back_and_others_are_not() {
    let approvals = approvals();
    given(&approvals, 1);
    let uses = covered(&approvals, &action()).unwrap();
    assert!(covered(&approvals, &action()).is_none(), "it is promised");
    drop(uses);
    covered(&approvals, &action()).unwrap().keep();
    assert!(covered(&approvals, &action()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_grant_ends_with_its_time_and_with_a_clock_that_is_set_back() {
    let (approvals, off, _) = astray();
    given(&approvals, 5);
    approvals.sweep();
    assert!(covered(&approvals, &action()).is_some());
    off.store(-4, Ordering::SeqCst);
    assert!(approvals.sweep().grants.is_empty(), "4 s are drift");
    assert!(covered(&approvals, &action()).is_some());
    off.store(-10, Ordering::SeqCst);
    let ended = approvals.sweep().grants;
    assert_eq!(ended.len(), 1);
    assert!(covered(&approvals, &action()).is_none());
    assert!(approvals.sweep().grants.is_empty(), "its end is told once");
    given(&approvals, 5);
    advance(minutes(30)).await;
    assert!(covered(&approvals, &action()).is_none());
    assert_eq!(approvals.sweep().grants.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_a_grant_of_the_future_is_worthless_and_none_lives_longer_than_it_was_meant_to() {
    let approvals = approvals();
    let now = approvals.now().wall;
    let row = |created: Timestamp, expires: Timestamp| GrantRow {
        grant: Grant {
            created,
            expires,
            ..sample::grant(1)
        },
        used: 0,
        ended: None,
    };
    approvals.remember_grants(vec![row(now.plus(minutes(1)), now.plus(minutes(31)))]);
    assert!(covered(&approvals, &action()).is_none());
    let used_up = GrantRow {
        used: 1,
        ..row(now, now.plus(minutes(1)))
    };
    approvals.remember_grants(vec![used_up]);
    assert!(covered(&approvals, &action()).is_none());
    approvals.remember_grants(vec![row(now, now.plus(minutes(1)))]);
    advance(Duration::from_secs(59)).await;
    drop(covered(&approvals, &action()).unwrap());
    advance(Duration::from_secs(1)).await;
    assert!(covered(&approvals, &action()).is_none());
}

/// What a person took back counts for nothing from that moment, whether or not the disk took it, and the record names them
/// once it can; what ended by itself still says what it said; and nothing is known of a grant that is not there.
#[tokio::test(start_paused = true)]
async fn what_was_taken_back_counts_no_more_and_what_ended_by_itself_does() {
    let approvals = approvals();
    let (taken, left) = (given(&approvals, 5), given(&approvals, 5));
    assert!(approvals.grant_counts(&taken.id) && approvals.grant_counts(&left.id));
    assert!(!approvals.grant_counts(&GrantId::random()));
    let alice: Arc<str> = "alice".into();
    let back = approvals.take_back::<NoGrant>(taken.id.as_str(), Some(&alice), |_| Ok(()));
    assert_eq!(back.unwrap().id, taken.id);
    assert!(!approvals.grant_counts(&taken.id));
    approvals.grant_not_ended(&taken.id);
    assert!(!approvals.grant_counts(&taken.id));
    assert_eq!(approvals.sweep().grants, [(taken.clone(), Some(alice))]);
    advance(minutes(30)).await;
    assert_eq!(approvals.sweep().grants, [(left.clone(), None)]);
    assert!(approvals.grant_counts(&left.id));
    let end = |by: Option<&str>| GrantEnd {
        time: approvals.now().wall,
        by: by.map(Into::into),
    };
    approvals.remember_grants(vec![GrantRow {
        grant: taken.clone(),
        used: 1,
        ended: Some(end(Some("alice"))),
    }]);
    approvals.grant_ended(&left.id, end(None));
    assert!(!approvals.grant_counts(&taken.id) && approvals.grant_counts(&left.id));
}

/// However long ago it ended: while an approval has a vote by it, what became of it is known.
#[tokio::test(start_paused = true)]
async fn a_grant_that_a_vote_goes_by_is_not_forgotten() {
    let approvals = approvals();
    let grants = [given(&approvals, 1), given(&approvals, 1)];
    let ended = |grant: &Grant| GrantRow {
        grant: grant.clone(),
        used: 1,
        ended: None,
    };
    approvals.remember_grants(grants.iter().map(ended).collect());
    let mut held = hold("bot");
    held.rules[0].timeout = Some(minutes(24 * 60));
    let Found::New(draft, _ticket) = approvals.look_up(&call("bot", 1, None), &held) else {
        panic!("expected a new approval");
    };
    let row = draft.committed();
    let by = Vote {
        proof: grants[0].id.as_str().into(),
        ..vote("fred", &held.rules)
    };
    let Ok(review) = approvals.review(&row.id) else {
        panic!("expected it to be pending");
    };
    review.consent(by, BTreeMap::new(), held.rules).committed();
    advance(minutes(5 * 60)).await;
    approvals.sweep();
    assert_eq!(grants.map(|grant| approvals.grant_counts(&grant.id)), [true, false]);
}

/// That a call went by it is not known for ever, and it is no more to be had for that.
#[tokio::test(start_paused = true)]
async fn a_grant_that_is_forgotten_is_over() {
    let approvals = approvals();
    let (used, left) = (given(&approvals, 1), given(&approvals, 1));
    assert!(!approvals.is_over(&used.id) && !approvals.is_over(&left.id));
    covered(&approvals, &action()).unwrap().keep();
    let of_both = [&used, &left].map(|grant| approvals.is_over(&grant.id));
    assert_eq!(of_both.iter().filter(|over| **over).count(), 1, "one of them");
    advance(minutes(30)).await;
    assert!(approvals.is_over(&used.id) && approvals.is_over(&left.id));
    advance(minutes(24 * 60)).await;
    approvals.sweep();
    assert!(
        approvals.list_grants().iter().all(|given| given.row.used == 0),
        "forgotten"
    );
    assert!(approvals.is_over(&used.id) && approvals.is_over(&left.id));
    let alice: Arc<str> = "alice".into();
    let back = given(&approvals, 1);
    approvals
        .take_back::<NoGrant>(back.id.as_str(), Some(&alice), |_| Ok(()))
        .unwrap();
    assert!(approvals.is_over(&back.id));
}

/// As a mapping reads it that tells the amount and one number more from the rest.
fn remainder(rest: &str, amount: &str, more: &str) -> Remainder {
    let sources = [("amount", amount), ("more", more)];
    Remainder {
        rest: rest.to_owned(),
        sources: sources
            .map(|(field, content)| (field.into(), content.to_owned()))
            .into(),
    }
}

/// The amount of a call was corrected to $50.00.
#[tokio::test(start_paused = true)]
async fn what_was_corrected_is_that_call_and_no_other() {
    let approvals = approvals();
    let now = approvals.now().wall;
    let right = Action {
        fields: BTreeMap::from([("amount".into(), Value::Int(5_000))]),
        ..action()
    };
    let here = facts("support-bot");
    let denied = |remainder: Option<Remainder>| ApprovalRow {
        remainder,
        ..sample::approval()
    };
    let correct = |row: &ApprovalRow, field: &str| Corrected::new(row, &here, &right, [field.into()].into());
    let first = denied(Some(remainder("r", "90000", "3")));
    for (row, field) in [(&first, "currency"), (&denied(None), "amount")] {
        assert_eq!(correct(row, field), Err(field.into()));
    }
    approvals.put_grant(GrantRow {
        grant: Grant {
            scope: Scope::Exactly(Box::new(correct(&first, "amount").unwrap())),
            created: now,
            expires: now.plus(minutes(10)),
            ..sample::grant(1)
        },
        used: 0,
        ended: None,
    });
    let covers = |facts: &Facts, action: &Action, remainder: Option<Remainder>| {
        let print = Fingerprint { remainder, ..print() };
        approvals
            .by_grants(facts, action, &print, &[asks()], &[], |_, _| true)
            .is_some()
    };
    let same = || Some(remainder("r", "5000", "3"));
    let mut others = vec![action()];
    others.extend((0..5).map(|which| {
        let mut other = right.clone();
        match which {
            0 => other.target.id = Some("ch_2".to_owned()),
            1 => drop(other.fields.insert("more".into(), Value::Bool(true))),
            2 => other.environment = "production".into(),
            3 => other.operation = "another".into(),
            _ => other.provider = "another".into(),
        }
        other
    }));
    for other in others {
        assert!(!covers(&here, &other, same()), "{other:?}");
    }
    let elsewhere = Facts {
        host: "api.elsewhere.example".to_owned(),
        ..here.clone()
    };
    assert!(!covers(&elsewhere, &right, same()));
    let mut fewer = remainder("r", "5000", "3");
    fewer.sources.remove("amount");
    for other in [
        None,
        Some(fewer),
        Some(remainder("other", "5000", "3")),
        Some(remainder("r", "5000", "4")),
    ] {
        assert!(!covers(&here, &right, other.clone()), "{other:?}");
    }
    assert!(covers(&here, &right, same()));
}

/// People do not answer; those whom it comes to then are asked once, and its own deadline stays.
#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_asks_further_people_by_the_clock_that_nobody_sets() {
    let (approvals, off, _) = astray();
    let mut held = hold("bot");
    held.rules[0].escalation = Some(crate::model::approval::Escalation {
        approvers: vec!["managers".into()],
        percent: 50,
    });
    let Found::New(draft, _ticket) = approvals.look_up(&call("bot", 1, None), &held) else {
        panic!("expected a new approval");
    };
    let row = draft.committed();
    approvals.sweep();
    // Half of 15 minutes; a wall clock that is set forward hastens nothing.
    off.store(3_600, Ordering::SeqCst);
    assert!(approvals.sweep().escalated.is_empty());
    advance(Duration::from_secs(449)).await;
    assert!(approvals.sweep().escalated.is_empty());
    advance(Duration::from_secs(1)).await;
    let escalated = approvals.sweep().escalated;
    assert_eq!(escalated.len(), 1);
    for draft in escalated {
        let after = draft.committed();
        assert_eq!(
            (after.revision, after.state, after.expires),
            (1, State::Pending, row.expires)
        );
        assert_eq!(
            after.rules[0].approvers,
            ["finance".into(), "managers".into()] as [Arc<str>; 2]
        );
    }
    advance(Duration::from_secs(60)).await;
    assert!(approvals.sweep().escalated.is_empty(), "once");
}
