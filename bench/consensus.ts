import { CONFIG_MAPS } from '../src/kube/objects.ts'
import { SWARMS } from '../src/reconcilers/shared/kinds.ts'
import { eventually } from '../test/support/wait.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { percentile } from './support/statistics.ts'

/** Time that a consensus takes in a published analysis whose tests were simulated, and what ours may take after the deciding vote. */
const BESIDE = { reported: 1_200, target: 25 } as const

/** Time that a voter takes longer than those before it, in milliseconds: the deciding vote comes alone. */
const APART_MS = 5

const PLACES = 32

/**
 * A voter: votes after the time that the task asks of it, or not at all; tells where it listens when it is asked for that; and tells when it
 * last began to send a vote, by the clock that all processes of a machine share.
 */
const PROGRAM = `
import { createServer } from 'node:http'
const { PORT, SWARM_AGENT: agent } = process.env
let sentNs = 0n
const server = createServer((request, response) => {
  const answer = (text) => response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text)
  if (request.method === 'GET') return answer('{"sentNs":"' + sentNs + '"}')
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { input } = JSON.parse(Buffer.concat(chunks).toString())
    if (input === null) return answer('{"output":{"choice":' + server.address().port + ',"weight":0}}')
    const afterMs = input[agent] ?? 0
    if (afterMs < 0) return
    const vote = () => {
      sentNs = process.hrtime.bigint()
      answer('{"output":{"choice":"buy"}}')
    }
    if (afterMs === 0) vote()
    else setTimeout(vote, afterMs)
  })
})
server.listen(Number(PORT))
`

type Answer = {
  readonly agent?: string
  readonly code?: string
  readonly votes?: readonly { readonly agent: string; readonly choice?: unknown; readonly counted: boolean }[]
  readonly timings?: { readonly totalMs: number }
}

export const consensus: Benchmark = {
  name: 'consensus',
  what: 'From the moment at which a real agent begins to send the deciding vote to the moment at which the client has the decision: the way to the router, the decision, and the way to the client. Beside: reported by others, from simulations.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const bed = await Bed.start(context, { isLight: false, hasRouter: true })
  const figures: Figure[] = []
  for (const voters of [3, 9]) figures.push(...(await measureVoters(context, bed, voters)))
  return figures
}

async function measureVoters({ quick, signal, say }: Context, bed: Bed, voters: number): Promise<readonly Figure[]> {
  const send = await swarmOf(bed, voters)
  const ports = new Map((await send(null)).votes?.map(({ agent, choice }) => [agent, Number(choice)]))
  const names = [...ports.keys()]
  const apartMs: number[] = []
  const atOnceMs: number[] = []
  const totalMs: number[] = []
  for (let n = 0; n < (quick ? 5 : 200); n++) {
    signal.throwIfAborted()
    // One voter never answers; the others vote one after the other, each time in another order.
    const order = names.map((_, i) => names[(i + n) % voters] ?? '')
    const input = Object.fromEntries(order.map((name, i) => [name, i === voters - 1 ? -1 : i * APART_MS]))
    apartMs.push((await decidedIn(send, ports, input)).ms)
    const { ms, answer } = await decidedIn(send, ports, {})
    atOnceMs.push(ms)
    totalMs.push(answer.timings?.totalMs ?? NaN)
  }
  say(`${voters} voters: done`)
  const of = (name: string, samples: readonly number[], beside: Record<string, number> = {}): Figure[] =>
    ([0.5, 0.99] as const).map((share) => ({
      name: `${voters} voters, ${name}, p${share * 100}`,
      unit: 'ms',
      value: percentile(samples, share),
      beside,
    }))
  return [
    ...of('one never votes: deciding vote to decision', apartMs, BESIDE),
    ...of('all vote at once: deciding vote to decision', atOnceMs, BESIDE),
    ...of('all vote at once: whole task', totalMs),
  ]
}

type Send = (input: unknown) => Promise<Answer>

/** Asks for a vote; how long its decision took from the deciding vote on. */
async function decidedIn(send: Send, ports: ReadonlyMap<string, number>, input: object): Promise<{ ms: number; answer: Answer }> {
  const answer = await send(input)
  const endNs = process.hrtime.bigint()
  const { agent, code } = answer
  if (agent === undefined) throw new Error(`there is no consensus: ${code ?? 'no agent is named'}`)
  const told = (await (await fetch(`http://127.0.0.1:${ports.get(agent) ?? 0}/`)).json()) as { sentNs: string } // from our own program
  return { ms: Number(endNs - BigInt(told.sentNs)) / 1e6, answer }
}

/** Makes a swarm whose agents all vote; resolves with what sends a task when all of them do. */
async function swarmOf(bed: Bed, voters: number): Promise<Send> {
  const { client, namespace } = bed
  const name = `voters-${voters}`
  const owner = { fieldManager: 'bench', force: true }
  await client.apply(CONFIG_MAPS, { metadata: { name: 'voter', namespace }, data: { 'voter.mjs': PROGRAM } }, owner)
  const files = [{ path: 'voter.mjs', configMapKeyRef: { name: 'voter', key: 'voter.mjs' } }]
  const template = { sandboxTemplate: 'base', command: ['node', 'voter.mjs'], files, maxConcurrentTasks: PLACES }
  const routing = { strategy: 'Consensus', consensus: { voters, thresholdPercent: 60 } }
  await client.apply(SWARMS, { metadata: { name, namespace }, spec: { replicas: voters, template, routing } }, owner)
  await bed.haveReady([name], voters)
  const url = `http://127.0.0.1:${bed.router?.port ?? 0}/v1/namespaces/${namespace}/swarms/${name}/tasks`
  const send: Send = async (input) => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify({ input }) })
    return (await response.json()) as Answer // from our own router
  }
  // Every voter tells where it listens, without weight: nothing is decided before all have, and only the list of votes matters.
  await eventually(`${voters} voters are known to the router`, async () => {
    const { votes = [] } = await send(null)
    return votes.length === voters && votes.every(({ counted }) => counted)
  })
  return send
}
