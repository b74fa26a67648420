import type { AgentStatus } from '../../api/agent.ts'
import type { SandboxSize } from './sightings.ts'

/** What the status of an agent says of its sandbox. */
export type SandboxStatus = NonNullable<AgentStatus['sandbox']>

/** The provider's words for the state of a sandbox, and ours. */
export const STATE = { running: 'Running', paused: 'Paused' } as const

/** What is known of a sandbox besides what was found out with the sandbox itself. */
export type Known = {
  /** As its Swarm says it now. */
  readonly timeout: string | undefined
  /** When the provider ends it for certain, in Unix milliseconds. */
  readonly endsAtMs: number | undefined
  readonly size: SandboxSize | undefined
}

/** A stored sandbox with what is known of it by now. */
export const withKnown = (stored: SandboxStatus, { timeout, endsAtMs, size }: Known): SandboxStatus => ({
  ...stored,
  ...(timeout !== undefined && { timeout }),
  ...(endsAtMs !== undefined && { endsAt: new Date(endsAtMs).toISOString() }),
  ...size,
})

/** What a sandbox is from its first moment on. */
export type Made = Pick<SandboxStatus, 'id' | 'port'> &
  Omit<Known, 'endsAtMs'> & { readonly startedAtMs: number; readonly domain: string | undefined }

/** A sandbox that was just made, or found: in it nothing runs yet, as far as anybody knows. */
export const newSandbox = ({ id, port, startedAtMs, domain, timeout, size }: Made): SandboxStatus => ({
  id,
  state: 'Running',
  commandStarted: false,
  ...(domain && { domain }),
  port,
  startedAt: new Date(startedAtMs).toISOString(),
  ...(timeout && { timeout }),
  ...size,
})
