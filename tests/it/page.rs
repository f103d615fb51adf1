//! The page where people approve, in Chromium: with and without JavaScript, wide and narrow, light and dark.

mod answers;
mod pictures;

use serde_json::{Value, json};

use crate::harness::{Configuration, Origin, Receiver, Session, Sidecar, eventually, key};
use crate::notify::mailed;
use crate::secured::{TLS, certify_as};

const WIDTHS: [u16; 2] = [1440, 390];
const SCHEMES: [&str; 2] = ["light", "dark"];

struct Browser(Session);

impl Browser {
    fn new() -> Self {
        Self::trusting("")
    }

    /// That this certificate is the sidecar's.
    fn trusting(certificate: &str) -> Self {
        Self(Session::at("node/page_browser.js", "PAGE_CERTIFICATE", certificate))
    }

    #[track_caller]
    fn does(&mut self, command: &str) -> Value {
        self.0.call(command).assert_ok().value.clone()
    }

    #[track_caller]
    fn open(&mut self, javascript: bool, width: u16, scheme: &str, url: &str) -> Value {
        let how = json!({"javascript": javascript, "width": width, "scheme": scheme, "url": url});
        self.does(&format!("open {how}"))
    }

    /// Signs in by a link that a shell command makes.
    #[track_caller]
    fn enter(&mut self, sidecar: &Sidecar, (javascript, width, scheme): (bool, u16, &str), to: Option<&str>) -> Value {
        let url = link(sidecar, to);
        let shown = self.open(javascript, width, scheme, &url);
        assert!(text(&shown).contains("signs you in as owner"), "{shown}");
        self.does("press Sign in as owner");
        self.does("sees Sign out")
    }

    /// Nothing is wrong with what is shown for people who see, hear or touch it otherwise.
    #[track_caller]
    fn is_sound(&mut self, what: &str) {
        let judged = self.does("judge");
        assert_eq!(judged["violations"], json!([]), "{what}: {judged:#}");
        assert_eq!(judged["small"], json!([]), "{what}: too small to touch: {judged:#}");
        assert_eq!(judged["wider"], json!(0), "{what}: wider than the screen");
        assert_eq!(judged["complaints"], json!([]), "{what}");
    }
}

#[track_caller]
fn text(shown: &Value) -> &str {
    shown["text"].as_str().unwrap_or_else(|| panic!("no text: {shown}"))
}

fn link(sidecar: &Sidecar, to: Option<&str>) -> String {
    let arguments: Vec<&str> = std::iter::once("page").chain(to).collect();
    let told = sidecar.told(&arguments);
    let url = told.split_whitespace().find(|word| word.contains("/sign-in/"));
    url.unwrap_or_else(|| panic!("no link: {told}")).to_owned()
}

fn stripe() -> (Origin, Configuration) {
    let origin = Origin::stripe();
    let configuration = Sidecar::new().resolve("api.stripe.com", &origin).hold("60s");
    (origin, configuration)
}

#[test]
fn a_call_approved_on_the_page_goes_through_with_and_without_javascript() {
    let (origin, configuration) = stripe();
    let sidecar = configuration.start();
    let mut browser = Browser::new();
    browser.enter(&sidecar, (true, 1440, "light"), None);
    let mut client = Session::stripe(&sidecar);
    for (at, javascript) in [true, false].into_iter().enumerate() {
        client.send(&format!("refund ch_{at} amount=90000"));
        let id = sidecar.next_held();
        let shown = browser.enter(&sidecar, (javascript, 390, "light"), Some(&id));
        assert!(text(&shown).contains("Refund $900.00"), "{shown}");
        assert!(text(&shown).contains("goes out at once"), "{shown}");
        assert!(origin.calls("POST", "/v1/refunds").len() == at, "nothing left before");
        browser.does("press Approve");
        client.receive().assert_ok();
        assert_eq!(origin.calls("POST", "/v1/refunds").len(), at + 1);
        browser.does("press What happened, and why");
        browser.does("sees The provider did it (HTTP 200)");
    }
    let approved = sidecar.trail().of_kind("approved");
    let said: Vec<_> = approved
        .iter()
        .map(|entry| (&entry["person"], &entry["proof"]))
        .collect();
    assert_eq!(
        said,
        [(&json!("owner"), &json!("link")), (&json!("owner"), &json!("link"))]
    );
}

