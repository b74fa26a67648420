import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { startTimeOf } from '../../dev/cluster/process-record.ts'
import { isPortFree } from '../../dev/cluster/ports.ts'
import { LocalSystem } from '../support/local-system.ts'
import { eventually } from '../support/wait.ts'

/** Away from a local system that a developer may have running. */
const OFFSET = 300
const ROUTER_PORT = 14000 + OFFSET

describe('the local system, as a newcomer uses it', function () {
  this.timeout(300_000)
  const system = new LocalSystem(OFFSET)
  const run = async (command: string, args: string[]) => system.run(command, args)
  const up = async () => system.up()
  const down = async () => system.down()
  const pidsIn = (output: string) => [...output.matchAll(/(?:pid |etcd |apiserver |manager )(\d+)/g)].map((m) => Number(m[1]))
  let pids: number[] = []

  before(async () => {
    const { code, output } = await up()
    expect(code, output).to.equal(0)
    pids = pidsIn(output)
  })
  after(async () => {
    await system.remove()
  })

  it('tells in .dev/env how to reach it', () => {
    const names = ['KUBECONFIG', 'SWARM_ROUTER_URL', 'E2B_API_URL', 'E2B_SANDBOX_URL', 'E2B_API_KEY']
    expect(system.readEnvironment()).to.include.members(names)
  })

  it('is started once, however often it is asked for', async () => {
    const { code, output } = await up()
    expect(code, output).to.equal(0)
    expect(pidsIn(output)).to.deep.equal(pids)
    expect(output.match(/already up/g)).to.have.length(4)
  })

  it('gives the demo: real tasks, a killed sandbox, scaling, updates, a bad one that goes back by itself, nothing lost', async () => {
    const { code, output } = await run(process.execPath, ['examples/trading-desk/demo.ts'])
    expect(code, output).to.equal(0)
    expect(output).to.not.contain('✗')
    expect(output.match(/✓/g)).to.have.length(12)
    expect(output).to.match(/took its place and was ready \d+\.\d s after the kill/)
    expect(output).to.match(/✓ it was promoted \d+\.\d s after the change/)
    expect(output).to.match(/GuardTripped: \d+ of \d+ attempts failed, more than 10 %/)
    expect(output).to.match(/✓ it had all tasks \d+\.\d s after the approval/)
  })

  it('gives the demo a second time, on what the first has left', async () => {
    const { code, output } = await run(process.execPath, ['examples/trading-desk/demo.ts'])
    expect(code, output).to.equal(0)
    expect(output).to.not.contain('✗')
  })

  it('explains its kinds to kubectl', async () => {
    const { output } = await run('kubectl', ['explain', 'swarm.spec.template.readiness'])
    expect(output).to.contain('Path that answers 2xx when the agent takes tasks')
  })

  it('leaves nothing behind when the example is deleted', async () => {
    for (const from of [
      ['-f', 'examples/trading-desk/rollouts.yaml'],
      ['-k', 'examples/trading-desk'],
    ]) {
      const { code, output } = await run('kubectl', ['delete', ...from, '--timeout=60s'])
      expect(code, output).to.equal(0)
    }
    await eventually('agents and sandboxes are gone', async () => {
      const agents = (await run('kubectl', ['get', 'agents', '-o', 'name'])).output.trim()
      return agents === '' && (await system.sandboxes()).length === 0
    })
  })

  it('ends all that it has started, and nothing else, and says so when nothing runs', async () => {
    const { code, output } = await down()
    expect(code, output).to.equal(0)
    expect(pids).to.have.length.of.at.least(4)
    for (const pid of pids) expect(startTimeOf(pid), `pid ${pid}`).to.equal(undefined)
    expect(existsSync(join(system.dir, 'env'))).to.equal(false)
    expect((await down()).output).to.contain('nothing was running')
  })

  it('reports a foreign process on one of its ports and leaves it alone', async () => {
    const foreign = createServer((_request, response) => response.end('mine'))
    await new Promise<void>((resolve) => foreign.listen(ROUTER_PORT, '127.0.0.1', resolve))
    try {
      const { code, output } = await up()
      expect(code).to.equal(1)
      expect(output).to.contain(`port ${ROUTER_PORT} of router is held by`)
      expect(await (await fetch(`http://127.0.0.1:${ROUTER_PORT}`)).text()).to.equal('mine')
      expect((await down()).code).to.equal(0)
    } finally {
      foreign.closeAllConnections()
      await new Promise((resolve) => foreign.close(resolve))
    }
    expect(await isPortFree(ROUTER_PORT)).to.equal(true)
  })
})
