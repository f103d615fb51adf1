//! `docs/agents.md` says what the table says.

use super::super::row;
use crate::model::Reason;

#[test]
fn the_page_for_agents_has_each_refusal_with_its_status() {
    let page = include_str!("../../../../docs/agents.md");
    for reason in Reason::ALL {
        let line = format!("\n| `{reason}` | {} |", row(reason).status.as_u16());
        assert_eq!(page.matches(&line).count(), 1, "{line}");
    }
    let lines = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.split('|').count() == 6);
    assert_eq!(lines.count(), Reason::ALL.len(), "and no other");
}
