//! What a copy reads is judged, shown and recorded, by the real binary.

use crate::harness::{Curl, Origin, Sidecar};

const HOST: &str = "s3.us-east-1.amazonaws.com";
/// Reads of one bucket, as a house would close it.
const PAYROLL: &str = r#"
@id("payroll") @reason("Salaries are nobody's business")
forbid (principal, action == Action::"read_record", resource) when { resource has id && resource.id like "payroll/*" };
"#;
const SCRATCH: &str = r#"
@id("scratch") @decision("REQUIRE_APPROVAL") @reason("Scratch is looked at")
forbid (principal, action == Action::"modify_record", resource) when { resource has id && resource.id like "scratch/*" };
"#;

fn copy(sidecar: &Sidecar, target: &str, source: &str) -> Curl {
    let source = format!("x-amz-copy-source: {source}");
    Curl::start(
        sidecar,
        &["-X", "PUT", "-H", &source, &format!("https://{HOST}{target}")],
    )
}

/// SECURITY: PUT of /scratch/x from /payroll/salaries.csv, then GET of /scratch/x, is GET of /payroll/salaries.csv.
#[test]
fn what_may_not_be_read_is_not_copied() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve(HOST, &origin).policy(PAYROLL).start();
    for target in ["/scratch/x", "/scratch/x?partNumber=1&uploadId=u"] {
        for source in ["/payroll/salaries.csv", "payroll%2Fsalaries.csv?versionId=1"] {
            let answer = copy(&sidecar, target, source).finish();
            assert_eq!(answer.status, Some(403), "{target} {source}");
            assert_eq!(answer.headers["runplane-decision"], "BLOCK", "{target} {source}");
        }
    }
    origin.assert_untouched();
    copy(&sidecar, "/scratch/x", "/public/a.csv").finish().assert_ok();
}

/// SECURITY: a source that cannot be told asks people, whatever a rule about sources says.
#[test]
fn a_source_that_cannot_be_told_waits_for_people() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve(HOST, &origin).policy(PAYROLL).start();
    let arn = "arn:aws:s3:us-east-1:123456789012:accesspoint/ap/object/payroll/salaries.csv";
    let held = copy(&sidecar, "/scratch/x", arn);
    let id = sidecar.next_held();
    origin.assert_untouched();
    sidecar.deny(&id, "name the bucket");
    assert_eq!(held.finish().status, Some(403));
    origin.assert_untouched();
}

#[test]
fn who_approves_a_copy_sees_its_source_and_the_trail_keeps_it() {
    let origin = Origin::of_things();
    let sidecar = Sidecar::new().resolve(HOST, &origin).policy(SCRATCH).start();
    let held = copy(&sidecar, "/scratch/x", "/payroll/salaries.csv");
    let id = sidecar.next_held();
    let shown = sidecar.told(&["approvals", "show", &id]);
    assert!(
        shown.contains("also: Read object payroll/salaries.csv in AWS S3"),
        "{shown}"
    );
    assert!(
        shown.contains("read_record (s3.CopyObject), object payroll/salaries.csv"),
        "{shown}"
    );
    sidecar.approve(&id);
    held.finish().assert_ok();
    let meaning = r#""action":"read_record","fields":{},"target":{"id":"payroll/salaries.csv","kind":"object"}"#;
    assert!(sidecar.trail().holds(meaning.as_bytes()), "not in the trail");

    let told = sidecar.told(&[
        "explain",
        "-X",
        "PUT",
        "-H",
        "x-amz-copy-source: /payroll/salaries.csv",
        &format!("https://{HOST}/scratch/x"),
    ]);
    assert!(
        told.contains("read_record (read)") && told.contains("object payroll/salaries.csv"),
        "{told}"
    );
}
