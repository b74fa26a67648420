import type { Column, Kind } from './crd.ts'
import { AgentSpec, AgentStatus } from './agent.ts'
import { BlueGreenSpec } from './blue-green-rollout.ts'
import { CanarySpec } from './canary-rollout.ts'
import { RolloutStatus } from './rollout-status.ts'
import { ScalingPolicySpec, ScalingPolicyStatus } from './scaling-policy.ts'
import { SwarmSpec } from './swarm.ts'
import { SwarmStatus } from './swarm-status.ts'

/** The API group of every kind. */
export const GROUP = 'swarmops.dev'

/** The API version of every kind. */
export const VERSION = 'v1alpha1'

const condition = (name: string, type: string, field: 'status' | 'reason' | 'message', priority = 0): Column => ({
  name,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].${field}`,
  ...(priority > 0 && { priority }),
})
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

/** A fleet of agents. */
export const SWARM = {
  group: GROUP,
  version: VERSION,
  kind: 'Swarm',
  plural: 'swarms',
  shortNames: ['sw'],
  description: 'A fleet of AI agents, each in its own E2B sandbox, that takes tasks through the router.',
  rules: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a Swarm has at most 63 characters, since its agents have it as a label; choose a shorter one',
      fieldPath: '.metadata.name',
    },
  ],
  spec: SwarmSpec,
  status: SwarmStatus,
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
  columns: [
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredReplicas' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedReplicas' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Healthy', type: 'integer', jsonPath: '.status.health.healthy' },
    condition('Status', 'Ready', 'reason'),
    { name: 'Revision', type: 'string', jsonPath: '.status.updateRevision', priority: 1 },
    { name: 'Leader', type: 'string', jsonPath: '.status.topology.leader', priority: 1 },
    { name: 'Hourly', type: 'string', jsonPath: '.status.cost.hourly', priority: 1 },
    { name: 'Cost', type: 'string', jsonPath: '.status.cost.accumulated', priority: 1 },
    condition('Message', 'Ready', 'message', 1),
    AGE,
  ],
} as const satisfies Kind

/** One agent of a swarm. */
export const AGENT = {
  group: GROUP,
  version: VERSION,
  kind: 'Agent',
  plural: 'agents',
  shortNames: ['ag'],
  description: 'One agent of a Swarm and its sandbox. Made and deleted by the operator.',
  spec: AgentSpec,
  status: AgentStatus,
  columns: [
    { name: 'Swarm', type: 'string', jsonPath: '.spec.swarm' },
    { name: 'Group', type: 'string', jsonPath: '.spec.group' },
    condition('Ready', 'Ready', 'status'),
    condition('Status', 'Ready', 'reason'),
    { name: 'Health', type: 'string', jsonPath: '.status.health.state' },
    { name: 'Revision', type: 'string', jsonPath: '.spec.revision' },
    { name: 'Sandbox', type: 'string', jsonPath: '.status.sandbox.id' },
    condition('Message', 'Ready', 'message', 1),
    { name: 'Figures', type: 'string', jsonPath: '.status.health.message', priority: 1 },
    AGE,
  ],
} as const satisfies Kind

const ROLLOUT_COLUMNS: readonly Column[] = [
  { name: 'Swarm', type: 'string', jsonPath: '.spec.swarm' },
  { name: 'Activity', type: 'string', jsonPath: '.status.state.activity' },
  { name: 'Step', type: 'string', jsonPath: '.status.step' },
  { name: 'Weight', type: 'integer', jsonPath: '.status.state.weight' },
  condition('Status', 'Ready', 'reason'),
  { name: 'Stable', type: 'string', jsonPath: '.status.state.stableRevision', priority: 1 },
  { name: 'Target', type: 'string', jsonPath: '.status.state.targetRevision', priority: 1 },
  condition('Message', 'Ready', 'message', 1),
  AGE,
]

/** Template changes of a swarm, tried out on a growing share of its tasks. */
export const CANARY_ROLLOUT = {
  group: GROUP,
  version: VERSION,
  kind: 'CanaryRollout',
  plural: 'canaryrollouts',
  shortNames: ['canary'],
  description: 'Tries each change of the template of a Swarm out on a growing share of its tasks, and goes back by itself when it is bad.',
  spec: CanarySpec,
  status: RolloutStatus,
  columns: ROLLOUT_COLUMNS,
} as const satisfies Kind

/** Template changes of a swarm that replace all of it at once. */
export const BLUE_GREEN_ROLLOUT = {
  group: GROUP,
  version: VERSION,
  kind: 'BlueGreenRollout',
  plural: 'bluegreenrollouts',
  shortNames: ['bluegreen'],
  description: 'Brings each change of the template of a Swarm up whole beside the stable agents, then moves the tasks to it.',
  spec: BlueGreenSpec,
  status: RolloutStatus,
  columns: ROLLOUT_COLUMNS,
} as const satisfies Kind

/** How many agents a swarm, or a group of it, has. */
export const SCALING_POLICY = {
  group: GROUP,
  version: VERSION,
  kind: 'ScalingPolicy',
  plural: 'scalingpolicies',
  shortNames: ['sp'],
  description: 'Chooses how many agents a Swarm or one of its groups has, by what its routers, its sandboxes and other sources measure.',
  spec: ScalingPolicySpec,
  status: ScalingPolicyStatus,
  columns: [
    { name: 'Swarm', type: 'string', jsonPath: '.spec.target.swarm' },
    { name: 'Group', type: 'string', jsonPath: '.spec.target.group' },
    { name: 'Metrics', type: 'string', jsonPath: '.status.summary' },
    { name: 'Min', type: 'integer', jsonPath: '.spec.minReplicas' },
    { name: 'Max', type: 'integer', jsonPath: '.spec.maxReplicas' },
    { name: 'Replicas', type: 'integer', jsonPath: '.status.currentReplicas' },
    { name: 'Wanted', type: 'integer', jsonPath: '.status.wantedReplicas' },
    condition('Status', 'Ready', 'reason'),
    condition('Message', 'Ready', 'message', 1),
    AGE,
  ],
} as const satisfies Kind

/** Every kind of the product. */
export const KINDS: readonly Kind[] = [SWARM, AGENT, CANARY_ROLLOUT, BLUE_GREEN_ROLLOUT, SCALING_POLICY]
