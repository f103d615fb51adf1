//! AWS: boto3 with moto behind it, and the SDK for JavaScript.

use super::*;
use crate::harness::Moto;
use crate::reject::MOTO;

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

const NAMES: [&str; 2] = ["ec2.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"];

fn before_aws(origin: &Origin, hold: &str) -> Sidecar {
    NAMES
        .iter()
        .fold(Sidecar::new(), |sidecar, name| sidecar.resolve(name, origin))
        .hold(hold)
        .start()
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
    raises("boto3", &BOTO3, &|_| raised::at(None, &NAMES, ""), Session::boto3);
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

const EC2: Calls = Calls {
    allow: "describe_instances",
    block: ("open_to_all sg-1", "Ports are opened by people only"),
    hold: "run_instances 120",
    executed: BOTO3.executed,
};

#[test]
fn ec2_for_node() {
    let start = |sidecar: &Sidecar| Session::preloaded("node/aws_client.js", sidecar, &[]);
    let rule = no("modify_security", "aws", "Ports are opened by people only");
    let hosts: &[&str] = &["ec2.us-east-1.amazonaws.com"];
    shows("@aws-sdk/client-ec2", &EC2, &Origin::aws(), (hosts, &rule), start);
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
