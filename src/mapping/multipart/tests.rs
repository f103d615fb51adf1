use proptest::prelude::*;

use super::*;

/// Lines as they stand in a multipart content, joined by CRLF.
fn lines(lines: &[&str]) -> Vec<u8> {
    lines.join("\r\n").into_bytes()
}

const NAMED_A: &str = "Content-Disposition: form-data; name=\"a\"";

fn one(head: &str, content: &str) -> Vec<u8> {
    lines(&["--B", head, "", content, "--B--", ""])
}

fn read(content: &[u8]) -> Result<Vec<Part<'_>>, Error> {
    parse(content, "B")
}

#[test]
fn texts_and_files_are_read_as_clients_send_them() {
    let content = lines(&[
        "--B",
        NAMED_A,
        "",
        "one\r\ntwo",
        "--B",
        "content-disposition: form-data; filename=\"Ó \u{65e5}.pdf\"; name=\"f\"",
        "Content-Type: application/pdf",
        "Content-Transfer-Encoding: BINARY",
        "Content-Length: 3",
        "",
        "%PD",
        "--B--",
    ]);
    let expected = [
        Part {
            name: "a",
            filename: None,
            media_type: None,
            content: b"one\r\ntwo",
        },
        Part {
            name: "f",
            filename: Some("Ó \u{65e5}.pdf"),
            media_type: Some("application/pdf"),
            content: b"%PD",
        },
    ];
    assert_eq!(read(&content).as_deref(), Ok(&expected[..]));
    assert_eq!(read(&[&*content, b"\r\n"].concat()).as_deref(), Ok(&expected[..]));
    assert_eq!(expected[0].value(), Ok(json!("one\r\ntwo")));
    let file = json!({
        "filename": "Ó \u{65e5}.pdf", "content_type": "application/pdf", "size": 3,
        "sha256": hex::encode(Sha256::digest("%PD")),
    });
    assert_eq!(expected[1].value(), Ok(file));
    let empty = one(NAMED_A, "");
    assert_eq!(read(&empty).unwrap()[0].content, b"");
}

#[test]
fn one_plain_boundary() {
    for (content_type, found) in [
        ("multipart/form-data; boundary=B", "B"),
        ("Multipart/Form-Data;boundary=\"B.1\"", "B.1"),
        (
            "multipart/form-data; charset=UTF-8; boundary=----WebKitFormBoundary7MA4",
            "----WebKitFormBoundary7MA4",
        ),
        ("multipart/form-data; BOUNDARY=B; charset=\"utf-8\"", "B"),
    ] {
        assert_eq!(boundary(content_type), Ok(found), "{content_type}");
    }
    for wrong in [
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=A; boundary=B",
        "multipart/form-data; boundary=A, multipart/form-data; boundary=B",
        "multipart/form-data; boundary=A boundary=B",
        "multipart/form-data; boundary=\"A\"B",
        "multipart/form-data; boundary=\"A\\B\"",
        "multipart/form-data; boundary=\"A B\"",
        "multipart/form-data; boundary=\"A",
        "multipart/form-data; boundary*=utf-8''B",
        "multipart/form-data; boundary*0=A; boundary*1=B",
        "multipart/form-data; boundary=B; charset=utf-7",
        "multipart/form-data; boundary=B; x=y",
        "multipart/form-data; boundary=B;",
        "multipart/form-data; boundary=A\u{e9}",
        "multipart/mixed; boundary=B",
        "boundary=B; multipart/form-data",
    ] {
        assert_eq!(boundary(wrong), Err(Error::Boundary), "{wrong}");
    }
    assert!(boundary(&format!("multipart/form-data; boundary={}", "b".repeat(70))).is_ok());
    assert!(boundary(&format!("multipart/form-data; boundary={}", "b".repeat(71))).is_err());
}

#[test]
fn boundaries_are_taken_as_clients_write_them() {
    for boundary in [
        // urllib3, requests, httpx and Go
        "0c6f1e9a5d4b4e7f8a9b0c1d2e3f4a5b",
        // curl
        "------------------------k7Yz0QnB2cT4dVx8mLs9Ra",
        // Chromium and WebKit, then Firefox
        "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "----geckoformboundaryd8d2fb1e3f2f4a9a7f1c0b5e6d7c8a9b",
        // Node: form-data and undici
        "--------------------------515890814546601021194782",
        "----formdata-undici-012345678901",
        // OkHttp, Apache HttpClient and AFNetworking
        "5f2b1c9e-3a4d-4f6b-8c7e-9d0a1b2c3d4e",
        "QuBW4_k-L0tmNXlH3sRvEy",
        "Boundary+0A1B2C3D4E5F6071",
        "'._+-",
    ] {
        for content_type in [
            format!("multipart/form-data; boundary={boundary}"),
            format!("multipart/form-data; boundary=\"{boundary}\""),
        ] {
            assert_eq!(super::boundary(&content_type), Ok(boundary), "{content_type}");
        }
    }
}

