// A small server with the Waldo API's authentication, on express and jsonwebtoken. It is written
// from the API's documents alone.
//
//   node server.mjs --port 0 --key KEY --secret SECRET --signing-key TEXT --lifetime SECONDS \
//     --rotation lenient|strict --known-after MILLISECONDS --fault NAME
//
// For the time --known-after, the server refuses the token of a login. Several servers that learn
// of the token one after the other behave in the same way.
//
// With --fault, the server breaks one rule, so that a test of this server fails.
//
// The first line of output is `listening on http://127.0.0.1:PORT`. GET /_stats returns the counts.

import express from 'express';
import jwt from 'jsonwebtoken';
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    key: { type: 'string' },
    secret: { type: 'string' },
    'signing-key': { type: 'string' },
    lifetime: { type: 'string', default: '3600' },
    rotation: { type: 'string', default: 'lenient' },
    'known-after': { type: 'string', default: '0' },
    fault: { type: 'string' },
  },
});

const signingKey = options['signing-key'] ?? options.secret;
const expiresIn = Number(options.lifetime);
const stats = { logins: 0, refusedLogins: 0, statuses: {}, loginsAtOnce: 0 };
const hasFault = (name) => options.fault === name;
const knownAfter = hasFault('knows-at-once') ? 0 : Number(options['known-after']);
const spent = new Set();
const unknown = new Set();
let loggingIn = 0;
let calls = 0;

const issue = (jwtid = randomUUID()) => jwt.sign({}, signingKey, { expiresIn, jwtid });
const refuse = (response, status, code, message) => response.status(status).json({ code, message });

const app = express();
app.disable('x-powered-by');

app.get('/_stats', (_request, response) => response.json(stats));

app.use((request, response, next) => {
  response.on('finish', () => {
    stats.statuses[response.statusCode] = (stats.statuses[response.statusCode] ?? 0) + 1;
  });
  next();
});

app.post('/authenticate', express.json(), (request, response) => {
  loggingIn += 1;
  stats.loginsAtOnce = Math.max(stats.loginsAtOnce, loggingIn);
  // Wait, so that a second login of the client would be under way at the same time.
  setTimeout(() => {
    loggingIn -= 1;
    const { apiKey, clientSecret } = request.body ?? {};
    if (!apiKey || !clientSecret) {
      stats.refusedLogins += 1;
      return refuse(response, 400, 'MISSING_PARAMETERS', 'Missing parameters');
    }
    if ((apiKey !== options.key || clientSecret !== options.secret) && !hasFault('accepts-any-secret')) {
      stats.refusedLogins += 1;
      return refuse(response, 401, 'INVALID_API_KEY', 'Invalid API key');
    }
    stats.logins += 1;
    const jti = randomUUID();
    if (knownAfter > 0) {
      unknown.add(jti);
      setTimeout(() => unknown.delete(jti), knownAfter);
    }
    return response.json({ token: issue(jti) });
  }, 50);
});

app.use((request, response, next) => {
  const header = request.get('Authorization');
  if (!header) return refuse(response, 403, 'NOT_AUTHORIZED', 'Not authorized.');
  const [scheme, token] = header.split(' ');
  try {
    if (scheme !== 'Bearer') throw new Error('the scheme is not Bearer');
    const { jti } = jwt.verify(token, signingKey, { algorithms: ['HS256'] });
    calls += 1;
    if (hasFault(`refuses-call-${calls}`)) throw new Error('the fault refuses this token');
    if (unknown.has(jti) || hasFault('never-knows')) throw new Error('the token is not known yet');
    if (spent.has(jti)) throw new Error('the token has been used');
    if (options.rotation === 'strict') spent.add(jti);
  } catch {
    return refuse(response, 401, 'INVALID_TOKEN', 'Invalid token.');
  }
  // Without renewals, the refused token is the held one.
  const renews = !hasFault('renews-nothing') && !options.fault?.startsWith('refuses-call-');
  if (renews) response.set('Authorization', `Bearer ${issue()}`);
  return next();
});

app.use(express.json());
app.get('/customer', (request, response) => response.json({ field: request.query.field }));
app.post('/onboard', (request, response) => response.json({ requestId: randomUUID(), event: 'onboard', received: hasFault('loses-a-body') ? null : request.body }));
app.use((_request, response) => refuse(response, 404, 'NOT_FOUND', 'Not found'));

const server = app.listen(Number(options.port), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
