import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, type Cluster } from '../../dev/cluster/cluster.ts'
import { isRunning, startTimeOf, type ProcessRecord } from '../../dev/cluster/process-record.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { CONFIG_MAPS, type KubeObject, type ResourceKind } from '../../src/kube/objects.ts'
import { eventually } from '../support/wait.ts'

const CRDS = join(import.meta.dirname, '../../crds')
const SERVICE_ACCOUNTS: ResourceKind<KubeObject> = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
}
const namespace = 'default'

function recordsOf(cluster: Cluster): ProcessRecord[] {
  return Object.values(cluster.pids).map((pid) => ({ pid, startedAt: startTimeOf(pid) ?? '' }))
}

describe('a control plane of processes', () => {
  let dir: string
  let cluster: Cluster
  let client: KubeClient

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'swarm-cluster-test-'))
    cluster = await startCluster({ dir, crds: CRDS, mayBuild: false })
    client = new KubeClient(loadKubeConfig({ file: cluster.kubeconfig }))
  })

  after(async () => {
    await client.close()
    await cluster.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('is the Kubernetes version that was asked for, and runs all three programs', async () => {
    expect(await client.raw('/version')).to.include({ gitVersion: 'v1.35.4' })
    expect(Object.keys(cluster.pids)).to.have.members(['etcd', 'kube-apiserver', 'kube-controller-manager'])
  })

  it('keeps its credentials from other users and out of its process arguments', () => {
    for (const file of ['kubeconfig', 'tokens.csv', 'service-account.key', 'kube-apiserver.log']) {
      expect(statSync(join(dir, file)).mode & 0o077, file).to.equal(0)
    }
    const token = readFileSync(join(dir, 'tokens.csv'), 'utf8').split(',')[0] ?? ''
    expect(token).to.have.length.above(20)
    for (const pid of Object.values(cluster.pids)) {
      if (existsSync('/proc')) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.to.include(token)
    }
  })

  it('collects objects whose owner is gone, also those owned by our kinds, soon after the start', async () => {
    const swarms: ResourceKind<KubeObject> = {
      group: 'swarmops.dev',
      version: 'v1alpha1',
      plural: 'agents',
      kind: 'Agent',
      namespaced: true,
    }
    const ref = { namespace, name: 'owned' }
    const owner = { apiVersion: 'swarmops.dev/v1alpha1', kind: 'Agent', name: 'gone', uid: '00000000-0000-4000-8000-000000000001' }
    expect(await client.list(swarms, { namespace }))
      .to.have.property('items')
      .that.deep.equals([])
    await client.create(CONFIG_MAPS, { metadata: { ...ref, ownerReferences: [owner] } })
    await eventually('the owned object is gone', async () => (await client.get(CONFIG_MAPS, ref)) === undefined)
  })

  it('gives a namespace its service account', async () => {
    await eventually('the service account', () => client.get(SERVICE_ACCOUNTS, { namespace, name: 'default' }))
  })

  it('survives a restart of the API server with its state and its address', async () => {
    const ref = { namespace, name: 'before-the-restart' }
    await client.create(CONFIG_MAPS, { metadata: ref, data: { nonce: randomBytes(8).toString('hex') } })
    const pid = cluster.pids['kube-apiserver']
    await cluster.restartApiServer()
    expect(cluster.pids['kube-apiserver']).not.to.be.oneOf([pid, undefined])
    expect(await client.get(CONFIG_MAPS, ref)).to.have.nested.property('metadata.name', ref.name)
  })

  it('answers nobody while the API server is stopped', async () => {
    await cluster.stopApiServer()
    const failure = await client.raw('/version', { timeoutMs: 5_000 }).then(
      () => 'an answer',
      (error: unknown) => String(error),
    )
    expect(failure).not.to.equal('an answer')
    await cluster.startApiServer()
    expect(await client.raw('/version')).to.include({ gitVersion: 'v1.35.4' })
  })

  it('leaves no process after its stop, and may be stopped again', async () => {
    const records = recordsOf(cluster)
    expect(records).to.have.length(3)
    expect(await cluster.stop()).to.equal(true)
    expect(records.filter(isRunning)).to.deep.equal([])
    expect(await cluster.stop()).to.equal(false)
  })
})

describe('a control plane whose starter is killed', () => {
  it('ends by itself', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'swarm-cluster-test-'))
    const script = `
      const { startCluster } = await import(${JSON.stringify(join(import.meta.dirname, '../../dev/cluster/cluster.ts'))})
      const cluster = await startCluster({ dir: ${JSON.stringify(dir)}, mayBuild: false })
      process.send(cluster.pids)
      setInterval(() => undefined, 1000)`
    const starter = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const pids = await new Promise<Record<string, number>>((resolve, reject) => {
      starter.once('message', (message) => resolve(message as Record<string, number>))
      starter.once('exit', () => reject(new Error('the starter ended before its cluster was up')))
    })
    const records = Object.values(pids).map((pid) => ({ pid, startedAt: startTimeOf(pid) ?? '' }))
    expect(records.filter(isRunning)).to.have.length(3)
    starter.kill('SIGKILL')
    await eventually('no process is left', () => !records.some(isRunning))
    rmSync(dir, { recursive: true, force: true })
  })
})
