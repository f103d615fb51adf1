//! How many there are to be.

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");

fn sent(method: &str, url: &str, body: &Json) -> Action {
    resolve(shipped(), &call(method, url, &[JSON], Some(&body.to_string()))).unwrap()
}

fn names(action: &Action) -> Vec<&str> {
    action.meanings().map(|meaning| &*meaning.name).collect()
}

#[test]
fn a_size_alone_is_a_size_first_and_anything_beside_it_a_deployment() {
    let ecs = |body: Json| {
        let target = ("x-amz-target", "AmazonEC2ContainerServiceV20141113.UpdateService");
        let body = body.to_string();
        let headers = [target, ("content-type", "application/x-amz-json-1.1")];
        resolve(
            shipped(),
            &call("POST", "https://ecs.us-east-1.amazonaws.com/", &headers, Some(&body)),
        )
        .unwrap()
    };
    let eks = |body: Json| {
        let url = "https://eks.us-east-1.amazonaws.com/clusters/prod/node-groups/workers/update-config";
        sent("POST", url, &body)
    };
    let size = ecs(json!({ "cluster": "prod", "service": "web", "desiredCount": 12 }));
    assert_eq!((&*size.name, size.int("instance_count")), ("scale_resources", Some(12)));
    // Those that are too many are stopped, and rules about deployments hold as they do of any other.
    assert_eq!(
        names(&size),
        ["scale_resources", "deploy_service", "terminate_instance"]
    );
    let size = eks(json!({ "scalingConfig": { "maxSize": 12, "minSize": 1 }, "clientRequestToken": "t" }));
    assert_eq!((&*size.name, size.int("instance_count")), ("scale_resources", Some(12)));
    assert_eq!(
        names(&size),
        ["scale_resources", "deploy_service", "terminate_instance"]
    );
    for action in [
        ecs(json!({ "service": "web", "desiredCount": 1, "taskDefinition": "web:7" })),
        ecs(json!({ "service": "web", "desiredCount": 1, "whatComesNext": true })),
        ecs(json!({ "service": "web", "desiredCount": 1, "DesiredCOUNT2": 1 })),
        ecs(json!({ "service": "web" })),
        eks(json!({ "scalingConfig": { "maxSize": 1 }, "taints": {} })),
        eks(json!({ "scalingConfig": { "maxSize": 1 }, "whatComesNext": {} })),
        eks(json!({ "labels": {} })),
        eks(json!({})),
    ] {
        assert_eq!(&*action.name, "deploy_service", "{}", action.summary);
    }
    let group = "https://eks.us-east-1.amazonaws.com/clusters/prod/node-groups";
    assert!(sent("POST", group, &json!({ "nodegroupName": "a" })).is_missing("instance_count"));
    let least = sent("POST", group, &json!({ "scalingConfig": { "minSize": 3 } }));
    assert_eq!(why(&least, "instance_count"), Some(Why::Unreadable));
    let least = eks(json!({ "scalingConfig": { "minSize": 3 } }));
    assert_eq!(why(&least, "instance_count"), Some(Why::Unreadable));
}

/// Without `sourceSecurityGroups` a key opens SSH to everybody.
#[test]
fn a_node_group_that_people_may_log_in_to_changes_who_reaches_what() {
    let group = "https://eks.us-east-1.amazonaws.com/clusters/prod/node-groups";
    let plain = json!({ "nodegroupName": "a", "scalingConfig": { "maxSize": 2 } });
    assert_eq!(names(&sent("POST", group, &plain)), ["provision_instance"]);
    let mut open = plain;
    open["remoteAccess"] = json!({ "ec2SshKey": "key" });
    assert_eq!(
        names(&sent("POST", group, &open)),
        ["modify_security", "provision_instance"]
    );
}

#[test]
fn a_size_of_nothing_is_the_providers_own() {
    let run = |scaling: Json| {
        let url = "https://run.googleapis.com/v2/projects/p/locations/l/services/web";
        sent("PATCH", url, &json!({ "template": { "scaling": scaling } }))
    };
    let told = |action: &Action| (action.int("instance_count"), why(action, "instance_count"));
    assert_eq!(told(&run(json!({ "maxInstanceCount": 7 }))), (Some(7), None));
    assert_eq!(
        told(&run(json!({ "maxInstanceCount": 7, "minInstanceCount": 3 }))),
        (Some(7), None)
    );
    assert_eq!(told(&run(json!({ "maxInstanceCount": 0 }))), (None, None));
    assert_eq!(told(&run(json!({}))), (None, None));
    // At least so many run, and nobody knows how many at most.
    for scaling in [
        json!({ "minInstanceCount": 50 }),
        json!({ "maxInstanceCount": 0, "minInstanceCount": 50 }),
    ] {
        assert_eq!(told(&run(scaling.clone())), (None, Some(Why::Unreadable)), "{scaling}");
    }
}

#[test]
fn what_says_nothing_of_its_size_counts_once() {
    let app = |spec: Json| sent("POST", "https://api.digitalocean.com/v2/apps", &json!({ "spec": spec }));
    let web = json!({ "name": "web", "instance_count": 3 });
    for (spec, count) in [
        (json!({ "services": [web, { "name": "api" }] }), 4),
        (
            json!({ "services": [web], "workers": [{ "autoscaling": { "min_instance_count": 1, "max_instance_count": 9 } }] }),
            12,
        ),
        (json!({ "jobs": [{ "name": "migrate" }] }), 1),
    ] {
        assert_eq!(app(spec.clone()).int("instance_count"), Some(count), "{spec}");
    }
    for odd in [
        json!({ "services": ["web"] }),
        json!({ "services": [{ "instance_count": "x" }] }),
        json!({ "services": [{ "instance_count": null }] }),
    ] {
        assert!(app(odd.clone()).is_missing("instance_count"), "{odd}");
    }
}

