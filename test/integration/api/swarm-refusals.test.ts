import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { schemaOf, type Node } from '../../../src/api/crd.ts'
import { SWARM } from '../../../src/api/kinds.ts'
import { Api, MINIMAL } from './harness.ts'

const TEXT = 'x'
const secretKeyRef = { name: 'desk', key: 'k' }
const template = (more: object) => ({ template: { ...MINIMAL.template, ...more } })
const spec = (more: object) => ({ ...MINIMAL, ...more })
const group = (...groups: object[]) => spec({ groups: groups.map((g, i) => ({ name: `g${i}`, ...g })) })
const env = (...list: object[]) => template({ env: list.map((e, i) => ({ name: `E${i}`, ...e })) })
const files = (...paths: string[]) => template({ files: paths.map((path) => ({ path, secretKeyRef })) })
const names = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `n${i}` }))

const UNCHECKED =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
const below = (field: string, seen: number, bound: number) => [
  `${field}: Invalid value: ${seen}: ${field} in body should be greater than or equal to ${bound}`,
]
const above = (field: string, seen: number, bound: number) => [
  `${field}: Invalid value: ${seen}: ${field} in body should be less than or equal to ${bound}`,
]
const tooLong = (field: string, bytes: number) => [`${field}: Too long: may not be more than ${bytes} bytes`, UNCHECKED]
const tooMany = (field: string, seen: number, most: number) => [`${field}: Too many: ${seen}: must have at most ${most} items`, UNCHECKED]
const unknown = (field: string) => [
  `Swarm in version "v1alpha1" cannot be handled as a Swarm: strict decoding error: unknown field "${field}"`,
]
const unsupported = (field: string, seen: string, ...known: string[]) => [
  `${field}: Unsupported value: "${seen}": supported values: ${known.map((k) => `"${k}"`).join(', ')}`,
  UNCHECKED,
]
const noDuration = (field: string, seen: string, min: string, max: string) => [
  `${field}: Invalid value: "${seen}": must be a duration from ${min} to ${max}, written such as 500ms, 30s, 1m30s or 24h`,
]
const TOO_MANY_AGENTS =
  'spec.groups: Invalid value: the groups of a swarm have at most 2000 agents together; lower their replicas or make several swarms'
const BAD_COUNT = (field: string) => [
  `spec.update.${field}: Invalid value: ${field} must be a number of agents such as 1, or a share of them such as 25%`,
]
const BAD_COMMAND = [
  'spec.template.command: Invalid value: must be the program and its arguments, each an entry of its own, such as [node, agent.mjs]; there is no shell to split a line',
]
const badPath = (seen: string) => [
  `spec.template.files[0].path: Invalid value: ${JSON.stringify(seen)}: must name a file from the home directory, such as lib/agent.mjs, or from the root, such as /etc/agent.json, without '~', '.', '..' or '//'`,
]
const RESERVED = [
  'spec.template.env[0].name: Invalid value: PORT and names that begin with SWARM_ are set by the operator; choose another name (the port is template.port)',
]
const badVariable = (seen: string) => [
  `spec.template.env[0].name: Invalid value: "${seen}": must be the name of a variable: letters, digits and _, no digit first, such as LOG_LEVEL`,
]
const badGroup = (seen: string) => [
  `spec.groups[0].name: Invalid value: "${seen}": must be a word of lower case letters, digits and -, with a letter first, such as lead`,
]
const badCapability = (seen: string) => [
  `spec.groups[0].capabilities[0]: Invalid value: "${seen}": must be a word of letters, digits, -, _ and ., such as code-review`,
]
const badObject = (field: string, seen: string) => [
  `${field}: Invalid value: "${seen}": must be the name of an object: lower case letters, digits, - and . such as my-secret`,
]
const badKey = (field: string, seen: string) => [
  `${field}: Invalid value: "${seen}": must be a key of a Secret or a ConfigMap: letters, digits, -, _ and . such as agent.mjs`,
]
const badReadiness = (seen: string) => [
  `spec.template.readiness.path: Invalid value: "${seen}": must begin with / and have no spaces, such as /health; write other characters in percent-encoding`,
]
const badTemplate = (seen: string) => [
  `spec.template.sandboxTemplate: Invalid value: "${seen}": must be the id or the alias of an E2B template, such as base or my-team/agent:v2`,
]

