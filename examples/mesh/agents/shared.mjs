// What is worked out once for the whole mesh. Each result has a home, one of the agents that this one knows: it is asked directly,
// works the result out the first time, and remembers it.
import { createHash } from 'node:crypto'
import { ask, swarm } from './serve.mjs'

const MAX_REMEMBERED = 200
const remembered = new Map()
let known = {}

/** What neighbours may ask for: `{ name: (data) => result }`. Pass it to `serve`. */
export function routes(functions) {
  known = functions
  return Object.fromEntries(Object.keys(known).map((name) => [`POST /${name}`, (data) => ({ value: workOut(name, data) })]))
}

/** The result for this data, and the agent that it comes from. */
export async function once(name, data) {
  const key = keyOf(name, data)
  const home = homeOf(key)
  if (home.agent === swarm.agent || remembered.has(key)) return { value: workOut(name, data), from: home.agent }
  try {
    const { value } = await ask(home, `/${name}`, data)
    remember(key, value)
    return { value, from: home.agent }
  } catch {
    return { value: workOut(name, data), from: swarm.agent } // the home is away: this agent can do it as well
  }
}

function workOut(name, data) {
  const key = keyOf(name, data)
  return remembered.get(key) ?? remember(key, known[name](data))
}

function remember(key, value) {
  if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value)
  remembered.set(key, value)
  return value
}

/** Agents that know the same others agree on the home, and when one leaves only its own results move. */
function homeOf(key) {
  const score = ({ agent }) => createHash('sha256').update(key).update(agent).digest().readUInt32BE()
  return [swarm, ...swarm.neighbours].reduce((best, other) => (score(other) > score(best) ? other : best))
}

const keyOf = (name, data) => createHash('sha256').update(name).update(JSON.stringify(data)).digest('hex')
