import Type, { type Static } from 'typebox'
import { Health } from './health.ts'
import { Routing } from './routing.ts'
import { dataKey, keyedBy, objectName, rules } from './schema.ts'
import { Group, MAX_AGENTS } from './swarm-group.ts'
import { Budget, Lifecycle, Update, WarmPool } from './swarm-life.ts'
import { Template } from './template.ts'
import { Topology } from './topology.ts'

/** Where the E2B API key is. */
export const CredentialsRef = Type.Object(
  {
    name: objectName('Name of the Secret, in the namespace of the Swarm.'),
    key: dataKey({ default: 'apiKey', description: 'Key in the Secret that holds the API key.' }),
  },
  { description: "The Secret with the E2B API key for these agents. The operator's own key is used when this is left out." },
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
