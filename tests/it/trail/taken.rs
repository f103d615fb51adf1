//! What the doors write of approvals, held to the steps that the verifiers know: else one of them would call an honest trail changed.

use std::collections::{BTreeMap, BTreeSet};

use super::{database, second, stop};
use crate::harness::{Origin, Session, Sidecar, eventually, free_port, key, said};

/// With a reason that is another one each time, so that people are asked again.
fn rules(reason: &str) -> String {
    format!(
        r#"
@id("money-out") permit (principal, action, resource);
@id("over-100") @decision("REQUIRE_APPROVAL") @approvers("finance") @reason("{reason}")
forbid (principal, action == Action::"process_refund", resource) when {{ context.amount_base > 10000 }};
@id("over-1000") @decision("REQUIRE_APPROVAL") @approvers("legal")
forbid (principal, action == Action::"process_refund", resource) when {{ context.amount_base > 100000 }};
@id("charges") @decision("REQUIRE_APPROVAL") @approvers("finance") @timeout("5s") @escalate("legal at 40%")
forbid (principal, action == Action::"create_charge", resource);
"#
    )
}

/// A sidecar whose provider is away, so that what is approved is given back.
struct Doors {
    sidecar: Sidecar,
    client: Session,
}

impl Doors {
    fn does(&self, person: &str, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        let output = self.sidecar.cli_as(Some(&key(person)), &words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }

    fn says_yes(&self, person: &str, id: &str) {
        let pending = self.sidecar.approvals("pending");
        let row = pending.iter().find(|row| row["id"] == id).unwrap();
        let revision = &row["revision"];
        self.does(person, &format!("approvals approve {id} --revision {revision}"));
    }

    fn asks(&mut self, call: &str) -> String {
        self.client.call(call).approval()
    }

    /// The call goes by its approval, and finds nobody.
    fn returns(&mut self, call: &str) {
        let count = |doors: &Self| doors.sidecar.trail().of_kind("returned").len();
        let before = count(self);
        self.client.call(call).assert_refused("upstream_unreachable");
        eventually("it is given back", || count(self) == before + 1);
    }

    /// Each step that was taken: what the approval was by its entries so far, and the next one.
    fn taken(&self) -> BTreeSet<(String, String)> {
        let mut stands: BTreeMap<String, String> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for entry in self.sidecar.trail().entries() {
            let (kind, id) = (entry["kind"].as_str().unwrap(), &entry["approval"]);
            let is_pending = entry["state"] == "pending";
            let is_granted = entry["grant"].is_string();
            let now = match kind {
                "held" => "held",
                "approved" if is_pending => "partly approved",
                "approved" if is_granted => "granted",
                "approved" | "denied" | "expired" | "cancelled" | "consumed" | "returned" | "escalated" => kind,
                _ => continue,
            };
            let before = stands.insert(id.as_str().unwrap().to_owned(), now.to_owned());
            taken.insert((before.unwrap_or_default(), now.to_owned()));
        }
        taken
    }
}

/// Those of a model (`src/approval/tests/property.rs`) are more; these are written by the real doors.
#[test]
fn what_the_doors_write_are_steps_that_both_verifiers_know() {
    let (origin, port) = (Origin::stripe(), free_port());
    let nobody = format!("127.0.0.1:{port}");
    let sidecar = Sidecar::new()
        .resolve_to("api.stripe.com", &nobody)
        .destination(&nobody)
        .hold("1s")
        .approvals("grant: 10s")
        .person("fred", "finance")
        .person("lea", "legal")
        .only_policy(&rules("first"))
        .start();
    let log_key = sidecar.told(&["audit", "key"]).trim().to_owned();
    let client = Session::open("stripe_client.py", &sidecar, None, &[("STRIPE_RETRIES", "0")]);
    let mut doors = Doors { sidecar, client };
    doors.asks("charge 100");
    for (charge, end) in [
        ("ch_1", "deny {} --reason no"),
        ("ch_2", "cancel {} --reason mistake"),
        ("ch_3", ""),
    ] {
        let id = doors.asks(&format!("refund {charge} amount=20000"));
        match end {
            "" => doors.says_yes("fred", &id),
            end => doors.does("fred", &format!("approvals {}", end.replace("{}", &id))),
        }
    }
    let id = doors.asks("refund ch_4 amount=150000");
    doors.says_yes("fred", &id);
    doors.says_yes("lea", &id);
    doors.does("lea", &format!("approvals deny {id} --reason no"));
    for (charge, times) in [("ch_5", 2), ("ch_6", 1), ("ch_7", 1)] {
        let call = format!("refund {charge} amount=20000");
        let id = doors.asks(&call);
        doors.says_yes("fred", &id);
        (0..times).for_each(|_| doors.returns(&call));
        if charge == "ch_6" {
            doors.does("fred", &format!("approvals deny {id} --reason no"));
        }
    }
    let id = doors.asks("refund ch_8 amount=20000");
    doors.says_yes("fred", &id);
    doors.sidecar.puts("policies/baseline.cedar", rules("second"));
    for call in ["refund ch_7 amount=20000", "refund ch_8 amount=20000"] {
        doors.asks(call);
    }
    doors.says_yes("fred", &id);
    for person in ["fred", "lea"] {
        let words = "grants add --agent support-bot --action process_refund --kind charge --max amount=200000usd --for 30m --uses 5";
        doors.does(person, &format!("{words} --reason lost"));
    }
    doors.returns("refund ch_7 amount=20000");
    doors.returns("refund ch_9 amount=150000");
    origin.comes_to(port);
    doors.client.call("refund ch_9 amount=150000").assert_ok();
    let expired = |doors: &Doors| doors.sidecar.trail().of_kind("expired").len();
    eventually("what nobody came for has expired", || expired(&doors) >= 5);
    stop(&doors.sidecar);

    let taken = doors.taken();
    for (before, kind) in [
        ("", "held"),
        ("held", "approved"),
        ("held", "partly approved"),
        ("held", "granted"),
        ("held", "denied"),
        ("held", "cancelled"),
        ("held", "escalated"),
        ("escalated", "expired"),
        ("partly approved", "approved"),
        ("approved", "held"),
        ("approved", "denied"),
        ("approved", "expired"),
        ("approved", "consumed"),
        ("granted", "granted"),
        ("granted", "consumed"),
        ("consumed", "returned"),
        ("returned", "consumed"),
        ("returned", "denied"),
        ("returned", "expired"),
        ("returned", "held"),
    ] {
        assert!(
            taken.contains(&(before.to_owned(), kind.to_owned())),
            "{before} → {kind}: {taken:?}"
        );
    }
    let database = database(&doors.sidecar);
    let told = doors
        .sidecar
        .told(&["audit", "verify", "--key", &log_key, database.to_str().unwrap()]);
    assert!(told.starts_with("OK: "), "{told}");
    assert_eq!(second(&log_key, &[], &[database]), [true]);
    // And a start takes it up.
    doors.sidecar.restart();
}
