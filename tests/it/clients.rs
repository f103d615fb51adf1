//! The client matrix: each official client, allowed, blocked, held, held and repeated. Written to `client-matrix.md`.

mod providers;

use crate::harness::{Answer, Curl, Matrix, Moto, Origin, Seen, Session, Sidecar};
use crate::reject::{MOTO, NO_PAYOUTS};

/// One client and the calls it makes of one sidecar.
pub trait Client {
    fn send(&mut self, call: &str);
    fn receive(&mut self) -> Answer;

    fn call(&mut self, call: &str) -> Answer {
        self.send(call);
        self.receive()
    }
}

impl Client for Session {
    fn send(&mut self, call: &str) {
        Session::send(self, call);
    }

    fn receive(&mut self) -> Answer {
        Session::receive(self)
    }
}

/// curl is a process per call.
struct Curls<'a>(&'a Sidecar, Option<Curl>, &'static str);

impl Client for Curls<'_> {
    fn send(&mut self, call: &str) {
        let arguments: Vec<_> = std::iter::once(self.2).chain(call.split(' ')).collect();
        self.1 = Some(Curl::start(self.0, &arguments));
    }

    fn receive(&mut self) -> Answer {
        self.1.take().unwrap().finish()
    }
}

/// What a client is asked to do, and where that arrives.
pub struct Calls {
    pub allow: &'static str,
    /// A call, and what its refusal must say besides the code.
    pub block: (&'static str, &'static str),
    pub hold: &'static str,
    /// How often the held call reached the origin.
    pub executed: fn(&Origin) -> usize,
}

pub const STRIPE: Calls = Calls {
    allow: "balance",
    block: ("payout 90000", "Payouts are made by people only"),
    hold: "refund ch_1 amount=90000",
    executed: refunds,
};

const REQUESTS: Calls = Calls {
    allow: "get https://api.stripe.com/v1/balance",
    block: (
        "post https://api.stripe.com/v1/payouts amount=90000 currency=usd",
        "Payouts are made by people only",
    ),
    hold: "post https://api.stripe.com/v1/refunds charge=ch_1 amount=90000",
    executed: refunds,
};

const CURL: Calls = Calls {
    allow: "https://api.stripe.com/v1/balance",
    block: (
        "-d amount=90000 -d currency=usd https://api.stripe.com/v1/payouts",
        "Payouts are made by people only",
    ),
    hold: "-d charge=ch_1 -d amount=90000 https://api.stripe.com/v1/refunds",
    executed: refunds,
};

const BOTO3: Calls = Calls {
    allow: "describe_instances",
    block: ("batch_delete orders 1 2 3", "policy_blocked"),
    hold: "run_instances 120",
    executed: |origin| {
        origin
            .seen()
            .iter()
            .filter(|seen| seen.text().contains("Action=RunInstances"))
            .count()
    },
};

pub const SENDGRID: Calls = Calls {
    allow: "templates",
    block: ("delete_bounces", "Many records at once are not deleted by an agent"),
    hold: "send 250",
    executed: |origin| origin.calls("POST", "/v3/mail/send").len(),
};

pub const SLACK: Calls = Calls {
    allow: "post C1 hello",
    block: ("invite C1 U2", "People are let in by people only"),
    hold: "delete C1 1405894322.002768",
    executed: |origin| origin.calls("POST", "/api/chat.delete").len(),
};

pub const NO_INVITATIONS: &str = r#"
@id("no-invitations")
@reason("People are let in by people only")
forbid (principal, action == Action::"modify_security", resource in Provider::"slack");
"#;

const S3: Calls = Calls {
    allow: "list_buckets",
    block: ("delete_objects acme-data a.csv b.csv", "policy_blocked"),
    hold: "put_bucket_policy acme-data",
    executed: |origin| {
        let puts = origin.seen();
        let policy = |seen: &&Seen| seen.method == "PUT" && seen.target.ends_with("?policy");
        puts.iter().filter(policy).count()
    },
};

fn refunds(origin: &Origin) -> usize {
    origin.calls("POST", "/v1/refunds").len()
}

