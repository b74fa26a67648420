import { randomUUID } from 'node:crypto'
import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import type { Metric } from '../../../src/api/analysis.ts'
import { TOKENS_SECRET_TYPE } from '../../../src/api/names.ts'
import type { Agent } from '../../../src/api/objects.ts'
import { Informer } from '../../../src/kube/informer.ts'
import { SECRETS } from '../../../src/kube/objects.ts'
import { createLog } from '../../../src/log.ts'
import { AGENT_INDEXERS } from '../../../src/reconcilers/shared/owners.ts'
import { AGENTS } from '../../../src/reconcilers/shared/kinds.ts'
import { measuring, type Measuring } from '../../../src/reconcilers/rollout/measuring.ts'
import { RouterTasks } from '../../../src/reconcilers/rollout/router-tasks.ts'
import { warmUp } from '../../../src/reconcilers/rollout/warm-up.ts'
import { RouterFeed } from '../../../src/router-client/feed.ts'
import type { CheckSubject } from '../../../src/rollouts/subject.ts'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from '../router/agents.ts'
import { TestFleet } from '../router/fleet.ts'
import { RouterProcess } from '../router/router-process.ts'
import { TestSource } from '../../support/test-source.ts'

const TOKEN = 'measuring-test-token'
const RUN = '1.0/2'
const OF = { uid: 'the-rollout', stored: [] }
const LOG = Object.assign(createLog(), { silent: true })
const ROUTING = { circuitBreaker: { consecutiveFailures: 100 }, retries: { attempts: 1 } }

const metric = (over: Partial<Metric>): Metric => ({
  name: 'it',
  window: '1m',
  minSamples: 4,
  initialDelay: '0s',
  interval: '1s',
  count: 1,
  failureLimit: 0,
  consecutiveErrorLimit: 0,
  inconclusiveLimit: 0,
  noDataTimeout: '10m',
  dryRun: false,
  ...over,
})

