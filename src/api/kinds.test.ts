import { describe, it } from 'mocha'
import { expect } from 'chai'
import { BlueGreenSpec } from './blue-green-rollout.ts'
import { CanarySpec } from './canary-rollout.ts'
import { schemaOf, type Kind, type Node } from './crd.ts'
import { GROUP, KINDS, VERSION } from './kinds.ts'
import { RolloutStatus } from './rollout-status.ts'

const coming = (kind: string, spec: Kind['spec']): Kind => ({
  group: GROUP,
  version: VERSION,
  kind,
  plural: `${kind.toLowerCase()}s`,
  shortNames: [],
  description: 'A rollout.',
  spec,
  status: RolloutStatus,
  columns: [],
})

/** Kinds whose schemas are there, and which are not part of the API yet. */
const COMING: readonly Kind[] = [coming('CanaryRollout', CanarySpec), coming('BlueGreenRollout', BlueGreenSpec)]

/** Every schema in a schema, by its path; `[]` stands for the entries of a list. */
function nodesOf(node: Node, path: string): { path: string; node: Node }[] {
  const inner = Object.entries(node.properties ?? {}).flatMap(([name, child]) => nodesOf(child, `${path}.${name}`))
  return [{ path, node }, ...inner, ...(node.items ? nodesOf(node.items, `${path}[]`) : [])]
}

const isBounded = ({ node }: { node: Node }) => {
  const isClosed = node.enum !== undefined || node['format'] === 'date-time'
  if (node['type'] === 'array') return node.maxItems !== undefined
  if (node['type'] === 'string' || node['x-kubernetes-int-or-string']) return isClosed || node.maxLength !== undefined
  return node['additionalProperties'] === undefined || node['maxProperties'] !== undefined
}

for (const kind of [...KINDS, ...COMING]) {
  describe(`schema of ${kind.kind}`, () => {
    const { properties = {} } = schemaOf(kind)
    const written = nodesOf(properties['spec'] ?? {}, '.spec')
    const all = [...written, ...nodesOf(properties['status'] ?? {}, '.status')]

    it('describes every field and every object in whole sentences', () => {
      const fields = all.filter(({ path, node }) => !path.endsWith('[]') || node.properties)
      expect(fields.filter(({ node }) => !/^[A-Z].*\.$/.test(node.description ?? '')).map(({ path }) => path)).to.deep.equal([])
    })

    it('bounds every list, map and text that users write, on which the cost of rules depends', () => {
      expect(written.filter((n) => !isBounded(n)).map(({ path }) => path)).to.deep.equal([])
    })

    it('gives every rule a message that says what is right, without a full stop', () => {
      const messages = all.flatMap(({ node }) => (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message))
      expect(messages.filter((message) => message.length < 20 || /[.\n]$/.test(message))).to.deep.equal([])
    })

    it('shows and scales only fields that exist', () => {
      const paths = new Set(all.map(({ path }) => path))
      const shown = [...kind.columns.map((c) => c.jsonPath), ...Object.values(kind.scale ?? {})].filter(
        (path) => !path.startsWith('.metadata'),
      )
      const plain = shown.map((path) => path.replace(/\[\?\([^)]*\)\]/, '[]'))
      expect(plain.filter((path) => !paths.has(path))).to.deep.equal([])
    })

    it('takes a status that nobody has written for unseen', () => {
      expect(properties['status']?.['default']).to.deep.equal({ observedGeneration: -1 })
    })
  })
}

describe('kinds', () => {
  it('have names of their own', () => {
    const names = KINDS.flatMap((kind) => [kind.kind.toLowerCase(), kind.plural, ...kind.shortNames])
    expect(new Set(names).size).to.equal(names.length)
  })
})
