//! The index decides as the whole set does.

use cedar_policy::PolicySet;
use proptest::prelude::*;

use super::*;
use crate::policy::scope::Member;

/// The same rules, all in one shard.
fn unindexed(mut policies: Policies) -> Policies {
    let mut whole = Index::default();
    let mut seen = BTreeSet::new();
    for policy in policies.index.policies() {
        if seen.insert(policy.id().to_string()) {
            let rule = &policies.rules[AsRef::<str>::as_ref(policy.id())];
            whole.insert_unindexed(policy, Part::of(Some(rule))).unwrap();
        }
    }
    policies.index = whole;
    policies
}

pub(super) fn principal() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "principal",
        "principal is Agent",
        "principal == Agent::\"a\"",
        "principal == Agent::\"b\"",
        "principal in Agent::\"a\"",
        "principal in Role::\"a\"",
        "principal in Role::\"r\"",
        "principal is Agent in Role::\"s\"",
    ])
}

pub(super) fn scope_of_action() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "action",
        "action == Action::\"process_refund\"",
        "action == Action::\"read_record\"",
        "action == Action::\"delete_records\"",
        "action in Action::\"payments\"",
        "action in Action::\"data\"",
        "action in Action::\"reads\"",
        "action in [Action::\"writes\", Action::\"deletes\"]",
        "action in [Action::\"payments\", Action::\"process_refund\", Action::\"process_refund\"]",
        "action in [Action::\"read_record\", Action::\"create_charge\"]",
    ])
}

fn rule() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "permit",
        "permit",
        "forbid",
        "@decision(\"REQUIRE_APPROVAL\") forbid",
        "@mode(\"observe\") permit",
        "@mode(\"observe\") forbid",
        "@mode(\"observe\") @decision(\"REQUIRE_APPROVAL\") forbid",
    ]);
    let resource = prop::sample::select(vec![
        "resource",
        "resource in Provider::\"stripe\"",
        "resource is Target",
        "resource in Environment::\"production\"",
        "resource is Target in Provider::\"aws\"",
    ]);
    let condition = prop::sample::select(vec![
        "",
        "",
        "when { true }",
        "when { context.host == \"elsewhere\" }",
        "when { context.method == \"POST\" }",
        "when { context.unmapped }",
        // Hardly repeats, so that it is asked anew each time, beside what is remembered.
        "when { context.time.hour > 1 }",
        "when { resource has id && resource.id == \"ch_2\" }",
        "unless { resource.kind == \"charge\" }",
        "when { 9223372036854775807 + (if context.inspected then 1 else 0) > 0 }",
    ]);
    (kind, principal(), scope_of_action(), resource, condition).prop_map(
        |(kind, principal, action, resource, condition)| {
            format!("{kind} ({principal}, {action}, {resource}) {condition};")
        },
    )
}

