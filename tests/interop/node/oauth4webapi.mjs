// oauth4webapi: every step by hand, and every answer looked at as strictly as the specifications allow.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { done, given, right, visit } from './judge.mjs'

const { issuer: named, app, email } = given
const issuer = new URL(named)
const plain = { [oauth.allowInsecureRequests]: true }

const as = await right('OpenID Connect Discovery', async () =>
  oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...plain })))

await right('RFC 8414 metadata', async () =>
  oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...plain })))

const client = { client_id: app.client_id, id_token_signed_response_alg: 'RS256' }
const proof = oauth.ClientSecretPost(app.client_secret)

async function signIn(parameters = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const url = new URL(as.authorization_endpoint)
  const all = {
    client_id: app.client_id,
    redirect_uri: app.redirect_uri,
    response_type: 'code',
    scope: 'openid email orders:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  }
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value)
  const { url: arrived } = await visit(url)
  return { arrived: new URL(arrived), verifier, state, nonce }
}

const first = await signIn()
const answer = await right('the authorization response, with its iss (RFC 9207)', () => {
  assert.ok(first.arrived.searchParams.get('iss'))
  return oauth.validateAuthResponse(as, client, first.arrived, first.state)
})

const redeem = (sent, verifier, by = proof) =>
  oauth.authorizationCodeGrantRequest(as, client, by, sent, app.redirect_uri, verifier, plain)

await right('a wrong secret, and then a wrong verifier, is refused', async () => {
  for (const [verifier, by, error] of [
    [first.verifier, oauth.ClientSecretPost('wrong'), 'invalid_client'],
    [oauth.generateRandomCodeVerifier(), proof, 'invalid_grant'],
  ]) {
    const response = await redeem(answer, verifier, by)
    await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, response), (refusal) => {
      // A 401 is a challenge to this library where it carries WWW-Authenticate.
      assert.ok(refusal.error === error || refusal.cause?.[0]?.parameters.error === error || refusal.status === 401)
      return true
    })
  }
})

const tokens = await right('the token response', async () => {
  const { arrived, verifier, state, nonce } = await signIn()
  const response = await redeem(oauth.validateAuthResponse(as, client, arrived, state), verifier)
  const result = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(as, response, plain)
  return result
})
const claims = oauth.getValidatedIdTokenClaims(tokens)

await right('userinfo', async () => {
  const response = await oauth.userInfoRequest(as, client, tokens.access_token, plain)
  const person = await oauth.processUserInfoResponse(as, client, claims.sub, response)
  assert.equal(person.email, email)
})

await right('the access token is a JWT of RFC 9068', async () => {
  const request = new Request(issuer, { headers: { authorization: `Bearer ${tokens.access_token}` } })
  const seen = await oauth.validateJwtAccessToken(as, request, 'orders-api', plain)
  assert.equal(seen.sub, claims.sub)
  assert.equal(seen.client_id, app.client_id)
  assert.deepEqual(seen.scope.split(' ').sort(), ['email', 'openid', 'orders:read'])
})

const renewed = await right('refresh', async () => {
  const response = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, plain)
  return oauth.processRefreshTokenResponse(as, client, response)
})

await right('introspection', async () => {
  const response = await oauth.introspectionRequest(as, client, proof, renewed.access_token, plain)
  const seen = await oauth.processIntrospectionResponse(as, client, response)
  assert.equal(seen.active, true)
})

await right('revocation', async () => {
  const response = await oauth.revocationRequest(as, client, proof, renewed.refresh_token, plain)
  assert.equal(await oauth.processRevocationResponse(response), undefined)
  const after = await oauth.introspectionRequest(as, client, proof, renewed.access_token, plain)
  assert.deepEqual(await oauth.processIntrospectionResponse(as, client, after), { active: false })
})

await right('a refusal comes back with the state and the iss', async () => {
  const { arrived, state } = await signIn({ scope: 'openid no-such-scope' })
  assert.throws(() => oauth.validateAuthResponse(as, client, arrived, state), { error: 'invalid_scope' })
})

done()
