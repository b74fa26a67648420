import Type, { type Static } from 'typebox'
import { choice, countOrPercent, dataKey, duration, keyedBy, objectName, rules, text } from './schema.ts'
import { Conditions, ObservedGeneration } from './condition.ts'
import { Health, HealthCounts, MAX_RECENT_FAILURES, RecentFailure } from './health.ts'
import { SwarmMirror, SwarmTesters } from './rollout-traffic.ts'
import { Routing } from './routing.ts'
import { Template, TemplateOverride } from './template.ts'
import { Topology, TopologyStatus } from './topology.ts'

/** Where the E2B API key is. */
export const CredentialsRef = Type.Object(
  {
    name: objectName('Name of the Secret, in the namespace of the Swarm.'),
    key: dataKey({ default: 'apiKey', description: 'Key in the Secret that holds the API key.' }),
  },
  { description: "The Secret with the E2B API key for these agents. The operator's own key is used when this is left out." },
)

const MAX_AGENTS = 2000

const Capability = text({
  form: '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$',
  message: 'must be a word of letters, digits, -, _ and ., such as code-review',
  maxLength: 63,
})

const Group = Type.Object(
  {
    name: text({
      form: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
      message: 'must be a word of lower case letters, digits and -, with a letter first, such as lead',
      maxLength: 30,
      description: 'Name of the group, part of the names of its agents.',
    }),
    role: choice(['Worker', 'Coordinator'], {
      default: 'Worker',
      description:
        'What the agents are told to be (SWARM_ROLE). In a Hierarchical or Star topology one agent of the group with the role Coordinator leads, and the others of it stand by. A change is a new revision.',
    }),
    replicas: Type.Integer({ minimum: 0, maximum: MAX_AGENTS, default: 1, description: 'Agents of this group.' }),
    capabilities: Type.Array(Capability, {
      'x-kubernetes-list-type': 'set',
      maxItems: 32,
      default: [],
      description: 'What the group can do. A task that asks for a capability goes only to groups that have it.',
    }),
    template: Type.Optional(TemplateOverride),
  },
  { description: 'Agents that are alike.' },
)

const Lifecycle = Type.Object(
  {
    drainTimeout: duration({
      default: '30s',
      min: '0s',
      max: '24h',
      description: 'How long an agent may finish its tasks before its sandbox is ended.',
    }),
    onScaleDown: choice(['Delete', 'Pause'], {
      default: 'Delete',
      description:
        'What happens to sandboxes that are too many: Delete, or Pause (memory and disk are kept and cost nothing; they are resumed first on the next scale-up).',
    }),
    lastOutput: choice(['Discard', 'Event'], {
      default: 'Discard',
      description:
        'What becomes of the last lines of a command that has ended, whose sandbox is ended as well: Discard, or Event, which puts them into the Event AgentFailed and the log of the operator. Whoever may read those sees them: choose it only for agents that print no secrets.',
    }),
    sandboxTimeout: duration({
      default: '10m',
      min: '30s',
      max: '24h',
      description: 'Lifetime that sandboxes are given and that the operator renews; it bounds what a sandbox costs when no operator runs.',
    }),
    maxAge: duration({
      default: '23h',
      min: '30s',
      max: '8760h',
      description: 'Age at which an agent is replaced, before the longest session of the provider ends it (1 h or 24 h by plan).',
    }),
  },
  {
    default: {},
    description: 'How long sandboxes live and how they end.',
  },
)

const VALID_COUNT = (field: string) => ({
  rule: `type(self.${field}) == int ? int(self.${field}) >= 0 : string(self.${field}).matches('^(100|[1-9]?[0-9])%$')`,
  message: `${field} must be a number of agents such as 1, or a share of them such as 25%`,
  fieldPath: `.${field}`,
})

