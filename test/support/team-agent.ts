import type { Asked } from './load.ts'

/** What an agent takes for a task, in milliseconds. */
export const TASK_MS = 3

/**
 * An agent for every topology. A leader plans three numbers and sums up what the workers make of them; a stage adds its name to the way
 * of its input. It keeps the highest epoch that it has heard of and refuses lower ones.
 */
export const TEAM_AGENT = `
import { createServer } from 'node:http'
let known = 0
const workOn = {
  plan: () => ({ subtasks: [1, 2, 3].map((n) => ({ input: { n } })) }),
  merge: ({ results }) => ({ output: { sum: results.reduce((sum, result) => sum + (result.output?.square ?? NaN), 0) } }),
  stage: ({ input, stage }) => ({ output: { way: [...(input.way ?? []), stage] } }),
  plain: ({ input }) => ({ output: { square: input.n * input.n } }),
}
createServer((request, response) => {
  const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (request.url === '/health') return answer(200, {})
  let text = ''
  request.on('data', (chunk) => (text += chunk))
  request.on('end', () => {
    const told = JSON.parse(text)
    if (told.epoch < known) return answer(409, { epoch: known })
    known = told.epoch
    if (request.url === '/swarm') return answer(200, {})
    const work = told.phase ?? (told.stage === undefined ? 'plain' : 'stage')
    setTimeout(() => answer(200, workOn[work](told)), ${TASK_MS})
  })
}).listen(Number(process.env.PORT))
`

/** What a leader makes of its three numbers. */
export const isSummedUp = ({ output }: Asked['body']): boolean => (output as { sum?: number } | undefined)?.sum === 1 + 4 + 9

/** What comes out of a ring of these stages. */
export const hasPassed =
  (stages: readonly string[]) =>
  ({ output }: Asked['body']): boolean =>
    JSON.stringify((output as { way?: unknown } | undefined)?.way) === JSON.stringify(stages)
