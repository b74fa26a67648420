import Type, { type Static } from 'typebox'
import { choice, duration, rules } from './schema.ts'

/** How a consensus is found unless the swarm says otherwise. */
export const DEFAULT_CONSENSUS = { voters: 3, thresholdPercent: 66 } as const

const Consensus = Type.Object(
  {
    voters: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: DEFAULT_CONSENSUS.voters,
      description: 'Agents that vote on a task, all of one revision.',
    }),
    thresholdPercent: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: DEFAULT_CONSENSUS.thresholdPercent,
      description:
        'Share of the weight of all votes cast that the choice needs. The same share of the voters, rounded up, must have voted (the quorum).',
    }),
  },
  { description: 'Consensus: who votes, and how many must agree. 3 voters and 66 percent when left out.' },
)
export type Consensus = Static<typeof Consensus>

/** How shares follow error rates unless the swarm says otherwise. */
export const DEFAULT_ADAPTIVE = { explorationPercent: 5, halfLife: '30s' } as const

const Adaptive = Type.Object(
  {
    explorationPercent: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: DEFAULT_ADAPTIVE.explorationPercent,
      description:
        'Part of the tasks that all groups share alike, whatever their error rates, so that one that has recovered is noticed. With 0 it may take long.',
    }),
    halfLife: duration({
      default: DEFAULT_ADAPTIVE.halfLife,
      min: '1s',
      max: '24h',
      description: 'Time in which what a group has done loses half of its weight.',
    }),
  },
  { description: 'Adaptive: how the shares of groups follow their error rates. 5 percent and 30s when left out.' },
)

/** How tasks reach agents. */
export const Routing = Type.Object(
  {
    strategy: choice(['RoundRobin', 'LeastLoaded', 'Consensus', 'Adaptive'], {
      default: 'LeastLoaded',
      description:
        'RoundRobin takes agents in turn; LeastLoaded takes the one with fewest tasks in flight, of more than 16 the one with fewer of two picked at random; Consensus sends a task to several agents, which vote on its output; Adaptive gives more tasks to groups with lower error rates, and within a group does as LeastLoaded. Capability and session key always apply.',
    }),
    consensus: Type.Optional(Consensus),
    adaptive: Type.Optional(Adaptive),
    timeout: duration({
      default: '30s',
      min: '10ms',
      max: '24h',
      description: 'Time a task may take, all attempts included, unless the task itself says less.',
    }),
    retries: Type.Object(
      {
        attempts: Type.Integer({
          minimum: 1,
          maximum: 10,
          default: 3,
          description:
            'How often a task is tried in all, each time on another agent; attempts that no agent can have begun do not count. 1 means no retry.',
        }),
        budgetPercent: Type.Integer({
          minimum: 0,
          maximum: 1000,
          default: 20,
          description:
            'Retries after an error that an agent answered, as a share of the tasks that one router began within 10 s; at least 10 a second are allowed. Tasks whose agent was lost are not counted.',
        }),
      },
      { default: {}, description: 'What happens when an agent fails a task.' },
    ),
    circuitBreaker: Type.Object(
      {
        consecutiveFailures: Type.Integer({
          minimum: 1,
          maximum: 1000,
          default: 5,
          description: 'Failures in a row after which an agent gets no tasks for a while.',
        }),
        openFor: duration({ default: '5s', min: '10ms', max: '1h', description: 'How long it gets none; then one task is tried.' }),
      },
      { default: {}, description: 'When the router stops sending tasks to an agent that fails.' },
    ),
    queue: Type.Object(
      {
        maxPending: Type.Integer({
          minimum: 0,
          maximum: 100_000,
          default: 1000,
          description: 'Tasks that may wait for a free agent in one router; more are refused with 429.',
        }),
        timeout: duration({
          default: '10s',
          min: '10ms',
          max: '24h',
          description:
            'How long a task may wait for a free agent, within its own time. To refuse at once what no agent is free for, set maxPending to 0.',
        }),
      },
      { default: {}, description: 'What happens to tasks when all agents are busy.' },
    ),
  },
  {
    default: {},
    description: 'How tasks reach agents.',
    ...rules(
      {
        rule: "!has(self.consensus) || self.strategy == 'Consensus'",
        message: 'consensus is for the strategy Consensus; set strategy to Consensus, or remove it',
        fieldPath: '.consensus',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.adaptive) || self.strategy == 'Adaptive'",
        message: 'adaptive is for the strategy Adaptive; set strategy to Adaptive, or remove it',
        fieldPath: '.adaptive',
        reason: 'FieldValueForbidden',
      },
    ),
  },
)
export type Routing = Static<typeof Routing>
