import Type, { type Static } from 'typebox'
import { choice, text } from './schema.ts'
import { TemplateOverride } from './template.ts'

/** Agents that a swarm has at most, over all groups. */
export const MAX_AGENTS = 2000

const Capability = text({
  form: '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$',
  message: 'must be a word of letters, digits, -, _ and ., such as code-review',
  maxLength: 63,
})

/** A group as it is written in a swarm. */
export const Group = Type.Object(
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

/** A group with the defaults of a swarm without groups filled in. */
export type GroupSpec = Static<typeof Group>

/** The groups of a swarm; one without a name when the swarm has `replicas` instead. */
export function groupsOf(spec: { readonly groups?: readonly GroupSpec[]; readonly replicas?: number }): readonly GroupSpec[] {
  return spec.groups ?? [{ name: '', role: 'Worker', replicas: spec.replicas ?? 1, capabilities: [] }]
}
