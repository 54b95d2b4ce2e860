// openid-client, as an application on a server uses it.
import assert from 'node:assert/strict'
import { importJWK } from 'jose'
import * as client from 'openid-client'
import { done, given, right, visit } from './judge.mjs'

const { issuer, app, machine, email } = given
const checks = [client.allowInsecureRequests, client.enableNonRepudiationChecks]

const config = await right('discovery', () =>
  client.discovery(new URL(issuer), app.client_id, undefined, client.ClientSecretBasic(app.client_secret), {
    execute: checks,
  }))

/** One sign-in; returns the arrival at the client and what it must be checked against. */
async function signIn(parameters = {}, decision) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: app.redirect_uri,
    scope: 'openid profile email offline_access',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  })
  const arrived = await visit(url, decision)
  return { arrived, expected: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } }
}

const tokens = await right('code with PKCE, state and nonce', async () => {
  const { arrived, expected } = await signIn()
  return client.authorizationCodeGrant(config, new URL(arrived.url), expected)
})
const claims = tokens.claims()

await right('the ID token says who signed in, when and how', () => {
  assert.ok(claims.sub)
  assert.ok(claims.auth_time <= claims.iat)
  assert.deepEqual(claims.amr, ['pwd'])
  assert.equal(claims.acr, 'aal1')
})

await right('form_post, and a sign-in no older than max_age', async () => {
  const { arrived, expected } = await signIn({ response_mode: 'form_post', max_age: '600' })
  assert.equal(arrived.url, app.redirect_uri)
  const request = new Request(arrived.url, { method: 'POST', body: new URLSearchParams(arrived.fields) })
  const again = await client.authorizationCodeGrant(config, request, { ...expected, maxAge: 600 })
  assert.equal(again.claims().sub, claims.sub)
})

await right('a code counts once', async () => {
  const { arrived, expected } = await signIn()
  await client.authorizationCodeGrant(config, new URL(arrived.url), expected)
  await assert.rejects(client.authorizationCodeGrant(config, new URL(arrived.url), expected), {
    error: 'invalid_grant',
  })
})

await right('what the person does not allow is denied', async () => {
  const { arrived, expected } = await signIn({ scope: 'openid phone' }, 'deny')
  await assert.rejects(client.authorizationCodeGrant(config, new URL(arrived.url), expected), {
    error: 'access_denied',
  })
})

await right('userinfo', async () => {
  const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  assert.equal(person.email, email)
  assert.equal(person.name, 'Tess')
})

const renewed = await right('refresh', async () => {
  const next = await client.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(next.access_token, tokens.access_token)
  assert.notEqual(next.refresh_token, tokens.refresh_token)
  return next
})

await right('introspection', async () => {
  const seen = await client.tokenIntrospection(config, renewed.access_token)
  assert.equal(seen.active, true)
  assert.equal(seen.sub, claims.sub)
  assert.equal(seen.client_id, app.client_id)
})

await right('revocation', async () => {
  await client.tokenRevocation(config, renewed.refresh_token, { token_type_hint: 'refresh_token' })
  assert.deepEqual(await client.tokenIntrospection(config, renewed.access_token), { active: false })
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), { error: 'invalid_grant' })
})

await right('client credentials by private_key_jwt', async () => {
  const key = { key: await importJWK(machine.jwk, machine.jwk.alg), kid: machine.jwk.kid }
  const own = await client.discovery(new URL(issuer), machine.client_id, undefined, client.PrivateKeyJwt(key), {
    execute: checks,
  })
  const answer = await client.clientCredentialsGrant(own, { audience: 'orders-api', scope: 'orders:read' })
  assert.equal(answer.scope, 'orders:read')
  assert.equal(answer.token_type, 'bearer')
})

await right('signing out', async () => {
  const url = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: app.post_logout_redirect_uri,
    state: 'signed-out',
  })
  const { url: arrived } = await visit(url)
  assert.equal(arrived, `${app.post_logout_redirect_uri}?state=signed-out`)
})

await right('prompt=none tells that nobody is signed in', async () => {
  const { arrived, expected } = await signIn({ prompt: 'none' })
  await assert.rejects(client.authorizationCodeGrant(config, new URL(arrived.url), expected), {
    error: 'login_required',
  })
})

done()