pub fn row(matrix: &Matrix, calls: &Calls, origin: &Origin, sidecar: &Sidecar, client: &mut dyn Client) {
    let allowed = client.call(calls.allow);
    allowed.assert_ok();
    let answered = |seen: &Seen| seen.answered.is_some() && seen.answered == allowed.sha256;
    assert!(origin.seen().iter().any(answered), "byte for byte");
    matrix.found("allow", "the provider's answer, byte for byte");

    let before = origin.seen().len();
    let blocked = client.call(calls.block.0);
    blocked.assert_refused("policy_blocked").assert_refused(calls.block.1);
    assert_eq!(origin.seen().len(), before, "nothing of it reached the provider");
    matrix.found("block", told(&blocked));

    let before = (calls.executed)(origin);
    client.send(calls.hold);
    let id = sidecar.next_held();
    assert_eq!((calls.executed)(origin), before);
    sidecar.approve(&id);
    client.receive().assert_ok();
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("hold", "the answer, after approval");
}

pub fn repeats(matrix: &Matrix, calls: &Calls, origin: &Origin, sidecar: &Sidecar, client: &mut dyn Client) {
    let before = (calls.executed)(origin);
    let pending = client.call(calls.hold);
    pending.assert_refused("approval_pending");
    assert_eq!((calls.executed)(origin), before);
    sidecar.approve(&pending.approval());
    client.call(calls.hold).assert_ok();
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("re-attach", format!("{}, then the answer", told(&pending)));
    let third = client.call(calls.hold);
    third.assert_refused("already_executed");
    assert_eq!((calls.executed)(origin), before + 1);
    matrix.found("repeat", told(&third));
}

/// The client's own error in few words.
fn told(answer: &Answer) -> String {
    let error = answer.error();
    let status = error.http_status.map(|status| format!(" {status}")).unwrap_or_default();
    let code = error.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{}{status}{code}", error.class)
}

fn before_stripe(origin: &Origin, hold: &str) -> Sidecar {
    Sidecar::new()
        .resolve("api.stripe.com", origin)
        .policy(NO_PAYOUTS)
        .hold(hold)
        .start()
}

fn before_aws(origin: &Origin, hold: &str) -> Sidecar {
    let names = ["ec2.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"];
    names
        .iter()
        .fold(Sidecar::new(), |sidecar, name| sidecar.resolve(name, origin))
        .hold(hold)
        .start()
}

