use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::audit::tests::scene::{Made, Scene};
use crate::audit::{Figures, Standing, Verdict};
use crate::model::inert::is_active;
use crate::model::{CallId, Outcome};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

/// The page about everything in a home.
fn page(home: &Path, more: &[&str]) -> String {
    let file = home.join("report.html");
    let arguments = ["report", "--from", "1970-01-01", "--output", file.to_str().unwrap()];
    let command = Command::try_parse_from([&arguments[..], more].concat()).unwrap();
    let home = Home::choose(Some(home.to_owned())).unwrap();
    run(&command.args, &home, &mut Vec::new()).unwrap();
    std::fs::read_to_string(&file).unwrap()
}

/// What stands behind each `NAME="`, up to the next quote.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("{name}=\"");
    let found = page.match_indices(&begin);
    found
        .map(|(at, _)| page[at + begin.len()..].split('"').next().unwrap())
        .collect()
}

/// A figure by its name.
fn figure(page: &str, name: &str) -> u64 {
    let begin = format!("data-figure=\"{name}\">");
    let at = page.find(&begin).unwrap_or_else(|| panic!("no figure {name}")) + begin.len();
    page[at..].split('<').next().unwrap().parse().unwrap()
}

fn sum(page: &str, name: &str) -> i128 {
    let begin = format!("data-sum=\"{name}\" data-amount=\"");
    let at = page.find(&begin).unwrap_or_else(|| panic!("no sum {name}")) + begin.len();
    page[at..].split('"').next().unwrap().parse().unwrap()
}

fn scene() -> Scene {
    let scene = Scene::new();
    let dear = Made {
        money: Some((123_456, "eur", Some(130_000))),
        ..Made::default()
    };
    scene.approved(&dear, "alice");
    scene.call(&Made::default(), "BLOCK", None);
    for outcome in [
        Some(Outcome::Success),
        Some(Outcome::Failure),
        Some(Outcome::Unknown),
        None,
    ] {
        scene.call(
            &Made {
                agent: "ops-bot",
                action: "create_charge",
                ..Made::default()
            },
            "ALLOW",
            outcome,
        );
    }
    let (id, made) = (CallId::random(), Made::default());
    let row = made.asked(&id);
    scene.write(
        [
            made.decided(&id, "REQUIRE_APPROVAL", Some(&row.id)),
            crate::audit::held(&row),
        ]
        .concat(),
    );
    scene
}

#[test]
fn figures_of_the_page_are_those_of_stats() {
    let scene = scene();
    let page = page(scene.home.path(), &[]);
    let figures = Figures::of(&scene.reader(), &Choice::default()).unwrap();
    let whole = &figures.whole;
    assert_eq!((figure(&page, "calls"), whole.all.calls), (7, 7));
    for verdict in Verdict::ALL {
        let calls = whole.verdicts.get(&verdict).map_or(0, |count| count.calls);
        assert_eq!(figure(&page, &format!("decided.{}", verdict.as_str())), calls);
    }
    for standing in Standing::ALL {
        let calls = whole.standings.get(&standing).map_or(0, |count| count.calls);
        assert_eq!(figure(&page, &format!("stood.{}", standing.as_str())), calls);
    }
    for (currency, sums) in &whole.money {
        for (standing, told) in sums {
            let name = format!("money.{currency}.{}", standing.as_str());
            assert_eq!(
                (sum(&page, &name), figure(&page, &name)),
                (told.amount, told.count.calls)
            );
        }
    }
    for (standing, told) in &whole.base {
        assert_eq!(sum(&page, &format!("base.{}", standing.as_str())), told.amount);
    }
    for (name, tally) in &figures.actions {
        assert_eq!(figure(&page, &format!("action.{name}")), tally.all.calls);
    }
    for (name, tally) in &figures.agents {
        assert_eq!(figure(&page, &format!("agent.{name}")), tally.all.calls);
    }
    assert_eq!(figure(&page, "person.alice.approved"), 1);
    assert_eq!((figure(&page, "asked"), figure(&page, "rule.refund-over-500")), (2, 7));
    assert!(page.contains("1234.56 EUR") && page.contains("$2200.00"), "{page}");
}

#[test]
fn each_figure_leads_to_entries_that_are_on_the_page() {
    let scene = scene();
    let page = page(scene.home.path(), &[]);
    let ids: Vec<&str> = attributes(&page, " id");
    let unique: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id is of one place");
    let links = attributes(&page, "href");
    assert!(links.len() > 50);
    for link in links {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads away"));
        assert!(ids.contains(&target), "{link} leads nowhere");
    }
}

#[test]
fn a_figure_of_many_names_the_command_that_lists_them() {
    let scene = Scene::new();
    let made = Made {
        received: 1_000,
        ..Made::default()
    };
    scene.write(
        (0..120)
            .flat_map(|_| made.decided(&CallId::random(), "BLOCK", None))
            .collect(),
    );
    let page = page(scene.home.path(), &[]);
    assert_eq!(figure(&page, "decided.blocked"), 120);
    assert!(page.contains("and 70 more, all by <code>runplane audit show"), "{page}");
    assert_eq!(
        page.matches("<tr id=\"e").count(),
        50,
        "the page does not grow with the record"
    );
}

#[test]
fn what_an_agent_writes_is_text_on_the_page() {
    let scene = Scene::new();
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</title></td><style>*{display:none}</style>",
        "pay \u{202e}000,9$\u{2066}\u{200b}\u{1b}[2J\r\n",
        "&lt;b&gt; 'a' `b`",
    ] {
        let made = Made {
            summary: text.to_owned(),
            target: text.to_owned(),
            ..Made::default()
        };
        scene.call(&made, "BLOCK", None);
    }
    let page = page(scene.home.path(), &[]);
    assert!(page.chars().all(|character| character == '\n' || !is_active(character)));
    for markup in [
        "<script",
        "<img",
        "onerror=alert(1)>",
        "display:none}</style>",
        "&lt;b&gt; 'a'",
    ] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&amp;lt;b&amp;gt; &#39;a&#39;"));
    assert_eq!(page.matches("<style>").count(), 1);
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page(scene().home.path(), &["--agent", "support-bot"]);
    assert!(page.contains("default-src 'none'"));
    for word in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "src=",
        "url(",
        "@import",
        "http-equiv=\"refresh\"",
        "javascript:",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    assert_eq!(figure(&page, "calls"), 3, "of one agent");
    assert!(page.contains("Not verified: there is no key in this home"));
}

#[test]
fn a_period_has_a_beginning_before_its_end() {
    let scene = Scene::new();
    let file = scene.home.path().join("report.html");
    let arguments = [
        "report",
        "--from",
        "2026-02-01",
        "--to",
        "2026-01-01",
        "--output",
        file.to_str().unwrap(),
    ];
    let command = Command::try_parse_from(arguments).unwrap();
    let home = Home::choose(Some(scene.home.path().to_owned())).unwrap();
    let error = run(&command.args, &home, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("is not before"), "{error}");
    assert!(!file.exists());
}