type Cases = Record<string, { spec: unknown; told: readonly string[] }>

const NEEDS_ROLES = [
  'spec.topology: Invalid value: Hierarchical and Star need a group with the role Coordinator and one with the role Worker; write both in spec.groups',
]
const TOPOLOGY: Cases = {
  'a topology that does not exist': {
    spec: spec({ topology: { type: 'Tree' } }),
    told: unsupported('spec.topology.type', 'Tree', 'Mesh', 'Hierarchical', 'Ring', 'Star'),
  },
  'a hierarchy without groups': { spec: spec({ topology: { type: 'Hierarchical' } }), told: NEEDS_ROLES },
  'a star without spokes': {
    spec: spec({ topology: { type: 'Star' }, groups: [{ name: 'hub', role: 'Coordinator' }] }),
    told: NEEDS_ROLES,
  },
  'a ring with a coordinator': {
    spec: spec({ topology: { type: 'Ring' }, groups: [{ name: 'a', role: 'Coordinator' }, { name: 'b' }] }),
    told: [
      'spec.topology: Invalid value: a Ring has no coordinator: its groups are its stages, in their order; remove role from spec.groups',
    ],
  },
  'a bound on the neighbours of a ring': {
    spec: spec({ topology: { type: 'Ring', maxDegree: 4 } }),
    told: ['spec.topology.maxDegree: Forbidden: maxDegree is for a Mesh; remove it'],
  },
  'a mesh that goes both ways': {
    spec: spec({ topology: { type: 'Mesh', bidirectional: true } }),
    told: ['spec.topology.bidirectional: Forbidden: bidirectional is for a Ring; remove it'],
  },
}
const SHAPE: Cases = {
  'nothing at all': { spec: undefined, told: ['spec: Required value', UNCHECKED] },
  'no template': { spec: {}, told: ['spec.template: Required value', UNCHECKED] },
  'a template without a sandbox template and a command': {
    spec: { template: {} },
    told: ['spec.template.sandboxTemplate: Required value', 'spec.template.command: Required value', UNCHECKED],
  },
  'a field that does not exist': { spec: spec({ replica: 2 }), told: unknown('spec.replica') },
  'a field that a group cannot replace': {
    spec: group({ template: { readiness: {} } }),
    told: unknown('spec.groups[0].template.readiness'),
  },
  'a number where a duration belongs': {
    spec: spec({ routing: { timeout: 30 } }),
    told: ['spec.routing.timeout: Invalid value: "integer": spec.routing.timeout in body must be of type string: "integer"', UNCHECKED],
  },
}

const COUNTS: Cases = {
  'replicas beside groups': {
    spec: spec({ replicas: 2, groups: [{ name: 'a' }] }),
    told: ['spec.replicas: Forbidden: replicas is for a swarm without groups; remove it and write replicas in each of spec.groups'],
  },
  'replicas below zero': {
    spec: spec({ replicas: -1 }),
    told: [...below('spec.replicas', -1, 0), '.spec.replicas: Invalid value: -1: should be a non-negative integer'],
  },
  'more replicas than a swarm may have': { spec: spec({ replicas: 2001 }), told: above('spec.replicas', 2001, 2000) },
  'a group below zero': { spec: group({ replicas: -1 }), told: below('spec.groups[0].replicas', -1, 0) },
  'a group with more replicas than a swarm may have': {
    spec: group({ replicas: 2001 }),
    told: [...above('spec.groups[0].replicas', 2001, 2000), TOO_MANY_AGENTS],
  },
  'groups with more replicas together than a swarm may have': {
    spec: group({ replicas: 2000 }, {}),
    told: [TOO_MANY_AGENTS],
  },
  'a budget below zero': {
    spec: spec({ budget: { maxAgents: -1 } }),
    told: ['spec.budget.maxAgents: Invalid value: maxAgents must not be below zero; write 0 to run no agent at all'],
  },
  'a budget without a number': {
    spec: spec({ budget: {} }),
    told: ['spec.budget: Invalid value: a budget needs maxAgents or maxHourlyCost; write one of them, or remove budget'],
  },
  'a cost that is no price': {
    spec: spec({ budget: { maxHourlyCost: '10 dollars' } }),
    told: ['spec.budget.maxHourlyCost: Invalid value: "10 dollars": must be dollars an hour such as "10.00", with up to six decimals'],
  },
}

