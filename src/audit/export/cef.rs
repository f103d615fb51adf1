//! Common Event Format: `CEF:0|vendor|product|version|class|name|severity|extension`. In the header `|` and `\` are escaped,
//! in the extension `=`, `\` and ends of lines (ArcSight, "Implementing ArcSight Common Event Format", revision 25).

use super::{Record, VERSION};
use crate::model::inert::is_active;

pub(super) fn line(record: &Record<'_>) -> String {
    let mut line = String::from("CEF:0");
    for field in ["Runplane", "Runplane", VERSION, record.kind(), name(record)] {
        line.push('|');
        line.push_str(&header(field));
    }
    line.push_str(&format!("|{}|", severity(record)));
    let pairs: Vec<String> = extension(record)
        .into_iter()
        .map(|(name, value)| format!("{name}={}", escaped(&value, true)))
        .collect();
    line + &pairs.join(" ")
}

/// What happened, in words of ours.
fn name(record: &Record<'_>) -> &'static str {
    match (record.kind(), record.decision()) {
        ("decided", Some("ALLOW")) if record.text("would").is_some() => "Call observed",
        ("decided", Some("ALLOW")) => "Call allowed",
        ("decided", Some("BLOCK")) => "Call blocked",
        ("decided", _) => "Call held",
        ("held", _) => "People asked",
        ("approved", _) => "Person approved",
        ("denied", _) => "Person denied",
        ("expired", _) => "Approval expired",
        ("cancelled", _) => "Approval cancelled",
        ("escalated", _) => "Further people asked",
        ("consumed", _) => "Approval spent",
        ("returned", _) => "Approval given back",
        ("grant", _) => "Grant",
        ("outcome", _) => "Call ended",
        ("refused", _) => "Connection or request refused",
        ("registry", _) => "Agent or person changed",
        ("boot", _) => "Sidecar started",
        ("shutdown", _) => "Sidecar stopped",
        ("reload", _) => "Rules read again",
        ("authority", _) => "Certificate authority changed",
        ("gap", _) => "Clock set or nothing signed",
        ("pause", _) => "Agent paused or resumed",
        ("key", _) => "Log key changed",
        ("notification", _) => "Notification not delivered",
        _ => "Entry",
    }
}

/// 0 to 10.
fn severity(record: &Record<'_>) -> i64 {
    match (record.kind(), record.decision()) {
        ("decided", Some("BLOCK")) => 7,
        ("decided", Some("ALLOW")) if record.text("would").is_some() => 6,
        ("decided", Some("ALLOW")) => 2,
        ("decided" | "held", _) => 5,
        ("refused" | "gap" | "denied" | "key" | "authority", _) => 6,
        ("pause" | "registry" | "reload" | "expired" | "notification", _) => 4,
        ("outcome", _) if record.outcome() == Some("unknown") => 5,
        _ => 3,
    }
}

fn extension(record: &Record<'_>) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("rt", record.written.time.0.to_string()),
        ("externalId", record.written.seq.to_string()),
    ];
    let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    let own = |name: &str| record.text(name).map(str::to_owned);
    let said = |name: &str| record.said(name).map(str::to_owned);
    add("suser", said("agent"));
    add("duser", own("person").or_else(|| own("by")));
    add("cat", said("action"));
    add("act", own("decision"));
    add("outcome", own("outcome"));
    add("reason", own("reason"));
    if let Some((method, target)) = record.request() {
        add("requestMethod", Some(method));
        add("request", Some(target));
    }
    add("destinationServiceName", said("provider"));
    add("msg", record.summary());
    let mut labelled = |name, label, value: Option<String>, text: &str| {
        if let Some(value) = value {
            pairs.push((name, value));
            pairs.push((label, text.to_owned()));
        }
    };
    let number = |name: &str| record.field(name).and_then(|field| Some(field.as_i64()?.to_string()));
    labelled("cs1", "cs1Label", own("rules"), "rules");
    labelled("cs2", "cs2Label", record.written.call.clone(), "call");
    labelled("cs3", "cs3Label", said("approval"), "approval");
    labelled("cs4", "cs4Label", said("environment"), "environment");
    labelled("cs5", "cs5Label", own("policies"), "policies");
    labelled("cs6", "cs6Label", Some(record.leaf_hash()), "leaf hash (RFC 6962)");
    labelled("cn1", "cn1Label", number("amount"), "amount in minor units");
    labelled(
        "cn2",
        "cn2Label",
        record.int("status").map(|status| status.to_string()),
        "status of the provider",
    );
    let score = record
        .value("risk")
        .and_then(|risk| Some(risk.get("score")?.as_i64()?.to_string()));
    labelled("cn3", "cn3Label", score, "risk");
    let currency = record.field("currency");
    let currency = currency.and_then(|currency| Some(currency.as_str()?.to_owned()));
    labelled("flexString1", "flexString1Label", currency, "currency");
    pairs
}

fn header(text: &str) -> String {
    escaped(text, false).replace('|', "\\|")
}

fn escaped(text: &str, extension: bool) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\\' => written.push_str("\\\\"),
            '=' if extension => written.push_str("\\="),
            '\n' if extension => written.push_str("\\n"),
            '\r' if extension => written.push_str("\\r"),
            active if is_active(active) => written.push_str(&format!("\\\\u{{{:x}}}", u32::from(active))),
            plain => written.push(plain),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_escaped_where_it_does() {
        assert_eq!(header(r"a|b\c=d"), r"a\|b\\c=d");
        assert_eq!(header("a\nb"), r"a\\u{a}b");
        assert_eq!(escaped("a|b\\c=d\r\ne\u{202e}", true), r"a|b\\c\=d\r\ne\\u{202e}");
    }
}
