//! Mixed load, drawn from a seed, that ends when its connections break.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::asks::{Ask, FILES, STRIPE, THINGS, tunnel};
use super::books::Answered;
use crate::harness::{Sidecar, Wire};

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

/// Puts load on a sidecar, kills it after `span`, and gives what its clients were answered until then, and the markers of
/// what was under way.
pub fn until_killed(sidecar: &Sidecar, seed: u64, span: Duration) -> (Vec<Answered>, Vec<String>) {
    const CLIENTS: [(&str, &[Ask]); 6] = [
        (STRIPE, &[Ask::Read, Ask::Refund]),
        (STRIPE, &[Ask::Read, Ask::Refund]),
        (FILES, &[Ask::Upload]),
        (THINGS, &[Ask::Download, Ask::Block]),
        (STRIPE, &[Ask::Hold]),
        (STRIPE, &[Ask::Hold]),
    ];
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
        let approver = scope.spawn(|| approve_until_gone(sidecar, &key, Dice::new(seed + 99)));
        std::thread::sleep(span);
        sidecar.kill9();
        approver.join().unwrap();
        let (answered, died): (Vec<_>, Vec<_>) = clients.into_iter().map(|client| client.join().unwrap()).unzip();
        (answered.into_iter().flatten().collect(), died)
    })
}

impl Client {
    /// What was answered, and the marker of what was not.
    fn run(mut self) -> (Vec<Answered>, String) {
        let mut answered = Vec::new();
        loop {
            let ask = self.asks[self.dice.below(self.asks.len() as u64) as usize];
            let marker = fresh();
            if self.wire.try_send(&ask.bytes(&marker)).is_err() {
                return (answered, marker);
            }
            match self.wire.answer() {
                Some(answer) => answered.push(Answered {
                    marker,
                    status: answer.status,
                }),
                None => return (answered, marker),
            }
        }
    }
}

/// Approves what is held, one in two, until the sidecar is gone.
fn approve_until_gone(sidecar: &Sidecar, key: &str, mut dice: Dice) {
    let mut looked_at = std::collections::BTreeSet::new();
    while let Ok(answer) = sidecar.try_api("GET", "/api/v1/approvals?state=pending", key, None) {
        let Ok(list) = serde_json::from_slice::<serde_json::Value>(&answer.body) else {
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
