// A backend of the end-to-end tests, on node's own http module and nothing else.
//
// From the environment: PORT (0: any, printed as `listening on ADDRESS`), HOST, or SOCKET for a unix socket; COLOR, VERSION.
// TLS, a path without its ending: https, with the certificate in TLS.pem and the key in TLS.key; TLS_VERSION, as TLSv1.3: that one alone; TLS_CLIENTS: the file of
// those who sign for clients, who need a certificate then.
// Every answer carries X-Color and X-Version, and X-Id as the request had it; X-Tls, where it came over TLS: VERSION|NAME|RESUMED|SUBJECT. Bodies are the pattern
// of tests/e2e/daemon.py.
//
//   /health            200 "ok"; PUT /health?code=503 changes the status from then on
//   /bytes?n=&rate=    n bytes, rate of them a second (without: at once); &chunked=1 without a length
//   /upload            the SHA-256 of the request's body, in hexadecimal
//   /echo              the request's body, as it comes
//   /sleep?ms=         nothing for that long, then an answer
//   /poll?ms=          the head at once, the body after that long
//   /fail?code=        that status
//   /once              an answer, and the end of the connection
//   /close, /reset     no answer: the connection is closed, or reset
//   Upgrade: websocket on any path: every message comes back
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');

const COLOR = process.env.COLOR || 'blue';
const VERSION = process.env.VERSION || '1';
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455, 1.3
const MESSAGE_MAX = 16 * 1024 * 1024;
const TICK_MS = 20;
const FILE_SIZE = 1024 * 1024; // of /file.bin, which the other servers have too

const PATTERN = Buffer.alloc(65536);
for (let i = 0; i < PATTERN.length; i++)
  PATTERN[i] = (i * 31 + (i >> 8) * 7) & 255;

let healthCode = 200;

function patternAt(offset, length) {
  const parts = [];
  while (length > 0) {
    const begin = offset % PATTERN.length;
    const part = PATTERN.subarray(begin, Math.min(PATTERN.length, begin + length));
    parts.push(part);
    offset += part.length;
    length -= part.length;
  }
  return Buffer.concat(parts);
}

function ownHeaders(request) {
  const headers = { 'X-Color': COLOR, 'X-Version': VERSION };
  if (request.headers['x-id'] !== undefined)
    headers['X-Id'] = request.headers['x-id'];
  if (request.socket.encrypted)
    headers['X-Tls'] = tlsOf(request.socket);
  return headers;
}

function tlsOf(socket) {
  const subject = socket.getPeerCertificate().subject;
  return [socket.getProtocol(), socket.servername || '', socket.isSessionReused(), subject ? subject.CN : ''].join('|');
}