const GROUPS: Cases = {
  'a list of groups without a group': {
    spec: spec({ groups: [] }),
    told: ['spec.groups: Invalid value: 0: spec.groups in body should have at least 1 items'],
  },
  'two groups of Coordinators': {
    spec: group({ role: 'Coordinator' }, { role: 'Coordinator' }),
    told: [
      'spec.groups: Invalid value: only one group can have the role Coordinator; make it one group with more replicas (the others stand by)',
    ],
  },
  'two groups of one name': { spec: group({ name: 'a' }, { name: 'a' }), told: ['spec.groups[1]: Duplicate value: {"name":"a"}'] },
  'a role that does not exist': {
    spec: group({ role: 'Boss' }),
    told: unsupported('spec.groups[0].role', 'Boss', 'Worker', 'Coordinator'),
  },
  'more groups than there may be': { spec: spec({ groups: names(33) }), told: tooMany('spec.groups', 33, 32) },
  'a group name with a capital': { spec: group({ name: 'Lead' }), told: badGroup('Lead') },
  'a group name with a digit first': { spec: group({ name: '1st' }), told: badGroup('1st') },
  'a group name with a dash last': { spec: group({ name: 'lead-' }), told: badGroup('lead-') },
  'a group name with a dot': { spec: group({ name: 'lead.a' }), told: badGroup('lead.a') },
  'an empty group name': { spec: group({ name: '' }), told: badGroup('') },
  'a group name that is too long': { spec: group({ name: 'x'.repeat(31) }), told: tooLong('spec.groups[0].name', 30) },
  'an empty capability': { spec: group({ capabilities: [''] }), told: badCapability('') },
  'a capability of two words': { spec: group({ capabilities: ['code review'] }), told: badCapability('code review') },
  'a capability that is too long': {
    spec: group({ capabilities: ['x'.repeat(64)] }),
    told: tooLong('spec.groups[0].capabilities[0]', 63),
  },
  'a capability twice': {
    spec: group({ capabilities: ['plan', 'plan'] }),
    told: ['spec.groups[0].capabilities[1]: Duplicate value: "plan"'],
  },
  'more capabilities than there may be': {
    spec: group({ capabilities: names(33).map((n) => n.name) }),
    told: tooMany('spec.groups[0].capabilities', 33, 32),
  },
}

const PROGRAM: Cases = {
  'an empty sandbox template': { spec: template({ sandboxTemplate: '' }), told: badTemplate('') },
  'a sandbox template with a space': { spec: template({ sandboxTemplate: 'my base' }), told: badTemplate('my base') },
  'a sandbox template that is too long': {
    spec: template({ sandboxTemplate: 'x'.repeat(129) }),
    told: tooLong('spec.template.sandboxTemplate', 128),
  },
  'a command without a program': {
    spec: template({ command: [] }),
    told: ['spec.template.command: Invalid value: 0: spec.template.command in body should have at least 1 items'],
  },
  'a command whose program is empty': { spec: template({ command: ['', 'agent.mjs'] }), told: BAD_COMMAND },
  'a command that is a line for a shell': { spec: template({ command: ['node agent.mjs'] }), told: BAD_COMMAND },
  'a command that is no list': {
    spec: template({ command: 'node' }),
    told: ['spec.template.command: Invalid value: "string": spec.template.command in body must be of type array: "string"', UNCHECKED],
  },
  'an argument with a NUL character': {
    spec: template({ command: ['node', 'a\0b'] }),
    told: [String.raw`spec.template.command[1]: Invalid value: "a\x00b": spec.template.command[1] in body should match '^[^\x00]*$'`],
  },
  'more arguments than there may be': {
    spec: template({ command: Array.from({ length: 65 }, () => TEXT) }),
    told: tooMany('spec.template.command', 65, 64),
  },
  'an argument that is too long': {
    spec: template({ command: ['node', TEXT.repeat(4097)] }),
    told: tooLong('spec.template.command[1]', 4096),
  },
  'a command that is too long for a process': {
    spec: template({ command: ['node', ...Array.from({ length: 8 }, () => TEXT.repeat(4000))] }),
    told: ['spec.template.command: Invalid value: must have at most 30000 characters together; put long texts into files'],
  },
  'the port of the sandbox itself': {
    spec: template({ port: 49_983 }),
    told: [
      'spec.template.port: Invalid value: 49983: must not be 49983, where the sandbox itself listens; choose another one, such as 8080',
    ],
  },
  'port 0': { spec: template({ port: 0 }), told: below('spec.template.port', 0, 1) },
  'a port that does not exist': { spec: template({ port: 65_536 }), told: above('spec.template.port', 65_536, 65_535) },
  'port 0 in a group': { spec: group({ template: { port: 0 } }), told: below('spec.groups[0].template.port', 0, 1) },
  'no task at a time': { spec: template({ maxConcurrentTasks: 0 }), told: below('spec.template.maxConcurrentTasks', 0, 1) },
  'too many tasks at a time': { spec: template({ maxConcurrentTasks: 1001 }), told: above('spec.template.maxConcurrentTasks', 1001, 1000) },
  'no task at a time in a group': {
    spec: group({ template: { maxConcurrentTasks: 0 } }),
    told: below('spec.groups[0].template.maxConcurrentTasks', 0, 1),
  },
  'a way of updates that does not exist': {
    spec: template({ configUpdates: 'Maybe' }),
    told: unsupported('spec.template.configUpdates', 'Maybe', 'Ignore', 'Rollout'),
  },
}

