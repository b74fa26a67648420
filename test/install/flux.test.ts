import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ensureArgoCd } from '../../dev/tools/argo-cd.ts'
import { MANIFESTS, rolloutOf, swarmOf } from '../support/gitops-manifests.ts'
import type { Load } from '../support/load.ts'
import { System } from '../support/system.ts'
import { eventually } from '../support/wait.ts'

/** What came of one reconcile: what was done to each object, and why the Kustomization is not Ready. */
type Reconciled = { actions: Record<string, string>; error?: string }

describe('Flux, by the part of it that applies and waits', function () {
  this.timeout(240_000)
  let system: System
  let programs: string
  let load: Load | undefined
  before(async () => {
    programs = await ensureArgoCd()
    system = await System.start({ router: true })
  })
  afterEach(async () => {
    await load?.stop()
    load = undefined
  })
  after(async () => system?.stop())

  /** Reconciles a Kustomization with \`wait: true\` once, with these steps after the measured one. */
  async function reconcile(
    mode: string,
    { timeout = '2m', steps = [] }: { timeout?: string; steps?: readonly string[] } = {},
  ): Promise<Reconciled> {
    const manifests = { ...MANIFESTS, 'desk/rollout.yaml': rolloutOf(...steps), 'desk/swarm.yaml': swarmOf(mode) }
    const env = { ...process.env, KUBECONFIG: system.kubeconfig, GITOPS_TOOLS_PARENT: String(process.pid) }
    const child = spawn(join(programs, 'flux-apply'), [system.namespace, timeout], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.end(Object.values(manifests).join('\n---\n'))
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr)])
    if (said === '') throw new Error(complaint)
    return JSON.parse(said) as Reconciled
  }
  const allOf = (action: string, but: Readonly<Record<string, string>> = {}) => {
    const names = ['CanaryRollout/NS/desk', 'ConfigMap/NS/desk-agents', 'ScalingPolicy/NS/pairs', 'Swarm/NS/desk', 'Swarm/NS/team']
    return Object.fromEntries(names.map((name) => [name.replace('NS', system.namespace), but[name] ?? action]))
  }
  const stateOf = async () => (await system.rollout('CanaryRollout', 'desk'))?.status?.state
  const replicas = async () => [
    (await system.swarm('desk'))?.spec.replicas,
    ...((await system.swarm('team'))?.spec.groups?.map((group) => group.replicas) ?? []),
  ]

  it('waits until all agents are up, and applies the same again without a change', async () => {
    expect(await reconcile('good-1')).to.deep.equal({ actions: allOf('created') })
    expect((await system.swarm('desk'))?.status?.readyReplicas).to.equal(1)
    await system.scale('desk', 4)
    await eventually('replicas are set by others', async () => (await replicas()).join() === '4,1,2')
    expect(await reconcile('good-1')).to.deep.equal({ actions: allOf('unchanged') })
    expect(await replicas()).to.deep.equal([4, 1, 2])
    expect((await system.settled('desk')).status?.readyReplicas).to.equal(4)
  })

  it('waits for the end of a canary, and gives up at its timeout where a person is asked', async () => {
    load = system.keepAsking('desk', 2)
    const before = (await stateOf())?.stableRevision
    expect(await reconcile('good-2')).to.deep.equal({ actions: allOf('unchanged', { 'Swarm/NS/desk': 'configured' }) })
    const { activity, stableRevision } = (await stateOf()) ?? {}
    expect(activity).to.equal('Idle')
    expect(stableRevision).to.not.equal(before)
    const { error = '' } = await reconcile('good-3', { timeout: '15s', steps: ['pause: {}'] })
    // What it says of each object depends on where in its look the time was up.
    expect(error)
      .to.match(/^timeout waiting for: \[/)
      .and.to.contain(`CanaryRollout/${system.namespace}/desk status`)
    expect((await stateOf())?.activity).to.equal('Stepping')
    await system.request('CanaryRollout', 'desk', 'PromoteFully')
    expect((await reconcile('good-3', { steps: ['pause: {}'] })).error).to.equal(undefined)
    expect(await replicas()).to.deep.equal([4, 1, 2])
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
  })

  it('fails at once, by the name of the rollout, when a revision is given up; again for the same commit, and a revert heals it', async () => {
    const stable = (await stateOf())?.stableRevision
    load = system.keepAsking('desk', 2)
    const { error } = await reconcile('bad-4')
    const failed = `failed early due to stalled resources: [CanaryRollout/${system.namespace}/desk status: 'Failed']`
    expect(error).to.equal(failed)
    const { activity, attempt } = (await stateOf()) ?? {}
    expect(activity).to.equal('Aborted')
    expect(await reconcile('bad-4')).to.deep.equal({ actions: allOf('unchanged'), error: failed })
    expect((await stateOf())?.attempt).to.equal(attempt)
    // It may look before the operator has looked at the change, and see the rollout as it was: then it tries again after its retryInterval.
    await eventually('a revert heals it', async () => (await reconcile('good-3')).error === undefined, { timeoutMs: 60_000 })
    expect((await stateOf())?.stableRevision).to.equal(stable)
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
  })
})
