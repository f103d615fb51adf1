//! What a plain-looking call does besides: it makes unreadable, expires, ends, opens.

use super::*;

fn actions(call: &Call) -> Vec<String> {
    let action = resolve(shipped(), call).unwrap();
    action.meanings().map(|meaning| meaning.name.to_string()).collect()
}

fn aws(service: &str, target: &str, body: &Json) -> Call {
    let url = format!("https://{service}.us-east-1.amazonaws.com/");
    let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
    call("POST", &url, &headers, Some(&body.to_string()))
}

fn query(service: &str, form: &str) -> Call {
    let url = format!("https://{service}.us-east-1.amazonaws.com/");
    call("POST", &url, &[FORM], Some(form))
}

/// SECURITY: an object rewritten under a key that only the agent has is gone for everyone else.
#[test]
fn a_key_of_the_callers_own_changes_who_can_read() {
    let object = "https://s3.us-west-2.amazonaws.com/b/k";
    for (method, query) in [("PUT", ""), ("POST", "?uploads"), ("PUT", "?partNumber=1&uploadId=u")] {
        for copy in [None, Some(("x-amz-copy-source", "b/k"))] {
            for name in [
                "x-amz-server-side-encryption-customer-algorithm",
                "x-amz-server-side-encryption-customer-key-md5",
                "x-amz-server-side-encryption-aws-kms-key-id",
            ] {
                let mut headers = vec![(name, "x")];
                headers.extend(copy.filter(|_| method == "PUT"));
                let call = call(method, &format!("{object}{query}"), &headers, None);
                assert_eq!(actions(&call)[0], "modify_security", "{method} {query} {name} {copy:?}");
            }
        }
    }
    let plain = call("PUT", object, &[("x-amz-server-side-encryption", "aws:kms")], None);
    assert_eq!(actions(&plain), ["modify_record"]);
    let key = "x-amz-server-side-encryption-customer-key";
    let kept = call("PUT", object, &[(key, "c2VjcmV0"), (&format!("{key}-md5"), "x")], None);
    let action = resolve(shipped(), &kept).unwrap();
    assert!(!action.summary.contains("c2VjcmV0"), "{}", action.summary);

    let objects = "https://storage.googleapis.com/storage/v1/b/acme-data/o";
    let upload = "https://storage.googleapis.com/upload/storage/v1/b/acme-data/o?uploadType=media&name=a";
    let google = |method: &str, url: &str, header: Option<(&str, &str)>, body: &Json| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(header);
        actions(&call(method, url, &headers, Some(&body.to_string())))
    };
    for (method, url) in [
        ("POST", upload.to_owned()),
        ("POST", format!("{objects}?name=a")),
        ("POST", format!("{objects}/a/copyTo/b/acme-data/o/a?x=1")),
        ("POST", format!("{objects}/a/rewriteTo/b/acme-data/o/a?x=1")),
        ("POST", format!("{objects}/a/compose?x=1")),
    ] {
        let with = |header, query: &str| google(method, &format!("{url}{query}"), header, &json!({}))[0].clone();
        assert_eq!(with(None, ""), "modify_record", "{url}");
        for name in ["x-goog-encryption-algorithm", "x-goog-encryption-key-sha256"] {
            assert_eq!(with(Some((name, "x")), ""), "modify_security", "{url} {name}");
        }
        for name in ["kmsKeyName", "destinationKmsKeyName"] {
            assert_eq!(with(None, &format!("&{name}=k")), "modify_security", "{url} {name}");
        }
    }
    for (url, body) in [
        (format!("{objects}?name=a"), json!({"kmsKeyName": "k"})),
        (
            format!("{objects}/a/rewriteTo/b/acme-data/o/a"),
            json!({"kmsKeyName": "k"}),
        ),
        (
            format!("{objects}/a/compose"),
            json!({"destination": {"kmsKeyName": "k"}}),
        ),
    ] {
        assert_eq!(google("POST", &url, None, &body)[0], "modify_security", "{url}");
    }
}

#[test]
fn a_shorter_retention_deletes_what_is_older() {
    let put = aws(
        "logs",
        "Logs_20140328.PutRetentionPolicy",
        &json!({"logGroupName": "g", "retentionInDays": 1}),
    );
    let action = resolve(shipped(), &put).unwrap();
    assert_eq!(&*action.name, "modify_schema");
    assert!(action.summary.contains("older"), "{}", action.summary);
}

