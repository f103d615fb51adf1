mod taken;
mod usual;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::Value as Json;

use super::*;
use crate::audit::{self, Digests, Event, RecordedCall, Ruling, Unreplayable, history};
use crate::gate::Rules;
use crate::io::body::Limits;
use crate::model::change::CallClosed;
use crate::model::money::Rates;
use crate::model::{Action, Call, Caller, Change, Outcome, Reason, Tie};
use crate::policy::Verdict;
use crate::proxy::described::{Described, Judged, judge};
use crate::store::{self, Store};
use crate::{app, gate};

/// What ships, in a home of its own, and its record.
struct House {
    _directory: tempfile::TempDir,
    home: Home,
    rules: Rules,
    store: Store,
}

fn house() -> House {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    let rules = app::load_rules(&home, None, config()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let store = Store::open(&home.path().join(store::FILE)).unwrap();
    House {
        _directory: directory,
        home,
        rules,
        store,
    }
}

fn config() -> gate::Config {
    gate::Config {
        rates: Rates::new(Some("usd")),
        ..gate::Config::default()
    }
}

fn caller() -> Caller {
    Caller {
        agent: "support-bot".into(),
        roles: Arc::new(["billing".into(), "support".into()]),
        owner: None,
    }
}

/// Every sample request of every shipped mapping, as what ships judges it. Found once for all tests: each reads what was
/// generated for some thirty providers.
fn samples() -> &'static [Judged] {
    static SAMPLES: LazyLock<Vec<Judged>> = LazyLock::new(|| judged(&house().rules));
    &SAMPLES
}

fn judged(rules: &Rules) -> Vec<Judged> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let mut judged = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let sample: Json = serde_json::from_str(line).unwrap();
            let headers = sample["headers"].as_object().unwrap().iter();
            let described = Described {
                method: sample["method"].as_str().unwrap().to_owned(),
                url: sample["url"].as_str().unwrap().to_owned(),
                headers: headers
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                    .collect(),
                content: sample["body"].as_str().map(|body| body.to_owned().into()),
                ..Described::default()
            };
            judged.extend(judge(rules, caller(), described, &limits()));
        }
    }
    assert!(judged.len() > 200, "{}", judged.len());
    judged
}

fn limits() -> Limits {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::choose(Some(directory.path().to_owned())).unwrap();
    Config::load(home).unwrap().limits.of_one_body()
}

/// What the data path writes of it.
fn recorded(call: &Call, action: &Action, verdict: &Verdict) -> Vec<Change> {
    let rules: Vec<Arc<str>> = verdict.rules().into_iter().map(Arc::from).collect();
    let reason = match verdict {
        Verdict::Block { reason, .. } => Some(*reason),
        Verdict::Allow { .. } | Verdict::RequireApproval { .. } => None,
    };
    let ruling = Ruling {
        decision: verdict.as_str(),
        reason,
        rules: &rules,
        approval: None,
        spending: None,
        would: None,
        trial: None,
    };
    audit::decided(call, action, &ruling, &Digests::default())
}

fn everything() -> audit::Period {
    audit::Period {
        since: Timestamp(0),
        until: Timestamp(i64::MAX),
        agent: None,
    }
}

fn replayed(house: &House, rules: &Rules) -> Report {
    let reader = house.store.reader().unwrap();
    let mut report = Report::new(everything(), Some("usd".into()));
    rules
        .replay(&reader, &everything(), |replayed| report.add(replayed))
        .unwrap();
    report
}

