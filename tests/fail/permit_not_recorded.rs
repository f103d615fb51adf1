//! A call that policy allows is not sent before its decision is on disk.

use runplane::policy::Permit;
use runplane::upstream::{Content, Upstream};

async fn hasty(upstream: &Upstream, permit: Permit) {
    let _ = upstream.send(permit, Content::FromCall, false).await;
}

fn main() {}
