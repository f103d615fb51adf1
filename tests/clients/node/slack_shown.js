// Messages of Slack's Block Kit as the library slack-blocks-to-jsx shows them. LOGO names a picture of who says them.
"use strict";

const fs = require("fs");
const path = require("path");
const { createElement } = require("react");
const { renderToStaticMarkup } = require("react-dom/server");
const { Message } = require("slack-blocks-to-jsx");

const { answer, serve } = require("./session.js");

const STYLE = fs.readFileSync(path.join(path.dirname(require.resolve("slack-blocks-to-jsx")), "style.css"), "utf8");
const LOGO = `data:image/svg+xml;base64,${fs.readFileSync(process.env.LOGO).toString("base64")}`;

// All our texts say `emoji: false`, which the library does not heed: it takes the minutes of a time for one.
const HOOKS = { emoji: ({ name }) => `:${name}:` };

// What is around the messages, in the colours of the library.
const AROUND = `
body { margin: 24px 16px; font-family: sans-serif; color: #1d1c1d; background: #fff; }
body.dark { color: #d1d2d3; background: #1a1d21; }
main { display: flex; flex-wrap: wrap; gap: 32px 64px; }
figure { margin: 0; width: 600px; max-width: 100%; }
figcaption, footer { margin: 0 0 12px; font-size: 13px; opacity: 0.8; }
footer { margin: 32px 0 0; }`;

// A page with all of them: each is a caption and its blocks.
async function show(...words) {
  const { scheme, messages } = JSON.parse(words.join(" "));
  const shown = ({ caption, blocks }) =>
    createElement(
      "figure",
      { key: caption },
      createElement("figcaption", null, caption),
      createElement(Message, { blocks, name: "Runplane", logo: LOGO, theme: scheme, hooks: HOOKS }),
    );
  const page = createElement(
    "html",
    { lang: "en" },
    createElement(
      "head",
      null,
      createElement("meta", { charSet: "utf-8" }),
      createElement("meta", { name: "viewport", content: "width=device-width" }),
      createElement("title", null, "Messages"),
      createElement("style", { dangerouslySetInnerHTML: { __html: STYLE + AROUND } }),
    ),
    createElement(
      "body",
      { className: scheme },
      createElement("main", null, messages.map(shown)),
      createElement("footer", null, "Shown by slack-blocks-to-jsx, not by Slack."),
    ),
  );
  return answer(true, { value: `<!DOCTYPE html>${renderToStaticMarkup(page)}` });
}

serve({ show });
