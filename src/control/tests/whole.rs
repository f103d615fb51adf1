//! A held call from the gate to its permit, with people deciding over the control API: real store, policies and mappings.

use std::net::SocketAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body as HttpBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, watch};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::super::health::Readiness;
use super::super::{Parts, routers};
use crate::agent::{Declared, DeclaredAgent, DeclaredPerson, Registry};
use crate::approval::{Approvals, Config, Keys, Notices, Patience};
use crate::authority::Authority;
use crate::config::Limits;
use crate::gate::{self, Gate, Rules, Sources};
use crate::io::body::Capture;
use crate::io::keys;
use crate::io::socket::Presence;
use crate::metrics::Metrics;
use crate::model::call::{Authority as Host, Body, Host as Name, Origin, Scheme};
use crate::model::money::Rates;
use crate::model::{Call, CallId, Caller, Outcome, Reason, Source, Timestamp};
use crate::policy::{Decision, Hold, Permit};
use crate::proxy::{self, Credentials, Refused, hold};
use crate::store::{CallFilter, CallRecord, Recorded, Store};
use crate::upstream::{self, Upstream};

mod asked;
mod passed;
mod refused;

pub(super) struct Lines(pub(super) StdMutex<Vec<String>>);

impl Notices for Lines {
    fn line(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

pub(crate) struct Sidecar {
    pub(super) home: tempfile::TempDir,
    pub(crate) parts: Arc<proxy::Parts>,
    router: Router,
    pub(super) lines: Arc<Lines>,
    draining: watch::Sender<bool>,
}

pub(crate) fn key_of(name: &str) -> String {
    format!("rp_{name:x<43}")
}

fn source(file: &str) -> Source {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    Source {
        file: file.to_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    }
}

const SECURITY: &str = r#"
@id("refund-over-5000") @decision("REQUIRE_APPROVAL") @approvers("security") @reason("Large refunds")
forbid (principal, action == Action::"process_refund", resource) when { context.amount_base > 500000 };
"#;

pub(crate) fn rules(extra: &str) -> Rules {
    let own = Source {
        file: "own.cedar".to_owned(),
        text: extra.to_owned(),
    };
    let groups = ["approver", "owner", "security"].map(str::to_owned).into();
    let mappings = ["stripe.yaml", "aws-ec2.yaml"].map(|file| source(&format!("mappings/{file}")));
    let sources = Sources {
        vocabulary: source("mappings/actions.yaml"),
        mappings: mappings.to_vec(),
        policies: vec![source("policies/baseline.cedar"), own],
        budgets: Vec::new(),
        prices: None,
        targets: source("policies/targets.yaml"),
    };
    let config = gate::Config {
        rates: Rates::new(Some("usd")),
        recall: Duration::from_secs(3600),
        ..gate::Config::default()
    };
    Rules::load(&sources, Some(&groups), config, &Arc::default()).unwrap()
}

fn registry() -> Registry {
    let person = |name: &str, groups: &[&str]| DeclaredPerson {
        name: name.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        key_sha256: keys::hash(&key_of(name)),
    };
    let declared = Declared {
        agent: None,
        agents: vec![DeclaredAgent {
            name: "bot".into(),
            roles: vec!["support".to_owned()],
            owner: Some("olga".into()),
            key_sha256: keys::hash(&key_of("bot")),
        }],
        people: vec![
            person("olga", &["owner", "approver"]),
            person("alice", &["approver"]),
            person("sam", &["security"]),
            person("zoe", &[]),
        ],
    };
    Registry::new(&declared, Vec::new(), Vec::new()).unwrap()
}

impl Sidecar {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), true)
    }

    fn start_in(home: tempfile::TempDir, owner_may_approve: bool) -> Self {
        Self::start_with(home, owner_may_approve, None, Arc::default())
    }

    /// Reached by this URL.
    pub(super) fn at(public_url: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self::start_with(home, true, Some(public_url.to_owned()), Arc::default())
    }

    /// Whose clocks are so many seconds further.
    pub(super) fn with_clocks(moved: Arc<AtomicI64>) -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), true, None, moved)
    }

    fn start_with(
        home: tempfile::TempDir,
        owner_may_approve: bool,
        public_url: Option<String>,
        moved: Arc<AtomicI64>,
    ) -> Self {
        let store = Store::open(&home.path().join("state/runplane.db")).unwrap();
        let gate = Gate::new(rules(SECURITY));
        store
            .pauses()
            .unwrap()
            .iter()
            .for_each(|pause| gate.paused().put(pause));
        let (gate, registry) = (Arc::new(gate), Arc::new(registry()));
        let rows = store.approvals(Timestamp(0)).unwrap();
        let approvals = Approvals::moved(Config::default(), Keys::new(&[1; 32], &[2; 32]), rows, moved);
        for spent in store.spent(Timestamp(0)).unwrap() {
            approvals.ended(&spent.approval, &spent.call, spent.outcome, spent.status);
        }
        let (draining, is_draining) = watch::channel(false);
        let metrics = Arc::new(Metrics::default());
        let lines = Arc::new(Lines(StdMutex::default()));
        let authority = Arc::new(Authority::load_or_create(&home.path().join("certs")).unwrap());
        let control = Parts {
            approvals: approvals.clone(),
            gate: gate.clone(),
            registry: registry.clone(),
            store: store.clone(),
            metrics: metrics.clone(),
            owner_may_approve,
            reason_from_risk: None,
            readiness: Arc::new(Readiness::new(store.clone(), authority.clone(), gate.clone())),
            registering: Mutex::new(()),
            pruning: Arc::default(),
            notices: lines.clone(),
            home_option: String::new(),
            secure: false,
            public_host: public_url
                .as_ref()
                .map(|url| url.rsplit('/').next().unwrap().parse().unwrap()),
            public_url,
            slack: None,
            tasks: TaskTracker::new(),
        };
        let upstream = upstream::Config {
            resolve: std::collections::BTreeMap::new(),
            destinations: Vec::new(),
            roots: home.path().join("certs/upstream"),
            proxy: None,
            own_listeners: Vec::new(),
            own_names: Vec::new(),
            own_authorities: vec![authority.certificate().public_key],
        };
        let parts = proxy::Parts {
            registry,
            gate,
            approvals,
            store,
            authority,
            upstream: Upstream::new(upstream).unwrap(),
            metrics,
            capture: Capture::new(Limits::default().of_one_body(), 1 << 24),
            patience: Patience::default(),
            notices: lines.clone(),
            home_option: String::new(),
            draining: is_draining,
            connections: 16,
            waits: proxy::Waits::default(),
            guard: proxy::Decided::default(),
            tasks: TaskTracker::new(),
        };
        let parts = Arc::new(parts);
        let agents = proxy::guard_router(parts.clone());
        Self {
            home,
            parts,
            router: routers(control, SocketAddr::from(([127, 0, 0, 1], 8081)), agents).0,
            lines,
            draining,
        }
    }

    /// Ends, and starts again on the same disk.
    pub(super) fn restart(self) -> Self {
        let Self {
            home, parts, router, ..
        } = self;
        drop(router);
        drop(Arc::into_inner(parts).unwrap());
        Self::start_in(home, true)
    }

    pub(super) fn database(&self) -> std::path::PathBuf {
        self.home.path().join("state/runplane.db")
    }

    /// Answers all that waits.
    pub(super) fn stop(&self) {
        self.draining.send_replace(true);
    }

    pub(super) fn decide(&self, call: Call) -> Hold {
        let rules = self.parts.gate.rules();
        let route = rules.mappings().route(&call).unwrap();
        let action = rules.mappings().resolve(&call, route).unwrap();
        match rules.decide(call, action, None, Timestamp::now()) {
            Decision::RequireApproval(hold) => hold,
            Decision::Allow(_) | Decision::Block(_) => panic!("expected a hold"),
        }
    }

    pub(super) async fn wait(parts: &proxy::Parts, hold: Hold) -> Result<Recorded<Permit>, Refused> {
        let credentials = HeaderValue::from_str(&format!("Bearer {}", key_of("bot"))).unwrap();
        let approved = hold::wait(
            parts,
            &Credentials::Proxy(Some(credentials)),
            &Presence::default(),
            Box::new((parts.gate.rules(), hold, Instant::now())),
        )
        .await?;
        Ok(approved.permit)
    }

    /// A connected client with this call.
    pub(super) fn send(&self, call: Call) -> tokio::task::JoinHandle<Result<Recorded<Permit>, Refused>> {
        let (parts, hold) = (self.parts.clone(), self.decide(call));
        tokio::spawn(async move { Self::wait(&parts, hold).await })
    }

    pub(super) async fn api(&self, who: &str, method: Method, path: &str, content: Json) -> (u16, Json) {
        self.api_with(&key_of(who), method, path, content).await
    }

    pub(super) async fn api_with(&self, key: &str, method: Method, path: &str, content: Json) -> (u16, Json) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", "127.0.0.1:8081")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(HttpBody::from(content.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Json::Null))
    }

    pub(super) fn router(&self) -> Router {
        self.router.clone()
    }

    /// The id of the only pending approval, once it is there.
    pub(super) async fn pending(&self) -> String {
        for _ in 0..500 {
            let (status, list) = self
                .api("alice", Method::GET, "/approvals?state=pending", Json::Null)
                .await;
            assert_eq!(status, 200);
            if let Some(item) = list["items"].as_array().unwrap().first() {
                return item["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing was held");
    }

    /// To the approval as it stands.
    pub(super) async fn approve(&self, who: &str, id: &str, set: Json) -> (u16, Json) {
        let (_, seen) = self
            .api("olga", Method::GET, &format!("/approvals/{id}"), Json::Null)
            .await;
        self.api(
            who,
            Method::POST,
            &format!("/approvals/{id}/approve"),
            json!({ "set": set, "revision": seen["revision"] }),
        )
        .await
    }

    pub(crate) async fn calls(&self) -> Vec<CallRecord> {
        self.parts.store.flush().await.unwrap();
        let filter = CallFilter {
            agent: None,
            limit: 100,
        };
        self.parts.store.reader().unwrap().calls(&filter).unwrap()
    }

    pub(super) async fn kinds(&self) -> Vec<String> {
        let entries = self.entries().await;
        let kinds = entries.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    }

    pub(crate) async fn entries(&self) -> Vec<Json> {
        self.parts.store.flush().await.unwrap();
        let filter = CallFilter {
            agent: None,
            limit: 1_000,
        };
        let entries = self.parts.store.reader().unwrap().entries(&filter).unwrap();
        entries
            .iter()
            .map(|bytes| serde_json::from_slice(bytes).unwrap())
            .collect()
    }
}

pub(crate) fn refund(content: &str, idempotency: &str) -> Call {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("api.stripe.com"));
    headers.insert("user-agent", HeaderValue::from_static("curl/8.16.0"));
    headers.insert("authorization", HeaderValue::from_static("Bearer sk_test_1"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert("idempotency-key", idempotency.parse().unwrap());
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "bot".into(),
            roles: Arc::from(["support".into()]),
            owner: Some("olga".into()),
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Host {
            host: Name::Name("api.stripe.com".into()),
            port: 443,
        },
        method: Method::POST,
        path: "/v1/refunds".to_owned(),
        query: None,
        headers,
        body: Body::Captured(Bytes::from(content.to_owned())),
    }
}

/// Approved; a client that waits may have come through before this was answered.
#[track_caller]
fn assert_given(status: u16, approval: &Json) {
    let state = approval["state"].as_str();
    assert!(
        status == 200 && matches!(state, Some("approved" | "consumed")),
        "{approval}"
    );
}

pub(super) const NINE_HUNDRED: &str = "charge=ch_1&amount=90000";
