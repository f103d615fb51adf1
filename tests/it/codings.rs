//! Content under a coding, and in parts: judged by what it says, sent as it came.

use std::io::Write as _;

use serde_json::json;

use crate::harness::{Answer, Curl, HttpAnswer, Origin, Reply, Session, Sidecar, Tunnel, eventually};

const FORM: &str = "application/x-www-form-urlencoded";

fn gzip(plain: &[u8]) -> Vec<u8> {
    gzip_at(0, plain)
}

/// Other bytes for each time, the same content.
fn gzip_at(mtime: u32, plain: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new().mtime(mtime);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A gigabyte of zeros in about a megabyte. Its checksum is wrong, which nobody gets to see.
fn bomb() -> Vec<u8> {
    const MIB: usize = 1 << 20;
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    let (zeros, mut block) = (vec![0; MIB], Vec::with_capacity(MIB));
    deflate
        .compress_vec(&zeros, &mut block, flate2::FlushCompress::Full)
        .unwrap();
    // What was flushed in full refers to nothing before it: it may stand as often as one likes.
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&head[..], &block.repeat(1024), &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat()
}

fn request(line: &str, host: &str, fields: &[&str], content: &[u8]) -> Vec<u8> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sk_test_1\r\n{fields}Content-Length: {}\r\n\r\n",
        content.len()
    );
    [head.as_bytes(), content].concat()
}

/// A coded refund.
fn refund(sidecar: &Sidecar, codings: &[&str], content: &[u8]) -> HttpAnswer {
    let mut fields = vec![format!("Content-Type: {FORM}")];
    fields.extend(codings.iter().map(|coding| format!("Content-Encoding: {coding}")));
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let request = request("POST /v1/refunds", "api.stripe.com", &fields, content);
    Tunnel::to("api.stripe.com:443").open(sidecar).ask(request)
}

fn stripe() -> (Origin, Sidecar) {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = sidecar.resolve("files.stripe.com", &origin).hold("1s").start();
    (origin, sidecar)
}

#[test]
fn o84_a_coded_refund_is_held_and_goes_through_byte_for_byte() {
    let (origin, sidecar) = stripe();
    let plain = b"charge=ch_1&amount=90000";
    let pending = refund(&sidecar, &["gzip"], &gzip_at(1, plain));
    assert_eq!(pending.status, 403, "{pending:?}");
    let line = sidecar.next_held_line();
    assert!(line.contains("$900.00") && line.contains("refund-over-500"), "{line}");
    origin.assert_untouched();
    sidecar.approve(&crate::harness::approval_id(&line).unwrap());
    // Coded anew, as clients do when they try again: the same call.
    let again = gzip_at(2, plain);
    assert_eq!(refund(&sidecar, &["gzip"], &again).status, 200);
    let seen = origin.calls("POST", "/v1/refunds");
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (&*seen[0].body, seen[0].header("content-encoding")),
        (&*again, Some("gzip"))
    );
    let executed = refund(&sidecar, &["gzip"], &gzip_at(3, plain));
    assert!(executed.text().contains("already_executed"), "{executed:?}");
    // The stand-in undoes no coding: to it, this would be one more refund of no charge at all.
    origin.answer_next_with(Reply::new(200));
    let small = gzip(b"charge=ch_2&amount=400");
    assert_eq!(refund(&sidecar, &["gzip"], &small).status, 200, "judged by its amount");
}

