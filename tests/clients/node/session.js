// As session.py: a command per line on standard input, an answer per line of JSON on standard output.
"use strict";

const readline = require("readline");

function answer(ok, { status = null, sha256 = null, value = null, error = null, headers = {} } = {}) {
  return { ok, status, sha256, value, error, headers };
}

function failure(problem, { code = null, http_status = null, message = null, headers = {} } = {}) {
  const error = { class: problem.constructor.name, code, http_status, message: message ?? String(problem) };
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

module.exports = { answer, failure, serve };