#[test]
fn what_is_new_is_announced_and_moves_nothing_under_the_pointer() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let (mut one, mut other) = (Session::stripe(&sidecar), Session::stripe(&sidecar));
    one.send("refund ch_1 amount=90000");
    sidecar.next_held();
    for width in WIDTHS {
        let mut browser = Browser::new();
        browser.enter(&sidecar, (true, width, "light"), None);
        browser.does("sees Review");
        let before = browser.does("place Review")["box"].clone();
        other.send(&format!("refund ch_{width} amount=80000"));
        let id = sidecar.next_held();
        browser.does("sees 1 new call waits.");
        assert_eq!(browser.does("place Review")["box"], before, "{width}");
        browser.is_sound("with news");
        browser.does("press Show");
        browser.does("sees For you 2");
        let before = browser.does("place Review")["box"].clone();
        // What is decided elsewhere stays in its place and is not to be pressed any more.
        sidecar.deny(&id, "no");
        assert!(!other.receive().ok);
        browser.does("sees Not waiting any more");
        assert_eq!(browser.does("place Review")["box"], before, "{width}");
    }
}

/// After sleep, in another network, or where a stream was one too many: the browser alone would never ask again.
#[test]
fn a_page_that_is_not_told_any_more_says_so_and_asks_anew() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let (mut one, mut other) = (Session::stripe(&sidecar), Session::stripe(&sidecar));
    one.send("refund ch_1 amount=90000");
    sidecar.next_held();
    let mut browser = Browser::new();
    browser.enter(&sidecar, (true, 390, "light"), None);
    let base = format!("http://127.0.0.1:{}/", sidecar.control_port());
    for how in ["refused", "silent"] {
        browser.does(&format!("deaf {how}"));
        browser.does(&format!("go {base}"));
        let before = browser.does("place Review")["box"].clone();
        browser.does("sees Changes are not told here now.");
        assert_eq!(browser.does("place Review")["box"], before, "{how}");
        other.send(&format!("refund ch_{how} amount=80000"));
        let id = sidecar.next_held();
        browser.does("hears");
        browser.does("sees 1 new call waits.");
        assert_eq!(browser.does("place Review")["box"], before, "{how}");
        sidecar.deny(&id, "no");
        other.receive().assert_refused("approval_denied");
    }
}

#[test]
fn calls_that_are_alike_are_one_sound_card_and_a_new_one_moves_nothing() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let mut clients: Vec<Session> = (0..4).map(|_| Session::stripe(&sidecar)).collect();
    for (at, client) in clients[..2].iter_mut().enumerate() {
        client.send(&format!("refund ch_1 amount={}", 90_000 + at));
        sidecar.next_held();
    }
    for (client, (width, scheme)) in clients[2..].iter_mut().zip([(1440, "light"), (390, "dark")]) {
        let mut browser = Browser::new();
        browser.enter(&sidecar, (true, width, scheme), None);
        browser.does("sees 2nd of");
        browser.is_sound("a card");
        let before = browser.does("place Review")["box"].clone();
        client.send(&format!("refund ch_1 amount={}", 70_000 + i64::from(width)));
        let id = sidecar.next_held();
        browser.does("sees 1 new call waits.");
        assert_eq!(browser.does("place Review")["box"], before, "{width}");
        browser.enter(&sidecar, (true, width, scheme), Some(&id));
        browser.does("sees Calls like this one");
        browser.is_sound("an approval like others");
        browser.does("press All of them");
        browser.does("sees Similar calls that wait");
        browser.is_sound("all that are alike");
        // Without JavaScript it is all there, too.
        browser.enter(&sidecar, (false, width, scheme), Some(&id));
        browser.does("press All of them");
        browser.does("sees Similar calls that wait");
    }
}

