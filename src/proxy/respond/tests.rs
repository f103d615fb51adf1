mod fields;
mod page;

use http_body_util::BodyExt;
use serde_json::Value;

use super::*;
use crate::model::{ApprovalId, ErrorShape, Outcome, Refusal};
use crate::policy::RuleReason;
use crate::store::CommitError;
use crate::upstream::SendError;

fn refused(reason: Reason, shape: ErrorShape) -> Refused {
    Refused {
        correction: None,
        refusal: told(&Refusal::new(reason, "because <b>&\u{1b}[2J")),
        call: Some(CallId::random()),
        approval: Some(ApprovalId::random()),
        rules: vec![RuleReason {
            id: "no-payouts".into(),
            reason: Some("By people only".to_owned()),
        }],
        shape,
        written: false,
        harmless: false,
    }
}

async fn content(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

#[tokio::test]
async fn every_code_has_its_status_and_says_so_everywhere() {
    for (reason, status) in [
        (Reason::PolicyBlocked, 403),
        (Reason::IncompleteAction, 403),
        (Reason::BudgetExceeded, 403),
        (Reason::PolicyError, 403),
        (Reason::ApprovalPending, 403),
        (Reason::ApprovalDenied, 403),
        (Reason::ApprovalExpired, 403),
        (Reason::ApprovedRepeat, 403),
        (Reason::AlreadyExecuted, 403),
        (Reason::Paused, 403),
        (Reason::ChangedMeanwhile, 403),
        (Reason::DestinationRefused, 403),
        (Reason::Malformed, 400),
        (Reason::LengthRequired, 411),
        (Reason::TooLarge, 413),
        (Reason::NotInspectable, 415),
        (Reason::AuthorityMismatch, 421),
        (Reason::AgentUnknown, 407),
        (Reason::UpstreamUnreachable, 502),
        (Reason::UpstreamTimeout, 504),
        (Reason::AuditUnavailable, 503),
        (Reason::Overloaded, 503),
    ] {
        let (id, refused) = (CallId::random(), refused(reason, ErrorShape::Problem));
        let response = refuse(&refused, &id, false, false);
        assert_eq!(response.status().as_u16(), status, "{reason}");
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("retry-after"), None, "{reason}");
        assert_eq!(header("runplane-request-id").as_deref(), Some(id.as_str()));
        assert_eq!(
            header("runplane-approval-id").as_deref(),
            refused.approval.as_ref().map(ApprovalId::as_str)
        );
        // What a client's library may repeat by itself is what failed on the way, not what was refused.
        let on_the_way = matches!(status, 502..=504);
        assert_eq!(header("stripe-should-retry").is_none(), on_the_way, "{reason}");
        assert_eq!(header("x-should-retry").is_none(), on_the_way, "{reason}");
        assert_eq!(header("proxy-authenticate").is_some(), status == 407);
        let problem: Value = serde_json::from_str(&content(response).await).unwrap();
        assert_eq!(problem["code"], reason.as_str());
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], id.as_str());
        assert_eq!(problem["rules"][0]["id"], "no-payouts");
        assert!(problem["title"].is_string() && problem["type"].is_string() && problem["executed"].is_string());
    }
    assert_eq!(Reason::ALL.len(), 22, "a new code has its line above");
}

#[test]
fn the_status_line_says_it_too_in_one_line_of_plain_characters() {
    let refused = Refused {
        refusal: Refusal::new(
            Reason::PolicyBlocked,
            format!("für\r\nSet-Cookie: a=1 {}", "x".repeat(9_000)),
        ),
        ..refused(Reason::PolicyBlocked, ErrorShape::Problem)
    };
    let response = refuse(&refused, &CallId::random(), false, false);
    let phrase = response.extensions().get::<ReasonPhrase>().unwrap().as_bytes().to_vec();
    let phrase = String::from_utf8(phrase).unwrap();
    assert!(
        phrase.starts_with("policy_blocked: f??r??Set-Cookie: a=1 xxx"),
        "{phrase}"
    );
    assert_eq!(phrase.len(), LONGEST_PHRASE);
}

#[tokio::test]
async fn xml_holds_no_markup_of_ours_and_no_control_characters() {
    let shown = |shape| {
        content(refuse(
            &refused(Reason::PolicyBlocked, shape),
            &CallId::random(),
            false,
            false,
        ))
    };
    let query = shown(ErrorShape::AwsQuery).await;
    assert!(
        query.contains("<ErrorResponse><Error><Type>Sender</Type><Code>policy_blocked</Code><Message>NOT executed"),
        "{query}"
    );
    let ec2 = shown(ErrorShape::AwsEc2).await;
    assert!(
        ec2.contains(
            "<Response><Errors><Error><Code>policy_blocked</Code><Message>NOT executed: because &lt;b&gt;&amp;[2J"
        ),
        "{ec2}"
    );
    let rest = shown(ErrorShape::AwsRest).await;
    assert!(
        rest.contains("<Error><Code>policy_blocked</Code>") && !rest.contains('\u{1b}'),
        "{rest}"
    );
}

