//! Names and values of annotations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cedar_policy::{Effect, Policy};

use super::Finding;
use crate::model::approval::Escalation;
use crate::model::diagnostic::meant;
use crate::policy::place::Statement;
use crate::policy::rule::{DEFAULT_APPROVERS, HoldTerms, OWNERS, RESERVED_IDS};

const ID: &str = "id";
const DECISION: &str = "decision";
const APPROVERS: &str = "approvers";
const QUORUM: &str = "quorum";
const TIMEOUT: &str = "timeout";
const ESCALATE: &str = "escalate";
const REASON: &str = "reason";
/// On a rule that is only recorded.
pub(in crate::policy) const MODE: &str = "mode";
const OBSERVE: &str = "observe";
const ANNOTATIONS: [&str; 8] = [ID, DECISION, APPROVERS, QUORUM, TIMEOUT, ESCALATE, REASON, MODE];
/// Most people that a rule may ask for.
const MAX_QUORUM: u32 = 10;
/// Longest life of a pending approval that a rule may ask for.
const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The rule's `@id`, if it has a good one.
pub(in crate::policy) fn id(policy: &Policy, statement: &Statement<'_>) -> Result<Arc<str>, Finding> {
    let Some(id) = policy.annotation(ID) else {
        let message = "a rule needs a name of its own: `@id(\"refund-over-500\")`";
        return Err(Finding::at(statement.start(), message));
    };
    let place = statement.annotation(ID);
    if !is_id(id) {
        let message = format!("`@id(\"{id}\")`: expected lower-case letters, digits, `-` and `_`, no sign first");
        return Err(Finding::at(place, message));
    }
    if RESERVED_IDS.contains(&id) {
        return Err(Finding::at(
            place,
            format!("`@id(\"{id}\")`: this name is a built-in rule's; choose another"),
        ));
    }
    Ok(id.into())
}

fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.bytes().next().is_some_and(plain) && id.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_')
}

/// Checks the annotations; the terms of the hold, where the rule is one.
pub(in crate::policy) fn annotations(
    policy: &Policy,
    statement: &Statement<'_>,
    groups: Option<&BTreeSet<String>>,
) -> Result<Option<HoldTerms>, Vec<Finding>> {
    let mut findings: Vec<Finding> = policy
        .annotations()
        .filter(|(key, _)| !ANNOTATIONS.contains(key))
        .map(|(key, _)| Finding::at(statement.annotation(key), unknown_annotation(key)))
        .collect();
    findings.extend(mode(policy, statement));
    let holds = match (policy.annotation(DECISION), policy.effect()) {
        (None, _) => false,
        (Some("BLOCK"), Effect::Forbid) => false,
        (Some("REQUIRE_APPROVAL"), Effect::Forbid) => true,
        (Some(_), Effect::Permit) => {
            let message = "`@decision` stands on a `forbid` only: a `permit` means ALLOW";
            findings.push(Finding::at(statement.annotation(DECISION), message));
            false
        }
        (Some(value), Effect::Forbid) => {
            let message = format!("`@decision(\"{value}\")`: expected \"BLOCK\" or \"REQUIRE_APPROVAL\"");
            findings.push(Finding::at(statement.annotation(DECISION), message));
            // Its terms are looked at all the same, so that all mistakes show at once.
            true
        }
    };
    if !holds {
        for key in [APPROVERS, QUORUM, TIMEOUT, ESCALATE] {
            if policy.annotation(key).is_some() {
                let message = format!("`@{key}` stands only with `@decision(\"REQUIRE_APPROVAL\")`");
                findings.push(Finding::at(statement.annotation(key), message));
            }
        }
        return if findings.is_empty() { Ok(None) } else { Err(findings) };
    }
    let terms = hold_terms(policy, statement, groups, &mut findings);
    if findings.is_empty() {
        Ok(Some(terms))
    } else {
        Err(findings)
    }
}

/// A mode that nobody knows must not be taken for none, nor for the other.
fn mode(policy: &Policy, statement: &Statement<'_>) -> Option<Finding> {
    let value = policy.annotation(MODE).filter(|value| *value != OBSERVE)?;
    let hint = match meant(value, [OBSERVE].into_iter()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("expected \"{OBSERVE}\", for a rule that is only recorded; without `@mode` it is in force"),
    };
    Some(Finding::at(
        statement.annotation(MODE),
        format!("`@mode(\"{value}\")`: {hint}"),
    ))
}