const Update = Type.Object(
  {
    maxSurge: countOrPercent({
      default: 1,
      description: 'Agents above the wanted number during an update: a count, or a share such as 25% (rounded up).',
    }),
    maxUnavailable: countOrPercent({
      default: 0,
      description: 'Agents below the wanted number during an update: a count, or a share such as 25% (rounded down).',
    }),
  },
  {
    default: {},
    description: 'How agents are replaced when the template changes.',
    ...rules(VALID_COUNT('maxSurge'), VALID_COUNT('maxUnavailable'), {
      rule: "!((self.maxSurge == 0 || self.maxSurge == '0%') && (self.maxUnavailable == 0 || self.maxUnavailable == '0%'))",
      message: 'maxSurge and maxUnavailable must not both be 0, or nothing could be replaced; set maxSurge to 1',
    }),
  },
)

const Budget = Type.Object(
  {
    maxAgents: Type.Optional(
      Type.Integer({ description: 'Sandboxes of this swarm that may exist at once, those of an update and of the warm pool included.' }),
    ),
    maxHourlyCost: Type.Optional(
      text({
        form: '^[0-9]{1,9}([.][0-9]{1,6})?$',
        message: 'must be dollars an hour such as "10.00", with up to six decimals',
        maxLength: 16,
        description:
          'Dollars an hour that the sandboxes of this swarm may cost at once, those of an update and of the warm pool included; paused ones cost nothing.',
      }),
    ),
  },
  {
    description: 'What the swarm may use at most.',
    ...rules(
      {
        rule: '!has(self.maxAgents) || self.maxAgents >= 0',
        message: 'maxAgents must not be below zero; write 0 to run no agent at all',
        fieldPath: '.maxAgents',
      },
      {
        rule: 'has(self.maxAgents) || has(self.maxHourlyCost)',
        message: 'a budget needs maxAgents or maxHourlyCost; write one of them, or remove budget',
      },
    ),
  },
)

const MAX_WARM = 200

const WarmPool = Type.Object(
  {
    replicas: Type.Integer({ minimum: 0, maximum: MAX_WARM, description: 'Sandboxes kept ready beside those of the agents.' }),
    state: choice(['Running', 'Paused'], {
      default: 'Running',
      description:
        'How they wait: Running (taken at once, cost as much as an agent), or Paused (cost nothing, are resumed when they are taken).',
    }),
  },
  {
    description:
      'Sandboxes kept ready for new agents: made from spec.template, with its files in them, the command not started. Scale-ups, replacements and new revisions take them first, whatever the command and variables of their group; a group or revision with another sandboxTemplate, network or set of file paths makes its own.',
  },
)