/// What each shape's SDK takes for the code, and for the words that it shows.
fn read_as_its_sdk_does(shape: ErrorShape, content: &str) -> (String, String) {
    let of_xml = |element: &str| {
        let rest = content.split(&format!("<{element}>")).nth(1).unwrap();
        rest.split("</").next().unwrap().to_owned()
    };
    let of_json = |pointer: &str| {
        let value: Value = serde_json::from_str(content).unwrap();
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer}: {content}"))
            .to_owned()
    };
    // The code is the first word of the message.
    let of_message = |pointer: &str| {
        let message = of_json(pointer);
        (message.split(':').next().unwrap().to_owned(), message)
    };
    match shape {
        ErrorShape::Problem => (of_json("/code"), of_json("/detail")),
        ErrorShape::Stripe => (of_json("/error/code"), of_json("/error/message")),
        ErrorShape::AwsJson => (of_json("/__type"), of_json("/message")),
        ErrorShape::AwsQuery | ErrorShape::AwsEc2 | ErrorShape::AwsRest => (of_xml("Code"), of_xml("Message")),
        ErrorShape::SendGrid => of_message("/errors/0/message"),
        ErrorShape::Twilio | ErrorShape::GitHub => of_message("/message"),
        ErrorShape::Google => (of_json("/error/errors/0/reason"), of_json("/error/message")),
        ErrorShape::OAuth => (of_json("/error"), of_json("/error_description")),
        ErrorShape::OpenAi => (of_json("/error/code"), of_json("/error/message")),
        ErrorShape::Anthropic => of_message("/error/message"),
        ErrorShape::Slack => (of_json("/error"), of_json("/response_metadata/messages/0")),
        ErrorShape::GitPush => {
            let (packet, end) = content.split_at(content.len() - 4);
            assert_eq!(
                (usize::from_str_radix(&packet[..4], 16), end),
                (Ok(packet.len()), "0000")
            );
            let message = packet[4..].strip_prefix('\u{3}').unwrap();
            (message.split(':').next().unwrap().to_owned(), message.to_owned())
        }
        // `content` is its message.
        ErrorShape::Grpc => (content.split(':').next().unwrap().to_owned(), content.to_owned()),
    }
}

