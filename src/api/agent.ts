import Type, { type Static } from 'typebox'
import { choice, rules } from './schema.ts'
import { Conditions, ObservedGeneration } from './condition.ts'
import { AgentHealth } from './health.ts'
import { CredentialsRef } from './swarm.ts'

const isUnchanged = (field: string) =>
  `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`

/** The sandbox was made from these fields, and is found again by them: another value would lose it. */
const unchanging = (field: string, rule = isUnchanged(field)) => ({
  rule,
  message: `${field} of an agent never changes; change the Swarm, or delete the agent and the operator makes another one`,
  fieldPath: `.${field}`,
})

/** What an agent is made to be is settled when it is taken from the warm pool, if it was there. */
const settled = (field: string) => unchanging(field, `oldSelf.state == 'Warm' || (${isUnchanged(field)})`)

/** The intent of one agent, written by the Swarm's reconciler. */
export const AgentSpec = Type.Object(
  {
    swarm: Type.String({ minLength: 1, maxLength: 253, description: 'Name of the Swarm.' }),
    group: Type.String({ maxLength: 30, default: '', description: 'Name of the group; empty for a swarm without groups.' }),
    role: choice(['Worker', 'Coordinator'], { default: 'Worker', description: 'What the agent is told to be.' }),
    revision: Type.String({ minLength: 1, maxLength: 32, description: 'Hash of the revision it is made from.' }),
    place: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'Its place in the group, from 0; an agent that replaces it gets the same. In a Ring without groups, its stage.',
    }),
    nonce: Type.String({
      minLength: 8,
      maxLength: 64,
      description: 'Random word in the metadata of its sandbox, by which the sandbox is found again when the answer of a create was lost.',
    }),
    attempt: Type.Integer({ minimum: 0, default: 0, description: 'How many agents before it failed in its place, one after the other.' }),
    state: choice(['Running', 'Draining', 'Paused', 'Warm'], {
      default: 'Running',
      description:
        'What is wanted: Running; Draining (no new tasks, finishes those it has); Paused (the sandbox sleeps and costs nothing); Warm (in the warm pool: the sandbox and its files are there, the command starts when the agent is taken).',
    }),
    stateSince: Type.Optional(Type.String({ format: 'date-time', description: 'When the wanted state last changed.' })),
    credentialsSecretRef: Type.Optional(CredentialsRef),
  },
  {
    description: 'One agent, as the operator wants it. Edit the Swarm instead: the operator puts this back.',
    ...rules(
      unchanging('swarm'),
      settled('group'),
      settled('role'),
      settled('revision'),
      settled('place'),
      unchanging('nonce'),
      unchanging('credentialsSecretRef'),
      {
        rule: "self.state != 'Warm' || oldSelf.state == 'Warm'",
        message: 'an agent that has left the warm pool does not go back; delete it and the operator makes another one',
        fieldPath: '.state',
      },
    ),
  },
)
export type AgentSpec = Static<typeof AgentSpec>

const SandboxStatus = Type.Object(
  {
    id: Type.String({ description: 'Id of the sandbox at the provider.' }),
    state: choice(['Running', 'Paused', 'Gone'], { description: 'State of the sandbox when it was last seen.' }),
    commandStarted: Type.Boolean({ description: 'Whether the command was started in it.' }),
    prepared: Type.Optional(Type.Boolean({ description: 'In the warm pool: whether the files are in it.' })),
    domain: Type.Optional(Type.String({ description: 'Domain under which its ports are reached.' })),
    port: Type.Integer({ description: 'Port that takes tasks.' }),
    startedAt: Type.String({ format: 'date-time', description: 'When the sandbox was made.' }),
    cpus: Type.Optional(
      Type.Integer({ minimum: 1, description: 'CPUs allocated to it, for its cost; absent until the provider has told.' }),
    ),
    memoryMib: Type.Optional(Type.Integer({ minimum: 1, description: 'MiB of memory allocated to it.' })),
    timeout: Type.Optional(
      Type.String({
        description: 'Lifetime that it is given at each renewal (spec.lifecycle.sandboxTimeout); it ends by itself after that.',
      }),
    ),
    endsAt: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When the provider ends it although the operator asked for more time; it is replaced before.',
      }),
    ),
  },
  { description: 'The sandbox it runs in.' },
)

/** What the operator sees of one agent. */
export const AgentStatus = Type.Object(
  {
    observedGeneration: ObservedGeneration,
    sandbox: Type.Optional(SandboxStatus),
    readySince: Type.Optional(Type.String({ format: 'date-time', description: 'When the agent last became ready.' })),
    failed: Type.Optional(
      Type.Object(
        {
          reason: Type.String({ description: 'Why it is lost.' }),
          at: Type.String({ format: 'date-time', description: 'When that was seen.' }),
          readyForMs: Type.Optional(Type.Integer({ format: 'int64', minimum: 0, description: 'How long it had been ready.' })),
        },
        { description: 'Set once the agent cannot come back; another one takes its place.' },
      ),
    ),
    health: Type.Optional(AgentHealth),
    conditions: Conditions,
  },
  { default: { observedGeneration: -1 }, description: 'The agent as it is.' },
)
export type AgentStatus = Static<typeof AgentStatus>