type Encode<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn a_mass_mail_is_counted_under_every_coding() {
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new().resolve("api.sendgrid.com", &origin).hold("1s").start();
    let mail = |recipients: usize| {
        let to: Vec<_> = (0..recipients)
            .map(|number| json!({"email": format!("{number}@example.com")}))
            .collect();
        let mail = json!({
            "personalizations": [{"to": to}], "from": {"email": "a@example.com"}, "subject": "s",
            "content": [{"type": "text/plain", "value": "hello"}],
        });
        mail.to_string().into_bytes()
    };
    let zlib = |plain: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let brotli = |plain: &[u8]| {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 5, 22)
            .write_all(plain)
            .unwrap();
        out
    };
    let zstd = |plain: &[u8]| zstd::stream::encode_all(plain, 3).unwrap();
    let codings: [(&str, Encode<'_>); 4] = [("gzip", &gzip), ("deflate", &zlib), ("br", &brotli), ("zstd", &zstd)];
    for (name, encode) in codings {
        let send = |recipients: usize| {
            let coding = format!("Content-Encoding: {name}");
            let fields = ["Content-Type: application/json", &coding];
            let content = encode(&mail(recipients));
            let request = request("POST /v3/mail/send", "api.sendgrid.com", &fields, &content);
            (Tunnel::to("api.sendgrid.com:443").open(&sidecar).ask(request), content)
        };
        let before = origin.seen().len();
        let (held, _) = send(101);
        assert!(held.text().contains("approval_pending"), "{name}: {held:?}");
        assert_eq!(origin.seen().len(), before, "{name}");
        // The stand-in undoes no coding.
        origin.answer_next_with(Reply::new(202));
        let (sent, content) = send(100);
        assert_eq!(sent.status, 202, "{name}: {sent:?}");
        assert_eq!(origin.seen().last().unwrap().body, content, "{name}");
    }
}

#[test]
fn o85_a_bomb_is_refused_in_little_memory() {
    let (origin, sidecar) = stripe();
    assert_eq!(
        refund(&sidecar, &["gzip"], &gzip(b"charge=ch_1&amount=400")).status,
        200
    );
    let before = sidecar.peak();
    let (bomb, untouched) = (bomb(), origin.seen().len());
    assert!(bomb.len() < 2 << 20);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let request = request(
                "POST /v1/refunds",
                "api.stripe.com",
                &[&format!("Content-Type: {FORM}"), "Content-Encoding: gzip"],
                &bomb,
            );
            let mut tunnel = Tunnel::to("api.stripe.com:443").open(&sidecar);
            std::thread::spawn(move || tunnel.ask(request))
        })
        .collect();
    for thread in threads {
        let refused = thread.join().unwrap();
        assert_eq!(refused.status, 413, "{refused:?}");
        assert!(refused.text().contains("too_large"), "{refused:?}");
    }
    let grown = sidecar.grown(before);
    // Each may hold 32 MiB, and for a moment the 16 before.
    assert!(grown < 256, "{grown} MiB for what would be 4096");
    assert_eq!(origin.seen().len(), untouched);
    eventually("the refusals are in the trail", || {
        sidecar.trail().of_kind("refused").len() == 4
    });
}

#[test]
fn a_form_of_plus_signs_is_held_in_little_memory() {
    let (origin, sidecar) = stripe();
    assert_eq!(refund(&sidecar, &[], b"charge=ch_1&amount=400").status, 200);
    let (before, untouched) = (sidecar.peak(), origin.seen().len());
    let text = "charge=ch_1&amount=90000&metadata[note]=".to_owned();
    let held = refund(&sidecar, &[], (text + &"+".repeat(8_000_000)).as_bytes());
    assert!(held.text().contains("approval_pending"), "{held:?}");
    let grown = sidecar.grown(before);
    assert!(grown < 128, "{grown} MiB for a form of 8");
    assert_eq!(origin.seen().len(), untouched);
}

