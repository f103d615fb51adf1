// Slack's own library for Node, as an agent would use it.
"use strict";

const { WebClient, LogLevel } = require("@slack/web-api");

const { answer, failure, last, remember, serve } = require("./session.js");

const client = new WebClient("xoxb-not-a-secret", { logLevel: LogLevel.ERROR, fetch: remember });

async function call(method, parameters) {
  try {
    return answer(true, { value: await client.apiCall(method, parameters), ...last });
  } catch (problem) {
    const { error: code, detail } = problem.data ?? {};
    return failure(problem, { code, http_status: last.status, message: `${problem.message} ${detail}` });
  }
}

serve({
  post: (channel, text) => call("chat.postMessage", { channel, text }),
  delete: (channel, ts) => call("chat.delete", { channel, ts }),
  invite: (channel, users) => call("conversations.invite", { channel, users }),
});
