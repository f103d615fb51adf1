use super::*;
use crate::approval::tests::{approvals, approve, call, deny, hold, park, rule, spend};
use crate::control::tests::vocabulary;
use crate::model::approval::INCOMPLETE_ACTION;
use crate::model::{Missing, Reason, Why};

#[tokio::test(start_paused = true)]
async fn the_line_on_the_terminal_is_what_people_need_to_decide() {
    let wait = Wait::start(Duration::from_secs(72));
    let id = ApprovalId::random();
    let expires = Timestamp::now().plus(Duration::from_secs(900));
    let mut held_call = hold("support-bot");
    let said = |call: &Hold, home: &str| {
        let asked = Asked {
            approval: &id,
            revision: 0,
            rules: &call.rules,
            expires,
        };
        super::line(call, &asked, &wait, &vocabulary(), home)
    };
    let line = said(&held_call, "");
    let short = id.short();
    assert_eq!(
        line,
        format!(
            "HELD {short} support-bot: Refund $900.00 of ch_1 in Stripe (refund-over-500), waits 72 s → \
             runplane approvals approve {short}"
        )
    );
    held_call.action.missing = vec![
        Missing {
            field: "amount".into(),
            why: Why::Absent,
        },
        Missing {
            field: "amount_base".into(),
            why: Why::Derived,
        },
    ];
    assert!(said(&held_call, "").ends_with(short), "nobody is asked for it: {line}");
    held_call.rules.push(rule(INCOMPLETE_ACTION, "d"));
    let line = said(&held_call, " --home /srv/one");
    assert!(
        line.ends_with(&format!("approve {short} --set amount=… --home /srv/one")),
        "{line}"
    );
    // What follows from nothing that is missing is asked for, as the control API wants it.
    held_call.action.missing.remove(0);
    let line = said(&held_call, "");
    assert!(
        line.ends_with(&format!("approve {short} --set amount_base=…")),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn text_of_the_agent_cannot_forge_a_line() {
    let wait = Wait::start(Duration::from_secs(5));
    let mut held_call = hold("support-bot");
    held_call.action.summary = "x\n\u{1b}[2KHELD apr_fake: Refund $1.00 \u{202e}".repeat(100);
    let asked = Asked {
        approval: &ApprovalId::random(),
        revision: 0,
        rules: &held_call.rules,
        expires: Timestamp::now(),
    };
    let line = super::line(&held_call, &asked, &wait, &vocabulary(), "");
    assert!(!line.contains(['\n', '\u{1b}', '\u{202e}']));
    assert!(line.len() < 1_000);
}

#[tokio::test(start_paused = true)]
async fn no_length_of_the_agents_words_hides_which_call_it_is() {
    let wait = Wait::start(Duration::from_secs(5));
    let approval = ApprovalId::random();
    let lines = ["0123456789abcdef", "0123456789abcdee"].map(|digits| {
        let mut held_call = hold("support-bot");
        held_call.action.summary = format!("{} [call {digits}]", "word ".repeat(1_000));
        let asked = Asked {
            approval: &approval,
            revision: 0,
            rules: &held_call.rules,
            expires: Timestamp::now(),
        };
        super::line(&held_call, &asked, &wait, &vocabulary(), "")
    });
    assert_ne!(lines[0], lines[1]);
    assert!(
        lines[0].contains('…') && lines[0].contains("[call 0123456789abcdef]"),
        "{}",
        lines[0]
    );
}

#[tokio::test(start_paused = true)]
async fn every_refusal_says_that_nothing_was_executed_and_what_to_do() {
    let approvals = approvals();
    let first = park(&approvals, &call("bot", 1, None));
    let standing = first.standing().unwrap();
    let wait = pending(&standing);
    assert_eq!(wait.reason, Reason::ApprovalPending);
    assert!(
        wait.detail.starts_with("NOT executed. Waiting for human approval apr_"),
        "{}",
        wait.detail
    );
    assert!(
        wait.detail
            .contains("Z (refund-over-500: Refunds over $500 need a person). Do not attempt"),
        "{}",
        wait.detail
    );
    assert!(
        wait.detail
            .contains("Do not attempt it another way. Repeat exactly this call after approval (http://runplane.internal/approvals/apr_")
    );

    let mut long = standing.clone();
    long.row.rules = vec![rule("r", "d"); 100];
    let long = pending(&long).detail;
    assert!(
        long.len() < 460 && long.contains('…') && long.ends_with("tells when)."),
        "{long}"
    );

    approve(&approvals, first.approval());
    let late = repeat(&first.standing().unwrap());
    assert!(
        late.detail.contains("Repeat exactly this call before"),
        "{}",
        late.detail
    );

    let spent = spend(&approvals, &call("bot", 1, None));
    let again = executed(&first.standing().unwrap());
    let on = spent.consumed_by.unwrap();
    assert!(
        again.detail.contains(&format!("used for {on} at 2026-")) && !again.detail.contains("sent"),
        "{}",
        again.detail
    );
    approvals.ended(first.approval(), &on, Outcome::Unknown, None);
    let doubt = executed(&first.standing().unwrap()).detail;
    assert!(
        !doubt.contains("sent") && doubt.contains("look it up at the provider"),
        "{doubt}"
    );
    approvals.ended(first.approval(), &on, Outcome::Success, Some(200));
    assert!(
        executed(&first.standing().unwrap())
            .detail
            .contains(&format!("sent as {on} at 2026-"))
    );
    approvals.ended(first.approval(), &on, Outcome::NotSent, None);
    assert_eq!(executed(&first.standing().unwrap()).reason, Reason::ApprovalExpired);

    let second = park(&approvals, &call("bot", 2, None));
    deny(&approvals, second.approval());
    let no = denied(&second.standing().unwrap());
    assert!(
        no.detail.contains("Their reason: no. Do not repeat it"),
        "{}",
        no.detail
    );
    for refusal in [wait, late, again, no, full(20), expired(first.approval())] {
        assert!(refusal.detail.starts_with("NOT executed"), "{}", refusal.detail);
    }
}

/// Without what differs from call to call.
fn plain(text: &str) -> String {
    let shortened = |word: &str, prefix: &str| {
        let (before, id) = word.split_once(prefix)?;
        let rest = id.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
        Some(format!("{before}{prefix}…{rest}"))
    };
    let time = |word: &str| {
        let (digits, rest) = word.split_once('Z')?;
        digits
            .starts_with(|first: char| first.is_ascii_digit())
            .then(|| format!("14:05Z{rest}"))
    };
    let word = |word: &str| {
        let found = shortened(word, "apr_").or_else(|| shortened(word, "call_"));
        found.or_else(|| time(word)).unwrap_or_else(|| word.to_owned())
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn the_page_for_agents_has_what_held_calls_are_told() {
    let page = include_str!("../../../../docs/agents.md");
    let approvals = approvals();
    let first = park(&approvals, &call("bot", 1, None));
    let wait = pending(&first.standing().unwrap());
    approve(&approvals, first.approval());
    let late = repeat(&first.standing().unwrap());
    let on = spend(&approvals, &call("bot", 1, None)).consumed_by.unwrap();
    approvals.ended(first.approval(), &on, Outcome::Success, Some(200));
    let again = executed(&first.standing().unwrap());
    let second = park(&approvals, &call("bot", 2, None));
    deny(&approvals, second.approval());
    let no = denied(&second.standing().unwrap());
    for refusal in [wait, late, again, no, expired(first.approval())] {
        let line = format!("\n| `{}` | {} |\n", refusal.reason, plain(&refusal.detail));
        assert!(page.contains(&line), "{line}");
    }
}
