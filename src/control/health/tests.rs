use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use rcgen::KeyPair;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::authority;
use crate::control::tests::whole::rules;

struct House {
    home: TempDir,
    readiness: Arc<Readiness>,
}

fn house() -> House {
    let home = TempDir::new().unwrap();
    started(home)
}

fn started(home: TempDir) -> House {
    let store = Store::open(&home.path().join("state/runplane.db")).unwrap();
    let authority = Authority::load_or_create(&home.path().join("certs")).unwrap();
    let gate = Gate::new(rules(""));
    let readiness = Arc::new(Readiness::new(store, Arc::new(authority), Arc::new(gate)));
    House { home, readiness }
}

/// One whose CA ends after so many days.
fn ending_in(days: u64) -> House {
    let House { home, readiness } = house();
    drop(readiness);
    let certs = home.path().join("certs");
    let key = KeyPair::from_pem(&std::fs::read_to_string(certs.join("ca.key")).unwrap()).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * DAY + 60);
    std::fs::write(certs.join("ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    started(home)
}

async fn ask(readiness: &Arc<Readiness>, path: &str) -> (u16, Value) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = routes(readiness.clone()).oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let content = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&content).unwrap())
}

fn codes(readiness: &Readiness) -> Vec<String> {
    readiness.reasons().into_iter().map(|reason| reason.code).collect()
}

#[tokio::test]
async fn ready_from_the_start_to_the_stop_and_live_throughout() {
    let House { readiness, .. } = house();
    let (status, told) = ask(&readiness, "/ready").await;
    assert_eq!((status, &told["reasons"][0]["code"]), (503, &"starting".into()));
    assert_eq!(ask(&readiness, "/live").await.1["takes_calls"], false);
    readiness.serves();
    assert_eq!(
        ask(&readiness, "/ready").await,
        (200, serde_json::json!({"status": "ready"}))
    );
    assert_eq!(ask(&readiness, "/live").await.1["takes_calls"], true);
    readiness.stops();
    let (status, told) = ask(&readiness, "/ready").await;
    assert_eq!((status, &told["reasons"][0]["code"]), (503, &"stopping".into()));
    for member in ["detail", "fix"] {
        assert!(!told["reasons"][0][member].as_str().unwrap().is_empty());
    }
    assert!(
        told["detail"].as_str().unwrap().contains("takes no new calls"),
        "{told}"
    );
    let (status, told) = ask(&readiness, "/live").await;
    assert_eq!(
        (status, &told["status"], &told["takes_calls"]),
        (200, &"live".into(), &false.into())
    );
}

#[test]
fn not_ready_in_the_last_fourteen_days_of_the_ca_unless_another_follows() {
    let House { readiness, .. } = ending_in(14);
    readiness.serves();
    assert_eq!(codes(&readiness), [""; 0]);
    let House { home, readiness } = ending_in(13);
    readiness.serves();
    let [reason] = &readiness.reasons()[..] else {
        panic!("one reason: {:?}", readiness.reasons());
    };
    assert_eq!(reason.code, "ca_ends");
    assert!(
        reason.detail.contains("in 13 days") && reason.fix.contains("runplane ca rotate"),
        "{reason:?}"
    );
    authority::rotate(&home.path().join("certs"), Duration::from_secs(3 * DAY)).unwrap();
    let found = readiness.authority.look().unwrap().unwrap();
    let ready = readiness.authority.prepare(&found).unwrap();
    readiness.authority.apply(ready);
    assert_eq!(codes(&readiness), [""; 0]);
}

#[tokio::test]
async fn not_ready_while_the_trail_cannot_be_written_and_again_once_it_can() {
    let House { home, readiness } = house();
    readiness.serves();
    let (database, away) = (home.path().join("state/runplane.db"), home.path().join("away.db"));
    std::fs::rename(&database, &away).unwrap();
    assert!(readiness.store.write(crate::audit::shutdown()).await.is_err());
    assert_eq!(codes(&readiness), ["trail_unavailable"]);
    std::fs::rename(&away, &database).unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while !codes(&readiness).is_empty() {
        assert!(std::time::Instant::now() < until, "{:?}", readiness.reasons());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_refused_reload_is_a_note_until_the_files_are_in_force() {
    let House { readiness, .. } = house();
    readiness.serves();
    readiness.refuses("policies/house.cedar\x1b[2J:3", 3);
    let (status, told) = ask(&readiness, "/ready").await;
    let note = &told["notes"][0];
    assert_eq!((status, &note["code"]), (200, &"reload_refused".into()));
    let detail = note["detail"].as_str().unwrap();
    assert!(
        detail.contains("policies/house.cedar") && detail.ends_with(":3 (and 2 more)"),
        "{detail}"
    );
    assert!(!detail.contains('\x1b'), "{detail}");
    readiness.follows();
    assert_eq!(
        ask(&readiness, "/ready").await,
        (200, serde_json::json!({"status": "ready"}))
    );
}

#[test]
fn what_a_witness_signed_is_no_outage_and_an_outage_does_not_take_it_back() {
    let House { readiness, .. } = house();
    let notes = || -> Vec<String> { readiness.notes().into_iter().map(|note| note.code).collect() };
    readiness.publishes("witness:w1", false);
    readiness.publishes("webhook", false);
    assert_eq!(notes(), ["anchor_failing"]);
    readiness.contradicts("witness:w1");
    assert_eq!(notes(), ["anchor_failing", "witness_contradicts"], "of the webhook");
    readiness.publishes("webhook", true);
    readiness.publishes("witness:w1", false);
    assert_eq!(notes(), ["witness_contradicts"]);
    readiness.publishes("witness:w1", true);
    assert!(notes().is_empty());
}

#[test]
fn that_nothing_can_be_sealed_is_a_note_once_it_lasts() {
    let House { readiness, .. } = house();
    let later = || Instant::now() + UNSEALED_FOR;
    readiness.seals(true);
    assert!(readiness.unsealed(later()).is_none());
    readiness.seals(false);
    assert!(readiness.unsealed(Instant::now()).is_none(), "for a moment");
    readiness.seals(false);
    let note = readiness.unsealed(later()).unwrap();
    assert_eq!(note.code, "unsealed");
    assert!(note.fix.contains("runplane_audit_seals_total"), "{note:?}");
    readiness.seals(true);
    assert!(readiness.unsealed(later()).is_none());
    readiness.seals(false);
    readiness.store.condemn("entry 7 is another");
    assert!(readiness.unsealed(later()).is_none(), "nothing is tried again");
}
