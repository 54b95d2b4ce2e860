// What judges share: lines of JSON to and from the test that started them.
import { createInterface } from 'node:readline'

export const given = JSON.parse(process.argv[2])

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const say = (said) => process.stdout.write(JSON.stringify(said) + '\n')

/** Send the person there, who allows what is asked or denies it; where the browser arrives: `{ url, fields }`. */
export async function visit(url, decision = 'allow') {
  say({ visit: String(url), decision })
  const { value } = await lines.next()
  return JSON.parse(value)
}

/** Do one thing; its name is told when nothing of it went wrong. */
export async function right(name, act) {
  const result = await act()
  say({ right: name })
  return result
}

export function done() {
  process.stdin.destroy()
}
