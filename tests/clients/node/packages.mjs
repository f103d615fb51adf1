// Official clients of Node, told nothing of a proxy. The argument is the directory whose node_modules has them.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.argv[2], 'here.cjs'));
const BALANCE = 'https://api.stripe.com/v1/balance';

const Stripe = require('stripe');
const stripe = new Stripe('sk_test_0000000000000000', { maxNetworkRetries: 0 });
console.log('stripe', (await stripe.balance.retrieve()).object);

const axios = require('axios');
console.log('axios', (await axios.get(BALANCE)).status);
console.log('axios of http', (await axios.get('http://things.example/clear')).status);

const undici = require('undici');
console.log('undici.fetch', (await undici.fetch(BALANCE)).status);
const { statusCode, body } = await undici.request(BALANCE);
await body.dump();
console.log('undici.request', statusCode);
