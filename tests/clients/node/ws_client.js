// ws, as an agent would use it. Of its own accord it opens its connections itself; an agent of Node's it is given is wired.
"use strict";

const { once } = require("events");
const https = require("https");
const WebSocket = require("ws");

const { answer, failure, serve } = require("./session.js");

const open = {};

async function refusal(response) {
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  const { statusCode: http_status, headers } = response;
  return failure(new Error(), { http_status, message: Buffer.concat(pieces).toString(), headers });
}

serve({
  open: async (name, url) => {
    const socket = new WebSocket(url, { agent: https.globalAgent });
    const refused = once(socket, "unexpected-response").then(([, response]) => refusal(response));
    open[name] = socket;
    return Promise.race([refused, once(socket, "open").then(() => answer(true, { status: 101 }))]);
  },
  say: async (name, message) => {
    open[name].send(message);
    const [value] = await once(open[name], "message");
    return answer(true, { value: value.toString() });
  },
});
