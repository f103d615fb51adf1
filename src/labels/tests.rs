//! What a file says of a target, however a call spells it.

mod files;
mod property;

use super::*;
use crate::model::{Diagnostic, Source};

fn source(text: &str) -> Source {
    Source {
        file: "policies/targets.yaml".to_owned(),
        text: text.to_owned(),
    }
}

fn kinds() -> Kinds {
    let of = |kinds: &[&str]| kinds.iter().map(|kind| Arc::from(*kind)).collect();
    [
        ("aws".into(), of(&["table", "secret", "function", "queue"])),
        ("github".into(), of(&["repository"])),
    ]
    .into()
}

fn load(text: &str) -> Result<Labelling, Vec<Diagnostic>> {
    Labelling::load(&source(text), Some(&kinds()))
}

/// Entries as `match => label`, one a line.
fn entries(lines: &[&str]) -> Labelling {
    let lines = lines.iter().map(|line| {
        let (matches, label) = line.split_once(" => ").unwrap();
        format!("  - {{ match: {{ {matches} }}, label: {{ {label} }} }}\n")
    });
    load(&format!("targets:\n{}", lines.collect::<String>())).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

fn table(id: Option<&str>) -> Sought<'_> {
    Sought {
        provider: "aws",
        kind: "table",
        id,
        host: Some("dynamodb.eu-west-1.amazonaws.com"),
        environment: "unknown",
    }
}

fn sensitivity(labels: &Labelling, sought: Sought<'_>) -> Sensitivity {
    labels
        .of(sought)
        .map_or_else(Sensitivity::default, |labels| labels.sensitivity)
}

#[test]
fn the_shipped_file_says_nothing_and_its_examples_load() {
    let shipped = include_str!("../../policies/targets.yaml");
    let nothing = Labelling::load(&source(shipped), None).unwrap();
    assert!(nothing.of(table(None)).is_none() && !nothing.domains().is_configured());
    let examples: String = shipped
        .lines()
        .skip_while(|line| !line.starts_with("# domains:"))
        .filter_map(|line| line.strip_prefix("# "))
        .map(|line| format!("{line}\n"))
        .collect();
    let examples = Labelling::load(&source(&examples), None).unwrap();
    assert_eq!(
        sensitivity(&examples, table(Some("payroll-2026"))),
        Sensitivity::Restricted
    );
    assert_eq!(sensitivity(&examples, table(Some("orders"))), Sensitivity::Internal);
    assert!(examples.domains().is_ours("example.com") && examples.domains().is_ours("mail.example.com"));
    for empty in ["", "# nothing\n", "domains:\ntargets:\n"] {
        assert!(load(empty).unwrap().of(table(None)).is_none(), "{empty:?}");
    }
}

#[test]
fn the_first_entry_that_fits_gives_each_label() {
    let labels = entries(&[
        "provider: aws, kind: table, id: pay* => owner: finance",
        "kind: table => sensitivity: internal, owner: data",
        "provider: aws => sensitivity: public, tags: [aws, eu]",
    ]);
    let found = labels.of(table(Some("payroll"))).unwrap();
    assert_eq!(found.owners, [Some(Arc::from("finance"))]);
    assert_eq!(found.sensitivity, Sensitivity::Internal);
    assert_eq!(found.tags, [Arc::from("aws"), Arc::from("eu")]);
    assert!(!found.doubtful && found.certain_tags.is_none());
    let lines: Vec<usize> = found.by.iter().map(|(_, place)| place.line).collect();
    assert_eq!(lines, [3, 2, 4]);
    assert!(labels.shown(found.by[0].1).starts_with("policies/targets.yaml:3:"));
    let other = labels.of(Sought {
        provider: "github",
        kind: "repository",
        ..table(Some("payroll"))
    });
    assert!(other.is_none());
}

