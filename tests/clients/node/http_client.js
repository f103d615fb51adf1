// Clients of HTTP that know no provider, by HTTP_CLIENT: Node's own fetch, that of undici, and axios.
"use strict";

const { answer, digest, failure, serve } = require("./session.js");

const headers = { authorization: "Bearer sk_test_not-a-secret" };

async function byFetch(fetch, method, url, form) {
  const response = await fetch(url, { method, headers, body: form });
  const content = Buffer.from(await response.arrayBuffer());
  return { status: response.status, content, headers: Object.fromEntries(response.headers) };
}

async function byAxios(method, url, form) {
  const axios = require("axios");
  const request = { method, url, headers, data: form, responseType: "arraybuffer" };
  try {
    const response = await axios(request);
    return { status: response.status, content: response.data, headers: response.headers };
  } catch (problem) {
    if (!problem.response) throw problem;
    const { status, data, headers } = problem.response;
    return { status, content: data, headers, problem };
  }
}

const clients = {
  fetch: (...call) => byFetch(fetch, ...call),
  undici: (...call) => byFetch(require("undici").fetch, ...call),
  axios: byAxios,
};

async function call(method, url, ...pairs) {
  const form = pairs.length ? new URLSearchParams(pairs.map((pair) => pair.split("="))) : undefined;
  const { status, content, headers, problem } = await clients[process.env.HTTP_CLIENT](method, url, form);
  const text = content.toString();
  if (status < 400) return answer(true, { status, sha256: digest(content), value: text, headers });
  // fetch has no error for a status: what an agent looks at is the response.
  const error = problem ?? { constructor: { name: "Response" } };
  return failure(error, { code: problem?.code, http_status: status, message: text, headers });
}

serve({
  get: (url) => call("GET", url),
  post: (url, ...pairs) => call("POST", url, ...pairs),
});