#[test]
fn what_cannot_be_decoded_in_one_way_is_refused_and_not_sent() {
    let (origin, sidecar) = stripe();
    let plain = b"charge=ch_1&amount=400";
    let coded = gzip(plain);
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    raw.write_all(plain).unwrap();
    let raw = raw.finish().unwrap();
    let twice = gzip(&coded);
    let cases: [(&[&str], Vec<u8>); 11] = [
        (&["compress"], coded.clone()),
        (&["x-gzip"], coded.clone()),
        (&["gzip, gzip"], twice.clone()),
        (&["gzip", "gzip"], twice),
        (&["identity", "gzip"], coded.clone()),
        (&["gzip"], plain.to_vec()),
        (&["gzip"], coded[..coded.len() - 4].to_vec()),
        (&["gzip"], [&*coded, &*gzip(b"&amount=90000")].concat()),
        (&["gzip"], [&*coded, b"\0"].concat()),
        (&["deflate"], raw),
        (&["br"], coded),
    ];
    for (codings, content) in cases {
        let refused = refund(&sidecar, codings, &content);
        assert_eq!(refused.status, 415, "{codings:?}: {refused:?}");
        assert!(refused.text().contains("not_inspectable"), "{codings:?}: {refused:?}");
    }
    assert_eq!(
        refund(&sidecar, &["gzip"], &{
            let builder = flate2::GzBuilder::new().filename("&amount=90000&");
            let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        })
        .status,
        415,
        "a server that undoes no coding would refund $900"
    );
    origin.assert_untouched();
    assert_eq!(refund(&sidecar, &["identity"], plain).status, 200);
}

#[test]
fn limits_are_the_configurations() {
    let origin = Origin::stripe();
    let sidecar = Sidecar::new().resolve("api.stripe.com", &origin);
    let sidecar = sidecar.section("limits: { decoded: 1KiB }").start();
    let refund_with = |note: usize| {
        let plain = format!("charge=ch_1&amount=400&metadata[note]={}", "n".repeat(note));
        refund(&sidecar, &["gzip"], &gzip(plain.as_bytes())).status
    };
    assert_eq!((refund_with(2000), refund_with(500)), (413, 200));
    assert_eq!(origin.calls("POST", "/v1/refunds").len(), 1);
}

/// Slack's errors are a 200.
fn text(answer: &Answer) -> &str {
    answer.value.as_str().unwrap()
}

/// A call that nobody mapped, so that it is held whatever its parts say.
#[test]
fn a_held_multipart_call_is_known_again_under_a_fresh_boundary() {
    let origin = Origin::slack();
    let sidecar = Sidecar::new().resolve("slack.com", &origin).hold("1s").start();
    let file = sidecar.home().join("report.txt");
    std::fs::write(&file, "quarterly numbers").unwrap();
    let upload = || {
        let file = format!("file=@{};type=text/plain", file.display());
        let channel = "channels=C1";
        Curl::call(
            &sidecar,
            &["-F", channel, "-F", &file, "https://slack.com/api/files.store"],
        )
    };
    let refused = upload();
    assert!(text(&refused).contains("approval_pending"), "{refused:?}");
    let line = sidecar.next_held_line();
    assert!(line.contains("channels, file"), "{line}");
    let again = upload();
    let (first, second) = (
        &refused.headers["runplane-approval-id"],
        &again.headers["runplane-approval-id"],
    );
    assert_eq!(first, second, "curl chose another boundary");
    origin.assert_untouched();
    // Another content is another call.
    std::fs::write(&file, "other numbers").unwrap();
    assert_ne!(&upload().headers["runplane-approval-id"], first);
    std::fs::write(&file, "quarterly numbers").unwrap();
    sidecar.approve(&crate::harness::approval_id(&line).unwrap());
    assert_eq!(upload().headers.get("runplane-approval-id").map(String::as_str), None);
    let seen = origin.calls("POST", "/api/files.store");
    assert_eq!(seen.len(), 1);
    let boundary = seen[0]
        .header("content-type")
        .unwrap()
        .split_once("boundary=")
        .unwrap()
        .1;
    let sent = seen[0].text();
    assert!(
        sent.starts_with(&format!("--{boundary}\r\n")) && sent.contains("quarterly numbers"),
        "{sent}"
    );
    let repeated = upload();
    assert!(text(&repeated).contains("already_executed"), "{repeated:?}");
}

