//! The client matrix: each official client, allowed, blocked, held, held and repeated. Written to `client-matrix.md`, and held
//! against `docs/clients.md`.

pub mod aws;
mod google;
pub mod messages;
mod models;
mod payments;
mod plain;
pub mod raised;
mod sockets;
mod sources;

use std::time::Duration;

use crate::harness::{Answer, CLIENTS, Matrix, Origin, Seen, Session, Sidecar, cells, root, shown, table};
use crate::reject::NO_PAYOUTS;
use raised::raises;

/// One client and the calls it makes of one sidecar.
pub trait Client {
    fn send(&mut self, call: &str);
    fn receive(&mut self) -> Answer;

    /// The answer, if it comes within this time.
    fn receive_within(&mut self, _limit: Duration) -> Option<Answer> {
        Some(self.receive())
    }

    fn call(&mut self, call: &str) -> Answer {
        self.send(call);
        self.receive()
    }
}

impl Client for Session {
    fn send(&mut self, call: &str) {
        Session::send(self, call);
    }

    fn receive(&mut self) -> Answer {
        Session::receive(self)
    }

    fn receive_within(&mut self, limit: Duration) -> Option<Answer> {
        Session::receive_within(self, limit)
    }
}

/// What a client is asked to do, and where that arrives.
pub struct Calls {
    pub allow: &'static str,
    /// A call, and what its refusal must say besides the code.
    pub block: (&'static str, &'static str),
    pub hold: &'static str,
    /// How often the held call reached the origin.
    pub executed: fn(&Origin) -> usize,
}

pub const STRIPE: Calls = Calls {
    allow: "balance",
    block: ("payout 90000", "Payouts are made by people only"),
    hold: "refund ch_1 amount=90000",
    executed: refunds,
};

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

/// A client's whole row: held while it is connected, coming again, and refused in each way. `hosts` lead to the origin, `rule` blocks.
fn shows<C: Client>(
    client: &str,
    calls: &Calls,
    origin: &Origin,
    (hosts, rule): (&[&str], &str),
    start: impl Fn(&Sidecar) -> C,
) {
    let matrix = Matrix::of(client);
    let before = |hold: &str| {
        let sidecar = hosts
            .iter()
            .fold(Sidecar::new(), |sidecar, host| sidecar.resolve(host, origin));
        sidecar.policy(rule).hold(hold).start()
    };
    let sidecar = before("30s");
    row(&matrix, calls, origin, &sidecar, &mut start(&sidecar));
    let sidecar = before("1s");
    repeats(&matrix, calls, origin, &sidecar, &mut start(&sidecar));
    let before = |is_there: bool| raised::at(is_there.then_some(origin), hosts, rule);
    raises(client, calls, &before, start);
}

pub fn row(matrix: &Matrix, calls: &Calls, origin: &Origin, sidecar: &Sidecar, client: &mut dyn Client) {
    let allowed = client.call(calls.allow);
    allowed.assert_ok();
    let seen = origin.seen();
    let answered = |seen: &&Seen| seen.answered.is_some() && seen.answered == allowed.sha256;
    let whole = seen.iter().find(answered);
    assert!(
        whole.is_some() || allowed.sha256.is_none(),
        "byte for byte: {allowed:?}"
    );
    matrix.calls_itself(whole.unwrap_or(&seen[0]).header("user-agent"));
    matrix.found("allow", whole.map_or("the answer", |_| "byte for byte"));

    // A browser asks for that when it likes.
    let reached = || {
        origin
            .seen()
            .iter()
            .filter(|seen| seen.path() != "/favicon.ico")
            .count()
    };
    let before = reached();
    let (blocked, allowed) = refused_once(matrix, sidecar, "BLOCK", || client.call(calls.block.0));
    blocked.assert_refused("policy_blocked").assert_refused(calls.block.1);
    assert!(reached() <= before + allowed, "nothing of it reached the provider");
    matrix.found("block", told(&blocked));

    let before = (calls.executed)(origin);
    client.send(calls.hold);
    let id = sidecar.next_held();
    assert_eq!((calls.executed)(origin), before);
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("hold", "the answer");
}