#[test]
fn every_condition_must_fit() {
    let labels = entries(&[
        "provider: aws, kind: table, id: a, host: \"*.amazonaws.com\", environment: test => sensitivity: public",
    ]);
    let fits = Sought {
        environment: "test",
        ..table(Some("a"))
    };
    assert_eq!(sensitivity(&labels, fits), Sensitivity::Public);
    for other in [
        Sought {
            provider: "github",
            ..fits
        },
        Sought { kind: "queue", ..fits },
        Sought { id: Some("b"), ..fits },
        Sought {
            host: Some("amazonaws.com.evil.test"),
            ..fits
        },
        Sought {
            environment: "production",
            ..fits
        },
    ] {
        assert!(labels.of(other).is_none(), "{other:?}");
    }
}

#[test]
fn a_label_says_which_environment_it_is_whatever_the_mapping_says() {
    let labels = entries(&[
        "id: live* => environment: production",
        "id: sand* => environment: sandbox",
    ]);
    let found = |id, environment| {
        let found = labels.of(Sought {
            environment,
            ..table(id)
        });
        found
            .and_then(|found| found.environment.clone())
            .map_or_else(|| environment.to_owned(), |found| found.to_string())
    };
    assert_eq!(found(Some("live-1"), "test"), "production");
    assert_eq!(found(Some("sand-1"), "production"), "sandbox");
    assert_eq!(found(Some("other"), "test"), "test");
    // In doubt it is production if it may be, and else nobody's.
    assert_eq!(found(None, "test"), "production");
    let sand = entries(&["id: sand* => environment: sandbox"]);
    let of = |id, environment| {
        sand.of(Sought {
            environment,
            ..table(id)
        })
        .unwrap()
        .environment
        .clone()
        .unwrap()
    };
    assert_eq!(&*of(None, "test"), "unknown");
    assert_eq!(&*of(None, "production"), "production");
    assert_eq!(&*of(None, "sandbox"), "sandbox");
}

#[test]
fn no_spelling_takes_a_target_out_of_its_label() {
    let restricted = |kind: &str, pattern: &str, id: &str| {
        let labels = entries(&[&format!("id: \"{pattern}\" => sensitivity: restricted")]);
        sensitivity(
            &labels,
            Sought {
                kind,
                ..table(Some(id))
            },
        ) == Sensitivity::Restricted
    };
    for (kind, pattern, spellings) in [
        (
            "table",
            "payroll",
            &[
                "payroll",
                "PAYROLL",
                "payroll/",
                "arn:aws:dynamodb:eu-west-1:1:table/payroll",
                "arn:aws:dynamodb:eu-west-1:1:table/payroll/index/x",
            ][..],
        ),
        (
            "secret",
            "prod/db",
            &[
                "prod/db",
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbC123",
                "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db",
                "Prod/DB ",
            ],
        ),
        (
            "function",
            "pay*",
            &[
                "payroll",
                "payroll:live",
                "1:function:payroll",
                "arn:aws:lambda:eu-west-1:1:function:payroll:7",
                "arn:aws:lambda:eu-west-1:1:function:Payroll",
            ],
        ),
        (
            "queue",
            "payroll",
            &[
                "payroll",
                "https://sqs.eu-west-1.amazonaws.com/1/payroll",
                "https://sqs.eu-west-1.amazonaws.com/1/payroll/",
            ],
        ),
        (
            "secret",
            "arn:aws:secretsmanager:eu-west-1:1:secret:payroll-AbC123",
            &[
                "payroll",
                "payroll-AbC123",
                "arn:aws:secretsmanager:eu-west-1:1:secret:payroll",
                "arn:aws:secretsmanager:eu-west-1:1:secret:payroll-AbC123",
            ],
        ),
        (
            "function",
            "arn:aws:lambda:*:function:payroll",
            &["payroll", "1:function:payroll:3"],
        ),
        ("repository", "acme/app", &["acme/app", "Acme/App", "acme/app/"]),
        (
            "log_group",
            "/aws/lambda/payroll",
            &[
                "/aws/lambda/payroll",
                "aws/lambda/payroll",
                "arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/payroll:*",
            ],
        ),
        ("channel", "board", &["board", "#board", "#Board"]),
    ] {
        for id in spellings {
            assert!(restricted(kind, pattern, id), "{pattern} and {id}");
        }
    }
    for (pattern, id) in [
        ("payroll", "payroll-2"),
        ("payroll", "x/payroll"),
        ("payroll", "arn:aws:dynamodb:eu-west-1:1:table/payroll2"),
        ("pay*", "repay"),
        ("acme/app", "acme/apple"),
    ] {
        assert!(!restricted("table", pattern, id), "{pattern} is not {id}");
    }
}

