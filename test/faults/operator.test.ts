import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../dev/e2b-local/random.ts'
import { METADATA } from '../../src/e2b/metadata.ts'
import { System } from '../support/system.ts'
import { eventually, GARBAGE_MS } from '../support/wait.ts'

/** Times that the operator is killed. */
const KILLS = 50

/** Kills come up to this long after a change, in milliseconds: most of what follows a change happens within. */
const LONGEST_MS = 500

/** What is shown of the last operator's log when it does not converge. */
const LOG_CHARS = 4_000

/** Kills after which everything must agree, before it goes on. */
const LOOK_EVERY = 10

describe('an operator that is killed at any instant', function () {
  this.timeout(600_000)
  let system: System
  afterEach(async () => system.stop())

  /** The operator leads: what it does now, it may be killed in. */
  const leads = async () => eventually('the operator leads', () => system.operator?.log.includes('"leading"') ?? false)

  it(`converges: ${KILLS} kills during create, scale, update and delete leave no orphan, no duplicate, no stuck finalizer`, async () => {
    const seed = Number(process.env['SWARM_SEED'] ?? Date.now() % 1_000_000)
    const random = seededRandom(seed)
    const below = (n: number) => Math.floor(random() * n)
    system = await System.start({ e2b: { light: true, createLatencyMs: 60 } })
    let revision = 0
    const specOf = () => ({ replicas: below(9), update: { maxSurge: 3 }, template: { env: [{ name: 'MODE', value: String(revision) }] } })
    const changes = {
      create: async (name: string) => system.apply(name, specOf()),
      scale: async (name: string) => system.apply(name, specOf()),
      update: async (name: string) => {
        revision += 1
        return system.apply(name, specOf())
      },
      delete: async (name: string) => system.remove(name),
    }
    const kinds = Object.keys(changes) as (keyof typeof changes)[]
    const did: string[] = []
    try {
      for (let n = 1; n <= KILLS; n += 1) {
        await leads()
        const kind = kinds[n % kinds.length] ?? 'create'
        const name = ['a', 'b'][below(2)] ?? 'a'
        const instantMs = below(LONGEST_MS)
        did.push(`${kind} ${name}, killed after ${instantMs} ms`)
        await changes[kind](name)
        await pause(instantMs) // the instant is the point here: any will do
        await system.operator?.kill()
        await system.startOperator()
        if (n % LOOK_EVERY === 0) await agree()
      }
      for (const name of ['a', 'b']) await system.remove(name)
      await system.isEmpty()
    } catch (error) {
      const log = system.operator?.log.slice(-LOG_CHARS) ?? ''
      throw new Error(`with SWARM_SEED=${seed}, after: ${did.slice(-LOOK_EVERY).join('; ')}; the operator says: ${log}`, { cause: error })
    }

    async function agree(): Promise<void> {
      for (const name of ['a', 'b']) {
        if (await system.swarm(name)) {
          await system.settled(name)
          await system.isExact(name)
        } else {
          const isGone = async () => {
            const sandboxes = system.e2b.admin.sandboxes().filter((s) => s.metadata[METADATA.swarm] === name)
            return (await system.agents(name)).length + sandboxes.length === 0
          }
          await eventually(`nothing is left of ${name}`, isGone, { timeoutMs: GARBAGE_MS })
        }
      }
    }
  })

  it('is followed by a second one that waits, and never are there two that act', async () => {
    system = await System.start({ e2b: { light: true, createLatencyMs: 60 } })
    await leads()
    const first = system.operator
    await system.startOperator()
    const second = system.operator
    await system.apply('desk', { replicas: 20 })
    await eventually('some agents are there', async () => (await system.agents('desk')).length > 5)
    expect(second?.log.includes('"leading"')).to.equal(false)
    await first?.kill()
    await system.settled('desk')
    await system.isExact('desk')
    expect(second?.log.includes('"leading"')).to.equal(true)
    expect(system.e2b.admin.counters()['POST /v2/sandboxes'], 'creates at the provider').to.be.at.most(40)
  })

  it('that is asked to end lets go of its Lease, so that the next one need not wait', async () => {
    system = await System.start({ e2b: { light: true }, operatorArgs: ['--lease-duration', '60s'] })
    await leads()
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
    await system.operator?.stop()
    await system.startOperator()
    await leads()
    await system.apply('desk', { replicas: 3 })
    await system.settled('desk')
  })
})
