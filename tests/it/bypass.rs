//! Known ways round a proxy that decides, each by its number in the corpus (O1 …). Refunds are blocked and
//! charges above $10 too; `/v1/balance` and small charges pass. Each case says what must be answered and asserts that nothing
//! reached the origin that should not have.
//!
//! Not here: O84, O85 and O100 stand in `codings`; those that more is to be said of later are listed in `tests/README.md`.

mod content;
mod floods;
mod framing;
mod http2;
mod meaning;
mod names;
mod people;
mod rebinding;
mod requests;
mod streams;
mod tunnels;
mod unread;

use std::sync::Arc;

use crate::harness::{HttpAnswer, Origin, Seen, Shared, Sidecar, Tunnel, Wire};

const RULES: &str = r#"
@id("no-refunds") @reason("Refunds are blocked here")
forbid (principal, action == Action::"process_refund", resource);

@id("small-charges") @reason("Charges above $10 are blocked here")
forbid (principal, action == Action::"create_charge", resource) when { context.amount > 1000 };
"#;

/// A small charge, which may pass.
const CHARGE: &str = "amount=1&currency=usd&source=tok_visa";

/// One sidecar before one Stripe, shared by the cases that run at the same time.
struct World {
    origin: Origin,
    sidecar: Sidecar,
}

static WORLD: Shared<World> = Shared::new();

/// One case: its requests carry its name, and what reached the origin is told apart by it.
struct Case {
    name: &'static str,
    world: Arc<World>,
}

impl Case {
    fn new(name: &'static str) -> Self {
        let world = WORLD.get(|| {
            let origin = Origin::stripe();
            let hosts = [
                "api.stripe.com",
                "api.stripe.com:80",
                "evil.example",
                "api.stripe.com.evil.example",
                "xapi.stripe.com",
            ];
            let sidecar = hosts
                .iter()
                .fold(Sidecar::new(), |sidecar, host| sidecar.resolve(host, &origin));
            World {
                sidecar: sidecar.policy(RULES).hold("1s").start(),
                origin,
            }
        });
        Self { name, world }
    }

    fn sidecar(&self) -> &Sidecar {
        &self.world.sidecar
    }

    fn tunnel(&self) -> Wire {
        Tunnel::to("api.stripe.com:443").open(self.sidecar())
    }

    /// A request by its first line, further fields and content; Host, length and the case's name are added.
    fn request(&self, line: &str, fields: &[&str], content: &str) -> String {
        self.request_to("api.stripe.com", line, fields, content)
    }

    fn request_to(&self, host: &str, line: &str, fields: &[&str], content: &str) -> String {
        let length = match content {
            "" => String::new(),
            _ => format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                content.len()
            ),
        };
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let name = self.name;
        format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sk_test_1\r\nX-Case: {name}\r\n{fields}{length}\r\n{content}"
        )
    }

    /// What of this case reached the origin.
    fn seen(&self) -> Vec<Seen> {
        // A request without any case's name came out of another one's content.
        let all = self.world.origin.seen();
        let smuggled: Vec<_> = all.iter().filter(|seen| seen.header("x-case").is_none()).collect();
        assert!(smuggled.is_empty(), "smuggled: {smuggled:#?}");
        all.into_iter()
            .filter(|seen| seen.header("x-case") == Some(self.name))
            .collect()
    }

    #[track_caller]
    fn assert_nothing_seen(&self) {
        let seen = self.seen();
        assert!(seen.is_empty(), "{} reached the origin: {seen:#?}", self.name);
    }

    /// No refund reached the origin, however it was spelt.
    #[track_caller]
    fn assert_no_refund(&self) {
        let seen = self.seen();
        let refund = seen
            .iter()
            .find(|seen| seen.method == "POST" && seen.target.to_lowercase().contains("refund"));
        assert!(refund.is_none(), "{}: {refund:#?}", self.name);
    }

    /// The answer is a refusal of ours, or there is none; and nothing reached the origin.
    #[track_caller]
    fn assert_refused(&self, answer: Option<HttpAnswer>) {
        if let Some(answer) = &answer {
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", self.name);
        }
        self.assert_nothing_seen();
    }

    /// Sends exactly these bytes through the tunnel and expects a refusal.
    #[track_caller]
    fn refuses(&self, request: impl AsRef<[u8]>) {
        let answer = self.tunnel().send(request).answer();
        self.assert_refused(answer);
    }

    /// The same where the refusal must be the policy's.
    #[track_caller]
    fn blocks(&self, request: impl AsRef<[u8]>) {
        let answer = self.tunnel().ask(request);
        assert_eq!(answer.status, 403, "{}: {answer:?}", self.name);
        assert!(answer.text().contains("policy_blocked"), "{}: {answer:?}", self.name);
        self.assert_nothing_seen();
    }

    /// Sends the bytes, expects success, and gives the one request that reached the origin.
    #[track_caller]
    fn passes(&self, request: impl AsRef<[u8]>) -> Seen {
        let answer = self.tunnel().ask(request);
        assert_eq!(answer.status, 200, "{}: {answer:?}", self.name);
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1, "{}: {seen:#?}", self.name);
        seen.remove(0)
    }
}

/// The cases would prove nothing if the rules blocked everything, or nothing.
#[test]
fn the_rules_of_the_corpus_hold() {
    let case = Case::new("rules");
    assert_eq!(
        case.passes(case.request("GET /v1/balance", &[], "")).target,
        "/v1/balance"
    );
    let case = Case::new("rules-charge");
    assert_eq!(
        case.passes(case.request("POST /v1/charges", &[], CHARGE)).text(),
        CHARGE
    );
    let case = Case::new("rules-refund");
    case.blocks(case.request("POST /v1/refunds", &[], "charge=ch_1&amount=1"));
    let case = Case::new("rules-large");
    case.blocks(case.request("POST /v1/charges", &[], "amount=1001&currency=usd&source=tok_visa"));
}
