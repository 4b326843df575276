// register.js HOST:PORT CA PASSPHRASE - a cash register with the real client library.  Takes JSON commands, one a line,
// and says for each {"n": its number, "reply": {...}} or {"n": ..., "error": "..."}, in the order they end:
//   {"n": 1, "request": {...}}      through TerminalLocalAPI, as a shop's register does it
//   {"n": 2, "lose": {...}, "ms": M} the same bytes, but the socket is destroyed M ms after they are out
//   {"n": 3, "sealed": {...}}       any message, sealed: the library's models would drop fields; says the status too
//   {"n": 4, "raw": "...", "path": "/nexo/", "method": "POST"}  any body
// With "key": {...} another key is used.
// SPDX-License-Identifier: Apache-2.0
'use strict';
const https = require('https');
const fs = require('fs');
const { Client, Config, TerminalLocalAPI } = require('@adyen/api-library');
const models = require('@adyen/api-library/lib/src/typings/terminal/models');
const NexoCrypto = require('@adyen/api-library/lib/src/security/nexoCrypto').default;

const [address, ca, passphrase] = process.argv.slice(2);
const [host, port] = address.split(':');
const config = new Config({
  environment: 'TEST', apiKey: 'unused', certificatePath: ca,
  terminalApiLocalEndpoint: 'https://' + host, connectionTimeoutMillis: 120000,
});
const api = new TerminalLocalAPI(new Client(config));
api.localRequest.endpoint = 'https://' + address + '/nexo/';
const ours = { Passphrase: passphrase, KeyIdentifier: 'shopkey', KeyVersion: 1, AdyenCryptoVersion: 1 };
const trusted = {
  host, port, ca: fs.readFileSync(ca), checkServerIdentity: () => undefined,
  agent: new https.Agent({ keepAlive: true, maxSockets: 4 }),
};

function say(n, what) { process.stdout.write(JSON.stringify({ n, ...what }) + '\n'); }

function seal(message, key) {
  const header = message.SaleToPOIRequest.MessageHeader;
  return JSON.stringify({ SaleToPOIRequest: NexoCrypto.encrypt(header, JSON.stringify(message), key) });
}

function post(body, path = '/nexo/', method = 'POST') {
  return new Promise((resolve, reject) => {
    const r = https.request({ ...trusted, path, method }, (res) => {
      let text = '';
      res.on('data', (part) => { text += part; });
      res.on('end', () => resolve({ status: res.statusCode, text }));
    });
    r.on('error', reject);
    r.end(body);
  });
}

function lose(message, key, ms) {
  return new Promise((resolve) => {
    const plain = models.ObjectSerializer.serialize(message, 'TerminalApiRequest');
    const r = https.request({ ...trusted, agent: false, path: '/nexo/', method: 'POST' });
    r.on('error', () => {});
    r.on('finish', () => setTimeout(() => { r.destroy(); resolve(); }, ms));
    r.end(seal(plain, key));
  });
}

async function carryOut(c) {
  const key = { ...ours, ...c.key };
  try {
    if (c.request) {
      const reply = await api.request(c.request, key);
      say(c.n, { reply: JSON.parse(JSON.stringify(reply)).SaleToPOIResponse || null });
    } else if (c.lose) {
      await lose(c.lose, key, c.ms || 0);
      say(c.n, { reply: null });
    } else if (c.sealed) {
      const { status, text } = await post(seal(c.sealed, key));
      const inside = status === 200 && text
        ? JSON.parse(new NexoCrypto().decrypt(JSON.parse(text).SaleToPOIResponse, key)).SaleToPOIResponse : null;
      say(c.n, { status, reply: inside });
    } else {
      const { status, text } = await post(c.raw, c.path, c.method);
      say(c.n, { status, text });
    }
  } catch (e) {
    say(c.n, { error: String(e.message), body: String(e.responseBody || ''), status: e.statusCode || 0 });
  }
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => carryOut(JSON.parse(line)));
