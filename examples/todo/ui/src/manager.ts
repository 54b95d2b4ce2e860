import { InMemoryWebStorage, UserManager, WebStorageStateStore } from 'oidc-client-ts'
import { settings } from './settings'

const home = `${location.origin}/`

// Code with PKCE. Tokens live in this page's memory alone: no other script of this origin, and nobody who comes to this
// browser later, finds them in a store. sessionStorage holds state and verifier while the browser is at the provider.
export const manager = new UserManager({
  authority: settings.authority,
  client_id: settings.clientId,
  redirect_uri: home,
  silent_redirect_uri: `${location.origin}/silent.html`,
  post_logout_redirect_uri: home,
  scope: 'openid profile email',
  // The name at the top of the page: claims about a person need not stand in the ID token.
  loadUserInfo: true,
  userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
  stateStore: new WebStorageStateStore({ store: sessionStorage }),
  // session.ts renews, one at a time.
  automaticSilentRenew: false,
})
