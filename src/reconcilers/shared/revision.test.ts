import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { SwarmSpec } from '../../api/swarm.ts'
import { groupTemplate, referencesOf, revisionHash, revisionOf } from './revision.ts'

const template: SwarmSpec['template'] = {
  sandboxTemplate: 'base',
  command: ['node', 'agent.mjs'],
  port: 8080,
  env: [
    { name: 'MODE', value: 'live' },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'desk', key: 'k' } } },
  ],
  files: [{ path: 'agent.mjs', configMapKeyRef: { name: 'desk-agent', key: 'agent.mjs' } }],
  maxConcurrentTasks: 4,
  configUpdates: 'Ignore',
  readiness: { path: '/health', interval: '250ms', timeout: '250ms', failureThreshold: 3, replaceAfter: '30s' },
  network: { allowInternetAccess: true, allowPublicTraffic: false },
}
const spec = (over: Partial<SwarmSpec> = {}) => ({ template, ...over }) as SwarmSpec
const group = (name: string, over: object = {}) => ({ name, role: 'Worker' as const, replicas: 1, capabilities: [], ...over })
const hash = (over: Partial<SwarmSpec> = {}, contents?: string) => revisionHash(revisionOf(spec(over), contents))

describe('revision of a swarm', () => {
  it('does not depend on the order of keys', () => {
    expect(revisionHash({ template, groups: {} })).to.equal(
      revisionHash({ groups: {}, template: Object.fromEntries(Object.entries(template).reverse()) as typeof template }),
    )
  })
  it('stays when replicas change or a plain group comes', () => {
    expect(hash({ replicas: 5 })).to.equal(hash())
    expect(hash({ groups: [group('a')] })).to.equal(hash({ groups: [group('a', { replicas: 3 }), group('b')] }))
  })
  const changes: Record<string, string> = {
    'the template': hash({ template: { ...template, command: ['node', 'other.mjs'] } }),
    'the template of a group': hash({ groups: [group('a', { template: { port: 9 } })] }),
    'the role of a group': hash({ groups: [group('a', { role: 'Coordinator' })] }),
    'the credentials': hash({ credentialsSecretRef: { name: 'e2b', key: 'apiKey' } }),
    'followed contents': hash({}, 'abc'),
  }
  for (const [what, changed] of Object.entries(changes)) it(`changes with ${what}`, () => expect(changed).to.not.equal(hash()))

  it('merges env and files of a group by name and path', () => {
    const data = revisionOf(spec({ groups: [group('pairs', { template: { env: [{ name: 'MODE', value: 'pairs' }], port: 9000 } })] }))
    const merged = groupTemplate(data, 'pairs')
    expect(merged.env).to.deep.equal([template.env[1], { name: 'MODE', value: 'pairs' }])
    expect([merged.port, merged.files, groupTemplate(data, 'other').port]).to.deep.equal([9000, template.files, 8080])
  })

  it('names everything that an agent reads when it starts', () => {
    expect(referencesOf(template)).to.deep.equal([
      { kind: 'Secret', name: 'desk', key: 'k' },
      { kind: 'ConfigMap', name: 'desk-agent', key: 'agent.mjs' },
    ])
  })
})
