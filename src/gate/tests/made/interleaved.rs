//! Whatever happens in which order, no more is taken than was judged.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::gate::made::Leaves;

/// What the provider knows, and what is on its way to it.
struct World {
    gate: Gate,
    now: Timestamp,
    /// Amounts of intents by number.
    intents: BTreeMap<usize, i64>,
    under_way: Vec<Going>,
    /// Whose answer was lost, and that may yet arrive, until then.
    lost: Vec<(Deed, Timestamp)>,
    taken: usize,
}

#[derive(Clone, Debug)]
enum Deed {
    Create(i64),
    Raise(usize, i64),
    /// A change that no mapping names.
    Unknown(usize, i64),
    Confirm(usize, i64),
}

struct Going {
    deed: Deed,
    sent: Option<Sent>,
    stage: Stage,
    made: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Decided,
    Left,
    Arrived,
}

impl World {
    fn new() -> Self {
        Self {
            gate: observing(),
            now: NOON,
            intents: BTreeMap::new(),
            under_way: Vec::new(),
            lost: Vec::new(),
            taken: 0,
        }
    }

    fn decide(&mut self, kind: u8, which: usize, amount: i64) {
        let known: Vec<usize> = self.intents.keys().copied().collect();
        let intent = known.get(which % known.len().max(1)).copied();
        let (deed, call) = match (kind % 6, intent) {
            (0 | 1, _) | (_, None) => (
                Deed::Create(amount),
                post("/v1/payment_intents", &format!("amount={amount}&currency=usd")),
            ),
            (2, Some(intent)) => (
                Deed::Raise(intent, amount),
                post(&format!("/v1/payment_intents/pi_{intent}"), &format!("amount={amount}")),
            ),
            (3, Some(intent)) => (Deed::Unknown(intent, amount), post("/v1/nobody_knows", "a=b")),
            (_, Some(intent)) => (
                Deed::Confirm(intent, 0),
                post(&format!("/v1/payment_intents/pi_{intent}/confirm"), ""),
            ),
        };
        let Decision::Allow(permit) = judged_at(&self.gate, call, self.now) else {
            panic!("observed calls are sent")
        };
        let deed = match deed {
            // What is not known is held.
            Deed::Confirm(intent, _) => match permit.action().int("amount") {
                Some(judged) => Deed::Confirm(intent, judged),
                None => return,
            },
            other @ (Deed::Create(_) | Deed::Raise(..) | Deed::Unknown(..)) => other,
        };
        self.under_way.push(Going {
            deed,
            sent: Some(self.gate.sends(&permit, self.now)),
            stage: Stage::Decided,
            made: None,
        });
    }

    /// The provider carries it out.
    fn carry_out(&mut self, deed: &Deed) -> Option<usize> {
        match *deed {
            Deed::Create(amount) => {
                let id = self.intents.len();
                self.intents.insert(id, amount);
                return Some(id);
            }
            Deed::Raise(intent, amount) | Deed::Unknown(intent, amount) => {
                self.intents.insert(intent, amount);
            }
            Deed::Confirm(intent, judged) => {
                assert!(
                    self.intents[&intent] <= judged,
                    "taken {} by {judged}",
                    self.intents[&intent]
                );
                self.taken += 1;
            }
        }
        None
    }

    /// The next thing that happens to a call on its way.
    fn go_on(&mut self, which: usize, how: u8) {
        if self.under_way.is_empty() {
            return;
        }
        let mut going = self.under_way.swap_remove(which % self.under_way.len());
        let way = going.sent.as_ref().unwrap().way().unwrap();
        match (going.stage, how % 8) {
            // It ends before it leaves.
            (Stage::Decided, 0) => return,
            (Stage::Decided, _) => match way.leaves_now(self.now) {
                Leaves::Left(_) => going.stage = Stage::Left,
                Leaves::Waits => {}
                Leaves::Stale => return,
            },
            (Stage::Left, 0) => {
                going.sent.take().unwrap().ended(Outcome::Unknown, None, None, self.now);
                self.lost.push((going.deed, Timestamp(self.now.0 + 59_000)));
                return;
            }
            (Stage::Left, _) => {
                going.made = self.carry_out(&going.deed.clone());
                going.stage = Stage::Arrived;
            }
            (Stage::Arrived, how) => {
                let id = going.made.map(|made| format!("pi_{made}"));
                if how != 0 {
                    way.answered_anew();
                }
                let sent = going.sent.take().unwrap();
                sent.ended(Outcome::Success, Some(200), id.as_deref(), self.now);
                return;
            }
        }
        self.under_way.push(going);
    }

    /// What was lost arrives late, or never.
    fn late(&mut self, which: usize) {
        let now = self.now;
        self.lost.retain(|(_, until)| *until >= now);
        if !self.lost.is_empty() {
            let (deed, _) = self.lost.swap_remove(which % self.lost.len());
            self.carry_out(&deed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_more_is_taken_than_was_judged(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), 1..50_000i64), 50..400),
    ) {
        let mut world = World::new();
        for (step, which, how, amount) in steps {
            match step % 10 {
                0..3 => world.decide(how, usize::from(which), amount),
                3..9 if how >= 250 => world.now = Timestamp(world.now.0 + i64::from(which) * 300),
                3..9 => world.go_on(usize::from(which), how),
                _ => world.late(usize::from(which)),
            }
        }
    }
}

/// The property would hold of a world where nothing is ever recalled.
#[test]
fn something_is_taken() {
    let mut world = World::new();
    world.decide(0, 0, 700);
    for _ in 0..3 {
        world.go_on(0, 1);
    }
    world.decide(4, 0, 0);
    for _ in 0..3 {
        world.go_on(0, 1);
    }
    assert_eq!(world.taken, 1);
}
