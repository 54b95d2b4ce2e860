// A React app's sign-in without React: what react-oidc-context calls.
const query = new URLSearchParams(location.search)
const stored = JSON.parse(sessionStorage.getItem('settings') ?? 'null')
const settings = stored ?? { authority: query.get('authority'), client_id: query.get('client_id') }
sessionStorage.setItem('settings', JSON.stringify(settings))

const manager = new oidc.UserManager({
  ...settings,
  redirect_uri: `${location.origin}/oidc-client-ts.html`,
  popup_redirect_uri: `${location.origin}/popup.html`,
  silent_redirect_uri: `${location.origin}/silent.html`,
  post_logout_redirect_uri: `${location.origin}/oidc-client-ts.html`,
  scope: 'openid profile email',
  loadUserInfo: true,
  automaticSilentRenew: false,
  userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
})

async function arrive() {
  if (query.has('code') || query.has('error')) return manager.signinRedirectCallback()
  if (query.has('state')) return manager.signoutRedirectCallback()
  return undefined
}

window.app = { manager, arrived: arrive() }
