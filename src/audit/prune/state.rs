//! What an entry is the last one about, for now: of that, the last one stays, however old it is.

use crate::audit::turns::contradicts;
use crate::audit::verify::Members;

/// What an entry that may have to stay is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// Which keys sign where is told by all of these.
    Key(i64),
    Registry(bool, String),
    Pause(String),
    /// Publishing to a place fails; and what it said against this trail.
    Anchor(bool, String),
    /// Which rules and versions what follows is of, and how old the machine was then.
    Start,
    /// A start that went on with what was not as it was recorded.
    Accepted(i64),
    /// The clock was set: behind the last start, the next one reckons with it.
    Gap(i64),
}

/// Whether a start says so.
///
/// SECURITY: it is the only trace of that, once what was changed is pruned. Test: `what_a_start_accepted_stays`.
fn went_on_with_what_was_changed(members: &Members<'_>) -> bool {
    let rolled_back = |name| {
        members
            .text(name)
            .is_some_and(|told| told.starts_with("rollback accepted"))
    };
    let says = |name| members.get(name).is_some();
    // After a crash there may be nothing behind the last checkpoint that could have been changed.
    let unsealed = says("unsealed_held") && members.text("unsealed") != Some("0");
    ["changed_accepted", "changed_found"].into_iter().any(says)
        || unsealed
        || ["anchor", "log_last"].into_iter().any(rolled_back)
}

/// What an entry is the last one about, for now, and whether it ends that.
pub(super) fn states(seq: i64, kind: &str, members: &Members<'_>) -> [Option<(State, bool)>; 2] {
    let text = |name| members.text(name).unwrap_or_default().to_owned();
    let one = match kind {
        "key" => (State::Key(seq), false),
        "registry" => (
            State::Registry(members.text("entity") == Some("agent"), text("name")),
            false,
        ),
        "pause" => (State::Pause(text("agent")), members.text("event") == Some("resumed")),
        "boot" => {
            let accepted = went_on_with_what_was_changed(members);
            let accepted = accepted.then_some((State::Accepted(seq), false));
            return [Some((State::Start, false)), accepted];
        }
        "gap" => (State::Gap(seq), false),
        "anchor" => {
            let ends = members.text("event") != Some("failed");
            let against = members.text("reason").is_some_and(contradicts);
            let also = (ends || against).then(|| (State::Anchor(true, text("to")), ends));
            return [Some((State::Anchor(false, text("to")), ends)), also];
        }
        _ => return [None, None],
    };
    [Some(one), None]
}
