/** The template that runs the program `agent.mjs` of the ConfigMap `agent`. */
export const TEMPLATE = {
  sandboxTemplate: 'base',
  command: ['node', 'agent.mjs'],
  files: [programFile('agent')],
}

/** The file `agent.mjs` of a template, from a ConfigMap. */
export function programFile(configMap: string) {
  return { path: 'agent.mjs', configMapKeyRef: { name: configMap, key: 'agent.mjs' } }
}

/** Parts of the source of an agent. All but `setUp` see `request`, `response` and `answer(response, status, body)`, the last two also `input`. */
export type AgentParts = {
  /** Done once, before it listens. */
  setUp?: string
  /** Done for every request, that for its health included. */
  always?: string
  /** Done for each request but that for its health, before it is read. */
  more?: string
  /** Done for each task before it sleeps. */
  work?: string
  /** How a task is answered. */
  reply?: string
}

/** A small agent. Unless told otherwise it answers tasks with its input, its name and its environment variable MODE; `{"sleepMs"}` makes it slow. */
export const agentProgram = ({ setUp = '', always = '', more = '', work = '', reply = ECHO }: AgentParts = {}): string => `
import { createServer } from 'node:http'
${setUp}
const answer = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
createServer(async (request, response) => {
  ${always}
  if (request.url === '/health') return answer(response, 200, {})
  ${more}
  let text = ''
  request.on('data', (chunk) => (text += chunk))
  request.on('end', async () => {
    const { input } = JSON.parse(text)
    ${work}
    if (input?.sleepMs) await new Promise((resolve) => setTimeout(resolve, input.sleepMs))
    ${reply}
  })
}).listen(Number(process.env.PORT))
`

const ECHO = 'answer(response, 200, { output: { by: process.env.SWARM_AGENT, mode: process.env.MODE, input } })'
