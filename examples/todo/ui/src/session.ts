import { ErrorResponse, type User } from 'oidc-client-ts'
import { useSyncExternalStore } from 'react'
import { manager } from './manager'

export type Session =
  | { state: 'starting' }
  | { state: 'signed-out'; notice?: string }
  | { state: 'signed-in'; user: User }

const ENDED = 'Your session has ended. Sign in again to go on.'

let session: Session = { state: 'starting' }
const listeners = new Set<() => void>()

function become(next: Session) {
  session = next
  for (const listener of listeners) listener()
}

export function useSession(): Session {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => session,
  )
}

manager.events.addUserLoaded(user => become({ state: 'signed-in', user }))
// A minute before the token expires, and again when it has. What fails for want of a network is tried at the next call.
const renewInTime = () => void renew().catch(() => undefined)
manager.events.addAccessTokenExpiring(renewInTime)
manager.events.addAccessTokenExpired(renewInTime)

// Once per page: a code counts once, and React runs effects twice in development.
export async function start(): Promise<void> {
  const answer = new URLSearchParams(location.search)
  try {
    if (answer.has('state') && (answer.has('code') || answer.has('error'))) {
      history.replaceState(null, '', '/')
      const user = await manager.signinRedirectCallback(`${location.origin}/?${answer}`)
      return become({ state: 'signed-in', user })
    }
    if (answer.has('state')) history.replaceState(null, '', '/')
  } catch (error) {
    return become({ state: 'signed-out', notice: `Signing in did not work: ${words(error)}` })
  }
  try {
    // A page that opens anew knows nothing; the provider's own session may still be there.
    const user = await manager.signinSilent()
    become(user ? { state: 'signed-in', user } : { state: 'signed-out' })
  } catch (error) {
    const refused = error instanceof ErrorResponse
    become({ state: 'signed-out', notice: refused ? undefined : 'The sign-in service cannot be reached just now.' })
  }
}

export async function signIn(): Promise<void> {
  try {
    await manager.signinRedirect()
  } catch (error) {
    become({ state: 'signed-out', notice: `The sign-in service cannot be reached: ${words(error)}` })
  }
}

export const signOut = () => manager.signoutRedirect()

let renewal: Promise<User | null> | undefined

// One at a time: a refresh token counts once. Null means that nobody is signed in any more.
export function renew(): Promise<User | null> {
  renewal ??= manager
    .signinSilent()
    .catch(async error => {
      if (!(error instanceof ErrorResponse)) throw error
      await end()
      return null
    })
    .finally(() => {
      renewal = undefined
    })
  return renewal
}

async function end() {
  await manager.removeUser()
  if (session.state === 'signed-in') become({ state: 'signed-out', notice: ENDED })
}

function words(error: unknown): string {
  if (error instanceof ErrorResponse) return error.error_description ?? error.error ?? 'it was refused'
  return error instanceof Error ? error.message : String(error)
}
