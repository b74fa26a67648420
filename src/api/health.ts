import Type, { type Static, type TSchema } from 'typebox'
import { choice, duration, isDuration, rules } from './schema.ts'

/** How well an agent does, from best to worst. */
export const HEALTH_STATES = ['Healthy', 'Degraded', 'Critical', 'Failed'] as const
export type HealthState = (typeof HEALTH_STATES)[number]

const percent = (minimum: number, maximum: number, value: number, description: string) =>
  Type.Integer({ minimum, maximum, default: value, description })

const levels = <D extends TSchema, C extends TSchema>(degraded: D, critical: C, options: { description: string; isBelow: string }) =>
  Type.Object(
    { degraded, critical },
    {
      default: {},
      description: options.description,
      ...rules({
        rule: options.isBelow,
        message: 'degraded must be below critical, or no agent would ever be degraded; lower degraded or raise critical',
        fieldPath: '.degraded',
      }),
    },
  )

const percents = (degraded: number, critical: number, what: string) =>
  levels(
    percent(1, 99, degraded, 'Percent from which an agent is degraded.'),
    percent(2, 100, critical, 'Percent from which it is critical.'),
    {
      description: what,
      isBelow: 'self.degraded < self.critical',
    },
  )

/** From which figures on an agent is no longer healthy. */
export const Health = Type.Object(
  {
    cpuPercent: percents(75, 90, 'Processor time used, as the provider measures it: mean of the last three samples, one every 5 s.'),
    memoryPercent: percents(75, 90, 'Memory used, as the provider measures it: mean of the last three samples, one every 5 s.'),
    errorPercent: percents(5, 10, 'Share of the tasks in the window that the agent failed, as routers saw it.'),
    latency: levels(
      duration({ default: '2s', min: '1ms', max: '12h', description: 'Time from which an agent is degraded.' }),
      duration({ default: '5s', min: '2ms', max: '24h', description: 'Time from which it is critical.' }),
      {
        description: 'Time that the agent took for the tasks in the window, as routers saw it: the 95th percentile.',
        isBelow: `!${isDuration('self.degraded')} || !${isDuration('self.critical')} || duration(self.degraded) < duration(self.critical)`,
      },
    ),
    window: duration({ default: '1m', min: '5s', max: '10m', description: 'How far back tasks count.' }),
    minTasks: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 20,
      description: 'Tasks in the window below which the share of errors says nothing; half as many are enough to go on with what was said.',
    }),
  },
  {
    default: {},
    description:
      'When an agent counts as degraded or critical. It is told in status.health and metrics and changes nothing about routing: the router ejects by its own rules.',
  },
)
export type Health = Static<typeof Health>

/** How well one agent does. */
export const AgentHealth = Type.Object(
  {
    state: choice([...HEALTH_STATES], {
      description: 'Healthy; Degraded or Critical by the thresholds of the Swarm; Failed when it is lost or does not answer.',
    }),
    reason: Type.String({ description: 'One word for programs: why it is so.' }),
    message: Type.String({ description: 'The figures as they were when the state last changed.' }),
    since: Type.String({ format: 'date-time', description: 'When the state last changed.' }),
  },
  { description: 'How well it does, once it has been ready.' },
)
export type AgentHealth = Static<typeof AgentHealth>

const agents = (state: string) => Type.Integer({ minimum: 0, description: `Agents that are ${state}.` })

/** How many agents do how well. */
export const HealthCounts = Type.Object(
  { healthy: agents('healthy'), degraded: agents('degraded'), critical: agents('critical'), failed: agents('lost or do not answer') },
  { description: 'Agents by their health; those that were never ready and paused ones are left out.' },
)
export type HealthCounts = Static<typeof HealthCounts>

/** A place whose agent was lost. */
export const RecentFailure = Type.Object(
  {
    place: Type.String({ maxLength: 128, description: 'Group, place in it and revision of the agent.' }),
    at: Type.String({ format: 'date-time', description: 'When an agent in this place was last lost.' }),
    of: Type.Integer({ minimum: 1, description: 'Agents that the swarm had then.' }),
  },
  { description: 'A place whose agent was lost.' },
)
export type RecentFailure = Static<typeof RecentFailure>

/** Entries that are kept at most: more than 30 % of the largest swarm. */
export const MAX_RECENT_FAILURES = 1_000
