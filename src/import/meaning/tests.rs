use super::*;

fn of(access: Access, name: &str, path: &str, method: &str) -> Option<&'static str> {
    let method = (!method.is_empty()).then_some(method);
    action(&Named {
        access,
        name,
        path,
        method,
    })
}

#[test]
fn a_change_is_called_by_its_verb_and_its_thing() {
    for (name, action) in [
        ("CreateUser", "modify_security"),
        ("PutBucketPolicy", "modify_security"),
        ("AdminSetUserPassword", "modify_security"),
        ("admin.users.session.reset", "modify_security"),
        ("admin.apps.approve", "approve_request"),
        ("directory.users.makeAdmin", "modify_security"),
        ("update_guild_role", "modify_security"),
        ("security-put-role", "modify_security"),
        ("CloseAccount", "modify_security"),
        ("repos/update-webhook", "modify_webhook"),
        ("StartInstances", "provision_instance"),
        ("sql.instances.insert", "provision_instance"),
        ("databases_create_cluster", "provision_instance"),
        ("compute.instances.reset", "stop_instance"),
        ("RebootCluster", "stop_instance"),
        ("container.projects.clusters.nodePools.setSize", "scale_resources"),
        ("compute.autoscalers.update", "scale_resources"),
        ("StartDeployment", "deploy_service"),
        ("cloudbuild.projects.builds.create", "deploy_service"),
        ("cloudfunctions.projects.functions.patch", "deploy_service"),
        ("createIncidentNote", "post_message"),
        ("create_message", "post_message"),
        ("PutEvents", "post_message"),
        ("SubmitLog", "sync_data"),
        ("contactsImport", "sync_data"),
        ("ExportTable", "export_data"),
        ("UpdateTable", "modify_schema"),
        ("create_index", "modify_schema"),
        ("CreateRouteTable", "modify_record"),
        ("docs.documents.batchUpdate", "bulk_update"),
        ("update-by-query", "bulk_update"),
        ("bulk", "bulk_update"),
        ("assetReportCreate", "generate_document"),
        ("Envelopes_PostEnvelopes", "generate_document"),
        ("UpdateConnector", "update_integration"),
        ("firestore.projects.documents.patch", "modify_record"),
        ("CreateBatchInferenceJob", "modify_record"),
    ] {
        assert_eq!(of(Access::Write, name, "", ""), Some(action), "{name}");
    }
}

#[test]
fn a_name_that_is_the_path_says_what_the_path_says() {
    for (method, name, path, action) in [
        ("POST", "PostInvoices", "/v1/invoices", "generate_document"),
        (
            "POST",
            "PostInvoicesInvoicePay",
            "/v1/invoices/{invoice}/pay",
            "create_charge",
        ),
        (
            "POST",
            "PostInvoicesInvoiceVoid",
            "/v1/invoices/{invoice}/void",
            "modify_record",
        ),
        ("POST", "PostCheckoutSessions", "/v1/checkout/sessions", "create_charge"),
        (
            "POST",
            "PostSubscriptionSchedulesScheduleCancel",
            "/v1/subscription_schedules/{schedule}/cancel",
            "update_subscription",
        ),
        (
            "PATCH",
            "patch-/crm/v3/objects/contacts/{contactId}",
            "/crm/v3/objects/contacts/{contactId}",
            "modify_record",
        ),
        (
            "POST",
            "post-/crm/v3/objects/{type}/batch/create_create",
            "/crm/v3/objects/{type}/batch/create",
            "bulk_update",
        ),
        (
            "POST",
            "orders.capture",
            "/v2/checkout/orders/{id}/capture",
            "create_charge",
        ),
        (
            "POST",
            "subscriptions.suspend",
            "/v1/billing/subscriptions/{id}/suspend",
            "update_subscription",
        ),
        ("POST", "captures.refund", "/v2/captures/{id}/refund", "process_refund"),
        ("POST", "payouts.post", "/v1/payments/payouts", "transfer_funds"),
        ("POST", "bankTransferCreate", "/bank_transfer/create", "transfer_funds"),
        ("POST", "sendEmail", "/mail", "send_email"),
    ] {
        assert_eq!(of(Access::Write, name, path, method), Some(action), "{name}");
    }
}

#[test]
fn what_removes_many_machines_rights_or_tables_is_called_so() {
    for (name, action) in [
        ("delete-by-query", Some("delete_records")),
        ("bulk_delete_messages", Some("delete_records")),
        (
            "workers-kv-namespace-delete-multiple-key-value-pairs",
            Some("delete_records"),
        ),
        ("sheets.spreadsheets.values.clear", Some("delete_records")),
        ("PurgeQueue", Some("delete_records")),
        ("DeleteCluster", Some("terminate_instance")),
        ("droplets_destroy_byTag", Some("terminate_instance")),
        ("TerminateEnvironment", Some("terminate_instance")),
        ("DeleteRolePolicy", Some("modify_security")),
        ("spanner.projects.databases.dropDatabase", Some("modify_schema")),
        ("DeleteRouteTable", None),
        ("DeleteInstanceProfile", None),
        ("deleteWebhook", None),
        ("deleteTask", None),
    ] {
        assert_eq!(of(Access::Delete, name, "", "DELETE"), action, "{name}");
    }
}

#[test]
fn a_balance_is_read_and_no_load() {
    for (name, action) in [
        ("accountsBalanceGet", Some("read_balance")),
        ("balance_get", Some("read_balance")),
        ("GetBalanceHistory", None),
        ("GetLoadBalance", None),
        ("refunds.list", None),
    ] {
        assert_eq!(of(Access::Read, name, "", ""), action, "{name}");
    }
}

#[test]
fn what_is_run_or_sent_has_no_name_of_its_own() {
    for name in ["InvokeFunction", "StartExecution", "updateUser", "createTransferJob"] {
        let found = of(Access::Write, name, "", "");
        assert!(matches!(found, None | Some("modify_record")), "{name}: {found:?}");
    }
}

proptest::proptest! {
    /// Nothing that changes is called a read, and what removes has no name that is milder.
    #[test]
    fn no_name_is_milder_than_its_access(name in "[a-zA-Z._/-]{0,24}", path in "[a-z{}/]{0,24}") {
        let vocabulary = crate::import::regenerate::vocabulary().unwrap();
        for access in [Access::Write, Access::Delete, Access::Admin] {
            if let Some(action) = of(access, &name, &path, "POST") {
                proptest::prop_assert!(vocabulary.actions[action].access >= access);
            }
        }
    }
}