fn told(report: &Report) -> Json {
    let mut out = Vec::new();
    show::json(report, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[tokio::test]
async fn the_record_holds_all_that_a_decision_rests_on() {
    let house = house();
    let judged = samples();
    for Judged {
        call, action, verdict, ..
    } in judged
    {
        house.store.write(recorded(call, action, verdict)).await.unwrap();
    }
    let (reader, mut found) = (house.store.reader().unwrap(), Vec::new());
    history(&reader, &everything(), |event| found.push(event)).unwrap();
    assert_eq!(found.len(), judged.len());
    let (mut incomplete, mut several) = (0, 0);
    for (event, Judged { call, action, .. }) in found.into_iter().zip(judged) {
        let Event::Decided(recorded) = event else {
            panic!("{event:?} of {}", action.request_line);
        };
        // How a provider answers decides nothing; labels and risk are found anew.
        let bare = |action: &Action| Action {
            answer: Arc::default(),
            labels: None,
            risk: None,
            // Only what was recalled is on record.
            tie: Tie::default(),
            summary: String::new(),
            ..action.clone()
        };
        let expected = Action {
            also: action.also.iter().map(bare).collect(),
            summary: action.summary.clone(),
            ..bare(action)
        };
        let RecordedCall {
            facts,
            action: mut read,
            ..
        } = *recorded;
        for also in &mut read.also {
            (also.summary, also.request_line) = (String::new(), expected.request_line.clone());
        }
        assert_eq!((&facts, &read), (&call.facts(), &expected));
        incomplete += usize::from(!action.missing.is_empty());
        several += usize::from(!action.also.is_empty());
    }
    assert!(
        incomplete > 3 && several > 3,
        "{incomplete} incomplete, {several} with other meanings"
    );
}

#[tokio::test]
async fn unchanged_policies_change_nothing_and_others_what_they_would_have_stopped() {
    let house = house();
    for Judged {
        call, action, verdict, ..
    } in samples()
    {
        house.store.write(recorded(call, action, verdict)).await.unwrap();
        if let Verdict::Allow { .. } = verdict {
            let end = CallClosed {
                call: call.id.clone(),
                time: Timestamp::now(),
                outcome: Outcome::Success,
                reason: None,
                status: Some(200),
                result_id: None,
                carried: None,
            };
            house.store.write(audit::closed(&call.caller.agent, end)).await.unwrap();
        }
    }
    let same = replayed(&house, &house.rules);
    assert_eq!((same.changed(), same.lost.len()), (0, 0), "{same:?}");
    assert!(same.calls > 200);

    let policies = house.home.policies();
    std::fs::create_dir_all(&policies).unwrap();
    let rule = "@id(\"no-charges\") forbid (principal, action == Action::\"create_charge\", resource);";
    std::fs::write(policies.join("house.cedar"), rule).unwrap();
    let stricter = replayed(&house, &app::load_rules(&house.home, None, config()).unwrap());
    assert!(stricter.blocked.sum.calls > 0 && stricter.held.sum.calls + stricter.allowed.sum.calls == 0);
    let told = told(&stricter);
    assert_eq!(told["newly_blocked"]["rules"]["no-charges"]["calls"], told["changed"]);
    assert!(told["newly_blocked"]["carried_out"].as_u64().unwrap() > 0, "{told}");
    assert!(told["newly_blocked"]["amount_base"].as_i64().unwrap() > 0, "{told}");
    assert!(told["newly_blocked"]["examples"][0]["summary"].is_string(), "{told}");
}

#[tokio::test]
async fn what_cannot_be_replayed_is_counted_by_its_reason() {
    let house = house();
    let judged = samples();
    let incomplete = judged.iter().find(|judged| !judged.action.missing.is_empty()).unwrap();
    let complete = judged.iter().find(|judged| judged.action.missing.is_empty()).unwrap();
    for judged in [complete, complete, complete, complete, incomplete] {
        let mut call = judged.call.clone();
        call.id = crate::model::CallId::random();
        let mut action = judged.action.clone();
        let blocked = Verdict::Block {
            reason: Reason::DestinationRefused,
            rules: Vec::new(),
        };
        match house.store.entries() {
            0 => action.name = "an_action_of_old".into(),
            1 => drop(
                action
                    .fields
                    .insert("a_field_of_old".into(), crate::model::Value::Bool(true)),
            ),
            _ => {}
        }
        let verdict = if house.store.entries() == 2 {
            &blocked
        } else {
            &judged.verdict
        };
        let mut changes = recorded(&call, &action, verdict);
        if let (4, Some(Change::Append(entry))) = (house.store.entries(), changes.first_mut()) {
            assert!(entry.members.remove("lacks").is_some());
        }
        house.store.write(changes).await.unwrap();
    }
    let database = rusqlite::Connection::open(house.home.database()).unwrap();
    database.execute("DELETE FROM entry_values WHERE seq = 4", []).unwrap();
    let report = replayed(&house, &house.rules);
    let expected = [
        (Unreplayable::Erased, 1),
        (Unreplayable::Earlier, 1),
        (Unreplayable::Vocabulary, 2),
        (Unreplayable::OtherReason, 1),
    ];
    assert_eq!(report.lost, expected.into(), "{report:?}");
    assert_eq!(report.calls, 0);
    let mut out = Vec::new();
    show::text(&report, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("Not replayed: 5 calls.") && text.contains("2  the vocabulary"),
        "{text}"
    );
}

#[tokio::test]
async fn a_summary_that_an_agent_wrote_moves_no_cursor() {
    let house = house();
    let judged = samples();
    let Judged { call, action, .. } = judged.iter().find(|judged| judged.verdict.as_str() == "ALLOW").unwrap();
    let mut action = action.clone();
    action.summary = "Read \u{1b}[2Jnothing\u{202e}".to_owned();
    let was = Verdict::RequireApproval { rules: Vec::new() };
    house.store.write(recorded(call, &action, &was)).await.unwrap();
    let report = replayed(&house, &house.rules);
    assert_eq!(report.allowed.sum.calls, 1);
    let (mut text, mut json) = (Vec::new(), Vec::new());
    show::text(&report, &mut text).unwrap();
    show::json(&report, &mut json).unwrap();
    for shown in [text, json] {
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            !shown.contains(['\u{1b}', '\u{202e}']) && shown.contains("nothing"),
            "{shown}"
        );
    }
}

/// What this thread had of a processor so far.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

/// Issue 4: 100,000 calls within 60 s on one core, which is 600 µs a call. This program is not optimised: ten times that finds
/// what grows with the number of calls. `benches/gate.rs` measures the real one.
#[tokio::test]
async fn ten_thousand_calls_are_replayed_in_time() {
    const CALLS: usize = 10_000;
    let house = house();
    let judged = samples();
    let mut changes = Vec::new();
    for (
        number,
        Judged {
            call, action, verdict, ..
        },
    ) in judged.iter().cycle().take(CALLS).enumerate()
    {
        let mut call = call.clone();
        call.id = crate::model::CallId::random();
        changes.extend(recorded(&call, action, verdict));
        if number % 500 == 499 {
            house.store.write(std::mem::take(&mut changes)).await.unwrap();
        }
    }
    let start = processor_time();
    let report = replayed(&house, &house.rules);
    let took = processor_time() - start;
    assert_eq!((report.calls, report.changed()), (CALLS as u64, 0), "{:?}", report.lost);
    eprintln!("replayed {CALLS} calls in {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
