'use strict';
// Runplane's preload for Node, in NODE_OPTIONS where `runplane exec` starts a command.
//
// Wires what no variable of the environment reaches: agents of http and https that a library makes itself (stripe), and Node's
// own with fetch, which know NODE_USE_ENV_PROXY from 22.21 on only, and then ask for tunnels to http:// that nobody could look
// into. `runplane exec --no-preload` does without.

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');

const read = (name) => process.env[name.toLowerCase()] || process.env[name];
const proxy = read('HTTPS_PROXY') && new URL(read('HTTPS_PROXY'));
const direct = new Set((read('NO_PROXY') || '').split(/[\s,]+/).filter(Boolean));
const host = (name) => (name || 'localhost').replace(/^\[|\]$/g, '').toLowerCase();
const isDirect = (name) => direct.has(host(name)) || (net.isIPv4(host(name)) && host(name).startsWith('127.'));
// A host and port as they stand in a request.
const authority = (name, port) => `${net.isIPv6(host(name)) ? `[${host(name)}]` : host(name)}:${port}`;

const credentials = proxy && proxy.username
  ? `Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}`
  : undefined;

// The proxy's port, which may speak TLS. SECURITY: whoever takes its place would be told the agent's key, so its certificate has
// to be one that Node trusts, for the proxy's own name or address, whatever NODE_TLS_REJECT_UNAUTHORIZED says of others. Test:
// `node_tells_nothing_to_a_proxy_that_it_does_not_know`.
const secure = Boolean(proxy) && proxy.protocol === 'https:';
const proxyPort = proxy && (Number(proxy.port) || (secure ? 443 : 80));
const ready = secure ? 'secureConnect' : 'connect';
const isProxy = (name, port) => host(name) === host(proxy.hostname) && Number(port) === proxyPort;

function toProxy() {
  const at = { host: host(proxy.hostname), port: proxyPort };
  if (!secure) return net.connect(at);
  const servername = net.isIP(at.host) ? undefined : at.host;
  return tls.connect({ ...at, servername, ALPNProtocols: ['http/1.1'], rejectUnauthorized: true });
}

// A socket to host and port through the proxy; done(error, socket).
function tunnel(name, port, done) {
  const socket = toProxy();
  const target = authority(name, port);
  let head = '';
  const fail = (error) => {
    socket.removeListener('data', take);
    socket.destroy();
    done(error);
  };
  const ended = () => fail(new Error(`the proxy closed the connection to ${target}`));
  const take = (chunk) => {
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0 && head.length < 16384) return;
    socket.removeListener('data', take);
    socket.removeListener('error', fail);
    socket.removeListener('end', ended);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    if (status !== '200') return fail(new Error(`the proxy refused a connection to ${target} (${status || 'no answer'})`));
    socket.pause();
    done(null, socket);
  };
  socket.on('error', fail);
  socket.on('end', ended);
  socket.on('data', take);
  socket.once(ready, () => {
    const by = credentials ? `Proxy-Authorization: ${credentials}\r\n` : '';
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${by}\r\n`);
  });
}

// Whether an agent goes where its maker told it.
const hasItsOwn = (agent) => Boolean(agent.options && agent.options.proxyEnv);

// What Node makes of NODE_USE_ENV_PROXY is made anew: it loses the host or the key where headers come as a list (22.23, 24.21).
function wireGlobalAgents() {
  const options = { keepAlive: true, scheduling: 'lifo', timeout: 5000 };
  if (hasItsOwn(http.globalAgent)) http.globalAgent = new http.Agent(options);
  if (hasItsOwn(https.globalAgent)) https.globalAgent = new https.Agent(options);
  require('node:module').syncBuiltinESMExports();
}

function wireHttps() {
  const connect = https.Agent.prototype.createConnection;
  https.Agent.prototype.createConnection = function createConnection(options, done) {
    // A library may ask the proxy itself (axios), and name another host in its head, which Node would look for in the certificate.
    if (secure && !options.socket && !options.socketPath && isProxy(options.host, options.port)) return toProxy();
    const plain = options.socket || options.socketPath || typeof done !== 'function';
    if (plain || hasItsOwn(this) || isDirect(options.host)) return connect.call(this, options, done);
    tunnel(options.host, options.port || 443, (error, socket) => {
      if (error) return done(error);
      const over = connect.call(this, { ...options, socket });
      done(null, over);
    });
    return undefined;
  };
}

// http: requests name the whole URI, and go to the proxy itself.
const VIA = Symbol('to the proxy');

function wireHttp() {
  const connect = http.Agent.prototype.createConnection;
  http.Agent.prototype.createConnection = function createConnection(options, ...more) {
    return options[VIA] ? toProxy() : connect.call(this, options, ...more);
  };
  const add = http.Agent.prototype.addRequest;
  http.Agent.prototype.addRequest = function addRequest(request, options, ...more) {
    const plain = this.protocol !== 'http:' || options.socketPath || options.createConnection || /^https?:/.test(request.path);
    if (plain || hasItsOwn(this) || isDirect(options.host)) return add.call(this, request, options, ...more);
    const port = Number(options.port) || 80;
    const path = `http://${port === 80 ? authority(options.host, port).replace(/:80$/, '') : authority(options.host, port)}${request.path}`;
    if (request._header) {
      // The head was written already: its first line is what it takes.
      request._header = request._header.replace(` ${request.path} `, () => ` ${path} `);
      if (credentials) request._header = request._header.replace('\r\n', () => `\r\nProxy-Authorization: ${credentials}\r\n`);
    } else if (credentials) {
      request.setHeader('Proxy-Authorization', credentials);
    }
    request.path = path;
    return add.call(this, request, { ...options, host: host(proxy.hostname), port: proxyPort, [VIA]: secure }, ...more);
  };
}

