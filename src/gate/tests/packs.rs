//! Each rule of each pack, beside the baseline.

use super::*;

/// Decides the cases with a pack in force, and looks that each of its rules has decided one.
#[track_caller]
fn decides(pack: &str, text: &str, cases: &[(Action, &str)]) {
    decides_by(pack, text, &gate(text), cases);
}

#[track_caller]
fn decides_by(pack: &str, text: &str, gate: &Gate, cases: &[(Action, &str)]) {
    let mut met = BTreeSet::new();
    for (action, expected) in cases {
        let mut call = call();
        if action.access == Access::Read {
            call.method = http::Method::GET;
        }
        let found = decided_call(gate, call, action, None);
        assert_eq!(&found, expected, "{} {:?}", action.name, action.fields);
        met.extend(found.split(' ').map(str::to_owned));
    }
    let ids = text.split("@id(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let silent: Vec<&str> = ids.filter(|id| !met.contains(*id)).collect();
    assert!(silent.is_empty(), "no case of {pack} is decided by {silent:?}");
}

fn of(name: &str, field: &str, value: i64) -> Action {
    action(name, &[(field, Value::Int(value))])
}

/// The same of another kind of target, somewhere.
fn on(action: Action, kind: &str, environment: &str) -> Action {
    Action {
        target: Target {
            kind: kind.into(),
            ..action.target
        },
        environment: environment.into(),
        ..action
    }
}

#[test]
fn payments() {
    let charge = |amount| of("create_charge", "amount", amount);
    decides(
        "payments",
        include_str!("../../../policies/packs/payments.cedar"),
        &[
            (action("read_balance", &[]), "ALLOW payments-balance reads"),
            (charge(20_000), "ALLOW changes payments-recorded"),
            (charge(20_001), "REQUIRE_APPROVAL payments-charge-over-200"),
            (charge(-1), "REQUIRE_APPROVAL charge-over-500 payments-charge-over-200"),
            (charge(2_500_001), "BLOCK policy_blocked payments-charge-over-25000"),
            (action("create_charge", &[]), "REQUIRE_APPROVAL incomplete_action"),
            (refund(50_000), "ALLOW changes payments-recorded"),
            (
                refund(50_001),
                "REQUIRE_APPROVAL payments-refund-over-500 refund-over-500",
            ),
            (
                refund(1_000_001),
                "REQUIRE_APPROVAL payments-refund-over-10000 payments-refund-over-500 refund-over-500",
            ),
            (
                action("update_subscription", &[]),
                "REQUIRE_APPROVAL payments-subscription",
            ),
        ],
    );
}

#[test]
fn a_refund_over_10000_needs_two_people_and_under_it_one() {
    let gate = gate(include_str!("../../../policies/packs/payments.cedar"));
    let large = held(&gate, &refund(1_000_001), None);
    let vote = |person: &str| Vote {
        person: person.into(),
        ..evidence(&large, &[]).votes[0].clone()
    };
    let by = |people: &[&str]| Evidence {
        votes: people.iter().map(|person| vote(person)).collect(),
        ..evidence(&large, &[])
    };
    let still = "REQUIRE_APPROVAL payments-refund-over-10000";
    assert_eq!(decided(&gate, &refund(1_000_001), Some(&by(&["alice"]))), still);
    assert_eq!(
        decided(&gate, &refund(1_000_001), Some(&by(&["alice", "alice"]))),
        still
    );
    allowed(&gate, &refund(1_000_001), Some(&by(&["alice", "bob"])));
    allowed(&gate, &refund(1_000_000), Some(&by(&["alice"])));
}

#[test]
fn databases() {
    let table = |name: &str, environment: &str| on(action(name, &[]), "table", environment);
    let document = |provider: &str| Action {
        provider: provider.into(),
        ..on(action("delete_record", &[]), "document", "production")
    };
    decides(
        "databases",
        include_str!("../../../policies/packs/databases.cedar"),
        &[
            (table("execute_query", "production"), "ALLOW databases-select reads"),
            (
                table("delete_record", "production"),
                "BLOCK policy_blocked databases-delete-in-production",
            ),
            // What nobody has named is production.
            (
                table("delete_record", "unknown"),
                "BLOCK policy_blocked databases-delete-in-production",
            ),
            (table("delete_record", "staging"), "REQUIRE_APPROVAL deletion"),
            (
                document("elasticsearch"),
                "BLOCK policy_blocked databases-delete-in-production",
            ),
            (
                document("google"),
                "BLOCK policy_blocked databases-delete-in-production",
            ),
            // A page of a wiki is no record of a database.
            (document("linear"), "REQUIRE_APPROVAL deletion"),
            (
                on(of("delete_record", "record_count", 1), "table", "staging"),
                "REQUIRE_APPROVAL deletion",
            ),
            (
                on(of("delete_record", "record_count", 2), "table", "staging"),
                "BLOCK policy_blocked databases-one-at-a-time",
            ),
            (
                table("delete_records", "staging"),
                "BLOCK policy_blocked bulk-deletion databases-never-in-bulk",
            ),
            (
                table("modify_schema", "staging"),
                "REQUIRE_APPROVAL databases-schema schema-change",
            ),
            (
                action("bulk_update", &[("unbounded", Value::Bool(true))]),
                "BLOCK policy_blocked databases-unbounded unbounded-change",
            ),
        ],
    );
}

#[test]
fn infrastructure() {
    let start = |count: i64, kind: &str| Action {
        provider: "aws".into(),
        operation: "ec2.RunInstances".into(),
        ..action(
            "provision_instance",
            &[
                ("instance_count", Value::Int(count)),
                ("instance_type", Value::Text(kind.to_owned())),
            ],
        )
    };
    let deployment = |instances| on(of("deploy_service", "instance_count", instances), "service", "staging");
    let text = include_str!("../../../policies/packs/infrastructure.cedar");
    let budgets = include_str!("../../../policies/packs/infrastructure.budgets.yaml");
    let rules = super::budgets::with(budgets, text, &Arc::default()).unwrap();
    decides_by(
        "infrastructure",
        text,
        &Gate::new(rules),
        &[
            (action("read_record", &[]), "ALLOW infrastructure-reads reads"),
            (
                action("terminate_instance", &[]),
                "REQUIRE_APPROVAL infrastructure-terminate termination",
            ),
            (
                action("modify_security", &[]),
                "REQUIRE_APPROVAL access-change infrastructure-access",
            ),
            (deployment(20), "ALLOW changes"),
            (deployment(21), "BLOCK policy_blocked infrastructure-deployment-size"),
            (start(5, "m5.large"), "ALLOW changes"),
            (start(5, "p3.8xlarge"), "REQUIRE_APPROVAL infrastructure-cost-over-1000"),
            // Nobody knows what it costs.
            (start(1, "x99.huge"), "REQUIRE_APPROVAL incomplete_action"),
        ],
    );
}

#[test]
fn a_rule_on_trial_that_asks_what_it_costs_holds_nothing() {
    let text = include_str!("../../../policies/packs/infrastructure.cedar");
    let unpriced = Action {
        provider: "aws".into(),
        operation: "ec2.RunInstances".into(),
        ..action(
            "provision_instance",
            &[
                ("instance_count", Value::Int(1)),
                ("instance_type", Value::Text("x99.huge".to_owned())),
            ],
        )
    };
    let id = "@id(\"infrastructure-cost-over-1000\")";
    let tried = text.replace(id, &format!("{id}\n@mode(\"observe\")"));
    assert_ne!(tried, text);
    assert_eq!(
        decided(&gate(text), &unpriced, None),
        "REQUIRE_APPROVAL incomplete_action"
    );
    assert_eq!(decided(&gate(&tried), &unpriced, None), "ALLOW changes");
}

#[test]
fn communication() {
    let mail = |domain: &str| {
        action(
            "send_email",
            &[
                ("recipient_count", Value::Int(3)),
                ("recipient_domains", Value::List(vec![domain.to_owned()])),
            ],
        )
    };
    let many = Action {
        fields: BTreeMap::from([
            ("recipient_count".into(), Value::Int(101)),
            ("recipient_domains".into(), Value::List(vec!["example.com".to_owned()])),
        ]),
        ..mail("example.com")
    };
    let text = include_str!("../../../policies/packs/communication.cedar");
    decides_by(
        "communication",
        text,
        &super::labels::with_targets(text, "domains: [example.com]"),
        &[
            (action("post_message", &[]), "ALLOW changes communication-internal"),
            (mail("example.com"), "ALLOW changes communication-internal"),
            (
                mail("elsewhere.example"),
                "REQUIRE_APPROVAL communication-external message-to-outsiders",
            ),
            (many, "REQUIRE_APPROVAL communication-bulk message-to-over-100"),
            (action("send_email", &[]), "REQUIRE_APPROVAL incomplete_action"),
        ],
    );
}

#[test]
fn integrations() {
    let unknown = Action {
        provider: "unknown".into(),
        unmapped: true,
        ..action("call_api", &[])
    };
    decides(
        "integrations",
        include_str!("../../../policies/packs/integrations.cedar"),
        &[
            (action("read_record", &[]), "ALLOW integrations-reads reads"),
            (
                unknown,
                "BLOCK policy_blocked integrations-unknown-apis writes-to-unknown-hosts",
            ),
            (
                action("issue_token", &[]),
                "REQUIRE_APPROVAL integrations-tokens new-credential",
            ),
            (
                action("issue_token", &[("renewal", Value::Bool(true))]),
                "ALLOW changes",
            ),
            (action("modify_webhook", &[]), "REQUIRE_APPROVAL integrations-webhooks"),
        ],
    );
}

#[test]
fn workflows() {
    let kind = Value::Text("contract".to_owned());
    let in_tables = |tables: &[&str]| {
        let tables = tables.iter().map(|table| (*table).to_owned()).collect();
        let fields = [("sql_tables", Value::List(tables)), ("unbounded", Value::Bool(false))];
        action("bulk_update", &fields)
    };
    decides(
        "workflows",
        include_str!("../../../policies/packs/workflows.cedar"),
        &[
            (action("generate_document", &[]), "ALLOW changes workflows-documents"),
            (
                on(action("modify_record", &[]), "envelope", "unknown"),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (
                action("approve_request", &[("record_kind", kind.clone())]),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (
                action(
                    "bulk_update",
                    &[("record_kind", kind.clone()), ("unbounded", Value::Bool(false))],
                ),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (
                in_tables(&["orders", "contracts"]),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (
                in_tables(&["orders", "public.Contracts"]),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (in_tables(&["orders"]), "ALLOW changes"),
            (in_tables(&["contracts.orders"]), "ALLOW changes"),
            (
                on(action("sync_data", &[("record_kind", kind)]), "project", "unknown"),
                "REQUIRE_APPROVAL workflows-contracts",
            ),
            (on(action("modify_record", &[]), "page", "unknown"), "ALLOW changes"),
            (
                action("export_data", &[]),
                "BLOCK policy_blocked data-export workflows-exports",
            ),
        ],
    );
}

#[test]
fn who_is_allowed_to_export_data_may() {
    let gate = gate(include_str!("../../../policies/packs/workflows.cedar"));
    let mut call = call();
    call.caller.roles = Arc::from([Arc::from("data-exporter")]);
    assert_eq!(
        decided_call(&gate, call, &action("export_data", &[]), None),
        "ALLOW changes"
    );
}

/// The packs' limits of how often.
#[test]
fn what_a_pack_limits_is_stopped_at_its_limit() {
    let rules = |text: &str, budgets: &str| Gate::new(super::budgets::with(budgets, text, &Arc::default()).unwrap());
    let databases = rules(
        include_str!("../../../policies/packs/databases.cedar"),
        include_str!("../../../policies/packs/databases.budgets.yaml"),
    );
    let infrastructure = rules(
        include_str!("../../../policies/packs/infrastructure.cedar"),
        include_str!("../../../policies/packs/infrastructure.budgets.yaml"),
    );
    let communication = rules(
        include_str!("../../../policies/packs/communication.cedar"),
        include_str!("../../../policies/packs/communication.budgets.yaml"),
    );
    let deployment = on(action("deploy_service", &[]), "service", "staging");
    let mail = of("send_email", "recipient_count", 100);
    for (gate, action, times) in [
        (&databases, action("execute_query", &[]), 120),
        (&infrastructure, deployment, 6),
        (&communication, mail, 5),
        (&communication, action("post_message", &[]), 30),
    ] {
        let taken: Vec<Permit> = (0..times).map(|_| allowed(gate, &action, None)).collect();
        let found = decided(gate, &action, None);
        assert!(found.starts_with("BLOCK budget_exceeded"), "{}: {found}", action.name);
        drop(taken);
        allowed(gate, &action, None);
    }
}

#[test]
fn records_are_deleted_one_at_a_time() {
    let gate = Gate::new(
        super::budgets::with(
            include_str!("../../../policies/packs/databases.budgets.yaml"),
            include_str!("../../../policies/packs/databases.cedar"),
            &Arc::default(),
        )
        .unwrap(),
    );
    let delete = on(action("delete_record", &[]), "table", "staging");
    let yes = evidence(&held(&gate, &delete, None), &[]);
    let first = allowed(&gate, &delete, Some(&yes));
    assert!(decided(&gate, &delete, Some(&yes)).starts_with("BLOCK budget_exceeded"));
    drop(first);
    allowed(&gate, &delete, Some(&yes));
}
