import { expect } from 'chai'
import { describe, it } from 'mocha'
import { toCrd } from '../../api/crd.ts'
import { AGENT, SWARM } from '../../api/kinds.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import { METADATA } from '../../e2b/metadata.ts'
import type { SandboxInfo } from '../../e2b/types.ts'
import { plain } from '../table.ts'
import { judgeAgents, judgeKey, judgeKinds, judgeLead, judgeRights, judgeSandboxes, judgeSwarms, type Crd, type Finding } from './judge.ts'
import { findingsText } from './show.ts'

const NOW = '2026-01-01T01:00:00Z'
const nowMs = Date.parse(NOW)
const minutesAgo = (n: number) => new Date(nowMs - n * 60_000).toISOString()
const told = (findings: readonly Finding[]) => findings.map(({ level, message }) => `${level}: ${message}`)

describe('kinds', () => {
  const kinds = [SWARM, AGENT]
  const installed = (change: (crd: Crd) => Crd = (crd) => crd) =>
    new Map(kinds.map((kind) => [kind.plural as string, change(JSON.parse(JSON.stringify(toCrd(kind))) as Crd)]))
  const versions = (change: (version: Crd['spec']['versions'][number]) => object) => (crd: Crd) =>
    ({ spec: { versions: crd.spec.versions.map((version) => ({ ...version, ...change(version) })) } }) as Crd
  const cases: Record<string, { installed: ReadonlyMap<string, Crd>; want: string }> = {
    'that are installed as they are here are well': { installed: installed(), want: 'ok: all 2 are installed, as this plugin knows them' },
    'that are missing are a failure': { installed: new Map([...installed()].slice(0, 1)), want: 'fail: Agent missing' },
    'that are not served are as good as missing': {
      installed: installed(versions(() => ({ served: false }))),
      want: 'fail: Swarm, Agent missing',
    },
    'with another schema are of another version': {
      installed: installed(versions(() => ({ schema: { openAPIV3Schema: { type: 'object' } } }))),
      want: 'warn: Swarm, Agent installed from another version than that of this plugin',
    },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(told([judgeKinds(kinds, c.installed)])).to.deep.equal([c.want]))
})

describe('rights', () => {
  const right = (name: string, isNeeded: boolean, isAllowed: boolean) => ({ right: name, purpose: 'it', isNeeded, isAllowed })
  const cases: Record<string, { rights: Parameters<typeof judgeRights>[2]; want: string }> = {
    'that are all there are well': {
      rights: [right('list swarms', true, true)],
      want: 'ok: you may do all 1 things that were asked about',
    },
    'that are missing are to be looked at': {
      rights: [right('list swarms', true, true), right('patch agents', false, false)],
      want: 'warn: you may not patch agents (it)',
    },
    'without which nothing works are a failure': {
      rights: [right('list swarms', true, false)],
      want: 'fail: you may not list swarms (it)',
    },
  }
  for (const [name, { rights, want }] of Object.entries(cases))
    it(name, () => expect(told([judgeRights('rights', 'you', rights, '')])).to.deep.equal([want]))
})

describe('who leads', () => {
  const lease = (holderIdentity: string) => ({
    apiVersion: 'v1',
    kind: 'Lease',
    metadata: { name: 'l', uid: 'u', generation: 1, resourceVersion: '1', creationTimestamp: NOW },
    spec: { holderIdentity, leaseDurationSeconds: 15 },
  })
  const cases: Record<string, { lead: Parameters<typeof judgeLead>[0]; want: string }> = {
    'is told with the version': {
      lead: { name: 'here/l', lease: lease('pod-1'), isRenewed: true, version: '1.0.0' },
      want: 'ok: pod-1 leads, version 1.0.0',
    },
    'is told without one that is not known': {
      lead: { name: 'here/l', lease: lease('pod-1'), isRenewed: true, version: undefined },
      want: 'ok: pod-1 leads',
    },
    'is to be looked at when it is of another version': {
      lead: { name: 'here/l', lease: lease('pod-1'), isRenewed: true, version: '2.0.0' },
      want: 'warn: pod-1 leads, version 2.0.0, and this plugin is 1.0.0',
    },
    'is nobody when the Lease is not renewed': {
      lead: { name: 'here/l', lease: lease('pod-1'), isRenewed: false, version: '1.0.0' },
      want: 'fail: pod-1 has not renewed Lease here/l for 15 s',
    },
    'is nobody when it was given back': {
      lead: { name: 'here/l', lease: lease(''), isRenewed: false, version: '1.0.0' },
      want: 'fail: nobody leads: Lease here/l was given back',
    },
    'is nobody when there is no Lease': {
      lead: { name: 'here/l', lease: undefined, isRenewed: false, version: undefined },
      want: 'fail: no operator has ever led by Lease here/l',
    },
  }
  for (const [name, { lead, want }] of Object.entries(cases)) it(name, () => expect(told([judgeLead(lead, '1.0.0')])).to.deep.equal([want]))
})

