// The whole agent protocol in one small file: GET /health and POST /tasks. Copy it, and write your own `work`.
import { createServer } from 'node:http'

const PORT = Number(process.env.PORT ?? 8080)
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Serves tasks. `work(input, task)` returns the output, or throws: an error with a `status` of 400 to 499 is the
 * task's own fault and goes back to the client, any other makes the router try another agent.
 */
export function serve(work) {
  let inFlight = 0
  let isDraining = false

  const server = createServer(async (request, response) => {
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (request.method === 'GET' && request.url === '/health') return answer(isDraining ? 503 : 200, { inFlight })
    if (request.method !== 'POST' || request.url !== '/tasks') return answer(404, { error: 'POST /tasks or GET /health' })
    inFlight += 1
    try {
      const task = JSON.parse(await bodyOf(request))
      answer(200, { output: await work(task.input, task) })
    } catch (error) {
      const status = error instanceof SyntaxError ? 400 : (error.status ?? 500)
      answer(status, { error: error.message })
    } finally {
      inFlight -= 1
    }
  })
  server.listen(PORT, () => console.log(`${process.env.SWARM_AGENT ?? 'agent'} listens on ${PORT}`))
  process.on('SIGTERM', () => {
    isDraining = true
    server.close(() => process.exit(0))
  })
}

/** An error that is the task's own: it is returned to the client and not tried again. */
export function badInput(message) {
  return Object.assign(new Error(message), { status: 422 })
}

async function bodyOf(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw Object.assign(new Error('the task is too large'), { status: 413 })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
