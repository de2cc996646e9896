// An OpenID provider on a free port of this machine, with the clients `sigmic` and `other`.
// Usage: node provider.mjs PORT ACCOUNTS, where ACCOUNTS is JSON: a login with its claims each.
// Says its port on standard output. It ends when standard input does, so that none outlives its
// test. `PUT /next-id-token` puts a token in the place of the next one that is handed out.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';

const [port, accounts] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const server = http.createServer();
await new Promise((done) => server.listen(port, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' };
const client = (id, origin) => ({
  client_id: id,
  client_secret: `secret of ${id}`,
  redirect_uris: [`${origin}/api/v1/auth/oidc/corp/callback`],
});
const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: [client('sigmic', 'https://agents.example'), client('other', 'https://other.example')],
  cookies: { keys: [randomUUID()] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  // The claims of the scopes stand in the ID token, as most services do it.
  conformIdTokenClaims: false,
  pkce: { methods: ['S256'], required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
});

let next;
provider.use(async (ctx, then) => {
  await then();
  if (next && ctx.path === '/token' && ctx.body?.id_token) {
    ctx.body = { ...ctx.body, id_token: next };
    next = undefined;
  }
});
const answer = provider.callback();
server.on('request', (request, response) => {
  if (request.method !== 'PUT' || request.url !== '/next-id-token') {
    answer(request, response);
    return;
  }
  let text = '';
  request.on('data', (part) => { text += part; });
  request.on('end', () => { next = text; response.end(); });
});
process.stdin.on('end', () => process.exit()).resume();
console.log(server.address().port);