#[test]
fn a_boundary_that_some_would_cut_is_refused() {
    for boundary in [
        // PHP and Rack
        "a,b",
        "a;b",
        ",a",
        "a,",
        // Rack
        "aboundary=b",
        "boundary=b",
        "a=b",
        "==a==",
        // Whatever may end a value, or begin a comment or another field, for somebody.
        "a:b",
        "a/b",
        "a?b",
        "(a)b",
        "a(b)",
        "<a>",
        "a@b",
        "[a]",
        "a&b",
        "a%2Cb",
        "a\tb",
        "a b",
        "a\\b",
        "a\0b",
    ] {
        for content_type in [
            format!("multipart/form-data; boundary={boundary}"),
            format!("multipart/form-data; boundary=\"{boundary}\""),
        ] {
            assert_eq!(super::boundary(&content_type), Err(Error::Boundary), "{content_type}");
        }
    }
    // Some take the space for a part of it, or do not find its name.
    for wrong in [
        "multipart/form-data; boundary=B ; charset=utf-8",
        "multipart/form-data; boundary=B ",
        "multipart/form-data; boundary =B",
        "multipart/form-data; boundary= B",
        "multipart/form-data; boundary=\"B\" ; charset=utf-8",
    ] {
        assert_eq!(boundary(wrong), Err(Error::Boundary), "{wrong}");
    }
}

#[test]
fn what_two_servers_may_part_differently_is_refused() {
    let head = format!("--B\r\n{NAMED_A}\r\n\r\n");
    for (content, error) in [
        ("", Error::Unfinished),
        ("--B--", Error::Unfinished),
        ("--B--\r\n", Error::Unfinished),
        ("HEAD1", Error::Unfinished),
        ("HEAD1\r\n--B", Error::Stray),
        ("HEAD1\r\n--B-", Error::Stray),
        ("HEAD1\r\n--B\r\n", Error::Unfinished),
        ("\r\nHEAD1\r\n--B--", Error::Preamble),
        ("preamble\r\nHEAD1\r\n--B--", Error::Preamble),
        ("HEAD1\r\n--B--epilogue", Error::Epilogue),
        ("HEAD1\r\n--B--\r\nepilogue", Error::Epilogue),
        ("HEAD1\r\n--B--\r\n\r\n", Error::Epilogue),
        ("HEAD1\r\n--B--\n", Error::Epilogue),
        // Another boundary, or none, by the reader.
        ("HEAD1\n--B\nx\r\n--B--", Error::Stray),
        ("HEAD1\n--B--", Error::Stray),
        ("HEAD1--B--", Error::Stray),
        ("HEAD1\r--B--", Error::Stray),
        ("HEAD1\r\n--B \r\nHEAD2\r\n--B--", Error::Stray),
        ("HEAD1\r\n--BX\r\n--B--", Error::Stray),
        ("HEAD1\r\n--B\nHEAD2\r\n--B--", Error::Stray),
        (
            "--B\nContent-Disposition: form-data; name=\"a\"\n\n1\n--B--",
            Error::Stray,
        ),
    ] {
        let content = content.replace("HEAD", &head);
        assert_eq!(read(content.as_bytes()), Err(error), "{content:?}");
    }
    let many = format!("--B\r\n{NAMED_A}\r\n\r\n\r\n").repeat(1001) + "--B--";
    assert_eq!(read(many.as_bytes()), Err(Error::TooMany));
}

