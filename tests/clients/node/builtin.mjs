// Node's own clients, told nothing of a proxy.
import http from 'node:http';
import https from 'node:https';
import { once } from 'node:events';

const BALANCE = 'https://api.stripe.com/v1/balance';
const CLEAR = 'http://things.example/clear';

async function get(module, url, options = {}) {
  const request = module.request(url, options).end();
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

const own = new https.Agent({ keepAlive: true });
console.log('https.get', await get(https, BALANCE));
console.log('https.Agent', await get(https, BALANCE, { agent: own }));
console.log('https.Agent again', await get(https, BALANCE, { agent: own }));
own.destroy();
console.log('fetch', (await fetch(BALANCE)).status);
console.log('http.get', await get(http, CLEAR));
console.log('http.request with headers', await get(http, CLEAR, { headers: ['Host', 'things.example', 'X-Raw', 'yes'] }));
console.log('http.Agent', await get(http, CLEAR, { agent: new http.Agent() }));
console.log('fetch of http', (await fetch(CLEAR)).status);

// The machine's own servers are reached without us, in this process at least.
const server = http.createServer((request, response) => response.end('here')).listen(0, '127.0.0.1');
await once(server, 'listening');
console.log('fetch of loopback', await fetch(`http://127.0.0.1:${server.address().port}/`).then((answer) => answer.status, (problem) => problem.cause?.code === 'EACCES' ? 200 : problem));
server.close();
server.closeAllConnections();
