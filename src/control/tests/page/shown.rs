//! What people see, and what they do not fall for.

use super::Browser;
use crate::audit;
use crate::control::tests::whole::{NINE_HUNDRED, Sidecar, refund};
use crate::model::change::Denial;
use crate::model::{State, Value};
use crate::store::tests::sample;

#[tokio::test]
async fn an_approval_shows_all_that_is_needed_to_decide() {
    let sidecar = Sidecar::start();
    let before = sidecar.send(refund("charge=ch_0&amount=70000", "k0"));
    let first = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    assert_eq!(browser.submit(&first, "deny", &[("reason", "no")]).await.status, 303);
    assert!(before.await.unwrap().is_err());
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let shown = browser.get(&format!("/approvals/{id}")).await;
    assert_eq!(shown.status, 200);
    for words in [
        "Refund $900.00 of ch_1 in Stripe",
        "Agent is waiting",
        "<bdi>bot</bdi>",
        "support",
        "olga",
        "process_refund",
        "refund-over-500",
        "Refunds over $500 need a person",
        "of 100",
        "<strong><bdi>$900.00</bdi></strong>",
        "min left",
        "goes out at once",
        "Refund $700.00 of ch_0",
        "api.stripe.com",
        "POST https://api.stripe.com/v1/refunds",
    ] {
        assert!(
            shown.text.contains(words) || shown.text.replace("</time> left", " left").contains(words),
            "no `{words}`"
        );
    }
    let place = |words: &str| shown.text.find(words).unwrap_or_else(|| panic!("no `{words}`"));
    assert!(
        place("<code>amount</code>") < place("POST https://api.stripe.com/v1/refunds"),
        "what we read comes before what was sent"
    );

    let inbox = browser.get("/").await;
    inbox
        .has("For you")
        .has("Refund $900.00")
        .has(&format!(r#"href="/approvals/{id}""#))
        .has("denied");
    let others = Browser::of(&sidecar, "sam").await.get("/").await;
    others.has("For others").has_not("For you");
    client.abort();
    assert!(client.await.is_err());
    browser
        .get(&format!("/approvals/{id}"))
        .await
        .has("not connected")
        .has("makes it again within 10 minutes");
}

/// O105, O106: the agent's words in the page of who approves.
#[tokio::test]
async fn nothing_an_agent_writes_is_markup_or_hides_anything() {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'-alert(1)-'",
        "</bdi></dd></dl><form action=//evil.test>",
        "{{ 7 * 7 }}",
        "ch_1\u{202e}000,9$\u{200b}\u{2066}\u{feff}\u{e0041}",
        "שלום ch_1",
        "a\r\nSet-Cookie: x=1",
    ];
    for text in hostile {
        let sidecar = Sidecar::start();
        let content = form_urlencoded::Serializer::new(String::new())
            .append_pair("charge", text)
            .append_pair("amount", "90000")
            .append_pair("reason", text)
            .finish();
        let client = sidecar.send(refund(&content, "k1"));
        let id = sidecar.pending().await;
        let browser = Browser::of(&sidecar, "alice").await;
        let call = sidecar.calls().await[0].row.id.to_string();
        for path in ["/".to_owned(), format!("/approvals/{id}"), format!("/decisions/{call}")] {
            let shown = browser.get(&path).await;
            assert_eq!(shown.status, 200, "{path}");
            for markup in [
                "<script>",
                "<img src=x",
                "<form action=//",
                "</bdi></dd></dl><form",
                "'-alert",
            ] {
                shown.has_not(markup);
            }
            let active = |character: &char| crate::model::inert::is_active(*character) && *character != '\n';
            assert_eq!(shown.text.chars().find(active), None, "{path}");
            if text.contains('\u{202e}') {
                shown.has(r"\u{202e}").has(r"\u{e0041}");
            }
            if text.contains('\u{202e}') && path.starts_with("/approvals") {
                shown.has(r"\u{202e}</mark>").has(r"\u{e0041}</mark>");
            }
        }
        client.abort();
    }
}

#[tokio::test]
async fn a_long_value_is_there_whole_and_hides_nothing_else() {
    let sidecar = Sidecar::start();
    let mut row = sample::approval();
    let long = format!("{}<b>IN_THE_MIDDLE{}", "a".repeat(5_000), "z".repeat(5_000));
    row.action.summary = long.clone();
    row.action.fields.insert("memo".into(), Value::Text(long));
    sidecar.parts.store.write(audit::held(&row)).await.unwrap();
    let browser = Browser::of(&sidecar, "alice").await;
    let shown = browser.get(&format!("/approvals/{}", row.id)).await;
    assert_eq!(shown.status, 200);
    let halves: Vec<&str> = shown.text.split("IN_THE_MIDDLE").collect();
    assert_eq!(
        halves.len(),
        3,
        "the summary and the field, each where the whole of it is asked for"
    );
    shown
        .has("10016 characters")
        .has("&#60;b&#62;IN_THE_MIDDLE")
        .has("…")
        .has("refund-over-500");
    assert!(shown.text.contains(&"z".repeat(5_000)), "to its end");
}

#[tokio::test]
async fn a_decision_tells_what_happened_and_why() {
    let sidecar = Sidecar::start();
    let client = sidecar.send(refund(NINE_HUNDRED, "k1"));
    let id = sidecar.pending().await;
    let browser = Browser::of(&sidecar, "alice").await;
    assert_eq!(
        browser
            .submit(&id, "deny", &[("reason", "the wrong customer")])
            .await
            .status,
        303
    );
    assert!(client.await.unwrap().is_err());
    let call = sidecar.calls().await[0].row.id.to_string();
    let shown = browser.get(&format!("/decisions/{call}")).await;
    assert_eq!(shown.status, 200);
    shown
        .has("Refund $900.00 of ch_1")
        .has("approval_denied")
        .has("refund-over-500")
        .has("Nothing of it was sent");
    shown.has("the wrong customer").has(&format!("/approvals/{id}"));
    // As on the page where it was decided.
    let amount = "<dt><code>amount</code></dt><dd><strong><bdi>$900.00</bdi></strong>";
    for page in [&shown, &browser.get(&format!("/approvals/{id}")).await] {
        page.has(amount);
        page.has("<dt><code>resource_ids</code></dt><dd><bdi>ch_1</bdi></dd>");
    }
    for kind in ["decided", "held", "denied"] {
        shown.has(&format!(r#"<span class="kind">{kind}</span>"#));
    }
    for unknown in ["call_0", "x", "call_00000000000000000000000000"] {
        assert_eq!(
            browser.get(&format!("/decisions/{unknown}")).await.status,
            404,
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn a_link_to_what_was_forgotten_in_memory_still_shows_it() {
    let sidecar = Sidecar::start();
    let (store, mut row) = (&sidecar.parts.store, sample::approval());
    store.write(audit::held(&row)).await.unwrap();
    row.revision += 1;
    row.state = State::Denied;
    row.decided = Some(row.created);
    row.denial = Some(Denial::new(&"alice".into(), "the wrong customer"));
    store.write(audit::denied(&row)).await.unwrap();
    let browser = Browser::of(&sidecar, "alice").await;
    let shown = browser.get(&format!("/approvals/{}", row.id)).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    shown.has("the wrong customer").has_not("/deny\"").has_not("/approve\"");
    assert_eq!(
        browser.get("/approvals/apr_00000000000000000000000000").await.status,
        404
    );
}