pub fn repeats(matrix: &Matrix, calls: &Calls, origin: &Origin, sidecar: &Sidecar, client: &mut dyn Client) {
    let before = (calls.executed)(origin);
    let (pending, _) = refused_once(matrix, sidecar, "REQUIRE_APPROVAL", || client.call(calls.hold));
    pending
        .assert_refused("approval_pending")
        .assert_refused("NOT executed")
        .assert_refused(&why(sidecar));
    assert_eq!((calls.executed)(origin), before);
    sidecar.approve(&pending.approval());
    client.call(calls.hold).assert_ok();
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("re-attach", format!("{}, then the answer", told(&pending)));
    let (third, _) = refused_once(matrix, sidecar, "REQUIRE_APPROVAL", || client.call(calls.hold));
    third.assert_refused("already_executed");
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("repeat", told(&third));
}

/// The rule by which the one call that waits does so, as its refusal has it.
fn why(sidecar: &Sidecar) -> String {
    let rule = &sidecar.approvals("pending")[0]["rules"][0];
    let text = |member: &str| rule[member].as_str().unwrap_or_else(|| panic!("{member}: {rule}"));
    format!("({}: {}", text("id"), text("reason").trim_end_matches('.'))
}

/// What the call is told, and how many calls were allowed meanwhile: of those that were not, the client made one, and did not
/// try again. What a browser calls by itself, elsewhere, has a rule of its own.
#[track_caller]
pub fn refused_once(
    matrix: &Matrix,
    sidecar: &Sidecar,
    decision: &str,
    call: impl FnOnce() -> Answer,
) -> (Answer, usize) {
    let decided = |decision: &str| {
        let decided = sidecar.trail().of_kind("decided").into_iter();
        decided
            .filter(|entry| entry["decision"] == decision && entry["rules"] != "writes-to-unknown-hosts")
            .count()
    };
    let other = if decision == "BLOCK" {
        "REQUIRE_APPROVAL"
    } else {
        "BLOCK"
    };
    let count = [decision, other, "ALLOW"].map(decided);
    let answer = call();
    let attempts = [decided(decision) - count[0], decided(other) - count[1]];
    assert_eq!(attempts, [1, 0], "one attempt: {answer:?}");
    matrix.found("attempts", attempts.iter().sum::<usize>().to_string());
    (answer, decided("ALLOW") - count[2])
}

/// The client's own error in few words.
fn told(answer: &Answer) -> String {
    let error = answer.error();
    let status = error.http_status.map(|status| format!(" {status}")).unwrap_or_default();
    let code = error.code.as_deref().filter(|code| !code.is_empty());
    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
    format!("{}{status}{code}", error.class)
}

fn deletions(origin: &Origin, path: &str) -> usize {
    let seen = origin.seen();
    let deletes = seen.iter().filter(|seen| seen.method == "DELETE");
    deletes.filter(|seen| seen.path().contains(path)).count()
}

/// A rule that blocks an action at a provider.
fn no(what: &str, provider: &str, reason: &str) -> String {
    format!(
        "@id(\"no-{what}\")\n@reason(\"{reason}\")\nforbid (principal, action == Action::\"{what}\", resource in \
         Provider::\"{provider}\");\n"
    )
}

fn before_stripe(origin: &Origin, hold: &str) -> Sidecar {
    Sidecar::new()
        .resolve("api.stripe.com", origin)
        .policy(NO_PAYOUTS)
        .hold(hold)
        .start()
}

#[test]
fn the_document_has_a_whole_row_for_every_client_and_each_has_a_test() {
    let shown = shown();
    assert_eq!(
        table(&cells(&shown)),
        shown,
        "docs/clients.md: names, versions and wiring as they are"
    );
    assert_eq!(shown.lines().count(), CLIENTS.len() + 2);
    assert!(!shown.contains("**not shown**"), "{shown}");
    let tests: String = ["clients", "."]
        .iter()
        .flat_map(|directory| {
            let files = std::fs::read_dir(root().join("tests/it").join(directory)).unwrap();
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default())
        })
        .collect();
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let tests = dense(&tests);
    for client in &CLIENTS {
        let named = dense(&format!("(\"{}\"", client.name));
        assert!(tests.contains(&named), "{} has no test", client.name);
    }
}
