import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { spawn as spawnTerminal } from '@lydell/node-pty'
import type { ChildProcess } from 'node:child_process'
import { AGENTS } from '../../../src/cli/fleet.ts'
import { programFile } from '../../support/agent-program.ts'
import { Plugin } from '../../support/plugin.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

/** The agents write what they are asked to, and end when they are asked to. */
const TALKING = `
  globalThis.greeted ??= (console.log('hello from', process.env.SWARM_AGENT), console.error('a complaint'), true)
`

describe('kubectl swarm: inside sandboxes', function () {
  this.timeout(120_000)
  let system: System
  let plugin: Plugin
  let agents: string[] = []
  before(async () => {
    system = await System.start({ router: true })
    plugin = new Plugin(system)
    const more = `let said = ''; for await (const chunk of request) said += chunk; const { input } = JSON.parse(said)
      if (input.exit !== undefined) process.exit(input.exit)
      if (input.fill && !globalThis.isFilled) for (let i = 0; i < input.fill; i += 1) console.log(String(i).padStart(99, '.'))
      globalThis.isFilled ||= input.fill > 0
      console.log(input.say); return answer(response, 200, { output: process.env.SWARM_AGENT })`
    await system.useAgentProgram('agent', more, TALKING)
    await system.secret('e2b', { apiKey: system.e2b.apiKey })
    await system.apply('desk', { replicas: 2, credentialsSecretRef: { name: 'e2b' } })
    await system.settled('desk')
    agents = (await system.agents('desk')).map(({ metadata }) => metadata.name)
  })
  after(async () => {
    plugin.remove()
    await system.stop()
  })

  const ask = async (input: object) => system.task('desk', input)
  const exitOf = async (child: ChildProcess) => new Promise<number | null>((resolve) => child.on('close', resolve))
  /** What a process has written so far. */
  const heard = (child: ChildProcess) => {
    const said = { out: '', err: '' }
    child.stdout?.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
    return said
  }

  it('shows the output of one agent, or of all agents of a swarm', async () => {
    const [agent = ''] = agents
    expect(await plugin.says(['logs', agent])).to.equal(`hello from ${agent}\na complaint\n`)
    expect(await plugin.says(['logs', agent, '--tail', '1'])).to.equal('a complaint\n')
    const lines = (await plugin.says(['logs', 'desk', '--tail', '1'])).trim().split('\n')
    expect(lines.sort()).to.deep.equal(agents.map((name) => `[${name}] a complaint`))
    expect(await plugin.says(['logs', 'desk', '--no-prefix', '--tail', '1'])).to.equal('a complaint\na complaint\n')
  })

  it('finds the key in the Secret that the swarm names', async () => {
    const [agent = ''] = agents
    expect(await plugin.says(['logs', agent, '--tail', '1'], { env: { E2B_API_KEY: '' } })).to.equal('a complaint\n')
  })

  it('goes on with what an agent writes, over the turn of its log, until somebody ends it', async () => {
    const [agent = ''] = agents
    const child = plugin.start(['logs', agent, '--follow', '--tail', '1'])
    const said = heard(child)
    await eventually('the end of the log is shown', () => said.out === 'a complaint\n')
    const listed = async () => plugin.says(['exec', agent, '--', 'sh', '-c', 'ps -eo args | grep -c "[s]warm-log" || true'])
    expect(Number(await listed())).to.be.at.least(1)
    const fill = 45_000 // lines of 100 bytes, more than a file of the log takes
    await eventually('one of the two has said so', async () => {
      await ask({ say: 'news', fill })
      return said.out.includes('news\n')
    })
    const numbers = said.out
      .split('\n')
      .filter((line) => /^\.+\d+$/.test(line))
      .map((line) => Number(line.replaceAll('.', '')))
    expect(numbers.slice(0, fill)).to.deep.equal(Array.from({ length: fill }, (_none, i) => i))
    const ended = exitOf(child)
    child.kill('SIGINT')
    await ended
    await eventually('nothing is left of it in the sandbox', async () => Number(await listed()) === 0)
  })

  it('follows agents of a swarm that come later, and says which ones end', async () => {
    const child = plugin.start(['logs', 'desk', '-f', '--prefix', '--tail', '0'])
    const said = heard(child)
    const ended = exitOf(child)
    await system.scale('desk', 3)
    const added = await eventually('another agent is there', async () => {
      const names = (await system.agents('desk')).map(({ metadata }) => metadata.name)
      return names.find((name) => !agents.includes(name))
    })
    await system.settled('desk')
    await eventually('all of them say so', async () => {
      await ask({ say: 'here' })
      return [...agents, added].every((name) => said.out.includes(`[${name}] here`))
    })
    await ask({ exit: 3 })
    await eventually('the end of one is told', () => /agent desk-\w+ (has ended|is lost)/.test(said.err))
    child.kill('SIGTERM')
    await ended
    agents = await eventually('another one is in its place', async () => {
      const now = (await system.settled('desk')) && (await system.agents('desk')).map(({ metadata }) => metadata.name)
      return now.length === 3 && now.some((name) => !agents.includes(name) && name !== added) && now
    })
  })

  it('has the last output of agents that are lost, where their swarm wants it told', async () => {
    const none = await plugin.run(['logs', 'desk', '--previous'])
    expect([none.code, none.err.split(';')[0]]).to.deep.equal([1, 'no lost agent of desk has left its last output'])
    const program = `console.log('secret-free words'); console.error('no model named in MODEL'); process.exit(9)`
    await system.configMap('broken', { 'agent.mjs': program })
    const files = [programFile('broken')]
    await system.apply('broken', { replicas: 1, lifecycle: { lastOutput: 'Event' }, template: { files } })
    const said = await eventually('it is told', async () => {
      const { code, out } = await plugin.run(['logs', 'broken', '--previous'])
      return code === 0 && out
    })
    expect(said).to.match(/^agent broken-\w{6}, \S+: its command ended with exit code 9; .*\nsecret-free words\nno model named in MODEL\n/)
    await system.remove('broken')
  })

  it('runs a command beside the agent: its words, its input, its output and its exit code', async () => {
    const [agent = ''] = agents
    const script = 'printf "%s\\n" "$@"; cat; echo oops >&2; exit 7'
    const ran = await plugin.run(['exec', '-i', agent, '--', 'sh', '-c', script, 'sh', "it's", '$HOME'], { input: 'from here\n' })
    expect(ran).to.deep.equal({ code: 7, out: "it's\n$HOME\nfrom here\n", err: 'oops\n' })
    const unheard = await plugin.run(['exec', agent, '--', 'cat'], { input: 'not for it' })
    expect(unheard).to.deep.equal({ code: 0, out: '', err: '' })
    expect((await plugin.run(['exec', agent, '--', 'no-such-program'])).code).to.equal(127)
  })

  it('gives a command a terminal', async () => {
    const [agent = ''] = agents
    const words = plugin.words(['exec', '-it', agent, '--', 'sh', '-c', 'tty; stty size; read -r line; echo "[$line]"; exit 5'])
    const terminal = spawnTerminal('kubectl', words, { cols: 91, rows: 33, env: plugin.env() })
    let seen = ''
    terminal.onData((text) => (seen += text))
    const exit = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)))
    await eventually('it has a terminal of this size', () => {
      if (/^\/dev\/pts\/\d+\r+\n33 91\r+\n$/.test(seen)) return true
      throw new Error(JSON.stringify(seen))
    })
    terminal.write('typed\r')
    expect(await exit).to.equal(5)
    expect(seen).to.match(/\[typed\]\r+\n$/)
  })

  it('keeps what agents write from steering the terminal that shows it, unless that is wanted', async () => {
    const [agent = ''] = agents
    const evil = 'a\u001b]52;c;eA==\u0007b\u001b[1A\u001b[32mc\r[desk-2] forged'
    await eventually('it has said so', async () => {
      await ask({ say: evil })
      return (await plugin.says(['logs', agent, '--tail', '1'])) === `${evil}\n`
    })
    const shown = async (...flags: string[]) => {
      const words = plugin.words(['logs', agent, '--tail', '1', ...flags])
      const terminal = spawnTerminal('kubectl', words, { cols: 91, rows: 33, env: plugin.env() })
      let seen = ''
      terminal.onData((text) => (seen += text))
      await new Promise((resolve) => terminal.onExit(resolve))
      return seen.replaceAll('\r\n', '\n')
    }
    expect(await shown()).to.equal('ab\u001b[32mc\u001b[0m\n[desk-2] forged\n')
    expect(await shown('--raw')).to.equal(`${evil}\n`)
  })

  const WRONG: Record<string, { args: (agent: string) => string[]; env?: Record<string, string>; err: RegExp }> = {
    'a name that is none': { args: () => ['logs', 'dask'], err: /^namespace \S+ has neither an agent nor a swarm dask; / },
    'an agent that is not there': { args: () => ['exec', 'desk-1', '--', 'ls'], err: /^namespace \S+ has no agent desk-1; / },
    'no terminal': { args: (agent) => ['exec', '-it', agent, '--', 'sh'], err: /^input does not come from a terminal; leave -t out\n$/ },
    'a key that E2B refuses': {
      args: (agent) => ['logs', agent],
      env: { E2B_API_KEY: 'e2b_0000000000000000000000000000000000000000' },
      err: /^E2B refuses E2B_API_KEY\n$/,
    },
  }
  for (const [name, { args, env = {}, err }] of Object.entries(WRONG)) {
    it(`says what is wrong: ${name}`, async () => {
      const ran = await plugin.run(args(agents[0] ?? ''), { env })
      expect(ran.err).to.match(err)
      expect([ran.code, ran.out]).to.deep.equal([1, ''])
    })
  }

  it('goes on with other agents of a swarm when one cannot be entered, and ends when none can', async () => {
    await system.settled('desk')
    await system.operator?.kill() // it would mend what follows
    // Not those of the tests before: a task that ended its agent may have been tried by another one as well, which was replaced later.
    const [agent = '', ...others] = (await system.agents('desk')).map(({ metadata }) => metadata.name)
    const isLost = async (name: string) => {
      const { metadata, status } = (await system.agents('desk')).find((each) => each.metadata.name === name) ?? expect.fail(`no ${name}`)
      const change = { status: { sandbox: { ...status?.sandbox, id: 'isandboxthatisgone' } } }
      await system.client.mergePatch(AGENTS, metadata, change, { subresource: 'status' })
    }
    await isLost(agent)
    const child = plugin.start(['logs', 'desk', '-f', '--tail', '1'])
    const said = heard(child)
    const ended = exitOf(child)
    await eventually('the others are shown', () => {
      if (others.every((name) => said.out.includes(`[${name}] `))) return true
      throw new Error(JSON.stringify({ others, ...said }))
    })
    await eventually('why it is not is told', () => said.err !== '')
    expect(said.err).to.equal(
      `agent ${agent} runs in sandbox isandboxthatisgone, which E2B_API_KEY does not open; is it a key of the same team?\n`,
    )
    child.kill('SIGTERM')
    expect(await ended).to.equal(130)
    for (const name of others) await isLost(name)
    const none = await plugin.run(['logs', 'desk', '-f'])
    expect([none.code, none.out]).to.deep.equal([1, ''])
    expect(
      none.err
        .trim()
        .split('\n')
        .map((line) => line.slice(0, line.indexOf(' runs in'))),
    ).to.have.members([agent, ...others].map((name) => `agent ${name}`))
  })
})
