//! A small package, as it comes and as nobody should send it.

use super::*;
use crate::import::regenerate::{from_stripe, settle, vocabulary};

const V1: &str = r#"
_subservices = {
    "customers": ["stripe._customer_service", "CustomerService"],
    "refunds": [
        "stripe._refund_service",
        "RefundService",
    ],
}

class V1Services(StripeService):
    pass
"#;
const CUSTOMER: &str = r#"
_subservices = {"sources": ["stripe._source_service", "SourceService"]}

class CustomerService(StripeService):
    def __getattr__(self, name):
        pass

    def delete(self, customer: str, /) -> "Customer":
        """
        Deletes, and says "post" in its text.
        """
        return cast(
            "Customer",
            self._request(
                "delete",
                "/v1/customers/{customer}".format(
                    customer=sanitize_id(customer),
                ),
                base_address="api",
            ),
        )

    async def delete_async(self, customer: str, /) -> "Customer":
        return cast("Customer", await self._request_async("delete", "/v1/other", base_address="api"))

    def list(self):
        return self._request("get", "/v1/customers", base_address="api")

class Other:
    def steal(self):
        return self._request("get", "/v1/stolen", base_address="api")
"#;
const SOURCE: &str = r#"
class SourceService(StripeService):
    def verify(self, customer, id):
        return self._request("post", "/v1/customers/{customer}/sources/{id}/verify".format(id=id), base_address="api")
"#;
const REFUND: &str = r#"
class RefundService(StripeService):
    def create(self):
        return self._request("post", "/v1/refunds", base_address="api")

    def pdf(self):
        return self._request_stream("get", "/v1/refunds/pdf", base_address="files")
"#;

fn package(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let whole = [
        ("_version.py", "VERSION = \"16.1.0\"\n"),
        ("_v1_services.py", V1),
        (
            "_v2_services.py",
            "_subservices = {\"core\": [\"stripe.v2._core_service\", \"CoreService\"]}\n",
        ),
        ("_customer_service.py", CUSTOMER),
        ("_source_service.py", SOURCE),
        ("_refund_service.py", REFUND),
        (
            "v2/_core_service.py",
            "\nclass CoreService(S):\n    def ping(self):\n        return self._request(\"post\", \"/v2/core/ping\")\n",
        ),
    ];
    std::fs::create_dir(folder.path().join("v2")).unwrap();
    for (name, text) in whole.iter().chain(files) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_package_becomes_a_mapping_and_the_same_one_each_time() {
    let folder = package(&[]);
    let (draft, left_out) = read(folder.path()).unwrap();
    let made = settle(draft, left_out, &vocabulary().unwrap()).unwrap();
    assert_eq!(read(folder.path()).unwrap().0.to_yaml(), made.text);
    for line in [
        "generated: { by: stripe, source: \"stripe\", version: \"16.1.0\" }",
        "hosts: [api.stripe.com]",
        "  customers.delete: { call: \"DELETE /v1/customers/{customer}\" }",
        "  customers.list: { call: \"GET /v1/customers\" }",
        "  refunds.create: { call: \"POST /v1/refunds\", action: process_refund }",
    ] {
        assert!(made.text.lines().any(|found| found == line), "{line}\n{}", made.text);
    }
    for call in ["/v1/customers/{customer}/sources/{id}/verify", "/v2/core/ping"] {
        assert!(made.text.contains(call), "{call}\n{}", made.text);
    }
    assert!(
        !made.text.contains("stolen") && !made.text.contains("other"),
        "{}",
        made.text
    );
    assert_eq!(made.left_out.keys().collect::<Vec<_>>(), ["refunds.pdf"]);
}

#[test]
fn what_the_older_description_has_of_other_hosts_is_made_too() {
    let descriptions = tempfile::tempdir().unwrap();
    let older = serde_json::json!({
        "openapi": "3.0.0", "info": { "version": "2020" }, "servers": [{ "url": "https://api.stripe.com/" }],
        "paths": {
            "/v1/older": { "post": { "operationId": "PostOlder" } },
            "/v1/files": { "post": { "operationId": "PostFiles", "servers": [{ "url": "https://files.stripe.com/" }] } },
        },
    });
    std::fs::write(descriptions.path().join("stripe-2022-03.json"), older.to_string()).unwrap();
    let made = from_stripe(package(&[]).path(), descriptions.path()).unwrap();
    let [own, files] = &made[..] else {
        panic!("{}", made.len())
    };
    assert_eq!((own.name.as_str(), files.name.as_str()), ("stripe", "stripe-files"));
    assert!(
        own.text.contains("PostOlder") && !own.text.contains("PostFiles"),
        "{}",
        own.text
    );
    assert!(
        files.text.contains("hosts: [files.stripe.com]") && files.text.contains("PostFiles"),
        "{}",
        files.text
    );
}

#[test]
fn what_is_no_package_gives_no_mapping() {
    let nothing = tempfile::tempdir().unwrap();
    assert!(read(nothing.path()).is_err());
    let round = "_subservices = {\"refunds\": [\"stripe._refund_service\", \"RefundService\"]}\n";
    for (name, text) in [
        ("_version.py", "VERSION = 1"),
        ("_refund_service.py", round),
        ("_v1_services.py", "_subservices = {\"a\": [\"stripe._none\", \"A\"]}"),
    ] {
        assert!(read(package(&[(name, text)]).path()).is_err(), "{name}");
    }
}

#[test]
fn a_module_lies_in_the_package() {
    let expected = read(package(&[]).path()).unwrap().0.operations.len();
    for module in ["stripe..none.y", "stripe.v2..none", "stripe./none", "stripe.v2/../none"] {
        let root = V1.replace(
            "    \"refunds\"",
            &format!("    \"x\": [\"{module}\", \"Y\"],\n    \"refunds\""),
        );
        assert_ne!(root, V1);
        // It is not even looked for.
        let (draft, _) = read(package(&[("_v1_services.py", &root)]).path()).unwrap();
        assert_eq!(draft.operations.len(), expected, "{module}");
    }
}

#[test]
fn an_older_description_adds_what_the_package_does_not_have() {
    let (mut draft, _) = read(package(&[]).path()).unwrap();
    let had: Vec<String> = draft.operations.keys().cloned().collect();
    let operation = |call: &str| {
        let judged = evidence::judge(&Known {
            method: Some("POST"),
            ..Known::default()
        });
        Operation {
            calls: BTreeSet::from([call.to_owned()]),
            judged,
            action: None,
            more: Vec::new(),
        }
    };
    let older = Draft {
        name: "stripe".to_owned(),
        operations: BTreeMap::from([
            ("PostRefunds".to_owned(), operation("POST /v1/refunds")),
            (
                "DeleteCustomersCustomer".to_owned(),
                operation("DELETE /v1/customers/{id}"),
            ),
            ("PostRecipients".to_owned(), operation("POST /v1/recipients")),
        ]),
        ..Draft::default()
    };
    draft.complete(older);
    let mut expected = had;
    expected.insert(0, "PostRecipients".to_owned());
    assert_eq!(draft.operations.keys().cloned().collect::<Vec<_>>(), expected);
}
