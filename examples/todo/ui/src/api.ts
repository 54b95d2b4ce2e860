import { manager } from './manager'
import { renew } from './session'
import { settings } from './settings'

export interface Todo {
  id: number
  title: string
  description: string
  completed: boolean
  created_at: string
}

export class SignedOut extends Error {}

export const PAGE = 50

export const api = {
  list: (offset: number) => call<Todo[]>('GET', `/todos/?limit=${PAGE}&offset=${offset}`),
  add: (title: string) => call<Todo>('POST', '/todos/', { title }),
  tick: (id: number, completed: boolean) => call<Todo>('PATCH', `/todos/${id}`, { completed }),
  remove: (id: number) => call<undefined>('DELETE', `/todos/${id}`),
}

async function call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  let answer = await send(method, path, body, (await manager.getUser())?.access_token)
  if (answer.status === 401) {
    // Expired, or revoked: a new token tells which.
    const user = await renew().catch(() => {
      throw new Error('The sign-in service cannot be reached. Try again in a moment.')
    })
    if (user) answer = await send(method, path, body, user.access_token)
  }
  if (answer.status === 401) throw new SignedOut('You are not signed in any more.')
  if (answer.status === 404) throw new Error('This todo is not there any more.')
  if (answer.status === 422) throw new Error('The API does not take this text.')
  if (!answer.ok) throw new Error(`The API cannot do this just now (${answer.status}). Try again in a moment.`)
  return answer.status === 204 ? (undefined as Answer) : ((await answer.json()) as Answer)
}

async function send(method: string, path: string, body: object | undefined, token = ''): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}` }
  if (body) headers['Content-Type'] = 'application/json'
  try {
    return await fetch(`${settings.apiUrl}${path}`, { method, headers, body: body && JSON.stringify(body) })
  } catch {
    throw new Error('The API cannot be reached. Try again in a moment.')
  }
}
