import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { Plugin } from '../../support/plugin.ts'
import { RolloutSystem, SWARM } from '../../support/rollout-system.ts'
import { eventually } from '../../support/wait.ts'

describe('kubectl swarm', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  let plugin: Plugin
  before(async () => {
    here = await RolloutSystem.start('CanaryRollout', { scaleDownDelay: '0s', steps: [{ setWeight: 50 }, { pause: {} }] })
    plugin = new Plugin(here.system)
  })
  after(async () => {
    plugin.remove()
    await here.stop()
  })

  const says = async (args: readonly string[]) => plugin.says(args)
  const run: Plugin['run'] = async (args, options) => plugin.run(args, options)

  it('lists swarms, and shows one as a tree with its rollout and its agents', async () => {
    expect(await says(['list'])).to.match(
      /^NAME +READY +REVISION +ROLLOUT +HOURLY +STATUS +AGE\ndesk +4\/4 +\w{10} +CanaryRollout\/release +\$/,
    )
    const tree = await says(['status', SWARM])
    const { namespace } = here.system
    expect(tree).to.match(new RegExp(`^Swarm ${namespace}/desk\n4 of 4 agents are ready\n`))
    expect(tree).to.match(
      /├─ CanaryRollout release +Idle\n└─ revision \w+ \(stable\) +100 % +4 of 4 ready\n {3}├─ desk-\w{6} +AgentReady +Healthy/,
    )
    const read = JSON.parse(await says(['status', SWARM, '--output', 'json'])) as {
      agents: unknown[]
      swarm: { metadata: { name: string } }
    }
    expect([read.swarm.metadata.name, read.agents.length]).to.deep.equal([SWARM, 4])
    expect(await says(['cost'])).to.match(/^NAMESPACE +SWARM +GROUP +HOURLY +SPENT\n\S+ +desk +\$0.4356 +\$0\.\d+\n$/)
  })

  it('asks a rollout for what a person wants, and says what came of it', async () => {
    const stable = Object.keys(await here.weights())[0] ?? ''
    const isInPause = async () => here.until('it waits in its pause', ({ status }) => status?.step?.startsWith('2/2 pause') ?? false)
    await here.template('good-2')
    const target = (await isInPause()).status?.state?.targetRevision ?? ''
    expect(await says(['status', SWARM])).to.match(new RegExp(`revision ${target} \\(new\\) +50 % +2 of 2 ready`))
    expect(await says(['abort', SWARM])).to.equal('CanaryRollout release: Abort was done\n')
    await here.is('Aborted')
    expect(await says(['status', SWARM])).to.match(/CanaryRollout release was given up: aborted by \w+/)
    expect(await says(['retry', SWARM])).to.equal('CanaryRollout release: Retry was done\n')
    await isInPause()
    expect(await says(['pause', SWARM])).to.equal('CanaryRollout release: Pause was done\n')
    expect(await says(['resume', SWARM])).to.equal('CanaryRollout release: Resume was done\n')
    const meant = await run(['promote', SWARM, '--revision', 'ffffffffff'])
    expect([meant.code, meant.out]).to.deep.equal([1, ''])
    expect(meant.err).to.equal(`CanaryRollout release: revision ffffffffff was meant, but it is ${target} now; look again and ask again\n`)
    expect(await says(['promote', SWARM, '--revision', target])).to.equal('CanaryRollout release: Promote was done\n')
    await here.is('Idle')
    expect(await says(['undo', SWARM])).to.equal(`CanaryRollout release: RollbackTo ${stable} was done\n`)
    await eventually('it is back', async () => (await here.weights())[stable] === 100)
    await here.is('Idle')
    expect(await says(['status', SWARM])).to.include(
      `\nspec.template is revision ${target}; ${stable} runs, as asked by RollbackTo, until the template changes\n`,
    )
    expect(await says(['list'])).to.match(new RegExp(`\ndesk +4/4 +${stable} → ${target} `))
    const typed = await run(['undo', SWARM, '--to', 'ffffffffff'])
    expect(typed.err).to.match(
      new RegExp(`^CanaryRollout release: no revision ffffffffff is stored; there are (${stable}, ${target}|${target}, ${stable})\n$`),
    )
  })

  it('sends tasks, read from the line or from standard input', async () => {
    expect(JSON.parse(await says(['submit', SWARM, '{"a":1}']))).to.have.nested.property('output.input.a', 1)
    const piped = await run(['submit', SWARM, '-'], { input: 'a text' })
    expect(JSON.parse(piped.out)).to.have.nested.property('output.input', 'a text')
    const refused = await run(['submit', SWARM, '1', '--capability', 'poetry'])
    expect([refused.code, (JSON.parse(refused.err) as { code: string }).code]).to.deep.equal([1, 'NoAgentWithCapability'])
  })

  it('shows a swarm again at every change', async () => {
    const child = plugin.start(['status', SWARM, '--watch'])
    let seen = ''
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    const closed = new Promise((resolve) => child.on('close', resolve))
    await eventually('it is shown', () => seen.includes('of 4 agents are ready'))
    await here.system.apply(SWARM, { replicas: 5, template: { env: [{ name: 'MODE', value: 'good-2' }] } })
    await eventually('the change is shown', () => seen.includes('5 of 5 agents are ready'), { timeoutMs: 60_000 })
    child.kill('SIGINT')
    await closed
  })

  const WRONG: Record<string, { args: string[]; env?: Record<string, string>; code: number; err: RegExp }> = {
    'a swarm that is not there': { args: ['status', 'desc'], code: 1, err: /^namespace \S+ has no swarm desc; there are desk\n$/ },
    'nothing that is paused': { args: ['resume', SWARM], code: 1, err: /^CanaryRollout release: it is not paused by a request/ },
    'a context that is not there': { args: ['list', '--context', 'moon'], code: 2, err: /^the kubeconfig has no context "moon"; there / },
    'a kubeconfig that is not there': {
      args: ['list', '--kubeconfig', '/nowhere'],
      code: 2,
      err: /^the kubeconfig cannot be read: .*\/nowhere/,
    },
    'a command that does not exist': { args: ['promte', SWARM], code: 2, err: /unknown command 'promte'\n.*promote/ },
    'a command without its mark': {
      args: ['exec', 'desk-1', 'ls', '-l'],
      code: 2,
      err: /^error: unknown option '-l'\nWrite -- before a command: kubectl swarm exec AGENT -- ls -l\n$/,
    },
    'broken JSON': { args: ['submit', SWARM, '{"a":1'], code: 1, err: /^INPUT begins as JSON does and is none: .*position 6/ },
    'a name that is missing': { args: ['promote'], code: 2, err: /missing required argument 'SWARM'/ },
    'a format that does not exist': { args: ['list', '-o', 'xml'], code: 2, err: /Allowed choices are json/ },
    'no router': {
      args: ['submit', SWARM, '1'],
      env: { SWARM_ROUTER_URL: '' },
      code: 1,
      err: /^no router is known, and none runs in namespace swarm-system; name theirs with --router-namespace /,
    },
    'a router that does not answer': {
      args: ['submit', SWARM, '1', '--router', 'http://127.0.0.1:2'],
      code: 1,
      err: /^the router at http:\/\/127.0.0.1:2 cannot be reached: .*; give its address with --router or SWARM_ROUTER_URL\n$/,
    },
  }
  for (const [name, { args, env = {}, code, err }] of Object.entries(WRONG)) {
    it(`says what is wrong: ${name}`, async () => {
      const ended = await run(args, { env })
      expect(ended.err).to.match(err)
      expect([ended.code, ended.out]).to.deep.equal([code, ''])
    })
  }
})
