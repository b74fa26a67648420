import { describe, it } from 'mocha'
import { expect } from 'chai'
import { answer, type TestAgent } from './agents.ts'
import type { Reply } from './router-process.ts'
import { useRouter } from './suite.ts'

const CODES = ['AgentFailed', 'AgentsBusy', 'QueueFull', 'QueueTimeout', 'OutcomeUnknown', 'TaskTimeout', 'TaskRejected', 'NoAgentReady']

/** Numbers between 0 and 1, the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

describe('the router among agents that do anything', () => {
  const suite = useRouter()

  it('ends every task once, does none twice that must not be, and has nothing left in the end', async () => {
    const random = seeded(7)
    await suite.fleet.swarm('chaos', {
      template: { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 3 },
      routing: { timeout: '3s', circuitBreaker: { consecutiveFailures: 3, openFor: '100ms' }, queue: { maxPending: 20, timeout: '1s' } },
    })
    const agents = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => suite.fleet.agent('chaos', `chaos-${name}`)))
    const begun = new Map<unknown, number>()
    for (const agent of agents) misbehave(agent, begun, random)
    await suite.router.sees('chaos', 'all agents', (view) => view.agents.filter((agent) => agent.health === 'Healthy').length === 5)
    const replies: (Reply | 'cancelled')[] = []
    await Promise.all(
      Array.from({ length: 24 }, async (_, client) => {
        for (let i = 0; i < 25; i++) {
          const input = `${client}-${i}`
          const body = { input, idempotent: random() < 0.5, ...(random() < 0.2 && { sessionKey: `s${client}` }) }
          const signal = random() < 0.1 ? { signal: AbortSignal.timeout(1 + Math.floor(random() * 30)) } : {}
          const reply = await suite.router.task('chaos', body, signal).catch(() => 'cancelled' as const)
          replies.push(reply)
          if (!body.idempotent) expect(begun.get(input) ?? 0, input).to.be.at.most(1)
        }
      }),
    )
    const answered = replies.filter((reply) => reply !== 'cancelled')
    expect(replies).to.have.length(600)
    const odd = answered.filter(({ status, body }) => status !== 200 && !CODES.includes(body.code ?? ''))
    expect(odd).to.deep.equal([])
    expect(answered.filter((reply) => reply.status === 200).length).to.be.greaterThan(300)
    const view = await suite.router.sees(
      'chaos',
      'nothing left',
      ({ queue, agents: seen }) => queue.length === 0 && seen.every((a) => a.inFlight === 0),
    )
    expect(view.tasks.done).to.be.at.least(answered.filter((reply) => reply.status === 200).length)
    expect((await suite.router.get('/metrics')).text).to.match(/^swarmops_router_open_tasks 0$/m)
  })
})

/** Fails in every way that is known, counting tasks that it began and did not put off. */
function misbehave(agent: TestAgent, begun: Map<unknown, number>, random: () => number): void {
  agent.work = (task, response) => {
    const dice = random()
    if (dice < 0.1) return answer(response, dice < 0.05 ? 429 : 503, {}, { 'retry-after': '0' })
    begun.set(task.input, (begun.get(task.input) ?? 0) + 1)
    if (dice < 0.2) return answer(response, 500, {})
    if (dice < 0.25) return void response.destroy()
    if (dice < 0.28) return void response.writeHead(200, { 'content-length': '100' }).write('{"out', () => response.destroy())
    if (dice < 0.31) return answer(response, 422, { why: 'no' })
    if (dice < 0.34) return answer(response, 200, [])
    if (dice < 0.5) return void setTimeout(() => answer(response, 200, { output: { by: agent.name, input: task.input } }), random() * 40)
    return answer(response, 200, { output: { by: agent.name, input: task.input } })
  }
}
