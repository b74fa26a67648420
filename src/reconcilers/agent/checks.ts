import { durationMs } from '../../api/duration.ts'
import type { AgentDeps } from './deps.ts'
import type { Seen } from './observe.ts'
import type { Checked } from './prober.ts'
import type { SandboxStatus } from './sandbox-status.ts'

/** How an agent whose command was started is checked; undefined while there is nothing to check. */
export function checksOf(
  { agent, template }: Pick<Seen, 'agent' | 'template'>,
  sandbox: SandboxStatus | undefined,
  { tokens, probe }: Pick<AgentDeps, 'tokens' | 'probe'>,
): Checked | undefined {
  if (sandbox?.state !== 'Running' || !sandbox.commandStarted || !template) return undefined
  const { namespace, name, uid } = agent.metadata
  const { readiness, port } = template
  const timeoutMs = durationMs(readiness.timeout)
  return {
    uid,
    key: `${namespace}/${name}`,
    intervalMs: durationMs(readiness.interval),
    failureThreshold: readiness.failureThreshold,
    check: () => {
      const trafficAccessToken = tokens.get(namespace, agent.spec.swarm, name)
      const target = {
        sandboxId: sandbox.id,
        port,
        path: readiness.path,
        ...(sandbox.domain && { domain: sandbox.domain }),
        ...(trafficAccessToken && { trafficAccessToken }),
      }
      return probe(target, timeoutMs)
    },
  }
}
