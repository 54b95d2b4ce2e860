import Keycloak from '/modules/keycloak-js/lib/keycloak.js'

const query = new URLSearchParams(location.search)
const stored = JSON.parse(sessionStorage.getItem('settings') ?? 'null')
const settings = stored ?? { oidcProvider: query.get('authority'), clientId: query.get('client_id') }
sessionStorage.setItem('settings', JSON.stringify(settings))

const keycloak = new Keycloak(settings)
const redirectUri = `${location.origin}/keycloak-js.html`

window.app = {
  keycloak,
  redirectUri,
  arrived: keycloak.init({
    onLoad: 'check-sso',
    silentCheckSsoRedirectUri: `${location.origin}/silent-check-sso.html`,
    checkLoginIframe: false,
    pkceMethod: 'S256',
    scope: 'openid profile email',
    redirectUri,
  }),
}
