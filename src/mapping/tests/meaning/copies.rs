//! Calls that bring something from elsewhere: what they read is judged too.

use super::*;

/// Each meaning of a call: its action and its target.
fn meanings(call: &Call) -> Vec<(String, Option<String>)> {
    meanings_of(&resolve(shipped(), call).unwrap())
}

fn meanings_of(action: &Action) -> Vec<(String, Option<String>)> {
    let told = |action: &Action| (action.name.to_string(), action.target.id.clone());
    action.meanings().map(told).collect()
}

fn is(name: &str, id: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(id.to_owned()))
}

fn s3(target: &str, source: &str) -> Call {
    let url = format!("https://s3.us-west-2.amazonaws.com{target}");
    call("PUT", &url, &[("x-amz-copy-source", source)], None)
}

fn google(method: &str, path: &str, body: Option<&Json>) -> Call {
    let url = format!("https://storage.googleapis.com/storage/v1/b/{path}");
    let body = body.map(Json::to_string);
    call(method, &url, &[("content-type", "application/json")], body.as_deref())
}

fn query(service: &str, form: &str) -> Call {
    let url = format!("https://{service}.us-east-1.amazonaws.com/");
    call("POST", &url, &[FORM], Some(form))
}

#[test]
fn a_copy_reads_its_source() {
    for target in ["/scratch/x", "/scratch/x?partNumber=1&uploadId=u"] {
        for source in [
            "/payroll/salaries.csv",
            "payroll/salaries.csv",
            "payroll/salaries.csv?versionId=3HL4kqt",
            "payroll%2Fsalaries.csv",
            "%2Fpayroll%2Fsalaries%2Ecsv",
        ] {
            assert_eq!(
                meanings(&s3(target, source)),
                [
                    is("modify_record", "scratch/x"),
                    is("read_record", "payroll/salaries.csv")
                ],
                "{target} {source}"
            );
        }
    }
    let summary = resolve(shipped(), &s3("/scratch/x", "/payroll/a%20b.csv"))
        .unwrap()
        .summary;
    assert!(
        summary.contains("; also: Read object payroll/a b.csv in AWS S3"),
        "{summary}"
    );
}

/// The same object has the same id, whether it is got or copied.
#[test]
fn a_source_has_the_id_by_which_it_is_got() {
    for key in [
        "a/b.csv", "a%20b", "%C3%A9", "a%252Fb", "a%2Bb", "..%2Fb", "a/", "a%3Fb", "a//b", "a:b",
    ] {
        let got = call(
            "GET",
            &format!("https://s3.us-west-2.amazonaws.com/payroll/{key}"),
            &[],
            None,
        );
        let got = resolve(shipped(), &got).unwrap().target.id.unwrap();
        let copied = meanings(&s3("/scratch/x", &format!("payroll/{key}")));
        assert_eq!(copied[1], is("read_record", &got), "{key}");
    }
}

/// SECURITY: what cannot be told is held, as a rule about it could not be asked.
#[test]
fn a_source_that_cannot_be_told_is_missing() {
    for source in [
        "",
        "/",
        "//payroll/a",
        "%2F%2Fpayroll/a",
        "payroll/a+b",
        "payroll/a%zz",
        "payroll/a%FF",
        "payroll/a?versionId=1&x=2",
        "payroll/a?x=versionId",
        "arn:aws:s3:us-west-2:123456789012:accesspoint/ap/object/payroll/a",
        "https://payroll.s3.amazonaws.com/a",
        "payroll/\u{e9}",
    ] {
        let action = resolve(shipped(), &s3("/scratch/x", source)).unwrap();
        let read = action
            .meanings()
            .find(|meaning| &*meaning.name == "read_record")
            .unwrap();
        assert_eq!(read.target.id, None, "{source}");
        assert_eq!(why(read, "resource_ids"), Some(Why::Unreadable), "{source}");
    }
    let two = [("x-amz-copy-source", "a/b"), ("x-amz-copy-source", "payroll/c")];
    let action = resolve(
        shipped(),
        &call("PUT", "https://s3.us-west-2.amazonaws.com/b/k", &two, None),
    );
    let read = action.map(|action| meanings_of(&action)).unwrap();
    assert_eq!(read[1..], [is("read_record", "a/b"), is("read_record", "payroll/c")]);
}

