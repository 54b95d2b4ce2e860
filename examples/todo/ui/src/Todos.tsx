import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import { api, PAGE, SignedOut, type Todo } from './api'

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export function Todos() {
  const [todos, setTodos] = useState<Todo[]>()
  const [hasMore, setHasMore] = useState(false)
  const [fault, setFault] = useState('')
  const [said, setSaid] = useState('')
  const field = useRef<HTMLInputElement>(null)

  // Whatever goes wrong is shown, and what is on the screen stays what the API has.
  const attempt = useCallback(async (work: () => Promise<void>) => {
    try {
      await work()
      setFault('')
    } catch (error) {
      if (!(error instanceof SignedOut)) setFault(error instanceof Error ? error.message : String(error))
    }
  }, [])

  const load = useCallback(
    (offset: number) =>
      attempt(async () => {
        const page = await api.list(offset)
        setTodos(known => (offset ? [...(known ?? []), ...page.filter(todo => !has(known, todo))] : page))
        setHasMore(page.length === PAGE)
      }),
    [attempt],
  )

  useEffect(() => void load(0), [load])

  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const title = String(new FormData(form).get('title') ?? '').trim()
    field.current?.focus()
    if (!title) return
    void attempt(async () => {
      const added = await api.add(title)
      setTodos(known => [added, ...(known ?? [])])
      setSaid(`Added: ${added.title}`)
      form.reset()
    })
  }

  const put = (todo: Todo) => setTodos(known => known?.map(one => (one.id === todo.id ? todo : one)))

  // At once, as a box is expected to; it goes back where the API does not take it.
  const tick = (todo: Todo) =>
    attempt(async () => {
      put({ ...todo, completed: !todo.completed })
      try {
        const changed = await api.tick(todo.id, !todo.completed)
        put(changed)
        setSaid(`${changed.completed ? 'Done' : 'To do again'}: ${changed.title}`)
      } catch (error) {
        put(todo)
        throw error
      }
    })

  const remove = (todo: Todo) =>
    attempt(async () => {
      await api.remove(todo.id)
      setTodos(known => known?.filter(one => one.id !== todo.id))
      setSaid(`Deleted: ${todo.title}`)
      // The button that had the focus is gone.
      field.current?.focus()
    })

  const open = todos?.filter(todo => !todo.completed).length ?? 0
  return (
    <>
      <h1>Your todos</h1>
      <form onSubmit={add}>
        <label htmlFor="title">What is to be done?</label>
        <div className="row">
          <input ref={field} id="title" name="title" maxLength={200} autoComplete="off" enterKeyHint="done" />
          <button className="primary" type="submit">
            Add
          </button>
        </div>
      </form>
      {fault && (
        <p className="notice" role="alert">
          {fault}
          {!todos && (
            <button type="button" onClick={() => void load(0)}>
              Try again
            </button>
          )}
        </p>
      )}
      {todos && todos.length > 0 && (
        <>
          <p className="count">
            {open} of {todos.length}
            {hasMore ? '+' : ''} to do
          </p>
          <ul>
            {todos.map(todo => (
              <li key={todo.id} className={todo.completed ? 'done' : undefined}>
                <label>
                  <input type="checkbox" checked={todo.completed} onChange={() => void tick(todo)} />
                  <span className="words">
                    <span className="title">{todo.title}</span>
                    <time dateTime={todo.created_at}>{day.format(new Date(todo.created_at))}</time>
                  </span>
                </label>
                <button type="button" className="remove" aria-label={`Delete ${todo.title}`} onClick={() => void remove(todo)}>
                  <svg viewBox="0 0 20 20" aria-hidden="true">
                    <path d="m5 5 10 10M15 5 5 15" />
                  </svg>
                </button>
              </li>
            ))}
          </ul>
          {hasMore && (
            <button type="button" className="wide" onClick={() => void load(todos.length)}>
              Show more
            </button>
          )}
        </>
      )}
      {todos?.length === 0 && <p className="empty">Nothing to do. Write down the first thing above.</p>}
      {!todos && !fault && <p className="empty">Loading…</p>}
      <p className="unseen" role="status">
        {said}
      </p>
    </>
  )
}

const has = (known: Todo[] | undefined, todo: Todo) => known?.some(one => one.id === todo.id) ?? false
