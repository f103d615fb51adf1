//! What a call means, told while few operations are known and while many are: `cargo bench --bench mapping`. Ends with an error
//! where a bound is not held: 3 µs at the median for a form of Stripe's, 10 µs for 2 KiB to SendGrid, however many operations
//! there are. A debug build judges none of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a benchmark, where what goes wrong is to stop it, and what it found is printed"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use runplane::mapping::Mappings;
use runplane::model::{Action, Authority, Body, Call, CallId, Caller, Host, Origin, Scheme, Source, Timestamp};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Operations of one provider that are beside the measured ones.
const OF_ONE: usize = 500;

fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        text: text.to_owned(),
    }
}

/// What ships for Stripe and SendGrid, with so many operations beside it: of other hosts, and below those of Stripe.
fn mappings(operations: usize) -> Mappings {
    let mut files = vec![
        source("stripe.yaml", include_str!("../mappings/stripe.yaml")),
        source("sendgrid.yaml", include_str!("../mappings/sendgrid.yaml")),
        generated("stripe-more", "api.stripe.com", operations / 2),
    ];
    for provider in 0..operations / 2 / OF_ONE {
        let host = format!("api.p{provider}.example");
        files.push(generated(&format!("p{provider}"), &host, OF_ONE));
    }
    let vocabulary = source("actions.yaml", include_str!("../mappings/actions.yaml"));
    Mappings::load(&vocabulary, &files).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn generated(name: &str, host: &str, operations: usize) -> Source {
    let mut text = format!(
        "generated: {{ by: bench, source: bench, version: \"1\" }}\nprovider: {name}\nhosts: [{host}]\ndispatch: path\noperations:\n"
    );
    for operation in 0..operations {
        writeln!(
            text,
            "  more{operation}: {{ call: \"POST /v1/more{operation}/{{id}}/act\" }}"
        )
        .unwrap();
    }
    source(&format!("generated/{name}.yaml"), &text)
}

fn call(host: &str, path: &str, content_type: &'static str, body: String) -> Call {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_str(host).unwrap());
    headers.insert("content-type", HeaderValue::from_static(content_type));
    headers.insert("authorization", HeaderValue::from_static("Bearer sk_test_bench"));
    Call {
        id: CallId::random(),
        origin: Origin::Wire,
        caller: Caller {
            agent: "support-bot".into(),
            roles: Arc::from([Arc::from("support")]),
            owner: None,
        },
        received: Timestamp::now(),
        scheme: Scheme::Https,
        authority: Authority {
            host: Host::Name(host.into()),
            port: 443,
        },
        method: Method::POST,
        path: path.to_owned(),
        query: None,
        headers,
        body: Body::Captured(Bytes::from(body)),
    }
}

/// A refund, as Stripe's libraries send it.
fn form() -> Call {
    let body = "charge=ch_3OaBcDeFgHiJkLmN0oPqRsTu&amount=2000&reason=duplicate&metadata[order]=6735";
    call(
        "api.stripe.com",
        "/v1/refunds",
        "application/x-www-form-urlencoded",
        body.to_owned(),
    )
}

/// A mail of 2 KiB to ten people.
fn mail() -> Call {
    let people: Vec<String> = (0..10)
        .map(|at| format!("{{\"email\":\"person{at}@example.com\"}}"))
        .collect();
    let start = format!(
        "{{\"personalizations\":[{{\"to\":[{}]}}],\"from\":{{\"email\":\"bot@example.com\"}},\"subject\":\"News\",\"content\":[{{\"type\":\"text/plain\",\"value\":\"",
        people.join(",")
    );
    let end = "\"}]}";
    let text = "x".repeat(2048 - start.len() - end.len());
    call(
        "api.sendgrid.com",
        "/v3/mail/send",
        "application/json",
        format!("{start}{text}{end}"),
    )
}

fn understand(mappings: &Mappings, call: &Call) -> Action {
    let route = mappings.route(call).unwrap();
    mappings.resolve(call, route).unwrap()
}

/// What one call takes: the median of many, one after another, with the action's end.
fn typical(mappings: &Mappings, call: &Call) -> Duration {
    const CALLS: usize = 50_000;
    let mut spans: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            drop(black_box(understand(mappings, black_box(call))));
            start.elapsed()
        })
        .collect();
    spans.sort_unstable();
    spans[CALLS / 2]
}

/// From head and content in memory to the whole action: provider, operation, access, fields, target, and the checks, the
/// summary and the request line besides. 3 µs for a form of Stripe's, 10 µs for 2 KiB to SendGrid, and the rows of 1,000 and of
/// 50,000 operations are to be alike.
fn of_mapping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mapping");
    let rows = [
        ("stripe form", form(), "process_refund", "amount", 3),
        ("sendgrid 2 KiB", mail(), "send_email", "recipient_count", 10),
    ];
    let (mut fewest, mut missed) = ([Duration::MAX; 2], Vec::new());
    for operations in [1_000, 50_000] {
        let mappings = mappings(operations);
        for ((name, call, action, field, at_most), fewest) in rows.iter().zip(&mut fewest) {
            let told = understand(&mappings, call);
            assert_eq!(&*told.name, *action);
            assert!(told.fields.contains_key(*field) && told.target.id.is_some());
            let row = format!("{name}/{operations} operations");
            group.bench_function(&row, |bencher| {
                bencher.iter(|| understand(&mappings, black_box(call)));
            });
            let (median, at_most) = (typical(&mappings, call), Duration::from_micros(*at_most));
            eprintln!("mapping/{row}: median {median:.1?} of at most {at_most:?}");
            *fewest = median.min(*fewest);
            let flat = *fewest * 5 / 4 + Duration::from_nanos(200);
            if median > at_most.min(flat) {
                missed.push(format!(
                    "{row} took {median:.1?}, of at most {at_most:?} and {flat:.1?}"
                ));
            }
        }
    }
    group.finish();
    assert!(missed.is_empty() || cfg!(debug_assertions), "{missed:?}");
}

criterion_group!(benches, of_mapping);
criterion_main!(benches);
