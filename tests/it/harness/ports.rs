//! Ports of the loopback: free ones, and one that must stay untouched.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ephemeral ports, so that no outgoing connection of anybody's takes one between asking and using.
const FIRST: u16 = 18_000;
const COUNT: u16 = 14_000;

/// A port that nobody listens on. Not asked for twice by one process; processes start at different places.
pub fn free() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() as u16).wrapping_mul(97);
    for _ in 0..COUNT {
        let step = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + step % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

/// A listener that nothing may ever connect to.
pub struct Canary(TcpListener);

impl Canary {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// # Panics
    /// If anything connected.
    pub fn assert_untouched(&self) {
        let visit = self.0.accept();
        assert!(visit.is_err(), "something connected to the canary: {visit:?}");
    }
}
