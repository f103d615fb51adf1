//! One permit, one call upstream.

use runplane::policy::Permit;
use runplane::store::Recorded;
use runplane::upstream::{Content, Upstream};

async fn again(upstream: &Upstream, permit: Recorded<Permit>) {
    let _ = upstream.send(permit, Content::FromCall, false).await;
    let _ = upstream.send(permit, Content::FromCall, false).await;
}

fn main() {}
