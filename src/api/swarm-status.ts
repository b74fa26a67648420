import Type, { type Static } from 'typebox'
import { Conditions, ObservedGeneration } from './condition.ts'
import { HealthCounts, MAX_RECENT_FAILURES, RecentFailure } from './health.ts'
import { SwarmMirror, SwarmTesters } from './rollout-traffic.ts'
import { keyedBy } from './schema.ts'
import { TopologyStatus } from './topology.ts'

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
