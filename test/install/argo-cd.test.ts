import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ArgoCd } from '../support/argo-cd.ts'
import { MANIFESTS, swarmOf } from '../support/gitops-manifests.ts'
import { kubectlOk } from '../support/kubectl.ts'
import type { Load } from '../support/load.ts'
import { System } from '../support/system.ts'
import { eventually } from '../support/wait.ts'

const APP = 'desk'

describe('Argo CD', function () {
  this.timeout(240_000)
  let system: System
  let argo: ArgoCd
  let load: Load | undefined
  before(async () => {
    // The Lease is outside of the namespace, which a test deletes.
    system = await System.start({ router: true, operatorArgs: ['--lease-namespace', 'default', '--lease-name', 'argo-cd-test'] })
    argo = await ArgoCd.start(system.kubeconfig)
  })
  afterEach(async () => {
    await load?.stop()
    load = undefined
  })
  after(async () => {
    await argo?.stop()
    await system?.stop()
  })

  const push = async (mode: string, more: Readonly<Record<string, string | null>> = {}) => {
    argo.repository.commit({ 'desk/swarm.yaml': swarmOf(mode), ...more }, `agents of mode ${mode}`)
    await argo.refresh(APP)
  }
  const healthIs = async (health: string, timeoutMs = 90_000) =>
    argo.until(
      APP,
      `is synced and ${health}`,
      ({ status }) => status?.sync?.status === 'Synced' && status.health?.status === health,
      timeoutMs,
    )
  /** Waits until the Application tells this of one of its resources, in exactly these words. */
  const shows = async (kind: string, status: string, message: string) =>
    eventually(
      `${kind} desk is ${status}: ${message}`,
      async () => {
        const health = (await argo.get(APP))?.status?.resources?.find((each) => each.kind === kind && each.name === 'desk')?.health
        if (health?.status === status && health.message === message) return true
        throw new Error(JSON.stringify(health))
      },
      { timeoutMs: 60_000 },
    )
  const rolloutIs = async (activity: string, step?: number) =>
    eventually(
      `the rollout is ${activity}`,
      async () => {
        const { state } = (await system.rollout('CanaryRollout', APP))?.status ?? {}
        if (state?.activity === activity && (step === undefined || state.step === step)) return state
        throw new Error(JSON.stringify(state))
      },
      { timeoutMs: 90_000 },
    )
  /** What Git says is what the Application was synced to once for each commit, and not again: nothing was undone. */
  const syncs = async () => (await argo.get(APP))?.status?.history?.length ?? 0
  const modesOf = ({ answers }: Pick<Load, 'answers'>) => [...new Set(answers.map(({ body }) => body['output']))]

  it('brings a directory of agents up: Progressing, then Healthy', async () => {
    const health = argo.watchHealth(APP)
    argo.repository.commit({ ...MANIFESTS, 'desk/swarm.yaml': swarmOf('good-1') }, 'the first agents')
    await argo.application(APP, system.namespace)
    await healthIs('Healthy')
    await health.stop()
    expect(health.seen.filter((one) => one !== 'Missing'))
      .to.include('Progressing')
      .and.not.include('Degraded')
    await shows('Swarm', 'Healthy', 'AgentsReady: 1 of 1 agent is ready')
    await eventually('the policy has its way', async () => (await system.swarm('team'))?.spec.groups?.[1]?.replicas === 2)
  })

  it('leaves replicas alone that kubectl scale and a ScalingPolicy set, and heals what somebody else changes', async () => {
    const before = await syncs()
    await system.scale('desk', 4)
    await system.settled('desk')
    await system.settled('team')
    await argo.refresh(APP)
    await healthIs('Healthy')
    // A change of what Git says is undone: so Argo CD has looked at the very objects, and left the replicas as they are.
    const patch = JSON.stringify({ spec: { routing: { timeout: '7s' }, template: { env: [{ name: 'MODE', value: 'by-hand' }] } } })
    await kubectlOk([
      `--kubeconfig=${system.kubeconfig}`,
      `--namespace=${system.namespace}`,
      'patch',
      'swarm',
      'desk',
      '--type=merge',
      '-p',
      patch,
    ])
    await eventually('it is healed', async () => (await system.swarm('desk'))?.spec.template.env?.[0]?.value === 'good-1', {
      timeoutMs: 60_000,
    })
    await healthIs('Healthy')
    const { spec } = (await system.swarm('desk')) ?? {}
    expect([spec?.replicas, spec?.routing.timeout], 'what Git does not say stays').to.deep.equal([4, '7s'])
    expect((await system.swarm('team'))?.spec.groups?.map(({ replicas }) => replicas)).to.deep.equal([1, 2])
    expect(await syncs(), 'nothing but that was synced again').to.be.within(before, before + 1)
  })

  it('lets a commit that changes the template go through the canary: Suspended where a person is asked, then Healthy', async () => {
    const before = await syncs()
    load = system.keepAsking('desk', 2)
    const health = argo.watchHealth(APP)
    await push('good-2')
    const { targetRevision } = await rolloutIs('Stepping', 2)
    await healthIs('Suspended')
    const waits = `PauseStep: revision ${targetRevision} has 25 % of the tasks, 3/3 pause until promoted: ask for Promote to go on, or Abort`
    await shows('CanaryRollout', 'Suspended', waits)
    // Argo CD looks again, at weights that no manifest has, and finds nothing to undo.
    await argo.refresh(APP)
    await healthIs('Suspended')
    const { traffic } = (await system.swarm('desk'))?.status ?? {}
    expect(traffic?.map(({ percent }) => percent).sort()).to.deep.equal([25, 75])
    expect(modesOf(load)).to.have.members(['good-1', 'good-2'])
    await system.request('CanaryRollout', 'desk', 'Promote')
    await healthIs('Healthy')
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
    await health.stop()
    expect(health.seen).to.include('Suspended').and.not.include('Degraded')
    expect(health.seen.indexOf('Healthy', 1), `healthy again at its end, and not before: ${health.seen.join()}`).to.equal(
      health.seen.length - 1,
    )
    expect(await system.task('desk', {})).to.deep.include({ status: 200 })
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(4)
    expect(await syncs(), 'one commit, one sync').to.equal(before + 1)
  })

  it('shows a bad commit as Degraded with the reason, while every task is done; a revert heals it', async () => {
    const stable = (await rolloutIs('Idle')).stableRevision
    load = system.keepAsking('desk', 2)
    await push('bad-3')
    const { failure, targetRevision, attempt } = await rolloutIs('Aborted')
    await healthIs('Degraded')
    const { reason, message } = failure ?? {}
    expect(reason).to.be.oneOf(['GuardTripped', 'AnalysisFailed'])
    const gaveUp = `revision ${targetRevision} was given up: ${message}; ${stable} has all tasks. Change spec.template of the Swarm, or ask for Retry`
    await shows('CanaryRollout', 'Degraded', `${reason}: ${gaveUp}`)
    const rejected = `revision ${targetRevision} of the template was given up by a rollout and is not tried again; change spec.template, or ask CanaryRollout/desk for Retry`
    await shows('Swarm', 'Degraded', `RevisionRejected: ${rejected}`)
    // Neither a look nor a sync of the same commit tries it again.
    await argo.sync(APP)
    await healthIs('Degraded')
    expect((await rolloutIs('Aborted')).attempt).to.equal(attempt)

    argo.repository.revert()
    await argo.refresh(APP)
    await healthIs('Healthy')
    expect((await rolloutIs('Idle')).stableRevision).to.equal(stable)
    // Agents of the bad revision failed tasks, within its share; each was done again by a good one, and no client has seen anything of it.
    const answers = await load.stop()
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
    expect(modesOf({ answers })).to.deep.equal(['good-2'])
    const attempts = answers.flatMap(({ body }) => body['attempts'] as { outcome: string; revision?: string }[])
    expect(attempts.filter(({ outcome }) => outcome !== 'Done').length).to.be.greaterThan(0)
  })

  it('brings agents to each cluster that the ApplicationSet finds, and takes them away with it', async () => {
    argo.repository.commit(
      { 'desk/here/swarm.yaml': swarmOf('here').replace('name: desk }', 'name: elsewhere }') },
      'agents of the cluster here',
    )
    await argo.applicationSet(system.namespace)
    await argo.until(
      'desk-here',
      'is Healthy',
      ({ status }) => status?.sync?.status === 'Synced' && status.health?.status === 'Healthy',
      90_000,
    )
    expect((await system.task('elsewhere', {})).body).to.deep.include({ output: 'here' })
    await argo.removeApplicationSet()
    await eventually('its Application is gone', async () => (await argo.get('desk-here')) === undefined, { timeoutMs: 60_000 })
    expect(await system.swarm('elsewhere')).to.equal(undefined)
  })

  it('takes everything away with the Application, in the middle of a canary and the namespace included, and leaves no sandbox', async () => {
    const namespace = `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${system.namespace} }\n`
    load = system.keepAsking('desk', 2)
    await push('good-4', { 'desk/namespace.yaml': namespace })
    await rolloutIs('Stepping', 2)
    await load.stop()
    await healthIs('Suspended')
    await eventually('there are 5 agents of desk and 3 of team', () => system.e2b.admin.sandboxes().length === 8)
    await argo.remove(APP)
    await eventually('the Application is gone', async () => (await argo.get(APP)) === undefined, { timeoutMs: 90_000 })
    await eventually('the namespace is gone', async () => !(await system.namespaceExists()), { timeoutMs: 60_000 })
    expect(system.e2b.admin.sandboxes()).to.deep.equal([])
  })
})