const VARIABLES: Cases = {
  'a variable with value and valueFrom': {
    spec: env({ value: 'live', valueFrom: { secretKeyRef } }),
    told: ['spec.template.env[0].valueFrom: Invalid value: a variable has either value or valueFrom; remove one of them'],
  },
  'a variable from nowhere': {
    spec: env({ valueFrom: {} }),
    told: ['spec.template.env[0].valueFrom: Invalid value: write exactly one of secretKeyRef and configMapKeyRef'],
  },
  'a variable from two places': {
    spec: env({ valueFrom: { secretKeyRef, configMapKeyRef: secretKeyRef } }),
    told: ['spec.template.env[0].valueFrom: Invalid value: write exactly one of secretKeyRef and configMapKeyRef'],
  },
  'the variable PORT': { spec: env({ name: 'PORT', value: '1' }), told: RESERVED },
  'a variable of the operator': { spec: env({ name: 'SWARM_ROLE', value: 'x' }), told: RESERVED },
  'a variable with a digit first': { spec: env({ name: '1A' }), told: badVariable('1A') },
  'a variable with a dash': { spec: env({ name: 'LOG-LEVEL' }), told: badVariable('LOG-LEVEL') },
  'a variable without a name': { spec: env({ name: '' }), told: badVariable('') },
  'a variable with a name that is too long': { spec: env({ name: 'X'.repeat(129) }), told: tooLong('spec.template.env[0].name', 128) },
  'a variable twice': { spec: env({ name: 'A' }, { name: 'A' }), told: ['spec.template.env[1]: Duplicate value: {"name":"A"}'] },
  'a value that is too long': { spec: env({ value: TEXT.repeat(32_001) }), told: tooLong('spec.template.env[0].value', 32_000) },
  'a value with a NUL character': {
    spec: env({ value: '\0' }),
    told: [String.raw`spec.template.env[0].value: Invalid value: "\x00": spec.template.env[0].value in body should match '^[^\x00]*$'`],
  },
  'a value that is a number': {
    spec: env({ value: 1 }),
    told: [
      'spec.template.env[0].value: Invalid value: "integer": spec.template.env[0].value in body must be of type string: "integer"',
      UNCHECKED,
    ],
  },
  'more variables than there may be': { spec: env(...names(101)), told: tooMany('spec.template.env', 101, 100) },
  'the variable PORT in a group': {
    spec: group({ template: { env: [{ name: 'PORT', value: '1' }] } }),
    told: RESERVED.map((line) => line.replace('spec.template', 'spec.groups[0].template')),
  },
}

