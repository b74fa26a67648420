import type { ProbeTarget } from '../../e2b/types.ts'
import type { CredentialStore } from '../shared/credentials.ts'
import type { Stores } from '../shared/stores.ts'
import type { TokenStore } from '../shared/tokens.ts'
import type { Health } from './plan.ts'
import type { Prepared } from './prepared.ts'
import type { Prober } from './prober.ts'
import type { Sightings } from './sightings.ts'
import type { Vitals } from './vitals.ts'

/** What the agent reconciler works with. */
export type AgentDeps = {
  stores: Stores
  prober: Prober
  tokens: TokenStore
  credentials: CredentialStore
  sightings: Sightings
  prepared: Prepared
  vitals: Vitals
  /** Stamped on every sandbox, so that orphans are found. */
  operatorId: string
  probe: (target: ProbeTarget, timeoutMs: number) => Promise<Health['outcome']>
}
