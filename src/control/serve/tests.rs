use std::sync::LazyLock;

use axum::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::*;

/// Bytes of an answer that no buffers on the way hold.
const LONG: usize = 64 << 20;
/// Once for all who ask.
static CONTENT: LazyLock<Bytes> = LazyLock::new(|| vec![b'a'; LONG].into());

async fn serving(bounds: Bounds) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/live", axum::routing::get(|| async { "alive" }))
        .route(
            QUESTIONS,
            axum::routing::get(|| async { "asked" }).post(|| async { StatusCode::FORBIDDEN }),
        );
    let router = router
        .route(proof::PATH, axum::routing::get(|| async { "shown" }))
        .route("/form", axum::routing::post(|form: String| async { form }))
        .route(
            "/slow",
            axum::routing::post(|_: String| async { sleep(Duration::from_secs(3)).await }),
        )
        .route("/long", axum::routing::get(|| async { CONTENT.clone() }));
    tokio::spawn(serve(listener, None, router, bounds, std::future::pending()));
    address
}

async fn from(peer: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{peer}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// What is said until the end, if it comes in a minute.
async fn said(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A connection that is reset has said all it will.
    let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut said))
        .await
        .expect("it ends");
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn one_silent_peer_leaves_places_to_others() {
    let hour = Duration::from_secs(3600);
    let address = serving(Bounds {
        head: hour,
        ..Bounds::PROBES
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(from("127.0.0.1", address).await);
    }
    let mut probe = from("127.0.0.2", address).await;
    probe.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(said(&mut probe).await.ends_with("alive"));
    let mut more = silent.split_off(Bounds::PROBES.connections);
    assert_eq!(said(&mut more[0]).await, "");
    // Who leaves makes room for another of its own.
    drop(silent);
    loop {
        let mut again = from("127.0.0.1", address).await;
        let asked = again.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await;
        if asked.is_ok() && said(&mut again).await.ends_with("alive") {
            break;
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_does_not_read_leaves() {
    let address = serving(Bounds {
        unread: Duration::from_millis(500),
        ..Bounds::CONTROL
    })
    .await;
    let long = |mut stream: TcpStream| async {
        stream
            .write_all(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(long(from("127.0.0.1", address).await).await);
    }
    // There is a place only once one of them is gone.
    let began = Instant::now();
    let mut asks = from("127.0.0.1", address).await;
    asks.write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(said(&mut asks).await.ends_with("alive"));
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(said(&mut idle[0]).await.len() < LONG, "what was cut off is not whole");
    // Who reads has all of it.
    let mut reads = long(from("127.0.0.1", serving(Bounds::CONTROL).await).await).await;
    assert!(said(&mut reads).await.len() > LONG);
}

/// Asks once, and tells whether the connection goes on.
async fn goes_on(stream: &mut TcpStream, method: &str, path: &str) -> bool {
    let head = asked(stream, method, path).await;
    let goes_on = !head.contains("connection: close");
    assert_eq!(head.contains("keep-alive: timeout="), goes_on, "{head}");
    goes_on
}

/// Asks once; the head of the answer, whose content of five bytes is read.
async fn asked(stream: &mut TcpStream, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    if head.contains("content-length: 5") {
        stream.read_exact(&mut [0; 5]).await.unwrap();
    }
    head
}

#[tokio::test]
async fn who_asks_before_each_action_keeps_the_connection_while_places_are_left_for_people() {
    let address = serving(Bounds::CONTROL).await;
    let mut agent = from("127.0.0.1", address).await;
    let head = asked(&mut agent, "GET", QUESTIONS).await;
    assert!(head.contains("keep-alive: timeout=5\r\n"), "{head}");
    assert!(goes_on(&mut agent, "GET", QUESTIONS).await, "a second time");
    assert!(!goes_on(&mut agent, "POST", QUESTIONS).await, "it was refused");
    let mut person = from("127.0.0.1", address).await;
    assert!(!goes_on(&mut person, "GET", "/live").await);
    drop((agent, person));
    let mut pool = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut agent = from("127.0.0.1", address).await;
        if goes_on(&mut agent, "GET", QUESTIONS).await {
            pool.push(agent);
        }
    }
    // The two before may not have left yet.
    assert!((KEPT - 3..=KEPT).contains(&pool.len()), "{} are kept", pool.len());
}

#[tokio::test]
async fn who_says_nothing_is_closed() {
    let soon = Duration::from_millis(50);
    let address = serving(Bounds {
        head: soon,
        ..Bounds::PROBES
    })
    .await;
    assert_eq!(said(&mut from("127.0.0.1", address).await).await, "");
    assert!(Bounds::PROBES.head <= Duration::from_secs(2));
}

#[tokio::test]
async fn a_connection_that_is_kept_is_closed_when_nothing_more_is_asked() {
    let head = Duration::from_millis(300);
    let address = serving(Bounds {
        head,
        ..Bounds::CONTROL
    })
    .await;
    let mut agent = from("127.0.0.1", address).await;
    for _ in 0..2 {
        assert!(goes_on(&mut agent, "GET", QUESTIONS).await);
    }
    let since = Instant::now();
    assert_eq!(said(&mut agent).await, "");
    assert!(since.elapsed() >= head / 2, "not at once: {:?}", since.elapsed());
    assert!(Bounds::CONTROL.head <= Duration::from_secs(10));
}

/// A request in pieces: `said` of it.
async fn saying(said: &str, to: SocketAddr) -> TcpStream {
    let mut stream = from("127.0.0.1", to).await;
    stream.write_all(said.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn who_does_not_ask_leaves_places_to_who_does() {
    let hour = Duration::from_secs(3600);
    let address = serving(Bounds {
        head: hour,
        ..Bounds::CONTROL
    })
    .await;
    let slow = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    let mut person = saying(slow, address).await;
    let content = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{";
    let half = "GET /live HTTP/1.1\r\nHost: a\r\n";
    let mut others = Vec::new();
    for said in ["", half, content] {
        for _ in 0..CONNECTIONS {
            others.push(saying(said, address).await);
        }
        let mut asks = saying("GET /live HTTP/1.1\r\nHost: a\r\n\r\n", address).await;
        assert!(self::said(&mut asks).await.ends_with("alive"), "{said:?}");
    }
    // One that was shown a proof and asks nothing then.
    let mut shown = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = from("127.0.0.1", address).await;
        assert!(goes_on(&mut stream, "GET", proof::PATH).await);
        shown.push(stream);
    }
    let last = shown.last_mut().unwrap();
    assert!(asked(last, "GET", "/live").await.starts_with("http/1.1 200"));
    assert_eq!(said(&mut others[0]).await, "", "the oldest make room");
    assert!(
        said(&mut person).await.starts_with("HTTP/1.1 200"),
        "who asked whole is answered"
    );
}

#[test]
fn a_network_of_addresses_is_one_peer() {
    let machine = |text: &str| super::machine(text.parse().unwrap());
    assert_eq!(machine("2001:db8:0:1::1"), machine("2001:db8:0:1:ffff::2"));
    assert_ne!(machine("2001:db8:0:1::1"), machine("2001:db8:0:2::1"));
    assert_eq!(machine("::ffff:10.0.0.1"), machine("10.0.0.1"));
    assert_ne!(machine("10.0.0.1"), machine("10.0.0.2"));
}
