// panva/oidc-provider as somebody else's provider: the client of this service is made from what it is given.
// It says where it listens, and ends with its standard input.
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'

const { client_id, client_secret, redirect_uri, logout_uri, account, algorithms, client_keys } = JSON.parse(process.argv[2])

async function key(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), use: 'sig', kid }
}

const client = (alg) => ({
  client_id: `${client_id}-${alg}`,
  client_secret,
  redirect_uris: [redirect_uri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  id_token_signed_response_alg: alg,
  ...(alg === 'PS256' ? { userinfo_signed_response_alg: alg } : {}),
  backchannel_logout_uri: logout_uri,
  backchannel_logout_session_required: true,
})

// Clients that prove themselves by a key of theirs.
const keyed = ([alg, keys]) => ({
  ...client('RS256'),
  client_id: `${client_id}-by-${alg}`,
  client_secret: undefined,
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: alg,
  jwks: { keys },
})

const server = createServer()
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://localhost:${server.address().port}`

// Its development mode warns of itself; nobody here is at risk.
console.warn = console.info = () => {}
const provider = new Provider(issuer, {
  clients: [...algorithms.map(client), ...Object.entries(client_keys).map(keyed)],
  jwks: { keys: [await key('RS256', 'rsa'), await key('ES256', 'p256'), await key('ES384', 'p384'), await key('EdDSA', 'ed')] },
  cookies: { keys: ['signs the cookies of a test'] },
  claims: { openid: ['sub', 'sid'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'] },
  enabledJWA: {
    idTokenSigningAlgValues: algorithms,
    userinfoSigningAlgValues: ['PS256'],
  },
  // Its own guard keeps it from this machine, where the client of a test is.
  fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...account, sub }) }),
  features: {
    backchannelLogout: { enabled: true },
    jwtUserinfo: { enabled: true },
    devInteractions: { enabled: true },
  },
})
provider.on('backchannel.error', (_, error) => console.error(error))
provider.on('server_error', (_, error) => console.error(error))
server.on('request', provider.callback())
process.stdout.write(`${JSON.stringify({ issuer })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