#[test]
fn a_copy_within_cloud_storage_reads_its_source() {
    let end = [is("modify_record", "scratch/x"), is("read_record", "payroll/a.csv")];
    for way in ["copyTo", "rewriteTo"] {
        let copy = google(
            "POST",
            &format!("payroll/o/a.csv/{way}/b/scratch/o/x"),
            Some(&json!({})),
        );
        assert_eq!(meanings(&copy), end, "{way}");
        let empty = google("POST", &format!("payroll/o/a.csv/{way}/b/scratch/o/x"), None);
        assert_eq!(meanings(&empty), end, "{way}");
    }
    let sources = json!({"sourceObjects": [{"name": "salaries.csv"}, {"name": "a/b"}], "destination": {}});
    let compose = google("POST", "payroll/o/x/compose", Some(&sources));
    assert_eq!(
        meanings(&compose),
        [
            is("modify_record", "payroll/x"),
            is("read_record", "payroll/salaries.csv"),
            is("read_record", "payroll/a/b")
        ]
    );
    let moved = google("POST", "payroll/o/a.csv/moveTo/o/b.csv", None);
    assert_eq!(
        meanings(&moved),
        [
            is("delete_record", "payroll/a.csv"),
            is("modify_record", "payroll/b.csv")
        ]
    );
}

/// Cloud Storage takes at most 32.
#[test]
fn more_sources_than_a_call_may_have_are_missing() {
    let compose = |count: usize| {
        let sources: Vec<_> = (0..count).map(|at| json!({"name": format!("o{at}")})).collect();
        let call = google(
            "POST",
            "payroll/o/x/compose",
            Some(&json!({ "sourceObjects": sources })),
        );
        resolve(shipped(), &call).unwrap()
    };
    assert_eq!(compose(32).also.len(), 32);
    for action in [compose(33), compose(5_000)] {
        assert_eq!(action.also.len(), 1);
        assert_eq!(why(&action.also[0], "resource_ids"), Some(Why::Unreadable));
    }
    for sources in [json!([{}]), json!(["a"]), json!({"name": "a"}), json!("a"), json!([])] {
        let call = google(
            "POST",
            "payroll/o/x/compose",
            Some(&json!({ "sourceObjects": sources })),
        );
        let action = resolve(shipped(), &call).unwrap();
        assert_eq!(why(&action.also[0], "resource_ids"), Some(Why::Unreadable), "{sources}");
    }
}

#[test]
fn what_is_restored_is_read() {
    for (form, source) in [
        (
            "Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=scratch&DBSnapshotIdentifier=payroll",
            "payroll",
        ),
        (
            "Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=scratch&DBClusterSnapshotIdentifier=payroll",
            "payroll",
        ),
    ] {
        assert_eq!(
            meanings(&query("rds", form)),
            [is("provision_instance", "scratch"), is("read_record", source)],
            "{form}"
        );
    }
    let fork = call("POST", "https://api.github.com/repos/acme/payroll/forks", &[], None);
    assert_eq!(meanings(&fork)[1], is("read_record", "acme/payroll"));
    let plain = query("rds", "Action=CreateDBCluster&DBClusterIdentifier=scratch");
    assert_eq!(meanings(&plain), [is("provision_instance", "scratch")]);
}

