// panva/oidc-provider, set up for signing people in: codes, refresh tokens and UserInfo, everything in memory.
// Codes that somebody has allowed are made at the start, and written to the file that CODES_FILE names.
import { writeFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const port = Number(process.env.PORT);
const stored = new Map();

// As little as an adapter can do: the one that comes with the package evicts by age, which costs more.
class InMemory {
  constructor(name) { this.name = name; }
  async upsert(id, payload) { stored.set(this.name + id, payload); }
  async find(id) { return stored.get(this.name + id); }
  async findByUid() { return undefined; }
  async consume(id) { stored.get(this.name + id).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { stored.delete(this.name + id); }
  async revokeByGrantId(grantId) {
    for (const [id, payload] of stored) if (payload.grantId === grantId) stored.delete(id);
  }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'k1' };
const callback = 'https://app.example.com/callback';
const resource = 'urn:orders-api';
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: InMemory,
  jwks: { keys: [key] },
  cookies: { keys: ['unused'] },
  scopes: ['openid', 'offline_access', 'orders:read'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  findAccount: (_, sub) => ({
    accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true }),
  }),
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  expiresWithSession: () => false,
  ttl: { AuthorizationCode: 3600, AccessToken: 3600, IdToken: 600, RefreshToken: 86400, Grant: 86400 },
  clients: [{
    client_id: 'shop', client_secret: process.env.SECRET, grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [callback], response_types: ['code'], id_token_signed_response_alg: 'ES256',
  }],
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'orders:read', audience: 'orders-api', accessTokenFormat: 'jwt', accessTokenTTL: 600,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
provider.on('server_error', (_, error) => console.error(error));
provider.on('grant.error', (_, error) => console.error(error));

const client = await provider.Client.find('shop');
async function code(resources, scope) {
  const grant = new provider.Grant({ accountId: 'ann', clientId: 'shop' });
  grant.addOIDCScope(scope);
  if (resources) grant.addResourceScope(resource, 'orders:read');
  const grantId = await grant.save();
  const made = new provider.AuthorizationCode({
    accountId: 'ann', client, grantId, scope: resources ? `${scope} orders:read` : scope, resource: resources,
    redirectUri: callback, codeChallenge: process.env.CHALLENGE, codeChallengeMethod: 'S256', nonce: 'n-1',
    authTime: Math.floor(Date.now() / 1000), gty: 'authorization_code',
  });
  return made.save();
}
const codes = { exchange: [], userinfo: [] };
for (let made = 0; made < Number(process.env.CODES); made += 1) {
  codes.exchange.push(await code(resource, 'openid offline_access'));
}
for (let made = 0; made < 32; made += 1) codes.userinfo.push(await code(undefined, 'openid email'));
writeFileSync(process.env.CODES_FILE, JSON.stringify(codes));
provider.listen(port, '127.0.0.1');
