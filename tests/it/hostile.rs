//! Floods: much that is begun, little that is a request. Memory stays within a bound that is written beside each, and who
//! asks honestly meanwhile is served. Floods of HTTP/2 frames stand in `bypass::floods`.

use std::time::{Duration, Instant};

use crate::harness::frames::{END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, block, frame};
use crate::harness::{Broken, Frame, Http2, Origin, Sidecar, Tunnel, Wire, eventually, noise};

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

    fn with(more: impl FnOnce(crate::harness::Configuration) -> crate::harness::Configuration) -> Self {
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
        let grown = self.sidecar.peak() - self.before;
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

/// What was announced takes no memory from who sends what they announce.
#[test]
fn contents_that_drip_leave_room_for_others() {
    let stripe = Origin::stripe();
    let world = World::with(|sidecar| {
        sidecar
            .resolve("api.stripe.com", &stripe)
            .section("limits: { body: 8MiB, bodies: 16MiB, decoded: 8MiB }")
    });
    let charge = |length: usize| {
        format!(
            "POST /v1/charges HTTP/1.1\r\nHost: api.stripe.com\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\namount=1&currency=usd&source=x"
        )
    };
    let drips: Vec<Wire> = (0..50)
        .map(|_| {
            let mut wire = Tunnel::to("api.stripe.com:443").open(&world.sidecar);
            wire.send(charge(8_000_000));
            wire
        })
        .collect();
    let answer = Tunnel::to("api.stripe.com:443").open(&world.sidecar).ask(charge(30));
    assert_eq!(answer.status, 200, "{answer:?}");
    world.assert_bears(24);
    assert_eq!(stripe.seen().len(), 1);
    drop(drips);
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

/// Large answers that nobody takes, many at a time: the providers are kept from sending.
#[test]
fn answers_that_are_not_read_are_not_kept() {
    let world = World::new();
    let mut client = Http2::to(&world.sidecar, "things.example");
    // No window at all for the answers.
    client.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    for call in 0..60u32 {
        let fields = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "things.example"),
            (":path", "/bytes/2000000"),
        ];
        client.head(2 * call + 1, &fields, true);
    }
    for _ in 0..60 {
        let read = client.read();
        assert!(matches!(read, Frame::Head(_, 200, false)), "{read:?}");
    }
    // 120 MB in all. Read ahead is some 500 KiB of each: hyper's buffer, and ours towards the agent.
    world.assert_bears(48);
    drop(client);
    // Those and the honest ones.
    eventually("each has its outcome", || {
        world.sidecar.trail().of_kind("outcome").len() == 62
    });
}

/// CVE-2025-8671: the agent makes us reset its streams, each of which has been begun with.
#[test]
fn streams_that_we_are_made_to_reset_end_the_connection() {
    let world = World::new();
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "things.example"),
        (":path", "/made"),
    ];
    for _ in 0..3 {
        let mut client = Http2::to(&world.sidecar, "things.example");
        client.wire().patience(Duration::from_secs(30));
        for call in 0..5000u32 {
            let stream = 2 * call + 1;
            client
                .head(stream, &fields, false)
                .frame(WINDOW_UPDATE, 0, stream, &[0; 4]);
        }
        assert_eq!(client.ended_with().unwrap_or(11), 11, "ENHANCE_YOUR_CALM");
    }
    world.assert_bears(32);
    let begun = world.origin.calls("POST", "/made").len();
    assert!(begun < 1000, "{begun} of 15000 reached the provider");
}

/// CVE-2023-44487: what is reset at once is not sent on for ever.
#[test]
fn rapid_resets_reach_the_provider_seldom() {
    let world = World::new();
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "things.example"),
        (":path", "/rapid"),
    ];
    let mut client = Http2::to(&world.sidecar, "things.example");
    client.wire().patience(Duration::from_secs(30));
    let one = |stream: u32| {
        [
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields)),
            frame(3, 0, stream, &[0, 0, 0, 8]),
        ]
        .concat()
    };
    let flood: Vec<u8> = (0..20_000).flat_map(|call| one(2 * call + 1)).collect();
    for part in flood.chunks(64 << 10) {
        client.wire().send(part);
    }
    client.ended_with();
    world.assert_bears(32);
    let sent = world.origin.calls("GET", "/rapid").len();
    let decided = world.sidecar.trail().of_kind("decided").len();
    assert!(sent < 2000 && decided < 2000, "{sent} sent, {decided} decided of 20000");
}

/// A provider that says 103 for ever, and one whose head never ends.
#[test]
fn a_provider_that_floods_fills_no_memory() {
    let hints: Vec<u8> = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100_000);
    let last = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let hinting = Broken::http1(move |_| ([&hints[..], last].concat(), true));
    let endless = Broken::http1(|_| {
        (
            [b"HTTP/1.1 200 OK\r\nx-long: ", &*noise(16 << 20).to_ascii_lowercase()].concat(),
            true,
        )
    });
    let many = Broken::http1(|_| {
        (
            [&b"HTTP/1.1 200 OK\r\n"[..], &b"x-a: b\r\n".repeat(1 << 20)].concat(),
            true,
        )
    });
    let by_http2 = Broken::http2([], |_, stream| {
        let hint = frame(
            HEADERS,
            END_HEADERS,
            stream,
            &block(&[(":status", "103"), ("link", "</a>")]),
        );
        let last = frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]);
        ([hint.repeat(50_000), last].concat(), true)
    });
    let continued = Broken::http2([], |_, stream| {
        let more = frame(9, 0, stream, &block(&[("x-more", &"x".repeat(1000))]));
        ([frame(HEADERS, 0, stream, &[0x88]), more.repeat(10_000)].concat(), true)
    });
    let pings = Broken::http2(frame(6, 0, 0, &[0; 8]).repeat(200_000), |_, stream| {
        (frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]), true)
    });
    let providers = [
        ("hinting", &hinting, [200, 200]),
        ("endless", &endless, [502, 502]),
        ("many", &many, [502, 502]),
        ("by-http2", &by_http2, [200, 502]),
        ("continued", &continued, [502, 502]),
        ("pings", &pings, [200, 502]),
    ];
    let world = World::with(|sidecar| {
        providers.iter().fold(sidecar, |sidecar, (name, provider, _)| {
            let address = provider.address();
            sidecar
                .resolve_to(&format!("{name}.example"), &address)
                .destination(&address)
        })
    });
    for (name, provider, statuses) in providers {
        let request = format!("GET /flood HTTP/1.1\r\nHost: {name}.example\r\n\r\n");
        let answer = Tunnel::to(&format!("{name}.example:443"))
            .open(&world.sidecar)
            .ask(request);
        assert!(statuses.contains(&answer.status), "{name}: {answer:?}");
        assert!(provider.heads() <= 1, "{name}: sent again");
        honest(&world.sidecar);
    }
    world.assert_bears(32);
}
