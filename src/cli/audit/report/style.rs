//! How the page looks: light or dark as the reader's system is, and on paper.

/// No script runs and nothing is fetched, whatever the page says.
pub(super) const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #6b6b6b; --good: #1a7f37; --bad: #cf222e; --wide: 72rem; }
@media (prefers-color-scheme: dark) { :root { --quiet: #a0a0a0; --good: #4ac26b; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: var(--wide); margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1rem 0 0; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } td { overflow-wrap: anywhere; }
p.quiet, .from, caption { color: var(--quiet); } caption { text-align: left; }
.good { color: var(--good); } .bad { color: var(--bad); } .good, .bad { font-weight: 600; }
pre, code { font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
tr:target, section:target { outline: 2px solid Highlight; }
.scroll { overflow-x: auto; }
@media print { body { max-width: none; margin: 0; font-size: 11px; } tr, section { break-inside: avoid; }
  a { color: inherit; text-decoration: none; } .scroll { overflow: visible; } }
</style>
<title>"#;
