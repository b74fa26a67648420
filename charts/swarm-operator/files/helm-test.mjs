// What `helm test` runs in a pod: operator and routers are ready, and, if a swarm is named, it does a task.
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

const { env } = process
const TRIES = Number(env.TRIES ?? 60)
const TIMEOUT_MS = 60_000
const MAX_BODY = 1024 * 1024

function ask(url, caFile, { method = 'GET', headers = {}, body } = {}) {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  const ca = caFile ? { ca: readFileSync(caFile) } : {}
  return new Promise((resolve, reject) => {
    const request = send(url, { method, headers, timeout: TIMEOUT_MS, ...ca }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        if (text.length < MAX_BODY) text += part
      })
      response.on('end', () => resolve({ status: response.statusCode, text }))
      response.on('error', reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    request.on('error', reject)
    request.end(body)
  })
}

async function ready(name, url, caFile) {
  for (let attempt = 1; ; attempt += 1) {
    const { status, text } = await ask(`${url}/readyz`, caFile).catch((error) => ({ status: 0, text: error.message }))
    if (status === 200) return console.log(`ok: the ${name} is ready at ${url}`)
    if (attempt >= TRIES) throw new Error(`the ${name} is not ready at ${url}: ${status || ''} ${text}`)
    await sleep(1_000)
  }
}

async function task() {
  const token = readFileSync(env.TOKEN_FILE, 'utf8').trim()
  const url = `${env.ROUTER_URL}/v1/namespaces/${env.TASK_NAMESPACE}/swarms/${env.TASK_SWARM}/tasks`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const body = JSON.stringify({ input: JSON.parse(env.TASK_INPUT) })
  const { status, text } = await ask(url, env.ROUTER_CA_FILE, { method: 'POST', headers, body })
  if (status !== 200) throw new Error(`the task got ${status}: ${text}`)
  console.log(`ok: swarm ${env.TASK_NAMESPACE}/${env.TASK_SWARM} has done a task: ${text}`)
}

try {
  await ready('router', env.ROUTER_URL, env.ROUTER_CA_FILE)
  await ready('operator', env.OPERATOR_URL, env.OPERATOR_CA_FILE)
  if (env.TASK_SWARM) await task()
} catch (error) {
  console.error(`failed: ${error.message}`)
  process.exitCode = 1
}
