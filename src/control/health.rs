//! Whether the sidecar lives, and whether it may be sent calls. Told to whoever asks, so nothing of it is secret.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::authority::Authority;
use crate::gate::Gate;
use crate::model::Timestamp;
use crate::model::inert::inert;
use crate::model::observed::Observe;
use crate::model::pause::Whom;
use crate::store::Store;

/// Not ready from so long before the CA ends: long enough for another one to reach every agent.
const CA_ENDS_WITHIN: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 24 * 3600;
/// That checkpoints fail is worth a note from then on: a disk that is busy for a moment is none.
const UNSEALED_FOR: Duration = Duration::from_secs(60);

/// What readiness is read from. Whoever starts and ends the sidecar says so here.
pub struct Readiness {
    serving: AtomicBool,
    stopping: AtomicBool,
    /// What was wrong when files were last refused; `None`: what is in force is what they say.
    refused: RwLock<Option<Reason>>,
    /// Where checkpoints cannot be published, by the name of the place.
    unpublished: RwLock<BTreeSet<Arc<str>>>,
    /// Where somebody signed another trail than this one; locked behind `unpublished`.
    contradicted: RwLock<BTreeSet<Arc<str>>>,
    /// Since when no checkpoint could be signed.
    unsealed: RwLock<Option<Instant>>,
    store: Store,
    authority: Arc<Authority>,
    gate: Arc<Gate>,
}

/// Why it is not ready, or what is to be known all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// `starting`, `stopping`, `trail_changed`, `trail_unavailable` or `ca_ends`; of a note
    /// `paused`, `observed`, `reload_refused`, `anchor_failing`, `witness_contradicts` or `unsealed`.
    pub code: String,
    pub detail: String,
    /// What to do.
    pub fix: String,
}

impl Reason {
    fn new(code: &str, detail: impl Into<String>, fix: &str) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.into(),
            fix: fix.to_owned(),
        }
    }
}

/// The answer of `/live`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Live {
    /// Always `live`.
    pub status: String,
    /// False before it serves, and once it is told to stop.
    pub takes_calls: bool,
}

/// The answer of `/ready` that it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Always `ready`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Reason>,
}

/// The answer of `/ready` that it is not (RFC 9457).
#[derive(Serialize)]
struct NotReady {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    reasons: Vec<Reason>,
}

impl Readiness {
    /// Not ready until [`Readiness::serves`].
    pub fn new(store: Store, authority: Arc<Authority>, gate: Arc<Gate>) -> Self {
        Self {
            serving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            refused: RwLock::default(),
            unpublished: RwLock::default(),
            contradicted: RwLock::default(),
            unsealed: RwLock::default(),
            store,
            authority,
            gate,
        }
    }