fn hold_terms(
    policy: &Policy,
    statement: &Statement<'_>,
    groups: Option<&BTreeSet<String>>,
    findings: &mut Vec<Finding>,
) -> HoldTerms {
    let mut terms = HoldTerms {
        approvers: vec![DEFAULT_APPROVERS.into()],
        quorum: 1,
        timeout: None,
        escalation: None,
    };
    if let Some(value) = policy.annotation(APPROVERS) {
        match approvers(APPROVERS, value, groups) {
            Ok(approvers) => terms.approvers = approvers,
            Err(message) => findings.push(Finding::at(statement.annotation(APPROVERS), message)),
        }
    }
    if let Some(value) = policy.annotation(QUORUM) {
        match value.parse() {
            Ok(quorum @ 1..=MAX_QUORUM) if !value.starts_with('+') => terms.quorum = quorum,
            Ok(_) | Err(_) => {
                let message = format!(
                    "`@quorum(\"{value}\")`: expected how many people must consent, a whole number from 1 to {MAX_QUORUM}"
                );
                findings.push(Finding::at(statement.annotation(QUORUM), message));
            }
        }
    }
    if let Some(value) = policy.annotation(TIMEOUT) {
        terms.timeout = duration(value);
        if terms.timeout.is_none() {
            let message = format!(
                "`@timeout(\"{value}\")`: expected a whole number with `s`, `m`, `h` or `d`, as \"30m\", up to 30d"
            );
            findings.push(Finding::at(statement.annotation(TIMEOUT), message));
        }
    }
    if let Some(value) = policy.annotation(ESCALATE) {
        match escalation(value, groups) {
            Ok(escalation) => terms.escalation = Some(escalation),
            Err(message) => findings.push(Finding::at(statement.annotation(ESCALATE), message)),
        }
    }
    terms
}

/// `managers at 50%`, `managers, legal at 50%`
fn escalation(value: &str, groups: Option<&BTreeSet<String>>) -> Result<Escalation, String> {
    let expected = || {
        format!(
            "`@escalate(\"{value}\")`: expected groups and after what part of the time they are asked, too, 1% to 99%, as \
             \"managers at 50%\""
        )
    };
    let (names, share) = value.rsplit_once(" at ").ok_or_else(expected)?;
    let digits = share.strip_suffix('%').ok_or_else(expected)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    match digits.parse() {
        Ok(percent @ 1..=99) => Ok(Escalation {
            approvers: approvers(ESCALATE, names, groups)?,
            percent,
        }),
        Ok(_) | Err(_) => Err(expected()),
    }
}

fn approvers(annotation: &str, value: &str, groups: Option<&BTreeSet<String>>) -> Result<Vec<Arc<str>>, String> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for name in value.split(',').map(str::trim) {
        let known = groups.is_none_or(|groups| groups.contains(name)) || name == DEFAULT_APPROVERS || name == OWNERS;
        if name.is_empty() {
            return Err(format!(
                "`@{annotation}`: expected group names, separated by commas, as \"finance, legal\""
            ));
        } else if !known {
            let known = groups
                .into_iter()
                .flatten()
                .map(String::as_str)
                .chain([DEFAULT_APPROVERS, OWNERS]);
            let known: BTreeSet<&str> = known.collect();
            let hint = meant(name, known.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "`@{annotation}`: no person is in a group `{name}` (known: {known}){}; put someone there first with `runplane \
                 people add NAME --group {name}`, or under `people:` in runplane.yaml",
                hint.unwrap_or_default()
            ));
        }
        names.push(name.into());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// `90s`, `30m`, `2h`, `1d`: from one second to thirty days.
fn duration(value: &str) -> Option<Duration> {
    let unit = value.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number = value.strip_suffix(unit)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    let duration = Duration::from_secs(number.checked_mul(seconds)?);
    (Duration::ZERO < duration && duration <= MAX_TIMEOUT).then_some(duration)
}

fn unknown_annotation(key: &str) -> String {
    let known = ANNOTATIONS.map(|key| format!("@{key}")).join(", ");
    match meant(key, ANNOTATIONS.into_iter()) {
        Some(meant) => format!("unknown annotation `@{key}`; did you mean `@{meant}`? (known: {known})"),
        None => format!("unknown annotation `@{key}` (known: {known})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_and_bounded() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Some(Duration::from_secs(1800)));
        assert_eq!(duration("30d"), Some(MAX_TIMEOUT));
        for wrong in [
            "",
            "m",
            "0m",
            "31d",
            "1.5h",
            "-1h",
            "+1h",
            "1h30m",
            "30",
            "30 m",
            "30M",
            "99999999999999999999d",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_escalation_names_groups_and_a_part_of_the_time() {
        let groups = BTreeSet::from(["managers".to_owned(), "legal".to_owned()]);
        let read = |value: &str| escalation(value, Some(&groups));
        let both = read("managers, legal at 50%").unwrap();
        assert_eq!((both.approvers.len(), both.percent), (2, 50));
        for wrong in [
            "",
            "managers",
            "managers at 50",
            "managers at 0%",
            "managers at 100%",
            "managers at +5%",
            "managers at -5%",
            "managers at 5.5%",
            "managers 50%",
            " at 50%",
            "manager at 50%",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_word_is_offered_if_it_is_near() {
        assert_eq!(meant("decison", ANNOTATIONS.into_iter()), Some("decision"));
        assert_eq!(meant("colour", ANNOTATIONS.into_iter()), None);
    }
}