/** What a user asks for. */
export const SwarmSpec = Type.Object(
  {
    credentialsSecretRef: Type.Optional(CredentialsRef),
    template: Template,
    replicas: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_AGENTS,
        description:
          'Agents of a swarm without groups. Left out, the operator writes 1 once; kubectl scale and autoscalers set it from then on.',
      }),
    ),
    groups: Type.Optional(
      Type.Array(Group, {
        ...keyedBy('name'),
        minItems: 1,
        maxItems: 32,
        description: 'Groups of agents that differ in role, capabilities or template.',
      }),
    ),
    topology: Type.Optional(Topology),
    routing: Routing,
    lifecycle: Lifecycle,
    update: Update,
    restartAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description:
          'Agents that were made before this time are replaced once it has come, within maxSurge and maxUnavailable of update, and without a new revision: no rollout runs. Write the present time to restart all agents.',
      }),
    ),
    health: Health,
    warmPool: Type.Optional(WarmPool),
    budget: Type.Optional(Budget),
  },
  {
    description: 'The fleet that is wanted.',
    ...rules(
      {
        // A number that stood there before, perhaps written by the operator, may stay when groups come: the operator takes it away.
        rule: '!(has(self.replicas) && has(self.groups)) || (oldSelf.hasValue() && !has(oldSelf.value().groups) && has(oldSelf.value().replicas) && oldSelf.value().replicas == self.replicas)',
        optionalOldSelf: true,
        message: 'replicas is for a swarm without groups; remove it and write replicas in each of spec.groups',
        fieldPath: '.replicas',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.groups) || self.groups.filter(g, g.role == 'Coordinator').size() <= 1",
        message: 'only one group can have the role Coordinator; make it one group with more replicas (the others stand by)',
        fieldPath: '.groups',
      },
      {
        rule: "!has(self.topology) || !(self.topology.type in ['Hierarchical', 'Star']) || (has(self.groups) && self.groups.exists(g, g.role == 'Coordinator') && self.groups.exists(g, g.role == 'Worker'))",
        message: 'Hierarchical and Star need a group with the role Coordinator and one with the role Worker; write both in spec.groups',
        fieldPath: '.topology',
      },
      {
        rule: "!has(self.topology) || self.topology.type != 'Ring' || !has(self.groups) || !self.groups.exists(g, g.role == 'Coordinator')",
        message: 'a Ring has no coordinator: its groups are its stages, in their order; remove role from spec.groups',
        fieldPath: '.topology',
      },
      {
        rule: "self.routing.strategy != 'Consensus' || !has(self.topology) || self.topology.type == 'Mesh'",
        message: 'the strategy Consensus asks agents that are alike: it goes with a Mesh or without a topology; choose another strategy',
        fieldPath: '.routing.strategy',
      },
      {
        rule: "self.routing.strategy != 'Adaptive' || (has(self.groups) && self.groups.size() > 1)",
        message: 'the strategy Adaptive shares tasks among groups; write at least two in spec.groups, or choose another strategy',
        fieldPath: '.routing.strategy',
      },
      {
        rule: "self.routing.strategy != 'Adaptive' || !has(self.topology) || self.topology.type != 'Ring'",
        message: 'the groups of a Ring are its stages, and every task goes through all of them; choose another strategy than Adaptive',
        fieldPath: '.routing.strategy',
      },
      {
        rule: `!has(self.groups) || self.groups.map(g, g.replicas).sum() <= ${MAX_AGENTS}`,
        message: `the groups of a swarm have at most ${MAX_AGENTS} agents together; lower their replicas or make several swarms`,
        fieldPath: '.groups',
      },
    ),
  },
)
export type SwarmSpec = Static<typeof SwarmSpec>
export type CredentialsRef = Static<typeof CredentialsRef>

const GroupStatus = Type.Object(
  {
    name: Type.String({ description: 'Name of the group.' }),
    replicas: Type.Integer({ description: 'Agents that exist, those that are being replaced included, paused ones not.' }),
    readyReplicas: Type.Integer({ description: 'Agents that take tasks.' }),
    updatedReplicas: Type.Integer({ description: 'Agents of the newest revision.' }),
    pausedReplicas: Type.Integer({ description: 'Paused sandboxes kept for the next scale-up.' }),
  },
  { description: 'State of one group.' },
)

const Traffic = Type.Object(
  {
    revision: Type.String({ description: 'Revision hash.' }),
    percent: Type.Integer({ minimum: 0, maximum: 100, description: 'Share of new tasks.' }),
  },
  { description: 'Share of one revision.' },
)
export type Traffic = Static<typeof Traffic>

const Guard = Type.Object(
  {
    run: Type.String({ maxLength: 32, description: 'Names what is guarded: a router judges each run once.' }),
    revision: Type.String({ maxLength: 63, description: 'Revision that gets no more tasks when too many of its attempts fail.' }),
    stable: Type.String({ maxLength: 63, description: 'Revision that gets them instead.' }),
    maxErrorPercent: Type.Integer({ minimum: 0, maximum: 100, description: 'Percent of the attempts that may fail.' }),
    minSamples: Type.Integer({ minimum: 1, description: 'Attempts within the window below which it is not judged.' }),
    window: Type.String({ maxLength: 32, description: 'How far back attempts count, such as 30s.' }),
  },
  { description: 'What every router checks after each attempt of a revision that is being rolled out.' },
)
export type Guard = Static<typeof Guard>

