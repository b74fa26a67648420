import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { kstatus } from '../../support/kstatus.ts'
import { SWARMS } from '../../../src/reconcilers/shared/kinds.ts'
import { Api, MINIMAL } from './harness.ts'

/** What a Swarm is when nothing is said but what must be; docs/api.md lists the same. */
const DEFAULTS = {
  template: {
    ...MINIMAL.template,
    port: 8080,
    env: [],
    files: [],
    maxConcurrentTasks: 4,
    configUpdates: 'Ignore',
    readiness: { path: '/health', interval: '250ms', timeout: '250ms', failureThreshold: 3, replaceAfter: '30s' },
    network: { allowInternetAccess: true, allowPublicTraffic: false },
  },
  routing: {
    strategy: 'LeastLoaded',
    timeout: '30s',
    retries: { attempts: 3, budgetPercent: 20 },
    circuitBreaker: { consecutiveFailures: 5, openFor: '5s' },
    queue: { maxPending: 1000, timeout: '10s' },
  },
  lifecycle: { drainTimeout: '30s', lastOutput: 'Discard', onScaleDown: 'Delete', sandboxTimeout: '10m', maxAge: '23h' },
  update: { maxSurge: 1, maxUnavailable: 0 },
  health: {
    cpuPercent: { degraded: 75, critical: 90 },
    memoryPercent: { degraded: 75, critical: 90 },
    errorPercent: { degraded: 5, critical: 10 },
    latency: { degraded: '2s', critical: '5s' },
    window: '1m',
    minTasks: 20,
  },
}

const secretKeyRef = { name: 'desk', key: 'k' }

/** Unusual, but right: none of these may be refused. */
const ACCEPTED: Record<string, object> = {
  'no agent at all': { replicas: 0 },
  'all agents that a swarm may have': { replicas: 2000 },
  'groups that have them together': {
    groups: [
      { name: 'a', replicas: 1999, role: 'Coordinator' },
      { name: 'b', replicas: 1 },
    ],
  },
  'a budget of nothing': { budget: { maxAgents: 0 } },
  'no queue': { routing: { queue: { maxPending: 0 } } },
  'agents that are not waited for': { lifecycle: { drainTimeout: '0s' } },
  'an update of all agents at once': { update: { maxSurge: 0, maxUnavailable: '100%' } },
  'shares of agents': { update: { maxSurge: '25%', maxUnavailable: '0%' } },
  'a section that is null, for its defaults': { routing: null, lifecycle: null, update: null },
  'a program whose path has a space, with an argument': { template: { ...MINIMAL.template, command: ['/opt/my app/run', ''] } },
  'an alias of a team, with a tag': { template: { ...MINIMAL.template, sandboxTemplate: 'my-team/agent:v1.2' } },
  'a readiness path with a query': { template: { ...MINIMAL.template, readiness: { path: '/health?deep=1&x=%20' } } },
  'a variable that is empty, and one that has many lines': {
    template: {
      ...MINIMAL.template,
      env: [{ name: 'EMPTY' }, { name: 'LINES', value: 'a\nb\n' }, { name: '_', valueFrom: { secretKeyRef } }],
    },
  },
  'files with dots and spaces in their names': {
    template: {
      ...MINIMAL.template,
      files: ['.env', '..a', 'a b', 'lib/...', '.config/x', '/etc/agent.json', 'lib2', 'lib'.repeat(85)].map((path) => ({
        path,
        secretKeyRef,
      })),
    },
  },
  'votes among agents of a mesh': {
    topology: { type: 'Mesh' },
    routing: { strategy: 'Consensus', consensus: { voters: 100, thresholdPercent: 100 } },
  },
  'shares of two groups': {
    groups: [{ name: 'a' }, { name: 'b' }],
    routing: { strategy: 'Adaptive', adaptive: { explorationPercent: 0, halfLife: '24h' }, retries: { budgetPercent: 0 } },
  },
  'durations of several parts': { routing: { timeout: '1h1m1s1ms', queue: { timeout: '00001m' } }, lifecycle: { maxAge: '8759h3600s' } },
}

