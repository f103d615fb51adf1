//! The queue, asked for in pages: an answer may not be longer than so much, and how many calls wait nobody knows.

use crate::cli::client::{Client, ClientError};
use crate::control::view::{Approval, Changes, Page};

/// Calls of one answer: each takes a few KiB.
pub(super) const PAGE: usize = 500;

/// Those that wait, or all there are; oldest first.
pub(super) async fn all(client: &Client, pending: bool) -> Result<Vec<Approval>, ClientError> {
    let state = if pending { "state=pending&" } else { "" };
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/approvals?{state}limit={PAGE}{after}");
        let page: Page = client.get(&path).await?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

/// The oldest of those that wait, so many of them.
pub(super) async fn first(client: &Client, most: usize) -> Result<Vec<Approval>, ClientError> {
    let path = format!("/api/v1/approvals?state=pending&limit={most}");
    let page: Page = client.get(&path).await?;
    Ok(page.items)
}

/// What changed, page by page.
pub(super) struct News {
    since: String,
}

impl News {
    /// Beginning with what there is, which is new to whoever begins to look.
    pub(super) fn with_all() -> Self {
        Self { since: String::new() }
    }

    /// From now on.
    pub(super) fn from_now() -> Self {
        Self {
            since: "since=now&".to_owned(),
        }
    }

    /// The next page, and whether there is more at once.
    pub(super) async fn next(&mut self, client: &Client) -> Result<(Vec<Approval>, bool), ClientError> {
        let path = format!("/api/v1/approvals/changes?{}limit={PAGE}", self.since);
        let page: Changes = client.get(&path).await?;
        self.since = format!("since={}&", page.next);
        let is_full = page.items.len() >= PAGE;
        Ok((page.items, is_full))
    }
}
