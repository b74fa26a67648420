import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { Agent, request } from 'undici'
import { Accounts, expired, REVIEW_RULES, ROUTER_RULES, type Rule } from '../../support/accounts.ts'
import { useCluster } from '../../support/cluster.ts'
import { eventually } from '../../support/wait.ts'
import { FaultProxy } from '../kube/fault-proxy.ts'
import { answer, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const swarms = (verbs: readonly string[], more: Rule = {}): Rule => ({ apiGroups: ['swarmops.dev'], resources: ['swarms'], verbs, ...more })
const TASKS: Rule = { apiGroups: ['swarmops.dev'], resources: ['swarms/tasks'], verbs: ['create'] }
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const codeOf = ({ status, body }: Reply) => (status === 200 ? 200 : [status, body.code])

describe('who may use a router', () => {
  let fleet: TestFleet
  let accounts: Accounts
  let proxy: FaultProxy
  let router: RouterProcess
  let agent: TestAgent
  let tokens: Record<'caller' | 'picky' | 'viewer' | 'scraper' | 'nobody', string>
  let kubeconfig: string
  let watched: Response
  /** Of a user who has sent a task and lost the right to it since. */
  let former: string

  before(async () => {
    ;({ kubeconfig } = await useCluster())
    fleet = await TestFleet.start()
    accounts = new Accounts(fleet.client, fleet.namespace)
    await accounts.create('router', ROUTER_RULES, { everywhere: REVIEW_RULES })
    await accounts.create('caller', [TASKS])
    await accounts.create('picky', [{ ...TASKS, resourceNames: ['words'] }])
    await accounts.create('viewer', [swarms(['get', 'list'])])
    await accounts.create('scraper', [], { everywhere: [{ nonResourceURLs: ['/metrics', '/internal/stats'], verbs: ['get'] }] })
    await accounts.create('nobody', [TASKS], { where: 'default' })
    const token = (name: string) => accounts.token(name)
    tokens = {
      caller: await token('caller'),
      picky: await token('picky'),
      viewer: await token('viewer'),
      scraper: await token('scraper'),
      nobody: await token('nobody'),
    }
    await fleet.swarm('words')
    await fleet.swarm('others')
    agent = await fleet.agent('words', 'words-a')
    await fleet.agent('others', 'others-a')
    // The router has the rights of its role and no others.
    proxy = new FaultProxy(await accounts.configOf('router', fleet.config))
    router = await RouterProcess.start({ config: await proxy.start(), ...place(fleet), token: 'shared', args: ['--auth', 'kubernetes'] })
    const isReady = async () => (await task('words', tokens.caller)).status === 200 && (await task('others', tokens.caller)).status === 200
    await eventually('tasks are done', isReady)
    await accounts.create('former', [TASKS])
    former = await token('former')
    expect(codeOf(await task('words', former))).to.equal(200)
    await accounts.forbid('former')
    await accounts.create('leaver', [swarms(['get'])])
    watched = await fetch(router.url + router.path('words', '/events'), { headers: bearer(await accounts.token('leaver')) })
    await accounts.delete('leaver')
  })
  after(async () => {
    await router.stop()
    await proxy.stop()
    await Promise.all(['router', 'caller', 'scraper'].map((name) => accounts.delete(name)))
    await accounts.delete('nobody')
    await fleet.stop()
  })

  const place = ({ namespace, gateway }: TestFleet) => ({ namespace, sandboxUrl: gateway.url })
  const task = (swarm: string, token: string) => router.task(swarm, { input: 1 }, { headers: bearer(token) })
  const get = (path: string, token?: string) => router.raw('GET', path, token === undefined ? {} : { headers: bearer(token) })

  it('sends tasks with a token whose user may create swarms/tasks, there and nowhere else', async () => {
    expect(codeOf(await task('words', tokens.caller))).to.equal(200)
    expect(codeOf(await task('words', tokens.picky))).to.equal(200)
    expect(codeOf(await task('others', tokens.picky))).to.deep.equal([403, 'Forbidden'])
    expect(codeOf(await task('words', tokens.nobody))).to.deep.equal([403, 'Forbidden'])
    expect(codeOf(await task('words', tokens.viewer))).to.deep.equal([403, 'Forbidden'])
    // Whoever may not send tasks does not learn which swarms there are.
    expect(codeOf(await task('absent', tokens.nobody))).to.deep.equal([403, 'Forbidden'])
    expect(codeOf(await task('absent', tokens.caller))).to.deep.equal([404, 'SwarmNotFound'])
  })

  it('is told which right is missing, and by a command that shows it', async () => {
    const { body } = await task('words', tokens.viewer)
    const user = `system:serviceaccount:${fleet.namespace}:viewer`
    expect(body.detail).to.contain(`user ${user} may not create swarms/tasks of swarm words in namespace ${fleet.namespace}`)
    const command = /kubectl (auth can-i .*) shows it/.exec(body.detail ?? '')?.[1] ?? ''
    const run = (args: string) => promisify(execFile)('kubectl', args.split(' '), { env: { ...process.env, KUBECONFIG: kubeconfig } })
    expect(await run(command).catch((error: { stdout: string }) => error.stdout.trim())).to.equal('no')
    expect((await run(command.replace(/viewer$/, 'caller'))).stdout.trim()).to.equal('yes')
  })

  it('needs get and list of swarms for live views, and the paths for metrics and statistics', async () => {
    const { viewer, caller, scraper } = tokens
    const list = `/v1/namespaces/${fleet.namespace}/swarms`
    for (const path of [router.path('words'), list]) {
      expect(codeOf(await get(path, viewer)), path).to.equal(200)
      expect(codeOf(await get(path, caller)), path).to.deep.equal([403, 'Forbidden'])
      expect(codeOf(await get(path)), path).to.deep.equal([401, 'Unauthorized'])
    }
    expect(codeOf(await get(router.path('words', '/events'), caller))).to.deep.equal([403, 'Forbidden'])
    expect(codeOf(await get('/metrics', scraper))).to.equal(200)
    for (const path of ['/metrics', '/internal/stats']) {
      const { status, body } = await get(path, viewer)
      expect([status, body.detail], path).to.deep.equal([
        403,
        `user system:serviceaccount:${fleet.namespace}:viewer may not get ${path}; ask for a role that allows it, ` +
          `kubectl auth can-i get ${path} --as=system:serviceaccount:${fleet.namespace}:viewer shows it`,
      ])
      expect(codeOf(await get(path)), path).to.deep.equal([401, 'Unauthorized'])
    }
    for (const token of [scraper, 'shared']) {
      const stream = await fetch(`${router.url}/internal/stats`, { headers: bearer(token) })
      expect(stream.status).to.equal(200)
      await stream.body?.cancel()
    }
    for (const path of ['/healthz', '/readyz']) expect((await get(path)).status, path).to.equal(200)
  })

  it('is refused without a token that is good, and told how to send one', async () => {
    await accounts.create('gone', [TASKS])
    const gone = await accounts.token('gone')
    await accounts.delete('gone')
    const cases: Record<string, Record<string, string>> = {
      'no token': {},
      'an empty one': { authorization: 'Bearer ' },
      'another scheme': { authorization: `Basic ${Buffer.from('user:password').toString('base64')}` },
      'a cookie': { cookie: `token=${tokens.caller}` },
      garbage: bearer('x'.repeat(5_000)),
      'one that was changed': bearer(`${tokens.caller.slice(0, -4)}AAAA`),
      'one that has expired': bearer(expired(tokens.caller, kubeconfig)),
      'one of an account that is gone': bearer(gone),
      'one for somebody else': bearer(await accounts.token('caller', ['somebody-else'])),
    }
    for (const [name, headers] of Object.entries(cases)) {
      const reply = await router.task('words', { input: 1 }, { headers })
      expect(codeOf(reply), name).to.deep.equal([401, 'Unauthorized'])
      expect(reply.headers['www-authenticate'], name).to.match(/^Bearer realm="swarm-operator"/)
    }
  })

  it('keeps their credentials from agents', async () => {
    agent.received.length = 0
    const headers = { ...bearer(tokens.caller), cookie: 'session=1', 'proxy-authorization': 'Basic eDp5', 'x-api-key': 'k' }
    expect((await router.task('words', { input: 1 }, { headers })).status).to.equal(200)
    const [received] = agent.received
    expect(received?.headers).to.not.have.any.keys('authorization', 'cookie', 'proxy-authorization', 'x-api-key')
    expect(JSON.stringify(received)).to.not.contain(tokens.caller)
  })

  it('is asked about once when many come at once with the same token', async () => {
    await accounts.create('burst', [TASKS])
    const token = await accounts.token('burst')
    const before = proxy.requests.length
    const replies = await Promise.all(Array.from({ length: 200 }, () => task('words', token)))
    expect(replies.map(codeOf)).to.deep.equal(replies.map(() => 200))
    const asked = proxy.requests.slice(before).filter((path) => path.includes('reviews'))
    expect(asked.map((path) => path.split('/').at(-1)?.replace(/\?.*/, ''))).to.deep.equal(['tokenreviews', 'subjectaccessreviews'])
    for (let i = 0; i < 20; i++) await task('words', token)
    expect(proxy.requests.slice(before).filter((path) => path.includes('reviews'))).to.deep.equal(asked)
  })

  it('works on while the API server gives no answer, but nobody new is let in until it does', async () => {
    await accounts.create('late', [TASKS])
    const late = await accounts.token('late')
    expect(codeOf(await get(router.path('words'), tokens.caller))).to.deep.equal([403, 'Forbidden'])
    proxy.refuse = (path) => (path.includes('reviews') ? 503 : undefined)
    // A known user's right that nobody asked about is as unknown as a new token; one that was refused a moment ago is so still.
    expect(codeOf(await get(router.path('words'), tokens.caller))).to.deep.equal([403, 'Forbidden'])
    expect(codeOf(await get(router.path('others'), tokens.viewer))).to.deep.equal([503, 'AccessUnknown'])
    for (let i = 0; i < 20; i++) expect(codeOf(await task('words', tokens.caller))).to.equal(200)
    const { status, body, headers } = await task('words', late)
    expect([status, body.code, headers['retry-after']]).to.deep.equal([503, 'AccessUnknown', '1'])
    proxy.refuse = () => undefined
    expect(codeOf(await task('words', late))).to.equal(200)
    expect(router.log).to.match(/"tokens and rights cannot be checked"[\s\S]*"tokens and rights are checked again"/)
  })

  it('leaves nothing behind when it goes away while it is being asked about', async () => {
    await accounts.create('hasty', [TASKS])
    const token = await accounts.token('hasty')
    const leaving = new AbortController()
    proxy.refuse = (path) => {
      if (path.includes('tokenreviews')) leaving.abort()
      return undefined
    }
    const sent = router.task('words', { input: 1 }, { headers: bearer(token), signal: leaving.signal })
    expect(await sent.then(() => 'done', () => 'left')).to.equal('left') // prettier-ignore
    proxy.refuse = () => undefined
    await eventually('no task is open', async () => /^swarmops_router_open_tasks 0$/m.test((await get('/metrics', tokens.scraper)).text))
  })

  it('reads nothing of a token in logs and metrics', async () => {
    const { text } = await get('/metrics', tokens.scraper)
    for (const token of Object.values(tokens)) {
      expect(router.log).to.not.contain(token.slice(-40))
      expect(text).to.not.contain(token.slice(-40))
    }
    expect(text).to.match(/swarmops_router_refused_total\{code="Unauthorized"\} \d+/)
    expect(text).to.match(/swarmops_access_cached\{what="tokens",answer="good"\} \d+/)
  })

  it('takes tasks of kubectl swarm with the token of its kubeconfig, of a file, or of a ServiceAccount', async () => {
    const main = join(import.meta.dirname, '../../../operator/kubectl-swarm.ts')
    const file = join(mkdtempSync(join(tmpdir(), 'swarm-token-')), 'token')
    writeFileSync(file, `${tokens.viewer}\n`, { mode: 0o600 })
    const submit = async (env: Record<string, string>, ...args: readonly string[]) => {
      const all = [main, 'submit', 'words', '{}', '-n', fleet.namespace, '--router', router.url, ...args]
      const run = promisify(execFile)(process.execPath, all, { env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, ...env } })
      const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error)
      return codeOf({ headers: {}, status: stdout === '' ? 0 : 200, body: JSON.parse(stdout || stderr) as Reply['body'] })
    }
    const [own, ofFile, ofAccount, ofVariable, none] = await Promise.all([
      submit({}),
      submit({}, '--token-file', file),
      submit({ SWARM_ROUTER_TOKEN: 'not this one' }, '--as-service-account', 'caller'),
      submit({ SWARM_ROUTER_TOKEN: tokens.picky }),
      submit({ KUBECONFIG: '/nowhere' }),
    ])
    expect({ own, ofFile, ofAccount, ofVariable, none }).to.deep.equal({
      own: 200,
      ofFile: [0, 'Forbidden'],
      ofAccount: 200,
      ofVariable: 200,
      none: [0, 'Unauthorized'],
    })
    rmSync(dirname(file), { recursive: true })
  })

  it('needs a token for the audience of the router where it has one', async () => {
    const args = ['--auth', 'kubernetes', '--token-audience', 'swarm-router']
    const own = await RouterProcess.start({ config: await accounts.configOf('router', fleet.config), ...place(fleet), args })
    const send = (token: string) => own.task('words', { input: 1 }, { headers: bearer(token) })
    expect(codeOf(await send(await accounts.token('caller', ['swarm-router'])))).to.equal(200)
    expect(codeOf(await send(tokens.caller))).to.deep.equal([401, 'Unauthorized'])
    await own.stop()
  })

  it('gets metrics and statistics with a token for the API server, as Prometheus has one, or for the audience of the router', async () => {
    const args = ['--auth', 'kubernetes', '--token-audience', 'swarm-router']
    const own = await RouterProcess.start({ config: await accounts.configOf('router', fleet.config), ...place(fleet), args })
    const scrapers = { scraper: tokens.scraper, own: await accounts.token('scraper', ['swarm-router']) }
    for (const [name, token] of Object.entries(scrapers)) {
      expect(codeOf(await own.raw('GET', '/metrics', { headers: bearer(token) })), name).to.equal(200)
      const stream = await fetch(`${own.url}/internal/stats`, { headers: bearer(token) })
      expect(stream.status, name).to.equal(200)
      await stream.body?.cancel()
    }
    const foreign = bearer(await accounts.token('scraper', ['somebody-else']))
    expect(codeOf(await own.raw('GET', '/metrics', { headers: foreign }))).to.deep.equal([401, 'Unauthorized'])
    // What opens the metrics opens nothing else.
    expect(codeOf(await own.raw('GET', own.path('words'), { headers: bearer(tokens.scraper) }))).to.deep.equal([401, 'Unauthorized'])
    await own.stop()
  })

  it('sees a stream end within a minute when the right to it has gone, and can send no task by then', async () => {
    expect(watched.status).to.equal(200)
    let text = ''
    for await (const chunk of watched.body ?? []) text += Buffer.from(chunk).toString()
    expect(text).to.contain('event: swarm').and.not.contain('event: gone')
    await eventually('the other one is refused', async () => (await task('words', former)).body.code === 'Forbidden')
    expect(router.log).to.contain('"router listens"').and.not.contain('router is stopping')
  })

  it('is heard with a new token while somebody else sends as many bad ones as it likes', async () => {
    await accounts.create('newcomer', [TASKS])
    const token = await accounts.token('newcomer')
    const from = (localAddress: string) => new Agent({ connections: 64, localAddress })
    const [there, here] = [from('127.0.0.2'), from('127.0.0.3')]
    const send = async (dispatcher: Agent, text: string) => {
      const options = { method: 'POST', dispatcher, headers: bearer(text), body: '{"input":1}' } as const
      const { body } = await request(router.url + router.path('words', '/tasks'), options)
      return ((await body.json()) as Reply['body']).code
    }
    let isHeard = false
    let refused = 0
    const flood = Array.from({ length: 64 }, async (_, lane) => {
      for (let i = 0; !isHeard; i++) if ((await send(there, `made-up-${lane}-${i}`)) === 'TooManyChecks') refused += 1
    })
    await eventually('the others are refused', () => refused > 0)
    const code = await send(here, token)
    isHeard = true
    await Promise.all(flood)
    expect(code).to.equal(undefined)
    await Promise.all([there.close(), here.close()])
  })

  it('has so many rights asked about, however many tokens it has', async () => {
    const dispatcher = new Agent() // with as many connections as there are requests, so that all come at once
    const own = await Promise.all(Array.from({ length: 5 }, async () => accounts.token('viewer')))
    const codeFor = async (path: string, token: string) => {
      const { body } = await request(router.url + path, { dispatcher, headers: bearer(token) })
      return ((await body.json()) as Reply['body']).code
    }
    const asked = own.flatMap((token) => Array.from({ length: 300 }, async (_, i) => codeFor(router.path(`made-up-${i}`), token)))
    expect(await Promise.all(asked)).to.include.members(['SwarmNotFound', 'TooManyChecks'])
    await dispatcher.close()
  })

  it('is held to a number of questions, however many tokens it makes up', async () => {
    agent.work = (_task, response) => answer(response, 200, { output: {} })
    const before = proxy.requests.length
    const replies = await Promise.all(Array.from({ length: 1_500 }, (_, i) => task('words', `made-up-${i}`)))
    // AccessUnknown where the API server itself takes too long for so many.
    const codes = new Set(replies.map(({ body }) => body.code))
    expect([...codes]).to.include.members(['TooManyChecks', 'Unauthorized'])
    expect(['TooManyChecks', 'Unauthorized', 'AccessUnknown']).to.include.members([...codes])
    expect(proxy.requests.slice(before).filter((path) => path.includes('tokenreviews')).length).to.be.lessThan(1_500)
    expect(codeOf(await task('words', tokens.caller))).to.equal(200)
  })
})
