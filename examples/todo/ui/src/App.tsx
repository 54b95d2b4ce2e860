import { signIn, signOut, useSession } from './session'
import { Todos } from './Todos'

export function App() {
  const session = useSession()
  if (session.state === 'starting') {
    return (
      <main className="card quiet" aria-busy="true">
        <h1>Todo</h1>
        <p role="status">One moment…</p>
      </main>
    )
  }
  if (session.state === 'signed-out') {
    return (
      <main className="card">
        <h1>Todo</h1>
        {session.notice ? (
          <p className="notice" role="alert">
            {session.notice}
          </p>
        ) : (
          <p>What you have to do, and nobody else sees it.</p>
        )}
        <button className="primary wide" type="button" onClick={() => void signIn()}>
          Sign in
        </button>
      </main>
    )
  }
  const { name, preferred_username, email } = session.user.profile
  return (
    <>
      <header>
        <p className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>Todo</span>
        </p>
        <p className="who" title={email}>
          {name ?? preferred_username ?? email ?? 'Signed in'}
        </p>
        <button type="button" onClick={() => void signOut()}>
          Sign out
        </button>
      </header>
      <main>
        <Todos />
      </main>
    </>
  )
}