function answer(request, response, status, text) {
  const body = Buffer.from(text);
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function number(query, name, fallback) {
  const value = Number(query.get(name) === null ? fallback : query.get(name));
  return Number.isFinite(value) && value >= 0 ? value : fallback;
}

// --- paths ---

function health(request, response, query) {
  if (request.method === 'PUT')
    healthCode = number(query, 'code', 200);
  answer(request, response, request.method === 'PUT' ? 200 : healthCode, healthCode === 200 ? 'ok\n' : 'not well\n');
}

// Resolves once more may be written, or there is nobody left to write to.
function drained(response) {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function bytes(request, response, query) {
  const total = number(query, 'n', 0);
  const rate = number(query, 'rate', 0);
  const headers = { 'Content-Type': 'application/octet-stream' };
  if (!query.get('chunked'))
    headers['Content-Length'] = total;
  response.writeHead(200, headers);
  const begun = Date.now();
  for (let sent = 0; request.method !== 'HEAD' && sent < total && !response.destroyed;) {
    const due = rate ? Math.floor(((Date.now() - begun + TICK_MS) / 1000) * rate) : total;
    const length = Math.min(due, total) - sent;
    if (length > 0) {
      const piece = Math.min(length, PATTERN.length);
      if (!response.write(patternAt(sent, piece)))
        await drained(response);
      sent += piece;
    } else {
      await pause(TICK_MS);
    }
  }
  response.end();
}

function upload(request, response) {
  const hash = crypto.createHash('sha256');
  request.on('data', (data) => hash.update(data));
  request.on('end', () => answer(request, response, 200, hash.digest('hex')));
}

function echo(request, response) {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
  request.pipe(response);
}

async function sleep(request, response, query) {
  await pause(number(query, 'ms', 0));
  answer(request, response, 200, 'slept\n');
}

async function poll(request, response, query) {
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
  await pause(number(query, 'ms', 0));
  response.end(`news from ${COLOR} ${VERSION}\n`);
}

function fail(request, response, query) {
  answer(request, response, number(query, 'code', 500), 'failed as asked\n');
}

const PATHS = {
  '/health': health,
  '/bytes': bytes,
  '/file.bin': (request, response) => bytes(request, response, new URLSearchParams({ n: FILE_SIZE })),
  '/upload': upload,
  '/echo': echo,
  '/sleep': sleep,
  '/poll': poll,
  '/fail': fail,
  '/once': (request, response) => { response.setHeader('Connection', 'close'); answer(request, response, 200, 'once\n'); },
  '/close': (request) => request.socket.destroy(),
  '/reset': (request) => request.socket.resetAndDestroy(),
};

function onRequest(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const serve = PATHS[url.pathname];
  for (const [name, value] of Object.entries(ownHeaders(request)))
    response.setHeader(name, value);
  if (!serve)
    answer(request, response, 200, `${COLOR} ${VERSION}\n`);
  else
    serve(request, response, url.searchParams);
  if (serve !== upload && serve !== echo)
    request.resume();
}

// --- WebSocket, RFC 6455 ---

function frame(opcode, final, payload) {
  const length = payload.length;
  let head;
  if (length < 126) {
    head = Buffer.from([0, length]);
  } else if (length < 65536) {
    head = Buffer.alloc(4);
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head = Buffer.alloc(10);
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  head[0] = (final ? 0x80 : 0) | opcode;
  return Buffer.concat([head, payload]);
}

// One frame from the start of the bytes, or null while it is not whole. Throws when a client may not send it.
function readFrame(bytes) {
  if (bytes.length < 2)
    return null;
  let length = bytes[1] & 127;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4)
      return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10)
      return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (!(bytes[1] & 128) || (bytes[0] & 0x70) || length > MESSAGE_MAX)
    throw new Error('a frame that a client may not send');
  if (bytes.length < at + 4 + length)
    return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  for (let i = 0; i < payload.length; i++)
    payload[i] ^= mask[i & 3];
  return { opcode: bytes[0] & 15, final: (bytes[0] & 128) !== 0, payload, size: at + 4 + length };
}

function reply(socket, { opcode, final, payload }) {
  if (opcode === 8)
    socket.end(frame(8, true, payload));
  else if (opcode === 9)
    socket.write(frame(10, true, payload));
  else if (opcode !== 10)
    socket.write(frame(opcode, final, payload));
}

function talk(socket, first) {
  let held = first;
  const read = () => {
    try {
      for (let one = readFrame(held); one; one = readFrame(held)) {
        held = held.subarray(one.size);
        reply(socket, one);
      }
    } catch {
      socket.end(frame(8, true, Buffer.from([0x03, 0xea]))); // 1002, protocol error
    }
  };
  socket.on('data', (data) => {
    held = held.length ? Buffer.concat([held, data]) : data;
    read();
  });
  socket.on('end', () => socket.end());
  read();
}

function onUpgrade(request, socket, first) {
  const key = request.headers['sec-websocket-key'];
  socket.on('error', () => socket.destroy());
  const lines = Object.entries(ownHeaders(request)).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  if (!/^websocket$/i.test(request.headers.upgrade) || !key) {
    socket.end(`HTTP/1.1 400 Bad Request\r\n${lines}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    return;
  }
  const accept = crypto.createHash('sha1').update(key + WEBSOCKET_GUID).digest('base64');
  socket.setNoDelay(true);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  talk(socket, first);
}

// --- start ---

function tlsOptions(path) {
  const version = process.env.TLS_VERSION, clients = process.env.TLS_CLIENTS;
  const options = { cert: fs.readFileSync(`${path}.pem`), key: fs.readFileSync(`${path}.key`) };
  if (version)
    options.minVersion = options.maxVersion = version;
  return clients ? { ...options, requestCert: true, rejectUnauthorized: true, ca: fs.readFileSync(clients) } : options;
}

const server = process.env.TLS ? https.createServer(tlsOptions(process.env.TLS), onRequest) : http.createServer(onRequest);
server.on('upgrade', onUpgrade);
server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});

function onListening() {
  const at = server.address();
  if (typeof at === 'string')
    console.log(`listening on unix:${at}`);
  else
    console.log(`listening on ${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`);
}

if (process.env.SOCKET)
  server.listen(process.env.SOCKET, onListening);
else
  server.listen(Number(process.env.PORT || 0), process.env.HOST || '127.0.0.1', onListening);