const base = { apiVersion: 'swarmops.dev/v1alpha1', kind: 'Agent' } as const
const spec = {
  swarm: 'desk',
  group: '',
  role: 'Worker',
  revision: 'r',
  place: 0,
  nonce: 'nonce-nonce',
  attempt: 0,
  state: 'Running',
} as const
const condition = (type: string, message: string) =>
  ({ type, status: 'True', reason: 'R', message, lastTransitionTime: NOW, observedGeneration: 1 }) as const
type Change = { created?: number; deleted?: number; sandbox?: string; message?: string }
const agent = (name: string, { created = 60, deleted, sandbox = `s-${name}`, message }: Change = {}): Agent => ({
  ...base,
  metadata: {
    name,
    namespace: 'here',
    uid: name,
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: minutesAgo(created),
    ...(deleted !== undefined && { deletionTimestamp: minutesAgo(deleted) }),
  },
  spec,
  status: {
    observedGeneration: 1,
    ...(sandbox && { sandbox: { id: sandbox, state: 'Running', commandStarted: true, port: 1, startedAt: NOW } }),
    conditions: message === undefined ? [] : [condition('Ready', message)],
  },
})

describe('agents', () => {
  const cases: Record<string, { agents: Agent[]; want: string[] }> = {
    'that have their sandboxes are well': {
      agents: [agent('a')],
      want: ['ok: 1 agent; none is stuck, none has been without a sandbox for two minutes'],
    },
    'that are being deleted for long are stuck': {
      agents: [agent('a', { deleted: 3, message: 'E2B cannot be reached' }), agent('b', { deleted: 1 })],
      want: ['fail: agent here/a is being deleted since 2026-01-01T00:57:00.000Z: E2B cannot be reached'],
    },
    'that have no sandbox for long are to be looked at': {
      agents: [
        agent('a', { sandbox: '', message: 'quota' }),
        agent('b', { sandbox: '', created: 1 }),
        agent('c', { sandbox: '', created: 9 }),
      ],
      want: ['warn: agent here/a has no sandbox: quota', 'warn: agent here/c has no sandbox: no operator has looked at it'],
    },
  }
  for (const [name, { agents, want }] of Object.entries(cases)) it(name, () => expect(told(judgeAgents(agents, nowMs))).to.deep.equal(want))

  it('come with a command that says more', () =>
    expect(judgeAgents([agent('a', { sandbox: '' })], nowMs)[0]?.advice).to.equal('kubectl describe agent -n here a'))
})

describe('swarms', () => {
  const swarm = (...conditions: object[]) =>
    ({ kind: 'Swarm', metadata: { namespace: 'here', name: 'desk' }, status: { conditions } }) as unknown as Swarm // only what is looked at
  const held = (...types: string[]) => types.map((type) => condition(type, 'why'))
  /** Of two agents so many are ready, since some minutes. */
  const unready = (readyReplicas: number, minutes: number, desiredReplicas = 2, ...more: object[]) => {
    const lacking = { type: 'Ready', status: 'False', reason: 'AgentsNotReady', message: 'few', lastTransitionTime: minutesAgo(minutes) }
    return { ...swarm(), status: { readyReplicas, desiredReplicas, conditions: [lacking, ...more] } } as unknown as Swarm
  }
  const well = (n: number) => [`ok: ${n} swarm${n === 1 ? '' : 's'}; none is stalled or held back`]
  const cases: Record<string, { swarms: Swarm[]; want: string[] }> = {
    'that say nothing are well': { swarms: [swarm(...held('Ready')), swarm(...held('Reconciling'))], want: well(2) },
    'say what holds them': {
      swarms: [swarm(...held('Stalled', 'QuotaExceeded'))],
      want: ['fail: swarm here/desk (Stalled): why', 'warn: swarm here/desk (QuotaExceeded): why'],
    },
    'that are not ready yet are well': { swarms: [unready(0, 1)], want: well(1) },
    'that have no ready agent for long are a failure': { swarms: [unready(0, 3)], want: ['fail: swarm here/desk (AgentsNotReady): few'] },
    'that lack agents for long are to be looked at': { swarms: [unready(1, 3)], want: ['warn: swarm here/desk (AgentsNotReady): few'] },
    'that want none and are not ready are to be looked at': {
      swarms: [unready(0, 3, 0)],
      want: ['warn: swarm here/desk (AgentsNotReady): few'],
    },
    'that lack agents for a reason say that once': {
      swarms: [unready(1, 3, 2, ...held('QuotaExceeded'))],
      want: ['warn: swarm here/desk (QuotaExceeded): why'],
    },
    'that have no ready agent are a failure, whatever holds them back': {
      swarms: [unready(0, 3, 2, ...held('QuotaExceeded')), unready(0, 3, 2, ...held('Stalled'))],
      want: [
        'warn: swarm here/desk (QuotaExceeded): why',
        'fail: swarm here/desk (AgentsNotReady): few',
        'fail: swarm here/desk (Stalled): why',
      ],
    },
  }
  for (const [name, { swarms, want }] of Object.entries(cases)) it(name, () => expect(told(judgeSwarms(swarms, nowMs))).to.deep.equal(want))
})