const FILES: Cases = {
  'a file above the home directory': { spec: files('../agent.mjs'), told: badPath('../agent.mjs') },
  'a file that climbs out of a directory': { spec: files('lib/../../x'), told: badPath('lib/../../x') },
  'an absolute file that climbs': { spec: files('/etc/..'), told: badPath('/etc/..') },
  'the root directory as a file': { spec: files('/'), told: badPath('/') },
  'the home directory as a file': { spec: files('.'), told: badPath('.') },
  'a directory as a file': { spec: files('lib/'), told: badPath('lib/') },
  'a second way to write the same path': { spec: files('./agent.mjs'), told: badPath('./agent.mjs') },
  'a path with an empty segment': { spec: files('lib//agent.mjs'), told: badPath('lib//agent.mjs') },
  'a home directory as shells write it': { spec: files('~/agent.mjs'), told: badPath('~/agent.mjs') },
  'a path with a line break': { spec: files('a\nb'), told: badPath('a\nb') },
  'an empty path': { spec: files(''), told: badPath('') },
  'a path that is too long': { spec: files('x'.repeat(256)), told: tooLong('spec.template.files[0].path', 255) },
  'a path twice': { spec: files('a', 'a'), told: ['spec.template.files[1]: Duplicate value: {"path":"a"}'] },
  'a path that is the directory of another': {
    spec: files('lib', 'lib/agent.mjs'),
    told: ['spec.template.files: Invalid value: no path may be the directory of another; write one of the two elsewhere'],
  },
  'a file from nowhere': {
    spec: template({ files: [{ path: 'a' }] }),
    told: ['spec.template.files[0]: Invalid value: write exactly one of configMapKeyRef and secretKeyRef'],
  },
  'a file from two places': {
    spec: template({ files: [{ path: 'a', secretKeyRef, configMapKeyRef: secretKeyRef }] }),
    told: ['spec.template.files[0]: Invalid value: write exactly one of configMapKeyRef and secretKeyRef'],
  },
  'more files than there may be': { spec: files(...names(65).map((n) => n.name)), told: tooMany('spec.template.files', 65, 64) },
}

const REFERENCES: Cases = {
  'a reference without a name': {
    spec: spec({ credentialsSecretRef: {} }),
    told: ['spec.credentialsSecretRef.name: Required value', UNCHECKED],
  },
  'a reference to a Secret with an empty name': {
    spec: spec({ credentialsSecretRef: { name: '' } }),
    told: badObject('spec.credentialsSecretRef.name', ''),
  },
  'a reference into another namespace': {
    spec: spec({ credentialsSecretRef: { name: 'other/e2b' } }),
    told: badObject('spec.credentialsSecretRef.name', 'other/e2b'),
  },
  'a name that no object can have': {
    spec: spec({ credentialsSecretRef: { name: 'a..b' } }),
    told: badObject('spec.credentialsSecretRef.name', 'a..b'),
  },
  'an empty key': {
    spec: spec({ credentialsSecretRef: { name: 'e2b', key: '' } }),
    told: badKey('spec.credentialsSecretRef.key', ''),
  },
  'a key that no Secret can have': {
    spec: env({ valueFrom: { secretKeyRef: { name: 'desk', key: 'a/b' } } }),
    told: badKey('spec.template.env[0].valueFrom.secretKeyRef.key', 'a/b'),
  },
  'a key that no ConfigMap can have': {
    spec: template({ files: [{ path: 'a', configMapKeyRef: { name: 'desk', key: '..' } }] }),
    told: badKey('spec.template.files[0].configMapKeyRef.key', '..'),
  },
}

const READINESS: Cases = {
  'an interval that is shorter than the timeout': {
    spec: template({ readiness: { interval: '100ms', timeout: '200ms' } }),
    told: [
      'spec.template.readiness.interval: Invalid value: interval must not be shorter than timeout, or checks would overlap; raise interval or lower timeout',
    ],
  },
  'a timeout that is longer than the default interval': {
    spec: template({ readiness: { timeout: '1s' } }),
    told: [
      'spec.template.readiness.interval: Invalid value: interval must not be shorter than timeout, or checks would overlap; raise interval or lower timeout',
    ],
  },
  'a readiness path without a slash': { spec: template({ readiness: { path: 'health' } }), told: badReadiness('health') },
  'a readiness path with a space': { spec: template({ readiness: { path: '/is ready' } }), told: badReadiness('/is ready') },
  'an empty readiness path': { spec: template({ readiness: { path: '' } }), told: badReadiness('') },
  'a readiness path that is too long': {
    spec: template({ readiness: { path: `/${'x'.repeat(512)}` } }),
    told: tooLong('spec.template.readiness.path', 512),
  },
  'no failure at all before an agent is not ready': {
    spec: template({ readiness: { failureThreshold: 0 } }),
    told: below('spec.template.readiness.failureThreshold', 0, 1),
  },
  'a failure threshold out of reach': {
    spec: template({ readiness: { failureThreshold: 101 } }),
    told: above('spec.template.readiness.failureThreshold', 101, 100),
  },
}

