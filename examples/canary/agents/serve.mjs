// The whole agent protocol in one small file: GET /health, POST /tasks, PUT /swarm. Copy it, and write your own `work`.
import { createServer } from 'node:http'

const PORT = Number(process.env.PORT ?? 8080)
const MAX_BODY_BYTES = 16 * 1024 * 1024

/** What this agent knows of its swarm: the term of leadership that it is in, its part, and whom it can reach. */
export const swarm = { agent: process.env.SWARM_AGENT ?? 'me', epoch: 0, role: 'Worker', neighbours: [] }

/**
 * Serves tasks. `work(input, task)` returns the output. An agent that leads others has two more functions: `plan(input, task)`
 * returns `{ subtasks: [{ input, capability? }] }`, or `{ output }` when there is nothing to hand out; `merge(input, results, task)`
 * returns the output, from one `{ output }` or `{ error }` for each subtask. `routes` are for neighbours, such as
 * `{ 'POST /cache': (body) => answer }`.
 *
 * An error with a `status` of 400 to 499 is the task's own fault and goes back to the client; any other makes the router try
 * another agent.
 */
export function serve({ work, plan, merge, routes = {} }) {
  const does = {
    'GET /health': () => ({}),
    'PUT /swarm': learn,
    'POST /tasks': async (task) => {
      if (task.epoch > swarm.epoch) swarm.epoch = task.epoch // the router has heard of a new leader first
      if (task.epoch > 0 && task.epoch < swarm.epoch) throw refusal(409, { epoch: swarm.epoch }) // in the name of one who led before
      if (task.phase === 'plan' && plan) return plan(task.input, task)
      if (task.phase === 'merge' && merge) return { output: await merge(task.input, task.results, task) }
      return { output: await work(task.input, task) }
    },
    ...routes,
  }
  const server = createServer(async (request, response) => {
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const act = does[`${request.method} ${request.url}`]
    if (!act) return answer(404, { error: `this agent has ${Object.keys(does).join(', ')}` })
    try {
      answer(200, await act(await bodyOf(request)))
    } catch (error) {
      const status = error instanceof SyntaxError ? 400 : (error.status ?? 500)
      answer(status, error.body ?? { error: error.message })
    }
  })
  server.listen(PORT, () => console.log(`${swarm.agent} listens on ${server.address().port}`))
}

/** The operator tells who leads and who the neighbours are. What comes in the name of an earlier epoch is out of date. */
function learn(told) {
  if (told.epoch < swarm.epoch) throw refusal(409, { epoch: swarm.epoch })
  Object.assign(swarm, told)
  console.log(`epoch ${swarm.epoch}: ${swarm.role}, neighbours ${swarm.neighbours.map((n) => n.agent).join(' ') || 'none'}`)
  return {}
}

/** Asks a neighbour directly. Its address, and the headers that open its sandbox, came with PUT /swarm. */
export async function ask(neighbour, path, body, { timeoutMs = 2000 } = {}) {
  const response = await fetch(new URL(path, neighbour.url), {
    method: 'POST',
    headers: { ...neighbour.headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (!response.ok) throw new Error(`${neighbour.agent} answered ${response.status}`)
  return response.json()
}

/** An error that is the task's own: it is returned to the client and not tried again. */
export function badInput(message) {
  return refusal(422, { error: message })
}

const refusal = (status, body) => Object.assign(new Error(body.error ?? `refused with ${status}`), { status, body })

async function bodyOf(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw refusal(413, { error: 'the body is too large' })
    chunks.push(chunk)
  }
  return size === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'))
}
