import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import { expect } from 'chai'
import { load, loadAll } from 'js-yaml'
import { schemaOf, type Node } from '../../../src/api/crd.ts'
import { AGENT, KINDS } from '../../../src/api/kinds.ts'
import { kustomize } from '../../support/kubectl.ts'

const ROOT = join(import.meta.dirname, '../../..')
const FILE = join(ROOT, 'deploy/kustomize/name-references.yaml')

type Reference = { readonly to: string; readonly path: string }
type Written = { nameReference: { kind: string; fieldSpecs: { kind: string; group: string; path: string }[] }[] }

/** What a field with this name names, if it names something. */
function namedBy(field: string): (Omit<Reference, 'path'> & { inner: string }) | undefined {
  if (field.startsWith('configMap') && field.endsWith('Ref')) return { to: 'ConfigMap', inner: '/name' }
  if (field.endsWith('Ref')) return { to: 'Secret', inner: '/name' }
  return field === 'swarm' ? { to: 'Swarm', inner: '' } : undefined
}

/** Every field of a schema that names another object of the namespace. */
function referencesIn(node: Node, path: string): Reference[] {
  const inner = node.items ?? node
  return Object.entries(inner.properties ?? {}).flatMap(([field, child]) => {
    const named = namedBy(field)
    return named ? [{ to: named.to, path: `${path}/${field}${named.inner}` }] : referencesIn(child, `${path}/${field}`)
  })
}

describe('names in kustomizations', () => {
  it('are known in every field of our kinds that names a ConfigMap, a Secret or a Swarm', () => {
    const ours = KINDS.filter((kind) => kind !== AGENT) // which nobody writes
    const all = ours.flatMap((kind) => {
      const { spec } = schemaOf(kind).properties ?? {}
      return spec ? referencesIn(spec, 'spec').map(({ to, path }) => `${to}: ${kind.group} ${kind.kind} ${path}`) : []
    })
    const { nameReference } = load(readFileSync(FILE, 'utf8')) as Written
    const known = nameReference.flatMap(({ kind: to, fieldSpecs }) =>
      fieldSpecs.map(({ kind, group, path }) => `${to}: ${group} ${kind} ${path}`),
    )
    expect(known).to.have.members(all)
  })

  it('follow the contents of a ConfigMap, and a prefix', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'swarm-kustomize-'))
    try {
      cpSync(join(ROOT, 'examples/canary'), dir, { recursive: true })
      cpSync(FILE, join(dir, 'name-references.yaml'))
      const kustomization = readFileSync(join(dir, 'kustomization.yaml'), 'utf8').replace(/generatorOptions:[^]*/, '')
      writeFileSync(join(dir, 'kustomization.yaml'), `${kustomization}\nnamePrefix: my-\nconfigurations: [name-references.yaml]\n`)
      const made = async () => loadAll(await kustomize(dir)) as { kind: string; metadata: { name: string }; spec: unknown }[]
      const nameOf = (objects: Awaited<ReturnType<typeof made>>, kind: string) =>
        objects.find((object) => object.kind === kind)?.metadata.name ?? ''
      const before = await made()
      expect(nameOf(before, 'ConfigMap')).to.match(/^my-canary-agents-[a-z0-9]{10}$/)
      expect(JSON.stringify(before.find(({ kind }) => kind === 'Swarm')?.spec).split(nameOf(before, 'ConfigMap'))).to.have.length(4)
      expect(before.find(({ kind }) => kind === 'CanaryRollout')?.spec).to.deep.include({ swarm: 'my-canary' })
      writeFileSync(join(dir, 'agents/agent.mjs'), '// another program')
      const after = await made()
      expect(nameOf(after, 'ConfigMap')).to.not.equal(nameOf(before, 'ConfigMap'))
      expect(JSON.stringify(after.find(({ kind }) => kind === 'Swarm')?.spec)).to.include(nameOf(after, 'ConfigMap'))
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