pub(super) fn question() -> impl Strategy<Value = (Facts, Action)> {
    let agent = prop::sample::select(vec!["a", "b", "r"]);
    let roles = prop::sample::subsequence(vec!["a", "r", "s"], 0..=3);
    let name = prop::sample::select(vec![
        "process_refund",
        "create_charge",
        "read_record",
        "delete_records",
        "modify_record",
    ]);
    let access = prop::sample::select(vec![Access::Read, Access::Write, Access::Delete, Access::Admin]);
    let provider = prop::sample::select(vec!["stripe", "aws"]);
    (agent, roles, name, access, provider, any::<[bool; 4]>()).prop_map(
        |(agent, roles, name, access, provider, [unmapped, inspected, post, complete])| {
            let mut facts = facts();
            facts.agent = agent.into();
            facts.roles = names(&roles).into();
            facts.method = if post { "POST" } else { "GET" }.to_owned();
            let mut action = action(name, &[]);
            action.access = access;
            action.provider = provider.into();
            action.unmapped = unmapped;
            action.inspected = inspected;
            for field in vocabulary().actions[name].required.clone() {
                if complete {
                    let value = if &*field == "unbounded" {
                        Value::Bool(true)
                    } else {
                        Value::Int(1)
                    };
                    action.fields.insert(field, value);
                } else {
                    action = without(action, &[&field]);
                }
            }
            (facts, action)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_agrees_with_the_whole_set(
        rules in prop::collection::vec(rule(), 1..30),
        questions in prop::collection::vec((question(), 0i64..4), 25),
    ) {
        let rules = rules.iter().enumerate().map(|(at, rule)| format!("@id(\"r{at}\") {rule}"));
        let text = rules.collect::<Vec<_>>().join("\n");
        let indexed = policies(&text);
        let whole = unindexed(policies(&text));
        for ((facts, action), hour) in questions {
            let mut situation = situation();
            situation.time.hour = hour;
            let [indexed, whole] = [&indexed, &whole].map(|rules| rules.weigh(&facts, &action, &situation, None));
            prop_assert_eq!(indexed, whole, "{}", text);
        }
    }

    /// Taken away, or put in force, they make exactly the difference that was told.
    #[test]
    fn rules_on_trial_change_no_decision_and_tell_what_they_would(
        rules in prop::collection::vec(rule(), 1..20),
        questions in prop::collection::vec(question(), 10),
    ) {
        let (mode, named) = ("@mode(\"observe\") ", rules.iter().enumerate());
        let rules: Vec<String> = named.map(|(at, rule)| format!("@id(\"r{at}\") {rule}")).collect();
        let text = |rules: &mut dyn Iterator<Item = String>| rules.collect::<Vec<_>>().join("\n");
        let some = policies(&text(&mut rules.iter().cloned()));
        let without = policies(&text(&mut rules.iter().filter(|rule| !rule.contains(mode)).cloned()));
        let in_force = policies(&text(&mut rules.iter().map(|rule| rule.replace(mode, ""))));
        for (facts, action) in questions {
            let verdict = |policies: &Policies| policies.evaluate(&facts, &action, &situation(), None);
            let weighed = some.weigh(&facts, &action, &situation(), None);
            prop_assert_eq!(&weighed.verdict, &verdict(&without), "{:?}", rules);
            match weighed.trial {
                Some(trial) => prop_assert_eq!(&untold(trial.verdict), &untold(verdict(&in_force)), "{:?}", rules),
                None => prop_assert_eq!(&untold(weighed.verdict), &untold(verdict(&in_force)), "{:?}", rules),
            }
        }
    }
}

/// Without what a rule's own text is in: its digest, and those of rules that could not be checked.
fn untold(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::RequireApproval { mut rules } => {
            rules.iter_mut().for_each(|rule| rule.digest = "".into());
            Verdict::RequireApproval { rules }
        }
        other @ (Verdict::Allow { .. } | Verdict::Block { .. }) => other,
    }
}

/// An entity that is in nothing.
fn alone(text: &str) -> Member {
    Member {
        uid: text.parse().unwrap(),
        parents: Vec::new(),
    }
}

/// One rule for each of fifty agents.
fn fifty(condition: &str) -> Policies {
    let rules = (0..50)
        .map(|at| format!("@id(\"r{at}\") permit (principal == Agent::\"a{at}\", action, resource) {condition};"));
    policies(&rules.collect::<Vec<_>>().join("\n"))
}

#[test]
fn only_the_shards_that_may_match_are_asked() {
    let index = fifty("when { context.unmapped }").index;
    let asked = |agent: &str| {
        let shards = index.shards(&alone("Action::\"reads\""), &alone(agent));
        index.sets(&shards).map(PolicySet::num_of_policies).sum::<usize>()
    };
    assert_eq!(asked("Agent::\"a7\""), 1);
    assert_eq!(asked("Agent::\"a50\""), 0);
}

#[test]
fn cedar_is_not_asked_for_rules_without_conditions() {
    let index = fifty("").index;
    let (action, target) = (alone("Action::\"reads\""), alone("Target::\"target\""));
    let satisfied = |agent: &str| {
        let principal = alone(agent);
        let shards = index.shards(&action, &principal);
        assert_eq!(index.sets(&shards).count(), 0);
        index.satisfied(&shards, &principal, &action, &target)
    };
    assert_eq!(satisfied("Agent::\"a7\""), BTreeSet::from(["r7".into()]));
    assert_eq!(satisfied("Agent::\"a50\""), BTreeSet::new());
}

/// The hour is asked anew each time; what other shards said is remembered by what their rules read, and by nothing less.
#[test]
fn what_a_shard_said_is_remembered_by_all_that_its_rules_read() {
    let text = r#"
        @id("ok") permit (principal, action, resource) when { context.method == "POST" };
        @id("mapped") forbid (principal, action in Action::"writes", resource) when { context.unmapped };
        @id("host") @decision("REQUIRE_APPROVAL") forbid (principal in Role::"r", action in Action::"payments", resource)
        when { context.host == "elsewhere" };
        @id("amount") @decision("REQUIRE_APPROVAL") forbid (principal, action == Action::"process_refund", resource)
        when { context.amount > 5 };
        @id("late") forbid (principal == Agent::"a", action, resource) when { context.time.hour > 20 };
        @id("tried") @mode("observe") forbid (principal, action in Action::"payments", resource)
        when { context.inspected };
    "#;
    let (indexed, whole) = (policies(text), unindexed(policies(text)));
    let mut told = BTreeSet::new();
    // Twice, so that each question meets what was remembered of all others.
    for bits in (0..64u8).chain(0..64) {
        let is = |at: u8| bits & (1 << at) != 0;
        let mut facts = facts();
        facts.agent = "a".into();
        facts.roles = names(&["r"]).into();
        facts.method = if is(0) { "POST" } else { "GET" }.to_owned();
        facts.host = if is(1) { "elsewhere" } else { "api.stripe.com" }.into();
        let mut action = action("process_refund", &[]);
        action.unmapped = is(2);
        action.inspected = is(3);
        for field in vocabulary().actions["process_refund"].required.clone() {
            action.fields.insert(field, Value::Int(if is(4) { 9 } else { 1 }));
        }
        let mut situation = situation();
        situation.time.hour = if is(5) { 22 } else { 9 };
        let [indexed, whole] = [&indexed, &whole].map(|rules| rules.weigh(&facts, &action, &situation, None));
        assert_eq!(indexed, whole, "{bits:b}");
        told.insert(format!("{indexed:?}"));
    }
    assert!(told.len() > 6, "the questions differ: {told:?}");
}
