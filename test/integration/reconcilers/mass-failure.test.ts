import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../../src/api/objects.ts'
import { Informer } from '../../../src/kube/informer.ts'
import { createLog } from '../../../src/log.ts'
import { AGENTS } from '../../../src/reconcilers/shared/kinds.ts'
import { System } from '../../support/system.ts'
import { readyAgents } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

const NEW = { env: [{ name: 'MODE', value: 'new' }] }

describe('a mass failure', function () {
  this.timeout(240_000)
  let system: System
  let informer: Informer<Agent>
  /** When each agent began to drain, in Unix milliseconds. */
  const drains = new Map<string, number>()
  before(async () => {
    system = await System.start({ router: true, e2b: { light: true, createLatencyMs: 300 } })
    informer = new Informer<Agent>({
      client: system.client,
      kind: AGENTS,
      namespaces: [system.namespace],
      log: createLog({ level: 'error', shape: 'text' }),
    })
    informer.onChange((_type, { metadata, spec }) => {
      if (spec.state === 'Draining') drains.set(metadata.name, Date.parse(spec.stateSince ?? ''))
    })
    informer.start()
  })
  after(async () => {
    await informer.stop()
    await system.stop()
  })

  const conditionOf = async (type: string) => (await system.swarm('desk'))?.status?.conditions?.find((c) => c.type === type)

  /** Until when the swarm waits, by its condition. */
  const untilOf = (message: string) => Date.parse(/wait until (\S+),/.exec(message)?.[1] ?? '')

  it('in the middle of an update stops it and scale-downs, not replacements, over a restart of the operator; then all goes on', async () => {
    await system.apply('desk', { replicas: 10, update: { maxSurge: 1, maxUnavailable: 0 } })
    await system.settled('desk')
    const load = system.keepAsking('desk', 2)
    await system.apply('desk', { replicas: 10, template: NEW })
    await eventually('the update is in its middle', async () => {
      const swarm = await system.swarm('desk')
      return swarm?.status?.observedGeneration === swarm?.metadata.generation && (swarm?.status?.updatedReplicas ?? 0) >= 3
    })

    // Until their loss is seen the update goes on: one or two of them may be on their way out, and do not count as lost then.
    const struck = readyAgents(await system.agents('desk'))
      .filter(({ spec }) => spec.state === 'Running')
      .slice(0, 6)
    await Promise.all(struck.map((a) => system.e2b.admin.fault(a.status?.sandbox?.id ?? '', { type: 'kill' })))
    const told = await eventually('the swarm tells', async () => conditionOf('MassFailure'))
    const sinceMs = Date.parse(told.lastTransitionTime)
    expect(told.message).to.match(/^[456] of 1[01] agents lost within a minute: updates and scale-downs wait until /)
    expect(untilOf(told.message) - sinceMs).to.be.within(50_000, 61_000)
    await system.told('desk', 'MassFailure', /^[456] of 1[01] agents lost/)

    await eventually('the lost ones are replaced', async () => {
      const agents = await system.agents('desk')
      return agents.every((a) => !struck.some((s) => s.metadata.name === a.metadata.name)) && readyAgents(agents).length >= 10
    })
    await system.operator?.kill()
    await system.startOperator()
    await system.scale('desk', 8)
    const held = await eventually('the scale-down waits', async () => {
      const condition = await conditionOf('Reconciling')
      return (await system.swarm('desk'))?.status?.desiredReplicas === 8 && condition?.reason === 'MassFailure' ? condition : undefined
    })
    // Where most were struck while they were old ones, their successors have ended the update.
    expect(held.message).to.match(/^waits for the end of a mass failure: (\d+ of 8 agents run revision \w+, \d+ older|.*not drained yet)/)
    expect((await system.swarm('desk'))?.status?.recentFailures?.length).to.be.within(4, 6)
    expect(await system.metrics()).to.contain(`swarmops_operator_mass_failure{namespace="${system.namespace}",swarm="desk"} 1`)

    let untilMs = 0
    await eventually(
      'it is over',
      async () => {
        const condition = await conditionOf('MassFailure')
        if (condition) untilMs = untilOf(condition.message)
        return !condition
      },
      { timeoutMs: 90_000 },
    )
    // The condition gives whole seconds, rounded up.
    expect([...drains].filter(([, atMs]) => atMs > sinceMs && atMs < untilMs - 1_000)).to.deep.equal([])
    await system.told('desk', 'MassFailureOver', /go on/)
    const after = await system.settled('desk')
    expect(after.status).to.include({ readyReplicas: 8, updatedReplicas: 8 })
    await eventually('the failures are forgotten', async () => !(await system.swarm('desk'))?.status?.recentFailures)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('is not the loss of three of ten', async () => {
    await system.apply('rest', { replicas: 10 })
    await system.settled('rest')
    const struck = readyAgents(await system.agents('rest')).slice(0, 3)
    await Promise.all(struck.map((a) => system.e2b.admin.fault(a.status?.sandbox?.id ?? '', { type: 'kill' })))
    await eventually('three failures are known', async () => (await system.swarm('rest'))?.status?.recentFailures?.length === 3)
    await system.scale('rest', 9)
    await eventually('one goes', async () => (await system.settled('rest')).status?.desiredReplicas === 9)
    expect((await system.allEvents()).filter((e) => e.involvedObject.name === 'rest' && e.reason === 'MassFailure')).to.deep.equal([])
  })

  it('is not the loss of paused agents, which do nothing', async () => {
    await system.apply('spare', { replicas: 6, lifecycle: { onScaleDown: 'Pause', sandboxTimeout: '30s' } })
    await system.settled('spare')
    await system.scale('spare', 3)
    await eventually('three sleep', async () => (await system.swarm('spare'))?.status?.groups?.[0]?.pausedReplicas === 3)
    const asleep = (await system.agents('spare')).filter((a) => a.status?.sandbox?.state === 'Paused')
    await Promise.all(asleep.map((a) => system.e2b.admin.fault(a.status?.sandbox?.id ?? '', { type: 'kill' })))
    // The sweep that sees it may begin half a minute later: it pauses as long as the swarms before this one allow.
    await eventually('they are lost', async () => (await system.agents('spare')).length === 3, { timeoutMs: 60_000 })
    expect((await system.swarm('spare'))?.status?.recentFailures).to.equal(undefined)
    expect((await system.allEvents()).filter((e) => e.involvedObject.name === 'spare' && e.reason === 'MassFailure')).to.deep.equal([])
  })
})
