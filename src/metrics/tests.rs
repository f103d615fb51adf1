use std::time::Duration;

use super::*;
use crate::model::Access;

fn text(metrics: &Arc<Metrics>, decisions: Decisions) -> String {
    let now = Now {
        pending: 2,
        decisions: Arc::new(decisions),
        entries: 17,
        mappings: "aa".to_owned(),
        policies: "bb".to_owned(),
        budgets: vec![("refunds_per_day".into(), 0.25)],
    };
    metrics.text(now).unwrap()
}

fn value(text: &str, sample: &str) -> Option<f64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
    rest.parse().ok()
}

#[test]
fn a_request_is_counted_once_by_what_became_of_it() {
    let metrics = Arc::new(Metrics::default());
    let mut sent = metrics.tally(Ruled::Allow(Access::Read));
    sent.sending();
    sent.answered(204);
    drop(sent);
    drop(metrics.tally(Ruled::Block(Access::Delete)));
    metrics.tally(Ruled::RequireApproval(Access::Admin)).hand_over();
    metrics.undecided(Reason::Malformed);
    let text = text(&metrics, Decisions::default());
    let count = |class, decision, status| {
        let labels = format!("action_class=\"{class}\",decision=\"{decision}\",upstream_status_class=\"{status}\"");
        value(&text, &format!("runplane_requests_total{{{labels}}}"))
    };
    assert_eq!(count("read", "ALLOW", "2xx"), Some(1.0));
    assert_eq!(count("delete", "BLOCK", "none"), Some(1.0));
    assert_eq!(count("none", "none", "none"), Some(1.0));
    assert_eq!(text.matches("runplane_requests_total{").count(), 3, "{text}");
    assert_eq!(value(&text, "runplane_upstream_duration_seconds_count"), Some(1.0));
}

#[test]
fn every_combination_has_its_own_place_whatever_status_comes() {
    let metrics = Arc::new(Metrics::default());
    for access in [Access::Read, Access::Write, Access::Delete, Access::Admin] {
        for ruled in [Ruled::Allow, Ruled::Block, Ruled::RequireApproval] {
            for status in [100, 200, 302, 404, 599, 999] {
                metrics.tally(ruled(access)).answered(status);
            }
        }
    }
    let text = text(&metrics, Decisions::default());
    let counts: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("runplane_requests_total{"))
        .map(|line| line.rsplit_once(' ').unwrap())
        .collect();
    assert_eq!(counts.len(), 4 * 3 * 5);
    for (labels, count) in counts {
        let expected = if labels.contains("5xx") { "2" } else { "1" };
        assert_eq!(count, expected, "{labels}");
    }
}

#[test]
fn a_score_is_counted_with_its_decision() {
    let metrics = Arc::new(Metrics::default());
    for score in [Some(3), Some(74), Some(100), None] {
        metrics.decided(Instant::now(), score);
    }
    let text = text(&metrics, Decisions::default());
    let bucket = |end| value(&text, &format!("runplane_risk_score_bucket{{le=\"{end}\"}}"));
    assert_eq!(
        (bucket("10.0"), bucket("70.0"), bucket("80.0")),
        (Some(1.0), Some(1.0), Some(2.0))
    );
    assert_eq!(value(&text, "runplane_risk_score_count"), Some(3.0));
    assert_eq!(value(&text, "runplane_risk_score_sum"), Some(177.0));
    assert_eq!(value(&text, "runplane_decision_duration_seconds_count"), Some(4.0));
}

#[test]
fn a_time_is_in_every_bucket_that_it_fits_in() {
    let decisions = Decisions::default();
    for seconds in [1, 2, 100_000] {
        decisions.waited.observe(Duration::from_secs(seconds));
    }
    let text = text(&Arc::new(Metrics::default()), decisions);
    let bucket = |end| value(&text, &format!("runplane_approval_wait_seconds_bucket{{le=\"{end}\"}}"));
    assert_eq!(bucket("1.0"), Some(1.0));
    assert_eq!(bucket("5.0"), Some(2.0));
    assert_eq!(bucket("86400.0"), Some(2.0));
    assert_eq!(bucket("+Inf"), Some(3.0));
    assert_eq!(value(&text, "runplane_approval_wait_seconds_sum"), Some(100_003.0));
}

#[test]
fn each_failure_and_each_way_round_has_its_count() {
    let metrics = Arc::new(Metrics::default());
    for (times, failure) in TlsFailure::ALL.into_iter().enumerate() {
        (0..times).for_each(|_| metrics.tls_failed(failure));
    }
    for reason in Reason::ALL {
        metrics.refused(reason);
    }
    let text = text(&metrics, Decisions::default());
    for (times, failure) in TlsFailure::ALL.into_iter().enumerate() {
        let sample = format!(
            "runplane_tls_handshake_failures_total{{reason=\"{}\"}}",
            failure.as_str()
        );
        assert_eq!(value(&text, &sample), Some(times as f64), "{sample}");
    }
    assert_eq!(value(&text, "runplane_bypass_rejected_total"), Some(2.0));
    assert_eq!(value(&text, "runplane_approvals_pending"), Some(2.0));
    assert_eq!(value(&text, "runplane_audit_entries_total"), Some(17.0));
    assert!(text.contains("runplane_policy_bundle_info{mappings=\"aa\",policies=\"bb\"} 1\n"));
    assert!(text.ends_with("# EOF\n"));
}
