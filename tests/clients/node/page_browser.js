// Chromium before the approvers' page, as a person uses it. PAGE_CERTIFICATE names a certificate that it trusts.
"use strict";

const { execFileSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { chromium } = require("playwright-core");

const { answer, serve } = require("./session.js");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--no-proxy-server",
];
const AXE = path.join(path.dirname(require.resolve("axe-core")), "axe.min.js");
const PATIENCE = 60_000;

const HOME = fs.mkdtempSync(path.join(os.tmpdir(), "home-"));

// Chromium reads no variable for this, but the store of its user.
function trust(certificate) {
  const store = path.join(HOME, ".pki/nssdb");
  fs.mkdirSync(store, { recursive: true });
  const certutil = (...words) => execFileSync("certutil", ["-d", `sql:${store}`, ...words]);
  certutil("-N", "--empty-password");
  certutil("-A", "-n", "page", "-t", "P,,", "-i", certificate);
}

let browser = null;
let context = null;
let page = null;
// What the browser complained of: refused by the content security policy, or wrong in a script.
let complaints = [];

const told = async (more = {}) =>
  answer(true, { value: { url: page.url(), text: await page.locator("body").innerText(), complaints, ...more } });

// A person sees one such thing.
const found = (name) => {
  const called = { name: new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}( apr_\\w+)?$`) };
  return page.getByRole("button", called).or(page.getByRole("link", called)).or(page.locator("summary", { hasText: name }));
};

async function open(...words) {
  const { javascript, width, scheme, url } = JSON.parse(words.join(" "));
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
    env: { ...process.env, HOME },
  });
  await context?.close();
  context = await browser.newContext({
    viewport: { width, height: width < 600 ? 844 : 900 },
    hasTouch: width < 600,
    colorScheme: scheme,
    javaScriptEnabled: javascript,
    ignoreHTTPSErrors: false,
  });
  context.setDefaultTimeout(PATIENCE);
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url, { waitUntil: "domcontentloaded" });
  return told();
}

async function go(url) {
  await page.goto(url, { waitUntil: "domcontentloaded" });
  return told();
}

// A link of another site is followed.
async function follow(url) {
  await page.route("http://elsewhere.test/**", (route) =>
    route.fulfill({ contentType: "text/html", body: `<!DOCTYPE html><title>mail</title><a href="${url}">Read</a>` }),
  );
  await page.goto("http://elsewhere.test/mail");
  await page.getByRole("link", { name: "Read" }).click();
  return answer(true, {});
}

async function press(...words) {
  await found(words.join(" ")).first().click();
  await page.waitForLoadState("domcontentloaded");
  return told();
}

// `LABEL=VALUE`, or `BUTTON > LABEL=VALUE` in the form of that button.
async function fill(...words) {
  const [place, value] = words.join(" ").split("=");
  const [label, button] = place.split(" > ").reverse();
  const form = page.locator("form", { has: page.getByRole("button", { name: button, exact: true }) });
  await (button ? form : page).getByLabel(label).first().fill(value);
  return told();
}

async function sees(...words) {
  await page.getByText(words.join(" ")).filter({ visible: true }).first().waitFor();
  return told();
}

// What everything that is seen of this selector says.
async function each(...selector) {
  return told({ each: await page.locator(selector.join(" ")).filter({ visible: true }).allInnerTexts() });
}

// Where the first of its kind is.
async function place(...words) {
  return told({ box: await found(words.join(" ")).first().boundingBox(), focus: await page.evaluate(() => document.activeElement.tagName) });
}

// What is wrong with it for people who see, hear or touch it otherwise. Needs JavaScript for axe itself.
async function judge() {
  // The policy of the page lets no script in; a debugger may.
  const session = await context.newCDPSession(page);
  const source = fs.readFileSync(AXE, "utf8");
  await session.send("Runtime.evaluate", { expression: source });
  const run = `axe.run(document, { resultTypes: ["violations"] }).then((found) =>
    JSON.stringify(found.violations.map((it) => ({ id: it.id, nodes: it.nodes.map((node) => node.html + " " + node.failureSummary) }))))`;
  const { result } = await session.send("Runtime.evaluate", { expression: run, awaitPromise: true });
  await session.detach();
  const layout = await page.evaluate(() => {
    const small = [...document.querySelectorAll("a.button, button, input:not([type=hidden]), select, textarea, summary")]
      .map((it) => (it.type === "checkbox" ? it.closest("label") : it))
      .filter((it) => it.checkVisibility())
      .map((it) => ({ html: it.outerHTML.slice(0, 120), height: it.getBoundingClientRect().height }))
      .filter((it) => it.height < 43.5);
    const page = document.documentElement;
    return { small, wider: page.scrollWidth - page.clientWidth };
  });
  return told({ violations: JSON.parse(result.value), ...layout });
}

// The page's event stream is `refused` from now on, or `silent`.
async function deaf(how) {
  await page.route("**/events", (route) => (how === "refused" ? route.fulfill({ status: 503, body: "" }) : null));
  return told();
}

async function hears() {
  await page.unroute("**/events");
  return told();
}

// What the browser complained of so far was looked at.
async function forget() {
  complaints = [];
  return told();
}

async function shot(file) {
  await page.screenshot({ path: file, fullPage: true });
  return told();
}

if (process.env.PAGE_CERTIFICATE) trust(process.env.PAGE_CERTIFICATE);
serve({ open, go, follow, press, fill, sees, each, place, judge, forget, shot, deaf, hears }).then(() => browser?.close());
