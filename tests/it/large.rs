//! A hundred megabytes up and down in bounded memory, and uploads in Amazon's own framing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::clients::aws::before_s3;
use crate::harness::{
    Moto, Origin, PATIENCE, Reply, Session, Sidecar, Tunnel, Wire, contains, eventually, noise, sha256,
};
use crate::reject::MOTO;

const EVERYTHING: &str = r#"
@id("everything")
permit (principal, action, resource);
"#;

const PIECE: usize = 20 << 20;
const PIECES: usize = 5;

fn hundred_megabytes() -> Vec<u8> {
    noise(PIECE).repeat(PIECES)
}

/// Not while a call is decided: it would pay for what a reload freed.
#[test]
fn what_a_reload_freed_goes_back_though_nobody_calls() {
    let sidecar = Sidecar::new().start();
    let of_it = |file: &str| std::fs::read(format!("/proc/{}/{file}", sidecar.pid())).unwrap();
    assert!(contains(&of_it("environ"), b"\0MIMALLOC_PURGE_DELAY=3600000\0"));
    assert!(contains(&of_it("cmdline"), b"\0run\0"));
    let rule = |n| format!("@id(\"more-{n}\") forbid (principal == Agent::\"bot-{n}\", action, resource);\n");
    sidecar.puts("policies/more.cedar", (0..2_000).map(rule).collect::<String>());
    sidecar.puts("policies/more.cedar", String::new());
    let freed = |than: usize| sidecar.peak().saturating_sub(sidecar.resident()) >= than;
    eventually("memory goes back", || freed(20));
}

#[test]
fn a_hundred_megabytes_go_up_and_down_in_little_memory() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new()
        .resolve("things.example", &origin)
        .only_policy(EVERYTHING)
        .start();
    let hello = "GET /hello HTTP/1.1\r\nHost: things.example\r\n\r\n";
    assert_eq!(Tunnel::to("things.example:443").open(&sidecar).ask(hello).status, 200);
    let before = sidecar.peak();
    let digest = sha256(hundred_megabytes());

    let post = "POST /sink HTTP/1.1\r\nHost: things.example\r\n";
    let mut sized = Tunnel::to("things.example:443").open(&sidecar);
    sized.send(format!("{post}Content-Length: {}\r\n\r\n", PIECE * PIECES));
    for _ in 0..PIECES {
        sized.send(noise(PIECE));
    }
    assert_eq!(sized.answer().unwrap().status, 200);
    let mut chunked = Tunnel::to("things.example:443").open(&sidecar);
    chunked.send(format!("{post}Transfer-Encoding: chunked\r\n\r\n"));
    for _ in 0..PIECES {
        for chunk in noise(PIECE).chunks(1 << 20) {
            chunked.send(format!("{:x}\r\n", chunk.len())).send(chunk).send("\r\n");
        }
    }
    assert_eq!(chunked.ask("0\r\n\r\n").status, 200);
    for seen in origin.calls("POST", "/sink") {
        assert!(seen.complete);
        assert_eq!(sha256(&seen.body), digest);
    }

    for framing in ["transfer-encoding", "content-length"] {
        let value = match framing {
            "content-length" => (PIECE * PIECES).to_string(),
            _ => "chunked".to_owned(),
        };
        let reply = Reply::new(200).header(framing, value);
        origin.answer_next_with((0..PIECES).fold(reply, |reply, _| reply.bytes(noise(PIECE))));
        let answer = Tunnel::to("things.example:443").open(&sidecar).ask(hello);
        assert_eq!((answer.header(framing).is_some(), answer.complete), (true, true));
        assert_eq!(sha256(&answer.body), digest, "{framing}");
    }

    // A debug build starts with more than a release build ends with, and its frames are larger: what counts here is that
    // the content is nowhere kept.
    let grown = sidecar.grown(before);
    assert!(grown < 24, "{grown} MiB for four times 100, after {before}");
}

/// A provider in clear that writes as long as somebody takes it, and tells how much was taken when nobody did for a while.
fn endless() -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
            .unwrap();
        let (mut taken, start) = (0, Instant::now());
        while let Ok(written) = stream.write(&[7; 64 << 10]) {
            taken += written;
            assert!(
                taken < 256 << 20 && start.elapsed() < PATIENCE,
                "{taken} bytes that nobody has read"
            );
        }
        taken
    });
    (address, thread)
}

