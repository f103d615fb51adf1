//! Floods: much that is begun, little that is a request. Memory stays within a bound that is written beside each, and who
//! asks honestly meanwhile is served. Floods of HTTP/2 frames stand in `bypass::floods` too.

mod answers;
mod contents;
mod resets;

use std::time::{Duration, Instant};

use crate::harness::{Configuration, Origin, Sidecar, Tunnel, Wire, eventually};

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;
const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";

struct World {
    origin: Origin,
    sidecar: Sidecar,
    /// The most memory it ever had before the flood, in MiB.
    before: usize,
}

impl World {
    fn new() -> Self {
        Self::with(|sidecar| sidecar)
    }

    fn with(more: impl FnOnce(Configuration) -> Configuration) -> Self {
        let origin = Origin::of_things();
        let sidecar = Sidecar::new().resolve("things.example", &origin).only_policy(ALL);
        let sidecar = more(sidecar).start();
        honest(&sidecar);
        let before = sidecar.peak();
        Self {
            origin,
            sidecar,
            before,
        }
    }

    /// Somebody else is served, and it never had so many MiB more than before.
    #[track_caller]
    fn assert_bears(&self, bound: usize) {
        honest(&self.sidecar);
        let grown = self.sidecar.grown(self.before);
        println!("{grown} MiB more, of {bound}");
        assert!(grown < bound, "{grown} MiB more than the {} before", self.before);
    }

    fn tunnel(&self) -> Wire {
        Tunnel::to("things.example:443").open(&self.sidecar)
    }
}

/// A call from its CONNECT to its answer.
#[track_caller]
fn honest(sidecar: &Sidecar) {
    let start = Instant::now();
    let answer = Tunnel::to("things.example:443").open(sidecar).ask(HELLO);
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello\n"));
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "served after {:?}",
        start.elapsed()
    );
}

#[test]
fn heads_without_end_are_refused() {
    let world = World::new();
    let lines: String = (0..64)
        .map(|count| format!("X-{count}: {}\r\n", "v".repeat(1000)))
        .collect();
    let one_line = "v".repeat(64 << 10);
    let names = "x".repeat(64 << 10);
    for beginning in [
        "GET http://things.example/ HTTP/1.1\r\n",
        "CONNECT things.example:443 HTTP/1.1\r\n",
        "GET http://things.example/",
        "GET http://things.example/ HTTP/1.1\r\nX-Long: ",
    ] {
        for more in [&lines, &one_line, &names] {
            let mut wire = Wire::to(&world.sidecar);
            wire.patience(Duration::from_secs(20));
            wire.send(beginning);
            // Up to 16 MiB; it is hung up on long before.
            for _ in 0..256 {
                if wire.try_send(more.as_bytes()).is_err() {
                    break;
                }
            }
            if let Ok(Some(answer)) = crate::harness::read_answer(&mut wire, false) {
                assert!((400..500).contains(&answer.status), "{answer:?}");
            }
        }
    }
    world.assert_bears(16);
    assert!(world.origin.seen().iter().all(|seen| seen.target == "/hello"));
}

#[test]
fn many_small_fields_are_refused() {
    let world = World::new();
    let fields: String = (0..200).map(|count| format!("x-{count}: 1\r\n")).collect();
    let in_tunnel = format!("GET /many HTTP/1.1\r\nHost: things.example\r\n{fields}\r\n");
    let in_clear = in_tunnel.replace("/many", "http://things.example/many");
    for _ in 0..50 {
        assert_eq!(world.tunnel().ask(&in_tunnel).status, 431);
        assert_eq!(Wire::to(&world.sidecar).ask(&in_clear).status, 431);
    }
    world.assert_bears(16);
    assert!(world.origin.calls("GET", "/many").is_empty());
    eventually("each is in the trail", || {
        world.sidecar.trail().of_kind("refused").len() == 100
    });
}

