import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { answer, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { STAGES, makeRing, type StageName } from './ring.ts'
import { RouterProcess, type Reply } from './router-process.ts'

/** What an agent does with one attempt of a task. */
const DEEDS = ['done', 'late', 'error', 'reset', 'notNow', 'reject', 'odd'] as const
type Deed = (typeof DEEDS)[number]

/** A task, with what becomes of its attempts at each stage; after those they are done. */
type Plan = {
  readonly direction: 'forward' | 'reverse' | 'any'
  readonly isIdempotent: boolean
  readonly deeds: Readonly<Record<StageName, readonly Deed[]>>
}

type Deeds = { readonly stage: StageName; readonly deed: Deed }[]

const ENDS = ['AgentFailed', 'AgentsBusy', 'OutcomeUnknown', 'TaskRejected', 'TaskTimeout', 'StageFull', 'StageBroken', 'NoAgentReady']

const deeds = fc.array(fc.constantFrom(...DEEDS), { maxLength: 3 })
const plan: fc.Arbitrary<Plan> = fc.record({
  direction: fc.constantFrom('forward', 'reverse', 'any'),
  isIdempotent: fc.boolean(),
  deeds: fc.record({ clean: deeds, score: deeds, judge: deeds }),
})

describe('a ring whose agents do anything', () => {
  let fleet: TestFleet
  let router: RouterProcess
  /** The deeds to come, and those that were done, of each task by its number. */
  const plans = new Map<number, Record<StageName, Deed[]>>()
  const logs = new Map<number, Deeds>()
  let last = 0
  before(async () => {
    fleet = await TestFleet.start()
    router = await RouterProcess.start({ config: fleet.config, namespace: fleet.namespace, sandboxUrl: fleet.gateway.url })
    const routing = {
      timeout: '5s',
      circuitBreaker: { consecutiveFailures: 4, openFor: '100ms' },
      queue: { maxPending: 20, timeout: '1s' },
    }
    const agents = await makeRing({ fleet, router }, 'any', {
      agents: { clean: 2, judge: 2 },
      topology: { bidirectional: true },
      routing,
      limit: 2,
    })
    for (const stage of STAGES) for (const agent of agents[stage]) actByPlan(agent, stage)
  })
  after(async () => {
    await router.stop()
    await fleet.stop()
  })

  function actByPlan(agent: TestAgent, stage: StageName): void {
    agent.work = (task, response) => {
      const { n, way } = task.input as { n: number; way: string[] }
      const deed = plans.get(n)?.[stage].shift() ?? 'done'
      logs.get(n)?.push({ stage, deed })
      const done = () => answer(response, 200, { output: { n, way: [...way, stage] } })
      const acts: Record<Deed, () => unknown> = {
        done,
        late: () => setTimeout(done, 5),
        error: () => answer(response, 500, {}),
        reset: () => response.destroy(),
        notNow: () => answer(response, 429, {}, { 'retry-after': '0' }),
        reject: () => answer(response, 422, { why: 'no' }),
        odd: () => answer(response, 200, []),
      }
      acts[deed]()
    }
  }

  async function send({ direction, isIdempotent, deeds: { clean, score, judge } }: Plan): Promise<{ reply: Reply; log: Deeds }> {
    const n = (last += 1)
    const log: Deeds = []
    plans.set(n, { clean: [...clean], score: [...score], judge: [...judge] })
    logs.set(n, log)
    const reply = await router.task('any', { input: { n, way: [] }, direction, idempotent: isIdempotent })
    return { reply, log: [...log] }
  }

  it('ends every task once, has its stages done in their order and each only once, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 12 }), async (tasks) => {
        const ended = await Promise.all(tasks.map(send))
        for (const [i, { reply, log }] of ended.entries()) isRight(reply, log, tasks[i]?.isIdempotent ?? true)
      }),
      { numRuns: 60, endOnFailure: true },
    )
    const view = await router.sees(
      'any',
      'nothing left',
      ({ queue, agents }) => queue.length === 0 && agents.every((a) => a.inFlight === 0),
    )
    expect(view.tasks.done + view.tasks.failed).to.equal(last)
    expect(view.tasks.done).to.be.greaterThan(0)
    expect((await router.get('/metrics')).text).to.match(/^swarmops_router_open_tasks 0$/m)
  })
})

/** Whether an answer is what the deeds of the agents make of the task. */
function isRight({ status, body }: Reply, log: Deeds, isIdempotent: boolean): void {
  const told = JSON.stringify({ status, body, log })
  const isDone = ({ deed }: Deeds[number]) => deed === 'done' || deed === 'late'
  const order = body.direction === 'reverse' ? STAGES.toReversed() : [...STAGES]
  // A stage that was done is not done again, and the next one is begun by nothing else.
  const finished = log.filter(isDone).map(({ stage }) => stage)
  expect(finished, told).to.deep.equal(order.slice(0, finished.length))
  const at = log.map(({ stage }) => order.indexOf(stage))
  expect(at, told).to.deep.equal(at.toSorted((a, b) => a - b))
  expect(body.stages?.map(({ stage }) => stage) ?? [], told).to.deep.equal(finished)
  if (status === 200) expect((body.output as { way?: unknown } | undefined)?.way, told).to.deep.equal(order)
  else expect(body.code, told).to.be.oneOf(ENDS)
  expect(status === 200, told).to.equal(finished.length === STAGES.length)
  if (log.some(({ deed }) => deed === 'reject')) expect(body.code, told).to.equal('TaskRejected')
  if (isIdempotent) return
  for (const stage of STAGES) expect(log.filter((each) => each.stage === stage && each.deed !== 'notNow').length, told).to.be.at.most(1)
}
