import react from '@vitejs/plugin-react'
import { defineConfig, loadEnv } from 'vite'

const HERE = { host: 'localhost', port: 3000, strictPort: true }

// A policy for what is built: scripts and styles of its own, calls to the API and the provider, nothing else. The
// development server writes scripts into the page, and goes without.
function policy(env) {
  const origin = name => {
    if (!env[name]) throw new Error(`${name} is not set: copy keycloak.env or auth-service.env to .env.local`)
    return new URL(env[name]).origin
  }
  const content = () =>
    [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      `connect-src ${origin('VITE_KEYCLOAK_URL')} ${origin('VITE_API_URL')}`,
      `frame-src 'self' ${origin('VITE_KEYCLOAK_URL')}`,
      "base-uri 'none'",
      "form-action 'none'",
    ].join('; ')
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: content() },
        injectTo: 'head-prepend',
      },
    ],
  }
}

export default defineConfig(({ mode }) => ({
  plugins: [react(), policy(loadEnv(mode, process.cwd(), 'VITE_'))],
  server: HERE,
  preview: HERE,
  build: { rollupOptions: { input: ['index.html', 'silent.html'] } },
}))
