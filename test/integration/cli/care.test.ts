import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Plugin } from '../../support/plugin.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

describe('kubectl swarm: care', function () {
  this.timeout(120_000)
  let system: System
  let plugin: Plugin
  before(async () => {
    system = await System.start({ router: true })
    plugin = new Plugin(system)
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
  })
  after(async () => {
    plugin.remove()
    await system.stop()
  })

  const names = async () => (await system.agents('desk')).map(({ metadata }) => metadata.name)
  const ask = async (input: object) => {
    const { status, body } = await system.task('desk', input)
    return [status, (body['output'] as { by?: string } | undefined)?.by] as const
  }

  it('shows how busy agents are, by E2B and by routers', async () => {
    const [agent = ''] = await names()
    let isOn = true
    const work = Array.from({ length: 4 }, async () => {
      while (isOn) await ask({ sleepMs: 100 })
    })
    type Line = { agent: string; status: string; cpuPercent?: number; tasksPerSecond: number; errorPercent: number; latencyMs: number }
    const lines = await eventually(
      'all figures are known',
      async () => {
        const read = JSON.parse(await plugin.says(['top', 'desk', '--output', 'json'])) as Line[]
        return read.length === 2 && read.every((line) => line.cpuPercent !== undefined && line.tasksPerSecond > 0) && read
      },
      { timeoutMs: 60_000 },
    )
    expect(lines.map(({ status, errorPercent }) => [status, errorPercent])).to.deep.equal([
      ['AgentReady', 0],
      ['AgentReady', 0],
    ])
    for (const { latencyMs } of lines) expect(latencyMs).to.be.at.least(75)
    expect(await plugin.says(['top', '--sort', 'tasks'])).to.match(
      /^AGENT +GROUP +STATUS +CPU +MEMORY +IN-FLIGHT +TASKS\/S +ERRORS +P95\ndesk-\w+ +AgentReady +[\d.]+% +[\d.]+% +\d\/4 +\d/,
    )
    const partly = await plugin.run(['top', 'desk'], { env: { SWARM_ROUTER_URL: '', E2B_API_KEY: '' } })
    isOn = false
    await Promise.all(work)
    expect(partly.out).to.match(new RegExp(`^AGENT .*\n${agent} +AgentReady\n`))
    expect(partly.err).to.equal(
      'no router is known, and none runs in namespace swarm-system; name theirs with --router-namespace or SWARM_ROUTER_NAMESPACE, ' +
        'or give an address with --router or SWARM_ROUTER_URL\n' +
        'the swarm names no key of its own, the operator uses its own one; set E2B_API_KEY to the same key\n',
    )
  })

  it('completes names for kubectl, which asks it by another name, and for shells', async () => {
    const offered = async (...line: string[]) => {
      const { stdout } = await promisify(execFile)('kubectl', ['__complete', 'swarm', ...line], { env: plugin.env() })
      return stdout.trim().split('\n')
    }
    expect(await offered('status', '-n', system.namespace, '')).to.deep.equal(['desk', ':4'])
    expect(await offered('drain', '--namespace', system.namespace, 'desk-')).to.deep.equal([...(await names()), ':4'])
    expect(await offered('logs', '--namespace', system.namespace, '')).to.deep.equal(['desk', ...(await names()), ':4'])
    expect(await offered('list', '-n', system.namespace.slice(0, 5))).to.include(system.namespace)
    const line = `source <(kubectl-swarm completion bash); COMP_WORDS=(kubectl-swarm stat); COMP_CWORD=1; _kubectl_swarm; echo "\${COMPREPLY[*]}"`
    expect((await promisify(execFile)('bash', ['-c', line], { env: plugin.env() })).stdout).to.equal('status\n')
  })

  it('drains an agent: another one is ready first, its tasks are done, and it is gone', async () => {
    const [agent = '', other = ''] = await names()
    const tasks = Array.from({ length: 4 }, async () => ask({ sleepMs: 4_000 }))
    const said = await plugin.says(['drain', agent])
    expect(said).to.match(new RegExp(`^agent ${agent} is asked to drain: .*\n(agent ${agent} .*\n)+agent ${agent} is gone\n$`))
    expect(said).to.include(`agent ${agent} gets no new tasks and finishes those that it has\n`)
    const answers = await Promise.all(tasks)
    expect(answers.map(([status]) => status)).to.deep.equal([200, 200, 200, 200])
    expect(new Set(answers.map(([, by]) => by))).to.include(agent)
    await system.settled('desk')
    const now = await names()
    expect([now.length, now.includes(other), now.includes(agent)]).to.deep.equal([2, true, false])
    await system.told('desk', 'Draining', new RegExp(`^draining ${agent}: a person asked for it$`))
  })

  it('need not wait, and says what is in the way when it has waited in vain', async () => {
    const [agent = ''] = await names()
    await system.apply('desk', { replicas: 2, budget: { maxAgents: 2 } }) // no room for another one
    const late = await plugin.run(['drain', agent, '--timeout', '1s'])
    expect(late.err).to.match(
      new RegExp(`^agent ${agent} is still there after 1 s, it waits for another one to be ready; swarm desk says: `),
    )
    expect(late.code).to.equal(1)
    await system.apply('desk', { replicas: 2 })
    await eventually('what was asked for is done when there is room', async () => !(await names()).includes(agent), { timeoutMs: 60_000 })
    await system.settled('desk')
    const [next = ''] = await names()
    expect(await plugin.says(['drain', next, '--no-wait'])).to.match(new RegExp(`^agent ${next} is asked to drain: .*\n$`))
    await eventually('that one goes as well', async () => !(await names()).includes(next), { timeoutMs: 60_000 })
  })
})
