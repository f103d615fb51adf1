//! Mixed load, drawn from a seed, that ends when its connections break.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::asks::{Ask, FILES, STRIPE, THINGS, tunnel};
use super::books::Answered;
use crate::harness::{HttpAnswer, Sidecar, Wire};

/// xorshift64*: the same seed, the same draws.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Seeds that lie close together must not draw alike.
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.below(2);
        dice
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}

/// A marker that nobody had before: `kx` and five letters, for of a host without a mapping the record keeps only what
/// looks like a word.
pub fn fresh() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 26 * 26 * 26 * 26, "the markers are used up");
    let letter = |place: u32| char::from(b'a' + u8::try_from(number / 26u64.pow(place) % 26).unwrap());
    format!("kx{}a{}{}{}", letter(3), letter(2), letter(1), letter(0))
}

/// A client that asks one thing after the other on one connection.
struct Client {
    wire: Wire,
    asks: &'static [Ask],
    dice: Dice,
}

const CLIENTS: [(&str, &[Ask]); 6] = [
    (STRIPE, &[Ask::Read, Ask::Refund]),
    (STRIPE, &[Ask::Read, Ask::Refund]),
    (FILES, &[Ask::Upload]),
    (THINGS, &[Ask::Download, Ask::Block]),
    (STRIPE, &[Ask::Hold]),
    (STRIPE, &[Ask::Hold]),
];

/// Puts load on a sidecar, kills it after `span`, and gives what its clients were answered until then, and the markers of
/// what was under way.
pub fn until_killed(sidecar: &Sidecar, seed: u64, span: Duration) -> (Vec<Answered>, Vec<String>) {
    // Opened before anything is killed, so that a connection that breaks is one that carried calls.
    let clients: Vec<Client> = (0..)
        .zip(CLIENTS)
        .map(|(at, (host, asks))| Client {
            wire: tunnel(sidecar, host),
            asks,
            dice: Dice::new(seed + at),
        })
        .collect();
    let key = sidecar.owner_key();
    std::thread::scope(|scope| {
        let clients: Vec<_> = clients.into_iter().map(|client| scope.spawn(|| client.run())).collect();
        let approver = scope.spawn(|| approve_until_gone(sidecar, &key, Dice::new(seed + 99), &AtomicBool::new(true)));
        std::thread::sleep(span);
        sidecar.kill9();
        approver.join().unwrap();
        let (answered, died): (Vec<_>, Vec<_>) = clients.into_iter().map(|client| client.join().unwrap()).unzip();
        (answered.into_iter().flatten().collect(), died)
    })
}

/// Puts the same load on it for as long as `during` takes, and gives what was answered. What breaks is connected anew.
pub fn under(sidecar: &Sidecar, seed: u64, during: impl FnOnce()) -> Vec<Answered> {
    let (goes_on, key) = (AtomicBool::new(true), sidecar.owner_key());
    std::thread::scope(|scope| {
        let (goes_on, key) = (&goes_on, &key);
        let clients: Vec<_> = (0..)
            .zip(CLIENTS)
            .map(|(at, (host, asks))| {
                scope.spawn(move || {
                    let mut client = Client {
                        wire: tunnel(sidecar, host),
                        asks,
                        dice: Dice::new(seed + at),
                    };
                    let mut answered = Vec::new();
                    while goes_on.load(Ordering::Relaxed) {
                        match client.once() {
                            Ok(answer) => answered.push(answer),
                            Err(_) => client.wire = tunnel(sidecar, host),
                        }
                        std::thread::sleep(Duration::from_millis(client.dice.below(10)));
                    }
                    answered
                })
            })
            .collect();
        let approver = scope.spawn(move || approve_until_gone(sidecar, key, Dice::new(seed + 99), goes_on));
        during();
        goes_on.store(false, Ordering::Relaxed);
        approver.join().unwrap();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

impl Client {
    /// The marker, where it was not answered.
    fn once(&mut self) -> Result<Answered, String> {
        let ask = self.asks[self.dice.below(self.asks.len() as u64) as usize];
        let marker = fresh();
        if self.wire.try_send(&ask.bytes(&marker)).is_err() {
            return Err(marker);
        }
        match self.wire.answer() {
            Some(answer) => Ok(Answered {
                marker,
                status: answer.status,
            }),
            None => Err(marker),
        }
    }

    /// What was answered, and the marker of what was not.
    fn run(mut self) -> (Vec<Answered>, String) {
        let mut answered = Vec::new();
        loop {
            match self.once() {
                Ok(answer) => answered.push(answer),
                Err(marker) => return (answered, marker),
            }
        }
    }
}

/// What is held; nothing where that could not be told; `None`: the answer was cut off.
fn pending(answer: &HttpAnswer) -> Option<serde_json::Value> {
    match answer.status {
        200 => serde_json::from_slice(&answer.body).ok(),
        _ => Some(serde_json::json!([])),
    }
}

/// Approves what is held, one in two, until the sidecar is gone, or the load.
fn approve_until_gone(sidecar: &Sidecar, key: &str, mut dice: Dice, goes_on: &AtomicBool) {
    let mut looked_at = std::collections::BTreeSet::new();
    while goes_on.load(Ordering::Relaxed)
        && let Ok(answer) = sidecar.try_api("GET", "/api/v1/approvals?state=pending", key, None)
    {
        let Some(list) = pending(&answer) else {
            return;
        };
        for approval in crate::harness::items(&list) {
            let id = approval["id"].as_str().unwrap().to_owned();
            if looked_at.insert(id.clone()) && dice.below(2) == 0 {
                let path = format!("/api/v1/approvals/{id}/approve");
                if sidecar
                    .try_api("POST", &path, key, Some(&serde_json::json!({})))
                    .is_err()
                {
                    return;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(5 + dice.below(20)));
    }
}