const ROUTING: Cases = {
  'a strategy that does not exist': {
    spec: spec({ routing: { strategy: 'Random' } }),
    told: unsupported('spec.routing.strategy', 'Random', 'RoundRobin', 'LeastLoaded', 'Consensus', 'Adaptive'),
  },
  'voters where nobody votes': {
    spec: spec({ routing: { consensus: { voters: 3 } } }),
    told: ['spec.routing.consensus: Forbidden: consensus is for the strategy Consensus; set strategy to Consensus, or remove it'],
  },
  'shares that nothing follows': {
    spec: spec({ routing: { adaptive: { explorationPercent: 5 } } }),
    told: ['spec.routing.adaptive: Forbidden: adaptive is for the strategy Adaptive; set strategy to Adaptive, or remove it'],
  },
  'shares of one group': {
    spec: spec({ groups: [{ name: 'a' }], routing: { strategy: 'Adaptive' } }),
    told: [
      'spec.routing.strategy: Invalid value: the strategy Adaptive shares tasks among groups; write at least two in spec.groups, or choose another strategy',
    ],
  },
  'shares of the stages of a ring': {
    spec: spec({ groups: [{ name: 'a' }, { name: 'b' }], topology: { type: 'Ring' }, routing: { strategy: 'Adaptive' } }),
    told: [
      'spec.routing.strategy: Invalid value: the groups of a Ring are its stages, and every task goes through all of them; choose another strategy than Adaptive',
    ],
  },
  'more exploration than there are tasks': {
    spec: spec({ groups: [{ name: 'a' }, { name: 'b' }], routing: { strategy: 'Adaptive', adaptive: { explorationPercent: 101 } } }),
    told: above('spec.routing.adaptive.explorationPercent', 101, 100),
  },
  'a memory that is too short': {
    spec: spec({ groups: [{ name: 'a' }, { name: 'b' }], routing: { strategy: 'Adaptive', adaptive: { halfLife: '1ms' } } }),
    told: noDuration('spec.routing.adaptive.halfLife', '1ms', '1s', '24h'),
  },
  'a consensus of nobody': {
    spec: spec({ routing: { strategy: 'Consensus', consensus: { voters: 0 } } }),
    told: below('spec.routing.consensus.voters', 0, 1),
  },
  'more voters than there may be': {
    spec: spec({ routing: { strategy: 'Consensus', consensus: { voters: 101 } } }),
    told: above('spec.routing.consensus.voters', 101, 100),
  },
  'a threshold that nobody has to reach': {
    spec: spec({ routing: { strategy: 'Consensus', consensus: { thresholdPercent: 0 } } }),
    told: below('spec.routing.consensus.thresholdPercent', 0, 1),
  },
  'a threshold out of reach': {
    spec: spec({ routing: { strategy: 'Consensus', consensus: { thresholdPercent: 101 } } }),
    told: above('spec.routing.consensus.thresholdPercent', 101, 100),
  },
  'a vote around a ring': {
    spec: spec({ topology: { type: 'Ring' }, routing: { strategy: 'Consensus' } }),
    told: [
      'spec.routing.strategy: Invalid value: the strategy Consensus asks agents that are alike: it goes with a Mesh or without a topology; choose another strategy',
    ],
  },
  'no attempt': { spec: spec({ routing: { retries: { attempts: 0 } } }), told: below('spec.routing.retries.attempts', 0, 1) },
  'too many attempts': { spec: spec({ routing: { retries: { attempts: 11 } } }), told: above('spec.routing.retries.attempts', 11, 10) },
  'a circuit that opens without a failure': {
    spec: spec({ routing: { circuitBreaker: { consecutiveFailures: 0 } } }),
    told: below('spec.routing.circuitBreaker.consecutiveFailures', 0, 1),
  },
  'a circuit that never opens': {
    spec: spec({ routing: { circuitBreaker: { consecutiveFailures: 1001 } } }),
    told: above('spec.routing.circuitBreaker.consecutiveFailures', 1001, 1000),
  },
  'a queue below zero': {
    spec: spec({ routing: { queue: { maxPending: -1 } } }),
    told: below('spec.routing.queue.maxPending', -1, 0),
  },
  'a queue without an end': {
    spec: spec({ routing: { queue: { maxPending: 100_001 } } }),
    told: above('spec.routing.queue.maxPending', 100_001, 100_000),
  },
}

