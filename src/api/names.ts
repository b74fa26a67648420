import { GROUP } from './kinds.ts'

/** Labels of the objects that the operator makes. */
export const LABEL = {
  swarm: `${GROUP}/swarm`,
  group: `${GROUP}/group`,
  revision: `${GROUP}/revision`,
} as const

/** Keeps an Agent until its sandbox is gone. */
export const SANDBOX_FINALIZER = `${GROUP}/sandbox`

/** On a Swarm or an Agent that is being deleted: let go of it although the provider does not confirm the end of its sandbox. */
export const FORCE_DELETE = `${GROUP}/force-delete`

/** On an Agent: it is replaced within maxSurge and maxUnavailable of its Swarm, and finishes its tasks before it goes. */
export const DRAIN = `${GROUP}/drain`

/** In the message of the Event of a lost agent: what follows are the last lines of its output. */
export const LAST_OUTPUT = '\nlast output:\n'

/** On a ScalingPolicy: it changes nothing, whatever its metrics ask for. */
export const PAUSED = `${GROUP}/paused`

/** Type of the Secret that holds the traffic access tokens of one swarm's agents, one key an agent. */
export const TOKENS_SECRET_TYPE = `${GROUP}/agent-tokens`

/** Name of that Secret. */
export const tokensSecretName = (swarm: string) => `${swarm}-agent-tokens`

/** Name of the ControllerRevision that holds a revision of a swarm. */
export const revisionName = (swarm: string, hash: string) => `${swarm}-${hash}`
