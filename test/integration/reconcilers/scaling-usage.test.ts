import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { agentProgram, programFile } from '../../support/agent-program.ts'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { eventually } from '../../support/wait.ts'

/** Does as it is told: `burn` keeps a processor busy until `rest`, `holdMib` keeps so much memory from then on. */
const AGENT_PROGRAM = agentProgram({
  setUp: `import { Worker } from 'node:worker_threads'
let burner, held`,
  work: `
    if (input.burn) burner ??= new Worker('for (;;);', { eval: true })
    if (input.rest) await burner?.terminate()
    if (input.holdMib) held = Buffer.alloc(input.holdMib * 1024 * 1024, 1)`,
  reply: 'answer(response, 200, { output: null })',
})
/** Sandboxes of a size at which one program is a good part of them. */
const TEMPLATE = { sandboxTemplate: 'small', files: [programFile('worker')] }
const FAST_DOWN = { scaleDown: { stabilisationWindow: '2s' } }
/** Sandboxes are measured every five seconds, and twice before one is believed that goes. */
const MEASURED = { timeoutMs: 60_000 }

describe('scaling by what sandboxes use, towards a target', function () {
  this.timeout(240_000)
  let lab: ScalingLab
  let counts: ReturnType<ScalingLab['system']['watchCounts']> | undefined
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { templates: ['small=1x512'] } })
    await lab.system.configMap('worker', { 'agent.mjs': AGENT_PROGRAM })
  })
  after(async () => {
    await counts?.stop()
    await lab.stop()
  })

  const replicas = async (swarm: string) => (await lab.system.swarm(swarm))?.spec.replicas ?? 0
  const valueOf = async (swarm: string) => Number((await lab.get(swarm))?.status?.metrics?.[0]?.value)

  it('adds agents while the mean of their memory is above it, asks once for each that starts, and stays where it is met', async () => {
    const { system } = lab
    await lab.swarm('memory', 1, { template: TEMPLATE })
    const metrics = [{ name: 'memory', type: 'Memory', target: { value: 35 } }]
    await lab.policy('memory', { maxReplicas: 10, metrics, behaviour: FAST_DOWN })
    await eventually('it is measured', async () => (await valueOf('memory')) > 0, MEASURED)
    expect(await replicas('memory')).to.equal(1)
    counts = system.watchCounts('memory')
    expect((await system.task('memory', { holdMib: 200 })).status).to.equal(200)
    const policy = await eventually(
      'the mean is what is aimed at',
      async () => {
        const seen = await lab.get('memory')
        const { value, wantedReplicas } = seen?.status?.metrics?.[0] ?? {}
        const isMet = Math.abs(Number(value) - 35) <= 10 && wantedReplicas === seen?.status?.currentReplicas
        if (isMet && (await replicas('memory')) > 1) return seen
        throw new Error(JSON.stringify(seen?.status))
      },
      MEASURED,
    )
    expect(policy?.status?.metrics?.[0]?.message).to.match(/aimed at 35/)
    await system.told('memory', 'ScaledUp', /memory asks for 2; from 1 to 2/)
    await system.settled('memory')
    // Of about 60 and 20 percent three agents have a mean of 35.
    expect(Math.max(...(await counts.stop()).map(({ running }) => running))).to.be.within(2, 4)
  })

  it('follows the processors up and down again', async () => {
    const { system } = lab
    await lab.swarm('cpu', 1, { template: TEMPLATE })
    const metrics = [{ name: 'cpu', type: 'Cpu', target: { value: 12 } }]
    await lab.policy('cpu', { maxReplicas: 3, metrics, behaviour: FAST_DOWN })
    await eventually('it is measured', async () => !Number.isNaN(await valueOf('cpu')), MEASURED)
    expect((await system.task('cpu', { burn: true })).status).to.equal(200)
    await eventually('two more have come', async () => (await replicas('cpu')) === 3, MEASURED)
    await system.told('cpu', 'ScaledUp', /cpu asks for/)
    await system.settled('cpu')
    await eventually(
      'all agents rest',
      async () => {
        await Promise.all([1, 2, 3, 4, 5, 6].map(async () => system.task('cpu', { rest: true })))
        return (await valueOf('cpu')) < 12
      },
      MEASURED,
    )
    await eventually('they have gone', async () => (await replicas('cpu')) === 1, MEASURED)
    await system.settled('cpu')
  })
})
