//! Calls that do more than they look like.

use super::*;

const ACCOUNT: &str = "https://api.twilio.com/2010-04-01/Accounts/AC1";

#[test]
fn a_call_by_telephone_does_not_tell_how_many_it_reaches() {
    let mappings = shipped();
    let dial = "%3CResponse%3E%3CDial%3E%2B15005550009%3C%2FDial%3E%3C%2FResponse%3E";
    for (path, body) in [
        ("Calls.json", format!("To=%2B15005550006&From=%2B1&Twiml={dial}")),
        (
            "Calls.json",
            "To=%2B15005550006&From=%2B1&Url=https%3A%2F%2Fa.test".into(),
        ),
        (
            "Calls.json",
            "To=%2B15005550006&From=%2B1&ApplicationSid=AP1".to_owned(),
        ),
        ("Calls/CA1.json", format!("Twiml={dial}")),
        ("Calls/CA1.json", "Url=https%3A%2F%2Fa.test".into()),
        ("Calls/CA1.json", "Status=&FallbackUrl=https%3A%2F%2Fa.test".into()),
    ] {
        let sent = call("POST", &format!("{ACCOUNT}/{path}"), &[FORM], Some(&body));
        let action = resolve(mappings, &sent).unwrap();
        assert_eq!(&*action.name, "send_sms", "{path} {body}");
        assert_eq!(why(&action, "recipient_count"), Some(Why::Absent), "{path} {body}");
    }
    let end = call(
        "POST",
        &format!("{ACCOUNT}/Calls/CA1.json"),
        &[FORM],
        Some("Status=completed"),
    );
    let end = resolve(mappings, &end).unwrap();
    assert_eq!((&*end.name, end.missing.len()), ("modify_record", 0));
}

#[test]
fn what_answers_a_credential_is_no_plain_read() {
    let mappings = shipped();
    for url in [
        "https://api.twilio.com/2008-08-01/Accounts/AC1",
        "https://api.twilio.com/2008-08-01/Accounts/AC1.json",
        "https://api.dublin.ie1.twilio.com/2008-08-01/Accounts",
        "https://verify.twilio.com/v2/Services/VA1/AccessTokens/YK1",
        "https://verify.dublin.ie1.twilio.com/v2/Services/VA1/AccessTokens/YK1",
        "https://verify.ie1.twilio.com/v2/Services/VA1/AccessTokens/YK1",
        "https://github.com/login/oauth/access_token?client_id=c&client_secret=s&code=x",
        "https://github.com/login/oauth/access_token",
    ] {
        for method in ["GET", "HEAD"] {
            let action = resolve(mappings, &call(method, url, &[], None)).unwrap();
            assert_ne!(&*action.name, "read_record", "{method} {url}");
        }
    }
}

#[test]
fn a_code_that_is_part_of_the_path_is_kept_nowhere() {
    let mappings = shipped();
    let url = "https://api.github.com/app-manifests/SECRETCODE/conversions";
    let action = resolve(mappings, &call("POST", url, &[], None)).unwrap();
    assert_eq!(
        (&*action.name, &*action.request_line),
        ("issue_token", "POST https://api.github.com/app-manifests/…/conversions")
    );
    assert!(!format!("{action:?}").contains("SECRETCODE"), "{action:?}");
    let url = "https://github.com/login/oauth/access_token?client_id=c1&client_secret=SECRETCODE&code=SECRETCODE";
    let action = resolve(mappings, &call("GET", url, &[], None)).unwrap();
    assert!(!format!("{action:?}").contains("SECRETCODE"), "{action:?}");
}

#[test]
fn a_repository_is_one_target_with_git_at_its_end_and_without() {
    let mappings = shipped();
    let target = |name: &str, end: &str| {
        let url = format!("https://github.com/acme/{name}/{end}");
        resolve(mappings, &call("POST", &url, &[], Some("0000")))
            .unwrap()
            .target
            .id
    };
    let rest = call("GET", "https://api.github.com/repos/acme/app", &[], None);
    let rest = resolve(mappings, &rest).unwrap().target.id;
    assert_eq!(rest.as_deref(), Some("acme/app"));
    for name in ["app", "app.git", "app.GIT"] {
        for end in ["git-receive-pack", "git-upload-pack", "info/lfs/objects/batch"] {
            assert_eq!(target(name, end), rest, "{name} {end}");
        }
    }
    for (name, told) in [
        ("digit", "acme/digit"),
        ("app.git.io", "acme/app.git.io"),
        (".git", "acme/.git"),
    ] {
        assert_eq!(target(name, "git-receive-pack").as_deref(), Some(told));
    }
}