const WarmPoolStatus = Type.Object(
  {
    replicas: Type.Integer({ minimum: 0, description: 'Sandboxes that are there or being made.' }),
    readyReplicas: Type.Integer({ minimum: 0, description: 'Sandboxes that can be taken at once.' }),
  },
  { description: 'The warm pool as it is.' },
)

const dollars = (description: string) => Type.String({ description })
const Remainder = Type.Integer({ format: 'int64', minimum: 0, description: 'What is left below a micro-dollar, so that sums stay exact.' })

const GroupCost = Type.Object(
  {
    name: Type.String({ description: 'Name of the group.' }),
    hourly: dollars('Dollars an hour now.'),
    accumulated: dollars('Dollars spent.'),
    remainder: Remainder,
  },
  { description: 'What one group costs.' },
)

const Cost = Type.Object(
  {
    hourly: dollars('Dollars an hour that the sandboxes that run cost now.'),
    accumulated: dollars('Dollars spent up to that moment, those of groups that are gone included.'),
    remainder: Remainder,
    through: Type.String({ format: 'date-time', description: 'Moment up to which that is counted.' }),
    groups: Type.Array(GroupCost, { ...keyedBy('name'), maxItems: 64, description: 'The same by group.' }),
  },
  { description: 'What the sandboxes cost, by their CPUs and memory and the price table of the operator.' },
)

/** What the operator sees; written by it alone. */
export const SwarmStatus = Type.Object(
  {
    observedGeneration: ObservedGeneration,
    replicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that exist, paused ones not.' })),
    readyReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that take tasks.' })),
    updatedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents of the newest revision.' })),
    desiredReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that are wanted, over all groups.' })),
    selector: Type.Optional(Type.String({ description: 'Label selector of the agents, for autoscalers.' })),
    groups: Type.Optional(Type.Array(GroupStatus, { ...keyedBy('name'), maxItems: 64, description: 'State of each group.' })),
    warmPool: Type.Optional(WarmPoolStatus),
    currentRevision: Type.Optional(Type.String({ description: 'Revision that was last complete.' })),
    updateRevision: Type.Optional(Type.String({ description: 'Revision of the template as it is now.' })),
    traffic: Type.Optional(
      Type.Array(Traffic, {
        ...keyedBy('revision'),
        maxItems: 64,
        description: 'Shares of new tasks by revision; they sum to 100. The router follows them.',
      }),
    ),
    guard: Type.Optional(Guard),
    testers: Type.Optional(SwarmTesters),
    mirror: Type.Optional(SwarmMirror),
    rollout: Type.Optional(Type.String({ maxLength: 300, description: 'The rollout that this swarm follows, as Kind/name.' })),
    rejectedRevision: Type.Optional(
      Type.String({
        maxLength: 63,
        description:
          'Revision of the template that a rollout gave up: it is not tried again until the template changes, or a rollout is asked for Retry.',
      }),
    ),
    topology: Type.Optional(TopologyStatus),
    cost: Type.Optional(Cost),
    health: Type.Optional(HealthCounts),
    recentFailures: Type.Optional(
      Type.Array(RecentFailure, {
        ...keyedBy('place'),
        maxItems: MAX_RECENT_FAILURES,
        description:
          'Agents lost within the last minute, one entry a place: when too many are, updates and scale-downs wait (MassFailure).',
      }),
    ),
    conditions: Conditions,
  },
  { default: { observedGeneration: -1 }, description: 'The fleet as it is.' },
)
export type SwarmStatus = Static<typeof SwarmStatus>

/** A group with the defaults of a swarm without groups filled in. */
export type GroupSpec = Static<typeof Group>

/** The groups of a swarm; one without a name when the swarm has `replicas` instead. */
export function groupsOf(spec: Pick<SwarmSpec, 'groups' | 'replicas'>): readonly GroupSpec[] {
  return spec.groups ?? [{ name: '', role: 'Worker', replicas: spec.replicas ?? 1, capabilities: [] }]
}
