import { ownerOf } from './metadata.ts'
import { YOUNG_SANDBOX_MS } from './limits.ts'
import type { SandboxInfo } from './types.ts'

/** An agent as the cache had it before the sandboxes were listed. */
export type KnownAgent = {
  readonly uid: string
  readonly nonce: string
  readonly sandbox?: { readonly id: string; readonly state: 'Running' | 'Paused' | 'Gone' }
  /** Time that its sandbox is given at each renewal, in milliseconds. */
  readonly timeoutMs: number
}

/** `sandboxes` are those of this operator and key only. */
export type SweepInput = { readonly sandboxes: readonly SandboxInfo[]; readonly agents: readonly KnownAgent[]; readonly nowMs: number }

/**
 * `kill`: nobody's sandboxes; with `verify` only after a look past the cache that no agent owns it. `renew`: in use, and
 * half of their time is over. `suspects`: uids of agents whose sandbox is not as they think.
 */
export type SweepPlan = {
  readonly kill: readonly { readonly sandbox: SandboxInfo; readonly verify: boolean }[]
  readonly renew: readonly { readonly sandbox: SandboxInfo; readonly uid: string }[]
  readonly suspects: readonly string[]
}

/**
 * What to do about the sandboxes of one key.
 *
 * | the sandbox's agent                   | then                                                                    |
 * |---------------------------------------|-------------------------------------------------------------------------|
 * | cannot be read from its metadata      | nothing: nobody extends it, so it ends by itself                        |
 * | is not in the cache                   | kill, after a look: the cache may lag, or the agent's key be unreadable |
 * | has no sandbox yet, and it is young   | nothing: a create is under way                                          |
 * | has no sandbox yet, and it is old     | the agent looks for it by its nonce                                     |
 * | has another one                       | kill                                                                    |
 * | has this one, in the state it thinks  | renew in time                                                           |
 * | has this one, in another state        | the agent looks                                                         |
 */
export function planSweep(input: SweepInput): SweepPlan {
  const agents = new Map(input.agents.map((agent) => [agent.uid, agent]))
  const kill: { sandbox: SandboxInfo; verify: boolean }[] = []
  const renew: { sandbox: SandboxInfo; uid: string }[] = []
  const listed = new Set<string>()
  const suspects = new Set<string>()
  for (const sandbox of input.sandboxes) {
    listed.add(sandbox.sandboxId)
    const owner = ownerOf(sandbox.metadata)
    if (!owner) continue
    const agent = agents.get(owner.agentUid)
    const isYoung = input.nowMs - sandbox.startedAtMs < YOUNG_SANDBOX_MS
    if (!agent) kill.push({ sandbox, verify: true })
    else if (!agent.sandbox) {
      if (!isYoung) suspects.add(agent.uid)
    } else if (agent.sandbox.id !== sandbox.sandboxId) kill.push({ sandbox, verify: isYoung })
    else if (agent.sandbox.state !== (sandbox.state === 'running' ? 'Running' : 'Paused')) suspects.add(agent.uid)
    else if (sandbox.state === 'running' && sandbox.endAtMs - input.nowMs <= agent.timeoutMs / 2) renew.push({ sandbox, uid: agent.uid })
  }
  for (const { uid, sandbox } of input.agents) {
    if (sandbox && sandbox.state !== 'Gone' && !listed.has(sandbox.id)) suspects.add(uid)
  }
  return { kill, renew, suspects: [...suspects] }
}
