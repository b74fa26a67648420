import { describe, it } from 'mocha'
import { expect } from 'chai'
import { groupsOf, type GroupSpec } from './swarm-group.ts'
import { templateOf, type Template, type TemplateOverride } from './template.ts'

const TEMPLATE: Template = {
  sandboxTemplate: 'base',
  command: ['node', 'agent.mjs'],
  port: 8080,
  env: [
    { name: 'MODE', value: 'live' },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'desk', key: 'k' } } },
  ],
  files: [
    { path: 'agent.mjs', configMapKeyRef: { name: 'desk', key: 'agent.mjs' } },
    { path: 'more.mjs', configMapKeyRef: { name: 'desk', key: 'more.mjs' } },
  ],
  maxConcurrentTasks: 4,
  configUpdates: 'Ignore',
  readiness: { path: '/health', interval: '250ms', timeout: '250ms', failureThreshold: 3, replaceAfter: '30s' },
  network: { allowInternetAccess: true, allowPublicTraffic: false },
}
const [MODE, KEY] = TEMPLATE.env
const [AGENT, MORE] = TEMPLATE.files
const file = (path: string) => ({ path, secretKeyRef: { name: 'pairs', key: 'k' } })

const CASES: Record<string, { override: TemplateOverride | undefined; want: object }> = {
  'without an override it is the template': { override: undefined, want: {} },
  'an empty override changes nothing': { override: {}, want: {} },
  'fields that are given replace those of the template': {
    override: { sandboxTemplate: 'large', command: ['python', 'pairs.py'], port: 9000, maxConcurrentTasks: 1 },
    want: { sandboxTemplate: 'large', command: ['python', 'pairs.py'], port: 9000, maxConcurrentTasks: 1 },
  },
  'variables are added': { override: { env: [{ name: 'EXTRA', value: '1' }] }, want: { env: [MODE, KEY, { name: 'EXTRA', value: '1' }] } },
  'a variable of the same name is replaced as a whole': {
    override: { env: [{ name: 'KEY', value: 'plain' }] },
    want: { env: [MODE, { name: 'KEY', value: 'plain' }] },
  },
  'no variables leave those of the template': { override: { env: [] }, want: {} },
  'files are added': { override: { files: [file('pairs.json')] }, want: { files: [AGENT, MORE, file('pairs.json')] } },
  'a file of the same path is replaced as a whole': {
    override: { files: [file('agent.mjs')] },
    want: { files: [MORE, file('agent.mjs')] },
  },
}

describe('the template of a group', () => {
  for (const [name, c] of Object.entries(CASES)) {
    it(name, () => {
      const before = structuredClone(TEMPLATE)
      expect(templateOf(TEMPLATE, c.override)).to.deep.equal({ ...TEMPLATE, ...c.want })
      expect(TEMPLATE, 'what was given stays as it is').to.deep.equal(before)
    })
  }
})

const group = (over: Partial<GroupSpec> = {}): GroupSpec => ({ name: '', role: 'Worker', replicas: 1, capabilities: [], ...over })
const GROUPS: Record<string, { spec: Parameters<typeof groupsOf>[0]; want: GroupSpec[] }> = {
  'a swarm that says nothing has one agent, without a group': { spec: {}, want: [group()] },
  'replicas are those of the group without a name': { spec: { replicas: 5 }, want: [group({ replicas: 5 })] },
  'no replicas are none, not the default': { spec: { replicas: 0 }, want: [group({ replicas: 0 })] },
  'groups are as they are written': {
    spec: { groups: [group({ name: 'lead', role: 'Coordinator' }), group({ name: 'pairs', replicas: 2, capabilities: ['pairs'] })] },
    want: [group({ name: 'lead', role: 'Coordinator' }), group({ name: 'pairs', replicas: 2, capabilities: ['pairs'] })],
  },
}

describe('the groups of a swarm', () => {
  for (const [name, c] of Object.entries(GROUPS)) it(name, () => expect(groupsOf(c.spec)).to.deep.equal(c.want))
})
