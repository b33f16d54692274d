// A client of the end-to-end tests, on node's own https module. Arguments: PORT NAME VERSION CA_FILE; VERSION as TLSv1.3.
//
// Three requests on a kept-alive connection (a page, 10 MiB down, 10 MiB up), then two on connections of their own. Prints one JSON object:
// what was agreed on, how many connections there were, the digests of what came and of what the other side got, whether the last one was resumed.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');

const [port, name, version, caFile] = process.argv.slice(2);
const LARGE = 10 * 1024 * 1024;
const common = { host: '127.0.0.1', port, servername: name, ca: fs.readFileSync(caFile), minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'], headers: { Host: name } };
const sockets = new Set();
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

function ask(agent, path, body) {
  return new Promise((resolve, reject) => {
    const request = https.request({ ...common, agent, path, method: body ? 'POST' : 'GET' }, (response) => {
      const pieces = [], socket = response.socket;
      sockets.add(socket);
      const facts = { status: response.statusCode, protocol: socket.getProtocol(), alpn: socket.alpnProtocol, authorized: socket.authorized, resumed: socket.isSessionReused() };
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => resolve({ ...facts, body: Buffer.concat(pieces) }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function main() {
  const kept = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const page = await ask(kept, '/');
  const down = await ask(kept, `/bytes?n=${LARGE}`);
  const up = await ask(kept, '/upload', down.body);
  kept.destroy();
  const connections = sockets.size;
  const fresh = new https.Agent({ keepAlive: false });
  await ask(fresh, '/');
  const again = await ask(fresh, '/');
  console.log(JSON.stringify({
    statuses: [page.status, down.status, up.status, again.status], protocol: page.protocol, alpn: page.alpn, authorized: page.authorized, connections,
    down: sha256(down.body), up: up.body.toString(), resumed: again.resumed,
  }));
}

main().catch((error) => {
  console.log(JSON.stringify({ error: error.code || error.message }));
  process.exitCode = 1;
});
