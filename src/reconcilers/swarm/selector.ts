import { LABEL } from '../../api/names.ts'

/** The label selector of a swarm's agents, for autoscalers. */
export const swarmSelector = (swarm: string) => `${LABEL.swarm}=${swarm}`