// fetch: Node's own dispatcher is made anew, with connections of ours.
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

function dispatcherOf(Agent) {
  const agent = new Agent({
    connect(options, done) {
      const encrypts = options.protocol === 'https:';
      const port = Number(options.port) || (encrypts ? 443 : 80);
      const reached = isProxy(options.hostname, port) && encrypts === secure;
      const over = (error, socket) => {
        if (error) return done(error, null);
        if (!encrypts || reached) return done(null, socket);
        const servername = options.servername || (net.isIP(host(options.hostname)) ? undefined : host(options.hostname));
        const encrypted = tls.connect({ socket, servername, host: host(options.hostname), ALPNProtocols: ['http/1.1'] });
        const fail = (problem) => done(problem, null);
        encrypted.once('error', fail);
        encrypted.once('secureConnect', () => {
          encrypted.removeListener('error', fail);
          done(null, encrypted);
        });
      };
      if (encrypts && !reached && !isDirect(options.hostname)) return tunnel(options.hostname, port, over);
      const socket = reached ? toProxy() : net.connect({ host: host(options.hostname), port });
      socket.once('error', over);
      socket.once(reached ? ready : 'connect', () => {
        socket.removeListener('error', over);
        over(null, socket);
      });
    },
  });
  const dispatch = agent.dispatch.bind(agent);
  agent.dispatch = (options, handler) => {
    const origin = options.origin && new URL(options.origin);
    if (!origin || origin.protocol !== 'http:' || isDirect(origin.hostname)) return dispatch(options, handler);
    const headers = asPairs(options.headers);
    if (!headers.some(([name]) => name.toLowerCase() === 'host')) headers.push(['host', origin.host]);
    if (credentials) headers.push(['proxy-authorization', credentials]);
    return dispatch({ ...options, origin: proxy.origin, path: origin.origin + options.path, headers: headers.flat() }, handler);
  };
  return agent;
}

function asPairs(headers) {
  if (!headers) return [];
  if (!Array.isArray(headers)) return typeof headers[Symbol.iterator] === 'function' ? [...headers] : Object.entries(headers);
  if (Array.isArray(headers[0])) return [...headers];
  const pairs = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([String(headers[at]), headers[at + 1]]);
  return pairs;
}

function wireFetch() {
  const fetch = globalThis.fetch;
  if (typeof fetch !== 'function') return;
  let wired = false;
  // Node loads fetch when it is first used: so do we.
  const wire = () => {
    wired = true;
    void globalThis.Headers;
    const found = globalThis[DISPATCHER];
    if (!found) return;
    // Node's own, or what it makes of NODE_USE_ENV_PROXY, which holds one. One that the program has set stands.
    const isAgent = (value) => value && value.constructor && value.constructor.name === 'Agent' && typeof value.dispatch === 'function';
    const held = found.constructor.name === 'EnvHttpProxyAgent' ? Object.getOwnPropertySymbols(found).map((symbol) => found[symbol]) : [];
    const agent = [found, ...held].find(isAgent);
    if (agent) globalThis[DISPATCHER] = dispatcherOf(agent.constructor);
  };
  const wiredFetch = function fetch_(input, init) {
    if (!wired) wire();
    return fetch.call(this, input, init);
  };
  Object.defineProperty(wiredFetch, 'name', { value: 'fetch' });
  globalThis.fetch = wiredFetch;
}

// The package undici has a dispatcher of its own for each of its versions.
function wireUndici() {
  const Module = require('node:module');
  const load = Module._load;
  Module._load = function _load(request, ...more) {
    const loaded = load.call(this, request, ...more);
    const isUndici = request === 'undici' || /[\\/]node_modules[\\/]undici(?:[\\/](?:index(?:\.js)?)?)?$/.test(request);
    if (isUndici && loaded && loaded.EnvHttpProxyAgent && loaded.setGlobalDispatcher && !seen.has(loaded)) {
      seen.add(loaded);
      // SECURITY: as `toProxy`: the key goes to a proxy that is known, also for http:, whatever is said of others.
      loaded.setGlobalDispatcher(new loaded.EnvHttpProxyAgent({ proxyTls: { rejectUnauthorized: true } }));
    }
    return loaded;
  };
  const seen = new WeakSet();
}

if (proxy && (secure || proxy.protocol === 'http:')) {
  wireGlobalAgents();
  wireHttps();
  wireHttp();
  wireFetch();
  wireUndici();
}
