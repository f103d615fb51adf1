//! Coded and multipart content: what it means, and when it is the same again.

use proptest::prelude::*;

use super::*;
use crate::io::coding::tests::{encode, gzip_at, name};
use crate::io::coding::{self, Coding, Limits};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Brotli, Coding::Zstandard, Coding::Deflate];

/// The call with these bytes under a coding, as they are read off the wire.
fn on_the_wire(mut call: Call, coding: &str, wire: Vec<u8>) -> Call {
    call.headers.insert("content-encoding", coding.parse().unwrap());
    call.body = coding::open(&call.headers, wire.into(), &Limits::default(), |_| true);
    call
}

fn coded(call: Call, coding: Coding) -> Call {
    let wire = encode(coding, call.body.captured().unwrap());
    on_the_wire(call, name(coding), wire)
}

fn put(table: &str) -> Call {
    dynamodb("PutItem", &json!({"TableName": table, "Item": {"id": {"S": "1"}}}))
}

fn content(call: &Call) -> Vec<u8> {
    let action = shipped().resolve(call, shipped().route(call).unwrap()).unwrap();
    shipped().identify(call, &action).unwrap().content
}

fn multipart(url: &str, boundary: &str, parts: &[(&str, &str)]) -> Call {
    let mut body = String::new();
    for (head, content) in parts {
        body += &format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
    }
    body += &format!("--{boundary}--\r\n");
    let content_type = format!("multipart/form-data; boundary={boundary}");
    call("POST", url, &[("content-type", &content_type), KEY], Some(&body))
}

const UPLOAD: &str = "https://files.stripe.com/v1/files";
const PURPOSE: (&str, &str) = ("name=\"purpose\"", "dispute_evidence");
const FILE: (&str, &str) = ("name=\"file\"; filename=\"receipt.pdf\"", "%PDF-1.7");

#[test]
fn coded_content_means_what_it_says() {
    for coding in ALL {
        let action = shipped_action(&coded(put("T"), coding));
        assert_eq!(action.target.id.as_deref(), Some("T"), "{coding:?}");
        assert!(action.inspected, "{coding:?}");
    }
    let refund = coded(stripe("/v1/refunds", "charge=ch_1&amount=90000"), Coding::Gzip);
    assert_eq!(shipped_action(&refund).int("amount"), Some(90000));
}

fn shipped_action(call: &Call) -> Action {
    shipped().resolve(call, shipped().route(call).unwrap()).unwrap()
}

#[test]
fn r_what_cannot_be_decoded_is_refused_where_it_is_needed() {
    let plain = put("T").body.captured().unwrap().to_vec();
    let gzip = encode(Coding::Gzip, &plain);
    for (coding, wire) in [
        ("compress", plain.clone()),
        ("gzip, gzip", encode(Coding::Gzip, &gzip)),
        ("gzip, br", gzip.clone()),
        ("gzip", plain.clone()),
        ("gzip", gzip[..gzip.len() - 1].to_vec()),
        ("gzip", [&*gzip, &*gzip].concat()),
        ("br", gzip.clone()),
    ] {
        let call = on_the_wire(put("T"), coding, wire);
        assert_eq!(
            resolve(shipped(), &call).err(),
            Some(Reason::NotInspectable),
            "{coding}"
        );
    }
    let bomb = on_the_wire(put("T"), "gzip", encode(Coding::Gzip, &vec![b' '; 33 << 20]));
    assert_eq!(resolve(shipped(), &bomb).err(), Some(Reason::TooLarge));
    // Nothing in it is needed: it is none of our business.
    let hook = "https://hooks.slack.com/services/T1/B1/secret";
    let hook = on_the_wire(call("POST", hook, &[], Some("")), "compress", plain);
    assert_eq!(&*shipped_action(&hook).name, "post_message");
}

