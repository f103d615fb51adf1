//! What was usual of an agent is worked out anew on the way, from the first call on record.

use super::*;
use crate::gate::Gate;
use crate::policy::Decision;

const RISKY: &str = "@id(\"risky\") @decision(\"REQUIRE_APPROVAL\") @approvers(\"approver\")
    forbid (principal, action == Action::\"process_refund\", resource) when { context.risk >= 75 };";
/// A Friday in November, UTC.
const NOON: i64 = 1_795_176_000_000;
const MINUTE: i64 = 60_000;

fn risky() -> House {
    let mut house = house();
    let policies = house.home.policies();
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("house.cedar"), RISKY).unwrap();
    house.rules = fresh(&house);
    house
}

/// The rules of the house, which remember nothing.
fn fresh(house: &House) -> Rules {
    app::load_rules(&house.home, None, config()).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// A refund at that time, as the gate decides it: executed if it may be, and recorded. Whether it was held.
async fn refund(house: &House, gate: &Gate, amount: i64, at: i64) -> bool {
    let rules = gate.rules();
    let headers = [
        ("authorization", "Bearer sk_live_sample"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let described = Described {
        method: "POST".to_owned(),
        url: "https://api.stripe.com/v1/refunds".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        content: Some(format!("charge=ch_1&amount={amount}").into()),
        at: Some(Timestamp(at)),
    };
    let Judged {
        call, action, verdict, ..
    } = judge(&rules, caller(), described, &limits()).unwrap();
    house.store.write(recorded(&call, &action, &verdict)).await.unwrap();
    let (agent, id) = (call.caller.agent.clone(), call.id.clone());
    let Decision::Allow(permit) = rules.decide(call, action, None, Timestamp(at)) else {
        return true;
    };
    gate.sends(&permit, Timestamp(at))
        .ended(Outcome::Success, None, None, Timestamp(at));
    let end = CallClosed {
        call: id,
        time: Timestamp(at),
        outcome: Outcome::Success,
        reason: None,
        status: Some(200),
        result_id: None,
        carried: None,
    };
    house.store.write(audit::closed(&agent, end)).await.unwrap();
    false
}

/// Each call was recorded when it came.
fn set_times(house: &House) {
    let database = rusqlite::Connection::open(house.home.database()).unwrap();
    database.execute_batch("DROP TRIGGER entries_stay").unwrap();
    // An end is of its decision's time.
    let set = "UPDATE entries AS one SET time = began, bytes = CAST(json_set(CAST(bytes AS TEXT), '$.time', began) AS BLOB)
        FROM (SELECT call AS of, json_extract(CAST(bytes AS TEXT), '$.began') AS began FROM entries WHERE kind = 'decided')
        WHERE one.call = of";
    assert_eq!(database.execute(set, []).unwrap() as u64, house.store.entries());
}

#[tokio::test]
async fn what_was_unusual_then_is_unusual_again() {
    let house = risky();
    let gate = Gate::new(fresh(&house));
    for call in 0..40 {
        assert!(!refund(&house, &gate, 2_000, NOON + call * 10 * MINUTE).await);
    }
    let later = NOON + 400 * MINUTE;
    assert!(refund(&house, &gate, 48_000, later).await, "far above what is usual");
    let mut often = 0;
    for call in 1..=20 {
        often += usize::from(refund(&house, &gate, 2_000, later + call * 1_000).await);
    }
    assert!((1..20).contains(&often), "{often}");
    set_times(&house);

    let whole = replayed(&house, &fresh(&house));
    assert_eq!(
        (whole.calls, whole.changed(), whole.lost.len()),
        (61, 0, 0),
        "{whole:?}"
    );
    // Of the last hour alone they are decided by all that was before, too.
    let period = audit::Period {
        since: Timestamp(later),
        ..everything()
    };
    let mut report = Report::new(period.clone(), None);
    let reader = house.store.reader().unwrap();
    fresh(&house)
        .replay(&reader, &period, |replayed| report.add(replayed))
        .unwrap();
    assert_eq!((report.calls, report.changed()), (21, 0), "{report:?}");
}