#[test]
fn o100_fields_in_parts_are_judged() {
    let (origin, sidecar) = stripe();
    let parts = |more: &str| {
        let content = format!(
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nx\r\n{more}--B--\r\n"
        );
        let fields = ["Content-Type: multipart/form-data; boundary=B"];
        let request = request("POST /v1/files", "files.stripe.com", &fields, content.as_bytes());
        Tunnel::to("files.stripe.com:443").open(&sidecar).ask(request)
    };
    let public = parts("--B\r\nContent-Disposition: form-data; name=\"file_link_data[create]\"\r\n\r\ntrue\r\n");
    assert_eq!(public.status, 403, "{public:?}");
    for (ambiguous, status) in [
        (
            "--B\r\nContent-Disposition: form-data; name=\"purpose\"; name=\"file_link_data[create]\"\r\n\r\ntrue\r\n",
            400,
        ),
        (
            "--B\nContent-Disposition: form-data; name=\"file_link_data[create]\"\n\ntrue\r\n",
            400,
        ),
        (
            "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\ntrue\r\n",
            400,
        ),
    ] {
        let refused = parts(ambiguous);
        assert_eq!(refused.status, status, "{ambiguous}: {refused:?}");
    }
    origin.assert_untouched();
    // Parts where a form belongs are not what the mapping reads.
    let fields = ["Content-Type: multipart/form-data; boundary=B"];
    let content = b"--B\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n1\r\n--B--\r\n";
    let request = request("POST /v1/refunds", "api.stripe.com", &fields, content);
    assert_eq!(Tunnel::to("api.stripe.com:443").open(&sidecar).ask(request).status, 415);
    origin.assert_untouched();
}

#[test]
fn stripes_own_library_uploads_a_file() {
    let (origin, sidecar) = stripe();
    let uploaded = Session::stripe(&sidecar).call("upload receipt.pdf evidence");
    uploaded.assert_ok();
    assert_eq!(origin.calls("POST", "/v1/files").len(), 1);
    let shown = sidecar.told(&["audit", "show"]);
    assert!(shown.contains("modify_record"), "{shown}");
}

#[test]
fn what_a_coded_answer_says_is_in_the_record_and_the_answer_is_untouched() {
    let origin = Origin::slack();
    let sidecar = Sidecar::new().resolve("slack.com", &origin).start();
    let no = gzip(br#"{"ok":false,"error":"channel_not_found"}"#);
    let reply = Reply::new(200).header("content-type", "application/json");
    origin.answer_next_with(reply.header("content-encoding", "gzip").bytes(no.clone()));
    let fields = ["Content-Type: application/json"];
    let request = request(
        "POST /api/chat.postMessage",
        "slack.com",
        &fields,
        br#"{"channel":"C1","text":"a"}"#,
    );
    let answer = Tunnel::to("slack.com:443").open(&sidecar).ask(request);
    assert_eq!((answer.status, &answer.body), (200, &no));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    eventually("the call has an outcome", || {
        !sidecar.trail().of_kind("outcome").is_empty()
    });
    assert_eq!(sidecar.trail().of_kind("outcome")[0]["outcome"], "failure");
}

#[test]
fn explain_undoes_a_coding_too() {
    let sidecar = Sidecar::new().start();
    let file = sidecar.home().join("refund.gz");
    std::fs::write(&file, gzip(b"charge=ch_1&amount=90000")).unwrap();
    let data = format!("@{}", file.display());
    let url = "https://api.stripe.com/v1/refunds";
    let explain = |coding: &str| {
        let output = sidecar.cli(&["explain", "--data-binary", &data, "-H", coding, url]);
        crate::harness::said(&output)
    };
    let held = explain("Content-Encoding: gzip");
    assert!(held.contains("REQUIRE_APPROVAL") && held.contains("$900.00"), "{held}");
    let refused = explain("Content-Encoding: lzma");
    assert!(refused.contains("not_inspectable"), "{refused}");
}