#[test]
fn curl() {
    let (matrix, origin) = (Matrix::of("curl"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(
        &matrix,
        &CURL,
        &origin,
        &sidecar,
        &mut Curls(&sidecar, None, "--http1.1"),
    );
    let sidecar = before_stripe(&origin, "1s");
    repeats(
        &matrix,
        &CURL,
        &origin,
        &sidecar,
        &mut Curls(&sidecar, None, "--http1.1"),
    );
}

#[test]
fn stripe() {
    let (matrix, origin) = (Matrix::of("stripe"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(&matrix, &STRIPE, &origin, &sidecar, &mut Session::stripe(&sidecar));
    let sidecar = before_stripe(&origin, "1s");
    repeats(&matrix, &STRIPE, &origin, &sidecar, &mut Session::stripe(&sidecar));
}

#[test]
fn requests() {
    let (matrix, origin) = (Matrix::of("requests"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(&matrix, &REQUESTS, &origin, &sidecar, &mut Session::requests(&sidecar));
    let sidecar = before_stripe(&origin, "1s");
    repeats(&matrix, &REQUESTS, &origin, &sidecar, &mut Session::requests(&sidecar));
}

#[test]
fn httpx() {
    let (matrix, origin) = (Matrix::of("httpx"), Origin::stripe());
    let sidecar = before_stripe(&origin, "30s");
    row(&matrix, &REQUESTS, &origin, &sidecar, &mut Session::httpx(&sidecar));
    let sidecar = before_stripe(&origin, "1s");
    // As it comes: with its own 5 s.
    let mut httpx = Session::open("httpx_client.py", &sidecar, None, &[]);
    repeats(&matrix, &REQUESTS, &origin, &sidecar, &mut httpx);
}

/// Over HTTP/2 on both sides.
#[test]
fn httpx_http2() {
    let (matrix, origin) = (Matrix::of("httpx (HTTP/2)"), Origin::stripe().over_http2());
    let sidecar = before_stripe(&origin, "30s");
    let mut httpx = Session::httpx_http2(&sidecar, "60");
    row(&matrix, &REQUESTS, &origin, &sidecar, &mut httpx);
    assert_eq!(httpx.call(REQUESTS.allow).headers[":version"], "HTTP/2");
    assert!(origin.seen().iter().all(|seen| seen.version == http::Version::HTTP_2));
    let sidecar = before_stripe(&origin, "1s");
    repeats(
        &matrix,
        &REQUESTS,
        &origin,
        &sidecar,
        &mut Session::httpx_http2(&sidecar, "5"),
    );
}

#[test]
fn curl_http2() {
    let (matrix, origin) = (Matrix::of("curl (HTTP/2)"), Origin::stripe().over_http2());
    let sidecar = before_stripe(&origin, "30s");
    let mut curls = Curls(&sidecar, None, "--http2");
    row(&matrix, &CURL, &origin, &sidecar, &mut curls);
    assert_eq!(curls.call(CURL.allow).headers[":version"], "HTTP/2");
    let sidecar = before_stripe(&origin, "1s");
    repeats(&matrix, &CURL, &origin, &sidecar, &mut Curls(&sidecar, None, "--http2"));
}

#[test]
fn sendgrid() {
    let (matrix, origin) = (Matrix::of("sendgrid"), Origin::sendgrid());
    let before = |hold| Sidecar::new().resolve("api.sendgrid.com", &origin).hold(hold).start();
    let sidecar = before("30s");
    row(&matrix, &SENDGRID, &origin, &sidecar, &mut Session::sendgrid(&sidecar));
    let sidecar = before("1s");
    repeats(&matrix, &SENDGRID, &origin, &sidecar, &mut Session::sendgrid(&sidecar));
}

#[test]
fn sendgrid_up_to_a_hundred_recipients_are_mailed_unasked() {
    let origin = Origin::sendgrid();
    let sidecar = Sidecar::new().resolve("api.sendgrid.com", &origin).hold("1s").start();
    let mut sendgrid = Session::sendgrid(&sidecar);
    assert_eq!(sendgrid.call("send 100").assert_ok().status, Some(202));
    let held = sendgrid.call("send 101");
    held.assert_refused("approval_pending");
    assert_eq!(
        (held.error().class.as_str(), held.error().http_status),
        ("ForbiddenError", Some(403))
    );
    assert_eq!(origin.calls("POST", "/v3/mail/send").len(), 1);
}

#[test]
fn slack_sdk() {
    let (matrix, origin) = (Matrix::of("slack_sdk"), Origin::slack());
    let before = |hold| {
        let sidecar = Sidecar::new().resolve("slack.com", &origin).policy(NO_INVITATIONS);
        sidecar.hold(hold).start()
    };
    let sidecar = before("30s");
    row(&matrix, &SLACK, &origin, &sidecar, &mut Session::slack(&sidecar));
    let sidecar = before("1s");
    repeats(&matrix, &SLACK, &origin, &sidecar, &mut Session::slack(&sidecar));
}

/// boto3 puts a fresh `ClientToken` into every call: it is the same call all the same.
#[test]
fn boto3() {
    // A moto of its own: other tests' calls would be counted with these.
    let (matrix, moto) = (Matrix::of("boto3"), Moto::start());
    let sidecar = before_aws(&moto.origin, "30s");
    row(&matrix, &BOTO3, &moto.origin, &sidecar, &mut Session::boto3(&sidecar));
    let sidecar = before_aws(&moto.origin, "1s");
    repeats(&matrix, &BOTO3, &moto.origin, &sidecar, &mut Session::boto3(&sidecar));
    let runs: Vec<_> = moto
        .origin
        .seen()
        .into_iter()
        .filter(|seen| seen.text().contains("Action=RunInstances"))
        .collect();
    let token = |text: String| {
        text.split('&')
            .find(|pair| pair.starts_with("ClientToken="))
            .map(str::to_owned)
    };
    let tokens: Vec<_> = runs
        .iter()
        .map(|seen| token(seen.text()).expect("boto3 gives a token"))
        .collect();
    assert_ne!(
        tokens[0], tokens[1],
        "each went out with the token that its own client gave it"
    );
}

#[test]
fn boto3_up_to_ten_instances_run_unasked_and_termination_is_held() {
    let moto = MOTO.get(Moto::start);
    let sidecar = before_aws(&moto.origin, "1s");
    let mut boto3 = Session::boto3(&sidecar);
    let run = boto3.call("run_instances 2");
    let id = run.assert_ok().value["Instances"][0]["InstanceId"]
        .as_str()
        .unwrap()
        .to_owned();
    boto3
        .call(&format!("terminate_instances {id}"))
        .assert_refused("approval_pending");
    let left = boto3.call("describe_instances");
    assert!(left.value.to_string().contains(&id));
    assert!(
        !moto
            .origin
            .seen()
            .iter()
            .any(|seen| seen.text().contains("Action=TerminateInstances"))
    );
}

pub fn before_s3(origin: &Origin, hold: &str) -> Sidecar {
    let names = [
        "s3.amazonaws.com",
        "acme-data.s3.amazonaws.com",
        "lambda.us-east-1.amazonaws.com",
    ];
    let named = names
        .iter()
        .fold(Sidecar::new(), |sidecar, name| sidecar.resolve(name, origin));
    named.hold(hold).start()
}

/// REST with XML: the bucket in the host, the operation in the query.
#[test]
fn boto3_s3() {
    let (matrix, moto) = (Matrix::of("boto3 (S3)"), Moto::start());
    let sidecar = before_s3(&moto.origin, "30s");
    let mut boto3 = Session::boto3(&sidecar);
    boto3.call("create_bucket acme-data").assert_ok();
    row(&matrix, &S3, &moto.origin, &sidecar, &mut boto3);
    let blocked = boto3.call("delete_objects acme-data a.csv b.csv");
    let error = blocked.error();
    assert_eq!((error.class.as_str(), error.http_status), ("ClientError", Some(403)));
    assert_eq!(error.code.as_deref(), Some("policy_blocked"));
    assert!(
        boto3
            .call("get_bucket_policy acme-data")
            .assert_ok()
            .value
            .to_string()
            .contains("2012-10-17")
    );
    let sidecar = before_s3(&moto.origin, "1s");
    repeats(&matrix, &S3, &moto.origin, &sidecar, &mut Session::boto3(&sidecar));
}

#[test]
fn boto3_uploads_what_is_larger_than_any_limit_and_reads_it_by_a_presigned_url() {
    let moto = MOTO.get(Moto::start);
    let sidecar = before_s3(&moto.origin, "1s");
    let mut boto3 = Session::boto3(&sidecar);
    boto3.call("create_bucket acme-data");
    let began = std::time::Instant::now();
    boto3.call("put_object acme-data large.bin 20").assert_ok();
    assert!(
        began.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert!(
        boto3
            .call("list_objects acme-data")
            .assert_ok()
            .value
            .to_string()
            .contains("20971520")
    );
    boto3.call("put_object acme-data small.bin 1").assert_ok();
    let read = boto3.call("get_presigned acme-data small.bin");
    assert_eq!(read.assert_ok().status, Some(200));
}

#[test]
fn boto3_is_told_in_lambdas_own_shape_that_a_deletion_is_held() {
    let moto = MOTO.get(Moto::start);
    let sidecar = before_s3(&moto.origin, "1s");
    let mut boto3 = Session::boto3(&sidecar);
    boto3.call("list_functions").assert_ok();
    let held = boto3.call("delete_function billing");
    held.assert_refused("approval_pending").assert_refused("NOT executed");
    assert_eq!(
        (held.error().class.as_str(), held.error().http_status),
        ("ClientError", Some(403))
    );
    assert!(moto.origin.calls("DELETE", "/2015-03-31/functions/billing").is_empty());
}