describe('Swarm in the API server', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())
  const ref = (name: string) => ({ namespace: api.namespace, name })
  const apply = (name: string, manager: string, spec: object, status?: object) =>
    api.client.apply(SWARMS, { metadata: ref(name), spec, ...(status && { status }) }, { fieldManager: manager })

  describe('takes', () => {
    for (const [name, spec] of Object.entries(ACCEPTED))
      it(name, async () => expect(await api.trySwarm({ ...MINIMAL, ...spec })).to.deep.equal({ code: 201, told: [] }))

    it('the longest name that a label can hold, and a name with dots', async () => {
      expect((await api.trySwarm(MINIMAL, 'x'.repeat(63))).told).to.deep.equal([])
      expect((await api.trySwarm(MINIMAL, 'desk.v1')).told).to.deep.equal([])
    })

    it('the largest lists and texts at once, within the cost of its rules', async () => {
      const list = <T>(count: number, of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i))
      const env = list(100, (i) => ({ name: `V${i}`, value: 'x' }))
      const files = list(32, (i) => ({ path: `${i}/${'x'.repeat(250)}`, secretKeyRef }))
      const groups = list(32, (i) => ({
        name: `g${i}`.padEnd(30, 'x'),
        capabilities: list(32, (k) => `c${k}`.padEnd(63, 'x')),
        template: { env, files, command: list(64, () => 'x'.repeat(100)) },
      }))
      const template = { ...MINIMAL.template, env, files: [...files, ...files.map((f) => ({ ...f, path: `a${f.path}` }))] }
      expect((await api.trySwarm({ template, groups })).told).to.deep.equal([])
    })
  })

  it('fills in exactly the documented defaults, and says that nobody has looked at it', async () => {
    const made = await apply('least', 'user', MINIMAL)
    expect([made.spec, made.status]).to.deep.equal([DEFAULTS, { observedGeneration: -1 }])
    expect(kstatus(made)).to.equal('InProgress')
  })

  it('fills in the defaults of groups and references', async () => {
    const { spec } = await apply('groups', 'user', {
      ...MINIMAL,
      credentialsSecretRef: { name: 'e2b' },
      groups: [{ name: 'a', template: {} }],
    })
    expect(spec).to.deep.equal({
      ...DEFAULTS,
      credentialsSecretRef: { name: 'e2b', key: 'apiKey' },
      groups: [{ name: 'a', role: 'Worker', replicas: 1, capabilities: [], template: {} }],
    })
  })

  it('merges what two managers apply: each group and each variable has its own owner', async () => {
    await apply('shared', 'gitops', {
      template: { ...MINIMAL.template, env: [{ name: 'MODE', value: 'live' }] },
      groups: [{ name: 'lead', role: 'Coordinator' }, { name: 'pairs' }],
    })
    const both = await apply('shared', 'scaler', {
      ...MINIMAL,
      template: { ...MINIMAL.template, env: [{ name: 'EXTRA', value: '1' }] },
      groups: [{ name: 'pairs', replicas: 7 }, { name: 'more' }],
    })
    const plain = { role: 'Worker', replicas: 1, capabilities: [] }
    expect(both.spec.template.env.map((e) => e.name)).to.have.members(['MODE', 'EXTRA'])
    expect(both.spec.groups).to.deep.equal([
      { ...plain, name: 'lead', role: 'Coordinator' },
      { ...plain, name: 'pairs', replicas: 7 },
      { ...plain, name: 'more' },
    ])
    const left = await apply('shared', 'scaler', { groups: [{ name: 'pairs', replicas: 3 }] })
    expect(left.spec.groups?.map((g) => [g.name, g.replicas])).to.deep.equal([
      ['lead', 1],
      ['pairs', 3],
    ])
    expect(left.spec.template.env.map((e) => e.name)).to.deep.equal(['MODE'])
  })

  it('keeps the status apart: writing the spec does not change it, and counts one generation', async () => {
    const made = await apply('apart', 'user', MINIMAL)
    const seen = await api.client.patchStatus(SWARMS, made, { observedGeneration: 1, readyReplicas: 1 })
    const changed = await apply('apart', 'user', { ...MINIMAL, replicas: 2 }, { observedGeneration: 2, readyReplicas: 9 })
    expect([seen.metadata.generation, changed.metadata.generation, changed.status]).to.deep.equal([
      1,
      2,
      { observedGeneration: 1, readyReplicas: 1 },
    ])
  })
})
