// Stripe's own library for Node, as an agent would use it. STRIPE_API_BASE names another address than Stripe's.
"use strict";

const crypto = require("crypto");
const Stripe = require("stripe");

const { answer, failure, serve } = require("./session.js");

const base = new URL(process.env.STRIPE_API_BASE ?? "https://api.stripe.com");
const last = {};

// The library gives the content read only; this remembers what came off the wire.
const httpClient = Stripe.createNodeHttpClient();
const makeRequest = httpClient.makeRequest.bind(httpClient);
httpClient.makeRequest = async (...request) => {
  const response = await makeRequest(...request);
  response.toJSON = async () => {
    const pieces = [];
    for await (const piece of response.getRawResponse()) pieces.push(piece);
    const content = Buffer.concat(pieces);
    last.sha256 = crypto.createHash("sha256").update(content).digest("hex");
    return JSON.parse(content.toString());
  };
  return response;
};

const stripe = new Stripe("sk_test_0000000000000000", {
  host: base.hostname,
  port: base.port,
  protocol: base.protocol.replace(":", ""),
  httpClient,
});

async function call(request) {
  try {
    const { lastResponse, ...value } = await request();
    return answer(true, { status: lastResponse.statusCode, sha256: last.sha256, value, headers: lastResponse.headers });
  } catch (problem) {
    return failure(problem, {
      code: problem.code,
      http_status: problem.statusCode,
      message: problem.message,
      headers: problem.headers,
    });
  }
}

serve({
  balance: () => call(() => stripe.balance.retrieve()),
  refund: (charge, amount) => call(() => stripe.refunds.create({ charge, amount: Number(amount.split("=")[1]) })),
  payout: (amount) => call(() => stripe.payouts.create({ amount: Number(amount), currency: "usd" })),
});