describe('measuring a rollout', () => {
  const source = new TestSource()
  const registry = new Registry()
  const woken = new Set<string>()
  let fleet: TestFleet
  let router: RouterProcess
  let feed: RouterFeed
  let agents: Informer<Agent, 'swarm' | 'namespace'>
  let lab: Measuring

  before(async () => {
    await source.start()
    fleet = await TestFleet.start()
    const { config, namespace, gateway, client } = fleet
    router = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, token: TOKEN })
    agents = new Informer<Agent, 'swarm' | 'namespace'>({
      client,
      kind: AGENTS,
      namespaces: [namespace],
      indexers: AGENT_INDEXERS,
      log: LOG,
    })
    agents.start()
    await agents.synced()
    const gone = new TestSource()
    await gone.start()
    await gone.stop()
    lab = measuring({
      stores: { client, agents, now: Date.now, routers: { isConnected: () => feed.connected } },
      entrances: { urls: () => [gone.url, router.url], access: { token: () => TOKEN } },
      registry,
      log: LOG,
      wake: (key) => woken.add(key),
    })
    feed = new RouterFeed({
      urls: [router.url],
      access: { token: () => TOKEN },
      log: { info: () => undefined, warn: () => undefined },
      now: () => performance.now(),
      onChange: () => undefined,
      onEnded: (ended) => lab.tasksEnded(ended),
    })
    feed.start()
    await eventually('the feed is connected', () => feed.connected)
  })
  after(async () => {
    await lab.stop()
    feed.stop()
    await agents.stop()
    await router.stop()
    await fleet.stop()
    await source.stop()
  })
  afterEach(() => {
    source.received.length = 0
    woken.clear()
  })

  const keyOf = (swarm: string) => `${fleet.namespace}/${swarm}`
  const follow = (swarm: string, check: CheckSubject) =>
    lab.analyst.follow(keyOf(swarm), {
      rollout: { kind: 'CanaryRollout', namespace: fleet.namespace, name: 'words' },
      swarm,
      target: 'r2',
      stable: 'r1',
      attempt: 1,
      checks: [check],
      ...OF,
    })
  const ended = (swarm: string) =>
    eventually('the check has ended', () => {
      const [check] = lab.analyst.look(keyOf(swarm), OF).checks
      return check && check.verdict.state !== 'Running' ? check.verdict : undefined
    })
  /** What comes of one metric, measured until it is decided. */
  const measure = async (swarm: string, over: Partial<Metric>) => {
    follow(swarm, { run: `1.0/${randomUUID()}`, metrics: [metric(over)] })
    const verdict = await ended(swarm)
    lab.analyst.forget(keyOf(swarm))
    return verdict
  }
  const seen = async (swarm: string, count: number) => {
    await router.sees(swarm, `${count} agents`, (view) => view.agents.filter(({ health }) => health === 'Healthy').length === count)
    await eventually('the operator knows the agents', () => agents.list().filter(({ spec }) => spec.swarm === swarm).length === count)
  }
  async function pair(swarm: string, template: object = {}): Promise<{ old: TestAgent; fresh: TestAgent }> {
    await fleet.swarm(swarm, { routing: ROUTING, template })
    const old = await fleet.agent(swarm, `${swarm}-old`)
    const fresh = await fleet.agent(swarm, `${swarm}-new`, { revision: 'r2' })
    await seen(swarm, 2)
    return { old, fresh }
  }
  const send = async (swarm: string, revision: string, count: number) => {
    for (let i = 0; i < count; i += 1) await router.task(swarm, { input: i }, { headers: { 'swarm-revision': revision } })
  }

  describe('by what routers tell', () => {
    it('fails as soon as they have told of the deciding attempt, and counts both sides', async () => {
      const { fresh } = await pair('bad')
      fresh.work = (_task, response) => answer(response, 500, {})
      follow('bad', { run: RUN, metrics: [metric({ interval: '1h', errorRate: { maxPercent: 10 } })] })
      lab.analyst.look(keyOf('bad'), OF)
      await send('bad', 'r1', 3)
      await send('bad', 'r2', 3)
      await eventually('all are counted', () => {
        const { r1, r2 } = lab.analyst.counts(keyOf('bad'))
        return r1?.samples === 3 && r2?.samples === 3
      })
      woken.clear()
      await send('bad', 'r2', 1)
      await eventually('the pass is woken', () => woken.has(keyOf('bad')), { pollMs: 5 })
      expect(lab.analyst.look(keyOf('bad'), OF).checks).to.deep.equal([
        {
          run: RUN,
          verdict: { state: 'Failed', message: 'it: 1 failed, 0 are allowed; last: 100 % of 4 attempts failed, more than 10 %' },
        },
      ])
      expect(lab.analyst.counts(keyOf('bad'))).to.deep.equal({ r1: { samples: 3, failed: 0 }, r2: { samples: 4, failed: 4 } })
      lab.analyst.forget(keyOf('bad'))
    })

    it('succeeds with enough good measurements, of errors and of latency', async () => {
      await pair('good')
      const common = { interval: '250ms', count: 3 }
      const latency = { percentile: 95, max: '10s' }
      const metrics = [
        metric({ ...common, name: 'errors', errorRate: { maxPercent: 10, maxAboveStable: 5 } }),
        metric({ ...common, name: 'latency', latency }),
      ]
      follow('good', { run: RUN, metrics })
      await send('good', 'r1', 4)
      await send('good', 'r2', 4)
      expect((await ended('good')).state).to.equal('Successful')
      const { metrics: told } = lab.analyst.look(keyOf('good'), OF)
      expect(told.map(({ name, successful }) => [name, successful >= 3])).to.deep.equal([
        ['errors', true],
        ['latency', true],
      ])
      expect(await registry.metrics()).to.match(/swarmops_operator_measurements_total\{kind="latency",result="Success"\} [3-9]/)
      lab.analyst.forget(keyOf('good'))
    })
  })

  describe('by sources outside', () => {
    const secret = async (name: string, data: Record<string, string>, type?: string) => {
      const metadata = { namespace: fleet.namespace, name }
      await fleet.client.apply(SECRETS, { metadata, stringData: data, ...(type && { type }) }, { fieldManager: 'test' })
    }
    const json = (body: unknown, status = 200) => {
      source.answer = (response) => answer(response, status, body)
    }
    const prometheus = (over: Partial<NonNullable<Metric['prometheus']>> = {}): Partial<Metric> => ({
      prometheus: {
        address: source.url,
        query: 'errors{revision="{{revision}}"} / errors{revision="{{stable}}"}',
        headers: [],
        timeout: '5s',
        ...over,
      },
      success: { max: '0.05' },
    })

    it('asks Prometheus for the revisions, with a token that is read each time', async () => {
      json({ status: 'success', data: { resultType: 'scalar', result: [1, '0.04'] } })
      await secret('prometheus', { token: 'first' })
      const tokenSecretRef = { name: 'prometheus', key: 'token' }
      expect((await measure('outside', prometheus({ tokenSecretRef }))).state).to.equal('Successful')
      await secret('prometheus', { token: 'second' })
      expect((await measure('outside', prometheus({ tokenSecretRef }))).state).to.equal('Successful')
      expect(source.received.map(({ headers }) => headers.authorization)).to.deep.equal(['Bearer first', 'Bearer second'])
      expect(new URLSearchParams(source.received[0]?.body).get('query')).to.equal('errors{revision="r2"} / errors{revision="r1"}')
    })

    it('judges its number', async () => {
      json({ status: 'success', data: { resultType: 'scalar', result: [1, '0.06'] } })
      expect(await measure('outside', prometheus())).to.deep.equal({
        state: 'Failed',
        message: 'it: 1 failed, 0 are allowed; last: 0.06 is no success',
      })
    })

    it('asks for JSON with the revisions in the address', async () => {
      json({ of: { r2: { quality: 'good' } } })
      const http = { url: `${source.url}/{{revision}}/{{stable}}`, path: 'of.r2.quality', headers: [], timeout: '5s' }
      expect((await measure('outside', { http, success: { equals: 'good' } })).state).to.equal('Successful')
      expect(source.received[0]?.url).to.equal('/r2/r1')
    })

    it('asks a gate, and says who asks', async () => {
      json({ why: 'a freeze' }, 409)
      expect(await measure('outside', { webhook: { url: source.url, timeout: '5s' } })).to.deep.equal({
        state: 'Failed',
        message: `it: 1 failed, 0 are allowed; last: ${source.url} answered 409: {"why":"a freeze"}`,
      })
      const body = JSON.parse(source.received[0]?.body ?? '') as { run: string }
      const side = (revision: string) => ({ revision, samples: 0, failed: 0 })
      const rollout = { kind: 'CanaryRollout', namespace: fleet.namespace, name: 'words' }
      expect(body).to.deep.equal({ metric: 'it', rollout, swarm: 'outside', run: body.run, new: side('r2'), stable: side('r1') })
    })

    it('takes "not yet" for no data, and asks again', async () => {
      json({}, 202)
      follow('outside', { run: RUN, metrics: [metric({ webhook: { url: source.url, timeout: '5s' } })] })
      await eventually('it was asked twice', () => source.received.length === 2)
      expect(lab.analyst.look(keyOf('outside'), OF).checks[0]?.verdict.state).to.equal('Running')
      json({})
      expect((await ended('outside')).state).to.equal('Successful')
      lab.analyst.forget(keyOf('outside'))
    })

    it('says which Secret or key is missing, and takes none of the operator', async () => {
      await secret('empty', { other: 'x' })
      await secret('agents', { token: 'x' }, TOKENS_SECRET_TYPE)
      const say = async (name: string) => (await measure('outside', prometheus({ tokenSecretRef: { name, key: 'token' } }))).message
      const { namespace } = fleet
      expect(await say('nowhere')).to.contain(`Secret ${namespace}/nowhere does not exist, and tokenSecretRef names it; create it`)
      expect(await say('empty')).to.contain(`Secret ${namespace}/empty has no key token, which tokenSecretRef names; add it`)
      expect(await say('agents')).to.contain(`Secret ${namespace}/agents holds the operator's access tokens`)
      expect(source.received).to.deep.equal([])
    })

    it('puts up with so many errors in a row', async () => {
      json({ oh: 'no' }, 500)
      expect(await measure('outside', prometheus())).to.deep.equal({
        state: 'Error',
        message: `it: 1 errors in a row, 0 are allowed; last: ${source.url}/api/v1/query answered 500: {"oh":"no"}`,
      })
    })
  })

  describe('by a judge', () => {
    const judge = (over: Partial<NonNullable<Metric['judge']>> = {}): Partial<Metric> => ({
      judge: { swarm: 'court', question: 'is {{revision}} as good as {{stable}}?', path: 'score', timeout: '10s', ...over },
      success: { min: '0.8' },
    })
    let member: TestAgent
    before(async () => {
      await fleet.swarm('court', { routing: ROUTING, template: {}, groups: [{ name: 'judges', replicas: 1, capabilities: ['judging'] }] })
      member = await fleet.agent('court', 'court-1', { group: 'judges' })
      await seen('court', 1)
    })

    it('takes a value of its output, by a task with the figures, over the first router that answers', async () => {
      member.work = (_task, response) => answer(response, 200, { output: { score: 0.9, why: 'as good' } })
      expect(await measure('judged', judge({ capability: 'judging' }))).to.deep.equal({
        state: 'Successful',
        message: 'it: 1 succeeded; last: 0.9 is a success',
      })
      expect(member.received.at(-1)).to.deep.include({ capability: 'judging' })
      expect(member.received.at(-1)?.input).to.deep.include({
        question: 'is r2 as good as r1?',
        swarm: 'judged',
        new: { revision: 'r2', samples: 0, failed: 0 },
      })
    })

    it('takes what it does not say for no data', async () => {
      member.work = (_task, response) => answer(response, 200, { output: null })
      expect((await measure('judged', { ...judge(), noDataTimeout: '1s' })).state).to.equal('Inconclusive')
    })

    it('says how the task failed', async () => {
      member.work = (_task, response) => answer(response, 500, {})
      const { state, message } = await measure('judged', judge())
      expect(state).to.equal('Error')
      expect(message).to.contain('Swarm court has not judged: AgentFailed: ')
    })

    it('says that there is no such Swarm', async () => {
      expect((await measure('judged', judge({ swarm: 'nowhere' }))).message).to.contain('Swarm nowhere has not judged: SwarmNotFound: ')
    })

    it('is not the swarm itself', async () => {
      expect((await measure('court', judge())).message).to.contain('Swarm court cannot judge its own rollout; name another one')
    })

    it('is given up when nobody asks any more', async () => {
      let isCut = false
      member.work = (_task, response) => void response.on('close', () => (isCut = !response.writableEnded))
      const before = member.received.length
      follow('judged', { run: RUN, metrics: [metric(judge())] })
      await eventually('it was asked', () => member.received.length > before)
      lab.analyst.forget(keyOf('judged'))
      await eventually('the task is cut', () => isCut)
    })
  })

  describe('by a warm-up', () => {
    const spec = { input: '{"warm": true}', tasks: 10, concurrency: 3 }

    it('has the new revision do all tasks, so many at once', async () => {
      const { old, fresh } = await pair('warm', { maxConcurrentTasks: 10 })
      let open = 0
      let most = 0
      let isFull = false
      const waiting: (() => void)[] = []
      fresh.work = (_task, response) => {
        most = Math.max(most, (open += 1))
        waiting.push(() => {
          open -= 1
          answer(response, 200, { output: null })
        })
        isFull ||= waiting.length === spec.concurrency
        if (isFull) for (const end of waiting.splice(0)) end()
      }
      follow('warm', { run: RUN, warmUp: spec })
      expect(await ended('warm')).to.deep.equal({ state: 'Successful', message: '10 of 10 warm-up tasks were done' })
      expect([fresh.received.length, old.received.length]).to.deep.equal([10, 0])
      expect(most).to.equal(3)
      expect(fresh.received[0]?.input).to.deep.equal({ warm: true })
      expect(woken.has(keyOf('warm'))).to.equal(true)
    })

    it('fails with the first task that fails, and sends no more', async () => {
      const { fresh } = await pair('cold')
      fresh.work = (_task, response) => answer(response, fresh.received.length === 3 ? 500 : 200, { output: null })
      follow('cold', { run: RUN, warmUp: { ...spec, concurrency: 1 } })
      const { state, message } = await ended('cold')
      expect(state).to.equal('Failed')
      expect(message).to.match(/^warm-up task 3 of 10 failed: AgentFailed: /)
      expect(fresh.received.length).to.equal(3)
    })

    it('waits for the revision, and for agents that are busy', async () => {
      await fleet.swarm('late', { routing: ROUTING })
      await fleet.agent('late', 'late-old')
      await seen('late', 1)
      follow('late', { run: RUN, warmUp: { ...spec, tasks: 2 } })
      expect(lab.analyst.look(keyOf('late'), OF).checks[0]?.verdict).to.deep.equal({
        state: 'Running',
        message: '0 of 2 warm-up tasks were done',
      })
      const fresh = await fleet.agent('late', 'late-new', { revision: 'r2' })
      fresh.work = (_task, response) => answer(response, fresh.received.length === 1 ? 429 : 200, { output: null }, { 'retry-after': '1' })
      expect((await ended('late')).state).to.equal('Successful')
    })

    it('is an error when nobody takes its tasks for too long', async () => {
      const tasks = new RouterTasks({ urls: () => [], access: { token: () => '' } })
      const { signal } = new AbortController()
      const asking = {
        rollout: { kind: 'BlueGreenRollout', namespace: fleet.namespace, name: 'x' },
        swarm: 'x',
        target: 'r2',
        stable: 'r1',
        run: RUN,
        counts: {},
      }
      const going = { signal, onDone: () => undefined }
      expect(await warmUp(spec, asking, going, { tasks, now: Date.now, patienceMs: 0 })).to.deep.equal({
        state: 'Error',
        message:
          'warm-up task 1 of 10 is taken by nobody: the operator knows no router that serves; see --router-service and --router-urls',
      })
      expect((await warmUp({ ...spec, input: 'words' }, asking, going, { tasks, now: Date.now })).message).to.contain(
        'warmUp.input is not JSON',
      )
    })

    it('is given up when nobody asks any more', async () => {
      const { fresh } = await pair('left')
      let cut = 0
      fresh.work = (_task, response) => void response.on('close', () => (cut += 1))
      follow('left', { run: RUN, warmUp: { ...spec, concurrency: 1 } })
      await eventually('it has begun', () => fresh.received.length === 1)
      lab.analyst.forget(keyOf('left'))
      await eventually('its task is cut', () => cut === 1)
      expect(fresh.received.length).to.equal(1)
    })
  })
})
