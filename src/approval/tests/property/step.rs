//! What may happen to approvals, and how often a walk takes it.

use proptest::prelude::*;

/// Who may say yes, and of which group they are.
pub(super) const PEOPLE: [(&str, &str); 3] = [("alice", "finance"), ("bob", "finance"), ("mona", "managers")];

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A call comes (what, idempotency key) and stays connected, or leaves at once.
    Call {
        what: u8,
        key: Option<u8>,
        stays: bool,
    },
    /// A connected client looks whether people decided, and spends if they did.
    Wake(usize),
    Leave(usize),
    /// A person says yes, which may be one of two that it takes.
    Approve {
        which: usize,
        person: usize,
    },
    Deny(usize),
    Cancel(usize),
    /// A call that an approval was spent on ends: nothing of it was sent, or something may have been.
    End {
        which: usize,
        sent: bool,
    },
    /// The rule changes before the next claim: another text, and one yes or two.
    RuleChanges,
    /// The mapping changes: the call is read as another action.
    ReadAnew,
    Pass {
        seconds: u64,
    },
    ClockBack {
        seconds: u64,
    },
    /// What is over expires, and what nobody answered asks further people.
    Sweep,
    /// The next change is worked out, and its commit takes its time.
    Slow,
    /// That commit ends, well or not.
    Settle(bool),
    /// The next commits fail.
    DiskFails(bool),
    /// At once, with a commit under way that reached the disk or did not.
    Restart {
        reached: bool,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3, proptest::option::of(0u8..3), any::<bool>())
            .prop_map(|(what, key, stays)| Step::Call { what, key, stays }),
        4 => (0usize..8).prop_map(Step::Wake),
        2 => (0usize..8).prop_map(Step::Leave),
        8 => (0usize..8, 0..PEOPLE.len()).prop_map(|(which, person)| Step::Approve { which, person }),
        1 => (0usize..8).prop_map(Step::Deny),
        1 => (0usize..8).prop_map(Step::Cancel),
        4 => (0usize..8, any::<bool>()).prop_map(|(which, sent)| Step::End { which, sent }),
        1 => Just(Step::RuleChanges),
        1 => Just(Step::ReadAnew),
        3 => (1u64..700).prop_map(|seconds| Step::Pass { seconds }),
        1 => (6u64..1_000).prop_map(|seconds| Step::ClockBack { seconds }),
        3 => Just(Step::Sweep),
        3 => Just(Step::Slow),
        3 => any::<bool>().prop_map(Step::Settle),
        1 => any::<bool>().prop_map(Step::DiskFails),
        1 => any::<bool>().prop_map(|reached| Step::Restart { reached }),
    ]
}