#[test]
fn every_page_is_sound_wide_and_narrow_light_and_dark() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let (mut one, mut other, mut third) = (
        Session::stripe(&sidecar),
        Session::stripe(&sidecar),
        Session::stripe(&sidecar),
    );
    third.send("refund ch_0 amount=70000");
    sidecar.deny(&sidecar.next_held(), "the parcel was found");
    assert!(!third.receive().ok);
    one.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    other.send(&format!("refund {}\u{202e}ch_2 amount=250000", "x".repeat(900)));
    let hostile = sidecar.next_held();
    let base = format!("http://127.0.0.1:{}", sidecar.control_port());
    let mut browser = Browser::new();
    for width in WIDTHS {
        for scheme in SCHEMES {
            browser.open(true, width, scheme, &format!("{base}/sign-in"));
            browser.is_sound("sign-in");
            let inbox = browser.enter(&sidecar, (true, width, scheme), None);
            assert!(text(&inbox).contains("For you 2"), "{inbox}");
            let whole = |id: &str| {
                let pending = sidecar.approvals("pending");
                let found = pending
                    .iter()
                    .find(|it| it["id"].as_str().is_some_and(|found| found.starts_with(id)));
                found.unwrap()["id"].as_str().unwrap().to_owned()
            };
            let call = sidecar.trail().of_kind("decided")[0]["call"]
                .as_str()
                .unwrap()
                .to_owned();
            for (name, path) in [
                ("inbox", "/".to_owned()),
                ("approval", format!("/approvals/{}", whole(&id))),
                ("hostile", format!("/approvals/{}", whole(&hostile))),
                ("decision", format!("/decisions/{call}")),
                ("unknown", "/approvals/apr_00000000".to_owned()),
            ] {
                let what = format!("{name}-{width}-{scheme}");
                browser.0.call(&format!("go {base}{path}")).assert_ok();
                if name == "unknown" {
                    // The browser tells of every answer that is an error.
                    continue;
                }
                browser.is_sound(&what);
            }
        }
    }
}

#[test]
fn a_link_in_a_mail_leads_to_the_approval_of_whoever_is_signed_in() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.start();
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    let mut browser = Browser::new();
    let shown = browser.enter(&sidecar, (true, 390, "light"), Some(&id));
    let url = shown["url"].as_str().unwrap();
    for _ in 0..2 {
        browser.does(&format!("follow {url}"));
        let shown = browser.does("sees Refund $900.00");
        assert!(text(&shown).contains("Refund $900.00"), "{shown}");
    }
    eventually("it still waits: nothing was changed by a look", || {
        sidecar.approvals("pending").len() == 1
    });
}

#[test]
fn by_tls_the_link_of_a_mail_leads_to_the_approval_and_opening_it_decides_nothing() {
    let receiver = Receiver::of_mail("starttls");
    let (origin, configuration) = stripe();
    certify_as(&["localhost"], configuration.home.path());
    let public = format!("https://localhost:{}", configuration.control_port);
    let configuration = configuration.control(&format!("{TLS}, public_url: \"{public}\""));
    let sidecar = mailed(configuration, receiver.port, "starttls", "").start();
    let mut client = Session::stripe(&sidecar);
    client.send("refund ch_1 amount=90000");
    let mail = &receiver.gets(1)[0];
    let mut words = mail["plain"].as_str().unwrap().split_whitespace();
    let in_mail = words.rfind(|word| word.starts_with(&public));
    let in_mail = in_mail.unwrap_or_else(|| panic!("no link: {mail:#}")).to_owned();

    let mut browser = Browser::trusting(&sidecar.home().join("own.pem").display().to_string());
    let shown = browser.open(false, 390, "dark", &in_mail);
    assert!(!text(&shown).contains("$900.00"), "nobody is signed in: {shown}");
    browser.enter(&sidecar, (true, 390, "dark"), None);
    browser.does(&format!("follow {in_mail}"));
    browser.does("sees Refund $900.00");
    browser.is_sound("by TLS");
    assert!(sidecar.trail().of_kind("approved").is_empty(), "a look decides nothing");
    origin.assert_untouched();
    browser.does("press Approve");
    client.receive().assert_ok();
    assert_eq!(sidecar.trail().of_kind("approved")[0]["person"], "owner");
}

#[test]
fn an_agent_gets_nowhere_near_the_page() {
    let (_origin, configuration) = stripe();
    let sidecar = configuration.agent("support-bot", "support").start();
    let mut client = Session::open("stripe_client.py", &sidecar, Some("support-bot"), &[]);
    client.send("refund ch_1 amount=90000");
    let id = sidecar.next_held();
    let mut browser = Browser::new();
    let sign_in = format!("http://127.0.0.1:{}/sign-in", sidecar.control_port());
    browser.open(true, 1440, "light", &sign_in);
    browser.does(&format!("fill Your key={}", key("support-bot")));
    browser.does("press Sign in");
    browser.does("sees agents decide nothing");
    assert_eq!(sidecar.approvals("pending").len(), 1, "{id}");
}