/// Connections that stop in the middle, of each kind at each place.
#[test]
fn what_is_half_said_holds_nobody_up() {
    let world = World::new();
    let sidecar = &world.sidecar;
    let clear = |text: &str| {
        let mut wire = Wire::to(sidecar);
        wire.send(text);
        wire
    };
    let tunnel = || Tunnel::to("things.example:443").connect(sidecar).0;
    let half: Vec<Wire> = (0..400)
        .map(|count| match count % 8 {
            0 => clear(""),
            1 => clear("GET http://thi"),
            2 => clear("CONNECT things.example:443 HTTP/1.1\r\nHost: thi"),
            3 => tunnel(),
            // A TLS record that announces a hello.
            4 => {
                let mut wire = tunnel();
                wire.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
                wire
            }
            5 => {
                let mut wire = world.tunnel();
                wire.send("POST /half HTTP/1.1\r\nHost: things.ex");
                wire
            }
            6 => world.tunnel(),
            _ => {
                let mut wire = clear("POST http://api.stripe.com/v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\n");
                wire.send("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8000000\r\n\r\na");
                wire
            }
        })
        .collect();
    // A debug build's TLS takes some 100 KiB for each.
    world.assert_bears(64);
    drop(half);
    honest(sidecar);
    assert!(world.origin.seen().iter().all(|seen| seen.target == "/hello"));
}

/// Certificates are made for so many names at once and no more; those that were made are served on.
#[test]
fn ever_new_names_are_refused_beyond_a_number() {
    let world = World::new();
    let (mut granted, mut refused) = (0, 0);
    for count in 0..1500 {
        let (_, answer) = Tunnel::to(&format!("n{count}.example:443")).connect(&world.sidecar);
        match answer.map(|answer| (answer.status, answer.text().contains("overloaded"))) {
            Some((200, _)) => granted += 1,
            Some((503, true)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(granted > 200 && refused > 100, "{granted} granted, {refused} refused");
    // A leaf with its configuration takes some 20 kB.
    world.assert_bears(48);
    eventually("each is in the trail", || {
        world.sidecar.trail().of_kind("refused").len() == refused
    });
}

/// So many connections and no more: the others wait at the door, and come in when somebody leaves.
#[test]
fn tunnels_beyond_the_limit_wait_outside() {
    let world = World::with(|sidecar| sidecar.section("limits: { connections: 60 }"));
    let tunnels: Vec<Wire> = (0..60)
        .map(|_| Tunnel::to("things.example:443").connect(&world.sidecar).0)
        .collect();
    let outside: Vec<Wire> = (0..60)
        .map(|_| {
            let mut wire = Wire::to(&world.sidecar);
            wire.send("CONNECT things.example:443 HTTP/1.1\r\nHost: things.example:443\r\n\r\n");
            wire
        })
        .collect();
    let mut first = outside.into_iter();
    let mut one = first.next().unwrap();
    one.patience(Duration::from_millis(500));
    assert!(crate::harness::read_answer(&mut one, true).is_err(), "it waits");
    one.patience(Duration::from_secs(30));
    drop(tunnels);
    assert_eq!(one.answer_to_head().map(|answer| answer.status), Some(200));
    drop((one, first));
    world.assert_bears(24);
}

/// Half a hello, and no more: given up within ten seconds, and in the trail.
#[test]
fn a_hello_that_does_not_end_is_given_up() {
    let world = World::new();
    let mut half: Vec<Wire> = (0..50)
        .map(|_| {
            let (mut wire, _) = Tunnel::to("things.example:443").connect(&world.sidecar);
            wire.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
            wire
        })
        .collect();
    world.assert_bears(16);
    for wire in &mut half {
        wire.patience(Duration::from_secs(40));
        assert!(wire.is_closed());
    }
    eventually("each is in the trail", || {
        world.sidecar.trail().of_kind("refused").len() == 50
    });
}
