// OpenAI's own library for Node, as an agent would use it.
"use strict";

const { default: OpenAI, APIError } = require("openai");

const { answer, failure, last, remember, serve } = require("./session.js");

const client = new OpenAI({ apiKey: "sk-not-a-secret", fetch: remember });

async function call(request) {
  try {
    return answer(true, { value: await request(), ...last });
  } catch (problem) {
    if (!(problem instanceof APIError)) throw problem;
    const { code, status: http_status, message } = problem;
    return failure(problem, { code, http_status, message, headers: last.headers });
  }
}

serve({
  ask: (content) =>
    call(() => client.chat.completions.create({ model: "gpt-5", messages: [{ role: "user", content }] })),
  batch: (file) =>
    call(() =>
      client.batches.create({ input_file_id: file, endpoint: "/v1/chat/completions", completion_window: "24h" }),
    ),
  delete_file: (file) => call(() => client.files.delete(file)),
});