/// SECURITY: a rule about a snapshot's name is not got around by its ARN.
#[test]
fn what_is_restored_by_its_arn_has_its_name() {
    let read = |parameter: &str, source: &str| {
        let form = format!("Action=RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=scratch&{parameter}={source}");
        let action = resolve(shipped(), &query("rds", &form)).unwrap();
        let whole = action.also.get(1).and_then(|whole| whole.target.id.clone());
        (action.also[0].clone(), whole)
    };
    for (parameter, source, name) in [
        (
            "DBSnapshotIdentifier",
            "arn:aws:rds:eu-west-1:1:snapshot:payroll",
            "payroll",
        ),
        (
            "DBSnapshotIdentifier",
            "arn:aws-cn:rds:cn-north-1:1:snapshot:rds:payroll-2026",
            "rds:payroll-2026",
        ),
        ("DBSnapshotIdentifier", "rds:payroll-2026", "rds:payroll-2026"),
        ("DBSnapshotIdentifier", "PayRoll", "payroll"),
        (
            "DBSnapshotIdentifier",
            "ARN:aws:rds:eu-west-1:1:snapshot:PayRoll",
            "payroll",
        ),
        (
            "DBClusterSnapshotIdentifier",
            "arn%3Aaws%3Ards%3Aeu-west-1%3A1%3Acluster-snapshot%3Apayroll",
            "payroll",
        ),
    ] {
        let (read, whole) = read(parameter, source);
        assert_eq!(
            (read.target.id.as_deref(), read.missing.len()),
            (Some(name), 0),
            "{source}"
        );
        // Somebody else's has the same name.
        let arn = source.replace("%3A", ":").to_lowercase();
        assert_eq!(whole, arn.starts_with("arn:").then_some(arn), "{source}");
    }
    for source in [
        "arn:aws:rds:eu-west-1:1:db:payroll",
        "arn:aws:rds:eu-west-1:1:payroll",
        "arn:aws:rds:eu-west-1:1:snapshot:",
        "arn:aws:rds:eu-west-1:1:snapshot::payroll",
        "arn:payroll",
        "+arn:aws:rds:eu-west-1:1:snapshot:payroll",
        "payroll+",
        "https://payroll",
        "",
    ] {
        let (read, _) = read("DBSnapshotIdentifier", source);
        assert_eq!(read.target.id, None, "{source}");
        assert_eq!(why(&read, "resource_ids"), Some(Why::Unreadable), "{source}");
    }
}

/// SECURITY: a rule about an instance is not got around by copying it as a cluster, nor one about a table by its ARN.
#[test]
fn what_is_named_by_its_arn_is_of_its_own_kind() {
    let told = |call: &Call| {
        let action = resolve(shipped(), call).unwrap();
        let target = |meaning: &Action| {
            let id = meaning.target.id.clone().unwrap_or_default();
            format!("{} {} {id}", meaning.name, meaning.target.kind)
        };
        action.meanings().map(target).collect::<Vec<_>>()
    };
    for (of, kind) in [("db", "db_instance"), ("cluster", "db_cluster")] {
        let arn = format!("arn:aws:rds:eu-west-1:1:{of}:payroll");
        let form = format!("Action=CreateDBCluster&DBClusterIdentifier=Scratch&ReplicationSourceIdentifier={arn}");
        let expected = [
            "provision_instance db_cluster scratch".to_owned(),
            format!("read_record {kind} payroll"),
            format!("read_record {kind} {arn}"),
        ];
        assert_eq!(told(&query("rds", &form)), expected);
    }
    let arn = "arn:aws:rds:eu-west-1:1:snapshot:payroll";
    assert_eq!(
        told(&query("rds", &format!("Action=StartExportTask&SourceArn={arn}"))),
        [
            "export_data db_snapshot payroll".to_owned(),
            format!("export_data db_snapshot {arn}")
        ]
    );
    let table = |name: &str| {
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
        ];
        let body = json!({ "TableName": name }).to_string();
        told(&call(
            "POST",
            "https://dynamodb.eu-west-1.amazonaws.com/",
            &headers,
            Some(&body),
        ))
    };
    assert_eq!(table("Orders"), ["delete_records table Orders"]);
    let arn = "arn:aws:dynamodb:eu-west-1:1:table/Orders";
    assert_eq!(
        table(arn),
        [
            "delete_records table Orders".to_owned(),
            format!("delete_records table {arn}")
        ]
    );
    assert_eq!(
        table("arn:aws:dynamodb:eu-west-1:1:table/Orders/index/x"),
        ["delete_records table "]
    );
}