    /// Calls are taken from now on.
    pub fn serves(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// No new ones are from now on; there is no way back.
    pub fn stops(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Changed files were refused, and what was in force stays. `first`: the place of the first of so many mistakes.
    ///
    /// SECURITY: whoever asks is told, so nothing of what the files hold may be in it: rules, roles and limits are what an
    /// agent would go round by. Test: `a_refused_reload_is_told_where_people_look_and_its_contents_to_nobody_else`.
    pub fn refuses(&self, first: &str, count: usize) {
        let more = match count {
            0 | 1 => String::new(),
            some => format!(" (and {} more)", some - 1),
        };
        let told = Reason::new(
            "reload_refused",
            format!(
                "changed files were refused, and what was in force before stays: see {}{more}",
                inert(first)
            ),
            "`runplane check` shows all that is wrong; they are read again once they are changed",
        );
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = Some(told);
    }

    /// What is in force is what the files say.
    pub fn follows(&self) {
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether checkpoints go to the place of this name.
    pub fn publishes(&self, place: &str, well: bool) {
        let mut unpublished = self.unpublished.write().unwrap_or_else(PoisonError::into_inner);
        match well {
            true => {
                unpublished.remove(place);
                self.contradicted
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(place);
            }
            false => _ = unpublished.insert(place.into()),
        }
    }

    /// A witness of this name signed another trail. An outage does not take that back.
    pub fn contradicts(&self, place: &str) {
        let mut contradicted = self.contradicted.write().unwrap_or_else(PoisonError::into_inner);
        contradicted.insert(place.into());
    }

    /// Whether a checkpoint could be signed when one was due.
    pub fn seals(&self, well: bool) {
        let mut unsealed = self.unsealed.write().unwrap_or_else(PoisonError::into_inner);
        *unsealed = if well {
            None
        } else {
            unsealed.or_else(|| Some(Instant::now()))
        };
    }

    /// It was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub fn takes_calls(&self) -> bool {
        self.serving.load(Ordering::Acquire) && !self.stopping.load(Ordering::Acquire)
    }

    /// Everything that speaks against sending calls here; none: ready.
    pub fn reasons(&self) -> Vec<Reason> {
        let (serving, stopping) = (
            self.serving.load(Ordering::Acquire),
            self.stopping.load(Ordering::Acquire),
        );
        let starts = (!serving && !stopping)
            .then(|| Reason::new("starting", "the proxy does not take calls yet", "wait a moment"));
        let stops = stopping.then(|| {
            Reason::new(
                "stopping",
                "the sidecar was told to stop and takes no new calls",
                "send calls to another one, or start it again once it has ended",
            )
        });
        let changed = self.store.changed().is_some();
        let trail = changed.then(|| {
            Reason::new(
                "trail_changed",
                "the trail in the database is not what was written there: nothing is signed, recorded or sent any more",
                "read the sidecar's log, keep a copy of the database, and start again with one that can be trusted",
            )
        });
        let trail = trail.or_else(|| {
            self.store.condemned().map(|_| Reason::new(
                "trail_unavailable",
                "no checkpoint could be signed for so long that nothing is recorded any more, and nothing leaves that is not recorded",
                "read the sidecar's log for the cause (a full disk, above all), and start it again once that is gone",
            ))
        });
        let trail = trail.or_else(|| {
            (!self.store.is_writable()).then(|| Reason::new(
                "trail_unavailable",
                "the trail cannot be written, and nothing leaves that is not recorded",
                "read the sidecar's log for the cause (a full disk, above all); it goes on by itself once that is gone",
            ))
        });
        [starts, stops, trail, self.ca_ends(Timestamp::now())]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What is to be known although it is ready. Who is paused, and why, is not for everybody.
    pub fn notes(&self) -> Vec<Reason> {
        let pauses = self.gate.paused().list();
        let all = pauses.iter().any(|pause| pause.whom == Whom::Everyone);
        let told = match pauses.len() {
            0 => None,
            _ if all => Some("every agent is paused: all calls are answered `paused`".to_owned()),
            1 => Some("one agent is paused: its calls are answered `paused`".to_owned()),
            some => Some(format!("{some} agents are paused: their calls are answered `paused`")),
        };
        let fix = "`runplane pause --list` shows who, since when and why; `runplane resume` lifts it";
        let paused = told.map(|told| Reason::new("paused", told, fix));
        let observed = match self.gate.rules().observes() {
            Observe::Nobody => None,
            Observe::Everyone => Some("no decision stops a call of any agent (`dangerously_observe`)"),
            Observe::Agents(_) => Some("no decision stops the calls of some agents (`dangerously_observe`)"),
        };
        let fix = "take it out of runplane.yaml and start the sidecar again to enforce what is decided";
        let observed = observed.map(|told| Reason::new("observed", told, fix));
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner).clone();
        let notes = [paused, observed, refused];
        notes.into_iter().flatten().chain(self.of_the_trail()).collect()
    }

    /// What is to be known of how the trail is signed and published.
    fn of_the_trail(&self) -> impl Iterator<Item = Reason> {
        let unpublished = self.unpublished.read().unwrap_or_else(PoisonError::into_inner);
        let contradicted = self.contradicted.read().unwrap_or_else(PoisonError::into_inner);
        // What kinds of places; their names are the configuration's.
        let failing = unpublished.difference(&contradicted);
        let kinds: BTreeSet<&str> = failing.filter_map(|place| place.split(':').next()).collect();
        let failing = (!kinds.is_empty()).then(|| {
            let kinds: Vec<&str> = kinds.into_iter().collect();
            let told = format!(
                "checkpoints of the trail cannot be published where `audit.publish` says ({})",
                kinds.join(", ")
            );
            let fix = "see the sidecar's log; it is tried again, every ten seconds at first";
            Reason::new("anchor_failing", told, fix)
        });
        let contradicts = (!contradicted.is_empty()).then(|| {
            Reason::new(
                "witness_contradicts",
                "a witness signed another trail than this one, or more of it: the database was set back or copied, or somebody else signs \
                 with the key of this log",
                "keep a copy of the database, hold it to the witness's last checkpoint (`runplane audit verify --checkpoint`), and see the \
                 sidecar's log",
            )
        });
        [failing, contradicts, self.unsealed(Instant::now())]
            .into_iter()
            .flatten()
    }

    /// Entries without a checkpoint grow, and who could write the database could change them.
    fn unsealed(&self, now: Instant) -> Option<Reason> {
        let since = *self.unsealed.read().unwrap_or_else(PoisonError::into_inner);
        // Nothing is tried again in a trail that is not gone on with: that is a reason by itself.
        let since = since.filter(|_| self.store.changed().is_none());
        let lasted = now.saturating_duration_since(since?);
        (lasted >= UNSEALED_FOR).then(|| {
            let minutes = lasted.as_secs() / 60;
            let told = format!(
                "no checkpoint of the trail could be signed for {minutes} min: entries behind the last one are not proven"
            );
            let fix =
                "see the sidecar's log and `runplane_audit_seals_total{result=\"failed\"}`; it is tried again by itself";
            Reason::new("unsealed", told, fix)
        })
    }

    /// One that follows in time takes the place of the one that ends.
    fn ca_ends(&self, now: Timestamp) -> Option<Reason> {
        let last = self.authority.trusted().pop()?;
        let left = last.left(now);
        (left < CA_ENDS_WITHIN).then(|| {
            Reason::new(
                "ca_ends",
                format!(
                    "the CA that agents trust ends on {} (in {} days)",
                    last.not_after,
                    left.as_secs() / DAY
                ),
                "`runplane ca rotate` makes another one; start the agents again before it signs",
            )
        })
    }
}

/// `/live` and `/ready`, for any listener: they need no key.
pub fn routes(readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .with_state(readiness)
}

/// That it answers is all there is to it.
async fn live(State(readiness): State<Arc<Readiness>>) -> Json<Live> {
    Json(Live {
        status: "live".to_owned(),
        takes_calls: readiness.takes_calls(),
    })
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let reasons = readiness.reasons();
    if reasons.is_empty() {
        return Json(Ready {
            status: "ready".to_owned(),
            notes: readiness.notes(),
        })
        .into_response();
    }
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let told = reasons
        .iter()
        .map(|reason| format!("{}: {}", reason.detail, reason.fix));
    let problem = NotReady {
        kind: "about:blank",
        title: "Service Unavailable",
        status: status.as_u16(),
        detail: told.collect::<Vec<_>>().join("; "),
        reasons,
    };
    let mut response = (status, Json(problem)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests;