#[test]
fn an_agent_that_does_not_read_stops_the_provider_from_sending() {
    let (address, taken) = endless();
    let sidecar = Sidecar::new()
        .resolve_to("endless.example:80", &address)
        .destination(&address)
        .start();
    let before = sidecar.peak();
    let mut wire = Wire::to(&sidecar);
    wire.send("GET http://endless.example/ HTTP/1.1\r\nHost: endless.example\r\n\r\n");
    let taken = taken.join().unwrap();
    // Most of it lies in the buffers of four sockets.
    assert!(taken < 32 << 20, "{taken}");
    assert!(sidecar.grown(before) < 16);
}

/// Content as an SDK signs it while it sends: each piece with its signature, and a checksum as a trailer, all in the body.
fn aws_chunked(trailer: bool) -> Vec<u8> {
    let mut content = Vec::new();
    for piece in [&noise(70_000)[..], &noise(10)[..], b""] {
        let signature = sha256(piece);
        content.extend_from_slice(format!("{:x};chunk-signature={signature}\r\n", piece.len()).as_bytes());
        content.extend_from_slice(piece);
        match (piece.is_empty(), trailer) {
            (true, true) => {
                content.extend_from_slice(b"x-amz-checksum-crc32:AAAAAA==\r\n");
                content.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n\r\n").as_bytes());
            }
            _ => content.extend_from_slice(b"\r\n"),
        }
    }
    content
}

#[test]
fn aws_chunked_uploads_pass_byte_for_byte() {
    let host = "acme-data.s3.us-east-1.amazonaws.com";
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve(host, &origin).start();
    for (trailer, framing) in [(false, "length"), (true, "length"), (true, "chunked")] {
        let content = aws_chunked(trailer);
        let kind = if trailer { "-TRAILER" } else { "" };
        let named = if trailer {
            "X-Amz-Trailer: x-amz-checksum-crc32\r\n"
        } else {
            ""
        };
        let head = format!(
            "PUT /large.bin HTTP/1.1\r\nHost: {host}\r\nContent-Encoding: aws-chunked\r\n{named}\
             X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD{kind}\r\nX-Amz-Decoded-Content-Length: 70010\r\n\
             X-Amz-Date: 20261120T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=AKIAIOSFODNN7EXAMPLE/20261120/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n"
        );
        let mut wire = Tunnel::to(&format!("{host}:443")).open(&sidecar);
        let answer = match framing {
            "length" => wire.ask(
                [
                    format!("{head}Content-Length: {}\r\n\r\n", content.len()).as_bytes(),
                    &content,
                ]
                .concat(),
            ),
            _ => {
                wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
                for piece in content.chunks(30_001) {
                    wire.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
                }
                wire.ask("0\r\n\r\n")
            }
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = origin.seen().pop().unwrap();
        assert_eq!(seen.body, content, "trailer {trailer}, {framing}");
        assert_eq!(seen.header("content-encoding"), Some("aws-chunked"));
        assert_eq!(seen.header("x-amz-trailer").is_some(), trailer);
    }
    let decided = sidecar.trail().of_kind("decided");
    assert!(
        decided.iter().all(|entry| entry["operation"] == "s3.PutObject"),
        "{decided:#?}"
    );
}

#[test]
fn boto3s_uploads_pass_in_their_own_framing() {
    let moto = MOTO.get(Moto::start);
    let sidecar = before_s3(&moto.origin, "1s");
    let mut boto3 = Session::boto3(&sidecar);
    boto3.call("create_bucket acme-data");
    boto3.call("put_object acme-data zeros.bin 3").assert_ok();
    let puts = moto.origin.seen();
    let put = puts
        .iter()
        .rfind(|seen| seen.method == "PUT" && seen.target.ends_with("/zeros.bin"))
        .unwrap();
    assert_eq!(
        put.header("content-encoding"),
        Some("aws-chunked"),
        "what this test is about: {put:?}"
    );
    assert_eq!(
        put.header("x-amz-content-sha256"),
        Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    );
    let end = String::from_utf8_lossy(&put.body[put.body.len() - 60..]).into_owned();
    assert!(
        contains(end.as_bytes(), b"0\r\nx-amz-checksum-"),
        "its trailer is part of the content: {end:?}"
    );
    let read = boto3.call("get_presigned acme-data zeros.bin");
    assert_eq!(read.assert_ok().sha256, Some(sha256(vec![0; 3 << 20])));
}
