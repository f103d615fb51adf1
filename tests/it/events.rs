//! Server-sent events: each reaches the agent before the next is written, whatever else is done with the answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{Gate, Origin, PATIENCE, Reply, Sidecar, Tunnel, Wire, contains, eventually};

const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

/// One line of events in three parts, each with all that a reader needs to read so far.
fn events() -> [Vec<u8>; 3] {
    [1, 2, 3].map(|number| format!("data: {number}\n\n").into_bytes())
}

/// The same under a coding, each part readable so far, the whole of it ended.
fn gzipped(parts: [Vec<u8>; 3]) -> [Vec<u8>; 3] {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut coded = parts.map(|part| {
        encoder.write_all(&part).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    });
    coded[2].extend(encoder.finish().unwrap());
    coded
}

/// Reads until these bytes have come.
fn until(wire: &mut impl Read, read: &mut Vec<u8>, wanted: &[u8]) {
    while !contains(read, wanted) {
        let mut piece = [0; 4096];
        let length = wire
            .read(&mut piece)
            .unwrap_or_else(|error| panic!("{error}: the next event has not come"));
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(read));
        read.extend_from_slice(&piece[..length]);
    }
}

/// The origin writes an event only once the agent has said, by another call, that it has the one before.
fn each_comes_before_the_next(request: &str, host: &str, reply: Reply, events: &[Vec<u8>; 3]) -> Sidecar {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve(host, &origin)
        .resolve("acks.example", &origin)
        .only_policy(EVERYTHING)
        .start();
    let gates: Arc<[Gate]> = [Gate::shut(), Gate::shut()].into();
    let mut reply = reply.bytes(events[0].clone());
    for (gate, event) in gates.iter().zip(&events[1..]) {
        reply = reply.gate(gate).bytes(event.clone());
    }
    origin.answer_next_with(reply);
    origin.on_arrival(move |seen| match seen.path() {
        "/has/0" => gates[0].open(),
        "/has/1" => gates[1].open(),
        _ => {}
    });
    let (mut wire, mut read) = (Tunnel::to(&format!("{host}:443")).open(&sidecar), Vec::new());
    wire.send(request);
    let mut acks = Tunnel::to("acks.example:443").open(&sidecar);
    for (number, event) in events.iter().enumerate() {
        until(&mut wire, &mut read, event);
        let ack = format!("GET /has/{number} HTTP/1.1\r\nHost: acks.example\r\n\r\n");
        assert_eq!(acks.ask(ack).status, 200);
    }
    until(&mut wire, &mut read, b"\r\n0\r\n\r\n");
    sidecar
}

#[test]
fn an_event_comes_before_the_next_is_written() {
    let reply = Reply::new(200).header("content-type", "text/event-stream");
    let request = "GET /events HTTP/1.1\r\nHost: things.example\r\nAccept: text/event-stream\r\n\r\n";
    each_comes_before_the_next(request, "things.example", reply, &events());
}

#[test]
fn a_coded_event_comes_as_it_was_coded() {
    let reply = Reply::new(200)
        .header("content-type", "text/event-stream")
        .header("content-encoding", "gzip");
    let request = "GET /events HTTP/1.1\r\nHost: things.example\r\nAccept-Encoding: gzip\r\n\r\n";
    each_comes_before_the_next(request, "things.example", reply, &gzipped(events()));
}

/// Slack's answers are looked at beside the stream, for their `ok`.
#[test]
fn an_answer_that_is_looked_at_comes_no_later() {
    let content = r#"{"channel":"C1","text":"hello"}"#;
    let request = format!(
        "POST /api/chat.postMessage HTTP/1.1\r\nHost: slack.com\r\nAuthorization: Bearer xoxb-1\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let no = [&b"{\"error\": \"not_in_channel\","[..], b" \"ok\"", b": false}"].map(<[u8]>::to_vec);
    for (coding, pieces) in [(None, no.clone()), (Some("gzip"), gzipped(no))] {
        let reply = Reply::new(200).header("content-type", "application/json");
        let reply = coding
            .iter()
            .fold(reply, |reply, coding| reply.header("content-encoding", *coding));
        let sidecar = each_comes_before_the_next(&request, "slack.com", reply, &pieces);
        let outcomes = || sidecar.trail().of_kind("outcome");
        eventually("it has an outcome, as the calls that say so", || outcomes().len() == 4);
        let failures = || {
            outcomes()
                .iter()
                .filter(|outcome| outcome["outcome"] == "failure")
                .count()
        };
        assert_eq!(failures(), 1, "it was read: {:?}", outcomes());
    }
}

/// A provider in clear that answers one request with an event and says whether its connection was closed then.
fn provider_of_one_event() -> (String, std::thread::JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        until(&mut stream, &mut Vec::new(), b"\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream
            .write_all(format!("{head}9\r\ndata: 1\n\n\r\n").as_bytes())
            .unwrap();
        matches!(stream.read(&mut [0]), Ok(0)) || stream.take_error().is_ok_and(|error| error.is_some())
    });
    (address, thread)
}

#[test]
fn an_agent_that_leaves_an_endless_answer_ends_it_upstream() {
    let (address, closed) = provider_of_one_event();
    let sidecar = Sidecar::new()
        .resolve_to("events.example:80", &address)
        .destination(&address)
        .start();
    let mut wire = Wire::to(&sidecar);
    wire.send("GET http://events.example/ HTTP/1.1\r\nHost: events.example\r\n\r\n");
    until(&mut wire, &mut Vec::new(), b"data: 1\n\n");
    drop(wire);
    assert!(closed.join().unwrap(), "the provider writes on for nobody");
    eventually("it is closed in the record", || {
        sidecar.trail().of_kind("outcome").len() == 1
    });
    assert_eq!(sidecar.trail().of_kind("outcome")[0]["outcome"], "abandoned");
}