#[test]
fn what_is_spelt_otherwise_takes_no_weaker_label() {
    let labels = entries(&[
        "id: www => sensitivity: public",
        "provider: aws => sensitivity: restricted",
    ]);
    assert_eq!(sensitivity(&labels, table(Some("www"))), Sensitivity::Public);
    for id in [Some("WWW"), Some("arn:aws:dynamodb:::table/www"), Some("other"), None] {
        assert_eq!(sensitivity(&labels, table(id)), Sensitivity::Restricted, "{id:?}");
    }
    let labels = entries(&["id: www => sensitivity: public"]);
    assert_eq!(sensitivity(&labels, table(None)), Sensitivity::Unknown);
    let endless = "x".repeat(1 << 20);
    let labels = entries(&["id: payroll => sensitivity: restricted"]);
    assert_eq!(sensitivity(&labels, table(Some(&endless))), Sensitivity::Restricted);
}

#[test]
fn an_unmapped_call_may_act_on_anything_of_its_provider() {
    let labels = entries(&["provider: github, kind: repository, id: acme/app => sensitivity: restricted"]);
    let unmapped = Sought {
        provider: "github",
        kind: "host",
        ..table(Some("api.github.com"))
    };
    assert_eq!(sensitivity(&labels, unmapped), Sensitivity::Restricted);
    assert_eq!(
        sensitivity(
            &labels,
            Sought {
                provider: "aws",
                ..unmapped
            }
        ),
        Sensitivity::Unknown
    );
    let hosts = entries(&["kind: host, id: \"*.intranet.test\" => sensitivity: confidential"]);
    let stranger = |id| Sought {
        provider: "unknown",
        id: Some(id),
        ..unmapped
    };
    assert_eq!(
        sensitivity(&hosts, stranger("wiki.intranet.test")),
        Sensitivity::Confidential
    );
    assert_eq!(
        sensitivity(&hosts, stranger("intranet.test.evil.test")),
        Sensitivity::Unknown
    );
}

#[test]
fn a_host_that_is_called_by_its_address_may_be_any() {
    let of = |entry: &str, host: &str, id: &str| {
        let sought = Sought {
            provider: "unknown",
            kind: "host",
            host: Some(host),
            ..table(Some(id))
        };
        sensitivity(&entries(&[entry]), sought)
    };
    for address in ["10.0.0.5", "[::1]"] {
        for entry in [
            "kind: host, id: wiki.test",
            "host: wiki.test",
            "provider: unknown, host: \"*.test\"",
        ] {
            let restricted = format!("{entry} => sensitivity: restricted");
            assert_eq!(of(&restricted, address, address), Sensitivity::Restricted, "{entry}");
            let public = format!("{entry} => sensitivity: public");
            assert_eq!(of(&public, address, address), Sensitivity::Unknown, "{entry}");
            assert_eq!(
                of(&restricted, "other.example", "other.example"),
                Sensitivity::Unknown,
                "{entry}"
            );
        }
    }
    // A tunnel's target has its port.
    for tunnel in ["10.0.0.5:22", "wiki.test:22"] {
        let found = of(
            "kind: host, id: wiki.test => sensitivity: restricted",
            "wiki.test",
            tunnel,
        );
        assert_eq!(found, Sensitivity::Restricted, "{tunnel}");
    }
}

#[test]
fn the_example_of_the_documentation_loads() {
    let page = include_str!("../../docs/labels.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let text: String = rest
        .lines()
        .map_while(|line| (!line.contains("```")).then(|| format!("{}\n", line.get(3..).unwrap_or_default())))
        .collect();
    let labels = load(&text).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let payroll = labels.of(table(Some("payroll"))).unwrap();
    assert_eq!(
        (payroll.sensitivity, payroll.environment.as_deref()),
        (Sensitivity::Restricted, Some("production"))
    );
}