#[test]
fn a_smaller_group_terminates_what_is_too_many() {
    for form in [
        "Action=SetDesiredCapacity&DesiredCapacity=0",
        "Action=SetDesiredCapacity&DesiredCapacity=5",
        "Action=UpdateAutoScalingGroup&MinSize=0&MaxSize=0",
        "Action=UpdateAutoScalingGroup&MaxSize=3",
        "Action=UpdateAutoScalingGroup&DesiredCapacity=x",
    ] {
        let call = query("autoscaling", &format!("{form}&AutoScalingGroupName=g"));
        assert_eq!(actions(&call)[..2], ["scale_resources", "terminate_instance"], "{form}");
        let action = resolve(shipped(), &call).unwrap();
        assert_eq!(
            action.also[0].fields.get("instance_count"),
            None,
            "how many it ends, the call does not tell"
        );
    }
    let call = query(
        "autoscaling",
        "Action=UpdateAutoScalingGroup&AutoScalingGroupName=g&MinSize=2",
    );
    assert_eq!(actions(&call), ["scale_resources"]);
}

#[test]
fn what_is_opened_as_it_is_made_is_opened() {
    let topic = |attributes: &str| actions(&query("sns", &format!("Action=CreateTopic&Name=t{attributes}")));
    let attribute = |name: &str| topic(&format!("&Attributes.entry.1.key={name}&Attributes.entry.1.value=x"));
    assert_eq!(topic(""), ["modify_record"]);
    for name in ["FifoTopic", "DisplayName", "ContentBasedDeduplication"] {
        assert_eq!(attribute(name), ["modify_record"], "{name}");
    }
    for name in ["Policy", "DeliveryPolicy", "KmsMasterKeyId", "NobodyKnows"] {
        assert_eq!(attribute(name)[0], "modify_security", "{name}");
    }
    assert_eq!(
        topic("&Attributes.entry.1.key=FifoTopic&Attributes.entry.2.key=Policy&Attributes.entry.2.value=x")[0],
        "modify_security"
    );
    assert_eq!(topic("&DataProtectionPolicy=x")[0], "modify_security");

    let queue = |attributes: &Json| {
        actions(&aws(
            "sqs",
            "AmazonSQS.CreateQueue",
            &json!({"QueueName": "q", "Attributes": attributes}),
        ))
    };
    assert_eq!(
        queue(&json!({"FifoQueue": "true", "VisibilityTimeout": "30"})),
        ["modify_record"]
    );
    for name in [
        "Policy",
        "RedrivePolicy",
        "RedriveAllowPolicy",
        "KmsMasterKeyId",
        "SqsManagedSseEnabled",
    ] {
        assert_eq!(queue(&json!({ name: "x" }))[0], "modify_security", "{name}");
    }

    let secret =
        |operation: &str, body: &Json| actions(&aws("secretsmanager", &format!("secretsmanager.{operation}"), body));
    assert_eq!(
        secret("CreateSecret", &json!({"Name": "s", "SecretString": "x"})),
        ["modify_record"]
    );
    for (operation, name) in [
        ("CreateSecret", "AddReplicaRegions"),
        ("CreateSecret", "ForceOverwriteReplicaSecret"),
        ("UpdateSecret", "KmsKeyId"),
    ] {
        assert_eq!(
            secret(operation, &json!({ name: "x" }))[0],
            "modify_security",
            "{operation} {name}"
        );
    }
}

#[test]
fn a_task_with_overrides_runs_what_the_caller_says() {
    for operation in ["RunTask", "StartTask"] {
        let run = |body: &Json| {
            actions(&aws(
                "ecs",
                &format!("AmazonEC2ContainerServiceV20141113.{operation}"),
                body,
            ))
        };
        assert_eq!(run(&json!({"taskDefinition": "t", "count": 1})), ["provision_instance"]);
        for overrides in [
            json!({"taskRoleArn": "arn:aws:iam::1:role/admin"}),
            json!({"containerOverrides": [{"name": "c", "command": ["sh"]}]}),
            json!({}),
        ] {
            let body = json!({"taskDefinition": "t", "count": 1, "overrides": overrides});
            assert!(
                run(&body).contains(&"deploy_service".to_owned()),
                "{operation} {overrides}"
            );
        }
    }
}

#[test]
fn a_session_that_begins_is_no_plain_upload() {
    let put = |query: &str| {
        let url = format!("https://storage.googleapis.com/upload/storage/v1/b/acme-data/o?uploadType=resumable{query}");
        actions(&call("PUT", &url, &[("content-type", "text/csv")], Some("a,b")))
    };
    assert_eq!(put("&name=x")[0], "modify_security");
    assert_eq!(put("&name=x&upload_id=u"), ["modify_record"]);
}