const sandbox = (sandboxId: string, agentUid: string, { minutes = 10, namespace = 'here' } = {}): SandboxInfo => ({
  sandboxId,
  templateId: 'base',
  metadata: { [METADATA.agentUid]: agentUid, [METADATA.namespace]: namespace },
  state: 'running',
  startedAtMs: nowMs - minutes * 60_000,
  endAtMs: nowMs + 60_000,
})

describe('sandboxes', () => {
  const all = { namespace: undefined, nowMs }
  const cases: Record<string, { account: Parameters<typeof judgeSandboxes>[0]; want: string[] }> = {
    'with their Agents are well': {
      account: { ...all, sandboxes: [sandbox('s-a', 'a')], agents: [agent('a')] },
      want: ['ok: 1 of this installation, each with its Agent'],
    },
    'of an Agent that has not written them down yet are well': {
      account: { ...all, sandboxes: [sandbox('s-new', 'a')], agents: [agent('a', { sandbox: '' })] },
      want: ['ok: 1 of this installation, each with its Agent'],
    },
    'without an Agent, or beside that of their Agent, are told': {
      account: { ...all, sandboxes: [sandbox('s-a', 'a'), sandbox('s-x', 'x'), sandbox('s-twin', 'a')], agents: [agent('a')] },
      want: ['warn: 2 without an Agent: s-x, s-twin'],
    },
    'that are young may have an Agent that is not known yet': {
      account: { ...all, sandboxes: [sandbox('s-x', 'x', { minutes: 0.5 })], agents: [] },
      want: ['ok: 1 of this installation, each with its Agent'],
    },
    'of other namespaces are not judged where only one is seen': {
      account: { ...all, namespace: 'here', sandboxes: [sandbox('s-x', 'x', { namespace: 'there' })], agents: [] },
      want: ['ok: 1 of this installation, each with its Agent'],
    },
    'that are missing are told by their agents': {
      account: { ...all, sandboxes: [], agents: [agent('a'), agent('b', { deleted: 1 })] },
      want: ['warn: E2B does not show those of agent here/a'],
    },
  }
  for (const [name, { account, want }] of Object.entries(cases)) it(name, () => expect(told(judgeSandboxes(account))).to.deep.equal(want))
})

describe('a key', () => {
  const running = (n: number) => Array.from({ length: n }, (_none, i) => sandbox(`s-${i}`, `${i}`))
  it('with room is well', () =>
    expect(told([judgeKey('K', running(5))])).to.deep.equal(['ok: K: E2B takes it; 5 sandboxes running, 0 asleep']))
  it('near the end of a plan is to be looked at', () => {
    expect(judgeKey('K', running(19))).to.include({
      level: 'warn',
      advice: 'plan Hobby ends at 20 that run at once; ask for more, or lower replicas',
    })
    expect(judgeKey('K', running(21)).level).to.equal('ok')
    expect(judgeKey('K', running(95)).advice).to.match(/^plan Pro ends at 100 /)
  })
})

describe('findings', () => {
  it('are shown with what to do about those that are not well', () => {
    const findings: Finding[] = [
      { check: 'key', level: 'ok', message: 'good', advice: 'nothing' },
      { check: 'router', level: 'fail', message: 'bad', advice: 'mend it' },
    ]
    expect(findingsText(findings, plain).split('\n')).to.deep.equal([
      '       CHECK    FINDING',
      'ok     key      good',
      'fail   router   bad',
      '                → mend it',
      '',
      '1 wrong, 0 to be looked at, 1 well',
      '',
    ])
  })
})
