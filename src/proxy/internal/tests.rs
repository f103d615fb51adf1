use super::*;

#[test]
fn the_name_is_ours_however_it_is_spelt_and_no_other_is() {
    let here = |text: &str| is_here(&text.parse::<Host>().unwrap());
    for name in [
        "runplane.internal",
        "RUNPLANE.Internal",
        "runplane.internal.",
        "api.runplane.internal",
    ] {
        assert!(here(name), "{name}");
    }
    for name in [
        "runplane.internal.example.com",
        "notrunplane.internal",
        "internal",
        "runplane",
        "127.0.0.1",
    ] {
        assert!(!here(name), "{name}");
    }
}

#[test]
fn how_long_to_wait_is_said_in_one_way_and_bounded() {
    assert_eq!(span(None), Ok(WAIT));
    assert_eq!(span(Some("timeout=5")), Ok(Duration::from_secs(5)));
    assert_eq!(span(Some("timeout=0")), Ok(Duration::ZERO));
    assert_eq!(span(Some("timeout=99999999999")), Ok(LONGEST_WAIT));
    for wrong in [
        "timeout",
        "timeout=",
        "timeout=-1",
        "timeout=1.5",
        "timeout=1&x=2",
        "x=1",
        "",
    ] {
        assert!(span(Some(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn an_agents_waits_are_bounded() {
    let (waits, one, other): (Waits, Arc<str>, Arc<str>) = (Waits::default(), "one".into(), "other".into());
    let mut held: Vec<_> = (0..WAITS_PER_AGENT).map(|_| waits.begin(&one).unwrap()).collect();
    assert!(waits.begin(&one).is_none());
    assert!(waits.begin(&other).is_some(), "another agent's are its own");
    held.pop();
    assert!(waits.begin(&one).is_some());
    drop(held);
    assert!(
        waits.0.lock().unwrap().is_empty(),
        "nothing is kept of who waits no more"
    );
}

#[tokio::test]
async fn what_is_said_of_an_approval_names_no_person() {
    use crate::approval::tests::{approvals, call, deny, park};
    let approvals = approvals();
    let ticket = park(&approvals, &call("bot", 1, None));
    let pending = state(&ticket.standing().unwrap());
    assert!(pending.content.contains("\"state\": \"pending\"") && pending.content.contains("Wait here"));
    deny(&approvals, ticket.approval());
    let denied = state(&ticket.standing().unwrap());
    assert!(denied.content.contains("\"denied_because\": \""), "{}", denied.content);
    assert!(denied.content.contains("Do not repeat the call"));
    let person = ticket.standing().unwrap().row.denial.unwrap().person;
    assert!(!denied.content.contains(&*person), "{}", denied.content);
}

#[test]
fn a_nonce_is_given_back_and_nothing_else_is() {
    let git = |nonce: &str| doctor::repository(nonce, Some("service=git-upload-pack")).map(|page| page.content);
    let refs = git("0123abCD").unwrap();
    assert!(refs.starts_with("001e# service=git-upload-pack\n0000"), "{refs}");
    let (_, line) = refs.split_at("001e# service=git-upload-pack\n0000".len());
    let length = usize::from_str_radix(&line[..4], 16).unwrap();
    assert_eq!(&line[length..], "0000");
    assert!(line.contains(" refs/heads/0123abCD\0"), "{line}");
    let long = "a".repeat(65);
    for wrong in ["", "a b", "<script>", "a\n0000", "a/b", "..", "%41", "\u{e9}", &long] {
        assert!(git(wrong).is_none(), "{wrong}");
    }
    assert!(doctor::repository("0123", Some("service=git-receive-pack")).is_none());
    assert!(doctor::repository("0123", None).is_none());
}