const UPDATE: Cases = {
  'maxSurge and maxUnavailable both 0': {
    spec: spec({ update: { maxSurge: 0, maxUnavailable: '0%' } }),
    told: ['spec.update: Invalid value: maxSurge and maxUnavailable must not both be 0, or nothing could be replaced; set maxSurge to 1'],
  },
  'maxSurge 0 beside the default of maxUnavailable': {
    spec: spec({ update: { maxSurge: '0%' } }),
    told: ['spec.update: Invalid value: maxSurge and maxUnavailable must not both be 0, or nothing could be replaced; set maxSurge to 1'],
  },
  'maxSurge below zero': { spec: spec({ update: { maxSurge: -1 } }), told: BAD_COUNT('maxSurge') },
  'more than all agents unavailable': { spec: spec({ update: { maxUnavailable: '101%' } }), told: BAD_COUNT('maxUnavailable') },
  'a share without %': { spec: spec({ update: { maxUnavailable: '25' } }), told: BAD_COUNT('maxUnavailable') },
  'a share with a fraction': { spec: spec({ update: { maxSurge: '2.5%' } }), told: BAD_COUNT('maxSurge') },
  'a share that is too long': { spec: spec({ update: { maxSurge: '000000025%' } }), told: tooLong('spec.update.maxSurge', 8) },
  'a way of scaling down that does not exist': {
    spec: spec({ lifecycle: { onScaleDown: 'Stop' } }),
    told: unsupported('spec.lifecycle.onScaleDown', 'Stop', 'Delete', 'Pause'),
  },
}

const WRONG_ORDER = (field: string) => [
  `spec.health.${field}.degraded: Invalid value: degraded must be below critical, or no agent would ever be degraded; lower degraded or raise critical`,
]

const HEALTH: Cases = {
  'a processor that is degraded where it is critical': {
    spec: spec({ health: { cpuPercent: { degraded: 90 } } }),
    told: WRONG_ORDER('cpuPercent'),
  },
  'memory that is critical before it is degraded': {
    spec: spec({ health: { memoryPercent: { degraded: 75, critical: 74 } } }),
    told: WRONG_ORDER('memoryPercent'),
  },
  'errors that are critical before they are degraded': {
    spec: spec({ health: { errorPercent: { critical: 4 } } }),
    told: WRONG_ORDER('errorPercent'),
  },
  'a latency that is degraded where it is critical': {
    spec: spec({ health: { latency: { degraded: '5000ms' } } }),
    told: WRONG_ORDER('latency'),
  },
  'a share of nothing': {
    spec: spec({ health: { errorPercent: { degraded: 0 } } }),
    told: below('spec.health.errorPercent.degraded', 0, 1),
  },
  'more than everything': {
    spec: spec({ health: { cpuPercent: { critical: 101 } } }),
    told: above('spec.health.cpuPercent.critical', 101, 100),
  },
  'a judgement without a task': { spec: spec({ health: { minTasks: 0 } }), told: below('spec.health.minTasks', 0, 1) },
  'a judgement out of reach': { spec: spec({ health: { minTasks: 10_001 } }), told: above('spec.health.minTasks', 10_001, 10_000) },
}

