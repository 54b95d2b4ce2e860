import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import './style.css'

const root = createRoot(document.getElementById('app')!)

// The settings are checked where they are read: a page without them says so instead of staying white.
try {
  const [{ App }, { start }] = await Promise.all([import('./App'), import('./session')])
  root.render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
  await start()
} catch (error) {
  root.render(
    <main className="card">
      <h1>Todo</h1>
      <p role="alert">{error instanceof Error ? error.message : String(error)}</p>
    </main>,
  )
}
