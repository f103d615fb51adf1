// What Node makes of one call, by https and by fetch. Arguments: the URL, and what the answer holds.
const https = require('node:https');

const [url, nonce] = process.argv.slice(1);
const LIMIT = 8000;
const read = (text) => (text.includes(nonce) ? 'ok' : `another answer: ${text.slice(0, 200)}`);
const why = (error) => {
  const inner = error.cause || error;
  return `${inner.code || inner.name}: ${inner.message}`;
};

const byHttps = (verify) => new Promise((done) => {
  const options = { timeout: LIMIT, ...(verify ? {} : { rejectUnauthorized: false }) };
  const request = https.get(url, options, (answer) => {
    let text = '';
    answer.on('data', (some) => { text += some; });
    answer.on('end', () => done(read(text)));
    answer.on('error', (error) => done(why(error)));
  });
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('error', (error) => done(why(error)));
});

const byFetch = async (verify) => {
  // Read anew for each connection.
  if (!verify) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    return read(await (await fetch(url, { signal: AbortSignal.timeout(LIMIT) })).text());
  } catch (error) {
    return why(error);
  }
};

const tell = async (client, call) => {
  const told = { client, version: process.versions.node, verified: await call(true) };
  if (told.verified !== 'ok') told.unverified = await call(false);
  process.stdout.write(`${JSON.stringify(told)}\n`);
};

(async () => {
  await tell('Node: https', byHttps);
  if (typeof fetch === 'function') await tell('Node: fetch', byFetch);
  process.exit(0);
})();