#[tokio::test]
async fn every_code_in_every_shape_is_what_its_sdk_reads() {
    for reason in Reason::ALL {
        let plain = refuse(&refused(reason, ErrorShape::Problem), &CallId::random(), false, false).status();
        for shape in ErrorShape::ALL {
            let response = refuse(&refused(reason, shape), &CallId::random(), false, false);
            // Slack's libraries try again whatever is not a 200, and git reads nothing else: right only for what failed on the way.
            let status = match (shape, plain.as_u16()) {
                (ErrorShape::Slack | ErrorShape::GitPush, 502..=504 | 407) => plain,
                (ErrorShape::Slack | ErrorShape::GitPush | ErrorShape::Grpc, _) => StatusCode::OK,
                _ => plain,
            };
            assert_eq!(response.status(), status, "{reason} {shape:?}");
            let headers = response.headers();
            assert_eq!(headers.get("cache-control").unwrap(), "no-store");
            assert!(headers.get("retry-after").is_none() && headers.contains_key("runplane-approval-id"));
            let kind = headers.get(CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
            let message = headers
                .get("grpc-message")
                .map(|text| text.to_str().unwrap().to_owned());
            assert_eq!(message.is_some(), shape == ErrorShape::Grpc);
            let content = match (content(response).await, message) {
                (content, Some(message)) => content + &message,
                (content, None) => content,
            };
            assert_eq!(kind.contains("xml"), content.starts_with("<?xml"), "{kind}: {content}");
            let (code, words) = read_as_its_sdk_does(shape, &content);
            assert_eq!(code, reason.as_str(), "{shape:?}");
            assert!(words.contains("NOT executed: because"), "{reason} {shape:?}: {words}");
        }
    }
}

#[tokio::test]
async fn slack_is_told_no_by_ok_and_the_status_it_sees() {
    let told = refuse(
        &refused(Reason::ApprovalPending, ErrorShape::Slack),
        &CallId::random(),
        false,
        false,
    );
    let told: Value = serde_json::from_str(&content(told).await).unwrap();
    assert_eq!(
        (&told["ok"], &told["error"]),
        (&Value::Bool(false), &Value::from("approval_pending"))
    );
    assert_eq!(told["runplane"]["status"], 200);
    assert_eq!(told["runplane"]["executed"], "no");
    assert!(told["runplane"]["approval_id"].is_string());
}

/// Members that libraries of typed languages read into numbers and texts.
#[tokio::test]
async fn numbers_are_numbers_where_libraries_expect_them() {
    let shown = async |shape, reason| {
        let content = content(refuse(&refused(reason, shape), &CallId::random(), false, false)).await;
        serde_json::from_str::<Value>(&content).unwrap()
    };
    let twilio = shown(ErrorShape::Twilio, Reason::PolicyBlocked).await;
    assert_eq!((&twilio["code"], &twilio["status"]), (&20_403.into(), &403.into()));
    let github = shown(ErrorShape::GitHub, Reason::PolicyBlocked).await;
    assert_eq!(github["status"], "403");
    for (reason, code, status) in [
        (Reason::ApprovalPending, 403, "PERMISSION_DENIED"),
        (Reason::Malformed, 400, "INVALID_ARGUMENT"),
        (Reason::UpstreamUnreachable, 502, "UNAVAILABLE"),
        (Reason::UpstreamTimeout, 504, "DEADLINE_EXCEEDED"),
    ] {
        let google = shown(ErrorShape::Google, reason).await;
        assert_eq!(
            (&google["error"]["code"], &google["error"]["status"]),
            (&code.into(), &status.into())
        );
    }
    for shape in [
        ErrorShape::Twilio,
        ErrorShape::GitHub,
        ErrorShape::Anthropic,
        ErrorShape::OAuth,
    ] {
        let shown = shown(shape, Reason::ApprovalPending).await;
        assert!(shown["runplane"]["approval_id"].is_string(), "{shape:?}");
    }
}

#[tokio::test]
async fn executed_is_unknown_only_where_something_was_written() {
    for (written, executed) in [(false, "no"), (true, "unknown")] {
        for reason in [Reason::UpstreamUnreachable, Reason::UpstreamTimeout] {
            let refused = Refused {
                written,
                ..refused(reason, ErrorShape::Problem)
            };
            let problem: Value =
                serde_json::from_str(&content(refuse(&refused, &CallId::random(), false, false)).await).unwrap();
            assert_eq!(problem["executed"], executed, "{reason}");
        }
    }
    let earlier = content(refuse(
        &refused(Reason::AlreadyExecuted, ErrorShape::Problem),
        &CallId::random(),
        false,
        false,
    ))
    .await;
    assert!(earlier.contains("\"executed\":\"earlier\""), "{earlier}");
}

/// Its library would send it a second time: a second refund, a second mail.
#[test]
fn what_may_have_been_executed_is_not_to_be_sent_again_by_itself_unless_it_only_reads() {
    for reason in [Reason::UpstreamUnreachable, Reason::UpstreamTimeout] {
        for (written, harmless, invited) in [(true, false, false), (true, true, true), (false, false, true)] {
            let told = |shape| {
                let refused = Refused {
                    written,
                    harmless,
                    ..refused(reason, shape)
                };
                refuse(&refused, &CallId::random(), false, false)
            };
            let problem = told(ErrorShape::Problem);
            assert!(problem.status().is_server_error());
            for name in ["stripe-should-retry", "x-should-retry"] {
                assert_eq!(
                    !problem.headers().contains_key(name),
                    invited,
                    "{reason} {written} {harmless}"
                );
            }
            // Slack's libraries send again whatever is not a 200.
            assert_eq!(told(ErrorShape::Slack).status().is_server_error(), invited, "{reason}");
            // gRPC's policies of retries name UNAVAILABLE.
            let grpc = told(ErrorShape::Grpc);
            assert_eq!(grpc.headers()["grpc-status"] != "2", invited, "{reason}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_head_has_no_content() {
    let response = refuse(
        &refused(Reason::PolicyBlocked, ErrorShape::Problem),
        &CallId::random(),
        true,
        false,
    );
    assert_eq!(response.status().as_u16(), 403);
    assert_eq!(content(response).await, "");
}

#[test]
fn what_is_told_says_whether_it_was_executed() {
    let of = |reason, outcome| SendError {
        refusal: Refusal::new(reason, "a.test did this"),
        outcome,
    };
    let not_sent = undelivered(&of(Reason::UpstreamUnreachable, Outcome::NotSent));
    assert!(not_sent.detail.starts_with("NOT executed"), "{not_sent}");
    assert!(
        undelivered(&of(Reason::DestinationRefused, Outcome::NotSent))
            .detail
            .starts_with("NOT executed")
    );
    let refused = undelivered(&of(Reason::UpstreamUnreachable, Outcome::Failure));
    assert!(
        refused.detail.starts_with("NOT executed"),
        "the provider says so: {refused}"
    );
    for outcome in [Outcome::Error, Outcome::Unknown] {
        let doubt = undelivered(&of(Reason::UpstreamUnreachable, outcome));
        assert!(doubt.detail.starts_with("It MAY have been executed"), "{doubt}");
    }
    assert_eq!(unrecorded(&CommitError::Overloaded).reason, Reason::Overloaded);
    assert_eq!(unrecorded(&CommitError::Lost).reason, Reason::AuditUnavailable);
}
