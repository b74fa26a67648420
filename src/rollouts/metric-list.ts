import type { MetricStatus } from '../api/analysis.ts'

/** Metrics that a status shows at most. */
export const MAX_METRICS = 32

/** Whether two statuses are of the same metric in the same run. */
export const isSameMetric = (a: MetricStatus, b: MetricStatus) => a.run === b.run && a.name === b.name

/** What a status shows: the metrics that are measured now, then those that ended last. */
export function metricList(present: readonly MetricStatus[], ended: readonly MetricStatus[]): MetricStatus[] {
  const others = ended.filter((one) => !present.some((other) => isSameMetric(one, other)))
  return [...present, ...others].slice(0, MAX_METRICS)
}
