// As session.py: a command per line on standard input, an answer per line of JSON on standard output.
"use strict";

const crypto = require("crypto");
const readline = require("readline");

const digest = (content) => crypto.createHash("sha256").update(content).digest("hex");

// What came last through a fetch that was given to a library, which itself gives the content read only.
const last = {};

async function remember(...request) {
  const response = await fetch(...request);
  last.sha256 = digest(Buffer.from(await response.clone().arrayBuffer()));
  last.headers = Object.fromEntries(response.headers);
  last.status = response.status;
  return response;
}

function answer(ok, { status = null, sha256 = null, value = null, error = null, headers = {} } = {}) {
  return { ok, status, sha256, value, error, headers };
}

function failure(problem, { code = null, http_status = null, message = null, headers = {} } = {}) {
  const said = problem instanceof Error ? String(problem) : null;
  const error = { class: problem.constructor.name, code, http_status, message: message ?? String(problem), said };
  return answer(false, { status: http_status, error, headers });
}

// `commands` maps a name to a function of the words after it that gives an answer.
async function serve(commands) {
  console.log(JSON.stringify({ ready: true }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(" ");
    let result;
    try {
      result = await commands[command](...words);
    } catch (problem) {
      result = failure(problem);
    }
    console.log(JSON.stringify(result));
  }
}

module.exports = { answer, digest, failure, last, remember, serve };
