import { afterEach, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../../src/api/objects.ts'
import type { Topology } from '../../../src/api/topology.ts'
import { groupsOf } from '../../../src/api/swarm-group.ts'
import { Informer } from '../../../src/kube/informer.ts'
import { createLog } from '../../../src/log.ts'
import { AGENTS, SWARMS } from '../../../src/reconcilers/shared/kinds.ts'
import { graphOf } from '../../../src/topology/graph.ts'
import { TERM } from '../../../src/topology/leader.ts'
import { ask, everyoneKnows, LINKED_AGENT, memories, watchVersions, type Told } from '../../support/linked-agents.ts'
import { System } from '../../support/system.ts'
import { readyAgents } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

const LED = [
  { name: 'lead', role: 'Coordinator', replicas: 2 },
  { name: 'work', replicas: 2, capabilities: ['sums', 'words'] },
]
const names = (agents: readonly Agent[]) => agents.map((a) => a.metadata.name)
const othersOf = (agent: Agent, all: readonly Agent[]) => names(all).filter((name) => name !== agent.metadata.name)

describe('a topology', function () {
  this.timeout(180_000)
  let system: System
  beforeEach(async () => {
    system = await System.start()
    await system.useAgentProgram('agent', LINKED_AGENT)
  })
  afterEach(async () => system.stop())

  /** What agents were told agrees with the graph of the topology over those that are ready. */
  async function knowsGraph(topology: Topology): Promise<Map<string, Told>> {
    const swarm = await system.settled('desk')
    const members = (await system.agents('desk')).map(({ metadata, spec }) => ({
      name: metadata.name,
      group: spec.group,
      place: spec.place,
    }))
    const graph = graphOf(topology, groupsOf(swarm.spec), members)
    return everyoneKnows(system, 'desk', (agent) => graph.get(agent.metadata.name) ?? [])
  }

  const leaderOf = async () => (await system.swarm('desk'))?.status?.topology?.leader ?? ''
  const sandboxOf = async (name: string) => (await system.agents('desk')).find((a) => a.metadata.name === name)?.status?.sandbox?.id ?? ''

  it('Mesh: everybody knows everybody and can reach them with what it was given, and nobody else can', async () => {
    await system.apply('desk', { replicas: 3, topology: { type: 'Mesh' } })
    await system.settled('desk')
    const told = await everyoneKnows(system, 'desk', othersOf)
    const agents = await system.agents('desk')
    for (const agent of agents) {
      const own = told.get(agent.metadata.name)
      expect(own).to.include({ epoch: 0, topology: 'Mesh', role: 'Worker' })
      for (const { agent: name, role, url, capabilities } of own?.neighbours ?? []) {
        expect([role, url, capabilities]).to.deep.equal(['Worker', system.e2b.url, []])
        expect(await ask(system, agent, `/ask?agent=${name}`)).to.deep.equal({ status: 200, body: { hello: name } })
      }
    }
    const [neighbour] = told.get(names(agents)[0] ?? '')?.neighbours ?? []
    const { 'e2b-traffic-access-token': token, ...rest } = neighbour?.headers ?? {}
    expect(token).to.be.oneOf(await system.tokens('desk'))
    expect((await fetch(`${neighbour?.url}/hello`, { headers: rest })).status, 'without the token').to.equal(403)
    expect((await system.swarm('desk'))?.status?.topology).to.deep.equal({ epoch: 0, agents: 3, links: 3 })
  })

  it('follows agents that come, go and are replaced, and forgets nobody', async () => {
    await system.apply('desk', { replicas: 2, topology: { type: 'Mesh' } })
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    await system.scale('desk', 4)
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    const [victim] = await system.agents('desk')
    await system.e2b.admin.fault(victim?.status?.sandbox?.id ?? '', { type: 'kill' })
    await eventually('it is replaced', async () => !names(await system.agents('desk')).includes(victim?.metadata.name ?? ''))
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    await system.scale('desk', 3)
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
  })

  it('Mesh with maxDegree: a connected graph in which nobody knows more than that', async () => {
    const topology: Topology = { type: 'Mesh', maxDegree: 2 }
    await system.apply('desk', { replicas: 5, topology })
    const told = await knowsGraph(topology)
    expect([...told.values()].map((t) => t.neighbours.length)).to.deep.equal([2, 2, 2, 2, 2])
    expect((await system.swarm('desk'))?.status?.topology).to.deep.equal({ epoch: 0, agents: 5, links: 5 })
  })

  for (const type of ['Hierarchical', 'Star'] as const) {
    it(`${type}: one leads, one stands by, workers know whom they may`, async () => {
      await system.apply('desk', { groups: LED, topology: { type } })
      const told = await knowsGraph({ type })
      const leader = await leaderOf()
      expect(told.get(leader)).to.include({ epoch: TERM, topology: type, role: 'Leader' })
      expect([...told.values()].map((t) => t.role).sort()).to.deep.equal(['Leader', 'Standby', 'Worker', 'Worker'])
      const workers = [...told].filter(([, { role }]) => role === 'Worker')
      for (const [, { neighbours }] of workers) {
        const roles = neighbours.map((n) => n.role).sort()
        expect(roles).to.deep.equal(type === 'Star' ? ['Leader', 'Standby'] : ['Leader', 'Standby', 'Worker'])
      }
      expect(told.get(leader)?.neighbours.find((n) => n.role === 'Worker')?.capabilities).to.deep.equal(['sums', 'words'])
      await system.told('desk', 'LeaderElected', new RegExp(`^${leader} leads from epoch ${TERM} on$`))
      expect((await system.swarm('desk'))?.status?.topology).to.deep.equal({
        epoch: TERM,
        leader,
        agents: 4,
        links: type === 'Star' ? 5 : 6,
      })
    })
  }

  for (const bidirectional of [false, true]) {
    it(`Ring${bidirectional ? ', both ways' : ''}: each agent knows its stage and the next one${bidirectional ? ' and the one before' : ''}`, async () => {
      const topology: Topology = { type: 'Ring', ...(bidirectional && { bidirectional }) }
      const groups = ['a', 'b', 'c'].map((name) => ({ name, replicas: name === 'b' ? 2 : 1 }))
      await system.apply('desk', { groups, topology })
      const told = await knowsGraph(topology)
      const seen = [...told.values()].map((t) => [t.stage, t.stages, t.role, ...new Set(t.neighbours.map((n) => n.stage))].join(' '))
      const wanted = bidirectional
        ? ['0 3 Worker 1 2', '1 3 Worker 0 2', '1 3 Worker 0 2', '2 3 Worker 0 1']
        : ['0 3 Worker 1', '1 3 Worker 2', '1 3 Worker 2', '2 3 Worker 0']
      expect(seen.sort()).to.deep.equal(wanted)
    })
  }

  it('is led by the next one when the leader is lost; the epoch grows, and people are told why', async () => {
    await system.apply('desk', { groups: LED, topology: { type: 'Hierarchical' } })
    await system.settled('desk')
    const first = await leaderOf()
    await everyoneKnows(system, 'desk', othersOf)
    await system.e2b.admin.fault(await sandboxOf(first), { type: 'kill' })
    const next = await eventually('another one leads', async () => {
      const leader = await leaderOf()
      return leader !== first && leader
    })
    await system.settled('desk')
    const told = await everyoneKnows(system, 'desk', othersOf)
    expect(told.get(next)).to.include({ epoch: 2 * TERM, role: 'Leader' })
    expect([...told.values()].every((t) => t.epoch === 2 * TERM)).to.equal(true)
    await system.told('desk', 'LeaderElected', new RegExp(`^${next} leads from epoch ${2 * TERM} on, after ${first}, which is `))
  })

  it('tells an old leader that comes back that it stands by', async () => {
    const template = { readiness: { replaceAfter: '10m' } }
    await system.apply('desk', { groups: LED, topology: { type: 'Hierarchical' }, template })
    await system.settled('desk')
    const first = await leaderOf()
    await everyoneKnows(system, 'desk', othersOf)
    const sandbox = await sandboxOf(first)
    await system.e2b.admin.fault(sandbox, { type: 'freeze' })
    await eventually('another one leads', async () => (await leaderOf()) !== first)
    await system.told('desk', 'LeaderElected', new RegExp(`after ${first}, which is not ready$`))
    await system.e2b.admin.fault(sandbox, { type: 'restore' })
    await system.settled('desk')
    const told = await everyoneKnows(system, 'desk', othersOf)
    expect(told.get(first)).to.include({ epoch: 2 * TERM, role: 'Standby' })
    expect((await leaderOf()) === first, 'the old one leads again').to.equal(false)
  })

  it('settles a term above the epoch that an agent knows of', async () => {
    await system.apply('desk', {
      groups: LED,
      topology: { type: 'Star' },
      template: { env: [{ name: 'KNOWS', value: String(5 * TERM + 500) }] },
    })
    await system.settled('desk')
    const swarm = await eventually('the epoch is above', async () => {
      const seen = await system.swarm('desk')
      return seen?.status?.topology?.leader !== undefined && seen.status.topology.epoch > 5 * TERM + 500 && seen
    })
    // Workers that are ready before a coordinator is have epoch 0 raised; the first leader is then a term above that.
    const epoch = swarm.status?.topology?.epoch ?? 0
    expect(epoch).to.be.oneOf([6 * TERM, 7 * TERM])
    await eventually('all have taken it', async () => [...(await memories(system, 'desk')).values()].every((m) => m.told?.epoch === epoch))
    await system.told(
      'desk',
      'EpochRaised',
      new RegExp(`knows of epoch ${5 * TERM + 500}, which is above (0|${TERM}): epoch ${6 * TERM} is settled`),
    )
    const written = async (topology: object) =>
      system.client
        .patchStatus(SWARMS, swarm, { ...swarm.status, topology: { ...swarm.status?.topology, ...topology } }, { precondition: 'uid' })
        .then(() => 'taken', String)
    expect(await written({ epoch: 5999 })).to.match(/the epoch never goes down/)
    expect(await written({ leader: 'another' })).to.match(/another leader has a higher epoch/)
    expect(await written({ leader: 'another', epoch: epoch + TERM })).to.equal('taken')
  })

  it('follows every change of its kind while it runs, and its status tells no more than there is', async () => {
    const plain = [
      { name: 'lead', replicas: 2 },
      { name: 'work', replicas: 2 },
    ]
    /** The change, once every agent has been told what it is then: its group, its role, and its stage if it has one. */
    const change = async (topology: Topology, groups: object[], wanted: string[]) => {
      await system.apply('desk', { groups, topology })
      await knowsGraph(topology)
      return eventually(`all are told of ${topology.type}`, async () => {
        const now = (await system.swarm('desk'))?.status?.topology
        const told = [...(await memories(system, 'desk'))].flatMap(([name, memory]) => (memory.told ? [{ name, ...memory.told }] : []))
        const seen = told.map(({ name, role, stage }) => [name.split('-')[1], role, stage].join(' ').trim()).sort()
        const leaders = told.flatMap(({ name, role }) => (role === 'Leader' ? [name] : []))
        expect([seen, leaders]).to.deep.equal([wanted, now?.leader === undefined ? [] : [now.leader]])
        for (const each of told) expect(each).to.include({ topology: topology.type, epoch: now?.epoch })
        return now
      })
    }
    const led = ['lead Leader', 'lead Standby', 'work Worker', 'work Worker']
    const inRing = (lead: number, work: number) => [lead, lead, work, work].map((stage, i) => `${i < 2 ? 'lead' : 'work'} Worker ${stage}`)
    const mesh = await change({ type: 'Mesh' }, plain, ['lead Worker', 'lead Worker', 'work Worker', 'work Worker'])
    expect(mesh).to.deep.equal({ epoch: 0, agents: 4, links: 6 })
    const first = await change({ type: 'Hierarchical' }, LED, led)
    expect(first?.epoch).to.be.at.least(TERM)
    const second = await change({ type: 'Star' }, LED, led)
    expect([second?.epoch, second?.leader], 'the same leader in the same epoch').to.deep.equal([first?.epoch, first?.leader])
    await change({ type: 'Ring' }, plain, inRing(0, 1))
    const turned = await change({ type: 'Ring' }, [...plain].reverse(), inRing(1, 0))
    expect(turned).to.deep.equal({ epoch: turned?.epoch, agents: 4, links: 4 })
    const third = await change({ type: 'Hierarchical' }, LED, led)
    expect(third?.epoch).to.be.greaterThan(turned?.epoch ?? Infinity)
    await system.apply('desk', { groups: LED.map((group) => ({ ...group, replicas: 0 })), topology: { type: 'Hierarchical' } })
    await eventually('all are gone', async () => (await system.agents('desk')).length === 0)
    await eventually('nobody is linked', async () => (await system.swarm('desk'))?.status?.topology?.agents === 0)
    const last = await change({ type: 'Hierarchical' }, LED, led)
    expect(last?.epoch).to.be.greaterThan(third?.epoch ?? Infinity)
  })

  it('leaves its epoch behind when it is taken away: agents go on with tasks, and the next leader has a term of its own', async () => {
    const refuses = `if (url.pathname === '/tasks' && Number(request.headers['swarm-epoch']) < memory.epoch)
      return answer(response, 409, { epoch: memory.epoch })`
    await system.useAgentProgram('agent', LINKED_AGENT + refuses)
    await system.startRouter()
    await system.apply('desk', { groups: LED, topology: { type: 'Hierarchical' } })
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    await system.apply('desk', { groups: LED })
    const left = await eventually('nobody leads', async () => {
      const topology = (await system.swarm('desk'))?.status?.topology
      return !topology?.leader && { topology }
    })
    expect(left).to.deep.equal({ topology: { epoch: TERM, agents: 0, links: 0 } })
    const answers = await Promise.all(Array.from({ length: 8 }, async () => system.task('desk', {})))
    expect(answers.map((answer) => answer.status)).to.deep.equal(Array.from({ length: 8 }, () => 200))
    await system.apply('desk', { groups: LED, topology: { type: 'Star' } })
    await eventually('one leads again', async () => (await leaderOf()) !== '')
    expect((await system.swarm('desk'))?.status?.topology?.epoch).to.equal(2 * TERM)
  })

  it('is not for agents that answer 404: they are asked once', async () => {
    await system.useAgentProgram(
      'agent',
      `
      globalThis.asked ??= 0
      if (request.url === '/asked') return answer(response, 200, { asked: globalThis.asked })
      if (request.url === '/swarm') return globalThis.asked++, answer(response, 404, {})
      `,
    )
    const asked = async () => {
      const answers = await Promise.all((await system.agents('desk')).map((agent) => ask(system, agent, '/asked')))
      return answers.map(({ body }) => (body as { asked: number }).asked)
    }
    await system.apply('desk', { replicas: 2, topology: { type: 'Mesh' } })
    await system.settled('desk')
    await eventually('each was asked', async () => (await asked()).join() === '1,1')
    await system.scale('desk', 3)
    await system.settled('desk')
    await eventually('the new one was asked, the others were not', async () => (await asked()).join() === '1,1,1')
    await eventually('nobody waits to be told', async () => /^swarmops_operator_topology_pending 0$/m.test(await system.metrics()))
    expect(await system.metrics()).to.match(/^swarmops_operator_topology_publications_total\{result="unsupported"\} 3$/m)
    expect(await asked()).to.deep.equal([1, 1, 1])
  })

  it('is told again until it is taken, and to people when that goes on', async () => {
    const more = (status: number) => `if (request.url === '/swarm') return answer(response, globalThis.mended ? 200 : ${status}, {})
      if (request.url === '/mend') return (globalThis.mended = true), answer(response, 200, {})`
    await system.useAgentProgram('agent', more(500))
    await system.apply('desk', { replicas: 1, topology: { type: 'Mesh' } })
    await system.settled('desk')
    const [agent] = await system.agents('desk')
    if (!agent) throw new Error('there is no agent')
    const { message } = await eventually(
      'people are told',
      async () => system.told(agent.metadata.name, 'NeighboursNotTaken', /it answers 500/),
      { timeoutMs: 60_000 },
    )
    for (const token of await system.tokens('desk')) expect(message).to.not.contain(token)
    await ask(system, agent, '/mend')
    await eventually('it is taken', async () => /^swarmops_operator_topology_pending 0$/m.test(await system.metrics()), {
      timeoutMs: 60_000,
    })
  })

  it('is told again after a restart of the operator, and of an agent that was frozen', async () => {
    await system.apply('desk', { replicas: 2, topology: { type: 'Mesh' }, template: { readiness: { replaceAfter: '10m' } } })
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    const taken = async () => [...(await memories(system, 'desk')).values()].map((m) => m.taken)
    const before = await taken()
    await system.operator?.kill()
    await system.startOperator()
    await eventually('all are told again', async () => (await taken()).every((n, i) => n > (before[i] ?? 0)), { timeoutMs: 60_000 })
    await eventually('nobody waits to be told', async () => /^swarmops_operator_topology_pending 0$/m.test(await system.metrics()))
    const [first] = await taken()
    const [agent] = await system.agents('desk')
    const sandbox = agent?.status?.sandbox?.id ?? ''
    await system.e2b.admin.fault(sandbox, { type: 'freeze' })
    await eventually('it is not ready', async () => (await system.swarm('desk'))?.status?.readyReplicas === 1)
    await system.e2b.admin.fault(sandbox, { type: 'restore' })
    await eventually('it is told again', async () => ((await taken())[0] ?? 0) > (first ?? 0), { timeoutMs: 60_000 })
  })

  it('hands over before a leader drains, once in a whole update; the old one is told while it drains', async () => {
    const spec = { groups: LED, topology: { type: 'Hierarchical' }, lifecycle: { drainTimeout: '6s' } }
    await system.apply('desk', spec)
    await system.settled('desk')
    const first = await leaderOf()
    await everyoneKnows(system, 'desk', othersOf)
    const watched = watchVersions(system, {
      leaderChanged: (swarm) => swarm.status?.topology?.leader !== first,
      drains: (agent) => agent.metadata.name === first && agent.spec.state === 'Draining',
    })
    await system.apply('desk', { ...spec, template: { env: [{ name: 'MODE', value: 'new' }] } })
    await eventually(
      'the old leader knows that it stands by',
      async () => {
        const old = (await memories(system, 'desk')).get(first)?.told
        return old?.role === 'Standby' && old.epoch === 2 * TERM
      },
      { timeoutMs: 60_000 },
    )
    await system.settled('desk')
    const told = await everyoneKnows(system, 'desk', othersOf)
    const leader = await leaderOf()
    expect(told.get(leader)).to.include({ epoch: 2 * TERM, role: 'Leader' })
    await system.told('desk', 'LeaderElected', new RegExp(`^${leader} leads from epoch ${2 * TERM} on, after ${first}, which is leaving$`))
    const { leaderChanged, drains } = await watched.stop()
    expect(leaderChanged > 0n && leaderChanged < drains, `versions ${leaderChanged} and ${drains}`).to.equal(true)
  })

  it('shows no token to anybody but the agents', async () => {
    await system.apply('desk', { groups: LED, topology: { type: 'Hierarchical' } })
    await system.settled('desk')
    await everyoneKnows(system, 'desk', othersOf)
    const shown = JSON.stringify([await system.swarm('desk'), await system.agents('desk'), await system.allEvents(), system.operator?.log])
    const tokens = await system.tokens('desk')
    expect(tokens).to.have.length(4)
    expect(tokens.filter((token) => shown.includes(token) || shown.includes(Buffer.from(token).toString('base64')))).to.deep.equal([])
  })
})

describe('a ring without groups', function () {
  this.timeout(180_000)

  it('is made of a swarm that runs, updated and made smaller, and no agent drains before its stage has another one', async () => {
    const system = await System.start({ router: true })
    const informer = new Informer<Agent>({
      client: system.client,
      kind: AGENTS,
      namespaces: [system.namespace],
      log: createLog({ level: 'error', shape: 'text' }),
    })
    try {
      const ring = { replicas: 4, topology: { type: 'Ring' } }
      const places = async () => (await system.agents('desk')).map((a) => a.spec.place).sort((a, b) => a - b)
      await system.apply('desk', { replicas: 4 })
      await system.settled('desk')
      const [first] = (await system.agents('desk')).filter((a) => a.spec.place === 0)
      await system.scale('desk', 3)
      if (first) await system.removeAgent(first)
      await system.apply('desk', ring)
      await eventually('every stage has its agent', async () => (await places()).join() === '0,1,2,3')
      await system.settled('desk')
      await eventually('all stages do tasks', async () => (await system.task('desk', {})).status === 200)

      const gaps: string[] = []
      informer.onChange((_type, agent, old) => {
        if (old?.spec.state !== 'Running' || agent.spec.state !== 'Draining' || agent.spec.revision !== first?.spec.revision) return
        const others = readyAgents(informer.list()).filter((a) => a.spec.place === agent.spec.place && a.spec.state === 'Running')
        if (others.length === 0) gaps.push(`${agent.metadata.name} in stage ${agent.spec.place}`)
      })
      informer.start()
      await informer.synced()
      await system.apply('desk', { ...ring, template: { env: [{ name: 'MODE', value: 'new' }] } })
      await eventually('all are new', async () => (await system.swarm('desk'))?.status?.updatedReplicas === 4)
      await system.settled('desk')
      expect(gaps).to.deep.equal([])
      await system.scale('desk', 2)
      await system.settled('desk')
      expect(await places()).to.deep.equal([0, 1])
      await eventually('all stages do tasks', async () => (await system.task('desk', {})).status === 200)
    } finally {
      await informer.stop()
      await system.stop()
    }
  })
})

describe('a topology of hundreds of agents', function () {
  this.timeout(180_000)

  it('is bounded: nobody knows more than 200, people are told, and one change is not told to everybody again and again', async () => {
    // A long lease: its counters begin anew when an operator loses the leadership on a busy machine.
    const system = await System.start({ e2b: { light: true }, operatorArgs: ['--lease-duration', '60s'] })
    try {
      await system.apply('desk', { replicas: 210, topology: { type: 'Mesh' } })
      const { status } = await system.settled('desk', { timeoutMs: 120_000 })
      expect(status?.topology).to.deep.equal({ epoch: 0, agents: 210, links: (210 * 200) / 2 })
      await system.told('desk', 'NeighboursLimited', /agents each knows 200 others at most/)
      const told = async () =>
        Number(/^swarmops_operator_topology_publications_total\{result="taken"\} (\d+)$/m.exec(await system.metrics())?.[1])
      const allTold = async () =>
        eventually('nobody waits to be told', async () => /^swarmops_operator_topology_pending 0$/m.test(await system.metrics()), {
          timeoutMs: 60_000,
        })
      await allTold()
      const before = await told()
      const [victim] = await system.agents('desk')
      await system.e2b.admin.fault(victim?.status?.sandbox?.id ?? '', { type: 'kill' })
      await eventually('it is replaced', async () => !names(await system.agents('desk')).includes(victim?.metadata.name ?? ''))
      await system.settled('desk', { timeoutMs: 60_000 })
      await allTold()
      const publications = (await told()) - before
      // Its neighbours are told when it goes and when its successor comes, and those that have missed a check meanwhile once more.
      expect(publications).to.be.within(100, 5 * 210)
    } finally {
      await system.stop()
    }
  })
})
