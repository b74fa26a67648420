import Type, { type Static } from 'typebox'
import { choice, rules } from './schema.ts'

/** How the agents of a swarm work together. */
export const Topology = Type.Object(
  {
    type: choice(['Mesh', 'Hierarchical', 'Ring', 'Star'], {
      description:
        'Mesh: any agent does any task, and knows the others. Hierarchical: the coordinator splits a task into subtasks for the workers and merges their results; workers know each other too. Star: the same, and workers know the coordinator only. Ring: the groups (or, without groups, the agents) are stages, and the output of one is the input of the next.',
    }),
    maxDegree: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 100,
        description:
          'Mesh: neighbours that an agent knows at most; the graph stays connected. Where there are more agents than that an odd number counts as one less. All others when left out, up to 200.',
      }),
    ),
    bidirectional: Type.Optional(
      Type.Boolean({ description: 'Ring: neighbours are known both ways, and a task may ask for the reverse way. False when left out.' }),
    ),
  },
  {
    description: 'How the agents work together; left out, any agent does any task and none knows of others.',
    ...rules(
      {
        rule: "!has(self.maxDegree) || self.type == 'Mesh'",
        message: 'maxDegree is for a Mesh; remove it',
        fieldPath: '.maxDegree',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.bidirectional) || self.type == 'Ring'",
        message: 'bidirectional is for a Ring; remove it',
        fieldPath: '.bidirectional',
        reason: 'FieldValueForbidden',
      },
    ),
  },
)
export type Topology = Static<typeof Topology>

/** Who leads, and how the agents are linked. */
export const TopologyStatus = Type.Object(
  {
    epoch: Type.Integer({
      format: 'int64',
      minimum: 0,
      description:
        'Grows with every change of the leader. Agents refuse what is said in the name of a lower one; it stays when spec.topology is removed.',
      ...rules({ rule: 'self >= oldSelf', message: 'the epoch never goes down: agents would refuse what is said in its name' }),
    }),
    leader: Type.Optional(Type.String({ description: 'Agent that coordinates (Hierarchical, Star); the others of its group stand by.' })),
    agents: Type.Integer({ minimum: 0, description: 'Agents in the graph: those that take tasks.' }),
    links: Type.Integer({ minimum: 0, description: 'Pairs of agents that know each other.' }),
  },
  {
    description: 'The topology as it is.',
    ...rules({
      rule: '!has(self.leader) || self.epoch > oldSelf.epoch || (has(oldSelf.leader) && self.leader == oldSelf.leader)',
      message: 'another leader has a higher epoch: no epoch has two leaders',
    }),
  },
)
export type TopologyStatus = Static<typeof TopologyStatus>
