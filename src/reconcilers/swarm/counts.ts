/** How far an update may go from the wanted number, in agents. */
export type GroupLimits = { maxSurge: number; maxUnavailable: number }

/**
 * Counts from the update's limits: shares of surge round up and of unavailability down, as for Deployments; when both
 * come to nothing one agent may be missing. `surgeAlways` allows one more in any case: what replaces an agent that is
 * about to end must be there before it.
 */
export function resolveCounts(
  replicas: number,
  limits: { maxSurge: number | string; maxUnavailable: number | string },
  surgeAlways: boolean,
): GroupLimits {
  const maxSurge = Math.max(surgeAlways ? 1 : 0, agentsOf(limits.maxSurge, replicas, Math.ceil))
  const maxUnavailable = agentsOf(limits.maxUnavailable, replicas, Math.floor)
  return { maxSurge, maxUnavailable: maxSurge + maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas) }
}

function agentsOf(value: number | string, replicas: number, round: (n: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100)
}
