// panva/oidc-provider, set up for introspection: opaque access tokens, everything in memory.
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const port = Number(process.env.PORT);
const stored = new Map();

// As little as an adapter can do: the one that comes with the package evicts by age, which costs more.
class InMemory {
  constructor(name) { this.name = name; }
  async upsert(id, payload) { stored.set(this.name + id, payload); }
  async find(id) { return stored.get(this.name + id); }
  async destroy(id) { stored.delete(this.name + id); }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'k1' };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: InMemory,
  jwks: { keys: [key] },
  cookies: { keys: ['unused'] },
  scopes: ['orders:read'],
  ttl: { ClientCredentials: 3600 },
  clients: [{
    client_id: 'svc', client_secret: process.env.SECRET, grant_types: ['client_credentials'],
    redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256',
  }],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    devInteractions: { enabled: false },
  },
});
provider.on('server_error', (_, error) => console.error(error));
provider.listen(port, '127.0.0.1');
