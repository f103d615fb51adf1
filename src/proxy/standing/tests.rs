use http::{HeaderValue, Method};
use tokio::time::Instant;

use super::*;
use crate::control::tests::whole::{Sidecar, key_of, refund, rules};
use crate::model::{Body, Host};

/// Until six in the evening, by UTC.
const BY_DAY: &str = r#"
@id("by-day") permit (principal, action == Action::"open_stream", resource) when { context.time.hour < 18 };
"#;
/// 2026-11-20, 17:59:30 UTC.
const BEFORE_SIX: Timestamp = Timestamp(1_795_197_570_000);

#[tokio::test(start_paused = true)]
async fn a_stream_is_closed_within_seconds_of_the_end_of_its_hour() {
    let sidecar = Sidecar::start();
    sidecar.parts.gate.replace(rules(BY_DAY));
    let mut call = refund("", "k1");
    call.authority.host = Host::Name("feed.example".into());
    (call.method, call.body) = (Method::GET, Body::Absent);
    call.headers.insert("upgrade", HeaderValue::from_static("websocket"));
    let key = HeaderValue::from_str(&format!("Bearer {}", key_of("bot"))).unwrap();
    let standing = Standing::new(call, Credentials::Proxy(Some(key)), None);
    assert_eq!(standing.judge(&sidecar.parts, BEFORE_SIX), Ok(()));
    let opened = Instant::now();
    let lost = standing
        .lost_by(&sidecar.parts, || BEFORE_SIX.plus(opened.elapsed()))
        .await;
    assert_eq!(lost.reason, Reason::PolicyBlocked);
    let open = opened.elapsed();
    assert!(
        open >= Duration::from_secs(30) && open <= Duration::from_secs(30) + LOOK_EVERY,
        "{open:?}"
    );
}