#[test]
fn a_deletion_of_all_keys_has_no_limit() {
    let commit = |mutation: Json| {
        let url = "https://spanner.googleapis.com/v1/projects/p/instances/i/databases/d/sessions/s:commit";
        sent("POST", url, &json!({ "mutations": [mutation] }))
    };
    let unbounded = |keys: Json| {
        commit(json!({ "delete": { "table": "Orders", "keySet": keys } }))
            .fields
            .get("unbounded")
            .cloned()
    };
    assert_eq!(unbounded(json!({ "all": true })), Some(Value::Bool(true)));
    assert_eq!(unbounded(json!({ "keys": [["o-1"]] })), Some(Value::Bool(false)));
    for untold in [
        json!({ "all": false }),
        json!({ "ranges": [{}] }),
        json!({ "all": "yes" }),
    ] {
        assert_eq!(unbounded(untold.clone()), None, "{untold}");
    }
    let both = commit(json!({ "delete": { "table": "Orders", "key_set": { "all": true, "keys": [["o-1"]] } } }));
    assert_eq!(both.fields.get("unbounded"), Some(&Value::Bool(true)));
}

#[test]
fn a_pipeline_that_deletes_is_a_deletion() {
    let run = |stages: Json| {
        let url = "https://firestore.googleapis.com/v1/projects/p/databases/d/documents:executePipeline";
        sent(
            "POST",
            url,
            &json!({ "structuredPipeline": { "pipeline": { "stages": stages } } }),
        )
    };
    let delete = json!({ "name": "delete" });
    let within = json!({ "name": "union", "args": [{ "pipelineValue": { "stages": [delete] } }] });
    for stages in [json!([{ "name": "collection" }, delete]), json!([within])] {
        assert_eq!(&*run(stages.clone()).name, "delete_records", "{stages}");
    }
    let other = run(json!([{ "name": "collection" }, { "name": "update" }]));
    assert!(&*other.name == "bulk_update" && other.is_missing("unbounded"));
}

#[test]
fn a_cluster_is_as_large_as_its_pools_may_grow() {
    let google = |cluster: Json| {
        let url = "https://container.googleapis.com/v1/projects/p/locations/l/clusters";
        sent("POST", url, &json!({ "cluster": cluster }))
    };
    let ocean = |pools: Json| {
        let url = "https://api.digitalocean.com/v2/kubernetes/clusters";
        sent("POST", url, &json!({ "name": "a", "node_pools": pools }))
    };
    let grows = |most: u32| json!({ "initialNodeCount": 1, "autoscaling": { "enabled": true, "maxNodeCount": most } });
    for (action, size) in [
        (google(json!({ "initialNodeCount": 3 })), 3),
        (
            google(json!({ "initialNodeCount": 3, "autoscaling": { "enableNodeAutoprovisioning": false } })),
            3,
        ),
        (
            google(json!({ "nodePools": [grows(40), { "initialNodeCount": 2 }] })),
            42,
        ),
        (
            google(json!({ "nodePools": [{ "autoscaling": { "maxNodeCount": 2, "totalMaxNodeCount": 60 } }] })),
            60,
        ),
        (
            ocean(json!([{ "count": 1, "auto_scale": true, "max_nodes": 50 }, { "count": 2 }])),
            52,
        ),
        (ocean(json!([{ "count": 3, "min_nodes": 5 }])), 5),
        (
            sent(
                "PUT",
                "https://api.digitalocean.com/v2/kubernetes/clusters/a/node_pools/p",
                &json!({ "name": "p", "count": 1, "auto_scale": true, "min_nodes": 40 }),
            ),
            40,
        ),
    ] {
        assert_eq!(action.int("instance_count"), Some(size), "{}", action.summary);
    }
    for unknown in [
        json!({ "initialNodeCount": 1, "autopilot": { "enabled": true } }),
        // What is said of it, whatever it says: the strict side.
        json!({ "initialNodeCount": 1, "autopilot": { "enabled": false } }),
        json!({ "initialNodeCount": 3, "locations": ["us-central1-a", "us-central1-b"] }),
        json!({ "nodePools": [{ "initialNodeCount": 3, "locations": ["us-central1-a"] }] }),
        json!({ "initialNodeCount": 3, "autoscaling": { "enableNodeAutoprovisioning": true, "resource_limits": [{}] } }),
    ] {
        assert!(google(unknown.clone()).is_missing("instance_count"), "{unknown}");
    }
    for odd in [json!("3"), json!([3]), json!(-1)] {
        let action = google(json!({ "initialNodeCount": odd, "nodePools": [grows(2)] }));
        assert_eq!(why(&action, "instance_count"), Some(Why::Unreadable), "{odd}");
    }
    let pool = "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c/nodePools";
    let added = sent("POST", pool, &json!({ "nodePool": grows(40) }));
    assert_eq!(added.int("instance_count"), Some(40));
    let snake = json!({ "node_pool": { "initial_node_count": 1, "config": { "machine_type": "a2-megagpu-16g" } } });
    let added = sent("POST", pool, &snake);
    let machine = Value::Text("a2-megagpu-16g".to_owned());
    assert_eq!(
        (added.int("instance_count"), added.fields.get("instance_type")),
        (Some(1), Some(&machine))
    );
}
