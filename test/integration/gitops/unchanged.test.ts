import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { loadAll } from 'js-yaml'
import { NAMESPACES, type KubeObject } from '../../../src/kube/objects.ts'
import { kubectl, kubectlOk, kustomize } from '../../support/kubectl.ts'
import { shownManifest } from '../../support/shown.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

const EXAMPLES = join(import.meta.dirname, '../../../examples')

/** A program for agents whose manifests come from a page. */
const PROGRAM = `require('node:http').createServer((_, response) => response.end('{}')).listen(Number(process.env.PORT))`
const configMap = (name: string, key: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { ${key}: ${JSON.stringify(PROGRAM)} }\n`

/** The least that each kind must say: everything else is a default. */
const LEAST = `
apiVersion: swarmops.dev/v1alpha1
kind: Swarm
metadata: { name: least }
spec: { template: { sandboxTemplate: base, command: [node, agent.cjs], files: [{ path: agent.cjs, configMapKeyRef: { name: least, key: agent.cjs } }] } }
---
apiVersion: swarmops.dev/v1alpha1
kind: CanaryRollout
metadata: { name: least }
spec: { swarm: least }
---
apiVersion: swarmops.dev/v1alpha1
kind: BlueGreenRollout
metadata: { name: later }
spec: { swarm: later }
---
apiVersion: swarmops.dev/v1alpha1
kind: ScalingPolicy
metadata: { name: least }
spec: { target: { swarm: least }, minReplicas: 2, maxReplicas: 3, metrics: [{ name: load, type: InFlightPerAgent, target: { value: 2 } }] }
`

/** What can be applied, by what it is called here: an example, or a text with manifests. */
const MANIFESTS: Readonly<Record<string, () => Promise<string>>> = {
  ...Object.fromEntries(
    ['mesh', 'consensus', 'hierarchical', 'ring', 'star', 'canary', 'blue-green', 'trading-desk'].map((name) => [
      `examples/${name}`,
      async () => kustomize(join(EXAMPLES, name)),
    ]),
  ),
  'the first swarm of the README': async () =>
    [
      configMap('desk-agents', 'desk.mjs').replace(/require\('node:http'\)/, "(await import('node:http'))"),
      shownManifest('../README.md', 'kind: Swarm'),
    ].join('---\n'),
  'the least of every kind': async () => [configMap('least', 'agent.cjs'), LEAST].join('---\n'),
}

/** Everything of an object that somebody asked for, and who asked for it when: not what the operator tells in its status. */
type Asked = KubeObject & { spec?: unknown; data?: unknown; metadata: { managedFields?: readonly { subresource?: string }[] } }
const askedFor = ({ kind, metadata, spec, data }: Asked) => {
  const { resourceVersion: _, managedFields = [], ...rest } = metadata
  return { kind, metadata: rest, spec, data, managedFields: managedFields.filter(({ subresource }) => subresource === undefined) }
}

describe('what is applied again', function () {
  this.timeout(180_000)
  let system: System
  const other = `t-${randomBytes(4).toString('hex')}`
  before(async () => {
    system = await System.start({ router: true, operatorArgs: ['--namespace', other] })
    await system.client.create(NAMESPACES, { metadata: { name: other } })
  })
  after(async () => system.stop())

  const at = (namespace: string, ...args: string[]) => [`--kubeconfig=${system.kubeconfig}`, `--namespace=${namespace}`, ...args]

  /** The objects of these manifests as the API server has them. */
  const stored = async (namespace: string, text: string) =>
    (JSON.parse(await kubectlOk(at(namespace, 'get', '-f', '-', '-o', 'json', '--show-managed-fields'), text)) as { items: Asked[] }).items

  /** Waits until the Swarms are as they are asked for and everything else was looked at: then only its figures change. */
  const settled = async (namespace: string, text: string) =>
    eventually(
      'all is settled',
      async () => {
        const objects = (await stored(namespace, text)) as (Asked & {
          status?: { observedGeneration?: number; conditions?: { type: string; status: string }[] }
        })[]
        const unsettled = objects.filter(({ kind, metadata, status }) => {
          const is = (type: string) => status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false
          if (kind === 'ConfigMap') return false
          const isSeen = status?.observedGeneration === (metadata as { generation?: number }).generation
          return !isSeen || (kind === 'Swarm' && (!is('Ready') || is('Reconciling')))
        })
        if (unsettled.length === 0) return true
        throw new Error(JSON.stringify(unsettled.map(({ kind, metadata, status }) => [kind, metadata.name, status?.conditions])))
      },
      { timeoutMs: 100_000 },
    )

  const ways = {
    'by the client': { namespace: () => system.namespace, flags: [] },
    'by the server': { namespace: () => other, flags: ['--server-side'] },
  }
  for (const [name, manifests] of Object.entries(MANIFESTS))
    for (const [way, { namespace, flags }] of Object.entries(ways))
      it(`${name}, ${way}: kubectl diff shows nothing, and nothing changes`, async () => {
        const text = await manifests()
        const apply = async () => kubectlOk(at(namespace(), 'apply', ...flags, '-f', '-'), text)
        await apply()
        await settled(namespace(), text)
        const before = await stored(namespace(), text)
        expect(before, 'as many as there are manifests').to.have.length(loadAll(text).length)
        expect(await kubectl(at(namespace(), 'diff', ...flags, '-f', '-'), text)).to.deep.equal({ code: 0, out: '', complaint: '' })
        // kubectl may say that it configures what it leaves alone: in lists it does not tell what is a default.
        await apply()
        expect((await stored(namespace(), text)).map(askedFor)).to.deep.equal(before.map(askedFor))
        await eventually('it is applied between two writes of the status, and is not written', async () => {
          const versions = (objects: readonly Asked[]) => objects.map(({ metadata }) => metadata.resourceVersion).join()
          const old = versions(await stored(namespace(), text))
          await apply()
          return old === versions(await stored(namespace(), text))
        })
        await kubectlOk(at(namespace(), 'delete', '--wait=false', '-f', '-'), text)
        await eventually('all agents are gone', () => system.e2b.admin.sandboxes().length === 0, { timeoutMs: 60_000 })
      })
})
