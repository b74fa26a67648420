import { describe, it } from 'mocha'
import { expect } from 'chai'
import { schemaOf, type Node } from './crd.ts'
import { PAUSED } from './names.ts'
import { ScalingPolicySpec, ScalingPolicyStatus } from './scaling-policy.ts'

/** Every schema in a schema, by its path. */
function nodesOf(node: Node, path: string): { path: string; node: Node }[] {
  const inner = Object.entries(node.properties ?? {}).flatMap(([name, child]) => nodesOf(child, `${path}.${name}`))
  return [{ path, node }, ...inner, ...(node.items ? nodesOf(node.items, `${path}[]`) : [])]
}

const { properties = {} } = schemaOf({ description: 'A policy.', spec: ScalingPolicySpec, status: ScalingPolicyStatus })
const spec = nodesOf(properties['spec'] ?? {}, '.spec')
const all = [...spec, ...nodesOf(properties['status'] ?? {}, '.status')]
const at = (path: string) => all.find((n) => n.path === path)?.node

describe('the schema of a ScalingPolicy', () => {
  it('describes every field in whole sentences', () => {
    const fields = all.filter(({ path, node }) => !path.endsWith('[]') || node.properties)
    expect(fields.filter(({ node }) => !/^[A-Z].*\.$/.test(node.description ?? '')).map(({ path }) => path)).to.deep.equal([])
  })

  it('bounds every list and text that users write', () => {
    const isBounded = (node: Node) =>
      node['type'] === 'array'
        ? node.maxItems !== undefined
        : node['type'] !== 'string' || node.enum !== undefined || node.maxLength !== undefined
    expect(spec.filter(({ node }) => !isBounded(node)).map(({ path }) => path)).to.deep.equal([])
  })

  it('gives every rule a message that says what to write, without a full stop', () => {
    const messages = all.flatMap(({ node }) => (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message))
    expect(messages.length).to.be.above(30)
    expect(messages.filter((message) => message.length < 20 || /[.\n]$/.test(message))).to.deep.equal([])
  })

  it('asks of people for a target, a maximum and a metric, and nothing else', () => {
    expect(at('.spec')?.required).to.deep.equal(['target', 'maxReplicas', 'metrics'])
    expect(at('.spec.metrics[]')?.required).to.deep.equal(['name', 'type'])
  })

  it('acts at once upwards and after a minute downwards unless told otherwise', () => {
    const direction = { coolDown: '0s', limits: [], select: 'Max' }
    expect(at('.spec.behaviour')?.['default']).to.deep.equal({
      scaleUp: { ...direction, stabilisationWindow: '0s' },
      scaleDown: { ...direction, stabilisationWindow: '1m' },
      idleBeforeZero: '5m',
    })
  })

  it('takes a status that nobody has written for unseen', () => {
    expect(at('.status')?.['default']).to.deep.equal({ observedGeneration: -1 })
  })

  it('names the annotation that pauses a policy', () => {
    expect(at('.spec')?.description).to.include(`the annotation ${PAUSED}.`)
  })
})