#[test]
fn a_part_that_may_be_read_otherwise_is_refused() {
    for (more, error) in [
        ("Content-Transfer-Encoding: base64", Error::Encoded),
        ("Content-Transfer-Encoding: quoted-printable", Error::Encoded),
        ("Content-Transfer-Encoding: x-gzip", Error::Encoded),
        ("Content-Type: multipart/mixed; boundary=C", Error::Nested),
        ("Content-Type: Message/RFC822", Error::Nested),
        ("Content-Type: text/plain; charset=utf-7", Error::Type),
        ("Content-Type: text", Error::Type),
        ("Content-Type: text/plain;x", Error::Type),
        ("Content-Length: 2", Error::Field),
        ("Content-Length: 01", Error::Field),
        ("X-Other: 1", Error::Field),
        ("Content-Encoding: gzip", Error::Field),
        (NAMED_A, Error::Field),
        ("Content-Type: text/plain\r\nContent-Type: text/plain", Error::Field),
        (" name=\"b\"", Error::Head),
        ("\tname=\"b\"", Error::Head),
        ("Content-Type : text/plain", Error::Head),
        ("Content-Type: text/\u{0}plain", Error::Head),
        ("Content-Type: text/plain\nX: 1", Error::Head),
        ("Content-Type: text/plain\rX: 1", Error::Head),
        ("nonsense", Error::Head),
    ] {
        let content = one(&format!("{NAMED_A}\r\n{more}"), "1");
        assert_eq!(read(&content), Err(error), "{more}");
    }
    for head in ["Content-Type: text/plain", ""] {
        assert!(read(&one(head, "1")).is_err(), "{head}");
    }
    let long = format!("{NAMED_A}\r\nContent-Type: text/{}", "x".repeat(8192));
    assert_eq!(read(&one(&long, "1")), Err(Error::Head));
    let mut binary = one(NAMED_A, "X");
    let at = binary.iter().position(|byte| *byte == b'X').unwrap();
    binary[at] = 0xFF;
    assert_eq!(read(&binary).unwrap()[0].value(), Err(Error::Text));
}

#[test]
fn a_name_that_may_be_read_otherwise_is_refused() {
    for disposition in [
        "form-data",
        "form-data; name=",
        "form-data; name=a",
        "form-data; name=\"\"",
        "form-data; name=\"a\"; name=\"b\"",
        "form-data; name=\"a\"; NAME=\"b\"",
        "form-data; name=\"a\\\"b\"",
        "form-data; name=\"a\\b\"",
        "form-data; name=\"a%22\"",
        "form-data; name=\"a\"; filename=\"f\"; filename=\"g\"",
        "form-data; name=\"a\"; filename*=UTF-8''f",
        "form-data; name=\"a\"; filename=\"f\"; filename*=UTF-8''g",
        "form-data; name*=UTF-8''a",
        "form-data; name*0=\"a\"",
        "form-data; name=\"a\"; filename=\"\"",
        "form-data; name=\"a\"; filename=\"C:\\f\"",
        "form-data; name=\"a\"; x=\"y\"",
        "form-data; name=\"a\" filename=\"f\"",
        "form-data; name=\"a\";",
        "form-data; name=\"a",
        "form-data; filename=\"f\"",
        "attachment; name=\"a\"",
        "attachment; form-data; name=\"a\"",
    ] {
        let content = one(&format!("Content-Disposition: {disposition}"), "1");
        assert_eq!(read(&content), Err(Error::Disposition), "{disposition}");
    }
    let charset = one("Content-Disposition: form-data; name=\"_charset_\"", "utf-7");
    assert_eq!(read(&charset), Err(Error::Type));
}

/// A content written plainly.
fn write(parts: &[(String, Option<String>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, filename, content) in parts {
        out.extend_from_slice(format!("--B0und\r\nContent-Disposition: form-data; name=\"{name}\"").as_bytes());
        if let Some(filename) = filename {
            out.extend_from_slice(format!("; filename=\"{filename}\"").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--B0und--\r\n");
    out
}

proptest! {
    #[test]
    fn what_was_written_is_read(parts in prop::collection::vec(
        ("[a-z\\[\\]]{1,6}", prop::option::of("[a-z. ]{1,6}"), prop::collection::vec(prop::sample::select(b"-\r\nB0und\x00a".to_vec()), 0..12)), 1..4,
    )) {
        let content = write(&parts);
        match parse(&content, "B0und") {
            Ok(read) => {
                let read: Vec<_> = read.iter().map(|part| (part.name.to_owned(), part.filename.map(str::to_owned), part.content.to_vec())).collect();
                prop_assert_eq!(read, parts);
            }
            Err(_) => prop_assert!(parts.iter().any(|(_, _, content)| find(content, b"--B0und").is_some())),
        }
    }

    #[test]
    fn any_content_is_read_or_refused(content in prop::collection::vec(prop::sample::select(vec!["--B", "--", "\r\n", "\n", NAMED_A, "x", ": ", "\""]), 0..12)) {
        let content = content.concat();
        if let Ok(parts) = read(content.as_bytes()) {
            let boundaries = content.matches("--B").count();
            prop_assert_eq!(boundaries, parts.len() + 1);
        }
    }
}
