import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { randomBytes } from 'node:crypto'
import { Accounts, REVIEW_RULES, ROUTER_RULES } from '../support/accounts.ts'
import { Program } from '../support/programs.ts'
import { System } from '../support/system.ts'
import { eventually } from '../support/wait.ts'

type Line = { timestamp: string; level: string; message: string } & Record<string, unknown>

/** What no line and no metric may have, by what it is. */
type Secrets = ReadonlyMap<string, string>

const LEVELS = ['error', 'warn', 'info', 'debug']
const KEY = `e2b_${randomBytes(20).toString('hex')}`
const VALUE = `value-${randomBytes(16).toString('hex')}`
const WRONG_TOKEN = randomBytes(24).toString('hex')

/** Fails some tasks, and ends at others, in the middle of them. */
const TROUBLES = `
  if (request.headers['content-type'] && globalThis.count === undefined) globalThis.count = 0
  globalThis.count += 1
  if (globalThis.count % 5 === 0) return answer(response, 500, { error: 'no luck' })
  if (globalThis.count % 23 === 0) process.exit(3)
`

/** Every whole line that a program has written, parsed. */
function linesOf(program: Program): readonly Line[] {
  const lines = program.log.split('\n').slice(0, -1)
  return lines.map((text) => {
    const line: unknown = JSON.parse(text)
    if (typeof line === 'object' && line !== null && !Array.isArray(line)) return line as Line
    throw new Error(`no object: ${text}`)
  })
}

/** Messages that sound alike, but for a name or a number in them, are not constant. */
const shapeOf = (message: string) => message.replaceAll(/[0-9a-f]{6,}|\d+|"[^"]*"|\S*-\S*[0-9]\S*/g, '*')

describe('logs of operator and routers', function () {
  this.timeout(150_000)
  let system: System
  let guarded: Program
  let accounts: Accounts
  let secrets: Secrets

  before(async () => {
    system = await System.start({ router: 1, operatorArgs: ['--log-level', 'debug'] })
    const { namespace, client, kubeconfig, e2b } = system
    accounts = new Accounts(client, namespace)
    await accounts.create('guarded', ROUTER_RULES, { everywhere: REVIEW_RULES })
    await accounts.create('client')
    guarded = await Program.start({
      file: 'operator/router.ts',
      args: [...'--port 0 --log-level debug --log-format json --namespace'.split(' '), namespace],
      env: { KUBECONFIG: kubeconfig, E2B_SANDBOX_URL: e2b.url },
      listening: '"router listens"',
    })
    await system.useAgentProgram('agent', TROUBLES)
    await system.secret('settings', { password: VALUE })
    const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'settings', key: 'password' } } }]
    await system.apply('desk', { replicas: 3, template: { env } })
    await system.settled('desk')
    await busy()
    const token = await accounts.token('client')
    await ask(`Bearer ${token}`)
    await ask(`Bearer ${WRONG_TOKEN}`)
    secrets = new Map([
      ['API key of the operator', e2b.apiKey],
      ['API key that is refused', KEY],
      ['value of a Secret', VALUE],
      ['token of a client', token],
      ['token that nobody knows', WRONG_TOKEN],
      ...(await system.tokens('desk')).map((traffic, i) => [`traffic token ${i}`, traffic] as const),
    ])
  })
  after(async () => {
    await guarded?.stop()
    await accounts?.delete('guarded')
    await accounts?.delete('client')
    await system?.stop()
  })

  /** Tasks that fail, agents that end, a key that is refused, an operator that is killed. */
  async function busy(): Promise<void> {
    const load = system.keepAsking('desk', 3, { sleepMs: 10 })
    await system.secret('key', { apiKey: KEY })
    await system.apply('refused', { credentialsSecretRef: { name: 'key', key: 'apiKey' } })
    await system.tells('refused', 'CredentialsRejected')
    await eventually(
      'an agent has ended and tasks have failed',
      async () => {
        const events = await system.allEvents()
        return events.some(({ reason }) => reason === 'AgentReplaced') && load.answers.some(({ status }) => status !== 200)
      },
      { timeoutMs: 60_000 },
    )
    await system.operator?.kill()
    await system.startOperator()
    await system.told('desk', 'AgentReplaced', /./)
    await load.stop()
  }

  const ask = async (authorization: string) =>
    fetch(`http://127.0.0.1:${guarded.port}/v1/namespaces/${system.namespace}/swarms/desk/tasks`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"input":{}}',
    })

  const programs = () => [...system.operators, ...system.routers, guarded]

  it('are a JSON object a line, with time, level and message', () => {
    for (const program of programs()) {
      const lines = linesOf(program)
      expect(lines.length).to.be.at.least(2)
      for (const line of lines) {
        expect(Object.keys(line).slice(0, 3), JSON.stringify(line)).to.deep.equal(['timestamp', 'level', 'message'])
        expect(new Date(line.timestamp).toISOString()).to.equal(line.timestamp)
        expect(line.level).to.be.oneOf(LEVELS)
      }
    }
  })

  it('say the same in the same words, and what differs in fields', () => {
    const messages = new Set(
      programs()
        .flatMap(linesOf)
        .map(({ message }) => message),
    )
    expect(messages).to.include.keys('became leader', 'leading', 'event', 'router listens', 'router is ready', 'router connected')
    for (const message of messages) {
      expect(message).to.match(/^[a-z][\w’', .-]*$|^[a-z].* Node\.js$/)
      expect(shapeOf(message), 'a name or a number').to.equal(message)
    }
    expect(messages.size).to.be.below(40)
  })

  it('have the object, the reason and the words of what fails', () => {
    const events = system.operators.flatMap(linesOf).filter(({ message }) => message === 'event')
    const refused = events.find(({ reason }) => reason === 'CredentialsRejected')
    expect(refused).to.include({ level: 'warn' })
    expect(refused?.['object']).to.match(new RegExp(`^(Agent|Swarm) ${system.namespace}/refused`))
    expect(refused?.['text']).to.match(/refused the API key/i)
    const replaced = events.find(({ reason }) => reason === 'AgentReplaced')
    expect(replaced).to.include({ level: 'warn', object: `Swarm ${system.namespace}/desk` })
  })

  it('have no key, token or value of a Secret, and neither have metrics', async () => {
    const metrics = await system.metrics()
    expect(secrets.size).to.be.at.least(6)
    for (const [what, secret] of secrets) {
      for (const program of programs()) expect(program.log.includes(secret), `${what} in the log of ${program.port}`).to.equal(false)
      expect(metrics.includes(secret), `${what} in metrics`).to.equal(false)
    }
  })

  it('leave out what is less urgent than --log-level', async () => {
    const { kubeconfig, namespace } = system
    const levels = new Set(system.operators.flatMap(linesOf).map(({ level }) => level))
    expect([...levels]).to.include.members(['info', 'warn'])
    const env = { KUBECONFIG: kubeconfig }
    const args = ['--port', String(guarded.port), '--log-level', 'error', '--log-format', 'json', '--namespace', namespace]
    const ended = await Program.run({ file: 'operator/router.ts', args, env })
    expect(ended.code).to.equal(1)
    const [line, ...more] = ended.log.trim().split('\n')
    expect(more).to.deep.equal([])
    expect(JSON.parse(line ?? '')).to.include({ level: 'error', message: 'cannot run' })
  })
})
