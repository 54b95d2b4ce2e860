// What the page is built with. An empty realm means that the URL is the issuer itself: an auth-service.
const env = import.meta.env

function given(name: string): string {
  const value: string | undefined = env[name]
  if (!value) throw new Error(`${name} is not set: copy keycloak.env or auth-service.env to .env.local`)
  return value.replace(/\/+$/, '')
}

const realm: string = env.VITE_KEYCLOAK_REALM ?? ''

export const settings = {
  authority: realm ? `${given('VITE_KEYCLOAK_URL')}/realms/${realm}` : given('VITE_KEYCLOAK_URL'),
  clientId: given('VITE_KEYCLOAK_CLIENT_ID'),
  apiUrl: given('VITE_API_URL'),
}
