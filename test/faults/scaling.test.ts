import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../dev/e2b-local/random.ts'
import { ScalingLab } from '../support/scaling-lab.ts'
import { eventually } from '../support/wait.ts'

/** Times that the swarm goes up and down again; the operator is killed in each. */
const ROUNDS = 3

/** Kills come up to this long after the load has changed, in milliseconds: most of what follows it happens within. */
const LONGEST_MS = 1_500

const METRICS = [{ name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }]
const BEHAVIOUR = { scaleDown: { stabilisationWindow: '500ms' } }

describe('a policy under load whose operator is killed', function () {
  this.timeout(300_000)
  let lab: ScalingLab
  afterEach(async () => lab.stop())

  it('at any instant of its way up and down ends at the number that the load asks for, within its bounds, and loses no task', async () => {
    const seed = Number(process.env['SWARM_SEED'] ?? Date.now() % 1_000_000)
    const random = seededRandom(seed)
    lab = await ScalingLab.start({ router: 2, e2b: { createLatencyMs: 100 } })
    const { system } = lab
    await lab.swarm('desk', 2)
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 8, metrics: METRICS, behaviour: BEHAVIOUR })
    await lab.tells('desk', 'ScalingActive', 'True')
    const counts = system.watchCounts('desk')
    const steady = system.keepAsking('desk', 1, { sleepMs: 100 })
    const did: number[] = []
    const strike = async () => {
      const instantMs = Math.floor(random() * LONGEST_MS)
      did.push(instantMs)
      await pause(instantMs) // the instant is the point here: any will do
      await system.operator?.kill()
      await system.startOperator()
    }
    const settles = async (agents: number) => {
      await lab.replicas('desk', agents)
      await eventually(
        `${agents} agents take tasks`,
        async () => {
          const { readyReplicas, replicas } = (await system.swarm('desk'))?.status ?? {}
          if (readyReplicas === agents && replicas === agents) return true
          throw new Error(JSON.stringify({ readyReplicas, replicas }))
        },
        { timeoutMs: 60_000 },
      )
      await system.isExact('desk')
    }
    try {
      const answers: { status: number }[] = []
      for (let round = 1; round <= ROUNDS; round += 1) {
        const load = system.keepAsking('desk', 16, { sleepMs: 200 })
        await strike()
        await settles(8)
        answers.push(...(await load.stop()))
        await strike()
        await settles(2)
      }
      answers.push(...(await steady.stop()))
      expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
      const seen = (await counts.stop()).map(({ running }) => running)
      expect([Math.min(...seen), Math.max(...seen)]).to.deep.equal([2, 8])
      const { conditions } = (await lab.get('desk'))?.status ?? {}
      expect(
        conditions?.some(({ type }) => type === 'ReplicasSetByOthers'),
        'its own number is not taken for that of others',
      ).to.equal(false)
    } catch (error) {
      throw new Error(`with SWARM_SEED=${seed}, killed ${did.join(', ')} ms after the load changed`, { cause: error })
    } finally {
      await counts.stop()
    }
  })
})