/// A gzip stream whose header names a file.
fn named_gzip(filename: &str, plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;

    let builder = flate2::GzBuilder::new().filename(filename);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The text as it is, between a head and a checksum.
fn stored_gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Metadata that no decoder shows, then an uncompressed block and the end: RFC 7932, 9.2.
fn brotli_with_metadata(metadata: &[u8]) -> Vec<u8> {
    let length = u32::try_from(metadata.len() - 1).unwrap();
    // From the lowest bit: WBITS 16 (0), ISLAST 0, MNIBBLES 0 (11), reserved 0, MSKIPBYTES 1 (01), MSKIPLEN; at the end the
    // last, empty block.
    let head = 0x2c_u32 | length << 7;
    [&head.to_le_bytes()[..2], metadata, &[0b11]].concat()
}

#[test]
fn r_a_coding_that_is_not_undone_hides_nothing() {
    let form = |wire| resolve(shipped(), &on_the_wire(stripe("/v1/refunds", ""), "gzip", wire)).err();
    let plain = b"amount=1&charge=ch_1";
    assert_eq!(form(named_gzip("a.txt", plain)), None);
    for filename in [
        "&amount=99999&",
        "&%61mount=99999&",
        "&AMOUNT[]=99999&",
        "x;reverse_transfer=1;amount=2",
        "&charge=ch_2",
    ] {
        assert_eq!(
            form(named_gzip(filename, plain)),
            Some(Reason::NotInspectable),
            "{filename}"
        );
    }
    assert_eq!(form(stored_gzip(plain)), Some(Reason::NotInspectable));
    let hidden = on_the_wire(
        ec2(""),
        "gzip",
        named_gzip("&Action=TerminateInstances&x=", b"Action=DescribeInstances"),
    );
    assert_eq!(resolve(shipped(), &hidden).err(), Some(Reason::NotInspectable));
    // All of it is text, for who does not know the coding.
    let text = brotli_with_metadata(b"amount=");
    assert_eq!(
        Coding::Brotli.decode(&text, &Limits::default(), |_| true).as_deref(),
        Ok(&b""[..])
    );
    let text = on_the_wire(stripe("/v1/refunds", ""), "br", text);
    assert_eq!(resolve(shipped(), &text).err(), Some(Reason::NotInspectable));
    let upload = multipart(UPLOAD, "B0undary", &[PURPOSE, FILE]);
    let plain = upload.body.captured().unwrap().to_vec();
    let upload = |wire| {
        resolve(
            shipped(),
            &on_the_wire(multipart(UPLOAD, "B0undary", &[]), "gzip", wire),
        )
        .err()
    };
    assert_eq!(upload(encode(Coding::Gzip, &plain)), None);
    assert_eq!(upload(stored_gzip(&plain)), Some(Reason::NotInspectable));
    assert_eq!(upload(named_gzip("--B0undary", &plain)), Some(Reason::NotInspectable));
}

#[test]
fn r_looking_for_names_takes_no_time() {
    let many: String = (0..90_000)
        .map(|number| format!("n{number}={}&", number * 7919 % 65_536))
        .collect();
    let started = std::time::Instant::now();
    let many = coded(stripe("/v1/refunds", &many), Coding::Gzip);
    assert_eq!(resolve(shipped(), &many).err(), Some(Reason::NotInspectable));
    assert!(started.elapsed().as_secs() < 30, "{:?}, unoptimised", started.elapsed());
    // A name that is there but for its last letter, at each place.
    let wire = uncoded::Uncoded::new(&vec![b'a'; 1 << 20]);
    let name = "a".repeat(100_000) + "b";
    let started = std::time::Instant::now();
    assert!(wire.names_one_of(std::iter::once(name.as_str())), "not looked for");
    assert!(!wire.names_one_of(std::iter::once("aaab")));
    assert!(started.elapsed().as_secs() < 10, "{:?}, unoptimised", started.elapsed());
    let some: String = (0..300)
        .map(|number| format!("metadata[n{number}]={}&", number * 7919 % 65_536))
        .collect();
    let some = coded(stripe("/v1/refunds", &(some + "amount=1&charge=ch_1")), Coding::Gzip);
    assert_eq!(resolve(shipped(), &some).err(), None);
}

#[test]
fn r_a_coded_call_that_asks_for_secrets_is_seen() {
    let asks = stripe("/v1/refunds", "amount=1&charge=ch_1&expand[]=card.number");
    let action = shipped_action(&coded(asks, Coding::Gzip));
    assert_eq!((&*action.name, action.unmapped), ("call_api", true));
}

#[test]
fn the_same_content_coded_again_is_the_same_call() {
    let plain = put("T").body.captured().unwrap().to_vec();
    let at = |mtime| on_the_wire(put("T"), "gzip", gzip_at(mtime, &plain));
    assert_ne!(at(1).body.captured(), at(2).body.captured());
    assert_eq!(content(&at(1)), content(&at(2)));
    let mut seen: BTreeSet<_> = ALL
        .into_iter()
        .map(|coding| content(&coded(put("T"), coding)))
        .collect();
    seen.insert(content(&put("T")));
    seen.insert(content(&on_the_wire(put("T"), "identity", plain)));
    seen.insert(content(&coded(put("U"), Coding::Gzip)));
    assert_eq!(seen.len(), 7, "the coding is part of what is asked");
}

#[test]
fn what_the_provider_keeps_as_it_came_is_what_came() {
    for (method, url) in [
        ("PUT", "https://s3.us-east-1.amazonaws.com/b/key"),
        ("PUT", "https://s3.us-east-1.amazonaws.com/b?policy"),
        (
            "PUT",
            "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f/code",
        ),
    ] {
        let at = |mtime| {
            let headers = [("content-type", "application/json")];
            on_the_wire(call(method, url, &headers, Some("")), "gzip", gzip_at(mtime, b"{}"))
        };
        assert_eq!(content(&at(1)), content(&at(1)));
        assert_ne!(
            content(&at(1)),
            content(&at(2)),
            "{url}: the coded bytes are what is kept"
        );
    }
}

#[test]
fn what_cannot_be_told_is_what_came() {
    let unmapped = |coding: &str, wire: Vec<u8>| {
        let call = call("POST", "https://api.stripe.com/v1/strange", &[FORM, KEY], Some(""));
        content(&on_the_wire(call, coding, wire))
    };
    let plain = b"note=1";
    assert_ne!(unmapped("gzip", gzip_at(1, plain)), unmapped("gzip", gzip_at(2, plain)));
    // SECURITY: consent to one reading is no consent to the other.
    assert_ne!(
        unmapped("gzip", named_gzip("&amount=1&", plain)),
        unmapped("gzip", named_gzip("&amount=2&", plain))
    );
    assert_ne!(
        unmapped("gzip", stored_gzip(plain)),
        unmapped("gzip", gzip_at(1, plain))
    );
    assert_ne!(unmapped("compress", b"a".to_vec()), unmapped("compress", b"b".to_vec()));
    // Undecodable bytes, and bytes that decode to just these.
    let broken = b"\xff\xfe broken".to_vec();
    assert_ne!(
        unmapped("gzip", broken.clone()),
        unmapped("gzip", encode(Coding::Gzip, &broken))
    );
}

#[test]
fn a_multipart_call_is_known_again_under_another_boundary() {
    let base = content(&multipart(UPLOAD, "A", &[PURPOSE, FILE]));
    assert_eq!(base, content(&multipart(UPLOAD, "another-one", &[PURPOSE, FILE])));
    let other = [
        vec![FILE, PURPOSE],
        vec![PURPOSE],
        vec![PURPOSE, FILE, ("name=\"x\"", "")],
        vec![PURPOSE, ("name=\"file\"; filename=\"other.pdf\"", FILE.1)],
        vec![PURPOSE, (FILE.0, "%PDF-1.8")],
        vec![PURPOSE, ("name=\"file\"", FILE.1)],
        vec![("name=\"purpose\"", "identity_document"), FILE],
        vec![
            PURPOSE,
            (
                "name=\"file\"; filename=\"receipt.pdf\"\r\nContent-Type: text/plain",
                FILE.1,
            ),
        ],
    ];
    let mut seen: BTreeSet<_> = other
        .iter()
        .map(|parts| content(&multipart(UPLOAD, "A", parts)))
        .collect();
    seen.insert(base);
    assert_eq!(seen.len(), other.len() + 1);
    let gzip = |boundary| coded(multipart(UPLOAD, boundary, &[PURPOSE, FILE]), Coding::Gzip);
    assert_eq!(content(&gzip("first")), content(&gzip("second")));
    let mut with_charset = multipart(UPLOAD, "A", &[PURPOSE, FILE]);
    let content_type = "multipart/form-data; boundary=A; charset=utf-8".parse().unwrap();
    with_charset.headers.insert("content-type", content_type);
    assert!(seen.insert(content(&with_charset)));
}

#[test]
fn r_multipart_that_may_be_read_otherwise_is_refused() {
    let slack = "https://slack.com/api/chat.delete";
    let (channel, ts) = (("name=\"channel\"", "C1"), ("name=\"ts\"", "1.2"));
    let action = shipped_action(&multipart(slack, "B", &[channel, ts]));
    assert_eq!(
        (&*action.name, action.target.id.as_deref()),
        ("delete_record", Some("1.2"))
    );
    for parts in [
        &[channel, ts, ("name=\"ts\"", "3.4")][..],
        &[channel, ts, ("name=\"TS\"", "3.4")],
        &[channel, ("name=\"ts[]\"", "1.2"), ("name=\"ts\"", "3.4")],
        &[channel, ("name=\"ts\"; filename*=utf-8''a", "1.2")],
        &[channel, ts, ("name=\"_method\"", "GET")],
        &[channel, ts, ("name=\"a b \"", "GET")],
    ] {
        let call = multipart(slack, "B", parts);
        assert_eq!(resolve(shipped(), &call).err(), Some(Reason::Malformed), "{parts:?}");
    }
    let both = multipart("https://slack.com/api/chat.delete?ts=3.4", "B", &[channel, ts]);
    assert_eq!(resolve(shipped(), &both).err(), Some(Reason::Malformed));
    let file = multipart(slack, "B", &[channel, ("name=\"ts\"; filename=\"f\"", "1.2")]);
    assert_eq!(shipped_action(&file).target.id, None, "a file is no text");
    let mut two = multipart(slack, "B", &[channel, ts]);
    two.headers.insert(
        "content-type",
        "multipart/form-data; boundary=B; boundary=C".parse().unwrap(),
    );
    assert_eq!(resolve(shipped(), &two).err(), Some(Reason::Malformed));
}

/// A document of few shapes, so that equal ones turn up.
fn document() -> impl Strategy<Value = Json> {
    let leaf = prop::sample::select(vec![json!(null), json!(1), json!("1"), json!("a"), json!([])]);
    prop::collection::btree_map("[ab]", leaf, 0..3).prop_map(|members| json!(members))
}

fn strange(url: &str, content_type: &str, body: &str) -> Call {
    call("POST", url, &[("content-type", content_type)], Some(body))
}

type Parts = Vec<(String, String)>;

fn parts() -> impl Strategy<Value = Parts> {
    let head = prop::sample::select(vec!["name=\"a\"", "name=\"b\"", "name=\"a\"; filename=\"f\""]);
    prop::collection::vec((head.prop_map(str::to_owned), "[ab\r\n-]{0,3}"), 0..3)
}

fn as_refs(parts: &Parts) -> Vec<(&str, &str)> {
    parts
        .iter()
        .map(|(head, content)| (head.as_str(), content.as_str()))
        .collect()
}

proptest! {
    #[test]
    fn different_documents_never_share_content_whatever_their_coding(left in document(), right in document(), codings in (0..4usize, 0..4usize)) {
        let of = |document: &Json, coding| content(&coded(strange("https://example.com/", "application/json", &document.to_string()), ALL[coding]));
        let same = of(&left, codings.0) == of(&right, codings.1);
        prop_assert_eq!(same, left == right && codings.0 == codings.1);
    }

    #[test]
    fn parts_share_content_if_they_are_the_same_whatever_their_boundary(left in parts(), right in parts()) {
        let of = |parts: &Parts, boundary| {
            let call = multipart(UPLOAD, boundary, &as_refs(parts));
            let action = shipped().resolve(&call, shipped().route(&call).unwrap()).ok()?;
            Some(shipped().identify(&call, &action).unwrap().content)
        };
        // What can be read in two ways is refused, and none without parts is made.
        if let (Some(first), Some(second)) = (of(&left, "Xyz"), of(&right, "Uvw")) {
            prop_assert_eq!(first == second, left == right);
        }
    }

    // A host that nobody knows may keep the bytes as they are.
    #[test]
    fn each_byte_of_parts_counts_for_a_stranger(left in parts(), right in parts()) {
        let of = |parts: &Parts, boundary| content(&multipart("https://example.com/", boundary, &as_refs(parts)));
        prop_assert_eq!(of(&left, "Xyz") == of(&right, "Xyz"), left == right);
        prop_assert_ne!(of(&left, "Xyz"), of(&right, "Uvw"));
    }

    #[test]
    fn a_significant_header_counts_and_a_volatile_one_does_not(
        header in prop::sample::select(vec!["stripe-account", "stripe-context", "stripe-version"]),
        passing in prop::sample::select(vec!["user-agent", "idempotency-key", "accept", "date", "traceparent"]),
        left in "[ab]{1,2}", right in "[ab]{1,2}",
        coding in 0..4usize,
    ) {
        let with = |header: &'static str, value: &str| {
            let mut call = multipart(UPLOAD, "B", &[PURPOSE, FILE]);
            call.headers.insert(header, value.parse().unwrap());
            [content(&call), content(&coded(call, ALL[coding]))]
        };
        prop_assert_eq!(with(header, &left) == with(header, &right), left == right);
        prop_assert_eq!(with(passing, &left), with(passing, &right));
    }

    #[test]
    fn any_multipart_content_is_read_or_refused(body in "(--B|--|\r\n|\n|Content-Disposition: form-data; name=\"a\"|x){0,10}") {
        let call = strange("https://slack.com/api/chat.delete", "multipart/form-data; boundary=B", &body);
        let _ = resolve(shipped(), &call);
    }
}
