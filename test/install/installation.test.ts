import { expect } from 'chai'
import { join } from 'node:path'
import { startE2bLocal, type E2bLocal } from '../../dev/e2b-local/server.ts'
import type { Agent, Swarm } from '../../src/api/objects.ts'
import { selfSigned } from '../support/certificate.ts'
import type { Finding } from '../../src/cli/doctor/judge.ts'
import { Installation, TaskClient } from '../support/installation.ts'
import { Plugin } from '../support/plugin.ts'
import { eventually } from '../support/wait.ts'

const SECURE_KEY = 'e2b_outside'
const PROGRAM = `
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
createServer(async (request, response) => {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  if (request.method === 'POST') await pause(100)
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(request.method === 'POST' ? { output: JSON.parse(Buffer.concat(chunks)).input } : {}))
}).listen(Number(process.env.PORT))
`

type List<T> = { items: T[] }
type Pod = {
  spec: { containers: { image: string }[] }
  metadata: { name: string; labels: Record<string, string> }
  status: { containerStatuses?: { ready: boolean; restartCount: number }[] }
}

describe('installation', function () {
  this.timeout(900_000)
  let system: Installation
  let outside: E2bLocal
  let token: string

  before(async () => {
    system = await Installation.start((line) => console.log(`      ${line}`))
    outside = await startE2bLocal({ host: system.pods.machine.addresses.host, apiKey: SECURE_KEY })
  })
  after(async () => {
    await outside?.stop()
    await system?.stop()
  })

  const swarm = async () => system.get<Swarm>(['swarm', 'desk'])
  const agents = async () => (await system.get<List<Agent>>(['agents', '-l', 'swarmops.dev/swarm=desk'])).items
  const sandboxIds = async () =>
    (await agents()).flatMap(({ status }) => (status?.sandbox ? [status.sandbox.id] : [])).toSorted((a, b) => a.localeCompare(b))
  const pods = async (component: string) =>
    (await system.get<List<Pod>>(['pods', '-n', system.namespace, '-l', `app.kubernetes.io/component=${component}`])).items
  const leader = async () =>
    (await system.get<{ spec: { holderIdentity: string } }>(['lease', system.prefix, '-n', system.namespace])).spec.holderIdentity

  /** The swarm has all of its agents; throws with what can be seen when that takes too long. */
  async function isReady(): Promise<void> {
    await eventually(
      'the swarm is ready',
      async () => {
        const { metadata, status } = await swarm()
        const condition = status?.conditions?.find(({ type }) => type === 'Ready')
        return status?.observedGeneration === metadata.generation && condition?.status === 'True' && (await agents()).length === 3
      },
      { timeoutMs: 90_000, pollMs: 250 },
    ).catch((error: unknown) => {
      throw new Error(system.diagnosis(), { cause: error })
    })
  }

  describe('for evaluation, with e2b-local', () => {
    it('has all of its pods ready after helm install', async () => {
      await system.install({ 'e2bLocal.enabled': 'true', 'test.task.namespace': 'default', 'test.task.swarm': 'desk' })
      const counts = { operator: 2, router: 2, 'e2b-local': 1 }
      for (const [component, count] of Object.entries(counts)) {
        const states = (await pods(component)).map(({ status }) => status.containerStatuses?.[0])
        expect(
          states.map((state) => state?.ready),
          component,
        ).to.deep.equal(Array.from({ length: count }, () => true))
        expect(
          states.map((state) => state?.restartCount),
          component,
        ).to.deep.equal(Array.from({ length: count }, () => 0))
      }
    })

    it('makes a Swarm ready', async () => {
      await system.kubectl(['create', 'configmap', 'desk-agent', `--from-literal=agent.mjs=${PROGRAM}`])
      const files = [{ path: 'agent.mjs', configMapKeyRef: { name: 'desk-agent', key: 'agent.mjs' } }]
      const template = { sandboxTemplate: 'base', command: ['node', 'agent.mjs'], files }
      const spec = { replicas: 3, template, routing: { timeout: '20s' } }
      const manifest = { apiVersion: 'swarmops.dev/v1alpha1', kind: 'Swarm', metadata: { name: 'desk' }, spec }
      await system.kubectl(['apply', '-f', '-'], manifest)
      await isReady()
    })

    it('takes tasks through the Service from a ServiceAccount that may send them, and from nobody else', async () => {
      for (const account of ['caller', 'stranger']) await system.kubectl(['create', 'serviceaccount', account])
      await system.kubectl(['create', 'role', 'send-tasks', '--verb=create', '--resource=swarms.swarmops.dev/tasks'])
      await system.kubectl(['create', 'rolebinding', 'send-tasks', '--role=send-tasks', '--serviceaccount=default:caller'])
      token = (await system.kubectl(['create', 'token', 'caller', '--duration=1h'])).trim()
      const stranger = (await system.kubectl(['create', 'token', 'stranger'])).trim()
      const router = `http://${await system.address('router')}`
      const answers = []
      for (const credential of [token, '', stranger]) {
        const client = new TaskClient(router, 'desk', { token: credential })
        answers.push(await client.ask({ text: 'hello' }))
        await client.close()
      }
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 401, 403])
      expect(answers[0]?.body['output']).to.deep.equal({ text: 'hello' })
    })

    it('takes tasks from a pod, by the name of the Service and the token in the pod', async () => {
      await system.kubectl(['apply', '-f', '-'], clientPod(system))
      const phase = await eventually(
        'the pod has ended',
        async () => {
          const { status } = await system.get<{ status: { phase: string } }>(['pod', 'client'])
          return ['Succeeded', 'Failed'].includes(status.phase) && status.phase
        },
        { timeoutMs: 60_000 },
      )
      expect(await system.kubectl(['logs', 'client'])).to.equal('200 {"text":"from a pod"}\n')
      expect(phase).to.equal('Succeeded')
    })

    it('is reached by the plugin with a kubeconfig alone: routers through the API server, and doctor finds nothing wrong', async () => {
      const e2b = `http://${await system.address('e2b-local')}`
      const plugin = new Plugin({
        kubeconfig: system.pods.cluster.kubeconfig,
        routerUrl: '',
        e2b: { url: e2b, apiKey: 'e2b_local' },
        namespace: 'default',
      })
      try {
        const answer = await plugin.says(['submit', 'desk', '{"text":"by kubeconfig"}', '--as-service-account', 'caller'])
        expect(JSON.parse(answer)).to.have.nested.property('output.text', 'by kubeconfig')
        const findings = JSON.parse(await plugin.says(['doctor', '--output', 'json'])) as Finding[]
        expect(findings.filter(({ level }) => level !== 'ok')).to.deep.equal([])
        const count = (check: string) => findings.filter((finding) => finding.check === check).length
        expect({ operator: count('operator'), router: count('router') }).to.deep.equal({ operator: 2, router: 2 })
      } finally {
        plugin.remove()
      }
    })

    it('passes helm test, which sends a task too', async () => {
      expect(await system.test()).to.match(/Phase:\s+Succeeded/)
    })

    it('has another operator lead when the pod of the leader is killed, and a sandbox replaced that is killed meanwhile', async () => {
      const before = { leader: await leader(), sandboxes: await sandboxIds() }
      const pod = before.leader.slice(0, before.leader.lastIndexOf('-'))
      const [victim = ''] = before.sandboxes
      await system.kubectl(['delete', 'pod', pod, '-n', system.namespace, '--grace-period=0', '--force'])
      const e2b = `http://${await system.address('e2b-local')}`
      const request = { method: 'POST', headers: { 'x-api-key': 'e2b_local' }, body: JSON.stringify({ type: 'kill' }) }
      expect((await fetch(`${e2b}/local/sandboxes/${victim}/faults`, request)).ok).to.equal(true)
      await eventually('another operator leads', async () => !(await leader()).startsWith(pod), { timeoutMs: 60_000 })
      await eventually(
        'the sandbox is replaced',
        async () => {
          const now = await sandboxIds()
          return now.length === 3 && !now.includes(victim)
        },
        { timeoutMs: 60_000 },
      )
      await isReady()
      expect((await sandboxIds()).filter((id) => before.sandboxes.includes(id))).to.have.length(2)
    })

    it('leaves no dead process of a sandbox in the pod of e2b-local', async () => {
      const script = "grep -l '^State:.Z' /proc/[0-9]*/status | wc -l"
      const exec = ['exec', '-n', system.namespace, `deployment/${system.prefix}-e2b-local`, '--', 'bash', '-c', script]
      await eventually('no process waits to be reaped', async () => (await system.kubectl(exec)).trim() === '0')
    })

    it('leaves kinds and Swarms when it is uninstalled, and nothing else', async () => {
      await system.uninstall()
      const label = ['-l', `app.kubernetes.io/instance=${system.release}`]
      const kinds = 'deployments,services,serviceaccounts,roles,rolebindings,secrets,configmaps,poddisruptionbudgets,networkpolicies,pods'
      await system.kubectl(['wait', 'pods', '-n', system.namespace, ...label, '--for=delete', '--timeout=60s'])
      const left = await system.get<List<{ kind: string; metadata: { name: string } }>>([kinds, '-A', ...label])
      const wide = await system.get<List<{ kind: string; metadata: { name: string } }>>(['clusterroles,clusterrolebindings', ...label])
      expect([...left.items, ...wide.items].map(({ kind, metadata }) => `${kind} ${metadata.name}`)).to.deep.equal([])
      const crds = await system.get<List<{ metadata: { name: string } }>>(['crds'])
      expect(crds.items.map(({ metadata }) => metadata.name)).to.include('swarms.swarmops.dev')
      expect((await swarm()).spec.replicas).to.equal(3)
    })
  })

  describe('with a provider outside of the cluster, and TLS', () => {
    const servername = 'fleet-swarm-operator-router.swarm-system.svc'
    const certificate = selfSigned(servername)
    const provider = (): Record<string, string> => ({
      'e2b.existingSecret': 'e2b',
      'e2b.apiUrl': outside.url,
      'e2b.sandboxUrl': outside.url,
      'operator.createRate': '0',
      'router.tls.existingSecret': 'router-tls',
      'router.tls.caKey': 'tls.crt',
    })
    const running = () =>
      outside.admin
        .sandboxes()
        .map(({ sandboxId }) => sandboxId)
        .toSorted((a, b) => a.localeCompare(b))

    it('takes up the Swarms that are there', async () => {
      await system.kubectl(['create', 'secret', 'generic', 'e2b', '-n', system.namespace, `--from-literal=apiKey=${SECURE_KEY}`])
      const stringData = { 'tls.crt': certificate.cert, 'tls.key': certificate.key }
      const metadata = { name: 'router-tls', namespace: system.namespace }
      await system.kubectl(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, stringData })
      await system.install(provider())
      await isReady()
      await eventually(
        'the sandboxes are those of the agents',
        async () => expect(running()).to.deep.equal(await sandboxIds()) !== undefined,
      )
    })

    it('loses no task when it is upgraded to another image under load', async () => {
      system.pods.node.tagImage(`docker.io/library/${system.image.name}`, 'docker.io/library/swarm-operator:next')
      const sandboxes = running()
      const client = new TaskClient(`https://${await system.address('router')}`, 'desk', {
        token,
        tls: { ca: certificate.cert, servername },
      })
      const load = client.load(12)
      await eventually('tasks are done', () => load.answers.length > 50)
      await system.install({ ...provider(), 'image.tag': 'next' })
      await eventually(
        'the old routers are gone',
        async () => {
          const images = [...(await pods('operator')), ...(await pods('router'))].map(({ spec }) => spec.containers[0]?.image)
          return images.length === 4 && images.every((image) => image === 'swarm-operator:next')
        },
        { timeoutMs: 60_000, pollMs: 250 },
      )
      const upgraded = load.answers.length
      await eventually('more tasks are done by the new routers', () => load.answers.length > upgraded + 50)
      const answers = await load.stop()
      await client.close()
      expect(answers.filter(({ status }) => status !== 200).map(({ status, body }) => ({ status, body }))).to.deep.equal([])
      expect(running()).to.deep.equal(sandboxes)
    })

    it('leaves no sandbox unowned when it is uninstalled, finds all again when it is back, and ends what was deleted meanwhile', async () => {
      const sandboxes = running()
      await system.uninstall()
      const [victim] = await agents()
      await system.kubectl(['delete', 'agent', victim?.metadata.name ?? '', '--wait=false'])
      expect(running()).to.deep.equal(sandboxes)
      expect(await sandboxIds()).to.deep.equal(sandboxes)
      await system.install(provider())
      const kept = sandboxes.filter((id) => id !== victim?.status?.sandbox?.id)
      await eventually(
        'another agent has taken the place of the deleted one',
        () =>
          running().length === 3 &&
          running()
            .filter((id) => sandboxes.includes(id))
            .join() === kept.join(),
        { timeoutMs: 60_000 },
      )
      await isReady()
    })

    it('leaves nothing at all when Swarms are deleted first, then the release, then the kinds', async () => {
      await system.kubectl(['delete', 'swarms', '--all', '--all-namespaces', '--timeout=60s'])
      await eventually('the sandboxes are gone', () => running().length === 0)
      await system.uninstall()
      await system.kubectl(['delete', '-f', join(import.meta.dirname, '../../crds'), '--timeout=60s'])
      const crds = await system.get<List<{ metadata: { name: string } }>>(['crds'])
      expect(crds.items.filter(({ metadata }) => metadata.name.endsWith('.swarmops.dev'))).to.deep.equal([])
    })
  })
})

/** A pod that sends one task, as a program of a user in the cluster would. */
function clientPod({ image, prefix, namespace }: Installation): object {
  const script = `
    import { readFileSync } from 'node:fs'
    const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')
    const response = await fetch('http://${prefix}-router.${namespace}.svc:18000/v1/namespaces/default/swarms/desk/tasks', {
      method: 'POST', headers: { authorization: 'Bearer ' + token }, body: JSON.stringify({ input: { text: 'from a pod' } }) })
    console.log(response.status, JSON.stringify((await response.json()).output))`
  const container = { name: 'client', image: image.name, command: ['node', '--input-type=module', '--eval', script] }
  const spec = { serviceAccountName: 'caller', restartPolicy: 'Never', containers: [container] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'client', namespace: 'default' }, spec }
}