/** Every duration of a Swarm: how a spec says it, and its bounds with a value just outside each. */
const DURATIONS = {
  'spec.template.readiness.interval': {
    of: (d: string) => template({ readiness: { interval: d, timeout: '10ms' } }),
    min: '10ms',
    short: '9ms',
    max: '1m',
    long: '1m1ms',
  },
  'spec.template.readiness.timeout': {
    of: (d: string) => template({ readiness: { timeout: d, interval: '1m' } }),
    min: '10ms',
    short: '9ms',
    max: '1m',
    long: '61s',
  },
  'spec.template.readiness.replaceAfter': {
    of: (d: string) => template({ readiness: { replaceAfter: d } }),
    min: '1s',
    short: '999ms',
    max: '24h',
    long: '24h1s',
  },
  'spec.routing.timeout': { of: (d: string) => spec({ routing: { timeout: d } }), min: '10ms', short: '0s', max: '24h', long: '25h' },
  'spec.routing.circuitBreaker.openFor': {
    of: (d: string) => spec({ routing: { circuitBreaker: { openFor: d } } }),
    min: '10ms',
    short: '0ms',
    max: '1h',
    long: '61m',
  },
  'spec.routing.queue.timeout': {
    of: (d: string) => spec({ routing: { queue: { timeout: d } } }),
    min: '10ms',
    short: '0s',
    max: '24h',
    long: '1441m',
  },
  'spec.lifecycle.drainTimeout': {
    of: (d: string) => spec({ lifecycle: { drainTimeout: d } }),
    min: '0s',
    short: '-1s',
    max: '24h',
    long: '24h1ms',
  },
  'spec.lifecycle.sandboxTimeout': {
    of: (d: string) => spec({ lifecycle: { sandboxTimeout: d } }),
    min: '30s',
    short: '29s',
    max: '24h',
    long: '86401s',
  },
  'spec.lifecycle.maxAge': {
    of: (d: string) => spec({ lifecycle: { maxAge: d } }),
    min: '30s',
    short: '29999ms',
    max: '8760h',
    long: '8761h',
  },
}

/** Not durations; the last ones overflow the type in which the API server counts. */
const NO_DURATIONS = [
  '',
  '30',
  '1d',
  '1.5s',
  '-30s',
  '30 s',
  '30S',
  's',
  '1h 30m',
  '99999999999999999999999h',
  '2562048h',
  '99999h99999h99999h',
]

function messagesIn(node: Node | undefined): string[] {
  if (!node) return []
  const own = (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message)
  return [...own, ...messagesIn(node.items), ...Object.values(node.properties ?? {}).flatMap(messagesIn)]
}

describe('what a Swarm must not say', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  const tables = { SHAPE, COUNTS, GROUPS, TOPOLOGY, PROGRAM, VARIABLES, FILES, REFERENCES, READINESS, ROUTING, UPDATE, HEALTH }
  for (const [table, cases] of Object.entries(tables)) {
    describe(table.toLowerCase(), () => {
      for (const [name, c] of Object.entries(cases)) it(name, async () => expect((await api.trySwarm(c.spec)).told).to.deep.equal(c.told))
    })
  }

  describe('durations', () => {
    for (const [field, { of, min, short, max, long }] of Object.entries(DURATIONS)) {
      it(`${field} is from ${min} to ${max}`, async () => {
        expect((await api.trySwarm(of(min))).told).to.deep.equal([])
        expect((await api.trySwarm(of(max))).told).to.deep.equal([])
        expect((await api.trySwarm(of(short))).told).to.include.members(noDuration(field, short, min, max))
        expect((await api.trySwarm(of(long))).told).to.include.members(noDuration(field, long, min, max))
      })
      it(`${field} is told from what is no duration, and the rules stay whole`, async () => {
        for (const text of NO_DURATIONS) {
          const { told } = await api.trySwarm(of(text))
          expect(told).to.include.members(noDuration(field, text, min, max))
          expect(told.join()).to.not.contain('evaluation')
        }
      })
    }
  })

  it('has a case for every rule in the schema', () => {
    const told = Object.values(tables).flatMap((cases) => Object.values(cases).flatMap((c) => c.told))
    const messages = messagesIn(schemaOf(SWARM).properties?.['spec']).filter((message) => !message.startsWith('must be a duration'))
    expect(messages.filter((message) => !told.some((line) => line.endsWith(message)))).to.deep.equal([])
  })

  it('a name that its agents cannot have as a label', async () => {
    expect((await api.trySwarm(MINIMAL, 'x'.repeat(64))).told).to.deep.equal([
      'metadata.name: Invalid value: the name of a Swarm has at most 63 characters, since its agents have it as a label; choose a shorter one',
    ])
  })
})
